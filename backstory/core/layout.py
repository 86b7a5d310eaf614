"""Where the elements of a document's one large array lie, at a cost that grows with what is new.

A client sends its whole history with every request: an array that begins with the bytes of the one before. Those bytes are hashed, which
costs a hundredth of reading them, and where they are the same, only what follows is read. The hash is seeded at random for each process:
nobody can prepare two histories that look alike.
"""

from __future__ import annotations

import re
from array import array
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from functools import cache
from typing import overload

import msgspec
from msgspec import Raw, Struct
from xxhash import xxh3_64_intdigest, xxh3_128

from backstory.core.levels import UNREADABLE, Members, Span, decode_array, decode_object, element_spans, members, skip
from backstory.errors import DocumentError

# Smaller arrays are read whole: that costs less than looking them up.
_LEAST_BYTES = 8192
_LEAST_ELEMENTS = 4
# Arrays that begin with so many equal bytes are looked at together, the last used first.
_FIRST_BYTES = 512
_MOST_ALIKE = 8
# A history is found by its whole, or without up to so many of its last elements: clients move marks in them.
_CUTS = 10
_TAIL = 32
# Elements whose places are kept, of all documents together (some 32 bytes each).
_MOST_ELEMENTS = 400_000
_CLOSED = b'}]"'
_OPEN_BRACKET = re.compile(rb"[ \t\n\r]*:[ \t\n\r]*\[")


class Cut(Struct, frozen=True):
    """After `count` elements, `offset` bytes from the array's start. `tail`: the bytes before it; `digest`: hash of all from the start."""

    count: int
    offset: int
    tail: bytes
    digest: bytes


class Layout:
    """One array: where its elements begin and end, from its own start, and the places at which another may go on. `joined`: what a
    reader has made of the elements, 16 bytes for each; b"" before. `clean`: there is no marker in them. `plain`: no sign of a command
    either. `ordinary`: the first of them opens nothing that a client asks for itself. `calm`: the conversation in which the last request
    with it went up as it came, and until when (monotonic seconds) that tells of the next one; "" where it did not; and where in
    that request the array began."""

    __slots__ = ("calm", "clean", "cuts", "ends", "joined", "ordinary", "plain", "starts")

    def __init__(self, starts: array[int], ends: array[int], cuts: tuple[Cut, ...]) -> None:
        self.starts = starts
        self.ends = ends
        self.cuts = cuts
        self.joined = b""
        self.calm = ("", 0.0, 0)
        self.clean = self.ordinary = self.plain = False

    def __len__(self) -> int:
        return len(self.ends)


class Elements(Sequence[memoryview]):
    """The raw bytes of an array's elements: views, made when they are asked for. `start`: where in the document the array begins.

    `layout`: what is kept of it, None for nothing. `before`: an array seen before whose first `known` elements are the same bytes;
    `fresh` is where in the document what follows them begins.
    """

    __slots__ = ("_ends", "_starts", "_view", "before", "fresh", "known", "layout", "start")

    def __init__(self, raw: bytes, start: int, starts: array[int], ends: array[int]) -> None:
        self._view = memoryview(raw)
        self._starts = starts
        self._ends = ends
        self.start = start
        self.layout: Layout | None = None
        self.before: Layout | None = None
        self.known = 0
        self.fresh = start

    def __len__(self) -> int:
        return len(self._starts)

    @overload
    def __getitem__(self, index: int) -> memoryview: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[memoryview, ...]: ...
    def __getitem__(self, index: int | slice) -> memoryview | tuple[memoryview, ...]:
        start, view = self.start, self._view
        if isinstance(index, slice):
            pairs = zip(self._starts[index], self._ends[index], strict=True)
            return tuple([view[start + first : start + last] for first, last in pairs])
        return view[start + self._starts[index] : start + self._ends[index]]

    def __iter__(self) -> Iterator[memoryview]:
        return iter(self[:])

    def place(self, index: int) -> int:
        """Where the element of this index (as of a list) begins in the document."""
        return self.start + self._starts[index]

    def spans(self) -> Sequence[Span]:
        """Where each lies in the document."""
        return _Spans(self.start, self._starts, self._ends)

    def size(self, start: int, stop: int) -> int:
        """Bytes of the elements start <= i < stop together, without what stands between them."""
        return sum(self._ends[start:stop]) - sum(self._starts[start:stop])


