"""Half letters in JSON: an escape that is one half of a surrogate pair, without the other. Programs write them that cut texts by UTF-16
units; they are no text (RFC 8259 section 8.2), and a strict reader takes no document that has one.
"""

from __future__ import annotations

import re

LOST = b"\\ufffd"
"""What stands for one: as many bytes as it has."""
ESCAPES = re.compile(
    rb"\\(?:(?P<pair>u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})"
    rb"|(?P<high>u[dD][89abAB][0-9a-fA-F]{2})|(?P<low>u[dD][c-fC-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
"""One escape at a time, so that an escaped backslash is not taken for the beginning of another."""
_SUSPECT = re.compile(rb"\\u[dD][89a-fA-F]")


def whole(raw: bytes) -> bytes:
    """The same JSON with U+FFFD for each half letter, every other byte in its place; the same object where there is none."""
    if _SUSPECT.search(raw) is None:
        return raw
    made = ESCAPES.sub(_one, raw)
    return raw if made == raw else made


def _one(match: re.Match[bytes]) -> bytes:
    return LOST if match["high"] or match["low"] else match.group()
