"""Answers reach the client as they are, requests reach the provider as they are: any size, any framing, any cut."""

from __future__ import annotations

import asyncio
import re
import socket

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backstory.core.exchange import Head
from backstory.core.plan import Answer, Plan
from backstory.relay import Limits
from tests.relay.test_chunks import cuts
from tests.relay.world import OK, Ear, Upstream, ask, client, field, get, post, replies, run, until, world

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def unchunked(raw: bytes) -> tuple[bytes, bytes]:
    """Body and trailers of a chunked message."""
    body = b""
    while True:
        size, _, raw = raw.partition(b"\r\n")
        length = int(size, 16)
        if not length:
            return body, raw
        body += raw[:length]
        assert raw[length : length + 2] == b"\r\n"
        raw = raw[length + 2 :]


# Replies.


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 201 Made It\r\nX-B: 1\r\nSet-Cookie: a=1\r\nx-a: 2\r\nset-cookie: b=2\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://elsewhere/\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 429 Too Many\r\nRetry-After: 7\r\nContent-Length: 4\r\n\r\nslow",
        b"HTTP/1.1 500 \r\nContent-Length: 1\r\n\r\nx",
        b"HTTP/1.1 204 No Content\r\nX: 1\r\n\r\n",
        b"HTTP/1.1 304 Not Modified\r\nETag: x\r\nContent-Length: 300\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\n\x1f\x8b\x08",
        CHUNKED + b"3\r\nabc\r\n0\r\n\r\n",
        CHUNKED + b"3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK,
        b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n" + OK,
    ],
)
@pytest.mark.parametrize("plain", [False, True], ids=["uvloop", "asyncio"])
@pytest.mark.parametrize("tapped", [False, True], ids=["alone", "tapped"])
def test_a_reply_reaches_the_client_byte_for_byte(raw: bytes, plain: bool, tapped: bool) -> None:
    async def work() -> None:
        async with world(replies(raw), tap=Ear if tapped else None) as w, client(w.port) as one:
            for _ in range(2):
                await one.send(post(b"{}", close=False))
                assert await one.reader.readexactly(len(raw)) == raw
            assert w.upstream.opened == (2 if b" 304 " in raw else 1), "a body spoken of where none belongs might follow"
            assert w.upstream.received[0].head == (b"POST /v1/messages HTTP/1.1\r\nHost: up.test\r\nContent-Length: 2\r\n\r\n")

    run(work(), plain)


def test_the_answer_to_a_head_request_has_no_body_and_keeps_its_length() -> None:
    async def work() -> None:
        raw = b"HTTP/1.1 200 OK\r\nContent-Length: 3000\r\n\r\n"
        async with world(replies(raw), tap=lambda: Ear("stream")) as w, client(w.port) as one:
            for _ in range(2):
                await one.send(b"HEAD /x HTTP/1.1\r\nHost: a\r\n\r\n")
                assert await one.reader.readuntil(b"\r\n\r\n") == raw
            assert w.upstream.opened == 2, "a body that comes all the same spoils nothing"

    run(work())


def test_a_continue_of_the_upstream_is_not_passed_on() -> None:
    async def work() -> None:
        async with world(replies(b"HTTP/1.1 100 Continue\r\n\r\n" + OK)) as w, client(w.port) as one:
            await one.send(post(b"{}", close=False))
            assert await one.reader.readexactly(len(OK)) == OK

    run(work())


