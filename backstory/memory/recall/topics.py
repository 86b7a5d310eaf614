"""The folded part of a conversation by its segments: which are on a topic, and how one, or all of them, are told.

Rule: a segment stands under its turns and its day; of a digest whole lines are left out, those first that tell what is told everywhere.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from math import log, sqrt

from msgspec.structs import replace

from backstory.core.records import Segment
from backstory.memory.reading.fence import plain
from backstory.memory.recall import dates
from backstory.memory.recall.hits import Row
from backstory.memory.recall.paging import Count, told
from backstory.memory.text import fold, terms

_LINE_CHARS = 240
_NUMBERED = re.compile(r"#(\d{1,9}) ")
_TAG, _ON_TOPIC, _MOST_SEGMENTS = 3.0, 0.3, 12
"""A word that is a segment's topic counts so many times one of its digest; a segment that has less than this share of what the best has
is not on the topic."""


def about(segments: Sequence[Segment], words: str, found: Sequence[Row] = (), numbers: Mapping[int, int] | None = None) -> list[Segment]:
    """The segments on this topic, the best first: by their tags, then by the words of their digests, each by its rarity, and by what was
    found in their turns (`numbers`: of the turns, by id). What has much less than the best only shares a word with it."""
    wanted = set(terms(words)) or {fold(words).strip()}
    tags = [{term for tag in segment.tags for term in (*terms(tag), fold(tag))} & wanted for segment in segments]
    said = [wanted.intersection(terms(segment.digest)) for segment in segments]
    rarity = {term: log(1.0 + len(segments) / (0.5 + sum(term in mine for mine in said))) for term in wanted}
    whole = sum(rarity.values()) or 1.0
    scored: list[tuple[float, int]] = []
    for place, segment in enumerate(segments):
        first, last = _span(segment, numbers or {})
        best_hit = max((one.worth for one in found if first <= one.number <= last), default=0.0)
        score = (_TAG * sum(map(rarity.__getitem__, tags[place])) + sum(map(rarity.__getitem__, said[place]))) / whole + best_hit
        if score > 0.0:
            scored.append((-score, place))
    scored.sort()
    return [segments[place] for score, place in scored if score <= _ON_TOPIC * scored[0][0]][:_MOST_SEGMENTS]


def _span(segment: Segment, numbers: Mapping[int, int]) -> tuple[int, int]:
    return numbers.get(segment.first_turn, 0), numbers.get(segment.last_turn, -1)


def outline(segment: Segment, numbers: Mapping[int, int], found: Sequence[Row] = ()) -> str:
    """A segment in one paragraph: which turns, when, on what, and its digest; then the best turns of those found in it that the digest
    lacks."""
    first, last = _span(segment, numbers)
    missed = [one for one in found if first <= one.number <= last and one.text not in segment.digest]
    best_two = sorted(sorted(missed, key=lambda one: -one.worth)[:2], key=lambda one: one.number)
    return "\n".join([f"{_head(segment, numbers)}{_digest(segment)}".strip(), *map(told, best_two)])


def _head(segment: Segment, numbers: Mapping[int, int]) -> str:
    first, last = numbers.get(segment.first_turn, 0), numbers.get(segment.last_turn, 0)
    where = f"#{first}" if first == last else f"#{first} to #{last}"
    return f"[{', '.join(part for part in (where, dates.day_name(segment.started), ' / '.join(map(plain, segment.tags[:4]))) if part)}] "


def _digest(segment: Segment) -> str:
    """A segment's digest less the day that its head has already."""
    return segment.digest.removeprefix(f"[{dates.day_name(segment.started)}]\n")


def outlined(
    segments: Sequence[Segment], spoken: Sequence[Sequence[Row]], numbers: Mapping[int, int], budget: int, count: Count
) -> tuple[list[str], int]:
    """All segments in order, each in one paragraph, within a budget of tokens, and how many of their turns that leaves out: those that
    tell least, which is what is said again and again. `spoken`: the turns of each segment; none: its digest alone is told. Cost grows with
    the words of all of them."""
    lines = [found for place, segment in enumerate(segments) for found in _lines(place, segment, spoken[place])]
    said = [set(terms(text.partition(": ")[2] or text)) for _, _, text in lines]
    spread = Counter(term for mine in said for term in mine)
    tells = [sum(log(len(lines) / spread[term]) for term in mine if not term.isdigit()) / sqrt(len(mine) + 1) for mine in said]
    heads = [_head(segment, numbers) for segment in segments]
    kept: list[int] = []
    opened: set[int] = set()
    for at in sorted(range(len(lines)), key=lambda at: (-tells[at], at)):
        place, _, text = lines[at]
        cost = count(f"{text}\n") + (count(heads[place]) if place not in opened else 0)
        if cost <= budget:
            budget -= cost
            kept.append(at)
            opened.add(place)
    texts: dict[int, list[str]] = {}
    for at in sorted(kept):
        texts.setdefault(lines[at][0], []).append(lines[at][2])
    shown = {lines[at][1] for at in kept}
    left = len({number or -at for at, (_, number, _) in enumerate(lines, 1) if number not in shown})
    return [heads[place] + "\n".join(mine) for place, mine in texts.items()], left


def _lines(place: int, segment: Segment, rows: Sequence[Row]) -> list[tuple[int, int, str]]:
    """What may be told of a segment, as (its place, turn's number or 0, line): its short turns as they are, of the long ones what its
    digest has of them, or their beginning."""
    short = {one.number: told(one) for one in rows if len(one.text) <= _LINE_CHARS}
    digest: dict[int, list[str]] = {}
    for text in _digest(segment).splitlines():
        match = _NUMBERED.match(text)
        number = int(match[1]) if match else 0
        if text.strip() and number not in short:
            digest.setdefault(number, []).append(text)
    found = [(place, 0, text) for text in digest.pop(0, ())]
    for one in rows:
        texts = [short[one.number]] if one.number in short else digest.pop(one.number, None)
        found += [(place, one.number, text) for text in texts or [told(replace(one, text=f"{one.text[:_LINE_CHARS]} (...)"))]]
    return found + [(place, number, text) for number, texts in digest.items() for text in texts]
