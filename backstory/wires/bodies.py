"""What an answer's headers say of its body, for those who give the client another one."""

from __future__ import annotations

import zlib

from backstory.core.exchange import Headers
from backstory.errors import DocumentError

_MOST_INFLATED = 1 << 26
"""Bytes of an answer, or of a piece of a stream."""
# Of the provider's headers these are about its body, or about its own connection.
_ABOUT_THE_BODY = frozenset(
    {b"content-type", b"content-length", b"content-encoding", b"transfer-encoding", b"etag", b"content-md5", b"digest", b"connection"}
)


def beside(headers: Headers) -> Headers:
    """The headers that hold for any body."""
    return tuple([pair for pair in headers if pair[0].lower() not in _ABOUT_THE_BODY])


def inflating(headers: Headers) -> Inflate | None:
    """What undoes the content coding that these headers tell; None for none."""
    coding = next((value for key, value in headers if key.lower() == b"content-encoding"), b"identity").strip().lower()
    return None if coding in {b"", b"identity"} else Inflate(coding)


class Inflate:
    """Undoes the content coding of a body that comes with one though none was asked for. DocumentError for a coding that is not known."""

    def __init__(self, coding: bytes) -> None:
        self._coding = coding
        self._object = zlib.decompressobj(zlib.MAX_WBITS | 32)

    def more(self, data: bytes) -> bytes:
        """The plain bytes of these."""
        if self._coding not in {b"gzip", b"x-gzip", b"deflate"}:
            raise DocumentError(f"an answer in the content coding {self._coding.decode('latin-1')}")
        try:
            out = self._object.decompress(data, _MOST_INFLATED)
        except zlib.error as cause:
            raise DocumentError(f"an answer that is not in its content coding: {cause}") from cause
        if self._object.unconsumed_tail:
            raise DocumentError("an answer that is too large when it is unpacked")
        return out