def test_a_client_of_the_old_version_gets_neither_chunks_nor_hints() -> None:
    async def work() -> None:
        raw = b"HTTP/1.1 103 Early Hints\r\n\r\n" + CHUNKED + b"3\r\nabc\r\n3\r\ndef\r\n0\r\nX: 1\r\n\r\n"
        async with world(replies(raw)) as w:
            got, end = await ask(w.port, b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            assert got == b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabcdef"
            assert end == "eof"

    run(work())


def test_a_last_chunk_that_comes_alone_ends_the_stream() -> None:
    async def work() -> None:
        async def script(upstream: Upstream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while True:
                await upstream.request(reader)
                for part in (CHUNKED, b"3\r\nabc\r\n", b"0\r\n", b"\r", b"\n"):
                    writer.write(part)
                    await asyncio.sleep(0.01)

        ear = Ear()
        async with world(script, tap=lambda: ear) as w, client(w.port) as one:
            for _ in range(2):
                await one.send(post(b"{}", close=False))
                assert (await one.reply())[1] == b"abc"
            await until(lambda: len(ear.ended) == 2)
            assert w.upstream.opened == 1

    run(work())


_heads = st.sampled_from(["length", "chunked", "close"])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    _heads,
    st.lists(st.binary(min_size=1, max_size=60), max_size=5),
    st.lists(st.integers(0, 500), max_size=6),
    st.sampled_from(["pass", "stream", "whole"]),
)
def test_any_cut_of_a_reply_gives_the_same_answer(framing: str, pieces: list[bytes], places: list[int], mode: str) -> None:
    body = b"".join(pieces)
    if framing == "length":
        raw = b"HTTP/1.1 200 OK\r\nX-A: 1\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    elif framing == "chunked":
        raw = CHUNKED + b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
    else:
        raw = b"HTTP/1.1 200 OK\r\nX-A: 1\r\n\r\n" + body

    async def script(upstream: Upstream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await upstream.request(reader)
        for part in cuts(raw, places):
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0)

    async def work() -> None:
        ear = Ear("stream" if mode == "stream" else "whole" if mode == "whole" else "pass")
        async with world(script, tap=lambda: ear) as w:
            async with client(w.port) as one:
                await one.send(post(b"{}", close=False))
                head, got = await one.reply()
            assert head.startswith(b"HTTP/1.1 200 OK\r\n")
            assert got == body
            await until(lambda: bool(ear.ended))
            assert ear.heard == body
            assert ear.ended == [("complete", 200, 2, len(body))]
            assert ear.calls.index("acknowledge") == len(ear.calls) - 2

    run(work())


# Requests.


BODIES = [b"", b"{}", b"\x00\xff not json", b"a" * 65_536, b"b" * 65_537, b"c" * 3_000_000]


@pytest.mark.parametrize("body", BODIES, ids=[str(len(body)) for body in BODIES])
@pytest.mark.parametrize("wants", [True, False], ids=["gathered", "streamed"])
@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
@pytest.mark.parametrize("plain", [False, True], ids=["uvloop", "asyncio"])
def test_any_body_reaches_the_upstream(body: bytes, wants: bool, chunked: bool, plain: bool) -> None:
    async def work() -> None:
        async with world(replies(OK), wants=wants) as w, client(w.port) as one:
            for at in range(2):
                if chunked:
                    half = len(body) // 2
                    parts = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:half], body[half:]) if part)
                    framed = b"Transfer-Encoding: chunked\r\n\r\n" + parts + b"0\r\nX-Trailer: 1\r\n\r\n"
                else:
                    framed = b"Content-Length: %d\r\n\r\n" % len(body) + body
                await one.send(b"PUT /any HTTP/1.1\r\nHost: a\r\nContent-Type: text/csv; charset=latin-1\r\n" + framed)
                assert (await one.reply())[1] == b"ok"
                received = w.upstream.received[at]
                assert received.body == body
                coded = field(received.head, b"transfer-encoding")
                assert coded == (b"chunked" if chunked and not wants else None)
                seen = w.house.seen[at][1]
                assert seen == (body if wants else b"")
                assert type(seen) is bytes

    run(work(), plain)


def test_a_large_body_in_small_pieces_with_the_next_request_behind_it() -> None:
    async def work() -> None:
        async with world(replies(OK)) as w, client(w.port) as one:
            body = bytes(range(256)) * 1200
            raw = post(body, close=False) + post(b"after", close=False)
            for at in range(0, len(raw), 50_000):
                await one.send(raw[at : at + 50_000])
                await asyncio.sleep(0.002)
            await one.reply()
            await one.reply()
            assert [received.body for received in w.upstream.received] == [body, b"after"]

    run(work())


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_beyond_the_limit_is_streamed_without_the_houses_memory(chunked: bool) -> None:
    async def work() -> None:
        async with world(replies(OK), limits=Limits(max_buffered_body=100_000)) as w, client(w.port) as one:
            body = b"x" * 400_000
            if chunked:
                pieces = b"".join(b"%x\r\n%b\r\n" % (50_000, body[:50_000]) for _ in range(8))
                await one.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + pieces + b"0\r\n\r\n")
            else:
                await one.send(post(body, close=False))
            assert (await one.reply())[1] == b"ok"
            assert w.upstream.received[0].body == body
            assert [seen for _, seen in w.house.seen] == [b""]

    run(work())


