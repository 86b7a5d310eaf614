"""Segments: neighbouring turns on one topic.

Rule: a segment ends at a session's end, where it is full, or where the words of the turns before and after have little in common. Every
turn is in exactly one segment, in order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from backstory.core.records import Segment, Turn
from backstory.memory.recall.dates import DAY_S
from backstory.memory.recall.index import SESSION_GAP_S
from backstory.memory.recall.units import Unit

_MOST_TOKENS = 1_500
_LEAST_TURNS = 4
# Turns on each side that are compared (TextTiling, Hearst 1997), and the likeness below which the topic has changed.
_WINDOW = 3
_LIKE = 0.08
_TAG_WEIGHT = 2.0
_MOST_TAGS = 6


class Run(Struct, frozen=True):
    """Turns first_turn to last_turn (ids). `tags`: the most frequent first. `tokens`: of their texts, estimated."""

    first_turn: int
    last_turn: int
    tags: tuple[str, ...]
    tokens: int
    started: float
    ended: float


class _Turn(Struct):
    id: int
    started: float
    ended: float
    tokens: int
    words: dict[str, float]
    tags: Sequence[str]


def segments(units: Iterable[Unit], tags: Mapping[int, Sequence[str]]) -> list[Run]:
    """The segments of these units' turns. `tags`: of each turn, by id; a turn may have none."""
    turns = _turns(units, tags)
    made: list[Run] = []
    held: list[_Turn] = []
    size = 0
    for place, turn in enumerate(turns):
        if held and (_pause(held[-1], turn) or size + turn.tokens > _MOST_TOKENS or _shifts(turns, place, len(held))):
            made.append(_run(held))
            held, size = [], 0
        held.append(turn)
        size += turn.tokens
    if held:
        made.append(_run(held))
    return made


def _turns(units: Iterable[Unit], tags: Mapping[int, Sequence[str]]) -> list[_Turn]:
    found: list[_Turn] = []
    for unit in units:
        if not found or found[-1].id != unit.turn:
            mine = tags.get(unit.turn, ())
            found.append(_Turn(unit.turn, unit.at, unit.at, 0, {"#" + tag: _TAG_WEIGHT for tag in mine}, mine))
        turn = found[-1]
        turn.ended = unit.at
        turn.tokens += unit.tokens
        for term in unit.terms:
            turn.words[term] = turn.words.get(term, 0.0) + 1.0
    return found


def _pause(before: _Turn, after: _Turn) -> bool:
    gap = after.started - before.ended
    return gap > SESSION_GAP_S or gap < -SESSION_GAP_S or after.started // DAY_S != before.ended // DAY_S


def _shifts(turns: Sequence[_Turn], place: int, held: int) -> bool:
    """Whether the topic changes before the turn at `place`: no turn near the place is a clearer change than this one."""
    if held < _LEAST_TURNS or place + 1 >= len(turns):
        return False
    here = _likeness(turns, place)
    return here < _LIKE and here <= _likeness(turns, place + 1)


def _likeness(turns: Sequence[_Turn], place: int) -> float:
    """Share of weight that the words of the turns before and after a place have in common: 0 to 1."""
    before = _words(turns[max(0, place - _WINDOW) : place])
    after = _words(turns[place : place + _WINDOW])
    both = sum(min(weight, after[word]) for word, weight in before.items() if word in after)
    return both / max(1.0, min(sum(before.values()), sum(after.values())))


def _words(turns: Sequence[_Turn]) -> dict[str, float]:
    total: dict[str, float] = {}
    for turn in turns:
        for word, weight in turn.words.items():
            total[word] = total.get(word, 0.0) + min(weight, _TAG_WEIGHT)
    return total


def _run(turns: Sequence[_Turn]) -> Run:
    tokens = sum(turn.tokens for turn in turns)
    return Run(turns[0].id, turns[-1].id, topics(turn.tags for turn in turns), tokens, turns[0].started, turns[-1].ended)


def topics(tags: Iterable[Sequence[str]]) -> tuple[str, ...]:
    """The topics of a segment whose turns have these: those of most turns, the first named first."""
    counts = Counter(tag for each in tags for tag in each)
    # Of as many, the one that was counted first: sorting keeps their order.
    return tuple(sorted(counts, key=lambda tag: -counts[tag])[:_MOST_TAGS])


def uncovered(turns: Sequence[Turn], done: Iterable[Segment]) -> list[Sequence[Turn]]:
    """The turns, in order of their ids, that are in none of these segments: those between two segments together."""
    spans = sorted((one.first_turn, one.last_turn) for one in done)
    found: list[list[Turn]] = []
    at, new = 0, True
    for turn in turns:
        while at < len(spans) and spans[at][1] < turn.id:
            at, new = at + 1, True
        if at < len(spans) and spans[at][0] <= turn.id:
            continue
        if new:
            found.append([])
        found[-1].append(turn)
        new = False
    return [*found]
