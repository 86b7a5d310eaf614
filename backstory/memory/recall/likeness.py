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
        self._by_rarest: dict[tuple[int, int, bool, int], list[frozenset[int]]] = {}

    def says_it_already(self, place: int) -> bool:
        """Whether a unit like this one was chosen before; if not, this one is chosen now. A fifth of a microsecond for each word."""
        words = frozenset(self._index.terms_of(place))
        if len(words) < _FEWEST:
            return False
        index = self._index
        rarest = min(words, key=lambda number: (len(index.postings[number]), number))
        denies = _DENIES.search(index.texts[place]) is not None
        held = self._by_rarest.setdefault((rarest, index.speakers[place], denies, index.flags[place] & ASKS), [])
        if any(_same(words, other, index) for other in held):
            return True
        held.append(words)
        return False


def _same(words: frozenset[int], others: frozenset[int], index: Index) -> bool:
    if words == others:
        return True
    if len(words) < _COMPARED_FROM or len(words & others) < _SAME_SHARE * len(words | others):
        return False
    return not any(index.words[number].isdigit() for number in words ^ others)
