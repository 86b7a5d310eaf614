"""A JSON object taken apart member by member, by whatever names its wire has for them.

Rule: a member is gone once it was taken, so that what nobody took can be told of.
"""

from __future__ import annotations

from collections.abc import Container
from typing import Literal, TypeVar

import msgspec
from msgspec import Raw

from backstory.errors import DocumentError
from backstory.wires.lowering import decode
from backstory.wires.strict import members

X = TypeVar("X")

_members = msgspec.json.Decoder(dict[str, Raw])
_elements = msgspec.json.Decoder(list[Raw])
_string = msgspec.json.Decoder(str)
_strings: msgspec.json.Decoder[list[str]] = msgspec.json.Decoder(list[str])
_bool = msgspec.json.Decoder(bool)
# Google's JSON writes 64-bit integers as strings.
_int = msgspec.json.Decoder(int, strict=False)
_float = msgspec.json.Decoder(float, strict=False)
_KINDS: dict[bytes, Literal["string", "array", "object", "null", "flag", "number"]] = {
    b'"': "string",
    b"[": "array",
    b"{": "object",
    b"n": "null",
    b"t": "flag",
    b"f": "flag",
}
_TAKEN = Raw(b"true")


class Fields:
    """One JSON object. null counts as absent; of several names the first that is there counts, and all are taken. `where`: what the object
    is called in `unread`, the list of the members that `done` found untaken. A member of another type than asked for is a DocumentError,
    and so is one that stands twice; where `lenient`, the former is as good as absent and the last of the latter counts: what a provider
    says beside the point must not spoil its answer."""

    __slots__ = ("_lenient", "_members", "_where", "unread")

    def __init__(
        self, raw: bytes | memoryview | Raw, where: str = "", unread: dict[str, None] | None = None, lenient: bool = False
    ) -> None:
        self._members = decode(_members, raw) if lenient else members(raw)
        self._where = where
        self._lenient = lenient
        self.unread = unread if unread is not None else {}

    def kind(self, name: str) -> str:
        """What the member is: string, array, object, flag, number; "" where it is absent or null. It is not taken."""
        raw = self._members.get(name)
        found = "null" if raw is None else _KINDS.get(bytes(memoryview(raw)[:1]), "number")
        return "" if found == "null" else found

    def raw(self, *names: str) -> Raw | None:
        """The member as it stands."""
        found: Raw | None = None
        for name in names:
            value = self._members.pop(name, None)
            if found is None and value is not None and bytes(memoryview(value)[:1]) != b"n":
                found = value
        return found

    def text(self, *names: str) -> str:
        """A string; "" where it is absent."""
        return self._value(_string, names) or ""

    def texts(self, *names: str) -> tuple[str, ...]:
        """A list of strings, or a lone one."""
        if any(self.kind(name) == "string" for name in names):
            return (self.text(*names),)
        found = self._value(_strings, names)
        return () if found is None else tuple(found)

    def count(self, *names: str) -> int | None:
        """A whole number, also as a string."""
        return self._value(_int, names)

    def number(self, *names: str) -> float | None:
        """A number, also as a string."""
        return self._value(_float, names)

    def flag(self, *names: str) -> bool | None:
        """True or false."""
        return self._value(_bool, names)

    def inner(self, *names: str) -> Fields | None:
        """An object."""
        raw = self.raw(*names)
        if raw is None or (self._lenient and bytes(memoryview(raw)[:1]) != b"{"):
            return None
        return Fields(raw, self._called(names), self.unread, self._lenient)

    def elements(self, *names: str) -> list[Raw]:
        """The elements of a list, [] where it is absent."""
        return self._value(_elements, names) or []

    def items(self, *names: str) -> list[Raw]:
        """The same, where a value that is no list is its only element."""
        raw = self.raw(*names)
        return [] if raw is None else listed(raw)

    def objects(self, *names: str) -> list[Fields]:
        """The elements of a list of objects."""
        where = self._called(names)
        return [
            Fields(raw, where, self.unread, self._lenient)
            for raw in self.elements(*names)
            if not self._lenient or bytes(memoryview(raw)[:1]) == b"{"
        ]

    def leave(self, name: str) -> None:
        """This member was taken, but not understood: it counts as not taken."""
        self._members[name] = _TAKEN

    def rest(self) -> tuple[tuple[str, Raw], ...]:
        """What nobody took; it stays."""
        return tuple([(name, raw) for name, raw in self._members.items() if bytes(memoryview(raw)[:1]) != b"n"])

    def word(self, name: str, known: Container[str]) -> str:
        """A string that is one of these; "" for any other, which is told of."""
        found = self.text(name)
        if found and found not in known:
            self.unread[self._called((name,))] = None
        return found if found in known else ""

    def done(self, *known: str) -> None:
        """What nobody took is told of, but for members `known` to say nothing."""
        for name, _ in self.rest():
            if name not in known:
                self.unread[self._called((name,))] = None

    def _value(self, decoder: msgspec.json.Decoder[X], names: tuple[str, ...]) -> X | None:
        raw = self.raw(*names)
        if raw is None:
            return None
        try:
            return decode(decoder, raw)
        except DocumentError as cause:
            if self._lenient:
                return None
            raise DocumentError(f"{self._called(names)}: {cause}") from cause

    def _called(self, names: tuple[str, ...]) -> str:
        return f"{self._where}.{names[0]}" if self._where else names[0]


def listed(raw: Raw) -> list[Raw]:
    """The elements of a list; a value that is none is its only element."""
    return decode(_elements, raw) if bytes(memoryview(raw)[:1]) == b"[" else [raw]
