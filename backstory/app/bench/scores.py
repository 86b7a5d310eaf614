"""What is measured of a context, and how questions are averaged.

A question counts where the text of every evidence turn stands in the context, and the context keeps within the budget. Intervals are
those of a bootstrap over questions (Efron, 1979), seeded: the same run gives the same figures.
"""

from __future__ import annotations

import random
import re
import unicodedata
from collections.abc import Sequence

from msgspec import Struct

from backstory.app.bench.dataset import Question, Talk

_WORD = re.compile(r"[^\W_]+")
_SAMPLES = 1000
_SEED = 1


class Share(Struct, frozen=True):
    """A share of questions in per cent, with the 95 % interval of a bootstrap."""

    percent: float
    low: float
    high: float
    questions: int


class Evidence:
    """The folded texts of a conversation's turns, to be looked for in a context."""

    def __init__(self, talk: Talk) -> None:
        self._folded = {turn.id: f" {fold(turn.text)} " for turn in talk.turns}

    def found(self, question: Question, context: str) -> bool:
        """Whether the text of every evidence turn stands in the context."""
        body = f" {fold(context)} "
        return all(self._folded[turn] in body for turn in question.evidence)


def fold(text: str) -> str:
    """Lower case, compatibility forms folded, every run of other signs than letters and digits one space."""
    return " ".join(_WORD.findall(unicodedata.normalize("NFKC", text).lower()))


def share(hits: Sequence[bool]) -> Share:
    """How many of these are true. Zeros for none at all."""
    if not hits:
        return Share(0.0, 0.0, 0.0, 0)
    generator, size = random.Random(_SEED), len(hits)
    true = sum(hits)
    means = sorted(sum(generator.choices((1, 0), (true, size - true), k=size)) / size for _ in range(_SAMPLES))
    low, high = means[int(0.025 * _SAMPLES)], means[int(0.975 * _SAMPLES)]
    return Share(round(100 * true / size, 1), round(100 * low, 1), round(100 * high, 1), size)


def part(values: Sequence[float], quantile: float) -> float:
    """A quantile of these, 0 for none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(quantile * len(ordered)))] if ordered else 0.0
