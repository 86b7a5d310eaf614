"""Requests in their client's own wire for another model than the client named."""

from __future__ import annotations

import json
from typing import Any

import pytest

from backstory.wires.refit import refit

EDITS = {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]}


@pytest.mark.parametrize(
    ("wire", "model", "given", "left", "lost"),
    [
        ("openai_responses", "gpt-4.1", {"reasoning": {"effort": "high", "summary": "auto"}}, {}, {"reasoning": "dropped"}),
        ("openai_responses", "o3", {"reasoning": {"effort": "xhigh"}}, {"reasoning": {"effort": "high"}}, {"reasoning.effort": "changed"}),
        ("openai_chat", "gpt-4o", {"reasoning_effort": "low"}, {}, {"reasoning_effort": "dropped"}),
        ("openai_chat", "gpt-5", {"reasoning_effort": "none"}, {"reasoning_effort": "minimal"}, {"reasoning_effort": "changed"}),
        ("anthropic", "claude-3-5-haiku-latest", {"thinking": {"type": "enabled", "budget_tokens": 2000}}, {}, {"thinking": "dropped"}),
        (
            "anthropic",
            "claude-3-5-haiku-latest",
            {"thinking": {"type": "adaptive"}, "context_management": EDITS, "output_config": {"effort": "max"}},
            {},
            {"thinking": "dropped", "context_management": "dropped", "output_config": "dropped"},
        ),
        (
            "anthropic",
            "claude-haiku-4-5",
            {"max_tokens": 64_000, "thinking": {"type": "adaptive"}, "output_config": {"effort": "high", "format": {}}},
            {"max_tokens": 64_000, "thinking": {"type": "enabled", "budget_tokens": 24_576}, "output_config": {"format": {}}},
            {"thinking": "changed", "output_config.effort": "dropped"},
        ),
        (
            "anthropic",
            "claude-haiku-4-5",
            {"max_tokens": 4000, "thinking": {"type": "adaptive"}},
            {"max_tokens": 4000, "thinking": {"type": "enabled", "budget_tokens": 3000}},
            {"thinking": "changed"},
        ),
        (
            "anthropic",
            "claude-haiku-4-5",
            {"max_tokens": 900, "thinking": {"type": "adaptive"}},
            {"max_tokens": 900},
            {"thinking": "dropped"},
        ),
        (
            "anthropic",
            "claude-opus-4-7",
            {"thinking": {"type": "enabled", "budget_tokens": 2000}},
            {"thinking": {"type": "adaptive"}},
            {"thinking": "changed"},
        ),
        (
            "gemini",
            "gemini-2.0-flash",
            {"generationConfig": {"thinkingConfig": {"thinkingBudget": 5}, "a": 1}},
            {"generationConfig": {"a": 1}},
            {"generationConfig.thinkingConfig": "dropped"},
        ),
    ],
)
def test_what_the_model_refuses_is_left_out_or_near(
    wire: str, model: str, given: dict[str, Any], left: dict[str, Any], lost: dict[str, str]
) -> None:
    body, losses = refit(wire, json.dumps({"model": model, **given, "x": " ü"}).encode(), model)
    assert json.loads(body) == {"model": model, **left, "x": " ü"}
    assert {loss.what: loss.how for loss in losses} == lost


@pytest.mark.parametrize(
    ("wire", "model", "given"),
    [
        ("openai_responses", "somebodys-own", {"reasoning": {"effort": "xhigh"}}),
        ("openai_responses", "gpt-5.2", {"reasoning": {"effort": "xhigh"}}),
        ("openai_responses", "gpt-4.1", {}),
        ("openai_chat", "gpt-5", {"reasoning_effort": "a word that nobody knows"}),
        ("openai_chat", "o3", {"reasoning_effort": None, "reasoning": "high"}),
        ("anthropic", "claude-sonnet-4-5", {"thinking": {"type": "enabled", "budget_tokens": 2000}}),
        ("anthropic", "claude-opus-4-6", {"thinking": {"type": "enabled", "budget_tokens": 2000}, "output_config": {"effort": "high"}}),
        ("anthropic", "claude-opus-4-5", {"output_config": {"effort": "high"}}),
        ("anthropic", "claude-3-5-haiku-latest", {"context_management": EDITS}),
        ("anthropic", "glm-5", {"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}}),
        ("gemini", "gemini-2.5-flash", {"generationConfig": {"thinkingConfig": {"thinkingBudget": 5}}}),
        ("gemini", "gemini-2.0-flash", {"generationConfig": {"a": 1}}),
    ],
)
def test_nothing_else_changes(wire: str, model: str, given: dict[str, Any]) -> None:
    body = json.dumps({"model": model, **given}, indent=2).encode()
    assert refit(wire, body, model) == (body, ())
    assert refit(wire, body, model)[0] is body
