"""What stands between a command's brackets, where that is more than one word: `name=x, policy=km`.

Rule: a comma inside of quotes or brackets separates nothing; quotes around a value are no part of it.
"""

from __future__ import annotations

import re

_PAIR = re.compile(r"\s*([A-Za-z][\w-]*)\s*=(.*)", re.DOTALL)
_OPEN, _CLOSE = "([{", ")]}"
_QUOTES = "\"'"


def pairs(argument: str) -> list[tuple[str, str]]:
    """Names and values in order; the name is "" where none stands there. Names are in lower case, with _ for -."""
    found: list[tuple[str, str]] = []
    for part in _parts(argument):
        match = _PAIR.fullmatch(part)
        name, value = (match.group(1).lower().replace("-", "_"), match.group(2)) if match is not None else ("", part)
        if name or value.strip():
            found.append((name, _bare(value.strip())))
    return found


def _parts(text: str) -> list[str]:
    parts, start, depth, quote = [], 0, 0, ""
    for at, sign in enumerate(text):
        if quote:
            quote = "" if sign == quote else quote
        elif sign in _QUOTES:
            quote = sign
        elif sign in _OPEN:
            depth += 1
        elif sign in _CLOSE:
            depth -= 1
        elif sign == "," and depth <= 0:
            parts.append(text[start:at])
            start = at + 1
    return [*parts, text[start:]]


def _bare(value: str) -> str:
    quoted = len(value) >= 2 and value[0] in _QUOTES and value[-1] == value[0]
    return value[1:-1] if quoted else value
