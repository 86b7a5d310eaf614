"""Law 1: where memory has nothing to add, a request and its answer are the same bytes on both sides of the proxy, heads too."""

from __future__ import annotations

import asyncio
import json
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backstory.core.wire import Wire
from backstory.wires import WIRES
from tests.laws.test_render_law import spelled_bodies
from tests.relay.world import Received
from tests.rig import PATHS, Rig, asking, reply, rig, said, with_marker
from tests.rig import settings as configured

CASSETTES = Path(__file__).parent.parent / "cassettes"
STREAMS = sorted(CASSETTES.glob("*/text.stream.*"))
OURS = (b"x-vc-conversation:", b"x-vc-stats:", b"x-vc-proof:")
SETTINGS = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
PATH_OF = st.sampled_from([*PATHS.values(), "/v1/models", "/v1beta/models/m:streamGenerateContent?alt=sse", "/nothing", "/v1/embeddings"])
NAME = st.from_regex(rb"X-[A-Za-z0-9]{1,12}", fullmatch=True)
VALUE = st.from_regex(rb"[!-~]([ -~\x80-\xff]{0,20}[!-~])?", fullmatch=True)
HEADERS = st.lists(st.tuples(NAME, VALUE), max_size=6)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
FIELDS = ("model", "messages", "input", "contents", "system", "stream", "tools", "metadata", "instructions", "systemInstruction")
SHAPED = st.fixed_dictionaries({}, optional=dict.fromkeys(FIELDS, JSON))
ODD = st.sampled_from(
    [
        b'{"model":"m","messages":[{"role":"user","content":"\\ud800"}]}',
        b'{"model":"a","model":"b","messages":[]}',
        b'{"model":"m","messages":[{"role":"user","content":1e400}],"temperature":1e400}',
        b"[" * 5000,
        b'{"model":"m","messages":' + b"[" * 3000 + b"]" * 3000 + b"}",
        b'{"model":"m","input":"text"}',
        b'\xef\xbb\xbf{"messages":[]}',
        b'{"model":"m","messages":[{"role":"wizard","content":"hm"}]}',
        b'{"model":"m","messages":[{"role":"user","content":"\xff\xfe"}]}',
        b'{"messages": "none", "input": {}, "contents": 3}',
        b" \n",
        b"null",
    ]
)


def json_bytes(value: object) -> bytes:
    return json.dumps(value).encode("utf-8", "surrogatepass")


BODY = st.one_of(
    st.binary(max_size=300),
    JSON.map(json_bytes),
    SHAPED.map(json_bytes),
    ODD,
    *(spelled_bodies(wire).map(lambda drawn: drawn[0]) for wire in WIRES),
)


class Script:
    """What the upstream is to answer next, and how."""

    def __init__(self) -> None:
        self.raw: list[bytes] = [reply(b"{}")]

    def __call__(self, received: Received) -> list[bytes]:
        return self.raw


def heads_agree(theirs: bytes, ours: bytes, framed: bool) -> None:
    """The client got the upstream's head, with nothing but our own headers more. `framed`: the length may be told otherwise."""

    def lines(head: bytes) -> list[bytes]:
        found = head[:-4].split(b"\r\n")
        skipped = (*OURS, *((b"content-length:", b"transfer-encoding:") if framed else ()))
        return [line for line in found if not line.lower().startswith(skipped)]

    assert lines(ours) == lines(theirs)


async def exchange(one: Rig, script: Script, path: str, body: bytes, headers: list[tuple[bytes, bytes]], answer: list[bytes]) -> None:
    script.raw = answer
    lines = [b"%b: %b" % pair for pair in headers]
    got_head, got_body = await one.ask(path, body, *lines)
    wanted = b"\r\n".join([b"POST %b HTTP/1.1" % path.encode(), b"Host: 127.0.0.1:%d" % one.upstream_port, *lines])
    wanted += b"\r\nContent-Length: %d\r\n\r\n" % len(body)
    assert one.sent.head == wanted
    assert one.sent.body == body
    head, _, sent = b"".join(answer).partition(b"\r\n\r\n")
    if b"chunked" in head:
        plain, rest = b"", sent
        while size := int(rest.partition(b"\r\n")[0], 16):
            rest = rest.partition(b"\r\n")[2]
            plain, rest = plain + rest[:size], rest[size + 2 :]
        sent = plain
    heads_agree(head + b"\r\n\r\n", got_head, framed=False)
    assert got_body == sent


