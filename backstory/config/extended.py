"""What the extensions add that the settings name (extensions.py finds and loads them): nothing, as a rule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from backstory.core.extending import Command, Pays, Policy, Stage
    from backstory.core.provider_row import Row


class Found(Struct, frozen=True):
    """An extension that is installed. `kind`: provider, command, stage, policy. `point`: what says where it stands."""

    name: str
    kind: str
    package: str
    version: str
    point: EntryPoint

    def __str__(self) -> str:
        return f"{self.name} ({self.kind}, {self.package} {self.version})"


class Extended(Struct, frozen=True):
    """`found`: all of them. `rows`: providers by name. `pays`: ways of paying by name, each with its extension's name; so have the others,
    which are in the order of the settings."""

    found: tuple[Found, ...] = ()
    rows: Mapping[str, Row] = {}
    pays: Mapping[str, tuple[str, Pays]] = {}
    commands: tuple[tuple[str, Command], ...] = ()
    stages: tuple[tuple[str, Stage], ...] = ()
    policies: tuple[tuple[str, Policy], ...] = ()


NOTHING = Extended()
