"""Letters that a provider cut in two between events of a stream: half of a surrogate pair (`\\ud83d`, then `\\ude00`), or some bytes of a
letter, at the end of one string and the rest at the beginning of a later one.

Rule: halves that belong together are joined, in the later event; one that stays alone is U+FFFD. An event that ends in half a letter waits
for the next one that says something; all others pass as the same objects.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from msgspec.structs import replace

from backstory.core.letters import ESCAPES, LOST
from backstory.core.stream import Frame

_ESCAPE = b"\\u"
_BEGUN = re.compile(rb'(?<!\\)(?:\\\\)*"\Z')
"""The beginning of a string: a quotation mark that is not escaped."""


class Half:
    """Half a letter: the bytes at `start:end` of some data. `first`: it is a letter's beginning, at the end of a string; `last`: its end,
    at the beginning of one. Neither: it belongs to nothing."""

    __slots__ = ("end", "first", "last", "start")

    def __init__(self, start: int, end: int, first: bool, last: bool) -> None:
        self.start = start
        self.end = end
        self.first = first
        self.last = last


class Halves:
    """For one stream."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held: tuple[Frame, bytes] | None = None
        """What waits, and the half at its end."""

    def feed(self, frames: Sequence[Frame]) -> Sequence[Frame]:
        """These frames, or what becomes of them, and before them what has waited."""
        if self._held is None and not any(_suspect(frame.data) for frame in frames):
            return frames
        out: list[Frame] = []
        for frame in frames:
            out += self._one(frame)
        return out

    def close(self) -> list[Frame]:
        """What still waits: its half is lost."""
        held, self._held = self._held, None
        return [] if held is None else [replace(held[0], data=mended(held[0].data))]

    def _one(self, frame: Frame) -> list[Frame]:
        if not frame.data or (self._held is not None and frame.event == "ping"):
            return [frame]
        found = halves(frame.data) if _suspect(frame.data) else []
        before: list[Frame] = []
        data = frame.data
        if self._held is not None:
            held, half = self._held
            self._held = None
            last = next((one for one in found if one.last), None)
            if last is None or not _whole(half, data[last.start : last.end]):
                before = [replace(held, data=mended(held.data))]
            else:
                # The first half is taken out of its event, and put before the other one.
                before = [replace(held, data=_without(held.data))]
                data = data[: last.start] + half + data[last.start :]
                found = halves(data)
        if not found:
            return [*before, frame if data is frame.data else replace(frame, data=data)]
        first = next((one for one in found if one.first), None)
        if first is None:
            return [*before, replace(frame, data=mended(data))]
        self._held = replace(frame, data=data), data[first.start : first.end]
        return before


def mended(data: bytes) -> bytes:
    """The data, each half of a letter in it U+FFFD; the same object where there is none."""
    out = bytearray()
    at = 0
    for half in halves(data):
        out += data[at : half.start] + LOST
        at = half.end
    return bytes(out) + data[at:] if at else data


def halves(data: bytes) -> list[Half]:
    """All halves of letters in some JSON, in order."""
    found: list[Half] = []
    if _ESCAPE in data:
        for match in ESCAPES.finditer(data):
            if match["high"] or match["low"]:
                start, end = match.span()
                high = match["high"] is not None
                found.append(Half(start, end, high and _ends(data, end), not high and _begins(data, start)))
    if not data.isascii():
        found += _cut_bytes(data)
    return sorted(found, key=lambda half: half.start)


def _cut_bytes(data: bytes) -> list[Half]:
    """Bytes that are no whole letter."""
    found: list[Half] = []
    at = 0
    while True:
        try:
            data[at:].decode()
        except UnicodeDecodeError as error:
            start, end = at + error.start, at + error.end
            begun = data[start] >= 0xC0
            while not begun and end < len(data) and 0x80 <= data[end] < 0xC0:
                end += 1
            found.append(Half(start, end, begun and _ends(data, end), not begun and _begins(data, start)))
            at = end
        else:
            return found


def _suspect(data: bytes) -> bool:
    """Whether there may be halves."""
    return data.find(_ESCAPE) >= 0 or not data.isascii()


def _ends(data: bytes, at: int) -> bool:
    return data[at : at + 1] == b'"'


def _begins(data: bytes, at: int) -> bool:
    return _BEGUN.search(data[max(0, at - 64) : at]) is not None


def _whole(first: bytes, last: bytes) -> bool:
    """Whether these make a letter, or more of one."""
    both = first + last
    if first[:1] == b"\\" or last[:1] == b"\\":
        match = ESCAPES.fullmatch(both)
        return match is not None and match["pair"] is not None
    try:
        both.decode()
    except UnicodeDecodeError as error:
        return error.start == 0 and error.end == len(both) and error.reason == "unexpected end of data"
    return True


def _without(data: bytes) -> bytes:
    """The data without the half that ends it; other halves are lost."""
    first = next(one for one in halves(data) if one.first)
    return mended(data[: first.start] + data[first.end :])
