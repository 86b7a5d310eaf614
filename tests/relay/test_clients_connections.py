"""Connections of clients: requests in a row and ahead of their answers, keep-alive, draining."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from backstory.core.plan import Answer, Plan
from backstory.relay import Limits
from tests.relay.test_clients import hangs, reset, streams
from tests.relay.world import OK, Ear, Upstream, client, field, get, post, replies, run, until, world


def test_pipelined_requests_are_answered_in_order_on_one_connection() -> None:
    async def work() -> None:
        async def script(upstream: Upstream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while True:
                received = await upstream.request(reader)
                path = received.head.split(b" ")[1]
                await asyncio.sleep(0.02 if path == b"/0" else 0)
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(path + received.body), path + received.body))

        async with world(script) as w, client(w.port) as one:
            raws = [
                b"POST /%d HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n" % at
                if at % 2
                else b"POST /%d HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc" % at
                for at in range(20)
            ]
            one.writer.write(b"".join(raws))
            for at in range(20):
                assert (await one.reply())[1] == b"/%dabc" % at
            assert w.upstream.opened == 1

    run(work())


def test_a_thousand_pipelined_requests_answered_by_the_house_do_not_nest() -> None:
    async def work() -> None:
        async with world(replies(OK)) as w, client(w.port) as one:
            w.house.decide = lambda head, body: Plan(answer=Answer(200, (), b"hi"))
            one.writer.write(get(close=False) * 2000)
            for _ in range(2000):
                assert (await one.reply())[1] == b"hi"

    run(work())


def test_the_backlog_of_a_pipelining_client_is_bounded() -> None:
    async def work() -> None:
        async with world(hangs, limits=Limits(max_pipelined_bytes=10_000)) as w, client(w.port) as one:
            one.writer.transport.set_write_buffer_limits(0)
            sent = 0
            with suppress(TimeoutError):
                async with asyncio.timeout(0.5):
                    for _ in range(2000):
                        await one.send(get(close=False) * 1000)
                        sent += 1
            assert sent < 2000
            reset(one)
            await asyncio.wait_for(w.upstream.lost.wait(), 2)

    run(work())


@pytest.mark.parametrize(
    ("raw", "says", "stays"),
    [
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", None, True),
        (b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", b"close", False),
        (b"GET / HTTP/1.0\r\n\r\n", b"close", False),
        (b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", b"keep-alive", True),
    ],
)
def test_the_clients_wish_for_its_connection_is_kept(raw: bytes, says: bytes | None, stays: bool) -> None:
    async def work() -> None:
        async with world(replies(OK)) as w, client(w.port) as one:
            await one.send(raw)
            head, body = await one.reply()
            assert body == b"ok"
            assert field(head, b"connection") == says
            if stays:
                await one.send(raw)
                assert (await one.reply())[1] == b"ok"
            else:
                assert await one.rest() == (b"", "eof")

    run(work())


def test_expect_continue_is_answered_before_the_body_and_not_sent_up() -> None:
    async def work() -> None:
        for wants in (True, False):
            async with world(replies(OK), wants=wants) as w, client(w.port) as one:
                await one.send(b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
                assert await one.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
                await one.send(b"hello")
                assert (await one.reply())[1] == b"ok"
                assert w.upstream.received[0].body == b"hello"
                assert b"xpect" not in w.upstream.received[0].head

    run(work())


def test_draining_finishes_what_runs_and_takes_nothing_new() -> None:
    async def work() -> None:
        async with world(streams(5, 0.05, count=8)) as w, client(w.port) as one, client(w.port) as idle:
            await one.send(post(b"{}", close=False))
            await one.reader.readuntil(b"\r\n\r\n")
            drain = asyncio.create_task(w.door.drain(3))
            assert await idle.rest() == (b"", "eof")
            with pytest.raises(OSError, match=r".*"):
                await asyncio.open_connection("127.0.0.1", w.port)
            got, end = await one.rest()
            assert got.endswith(b"0\r\n\r\n")
            assert end == "eof"
            await asyncio.wait_for(drain, 1)

    run(work())


def test_draining_breaks_off_what_does_not_end() -> None:
    async def work() -> None:
        ear = Ear()
        async with world(hangs, tap=lambda: ear) as w, client(w.port) as one:
            await one.send(post(b"{}", close=False))
            await until(lambda: len(w.upstream.received) == 1)
            await asyncio.wait_for(w.door.drain(0.1), 1)
            assert ear.ended == [("interrupted", 0, 2, 0)]

    run(work())


def test_a_slow_reader_that_pipelines_is_not_served_ahead() -> None:
    async def work() -> None:
        raw = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100_000
        async with world(replies(raw)) as w, client(w.port) as one:
            one.writer.transport.pause_reading()  # type: ignore[attr-defined]
            await one.send(get(close=False) * 800)
            await asyncio.sleep(0.5)
            assert len(w.upstream.received) < 250, "what the kernel takes, and no more"
            reset(one)

    run(work())
