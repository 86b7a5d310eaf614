"""What the bytes of an answer say: its content coding undone, as far as it came, and its words read in its wire.

Rule: no more is unpacked or read than all others can wait for; what cannot be read says nothing.
"""

from __future__ import annotations

import zlib

import msgspec
from msgspec.structs import replace

from backstory.core.crowd import crowded
from backstory.core.exchange import Headers
from backstory.core.reply import Delta, Reply
from backstory.core.stream import gather
from backstory.core.wire import Wire
from backstory.errors import DocumentError
from backstory.wires.halves import Halves, mended

MOST_KEPT = 16 * 1024 * 1024
"""More of an answer than this is not kept in memory: such an answer is relayed and not remembered."""
_raw = msgspec.json.Decoder(msgspec.Raw)
# An answer of more events and objects than this is not read: it would keep all others waiting. A very long one, a word at a time, has half.
_MOST_PIECES = 400_000
# A provider that compresses each event by itself sends a gzip member for each; so many are read. Each takes some 2 us.
_MOST_MEMBERS = 100_000
_MEMBER, _WINDOW = b"\x1f\x8b", 1024
_DONE, _OVER = b"[DONE]", frozenset({"message_stop", "response.completed", "response.incomplete"})
"""What ends a stream of OpenAI Chat, or of the typed events; some providers say nothing else of the end."""


def content(headers: Headers) -> tuple[str, str]:
    """Content type and content coding, in lower case; the coding is "" for none."""
    content_type = coding = ""
    for key, value in headers:
        if len(key) == 12 and key.lower() == b"content-type":
            content_type = value.decode("latin-1").lower()
        elif len(key) == 16 and key.lower() == b"content-encoding":
            coding = value.decode("latin-1").lower().strip()
    return content_type, "" if coding == "identity" else coding


def read_reply(wire: Wire, content_type: str, coding: str, body: bytes) -> Reply | None:
    """What an answer says, None where it cannot be read (an unknown content coding, an error body, no reply at all). A stream with an event
    that cannot be read is not whole, whatever its end says: a word may be missing."""
    plain = decoded(body, coding)
    if plain is None or crowded(plain, most=_MOST_PIECES):
        return None
    try:
        if content_type.startswith("text/event-stream") or plain[:1] == b"[":
            reader, halves = wire.reader(content_type), Halves()
            deltas: list[Delta] = []
            frames = (*halves.feed([*reader.feed(plain), *reader.close()]), *halves.close())
            broken = False
            for frame in frames:
                found = wire.deltas(frame)
                deltas += found
                broken = broken or not (found or _is_json(frame.data))
            reply = gather(deltas)
            if broken:
                return replace(reply, cut=True)
            over = frames and (frames[-1].data == _DONE or frames[-1].event in _OVER)
            return replace(reply, cut=False) if reply.cut and over else reply
        return _whole_reply(wire, plain)
    except DocumentError:
        return None


def _whole_reply(wire: Wire, plain: bytes) -> Reply:
    """An answer that came whole; half letters in it are lost. Raises DocumentError."""
    try:
        return wire.reply(plain)
    except DocumentError:
        whole = mended(plain)
        if whole is plain:
            raise
        return wire.reply(whole)


def _is_json(data: bytes) -> bool:
    """Whether this can be the payload of an event that adds nothing: JSON, none, or the word for the end."""
    if not data or data == _DONE:
        return True
    try:
        _raw.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


def decoded(body: bytes, coding: str) -> bytes | None:
    """The body without its content coding, as far as it came; None for a coding that is not understood."""
    if not coding:
        return body
    try:
        if coding in {"gzip", "x-gzip"}:
            return _gunzipped(body)
        if coding == "deflate":
            try:
                return zlib.decompressobj().decompress(body, MOST_KEPT)
            except zlib.error:
                return zlib.decompressobj(-15).decompress(body, MOST_KEPT)
        return _by_library(body, coding)
    except zlib.error:
        return None


def _gunzipped(body: bytes) -> bytes:
    """All members of it, one after the other (RFC 1952 section 2.2); what follows them and is none is left out. Raises zlib.error where
    not even the first can be read."""
    parts: list[bytes] = []
    at = size = members = 0
    while size < MOST_KEPT and members < _MOST_MEMBERS and (not at or body.startswith(_MEMBER, at)):
        unpacked, window = zlib.decompressobj(31), _WINDOW
        while at < len(body) and size < MOST_KEPT and not unpacked.eof:
            # In pieces: what is left when a member ends is copied.
            some = body[at : at + window]
            try:
                parts.append(unpacked.decompress(some, MOST_KEPT - size))
            except zlib.error:
                if not members:
                    raise
                return b"".join(parts)
            at += len(some) - len(unpacked.unused_data)
            size += len(parts[-1])
            window *= 2
        members += 1
        if not at:
            break
    return b"".join(parts)


def _by_library(body: bytes, coding: str) -> bytes | None:
    if coding == "br":
        try:
            import brotli
        except ImportError:
            return None
        try:
            plain: bytes = brotli.Decompressor().process(body, output_buffer_limit=MOST_KEPT)
        except brotli.error:
            return None
        return plain
    if coding == "zstd":
        try:
            import zstandard
        except ImportError:
            return None
        try:
            unpacked: bytes = zstandard.ZstdDecompressor().stream_reader(body, read_across_frames=True).read(MOST_KEPT)
        except zstandard.ZstdError:
            return None
        return unpacked
    return None
