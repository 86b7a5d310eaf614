"""The marker that names a conversation inside an assistant's text: `<!-- vc:conversation=UUID -->`, after a newline.

Rule: a marker is read from assistant messages alone, and taken out of every message before it goes upstream.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypeAlias

from backstory.core.edits import StrikeText
from backstory.core.message import Message, Text

Strike: TypeAlias = StrikeText

HINT = b"vc:conversation="
"""Occurs in every body that carries a marker."""

MARKER = re.compile(
    r"<!--[ \t]{0,4}vc:conversation=([0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12})[ \t]{0,4}-->"
)

# A client may cut off all but so many messages at once.
_FAR = 20
# One whose questions come back in other surroundings is known by its answers alone: it gets the marker more often.
_FAR_REWORDED = 6
_HINT = "vc:conversation="
_FENCE = "```"
_WITH_NEWLINE = re.compile(r"\n?" + MARKER.pattern)


def marker(conversation_id: str) -> str:
    """What is written at the end of an assistant's text."""
    return f"\n<!-- vc:conversation={conversation_id} -->"


def stands(since: int, places: Sequence[int], reworded: bool = False) -> bool:
    """Whether a marker will still be there for a while. `since`: the messages from it on, 0 for none; `places`: for each message its turn's
    place, -1 without; `reworded`: its client's questions come back in other surroundings. A client that cuts its history would cut it off:
    then it is written anew in time."""
    if not since:
        return False
    cut = next((place for place in places if place >= 0), 0) > 0
    far = _FAR_REWORDED if reworded else _FAR
    return since <= (min(len(places) // 2, far) if cut else far)


class Said:
    """The texts of one answer, as far as a marker behind the last of them asks: how they begin, and how that one ends."""

    __slots__ = ("_at", "_begun", "_end", "_first")

    def __init__(self) -> None:
        self._at = -1
        self._first = self._begun = self._end = ""

    def add(self, text: str, at: int) -> None:
        """More text. `at`: the number of the text that it belongs to."""
        if at != self._at:
            self._at, self._begun = at, ""
        self._first = _head(self._first, text)
        self._begun = _head(self._begun, text)
        self._end = (self._end + text).rstrip()[-len(_FENCE) :]

    @property
    def for_a_program(self) -> bool:
        """Whether all of it, or its last text, has the form of a JSON object or array, or is one fenced block: what stands behind
        that breaks whatever reads it."""
        return any(_bound(begun, self._end) for begun in (self._first, self._begun))


def find(text: str) -> str | None:
    """The conversation that the last marker in the text names, in lower case; None where there is no marker."""
    if _HINT not in text:
        return None
    found = MARKER.findall(text)
    return str(found[-1]).lower() if found else None


def without(text: str) -> str:
    """The text with every marker, and the newline before it, taken out."""
    return _WITH_NEWLINE.sub("", text) if _HINT in text else text


def strikes(message: Message) -> list[Strike]:
    """Edits that take every marker out of a message's text parts; none where there is no marker."""
    edits: list[Strike] = []
    for part in message.parts:
        if isinstance(part, Text) and _HINT in part.text:
            texts = dict.fromkeys(match.group() for match in _WITH_NEWLINE.finditer(part.text))
            edits.extend(StrikeText(part.at, text) for text in sorted(texts, key=len, reverse=True))
    return edits


def _head(begun: str, text: str) -> str:
    return begun if len(begun) >= len(_FENCE) else (begun + text).lstrip()[: len(_FENCE)]


def _bound(begun: str, end: str) -> bool:
    return (begun[:1], end[-1:]) in (("{", "}"), ("[", "]")) or (begun == _FENCE and end == _FENCE)
