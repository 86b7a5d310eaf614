"""What listens to an answer on behalf of memory: keeps its bytes, marks it where asked, journals it, reads it when it is over."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias

from xxhash import xxh3_64_hexdigest

from backstory.core.exchange import Ended, Exchange, First, Headers, Outcome
from backstory.core.message import Text
from backstory.core.plan import Mode, Tap
from backstory.core.reply import Reply
from backstory.core.wire import StreamReader
from backstory.errors import DocumentError
from backstory.memory.identity.marker import Said
from backstory.relay.decoding import MOST_KEPT, content, read_reply
from backstory.relay.marking import Marking

# An event of a stream that is longer passes unmarked, and all after it.
_MOST_HELD = 4 * 1024 * 1024
# A longer answer is journalled by itself.
_JOINED = 65536

Heard: TypeAlias = tuple[First, str, str, bytes, bool]
"""A first exchange, and its answer: content type, content coding, body; whether it came to its end."""


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
        "_marking",
        "_parts",
        "_proof",
        "_reader",
        "_reply",
        "_seq",
        "_started",
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
        self._marking: Marking | None = None
        self._held = bytearray()
        self._proof: tuple[bytes, bytes] | None = None
        self._reply: Reply | None = None

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
                self._reader, self._marking = wire.reader(self._content_type), Marking(wire, exchange.mark)
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
        said, self._reply = Said(), read_reply(wire, self._content_type, self._coding, body)
        if self._reply is None:
            return body
        for at, part in enumerate(self._reply.parts):
            if isinstance(part, Text):
                said.add(part.text, at)
        if said.for_a_program(self._reply.finish == "length"):
            return body
        try:
            return wire.mark(body, self._exchange.mark)
        except DocumentError:
            return body

    def acknowledge(self) -> None:
        """See Tap."""
        if self._parts is not None and self._status < 400:
            self._seq = self._ledger.promise(self._exchange, self._status, self._content_type, self._coding, _joined(self._parts))

    def over(self, ended: Ended, status: int, bytes_in: int, bytes_out: int) -> None:
        """See Tap."""
        now = time.monotonic()
        reply = None if self._parts is None else self._reply
        if ended == "complete" and status >= 400:
            ended = "error"
        try:
            if reply is None and status and status < 400 and self._parts is not None and self._exchange.wire is not None:
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
            if self._kept > MOST_KEPT:
                self._parts = None

    def _framed(self, reader: StreamReader, data: bytes | None) -> bytes:
        """What goes out now that these bytes have come, or the end. Where marking fails, all that is held goes out as it came."""
        marking = self._marking
        if marking is None:
            return self._let_go()
        waited = marking.held
        try:
            frames = reader.close() if data is None else reader.feed(data)
            out = b"".join([marking.feed(frame) for frame in frames])
            if data is None:
                out += marking.rest()
        except Exception as error:  # noqa: BLE001 (the tap runner)
            self._ledger.failed("mark", error)
            self._marking = None
            return waited + self._let_go()
        del self._held[: sum([len(frame.raw) for frame in frames])]
        return out + self._let_go() if len(self._held) > _MOST_HELD else out

    def _let_go(self) -> bytes:
        """The bytes that were held back; nothing is marked any more."""
        held, self._held, self._reader = bytes(self._held), bytearray(), None
        if self._marking is not None:
            held, self._marking = self._marking.held + held, None
        return held


class ArrivalTap:
    """Listens to the answer of a first exchange: nothing of it is read, all of it is journalled as it came, with others that end at the
    same moment. A refusal begins no conversation, and gets none of our headers."""

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
            if self._kept > MOST_KEPT:
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

    def joins(self, data: bytes) -> bool:
        """The last piece. Whether what was said is little enough to be journalled with what others have said; it is heard only then."""
        if self._kept + len(data) >= _JOINED:
            return False
        self.chunk(data)
        return True

    @staticmethod
    def acknowledge_all(taps: Sequence[ArrivalTap]) -> bool:
        """Acknowledge them with one call for those of each ledger. True."""
        found: dict[int, list[ArrivalTap]] = {}
        for tap in taps:
            if tap._parts is not None and tap._status < 400:
                found.setdefault(id(tap._ledger), []).append(tap)
        for some in found.values():
            for tap, seq in zip(some, some[0]._ledger.arrivals([tap._heard(True) for tap in some]), strict=True):
                tap._seq = seq
        return True

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
        if self._parts is None or self._status >= 400 or self._seq:
            return
        self._seq = self._ledger.arrivals([self._heard(complete)])[0]

    def _heard(self, complete: bool) -> Heard:
        return (self._exchange, *content(self._headers), _joined(self._parts or []), complete)


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
    """Who is told of first exchanges."""

    def arrivals(self, heard: Sequence[Heard]) -> list[int]:
        """Journal them; the numbers of their entries, 0 where one could not be written."""
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
