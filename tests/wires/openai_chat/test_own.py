"""Requests of Chat Completions' own clients to providers that take histories otherwise than most."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest

from backstory.config.catalogue import catalogue
from backstory.core.translation import NO_HABITS
from backstory.wires.openai_chat.own import fitted
from backstory.wires.openai_chat.tongue_habits import BRIDGE, PLACEHOLDER, exact_id

CALL = {"id": "toolu_01", "type": "function", "function": {"name": "look", "arguments": "{}"}}
SIGNED = {**CALL, "extra_content": {"google": {"thought_signature": "S"}}}
DETAILS = [{"type": "reasoning.text", "text": "hm", "signature": "S", "format": "anthropic-claude-v1"}]
RESULT = {"role": "tool", "tool_call_id": "toolu_01", "content": "Blue."}


def body(*messages: dict[str, Any]) -> bytes:
    return json.dumps({"model": "m", "messages": [{"role": "user", "content": "Hi"}, *messages]}, indent=1).encode()


def said(**more: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": "Yes.", **more}


def fit(kind: str, model: str, *messages: dict[str, Any], moved: bool = False) -> tuple[list[Any], set[str]]:
    out, lost = fitted(body(*messages), catalogue()[kind].habits, model, moved)
    return json.loads(out)["messages"][1:], {loss.what for loss in lost}


@pytest.mark.parametrize(
    ("kind", "model", "left"),
    [
        ("groq", "qwen/qwen3-32b", {"reasoning": "hm"}),
        ("groq", "llama-3.3", {}),
        ("cerebras", "m", {}),
        ("deepseek", "m", {"reasoning_content": "hm"}),
    ],
)
@pytest.mark.parametrize("member", ["reasoning_content", "reasoning"])
def test_thoughts_go_back_as_the_provider_takes_them(kind: str, model: str, left: dict[str, str], member: str) -> None:
    given = said(**{member: "hm", "reasoning_details": DETAILS, "tool_calls": [SIGNED]})
    assert fit(kind, model, given) == ([said(**left, tool_calls=[CALL])], {"thoughts"})


@pytest.mark.parametrize(
    ("kind", "model", "message"),
    [
        ("groq", "qwen/qwen3-32b", said(reasoning="hm", tool_calls=[CALL])),
        ("groq", "llama-3.3", said(content="my reasoning is this", tool_calls=[CALL])),
        ("deepseek", "deepseek-reasoner", said(reasoning_content="hm", tool_calls=[CALL])),
        ("moonshot", "kimi-k2", said(tool_calls=[CALL])),
        ("mistral", "m", said(tool_calls=[{**CALL, "id": "D681PevKs"}])),
        ("together", "m", said(reasoning_content="hm", reasoning_details=DETAILS, tool_calls=[SIGNED])),
        ("openrouter", "m", said(reasoning="hm", reasoning_details=DETAILS, tool_calls=[SIGNED])),
    ],
)
def test_what_a_provider_takes_stays_byte_for_byte(kind: str, model: str, message: dict[str, Any]) -> None:
    given = body(message)
    out, lost = fitted(given, catalogue()[kind].habits, model, False)
    assert out is given
    assert lost == ()


def test_what_is_demanded_and_not_there_is_put_in_where_the_client_named_another_model() -> None:
    for moved, details in ((True, {}), (False, {"reasoning_details": DETAILS})):
        messages, lost = fit("moonshot", "kimi", said(tool_calls=[CALL], **details), said(), moved=moved)
        assert messages == [said(tool_calls=[CALL], reasoning_content=PLACEHOLDER), said()]
        assert "missing thoughts" in lost


def test_mistral_gets_its_ids_and_a_word_between_results_and_a_user() -> None:
    more = {"role": "user", "content": "And?"}
    messages, lost = fit("mistral", "m", said(tool_calls=[CALL]), RESULT, more, said())
    name = exact_id("toolu_01", 9)
    bridge = {"role": "assistant", "content": BRIDGE}
    assert messages == [said(tool_calls=[{**CALL, "id": name}]), {**RESULT, "tool_call_id": name}, bridge, more, said()]
    assert lost == {"tool ids", "results"}


def test_the_same_messages_become_the_same_bytes_in_every_request() -> None:
    talk = [said(tool_calls=[SIGNED], reasoning_content="hm"), RESULT, {"role": "user", "content": "And?"}, said(reasoning_details=DETAILS)]
    for kind in ("groq", "mistral", "moonshot", "cerebras"):
        sent = [fitted(body(*talk[:count]), catalogue()[kind].habits, "qwen3", True)[0] for count in range(1, len(talk) + 1)]
        for before, after in pairwise(sent):
            assert after.startswith(before[: before.rindex(b"\n ]")])


@pytest.mark.parametrize(
    "given",
    [
        b"",
        b"[",
        b'{"messages":1,"reasoning":2}',
        b'{"messages":[1],"reasoning":2}',
        b'{"messages":[{"role":"assistant","reasoning":1,"tool_calls":[1,{}]}]}',
    ],
)
def test_what_cannot_be_read_stays(given: bytes) -> None:
    out, _ = fitted(given, catalogue()["groq"].habits, "qwen3", True)
    assert out is given or json.loads(out)
    assert fitted(given, NO_HABITS, "m", True) == (given, ())