@st.composite
def answers(draw: st.DrawFn) -> list[bytes]:
    """A raw answer: any status, headers and body, with a length or in chunks, in any number of writes."""
    status = draw(
        st.sampled_from([b"200 OK", b"200 Fine", b"201 Created", b"302 Found", b"400 No", b"429 Slow", b"500 Oh", b"529 Full", b"299 "])
    )
    kind = draw(st.sampled_from([b"application/json", b"text/event-stream", b"text/html; charset=utf-8", b"application/x-ndjson", b""]))
    coding = draw(st.sampled_from([b"", b"", b"gzip", b"br", b"zstd", b"deflate", b"nonsense"]))
    real = st.sampled_from([*(said(wire.name, "Yes, ünïcode ✓") for wire in WIRES), *(file.read_bytes() for file in STREAMS)])
    body = draw(real | st.binary(max_size=400))
    more = draw(HEADERS)
    lines = [b"HTTP/1.1 %b" % status]
    lines += [b"Content-Type: %b" % kind] if kind else []
    lines += [b"content-encoding: %b" % coding] if coding else []
    lines += [b"%b: %b" % pair for pair in more]
    if draw(st.booleans()):
        whole = b"\r\n".join([*lines, b"Content-Length: %d" % len(body)]) + b"\r\n\r\n" + body
    else:
        edges = sorted({0, len(body), *draw(st.lists(st.integers(0, len(body)), max_size=5))})
        pieces = [body[start:end] for start, end in pairwise(edges)]
        whole = b"\r\n".join([*lines, b"Transfer-Encoding: chunked"]) + b"\r\n\r\n"
        whole += b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
    cut = draw(st.integers(0, len(whole)))
    return [part for part in (whole[:cut], whole[cut:]) if part]


def test_any_body_and_any_answer_pass_as_they_came(tmp_path: Path) -> None:
    script = Script()
    with asyncio.Runner() as runner:
        context = rig(configured(tmp_path), script)
        one = runner.run(context.__aenter__())

        @SETTINGS
        @given(PATH_OF, BODY, HEADERS, answers())
        def law(path: str, body: bytes, headers: list[tuple[bytes, bytes]], answer: list[bytes]) -> None:
            runner.run(exchange(one, script, path, body, headers, answer))

        law()
        failed = one.failures()
        runner.run(context.__aexit__(None, None, None))
    assert not failed, failed


@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.name)
@pytest.mark.parametrize(("length", "marker"), [(1, "auto"), (4, "auto"), (40, "never")], ids=["first", "below", "above"])
def test_a_conversation_that_is_all_there_passes_as_it_came(tmp_path: Path, wire: Wire, length: int, marker: str) -> None:
    """Below the threshold, and above it with nothing missing from the payload."""
    name = wire.name
    script = Script()

    async def work() -> None:
        async with rig(with_marker(configured(tmp_path), marker), script) as one:
            messages: list[tuple[str, str]] = []
            for number in range(length):
                messages.append(("user", f"Question {number}: what about subject {number * 7}?"))
                text = f"Answer {number}: subject {number * 7} is fine."
                await exchange(one, script, PATHS[name], asking(name, messages), [], [reply(said(name, text, number))])
                messages.append(("assistant", text))
            assert not one.failures()

    asyncio.run(work())


@pytest.mark.parametrize("file", sorted(CASSETTES.glob("*/*.request.json")), ids=lambda file: f"{file.parent.name}-{file.name}")
def test_recorded_requests_pass_as_they_came(tmp_path: Path, file: Path) -> None:
    script = Script()
    name, body = file.parent.name, file.read_bytes()

    async def work() -> None:
        async with rig(configured(tmp_path), script) as one:
            for _ in range(2):
                await exchange(one, script, PATHS[name], body, [], [reply(said(name, "Good."))])
            assert not one.failures()

    asyncio.run(work())
