"""Answers of first exchanges that end at the same moment: one write to the journal, before the last byte of any of them leaves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from backstory.core.records import Place
from backstory.errors import StoreError
from backstory.relay.flow import Flow
from backstory.relay.together import Together
from tests.relay.world import Client, Upstream
from tests.rig import PATHS, QUICK, Rig, asking, post, reply, rig, said, settings, soon
from tests.stages.world import stored

MANY = 12
WIRE = "openai_chat"


@asynccontextmanager
async def crowd(folder: Path) -> AsyncIterator[tuple[Rig, list[Client]]]:
    """A proxy whose upstream answers when so many have asked, all at once, and so many clients."""
    writers: list[asyncio.StreamWriter] = []

    async def script(upstream: Upstream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await upstream.request(reader)
            writers.append(writer)
            if len(writers) == MANY:
                for number, one in enumerate(writers):
                    one.write(reply(said(WIRE, f"Answer {number}.")))
                writers.clear()

    upstream = Upstream(script)
    server = await asyncio.start_server(upstream.serve, "127.0.0.1", 0)
    one = Rig(settings(folder), upstream, server.sockets[0].getsockname()[1], QUICK)
    await one.start()
    clients = [Client(*await asyncio.open_connection("127.0.0.1", one.port)) for _ in range(MANY)]
    try:
        yield one, clients
    finally:
        for client in clients:
            client.writer.close()
        await one.stop()
        server.close()
        await upstream.end()


async def ask(one: Rig, clients: Sequence[Client]) -> list[bytes]:
    for number, client in enumerate(clients):
        await client.send(post(one.upstream_port, PATHS[WIRE], asking(WIRE, [("user", f"Question {number}?")])))
    return [(await client.reply())[1] for client in clients]


async def told(one: Rig) -> list[list[str]]:
    names = [record.id for record, _ in await stored(one, lambda store: store.conversations(None, 99))]
    return sorted([[turn.text for turn in await stored(one, lambda store, name=name: store.turns(name))] for name in names])  # type: ignore[misc]


def test_they_are_journalled_with_one_write_before_any_of_them_leaves(tmp_path: Path) -> None:
    writes: list[tuple[int, int]] = []

    async def work() -> None:
        async with crowd(tmp_path) as (one, clients):
            assert one.engine.lanes is not None
            append_all = one.engine.lanes.append_all

            def watched(payloads: Sequence[bytes]) -> tuple[int, list[Place]]:
                writes.append((len(payloads), one.door.metrics.in_flight))
                return append_all(payloads)

            one.engine.lanes.append_all = watched  # type: ignore[method-assign]
            bodies = await ask(one, clients)
            assert sorted(bodies) == sorted(said(WIRE, f"Answer {number}.") for number in range(MANY))
            await soon(lambda: len(one.engine.arrivals) == 0)
            assert [texts[0] for texts in await told(one)] == sorted(f"Question {number}?" for number in range(MANY))
            assert all(len(texts) == 2 for texts in await told(one))
            assert not one.failures()

    asyncio.run(work())
    assert sum(count for count, _ in writes) == MANY
    assert len(writes) < MANY / 2
    left = MANY
    for count, in_flight in writes:
        assert in_flight == left, "an answer has left that is not journalled"
        left -= count


@pytest.mark.parametrize("most", [1, 0], ids=["only one by one", "not at all"])
def test_where_they_cannot_be_written_together_each_is_by_itself(tmp_path: Path, most: int) -> None:
    async def work() -> None:
        async with crowd(tmp_path) as (one, clients):
            assert one.engine.lanes is not None
            append_all = one.engine.lanes.append_all

            def full(payloads: Sequence[bytes]) -> tuple[int, list[Place]]:
                if len(payloads) > most:
                    raise StoreError("the disk is full")
                return append_all(payloads)

            one.engine.lanes.append_all = full  # type: ignore[method-assign]
            bodies = await ask(one, clients)
            assert sorted(bodies) == sorted(said(WIRE, f"Answer {number}.") for number in range(MANY))
            assert (one.failures()["journal"] < MANY / 2) == bool(most)
            assert one.door.metrics.tap_errors == 0
            await soon(lambda: len(one.engine.arrivals) == 0)
            assert [len(texts) for texts in await told(one)] == [2] * MANY

    asyncio.run(work())


def test_a_fault_of_all_is_nobodys_loss(tmp_path: Path) -> None:
    async def work() -> None:
        async with crowd(tmp_path) as (one, clients):
            arrivals, broken = one.house.arrivals, []

            def fails(heard: Sequence[object]) -> list[int]:
                if len(heard) > 1:
                    broken.append(len(heard))
                    raise RuntimeError("a fault")
                return arrivals(heard)  # type: ignore[arg-type]

            one.house.arrivals = fails  # type: ignore[method-assign]
            assert len(await ask(one, clients)) == MANY
            assert one.door.metrics.tap_errors == len(broken) > 0
            await soon(lambda: len(one.engine.arrivals) == 0)
            assert [len(texts) for texts in await told(one)] == [2] * MANY

    asyncio.run(work())


def test_one_whose_client_leaves_meanwhile_is_kept_as_broken_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        async with crowd(tmp_path) as (one, clients):
            add = Together.add
            gone: list[Flow] = []

            def leaving(together: Together, flow: Flow, data: bytes, trailers: tuple[tuple[bytes, bytes], ...]) -> None:
                add(together, flow, data, trailers)
                if not gone:
                    gone.append(flow)
                    flow._down.transport.abort()
                    flow.give_up()

            monkeypatch.setattr(Together, "add", leaving)
            for number, client in enumerate(clients):
                await client.send(post(one.upstream_port, PATHS[WIRE], asking(WIRE, [("user", f"Question {number}?")])))
            await soon(lambda: one.door.metrics.requests == MANY and one.door.metrics.in_flight == 0)
            await soon(lambda: len(one.engine.arrivals) == 0)
            kept = await told(one)
            assert len(kept) == MANY
            assert sum(len(texts) for texts in kept) == 2 * MANY
            names = [record.id for record, _ in await stored(one, lambda store: store.conversations(None, 99))]
            ended = [await stored(one, lambda store, name=name: store.turns(name)[-1].complete) for name in names]  # type: ignore[misc]
            assert sorted(ended) == [False, *[True] * (MANY - 1)]

    asyncio.run(work())


def test_a_fault_in_one_is_nobody_elses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        async with crowd(tmp_path) as (one, clients):
            end = Flow.end
            hurt: list[Flow] = []

            def fails(flow: Flow, data: bytes, trailers: tuple[tuple[bytes, bytes], ...]) -> None:
                if not hurt:
                    hurt.append(flow)
                    raise RuntimeError("a fault")
                end(flow, data, trailers)

            monkeypatch.setattr(Flow, "end", fails)
            for number, client in enumerate(clients):
                await client.send(post(one.upstream_port, PATHS[WIRE], asking(WIRE, [("user", f"Question {number}?")])))
            for client in clients:
                client.writer.write_eof()
            heard = [await client.rest() for client in clients]
            assert sorted(len(data) > 0 for data, _ in heard) == [False, *[True] * (MANY - 1)]
            await soon(lambda: len(one.engine.arrivals) == 0)
            assert len(await told(one)) == MANY
            assert one.door.metrics.in_flight == 0

    asyncio.run(work())


@pytest.mark.parametrize("size", [10, 65_536, 200_000])
def test_however_long_an_answer_is_it_is_journalled_once(tmp_path: Path, size: int) -> None:
    text = "word " * (size // 5)

    async def work() -> None:
        async with rig(settings(tmp_path), lambda _: reply(said(WIRE, text))) as one:
            client = Client(*await asyncio.open_connection("127.0.0.1", one.port))
            await client.send(post(one.upstream_port, PATHS[WIRE], asking(WIRE, [("user", "Write much!")])))
            assert (await client.reply())[1] == said(WIRE, text)
            client.writer.close()
            await soon(lambda: one.engine.arrivals is not None and len(one.engine.arrivals) == 0)
            assert await told(one) == [["Write much!", text]]

    asyncio.run(work())
