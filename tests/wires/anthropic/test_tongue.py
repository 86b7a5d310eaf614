"""Anthropic Messages in translation: what a request becomes, whole streams, errors. The laws are in tests/laws."""

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
    Builtin,
    Choice,
    Closed,
    Ended,
    Event,
    Failure,
    Format,
    Function,
    More,
    Odd,
    Opened,
    Piece,
    Reasoning,
    Refusal,
    Result,
    Said,
    Sampling,
    Sealed,
    Sight,
    Thought,
    Use,
    Waits,
    Words,
)
from backstory.errors import DocumentError
from backstory.wires.anthropic.tongue import AnthropicTongue
from backstory.wires.sse import SSEReader, event
from backstory.wires.translation.translate import events_of, gathered

TONGUE = AnthropicTongue()
LOOK = Function("look", "Looks.", b'{"type":"object"}')
HELLO = (Said("user", (Words("Hello"),)),)


def sent(asked: Asked) -> tuple[dict[str, Any], set[str]]:
    body, losses = TONGUE.ask(asked)
    return json.loads(body), {loss.what for loss in losses}


def typed(kind: str, **members: Any) -> bytes:
    return event(json.dumps({"type": kind, **members}).encode(), kind)


def heard(*events: bytes) -> list[Event]:
    reader, listener = SSEReader(), TONGUE.listener()
    frames = [*reader.feed(b"".join(events)), *reader.close()]
    return [*[one for frame in frames for one in listener.events(frame)], *listener.over()]


def told(events: list[Event]) -> list[tuple[str, dict[str, Any]]]:
    teller = TONGUE.teller(Asked("m", True, (), ()))
    raw = (b"".join([teller.tell(one) for one in events]) + teller.end()).decode()
    out = []
    for block in raw.split("\n\n")[:-1]:
        name, _, data = block.partition("\n")
        found = json.loads(data.removeprefix("data: "))
        assert name == f"event: {found['type']}"
        out.append((found["type"], found))
    return out


# --- requests


def test_messages_alternate_and_results_stand_first() -> None:
    said = (
        Said("user", (Words("Look."),)),
        Said("assistant", (Use("c1", "look", "{}"), Use("functions.look:1", "look", ""))),
        Said("user", (Result("c1", "look", (Words("one"),)),)),
        Said("system", (Words("Be brief."),)),
        Said("user", (Words("Well?"), Result("functions.look:1", "look", (), error=True))),
    )
    body, lost = sent(Asked("claude-opus-4-5", False, (), said, tools=(LOOK,), wire="openai_chat"))
    assert [one["role"] for one in body["messages"]] == ["user", "assistant", "user"]
    calls, last = body["messages"][1]["content"], body["messages"][2]["content"]
    assert [block["type"] for block in last] == ["tool_result", "tool_result", "text", "text"]
    assert last[1]["tool_use_id"] == calls[1]["id"]
    assert calls[1]["input"] == {}
    assert last[1]["is_error"] is True
    assert last[2]["text"] == "<system>\nBe brief.\n</system>"
    assert lost == {"system messages", "tool ids"}


def test_a_conversation_begins_with_a_user_and_has_no_empty_text() -> None:
    said = (Said("assistant", (Words("Hi!"),)), Said("user", (Words(" \n"), Words("x"), Words(""))))
    body, lost = sent(Asked("m", False, (Words(""),), said))
    assert body["messages"] == [{"role": "user", "content": "."}, {"role": "assistant", "content": "Hi!"}, {"role": "user", "content": "x"}]
    assert "system" not in body
    assert lost == {"messages", "blank"}


@pytest.mark.parametrize("nothing", [(Words(""),), ()], ids=["empty", "absent"])
@pytest.mark.parametrize("first", [(Sight("audio", "audio/wav", "UklGRg=="),), (Words(" "),), (), (Words("Listen."),)])
def test_a_beginning_that_is_not_sent_stays_so_whatever_follows_it(first: tuple[Piece, ...], nothing: tuple[Piece, ...]) -> None:
    """The provider's prompt cache goes by the beginning."""
    said = (Said("user", first), Said("assistant", nothing), Said("user", (Sight("image", "image/png", "iVBORw0KGgoAAAANSUhEUg=="),)))
    short, long = (sent(Asked("claude-sonnet-4-5", False, (), said[:many], wire="openai_chat"))[0]["messages"] for many in (2, 3))
    assert short == long[:1]
    assert len(long) == 2


