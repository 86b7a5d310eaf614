"""What is measured of a context, and how questions are averaged.

A question counts where the text of every evidence turn stands in the context, and the context keeps within the budget. Intervals are
Wilson's (1927): also of few questions, and where all or none count, they say how little is known.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Sequence

from msgspec import Struct

from backstory.app.bench.dataset import Question, Talk

_WORD = re.compile(r"[^\W_]+")
_Z = 1.96
"""95 % of a normal distribution lie within so many deviations."""


class Share(Struct, frozen=True):
    """A share of questions in per cent, with its 95 % interval."""

    percent: float
    low: float
    high: float
    questions: int


class Evidence:
    """The folded texts of a conversation's turns, to be looked for in a context."""

    def __init__(self, talk: Talk) -> None:
        self._texts = {turn.id: turn.text.strip() for turn in talk.turns}
        self._folded = {turn.id: f" {fold(turn.text)} " for turn in talk.turns}

    def found(self, question: Question, context: str) -> bool:
        """Whether the text of every evidence turn stands in the context; one without letters and digits, sign for sign."""
        body = f" {fold(context)} "
        return all(self._folded[turn] in body if self._folded[turn].strip() else self._said(turn, context) for turn in question.evidence)

    def _said(self, turn: str, context: str) -> bool:
        return bool(self._texts[turn]) and self._texts[turn] in context


def fold(text: str) -> str:
    """Lower case, compatibility forms folded, every run of other signs than letters and digits one space."""
    return " ".join(_WORD.findall(unicodedata.normalize("NFKC", text).lower()))


def share(hits: Sequence[bool]) -> Share:
    """How many of these are true. Zeros for none at all."""
    if not hits:
        return Share(0.0, 0.0, 0.0, 0)
    size = len(hits)
    rate, spread = sum(hits) / size, _Z * _Z / size
    middle = (rate + spread / 2) / (1 + spread)
    half = _Z * math.sqrt(rate * (1 - rate) / size + spread / (4 * size)) / (1 + spread)
    low, high = max(0.0, middle - half), min(1.0, middle + half)
    return Share(round(100 * rate, 1), round(100 * low, 1), round(100 * high, 1), size)


def part(values: Sequence[float], quantile: float) -> float:
    """A quantile of these, 0 for none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(quantile * len(ordered)))] if ordered else 0.0
