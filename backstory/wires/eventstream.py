"""Amazon's event stream: a stream of binary messages, cut into them.

A message is a prelude (length of the whole, length of its headers, checksum of both), headers, a payload, and a checksum of all that stands
before it; integers are big-endian, checksums CRC-32. Source: https://docs.aws.amazon.com/lexv2/latest/dg/event-stream-encoding.html.

Rule: nothing of a message is believed before its checksums are right, and the cuts do not depend on the chunks in which the stream came.
"""

from __future__ import annotations

import struct
import zlib

from msgspec import Struct

from backstory.errors import DocumentError

_PRELUDE = struct.Struct(">III")
_LEAST = _PRELUDE.size + 4
# The most that Amazon's own readers take: headers of 128 KB, a payload of 24 MB.
_MOST_HEADERS = 128 * 1024
_MOST = _LEAST + _MOST_HEADERS + 24 * 1024 * 1024
_TEXT = 7
# How long values of a kind are, in bytes; 6 and 7 (bytes and text) say it themselves.
_SIZES = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}


class Message(Struct, frozen=True):
    """`headers`: those whose values are text, by their names."""

    headers: dict[str, str]
    payload: bytes


class EventStreamReader:
    """Cuts a stream into messages. One reader for one stream. Raises DocumentError for bytes that are none; what came before them is lost
    to nobody: it was returned, or is returned by this call, and the next one raises."""

    __slots__ = ("_fault", "_held", "_size", "_want")

    def __init__(self) -> None:
        self._held: list[bytes] = []
        self._size = 0
        self._want = _PRELUDE.size
        self._fault: DocumentError | None = None

    def feed(self, data: bytes) -> list[Message]:
        """The messages that these bytes complete. A message costs no more than its length, however many chunks it comes in."""
        if self._fault is not None:
            raise self._fault
        self._held.append(data)
        self._size += len(data)
        if self._size < self._want:
            return []
        whole = b"".join(self._held)
        found: list[Message] = []
        at = 0
        try:
            while (size := self._next(whole, at)) > 0:
                found.append(_message(whole[at : at + size]))
                at += size
        except DocumentError as error:
            if not found:
                raise
            self._fault = error
        rest = whole[at:]
        self._held, self._size = [rest], len(rest)
        return found

    def close(self) -> None:
        """The stream has ended. DocumentError where that is in the middle of a message, or where one was no good."""
        if self._fault is not None:
            raise self._fault
        if self._size:
            raise DocumentError("the event stream ends in the middle of a message")

    def _next(self, whole: bytes, at: int) -> int:
        """The length of the message that begins there, 0 while it is not all there. `_want` says how much is needed for more."""
        left = len(whole) - at
        self._want = _PRELUDE.size
        if left < self._want:
            return 0
        size, headers, checksum = _PRELUDE.unpack_from(whole, at)
        if zlib.crc32(whole[at : at + 8]) != checksum:
            raise DocumentError("the event stream is damaged: the checksum of a message's beginning is wrong")
        if not _LEAST + headers <= size <= _MOST or headers > _MOST_HEADERS:
            raise DocumentError(f"the event stream is damaged: a message of {size} bytes with headers of {headers}")
        self._want = size
        return size if left >= size else 0


def _message(raw: bytes) -> Message:
    """One message, all of it."""
    size, headers, _ = _PRELUDE.unpack_from(raw)
    (checksum,) = struct.unpack_from(">I", raw, size - 4)
    if zlib.crc32(raw[:-4]) != checksum:
        raise DocumentError("the event stream is damaged: the checksum of a message is wrong")
    start = _PRELUDE.size
    return Message(_headers(raw[start : start + headers]), raw[start + headers : -4])


def _headers(raw: bytes) -> dict[str, str]:
    found: dict[str, str] = {}
    at = 0
    try:
        while at < len(raw):
            named = at + 1 + raw[at]
            kind = raw[named]
            value = named + 1
            if kind in {6, _TEXT}:
                value += 2
                end = value + struct.unpack_from(">H", raw, value - 2)[0]
            else:
                end = value + _SIZES[kind]
            if end > len(raw):
                raise IndexError(end)
            if kind == _TEXT:
                found[raw[at + 1 : named].decode()] = raw[value:end].decode()
            at = end
    except (IndexError, KeyError, struct.error, UnicodeDecodeError) as error:
        raise DocumentError("the event stream is damaged: a message's headers cannot be read") from error
    return found