@pytest.mark.parametrize(
    ("model", "reasoning", "most", "thinking", "tokens"),
    [
        ("claude-sonnet-4-5", Reasoning("low"), None, {"type": "enabled", "budget_tokens": 4096}, 32_000),
        ("claude-sonnet-4-5", Reasoning("xhigh"), None, {"type": "enabled", "budget_tokens": 32_768}, 64_768),
        ("claude-sonnet-4-5", Reasoning("high"), 5000, {"type": "enabled", "budget_tokens": 3750}, 5000),
        ("claude-sonnet-4-5", Reasoning("high"), 1300, None, 1300),
        ("claude-sonnet-4-5", Reasoning("", 4900), 5000, {"type": "enabled", "budget_tokens": 4900}, 5000),
        ("claude-sonnet-4-5", Reasoning("", 8000), 5000, {"type": "enabled", "budget_tokens": 3750}, 5000),
        ("claude-sonnet-4-5", Reasoning("high"), 1000, None, 1000),
        ("claude-sonnet-4-5", Reasoning("none"), 1000, {"type": "disabled"}, 1000),
        ("claude-opus-4-7", Reasoning("high", shown=True), 1000, {"type": "adaptive", "display": "summarized"}, 1000),
        ("claude-fable-5-1", Reasoning("none"), 1000, None, 1000),
        ("claude-opus-5-5", Reasoning("none"), 1000, {"type": "disabled"}, 1000),
        ("kimi-k2", None, None, None, 8192),
        ("claude-3-haiku-20240307", None, None, None, 4096),
    ],
)
def test_thinking_is_what_the_model_takes(model: str, reasoning: Reasoning | None, most: int | None, thinking: object, tokens: int) -> None:
    body, lost = sent(Asked(model, False, (), HELLO, reasoning=reasoning, sampling=Sampling(most=most)))
    assert body.get("thinking") == thinking
    assert body["max_tokens"] == tokens
    if thinking is None and reasoning is not None:
        assert lost == {"reasoning" if reasoning.effort != "none" else "reasoning_effort"}


@pytest.mark.parametrize(
    ("model", "effort"),
    [("claude-opus-4-6", "max"), ("claude-sonnet-4-6", "high"), ("claude-opus-4-7", "xhigh"), ("claude-sonnet-5-5", "xhigh")],
)
def test_the_highest_effort_has_the_name_that_the_model_takes(model: str, effort: str) -> None:
    body, lost = sent(Asked(model, False, (), HELLO, reasoning=Reasoning("xhigh", shown=True)))
    assert body["output_config"] == {"effort": effort}
    assert lost == ({"reasoning_effort"} if effort == "high" else set())


def test_later_models_take_no_sampling_and_no_answer_that_is_begun() -> None:
    said = (*HELLO, Said("assistant", (Words("I begin "),)))
    given = Sampling(temperature=0.2, top_p=0.9, top_k=3)
    body, lost = sent(Asked("claude-opus-5-5", False, (), said, sampling=given))
    assert not {"temperature", "top_p", "top_k"} & set(body)
    assert body["messages"][-1]["role"] == "user"
    assert lost == {"temperature", "top_p", "top_k", "prefill"}
    body, lost = sent(Asked("claude-sonnet-4-5", False, (), said))
    assert body["messages"][-1] == {"role": "assistant", "content": "I begin"}
    assert lost == {"prefill"}


def test_a_forced_tool_turns_off_the_thinking_that_is_usual() -> None:
    body, lost = sent(Asked("claude-opus-5-5", False, (), HELLO, tools=(LOOK,), choice=Choice("any"), reasoning=Reasoning("low")))
    assert body["thinking"] == {"type": "disabled"}
    assert lost == {"reasoning"}


def test_thinking_excludes_forced_tools_and_calls_without_signatures() -> None:
    forced, lost = sent(Asked("claude-sonnet-4-5", False, (), HELLO, tools=(LOOK,), choice=Choice("any"), reasoning=Reasoning("low")))
    assert "thinking" not in forced
    assert lost == {"reasoning"}
    for thought, thinks in ((Thought("Hm.", "c2ln", "anthropic"), True), (Thought("Hm."), False)):
        said = (*HELLO, Said("assistant", (thought, Use("c1", "look", "{}"))), Said("user", (Result("c1", "look", ()),)))
        body, _ = sent(Asked("claude-sonnet-4-5", False, (), said, tools=(LOOK,), reasoning=Reasoning("low")))
        assert ("thinking" in body) is thinks


