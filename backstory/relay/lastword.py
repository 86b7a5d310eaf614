"""Where in its bytes a streamed answer says its last word: with that a client goes on, and its next request may come before the
provider has ended the body.

Rule: what stands in a string of an event is never taken for it: in JSON a string has no line breaks, and the last word begins a line.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from typing import TypeAlias

# Sources: OpenAI Chat ends with the data [DONE]; Messages with the event message_stop; Responses with response.completed or .incomplete,
# before which an error or response.failed is no answer. Gemini has no last word: its clients read to the end of the body.
_BEGINS = re.compile(
    rb"[\r\n](?:data: ?(?:\[DONE\]|\{[^\r\n\\]{0,64}?\"type\": ?\"(?:message_stop|response\.completed|response\.incomplete)\")"
    rb"|event: ?(?:message_stop|response\.completed|response\.incomplete)(?=[\r\n]))"
)
_BLANK = re.compile(rb"\n\r?\n|\r\r")
# The longest beginning, with what stands before and after it; and a blank line less its last byte.
_TAIL, _BLANK_TAIL = 128, 2
# A piece that unpacks to more, or has more members, is no piece of such a stream.
_MOST_UNPACKED, _MOST_MEMBERS = 1 << 20, 1024
# Window bits of zlib for gzip or zlib, whichever it is.
_EITHER = 47

_Unpack: TypeAlias = Callable[[bytes], bytes]


class LastWord:
    """Of one streamed answer. `coding`: its content coding, "" for none; in one that is not understood nothing is ever found."""

    __slots__ = ("_begun", "_tail", "_unpack")

    def __init__(self, coding: str) -> None:
        self._unpack: _Unpack | None = None if not coding else _Unzip().feed if coding in {"gzip", "x-gzip", "deflate"} else _deaf
        self._tail = b"\n"
        self._begun = False

    def feed(self, data: bytes) -> bool:
        """The next bytes of its body. Whether it has been said with them: [DONE] is enough, an event is said when it ends."""
        if self._unpack is not None:
            data = self._unpack(data)
        window, found = self._tail + data, None
        if not self._begun:
            # Most pieces have none of these: looking for them takes a third of what the pattern takes.
            if b"[DONE]" in window or b"message_stop" in window or b"response.completed" in window or b"response.incomplete" in window:
                found = _BEGINS.search(window)
            if found is None:
                self._tail = window[-_TAIL:]
                return False
            if b"[DONE]" in found[0]:
                return True
            self._begun, window = True, window[found.end() - 1 :]
        self._tail = window[-_BLANK_TAIL:]
        return _BLANK.search(window) is not None


class _Unzip:
    """Unpacks as it comes, one member after the other (RFC 1952 section 2.2); gives nothing more from where that cannot be done."""

    __slots__ = ("_member",)

    def __init__(self) -> None:
        self._member: zlib._Decompress | None = zlib.decompressobj(_EITHER)

    def feed(self, data: bytes) -> bytes:
        out: list[bytes] = []
        left, members = _MOST_UNPACKED, _MOST_MEMBERS
        while data and self._member is not None:
            try:
                out.append(self._member.decompress(data, left))
            except zlib.error:
                self._member = None
                break
            data, left, members = self._member.unused_data, left - len(out[-1]), members - self._member.eof
            if self._member.unconsumed_tail or left <= 0 or not members:
                self._member = None
            elif self._member.eof:
                self._member = zlib.decompressobj(_EITHER)
        return b"".join(out)


def _deaf(data: bytes) -> bytes:
    return b""
