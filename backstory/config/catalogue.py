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
from backstory.core.translation import NOTHING_KNOWN, Known

OPEN_KINDS = ("openai_compatible", "anthropic_compatible")
"""Rows without a URL of their own."""


@cache
def catalogue() -> dict[str, Row]:
    """Every row by its name. Some ms, once."""
    import tomllib  # noqa: PLC0415 - only where requests are routed

    text = files("backstory.config").joinpath("catalogue.toml").read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(text), dict[str, Row])


@cache
def known_at(host: str) -> Known:
    """What is known of the provider at this host, of whatever kind the settings call it."""
    rows = [row for row in catalogue().values() if host and any(_serves(one, host) for one in row.urls.values())]
    return known_of(rows[0]) if rows else NOTHING_KNOWN


def known_of(row: Row) -> Known:
    """What the row says of a request's body."""
    return Known(row.lacks, row.habits)


def _serves(base: str, host: str) -> bool:
    """Whether a base URL is of this host. A {name} in it is one label of any name, but for one that is all of it."""
    told = urlsplit(base).hostname or ""
    pattern = re.sub(r"\\\{\w+\\\}", "[^.]+", re.escape(told))
    return pattern != "[^.]+" and re.fullmatch(pattern, host) is not None
