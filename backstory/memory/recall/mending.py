"""What was said and what changes it, kept together: a fact that does not hold any more, and a slip that is put right at once by the same
speaker ("sorry, 1270", "Wait, 980.", "*10").

Rule: of a slip it is enough that it looks like one. Whether a fact was changed is decided in memory/facts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Mapping
from heapq import heapify, heappop, heappush

from backstory.memory.facts.changes import Changed
from backstory.memory.recall.index import ASKS, SESSION_GAP_S, Index

# Longer ones say themselves what they are about.
_SHORT = 80
# The other one may have answered between the two, in so many pieces.
_NEXT, _PIECES = 3, 24
# Of messages that all begin as corrections so many belong to the first.
_SLIPS = 3
_OPENS = re.compile(
    r"\s*(?:\*\w[^*]*$|(?:(?:oh|ah|uh|no|wait)[,.! ]+)?(?:no|nope|sorry|wait|oops|whoops|typo|correction|edit|scratch that"
    r"|make (?:that|it)|rather|i meant?|actually|nein|nee|ups|hoppla|moment|warte|halt|korrektur|quatsch|tippfehler"
    r"|ich meinte?|pardon|non|oups|attends?|perd[oó]n|espera|scusa|aspetta|wacht|desculpa|espere)\b"
    r"(?!\W+(?:thanks?|thank you|danke|worries|problems?|problem[oe]?|die|mal)\b))",
    re.IGNORECASE,
)
# It says something else instead: a number, or a name.
_NUMBER = re.compile(r"\d")
_NAME = re.compile(r"\s\W?[A-ZÀ-ÖØ-Þ]\w")
# What somebody is doing is no name, though it has one ("Moment, ich bin am Telefon"). In German each noun looks like one.
_DOES = re.compile(r"\s*\w+\W+(?:ich|i|wir|we|let|bin|sind|muss|hab|habe|haben|kann|komme|hole|gehe)\b(?!\s+mean|\s+mein)", re.IGNORECASE)


def mended_by(index: Index, place: int) -> int:
    """Place of the message with which this unit's speaker corrects it right after, -1 for none."""
    turns, numbers, speaker = index.turns, index.numbers, index.speakers[place]
    for other in range(place + 1, min(place + 1 + _PIECES, index.complete)):
        if turns[other] == turns[place]:
            continue
        if not 0 <= numbers[other] - numbers[place] <= _NEXT or index.at[other] - index.at[place] > SESSION_GAP_S:
            return -1
        if index.flags[other] & ASKS and index.speakers[other] != speaker:
            # What follows is an answer.
            return -1
        if index.speakers[other] == speaker and index.roles[other] == index.roles[place]:
            return other if _mends(index.texts[other]) else -1
    return -1


def _mends(text: str) -> bool:
    if len(text) > _SHORT or not _OPENS.match(text):
        return False
    return bool(_NUMBER.search(text) or (_NAME.search(text) and not _DOES.match(text)))


def changed_by(turn: int, text: str, changed: Changed) -> int:
    """Number of the turn that changed what this part of a turn says last, 0 for none."""
    said = changed.get(turn)
    return max((number for sentence, number in said if sentence in text), default=0) if said else 0


def with_changes(index: Index, scores: dict[int, float], changed: Changed, eligible: Callable[[int], bool]) -> dict[int, float]:
    """What changes something that one of these says is worth no less: nobody is told the old alone. It need not have a word of the
    question ("no, on Tuesday"). Adds to `scores`; the units that are worth more than before, with that."""
    changing: dict[int, float] = {}
    slips: dict[int, int] = {}
    rest = [(-score, place) for place, score in scores.items()]
    heapify(rest)
    while rest:
        worth, place = heappop(rest)
        if scores[place] > -worth:
            continue
        found = []
        number = changed_by(index.turns[place], index.texts[place], changed)
        others = _eligible(index, number, place, eligible)
        if others:
            found.append(max(others, key=lambda one: scores.get(one, 0.0)))
        slip, further = mended_by(index, place), slips.get(place, 0) + 1
        if slip >= 0 and further <= _SLIPS and eligible(slip):
            slips[slip] = further
            found.append(slip)
        for other in found:
            if scores[place] > scores.get(other, 0.0):
                changing[other] = scores[other] = scores[place]
                heappush(rest, (worth, other))
    return changing


def _eligible(index: Index, number: int, place: int, eligible: Callable[[int], bool]) -> list[int]:
    """The units of the first turn with this number that may be found."""
    found: list[int] = []
    for other in index.numbered(number, place) if number else ():
        if found and index.turns[other] != index.turns[found[0]]:
            break
        if eligible(other):
            found.append(other)
    return found


def alone(
    index: Index,
    chosen: Mapping[int, tuple[int, int]],
    stays: Container[int],
    told: Container[int],
    known: Container[int],
    changed: Changed,
) -> list[int]:
    """Of these, each with the part of it that is shown, those that were changed by something that is not there, though it is `known` and
    nothing there says the same (`told`); then what was changed by these. Not those in `stays`."""
    gone: set[int] = set()
    more = True
    while more:
        more = False
        for place, (start, end) in chosen.items():
            if place in stays or place in gone:
                continue
            number = changed_by(index.turns[place], index.texts[place][start:end], changed)
            others = _eligible(index, number, place, known.__contains__)
            if others and not any(other in told or (other in chosen and other not in gone) for other in others):
                gone.add(place)
                more = True
    return sorted(gone)
