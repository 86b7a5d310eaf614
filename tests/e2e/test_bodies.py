"""Bodies that nobody expects, and answers that break: everything is passed on as it came, and no error is ours."""

from __future__ import annotations

import gzip
import json
import socket
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.rig import chunked, post, reply, said

from .conftest import Proxy
from .raw import CHAT, PATH, RawProvider, ask, stored, talk, until, usual

PATHS = (PATH, CHAT, "/v1/responses", "/v1beta/models/m:generateContent")
every_path = pytest.mark.parametrize("path", PATHS, ids=["anthropic", "chat", "responses", "gemini"])
DEEP = 100_000
BODIES: dict[str, bytes] = {
    "nothing": b"",
    "space": b"  \n",
    "no json": b"this is no JSON at all",
    "half": b'{"model": "m", "messages": [{"role": "user", "cont',
    "null": b"null",
    "list": b"[1, 2, 3]",
    "text": b'"text"',
    "wrong types": b'{"model": 3, "messages": {"role": 4}, "input": 7, "contents": "no", "stream": "yes", "system": [[]], "tools": {}}',
    "wrong messages": b'{"messages": [null, 3, [], "x", {"role": null, "content": {}}]}',
    "wrong input": b'{"input": [null, [3], {"type": 3}, {"role": "user", "content": [null, {"type": "input_text", "text": 3}]}]}',
    "wrong contents": b'{"contents": [null, {"parts": 3}, {"role": "user", "parts": [null, {"text": 3}]}]}',
    "unknown roles": b'{"messages": [{"role": "wizard", "content": "hm"}], "input": [{"role": "oracle", "content": "hm"}]}',
    "lone surrogates": b'{"messages": [{"role": "user", "content": "\\ud800"}], "input": "\\udfff", "contents": []}',
    "lone surrogate part": b'{"contents": [{"parts": [{"text": "\\udc00"}]}], "input": [{"role": "user", "content": "\\ud83d"}]}',
    "large numbers": b'{"max_tokens": 1e400, "messages": [{"role": "user", "content": "hi", "n": -1e999}], "input": 1e400}',
    "a large integer": b'{"messages": [{"role": "user", "content": "hi", "n": ' + b"9" * 5000 + b"}]}",
    "keys twice": b'{"model": "a", "model": "b", "messages": [], "messages": [{"role": "user", "role": "system", "content": "x"}]}',
    "deep lists": b'{"messages": ' + b"[" * DEEP + b"]" * DEEP + b"}",
    "deep content": b'{"messages": [{"role": "user", "content": ' + b'{"a":' * DEEP + b"1" + b"}" * DEEP + b"}]}",
    "deep input": b'{"input": [{"role": "user", "content": ' + b"[" * DEEP + b"]" * DEEP + b"}]}",
    "deep parts": b'{"contents": [{"parts": [{"functionCall": {"name": "f", "args": ' + b'{"a":' * DEEP + b"1" + b"}" * DEEP + b"}}]}]}",
    "deep and open": b"[" * DEEP,
    "bad utf-8": b'{"messages": [{"role": "user", "content": "\xff\xfe\x80"}], "input": "\xc3"}',
    "mark in front": b'\xef\xbb\xbf{"messages": [{"role": "user", "content": "hi"}]}',
    "utf-16": '{"messages": [{"role": "user", "content": "hi"}]}'.encode("utf-16"),
    "nul": b'{"messages": [{"role": "user", "content": "a\x00b\\u0000"}]}\x00',
    "two": b'{"messages": []}{"messages": []}',
    "much": b'{"messages": [' + b",".join([b'{"role":"user","content":"x"}'] * 20_000) + b"]}",
}
BODIES |= {
    f"{name}, of a model": b'{"model": "m", ' + body[1:] for name, body in BODIES.items() if body.startswith(b"{") and b"model" not in body
}
SIZE = 50_000_000
linux = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")


