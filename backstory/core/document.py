"""A JSON document whose untouched parts keep their bytes.

Edits are splices. Only the levels on the path of an edit are looked at, one deep; every other value stays the raw bytes that
came. A document that cannot be read in exactly one way (duplicate keys, not UTF-8, not JSON) raises DocumentError.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, TypeAlias

import msgspec
from msgspec import Raw, Struct

from backstory.core.message import Path
from backstory.errors import DocumentError

_SPACE = re.compile(rb"[ \t\n\r]*")
_KEY = re.compile(rb'[ \t\n\r]*("(?:[^"\\]|\\.)*")[ \t\n\r]*:[ \t\n\r]*')
_object = msgspec.json.Decoder(dict[str, Raw])
_array = msgspec.json.Decoder(list[Raw])
_string = msgspec.json.Decoder(str)
_encode = msgspec.json.Encoder().encode


class Put(Struct, frozen=True, tag=True):
    """The value at `path` becomes these bytes. A key that is absent from its object is added at the end."""

    path: Path
    value: bytes


class Cut(Struct, frozen=True, tag=True):
    """The element or member at `path` goes, with one comma."""

    path: Path


class Insert(Struct, frozen=True, tag=True):
    """An element goes in before the array element at `path` (its index may be the array's length). Order of equal paths is kept."""

    path: Path
    value: bytes


class Extend(Struct, frozen=True, tag=True):
    """The JSON string at `path` gets this text at its end, or at its front."""

    path: Path
    text: str
    front: bool = False


class Strike(Struct, frozen=True, tag=True):
    """Every occurrence of this text is taken out of the JSON string at `path`."""

    path: Path
    text: str


Splice: TypeAlias = Put | Cut | Insert | Extend | Strike
Span: TypeAlias = tuple[int, int]


class Document:
    """Bytes of one JSON value. Levels are located when an edit or a `span` asks for them, and then kept."""

    __slots__ = ("_levels", "raw")

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self._levels: dict[Path, dict[str, tuple[int, int, int]] | list[Span]] = {}

    def span(self, path: Path) -> Span:
        """Start and end of the value at `path` in `raw`."""
        if not path:
            start = _skip(self.raw, 0)
            return start, len(self.raw.rstrip(b" \t\n\r"))
        level = self._level(path[:-1])
        step = path[-1]
        if isinstance(level, dict):
            if not isinstance(step, str) or step not in level:
                raise DocumentError(f"no member {step!r} at {list(path[:-1])}")
            return level[step][1:]
        if not isinstance(step, int) or not 0 <= step < len(level):
            raise DocumentError(f"no element {step!r} at {list(path[:-1])}")
        return level[step]

    def get(self, path: Path) -> bytes:
        """The raw bytes of the value at `path`."""
        start, end = self.span(path)
        return self.raw[start:end]

    def has(self, path: Path) -> bool:
        """Whether there is a value at `path`."""
        try:
            self.span(path)
        except DocumentError:
            return False
        return True

    def length(self, path: Path) -> int:
        """Number of elements or members at `path`."""
        return len(self._level(path))

    def keys(self, path: Path = ()) -> tuple[str, ...]:
        """Names of the object's members at `path`, in order."""
        level = self._level(path)
        if not isinstance(level, dict):
            raise DocumentError(f"not an object at {list(path)}")
        return tuple(level)

    def apply(self, splices: Iterable[Splice]) -> bytes:
        """The bytes with all splices done; paths are those of the document as it is. Cost grows with the levels touched."""
        tree: dict[str, Any] = {}
        for splice in splices:
            node = tree
            for step in splice.path[:-1] if isinstance(splice, Cut | Insert) else splice.path:
                node = node.setdefault("under", {}).setdefault(step, {})
            match splice:
                case Put(_, value):
                    node["value"] = value
                case Cut(path):
                    node.setdefault("cut", set()).add(path[-1])
                case Insert(path, value):
                    node.setdefault("insert", {}).setdefault(path[-1], []).append(value)
                case Extend() | Strike():
                    node.setdefault("text", []).append(splice)
        if not tree:
            return self.raw
        start, end = self.span(())
        return self.raw[:start] + self._render((), tree) + self.raw[end:]

    def _render(self, path: Path, node: dict[str, Any]) -> bytes:
        if "value" in node:
            value: bytes = node["value"]
            return value
        if "text" in node:
            return _respell(self.get(path), node["text"])
        level = self._level(path)
        start, end = self.span(path)
        under: dict[str | int, dict[str, Any]] = node.get("under", {})
        cut: set[str | int] = node.get("cut", set())
        insert: dict[str | int, list[bytes]] = node.get("insert", {})
        if isinstance(level, dict):
            spans = [(key_start, value_end) for key_start, _, value_end in level.values()]
            place: dict[str | int, int] = {key: index for index, key in enumerate(level)}
            added = [_encode(key) + b":" + child["value"] for key, child in under.items() if key not in level and "value" in child]
            if any(key not in level and "value" not in child for key, child in under.items()) or insert:
                raise DocumentError(f"an edit under {list(path)} names no member")
        else:
            spans = level
            place = {index: index for index in range(len(level))}
            added = []
        for step in [*cut, *(s for s in under if s in place or not isinstance(level, dict))]:
            if step not in place:
                raise DocumentError(f"no element {step!r} at {list(path)}")
        bodies = {place[step]: self._item(path, step, child) for step, child in under.items() if step in place}
        gone = {place[step] for step in cut}
        extra: dict[int, list[bytes]] = {}
        for step, values in insert.items():
            if not isinstance(step, int) or not 0 <= step <= len(spans):
                raise DocumentError(f"no place {step!r} to insert at {list(path)}")
            extra.setdefault(step, []).extend(values)
        if added:
            extra.setdefault(len(spans), []).extend(added)
        inner = _join(self.raw, spans, bodies, gone, extra)
        if not spans:
            return self.raw[start : start + 1] + inner + self.raw[end - 1 : end]
        return self.raw[start : spans[0][0]] + inner + self.raw[spans[-1][1] : end]

    def _item(self, path: Path, step: str | int, node: dict[str, Any]) -> bytes:
        body = self._render((*path, step), node)
        level = self._level(path)
        if isinstance(level, dict):
            key_start, value_start, _ = level[str(step)]
            return self.raw[key_start:value_start] + body
        return body

    def _level(self, path: Path) -> dict[str, tuple[int, int, int]] | list[Span]:
        found = self._levels.get(path)
        if found is None:
            found = self._levels[path] = _locate(self.raw, self.span(path))
        return found


def _join(raw: bytes, spans: list[Span], bodies: dict[int, bytes], gone: set[int], extra: dict[int, list[bytes]]) -> bytes:
    """Items and inserts with commas between; neighbours that were neighbours keep what stood between them."""
    out: list[bytes] = []
    last = -2
    at = 0
    touched = sorted({*bodies, *gone, *extra, len(spans)})
    for index in touched:
        if index > at:
            _piece(out, raw, spans, last, at, raw[spans[at][0] : spans[index - 1][1]])
            last = index - 1
        for value in extra.get(index, ()):
            _piece(out, raw, spans, -2, -2, value)
            last = -2
        if index < len(spans):
            if index not in gone:
                body = bodies[index] if index in bodies else raw[slice(*spans[index])]
                _piece(out, raw, spans, last, index, body)
                last = index
            at = index + 1
    return b"".join(out)


def _piece(out: list[bytes], raw: bytes, spans: list[Span], last: int, index: int, body: bytes) -> None:
    if out:
        out.append(raw[spans[last][1] : spans[index][0]] if last >= 0 and index == last + 1 else b",")
    out.append(body)


def _locate(raw: bytes, span: Span) -> dict[str, tuple[int, int, int]] | list[Span]:
    start, end = span
    view = memoryview(raw)[start:end]
    try:
        if raw[start : start + 1] == b"{":
            return _members(raw, start, _object.decode(view))
        if raw[start : start + 1] == b"[":
            return _elements(raw, start, _array.decode(view))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as cause:
        raise DocumentError(f"not JSON: {cause}") from cause
    raise DocumentError("neither an object nor an array")


def _members(raw: bytes, start: int, values: dict[str, Raw]) -> dict[str, tuple[int, int, int]]:
    found: dict[str, tuple[int, int, int]] = {}
    at = start + 1
    for key, value in values.items():
        match = _KEY.match(raw, at)
        if match is None or _string.decode(match.group(1)) != key:
            raise DocumentError("duplicate keys")
        value_start = match.end()
        value_end = value_start + memoryview(value).nbytes
        found[key] = (match.start(1), value_start, value_end)
        at = _skip(raw, value_end)
        if raw[at : at + 1] == b",":
            at += 1
    if values and raw[at : at + 1] != b"}":
        raise DocumentError("duplicate keys")
    return found


def _elements(raw: bytes, start: int, values: list[Raw]) -> list[Span]:
    found: list[Span] = []
    at = _skip(raw, start + 1)
    for value in values:
        end = at + memoryview(value).nbytes
        found.append((at, end))
        at = _skip(raw, _skip(raw, end) + 1)
    return found


def _skip(raw: bytes, at: int) -> int:
    if raw[at : at + 1] > b" ":
        return at
    match = _SPACE.match(raw, at)
    return match.end() if match else at


def _respell(raw: bytes, splices: list[Extend | Strike]) -> bytes:
    """A JSON string edited in its escaped form, so that the bytes of the rest stay."""
    for splice in splices:
        plain = _encode(splice.text)[1:-1]
        if raw[:1] != b'"':
            raise DocumentError("not a string")
        if isinstance(splice, Extend):
            raw = b'"' + plain + raw[1:] if splice.front else raw[:-1] + plain + b'"'
        else:
            try:
                text = _string.decode(raw)
            except (msgspec.DecodeError, UnicodeDecodeError) as cause:
                raise DocumentError(f"not a string: {cause}") from cause
            struck = raw.replace(plain, b"")
            wanted = text.replace(splice.text, "")
            try:
                same = _string.decode(struck) == wanted
            except (msgspec.DecodeError, UnicodeDecodeError):
                same = False
            raw = struck if same else _encode(wanted)
    return raw