def test_sampling_is_what_the_api_takes() -> None:
    given = Sampling(temperature=1.7, top_p=0.5, stop=("END", "\n"), seed=1, presence=0.0, frequency=0.4, count=2)
    body, lost = sent(Asked("claude-sonnet-4-5", False, (), HELLO, sampling=given))
    assert (body["temperature"], body["stop_sequences"]) == (1.0, ["END"])
    assert "top_p" not in body
    assert lost == {"temperature", "top_p", "stop", "seed", "frequency_penalty", "n"}
    body, lost = sent(Asked("claude-sonnet-4-5", False, (), HELLO, reasoning=Reasoning("low"), sampling=Sampling(temperature=0.2, top_k=3)))
    assert not {"temperature", "top_k"} & set(body)
    assert {"temperature", "top_k"} <= lost


def test_choice_and_parallel_calls() -> None:
    asked = Asked("m", False, (), HELLO, tools=(LOOK, Builtin("web_search", Raw(b"{}"))), choice=Choice("tool", "look"), parallel=False)
    body, lost = sent(asked)
    assert body["tool_choice"] == {"type": "tool", "name": "look", "disable_parallel_tool_use": True}
    assert [tool["name"] for tool in body["tools"]] == ["look"]
    assert lost == {"tools.web_search"}


def test_formats() -> None:
    schema = b'{"type":"object","properties":{"a":{"type":"object"}}}'
    body, lost = sent(Asked("m", False, (), HELLO, format=Format(schema, "x")))
    made = body["output_config"]["format"]
    assert made["type"] == "json_schema"
    assert made["schema"]["additionalProperties"] is False
    assert made["schema"]["properties"]["a"]["additionalProperties"] is False
    assert lost == {"schema"}
    body, lost = sent(Asked("m", False, (Words("Be kind."),), HELLO, format=Format()))
    assert [block["text"][:7] for block in body["system"]] == ["Be kind", "Answer "]
    assert lost == {"response_format"}


@pytest.mark.parametrize(
    ("sight", "what"),
    [
        (Sight("audio", "audio/wav", "UklGRg=="), "audio"),
        (Sight("video", url="https://example.com/a.mp4"), "video"),
        (Sight("image", file="file_1"), "file_id"),
        (Sight("document", "application/zip", "UEs="), "file of type application/zip"),
    ],
)
def test_what_cannot_be_shown_is_refused(sight: Sight, what: str) -> None:
    _, losses = TONGUE.ask(Asked("m", False, (), (Said("user", (sight,)),), wire="openai_chat"))
    assert [(loss.what, loss.how) for loss in losses if loss.what != "messages"] == [(what, "refused")]


def test_media_become_sources() -> None:
    said = Said(
        "user",
        (
            Sight("image", "", "iVBORw0KGgo=", detail="low"),
            Sight("document", "text/csv", "YSxi", name="a.csv"),
            Sight("document", "application/pdf", "JVBERi0x"),
        ),
    )
    body, lost = sent(Asked("m", False, (), (said,)))
    image, text, pdf = body["messages"][0]["content"]
    assert image["source"] == {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}
    assert text == {"type": "document", "title": "a.csv", "source": {"type": "text", "media_type": "text/plain", "data": "a,b"}}
    assert pdf["source"]["media_type"] == "application/pdf"
    assert lost == {"detail"}


