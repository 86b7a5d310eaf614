"""Letters that a provider cuts in two between events, to clients of every other wire."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backstory.core.reply import TextDelta, ToolDelta
from backstory.core.stream import Frame
from backstory.wires import WIRES
from backstory.wires.halves import Halves, halves, mended
from backstory.wires.translation.tongues import TONGUES
from backstory.wires.translation.translate import Translated
from tests.wires.translation.test_translate import asking

WIRE = {wire.name: wire for wire in WIRES}
TONGUE = {tongue.name: tongue for tongue in TONGUES}
PAIRS = [(client, provider) for client in TONGUE for provider in TONGUE if client != provider]
EVENTS = ((b"Content-Type", b"text/event-stream"),)
JSON = ((b"Content-Type", b"application/json"),)
GRIN = "\U0001f600"
HIGH, LOW = "\ud83d", "\ude00"


def event(data: object, name: str = "") -> bytes:
    raw = json.dumps(data)  # as escapes: a lone half can be written in no other way
    return (f"event: {name}\n" if name else "").encode() + f"data: {raw}\n\n".encode()


def streamed(wire: str, texts: Sequence[str]) -> bytes:
    """A provider's stream, a piece of text in each event."""
    if wire == "openai_chat":
        head = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
        said = [event({**head, "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]}) for text in texts]
        last = event({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        return b"".join(said) + last + b"data: [DONE]\n\n"
    if wire == "gemini":
        said = [event({"candidates": [{"content": {"role": "model", "parts": [{"text": text}]}, "index": 0}]}) for text in texts]
        return b"".join(said) + event({"candidates": [{"content": {"role": "model", "parts": []}, "finishReason": "STOP", "index": 0}]})
    if wire == "anthropic":
        message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [], "usage": {"input_tokens": 1}}
        out = event({"type": "message_start", "message": message}, "message_start")
        out += event({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}, "content_block_start")
        for text in texts:
            out += event({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}, "content_block_delta")
            out += event({"type": "ping"}, "ping")
        out += event({"type": "content_block_stop", "index": 0}, "content_block_stop")
        out += event({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}}, "message_delta")
        return out + event({"type": "message_stop"}, "message_stop")
    out = event({"type": "response.created", "response": {"id": "resp_1", "model": "m"}}, "response.created")
    item = {"id": "msg_1", "type": "message", "role": "assistant", "content": []}
    out += event({"type": "response.output_item.added", "output_index": 0, "item": item}, "response.output_item.added")
    for text in texts:
        more = {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": text}
        out += event(more, "response.output_text.delta")
    end = {"id": "resp_1", "model": "m", "status": "completed", "output": []}
    return out + event({"type": "response.completed", "response": end}, "response.completed")


def heard(client: str, provider: str, raw: bytes, size: int) -> str:
    """The text that a client of the one wire gets of a stream of the other, which comes in chunks of this size."""
    body, path, query = asking(client, True)
    one = Translated(TONGUE[client], TONGUE[provider], WIRE[provider], path, query)
    one.ask(body)
    _, headers = one.begin(200, EVENTS)
    out = b"".join([one.chunk(raw[at : at + size]) for at in range(0, len(raw), size)]) + one.tail()
    reader = WIRE[client].reader(dict(headers)[b"Content-Type"].decode())
    deltas = [delta for frame in [*reader.feed(out), *reader.close()] for delta in WIRE[client].deltas(frame)]
    return "".join([delta.text for delta in deltas if isinstance(delta, TextDelta)])


@pytest.mark.parametrize(("client", "provider"), PAIRS)
@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (["Hi ", HIGH, LOW, " there"], f"Hi {GRIN} there"),
        (["Hi " + HIGH, LOW + HIGH, LOW + "."], f"Hi {GRIN}{GRIN}."),
        (["Hi ", HIGH], "Hi \ufffd"),
        (["Hi " + HIGH, "there"], "Hi \ufffdthere"),
        (["Hi ", LOW + "there"], "Hi \ufffdthere"),
        ([HIGH, HIGH, LOW], f"\ufffd{GRIN}"),
        (["a" + HIGH + "b" + HIGH, LOW], "a\ufffdb" + GRIN),
        ([GRIN, "\\ud83d", "\\", "ude00"], GRIN + "\\ud83d\\ude00"),
    ],
)
def test_a_letter_in_two_events_is_one_letter(client: str, provider: str, texts: list[str], said: str) -> None:
    raw = streamed(provider, texts)
    assert [heard(client, provider, raw, size) for size in (1, 1 << 20)] == [said, said]


@pytest.mark.parametrize(("client", "provider"), [pair for pair in PAIRS if pair[1] != "gemini"])
def test_bytes_of_a_letter_in_several_events_are_one_letter(client: str, provider: str) -> None:
    raw = streamed(provider, ["Grüße @1", "@2", "@3!"]).replace(b"@1", b"\xf0").replace(b"@2", b"\x9f\x98").replace(b"@3", b"\x80")
    assert heard(client, provider, raw, 1 << 20) == f"Grüße {GRIN}!"
    alone = streamed(provider, ["@1", " and @2"]).replace(b"@1", b"\xf0\x9f").replace(b"@2", b"\x98\x80")
    assert heard(client, provider, alone, 7) == "\ufffd and \ufffd"


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(PAIRS), st.text('aé✓"\\\n\U0001f600\U0001f389', max_size=12), st.data())
def test_it_does_not_matter_where_a_text_is_cut(pair: tuple[str, str], text: str, data: st.DataObject) -> None:
    """In UTF-16, as the providers' own runtimes cut it."""
    units = [text.encode("utf-16-le")[at : at + 2].decode("utf-16-le", "surrogatepass") for at in range(0, 2 * _units(text), 2)]
    cuts = sorted(data.draw(st.sets(st.integers(0, len(units)), max_size=4)))
    pieces = ["".join(units[start:end]) for start, end in zip([0, *cuts], [*cuts, len(units)], strict=True)]
    raw = streamed(pair[1], [piece for piece in pieces if piece])
    assert heard(*pair, raw, data.draw(st.sampled_from([1, 9, 1 << 20]))) == text


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def test_half_a_letter_in_a_whole_answer_is_lost_and_nothing_else_of_it() -> None:
    body, path, query = asking("anthropic", False)
    one = Translated(TONGUE["anthropic"], TONGUE["openai_chat"], WIRE["openai_chat"], path, query)
    one.ask(body)
    one.begin(200, JSON)
    message = {"role": "assistant", "content": "Hi " + HIGH + " there"}
    answer = {"id": "c", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    status, told = one.whole(json.dumps(answer).encode())
    assert (status, json.loads(told)["content"]) == (200, [{"type": "text", "text": "Hi \ufffd there"}])


def test_the_arguments_of_a_call_are_joined_as_well() -> None:
    head = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    call = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "look", "arguments": '{"a":"' + HIGH}}
    more = {"index": 0, "function": {"arguments": LOW + '"}'}}
    raw = b"".join([event({**head, "choices": [{"index": 0, "delta": {"tool_calls": [one]}}]}) for one in (call, more)])
    raw += event({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}) + b"data: [DONE]\n\n"
    body, path, query = asking("anthropic", True)
    one = Translated(TONGUE["anthropic"], TONGUE["openai_chat"], WIRE["openai_chat"], path, query)
    one.ask(body)
    one.begin(200, EVENTS)
    out = one.chunk(raw) + one.tail()
    reader = WIRE["anthropic"].reader("text/event-stream")
    deltas = [delta for frame in [*reader.feed(out), *reader.close()] for delta in WIRE["anthropic"].deltas(frame)]
    assert "".join([delta.arguments for delta in deltas if isinstance(delta, ToolDelta)]) == '{"a":"' + GRIN + '"}'


def test_frames_without_halves_are_the_same_objects() -> None:
    frames = [Frame(b"", "", b'{"a":"\\u00e9 \xc3\xa9 \\ud83d\\ude00"}'), Frame(b": hi\n\n", "", b"")]
    assert [*map(id, Halves().feed(frames))] == [*map(id, frames)]
    assert mended(frames[0].data) is frames[0].data
    assert halves(rb'{"a":"\\ud83d\\\\ude00"}') == []
