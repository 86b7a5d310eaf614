"""Excerpts: what goes up of a unit that is too long for all the room there is.

Rule: an excerpt is a run of whole sentences as they stand in the unit, and has the one in which most of the question stands. What is
left out before and after it is marked. A unit in which no sentence has a word of the question has none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from backstory.memory.reading.fence import neutral
from backstory.memory.reading.sentences import bounds
from backstory.memory.recall.index import Index
from backstory.memory.recall.question import Query
from backstory.memory.recall.units import index_terms

LEFT_OUT = "(...)"
# A sentence that asks is seldom the one that answers.
_ASKING = 0.5
_IN_VIEW = -1.0
_ASKS = ("?", "\uff1f", "\u061f")


def marked(text: str, start: int, rest: int) -> str:
    """An excerpt as it is shown. `start`, `rest`: how many characters of its unit stand before it and after it."""
    return f"{f'{LEFT_OUT} ' if start else ''}{text}{f' {LEFT_OUT}' if rest else ''}"


def plain(text: str) -> str:
    """A text as a line of ours has it, less what is put in front of lines in it that begin as ours do."""
    return neutral(text).replace("\n> ", "\n").removeprefix("> ")


def unseen(text: str, parts: Sequence[str]) -> list[str]:
    """The sentences of a text that do not stand in these parts of it."""
    said = [text[start:end] for start, end in _sentences(text)]
    return [sentence for sentence in said if not any(plain(sentence) in part for part in parts)]


def excerpt(
    index: Index, query: Query, text: str, fits: Callable[[int, int, bool], bool], seen: Sequence[str] = ()
) -> tuple[int, int] | None:
    """From which character to which the sentences of a unit's text stand that answer best; None where there are none, or no room for
    one. `fits`: whether there is room for these characters; whether there is for more than the best sentence, too. `seen`: parts of the
    text that are in view."""
    places = list(_sentences(text))
    left = set(unseen(text, seen)) if seen else None
    said = [text[start:end] for start, end in places]
    worth = [_worth(index, query, one) if left is None or one in left else _IN_VIEW for one in said]
    most = max(worth, default=0.0)
    if most <= 0 or len(places) < 2:
        return None
    best = worth.index(most)
    if not fits(*places[best], False):
        return None
    first, last = _widened(places, worth, best, fits)
    return places[first][0], places[last][1]


def _widened(
    places: Sequence[tuple[int, int]], worth: Sequence[float], best: int, fits: Callable[[int, int, bool], bool]
) -> tuple[int, int]:
    """The run of sentences around the best one, as long as there is room: the neighbour with more of the question first, then what
    follows."""
    first = last = best
    while True:
        beside = [(first, last + 1)] if last + 1 < len(places) and worth[last + 1] != _IN_VIEW else []
        if first and worth[first - 1] != _IN_VIEW:
            before = (first - 1, last)
            beside.insert(0 if beside and worth[first - 1] > worth[last + 1] else len(beside), before)
        wider = next((one for one in beside if fits(places[one[0]][0], places[one[1]][1], True)), None)
        if wider is None:
            return first, last
        first, last = wider


def _sentences(text: str) -> Iterator[tuple[int, int]]:
    start = 0
    for line in text.split("\n"):
        yield from bounds(text, start, start + len(line))
        start += len(line) + 1


def _worth(index: Index, query: Query, sentence: str) -> float:
    """What of the question stands in a sentence, in nats."""
    found = sum([query.weights[term] * index.rarity(term) for term in set(index_terms(sentence)) if term in query.weights])
    return found * _ASKING if sentence.endswith(_ASKS) else found
