"""Gemini streams and replies against recorded bytes, the official SDK, and whatever else may come."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path

import httpx2
import msgspec
import pytest
from google import genai
from google.genai import errors, types
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from backstory.core.message import Message, Opaque, Text, Thinking, ToolCall
from backstory.core.reply import Reply, Usage
from backstory.core.stream import Frame, gather
from backstory.errors import DocumentError
from backstory.wires.gemini.wire import Gemini
from tests.wires.world import mutations

CASSETTES = Path(__file__).parents[2] / "cassettes" / "gemini"
WIRE = Gemini()
MARK = "\n<!-- mark 🎉 -->"
SSE = "text/event-stream"
ARRAY = "application/json; charset=UTF-8"
SIGNATURE = "bW9jay1zaWc6mraX926oMw=="
STREAMS = sorted(CASSETTES.glob("*.stream.*"))
WITH_TEXT = ["text", "signed", "tools", "safety"]


def kind_of(path: Path) -> str:
    return SSE if path.suffix == ".sse" else ARRAY


def frames(stream: bytes, kind: str, size: int = 1 << 20) -> list[Frame]:
    reader = WIRE.reader(kind)
    found = [frame for at in range(0, len(stream), size) for frame in reader.feed(stream[at : at + size])]
    return found + reader.close()


def marked(stream: bytes, kind: str) -> bytes:
    state: dict[str, str] = {}
    return b"".join(WIRE.mark_frame(frame, MARK, state) or frame.raw for frame in frames(stream, kind))


def gathered(stream: bytes, kind: str) -> Reply:
    return gather(delta for frame in frames(stream, kind) for delta in WIRE.deltas(frame))


def text_of(reply: Reply) -> str:
    return "".join(part.text for part in reply.parts if isinstance(part, Text))


@pytest.mark.parametrize("path", STREAMS, ids=lambda path: path.name)
@pytest.mark.parametrize("size", [1, 3, 50])
def test_any_chunking_gives_the_same_frames(path: Path, size: int) -> None:
    stream, kind = path.read_bytes(), kind_of(path)
    assert b"".join(frame.raw for frame in frames(stream, kind, size)) == stream
    assert [frame for frame in frames(stream, kind, size) if frame.data] == [frame for frame in frames(stream, kind) if frame.data]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.dictionaries(st.text(max_size=4), st.text() | st.lists(st.text(max_size=3)) | st.dictionaries(st.text(), st.integers()))),
    st.sampled_from([",", ",\r\n", " , "]),
    st.lists(st.integers(1, 9), min_size=1, max_size=5),
)
def test_an_array_is_cut_into_its_elements_byte_for_byte(values: list[dict[str, object]], comma: str, sizes: list[int]) -> None:
    elements = [json.dumps(value) for value in values]
    stream = f"[{comma.join(elements)}\n]\n".encode()
    reader = WIRE.reader(ARRAY)
    found: list[Frame] = []
    at = turn = 0
    while at < len(stream):
        size = sizes[turn % len(sizes)]
        found += reader.feed(stream[at : at + size])
        at, turn = at + size, turn + 1
    found += reader.close()
    assert b"".join(frame.raw for frame in found) == stream
    assert [frame.data.decode() for frame in found if frame.data] == elements


@pytest.mark.parametrize("name", ["text", "signed", "tools", "only_call", "safety", "blocked", "error"])
def test_events_and_array_say_the_same(name: str) -> None:
    def plain(reply: Reply) -> Reply:
        """Arguments keep the white space they came with."""
        parts = [replace(p, arguments=json.dumps(json.loads(p.arguments))) if isinstance(p, ToolCall) else p for p in reply.parts]
        return replace(reply, parts=tuple(parts))

    events = gathered((CASSETTES / f"{name}.stream.sse").read_bytes(), SSE)
    array = gathered((CASSETTES / f"{name}.stream.json").read_bytes(), ARRAY)
    assert plain(events) == plain(array)


def test_a_stream_adds_up_to_the_whole_reply() -> None:
    for name in ("text", "tools"):
        whole = WIRE.reply((CASSETTES / f"{name}.reply.json").read_bytes())
        stream = gathered((CASSETTES / f"{name}.stream.sse").read_bytes(), SSE)
        assert stream.parts == whole.parts
        assert stream.usage == whole.usage == Usage(100, 29, 40)
        assert (stream.id, stream.model) == (whole.id, whole.model) == ("Il0taoSYJ5Cez7", "gemini-2.5-flash")
    assert whole.parts[2:] == (ToolCall("2ba8", "shell", '{"command": "echo né"}'), ToolCall("2ba9", "read", "{}"))
    assert whole.finish == "tool_calls"
    assert WIRE.echo(whole) == (Message("assistant", whole.parts),)


def test_the_end_of_a_stream_is_told() -> None:
    ends = {path.name.split(".")[0]: gathered(path.read_bytes(), SSE).finish for path in STREAMS if path.suffix == ".sse"}
    assert ends == {
        "text": "stop",
        "signed": "stop",
        "tools": "stop",
        "only_call": "tool_calls",
        "safety": "refusal",
        "blocked": "refusal",
        "error": "error",
    }


@pytest.mark.parametrize("reason", ["MAX_TOKENS", "MALFORMED_FUNCTION_CALL", "OTHER", "SOMETHING_NEW", "FINISH_REASON_UNSPECIFIED"])
def test_every_reason_to_finish_has_a_neutral_name(reason: str) -> None:
    body = msgspec.json.encode({"candidates": [{"content": {"parts": [{"text": "x"}]}, "finishReason": reason}]})
    names = {"MAX_TOKENS": "length", "MALFORMED_FUNCTION_CALL": "error", "FINISH_REASON_UNSPECIFIED": ""}
    assert WIRE.reply(body).finish == names.get(reason, "other")


def test_only_the_first_candidate_is_read() -> None:
    body = msgspec.json.encode(
        {"candidates": [{"index": 1, "content": {"parts": [{"text": "no"}]}}, {"index": 0, "content": {"parts": [{"text": "yes"}]}}]}
    )
    assert text_of(WIRE.reply(body)) == "yes"
    assert text_of(WIRE.reply(WIRE.mark(body, MARK))) == "yes" + MARK


@pytest.mark.parametrize("name", WITH_TEXT)
@pytest.mark.parametrize("suffix", ["sse", "json"])
def test_the_mark_stands_at_the_end_of_the_visible_text(name: str, suffix: str) -> None:
    path = CASSETTES / f"{name}.stream.{suffix}"
    plain, out = path.read_bytes(), marked(path.read_bytes(), kind_of(path))
    before, after = gathered(plain, kind_of(path)), gathered(out, kind_of(path))
    assert text_of(after) == text_of(before) + MARK
    assert [part for part in after.parts if not isinstance(part, Text)] == [part for part in before.parts if not isinstance(part, Text)]
    assert (after.finish, after.usage) == (before.finish, before.usage)
    if suffix == "json":
        assert len(json.loads(out)) - len(json.loads(plain)) in (0, 1)
    else:
        assert all(line.startswith(b"data: {") for line in out.split(b"\r\n") if line)


def test_the_mark_never_stands_between_a_call_and_what_follows() -> None:
    kinds = [type(part) for part in gathered(marked((CASSETTES / "tools.stream.sse").read_bytes(), SSE), SSE).parts]
    assert kinds == [Thinking, Text, ToolCall, ToolCall]


def test_a_signed_text_is_not_altered_by_the_mark() -> None:
    raw = (CASSETTES / "signed-text.answer.json").read_bytes()
    parts = json.loads(WIRE.mark(raw, MARK))["candidates"][0]["content"]["parts"]
    assert parts[1:] == [{"text": "Answer here.", "thoughtSignature": SIGNATURE}, {"text": MARK}]
    last = Frame(b"data: x", "", raw)
    state: dict[str, str] = {}
    out = WIRE.mark_frame(Frame(b"data: " + raw + b"\n\n", last.event, raw), MARK, state)
    assert out is not None
    assert json.loads(out[6:])["candidates"][0]["content"]["parts"][1:] == parts[1:]


@pytest.mark.parametrize("name", ["only_call", "blocked", "error"])
@pytest.mark.parametrize("suffix", ["sse", "json"])
def test_a_stream_that_ends_without_text_is_not_marked(name: str, suffix: str) -> None:
    path = CASSETTES / f"{name}.stream.{suffix}"
    assert marked(path.read_bytes(), kind_of(path)) == path.read_bytes()


def test_a_pretty_event_over_several_lines_is_marked() -> None:
    value = json.loads((CASSETTES / "text.reply.json").read_bytes())
    stream = b"".join(b"data: " + line + b"\n" for line in json.dumps(value, indent=1).encode().split(b"\n")) + b"\n"
    assert text_of(gathered(marked(stream, SSE), SSE)).endswith(MARK)


def test_a_whole_reply_is_marked_in_its_last_text() -> None:
    for name in ("text", "tools"):
        raw = (CASSETTES / f"{name}.reply.json").read_bytes()
        out = WIRE.mark(raw, MARK)
        assert text_of(WIRE.reply(out)) == text_of(WIRE.reply(raw)) + MARK
        assert out.replace(json.dumps(MARK, ensure_ascii=False)[1:-1].encode(), b"") == raw
    call = b'{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f"}},{"text":""}]}}]}'
    assert WIRE.mark(call, MARK) == call


def sdk(answer: bytes, kind: str, status: int = 200) -> genai.Client:
    def handle(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(status, headers={"content-type": kind}, content=answer)

    client = httpx2.Client(transport=httpx2.MockTransport(handle))
    return genai.Client(api_key="k", http_options=types.HttpOptions(base_url="http://host", httpx_client=client))


@pytest.mark.parametrize("name", WITH_TEXT)
def test_the_official_sdk_shows_the_mark_at_the_end(name: str) -> None:
    stream = marked((CASSETTES / f"{name}.stream.sse").read_bytes(), SSE)
    chunks = list(sdk(stream, SSE).models.generate_content_stream(model="m", contents="x"))
    parts = [
        part for chunk in chunks if chunk.candidates and chunk.candidates[0].content for part in chunk.candidates[0].content.parts or []
    ]
    text = "".join(part.text or "" for part in parts if not part.thought)
    assert text == text_of(gathered((CASSETTES / f"{name}.stream.sse").read_bytes(), SSE)) + MARK


OWN = Reply((Thinking("hm"), Text('said "é"'), ToolCall("c9", "shell", '{"a":1}')), "tool_calls", Usage(7, 3, 2), "r1", "gemini-2.5-flash")


def test_a_reply_of_our_own_reads_as_it_was_written() -> None:
    assert WIRE.reply(WIRE.write(OWN, stream=False)) == OWN
    assert gathered(WIRE.write(OWN, stream=True), SSE) == OWN
    plain = Reply((Text("said"),), "stop")
    assert sdk(WIRE.write(plain, stream=False), ARRAY).models.generate_content(model="m", contents="x").text == "said"
    chunks = list(sdk(WIRE.write(plain, stream=True), SSE).models.generate_content_stream(model="m", contents="x"))
    assert [chunk.text for chunk in chunks] == ["said"]


def test_an_error_of_our_own_is_the_sdks_error() -> None:
    with pytest.raises(errors.ClientError) as caught:
        sdk(WIRE.error(429, "too_many", "slow down"), ARRAY, 429).models.generate_content(model="m", contents="x")
    assert (caught.value.code, caught.value.status, caught.value.message) == (429, "RESOURCE_EXHAUSTED", "slow down")
    assert json.loads(WIRE.error(502, "upstream_unavailable", "x"))["error"]["status"] == "UNAVAILABLE"
    assert json.loads(WIRE.error(431, "headers_too_large", "x"))["error"]["status"] == "INVALID_ARGUMENT"


def test_an_error_body_is_no_reply() -> None:
    with pytest.raises(DocumentError):
        WIRE.reply((CASSETTES / "error.reply.json").read_bytes())


@settings(max_examples=400, deadline=None)
@given(mutations([path.read_bytes() for path in [*STREAMS, *CASSETTES.glob("*.reply.json")]]), st.sampled_from([SSE, ARRAY]))
def test_a_broken_reply_raises_nothing_but_a_document_error(raw: bytes, kind: str) -> None:
    assert b"".join(frame.raw for frame in frames(raw, kind, 60)) == raw
    gathered(raw, kind)
    marked(raw, kind)
    calls: list[Callable[[bytes], object]] = [WIRE.reply, lambda found: WIRE.mark(found, MARK)]
    for call in calls:
        with contextlib.suppress(DocumentError):
            call(raw)


def test_what_clients_send_back_for_a_reply_without_parts_is_nothing() -> None:
    assert WIRE.echo(Reply()) == ()
    assert text_of(WIRE.reply(WIRE.write(Reply(), stream=False))) == ""


def test_an_error_text_with_broken_characters_is_still_an_error() -> None:
    assert json.loads(WIRE.error(500, "x", "a\ud800b"))["error"]["message"] == "a?b"
    with pytest.raises(DocumentError):
        WIRE.write(Reply((ToolCall("", "f", "no json"),)), stream=False)


def test_parts_that_cannot_be_written_are_left_out() -> None:
    assert text_of(WIRE.reply(WIRE.write(Reply((Opaque("x"), Text("y"))), stream=False))) == "y"


@pytest.mark.parametrize("response", [{"candidates": []}, {"candidates": [{"index": 1}]}, {"candidates": [{"content": {}}]}])
def test_a_frame_without_parts_adds_nothing(response: object) -> None:
    data = msgspec.json.encode(response)
    assert WIRE.deltas(Frame(data, "", data)) == []
    assert WIRE.mark_frame(Frame(data, "", data), MARK, {"seen": "1"}) is None


def test_a_mark_names_model_and_reply_only_where_the_provider_does() -> None:
    data = b'{"candidates":[{"finishReason":"STOP"}]}'
    out = WIRE.mark_frame(Frame(b"data: " + data + b"\n\n", "", data), MARK, {"seen": "1"})
    assert out is not None
    assert set(json.loads(out.split(b"\n\n")[0][6:])) == {"candidates"}
