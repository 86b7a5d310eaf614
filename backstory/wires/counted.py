"""Counts of tokens as providers tell them, whatever they write there.

Rule: what an answer says is worth more than what it is said to cost. A count that is none (a string, a fraction, null, below 0, more than
anything could be) costs nothing but itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import msgspec
from msgspec import Raw

Counts: TypeAlias = Mapping[str, object]

_MOST = 1 << 48
"""More tokens than any answer has; sums of as many still fit into a database's number."""
_NOTHING: Counts = {}
_counts = msgspec.json.Decoder(dict[str, object])


def counts_of(raw: Raw) -> Counts | None:
    """The members of a `usage`; None where nothing is told that can be read."""
    text = bytes(raw)
    if not text or text == b"null":
        return None
    try:
        found = _counts.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    told = {name: value for name, value in found.items() if isinstance(value, dict) or _number(value) is not None}
    return told if told or not found else None


def count(counts: Counts, name: str) -> int:
    """A count, 0 where none is told."""
    found = _number(counts.get(name))
    return 0 if found is None or not found > 0 else int(min(found, _MOST))


def inside(counts: Counts, name: str) -> Counts:
    """The counts in a member of them."""
    found = counts.get(name)
    return found if isinstance(found, dict) else _NOTHING


def _number(value: object) -> float | None:
    if isinstance(value, str) and value.isascii() and value.isdecimal():
        return float(value)
    return None if isinstance(value, bool) or not isinstance(value, int | float) else value