@pytest.fixture(scope="module")
def raw() -> Iterator[RawProvider]:
    one = RawProvider()
    yield one
    one.stop()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, raw: RawProvider) -> Iterator[Proxy]:
    """One proxy for all of them: what one test leaves behind, the next one feels."""
    one = Proxy(tmp_path_factory.mktemp("bodies"), raw.url).start()
    yield one
    assert one.stop() == 0
    assert "Traceback" not in one.log()


@pytest.fixture
def proxy(running: Proxy, raw: RawProvider) -> Iterator[Proxy]:
    raw.script = usual
    raw.received.clear()
    yield running
    raw.script = usual
    got = ask(running.port, [("user", "Is all well?")])
    assert b"You asked: Is all well?" in got.body, "the next good request is right"
    assert running.get("/health")["memory"] == "on"


def megabytes(proxy: Proxy) -> float:
    assert proxy.process is not None
    status = Path(f"/proc/{proxy.process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def passes(proxy: Proxy, raw: RawProvider, path: str, body: bytes, *headers: bytes) -> None:
    """The upstream gets the very body, and the client the upstream's refusal of it."""
    raw.script = lambda received: reply(b'{"error": "I refuse this"}', status=b"400 Bad Request")
    before = len(raw.received)
    got = talk(proxy.port, post(proxy.port, path, body, *headers), timeout=20)
    assert (got.status, got.body) == (400, b'{"error": "I refuse this"}')
    assert len(raw.received) == before + 1
    assert raw.received[-1].body == body


@every_path
@pytest.mark.parametrize("name", BODIES)
def test_an_odd_body_is_passed_on_as_it_came(proxy: Proxy, raw: RawProvider, path: str, name: str) -> None:
    began = time.monotonic()
    passes(proxy, raw, path, BODIES[name])
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd", "deflate", "nonsense"])
def test_a_coded_request_body_is_passed_on_as_it_came(proxy: Proxy, raw: RawProvider, coding: str) -> None:
    plain = json.dumps({"messages": [{"role": "user", "content": "hi"}]}).encode()
    body = {"gzip": gzip.compress(plain), "deflate": zlib.compress(plain)}.get(coding, plain[::-1])
    passes(proxy, raw, PATH, body, b"Content-Encoding: %b" % coding.encode(), b"Content-Type: application/json")


@linux
@pytest.mark.parametrize("kind", ["one text", "many messages", "no json"])
def test_a_body_of_50_mb_is_passed_on_and_its_memory_comes_back(proxy: Proxy, raw: RawProvider, kind: str) -> None:
    before = megabytes(proxy)
    body = {
        "one text": b'{"model": "m", "messages": [{"role": "user", "content": "' + b"x" * SIZE + b'"}]}',
        "many messages": b'{"model": "m", "messages": ['
        + b",".join(b'{"role": "%b", "content": "%b"}' % (role, b"y" * 49_900) for role in [b"user", b"assistant"] * 500)
        + b"]}",
        "no json": b"z" * SIZE,
    }[kind]
    for _ in range(2):
        passes(proxy, raw, PATH, body)
    raw.received.clear()
    until(lambda: megabytes(proxy) < before + 60, 10)


# --- answers


def events(wire: str = "anthropic") -> list[bytes]:
    stream = Path(__file__).parent.parent.joinpath("cassettes", wire, "text.stream.sse").read_bytes()
    return [event + b"\n\n" for event in stream.split(b"\n\n") if event]


def test_what_came_before_a_break_is_passed_on_and_remembered_as_interrupted(proxy: Proxy, raw: RawProvider) -> None:
    came = [*events()[:5], b"event: content_block_del"]
    raw.script = lambda received: [*chunked(came)[:-1], 0.05, None]
    got = ask(proxy.port, [("user", "Will you be cut?")], stream=True)
    assert (got.status, got.ended, got.body) == (200, "cut", b"".join(came))
    until(lambda: "Will you be cut?" in stored(proxy.database))
    assert stored(proxy.database)["Will you be cut?"] == ["Guten Tag, …"]


DELTA = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":%b}}\n\n'
MALFORMED: dict[str, list[bytes]] = {
    "no events": [b"\x00\x01\x02 this is no stream of events\n\n", b"at all"],
    "bad json": [b"event: message_start\ndata: {not json\n\n", *events()[1:]],
    "no ends": [b"data: {}" * 1000],
    "deep": [DELTA % (b"[" * DEEP + b"]" * DEEP)],
    "surrogates": [DELTA % b'"\\ud83d"'],
    "wrong types": [DELTA % b"3"],
    "bad utf-8": [DELTA % b'"\xff\xfe\xff"', b"data: \xff\n\n"],
}


@pytest.mark.parametrize("name", MALFORMED)
@pytest.mark.parametrize("turns", [1, 13], ids=["first", "later"])
def test_a_malformed_stream_is_passed_on_as_it_came(proxy: Proxy, raw: RawProvider, name: str, turns: int) -> None:
    """Also where the conversation is long enough for a marker."""
    pieces = MALFORMED[name]
    raw.script = lambda received: chunked(pieces)
    messages = [("user" if place % 2 == 0 else "assistant", f"{name} {place}") for place in range(turns)]
    got = ask(proxy.port, messages, stream=True)
    assert got.ended == "complete"
    plain = b"".join(pieces)
    assert got.body == plain or (turns > 1 and name == "bad json" and b"vc:conversation=" in got.body)


ANSWERS = [b"", b"null", b"[]", b"{", b"<html>busy</html>", b'{"content": 3}', b"[" * DEEP, b'{"content": [{"type": "text"}]}']


@pytest.mark.parametrize("body", ANSWERS, ids=range(len(ANSWERS)))
def test_a_malformed_answer_is_passed_on_as_it_came(proxy: Proxy, raw: RawProvider, body: bytes) -> None:
    raw.script = lambda received: reply(body)
    for turns in (1, 13):
        messages = [("user" if place % 2 == 0 else "assistant", f"{len(body)} {place}") for place in range(turns)]
        got = ask(proxy.port, messages)
        assert (got.status, got.body, got.ended) == (200, body, "complete")


@pytest.mark.parametrize("status", [b"400 Bad Request", b"401 Who?", b"429 Too Many", b"500 Oh", b"503 Later", b"529 Overloaded"])
def test_an_error_of_the_upstream_is_passed_on_as_it_came(proxy: Proxy, raw: RawProvider, status: bytes) -> None:
    body = b'{"type":"error","error":{"type":"some_error","message":"No."}}'
    head = b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nRetry-After: 7\r\nrequest-id: req_1\r\nX-Twice: a\r\nX-Twice: b\r\n" % status
    raw.script = lambda received: head + b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
    text = f"What about {status.decode()}?"
    before = len(raw.received)
    got = ask(proxy.port, [("user", text)])
    assert len(raw.received) == before + 1, "no POST is sent twice"
    assert got.body == body
    lines = [line for line in got.head.split(b"\r\n") if not line.lower().startswith(b"x-vc-")]
    assert lines == [*head.rstrip().split(b"\r\n"), b"Content-Length: %d" % len(body)]
    ask(proxy.port, [("user", "And after it?")])
    assert text not in stored(proxy.database)


CODED: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "deflate": zlib.compress}


