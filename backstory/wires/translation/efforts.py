"""How much models of OpenAI think, by their names, for every wire over which they are asked.

Rule: what is not known to be refused is sent as it was asked for; a model of another name has every effort.
Source: https://platform.openai.com/docs/models (each model's page), https://platform.openai.com/docs/guides/reasoning, as of 2026-11.
"""

from __future__ import annotations

import re

from backstory.core.translation import Effort, Reasoning
from backstory.wires.translation.tongue import EFFORTS, effort_of, nearest

PLAIN_MODELS = re.compile(r"(?:^|/)(?:gpt-[34]|chatgpt|gpt-5[\d.]*-chat|o1-(?:mini|preview))")
"""Models of OpenAI that do not reason, or cannot be told how much."""
_EFFORTS: tuple[tuple[re.Pattern[str], tuple[Effort, ...]], ...] = (
    (re.compile(r"(?:^|/)o\d[\w-]*-deep-research"), ("medium",)),
    (re.compile(r"(?:^|/)o\d"), ("low", "medium", "high")),
    (re.compile(r"(?:^|/)gpt-5-pro"), ("high",)),
    (re.compile(r"(?:^|/)gpt-5\.\d+-pro"), ("medium", "high", "xhigh")),
    (re.compile(r"(?:^|/)gpt-5-codex"), ("low", "medium", "high")),
    (re.compile(r"(?:^|/)gpt-5\.1-codex-max"), ("low", "medium", "high", "xhigh")),
    (re.compile(r"(?:^|/)gpt-5\.[01]"), ("none", "low", "medium", "high")),
    (re.compile(r"(?:^|/)gpt-(?:5\.\d|[6-9])"), ("none", "low", "medium", "high", "xhigh")),
    (re.compile(r"(?:^|/)gpt-5"), ("minimal", "low", "medium", "high")),
    (re.compile(r"(?:^|/)gpt-oss"), ("low", "medium", "high")),
    (re.compile(""), EFFORTS),
)


def effort_for(model: str, effort: Effort) -> Effort:
    """The nearest effort that this model has; "" where it cannot be told one."""
    if PLAIN_MODELS.search(model):
        return ""
    return nearest(effort, next(efforts for pattern, efforts in _EFFORTS if pattern.search(model)))


def wanted_effort(reasoning: Reasoning) -> Effort:
    """The effort that is asked for, worked out of a budget where only that was said; "" where neither was."""
    if reasoning.budget == 0:
        return "none"
    return reasoning.effort or ("" if reasoning.budget is None else effort_of(reasoning.budget))
