"""A JSON document whose untouched parts keep their bytes.

Edits are splices, and every splice is a patch of the bytes it names: what no splice names stays as it came, white space included.
Only the levels on the path of an edit are looked at, one deep. A level that cannot be read in exactly one way (duplicate keys, not
JSON) raises DocumentError, and nothing else is raised.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import TypeAlias

import msgspec
from msgspec import Raw, Struct

from backstory.core.layout import Elements, Layouts, hold
from backstory.core.letters import whole
from backstory.core.levels import UNREADABLE, Members, Span, decode_array, decode_object, element_spans, members, skip
from backstory.core.message import Path
from backstory.errors import DocumentError

_CHARACTER = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\.|[^\\]", re.DOTALL)
"""One character of a JSON string in its escaped form; a surrogate pair is one character."""
_objects = msgspec.json.Decoder(list[dict[str, Raw]])
_string = msgspec.json.Decoder(str)
_encode = msgspec.json.Encoder().encode


class Put(Struct, frozen=True, tag=True):
    """The value at `path` becomes these bytes. A key that is absent from its object is added at the end."""

    path: Path
    value: bytes


class Cut(Struct, frozen=True, tag=True):
    """The element or member at `path` goes, with one comma; with a `stop`, the elements from the one at `path` up to that index
    (exclusive).
    """

    path: Path
    stop: int = 0


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
Patch: TypeAlias = tuple[int, int, bytes]
"""The bytes from start to end become these."""


class _Level(Struct):
    """What happens to the elements or members of one array or object. `cuts`: elements start <= i < stop that go; `gone`: members that
    do."""

    cuts: list[tuple[int, int]]
    gone: set[str]
    inserted: dict[int, list[bytes]]
    added: dict[str, bytes]


class Document:
    """Bytes of one JSON value. Levels are located when an edit, a `span` or a reader asks for them, and then kept. `layouts`: arrays
    seen before, with which the large one of this document may begin. `halves`: half letters in it (`letters.py`) are read as U+FFFD, in
    `raw` and whatever is given of it, where it would not be read at all; `came` is as it came, and what edits leave alone keeps them.
    """

    __slots__ = ("_elements", "_halves", "_layouts", "_levels", "came", "raw")

    def __init__(self, raw: bytes, layouts: Layouts | None = None, halves: bool = False) -> None:
        self.raw = self.came = raw
        self._halves = halves
        self._layouts = layouts
        self._levels: dict[Path, Members | Sequence[Span]] = {}
        self._elements: dict[Path, Sequence[memoryview]] = {}

    def hold(self, name: str) -> None:
        """Look for the one large array of the document before anything else: then its bytes are passed over only once, or, where it goes
        on from one seen before, only what is new. Nothing happens where it is not found at a glance."""
        found = hold(self.raw, name, self._layouts)
        if found is None and self._mended():
            found = hold(self.raw, name, self._layouts)
        if found is not None:
            self._elements[(name,)], self._levels[()] = found

    def span(self, path: Path) -> Span:
        """Start and end of the value at `path` in `raw`."""
        if not path:
            return skip(self.raw, 0), len(self.raw.rstrip(b" \t\n\r"))
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

    def member(self, name: str) -> bytes | None:
        """The raw bytes of a top-level member, None where there is none."""
        level = self._levels.get(()) or self._level(())
        if not isinstance(level, dict):
            raise DocumentError("not an object at []")
        place = level.get(name)
        return None if place is None else self.raw[place[1] : place[2]]

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

    def elements(self, path: Path) -> Sequence[memoryview]:
        """The raw bytes of each element of the array at `path`: views of `raw`, nothing is copied."""
        found = self._elements.get(path)
        if found is None:
            start, end = self.span(path)
            if self.raw[start : start + 1] != b"[":
                raise DocumentError(f"not an array at {list(path)}")
            found = self._elements[path] = tuple([memoryview(value) for value in decode_array(memoryview(self.raw)[start:end])])
        return found

    def apply(self, splices: Iterable[Splice]) -> bytes:
        """The bytes with all splices done; paths are those of the document as it is. Cost grows with the levels touched.

        Of two Puts at one path the later one counts; a Put or Cut overrides all edits inside what it names.
        """
        values: dict[Path, bytes] = {}
        strings: dict[Path, list[Extend | Strike]] = {}
        levels: dict[Path, _Level] = {}
        for splice in splices:
            match splice:
                case Put(path, value):
                    if path and not self._present(path):
                        self._touched(levels, path).added[str(path[-1])] = value
                    else:
                        values[path] = value
                case Extend(path) | Strike(path):
                    strings.setdefault(path, []).append(splice)
                case Cut(path, stop):
                    self._cut(self._touched(levels, path), path, stop)
                case Insert(path, value):
                    self._touched(levels, path).inserted.setdefault(self._place(path), []).append(value)
        patches: list[Patch] = [patch for path, level in levels.items() for patch in self._patches(path, level)]
        patches += [(*self.span(path), value) for path, value in values.items()]
        patches += [self._respelled(self.span(path), edits) for path, edits in strings.items()]
        return _patched(self.came, patches)

    def _respelled(self, span: Span, edits: list[Extend | Strike]) -> Patch:
        start, end = span
        return start, end, _respell(self.came[start:end], self.raw[start:end], edits)

    def _mended(self) -> bool:
        """Whether it can be read now: half letters are done with once."""
        if not self._halves:
            return False
        self._halves = False
        self.raw = whole(self.came)
        return self.raw is not self.came

    def _present(self, path: Path) -> bool:
        """False for a key that its object does not have; an error for any other place that does not exist."""
        level = self._level(path[:-1])
        if isinstance(level, dict) and isinstance(path[-1], str):
            return path[-1] in level
        self.span(path)
        return True

    def _touched(self, levels: dict[Path, _Level], path: Path) -> _Level:
        if not path:
            raise DocumentError("the document itself can only be put, not cut or inserted into")
        return levels.setdefault(path[:-1], _Level([], set(), {}, {}))

    def _cut(self, level: _Level, path: Path, stop: int) -> None:
        self.span(path)
        first = path[-1]
        if isinstance(first, int):
            level.cuts.append((first, min(stop, self.length(path[:-1])) if stop else first + 1))
        else:
            level.gone.add(first)

    def _place(self, path: Path) -> int:
        level = self._level(path[:-1])
        step = path[-1]
        if isinstance(level, dict) or not isinstance(step, int) or not 0 <= step <= len(level):
            raise DocumentError(f"no place {step!r} to insert at {list(path[:-1])}")
        return step

    def _patches(self, path: Path, touched: _Level) -> list[Patch]:
        """Elements cut and put in, members cut and added, as patches that keep the commas right."""
        found = self._level(path)
        if isinstance(found, dict):
            spans: Sequence[Span] = [(start, end) for start, _, end in found.values()]
            cuts = [(index, index + 1) for index, key in enumerate(found) if key in touched.gone]
            inserted = {len(spans): [_encoded(key) + b":" + value for key, value in touched.added.items()]} if touched.added else {}
        else:
            spans, cuts, inserted = found, touched.cuts, touched.inserted
        runs = _merged(cuts)
        if spans and runs != [(0, len(spans))]:
            return _around(spans, runs, inserted)
        everything = b",".join(value for index in sorted(inserted) for value in inserted[index])
        inside = self.span(path)[0] + 1
        return [(spans[0][0] if spans else inside, spans[-1][1] if spans else inside, everything)]

    def _level(self, path: Path) -> Members | Sequence[Span]:
        found = self._levels.get(path)
        if found is None:
            found = self._levels[path] = self._locate(path)
        return found

    def _locate(self, path: Path) -> Members | Sequence[Span]:
        start, end = self.span(path)
        first = self.raw[start : start + 1]
        if first == b"[":
            found = self.elements(path)
            return found.spans() if isinstance(found, Elements) else element_spans(self.raw, start, end, [view.nbytes for view in found])
        if first != b"{":
            raise DocumentError(f"neither an object nor an array at {list(path)}")
        try:
            values = decode_object(memoryview(self.raw)[start:end])
        except DocumentError:
            if not self._mended():
                raise
            values = decode_object(memoryview(self.raw)[start:end])
        return members(self.raw, start, values)


def distinct(raw: bytes | memoryview | Raw) -> dict[str, Raw]:
    """The members of an object, undecoded. DocumentError if it is none, or has a key twice.

    Where no white space stands between its tokens, the lengths of keys and values tell that no key was lost: nothing is walked.
    """
    view = memoryview(raw)
    values = decode_object(view)
    if _size(values) != view.nbytes:
        text = bytes(view)
        members(text, skip(text, 0), values)
    return values


def distinct_elements(raw: bytes | memoryview | Raw) -> list[dict[str, Raw]]:
    """`distinct` for each object of an array, in one pass where it has no white space. What is no object is left out."""
    view = memoryview(raw)
    try:
        objects = _objects.decode(view)
    except UNREADABLE:
        objects = None
    if objects is not None and len(objects) + 1 + sum([_size(values) for values in objects]) == view.nbytes:
        return objects
    return [distinct(element) for element in decode_array(view) if bytes(memoryview(element)[:1]) == b"{"]


def _size(values: dict[str, Raw]) -> int:
    """Length of an object with these members and no white space; shorter than it is where a key is escaped or not ASCII."""
    size = 1
    for key, value in values.items():
        size += len(key) + len(value) + 4
    return size


def _merged(cuts: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """These runs start <= i < stop in order, those that touch as one."""
    runs: list[tuple[int, int]] = []
    for start, stop in sorted(cuts):
        if start >= stop:
            continue
        if runs and start <= runs[-1][1]:
            runs[-1] = (runs[-1][0], max(stop, runs[-1][1]))
        else:
            runs.append((start, stop))
    return runs


def _around(spans: Sequence[Span], runs: list[tuple[int, int]], inserted: dict[int, list[bytes]]) -> list[Patch]:
    """New elements stand before the next element that stays, or after the last one; what goes (`runs`: not everything) takes the comma on
    the same side."""
    end = len(spans)
    last = runs[-1][0] - 1 if runs and runs[-1][1] == end else end - 1
    patches: list[Patch] = [(spans[start][0], spans[stop][0], b"") for start, stop in runs if stop < end]
    after: list[bytes] = []
    for index in sorted(inserted):
        run = bisect_right(runs, (index, end)) - 1
        before = max(index, runs[run][1]) if run >= 0 else index
        if before > last:
            after += inserted[index]
        else:
            place = spans[before][0]
            patches.append((place, place, b"".join([value + b"," for value in inserted[index]])))
    if after or last < end - 1:
        patches.append((spans[last][1], spans[end - 1][1], b"".join([b"," + value for value in after])))
    return patches


def _patched(raw: bytes, patches: list[Patch]) -> bytes:
    """Patches in the order of their place; at one place insertions come first, then the longest, then as given.

    What lies inside another one is void.
    """
    if not patches:
        return raw
    view = memoryview(raw)
    out: list[bytes | memoryview] = []
    at = 0
    for start, end, value in sorted(patches, key=lambda patch: (patch[0], patch[1] != patch[0], -patch[1])):
        if start >= at:
            out += (view[at:start], value)
            at = end
    out.append(view[at:])
    return b"".join(out)


def _encoded(text: str) -> bytes:
    try:
        return _encode(text)
    except UnicodeEncodeError as cause:
        raise DocumentError(f"not writable as UTF-8: {cause}") from cause


def _respell(raw: bytes, read: bytes, splices: list[Extend | Strike]) -> bytes:
    """A JSON string edited in its escaped form, so that the bytes of the rest stay. `read`: the same as it can be read."""
    try:
        text = _string.decode(read)
    except UNREADABLE as cause:
        raise DocumentError(f"not a string: {cause}") from cause
    for splice in splices:
        plain = _encoded(splice.text)[1:-1]
        if isinstance(splice, Extend):
            raw = b'"' + plain + raw[1:] if splice.front else raw[:-1] + plain + b'"'
            text = splice.text + text if splice.front else text + splice.text
        elif splice.text and splice.text in text:
            raw = _struck(raw, text, plain, splice.text)
            text = text.replace(splice.text, "")
    return raw


def _struck(raw: bytes, text: str, plain: bytes, gone: str) -> bytes:
    short = raw.replace(plain, b"")
    try:
        if _string.decode(short) == text.replace(gone, ""):
            return short
    except UNREADABLE:
        pass
    spelled = _CHARACTER.findall(raw[1:-1].decode())
    out: list[str] = []
    at = 0
    while (found := text.find(gone, at)) >= 0:
        out += spelled[at:found]
        at = found + len(gone)
    out += spelled[at:]
    return b'"' + "".join(out).encode() + b'"'
