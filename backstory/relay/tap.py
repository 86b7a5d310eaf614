"""What listens to an answer on behalf of memory: keeps its bytes, marks it where asked, journals it, reads it when it is over."""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable
from typing import Protocol

import msgspec
from msgspec.structs import replace
from xxhash import xxh3_64_hexdigest

from backstory.core.crowd import crowded
from backstory.core.exchange import Ended, Exchange, First, Headers, Outcome
from backstory.core.plan import Mode, Tap
from backstory.core.reply import Delta, Reply
from backstory.core.stream import Frame, gather
from backstory.core.wire import StreamReader, Wire
from backstory.errors import DocumentError
from backstory.wires.halves import Halves, mended

_raw = msgspec.json.Decoder(msgspec.Raw)
# More of an answer than this is not kept in memory: such an answer is relayed and not remembered.
_MOST_KEPT = 16 * 1024 * 1024
# An answer of more events and objects than this is not read: it would keep all others waiting. A very long one, a word at a time, has half.
_MOST_PIECES = 400_000
# A provider that compresses each event by itself sends a gzip member for each; so many are read. Each takes some 2 us.
_MOST_MEMBERS = 100_000
_MEMBER, _WINDOW = b"\x1f\x8b", 1024
# An event of a stream that is longer passes unmarked, and all after it.
_DONE, _OVER = b"[DONE]", frozenset({"message_stop", "response.completed", "response.incomplete"})
"""What ends a stream of OpenAI Chat, or of the typed events; some providers say nothing else of the end."""
_MOST_HELD = 4 * 1024 * 1024


class Ledger(Protocol):
    """Who is told of an answer."""

    def promise(self, exchange: Exchange, status: int, content_type: str, coding: str, body: bytes) -> int:
        """Called just before the last bytes leave. The number of the journal's entry, 0 for none."""
        ...

    def learnt(self, exchange: Exchange) -> Headers:
        """What has become known since a request went up that was not recognised by then, for the head of its answer."""
        ...

    def over(self, exchange: Exchange, outcome: Outcome) -> None:
        """Called once, when it is over."""
        ...

    def failed(self, where: str, error: BaseException) -> None:
        """Something broke, and the answer goes on without it."""
        ...


