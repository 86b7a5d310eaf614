"""How edits become splices where a list may be written in more than one way: absent, null, or its one element without brackets.

Rule: splices are collected with paths of the document as it is; a value that has to become a list is rendered once, at the end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec
from msgspec import Raw, structs

from backstory.core.document import Cut, Document, Extend, Insert, Put, Splice, Strike
from backstory.core.edits import AddMessage, AddMessages
from backstory.core.message import Path
from backstory.errors import DocumentError

T = TypeVar("T")

_encode = msgspec.json.Encoder().encode


class Lowering:
    """The splices of one request. `wrap` gives the list element for a value that stood alone at a path."""

    __slots__ = ("_document", "_lone", "_places", "_splices", "_wrap")

    def __init__(self, document: Document, wrap: Callable[[Path, bytes], bytes]) -> None:
        self._document = document
        self._wrap = wrap
        self._splices: list[Splice] = []
        self._places: set[Path] = set()  # those that a value or a text was put at
        self._lone: dict[Path, tuple[list[bytes], list[bytes], set[int]]] = {}

    def first_byte(self, path: Path) -> bytes:
        """The first byte of the value at `path`; b"" where there is none or null."""
        if not self._document.has(path):
            return b""
        start, _ = self._document.span(path)
        first = self._document.raw[start : start + 1]
        return b"" if first == b"n" else first

    def length(self, path: Path) -> int:
        """Number of elements of the list at `path`: 0 where it is absent, 1 for an element without brackets."""
        first = self.first_byte(path)
        if first == b"[":
            return self._document.length(path)
        return 1 if first else 0

    def put(self, path: Path, value: bytes) -> None:
        """The value at `path` becomes these bytes."""
        self._places.add(path)
        self._splices.append(Put(path, value))

    def put_element(self, path: Path, index: int, value: bytes) -> None:
        """Element `index` of the list at `path`, or the element that stands there without brackets, becomes these bytes."""
        if not 0 <= index < self.length(path):
            raise DocumentError(f"no element {index} at {list(path)}")
        self.put((*path, index) if self.first_byte(path) == b"[" else path, value)

    def text(self, splice: Put | Extend | Strike) -> None:
        """An edit of a string. DocumentError if there is no string."""
        if self.first_byte(splice.path) != b'"':
            raise DocumentError(f"no text at {list(splice.path)}")
        self._places.add(splice.path)
        self._splices.append(splice)

    def more_text(self, path: Path, text: str) -> None:
        """The string at `path` goes on after a blank line; where there is none yet, it begins with this text."""
        if self.first_byte(path) == b'"' or path in self._places:
            self._splices.append(Extend(path, f"\n\n{text}"))
        elif not self.first_byte(path):
            self.put(path, quote(text))
        else:
            raise DocumentError(f"no text at {list(path)}")

    def add(self, path: Path, index: int, value: bytes) -> None:
        """An element goes in before element `index` of the list at `path`."""
        if not 0 <= index <= self.length(path):
            raise DocumentError(f"no place {index} at {list(path)}")
        if self.first_byte(path) == b"[":
            self._splices.append(Insert((*path, index), value))
        else:
            lone = self._lone.setdefault(path, ([], [], set()))
            (lone[1] if index else lone[0]).append(value)

    def cut(self, path: Path, start: int, stop: int) -> None:
        """Elements start <= i < stop of the list at `path` go."""
        if not 0 <= start <= stop <= self.length(path):
            raise DocumentError(f"no elements {start} to {stop} at {list(path)}")
        if self.first_byte(path) == b"[":
            if start < stop:
                self._splices.append(Cut((*path, start), stop))
        elif start < stop:
            self._lone.setdefault(path, ([], [], set()))[2].add(start)

    def finish(self) -> bytes:
        """The edited document."""
        inside: dict[Path | None, list[Splice]] = {}
        for splice in _settled(self._splices):
            inside.setdefault(self._around(splice.path, len(splice.path)), []).append(splice)
        for path in sorted(self._lone, key=len, reverse=True):
            before, after, gone = self._lone[path]
            middle: list[bytes] = []
            if self.first_byte(path) and not gone:
                value = Document(self._document.get(path)).apply([_moved(splice, len(path)) for splice in inside.get(path, ())])
                middle = [self._wrap(path, value)]
            made = Put(path, b"[" + b",".join([*before, *middle, *after]) + b"]")
            inside.setdefault(self._around(path, len(path) - 1), []).append(made)
        return self._document.apply(inside.get(None, ()))

    def _around(self, path: Path, upto: int) -> Path | None:
        """The innermost value that becomes a list and has this path in it, among those of at most `upto` steps."""
        return next((path[:steps] for steps in range(upto, -1, -1) if path[:steps] in self._lone), None) if self._lone else None


def come_in(lowering: Lowering, path: Path, edit: AddMessage | AddMessages, made: Callable[[str, str], bytes]) -> None:
    """Messages come into the list at `path`. `made`: one of plain text, of its role and that."""
    values = edit.values if isinstance(edit, AddMessages) else (made(edit.role, edit.text),)
    for value in values:
        lowering.add(path, edit.index, value)


def quote(text: str) -> bytes:
    """A JSON string. DocumentError for text that UTF-8 cannot carry (a lone surrogate)."""
    return encode(text)


def encode(value: object) -> bytes:
    """A JSON value. DocumentError for text in it that UTF-8 cannot carry."""
    try:
        return _encode(value)
    except UnicodeEncodeError as cause:
        raise DocumentError(f"not a text: {cause.reason}") from cause


def decode(decoder: msgspec.json.Decoder[T], raw: bytes | memoryview | Raw) -> T:
    """What the decoder makes of these bytes. DocumentError where they are not JSON of its shape."""
    try:
        return decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as cause:
        raise DocumentError(f"not as expected: {cause}") from cause


def _settled(splices: list[Splice]) -> list[Splice]:
    """Edits of one string as a single run: what it reads now, what is struck from that, what stands before and after it."""
    strings: dict[Path, list[Put | Extend | Strike]] = {}
    for splice in splices:
        if isinstance(splice, Put | Extend | Strike):
            strings.setdefault(splice.path, []).append(splice)
    settled: list[Splice] = [splice for splice in splices if isinstance(splice, Cut | Insert)]
    for path, run in strings.items():
        puts = [index for index, splice in enumerate(run) if isinstance(splice, Put)]
        first = puts[-1] if puts else -1
        struck = [splice for splice in run[first + 1 :] if isinstance(splice, Strike)]
        fronts = [splice for splice in run if isinstance(splice, Extend) and splice.front]
        backs = [splice for splice in run if isinstance(splice, Extend) and not splice.front]
        texts: list[Splice] = [*struck, *reversed(fronts), *backs]
        base = run[first] if puts else None
        if isinstance(base, Put) and not texts:
            settled.append(base)
        elif isinstance(base, Put):
            settled.append(Put(path, Document(base.value).apply([_moved(splice, len(path)) for splice in texts])))
        else:
            settled.extend(texts)
    return settled


def _moved(splice: Splice, depth: int) -> Splice:
    """The same edit of a value that is looked at by itself: its path loses the first `depth` steps."""
    return structs.replace(splice, path=splice.path[depth:])
