"""An answer is over when it has said its last word: its client goes on with that, whenever the provider ends the body behind it."""

from __future__ import annotations

import asyncio
import json
import random
import re
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from backstory.config import Config
from backstory.core.message import Text
from backstory.core.records import Turn
from backstory.core.reply import Reply
from backstory.wires import WIRES
from tests.app.test_paging_restarts import ASKED, RESPONSES, TWO_LEGS
from tests.paging import Model, body, configured, history, spoken
from tests.relay.world import Received, Upstream, run
from tests.rig import PATHS, QUICK, Answer, Rig, asking, chunked, post, settings, soon
from tests.stages.world import Chat, stored

ROUNDS = 6
ENDS = {"anthropic": b"message_stop", "openai_chat": b"[DONE]", "openai_responses": b"response.completed"}
CODINGS = ("", "gzip", "members")


def body_of(wire: str, text: str) -> bytes:
    """A streamed answer in this wire, from its first event to its last."""
    found = next(one for one in WIRES if one.name == wire)
    return found.write(Reply((Text(text),), "stop"), True)


def packed(pieces: list[bytes], coding: str) -> list[bytes]:
    """The pieces in gzip: each flushed, or each a member of its own."""
    if coding == "members":
        return [one.compress(piece) + one.flush() for piece in pieces for one in [zlib.compressobj(wbits=31)]]
    one = zlib.compressobj(wbits=31)
    return [one.compress(piece) + one.flush(zlib.Z_SYNC_FLUSH) for piece in pieces]


def cut(body: bytes, chance: random.Random) -> list[bytes]:
    """In pieces of any size."""
    places = sorted({0, len(body), *(chance.randrange(len(body)) for _ in range(chance.choice((0, 1, 3, 12))))})
    return [body[one:other] for one, other in pairwise(places)]


@asynccontextmanager
async def dragging(config: Config, answer: Answer, drags: Callable[[int], bool]) -> AsyncIterator[tuple[Rig, asyncio.Event]]:
    """A proxy in front of a provider that ends the body of some answers (by number) only when it has the next request but one, or is let
    go."""
    gone = asyncio.Event()

    async def script(upstream: Upstream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            given = answer(await upstream.request(reader))
            raw = [given] if isinstance(given, bytes) else [*given]
            number = len(upstream.received)
            for piece in raw[:-1]:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)
            while drags(number) and len(upstream.received) < number + 2 and not gone.is_set():  # noqa: ASYNC110 (it has no event)
                await asyncio.sleep(0.001)
            writer.write(raw[-1])

    upstream = Upstream(script)
    server = await asyncio.start_server(upstream.serve, "127.0.0.1", 0, limit=1 << 24)
    one = Rig(config, upstream, server.sockets[0].getsockname()[1], QUICK)
    await one.start()
    try:
        yield one, gone
    finally:
        gone.set()
        await one.stop()
        server.close()
        await upstream.end()


async def told(one: Rig, path: str, body: bytes, expected: int) -> asyncio.StreamWriter:
    """Ask on a connection of its own until so much of an answer has come; the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", one.port)
    writer.write(post(one.upstream_port, path, body))
    head = await reader.readuntil(b"\r\n\r\n")
    got = b""
    unpacked = zlib.decompressobj(31) if b"gzip" in head else None
    while len(got) < expected:
        size = int(await reader.readuntil(b"\r\n"), 16)
        piece = (await reader.readexactly(size + 2))[:-2]
        while unpacked is not None and piece:
            got += unpacked.decompress(piece)
            piece = unpacked.unused_data
            if unpacked.eof:
                unpacked = zlib.decompressobj(31)
        got += piece
    return writer


async def turns(one: Rig) -> list[list[Turn]]:
    assert one.engine.lanes is not None
    await one.engine.lanes.flush()
    names = [record.id for record, _ in await stored(one, lambda store: store.conversations(None, 99))]
    return [await stored(one, lambda store, name=name: store.turns(name)) for name in names]  # type: ignore[misc]


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("stays", [True, False], ids=["the connection stays open", "the client closes it"])
@pytest.mark.parametrize("wire", ENDS)
@pytest.mark.parametrize("seed", range(3))
def test_who_goes_on_at_the_last_word_has_one_conversation(tmp_path: Path, wire: str, stays: bool, coding: str, seed: int) -> None:
    chance = random.Random(f"{wire} {stays} {coding} {seed}")

    def answer(received: Received) -> list[bytes]:
        pieces = cut(body_of(wire, f"Answer {received.body.count(b'Question')}."), chance)
        raw = chunked(packed(pieces, coding) if coding else pieces)
        return [raw[0][:-2] + b"Content-Encoding: gzip\r\n\r\n", *raw[1:]] if coding else raw

    async def work() -> None:
        async with dragging(settings(tmp_path), answer, lambda _: True) as (one, gone):
            chat: Chat = []
            open_still: list[asyncio.StreamWriter] = []
            for number in range(ROUNDS):
                chat.append(("user", f"Question number {number}: what of it?"))
                said = f"Answer {number + 1}."
                writer = await told(one, PATHS[wire], asking(wire, chat, stream=True), len(body_of(wire, said)))
                chat.append(("assistant", said))
                if stays:
                    open_still.append(writer)
                else:
                    writer.close()
            found = await turns(one)
            gone.set()
            for writer in open_still:
                writer.close()
            await soon(lambda: one.door.metrics.in_flight == 0)
            assert [[(turn.role, turn.text) for turn in some] for some in found] == [chat]
            assert all(turn.complete for turn in found[0])
            assert await turns(one) == found
            assert not one.failures()
            assert one.door.metrics.aborted == 0 or stays

    run(work(), plain=seed == 1)


def test_what_a_look_up_has_left_is_known_at_the_last_word(tmp_path: Path) -> None:
    model = Model(next(one for one in WIRES if one.name == RESPONSES), *TWO_LEGS)

    async def work() -> None:
        async with dragging(configured(tmp_path), model, lambda number: number == 2) as (one, gone):
            reader, writer = await asyncio.open_connection("127.0.0.1", one.port)
            writer.write(post(one.upstream_port, PATHS[RESPONSES], body(RESPONSES, [*history(), ASKED], True)))
            got = await reader.readuntil(b"event: response.completed\n") + await reader.readuntil(b"\n\n")
            first = re.findall(rb'"id": ?"(reply_\d+)"', got)[0].decode()
            more = json.dumps({"model": "m", "previous_response_id": first, "input": spoken(RESPONSES, "Thanks.")}).encode()
            await one.ask(PATHS[RESPONSES], more)
            assert json.loads(one.sent.body)["previous_response_id"] == "reply_2"
            assert len(await turns(one)) == 1
            gone.set()
            writer.close()
            await soon(lambda: one.door.metrics.in_flight == 0)
            assert not one.failures()

    run(work())