class MemoryTap:
    """One answer. Implements core.plan.Tap. `went`: the body that went up, whose hash is told with the answer."""

    __slots__ = (
        "_coding",
        "_content_type",
        "_exchange",
        "_first",
        "_held",
        "_kept",
        "_ledger",
        "_parts",
        "_proof",
        "_reader",
        "_seq",
        "_started",
        "_state",
        "_status",
        "_streams",
        "_total",
        "_went",
    )

    def __init__(self, exchange: Exchange, ledger: Ledger, streams: bool, started: float, went: bytes) -> None:
        self._exchange = exchange
        self._went = went
        self._ledger = ledger
        self._streams = streams
        self._started = started
        self._first = 0.0
        self._parts: list[bytes] | None = []
        self._kept = 0
        self._total = 0
        self._status = 0
        self._seq = 0
        self._content_type = ""
        self._coding = ""
        self._reader: StreamReader | None = None
        self._state: dict[str, str] = {}
        self._held = bytearray()
        self._proof: tuple[bytes, bytes] | None = None

    @property
    def conversation(self) -> str:
        """The one that is listened to."""
        return self._exchange.conversation

    def goes(self, body: bytes) -> None:
        """The body that goes up is this one."""
        self._went, self._proof = body, None

    def instead(self, exchange: Exchange, body: bytes) -> None:
        """The request was refused, and goes up once more as this exchange, with this body."""
        self._exchange, self._went, self._proof = exchange, body, None

    @property
    def named(self) -> tuple[int, str]:
        """The number of the request, and its conversation as far as that is known ("": not at all)."""
        exchange = self._exchange
        known = exchange.conversation or next((value.decode() for _, value in self._ledger.learnt(exchange)), "")
        return exchange.id, known

    def sent(self) -> None:
        """See Tap. Hashing a large body takes a while."""
        self._proof = self._proved()

    def begin(self, status: int, headers: Headers) -> tuple[Mode, Headers]:
        """See Tap."""
        self._status = status
        self._first = time.monotonic()
        self._content_type, self._coding = content(headers)
        exchange, wire = self._exchange, self._exchange.wire
        headers = (*(exchange.headers or self._ledger.learnt(exchange)), self._proof or self._proved())
        self._went = b""
        if exchange.mark and status == 200 and not self._coding and wire is not None:
            if self._content_type.startswith("text/event-stream") or self._streams:
                self._reader = wire.reader(self._content_type)
                return "stream", headers
            if self._content_type.startswith("application/json"):
                return "whole", headers
        return "pass", headers

    def chunk(self, data: bytes) -> bytes:
        """See Tap."""
        self._keep(data)
        if self._reader is None:
            return data
        self._held += data
        return self._framed(self._reader, data)

    def tail(self) -> bytes:
        """See Tap."""
        if self._reader is None:
            return b""
        return self._framed(self._reader, None) + self._let_go()

    def whole(self, body: bytes) -> bytes:
        """See Tap."""
        self._keep(body)
        wire = self._exchange.wire
        if wire is None or not self._exchange.mark:
            return body
        try:
            marked = wire.mark(body, self._exchange.mark)
        except DocumentError:
            return body
        return marked

    def acknowledge(self) -> None:
        """See Tap."""
        if self._parts is not None and self._status < 400:
            self._seq = self._ledger.promise(self._exchange, self._status, self._content_type, self._coding, _joined(self._parts))

    def over(self, ended: Ended, status: int, bytes_in: int, bytes_out: int) -> None:
        """See Tap."""
        now = time.monotonic()
        reply = None
        if ended == "complete" and status >= 400:
            ended = "error"
        try:
            if status and status < 400 and self._parts is not None and self._exchange.wire is not None:
                reply = read_reply(self._exchange.wire, self._content_type, self._coding, b"".join(self._parts))
        finally:
            first = (self._first - self._started) * 1000 if self._first else 0.0
            outcome = Outcome(ended, status, reply, first, (now - self._started) * 1000, bytes_in, bytes_out, self._seq, self._total)
            self._ledger.over(self._exchange, outcome)

    def _proved(self) -> tuple[bytes, bytes]:
        exchange, beside = self._exchange, self._exchange.beside
        came = exchange.came or (exchange.body if beside is None else beside.came or exchange.body)
        return proof(came, self._went if beside is None else beside.went or self._went)

    def _keep(self, data: bytes) -> None:
        self._total += len(data)
        if self._parts is not None:
            self._parts.append(data)
            self._kept += len(data)
            if self._kept > _MOST_KEPT:
                self._parts = None

    def _framed(self, reader: StreamReader, data: bytes | None) -> bytes:
        """What goes out now that these bytes have come, or the end. Where marking fails, all that is held goes out as it came."""
        try:
            frames = reader.close() if data is None else reader.feed(data)
            out = b"".join([self._marked_frame(frame) for frame in frames])
        except Exception as error:  # noqa: BLE001 (the tap runner)
            self._ledger.failed("mark", error)
            return self._let_go()
        del self._held[: sum([len(frame.raw) for frame in frames])]
        return out + self._let_go() if len(self._held) > _MOST_HELD else out

    def _let_go(self) -> bytes:
        """The bytes that were held back; nothing is marked any more."""
        held, self._held, self._reader = bytes(self._held), bytearray(), None
        return held

    def _marked_frame(self, frame: Frame) -> bytes:
        wire = self._exchange.wire
        changed = wire.mark_frame(frame, self._exchange.mark, self._state) if wire is not None else None
        return frame.raw if changed is None else changed


class ArrivalTap:
    """Listens to the answer of a first exchange: nothing of it is read, all of it is journalled as it came. A refusal begins no
    conversation, and gets none of our headers."""

    __slots__ = ("_exchange", "_first", "_headers", "_kept", "_ledger", "_parts", "_seq", "_started", "_status", "_total", "_went")

    def __init__(self, exchange: First, ledger: ArrivalLedger, started: float) -> None:
        self._exchange = exchange
        self._ledger = ledger
        self._started = started
        self._first = 0.0
        self._headers: Headers = ()
        self._went = exchange.body
        self._parts: list[bytes] | None = []
        self._kept = 0
        self._total = 0
        self._seq = 0
        self._status = 0

    @property
    def conversation(self) -> str:
        """The one that begins here."""
        return self._exchange.conversation

    def goes(self, body: bytes) -> None:
        """The body that goes up is this one."""
        self._went = body

    @property
    def named(self) -> tuple[int, str]:
        """As that of MemoryTap. There is no number."""
        return 0, self._exchange.conversation

    def sent(self) -> None:
        """See Tap."""

    def begin(self, status: int, headers: Headers) -> tuple[Mode, Headers]:
        """See Tap."""
        self._status = status
        self._headers = headers
        self._first = time.monotonic()
        if status >= 400:
            return "pass", ()
        exchange = self._exchange
        return "pass", (*exchange.headers, proof(exchange.came or exchange.body, self._went))

    def chunk(self, data: bytes) -> bytes:
        """See Tap."""
        self._total += len(data)
        if self._parts is not None:
            self._parts.append(data)
            self._kept += len(data)
            if self._kept > _MOST_KEPT:
                self._parts = None
        return data

    def tail(self) -> bytes:
        """See Tap."""
        return b""

    def whole(self, body: bytes) -> bytes:
        """See Tap."""
        return body

    def acknowledge(self) -> None:
        """See Tap."""
        self._keep(True)

    def over(self, ended: Ended, status: int, bytes_in: int, bytes_out: int) -> None:
        """See Tap."""
        if ended == "interrupted" and self._kept and not self._seq:
            self._keep(False)
        if ended == "complete" and status >= 400:
            ended = "error"
        first = (self._first - self._started) * 1000 if self._first else 0.0
        total = (time.monotonic() - self._started) * 1000
        self._ledger.arrived(self._exchange, Outcome(ended, status, None, first, total, bytes_in, bytes_out, self._seq, self._total))

    def _keep(self, complete: bool) -> None:
        if self._parts is None or self._status >= 400:
            return
        content_type, coding = content(self._headers)
        self._seq = self._ledger.arrival(self._exchange, content_type, coding, _joined(self._parts), complete)


