"""A clause of a turn, and a fact made of a part of it.

Rule: objects and what they replace are spans of the turn's text; the time is the one that the sentence speaks of.
"""

from __future__ import annotations

import re

from msgspec import Struct

from backstory.core.records import Fact, FactKind, Stance, Turn
from backstory.memory.facts.objects import trimmed
from backstory.memory.forms import Form
from backstory.memory.reading.sentences import Sentence
from backstory.memory.recall import dates

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_WEEKDAY = Form(rf"\b(?P<day>{'|'.join(_WEEKDAYS)})s?\b", re.I)


class Clause(Struct, frozen=True):
    """Part of a sentence, from `start` to `end` in the turn's text. `fixes`: it is said as a correction.
    `first`: it begins the sentence. `alone`: nothing before it in its turn, but what states a fact, names what "it" may mean."""

    sentence: Sentence
    start: int
    end: int
    fixes: bool
    first: bool
    alone: bool


def fact_in(
    turn: Turn,
    sentence: Sentence,
    kind: FactKind,
    subject: str,
    verb: str,
    span: tuple[int, int],
    replaces: tuple[int, int] = (0, 0),
    fixes: bool = False,
    stance: Stance = "stated",
) -> Fact:
    """A fact of this turn. `span`: of its object, `replaces`: of what it takes the place of, both in the turn's text."""
    text = turn.text
    begins, ends = meant(text[sentence.start : sentence.end], sentence.at)
    return Fact(
        turn.id,
        turn.conversation,
        0,
        kind,
        subject,
        verb,
        text[slice(*span)],
        stance,
        text[slice(*trimmed(text, *replaces))],
        fixes,
        sentence.author,
        turn.role,
        sentence.at,
        begins,
        ends,
        sentence.start,
        sentence.end,
        text[sentence.start : sentence.end],
    )


def meant(said: str, at: float) -> tuple[float, float]:
    """The time that a sentence speaks of; (0.0, 0.0) for none. A weekday by itself is the next one."""
    if at <= 0 or not dates.timely(said):
        return 0.0, 0.0
    periods = dates.mentioned(said, at)
    if not periods and (match := _WEEKDAY.search(said)) is not None:
        periods = dates.mentioned(f"this {match['day']}", at)
    return (periods[0].start, periods[0].end) if periods else (0.0, 0.0)
