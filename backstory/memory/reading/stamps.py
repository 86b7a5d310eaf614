"""Times that clients and channels put in front of a message, and who said what in them.

Rule: a text counts as a time only as a whole; without a zone it is UTC; what is no possible time is None, never an error.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

from msgspec import Struct

from backstory.memory.forms import Form

_MONTH_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTHS = {name: number for number, name in enumerate(_MONTH_NAMES, 1)}
_ZONES = {
    **dict.fromkeys(("Z", "UTC", "GMT", "WET"), 0.0),
    **dict.fromkeys(("CET", "BST", "WEST"), 1.0),
    **dict.fromkeys(("CEST", "EET", "SAST"), 2.0),
    **dict.fromkeys(("EEST", "MSK"), 3.0),
    **{"IST": 5.5, "SGT": 8.0, "HKT": 8.0, "AWST": 8.0, "JST": 9.0, "KST": 9.0, "AEST": 10.0, "AEDT": 11.0, "NZST": 12.0, "NZDT": 13.0},
    **{"EST": -5.0, "EDT": -4.0, "CST": -6.0, "CDT": -5.0, "MST": -7.0, "MDT": -6.0, "PST": -8.0, "PDT": -7.0, "AKST": -9.0, "HST": -10.0},
}

_WEEKDAY = r"(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]{0,6},? )?"
_CLOCK = r"(?P<{0}hour>\d\d?):(?P<{0}minute>\d\d)(?::(?P<{0}second>\d\d)(?:\.\d{{1,9}})?)?(?: ?(?P<{0}half>[ap])\.?m\.?)?"
_MONTH = r"(?P<month>" + "|".join(_MONTH_NAMES) + r")[a-z]{0,6}\.?"
_ZONE = r"(?: ?(?P<zone>z|(?:utc|gmt)?[+-]\d\d?(?::?\d\d)?|[a-z]{3,4}))?"
_BEFORE = f"(?:{_CLOCK.format('b')}{_ZONE.replace('<zone>', '<bzone>')},? (?:on )?)?"
_AFTER = f"(?:,?[ t](?:at )?{_CLOCK.format('')}{_ZONE})?"
_NTH = r"(?P<day>\d\d?)(?:st|nd|rd|th)?"
_ISO = rf"{_WEEKDAY}(?P<year>\d{{4}})-(?P<month>\d\d)-(?P<day>\d\d){_AFTER}"
_SHAPES = tuple(
    Form(shape, re.IGNORECASE)
    for shape in (
        _ISO,
        rf"{_BEFORE}{_WEEKDAY}{_NTH} {_MONTH},? (?P<year>\d{{4}}){_AFTER}",
        rf"{_BEFORE}{_WEEKDAY}{_MONTH} {_NTH},? (?P<year>\d{{4}}){_AFTER}",
    )
)
_ISO_INSIDE = Form(rf"(?:^| ){_ISO}$", re.IGNORECASE)
_LONGEST = 80


class Claims(Struct):
    """What envelopes tell of a message while it is read. The first claim of each kind wins: later ones may be written by anybody."""

    sender: str = ""
    channel: str = ""
    at: float = 0.0
    reply_to: str = ""
    note: str = ""
    room: str = ""

    def claim(self, sender: str = "", channel: str = "", at: float = 0.0, reply_to: str = "", room: str = "") -> None:
        """Take what is not claimed yet."""
        self.room = self.room or room
        self.sender = self.sender or sender
        self.channel = self.channel or channel
        self.at = self.at or at
        self.reply_to = self.reply_to or reply_to


def moment(text: str) -> float | None:
    """A text that is a whole date, with or without weekday, time of day and zone, in Unix seconds; None for any other text."""
    text = text.strip()
    if not 8 <= len(text) <= _LONGEST:
        return None
    for shape in _SHAPES:
        match = shape.fullmatch(text)
        if match is not None:
            return _seconds(match.groupdict())
    return None


def ending(text: str) -> tuple[float, str] | None:
    """The ISO date and time with which a short text ends, and the text before it."""
    if len(text) > 4 * _LONGEST:
        return None
    match = _ISO_INSIDE.search(text)
    if match is None:
        return None
    at = _seconds(match.groupdict())
    return None if at is None else (at, text[: match.start()])


def _seconds(found: dict[str, str | None]) -> float | None:
    mark = "" if found.get("hour") else "b"
    hour, minute, second = (int(found.get(mark + name) or 0) for name in ("hour", "minute", "second"))
    half = (found.get(mark + "half") or "").lower()
    if half and not 1 <= hour <= 12:
        return None
    if half:
        hour = hour % 12 + (12 if half == "p" else 0)
    month = (found["month"] or "").lower()
    number = int(month) if month.isdigit() else _MONTHS[month]
    zone = _zone(found.get(mark + "zone") or "")
    try:
        when = datetime(int(found["year"] or 0), number, int(found["day"] or 0), hour, minute, second, tzinfo=zone)
        return when.timestamp()
    except (ValueError, OverflowError):
        return None


def _zone(text: str) -> timezone:
    name = text.upper()
    if name[-1:].isdigit():
        sign = -1 if "-" in name else 1
        digits = name.replace("UTC", "").replace("GMT", "").lstrip("+-").replace(":", "")
        hours, minutes = (int(digits), 0) if len(digits) <= 2 else (int(digits[:-2]), int(digits[-2:]))
        shift = timedelta(hours=hours, minutes=minutes)
        return timezone(sign * shift) if shift < timedelta(hours=24) else UTC
    return timezone(timedelta(hours=_ZONES.get(name, 0.0)))
