"""Connections to providers: reading one reply after the other off each, and keeping idle ones for the next request.

Rule: a connection is used again only if its last reply ended exactly where its head said, nothing came after it, and nothing has
happened on it since. In all other cases it is closed.
"""

from __future__ import annotations

import asyncio
import select
import socket
from typing import Protocol, cast

from backstory.core.plan import Target
from backstory.errors import UpstreamError
from backstory.relay.chunks import Dechunker
from backstory.relay.connect import Connector, Origin
from backstory.relay.heads import CHUNKED, ReplyHead, ReplyHeads, is_broken
from backstory.relay.limits import Clock, DoorMetrics, Limits, Timeouts
from backstory.relay.unread import unread

_MAX_INTERIM = 100  # informational replies before the real one
_REFUSED = 400
_READING = select.POLLIN if hasattr(select, "poll") else 0

# What an upstream connection is reading.
_IDLE, _HEAD, _LENGTH, _CHUNKS, _TO_END = range(5)


class Receiver(Protocol):
    """Who gets a reply: one exchange."""

    def interim(self, reply: ReplyHead) -> None:
        """An informational reply."""
        ...

    def begin_reply(self, reply: ReplyHead, empty: bool) -> None:
        """The head of the reply, `empty` where no body belongs to it. `deliver` follows at once, perhaps with no bytes."""
        ...

    def deliver(self, data: bytes, done: bool, trailers: tuple[tuple[bytes, bytes], ...] = ()) -> None:
        """Bytes of the body; `done` with the last, when the connection is already given back or closed."""
        ...

    def lost(self, error: UpstreamError) -> None:
        """The reply ended before its end, and the connection with it."""
        ...

    def upstream_full(self, full: bool) -> None:
        """Whether the provider takes no more of the request at the moment."""
        ...