def test_a_request_of_a_coding_agent_is_read() -> None:
    body = {
        "model": "claude-opus-4-7",
        "max_tokens": 32_000,
        "stream": True,
        "system": [{"type": "text", "text": "Be kind.", "cache_control": {"type": "ephemeral"}}],
        "thinking": {"type": "adaptive"},
        "output_config": {"effort": "max"},
        "metadata": {"user_id": "u"},
        "context_management": {"edits": []},
        "tools": [
            {"name": "look", "input_schema": {"type": "object"}, "defer_loading": True},
            {"type": "web_search_20250305", "name": "web_search"},
        ],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "Look.", "cache_control": {"type": "ephemeral"}}]},
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"},
                    {"type": "redacted_thinking", "data": "ZGF0YQ=="},
                    {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"a": 1}},
                    {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}},
                ],
            },
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "seen", "is_error": True}]},
        ],
    }
    asked = TONGUE.asked(json.dumps(body).encode(), "/v1/messages", "")
    assert asked.reasoning == Reasoning("xhigh", None, True)
    assert asked.user == "u"
    assert asked.others == (("context_management", Raw(b'{"edits": []}')),)
    assert asked.unread == ("tools.defer_loading",)
    assert [type(tool) for tool in asked.tools] == [Function, Builtin]
    thought, hidden, use, odd = asked.said[1].pieces
    assert thought == Thought("Hm.", "c2ln", "anthropic")
    assert hidden == Thought("", "ZGF0YQ==", "anthropic", hidden=True)
    assert use == Use("toolu_1", "look", '{"a": 1}')
    assert isinstance(odd, Odd)
    assert asked.said[2].pieces == (Result("toolu_1", "look", (Words("seen"),), error=True),)


# --- answers