class _Spans(Sequence[Span]):
    """Starts and ends as pairs, which are made when they are asked for: an edit of a long history names few of them."""

    __slots__ = ("_ends", "_start", "_starts")

    def __init__(self, start: int, starts: array[int], ends: array[int]) -> None:
        self._start = start
        self._starts = starts
        self._ends = ends

    def __len__(self) -> int:
        return len(self._starts)

    @overload
    def __getitem__(self, index: int) -> Span: ...
    @overload
    def __getitem__(self, index: slice) -> list[Span]: ...
    def __getitem__(self, index: int | slice) -> Span | list[Span]:
        start = self._start
        if isinstance(index, slice):
            return [(start + first, start + last) for first, last in zip(self._starts[index], self._ends[index], strict=True)]
        return start + self._starts[index], start + self._ends[index]


class _Known:
    """A beginning seen before: `hasher` has taken in all of it."""

    __slots__ = ("cut", "hasher", "layout")

    def __init__(self, layout: Layout, cut: Cut, hasher: xxh3_128) -> None:
        self.layout = layout
        self.cut = cut
        self.hasher = hasher


class Layouts:
    """The arrays seen last. Used on one thread."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._alike: OrderedDict[int, list[Layout]] = OrderedDict()
        self._elements = 0

    def clear(self) -> None:
        """Remember nothing."""
        self._alike.clear()
        self._elements = 0

    def find(self, raw: bytes, start: int) -> _Known | None:
        """The longest beginning of the array at `start` that was seen before."""
        for layout in reversed(self._alike.get(self._key(raw, start), ())):
            for cut in reversed(layout.cuts):
                end = start + cut.offset
                if raw[end - len(cut.tail) : end] == cut.tail:
                    hasher = xxh3_128(seed=self._seed)
                    hasher.update(memoryview(raw)[start:end])
                    if hasher.digest() == cut.digest:
                        return _Known(layout, cut, hasher)
                    break
        return None

    def keep(self, raw: bytes, elements: Elements, starts: array[int], ends: array[int], known: _Known | None) -> None:
        """Remember this array for the next one."""
        start, view = elements.start, memoryview(raw)
        cuts: list[Cut] = []
        hasher, hashed = xxh3_128(seed=self._seed), 0
        if known is not None:
            hasher, hashed = known.hasher, known.cut.offset
            cuts = [cut for cut in known.layout.cuts if cut.count <= known.cut.count]
        for index in range(max(0, len(ends) - _CUTS), len(ends)):
            offset = ends[index]
            if offset <= hashed or raw[start + offset - 1] not in _CLOSED:
                continue
            hasher.update(view[start + hashed : start + offset])
            hashed = offset
            tail = raw[max(start, start + offset - _TAIL) : start + offset]
            cuts.append(Cut(index + 1, offset, tail, hasher.digest()))
        layout = elements.layout = Layout(starts, ends, tuple(cuts[-_CUTS:]))
        key = self._key(raw, start)
        alike = self._alike.setdefault(key, [])
        self._alike.move_to_end(key)
        alike.append(layout)
        self._elements += len(ends)
        if len(alike) > _MOST_ALIKE:
            self._elements -= len(alike.pop(0).ends)
        while self._elements > _MOST_ELEMENTS and len(self._alike) > 1:
            self._elements -= sum(len(gone.ends) for gone in self._alike.popitem(last=False)[1])

    @staticmethod
    def _key(raw: bytes, start: int) -> int:
        return xxh3_64_intdigest(raw[start : start + _FIRST_BYTES])


def hold(raw: bytes, name: str, layouts: Layouts | None) -> tuple[Elements, Members] | None:
    """The elements of a top-level array, and the top level with it, in one pass at most; None where it has to be looked for.

    The array's place is guessed by its name and checked: with the array emptied, the small rest must be an object in which that name
    has its value in that place. An array cut short or too long would leave a bracket that has no partner.
    """
    start = _bracket(raw, name)
    if start < 0:
        return None
    large = layouts is not None and len(raw) - start >= _LEAST_BYTES
    known = layouts.find(raw, start) if layouts is not None and large else None
    try:
        found = _continued(raw, name, start, known) if known is not None else _whole(raw, name, start)
    except (*UNREADABLE, DocumentError):
        return None
    if found is None:
        return None
    starts, ends, rest, grown = found
    level = {
        key: (at + grown if at > start else at, begin + grown if begin > start else begin, end + grown if begin >= start else end)
        for key, (at, begin, end) in rest.items()
    }
    elements = Elements(raw, start, starts, ends)
    if known is not None:
        elements.before, elements.known, elements.fresh = known.layout, known.cut.count, start + known.cut.offset
    if layouts is not None and large and len(ends) >= _LEAST_ELEMENTS:
        layouts.keep(raw, elements, starts, ends, known)
    return elements, level


def _bracket(raw: bytes, name: str) -> int:
    """Where an array of this name seems to begin; -1 for nowhere."""
    key = b'"%b"' % name.encode("utf-8", "replace")
    at = raw.find(key)
    match = _OPEN_BRACKET.match(raw, at + len(key)) if at >= 0 else None
    return match.end() - 1 if match is not None else -1


def _whole(raw: bytes, name: str, start: int) -> tuple[array[int], array[int], Members, int] | None:
    """All of an array whose elements stand one after the other with a comma between, or a comma and a space."""
    values: list[Raw] = getattr(_holder(name).decode(raw), "values")  # noqa: B009
    sizes = [len(value) for value in values]
    count, size = len(sizes), sum(sizes)
    if not count:
        return None
    for gap in (1, 2):
        end = start + size + gap * (count - 1) + 2
        if raw[end - 1 : end] != b"]":
            continue
        rest = b"".join((memoryview(raw)[:start], b"[]", memoryview(raw)[end:]))
        try:
            found = members(rest, skip(rest, 0), decode_object(rest))
        except DocumentError:
            continue
        if found.get(name, ())[1:] != (start, start + 2):
            continue
        starts, ends = array("Q"), array("Q")
        at = 1
        for length in sizes:
            starts.append(at)
            ends.append(at + length)
            at += length + gap
        if gap == 1 or all(raw[start + last : start + last + 2] == b", " and raw[start + last + 2] > 32 for last in ends[:-1]):
            return starts, ends, found, end - start - 2
    return None


def _continued(raw: bytes, name: str, start: int, known: _Known) -> tuple[array[int], array[int], Members, int] | None:
    """What follows a known beginning, read with a 0 in its place. Raises DocumentError."""
    count, offset = known.cut.count, known.cut.offset
    small = b"".join((memoryview(raw)[:start], b"[0", memoryview(raw)[start + offset :]))
    rest = members(small, skip(small, 0), decode_object(small))
    if rest.get(name, ())[1:2] != (start,):
        return None
    end = rest[name][2]
    sizes = [len(value) for value in decode_array(memoryview(small)[start:end])]
    moved = offset - start - 2
    starts, ends = known.layout.starts[:count], known.layout.ends[:count]
    for first, last in element_spans(small, start, end, sizes)[1:]:
        starts.append(first + moved)
        ends.append(last + moved)
    return starts, ends, rest, offset - 2


@cache
def _holder(name: str) -> msgspec.json.Decoder[Struct]:
    """Reads an object for one member, an array, and leaves everything else."""
    return msgspec.json.Decoder(msgspec.defstruct("Holder", [("values", list[Raw])], rename={"values": name}))