@pytest.mark.parametrize("coding", CODED)
@pytest.mark.parametrize("streams", [False, True], ids=["whole", "stream"])
def test_a_compressed_answer_passes_as_it_came_and_is_remembered(proxy: Proxy, raw: RawProvider, coding: str, streams: bool) -> None:
    text = f"Can you say {coding} {streams}?"
    plain = b"".join(events()) if streams else said("anthropic", f"You asked: {text}")
    body = CODED[coding](plain)
    head = b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nContent-Encoding: %b\r\nContent-Length: %d\r\n\r\n"
    raw.script = lambda received: head % (b"text/event-stream" if streams else b"application/json", coding.encode(), len(body)) + body
    got = ask(proxy.port, [("user", text)], stream=streams)
    assert got.body == body
    assert b"Content-Encoding: %b" % coding.encode() in got.head
    until(lambda: bool(stored(proxy.database).get(text)))
    answer = stored(proxy.database)[text][0]
    assert answer == f"You asked: {text}" if not streams else len(answer) > 10


@linux
def test_a_bomb_of_an_answer_passes_and_is_not_unpacked_whole(proxy: Proxy, raw: RawProvider) -> None:
    before = megabytes(proxy)
    body = gzip.compress(b'{"content": [{"type": "text", "text": "' + b"0" * 300_000_000)
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"
    raw.script = lambda received: head % len(body) + body
    assert ask(proxy.port, [("user", "Boom?")]).body == body
    ask(proxy.port, [("user", "Boom?"), ("assistant", "Boom."), ("user", "Again?")])
    until(lambda: megabytes(proxy) < before + 60, 10)


