"""The names of what stubs stand for: of a turn and the hash of what was there, so that no other text can ever come back by them."""

from __future__ import annotations

import re

from msgspec import Struct

from backstory.errors import NotFound

_REF = re.compile(r"([tm])(\d{1,19})(?:\.(\d{1,5}))?-([0-9a-f]{8})\Z")
_SHOWN_CHARS = 60


def ref(kind: str, turn: int, place: int, hashed: bytes) -> str:
    """The name of a result, or of media: its turn, its place among those of that turn where it is not the first, 8 digits of its hash."""
    return f"{'m' if kind == 'media' else 't'}{turn}{f'.{place}' if place else ''}-{hashed[:4].hex()}"


class Ref(Struct, frozen=True):
    """What a ref says. `digits`: of the hash."""

    name: str
    media: bool
    turn: int
    place: int
    digits: str


def parsed(name: str) -> Ref:
    """NotFound for what is no ref."""
    found = _REF.match(name.strip())
    if found is None:
        raise NotFound(f"no ref: {name[:_SHOWN_CHARS]!r}")
    return Ref(found.group(), found.group(1) == "m", int(found.group(2)), int(found.group(3) or 0), found.group(4))
