"""A client's connection: requests are read off it one after the other, each becomes a `Flow`, answers leave in the same order.

Rule: a request is framed by what heads.py read, and by nothing else; the first malformed byte ends the connection with an error.
"""

from __future__ import annotations

import asyncio
import logging
import select
import socket
import struct
import time
from typing import TYPE_CHECKING, cast

from backstory.core.exchange import Head
from backstory.core.plan import Answer, House
from backstory.errors import BackstoryError, HeadError, RequestError, RequestTimeout, UpgradeRefused
from backstory.relay.asker import told
from backstory.relay.chunks import ChunkReader
from backstory.relay.flow import Flow
from backstory.relay.heads import CHUNKED, Heads, Request, addressed, is_broken, render_answer, too_large
from backstory.relay.sink import Sink

if TYPE_CHECKING:
    from backstory.relay.door import Door

_log = logging.getLogger("backstory.relay")
_SUNK = 65536  # a body larger than this is received straight into one buffer
_CUT_S = 5.0  # how long a broken-off connection may take to hand out what was written before
_LINGER_TOTAL_S = 30.0
_RESET = struct.pack("ii", 1, 0)
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

# What a client's connection is doing: reading a head, reading a body, waiting for the answer, dropping what still comes, handing out the
# last answer, breaking off.
_HEAD, _BODY, _ANSWER, _LINGER, _CLOSING, _CUT = range(6)


