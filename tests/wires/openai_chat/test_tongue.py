"""Chat Completions in translation: oddities of compatible providers, and what a request becomes. The laws are in tests/laws."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec import Raw

from backstory.core.reply import Usage
from backstory.core.translation import (
    Answered,
    Asked,
    Begun,
    Broke,
    Choice,
    Closed,
    Ended,
    Event,
    Failure,
    Function,
    More,
    Opened,
    Reasoning,
    Result,
    Said,
    Sampling,
    Sight,
    Thought,
    Use,
    Waits,
    Words,
)
from backstory.errors import DocumentError
from backstory.wires.openai_chat.tongue import OpenAIChatTongue
from backstory.wires.sse import SSEReader, event
from backstory.wires.translation.translate import events_of, gathered

TONGUE = OpenAIChatTongue()
ASKED = Asked("m", True, (), ())
LOOK = Function("look", "Looks.", b'{"type":"object"}')


def chunk(delta: dict[str, Any] | None = None, finish: str | None = None, **more: Any) -> bytes:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    return event(json.dumps({"id": "chatcmpl-1", "model": "m", "created": 5, "choices": choices, **more}).encode())


def heard(*chunks: bytes) -> list[Event]:
    reader, listener = SSEReader(), TONGUE.listener()
    frames = [*reader.feed(b"".join(chunks)), *reader.close()]
    return [*[one for frame in frames for one in listener.events(frame)], *listener.over()]


def whole(*chunks: bytes) -> Answered:
    found = gathered(heard(*chunks))
    assert isinstance(found, Answered)
    return found


def call(arguments: str, **more: Any) -> dict[str, Any]:
    name = more.pop("name", None)
    return {**more, "function": {"arguments": arguments, **({"name": name} if name else {})}}


DONE = event(b"[DONE]")


def test_a_usual_stream_is_told_piece_by_piece() -> None:
    events = heard(
        chunk({"role": "assistant", "content": ""}),
        chunk({"content": "He"}),
        chunk({"content": "llo"}),
        chunk({}, "stop"),
        chunk(usage={"prompt_tokens": 9, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 4}}),
        DONE,
    )
    assert events == [
        Begun("chatcmpl-1", "m", None, 5),
        Opened(0, Words("")),
        More(0, "He"),
        More(0, "llo"),
        Closed(0, Words("Hello")),
        Ended("stop", Usage(9, 3, 4)),
    ]


def test_calls_without_an_index_are_told_apart_by_their_ids() -> None:
    found = whole(
        chunk({"tool_calls": [call('{"a":', id="c1", name="look")]}),
        chunk({"tool_calls": [call("1}")]}),
        chunk({"tool_calls": [call("{}", id="c2", name="read")]}, "tool_calls"),
    )
    assert found.pieces == (Use("c1", "look", '{"a":1}'), Use("c2", "read", "{}"))
    assert found.finish == "tool_calls"


def test_calls_that_all_have_index_0_are_told_apart_by_their_ids() -> None:
    found = whole(
        chunk({"tool_calls": [call("{}", index=0, id="c1", name="look"), call("{}", index=0, id="c2", name="look")]}, "stop"), DONE
    )
    assert found.pieces == (Use("c1", "look", "{}"), Use("c2", "look", "{}"))
    assert found.finish == "tool_calls", "though the provider said stop"


def test_an_id_and_a_name_that_are_repeated_change_nothing() -> None:
    found = whole(
        chunk({"tool_calls": [call('{"a"', index=0, id="c1", name="look")]}),
        chunk({"tool_calls": [call(":1}", index=0, id="c1", name="look")]}, "tool_calls"),
        DONE,
    )
    assert found.pieces == (Use("c1", "look", '{"a":1}'),)


def test_arguments_of_two_calls_may_come_by_turns() -> None:
    found = whole(
        chunk({"tool_calls": [call("", index=0, id="c1", name="look")]}),
        chunk({"tool_calls": [call("", index=1, id="c2", name="look")]}),
        chunk({"tool_calls": [call('{"a":', index=0)]}),
        chunk({"tool_calls": [call("{}", index=1)]}),
        chunk({"tool_calls": [call("1}", index=0)]}, "tool_calls"),
        DONE,
    )
    assert found.pieces == (Use("c1", "look", '{"a":1}'), Use("c2", "look", "{}"))


def test_a_name_may_come_after_the_first_arguments_and_an_id_not_at_all() -> None:
    found = whole(chunk({"tool_calls": [call('{"a"', index=0)]}), chunk({"tool_calls": [call(":1}", index=0, name="look")]}, "tool_calls"))
    (use,) = found.pieces
    assert isinstance(use, Use)
    assert (use.name, use.arguments) == ("look", '{"a":1}')
    assert use.id.startswith("call_")


def test_text_and_the_end_may_be_in_one_chunk_and_done_may_be_missing() -> None:
    found = whole(chunk({"role": "assistant", "content": "All."}, "length", usage={"prompt_tokens": 2, "completion_tokens": 1}))
    assert (found.pieces, found.finish, found.usage) == ((Words("All."),), "length", Usage(2, 1))


def test_a_stream_that_breaks_off_has_no_end() -> None:
    events = heard(chunk({"content": "Half"}))
    assert not any(isinstance(one, Ended | Closed) for one in events)
    with pytest.raises(DocumentError):
        gathered(events)


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_thoughts_come_before_the_text(name: str) -> None:
    found = whole(chunk({name: "Hm"}), chunk({name: "m."}), chunk({"content": "Yes."}), chunk({}, "stop"), DONE)
    assert found.pieces == (Thought("Hmm."), Words("Yes."))


def test_a_thought_beside_its_details_is_told_once_and_keeps_its_signature() -> None:
    def details(text: str, **more: str) -> dict[str, Any]:
        return {"reasoning_details": [{"type": "reasoning.text", "text": text, "format": "anthropic-claude-v1", "index": 0, **more}]}

    found = whole(
        chunk({"reasoning": "Hm", **details("Hm")}),
        chunk({"reasoning": "m.", **details("m.")}),
        chunk(details("", signature="c2ln")),
        chunk({"content": "Yes."}, "stop"),
        DONE,
    )
    assert found.pieces == (Thought("Hmm.", "c2ln", "anthropic"), Words("Yes."))


def test_an_error_in_the_stream_is_the_end_of_it() -> None:
    error = event(b'{"error":{"message":"Overloaded","type":"server_error","code":503}}')
    events = heard(chunk({"content": "Half"}), error, chunk({"content": "more"}), DONE)
    assert events[-1] == Broke(Failure(503, "overloaded", "Overloaded", "server_error"))
    assert sum(isinstance(one, Broke) for one in events) == 1


def test_what_is_said_beside_the_point_does_not_spoil_a_stream() -> None:
    delta = b'{"content":"Hi","role":1,"tool_calls":[null]}'
    odd = b'{"id":7,"created":"now","model":null,"choices":[null,{"index":"0","delta":' + delta + b'}],"usage":[]}'
    found = whole(event(odd), chunk({}, "stop"), DONE)
    assert (found.pieces, found.finish, found.usage) == ((Words("Hi"),), "stop", None)


def test_a_comment_is_a_sign_of_life() -> None:
    assert heard(b": OPENROUTER PROCESSING\n\n") == [Waits()]


def test_an_azure_stream_begins_with_a_chunk_without_choices() -> None:
    first = event(b'{"id":"","model":"","choices":[],"prompt_filter_results":[]}')
    assert heard(first, chunk({"content": "Hi"}, "stop"), DONE)[0] == Begun("chatcmpl-1", "m", None, 5)


def written(answered: Answered, asked: Asked = ASKED) -> list[dict[str, Any]]:
    teller = TONGUE.teller(asked)
    raw = b"".join([teller.tell(one) for one in events_of(answered)]) + teller.end()
    blocks = raw.decode().split("\n\n")
    assert blocks[-2:] == ["data: [DONE]", ""]
    return [json.loads(block.removeprefix("data: ")) for block in blocks[:-2]]


def test_usage_is_told_only_where_it_was_asked_for() -> None:
    answered = Answered("1", "m", (Words("Hi"),), "stop", Usage(9, 3, 4), thoughts=2)
    asked = Asked("m", True, (), (), usage=True)
    last = written(answered, asked)[-1]
    assert last["choices"] == []
    assert last["usage"]["prompt_tokens"] == 9
    assert last["usage"]["completion_tokens_details"] == {"reasoning_tokens": 2}
    assert all("usage" not in one for one in written(answered, TONGUE.asked(b'{"model":"m","messages":[],"stream":true}', "", "")))


def test_a_client_of_functions_is_answered_with_one_function_call() -> None:
    given = {"model": "m", "messages": [], "functions": [{"name": "look", "parameters": {}}], "function_call": {"name": "look"}}
    asked = TONGUE.asked(json.dumps(given).encode(), "", "")
    assert asked.legacy
    assert asked.parallel is False
    assert asked.choice == Choice("tool", "look")
    answered = Answered("1", "m", (Use("c1", "look", '{"a":1}'),), "tool_calls")
    choice = json.loads(TONGUE.answer(answered, asked))["choices"][0]
    assert choice["message"]["function_call"] == {"name": "look", "arguments": '{"a":1}'}
    assert choice["finish_reason"] == "function_call"
    deltas = [one["choices"][0]["delta"] for one in written(answered, asked)]
    assert {"function_call": {"arguments": '{"a":1}'}} in deltas
    assert not any("tool_calls" in delta for delta in deltas)


@pytest.mark.parametrize("legacy", [False, True])
def test_a_call_without_arguments_has_those_of_an_object_without_members(legacy: bool) -> None:
    asked = Asked("m", True, (), (), legacy=legacy)
    teller = TONGUE.teller(asked)
    # As Claude's stream begins such a call, and says nothing more of it.
    begun: list[Event] = [Begun("1", "m"), Opened(0, Use("c1", "look", "")), More(0, ""), Closed(0, Use("c1", "look", "{}"))]
    told = b"".join([teller.tell(one) for one in (*begun, Ended("tool_calls"))]) + teller.end()
    assert told.count(b'{"arguments":"{}"}') == 1
    for arguments in ("", "{}"):
        whole_one = json.loads(TONGUE.answer(Answered("1", "m", (Use("c1", "look", arguments),), "tool_calls"), asked))
        message = whole_one["choices"][0]["message"]
        call = message["function_call"] if legacy else message["tool_calls"][0]["function"]
        assert call == {"name": "look", "arguments": "{}"}


def test_a_tool_of_free_text_is_called_with_free_text() -> None:
    patch = Function("patch", "", b"", custom=True)
    asked = Asked("m", True, (), (), tools=(patch,))
    answered = Answered("1", "m", (Use("c1", "patch", '{"input":"*** Begin"}'),), "tool_calls")
    wanted = {"id": "c1", "type": "custom", "custom": {"name": "patch", "input": "*** Begin"}}
    assert json.loads(TONGUE.answer(answered, asked))["choices"][0]["message"]["tool_calls"] == [wanted]
    deltas = [one["choices"][0]["delta"] for one in written(answered, asked)]
    assert {"tool_calls": [{"index": 0, **wanted}]} in deltas


def sent(asked: Asked) -> tuple[dict[str, Any], set[str]]:
    body, losses = TONGUE.ask(asked)
    return json.loads(body), {loss.what for loss in losses}


def test_what_a_tool_shows_follows_its_results() -> None:
    picture = Sight("image", "image/png", "iVBORw0KGgo=")
    said = (
        Said("assistant", (Use("c1", "look", "{}"), Use("c2", "look", "{}"))),
        Said("user", (Result("c1", "look", (Words("seen"), picture), error=True), Result("c2", "look", ()), Words("And now?"))),
    )
    body, lost = sent(Asked("gpt-5", False, (), said, tools=(LOOK,)))
    roles = [(one["role"], one.get("tool_call_id")) for one in body["messages"]]
    assert roles == [("assistant", None), ("tool", "c1"), ("tool", "c2"), ("user", None), ("user", None)]
    assert body["messages"][1]["content"] == "Error: seen"
    assert body["messages"][3]["content"][1]["image_url"]["url"] == "data:image/png;base64,iVBORw0KGgo="
    assert body["messages"][4]["content"] == "And now?"
    assert lost == {"is_error", "tool_result media"}


@pytest.mark.parametrize(
    ("model", "reasoning", "effort"),
    [
        ("gpt-4o", Reasoning("high"), None),
        ("o3", Reasoning("xhigh"), "high"),
        ("gpt-5", Reasoning("", 1500), "minimal"),
        ("gpt-5", Reasoning("none"), "minimal"),
        ("gpt-5.2", Reasoning("xhigh"), "xhigh"),
        ("deepseek-reasoner", Reasoning("", 31_999), "high"),
        ("gpt-5", Reasoning(shown=True), None),
    ],
)
def test_effort_is_what_the_model_knows(model: str, reasoning: Reasoning, effort: str | None) -> None:
    body, _ = sent(Asked(model, False, (), (), reasoning=reasoning))
    assert body.get("reasoning_effort") == effort


@pytest.mark.parametrize(
    ("model", "name"), [("gpt-5", "max_completion_tokens"), ("openai/o3", "max_completion_tokens"), ("qwen3", "max_tokens")]
)
def test_the_limit_of_the_answer_has_the_name_that_the_model_takes(model: str, name: str) -> None:
    body, _ = sent(Asked(model, False, (), (), sampling=Sampling(most=77)))
    assert body[name] == 77


def test_names_and_ids_that_openai_refuses_are_shortened() -> None:
    long = "mcp__server__" + "tool_" * 20
    said = (Said("assistant", (Use("c" * 60, long, "{}"),)), Said("user", (Result("c" * 60, long, ()),)))
    body, lost = sent(Asked("gpt-5", False, (), said, tools=(Function(long, "", b"{}"),), choice=Choice("tool", long)))
    name = body["tools"][0]["function"]["name"]
    assert len(name) <= 64
    assert body["tool_choice"]["function"]["name"] == name == body["messages"][0]["tool_calls"][0]["function"]["name"]
    assert body["messages"][1]["tool_call_id"] == body["messages"][0]["tool_calls"][0]["id"]
    assert len(body["messages"][1]["tool_call_id"]) <= 40
    assert lost == {"tool names", "tool ids"}


def test_thoughts_go_back_to_a_compatible_provider_but_not_to_those_that_refuse_them() -> None:
    def talk(number: int) -> tuple[Said, ...]:
        return (
            Said("user", (Words("Look."),)),
            Said("assistant", (Thought(f"Hmm {number}."), Use(f"c{number}", "look", "{}"))),
            Said("user", (Result(f"c{number}", "look", (Words("seen"),)),)),
        )

    body, lost = sent(Asked("deepseek-reasoner", False, (), (*talk(1), *talk(2))))
    assert [one["reasoning_content"] for one in body["messages"] if "reasoning_content" in one] == ["Hmm 1.", "Hmm 2."]
    assert lost == set()
    for model in ("gpt-5", "openai/gpt-oss-120b", "mistral-large", "devstral-2512"):
        body, lost = sent(Asked(model, False, (), talk(1)))
        assert not any("reasoning_content" in one for one in body["messages"])
        assert lost == {"thoughts"}


def test_members_that_only_another_wire_knows_are_lost_by_name() -> None:
    asked = Asked("gpt-5", False, (), (), others=(("mcp_servers", Raw(b"[]")),), wire="anthropic")
    body, lost = sent(asked)
    assert lost == {"mcp_servers"}
    assert "mcp_servers" not in body


@pytest.mark.parametrize(
    ("status", "body", "code", "message"),
    [
        (
            400,
            b'{"error":{"message":"too long","type":"invalid_request_error","code":"context_length_exceeded"}}',
            "context_length",
            "too long",
        ),
        (429, b'{"error":{"message":"no money","code":"insufficient_quota"}}', "rate_limit", "no money"),
        (502, b"<html><head><style>x{}</style></head><body><h1>Bad Gateway</h1></body></html>", "server", "Bad Gateway"),
        (503, b"", "overloaded", "the provider answered 503 without a word"),
        (400, b'{"error":"model not loaded"}', "invalid_request", "model not loaded"),
        (401, b"\xff\xfe", "authentication", "\ufffd\ufffd"),
    ],
)
def test_errors_are_read_in_any_shape(status: int, body: bytes, code: str, message: str) -> None:
    failure = TONGUE.failed(status, body)
    assert (failure.status, failure.code, failure.message) == (status, code, message)


def test_errors_are_written_as_openai_does() -> None:
    status, body = TONGUE.failure(Failure(529, "overloaded", "Overloaded", "overloaded_error"))
    assert status == 503
    assert json.loads(body)["error"]["message"] == "Overloaded"
    _, body = TONGUE.failure(Failure(400, "context_length", "prompt is too long"))
    assert json.loads(body)["error"]["code"] == "context_length_exceeded"


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"model":"m"}', b'{"messages":[{"role":"alien"}]}', b'{"messages":[1]}', b"\xff"])
def test_what_is_no_request_is_a_document_error(body: bytes) -> None:
    with pytest.raises(DocumentError):
        TONGUE.asked(body, "/v1/chat/completions", "")


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"choices":[]}', b'{"choices":[{}]}', b"<html>"])
def test_what_is_no_answer_is_a_document_error(body: bytes) -> None:
    with pytest.raises(DocumentError):
        TONGUE.answered(body)


def test_an_error_with_status_200_is_an_error() -> None:
    failure = TONGUE.answered(b'{"error":{"message":"Slow down.","code":429}}')
    assert failure == Failure(429, "rate_limit", "Slow down.")


def test_a_summary_that_nobody_gives_is_told_of_where_tools_leave_no_reasoning_either() -> None:
    asked = Asked("gpt-5.2", False, (), (Said("user", (Words("hi"),)),), (LOOK,), reasoning=Reasoning("", 0, summary="auto"))
    body, losses = TONGUE.ask(asked)
    assert json.loads(body)["reasoning_effort"] == "none"
    assert [loss.what for loss in losses] == ["reasoning.summary"]