class AheadTap:
    """Listens to the answer to a request that went up before memory was asked: whoever `ask` gives listens in its place."""

    __slots__ = ("_ask", "_tap")

    def __init__(self, ask: Callable[[], Tap | None]) -> None:
        self._ask: Callable[[], Tap | None] | None = ask
        self._tap: Tap | None = None

    @property
    def named(self) -> tuple[int, str]:
        """As that of MemoryTap."""
        return self._tap.named if isinstance(self._tap, MemoryTap | ArrivalTap) else (0, "")

    def sent(self) -> None:
        """See Tap."""
        ask, self._ask = self._ask, None
        if ask is not None:
            self._tap = ask()
            if self._tap is not None:
                self._tap.sent()

    def begin(self, status: int, headers: Headers) -> tuple[Mode, Headers]:
        """See Tap."""
        self.sent()
        return ("pass", ()) if self._tap is None else self._tap.begin(status, headers)

    def chunk(self, data: bytes) -> bytes:
        """See Tap."""
        return data if self._tap is None else self._tap.chunk(data)

    def tail(self) -> bytes:
        """See Tap."""
        return b"" if self._tap is None else self._tap.tail()

    def whole(self, body: bytes) -> bytes:
        """See Tap."""
        return body if self._tap is None else self._tap.whole(body)

    def acknowledge(self) -> None:
        """See Tap."""
        if self._tap is not None:
            self._tap.acknowledge()

    def over(self, ended: Ended, status: int, bytes_in: int, bytes_out: int) -> None:
        """See Tap."""
        if self._tap is not None:
            self._tap.over(ended, status, bytes_in, bytes_out)


class ArrivalLedger(Protocol):
    """Who is told of a first exchange."""

    def arrival(self, exchange: First, content_type: str, coding: str, body: bytes, complete: bool) -> int:
        """Journal it; the number of the entry, 0 where it could not be written."""
        ...

    def arrived(self, exchange: First, outcome: Outcome) -> None:
        """Called once, when it is over."""
        ...


def proof(came: bytes, went: bytes) -> tuple[bytes, bytes]:
    """What a client can check: the hash (xxh3, 64 bits) of the body that came from it and of the body that went up."""
    one = xxh3_64_hexdigest(came)
    return b"X-VC-Proof", f"in={one},out={one if went is came else xxh3_64_hexdigest(went)}".encode()


def _joined(parts: list[bytes]) -> bytes:
    return parts[0] if len(parts) == 1 else b"".join(parts)


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
                return zlib.decompressobj().decompress(body, _MOST_KEPT)
            except zlib.error:
                return zlib.decompressobj(-15).decompress(body, _MOST_KEPT)
        return _by_library(body, coding)
    except zlib.error:
        return None


def _gunzipped(body: bytes) -> bytes:
    """All members of it, one after the other (RFC 1952 section 2.2); what follows them and is none is left out. Raises zlib.error where
    not even the first can be read."""
    parts: list[bytes] = []
    at = size = members = 0
    while size < _MOST_KEPT and members < _MOST_MEMBERS and (not at or body.startswith(_MEMBER, at)):
        unpacked, window = zlib.decompressobj(31), _WINDOW
        while at < len(body) and size < _MOST_KEPT and not unpacked.eof:
            # In pieces: what is left when a member ends is copied.
            some = body[at : at + window]
            try:
                parts.append(unpacked.decompress(some, _MOST_KEPT - size))
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
            plain: bytes = brotli.Decompressor().process(body, output_buffer_limit=_MOST_KEPT)
        except brotli.error:
            return None
        return plain
    if coding == "zstd":
        try:
            import zstandard
        except ImportError:
            return None
        try:
            unpacked: bytes = zstandard.ZstdDecompressor().stream_reader(body, read_across_frames=True).read(_MOST_KEPT)
        except zstandard.ZstdError:
            return None
        return unpacked
    return None