class DownConnection(asyncio.Protocol):
    """One client. `keep`: the connection lives on after the present answer. `full`: the client takes no more bytes at the moment."""

    __slots__ = (
        "_asked", "_began", "_buffer", "_eof_at", "_flow", "_gathered", "_held", "_left", "_moving", "_probed", "_reader", "_request",
        "_scanned", "_served", "_since", "_size", "_sock", "_state", "_streaming", "_was_held", "door", "full", "heads", "house",
        "keep", "transport",
    )  # fmt: skip

    def __init__(self, door: Door, house: House) -> None:
        self.door = door
        self.house = house
        self.transport = cast(asyncio.Transport, None)
        self._sock = cast(socket.socket, None)
        self.heads = Heads("")
        self._state = _HEAD
        self._buffer = bytearray()
        self._scanned = 0
        self._flow: Flow | None = None
        self._request: Request | None = None
        self._reader: ChunkReader | None = None
        self._gathered: list[bytes] = []
        self._size = self._left = 0
        self._streaming = self._moving = self._probed = self._served = self._was_held = False
        self._held: set[str] = set()
        self._since = self._began = door.clock.now
        self._eof_at = self._asked = 0.0
        self.full = False
        self.keep = True

    # The event loop calls these.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the event loop."""
        self.transport = cast(asyncio.Transport, transport)
        self._sock = transport.get_extra_info("socket")
        peer = transport.get_extra_info("peername")
        self.heads = Heads(peer[0] if isinstance(peer, tuple) else "")
        self.transport.set_write_buffer_limits(self.door.limits.write_high, self.door.limits.write_low)
        self.door.arrived(self)

    def data_received(self, data: bytes) -> None:
        """Called by the event loop."""
        state = self._state
        if state == _HEAD:
            rest = self._read_head(data)
            if rest:
                self._move(rest)
        elif state == _BODY:
            self._move(data)
        elif state == _ANSWER:
            self._keep_back(data)
        elif state == _LINGER:
            self._since = self.door.clock.now

    def eof_received(self) -> bool:
        """Called by the event loop: the client will send nothing more. It may still read (half-close), so an answer under way goes on."""
        state = self._state
        if state == _BODY:
            self._eof_at = self.door.clock.now
            self.refuse(HeadError("the request ended before its body"))
            return False
        if state != _ANSWER:
            return False
        flow, clock = self._flow, self.door.clock
        if flow is not None and flow.started and time.monotonic() - self._asked > self.door.timeouts.half_close_s:
            self.transport.abort()
            return False
        self._eof_at = clock.now
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the event loop."""
        self._state = _CUT
        flow, self._flow = self._flow, None
        if flow is not None:
            flow.give_up()
        self._buffer.clear()
        self._gathered.clear()
        self._reader = None
        self.door.left(self)

    def pause_writing(self) -> None:
        """Called by the event loop."""
        self.full = True
        if self._flow is not None:
            self._flow.client_full(True)

    def resume_writing(self) -> None:
        """Called by the event loop."""
        self.full = False
        if self._flow is not None:
            self._flow.client_full(False)

    # Reading.

    def _move(self, data: bytes) -> None:
        """Reads requests for as long as there are bytes and no answer is waited for."""
        self._moving = True
        while data:
            if self._state == _HEAD:
                data = self._read_head(data)
            elif self._state == _BODY:
                data = self._read_body(data)
            else:
                break
        self._moving = False
        if data and self._state == _ANSWER:
            self._keep_back(data)

    def _keep_back(self, data: bytes) -> None:
        """Bytes that came ahead of their turn."""
        self._buffer += data
        if len(self._buffer) > self.door.limits.max_pipelined_bytes:
            self._hold("turn", True)

    def _hold(self, why: str, held: bool) -> None:
        if held:
            self._held.add(why)
        else:
            self._held.discard(why)
        if bool(self._held) != self._was_held and not self.transport.is_closing():
            self._was_held = bool(self._held)
            if self._was_held:
                self.transport.pause_reading()
            elif not self._eof_at:
                self.transport.resume_reading()

    def hold_upload(self, held: bool) -> None:
        """Stops or resumes reading a streamed body: back pressure of a slow provider."""
        if held or self._held:
            self._since = self.door.clock.now
            self._hold("upload", held)

    def _read_head(self, data: bytes) -> bytes:
        """Reads one head, maybe in several calls; returns what follows it."""
        if self._buffer:
            self._buffer += data
            end = self._buffer.find(b"\r\n\r\n", max(0, self._scanned - 3))
            if end < 0:
                self._check_part(self._buffer, self._scanned)
                self._scanned = len(self._buffer)
                return b""
            data = bytes(self._buffer)
            self._buffer.clear()
            self._scanned = 0
        else:
            self._since = self.door.clock.now
            end = data.find(b"\r\n\r\n")
        if data.startswith(b"\r\n"):  # one empty line before a request is allowed (RFC 9112 section 2.2)
            data = data[2:]
            end = data.find(b"\r\n\r\n")
        if end < 0:
            self._buffer += data
            self._scanned = len(data)
            self._check_part(data, 0)
            return b""
        try:
            if end > self.door.limits.max_head_bytes:
                raise too_large(data, self.door.limits.max_head_bytes)
            request = self.heads.read(data[:end])
            if request.websocket:
                return self._upgrade(request, data[end + 4 :])
        except RequestError as error:
            self.refuse(error, data[:end])
            return b""
        return self._begin(request, data[end + 4 :])

    def _upgrade(self, request: Request, rest: bytes) -> bytes:
        """The connection becomes a WebSocket, where such are served: this is the last of it here."""
        if not self.door.sockets:
            raise UpgradeRefused("WebSocket is not served here: use HTTP")
        from backstory.relay.websocket import upgrade  # noqa: PLC0415 - an extra

        upgrade(self, request, rest)
        return b""

    def _check_part(self, part: bytes | bytearray, seen: int) -> None:
        """Refuses an unfinished head as soon as it is clear that it will be no good; `seen` bytes of it were checked before."""
        if len(part) > self.door.limits.max_head_bytes:
            self.refuse(too_large(part, self.door.limits.max_head_bytes))
        elif part.startswith(b"\r\n") or is_broken(part, max(0, seen - 1)):
            self.refuse(HeadError("a malformed request line or header line"))

    def _begin(self, request: Request, rest: bytes) -> bytes:
        """A head was read: decides who gets the body. Returns what follows of `rest`."""
        door = self.door
        door.metrics.requests += 1
        self._served = True
        self._asked = time.monotonic()
        self._request = request
        self.keep = request.keep and not door.draining
        flow = self._flow = Flow(self, request)
        length = request.length
        if not length:
            self._state = _ANSWER
            flow.start(b"")
            return rest
        wants = length <= door.limits.max_buffered_body and self._wants_body(request.head)
        if wants and 0 < length <= len(rest):
            self._state = _ANSWER
            flow.start(rest[:length] if length < len(rest) else rest)
            return rest[length:]
        if request.expects and not rest:
            self.transport.write(_CONTINUE)
        self._state = _BODY
        self._began = self._since = door.clock.now
        self._left, self._size = length, 0
        self._reader = ChunkReader() if length == CHUNKED else None
        self._streaming = not wants
        if wants and length > _SUNK:
            self.transport.set_protocol(Sink(self, length, rest))
            return b""
        if not wants:
            flow.start_streaming()
        return rest

    def _wants_body(self, head: Head) -> bool:
        """The house's word; False where it fails, so that the body passes."""
        try:
            return self.house.wants_body(head)
        except Exception as error:  # noqa: BLE001 (the HTTP door)
            _log.error("the house failed on a request's head: %s", type(error).__name__)
            return False

    def _read_body(self, data: bytes) -> bytes:
        """Reads a piece of the body; returns what follows the body."""
        self._since = self.door.clock.now
        flow = cast(Flow, self._flow)
        reader = self._reader
        if reader is None:
            left = self._left - len(data)
            piece, rest, last = (data, b"", left == 0) if left >= 0 else (data[:left], data[left:], True)
            self._left = max(left, 0)
        else:
            try:
                piece, after = reader.feed(data)
            except RequestError as error:
                self.refuse(error)
                return b""
            rest, last = after or b"", after is not None
        self._size += len(piece)
        if last:
            self._state, self._asked = _ANSWER, time.monotonic()
            self._reader = None
        if self._streaming:
            flow.upload(piece, last)
        else:
            self._gather(flow, piece, last)
        return rest

    def _gather(self, flow: Flow, piece: bytes, last: bool) -> None:
        self._gathered.append(piece)
        if last:
            body = b"".join(self._gathered)
            self._gathered.clear()
            flow.start(body)
        elif self._size > self.door.limits.max_buffered_body:
            self._streaming = True
            body = b"".join(self._gathered)
            self._gathered.clear()
            flow.start_streaming()
            flow.upload(body, last=False)

    def sunk(self, size: int) -> None:
        """Called by the sink: the body is all there, `gathered` follows; what comes now is the next request."""
        self._state = _ANSWER
        self._since, self._asked = self.door.clock.now, time.monotonic()
        self._size = size
        self.transport.set_protocol(self)

    def gathered(self, body: bytes) -> None:
        """Called by the sink with the whole body."""
        if self._flow is not None:
            self._flow.start(body)

    def sinking(self, size: int) -> None:
        """Called by the sink: so many bytes of the body are there."""
        self._since = self.door.clock.now
        self._size = size

    # Ending.

    def error(self, head: Head | None, error: BackstoryError) -> Answer:
        """An error of our own in the client's shape."""
        return told(self.house, head, error)

    def refuse(self, error: RequestError, raw: bytes = b"") -> None:
        """Ends a request that cannot be served with an error, and the connection with it. `raw`: its head, where that is to blame."""
        self.door.metrics.refused += 1
        flow, self._flow = self._flow, None
        raw = raw or bytes(self._buffer)
        self._buffer.clear()
        if flow is not None:
            flow.give_up()
            if flow.started:
                self.cut()
                return
        self.keep = False
        request = self._request if flow is not None else None
        self._write_answer(self.error(request.head if request is not None else addressed(raw), error), b"GET")
        self._linger()

    def answer(self, answer: Answer, request: Request) -> None:
        """A whole answer of our own to the present request."""
        if self._state == _BODY:
            self.keep = False
        self._write_answer(answer, request.method, keep_alive=request.old)
        self.finish()

    def _write_answer(self, answer: Answer, method: bytes, keep_alive: bool = False) -> None:
        if not self.transport.is_closing():
            connection = b"close" if not self.keep else b"keep-alive" if keep_alive else b""
            self.transport.write(render_answer(answer, method, connection))

    def finish(self) -> None:
        """The present answer is written to its end: the next request, or the end of the connection."""
        self._flow = None
        self._request = None
        if self.transport.is_closing():
            return
        if not self.keep or self.door.draining:
            if self._state == _BODY or self._buffer:
                self._linger()
            else:
                self._state = _CLOSING
                self._since = self.door.clock.now
                self.transport.close()
            return
        self._state = _HEAD
        self._since = self.door.clock.now
        if self._held:
            self._held.clear()
            self._hold("turn", False)
        if self._buffer and not self._moving:
            data = bytes(self._buffer)
            self._buffer.clear()
            self._scanned = 0
            self._move(data)
        if self._eof_at and self._state == _HEAD and not self._moving:
            self.transport.close()

    def _linger(self) -> None:
        """Closes after the client has read the answer: what it still sends is dropped, so that no reset overtakes the answer
        (RFC 9112 section 9.6)."""
        self._state = _LINGER
        self._since = self._began = self.door.clock.now
        self._buffer.clear()
        self._gathered.clear()
        if self.transport.is_closing():
            return
        self.transport.set_protocol(self)
        self._held.clear()
        self._hold("turn", False)
        if self._eof_at:
            self.transport.close()
        elif self.transport.can_write_eof():
            self.transport.write_eof()

    def cut(self) -> None:
        """Breaks off: what was written is handed out, then the connection is reset, so that nobody takes it for a clean end."""
        self._flow = None
        self._state = _CUT
        self._since = self.door.clock.now
        if not self.transport.is_closing():
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self.transport.close()

    def hang_up(self) -> None:
        """Closes in good order: what was written before is handed out, and nothing follows."""
        self._flow = None
        self._state = _CUT
        self._since = self.door.clock.now
        self.transport.close()

    def leave(self) -> None:
        """The door closes; nothing is asked for here."""
        self.transport.close()

    # The sweep calls these.

    @property
    def is_idle(self) -> bool:
        """Whether no request has begun on it."""
        return self._state == _HEAD and not self._buffer

    def check(self) -> None:
        """Ends what has waited for too long."""
        state, now = self._state, self.door.clock.now
        waited_s = now - self._since
        if state == _ANSWER:
            self._check_answer(now)
        elif state == _HEAD:
            self._check_head(waited_s)
        elif state == _BODY:
            self._check_body(now, waited_s)
        elif state == _LINGER:
            if waited_s > self.door.timeouts.linger_s or now - self._began > _LINGER_TOTAL_S:
                self.transport.abort()
        elif state == _CLOSING:
            self._check_closing(waited_s)
        elif waited_s > _CUT_S:
            self.transport.abort()

    def _check_head(self, waited_s: float) -> None:
        timeouts = self.door.timeouts
        if self._buffer:
            if waited_s > timeouts.header_s:
                self.refuse(RequestTimeout(f"the request's head was not complete within {timeouts.header_s:g} s"))
        elif waited_s > (timeouts.keepalive_s if self._served else min(timeouts.keepalive_s, timeouts.header_s)):
            self.transport.close()

    def _check_closing(self, waited_s: float) -> None:
        """The last answer is still being read: for as long as the client takes some of it, it may."""
        left = self.transport.get_write_buffer_size()
        if left != self._left:
            self._left = left
            self._since = self.door.clock.now
        elif waited_s > self.door.timeouts.idle_s:
            self.transport.abort()

    def _check_body(self, now: float, waited_s: float) -> None:
        timeouts = self.door.timeouts
        flow = self._flow
        if flow is not None:
            flow.check()
        if self._state != _BODY:
            return
        if self._held:
            self._check_gone()
            return
        taken_s = now - self._began - timeouts.body_idle_s
        slow = not self._streaming and taken_s > self._size / self.door.limits.min_body_rate
        if slow or waited_s > timeouts.body_idle_s:
            self.refuse(RequestTimeout("the request's body did not come in time"))

    def _check_answer(self, now: float) -> None:
        flow = self._flow
        if flow is not None:
            flow.check()
        if self._state != _ANSWER or not (self._eof_at or self._held):
            return
        self._check_gone()
        request = self._request
        if not self._eof_at or self._probed or request is None or request.old or flow is None or flow.started:
            return
        if now - self._eof_at > self.door.timeouts.probe_s:
            self._probed = True
            self.transport.write(_CONTINUE)

    def _check_gone(self) -> None:
        """Nothing is read from the client at the moment, so its leaving is looked for: a reset shows, a half-close does not."""
        if hasattr(select, "poll"):
            poll = select.poll()
            poll.register(self._sock.fileno(), 0)
            if poll.poll(0):
                self.transport.abort()
