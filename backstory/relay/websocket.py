"""A client's connection that has become a WebSocket (RFC 6455): messages come in, each that asks for an answer becomes an exchange as a
POST would (socket_request.py), and what it says goes out as messages. What they mean is known by wires/openai_responses/socket.py.

Rule: requests of one lane are answered one after the other, those of several lanes side by side. A client that does not take what it is
sent is not read either. The framing is wsproto's: an extra, loaded when the first client asks for it.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
import select
import time
import uuid
from collections import deque
from typing import TYPE_CHECKING

from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Ping, Pong, TextMessage
from wsproto.frame_protocol import CloseReason
from wsproto.utilities import LocalProtocolError, generate_accept_token

from backstory.core.exchange import Head, Headers
from backstory.core.plan import House
from backstory.errors import UpgradeRefused
from backstory.relay.heads import Heads, Request
from backstory.relay.socket_request import SocketRequest
from backstory.wires import WIRES
from backstory.wires.openai_responses.socket import Session, SocketError, Wanted, failure

if TYPE_CHECKING:
    from backstory.relay.door import Door
    from backstory.relay.down import DownConnection

_log = logging.getLogger("backstory.relay")
_MOST_AT_ONCE = 16
"""Answers under way on one connection; as the API's own."""
_MOST_WAITING = 64
_OURS = frozenset(
    {
        b"upgrade", b"connection", b"sec-websocket-key", b"sec-websocket-version", b"sec-websocket-extensions", b"sec-websocket-protocol",
        b"accept", b"accept-encoding", b"content-type", b"content-length", b"transfer-encoding", b"origin",
    }
)  # fmt: skip
_BETA = "responses_websockets"
_MORE: Headers = ((b"Content-Type", b"application/json"), (b"Accept", b"text/event-stream"), (b"Content-Length", b"0"))


def upgrade(down: DownConnection, request: Request, rest: bytes) -> None:
    """The client's connection becomes a WebSocket. `rest`: what came right behind its request. Raises UpgradeRefused: at that, clients
    use HTTP."""
    line = _accepted(request)
    socket = WebSocket(down.door, down.house, down.transport, request)
    down.door.became(down, socket)
    down.transport.set_protocol(socket)
    down.transport.write(line)
    if rest:
        socket.data_received(rest)


def _accepted(request: Request) -> bytes:
    head = request.head
    if head.method != "GET" or request.old or request.length or b"upgrade" not in request.named:
        raise UpgradeRefused("not an upgrade to a WebSocket (RFC 6455 section 4.1)")
    if head.header(b"sec-websocket-version") != "13":
        raise UpgradeRefused("WebSocket is served here in version 13")
    key = head.header(b"sec-websocket-key").encode("latin-1")
    try:
        sound = len(base64.b64decode(key, validate=True)) == 16
    except (binascii.Error, ValueError):
        sound = False
    if not sound:
        raise UpgradeRefused("a Sec-WebSocket-Key that is none")
    if not any(wire.name == "openai_responses" and wire.claims("POST", head.path) for wire in WIRES):
        raise UpgradeRefused("WebSocket is served here for Responses only: use HTTP")
    origin = head.header(b"origin")
    if origin and origin.partition("://")[2] != head.header(b"host"):
        # A browser lets every page open WebSockets to this machine, and read what they say.
        raise UpgradeRefused("WebSocket is not served here to pages of other origins")
    line = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %b\r\n\r\n"
    return line % generate_accept_token(key)


