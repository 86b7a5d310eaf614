"""Gemini, for translation: how much its models are told to think.

Rule: what a model is known to refuse is not sent, and is told as a loss; a model of another name gets what was asked for.
Source: https://ai.google.dev/gemini-api/docs/thinking (budgets and levels of each model), as of 2026-11.
"""

from __future__ import annotations

import re

from backstory.core.translation import Asked, Reasoning
from backstory.wires.translation.efforts import wanted_effort
from backstory.wires.translation.more import Losing
from backstory.wires.translation.tongue import Json, budget_of

_GENERATION = re.compile(r"gemini-(\d+)")
_UNTHINKING = re.compile(r"gemini-(?:1|2\.0)(?!.*thinking)|gemini-2\.5-flash.*-image|gemma-[123]|learnlm")
_LEVELS: tuple[tuple[re.Pattern[str], dict[str, str]], ...] = (
    (re.compile(r"gemini-3-pro"), {"none": "low", "minimal": "low", "medium": "high", "xhigh": "high"}),
    (re.compile(r"gemini-[\d.]+-pro"), {"none": "low", "minimal": "low", "xhigh": "high"}),
    (re.compile(""), {"none": "minimal", "xhigh": "high"}),
)
"""What stands for an effort that is no level of the model."""
# (least but for none at all, most) tokens.
_BUDGETS: tuple[tuple[re.Pattern[str], int, int], ...] = (
    (re.compile(r"pro"), 128, 32_768),
    (re.compile(r"flash-lite"), 512, 24_576),
    (re.compile(""), 0, 24_576),
)
_NEVER_IDLE = re.compile(r"pro")
"""Models that cannot do without thinking."""


def generation(model: str) -> int:
    """3 for gemini-3-pro; 0 where the name does not tell."""
    match = _GENERATION.search(model)
    return int(match.group(1)) if match else 0


def is_unthinking(model: str) -> bool:
    """Whether the model is known not to think."""
    return _UNTHINKING.search(model) is not None


def thinking_of(asked: Asked, losing: Losing) -> Json:
    """`thinkingConfig`, within the member that it is; {} where nothing is said."""
    reasoning = asked.reasoning
    if reasoning is None:
        return {}
    effort = wanted_effort(reasoning)
    if is_unthinking(asked.model):
        losing.all_of({"reasoning": effort != "none"})
        return {}
    found: Json = {"includeThoughts": True} if reasoning.shown else {}
    losing.all_of({"reasoning.summary": reasoning.summary not in ("", "auto")})
    if effort and generation(asked.model) >= 3:
        level = next(levels for pattern, levels in _LEVELS if pattern.search(asked.model)).get(effort, str(effort))
        losing.all_of({"reasoning.effort": level != effort})
        found["thinkingLevel"] = level.upper()
    elif effort:
        found["thinkingBudget"] = _budget(reasoning, asked.model, losing)
    return {"thinkingConfig": found} if found else {}


def _budget(reasoning: Reasoning, model: str, losing: Losing) -> int:
    wanted = (budget_of(reasoning.effort) or 0) if reasoning.budget is None else reasoning.budget
    least, most = next((low, high) for pattern, low, high in _BUDGETS if pattern.search(model))
    idle = wanted == 0 and not _NEVER_IDLE.search(model)
    budget = 0 if idle else max(min(wanted, most), least)
    losing.all_of({"reasoning.effort": budget != wanted})
    return budget
