"""What is compared: recall as the proxy does it, and the three baselines that every memory has to beat.

Rule: a system gets the turns and the question, never the evidence. What it gives is the text that would stand in the prompt.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from msgspec import Struct

from backstory.app.bench.dataset import Talk
from backstory.core.embedding import Embedder
from backstory.core.records import Turn
from backstory.core.tokens import count
from backstory.memory.recall.index import Index
from backstory.memory.recall.nearness import Asked, Nearness
from backstory.memory.recall.question import unnamed
from backstory.memory.recall.retrieval import block, line, recall
from backstory.memory.recall.scoring import matches
from backstory.memory.recall.units import Carry, units
from backstory.memory.text import terms

_EMBEDDED_AT_ONCE = 64


class Context(Struct, frozen=True):
    """`text`: what stands in the prompt. `gate`: why there is nothing, "" where there is something."""

    text: str
    gate: str = ""


class System(Protocol):
    """One way to fill the prompt. Made anew for each conversation."""

    def context(self, question: str, now: float, budget_tokens: int) -> Context:
        """What stands in the prompt beside this question."""
        ...


class Backstory:
    """The question comes alone, and recall brings what it finds: the retrieval of the proxy, with its configured gate and vectors."""

    def __init__(self, talk: Talk, embedder: Embedder | None, min_score: float) -> None:
        self._index = Index()
        self._index.add(units(_turns(talk), 1, Carry()))
        self._min_score = min_score
        self._embedder = embedder
        self._nearness = Nearness() if embedder is not None else None
        if embedder is not None and self._nearness is not None:
            texts = self._index.texts
            for start in range(0, len(texts), _EMBEDDED_AT_ONCE):
                some = texts[start : start + _EMBEDDED_AT_ONCE]
                self._nearness.add(range(start, start + len(some)), embedder.embed(some))

    def context(self, question: str, now: float, budget_tokens: int) -> Context:
        """See System."""
        asked = None
        if self._embedder is not None and self._nearness is not None:
            asked = Asked(self._nearness, self._embedder.embed([unnamed(self._index, question)])[0], self._embedder.trust)
        found = recall(
            self._index, question, budget_tokens=budget_tokens, carried=(), now=now, min_score=self._min_score, count=count, asked=asked
        )
        return Context(block(found), found.gate)


class Recency:
    """The newest turns that fit."""

    def __init__(self, talk: Talk) -> None:
        self._lines = _lines(talk)

    def context(self, question: str, now: float, budget_tokens: int) -> Context:
        """See System."""
        return Context(_fitting(reversed(range(len(self._lines))), self._lines, budget_tokens))


class Full:
    """Everything, whatever the budget: what a client without a memory pays for."""

    def __init__(self, talk: Talk) -> None:
        self._text = "\n".join(_lines(talk))

    def context(self, question: str, now: float, budget_tokens: int) -> Context:
        """See System."""
        return Context(self._text)


class Bm25:
    """Plain BM25 over whole turns: stems, no concepts, no neighbours, no dates, no gate."""

    def __init__(self, talk: Talk) -> None:
        self._lines = _lines(talk)
        self._index = Index()
        self._index.add(units(_turns(talk), 1, Carry()))

    def context(self, question: str, now: float, budget_tokens: int) -> Context:
        """See System."""
        index = self._index
        found = matches(index, dict.fromkeys(terms(question), 1.0), len(index.turns))
        best = dict.fromkeys(index.turns[place] - 1 for place in found.best)
        return Context(_fitting(best, self._lines, budget_tokens))


def maker(name: str, embedder: Embedder | None, min_score: float) -> Callable[[Talk], System]:
    """What makes this system for a conversation. KeyError for a name that is not in SYSTEMS."""
    if name == "backstory":
        return lambda talk: Backstory(talk, embedder, min_score)
    return _BASELINES[name]


_BASELINES: dict[str, Callable[[Talk], System]] = {"recency": Recency, "full": Full, "bm25": Bm25}
SYSTEMS = ("backstory", *_BASELINES)


def _turns(talk: Talk) -> list[Turn]:
    """The turns as they are when they are stored, numbered from 1."""
    made = []
    for number, turn in enumerate(talk.turns, 1):
        role = turn.role or ("assistant" if turn.speaker.strip().lower() == "assistant" else "user")
        made.append(
            Turn(number, talk.id, number - 1, number - 1, b"", b"", role, "spoken", turn.text, sender=turn.speaker.strip(), at=turn.at)
        )
    return made


def _lines(talk: Talk) -> list[str]:
    return [line(number, turn.speaker, turn.text) for number, turn in enumerate(talk.turns, 1)]


def _fitting(order: Iterable[int], lines: Sequence[str], budget_tokens: int) -> str:
    """Lines in this order of choice while they fit, in the order of the conversation."""
    chosen: list[int] = []
    left = budget_tokens
    for place in order:
        left -= count(lines[place] + "\n")
        if left < 0:
            break
        chosen.append(place)
    return "\n".join(lines[place] for place in sorted(chosen))
