"""An answer of several legs, chunk by chunk: recorded streams whose tools become ours, cut anywhere."""

from __future__ import annotations

import json
from collections.abc import Coroutine, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backstory.core.document import Document
from backstory.core.edits import DropMessages, Edit
from backstory.core.legs import UNANSWERED, Call, Kept
from backstory.core.message import Text, Thinking, ToolCall
from backstory.core.plan import Mode, Paging
from backstory.core.reply import Delta, Reply, TextDelta, Usage
from backstory.core.stream import gather
from backstory.core.wire import Wire
from backstory.relay.heads import ReplyHead, read_reply
from backstory.relay.legs import Legs
from backstory.relay.limits import DoorMetrics
from tests.paging import BY_NAME, NAMES, tools
from tests.rig import asking

TAPES = Path(__file__).parent.parent / "cassettes"
OURS = frozenset({"vc_find_quote", "vc_recall_all"})
EVENTS = read_reply(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked")
ARRAY = read_reply(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked")
JSON = read_reply(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2")
SPOKEN = {
    "anthropic": ("Bash", "Read"),
    "openai_chat": ("shell", "read"),
    "openai_responses": ("exec_command",),
    "gemini": ("shell", "read"),
}
every_wire = pytest.mark.parametrize("name", NAMES)


class Way:
    """The exchange: what the client was given, and what was asked of the provider."""

    def __init__(self) -> None:
        self.out = b""
        self.ended = self.broken = False
        self.modes: list[Mode] = []
        self.bodies: list[bytes] = []

    def open_delivery(self, reply: ReplyHead, empty: bool = False, mode: Mode = "pass") -> None:
        self.modes.append(mode)

    def hand_on(self, data: bytes, done: bool, trailers: tuple[tuple[bytes, bytes], ...] = ()) -> None:
        assert not self.ended
        self.out += data
        self.ended = done

    def wait_for(self, work: Coroutine[object, object, None]) -> None:
        with pytest.raises(StopIteration):
            work.send(None)

    def ask_again(self, body: bytes) -> None:
        self.bodies.append(body)

    def break_off(self) -> None:
        self.broken = True


class Clerk:
    """Answers every call."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.deferred: list[Call] = []
        self.kept: list[Kept] = []

    async def answer(self, calls: Sequence[Call], left: int) -> Sequence[str]:
        self.calls += calls
        return [f"result of {call.name}" for call in calls]

    async def defer(self, calls: Sequence[Call]) -> Sequence[str]:
        self.deferred += calls
        return [f"late result of {call.name}" for call in calls]

    def remember(self, kept: Kept, bare: Kept) -> None:
        self.kept.append(kept)


class Play:
    """One answer, leg by leg."""

    def __init__(self, wire: Wire, body: bytes, array: bool = False) -> None:
        self.wire = wire
        self.way, self.clerk = Way(), Clerk()
        self.head = ARRAY if array else EVENTS
        talk = wire.talk(body, OURS, "" if array else "alt=sse")
        paging = Paging(talk, self.clerk, 5, lambda: b'{"plain":1}', wire.reader, array)
        self.legs = Legs(paging, self.way, 1 << 24, DoorMetrics())

    def leg(self, stream: bytes, cuts: Sequence[int] = ()) -> None:
        self.legs.begin(self.head, False)
        edges = sorted({0, len(stream), *(place % max(1, len(stream)) for place in cuts)})
        for start, end in pairwise(edges):
            self.legs.deliver(stream[start:end], False, ())
        self.legs.deliver(b"", True, ())

    def whole(self, body: bytes) -> None:
        self.legs.begin(JSON, False)
        self.legs.deliver(body, True, ())

    def said(self) -> Reply:
        reader = self.wire.reader("application/json" if self.head is ARRAY else "text/event-stream")
        frames = [*reader.feed(self.way.out), *reader.close()]
        return gather(delta for frame in frames for delta in self.wire.deltas(frame))


def tape(name: str, *ours: str, kind: str = "tools.stream.sse") -> bytes:
    """A recorded stream in which the calls to these tools are calls to ours."""
    raw = (TAPES / name / kind).read_bytes()
    for number, tool in enumerate(ours):
        raw = raw.replace(f'"{tool}"'.encode(), b'"vc_find_quote"' if number == 0 else b'"vc_recall_all"')
    return raw


def request(name: str, **more: Any) -> bytes:
    return asking(name, [("user", "Please look.")], tools=tools(name), **more)


def legs_of(name: str) -> list[bytes]:
    """Three legs: ours alone, ours beside one of the client's, where there are two, and one that was never reached."""
    wire = BY_NAME[name]
    alone = wire.write(
        Reply((Text("First."), ToolCall("c1", "vc_find_quote", '{"query":"a"}')), "tool_calls", Usage(5, 6), "r1", "m"), True
    )
    return [alone, tape(name, SPOKEN[name][0])]


@every_wire
@settings(max_examples=40, deadline=None)
@given(cuts=st.lists(st.integers(0, 20_000), max_size=12))
def test_the_client_gets_the_same_bytes_however_the_legs_are_cut(name: str, cuts: list[int]) -> None:
    plain, other = (Play(BY_NAME[name], request(name)) for _ in range(2))
    for leg in legs_of(name):
        plain.leg(leg)
        other.leg(leg, cuts)
    assert plain.way.out == other.way.out
    assert plain.way.ended
    assert other.way.ended
    assert plain.way.bodies == other.way.bodies
    assert b"vc_" not in plain.way.out


@settings(max_examples=40, deadline=None)
@given(cuts=st.lists(st.integers(0, 20_000), max_size=12))
def test_a_json_array_of_several_legs_is_one_array_however_cut(cuts: list[int]) -> None:
    play = Play(BY_NAME["gemini"], request("gemini"), array=True)
    play.leg(tape("gemini", *SPOKEN["gemini"], kind="tools.stream.json"), cuts)
    play.leg(tape("gemini", kind="text.stream.json"), cuts)
    assert play.way.ended
    rows = json.loads(play.way.out)
    finishes = [row["candidates"][0].get("finishReason") for row in rows if row.get("candidates")]
    assert [finish for finish in finishes if finish] == ["STOP"]
    assert "vc_" not in json.dumps(rows)


@every_wire
def test_text_is_with_the_client_as_soon_as_its_frame_has_come(name: str) -> None:
    wire = BY_NAME[name]
    play = Play(wire, request(name))
    for leg in [wire.write(Reply((Text("First."), ToolCall("c", "vc_recall_all", "{}")), "tool_calls"), True), tape(name)]:
        play.legs.begin(EVENTS, False)
        reader = wire.reader("text/event-stream")
        due = _length(_deltas(wire, play.way.out))
        between = 2 if play.way.out and name != "openai_responses" else 0
        came = 0
        for at in range(len(leg)):
            came += _length([delta for frame in reader.feed(leg[at : at + 1]) for delta in wire.deltas(frame)])
            play.legs.deliver(leg[at : at + 1], False, ())
            assert _length(_deltas(wire, play.way.out)) == due + came + (between if came else 0)
        play.legs.deliver(b"", True, ())


def _deltas(wire: Wire, raw: bytes) -> list[Delta]:
    return [delta for frame in wire.reader("text/event-stream").feed(raw) for delta in wire.deltas(frame)]


def _length(found: Sequence[Delta]) -> int:
    """Characters of text."""
    return sum(len(delta.text) for delta in found if isinstance(delta, TextDelta))


@every_wire
def test_a_recorded_call_of_ours_beside_the_clients_leaves_the_clients(name: str) -> None:
    play = Play(BY_NAME[name], request(name))
    play.leg(tape(name, SPOKEN[name][0]))
    assert play.way.ended
    assert [call.name for call in play.clerk.deferred] == ["vc_find_quote"]
    left = [part.name for part in play.said().parts if isinstance(part, ToolCall)]
    assert left == [{"openai_responses": "apply_patch", "anthropic": "Read"}.get(name, "read")]
    before = Play(BY_NAME[name], request(name))
    before.leg(tape(name))
    assert before.way.out == tape(name)
    kept = [part for part in before.said().parts if isinstance(part, ToolCall) and part.name == left[0]]
    assert kept == [part for part in play.said().parts if isinstance(part, ToolCall)]


@every_wire
def test_a_call_goes_back_with_all_that_came_with_it(name: str) -> None:
    """Thinking, signatures, numbers as they were written."""
    play = Play(BY_NAME[name], request(name))
    both = SPOKEN[name] if name != "openai_responses" else ("exec_command", "apply_patch")
    raw = tape(name, *both)
    if name == "openai_responses":
        raw = raw.replace(b"custom_tool_call", b"function_call").replace(b'"input":"*** Begin', b'"arguments":"*** Begin')
    play.leg(raw)
    assert [call.name for call in play.clerk.calls] == ["vc_find_quote", "vc_recall_all"]
    (sent,) = play.way.bodies
    for word in {
        "anthropic": [b'"EqQBCgIYAhIM"', b'"n": 1.50', b'"caller":{"type":"direct"}', b'"thinking":"I should look."'],
        "openai_chat": [b"call_a", b"call_b", b'"Let me look."'],
        "openai_responses": [b'"encrypted_content":"enc_1"', b'"call_id":"call_1"'],
        "gemini": [b'"thoughtSignature": "bW9jay1zaWc6mraX926oMw=="', b'"id": "2ba8"'],
    }[name]:
        assert word in sent
    assert sent.count(b"result of vc_") == 2
    assert sent.startswith(request(name)[: request(name).index(b"Please look.")])


def events(raw: bytes) -> list[dict[str, Any]]:
    return [json.loads(line[6:]) for line in raw.split(b"\n") if line.startswith(b"data: {")]


def test_anthropic_block_indexes_go_on_and_thinking_of_one_leg_is_shown() -> None:
    play = Play(BY_NAME["anthropic"], request("anthropic"))
    play.leg(tape("anthropic", *SPOKEN["anthropic"]))
    play.leg(tape("anthropic"))
    begun = [event for event in events(play.way.out) if event["type"] == "content_block_start"]
    assert [event["index"] for event in begun] == list(range(5))
    assert [event["content_block"]["type"] for event in begun] == ["thinking", "text", "text", "tool_use", "tool_use"]
    kinds = [event["type"] for event in events(play.way.out)]
    assert [kinds.count(kind) for kind in ("message_start", "message_delta", "message_stop")] == [1, 1, 1]
    last = next(event for event in events(play.way.out) if event["type"] == "message_delta")
    assert last["usage"]["output_tokens"] == 160
    assert last["usage"]["input_tokens"] == 80


def test_what_the_provider_ran_itself_goes_back_as_it_was_built_up() -> None:
    raw = (TAPES / "anthropic" / "server.stream.sse").read_bytes().replace(b"pause_turn", b"tool_use")
    call = b"""event: content_block_start
data: {"type":"content_block_start","index":5,"content_block":{"type":"tool_use","id":"t5","name":"vc_recall_all","input":{}}}

event: content_block_stop
data: {"type":"content_block_stop","index":5}

"""
    at = raw.index(b"event: future_event")
    play = Play(BY_NAME["anthropic"], request("anthropic"))
    play.leg(raw[:at] + call + raw[at:])
    said = json.loads(play.way.bodies[0])["messages"][-2]
    expected = json.loads((TAPES / "anthropic" / "server.reply.json").read_bytes())["content"]
    expected[2]["content"] = said["content"][2]["content"]
    assert said["content"] == [*expected, {"type": "tool_use", "id": "t5", "name": "vc_recall_all", "input": {}}]
    assert said["content"][2]["content"][0]["url"] == "https://example.org"


def test_responses_numbers_go_on_and_reasoning_that_led_to_our_call_is_not_kept() -> None:
    wire = BY_NAME["openai_responses"]
    said = Reply((Thinking("I should look."), ToolCall("call_1", "vc_find_quote", "{}")), "tool_calls", Usage(1, 2), "r1", "m")
    first = wire.write(said, True).replace(b'"type":"reasoning",', b'"type":"reasoning","encrypted_content":"enc_1",')
    play = Play(wire, request("openai_responses"))
    play.leg(first)
    assert [call.name for call in play.clerk.calls] == ["vc_find_quote"]
    assert b'"encrypted_content":"enc_1"' in play.way.bodies[0], "the provider gets it back"
    assert b'"encrypted_content":"vc:spent"' in play.way.out
    play.leg(tape("openai_responses", kind="text.stream.sse"))
    told = events(play.way.out)
    assert [event["sequence_number"] for event in told] == list(range(len(told)))
    whole = told[-1]["response"]
    assert told[-1]["type"] == "response.completed"
    assert [item["type"] for item in whole["output"]] == ["message"]
    added = [event["output_index"] for event in told if event["type"] == "response.output_item.added"]
    assert added == list(range(len(added)))
    items = [{"role": "user", "content": "Please look."}, *(e["item"] for e in told if e["type"] == "response.output_item.done")]
    body = json.dumps({"model": "m", "input": items}).encode()
    assert mended(wire, body) == (DropMessages(1, 2),)
    assert mended(wire, request(wire.name)) == ()


def mended(wire: Wire, body: bytes, kept: Mapping[str, Kept] = MappingProxyType({})) -> tuple[Edit, ...]:
    document = Document(body)
    return wire.mend(document, wire.read(document), kept)


def test_what_is_built_on_a_streamed_response_is_led_to_the_one_that_ended_it() -> None:
    wire = BY_NAME["openai_responses"]
    play = Play(wire, request(wire.name))
    call = ToolCall("c1", "vc_find_quote", "{}")
    play.leg(wire.write(Reply((Text("First."), call), "tool_calls", Usage(5, 6), "resp_a", "m"), True))
    both = (ToolCall("c2", "vc_recall_all", "{}"), ToolCall("c3", "look", "{}"))
    play.leg(wire.write(Reply(both, "tool_calls", Usage(5, 6), "resp_b", "m"), True))
    assert {event["response"]["id"] for event in events(play.way.out) if "response" in event} == {"resp_a"}
    (kept,) = play.clerk.kept
    assert (kept.first, kept.last) == ("resp_a", "resp_b")
    known = {kept.first: kept}
    result = {"type": "function_call_output", "call_id": "c3", "output": "well"}
    body = json.dumps({"model": "m", "previous_response_id": "resp_a", "input": [result]}).encode()
    document = Document(body)
    prompt = wire.read(document)
    sent = json.loads(wire.render(document, prompt, wire.mend(document, prompt, known)))
    assert sent["previous_response_id"] == "resp_b"
    late = {"type": "function_call_output", "call_id": "c2", "output": "late result of vc_recall_all"}
    assert sent["input"] == [late, result]
    other = body.replace(b"resp_a", b"resp_z")
    assert mended(wire, other, known) == ()


def test_the_signature_of_our_call_goes_to_the_clients_first_one() -> None:
    play = Play(BY_NAME["gemini"], request("gemini"))
    play.leg(tape("gemini", "shell"))
    calls = [part for event in events(play.way.out) for part in event["candidates"][0]["content"]["parts"] if "functionCall" in part]
    assert [part["functionCall"]["name"] for part in calls] == ["read"]
    assert calls[0]["thoughtSignature"] == "bW9jay1zaWc6mraX926oMw=="


@every_wire
def test_a_call_that_was_cut_off_by_the_limit_is_not_executed(name: str) -> None:
    wire = BY_NAME[name]
    play = Play(wire, request(name))
    play.leg(wire.write(Reply((Text("Let me"), ToolCall("c", "vc_find_quote", "{}")), "length", Usage(1, 2), "r", "m"), True))
    assert not play.clerk.calls
    assert play.way.ended
    assert play.said().finish == "length"
    assert b"vc_" not in play.way.out


@every_wire
def test_a_half_told_call_of_the_clients_in_a_later_leg_ends_in_a_break(name: str) -> None:
    wire = BY_NAME[name]
    play = Play(wire, request(name))
    play.leg(wire.write(Reply((ToolCall("c", "vc_find_quote", "{}"),), "tool_calls", Usage(1, 2), "r", "m"), True))
    raw = wire.write(Reply((Text("So."), ToolCall("c2", "look", '{"place":"here"}')), "tool_calls", Usage(1, 2), "r", "m"), True)
    place = raw.index(b"look")
    half = raw[: raw.index(b"\n\n", place) + 2]
    play.legs.begin(EVENTS, False)
    play.legs.deliver(half, False, ())
    assert play.legs.failed() is (name == "gemini"), "a call in Gemini is never half told"
    assert b"So." in play.way.out
    assert b"vc_" not in play.way.out


@every_wire
def test_a_stream_that_cannot_be_read_passes_as_it_comes(name: str) -> None:
    play = Play(BY_NAME[name], request(name))
    raw = b'data: \xff{]\n\nid: 7\ndata: not json\n\n: comment\n\ndata: {"type":5}\n\ndata: {"choices":[3]}\n\n'
    play.leg(raw, [3, 9, 20])
    assert play.way.out == raw
    assert play.way.ended
    assert not play.way.broken


@every_wire
def test_a_whole_answer_that_cannot_be_read_passes_as_it_came(name: str) -> None:
    for raw in (b'{"error":{"message":"no"}}', b"not json", b"[1,2]", b""):
        play = Play(BY_NAME[name], request(name))
        play.whole(raw)
        assert play.way.out == raw
        assert play.way.modes == ["pass"]


@every_wire
def test_usage_of_whole_answers_is_summed(name: str) -> None:
    wire = BY_NAME[name]
    play = Play(wire, request(name))
    call = ToolCall("c", "vc_find_quote", "{}")
    play.whole(wire.write(Reply((Text("One."), call), "tool_calls", Usage(100, 10, 40), "r1", "m"), False))
    play.whole(wire.write(Reply((call,), "tool_calls", Usage(200, 20, 80), "r2", "m"), False))
    play.whole(wire.write(Reply((Text("Two."),), "stop", Usage(300, 30, 120), "r3", "m"), False))
    found = wire.reply(play.way.out)
    assert found.usage is not None
    assert (found.usage.input_tokens, found.usage.output_tokens, found.usage.cache_read_tokens) == (600, 60, 240)
    assert len(play.way.bodies) == 2
    assert play.way.modes == ["whole"]


@every_wire
def test_where_even_the_plain_request_fails_what_was_said_is_told_as_cut_off(name: str) -> None:
    wire = BY_NAME[name]
    call = ToolCall("c", "vc_find_quote", "{}")
    for words, told in ((("Let me look.",), True), ((), False)):
        play = Play(wire, request(name))
        play.whole(wire.write(Reply((*map(Text, words), call), "tool_calls", Usage(5, 6), "r1", "m"), False))
        assert play.legs.failed(), "the plain request is made"
        assert play.way.bodies[-1] == b'{"plain":1}'
        assert play.legs.failed() is told
        assert play.way.ended is told
        if told:
            found = wire.reply(play.way.out)
            assert [part.text for part in found.parts if isinstance(part, Text)] == list(words)
            assert not [part for part in found.parts if isinstance(part, ToolCall)]
            assert found.finish == ("other" if name == "gemini" else "length")
            assert found.usage is not None
            assert found.usage.input_tokens == 5


@every_wire
def test_a_stream_without_an_end_in_a_later_leg_has_failed(name: str) -> None:
    wire = BY_NAME[name]
    play = Play(wire, request(name))
    play.leg(wire.write(Reply((Text("So."), ToolCall("c", "vc_find_quote", "{}")), "tool_calls", Usage(5, 6), "r1", "m"), True))
    well = wire.write(Reply((Text("Well."),), "stop", Usage(1, 1), "r2", "m"), True)
    play.leg(well[: well.index(b"\n\n", well.index(b"Well.")) + 2].replace(b'"finishReason":"STOP",', b""))
    assert play.way.bodies[-1] != b'{"plain":1}', "a word has reached the client"
    other = Play(wire, request(name))
    other.leg(wire.write(Reply((Text("So."), ToolCall("c", "vc_find_quote", "{}")), "tool_calls", Usage(5, 6), "r1", "m"), True))
    other.leg(b"")
    assert other.way.bodies[-1] == b'{"plain":1}'
    other.leg(wire.write(Reply((Text("Well."),), "stop", Usage(1, 1), "r2", "m"), True))
    assert other.said().finish == "stop"
    assert "Well." in str(other.said().parts)


@every_wire
def test_an_error_in_a_later_leg_is_not_the_clients(name: str) -> None:
    wire = BY_NAME[name]
    errors = {
        "anthropic": b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"x"}}\n\n',
        "openai_chat": b'data: {"error":{"message":"x"}}\n\n',
        "openai_responses": b'event: error\ndata: {"type":"error","sequence_number":1,"message":"x"}\n\n',
        "gemini": b'data: {"error":{"code":503,"message":"x"}}\n\n',
    }
    play = Play(wire, request(name))
    play.leg(wire.write(Reply((Text("So."), ToolCall("c", "vc_find_quote", "{}")), "tool_calls", Usage(5, 6), "r1", "m"), True))
    play.leg(errors[name])
    assert play.way.bodies[-1] == b'{"plain":1}'
    play.leg(errors[name])
    assert play.way.ended
    assert b'"message":"x"' not in play.way.out
    assert play.said().finish == ("other" if name == "gemini" else "length")


def chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return b"data: " + json.dumps({"id": "c", "model": "m", "choices": [choice]}).encode() + b"\n\n"


def piece(call_id: str, name: str, **more: Any) -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": "{}"}, **more}


def test_chat_calls_without_an_index_are_told_apart_by_their_ids() -> None:
    play = Play(BY_NAME["openai_chat"], request("openai_chat"))
    calls = [piece("a", "look"), piece("b", "vc_recall_all"), piece("c", "look")]
    play.leg(b"".join(chunk({"tool_calls": [call]}) for call in calls) + chunk({}, "tool_calls") + b"data: [DONE]\n\n")
    assert [call.id for call in play.clerk.deferred] == ["b"]
    assert [part.id for part in play.said().parts if isinstance(part, ToolCall)] == ["a", "c"]
    assert b"vc_" not in play.way.out
    plain = b"".join(chunk({"tool_calls": [call]}) for call in (calls[0], calls[2])) + chunk({}, "tool_calls") + b"data: [DONE]\n\n"
    other = Play(BY_NAME["openai_chat"], request("openai_chat"))
    other.leg(plain)
    assert other.way.out == plain


@pytest.mark.parametrize("text", ["", "So."])
def test_a_chat_call_of_ours_in_the_chunk_that_ends_the_answer_is_not_told(text: str) -> None:
    play = Play(BY_NAME["openai_chat"], request("openai_chat"))
    first = chunk({"role": "assistant", "tool_calls": [piece("a", "look", index=0)]})
    last = chunk({"content": text, "tool_calls": [piece("b", "vc_recall_all", index=1)]}, "tool_calls")
    play.leg(first + last + b"data: [DONE]\n\n")
    assert [call.id for call in play.clerk.deferred] == ["b"]
    assert b"vc_" not in play.way.out
    assert play.said().finish == "tool_calls"
    assert "".join(part.text for part in play.said().parts if isinstance(part, Text)) == text


@every_wire
@pytest.mark.parametrize("stream", [True, False])
def test_a_model_that_never_stops_calling_ends_in_text(name: str, stream: bool) -> None:
    wire = BY_NAME[name]
    call = ToolCall("c", "vc_find_quote", "{}")
    for words, told in (((), UNANSWERED), (("Let me look.",), "Let me look.")):
        play = Play(wire, request(name))
        for number in range(12):
            first = tuple(map(Text, words)) if not number else ()
            leg = wire.write(Reply((*first, call), "tool_calls", Usage(5, 6), f"r{number}", "m"), stream)
            (play.leg if stream else play.whole)(leg)
            if play.way.ended:
                break
        assert play.way.ended
        assert not play.way.broken
        found = play.said() if stream else wire.reply(play.way.out)
        assert "".join(part.text for part in found.parts if isinstance(part, Text)) == told
        assert not any(isinstance(part, ToolCall) for part in found.parts)
        assert found.finish == "stop"
        assert b"vc_find" not in play.way.out
