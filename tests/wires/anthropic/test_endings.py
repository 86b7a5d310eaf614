"""How a request of Anthropic's ends: thinking that we would put in stays out where its provider would refuse it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backstory.core.document import Document
from backstory.core.selectors import Value
from backstory.wires import steering
from backstory.wires.anthropic.endings import in_small, told_open
from backstory.wires.translation.tongues import TONGUES

ANTHROPIC = next(tongue for tongue in TONGUES if tongue.name == "anthropic")
MODEL, ADAPTIVE = "claude-sonnet-4-5", "claude-opus-4-6"
CALL = {"type": "tool_use", "id": "t1", "name": "look", "input": {"at": 1.50}}
RESULT = {"type": "tool_result", "tool_use_id": "t1", "content": "found"}
THOUGHT = {"type": "thinking", "thinking": "hm", "signature": "c2lnbmVk"}
REDACTED = {"type": "redacted_thinking", "data": "c2VhbGVk"}
WORDS = {"type": "text", "text": "Looking."}
Turn = dict[str, Any]


def user(*content: Any) -> Turn:
    return {"role": "user", "content": list(content)}


def assistant(*content: Any) -> Turn:
    return {"role": "assistant", "content": list(content)}


def request(*turns: Turn, **more: Any) -> bytes:
    body = {"model": MODEL, "max_tokens": 9000, "tools": [{"name": "look", "input_schema": {"type": "object"}}], "messages": turns}
    return json.dumps(body | more).encode()


GO = user({"type": "text", "text": "go"})
UNSIGNED = (GO, assistant(WORDS, CALL), user(RESULT))
SIGNED = (GO, assistant(THOUGHT, CALL), user(RESULT))


def refused(body: dict[str, Any]) -> str:
    """Why the API would refuse a request with thinking, as it is documented; "" where it would not."""
    thinking = body.get("thinking", {"type": "disabled"})
    if thinking["type"] != "enabled":
        return ""
    if thinking["budget_tokens"] < 1024 or thinking["budget_tokens"] >= body["max_tokens"]:
        return "budget"
    if body.get("temperature", 1) != 1 or "top_k" in body or body.get("top_p", 1) < 0.95:
        return "sampling"
    if body.get("tool_choice", {}).get("type") in {"any", "tool"}:
        return "tool_choice"
    for turn in reversed(body["messages"]):
        kinds = [block["type"] for block in turn["content"]] if isinstance(turn["content"], list) else ["text"]
        if turn["role"] == "assistant":
            ends = turn is body["messages"][-1]
            return "thoughts" if ("tool_use" in kinds or ends) and kinds[0] not in {"thinking", "redacted_thinking"} else ""
        if set(kinds) != {"tool_result"}:
            return ""
    return ""


@pytest.mark.parametrize("wanted", [{"reasoning_effort": "high"}, {"thinking_budget": 3000}])
@pytest.mark.parametrize(
    ("turns", "more", "thinks"),
    [
        ((GO,), {}, True),
        (UNSIGNED, {}, False),
        (SIGNED, {}, True),
        ((GO, assistant(REDACTED, WORDS, CALL), user(RESULT)), {}, True),
        ((*UNSIGNED, assistant(WORDS), GO), {}, True),
        ((GO, assistant(WORDS)), {}, False),
        ((GO,), {"tool_choice": {"type": "any"}}, False),
        ((GO,), {"tool_choice": {"type": "tool", "name": "look"}}, False),
        ((GO,), {"tool_choice": {"type": "auto"}}, True),
        ((GO,), {"max_tokens": 900}, False),
    ],
)
def test_thinking_is_put_in_where_it_can_be_and_told_where_not(
    turns: tuple[Turn, ...], more: dict[str, Any], thinks: bool, wanted: dict[str, Value]
) -> None:
    body = request(*turns, **more)
    (name,) = wanted
    strict, strictly = steering.with_params(ANTHROPIC, body, MODEL, wanted)
    wished, lost = steering.with_wishes(ANTHROPIC, body, MODEL, wanted)
    fitting, left = steering.with_fitting(ANTHROPIC, body, MODEL, wanted)
    assert strict == wished == fitting
    assert ("thinking" in json.loads(strict)) is thinks
    assert refused(json.loads(strict)) == ""
    if thinks:
        assert (strictly, lost, left) == ((), (), ())
    else:
        assert fitting is body
        assert strictly == lost == left
        assert (lost[0].what, lost[0].how) == (name, "dropped")


def test_a_model_that_thinks_as_it_likes_needs_no_thoughts_behind_its_calls() -> None:
    out, lost = steering.with_params(ANTHROPIC, request(*UNSIGNED), ADAPTIVE, {"reasoning_effort": "high"})
    assert (json.loads(out)["thinking"]["type"], lost) == ("adaptive", ())


def test_without_thinking_the_rest_is_set() -> None:
    wanted: dict[str, Value] = {"reasoning_effort": "high", "temperature": 0.5}
    out, left = steering.with_fitting(ANTHROPIC, request(*UNSIGNED), MODEL, wanted)
    assert json.loads(out)["temperature"] == 0.5
    assert [loss.what for loss in left] == ["reasoning_effort"]


BLOCKS = st.sampled_from([CALL, RESULT, THOUGHT, REDACTED, WORDS, {"type": "image", "source": {}}, {"type": "odd", "data": "x"}])
TURNS = st.lists(
    st.builds(lambda who, what: who(*what), st.sampled_from([user, assistant]), st.lists(BLOCKS, min_size=1, max_size=3)), min_size=1
)
SET: dict[str, st.SearchStrategy[Any]] = {
    "reasoning_effort": st.sampled_from(["low", "high", "none"]),
    "thinking_budget": st.sampled_from([1024, 8000]),
    "temperature": st.sampled_from([0.5, 1]),
    "top_p": st.sampled_from([0.5, 0.97]),
    "top_k": st.just(5),
    "max_tokens": st.sampled_from([500, 1500, 64_000]),
}
MORE: dict[str, st.SearchStrategy[Any]] = {
    "tool_choice": st.sampled_from([{"type": "any"}, {"type": "auto"}, {"type": "tool", "name": "look"}, 7]),
    "temperature": st.just(0.2),
    "top_p": st.just(0.3),
    "top_k": st.just(4),
}


@settings(max_examples=300, deadline=None)
@given(TURNS, st.fixed_dictionaries({}, optional=MORE), st.fixed_dictionaries({}, optional=SET))
def test_what_is_set_never_goes_with_what_the_api_refuses(turns: list[Turn], more: dict[str, Any], wanted: dict[str, Value]) -> None:
    if isinstance(more.get("tool_choice"), int):
        more = {**more, "tool_choice": "odd"}
    if "temperature" in more:
        more.pop("top_p", None)  # both at once are refused whatever else is asked
    body = request(*turns, **more)
    out = steering.with_fitting(ANTHROPIC, body, MODEL, wanted)[0]
    told = json.loads(out)
    if not isinstance(told.get("tool_choice"), dict):
        told.pop("tool_choice", None)
    assert refused(told) == ""
    assert told["messages"] == turns


@given(st.recursive(st.none() | st.booleans() | st.text(max_size=3), lambda inner: st.lists(inner, max_size=3)))
def test_what_cannot_be_read_is_as_if_it_were_not_there(odd: Any) -> None:
    for body in (
        {"messages": odd},
        {"messages": [{"role": "assistant", "content": odd}]},
        {"messages": [], "tool_choice": odd, "tools": odd},
    ):
        assert "messages" in in_small(Document(json.dumps(body).encode()))


# --- open calls as text


def test_open_calls_are_told_as_text() -> None:
    failed = {"type": "tool_result", "tool_use_id": "t2", "is_error": True, "content": [{"type": "text", "text": "no"}, {"type": "image"}]}
    marked = {**RESULT, "cache_control": {"type": "ephemeral"}}
    body = request(*UNSIGNED, assistant(WORDS, CALL, {**CALL, "id": "t2", "name": "find"}), user(marked, failed, WORDS))
    told = json.loads(told_open(body, MODEL))
    assert told["messages"][:3] == list(UNSIGNED), "what is before it stays as it is"
    assert told["messages"][3]["content"] == [
        WORDS,
        {"type": "text", "text": '[I call look with {"at": 1.5}]'},
        {"type": "text", "text": '[I call find with {"at": 1.5}]'},
    ]
    assert told["messages"][4]["content"] == [
        {"type": "text", "text": "[look gave:\nfound]", "cache_control": {"type": "ephemeral"}},
        {"type": "text", "text": "[find failed with:\nno\n(image)]"},
        WORDS,
    ]
    out, lost = steering.with_params(ANTHROPIC, json.dumps(told).encode(), MODEL, {"reasoning_effort": "high"}, True)
    assert (json.loads(out)["thinking"]["type"], lost) == ("enabled", ())


@pytest.mark.parametrize(
    "turns", [(), (GO,), SIGNED, (GO, assistant(CALL)), (GO, {"role": "assistant", "content": "x"}, GO), (*UNSIGNED, assistant(WORDS), GO)]
)
def test_what_keeps_nobody_from_thinking_stays(turns: tuple[Turn, ...]) -> None:
    body = request(*turns)
    assert told_open(body, MODEL) is body
    assert told_open(request(*UNSIGNED), ADAPTIVE) == request(*UNSIGNED)
