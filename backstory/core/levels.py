"""One level of JSON: the members of an object, the elements of an array, and where in the bytes they are. Nothing below is decoded.

A level that cannot be read in exactly one way (duplicate keys, not JSON) raises DocumentError, and nothing else is raised.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import accumulate
from typing import TypeAlias

import msgspec
from msgspec import Raw

from backstory.errors import DocumentError

Span: TypeAlias = tuple[int, int]
Members: TypeAlias = dict[str, tuple[int, int, int]]
"""By name: where the key starts, where the value starts, where it ends."""

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for bytes that it cannot read."""

_SPACE = re.compile(rb"[ \t\n\r]*")
_KEY = re.compile(rb'[ \t\n\r]*("(?:[^"\\]|\\.)*")[ \t\n\r]*:[ \t\n\r]*')
_object = msgspec.json.Decoder(dict[str, Raw])
_array = msgspec.json.Decoder(list[Raw])
_string = msgspec.json.Decoder(str)


def decode_object(view: bytes | memoryview) -> dict[str, Raw]:
    """The members of an object, undecoded; of a key that is there twice, the last. DocumentError for what is no object."""
    try:
        return _object.decode(view)
    except UNREADABLE as cause:
        raise DocumentError(f"not JSON: {cause}") from cause


def decode_array(view: bytes | memoryview) -> list[Raw]:
    """The elements of an array, undecoded. DocumentError for what is no array."""
    try:
        return _array.decode(view)
    except UNREADABLE as cause:
        raise DocumentError(f"not JSON: {cause}") from cause


def members(raw: bytes, start: int, values: dict[str, Raw]) -> Members:
    """Walks the object at `start` key by key: a key that is there twice has only one value, so the walk comes out somewhere else, and
    DocumentError is raised."""
    found: Members = {}
    at = start + 1
    for key, value in values.items():
        match = _KEY.match(raw, at)
        if match is None or _string.decode(match.group(1)) != key:
            raise DocumentError("duplicate keys")
        value_start = match.end()
        value_end = value_start + len(value)
        found[key] = (match.start(1), value_start, value_end)
        at = skip(raw, value_end)
        if raw[at : at + 1] == b",":
            at += 1
    if values and raw[at : at + 1] != b"}":
        raise DocumentError("duplicate keys")
    return found


def element_spans(raw: bytes, start: int, end: int, sizes: Sequence[int]) -> list[Span]:
    """Where the elements of these sizes lie in the array from `start` to `end`."""
    if sizes and sum(sizes) + len(sizes) + 1 == end - start:
        ends = list(accumulate((size + 1 for size in sizes), initial=start))[1:]
        return [(last - size, last) for last, size in zip(ends, sizes, strict=True)]
    found: list[Span] = []
    at = skip(raw, start + 1)
    for size in sizes:
        found.append((at, at + size))
        at = skip(raw, skip(raw, at + size) + 1)
    return found


def skip(raw: bytes, at: int) -> int:
    """The place of the first byte from `at` on that is no white space."""
    if raw[at : at + 1] > b" ":
        return at
    match = _SPACE.match(raw, at)
    return match.end() if match else at
