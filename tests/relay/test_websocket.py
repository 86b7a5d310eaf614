"""WebSocket frames, written here by RFC 6455 and nothing of ours: messages mean the same however they are cut, what is no frame closes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import struct
from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backstory.core.exchange import Head
from backstory.core.plan import Answer, Plan
from backstory.relay.door import Door
from backstory.relay.limits import Limits, Timeouts
from tests.relay.world import Client, client, run

UPGRADE = (
    b"GET /v1/responses HTTP/1.1\r\nHost: proxy\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\nAuthorization: Bearer k\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
QUIET = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))


class House:
    """Answers each request with its own body."""

    def __init__(self) -> None:
        self.asked: list[tuple[Head, bytes]] = []

    def wants_body(self, head: Head) -> bool:
        return True

    def plan(self, head: Head, body: bytes) -> Plan:
        self.asked.append((head, body))
        told = {"type": "response.completed", "response": {"id": f"resp_{len(self.asked)}", "output": [], "said": body.decode()}}
        kind = ((b"Content-Type", b"text/event-stream"),)
        return Plan(answer=Answer(200, kind, b"data: " + json.dumps(told).encode() + b"\n\n"))

    def error(self, head: Head | None, status: int, code: str, message: str) -> Answer:
        return Answer(status, (), b"")


def framed(opcode: int, payload: bytes, final: bool = True, mask: bytes = b"\x01\x02\x03\x04", reserved: int = 0) -> bytes:
    """One frame of a client (RFC 6455 section 5.2)."""
    size = len(payload)
    head = bytes([(0x80 if final else 0) | reserved << 4 | opcode])
    if size < 126:
        head += bytes([0x80 | size])
    elif size < 65536:
        head += bytes([0x80 | 126]) + struct.pack(">H", size)
    else:
        head += bytes([0x80 | 127]) + struct.pack(">Q", size)
    return head + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))


async def unframed(one: Client) -> tuple[int, bytes]:
    """One frame of the server: never masked, never cut."""
    first, second = await one.reader.readexactly(2)
    assert first & 0x80
    assert not second & 0x80
    size = second
    if size == 126:
        (size,) = struct.unpack(">H", await one.reader.readexactly(2))
    elif size == 127:
        (size,) = struct.unpack(">Q", await one.reader.readexactly(8))
    return first & 0x0F, await one.reader.readexactly(size)


async def door(house: House, limits: Limits | None = None) -> tuple[Door, int]:
    made = Door(house, limits, Timeouts(linger_s=0.3), sockets=True)
    return made, await made.listen("127.0.0.1", 0)


def cut(data: bytes, sizes: Sequence[int]) -> list[bytes]:
    """The data in pieces of these sizes, and the rest."""
    pieces, at = [], 0
    for size in sizes:
        pieces.append(data[at : at + size])
        at += size
    return [*pieces, data[at:]]


@QUIET
@given(
    st.lists(st.tuples(st.text(max_size=60), st.lists(st.integers(0, 40), max_size=6), st.binary(max_size=125)), min_size=1, max_size=4),
    st.lists(st.integers(1, 200), max_size=12),
    st.binary(min_size=4, max_size=4),
)
def test_messages_ask_for_the_same_however_they_are_cut(
    messages: list[tuple[str, list[int], bytes]], chunks: list[int], mask: bytes
) -> None:
    """In fragments, with pings between them, in any pieces on the wire, the first of them right behind the upgrade."""

    async def scene() -> None:
        house = House()
        served, port = await door(house)
        data = UPGRADE
        for text, sizes, ping in messages:
            payload = json.dumps({"type": "response.create", "input": text}, ensure_ascii=len(sizes) % 2 == 0).encode("utf-8", "replace")
            pieces = cut(payload, sizes)
            for at, piece in enumerate(pieces):
                data += framed(0 if at else 1, piece, at == len(pieces) - 1, mask)
                data += framed(9, ping, mask=mask)
        async with client(port) as one:
            for piece in cut(data, chunks):
                await one.send(piece)
                await asyncio.sleep(0)
            assert (await one.reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
            got: list[bytes] = []
            pings: list[bytes] = []
            while len(got) < len(messages) or len(pings) < sum(len(sizes) + 1 for _, sizes, _ in messages):
                opcode, payload = await unframed(one)
                (got if opcode == 1 else pings).append(payload)
            asked = [json.loads(body)["input"] for _, body in house.asked]
            assert asked == [json.loads(json.dumps(text)).encode("utf-8", "replace").decode() for text, _, _ in messages]
            assert pings == [ping for _, sizes, ping in messages for _ in range(len(sizes) + 1)]
            assert [json.loads(one)["response"]["id"] for one in got] == [f"resp_{at + 1}" for at in range(len(messages))]
            await one.send(framed(8, struct.pack(">H", 1000)))
            assert await unframed(one) == (8, struct.pack(">H", 1000))
            assert (await one.rest())[0] == b""
        await served.drain(0.5)
        assert served.metrics.in_flight == 0

    run(scene())


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        (framed(1, b"{}")[:1] + b"\x02{}", 1002),
        (framed(1, b"{}", reserved=4), 1002),
        (framed(3, b""), 1002),
        (framed(0, b"{}"), 1002),
        (framed(1, b"{", False) + framed(1, b"}"), 1002),
        (framed(9, b"x", False), 1002),
        (framed(9, b"x" * 126), 1002),
        (framed(8, b"\x03"), 1002),
        (framed(8, struct.pack(">H", 1005)), 1002),
        (framed(1, b"\xff"), 1007),
        (framed(1, b"\xc3", False) + framed(0, b"("), 1007),
        (framed(8, struct.pack(">H", 1000) + b"\xff"), 1007),
        (framed(2, b"{}"), 1003),
        (framed(1, b"x" * 600), 1009),
        (framed(1, b"x" * 300, False) + framed(0, b"x" * 300), 1009),
        (framed(1, b"x" * 600)[:520], 1009),
    ],
)
def test_what_is_no_frame_closes_with_the_code_that_says_so(frames: bytes, code: int) -> None:
    async def scene() -> None:
        house = House()
        served, port = await door(house, Limits(max_buffered_body=500))
        async with client(port) as one:
            await one.send(UPGRADE + frames)
            await one.reader.readuntil(b"\r\n\r\n")
            opcode, payload = await unframed(one)
            assert (opcode, struct.unpack(">H", payload[:2])[0]) == (8, code)
            assert (await one.rest())[0] == b"", "nothing follows, and the connection ends"
        assert not house.asked
        await served.drain(0.5)

    run(scene())


@QUIET
@given(st.binary(max_size=300), st.lists(st.integers(1, 50), max_size=8))
def test_no_bytes_break_the_door(junk: bytes, sizes: list[int]) -> None:
    async def scene() -> None:
        served, port = await door(House())
        async with client(port) as one:
            await one.send(UPGRADE)
            await one.reader.readuntil(b"\r\n\r\n")
            with contextlib.suppress(ConnectionError):  # closed meanwhile, and rightly
                for piece in cut(junk, sizes):
                    await one.send(piece)
                    await asyncio.sleep(0)
        async with client(port) as one:
            await one.send(UPGRADE + framed(1, b'{"type":"response.create","input":"x"}'))
            await one.reader.readuntil(b"\r\n\r\n")
            assert (await unframed(one))[0] == 1
        await served.drain(0.5)
        assert (served.metrics.in_flight, served.metrics.open_connections) == (0, 0)

    run(scene())


def test_too_many_requests_that_wait_are_refused() -> None:
    class Silent(House):
        def plan(self, head: Head, body: bytes) -> Plan:
            if json.loads(body)["input"] == "slow":
                return asyncio.get_running_loop().create_future()  # type: ignore[return-value]
            return super().plan(head, body)

    async def scene() -> None:
        served, port = await door(Silent())
        async with client(port) as one:
            await one.send(UPGRADE + framed(1, b'{"type":"response.create","input":"slow"}'))
            for _ in range(65):
                await one.send(framed(1, b'{"type":"response.create","input":"x"}'))
            await one.reader.readuntil(b"\r\n\r\n")
            told = json.loads((await unframed(one))[1])
            assert (told["status"], told["error"]["code"]) == (429, "too_many_requests")
        async with client(port) as one:
            await one.send(UPGRADE)
            await one.reader.readuntil(b"\r\n\r\n")
            many = [framed(1, b'{"type":"response.create","generate":false,"stream_id":"%d"}' % at) for at in range(33)]
            await one.send(b"".join(many[:-1]))
            for _ in range(64):
                assert b'"error":null' in (await unframed(one))[1]
            await one.send(many[-1])
            told = json.loads((await unframed(one))[1])
            assert (told["error"]["code"], told["stream_id"]) == ("websocket_stream_limit_reached", "32")
        await served.drain(0.5)
        assert served.metrics.in_flight == 0

    run(scene())
