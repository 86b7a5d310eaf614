"""What a client may do: leave, dawdle, half-close, pipeline, send nonsense. Nothing leaks, nobody else notices."""

from __future__ import annotations

import asyncio
import resource
import socket
import struct
from contextlib import suppress

import pytest
from msgspec import structs

from backstory.core.exchange import Head
from backstory.core.plan import Plan
from backstory.relay.down import DownConnection
from backstory.relay.sink import Sink
from tests.relay.test_heads import SMUGGLED
from tests.relay.world import CALM, FAST, OK, Client, Ear, Script, Upstream, ask, client, field, get, post, replies, run, until, world


async def hangs(upstream: Upstream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A script: reads the request and says nothing."""
    await upstream.request(reader)
    await reader.read()


def streams(size: int, pause_s: float, count: int = 1000) -> Script:
    """A script: a chunked reply of many pieces."""

    async def script(upstream: Upstream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await upstream.request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(count):
            writer.write(b"%x\r\n%b\r\n" % (size, b"x" * size))
            await writer.drain()
            with suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await reader.read()
                    return
        writer.write(b"0\r\n\r\n")
        await reader.read()

    return script


# Refusals.


@pytest.mark.parametrize("raw", [raw for name, raw in SMUGGLED.items() if name != "an empty line first"])
def test_an_ambiguous_request_never_reaches_the_upstream(raw: bytes) -> None:
    async def work() -> None:
        async with world(replies(OK)) as w, asyncio.timeout(2), client(w.port) as one:
            one.writer.write(raw + b"\r\n\r\n" + b"0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n")
            head, body = await one.reply()
            assert head.startswith(b"HTTP/1.1 400 ")
            assert field(head, b"connection") == b"close"
            assert body.startswith(b'{"error"')
            assert (await one.rest())[0] == b""
            assert w.upstream.opened == 0
            assert w.door.metrics.refused == 1

    run(work())


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"GET / HTTP/1.1\nHost: a\n\n", 400),
        (b"\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00", 400),
        (b"GET /" + b"a" * 70_000, 414),
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 70_000, 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: aaaaaaaaaaaaa\r\n" * 5_000 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n", 426),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloXX", 400),
    ],
)
@pytest.mark.parametrize("wants", [True, False])
def test_what_cannot_be_served_is_told_and_the_connection_closed(raw: bytes, status: int, wants: bool) -> None:
    async def work() -> None:
        async with world(replies(OK), wants=wants) as w, asyncio.timeout(3), client(w.port) as one:
            one.writer.write(raw)
            head, body = await one.reply()
            assert head.startswith(b"HTTP/1.1 %d " % status)
            assert field(head, b"connection") == b"close"
            assert int(field(head, b"content-length") or b"") == len(body) > 0
            assert (await one.rest())[0] == b""
            assert w.upstream.received == []

    run(work())


def test_one_empty_line_before_a_request_is_let_pass() -> None:
    async def work() -> None:
        async with world(replies(OK)) as w:
            got, _ = await ask(w.port, b"\r\n" + get())
            assert got.startswith(b"HTTP/1.1 200 ")

    run(work())


def test_an_error_is_read_even_by_a_client_that_is_still_sending() -> None:
    async def work() -> None:
        async with world(replies(OK)) as w, client(w.port) as one:
            one.writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n")
            for _ in range(50):
                one.writer.write(b"x" * 20_000)
                await asyncio.sleep(0)
            head, _ = await one.reply()
            assert head.startswith(b"HTTP/1.1 400 ")

    run(work())


# Leaving.


def reset(one: Client) -> None:
    sock: socket.socket = one.writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    one.writer.transport.abort()


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("plain", [False, True], ids=["uvloop", "asyncio"])
def test_a_client_that_leaves_before_the_answer_closes_the_upstream(how: str, plain: bool) -> None:
    async def work() -> None:
        ear = Ear()
        async with world(hangs, tap=lambda: ear) as w:
            async with client(w.port) as one:
                await one.send(post(b"{}", close=False))
                await until(lambda: len(w.upstream.received) == 1)
                if how == "reset":
                    reset(one)
            await asyncio.wait_for(w.upstream.lost.wait(), 2)
            await until(lambda: ear.ended == [("interrupted", 0, 2, 0)])
            assert w.door.metrics.aborted == 1

    run(work(), plain)


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("pause_s", [0.01, 30.0], ids=["lively", "silent"])
@pytest.mark.parametrize("plain", [False, True], ids=["uvloop", "asyncio"])
def test_a_client_that_leaves_during_a_stream_closes_the_upstream(how: str, pause_s: float, plain: bool) -> None:
    async def work() -> None:
        ear = Ear()
        async with world(streams(10, pause_s), tap=lambda: ear, timeouts=structs.replace(CALM, probe_s=0.1)) as w:
            async with client(w.port) as one:
                await one.send(post(b"{}", close=False))
                await one.reader.readuntil(b"xxx\r\n")
                await asyncio.sleep(0.3)
                if how == "reset":
                    reset(one)
            await asyncio.wait_for(w.upstream.lost.wait(), 2)
            await until(lambda: bool(ear.ended))
            assert ear.ended[0][:2] == ("interrupted", 200)

    run(work(), plain)


def test_a_client_that_leaves_cancels_the_plan() -> None:
    async def work() -> None:
        cancelled = asyncio.Event()

        async def slow(head: Head, body: bytes) -> Plan:
            try:
                await asyncio.sleep(30)
            finally:
                cancelled.set()
            return Plan()

        async with world(replies(OK)) as w:
            w.house.decide = slow
            async with client(w.port) as one:
                await one.send(post(b"{}", close=False))
                await until(lambda: len(w.house.seen) == 1)
                reset(one)
            await asyncio.wait_for(cancelled.wait(), 2)

    run(work())


@pytest.mark.parametrize("size", [10_000, 1_000_000])
@pytest.mark.parametrize("wants", [True, False])
def test_a_client_that_leaves_inside_its_body_leaves_nothing(size: int, wants: bool) -> None:
    async def work() -> None:
        async with world(replies(OK), wants=wants) as w:
            async with client(w.port) as one:
                await one.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\nabc" % size)
                await asyncio.sleep(0.05)
            await until(lambda: w.door.metrics.open_connections == 0)
            assert w.upstream.received == []
            assert w.door.metrics.in_flight == 0

    run(work())


# Half-close.


@pytest.mark.parametrize("plain", [False, True], ids=["uvloop", "asyncio"])
@pytest.mark.parametrize("delay_s", [0.0, 0.8])
def test_a_half_closed_client_still_gets_its_answer(plain: bool, delay_s: float) -> None:
    async def work() -> None:
        async def script(upstream: Upstream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await upstream.request(reader)
            await asyncio.sleep(delay_s)
            writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            for _ in range(3):
                writer.write(b"2\r\nok\r\n")
                await asyncio.sleep(0.1)
            writer.write(b"0\r\n\r\n")
            await reader.read()

        async with world(script) as w, client(w.port) as one:
            await one.send(post(b"{}", close=False))
            one.writer.write_eof()
            got, end = await one.rest()
            assert end == "eof"
            got = got.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")
            assert got.startswith(b"HTTP/1.1 200 OK\r\n")
            assert got.count(b"ok\r\n") == 3
            assert got.endswith(b"0\r\n\r\n")

    run(work(), plain)


def test_a_client_that_closes_while_it_is_answered_has_left() -> None:
    """Its provider says nothing for a while, so no write tells: what it sends is a plain end, some time after its request."""

    async def work() -> None:
        gone = asyncio.Event()

        async def script(upstream: Upstream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await upstream.request(reader)
            writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n")
            await reader.read()
            gone.set()

        async with world(script) as w, client(w.port) as one:
            await one.send(post(b"{}", close=False))
            await one.reader.readuntil(b"ok\r\n")
            await asyncio.sleep(0.3)
            one.writer.close()
            async with asyncio.timeout(1.0):
                await gone.wait()
            await until(lambda: w.door.metrics.open_connections == 0)

    run(work())


def test_all_pipelined_requests_of_a_half_closed_client_are_answered() -> None:
    async def work() -> None:
        async with world(replies(OK)) as w, client(w.port) as one:
            await one.send(get("/1", close=False) + get("/2", close=False) + get("/3", close=False))
            one.writer.write_eof()
            got, end = await one.rest()
            assert got.count(b"HTTP/1.1 200 OK") == 3
            assert end == "eof"

    run(work())


# Dawdling.


@pytest.mark.parametrize(
    "start",
    [
        b"GET / HT",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 900000\r\n\r\nab",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
    ],
    ids=["head", "body", "large body", "chunked body"],
)
@pytest.mark.parametrize("wants", [True, False])
def test_a_stalled_request_is_cut_off_with_408(start: bytes, wants: bool) -> None:
    async def work() -> None:
        async with world(hangs, wants=wants, timeouts=FAST) as w, asyncio.timeout(2), client(w.port) as one:
            await one.send(start)
            head, _ = await one.reply()
            assert head.startswith(b"HTTP/1.1 408 ")
            assert (await one.rest())[0] == b""
            await until(lambda: w.upstream.opened == w.upstream.closed)

    run(work())


@pytest.mark.parametrize("start", [b"", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n"], ids=["head", "body"])
def test_a_dripping_request_is_cut_off(start: bytes) -> None:
    async def work() -> None:
        async with world(replies(OK), timeouts=FAST) as w, asyncio.timeout(3), client(w.port) as one:
            await one.send(start)
            while not one.reader._buffer:  # type: ignore[attr-defined]
                one.writer.write(b"G")
                await asyncio.sleep(0.05)
            head, _ = await one.reply()
            assert head.startswith(b"HTTP/1.1 408 ")

    run(work())


def test_an_idle_connection_is_closed_without_a_word() -> None:
    async def work() -> None:
        async with world(replies(OK), timeouts=FAST) as w, asyncio.timeout(2):
            async with client(w.port) as one:
                assert await one.rest() == (b"", "eof")
            async with client(w.port) as two:
                await two.send(get(close=False))
                assert (await two.reply())[1] == b"ok"
                assert await two.rest() == (b"", "eof")

    run(work())


def test_a_slow_reader_costs_bounded_memory_and_slows_the_upstream() -> None:
    async def work() -> None:
        sent = 0

        async def script(upstream: Upstream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal sent
            await upstream.request(reader)
            writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            piece = b"10000\r\n" + b"x" * 65536 + b"\r\n"
            for _ in range(1600):
                writer.write(piece)
                await writer.drain()
                sent += 65536
            writer.write(b"0\r\n\r\n")
            await reader.read()

        async with world(script) as w, client(w.port) as one:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            await one.send(post(b"{}", close=False))
            await one.reader.readuntil(b"\r\n\r\n")
            one.writer.transport.pause_reading()  # type: ignore[attr-defined]
            stood = -1
            while sent != stood:
                stood = sent
                await asyncio.sleep(0.3)
            assert sent < 40_000_000, "the upstream was not slowed down"
            grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
            assert grown_kib < 20_000
            one.writer.transport.resume_reading()  # type: ignore[attr-defined]
            got = await one.reader.readuntil(b"\r\n")
            assert got
            await until(lambda: sent > stood + 1_000_000)

    run(work())


def test_a_reader_that_never_reads_is_broken_off() -> None:
    async def work() -> None:
        ear = Ear()
        async with world(streams(65_536, 0), timeouts=FAST, tap=lambda: ear) as w, client(w.port) as one:
            await one.send(post(b"{}", close=False))
            one.writer.transport.pause_reading()  # type: ignore[attr-defined]
            await asyncio.wait_for(w.upstream.lost.wait(), 4)
            await until(lambda: bool(ear.ended))
            assert ear.ended[0][0] == "interrupted"

    run(work())


# Uploads.


@pytest.mark.parametrize("plain", [False, True], ids=["uvloop", "asyncio"])
def test_an_upload_waits_for_a_slow_upstream(plain: bool) -> None:
    async def work() -> None:
        go = asyncio.Event()

        async def script(upstream: Upstream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            head = await reader.readuntil(b"\r\n\r\n")
            await go.wait()
            left = int(field(head, b"content-length") or b"")
            while left:
                left -= len(await reader.read(min(left, 1 << 20)))
            writer.write(OK)
            await reader.read()

        size = 60_000_000
        async with world(script, wants=False) as w, client(w.port) as one:
            one.writer.transport.set_write_buffer_limits(0)
            one.writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size)
            sent = 0

            async def upload() -> None:
                nonlocal sent
                while sent < size:
                    await one.send(b"x" * 1_000_000)
                    sent += 1_000_000

            task = asyncio.create_task(upload())
            stood = -1
            while sent != stood:
                stood = sent
                await asyncio.sleep(0.3)
            assert sent < size, "the client was not slowed down"
            assert w.house.seen[0][1] == b""
            go.set()
            await task
            assert (await one.reply())[1] == b"ok"

    run(work(), plain)


# Side by side.


def test_one_clients_fault_leaves_the_next_clients_answer_right() -> None:
    async def work() -> None:
        timeouts = structs.replace(CALM, linger_s=0.1)
        async with world(replies(OK), timeouts=timeouts) as w:
            for name, raw in SMUGGLED.items():
                if name != "an empty line first":
                    await ask(w.port, raw + b"\r\n\r\n")
                got, _ = await ask(w.port, post(b"{}"))
                assert got.endswith(b"\r\n\r\nok")
            assert {received.body for received in w.upstream.received} <= {b"{}", b""}
            await until(lambda: w.door.metrics.open_connections == 0)

    run(work())


def test_a_streamed_body_waits_for_a_plan_that_takes_its_time() -> None:
    async def work() -> None:
        go = asyncio.Event()
        async with world(replies(OK), wants=False) as w, client(w.port) as one:

            async def slow(head: Head, body: bytes) -> Plan:
                await go.wait()
                return Plan(target=w.house.target(head))

            w.house.decide = slow
            one.writer.transport.set_write_buffer_limits(0)
            size = 60_000_000
            sent = 0

            async def upload() -> None:
                nonlocal sent
                await one.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size)
                while sent < size:
                    await one.send(b"x" * 1_000_000)
                    sent += 1_000_000

            task = asyncio.create_task(upload())
            stood = -1
            while sent != stood:
                stood = sent
                await asyncio.sleep(0.2)
            assert sent < size
            go.set()
            await task
            assert (await one.reply())[1] == b"ok"
            assert len(w.upstream.received[0].body) == size

    run(work())


def test_room_for_a_body_grows_with_what_came_not_with_what_was_announced() -> None:
    async def work() -> None:
        async with world(replies(OK)) as w:
            sink = Sink(DownConnection(w.door, w.house), 60_000_000, b"x" * 1000)
            assert len(sink.get_buffer(0)) < 1_000_000

    run(work())
