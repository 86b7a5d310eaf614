"""What of a turn stands in a block that goes up: that is not recalled again, the rest of the turn may be.

Rule: a unit is in view where a line of its turn has all of its words; a part of it where an excerpt has that, or a line that is a
sentence of it. A turn that is one unit, and no excerpt, is all in view. Where what is in view has more of a question than what is not,
that adds nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Container, Mapping, Sequence
from functools import lru_cache

from backstory.memory.reading.fence import RECALL_CLOSE
from backstory.memory.recall.associations import MARK
from backstory.memory.recall.index import Index
from backstory.memory.recall.question import Query
from backstory.memory.recall.quoting import LEFT_OUT, plain, unseen
from backstory.memory.recall.units import index_terms

# A line of ours begins so: no other text in a block does (see fence). What follows without a number is of the same turn.
_LINE = re.compile(r"^#(\d+) [^:\n]*: ", re.M)
# What may follow it: a note that it was changed, the next day, the end of the block.
_AFTER = re.compile(rf"(?: \(later changed: #\d+\))?(?:\n\[[^\]\n]*\])?\n?(?:{re.escape(RECALL_CLOSE)})?\s*\Z")
_AFTER_CHARS, _AFTER_ENDS = 200, (")", "]", RECALL_CLOSE)
# So many blocks are not read again: some 2 MB.
_MOST_BLOCKS = 256
# Of a part of a unit that is no longer than this it cannot be told whose it is.
_TELLING_CHARS = 16

Seen = Mapping[int, Sequence[str]]
"""Units in view, by place, each with its parts that are; none where all of it is."""


def in_view(index: Index, turns: Collection[int], blocks: Sequence[str], unsure: Container[int] = ()) -> tuple[set[int], Seen]:
    """Of the turns in these blocks those of which not all is in view, and what of them is. About a microsecond for each other turn; the
    blocks are only taken apart where one has pieces or an excerpt. `unsure`: turns that these blocks need not have, though they say so."""
    partly: set[int] = set()
    seen: dict[int, Sequence[str]] = {}
    lines: dict[int, list[str]] | None = None
    cut = any(LEFT_OUT in block for block in blocks)
    for turn in turns:
        places = index.units_of(turn)
        pieces = len(places) > 1 or turn in unsure or (len(places) == 1 and index.pieces[places[0]] > 0)
        if not places or not (pieces or cut):
            continue
        lines = _lines(blocks) if lines is None else lines
        said = lines.get(index.numbers[places[0]], ())
        if not pieces and not any(LEFT_OUT in one for one in said):
            continue
        here = {place: parts for place in places if (parts := _shown(index.texts[place], said)) is not None}
        if len(here) < len(places) or any(here.values()):
            partly.add(turn)
            seen.update(here)
    return partly, seen


def adding(index: Index, query: Query, seen: Seen) -> Callable[[int], bool]:
    """Whether a unit may add something to what is in view of its turn."""
    wanted = {index.vocabulary.get(term, -1) for term in query.weights if not term.startswith(MARK)}
    had: dict[int, list[set[int]]] = {}
    for place, parts in seen.items():
        has = _has(index, parts) if parts else set(index.terms_of(place))
        had.setdefault(index.turns[place], []).append(has & wanted)

    def adds(place: int) -> bool:
        of_turn = had.get(index.turns[place])
        if of_turn is None:
            return True
        parts = seen.get(place)
        if parts is None:
            has = wanted.intersection(index.terms_of(place))
        elif parts:
            has = wanted & _has(index, unseen(index.texts[place], parts))
        else:
            return False
        return not any(has < other for other in of_turn)

    return adds


def forget() -> None:
    """Hold no blocks any more."""
    _said.cache_clear()


def _has(index: Index, texts: Sequence[str]) -> set[int]:
    return {index.vocabulary.get(term, -1) for text in texts for term in index_terms(text)} - {-1}


def _lines(blocks: Sequence[str]) -> dict[int, list[str]]:
    """What the blocks say of each turn, by its number."""
    found: dict[int, list[str]] = {}
    for block in blocks:
        for number, said in _said(block):
            found.setdefault(number, []).append(said)
    return found


@lru_cache(_MOST_BLOCKS)
def _said(block: str) -> list[tuple[int, str]]:
    """The lines of a block, each with the number of its turn. A block goes up again and again."""
    starts = list(_LINE.finditer(block))
    ends = [*(start.start() for start in starts[1:]), len(block)]
    return [(int(start[1]), plain(_ended(block[start.end() : end]))) for start, end in zip(starts, ends, strict=False)]


def _ended(said: str) -> str:
    """What a line says, without what may follow it. That is looked for at its end only, in constant time."""
    said = said.rstrip()
    at = max(0, len(said) - _AFTER_CHARS)
    return said[:at] + _AFTER.sub("", said[at:]) if said.endswith(_AFTER_ENDS) else said


def _shown(text: str, said: Sequence[str]) -> Sequence[str] | None:
    """The parts of a unit that lines of its turn have, none where one has it all; None where none has any of it."""
    if not said:
        return None
    whole = plain(text)
    if any(whole in one for one in said):
        return ()
    return [part for one in said if (part := _part(one)) and part in whole] or None


def _part(said: str) -> str:
    """What a line says that may be no more than a part of its unit: an excerpt without its marks; else its first line, "" where that is
    too short to be known again."""
    # An excerpt whose last line is a mark of quotation and nothing else has lost the space behind that (quoting.plain).
    begins, end = said.startswith(f"{LEFT_OUT} "), max(said.rfind(f"{sign}{LEFT_OUT}") for sign in " \n")
    if begins or end > 0:
        return plain(said[len(LEFT_OUT) + 1 if begins else 0 : end if end > 0 else len(said)])
    first = said.split("\n", 1)[0]
    return first if len(first) > _TELLING_CHARS else ""
