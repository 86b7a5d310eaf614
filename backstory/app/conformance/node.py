"""JSON looked at strictly: what is missing or of another type is a fault, and reading goes on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

import msgspec

from backstory.app.conformance.values import Event, Json

X = TypeVar("X")


class Node:
    """A JSON value. `where`: its path, for faults. Members that are null count as absent."""

    def __init__(self, value: object, where: str, faults: list[str]) -> None:
        self.value = value
        self.where = where
        self.faults = faults
        self._members: Json = value if isinstance(value, dict) else {}

    @classmethod
    def parsed(cls, body: bytes, where: str, faults: list[str]) -> Node:
        """The object in these bytes."""
        try:
            value = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            faults.append(f"{where}: no JSON: {body[:60]!r}")
            value = {}
        if not isinstance(value, dict):
            faults.append(f"{where}: no object")
        return cls(value, where, faults)

    def fault(self, text: str) -> None:
        """Something is wrong here."""
        self.faults.append(f"{self.where}: {text}")

    def has(self, name: str) -> bool:
        """Whether the member is there."""
        return self._members.get(name) is not None

    def names(self) -> list[str]:
        """The members."""
        return [name for name, value in self._members.items() if value is not None]

    def text(self, name: str, *allowed: str, absent: bool = False) -> str:
        """A string, one of `allowed` where these are given. "" where it is absent, which is a fault but where that is said to be right."""
        found = self._typed(name, str, "", absent)
        if allowed and found not in allowed and not (absent and found == ""):
            self.fault(f"{name} is {found!r}, not {' or '.join(allowed)}")
        return found

    def count(self, name: str, absent: bool = False) -> int:
        """A whole number."""
        found = self._typed(name, int, 0, absent)
        if found < 0:
            self.fault(f"{name} is {found}")
        return found

    def number(self, name: str) -> float | None:
        """A number, or none."""
        value = self._members.get(name)
        return float(value) if isinstance(value, int | float) else None

    def flag(self, name: str) -> bool | None:
        """True or false, or none."""
        value = self._members.get(name)
        return value if isinstance(value, bool) else None

    def inner(self, name: str, absent: bool = False) -> Node:
        """An object; an empty one where it is absent."""
        return Node(self._typed(name, dict, {}, absent), f"{self.where}.{name}", self.faults)

    def nodes(self, name: str, absent: bool = False) -> list[Node]:
        """The elements of a list."""
        listed: list[object] = self._typed(name, list, [], absent)
        return [Node(one, f"{self.where}.{name}[{place}]", self.faults) for place, one in enumerate(listed)]

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of strings, or a lone one, or none."""
        value = self._members.get(name)
        if isinstance(value, str):
            return (value,)
        return tuple(one for one in value if isinstance(one, str)) if isinstance(value, list) else ()

    def member(self, name: str) -> object:
        """The member, whatever it is; None where it is absent."""
        return self._members.get(name)

    def mapping(self, name: str, absent: bool = False) -> Json:
        """An object, as it is."""
        return self._typed(name, dict, {}, absent)

    def demand(self, holds: bool, text: str) -> None:
        """A fault where it does not hold."""
        if not holds:
            self.fault(text)

    def _typed(self, name: str, kind: type[X], default: X, absent: bool) -> X:
        value = self._members.get(name)
        if value is None:
            if not absent:
                self.fault(f"{name} is missing")
            return default
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            self.fault(f"{name} is no {kind.__name__}: {value!r:.60}")
            return default
        return value


def events_of(body: bytes, faults: list[str]) -> list[Event]:
    """The events of a stream (WHATWG, "Server-sent events"). One that has no blank line after it is told of, and is none."""
    events: list[Event] = []
    name, begun = "", False
    data: list[bytes] = []
    lines = body.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    for line in lines[:-1]:
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if not line:
            if data:
                events.append(Event(name, b"\n".join(data)))
            name, data, begun = "", [], False
        elif field == b"event":
            name, begun = value.decode("utf-8", "replace"), True
        elif field == b"data":
            data.append(value)
            begun = True
        elif field not in (b"", b"id", b"retry"):
            faults.append(f"stream: a line that is none of server-sent events: {line[:60]!r}")
    if begun or lines[-1]:
        faults.append("stream: ends in the middle of an event")
    return events


def running(found: Iterable[int]) -> bool:
    """Whether these count up from 0 without a gap."""
    return all(number == place for place, number in enumerate(found))
