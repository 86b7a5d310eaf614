"""What a key may be, and the name of the variable in which it stands: no text about either repeats it."""

from __future__ import annotations

import re

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LONGEST_KEY = 4096


def check_variable(name: str) -> None:
    """Raises ValueError for what is no variable's name, without repeating it: it may be the key itself."""
    if not _VARIABLE.fullmatch(name):
        raise ValueError("the name of a variable in which the key stands, not the key itself")


def check_secret(value: str, place: str) -> str:
    """The key itself. Raises ValueError for what can be none, without repeating it."""
    if not value or len(value) > _LONGEST_KEY or not value.isascii() or not value.isprintable() or " " in value:
        raise ValueError(f"{place} holds no key (one line of visible ASCII characters)")
    return value
