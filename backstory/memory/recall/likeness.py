"""Units that say the same again: a block shows one of them.

Rule: only what nobody would miss goes. The same person has to say it; one that denies and one that does not are two, and so are two that
differ in their rarest word or in a number (an order, a day, a version). Short units are compared as they are.
"""

from __future__ import annotations

import re

from backstory.memory.recall.index import ASKS, Index

# Of the different words of two units, so many must be the same; with fewer words than this, all of them.
_SAME_SHARE, _COMPARED_FROM = 0.9, 8
# Units of fewer words than this always stand for themselves ("Yes, please.").
_FEWEST = 3
_DENIES = re.compile(r"\b(?:no|not|never|none|nobody|nothing|neither|nor|without|cannot|hardly)\b|n['’]t\b", re.I)


class Chosen:
    """What is in the block so far."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._by_rarest: dict[tuple[int, int, int], list[tuple[frozenset[int], int]]] = {}

    def says_it_already(self, place: int) -> bool:
        """Whether a unit like this one was chosen before; if not, this one is chosen now. Some tens of nanoseconds for each word."""
        index = self._index
        numbers = index.terms_of(place)
        words = frozenset(numbers)
        if len(words) < _FEWEST:
            return False
        rarest = min(zip(map(len, map(index.postings.__getitem__, numbers)), numbers, strict=True))[1]
        held = self._by_rarest.setdefault((rarest, index.speakers[place], index.flags[place] & ASKS), [])
        if any(_same(words, others, index) and _denies(index, place) == _denies(index, other) for others, other in held):
            return True
        held.append((words, place))
        return False


def _denies(index: Index, place: int) -> bool:
    return _DENIES.search(index.texts[place]) is not None


def _same(words: frozenset[int], others: frozenset[int], index: Index) -> bool:
    if words == others:
        return True
    if len(words) < _COMPARED_FROM or len(words & others) < _SAME_SHARE * len(words | others):
        return False
    return not any(index.words[number].isdigit() for number in words ^ others)