def test_a_streamed_request_and_its_reply_flow_at_the_same_time() -> None:
    async def work() -> None:
        async def echo(upstream: Upstream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(CHUNKED)
            while (size := int((await reader.readuntil(b"\r\n")).strip(), 16)) > 0:
                data = await reader.readexactly(size + 2)
                writer.write(b"%x\r\n%b" % (size, data))
            writer.write(b"0\r\n\r\n")
            await reader.read()

        async with world(echo, wants=False) as w, client(w.port) as one:
            await one.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
            await one.reader.readuntil(b"\r\n\r\n")
            for at in range(5):
                await one.send(b"1\r\n%d\r\n" % at)
                assert await one.reader.readuntil(b"\r\n") == b"1\r\n"
                assert await one.reader.readuntil(b"\r\n") == b"%d\r\n" % at
            await one.send(b"0\r\n\r\n")
            assert await one.rest() == (b"0\r\n\r\n", "eof")

    run(work())


def test_a_plan_may_change_body_headers_and_path() -> None:
    async def work() -> None:
        for wants in (True, False):
            async with world(replies(OK), wants=wants) as w, client(w.port) as one:

                async def decide(head: Head, body: bytes) -> Plan:
                    await asyncio.sleep(0.01)
                    return Plan(target=w.house.target(head), body=b"new body", drop=frozenset({b"x-in"}), add=((b"X-Out", b"2"),))

                w.house.decide = decide
                for _ in range(2):
                    await one.send(post(b"old", b"X-In: 1\r\n", close=False))
                    assert (await one.reply())[1] == b"ok"
                received = w.upstream.received[1]
                assert received.body == b"new body"
                assert received.head.endswith(b"Content-Length: 8\r\nX-Out: 2\r\n\r\n")
                assert b"X-In" not in received.head

    run(work())


def test_an_answer_of_the_house_needs_no_upstream() -> None:
    async def work() -> None:
        ear = Ear()
        async with world(replies(OK)) as w, client(w.port) as one:
            answer = Answer(200, ((b"X-A", b"1"),), b"hello")
            w.house.decide = lambda head, body: Plan(answer=answer, tap=ear)
            for _ in range(2):
                await one.send(post(b"{}", close=False))
                head, body = await one.reply()
                assert (head, body) == (b"HTTP/1.1 200 OK\r\nX-A: 1\r\nContent-Length: 5\r\n\r\n", b"hello")
            await until(lambda: bool(ear.ended))
            assert ear.calls == ["acknowledge", "over", "acknowledge"] or ear.ended[0] == ("complete", 200, 2, 5)
            assert w.upstream.opened == 0

    run(work())


# Many.


def test_two_hundred_streams_at_once_each_get_their_own() -> None:
    async def work() -> None:
        async def script(upstream: Upstream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while True:
                received = await upstream.request(reader)
                writer.write(CHUNKED)
                for at in range(10):
                    line = b"data: %b %d\n\n" % (received.body, at)
                    writer.write(b"%x\r\n%b\r\n" % (len(line), line))
                    await asyncio.sleep(0.01)
                writer.write(b"0\r\n\r\n")

        async def one_stream(port: int, number: int) -> None:
            async with client(port) as one:
                for turn in range(2):
                    name = b"c%d-%d" % (number, turn)
                    await one.send(post(name, close=False))
                    _, body = await one.reply()
                    assert re.findall(rb"data: (\S+) \d", body) == [name] * 10

        async with world(script, tap=Ear) as w:
            await asyncio.gather(*(one_stream(w.port, number) for number in range(200)))
            assert w.door.metrics.requests == 400
            await until(lambda: w.door.metrics.open_connections == 0)
            assert w.door.metrics.in_flight == 0

    run(work())


def test_both_sides_send_small_pieces_at_once() -> None:
    async def work() -> None:
        async with world(replies(OK)) as w, client(w.port) as one:
            await one.send(get(close=False))
            await one.reply()
            down = next(iter(w.door._connections))
            up = w.door.pool._idle[("http", "127.0.0.1", w.house.port)][0]
            for transport in (down.transport, up.transport):
                assert transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)

    run(work())


def test_ports_have_houses_of_their_own() -> None:
    async def work() -> None:
        async with world(replies(OK)) as w:

            class Other:
                def wants_body(self, head: Head) -> bool:
                    raise RuntimeError

                def plan(self, head: Head, body: bytes) -> Plan:
                    return Plan(answer=Answer(200, (), b"other"))

                def error(self, head: Head | None, status: int, code: str, message: str) -> Answer:
                    raise RuntimeError

            port = await w.door.listen("127.0.0.1", 0, Other())
            assert (await ask(port, get()))[0].endswith(b"other")
            assert (await ask(w.port, get()))[0].endswith(b"ok")
            got, _ = await ask(port, b"nonsense\r\n\r\n")
            assert got.startswith(b"HTTP/1.1 400 ")

    run(work())