STREAM = (
    typed(
        "message_start",
        message={"id": "msg_1", "model": "m", "usage": {"input_tokens": 5, "cache_read_input_tokens": 3, "output_tokens": 1}},
    ),
    typed("content_block_start", index=0, content_block={"type": "thinking", "thinking": "", "signature": ""}),
    typed("content_block_delta", index=0, delta={"type": "thinking_delta", "thinking": "Hm."}),
    typed("content_block_delta", index=0, delta={"type": "signature_delta", "signature": "c2ln"}),
    typed("content_block_stop", index=0),
    typed("ping"),
    typed("content_block_start", index=1, content_block={"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}}),
    typed("content_block_delta", index=1, delta={"type": "input_json_delta", "partial_json": '{"a"'}),
    typed("content_block_delta", index=1, delta={"type": "input_json_delta", "partial_json": ":1}"}),
    typed("content_block_stop", index=1),
    typed("message_delta", delta={"stop_reason": "tool_use", "stop_sequence": None}, usage={"output_tokens": 9}),
)
USAGE = Usage(8, 9, 3)


@pytest.mark.parametrize("end", [(typed("message_stop"),), ()], ids=["whole", "no message_stop"])
def test_a_stream_is_told_piece_by_piece(end: tuple[bytes, ...]) -> None:
    assert heard(*STREAM, *end) == [
        Begun("msg_1", "m", Usage(8, 1, 3)),
        Opened(0, Thought("")),
        More(0, "Hm."),
        Sealed(0, "c2ln", "anthropic"),
        Closed(0, Thought("Hm.", "c2ln", "anthropic")),
        Waits(),
        Opened(1, Use("toolu_1", "look", "")),
        More(1, '{"a"'),
        More(1, ":1}"),
        Closed(1, Use("toolu_1", "look", '{"a":1}')),
        Ended("tool_calls", USAGE),
    ]


def test_an_error_in_the_stream_is_the_end_of_it() -> None:
    events = heard(*STREAM[:3], typed("error", error={"type": "overloaded_error", "message": "Overloaded"}), typed("message_stop"))
    assert events[-1] == Broke(Failure(529, "overloaded", "Overloaded", "overloaded_error"))


def test_a_stream_that_breaks_off_has_no_end() -> None:
    assert not any(isinstance(one, Ended) for one in heard(*STREAM[:9]))


def test_pieces_that_come_by_turns_are_told_one_after_the_other() -> None:
    one, two = Use("c1", "look", '{"a":1}'), Use("c2", "look", "{}")
    events: list[Event] = [
        Begun("x", "m"),
        Opened(0, Use("c1", "look", "")),
        Opened(1, Use("c2", "look", "")),
        More(0, '{"a"'),
        More(1, "{}"),
        More(0, ":1}"),
        Closed(0, one),
        Closed(1, two),
        Ended("tool_calls", Usage(4, 2)),
    ]
    names = [name for name, _ in told(events)]
    block = ["content_block_start", "content_block_delta", "content_block_delta", "content_block_stop"]
    assert names == ["message_start", *block, *block[:2], "content_block_stop", "message_delta", "message_stop"]
    assert [found["index"] for _, found in told(events) if "index" in found] == [0, 0, 0, 0, 1, 1, 1]
    assert told(events)[-2][1]["usage"]["input_tokens"] == 4


def test_a_signature_on_a_call_comes_back_to_the_call() -> None:
    use = Use("c1", "look", '{"a":1}', sealed="c2ln")
    answered = Answered("1", "m", (Words("Hi."), use), "tool_calls", Usage(1, 1))
    content = json.loads(TONGUE.answer(answered, Asked("m", False, (), ())))["content"]
    blocks = [found["content_block"] for name, found in told(events_of(answered)) if name == "content_block_start"]
    assert [block["type"] for block in content] == ["text", "tool_use", "redacted_thinking"] == [block["type"] for block in blocks]
    assert blocks[2] == content[2]
    back = TONGUE.asked(json.dumps({"model": "m", "messages": [{"role": "assistant", "content": content}]}).encode(), "", "")
    assert back.said[0].pieces == (Words("Hi."), Use("c1", "look", '{"a": 1}', sealed="c2ln"))


def test_a_refusal_is_text_and_a_stop_reason() -> None:
    answered = Answered("1", "m", (Refusal("I must not."),), "stop")
    found = json.loads(TONGUE.answer(answered, Asked("m", False, (), ())))
    assert (found["content"][0]["text"], found["stop_reason"]) == ("I must not.", "refusal")
    assert told(events_of(answered))[-2][1]["delta"]["stop_reason"] == "refusal"


def test_citations_are_in_this_wires_words() -> None:
    cited = Raw(b'{"type":"url_citation","url_citation":{"start_index":0,"end_index":1,"title":"T","url":"https://example.com"}}')
    answered = Answered("1", "m", (Words("Hi.", citations=(cited,)),), "stop")
    (block,) = json.loads(TONGUE.answer(answered, Asked("m", False, (), ())))["content"]
    assert block["citations"][0]["url"] == "https://example.com"
    assert block["citations"][0]["type"] == "web_search_result_location"
    deltas = [found["delta"] for name, found in told(events_of(answered)) if name == "content_block_delta"]
    assert deltas[-1] == {"type": "citations_delta", "citation": block["citations"][0]}


def test_what_the_provider_runs_itself_is_heard_whole() -> None:
    start = typed("content_block_start", index=0, content_block={"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}})
    delta = typed("content_block_delta", index=0, delta={"type": "input_json_delta", "partial_json": '{"query":"x"}'})
    answered = gathered(heard(STREAM[0], start, delta, typed("content_block_stop", index=0), *STREAM[-1:]))
    assert isinstance(answered, Answered)
    (odd,) = answered.pieces
    assert isinstance(odd, Odd)
    assert json.loads(bytes(odd.raw))["input"] == {"query": "x"}


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (400, b'{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 9 > 8"}}', "context_length"),
        (529, b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}', "overloaded"),
        (502, b"<html>Bad</html>", "server"),
        (403, b'{"error":1}', "permission"),
    ],
)
def test_errors_are_read_in_any_shape(status: int, body: bytes, code: str) -> None:
    failure = TONGUE.failed(status, body)
    assert (failure.status, failure.code) == (status, code)
    assert failure.message


def test_errors_are_written_as_anthropic_does() -> None:
    status, body = TONGUE.failure(Failure(503, "overloaded", "Try later."))
    assert (status, json.loads(body)["error"]["type"]) == (529, "overloaded_error")
    _, body = TONGUE.failure(Failure(400, "context_length", "maximum context length is 8", "context_length_exceeded"))
    assert json.loads(body)["error"]["message"].startswith("prompt is too long")
    assert told([Begun("1", "m"), Broke(Failure(500, "server", "Oh."))])[-1][1] == {
        "type": "error",
        "error": {"type": "api_error", "message": "Oh."},
    }


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"model":"m"}', b'{"messages":[{"role":"alien"}]}', b'{"messages":[1]}', b"\xff"])
def test_what_is_no_request_is_a_document_error(body: bytes) -> None:
    with pytest.raises(DocumentError):
        TONGUE.asked(body, "/v1/messages", "")


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"content":[1]}', b"<html>"])
def test_what_is_no_answer_is_a_document_error(body: bytes) -> None:
    with pytest.raises(DocumentError):
        TONGUE.answered(body)


def test_an_error_with_status_200_is_an_error() -> None:
    failure = TONGUE.answered(b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}')
    assert failure == Failure(529, "overloaded", "Overloaded", "overloaded_error")
