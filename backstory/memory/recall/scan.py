"""Looking for words in turns that nothing has indexed yet: by their texts, as they are.

Rule: the cost is bounded, however long the turns are: some milliseconds for a megabyte.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Sequence, Set
from heapq import nlargest

from msgspec import Struct
from msgspec.structs import replace

from backstory.core.records import Turn
from backstory.memory.recall.associations import MARK
from backstory.memory.recall.units import Carry, Unit, units

# So much is looked through, the newest first; of a turn that is longer than what is left, half of that: its beginning and its end. The
# newest turn is looked through whole.
MOST_TURNS, _MOST_CHARS = 1500, 1_000_000
_LEAST_CHARS = 100
_MOST_WORDS = 16
# Of a turn with more characters, what stands around the words is read: so many characters to both sides, so often.
_LONG_CHARS = 8000
_AROUND_CHARS, _PLACES_A_WORD, _MOST_EXCERPTS = 400, 4, 12
_ACCENTS = re.compile("[\u0300-\u036f]")


class Mentions(Struct, frozen=True):
    """`turns`: ids of those that say most of it, the best first. `counts`: in how many of the turns looked at each word stands, and under
    "" how many those are."""

    turns: tuple[int, ...]
    counts: dict[str, int]


def mentions(turns: Sequence[Turn], terms: Iterable[str], wanted: int) -> Mentions:
    """Which of these turns have words that begin like the terms, or have them inside: more than an index would find, never less, but for
    irregular forms."""
    words = _words(terms)
    held: list[tuple[int, list[str]]] = []
    counts = dict.fromkeys(words, 0)
    looked, left = 0, _MOST_CHARS
    for turn in reversed(turns):
        if looked and (looked >= MOST_TURNS or left < _LEAST_CHARS):
            break
        share = len(turn.text) if len(turn.text) <= left else left // 2
        text = _plain(turn.text if not looked else _edges(turn.text, share))
        left -= share
        looked += 1
        has = [word for word in words if word in text]
        if has:
            held.append((turn.id, has))
            for word in has:
                counts[word] += 1
    rarity = {word: math.log(1.0 + (looked - count + 0.5) / (count + 0.5)) for word, count in counts.items()}
    best = nlargest(wanted, held, key=lambda one: (sum(rarity[word] for word in one[1]), one[0]))
    return Mentions(tuple(turn for turn, _ in best), {**{word: count for word, count in counts.items() if count}, "": looked})


def units_about(turn: Turn, number: int, terms: Iterable[str], names: Set[str] = frozenset()) -> list[Unit]:
    """The units of a turn; of a long one, those of what stands around these words, and of its beginning. `names`: who is known to speak."""
    if len(turn.text) <= _LONG_CHARS:
        return units((turn,), number, Carry(set(names)))
    made: list[Unit] = []
    for start, stop in _excerpts(turn.text, _words(terms)):
        found = units((replace(turn, text=turn.text[start:stop]),), number, Carry(set(names)))
        # A piece that is missing between two excerpts keeps them from being read as one text.
        first = made[-1].piece + 2 if made else int(start > 0)
        made += [replace(unit, piece=first + unit.piece) for unit in found]
    return made


def _words(terms: Iterable[str]) -> tuple[str, ...]:
    """What can be looked for: no concepts; the longest, which tell most."""
    plain = dict.fromkeys(term for term in terms if term and term[0] != MARK)
    return tuple(sorted(plain, key=len, reverse=True)[:_MOST_WORDS])


def _edges(text: str, most: int) -> str:
    """The beginning and the end of a text of more characters."""
    return text if len(text) <= most else f"{text[: most // 2]}\n{text[len(text) - most // 2 :]}"


def _plain(text: str) -> str:
    """In lower case and without accents, as terms are."""
    text = text.lower()
    return text if text.isascii() else _ACCENTS.sub("", unicodedata.normalize("NFKD", text))


def _excerpts(text: str, words: Sequence[str]) -> list[tuple[int, int]]:
    """Spans around the words, in order, at white space; the rarest words first."""
    low = text.lower()
    if len(low) != len(text):
        low = text
    where = sorted((_found(low, word) for word in words), key=len)
    spans: list[tuple[int, int]] = [(0, _AROUND_CHARS)]
    for places in where:
        for at in places[:_PLACES_A_WORD]:
            if len(spans) < _MOST_EXCERPTS and not any(start <= at < stop for start, stop in spans):
                spans.append((max(0, at - _AROUND_CHARS), min(len(text), at + _AROUND_CHARS)))
    merged: list[tuple[int, int]] = []
    for start, stop in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(stop, merged[-1][1]))
        else:
            merged.append((start, stop))
    return [_whole(text, start, stop) for start, stop in merged]


def _found(text: str, word: str) -> list[int]:
    """Where a word stands: one place more than is asked for tells that it is a common one."""
    places: list[int] = []
    at = text.find(word)
    while at >= 0 and len(places) <= 8 * _PLACES_A_WORD:
        places.append(at)
        at = text.find(word, at + len(word))
    return places


def _whole(text: str, start: int, stop: int) -> tuple[int, int]:
    """The span, cut to whole words where it has any white space near its ends."""
    if start > 0:
        edge = _next_space(text, start, min(stop, start + _AROUND_CHARS // 4))
        start = edge if edge >= 0 else start
    if stop < len(text):
        edge = text.rfind(" ", max(start, stop - _AROUND_CHARS // 4), stop)
        stop = edge if edge > start else stop
    return start, stop


def _next_space(text: str, start: int, stop: int) -> int:
    found = [at for mark in (" ", "\n") if (at := text.find(mark, start, stop)) >= 0]
    return min(found, default=-1)
