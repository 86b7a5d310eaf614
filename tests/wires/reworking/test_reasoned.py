"""A request with another model's thoughts, and the answer that begins with them: in every wire, over several legs, where nothing fits."""

from __future__ import annotations

import json

import pytest

from backstory.app.gateway.translating import TONGUES_BY_NAME
from backstory.core.message import Text, Thinking, ToolCall
from backstory.core.reply import Reply, Usage
from backstory.relay.decoding import read_reply
from backstory.wires.reworking.overheard import Overheard
from backstory.wires.reworking.reasoned import Reasoned
from tests.paging import BY_NAME, tools
from tests.rig import PATHS, asking

WIRES = list(BY_NAME)
THOUGHT = 'Two and two is "four" – surely.\n\nAsk nobody.'
SSE = ((b"Content-Type", b"text/event-stream"),)
JSON = ((b"Content-Type", b"application/json"),)
NOTE = (b"X-VC-Reasoner", b"mind=thought")


def made(wire: str, thought: str = THOUGHT, stream: bool = True) -> Reasoned:
    path = PATHS[wire].replace("generateContent", "streamGenerateContent") if stream else PATHS[wire]
    return Reasoned(TONGUES_BY_NAME[wire], BY_NAME[wire], path, "alt=sse" if stream else "", thought, 7, NOTE)


def body(wire: str, *messages: tuple[str, str], **more: object) -> bytes:
    needed: dict[str, object] = {"max_tokens": 10} if wire == "anthropic" else {}
    streams: dict[str, object] = {} if wire == "gemini" else {"stream": True}
    return asking(wire, messages or [("user", "Hello.")], **{**needed, **streams, **more})


def answer(wire: str, *parts: Text | ToolCall) -> bytes:
    finish = "tool_calls" if any(isinstance(part, ToolCall) for part in parts) else "stop"
    return BY_NAME[wire].write(Reply(parts, finish, Usage(3, 4), "r1", "m"), True)  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [1, 7, 100_000])
@pytest.mark.parametrize("wire", WIRES)
def test_a_stream_begins_with_the_thought_however_it_is_cut(wire: str, size: int) -> None:
    one = made(wire)
    one.ask(body(wire))
    mode, headers = one.begin(200, SSE)
    assert mode == "stream"
    assert NOTE in headers
    raw = answer(wire, Text("It is four."), ToolCall("c1", "look", '{"a":1}'))
    out = b"".join(one.chunk(raw[at : at + size]) for at in range(0, len(raw), size)) + one.tail()
    found = read_reply(BY_NAME[wire], "text/event-stream", "", out)
    assert found is not None
    assert not found.cut
    assert [type(part) for part in found.parts] == [Thinking, Text, ToolCall]
    assert found.parts[0].text == THOUGHT  # type: ignore[union-attr]
    assert found.parts[1].text == "It is four."  # type: ignore[union-attr]
    assert found.usage is not None
    assert (found.usage.input_tokens, found.usage.output_tokens) == (3, 11)


@pytest.mark.parametrize("wire", WIRES)
def test_a_later_leg_has_the_reasoning_where_it_was_and_no_second_thought(wire: str) -> None:
    ours = frozenset({"vc_find_quote"})
    talk = BY_NAME[wire].talk(body(wire, tools=tools(wire)), ours, "")
    one = made(wire)
    first = one.ask(body(wire, tools=tools(wire)))
    one.begin(200, SSE)
    told = one.chunk(answer(wire, Text("Let me look."), ToolCall("c", "vc_find_quote", "{}"))) + one.tail()
    reader = BY_NAME[wire].reader("text/event-stream")
    for frame in (*reader.feed(told), *reader.close()):
        talk.frame(frame)
    leg = talk.over()
    assert [call.name for call in leg.calls] == ["vc_find_quote"]
    second = one.ask(talk.go_on(["found"], False))
    key = {"openai_responses": "input", "gemini": "contents"}.get(wire, "messages")
    before, after = json.loads(first)[key], json.loads(second)[key]
    assert json.dumps(before).count("<reasoning>") == 1
    assert after[: len(before)] == before
    assert json.dumps(after).count(json.dumps(THOUGHT)[1:-1]) == (2 if wire == "gemini" else 1), "Google's passes over thoughts"
    assert b"backstory:" not in second
    assert one.begin(200, SSE)[0] == "pass"


