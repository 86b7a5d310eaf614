"""The marker that names a conversation inside an assistant's text: `<!-- vc:conversation=UUID -->`, after a newline.

Rule: a marker is read from assistant messages alone, and taken out of every message before it goes upstream.
"""

from __future__ import annotations

import json
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
_INFO = re.compile(r"[ \t]*[\w+.#-]*")
# Longer than this, nobody reads it but a program.
_MOST_READ = 1 << 20
_WITH_NEWLINE = re.compile(r"\n?" + MARKER.pattern)


def marker(conversation_id: str) -> str:
    """What is written at the end of an assistant's text."""
    return f"\n<!-- vc:conversation={conversation_id} -->"


def stands(since: int, places: Sequence[int], reworded: bool = False) -> bool:
    """Whether a marker will still be there for a while. `since`: the messages from it on, 0 for none; `places`: for each message that says
    something its turn's place, -1 without; `reworded`: its client's questions come back in other surroundings. A client that cuts its
    history, wherever, would cut it off: then it is written anew in time."""
    if not since:
        return False
    known = [place for place in places if place >= 0]
    cut = bool(known) and max(known) >= len(known)
    far = _FAR_REWORDED if reworded else _FAR
    return since <= (min(len(places) // 2, far) if cut else far)


class Said:
    """The texts of one answer, kept only as long as they may be for a program: those that begin as JSON does, or as a fence."""

    __slots__ = ("_all", "_at", "_last")

    def __init__(self) -> None:
        self._at = -1
        self._all = _Begun()
        self._last = _Begun()

    def add(self, text: str, at: int) -> None:
        """More text. `at`: the number of the text that it belongs to."""
        if at != self._at:
            self._at, self._last = at, _Begun()
        self._all.add(text)
        self._last.add(text)

    def for_a_program(self, cut: bool) -> bool:
        """Whether all of it, or its last text, is a JSON object or array, alone or as the one thing in a fence: what stands behind that
        breaks whatever reads it. `cut`: the answer was cut at its length, and what has begun so may go on in the next one."""
        return self._all.for_a_program(cut) or self._last.for_a_program(cut)


class _Begun:
    """A text, let go of once it is none for a program."""

    __slots__ = ("_pieces", "_prose", "_size")

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._size = 0
        self._prose = False

    def add(self, text: str) -> None:
        if self._prose or self._size > _MOST_READ:
            return
        if not self._pieces:
            text = text.lstrip()
            self._prose = text[:1] not in ("", "{", "[", "`")
        if text and not self._prose:
            self._pieces.append(text)
            self._size += len(text)

    def for_a_program(self, cut: bool) -> bool:
        if self._prose or self._size > _MOST_READ:
            return not self._prose
        text = "".join(self._pieces).rstrip()
        if text.startswith(_FENCE):
            body = text[len(_FENCE) :]
            closed = body.endswith(_FENCE)
            body = body.removesuffix(_FENCE)
            text = _INFO.sub("", body, count=1).strip()
            cut = cut and not closed
        if text[:1] not in ("{", "["):
            return False
        return cut or _is_json(text)


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


def _is_json(text: str) -> bool:
    """As lenient readers of it are: line breaks in strings, and numbers that are none."""
    try:
        json.loads(text, strict=False)
    except ValueError:
        return False
    except RecursionError:
        return True
    return True
