"""A message that begins as a correction belongs to the one before it by the same speaker: "sorry, 1270", "Wait, 980.", "*10".

Rule: it is enough that it looks like one. Whether a fact was changed is decided in memory/facts; here the two are only kept together.
"""

from __future__ import annotations

import re

from backstory.memory.recall.index import ASKS, Index

# Longer ones say themselves what they are about.
_SHORT = 80
# The other one may have answered between the two.
_NEXT = 3
_OPENS = re.compile(
    r"\s*(?:\*\S|(?:(?:oh|ah|uh|no|wait)[,.! ]+)?(?:no|nope|sorry|wait|oops|whoops|typo|correction|edit|scratch that"
    r"|make (?:that|it)|rather|i meant?|actually|nein|nee|ups|hoppla|moment|warte|halt|korrektur|quatsch|tippfehler"
    r"|ich meinte?|pardon|non|oups|attends?|perd[oó]n|espera|scusa|aspetta|wacht|desculpa|espere)\b)",
    re.IGNORECASE,
)
# It says something else instead: a number, or a name.
_VALUE = re.compile(r"\d|\s\W?[A-ZÀ-ÖØ-Þ]\w")


def mended_by(index: Index, place: int) -> int:
    """Place of the message with which this unit's speaker corrects it right after, -1 for none."""
    turns, speaker, last = index.turns, index.speakers[place], len(index.turns)
    for other in range(place + 1, min(place + 1 + _NEXT, last)):
        if turns[other] == turns[place]:
            continue
        if index.flags[other] & ASKS and index.speakers[other] != speaker:
            # What follows is an answer.
            return -1
        if index.speakers[other] == speaker and index.roles[other] == index.roles[place]:
            text = index.texts[other]
            return other if len(text) <= _SHORT and _OPENS.match(text) and _VALUE.search(text) else -1
    return -1
