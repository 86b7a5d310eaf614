"""Chunked transfer coding: `ChunkReader` takes it off a request, `Dechunker` off a reply. Pure: bytes in, bytes out.

A request may have another one right behind it, so its reader must say where the body ends; a reply must not, so its reader may be the
C parser, fed with a head of ours (the real head is read by heads.py alone: one reading).
"""

from __future__ import annotations

import re

import httptools

from backstory.errors import HeadError, UpstreamError

_SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,15})(?:[ \t]*;[^\x00-\x08\x0a-\x1f\x7f]*)?")
_TRAILER_LINE = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[^\x00-\x08\x0a-\x1f\x7f]*")
_MAX_LINE = 4096  # a chunk's size with extensions, or one trailer line
_MAX_TRAILERS = 65536
_HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
_END = b"0\r\n\r\n"


class MalformedChunk(HeadError):
    """A request body whose chunks cannot be read, or can be read in two ways."""


def frame(data: bytes) -> bytes:
    """One chunk. Empty data gives nothing: an empty chunk would be the end."""
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""


def ending(trailers: bytes = b"") -> bytes:
    """The last chunk, with rendered trailer lines."""
    return b"0\r\n%b\r\n" % trailers if trailers else _END


class ChunkReader:
    """Takes the chunk coding off a request's body, however its bytes were cut. Trailers are read and dropped."""

    __slots__ = ("_at_trailers", "_gap", "_left", "_line", "_trailers")

    def __init__(self) -> None:
        self._line = b""
        self._left = 0
        self._gap = False
        self._at_trailers = False
        self._trailers = 0

    def feed(self, data: bytes) -> tuple[bytes, bytes | None]:
        """The body bytes in `data`, and what follows the body: None while it has not ended. Raises MalformedChunk."""
        pieces: list[bytes] = []
        at = 0
        if self._line:
            data, self._line = self._line + data, b""
        while at < len(data):
            if self._left:
                piece = data[at : at + self._left]
                pieces.append(piece)
                at += len(piece)
                self._left -= len(piece)
                self._gap = not self._left
                continue
            end = data.find(b"\r\n", at)
            if end < 0:
                self._keep(data[at:])
                break
            line = data[at:end]
            at = end + 2
            if self._read_line(line):
                return b"".join(pieces), data[at:]
        return b"".join(pieces), None

    def _keep(self, part: bytes) -> None:
        """Keeps the beginning of a line for the next call, unless it can never become a good one."""
        limit = 1 if self._gap else _MAX_LINE
        if len(part) > limit or b"\n" in part or (self._gap and part != b"\r"):
            raise MalformedChunk("a malformed or oversized chunk line")
        self._line = part

    def _read_line(self, line: bytes) -> bool:
        """Takes one line without its CRLF; True where it was the last of the body."""
        if self._gap:
            if line:
                raise MalformedChunk("chunk data longer than announced")
            self._gap = False
        elif self._at_trailers:
            return self._read_trailer(line)
        else:
            match = _SIZE_LINE.fullmatch(line)
            if match is None or len(line) > _MAX_LINE:
                raise MalformedChunk("a malformed chunk size")
            self._left = int(match.group(1), 16)
            self._at_trailers = not self._left
        return False

    def _read_trailer(self, line: bytes) -> bool:
        if not line:
            return True
        self._trailers += len(line)
        if self._trailers > _MAX_TRAILERS or _TRAILER_LINE.fullmatch(line) is None:
            raise MalformedChunk("a malformed or oversized trailer")
        return False


class _Excess(Exception):
    """Something follows the last chunk."""


class Dechunker:
    """Takes the chunk coding off replies of one connection, one after the other.

    `ended`: the reply's last byte was read. `excess`: bytes came after it, so the connection is not to be used again.
    """

    __slots__ = ("_in_body", "_parser", "_pieces", "ended", "excess", "on_body", "trailers")

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self.on_body = self._pieces.append
        self.trailers: list[tuple[bytes, bytes]] = []
        self.ended = False
        self.excess = False
        self._in_body = False
        self._parser = httptools.HttpResponseParser(self)

    def begin(self) -> None:
        """Before each reply's body."""
        self._pieces.clear()
        self.trailers.clear()
        self.ended = self.excess = self._in_body = False
        self._parser.feed_data(_HEAD)
        self._in_body = True

    def on_message_begin(self) -> None:
        """Called by the parser: after the end it means that something follows, and none of it is read."""
        if self.ended:
            raise _Excess

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called by the parser for each trailer (and for our own head)."""
        if self._in_body and not self.ended:
            self.trailers.append((name, value))

    def on_message_complete(self) -> None:
        """Called by the parser at the body's end; the last chunk may come alone."""
        self.ended = True

    def feed(self, data: bytes) -> bytes:
        """The body bytes in `data`. Raises UpstreamError where the chunks are malformed; what came before the fault is in `rest`."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            if not self.ended:
                raise UpstreamError("the upstream's reply is malformed: its chunks cannot be read") from error
            self.excess = True
        if self.ended and data.endswith(b"\n\r\n\r\n"):
            self.excess = True
        pieces = self._pieces
        body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        return body

    def rest(self) -> bytes:
        """The pieces read and not yet taken."""
        body = b"".join(self._pieces)
        self._pieces.clear()
        return body
