"""Which units speak of a day that a question names, whenever they were said: "yesterday", said on the day after, or "on Monday", said
days before it.

Rule: only what was said within days of it is read for that, the nearest first and so many units at most: reading one costs a fifth of a
millisecond.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from backstory.memory.recall import dates
from backstory.memory.recall.dates import DAY_S, Period
from backstory.memory.recall.index import Index

_BEFORE_S, _AFTER_S = 14 * DAY_S, 8 * DAY_S
_MOST_READ, _MOST_SEEN = 20, 150
# Of a week that somebody speaks of, a day in it is not all.
_DAYS_S, _OF_A_WEEK = 3 * DAY_S, 0.5
# What was said soon after a day is likely to be of it, but where it speaks of another one.
_ELSEWHERE = 0.5


def speaking(index: Index, periods: Sequence[Period]) -> dict[int, float]:
    """How much each unit that points to a day belongs to the days or weeks asked about, 0 to 1, where that is not told by its own time."""
    sharp = [period for period in periods if period.sharp and period.end - period.start <= _BEFORE_S]
    found: dict[int, float] = {}
    read = 0
    for period in sharp:
        for place in _around(index, period):
            if read >= _MOST_READ:
                return found
            if place not in found and dates.points(index.texts[place]):
                read += 1
                spans = dates.meant(index.texts[place], index.at[place])
                if spans:
                    found[place] = _worth(index.at[place], spans, sharp)
    return found


def _around(index: Index, period: Period) -> list[int]:
    """Units said around the end of this period, the nearest first. Where clocks have gone backwards, some are missed."""
    at, end = index.at, period.end
    middle = bisect_left(at, end, 0, index.complete)
    near = range(max(0, middle - _MOST_SEEN), min(index.complete, middle + _MOST_SEEN))
    held = [place for place in near if period.start - _BEFORE_S <= at[place] < end + _AFTER_S]
    return sorted(held, key=lambda place: (abs(at[place] - end), place))


def _worth(at: float, spans: Sequence[Period], periods: Sequence[Period]) -> float:
    near = dates.closeness(at, tuple(periods))
    met = [(span, period) for span in spans for period in periods if span.sharp and span.start < period.end and period.start < span.end]
    if not met:
        return near if near >= dates.WITHIN else near * _ELSEWHERE
    whole = any(span.end - span.start <= max(_DAYS_S, period.end - period.start) for span, period in met)
    return 1.0 if whole else max(near, _OF_A_WEEK)
