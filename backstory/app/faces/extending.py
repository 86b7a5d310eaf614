"""The extensions, told to people: which are installed, and which of them run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Struct

from backstory.config import Config
from backstory.config.extensions import chosen, installed
from backstory.config.sources import collect
from backstory.core.extending import CONTRACT


class Row(Struct, frozen=True):
    """An extension that is installed. `enabled`: the settings name it. `at`: what its entry point says."""

    name: str
    kind: str
    package: str
    version: str
    enabled: bool
    at: str


class Listing(Struct, frozen=True):
    """`contract`: the one that this version has. `trouble`: what is wrong with the names in the settings, "" for nothing."""

    contract: int
    extensions: tuple[Row, ...]
    trouble: str = ""


def main(overrides: Mapping[str, str], json: bool) -> int:
    """Print them; the exit code: 1 where the settings name one that is not there."""
    found = listing(overrides)
    print(msgspec.json.format(msgspec.json.encode(found)).decode() if json else "".join(as_table(found)), end="\n" if json else "")
    return 1 if found.trouble else 0


def told(config: Config) -> str:
    """Those that run, for the log."""
    return f"extensions: {', '.join(map(str, config.extended.found))}"


def listing(overrides: Mapping[str, str]) -> Listing:
    """Those that are installed. None of their code is run, and no other setting has to be right."""
    given = collect(overrides, None, None).settings.get("extensions")
    named = given.value if given is not None else ()
    names = named.replace(",", " ").split() if isinstance(named, str) else [str(one) for one in named or ()]
    known = installed()
    trouble, running = "", set()
    for name in names:
        try:
            running |= {(one.kind, one.name, one.package) for one in chosen([name], known)}
        except ValueError as error:
            trouble = f"{trouble}\n{error}".strip()
    rows = [
        Row(one.name, one.kind, one.package, one.version, (one.kind, one.name, one.package) in running, one.point.value) for one in known
    ]
    return Listing(CONTRACT, tuple(rows), trouble)


def as_table(found: Listing) -> Sequence[str]:
    """One line for each."""
    rows = [("NAME", "KIND", "PACKAGE", "RUNS", "FROM")]
    rows += [(row.name, row.kind, f"{row.package} {row.version}", "yes" if row.enabled else "no", row.at) for row in found.extensions]
    widths = [max(len(row[place]) for row in rows) for place in range(4)]
    lines = ["  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[4]]) + "\n" for row in rows]
    if not found.extensions:
        lines = ["no extension is installed\n"]
    return [*lines, *(f"wrong: {line}\n" for line in found.trouble.splitlines())]
