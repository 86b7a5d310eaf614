"""The providers that are known by name: rows of data. catalogue.toml says what their columns mean; they are read as core/provider_row.py.

Rule: what differs between providers stands in a row, never in code.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from urllib.parse import urlsplit

import msgspec

from backstory.core.provider_row import Row
from backstory.core.translation import NO_HABITS, Habits

OPEN_KINDS = ("openai_compatible", "anthropic_compatible")
"""Rows without a URL of their own."""


@cache
def catalogue() -> dict[str, Row]:
    """Every row by its name. Some ms, once."""
    import tomllib  # noqa: PLC0415 - only where requests are routed

    text = files("backstory.config").joinpath("catalogue.toml").read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(text), dict[str, Row])


def habits_at(url: str) -> Habits:
    """What is known of the provider at this URL, of whatever kind its settings call it."""
    host = urlsplit(url).hostname
    rows = [row for row in catalogue().values() if host and any(_serves(one, host) for one in row.urls.values())]
    return rows[0].habits if rows else NO_HABITS


def _serves(base: str, host: str) -> bool:
    """Whether a base URL is of this host. A {name} in it is one label of any name, but for one that is all of it."""
    told = urlsplit(base).hostname or ""
    pattern = re.sub(r"\\\{\w+\\\}", "[^.]+", re.escape(told))
    return pattern != "[^.]+" and re.fullmatch(pattern, host) is not None
