"""The providers that are known by name: rows of data (catalogue.toml says what their columns mean), and what they are read as.

Rule: what differs between providers stands in a row, never in code.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Literal, TypeAlias

import msgspec
from msgspec import Struct

from backstory.core.translation import Hosting

WireName: TypeAlias = Literal["anthropic", "openai_chat", "openai_responses", "gemini"]
Header: TypeAlias = Literal["bearer", "x-api-key", "x-goog-api-key", "api-key"]
Auth: TypeAlias = Literal["", "client", "key", "none", "oauth_refresh", "oauth_client", "google", "azure", "aws"]
"""How a provider is paid for. "": with a key of ours where one is set, else with the client's own."""

OPEN_KINDS = ("openai_compatible", "anthropic_compatible")
"""Rows without a URL of their own."""


class Row(Struct, frozen=True, forbid_unknown_fields=True):
    """One provider; see catalogue.toml."""

    title: str
    urls: dict[WireName, str]
    docs: str = ""
    header: Header = "bearer"
    key_env: str = ""
    auth: Auth = ""
    paths: dict[WireName, str] = {}
    values: dict[str, str] = {}
    lacks: tuple[str, ...] = ()
    scopes: str = ""
    service: str = ""
    hosting: Hosting | Literal[""] = ""
    hosts: dict[str, str] = {}


@cache
def catalogue() -> dict[str, Row]:
    """Every row by its name. Some ms, once."""
    import tomllib  # noqa: PLC0415 - only where requests are routed

    text = files("backstory.config").joinpath("catalogue.toml").read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(text), dict[str, Row])
