"""The law of limits: whatever a client of one wire asks, what goes up to a provider of another keeps to what that is known to take; and
several answers reach the client each whole, in whatever order and in whatever chunks they come."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from backstory.errors import DocumentError
from backstory.wires import WIRES
from backstory.wires.anthropic.tongue_models import UNTHINKING
from backstory.wires.translation.efforts import effort_for
from backstory.wires.translation.tongues import TONGUES
from backstory.wires.translation.translate import Translated
from tests.laws.translated import requests
from tests.wires.test_candidates import CHAT, GEMINI, exchange, from_chat, from_gemini, streamed

TONGUE = {tongue.name: tongue for tongue in TONGUES}
WIRE = {wire.name: wire for wire in WIRES}
PAIRS = [(client, provider) for client in TONGUE for provider in TONGUE if client != provider]
LIMIT = 3000


def everywhere(node: object, name: str) -> list[Any]:
    """The values of all members of this name."""
    if isinstance(node, list):
        return [found for one in node for found in everywhere(one, name)]
    if not isinstance(node, dict):
        return []
    return [value for key, value in node.items() if key == name] + [found for one in node.values() for found in everywhere(one, name)]


def check_responses(body: dict[str, Any], model: str) -> None:
    effort = body.get("reasoning", {}).get("effort")
    assert effort is None or effort_for(model, effort) == effort
    assert len(body.get("user", "")) <= 64
    assert all(len(one) <= 64 for one in everywhere(body["input"], "call_id"))
    assert 16 <= body.get("max_output_tokens", 16) <= LIMIT
    assert isinstance(body.get("context_management", []), list)


def check_chat(body: dict[str, Any], model: str) -> None:
    effort = body.get("reasoning_effort")
    assert effort is None or effort_for(model, effort) == effort
    assert len(body.get("user", "")) <= 64
    assert max(body.get("max_tokens", 0), body.get("max_completion_tokens", 0)) <= LIMIT
    assert "top_logprobs" not in body or body["logprobs"]


def check_anthropic(body: dict[str, Any], model: str) -> None:
    thinking = body.get("thinking", {"type": "none"})
    assert body["max_tokens"] <= LIMIT
    assert thinking.get("budget_tokens", 0) < body["max_tokens"]
    assert not (UNTHINKING.search(model) and "thinking" in body)


def check_gemini(body: dict[str, Any], model: str) -> None:
    generation = body.get("generationConfig", {})
    assert generation.get("maxOutputTokens", 0) <= LIMIT
    assert generation.get("temperature", 0) <= 2


CHECKS = {"openai_responses": check_responses, "openai_chat": check_chat, "anthropic": check_anthropic, "gemini": check_gemini}


@pytest.mark.parametrize(("client", "provider"), PAIRS)
@settings(max_examples=25, deadline=None)
@given(asked=requests())
def test_what_goes_up_keeps_to_the_limits(client: str, provider: str, asked: Any) -> None:
    tongue = TONGUE[client]
    body, _ = tongue.ask(replace(asked, wire=client))
    path, _, query = tongue.place("", asked).partition("?")
    one = Translated(tongue, TONGUE[provider], WIRE[provider], path, query, most_of=lambda model: LIMIT)
    try:
        out = one.ask(body)
    except DocumentError:
        return
    if any(loss.how == "refused" for loss in one.losses):
        return
    CHECKS[provider](json.loads(out), asked.model)
    again = Translated(tongue, TONGUE[provider], WIRE[provider], path, query, most_of=lambda model: LIMIT)
    assert again.ask(body) == out


CHUNKS = st.lists(st.tuples(st.integers(0, 2), st.text("aé✓\U0001f600\ud83d", min_size=1, max_size=3)), max_size=8)


@pytest.mark.parametrize(("client", "provider"), [(CHAT, GEMINI), (GEMINI, CHAT)])
@settings(max_examples=60, deadline=None)
@given(chunks=CHUNKS, size=st.sampled_from([1, 7, 1 << 20]), order=st.permutations([0, 1]), array=st.booleans())
def test_each_answer_arrives_whole(
    client: str, provider: str, chunks: list[tuple[int, str]], size: int, order: list[int], array: bool
) -> None:
    """The provider gives one more than it was asked for: nobody gets that."""
    one, _ = exchange(client, provider, "" if array else "alt=sse")
    write, end = (from_gemini, "STOP") if provider == GEMINI else (from_chat, "stop")
    raw = write(*[(number, text, "") for number, text in chunks], *[(number, "", end) for number in order])
    out = streamed(one, raw, size)
    texts: dict[int, str] = {}
    if client == GEMINI:
        told = json.loads(out) if array else [json.loads(line[6:]) for line in out.splitlines() if line.startswith(b"data: ")]
        for found in [candidate for chunk in told for candidate in chunk["candidates"]]:
            texts[found["index"]] = texts.get(found["index"], "") + "".join([part["text"] for part in found["content"]["parts"]])
    else:
        told = [json.loads(line[6:]) for line in out.splitlines() if line.startswith(b"data: {")]
        for found in [choice for chunk in told for choice in chunk["choices"]]:
            texts[found["index"]] = texts.get(found["index"], "") + found["delta"].get("content", "")
    for number in (0, 1):
        said = [text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace") for at, text in chunks if at == number]
        assert texts.get(number, "") == "".join(said).replace("\ud83d", "\ufffd")
    assert 2 not in texts
