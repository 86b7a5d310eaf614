"""Chat Completions in translation, for providers that take histories otherwise than most."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstory.config.catalogue import catalogue
from backstory.core.translation import Asked, Function, Piece, Reasoning, Result, Said, Sight, Thought, Use, Words
from backstory.wires.openai_chat.tongue import OpenAIChatTongue
from backstory.wires.openai_chat.tongue_habits import BRIDGE, PLACEHOLDER, effort_at, exact_id

TONGUE = OpenAIChatTongue()
CLAUDES = Thought("Hmm.", "SIG", "anthropic")
CALL = Use("toolu_01", "look", "{}")
SEEN = Sight("image", "image/png", "iVBORw0KGgo=")


def sent(kind: str, model: str, *pieces: Piece, **more: Any) -> tuple[list[dict[str, Any]], set[str], dict[str, Any]]:
    """The messages, what was lost, and the body, of a conversation in which the assistant has said this."""
    said = (Said("user", (Words("Look."),)), Said("assistant", pieces), Said("user", (Result("toolu_01", "look", (Words("Blue."),)),)))
    asked = Asked(model, False, (), more.pop("said", said), tools=(Function("look", "", b"{}"),), habits=catalogue()[kind].habits, **more)
    body, losses = TONGUE.ask(asked)
    written = json.loads(body)
    return written["messages"], {loss.what for loss in losses}, written


@pytest.mark.parametrize(
    ("kind", "model", "member"),
    [
        ("groq", "qwen/qwen3-32b", "reasoning"),
        ("groq", "openai/gpt-oss-120b", "reasoning"),
        ("groq", "llama-3.3-70b-versatile", ""),
        ("cerebras", "zai-glm-4.6", ""),
        ("mistral", "any", ""),
        ("moonshot", "kimi-k2-thinking", "reasoning_content"),
        ("deepseek", "deepseek-reasoner", "reasoning_content"),
    ],
)
def test_a_thought_goes_back_as_the_provider_takes_it(kind: str, model: str, member: str) -> None:
    messages, lost, _ = sent(
        kind, model, Thought("Hmm."), Thought("Ha.", "S", "openai_chat"), Words("Well."), Use("abcdefgh1", "look", "{}", sealed="G")
    )
    found = {key: value for key, value in messages[1].items() if key not in {"role", "content", "tool_calls"}}
    assert found == ({member: "Hmm.Ha."} if member else {})
    assert all("extra_content" not in call for call in messages[1]["tool_calls"])
    assert "thoughts" in lost  # the seals


@pytest.mark.parametrize(
    ("pieces", "text", "lost"),
    [
        ((CLAUDES, CALL), "Hmm.", {"thought signatures"}),
        ((Thought("Own."), CLAUDES, CALL), "Own.Hmm.", {"thought signatures"}),
        ((Thought("", "DATA", "anthropic", hidden=True), CALL), PLACEHOLDER, {"thoughts", "missing thoughts"}),
        ((CALL,), PLACEHOLDER, {"missing thoughts"}),
        ((Thought("Own."), CALL), "Own.", set()),
        ((CLAUDES, Words("Yes.")), None, {"thoughts"}),
        ((Words("Yes."),), None, set()),
    ],
)
def test_where_thoughts_are_demanded_no_message_with_calls_is_without(pieces: tuple[Piece, ...], text: str | None, lost: set[str]) -> None:
    messages, found, _ = sent("moonshot", "kimi-k2-thinking", *pieces)
    assert messages[1].get("reasoning_content") == text
    assert found == lost


def test_ids_are_nine_letters_and_digits_where_they_have_to_be() -> None:
    messages, lost, _ = sent("mistral", "mistral-large", CALL)
    name = messages[1]["tool_calls"][0]["id"]
    assert re.fullmatch("[a-zA-Z0-9]{9}", name)
    assert messages[2]["tool_call_id"] == name
    assert lost == {"tool ids"}
    own = (Said("assistant", (Use("D681PevKs", "look", "{}"),)), Said("user", (Result("D681PevKs", "look", ()),)))
    messages, lost, _ = sent("mistral", "mistral-large", said=own)
    assert messages[0]["tool_calls"][0]["id"] == messages[1]["tool_call_id"] == "D681PevKs"
    assert not lost


@given(st.text(max_size=30), st.text(max_size=30))
def test_another_id_becomes_another_one(one: str, other: str) -> None:
    assert re.fullmatch("[a-zA-Z0-9]{9}", exact_id(one, 9))
    assert exact_id(one, 9) == exact_id(exact_id(one, 9), 9)
    assert (exact_id(one, 9) == exact_id(other, 9)) == (one == other) or exact_id(one, 9) in {one, other}


@pytest.mark.parametrize("more", [Words("And?"), SEEN])
def test_a_users_words_do_not_follow_a_result_where_that_is_refused(more: Piece) -> None:
    parts = (Words("Blue."), more) if isinstance(more, Sight) else (Words("Blue."),)
    user = (Result("D681PevKs", "look", parts), *(() if isinstance(more, Sight) else (more,)))
    said = (Said("user", (Words("Look."),)), Said("assistant", (Use("D681PevKs", "look", "{}"),)), Said("user", user))
    messages, lost, _ = sent("mistral", "m", said=said)
    assert [one["role"] for one in messages] == ["user", "assistant", "tool", "assistant", "user"]
    assert messages[3]["content"] == BRIDGE
    assert "results" in lost
    messages, lost, _ = sent("groq", "m", said=said)
    assert [one["role"] for one in messages] == ["user", "assistant", "tool", "user"]
    assert "results" not in lost


@pytest.mark.parametrize(
    ("model", "effort", "found"),
    [
        ("qwen/qwen3-32b", "minimal", "default"),
        ("qwen/qwen3-32b", "high", "default"),
        ("qwen/qwen3-32b", "none", "none"),
        ("openai/gpt-oss-120b", "minimal", "low"),
        ("openai/gpt-oss-120b", "high", "high"),
        ("openai/gpt-oss-120b", "xhigh", "high"),
        ("llama-3.3-70b-versatile", "high", ""),
    ],
)
def test_groq_is_told_an_effort_that_the_model_knows(model: str, effort: Any, found: str) -> None:
    assert effort_at(catalogue()["groq"].habits, model, effort) == found
    _, lost, body = sent("groq", model, CALL, reasoning=Reasoning(effort))
    assert body.get("reasoning_effort", "") == found
    assert ("reasoning_effort" in lost) == (found not in {"", effort})
    assert ("thinking" in lost) == (not found)
