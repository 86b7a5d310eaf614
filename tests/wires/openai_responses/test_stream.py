"""OpenAI Responses streams and replies against recorded bytes, the official SDK, and whatever else may come."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import httpx2
import msgspec
import openai
import pytest
from hypothesis import given, settings

from backstory.core.document import Document
from backstory.core.message import Opaque, Text, Thinking, ToolCall
from backstory.core.reply import Ending, Reply, TextDelta, Usage
from backstory.core.stream import Frame, gather
from backstory.errors import DocumentError
from backstory.wires.openai_responses.wire import OpenAIResponses
from tests.wires.world import mutations

CASSETTES = Path(__file__).parents[2] / "cassettes" / "openai_responses"
WIRE = OpenAIResponses()
MARK = "\n<!-- mark 🎉 -->"
STREAMS = sorted(CASSETTES.glob("*.stream.sse"))
MARKED = ["text", "tools", "tools-crlf", "bare", "incomplete"]


def frames(stream: bytes, size: int = 1 << 20) -> list[Frame]:
    reader = WIRE.reader("text/event-stream")
    found = [frame for at in range(0, len(stream), size) for frame in reader.feed(stream[at : at + size])]
    return found + reader.close()


def marked(stream: bytes, text: str = MARK) -> bytes:
    state: dict[str, str] = {}
    return b"".join(WIRE.mark_frame(frame, text, state) or frame.raw for frame in frames(stream))


def gathered(stream: bytes) -> Reply:
    return gather(delta for frame in frames(stream) for delta in WIRE.deltas(frame))


@pytest.mark.parametrize("name", ["text", "tools", "refusal", "incomplete"])
def test_a_stream_adds_up_to_the_whole_reply(name: str) -> None:
    reply = WIRE.reply((CASSETTES / f"{name}.reply.json").read_bytes())
    assert gathered((CASSETTES / f"{name}.stream.sse").read_bytes()) == reply
    assert reply.usage == Usage(120, 33, 64)
    assert (reply.id, reply.model) == ("resp_1", "gpt-5-2026-08-07")


def test_a_reply_has_its_parts_and_its_end() -> None:
    reply = WIRE.reply((CASSETTES / "tools.reply.json").read_bytes())
    assert reply.finish == "tool_calls"
    assert reply.parts == (
        Thinking("I should call\nthe shell", True),
        Text("Running it now."),
        ToolCall("call_1", "exec_command", '{"cmd": "echo né"}'),
        ToolCall("call_2", "apply_patch", "*** Begin Patch\n*** End Patch"),
    )
    assert [message.role for message in WIRE.echo(reply)] == ["assistant"] * 4
    ends = {name: WIRE.reply((CASSETTES / f"{name}.reply.json").read_bytes()).finish for name in ("text", "refusal", "incomplete")}
    assert ends == {"text": "stop", "refusal": "refusal", "incomplete": "length"}
    with pytest.raises(DocumentError):
        WIRE.reply((CASSETTES / "error.reply.json").read_bytes())


def test_a_reply_names_the_items_that_the_provider_keeps() -> None:
    body = json.loads((CASSETTES / "tools.reply.json").read_bytes())
    ids = tuple(item["id"] for item in body["output"])
    body.pop("store", None)
    assert WIRE.reply(json.dumps(body).encode()).items == ids
    assert WIRE.reply(json.dumps({**body, "store": True}).encode()).items == ids
    assert WIRE.reply(json.dumps({**body, "store": False}).encode()).items == ()
    for odd in ("", None, 7):
        body["output"][0]["id"] = odd
        assert WIRE.reply(json.dumps(body).encode()).items == ids[1:]


def test_a_failed_stream_ends_in_error() -> None:
    assert gathered((CASSETTES / "failed.stream.sse").read_bytes()).finish == "error"
    assert WIRE.deltas(Frame(b"", "error", b'{"type":"error","code":"x","message":"y"}')) == [Ending("error")]
    assert WIRE.deltas(Frame(b"", "error", b'{"error":{"message":"y"}}')) == [Ending("error")]


def test_two_texts_of_one_item_stay_apart() -> None:
    def frame(content: int) -> Frame:
        event = {"type": "response.output_text.delta", "output_index": 1, "content_index": content, "delta": "x"}
        return Frame(b"", "", json.dumps(event).encode())

    first, second = WIRE.deltas(frame(0)), WIRE.deltas(frame(1))
    assert first == [TextDelta("x", 1)]
    assert len(gather([*first, *second]).parts) == 2


@pytest.mark.parametrize("path", STREAMS, ids=lambda path: path.name)
@pytest.mark.parametrize("size", [1, 7, 4096])
def test_any_chunking_gives_the_same_frames(path: Path, size: int) -> None:
    stream = path.read_bytes()
    assert b"".join(frame.raw for frame in frames(stream, size)) == stream
    assert frames(stream, size) == frames(stream)


def events(stream: bytes) -> list[dict[str, object]]:
    return [json.loads(frame.data) for frame in frames(stream) if frame.data]


def full_texts(stream: bytes) -> Iterator[str]:
    """Every repetition of the first message's whole text, and the sum of its deltas."""
    yield "".join(str(event["delta"]) for event in events(stream) if event["type"] == "response.output_text.delta")
    for event in events(stream):
        found = msgspec.json.encode(event)
        if event["type"] == "response.output_text.done":
            yield str(event["text"])
        elif event["type"] == "response.content_part.done":
            yield json.loads(Document(found).get(("part", "text")))
        elif event["type"] == "response.output_item.done" and Document(found).has(("item", "content", 0, "text")):
            yield json.loads(Document(found).get(("item", "content", 0, "text")))
        elif event["type"] in ("response.completed", "response.incomplete"):
            reply = WIRE.reply(Document(found).get(("response",)))
            yield "".join(part.text for part in reply.parts if isinstance(part, Text))


