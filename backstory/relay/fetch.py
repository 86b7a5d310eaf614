"""One request of our own to a provider, and its whole reply, over the same connections, proxies and TLS as everybody's.

Rule: a reply that is not whole in time, or too large, is no reply; its connection is closed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeAlias

from msgspec import Struct

from backstory.core.exchange import Headers
from backstory.core.plan import Target
from backstory.errors import DocumentError, UpstreamError, UpstreamTimeout
from backstory.relay.connect import Connector
from backstory.relay.heads import ReplyHead
from backstory.relay.limits import Clock, DoorMetrics, Limits, Timeouts
from backstory.relay.upstream import Pool, UpConnection

Hear: TypeAlias = Callable[[Headers, bytes, bool], bool]
"""Headers of the reply, a piece of its body, and whether that is the last. Whether that was enough. Raises DocumentError."""
_OK = 200


class Fetched(Struct, frozen=True):
    """A whole reply. `body`: transfer coding off, content coding on."""

    status: int
    headers: Headers
    body: bytes


class _Gathering:
    """A Receiver that keeps all of one reply; of one of status 200 nothing, where `hear` is given all that comes of it."""

    def __init__(self, most_bytes: int, up: UpConnection, hear: Hear | None = None) -> None:
        self.done: asyncio.Future[Fetched] = asyncio.get_running_loop().create_future()
        self._most = most_bytes
        self._up = up
        self._head: ReplyHead | None = None
        self._parts: list[bytes] = []
        self._size = 0
        self._hear = hear

    def interim(self, reply: ReplyHead) -> None:
        """See Receiver."""

    def begin_reply(self, reply: ReplyHead, empty: bool) -> None:
        """See Receiver."""
        self._head = reply

    def deliver(self, data: bytes, done: bool, trailers: tuple[tuple[bytes, bytes], ...] = ()) -> None:
        """See Receiver."""
        if self._hear is not None and self._head is not None and self._head.status == _OK:
            self._listen(self._hear, self._head, data, done)
            return
        self._parts.append(data)
        self._size += len(data)
        if self._size > self._most:
            self.lost(UpstreamError(f"the reply is larger than {self._most} bytes"))
            if not done:
                self._up.abort()
        elif done and self._head is not None and not self.done.done():
            self.done.set_result(Fetched(self._head.status, self._head.headers, b"".join(self._parts)))

    def _listen(self, hear: Hear, head: ReplyHead, data: bytes, done: bool) -> None:
        """Who has enough wants no more: the connection is closed."""
        try:
            enough = hear(head.headers, data, done)
        except DocumentError as error:
            self.lost(UpstreamError(f"the reply cannot be read: {error}"))
            enough = True
        if enough and not done:
            self._up.abort()
        if (enough or done) and not self.done.done():
            self.done.set_result(Fetched(head.status, head.headers, b""))

    def lost(self, error: UpstreamError) -> None:
        """See Receiver."""
        if not self.done.done():
            self.done.set_exception(error)

    def upstream_full(self, full: bool) -> None:
        """See Receiver. A request of ours is small: it waits in the transport."""


class Fetcher:
    """Makes requests. Lives in one event loop; made inside it."""

    def __init__(self, connector: Connector, timeouts: Timeouts) -> None:
        self._loop = asyncio.get_running_loop()
        self._clock = Clock(self._loop.time())
        self._pool = Pool(connector, Limits(), timeouts, DoorMetrics(), self._clock)

    async def connect(self, target: Target) -> UpConnection:
        """A connection on which nothing was sent yet. Raises UpstreamError, UpstreamTimeout."""
        self._clock.now = self._loop.time()
        self._pool.sweep()
        return self._pool.take(target) or await self._pool.open(target)

    def give_back(self, up: UpConnection) -> None:
        """A connection that was not used after all."""
        self._pool.give_back(up)

    async def post(
        self,
        up: UpConnection,
        target: Target,
        headers: Headers,
        body: bytes,
        timeout_s: float,
        most_bytes: int = 1 << 20,
        hear: Hear | None = None,
    ) -> Fetched:
        """The reply to a POST on this connection, which is kept or closed. `hear` gets the body of one of status 200 piece by piece as it
        comes, and says when it has enough. Raises UpstreamError, UpstreamTimeout."""
        length = b"Content-Length: %d\r\n" % len(body)
        return await self._ask(up, b"POST", target, headers, length, body, timeout_s, most_bytes, hear)

    async def get(self, up: UpConnection, target: Target, headers: Headers, timeout_s: float, most_bytes: int = 1 << 20) -> Fetched:
        """The same for a GET."""
        return await self._ask(up, b"GET", target, headers, b"", b"", timeout_s, most_bytes, None)

    async def _ask(
        self,
        up: UpConnection,
        method: bytes,
        target: Target,
        headers: Headers,
        length: bytes,
        body: bytes,
        timeout_s: float,
        most_bytes: int,
        hear: Hear | None,
    ) -> Fetched:
        if not up.is_fresh():
            up.abort()
            raise UpstreamError("the upstream closed the connection before it was used")
        gathering = _Gathering(most_bytes, up, hear)
        lines = [b"%b %b%b HTTP/1.1" % (method, up.prefix, target.path.encode("latin-1")), b"Host: " + target.host_header]
        lines += [b"%b: %b" % pair for pair in headers]
        up.begin(gathering, head_only=False)
        up.transport.write(b"\r\n".join(lines) + b"\r\n" + length + up.proxy_line + b"\r\n" + body)
        up.sent = True
        try:
            async with asyncio.timeout(timeout_s):
                return await gathering.done
        except TimeoutError as error:
            raise UpstreamTimeout(f"no whole reply within {timeout_s:g} s") from error
        finally:
            if up.receiver is gathering:
                up.abort()

    def close(self) -> None:
        """Close every connection; who waits for a reply is told."""
        self._pool.close()
