"""Which models hold their signed reasoning to all that stood before it."""

from __future__ import annotations

import re

_CLAUDE = re.compile(r"claude-[a-z]+-(\d+)(?:[-.](\d{1,2})(?!\d))?")
_FIRST = (5, 1)


def binds(model: str) -> bool:
    """Whether a model of this name refuses reasoning that comes back behind anything but what it was made behind: Claude from 5.1 on,
    whatever the platform's name has around it."""
    found = _CLAUDE.search(model)
    return found is not None and (int(found[1]), int(found[2] or 0)) >= _FIRST