def test_an_upstream_that_refuses_is_told_in_the_shape_of_the_client(tmp_path: Path) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        proxy = Proxy(tmp_path, f"http://127.0.0.1:{nobody.getsockname()[1]}").start()
        try:
            for path in PATHS:
                got = talk(proxy.port, post(proxy.port, path, b'{"messages":[{"role":"user","content":"hi"}],"input":"hi","contents":[]}'))
                assert got.status == 502
                told = json.loads(got.body)
                if path == PATH:
                    assert told["type"] == "error"
                    assert isinstance(told["error"]["type"], str)
                elif path in PATHS[1:3]:
                    assert isinstance(told["error"]["code"], str)
                else:
                    assert told["error"]["code"] == 502
                assert isinstance(told["error"]["message"], str)
        finally:
            assert proxy.stop() == 0
        assert stored(proxy.database) == {}


# --- what clients say to the proxy


def test_no_header_of_the_proxys_goes_up_and_memory_can_be_turned_off(proxy: Proxy, raw: RawProvider) -> None:
    ours = (b"X-VC-Memory: off", b"X-Vc-Conversation: 8b0bd3a7-7b3b-4a72-9a5b-0d3d8f5f2f10", b"x-vc-project: p", b"X-VC-Whatever: 1")
    for headers in (ours, ours[1:], ours[3:]):
        got = ask(proxy.port, [("user", f"Nothing of this, {len(headers)}")], *headers, b"X-Mine: 1")
        assert got.status == 200
        assert b"\r\nX-Mine: 1\r\n" in raw.received[-1].head
        assert b"x-vc-" not in raw.received[-1].head.lower()
    ask(proxy.port, [("user", "But of this")])
    until(lambda: "But of this" in stored(proxy.database))
    assert "Nothing of this, 4" not in stored(proxy.database)
    assert "Nothing of this, 3" in stored(proxy.database)


def test_the_upstream_is_not_the_clients_to_choose(proxy: Proxy, raw: RawProvider) -> None:
    for line in (b"Host: 127.0.0.1:1", b"X-Forwarded-Host: elsewhere.test", b"Forwarded: host=elsewhere.test"):
        request = b"POST %b HTTP/1.1\r\n%b\r\n" % (PATH.encode(), line)
        request += b"" if line.startswith(b"Host") else b"Host: a.test\r\n"
        before = len(raw.received)
        assert talk(proxy.port, request + b"Content-Length: 2\r\n\r\n{}").status == 200
        assert len(raw.received) == before + 1
        assert b"Host: 127.0.0.1:%d\r\n" % raw.port in raw.received[-1].head


def test_what_is_no_conversation_is_relayed_untouched(proxy: Proxy, raw: RawProvider) -> None:
    raw.script = lambda received: b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/x\r\nContent-Length: 0\r\n\r\n"
    got = talk(proxy.port, b"GET /v1/models?x=1 HTTP/1.1\r\nHost: a\r\nAccept: */*\r\n\r\n")
    assert got.status == 302
    assert b"Location: http://127.0.0.1:1/x" in got.head
    assert raw.received[-1].head.startswith(b"GET /v1/models?x=1 HTTP/1.1\r\n")
