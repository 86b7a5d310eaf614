"""A malformed or cut reply: what the client gets of it does not depend on how its bytes were cut on their way to us."""

from __future__ import annotations

import asyncio
import socket
from functools import partial
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.relay.test_faults import CHUNKED, sends
from tests.relay.world import Client, Ear, Script, Upstream, ask, client, field, post, run, until, world

LAST = CHUNKED[:-2] + b"Connection: close\r\n\r\n"
EVENT = b'data: {"n":1}\n\n'
EVENTS = b"".join(b"%x\r\n%b\r\n" % (len(EVENT), EVENT) for _ in range(20))

# What follows twenty good events in one stream, what of it belongs to the body, and how the exchange ends.
ENDS: dict[str, tuple[bytes, bytes, str]] = {
    "no size": (b"ZZZ\r\nfoo", b"", "interrupted"),
    "no end of a chunk": (b"5\r\nhelloXX", b"hello", "interrupted"),
    "a bad trailer": (b"0\r\nbad trailer\r\n\r\n", b"", "interrupted"),
    "a cut chunk": (b"99\r\npart", b"part", "interrupted"),
    "a cut size": (b"9", b"", "interrupted"),
    "no last chunk": (b"", b"", "interrupted"),
    "a good end": (b"0\r\n\r\n", b"", "complete"),
    "a good end with a trailer": (b"0\r\nX-Sum: 1\r\n\r\n", b"", "complete"),
    "more than the end": (b"0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", b"", "complete"),
}


def dechunked(got: bytes) -> tuple[bytes, bool]:
    """The body in these bytes, and whether it came to its end."""
    body = b""
    while got:
        size, _, got = got.partition(b"\r\n")
        count = int(size, 16)
        if not count:
            return body, True
        body, got = body + got[:count], got[count + 2 :]
    return body, False


def _same(ear: Ear) -> Ear:
    return ear


def _has_ended(ear: Ear) -> bool:
    return bool(ear.ended)


@pytest.mark.parametrize(("end", "more", "ended"), ENDS.values(), ids=ENDS)
@pytest.mark.parametrize("mode", ["pass", "stream"])
def test_what_came_of_a_stream_passes_in_one_piece_or_in_many(end: bytes, more: bytes, ended: str, mode: str) -> None:
    raw = CHUNKED + EVENTS + end

    async def work() -> None:
        for parts in ([raw], [CHUNKED, raw[len(CHUNKED) :]], [raw[:-7], raw[-7:]], [raw[at : at + 97] for at in range(0, len(raw), 97)]):
            ear = Ear("stream" if mode == "stream" else "pass")
            async with world(sends(*parts, pause_s=0.005), tap=partial(_same, ear)) as w:
                got, _ = await ask(w.port, post(b"{}"))
                head, _, rest = got.partition(b"\r\n\r\n")
                assert head.startswith(b"HTTP/1.1 200 OK\r\n")
                assert dechunked(rest) == (EVENT * 20 + more, ended == "complete")
                await until(partial(_has_ended, ear))
                assert ear.ended[0][:2] == (ended, 200)
                assert ear.heard == EVENT * 20 + more
                assert w.house.errors == []

    run(work())


def scripted(pieces: list[list[bytes]]) -> Script:
    """The last list of pieces, one by one, for each request on each connection; then the connection is closed."""

    async def script(upstream: Upstream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await upstream.request(reader)
        for piece in pieces[-1]:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.001)

    return script


BODIES = st.lists(st.binary(min_size=1, max_size=40), min_size=1, max_size=4)
FAULTS = st.sampled_from([end for end, _, _ in ENDS.values()]) | st.binary(max_size=12)
CUTS = st.lists(st.integers(0, 400), max_size=5)


def test_any_cut_of_a_reply_gives_the_client_the_same() -> None:
    """However the bytes come: the same status, body and end, from the first byte of the body on."""

    async def told(one: Client) -> tuple[bytes, bytes, bool]:
        await one.send(post(b"{}"))
        got, how = await one.rest()
        head, _, rest = got.partition(b"\r\n\r\n")
        if field(head, b"transfer-encoding") == b"chunked":
            return head, *dechunked(rest)
        return head, rest, how == "eof"

    async def work() -> None:
        pieces: list[list[bytes]] = []
        async with world(scripted(pieces)) as w:

            async def through(parts: list[bytes]) -> tuple[bytes, bytes, bool]:
                pieces.append(parts)
                async with client(w.port) as one:
                    return await told(one)

            loop = asyncio.get_running_loop()

            @given(BODIES, FAULTS, CUTS)
            @settings(max_examples=40, deadline=None, database=None)
            def law(bodies: list[bytes], fault: bytes, cuts: list[int]) -> None:
                raw = LAST + b"".join(b"%x\r\n%b\r\n" % (len(body), body) for body in bodies) + fault
                at = sorted({place % len(raw) for place in cuts} | {0, len(raw)})
                parts = [raw[start:end] for start, end in pairwise(at)]
                whole = asyncio.run_coroutine_threadsafe(through([raw]), loop).result(5)
                assert asyncio.run_coroutine_threadsafe(through(parts), loop).result(5) == whole
                assert whole[0].startswith(b"HTTP/1.1 200 OK")
                assert whole[1].startswith(b"".join(bodies))

            await asyncio.to_thread(law)

    run(work())


@pytest.mark.parametrize("then", ["stall", "reset"])
def test_a_slow_client_gets_what_came_before_the_break(then: str) -> None:
    """More than the system's buffers hand out at once: the break is a close that its framing shows, after the last byte."""
    piece = b"y" * 65536
    raw = CHUNKED + (b"%x\r\n%b\r\n" % (len(piece), piece)) * 6 + b"ZZZ\r\n"

    async def work() -> None:
        async with world(sends(raw, then=then)) as w:
            reader, writer = await asyncio.open_connection("127.0.0.1", w.port, limit=4096)
            sock: socket.socket = writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
            writer.write(post(b"{}"))
            await until(lambda: w.door.metrics.cut == 1)
            await asyncio.sleep(0.05)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            got = await reader.read(-1)
            writer.close()
            assert got.count(b"y") == 6 * len(piece)
            assert not got.endswith(b"0\r\n\r\n")

    run(work())
