"""Providers that answer a large request before they have read it: the answer reaches the client, the connection is not used again."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path

import pytest

from backstory.core.plan import Plan, Target
from backstory.errors import UpstreamError
from backstory.relay import Connector, Limits, Timeouts, Tls
from backstory.relay.heads import ReplyHead
from backstory.relay.limits import Clock, DoorMetrics
from backstory.relay.upstream import Pool, UpConnection
from tests.relay.test_connect import serving
from tests.relay.world import OK, Upstream, World, client, field, run, until, world

REFUSED = b"HTTP/1.1 413 Too Much\r\nX-Why: size\r\nContent-Length: 4000\r\n\r\n" + b"big ".ljust(4000)
Act = Callable[[socket.socket], None]


def at_once(sock: socket.socket) -> None:
    """Answers and closes with the body unread: the system resets the connection."""
    sock.sendall(REFUSED)


def half_closed(sock: socket.socket) -> None:
    """Answers, says that nothing follows, and reads on for a while."""
    sock.sendall(REFUSED)
    sock.shutdown(socket.SHUT_WR)
    sock.settimeout(0.2)
    for _ in range(100):
        if not sock.recv(65536):
            break


def after_some(sock: socket.socket) -> None:
    """Reads some, answers, and closes a little later."""
    got = 0
    while got < 100_000:
        got += len(sock.recv(16384))
    sock.sendall(REFUSED)
    threading.Event().wait(0.05)


@contextmanager
def refusing(act: Act, papers: Path | None = None) -> Iterator[int]:
    """A provider in a thread of its own that does this after each request's head, on blocking sockets; its port."""
    context = serving(papers) if papers is not None else None

    def serve(sock: socket.socket) -> None:
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with context.wrap_socket(sock, server_side=True) if context is not None else sock as one:
                head = b""
                while b"\r\n\r\n" not in head:
                    head += one.recv(4096)
                if b"POST /fine" in head:
                    one.sendall(OK.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
                else:
                    act(one)
        except OSError:
            pass

    def accept() -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(sock,), daemon=True).start()

    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


async def nothing(upstream: Upstream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    raise AssertionError("nobody comes here")


@asynccontextmanager
async def before(port: int, wants: bool, scheme: str = "http", papers: Path | None = None) -> AsyncIterator[World]:
    connector = Connector(Tls(ca_file=str(papers / "ca.pem"))) if papers is not None else None
    async with world(nothing, wants=wants, connector=connector) as w:
        w.house.port = port
        w.house.decide = lambda head, body: Plan(target=w.house.target(head, "localhost", scheme))
        yield w


def large(size: int, chunked: bool, extra: bytes = b"") -> tuple[bytes, bytes]:
    """Head and body of a request."""
    length = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % size
    body = b"x" * size
    return b"POST / HTTP/1.1\r\nHost: a\r\n%b%b\r\n\r\n" % (extra, length), (b"%x\r\n%b\r\n0\r\n\r\n" % (size, body) if chunked else body)


async def refused(w: World, head: bytes, body: bytes) -> None:
    """Sends this and expects the provider's answer, whole; whatever of the body is not taken must not keep the client from reading."""
    async with client(w.port) as one:
        one.writer.write(head)
        if b"Expect" in head:
            assert await one.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        one.writer.write(body)
        got, answer = await one.reply()
        assert got.startswith(b"HTTP/1.1 413 Too Much\r\nX-Why: size\r\n"), got
        assert answer == b"big ".ljust(4000)
        if field(got, b"connection") is None:
            await one.send(b"POST /fine HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi")
            assert (await one.reply())[1] == b"ok"


@pytest.mark.parametrize("plain", [False, True], ids=["uvloop", "asyncio"])
@pytest.mark.parametrize("wants", [True, False], ids=["gathered", "streamed"])
@pytest.mark.parametrize(
    ("secure", "act"),
    [(False, at_once), (False, half_closed), (False, after_some), (True, at_once), (True, after_some)],
    ids=["at once", "half-closed", "after some", "at once over TLS", "after some over TLS"],
)
def test_an_answer_before_the_body_was_read_reaches_the_client(papers: Path, secure: bool, act: Act, wants: bool, plain: bool) -> None:
    async def work(port: int) -> None:
        async with before(port, wants, "https" if secure else "http", papers if secure else None) as w:
            for size in (300_000, 1_000_000, 4_000_000):
                for chunked in (False, True):
                    await refused(w, *large(size, chunked, b"Expect: 100-continue\r\n" if size < 1_000_000 else b""))
            assert w.house.errors == []

    with refusing(act, papers if secure else None) as port:
        run(work(port), plain)


class Listening:
    """A receiver that notes what it is told."""

    def __init__(self) -> None:
        self.body = b""
        self.done = False
        self.errors: list[UpstreamError] = []

    def interim(self, reply: ReplyHead) -> None: ...

    def begin_reply(self, reply: ReplyHead, empty: bool) -> None: ...

    def deliver(self, data: bytes, done: bool, trailers: tuple[tuple[bytes, bytes], ...] = ()) -> None:
        self.body += data
        self.done = self.done or done

    def lost(self, error: UpstreamError) -> None:
        self.errors.append(error)

    def upstream_full(self, full: bool) -> None: ...


@asynccontextmanager
async def connected(port: int, papers: Path, secure: bool) -> AsyncIterator[tuple[UpConnection, Listening]]:
    """A connection to the provider on which nothing is read, and who listens to it."""
    pool = Pool(Connector(Tls(ca_file=str(papers / "ca.pem"))), Limits(), Timeouts(), DoorMetrics(), Clock(0.0))
    up = await pool.open(Target("https" if secure else "http", "localhost", port, b"", "/"))
    listening = Listening()
    up.begin(listening, False)
    up.pause(True)
    yield up, listening
    await until(lambda: listening.done or bool(listening.errors))
    pool.close()
    assert listening.errors == []
    assert listening.body == b"big ".ljust(4000)


@pytest.mark.parametrize("plain", [False, True], ids=["uvloop", "asyncio"])
@pytest.mark.parametrize("secure", [False, True], ids=["tcp", "tls"])
def test_what_had_come_is_read_although_writing_fails_first(papers: Path, secure: bool, plain: bool) -> None:
    """Nothing is read until the provider has gone, so that the first thing to be noticed is that nothing can be written."""

    async def work(port: int) -> None:
        async with connected(port, papers, secure) as (up, _):
            up.transport.write(large(300_000, False)[0] + b"x" * 30_000)
            await asyncio.sleep(0.1)
            for _ in range(5):
                if not up.transport.is_closing():
                    up.transport.write(b"x" * 10_000)
                await asyncio.sleep(0.01)

    with refusing(at_once, papers if secure else None) as port:
        run(work(port), plain)


@pytest.mark.parametrize("plain", [False, True], ids=["uvloop", "asyncio"])
@pytest.mark.parametrize("secure", [False, True], ids=["tcp", "tls"])
def test_a_slow_reader_gets_what_came_before_the_providers_close(papers: Path, secure: bool, plain: bool) -> None:
    async def work(port: int) -> None:
        async with connected(port, papers, secure) as (up, _):
            up.transport.write(large(0, False)[0])
            await asyncio.sleep(0.1)
            up.pause(False)

    with refusing(at_once, papers if secure else None) as port:
        run(work(port), plain)
