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
# Up to the next half: all of that is passed over in one go, since a large text may hold millions of escapes.
_FINE = re.compile(
    rb"(?:[^\\]++|\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?!u[dD][89a-fA-F][0-9a-fA-F]{2}).))*+", re.DOTALL
)


def whole(raw: bytes) -> bytes:
    """The same JSON with U+FFFD for each half letter, every other byte in its place; the same object where there is none."""
    if _SUSPECT.search(raw) is None:
        return raw
    made: list[bytes] = []
    at = 0
    while (fine := _FINE.match(raw, at)) is not None and fine.end() + len(LOST) <= len(raw):
        made += [raw[at : fine.end()], LOST]
        at = fine.end() + len(LOST)
    return b"".join([*made, raw[at:]]) if made else raw