class UpConnection(asyncio.Protocol):
    """One connection to a provider.

    `sent`: the receiver has written its whole request; `answered`: a byte came back for it; `got_at`: when the present head began, 0
    before. `used`: replies read so far. `full`: the provider takes no more bytes at the moment; `eof`: it has sent its last. `bulky`: the
    request goes out in many writes, so it may be answered before it was read. `took_at`: when the provider was last seen to take some of a
    request that is too large for one write, 0 before.
    """

    __slots__ = (
        "_dechunker", "_empty", "_heads", "_interims", "_keep", "_left", "_part", "_paused", "_pool", "_reading", "_unsent", "_watch",
        "answered", "bulky", "eof", "full", "got_at", "idle_until", "keep_s", "origin", "prefix", "proxy_line", "receiver", "sent",
        "took_at", "transport", "used",
    )  # fmt: skip

    def __init__(self, pool: Pool, origin: Origin) -> None:
        self._pool = pool
        self.origin = origin
        self.transport = cast(asyncio.Transport, None)
        self.receiver: Receiver | None = None
        self.prefix, self.proxy_line = pool.connector.forwarding(origin)
        self._reading = _IDLE
        self._part = b""
        self._left = 0
        self._interims = 0
        self._empty = False
        self._paused = False
        self._dechunker: Dechunker | None = None
        self._heads = ReplyHeads()
        self._watch: select.poll | None = None
        self._keep = False
        self._unsent = 0
        self.full = self.eof = self.sent = self.answered = self.bulky = False
        self.got_at = self.took_at = 0.0
        self.used = 0
        self.idle_until = 0.0
        self.keep_s = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the event loop."""
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(self._pool.limits.write_high, self._pool.limits.write_low)
        if _READING:
            sock: socket.socket = transport.get_extra_info("socket")
            self._watch = select.poll()
            self._watch.register(sock.fileno(), _READING)

    def is_fresh(self) -> bool:
        """Whether an idle connection may be used: it is open and nothing waits to be read on it, neither bytes nor its end."""
        if self.transport.is_closing():
            return False
        return self._watch is None or not self._watch.poll(0)

    def begin(self, receiver: Receiver, head_only: bool) -> None:
        """The next reply is for this receiver; `head_only` where it answers a HEAD."""
        self.receiver = receiver
        self._reading = _HEAD
        self._empty = head_only
        self._interims = 0
        self._part = b""
        self.sent = self.answered = self.bulky = False
        self.got_at = self.took_at = 0.0

    def pause(self, paused: bool) -> None:
        """Stops or resumes reading: back pressure of a slow client."""
        if paused != self._paused and not self.transport.is_closing():
            self._paused = paused
            if paused:
                self.transport.pause_reading()
            else:
                self.transport.resume_reading()

    def look(self) -> None:
        """Notes in `took_at` whether the provider has taken some of the request since the last look."""
        left = self.transport.get_write_buffer_size() if self.full else 0
        if left != self._unsent:
            self._unsent = left
            self.took_at = self._pool.clock.now

    @property
    def paused(self) -> bool:
        """Whether reading is stopped."""
        return self._paused

    def abort(self) -> None:
        """Closes at once; nobody is told."""
        self.receiver = None
        self._reading = _IDLE
        self.transport.abort()

    def data_received(self, data: bytes) -> None:
        """Called by the event loop."""
        receiver = self.receiver
        if receiver is None:
            self.abort()
            return
        if self._reading == _LENGTH:
            self._length_data(receiver, data)
        elif self._reading == _CHUNKS:
            self._chunk_data(receiver, data)
        elif self._reading == _HEAD:
            self._head_data(receiver, data)
        else:
            receiver.deliver(data, done=False)

    def _head_data(self, receiver: Receiver, data: bytes) -> None:
        if not self.got_at:
            self.got_at = self._pool.clock.now
            self.answered = True
        if self._part:
            data = self._part + data
        try:
            while self.receiver is receiver and self._reading == _HEAD:
                end = data.find(b"\r\n\r\n")
                if (end if end >= 0 else len(data)) > self._pool.limits.max_head_bytes:
                    raise UpstreamError("the upstream's reply has a head that is too large")
                if end < 0:
                    _check_part(data, len(self._part))
                    self._part = data
                    if not data:  # an informational reply alone: the head that counts has not begun
                        self.got_at = 0.0
                    return
                reply = self._heads.read(data[:end])
                data = data[end + 4 :]
                if reply.status < 200:
                    self._interim(receiver, reply)
                else:
                    self._begin_body(receiver, reply, data)
        except UpstreamError as error:
            self._fail(error)

    def _interim(self, receiver: Receiver, reply: ReplyHead) -> None:
        self._part = b""
        self._interims += 1
        if reply.status == 101 or self._interims > _MAX_INTERIM:
            raise UpstreamError("the upstream switched protocols or sent informational replies without end")
        if reply.status > 100:
            receiver.interim(reply)

    def _begin_body(self, receiver: Receiver, reply: ReplyHead, data: bytes) -> None:
        self._part = b""
        self._keep = reply.keep if not self.bulky else reply.keep and self._was_read(reply)
        self.keep_s = reply.keep_s
        empty = self._empty or reply.status == 204 or reply.status == 304  # noqa: PLR1714 (hot)
        if empty and (reply.length > 0 or reply.length == CHUNKED):
            self._keep = False  # a provider that sends the body it speaks of would spoil the next reply
        if reply.length == CHUNKED and not empty:
            self._begin_chunks(receiver, reply, data)
            return
        receiver.begin_reply(reply, empty)
        if empty or reply.length >= 0:
            self._left = 0 if empty else reply.length
            self._reading = _LENGTH
            self._length_data(receiver, data)
        else:
            self._reading = _TO_END
            receiver.deliver(data, done=False)

    def _was_read(self, reply: ReplyHead) -> bool:
        """Whether the provider has surely read the whole request: one that refuses a large one may do so without reading it, and reset the
        connection a little later, under the next request."""
        return self.sent and reply.status < _REFUSED and not self.transport.get_write_buffer_size()

    def _begin_chunks(self, receiver: Receiver, reply: ReplyHead, data: bytes) -> None:
        dechunker = self._dechunker
        if dechunker is None:
            dechunker = self._dechunker = Dechunker()
        dechunker.begin()
        try:
            body = dechunker.feed(data) if data else b""
        except UpstreamError as error:
            before = dechunker.rest()
            if not before:
                raise
            receiver.begin_reply(reply, empty=False)
            receiver.deliver(before, done=False)
            self._fail(error)
            return
        receiver.begin_reply(reply, empty=False)
        self._reading = _CHUNKS
        self._chunks(receiver, dechunker, body)

    def _length_data(self, receiver: Receiver, data: bytes) -> None:
        left = self._left - len(data)
        if left > 0:
            self._left = left
            receiver.deliver(data, done=False)
            return
        self._end(excess=left < 0)
        receiver.deliver(data if not left else data[:left], done=True)

    def _chunk_data(self, receiver: Receiver, data: bytes) -> None:
        dechunker = self._dechunker
        assert dechunker is not None
        try:
            body = dechunker.feed(data)
        except UpstreamError as error:
            before = dechunker.rest()
            if before:
                receiver.deliver(before, done=False)
            self._fail(error)
            return
        if dechunker.ended:
            self._chunks(receiver, dechunker, body)
        else:
            receiver.deliver(body, done=False)

    def _chunks(self, receiver: Receiver, dechunker: Dechunker, body: bytes) -> None:
        if dechunker.ended:
            trailers = tuple(dechunker.trailers)
            self._end(excess=dechunker.excess)
            receiver.deliver(body, True, trailers)
        else:
            receiver.deliver(body, done=False)

    def _end(self, excess: bool) -> None:
        """The reply is read: keep the connection if it is clean."""
        self.receiver = None
        self._reading = _IDLE
        self.used += 1
        if excess or not self._keep or not self.sent or self.full or self.eof or self.transport.is_closing():
            self.transport.abort()
            return
        if self._paused:
            self.pause(False)
        self._pool.give_back(self)

    def _fail(self, error: UpstreamError) -> None:
        receiver = self.receiver
        self.abort()
        if receiver is not None:
            receiver.lost(error)

    def eof_received(self) -> bool:
        """Called by the event loop: the provider will send nothing more. A reply that ends by close is complete now, any other is lost,
        even where the provider would go on reading."""
        self.eof = True
        receiver = self.receiver
        if receiver is not None and self._reading == _TO_END:
            self._end(excess=False)
            receiver.deliver(b"", done=True)
        elif receiver is not None:
            self._fail(_cut_short())
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the event loop."""
        if exc is not None and self.receiver is not None and self.origin[0] == "http":  # TLS has an Attentive for this
            self._read_rest(self.receiver)
        receiver, self.receiver = self.receiver, None
        self._watch = None
        self._dechunker = None
        self._pool.forget(self)
        if receiver is not None:
            receiver.lost(_cut_short())

    def _read_rest(self, receiver: Receiver) -> None:
        """The connection has failed: what had come by then is read all the same."""
        for data in unread(self.transport):
            if self.receiver is not receiver:
                return
            self.data_received(data)

    def pause_writing(self) -> None:
        """Called by the event loop."""
        self.full = True
        if self.receiver is not None:
            self.receiver.upstream_full(True)

    def resume_writing(self) -> None:
        """Called by the event loop."""
        self.full = False
        if self.receiver is not None:
            self.receiver.upstream_full(False)


