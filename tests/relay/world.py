"""A door between a raw client and a scripted upstream, all on loopback with free ports. Real sockets, nothing replaced."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import TypeVar

from msgspec import Struct

from backstory.core.exchange import Ended, Head, Headers
from backstory.core.plan import Answer, Mode, Plan, Tap, Target
from backstory.relay import Connector, Door, Limits, Timeouts
from backstory.relay.endurance import Endurance

T = TypeVar("T")

FAST = Timeouts(
    connect_s=0.5, first_byte_s=0.3, idle_s=0.3, header_s=0.3, body_idle_s=0.3, keepalive_s=0.4, drain_s=1.0, probe_s=0.1, linger_s=0.2
)
CALM = Timeouts(connect_s=2.0, first_byte_s=5.0, idle_s=5.0, header_s=5.0, body_idle_s=5.0, keepalive_s=5.0, drain_s=1.0, probe_s=0.2)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def run(work: Coroutine[object, object, T], plain: bool = False) -> T:
    """Runs one test's work in an event loop: uvloop where it exists, unless `plain`."""

    async def limited() -> T:
        async with asyncio.timeout(20):
            return await work

    if plain or sys.platform == "win32":
        return asyncio.run(limited())
    import uvloop  # noqa: PLC0415 (not on every platform)

    return uvloop.run(limited())


class Ear:
    """A tap that notes what it hears and answers with what it was given."""

    def __init__(self, mode: Mode = "pass", extra: Headers = (), tail: bytes = b"", change: Callable[[bytes], bytes] | None = None) -> None:
        self.mode: Mode = mode
        self.extra = extra
        self.tailing = tail
        self.change = change or (lambda data: data)
        self.calls: list[str] = []
        self.heard = b""
        self.ended: list[tuple[Ended, int, int, int]] = []

    def begin(self, status: int, headers: Headers) -> tuple[Mode, Headers]:
        self.calls.append("begin")
        return self.mode, self.extra

    def chunk(self, data: bytes) -> bytes:
        self.calls.append("chunk")
        self.heard += data
        return self.change(data)

    def tail(self) -> bytes:
        self.calls.append("tail")
        return self.tailing

    def whole(self, body: bytes) -> bytes:
        self.calls.append("whole")
        self.heard += body
        return self.change(body)

    def sent(self) -> None:
        self.calls.append("sent")

    def acknowledge(self) -> None:
        self.calls.append("acknowledge")

    def over(self, ended: Ended, status: int, bytes_in: int, bytes_out: int) -> None:
        self.calls.append("over")
        self.ended.append((ended, status, bytes_in, bytes_out))


class Lodge:
    """A house: everything goes to one upstream. `tap` makes a tap for each request, `decide` a whole plan."""

    def __init__(self, port: int, wants: bool = True, tap: Callable[[], Tap] | None = None) -> None:
        self.port = port
        self.wants = wants
        self.tap = tap
        self.seen: list[tuple[Head, bytes]] = []
        self.errors: list[tuple[int, str]] = []
        self.decide: Callable[[Head, bytes], Plan | Awaitable[Plan]] | None = None

    def target(self, head: Head, host: str = "127.0.0.1", scheme: str = "http") -> Target:
        path = f"{head.path}?{head.query}" if head.query else head.path
        return Target(scheme, host, self.port, b"up.test", path)

    def wants_body(self, head: Head) -> bool:
        return self.wants

    def plan(self, head: Head, body: bytes) -> Plan | Awaitable[Plan]:
        self.seen.append((head, body))
        if self.decide is not None:
            return self.decide(head, body)
        return Plan(target=self.target(head), tap=self.tap() if self.tap is not None else None)

    def error(self, head: Head | None, status: int, code: str, message: str) -> Answer:
        self.errors.append((status, code))
        return Answer(status, ((b"Content-Type", b"application/json"),), b'{"error":"%b"}' % code.encode())


class Received(Struct):
    """A request as an upstream got it: head with its empty line, body with its framing off."""

    head: bytes
    body: bytes