@pytest.mark.parametrize("name", MARKED)
def test_every_repetition_of_the_text_has_the_mark(name: str) -> None:
    stream = (CASSETTES / f"{name}.stream.sse").read_bytes()
    plain = next(full_texts(stream))
    assert set(full_texts(stream)) == {plain}
    assert set(full_texts(marked(stream))) == {plain + MARK}
    assert len(frames(marked(stream))) == len(frames(stream)) + 1


@pytest.mark.parametrize("name", ["text", "tools", "tools-crlf", "incomplete"])
def test_sequence_numbers_run_on_without_gap_or_double(name: str) -> None:
    stream = marked((CASSETTES / f"{name}.stream.sse").read_bytes())
    numbers = [event["sequence_number"] for event in events(stream)]
    assert numbers == list(range(len(numbers)))


@pytest.mark.parametrize("name", MARKED)
def test_a_mark_changes_nothing_but_text_and_numbers(name: str) -> None:
    stream = (CASSETTES / f"{name}.stream.sse").read_bytes()
    out = frames(marked(stream))
    added = next(index for index, frame in enumerate(out) if MARK[1:-2].encode() in frame.data)
    assert json.loads(out[added].data)["type"] == "response.output_text.delta"
    assert json.loads(out[added + 1].data)["type"] == "response.output_text.done"
    del out[added]
    escaped = json.dumps(MARK, ensure_ascii=False)[1:-1].encode()
    for before, after in zip(frames(stream), out, strict=True):
        old, new = json.loads(before.data), json.loads(after.data.replace(escaped, b""))
        assert {**old, "sequence_number": 0} == {**new, "sequence_number": 0}
        if "sequence_number" in old:
            assert len(after.raw.replace(escaped, b"")) - len(before.raw) in (0, 1)


@pytest.mark.parametrize("name", ["failed", "refusal"])
def test_a_stream_without_text_is_not_marked(name: str) -> None:
    stream = (CASSETTES / f"{name}.stream.sse").read_bytes()
    assert marked(stream) == stream


def test_a_provider_that_leaves_out_the_closing_events_is_marked_at_the_end() -> None:
    kept = [frame for frame in frames((CASSETTES / "text.stream.sse").read_bytes()) if ".done" not in frame.event]
    out = marked(b"".join(frame.raw for frame in kept))
    assert len(set(full_texts(out))) == 1
    assert next(full_texts(out)).endswith(MARK)


def test_a_whole_reply_is_marked_in_its_last_text() -> None:
    for name in ("text", "tools", "incomplete"):
        raw = (CASSETTES / f"{name}.reply.json").read_bytes()
        texts = [part.text for part in WIRE.reply(WIRE.mark(raw, MARK)).parts if isinstance(part, Text)]
        assert texts == [part.text + MARK for part in WIRE.reply(raw).parts if isinstance(part, Text)]
    refusal = (CASSETTES / "refusal.reply.json").read_bytes()
    assert WIRE.mark(refusal, MARK) == refusal