def _check_part(part: bytes, seen: int) -> None:
    """Raises UpstreamError as soon as it is clear that an unfinished head will be no good; `seen` bytes of it were checked before."""
    if not b"HTTP/1.".startswith(part[:7]):
        raise UpstreamError("the upstream's reply is not HTTP")
    if is_broken(part, max(0, seen - 1)):
        raise UpstreamError("the upstream's reply has a malformed head")


def _cut_short() -> UpstreamError:
    return UpstreamError("the upstream closed the connection before its reply was complete")


class Pool:
    """Idle connections by origin, the last used first."""

    def __init__(self, connector: Connector, limits: Limits, timeouts: Timeouts, metrics: DoorMetrics, clock: Clock) -> None:
        self.connector = connector
        self.limits = limits
        self._timeouts = timeouts
        self._metrics = metrics
        self.clock = clock
        self._idle: dict[Origin, list[UpConnection]] = {}
        self._count = 0
        self._open: set[UpConnection] = set()

    def take(self, target: Target) -> UpConnection | None:
        """An idle connection that is fit for use, None where there is none."""
        idle = self._idle.get((target.scheme, target.host, target.port))
        while idle:
            up = idle.pop()
            self._count -= 1
            if up.is_fresh():
                self._metrics.upstream_reused += 1
                return up
            up.abort()
        return None

    async def open(self, target: Target) -> UpConnection:
        """A new connection. Raises UpstreamError or UpstreamTimeout."""
        origin = (target.scheme, target.host, target.port)
        up = await self.connector.connect(origin, lambda: UpConnection(self, origin), self._timeouts.connect_s)
        self._metrics.upstream_opened += 1
        if not up.transport.is_closing():
            self._open.add(up)
        return up

    def give_back(self, up: UpConnection) -> None:
        """Keeps a clean connection for the next request, or closes it where there are enough."""
        if self._count >= self.limits.max_idle_upstream:
            up.transport.close()
            return
        stays_s = self._timeouts.upstream_idle_s
        if up.keep_s:
            stays_s = min(stays_s, max(up.keep_s - 1.0, up.keep_s / 2))
        up.idle_until = self.clock.now + stays_s
        self._count += 1
        self._idle.setdefault(up.origin, []).append(up)

    def forget(self, up: UpConnection) -> None:
        """A connection is gone."""
        self._open.discard(up)
        idle = self._idle.get(up.origin)
        if idle is not None and up in idle:
            idle.remove(up)
            self._count -= 1

    def sweep(self) -> None:
        """Closes connections that have been idle for too long."""
        now = self.clock.now
        for origin, idle in list(self._idle.items()):
            late = [up for up in idle if up.idle_until <= now]
            if late:
                self._count -= len(late)
                self._idle[origin] = [up for up in idle if up.idle_until > now]
                for up in late:
                    up.transport.close()
            if not self._idle[origin]:
                del self._idle[origin]

    def close(self) -> None:
        """Closes all connections, the busy ones too: their receivers are told."""
        for up in list(self._open):
            up.transport.abort()
        self._idle.clear()
        self._count = 0