@pytest.mark.parametrize("wire", WIRES)
def test_the_reasoning_stands_behind_what_was_said_last(wire: str) -> None:
    key = {"openai_responses": "input", "gemini": "contents"}.get(wire, "messages")
    talk = [("user", "Hello."), ("assistant", "Hi."), ("user", "And now?")]
    out = json.loads(made(wire).ask(body(wire, *talk)))
    before = json.loads(body(wire, *talk))
    assert out[key][:2] == before[key][:2]
    assert json.dumps(out[key][2]).index("And now?") < json.dumps(out[key][2]).index("<reasoning>")
    assert {name: value for name, value in out.items() if name != key} == {name: value for name, value in before.items() if name != key}
    # Words that the client has put into the model's mouth stay last.
    out = json.loads(made(wire).ask(body(wire, *talk, ("assistant", "Well,"))))
    assert out[key][3] == json.loads(body(wire, *talk, ("assistant", "Well,")))[key][3]
    assert "<reasoning>" in json.dumps(out[key][2])


def test_after_the_results_of_tools_it_is_a_message_of_its_own() -> None:
    messages = [
        {"role": "user", "content": "Look."},
        {"role": "assistant", "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "c", "content": "It rains."},
    ]
    out = json.loads(made("openai_chat").ask(json.dumps({"model": "m", "messages": messages}).encode()))
    assert out["messages"][:3] == messages
    assert out["messages"][3]["role"] == "user"
    assert THOUGHT in out["messages"][3]["content"]


@pytest.mark.parametrize("wire", WIRES)
def test_without_a_thought_nothing_is_changed_and_it_is_noted(wire: str) -> None:
    one = made(wire, thought="")
    asked = body(wire)
    assert one.ask(asked) is asked
    mode, headers = one.begin(200, SSE)
    assert (mode, headers) == ("stream", (*SSE, NOTE))
    raw = answer(wire, Text("Hello."))
    assert one.chunk(raw) + one.tail() == raw


@pytest.mark.parametrize("wire", WIRES)
def test_what_is_no_answer_passes(wire: str) -> None:
    one = made(wire)
    one.ask(body(wire))
    assert one.begin(500, JSON) == ("pass", JSON)
    assert one.begin(200, JSON)[0] == "whole"
    assert one.whole(b"not json") == (200, b"not json")
    assert one.begin(200, SSE)[0] == "stream"
    assert one.chunk(b"data: {broken\n\n") + one.tail() == b"data: {broken\n\n"
    assert one.begin(200, (*SSE, (b"Content-Encoding", b"gzip")))[0] == "stream"
    assert one.chunk(b"\x1f\x8b") == b"\x1f\x8b"


@pytest.mark.parametrize("wire", WIRES)
def test_a_call_ends_the_listening_and_an_error_is_kept(wire: str) -> None:
    heard = Overheard(TONGUES_BY_NAME[wire], BY_NAME[wire], "text/event-stream", 12)
    assert heard.hear(answer(wire, ToolCall("c1", "look", '{"a":1}')))
    assert heard.text == ""
    whole = Overheard(TONGUES_BY_NAME[wire], BY_NAME[wire], "application/json", 12)
    assert not whole.hear(BY_NAME[wire].error(500, "api_error", "out of order"))
    whole.over()
    assert "out of order" in whole.failed
    assert (whole.usage.input_tokens, whole.exact) == (12, False)