Script = Callable[["Upstream", asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Upstream:
    """A provider that does what a script says, once per connection."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.received: list[Received] = []
        self.opened = 0
        self.closed = 0
        self.lost = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self.writers: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.opened += 1
        self.writers.append(writer)
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self.script(self, reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self.closed += 1
            self.lost.set()
            writer.close()
            self._tasks.discard(task)

    async def request(self, reader: asyncio.StreamReader) -> Received:
        """Reads one request to its end."""
        head = await reader.readuntil(b"\r\n\r\n")
        body = await body_of(reader, head)
        received = Received(head, body)
        self.received.append(received)
        return received

    async def end(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)


def field(head: bytes, name: bytes) -> bytes | None:
    """The value of a header, None where it is missing."""
    for line in head.split(b"\r\n")[1:]:
        key, _, value = line.partition(b":")
        if key.lower() == name:
            return value.strip()
    return None


async def body_of(reader: asyncio.StreamReader, head: bytes) -> bytes:
    """A message's body by the framing in its head; none where the head names none."""
    length = field(head, b"content-length")
    if length is not None:
        return await reader.readexactly(int(length))
    body = b""
    if (field(head, b"transfer-encoding") or b"") == b"chunked":
        while True:
            size = int((await reader.readuntil(b"\r\n")).split(b";")[0], 16)
            if not size:
                while await reader.readuntil(b"\r\n") != b"\r\n":
                    pass
                return body
            body += await reader.readexactly(size)
            assert await reader.readexactly(2) == b"\r\n"
    return body


def replies(*raws: bytes, close: bool = False) -> Script:
    """A script: one raw reply after the other, one per request; the last one again and again unless `close`."""

    async def script(upstream: Upstream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        at = 0
        while True:
            await upstream.request(reader)
            writer.write(raws[min(at, len(raws) - 1)])
            await writer.drain()
            at += 1
            if close and at >= len(raws):
                return

    return script


class World(Struct):
    """What a test has at hand."""

    door: Door
    port: int
    upstream: Upstream
    house: Lodge


@asynccontextmanager
async def world(
    script: Script,
    *,
    wants: bool = True,
    tap: Callable[[], Tap] | None = None,
    timeouts: Timeouts = CALM,
    limits: Limits | None = None,
    connector: Connector | None = None,
    endurance: Endurance | None = None,
) -> AsyncIterator[World]:
    """An upstream with this script and a door in front of it."""
    upstream = Upstream(script)
    server = await asyncio.start_server(upstream.serve, "127.0.0.1", 0, limit=1 << 20)
    house = Lodge(server.sockets[0].getsockname()[1], wants, tap)
    door = Door(house, limits, timeouts, connector, endurance=endurance)
    port = await door.listen("127.0.0.1", 0)
    try:
        yield World(door, port, upstream, house)
    finally:
        await door.drain(0)
        server.close()
        await upstream.end()
        assert door.metrics.in_flight == 0
        assert door.metrics.open_connections == 0


class Client:
    """A raw client on one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def reply(self) -> tuple[bytes, bytes]:
        """Head and body of one reply."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        return head, await body_of(self.reader, head)

    async def rest(self) -> tuple[bytes, str]:
        """All bytes until the end, and whether the end was clean ("eof") or a "reset"."""
        got = b""
        try:
            while part := await self.reader.read(65536):
                got += part
        except ConnectionError:
            return got, "reset"
        return got, "eof"


@asynccontextmanager
async def client(port: int) -> AsyncIterator[Client]:
    """A connection to the door."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
    try:
        yield Client(reader, writer)
    finally:
        writer.close()


async def ask(port: int, raw: bytes) -> tuple[bytes, str]:
    """Sends these bytes and reads to the end of the connection."""
    async with client(port) as one:
        await one.send(raw)
        return await one.rest()


def get(path: str = "/x", extra: bytes = b"", close: bool = True) -> bytes:
    return b"GET %b HTTP/1.1\r\nHost: a\r\n%b%b\r\n" % (path.encode(), extra, b"Connection: close\r\n" if close else b"")


def post(body: bytes, extra: bytes = b"", close: bool = True) -> bytes:
    end = b"Connection: close\r\n" if close else b""
    return b"POST /v1/messages HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n%b%b\r\n%b" % (len(body), extra, end, body)


async def until(check: Callable[[], bool], seconds: float = 3.0) -> None:
    """Waits until something holds; fails where it does not."""
    async with asyncio.timeout(seconds):
        while not check():  # noqa: ASYNC110 (what is waited for has no event)
            await asyncio.sleep(0.01)