def client(stream: bytes, content_type: str = "text/event-stream", status: int = 200) -> openai.OpenAI:
    def answer(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(status, headers={"content-type": content_type}, content=stream)

    return openai.OpenAI(
        api_key="k", base_url="http://host/v1", max_retries=0, http_client=httpx2.Client(transport=httpx2.MockTransport(answer))
    )


@pytest.mark.parametrize("name", ["text", "tools", "tools-crlf"])
def test_the_official_sdk_accepts_a_marked_stream(name: str) -> None:
    stream = (CASSETTES / f"{name}.stream.sse").read_bytes()
    with client(marked(stream)).responses.stream(model="m", input="x") as running:
        seen = list(running)
        final = running.get_final_response()
    texts = [event.text for event in seen if event.type == "response.output_text.done"]
    snapshots = [event.snapshot for event in seen if event.type == "response.output_text.delta"]
    assert snapshots[-1] == texts[0] == final.output_text
    assert final.output_text.endswith(MARK)


OWN = Reply((Thinking("hm"), Text('said "é"'), ToolCall("call_9", "shell", '{"a":1}')), "tool_calls", Usage(7, 3, 2), "resp_own", "gpt-5")


def test_a_reply_of_our_own_reads_as_it_was_written() -> None:
    assert WIRE.reply(WIRE.write(OWN, stream=False)) == OWN
    assert gathered(WIRE.write(OWN, stream=True)) == OWN
    with client(WIRE.write(OWN, stream=True)).responses.stream(model="m", input="x") as running:
        final = running.get_final_response()
    assert (final.output_text, final.usage and final.usage.input_tokens) == ('said "é"', 7)
    assert client(WIRE.write(OWN, stream=False), "application/json").responses.create(model="m", input="x").output_text == 'said "é"'


@pytest.mark.parametrize(("finish", "read"), [("length", "length"), ("refusal", "refusal"), ("error", "error"), ("stop", "stop")])
def test_the_end_of_a_reply_of_our_own_is_kept(finish: str, read: str) -> None:
    reply = msgspec.convert({"finish": finish, "parts": [{"type": "Text", "text": "x"}]}, Reply)
    assert WIRE.reply(WIRE.write(reply, stream=False)).finish == read
    assert gathered(WIRE.write(reply, stream=True)).finish == read


def test_an_error_of_our_own_is_the_sdks_error() -> None:
    with pytest.raises(openai.RateLimitError) as caught:
        client(WIRE.error(429, "too_many", "slow down"), "application/json", 429).responses.create(model="m", input="x")
    assert caught.value.code == "too_many"
    assert "slow down" in caught.value.message


@settings(max_examples=400, deadline=None)
@given(mutations([path.read_bytes() for path in [*STREAMS, *CASSETTES.glob("*.reply.json")]]))
def test_a_broken_reply_raises_nothing_but_a_document_error(raw: bytes) -> None:
    gathered(raw)
    marked(raw)
    for call in (WIRE.reply, lambda found: WIRE.mark(found, MARK)):
        with contextlib.suppress(DocumentError):
            call(raw)


def test_an_error_text_with_broken_characters_is_still_an_error() -> None:
    assert json.loads(WIRE.error(500, "x", "a\ud800b"))["error"]["message"] == "a?b"


def test_parts_that_cannot_be_written_are_left_out() -> None:
    reply = WIRE.reply(WIRE.write(Reply((Opaque("x"), Text("y"))), stream=False))
    assert [part.text for part in reply.parts if isinstance(part, Text)] == ["y"]
    assert reply.id.startswith("resp_")


def test_a_mark_is_found_where_the_provider_leaves_items_out_of_the_whole_response() -> None:
    out = frames((CASSETTES / "tools.stream.sse").read_bytes())
    last = json.loads(out[-1].data)
    del last["response"]["output"][0]
    data = json.dumps(last).encode()
    stream = b"".join(frame.raw for frame in out[:-1]) + b"event: response.completed\ndata: " + data + b"\n\n"
    assert set(full_texts(marked(stream))) == {"Running it now." + MARK}


def test_a_frame_that_can_be_read_in_two_ways_is_left_as_it_is() -> None:
    data = b'{"type":"response.output_text.done","output_index":0,"text":"a","text":"a"}'
    state = {"part": "0 0", "item": "x"}
    assert WIRE.mark_frame(Frame(b"data: " + data, "", data), MARK, state) is None
    assert "marked" not in state


@pytest.mark.parametrize(
    ("status", "finish"), [("failed", "error"), ("cancelled", "error"), ("queued", ""), ("in_progress", ""), (None, "stop")]
)
def test_every_status_has_a_neutral_name(status: str | None, finish: str) -> None:
    assert WIRE.reply(msgspec.json.encode({"status": status, "output": []})).finish == finish
    assert WIRE.reply(b'{"status":"incomplete","output":[]}').finish == "length"
