"""What models can be told of how much to think, over each wire."""

from __future__ import annotations

import json
from typing import Any

import pytest

from backstory.core.translation import Asked, Effort, Reasoning, Said, Sampling, Words
from backstory.wires.translation.efforts import effort_for, wanted_effort
from backstory.wires.translation.tongues import TONGUES

TONGUE = {tongue.name: tongue for tongue in TONGUES}
SAID = (Said("user", (Words("Hi"),)),)
EFFORTS: tuple[Effort, ...] = ("none", "minimal", "low", "medium", "high", "xhigh")


def written(wire: str, model: str, reasoning: Reasoning, most: int | None = None, limit: int = 0) -> tuple[dict[str, Any], dict[str, str]]:
    asked = Asked(model, False, (), SAID, reasoning=reasoning, sampling=Sampling(most=most), wire="", limit=limit)
    body, losses = TONGUE[wire].ask(asked)
    return json.loads(body), {loss.what: loss.how for loss in losses}


@pytest.mark.parametrize(
    ("model", "found"),
    [
        ("o3", ("low", "low", "low", "medium", "high", "high")),
        ("openai/o4-mini", ("low", "low", "low", "medium", "high", "high")),
        ("gpt-5", ("minimal", "minimal", "low", "medium", "high", "high")),
        ("gpt-5-codex", ("low", "low", "low", "medium", "high", "high")),
        ("gpt-5.1", ("none", "none", "low", "medium", "high", "high")),
        ("gpt-5.1-codex-max", ("low", "low", "low", "medium", "high", "xhigh")),
        ("gpt-5.2", ("none", "none", "low", "medium", "high", "xhigh")),
        ("gpt-5-pro", ("high",) * 6),
        ("gpt-5.2-pro", ("medium", "medium", "medium", "medium", "high", "xhigh")),
        ("gpt-4o", ("",) * 6),
        ("gpt-5-chat-latest", ("",) * 6),
        ("a-model-nobody-knows", EFFORTS),
    ],
)
def test_the_nearest_effort_is_what_the_model_has(model: str, found: tuple[str, ...]) -> None:
    assert tuple([effort_for(model, effort) for effort in EFFORTS]) == found


def test_an_effort_is_worked_out_of_a_budget() -> None:
    assert [wanted_effort(Reasoning("", budget)) for budget in (None, 0, 1000, 9000, 99_999)] == ["", "none", "minimal", "medium", "high"]
    assert [wanted_effort(Reasoning("high", budget)) for budget in (None, 0, 9000)] == ["high", "none", "high"]


@pytest.mark.parametrize(
    ("model", "reasoning", "told", "losses"),
    [
        ("gpt-4.1", Reasoning("high", shown=True), None, {"reasoning": "dropped"}),
        ("gpt-4o", Reasoning("none"), None, {}),
        ("gpt-5", Reasoning("xhigh"), {"effort": "high"}, {"reasoning.effort": "changed"}),
        ("o3", Reasoning("", 1000), {"effort": "low"}, {"reasoning.effort": "changed"}),
        ("o3", Reasoning("medium", shown=True), {"effort": "medium", "summary": "auto"}, {}),
        ("somebodys-own", Reasoning("xhigh"), {"effort": "xhigh"}, {}),
    ],
)
def test_responses_is_told_what_the_model_knows(
    model: str, reasoning: Reasoning, told: dict[str, str] | None, losses: dict[str, str]
) -> None:
    body, lost = written("openai_responses", model, reasoning)
    assert (body.get("reasoning"), lost) == (told, losses)


@pytest.mark.parametrize("model", ["claude-3-5-haiku-20241022", "claude-3-haiku-20240307", "claude-3-opus-latest", "claude-2.1"])
def test_models_of_anthropic_that_do_not_think_are_not_asked_to(model: str) -> None:
    body, lost = written("anthropic", model, Reasoning("high", shown=True))
    assert "thinking" not in body
    assert lost == {"thinking": "dropped"}
    assert written("anthropic", model, Reasoning("none")) == ({key: body[key] for key in body}, {})


@pytest.mark.parametrize(("model", "thinks"), [("claude-3-7-sonnet-latest", True), ("claude-sonnet-4-5", True), ("claude-3-sonnet", False)])
def test_the_other_models_of_anthropic_think(model: str, thinks: bool) -> None:
    assert ("thinking" in written("anthropic", model, Reasoning("low"))[0]) is thinks


@pytest.mark.parametrize("model", ["gemini-2.0-flash", "gemini-1.5-pro", "gemini-2.5-flash-image", "gemma-3-27b-it"])
def test_models_of_google_that_do_not_think_are_not_asked_to(model: str) -> None:
    body, lost = written("gemini", model, Reasoning("high", shown=True))
    assert ("generationConfig" in body, lost) == (False, {"reasoning": "dropped"})
    assert written("gemini", model, Reasoning("none"))[1] == {}


@pytest.mark.parametrize(
    ("most", "effort", "limit", "settled"),
    [
        (None, "xhigh", 64_000, (64_000, 32_768)),
        (None, "xhigh", 32_000, (32_000, 24_000)),
        (None, "xhigh", 0, (64_768, 32_768)),
        (None, "low", 32_000, (32_000, 4096)),
        (9000, "low", 64_000, (9000, 4096)),
    ],
)
def test_thinking_leaves_room_for_an_answer_within_what_the_model_gives(
    most: int | None, effort: Effort, limit: int, settled: tuple[int, int]
) -> None:
    body, _ = written("anthropic", "claude-sonnet-4-5", Reasoning(effort), most, limit)
    assert (body["max_tokens"], body["thinking"]["budget_tokens"]) == settled
