"""The extensions that are installed, and those of them that the settings name: found by their packages' entry points, loaded, and checked.

Rule: what is installed does not run unless it is named. Finding reads packages' metadata and runs none of their code; where none is named,
not even that is done.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from importlib import metadata
from inspect import iscoroutinefunction
from typing import Any, get_args

from msgspec import Struct

from backstory.config.catalogue import catalogue
from backstory.config.extended import Extended, Found
from backstory.core.extending import CONTRACT, Command, Provider
from backstory.core.provider_row import Auth, Row
from backstory.core.selectors import suggest

GROUPS = {
    "backstory.providers": "provider",
    "backstory.commands": "command",
    "backstory.stages": "stage",
    "backstory.policies": "policy",
}
"""Groups of entry points, and the kind that each has."""
_COMMAND = re.compile(r"[a-z]{1,30}(?:-[a-z]{1,30}){0,3}")
_ROW = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_PAYS = re.compile(r"[a-z][a-z0-9_]*")
_METHODS = {
    "stage": (("request", True), ("finished", False)),
    "policy": (("request", True), ("answer", False)),
    "pays": (("token", True), ("headers", False)),
}
"""The methods of each kind, and whether they are async."""


class _Loaded(Struct, frozen=True):
    found: Found
    value: Any


def installed() -> tuple[Found, ...]:
    """Every extension that is installed, by package and name. Some ten ms."""
    found = [
        Found(
            point.name, kind, point.dist.name if point.dist is not None else "", point.dist.version if point.dist is not None else "", point
        )
        for group, kind in GROUPS.items()
        for point in metadata.entry_points(group=group)
    ]
    return tuple(sorted(found, key=lambda one: (one.package, one.name, one.kind)))


def chosen(names: Sequence[str], known: Sequence[Found]) -> tuple[Found, ...]:
    """Those that these names mean, in their order. ValueError for a name that nobody has, or two packages."""
    return tuple([one for name in dict.fromkeys(names) for one in _meant(name, known)])


def load(names: Sequence[str]) -> Extended:
    """The extensions of these names, loaded. ValueError that names what is wrong, and with whom."""
    loaded = [_Loaded(one, _checked(one, _opened(one))) for one in chosen(names, installed())]

    def of(kind: str) -> list[_Loaded]:
        return [one for one in loaded if one.found.kind == kind]

    rows = _distinct((name, row, one.found) for one in of("provider") for name, row in one.value.rows.items())
    pays = _distinct((name, way, one.found) for one in of("provider") for name, way in one.value.pays.items())
    commands = _distinct((one.value.name, one.value, one.found) for one in of("command"))
    return Extended(
        tuple([one.found for one in loaded]),
        {name: row for name, (_, row) in rows.items()},
        {name: (found.name, way) for name, (found, way) in pays.items()},
        tuple([(found.name, command) for found, command in commands.values()]),
        tuple([(one.found.name, one.value) for one in of("stage")]),
        tuple([(one.found.name, one.value) for one in of("policy")]),
    )


def _meant(name: str, known: Sequence[Found]) -> list[Found]:
    package, colon, short = name.rpartition(":")
    found = [one for one in known if one.name == short and (not colon or _same(one.package, package))]
    if not found:
        there = "; ".join(dict.fromkeys(map(str, known))) or "none"
        raise ValueError(f"no extension {name!r} is installed{suggest(name, {one.name for one in known})} (installed: {there})")
    packages = list(dict.fromkeys(one.package for one in found))
    if len(packages) > 1:
        both = ", ".join(f"{one}:{short}" for one in packages)
        raise ValueError(f"{name!r} is an extension of {len(packages)} packages: name the one that is meant ({both})")
    return found


def _same(one: str, other: str) -> bool:
    """Whether two names of packages are the same: https://packaging.python.org/en/latest/specifications/name-normalization/"""
    return re.sub(r"[-_.]+", "-", one).lower() == re.sub(r"[-_.]+", "-", other).lower()


def _opened(found: Found) -> object:
    try:
        value: object = found.point.load()
    except Exception as error:
        raise ValueError(f"{found} could not be loaded from {found.point.value}: {type(error).__name__}: {error}") from error
    return value


def _checked(found: Found, value: object) -> object:
    """The value, if it is what its group says. ValueError."""
    contract = getattr(value, "contract", None)
    if contract is None:
        raise ValueError(f"{found}: {found.point.value} is no {found.kind}: it names no contract")
    if contract != CONTRACT:
        raise ValueError(
            f"{found} is made for contract {contract}, and this version has contract {CONTRACT}: another version of it is needed"
        )
    match found.kind:
        case "provider":
            trouble = _provider_trouble(value)
        case "command":
            trouble = _command_trouble(value)
        case _:
            trouble = _method_trouble(value, found.kind)
    if trouble:
        raise ValueError(f"{found}: {found.point.value} is no {found.kind} of contract {CONTRACT}: {trouble}")
    return value


def _method_trouble(value: object, kind: str) -> str:
    if isinstance(value, type):
        return "it is a class, and has to be an object"
    for name, waits in _METHODS[kind]:
        method = getattr(value, name, None)
        if not callable(method) or iscoroutinefunction(method) != waits:
            return f"it has no {'async ' if waits else ''}method {name}"
    return ""


def _provider_trouble(value: object) -> str:
    if not isinstance(value, Provider):
        return "it is no backstory.extend.Provider"
    for name, row in value.rows.items():
        if not _ROW.fullmatch(name) or name == "hybrid" or not isinstance(row, Row) or not row.urls:
            return f"{name!r} is no row with a name and a URL"
        if name in catalogue():
            return f"a provider {name!r} is built in"
    for name, way in value.pays.items():
        if not _PAYS.fullmatch(name) or name in get_args(Auth):
            return f"{name!r} is no name for a way of paying, or it is built in"
        trouble = _method_trouble(way, "pays") or (
            "" if isinstance(getattr(way, "signs", None), bool) else "it does not say whether it signs"
        )
        if trouble:
            return f"{name}: {trouble}"
    return ""


def _command_trouble(value: object) -> str:
    if not isinstance(value, Command):
        return "it is no backstory.extend.Command"
    if not _COMMAND.fullmatch(value.name):
        return f"{value.name!r} is no name for a command"
    return "" if callable(value.run) and iscoroutinefunction(value.run) else "`run` is not async"


def _distinct(several: Iterable[tuple[str, Any, Found]]) -> dict[str, tuple[Found, Any]]:
    """By name. ValueError for one that two extensions bring."""
    made: dict[str, tuple[Found, Any]] = {}
    for name, value, found in several:
        if name in made:
            raise ValueError(f"{made[name][0]} and {found} both bring {name!r}")
        made[name] = (found, value)
    return made
