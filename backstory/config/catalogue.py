"""The providers that are known by name: rows of data. catalogue.toml says what their columns mean; they are read as core/provider_row.py.

Rule: what differs between providers stands in a row, never in code.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import msgspec

from backstory.core.provider_row import Row

OPEN_KINDS = ("openai_compatible", "anthropic_compatible")
"""Rows without a URL of their own."""


@cache
def catalogue() -> dict[str, Row]:
    """Every row by its name. Some ms, once."""
    import tomllib  # noqa: PLC0415 - only where requests are routed

    text = files("backstory.config").joinpath("catalogue.toml").read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(text), dict[str, Row])