class WebSocket(asyncio.Protocol):
    """One client. `full`: it takes no more bytes at the moment."""

    def __init__(self, door: Door, house: House, transport: asyncio.Transport, request: Request) -> None:
        self.door = door
        self.house = house
        self.transport = transport
        self.full = False
        head = request.head
        self.heads = Heads(head.client)
        self._head = _posting(head)
        self._names = [name.lower() for name, _ in self._head.headers]
        self._frames = Connection(ConnectionType.SERVER)
        self._session = Session(_response_id, time.time, door.limits.max_buffered_body)
        self._text: list[bytes] = []
        self._size = 0
        self._waiting: deque[Wanted] = deque()
        self._waiting_bytes = 0
        self._running: dict[str, SocketRequest] = {}
        self._since = self._taken = door.clock.now
        self._pinged = False
        self._closing_at = 0.0

    # The event loop calls these.

    def data_received(self, data: bytes) -> None:
        """Called by the event loop."""
        self._since = self.door.clock.now
        self._pinged = False
        if self._frames.state not in {ConnectionState.OPEN, ConnectionState.LOCAL_CLOSING}:
            return
        self._frames.receive_data(data)
        for event in self._frames.events():
            if isinstance(event, TextMessage | BytesMessage):
                self._message(event)
            elif isinstance(event, Ping):
                self._send(event.response())
            elif isinstance(event, CloseConnection):
                self._closed(event)
            if self._closing_at and not isinstance(event, Pong):
                break

    def eof_received(self) -> bool:
        """Called by the event loop: a client that says nothing more has left (RFC 6455 section 7.1.1)."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the event loop."""
        self._give_up()
        self.door.left(self)

    def pause_writing(self) -> None:
        """Called by the event loop: neither is the client read any more, nor the providers."""
        self._full(True)
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        """Called by the event loop."""
        self._full(False)
        if not self.transport.is_closing():
            self.transport.resume_reading()

    def _full(self, full: bool) -> None:
        self.full = full
        self._taken = self.door.clock.now
        for request in list(self._running.values()):
            request.client_full(full)

    # Messages in.

    def _message(self, event: TextMessage | BytesMessage) -> None:
        if self._closing_at:
            return
        if not isinstance(event, TextMessage):
            self._close(CloseReason.UNSUPPORTED_DATA, "messages are text")
            return
        data = event.data.encode()
        self._text.append(data)
        self._size += len(data)
        if self._size > self.door.limits.max_buffered_body:
            self._close(CloseReason.MESSAGE_TOO_BIG, "a message larger than proxy.max_body_bytes")
            return
        if not event.message_finished:
            return
        text = b"".join(self._text)
        self._text.clear()
        self._size = 0
        try:
            wanted = self._session.read(text)
            if wanted is not None:
                self._wait(wanted)
        except SocketError as error:
            self.say(error.frame)

    def _wait(self, wanted: Wanted) -> None:
        room = len(self._waiting) < _MOST_WAITING and self._waiting_bytes + len(wanted.body) <= self.door.limits.max_buffered_body
        if self._running and not room:
            raise SocketError(failure(429, "too_many_requests", "too many requests wait on this connection", wanted.lane))
        self._waiting.append(wanted)
        self._waiting_bytes += len(wanted.body)
        self.go_on()

    def go_on(self) -> None:
        """Begins what waits and may begin: the first of each lane that has nothing under way."""
        passed: set[str] = set()
        for wanted in list(self._waiting):
            if len(self._running) >= _MOST_AT_ONCE or self._closing_at:
                break
            if wanted.lane not in self._running and wanted.lane not in passed:
                self._waiting.remove(wanted)
                self._waiting_bytes -= len(wanted.body)
                self._begin(wanted)
            passed.add(wanted.lane)

    def _begin(self, wanted: Wanted) -> None:
        try:
            answering = self._session.begin(wanted)
        except SocketError as error:
            self.say(error.frame)
            self.door.loop.call_soon(self.go_on)
            return
        if wanted.warm:
            self.say(*self._session.warmed(answering))
            self.door.loop.call_soon(self.go_on)
            return
        self.door.metrics.requests += 1
        head = self._head
        head = Head(head.method, head.path, head.query, head.headers, head.client, {}, {**head.kept})
        asked = Request(head, b"POST", self._names, len(answering.body), True, False, frozenset(), False, False)
        request = self._running[wanted.lane] = SocketRequest(self, answering)
        request.start(asked)

    def over(self, lane: str) -> None:
        """The answer of this lane has come to its end: what waits for it goes on, once its end was told to everybody."""
        self._running.pop(lane, None)
        self._since = self.door.clock.now
        if not self.door.draining:
            self.door.loop.call_soon(self.go_on)
        elif not self._running:
            self.leave()

    # Messages out.

    def say(self, *messages: bytes) -> None:
        """Messages to the client; nothing where it has left."""
        if messages and not self._closing_at:
            self._send(*[TextMessage(data=message.decode("utf-8", "replace")) for message in messages])

    def _send(self, *events: TextMessage | Ping | Pong | CloseConnection) -> None:
        if self.transport.is_closing():
            return
        try:
            data = b"".join([self._frames.send(event) for event in events])
        except LocalProtocolError:  # the client has begun to close meanwhile
            return
        self._taken = self.door.clock.now
        self.transport.write(data)

    # The end.

    def leave(self) -> None:
        """The door closes."""
        self._close(CloseReason.GOING_AWAY, "the proxy stops")

    def _close(self, code: int, reason: str) -> None:
        """Says that this is the end, and waits a little for the client to say so too."""
        if self._closing_at or self.transport.is_closing():
            return
        self._send(CloseConnection(code=code, reason=reason))
        self._closing_at = self.door.clock.now or 1e-9
        self._give_up()

    def _closed(self, event: CloseConnection) -> None:
        """The client closes, or has sent what is no frame: then the code says what was wrong with it."""
        if not self._closing_at and self._frames.state in {ConnectionState.OPEN, ConnectionState.REMOTE_CLOSING}:
            self._send(event.response())
        self._closing_at = self._closing_at or self.door.clock.now or 1e-9
        self._give_up()
        self.transport.close()

    def _give_up(self) -> None:
        self._waiting.clear()
        running, self._running = self._running, {}
        for request in running.values():
            request.give_up()

    # The sweep calls these.

    @property
    def is_idle(self) -> bool:
        """Whether nothing is asked for on it."""
        return not self._running and not self._waiting

    def check(self) -> None:
        """Ends what has waited for too long. A client that says nothing is asked whether it is still there."""
        now, timeouts = self.door.clock.now, self.door.timeouts
        if self._closing_at:
            if now - self._closing_at > timeouts.linger_s:
                self.transport.abort()
            return
        for request in list(self._running.values()):
            request.check()
        if self.full:
            self._check_gone(now)
        elif now - self._since > timeouts.keepalive_s:
            if self._pinged:
                self.transport.abort()
                return
            self._send(Ping())
            self._pinged, self._since = True, now

    def _check_gone(self, now: float) -> None:
        """Nothing is read from the client at the moment: a reset shows all the same, and it has to take something now and then."""
        sock = self.transport.get_extra_info("socket")
        if hasattr(select, "poll"):
            poll = select.poll()
            poll.register(sock.fileno(), 0)
            if poll.poll(0):
                self.transport.abort()
                return
        if now - self._taken > self.door.timeouts.idle_s:
            self.transport.abort()


def _posting(head: Head) -> Head:
    """The head of the requests that are made of messages: the client's own, without what was meant for the connection."""
    kept: list[tuple[bytes, bytes]] = []
    for name, value in head.headers:
        lower = name.lower()
        if lower == b"openai-beta":
            rest = [one for one in value.decode("latin-1").split(",") if not one.strip().startswith(_BETA)]
            kept += [(name, ",".join(rest).strip().encode("latin-1"))] if rest else []
        elif lower not in _OURS:
            kept.append((name, value))
    return Head("POST", head.path, head.query, (*kept, *_MORE), head.client)


def _response_id() -> str:
    return f"resp_{uuid.uuid4().hex}{uuid.uuid4().hex[:16]}"
