"""Topics that too many turns share, told apart by what else those turns are about: "database" becomes "database/migration" and others.

Rule: what is split, and into what, follows from the local tags of a conversation's first turns alone, so many of them as a fixed row of
numbers says (32, 40, 50, ...). So it is the same in however many steps a conversation is tagged, and is looked at anew seldom. A turn
gets a narrower topic only for a word that its own tags have.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from msgspec.structs import replace

from backstory.core.records import Segment
from backstory.memory.tags.tagging import SAYS_NOTHING
from backstory.memory.text import stem

Splits: TypeAlias = Mapping[str, Mapping[str, str]]
"""By topic: what it is split into, the strongest first: stem of a word, and the word."""
MARK = "/"
"""Between a topic and what narrows it; no tag has it otherwise."""
_FIRST, _GROWTH = 32, 1.25
_BROAD_SHARE, _LEAST_TURNS = 20, 12
"""A topic of more than one in twenty turns, and of at least so many, is broad."""
_MOST_BROAD, _MOST_PARTS, _LEAST_PARTS = 16, 8, 2
# A word narrows a topic if it stands in so many of its turns, in so large a share of them, and not in nearly all.
_LEAST_TOGETHER, _LEAST_SHARE, _MOST_SHARE = 3, 0.05, 0.8
_SHORTEST = 3


def looked_at(turns: int) -> int:
    """Of a conversation of so many turns, how many say what is split; 0: none is yet."""
    number, upto = _FIRST, 0
    while number <= turns:
        number, upto = math.ceil(number * _GROWTH), number
    return upto


def splits(given: Sequence[tuple[str, ...]], breathe: Callable[[], None] = lambda: None) -> Splits:
    """What is split in turns of these tags (each turn's own). Some 10 us a turn; `breathe` is called between turns."""
    counts = Counter(tag for tags in given for tag in tags)
    most = max(_LEAST_TURNS, len(given) / _BROAD_SHARE)
    broad = sorted((tag for tag, count in counts.items() if count > most), key=lambda tag: (-counts[tag], tag))[:_MOST_BROAD]
    if not broad:
        return {}
    totals: Counter[str] = Counter()
    names: dict[str, str] = {}
    together: dict[str, Counter[str]] = {tag: Counter() for tag in broad}
    for tags in given:
        breathe()
        found = {tag: _stems(tag, names) for tag in tags}
        totals.update({term for terms in found.values() for term in terms})
        for tag in tags:
            if tag in together:
                together[tag].update({term for other, terms in found.items() if other != tag for term in terms} - set(found[tag]))
    made: dict[str, dict[str, str]] = {}
    for tag in broad:
        parts = _parts(together[tag], counts[tag], totals, len(given))
        if len(parts) >= _LEAST_PARTS:
            made[tag] = {term: names[term] for term in parts}
    return made


def narrowed(tags: Sequence[str], found: Splits) -> tuple[str, ...]:
    """A turn's tags, with the narrower topic in place of a broad one where its other tags tell which."""
    if not any(tag in found for tag in tags):
        return tuple(tags)
    terms = {tag: _stems(tag, {}) for tag in tags}
    return tuple(_narrow(tag, terms, found.get(tag, {})) for tag in tags)


def retitled(found: Sequence[Segment], tags: Mapping[int, Sequence[str]]) -> list[Segment]:
    """Segments under the topics that their turns have now (`tags`, by turn): in place of each the part of it that most are about."""
    turns = sorted(tags)
    made: list[Segment] = []
    for one in found:
        inside = turns[bisect_left(turns, one.first_turn) : bisect_right(turns, one.last_turn)]
        counts = Counter(tag for turn in inside for tag in tags[turn])
        names: dict[str, str] = {}
        for tag in sorted(counts, key=lambda tag: (-counts[tag], tag)):
            names.setdefault(topic(tag), tag)
        made.append(replace(one, tags=tuple(names.get(tag, tag) for tag in one.tags)))
    return made


def topic(tag: str) -> str:
    """The topic that a tag is, or is a part of."""
    return tag.partition(MARK)[0]


def _narrow(tag: str, terms: Mapping[str, Sequence[str]], parts: Mapping[str, str]) -> str:
    others = {term for other, those in terms.items() if other != tag for term in those}
    part = next((name for term, name in parts.items() if term in others), "")
    return f"{tag}{MARK}{part}" if part else tag


def _parts(together: Counter[str], turns: int, totals: Counter[str], of: int) -> list[str]:
    fit = (
        term
        for term, count in together.items()
        if max(_LEAST_TOGETHER, _LEAST_SHARE * turns) <= count <= _MOST_SHARE * turns
        and len(term) >= _SHORTEST
        and term not in SAYS_NOTHING
    )
    return sorted(fit, key=lambda term: (-together[term] * math.log(1 + of / totals[term]), term))[:_MOST_PARTS]


def _stems(tag: str, names: dict[str, str]) -> tuple[str, ...]:
    """Stems of a tag's words that are no numbers; `names` learns the word in which each was met first."""
    found = []
    for word in tag.split("-"):
        if word and not word.isdigit():
            term = stem(word) or word
            names.setdefault(term, word)
            found.append(term)
    return tuple(found)
