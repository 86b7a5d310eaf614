"""Law 5: whatever breaks in memory, the client's bytes go up, and the answer comes back with the same status and body.

Each part of the house is replaced, one at a time, by a subclass of it of which one method fails or stalls.
"""

from __future__ import annotations

import asyncio
import errno
import shutil
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import Struct

from backstory.app import journals, opening
from backstory.app.journals import settle_entry
from backstory.config import Config
from backstory.core.exchange import Head
from backstory.errors import StoreError
from backstory.stores.database import open_store
from backstory.stores.inbox import Inbox
from tests.laws.failing import PARTS, PATH, STAGES, WIRE, Part, breaks, raises
from tests.relay.world import Received
from tests.rig import Rig, asking, chunked, reply, rig, said, settings, soon, with_marker

ROUNDS = 14
ERRORS: dict[str, Callable[[], Exception]] = {
    "store": lambda: StoreError("the store is gone"),
    "full": lambda: OSError(errno.ENOSPC, "no space left on device"),
    "recursion": RecursionError,
    "memory": MemoryError,
    "key": lambda: KeyError("x"),
}
STALL_S = 0.8
Chat = list[tuple[str, str]]


def question(number: int) -> str:
    return f"Question {number}: please tell me about subject number {number * 7} of the long list, and why it matters so much to the crew."


def answer(number: int) -> str:
    about = ("harbour", "engine", "galley", "compass")[number % 4]
    return f"Answer {number}: subject {number * 7} is about the {about}, and all is well with it."


def chat(rounds: int) -> Chat:
    """So many exchanges, and one question more."""
    said_so_far: Chat = []
    for number in range(rounds):
        said_so_far += [("user", question(number)), ("assistant", answer(number))]
    return [*said_so_far, ("user", question(rounds))]


def upstream(received: Received) -> bytes | list[bytes]:
    """Answers the question that was asked, streamed where that is asked for."""
    number = (received.body.count(b"Question ")) % 1000
    body = said(WIRE, f"Answer: {number} questions came.")
    return chunked([body[:20], body[20:]], b"application/json") if b'"stream": true' in received.body else reply(body)


def configured(folder: Path) -> Config:
    return settings(
        folder,
        memory={"threshold_messages": 4},
        compaction={"context_window": 700, "protected_recent_turns": 1},
        recall={"deadline_ms": 5000.0, "budget_tokens": 100},
        usage={"keep_days": 90},
    )


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A database with one conversation that has outgrown its window."""
    folder = tmp_path_factory.mktemp("stored")

    async def work() -> None:
        async with rig(configured(folder), lambda received: reply(said(WIRE, answer(len(one.upstream.received) - 1)))) as one:
            for number in range(ROUNDS):
                await one.ask(PATH, asking(WIRE, chat(number)))
            assert b"subject number 7 " not in one.sent.body.split(b"</", 1)[-1], "the beginning is folded"

    asyncio.run(work())
    return (folder / "memory.db").read_bytes()


@asynccontextmanager
async def prepared(folder: Path, stored: bytes, deadline_ms: float = 5000.0, marker: str = "never") -> AsyncIterator[Rig]:
    (folder / "memory.db").write_bytes(stored)
    config = with_marker(configured(folder), marker)
    config = type(config)(
        storage=config.storage,
        memory=config.memory,
        compaction=config.compaction,
        marker=config.marker,
        usage=config.usage,
        recall=type(config.recall)(deadline_ms=deadline_ms, budget_tokens=100),
    )
    async with rig(config, upstream) as one:
        yield one


HELLO = [("user", "Hello, is this the first message of all?")]
REQUESTS = {
    "goes on": asking(WIRE, chat(ROUNDS)),
    "streams": asking(WIRE, chat(ROUNDS), stream=True),
    "cut": asking(WIRE, chat(ROUNDS)[-9:]),
    "first": asking(WIRE, HELLO),
    "second": asking(WIRE, [*HELLO, ("assistant", "Answer: 0 questions came."), ("user", "So?")]),
    "named": asking(WIRE, chat(2), metadata={"user_id": "user_x_account_y_session_5b2b1c5e-6a7f-4a3e-9d38-1f2b7a1c0d11"}),
}


async def hold(one: Rig, body: bytes, healthy: bytes, plain: bool, other: bool = False) -> None:
    """One request while something is broken. `plain`: nothing can be added to it; `other`: what is added depends on earlier requests."""
    before = len(one.upstream.received)
    head, got = await one.ask(PATH, body)
    assert len(one.upstream.received) == before + 1, "sent once"
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert got == said(WIRE, f"Answer: {one.sent.body.count(b'Question ')} questions came.")
    assert one.sent.body == body or ((one.sent.body == healthy or other) and not plain)


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory, stored: bytes) -> dict[str, bytes]:
    """What goes up for each request when nothing is broken."""
    folder = tmp_path_factory.mktemp("healthy")
    found: dict[str, bytes] = {}

    async def work() -> None:
        for name, body in REQUESTS.items():
            async with prepared(folder, stored) as one:
                await one.ask(PATH, body)
                found[name] = one.sent.body

    asyncio.run(work())
    assert found["goes on"] != REQUESTS["goes on"], "memory has something to say in this test"
    assert found["cut"] != REQUESTS["cut"]
    return found


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
def test_what_raises_costs_nothing_but_itself(tmp_path: Path, stored: bytes, healthy: dict[str, bytes], part: Part) -> None:
    async def work() -> None:
        for at, kinds in enumerate((["goes on", "named"], ["cut", "streams"], ["first", "second"])):
            error = list(ERRORS.values())[(at + PARTS.index(part)) % len(ERRORS)]
            async with prepared(tmp_path, stored) as one:
                mend = breaks(part.of(one), part.method, raises(error))
                for kind in kinds:
                    await hold(one, REQUESTS[kind], healthy[kind], part.plain, other=kind in ("cut", "streams"))
                await asyncio.sleep(0.01)
                mend()
                await one.ask(PATH, asking(WIRE, HELLO))

    asyncio.run(work())


# What a command comes by once it was found. Where that which finds it breaks, nobody knows that there is one.
AFTER_FINDING = [
    part for part in PARTS if part.name.startswith(("command.", "identify.", "visits.", "threads.", "lanes.", "metrics.", "ids."))
]


@pytest.mark.parametrize("part", AFTER_FINDING, ids=lambda part: part.name)
def test_a_command_is_not_sent_on_whatever_breaks(tmp_path: Path, stored: bytes, part: Part, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backstory.app.house._COMMAND_S", 3.0)

    async def work() -> None:
        error = list(ERRORS.values())[PARTS.index(part) % len(ERRORS)]
        async with prepared(tmp_path, stored) as one:
            mend = breaks(part.of(one), part.method, raises(error))
            for messages in ([("user", "VCSTATUS")], [*chat(ROUNDS)[:-1], ("user", "!/memory(off)")]):
                head, _ = await one.ask(PATH, asking(WIRE, messages))
                assert head.startswith((b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 500 "))
                assert one.upstream.received == []
            mend()

    asyncio.run(work())


STALLING = [part for part in PARTS if part.name.startswith(("store.", "lanes.read", "threads.at_tip", "shelf.recall", "shelf.make_digest"))]


@pytest.mark.parametrize("part", STALLING, ids=lambda part: part.name)
def test_a_store_that_stalls_is_waited_for_until_the_deadline_only(
    tmp_path: Path, stored: bytes, healthy: dict[str, bytes], part: Part
) -> None:
    """The store's calls run on lanes, so the loop goes on while they stall."""

    async def work() -> None:
        async with prepared(tmp_path, stored, deadline_ms=30.0) as one:
            lane = part.name.startswith("store.")
            mend = breaks(part.of(one), part.method, (lambda _: time.sleep(STALL_S)) if lane else raises(ERRORS["store"]))
            for kind in ("goes on", "cut"):
                began = time.monotonic()
                # What is cut from the history that has just gone on is known as that, and gets its block again.
                await hold(one, REQUESTS[kind], healthy[kind], plain=False, other=kind == "cut")
                assert time.monotonic() - began < STALL_S * 0.9
            mend()

    asyncio.run(work())


@pytest.mark.parametrize("part", STAGES, ids=lambda part: part.name)
def test_a_stage_that_stalls_is_left_behind_and_its_turns_are_stored_all_the_same(tmp_path: Path, stored: bytes, part: Part) -> None:
    async def work() -> None:
        async with prepared(tmp_path, stored, deadline_ms=20.0) as one:
            stage = part.of(one)
            kind = type(stage)

            class Slow(kind):  # type: ignore[misc, valid-type]
                async def request(self, exchange: Any) -> Any:
                    await asyncio.sleep(STALL_S)
                    return await super().request(exchange)

            stage.__class__ = Slow
            began = time.monotonic()
            await hold(one, REQUESTS["goes on"], b"", plain=True)
            assert time.monotonic() - began < STALL_S * 0.9
            assert one.failures()["deadline"] == 1
            await soon(lambda: len(one.engine.visits) == 0 and not one.engine._beside)
            assert one.engine.threads is not None
            lanes = one.engine._lanes
            assert lanes is not None
            await lanes.flush()
            counts = await lanes.read(lambda store: store.counts())
            assert counts["turns"] == 2 * ROUNDS + 2

    asyncio.run(work())


def test_what_memory_is_late_with_is_stored_before_the_end(tmp_path: Path, stored: bytes) -> None:
    """A stop right after an answer, while memory still reads its request."""

    async def work() -> None:
        async with prepared(tmp_path, stored, deadline_ms=20.0) as one:
            breaks(one.engine._lanes._store, "turns", lambda _: time.sleep(STALL_S))  # type: ignore[union-attr]
            await hold(one, REQUESTS["goes on"], b"", plain=True)
        async with rig(configured(tmp_path), upstream) as one:
            counts = await one.engine._lanes.read(lambda store: store.counts())  # type: ignore[union-attr]
            assert counts["turns"] == 2 * ROUNDS + 2

    asyncio.run(work())


def journalled(folder: Path) -> list[bytes]:
    return [record for path in folder.glob("memory.db.inbox-*") for record in Inbox.read(path)]


def test_an_answer_that_memory_is_late_for_is_in_the_journal_before_its_end(tmp_path: Path, stored: bytes) -> None:
    """Should the process die now, both halves are there; as it does not, they are stored once, where they belong."""

    async def work() -> None:
        async with prepared(tmp_path, stored, deadline_ms=20.0) as one:
            mend = breaks(one.engine._lanes._store, "ended", lambda _: time.sleep(STALL_S))  # type: ignore[union-attr]
            await hold(one, REQUESTS["goes on"], b"", plain=True)
            assert len(one.engine.visits) == 0
            (record,) = journalled(tmp_path)
            rows = settle_entry(record)
            assert rows is not None
            assert [turn.text for turn in rows.turns[-3:-1]] == [answer(ROUNDS - 1), question(ROUNDS)]
            assert rows.turns[-1].text == f"Answer: {ROUNDS + 1} questions came."
            mend()
        async with rig(configured(tmp_path), upstream) as one:
            counts = await one.engine._lanes.read(lambda store: store.counts())  # type: ignore[union-attr]
            assert (counts["conversations"], counts["turns"]) == (1, 2 * ROUNDS + 2)

    asyncio.run(work())


def test_what_memory_was_late_for_joins_its_conversation_after_a_kill(tmp_path: Path, stored: bytes) -> None:
    """Three kills while memory is late, each seen as the files that are there at that moment."""
    place, spoken = tmp_path / "0", chat(ROUNDS)
    place.mkdir()
    (place / "memory.db").write_bytes(stored)

    async def work(number: int) -> None:
        nonlocal place
        async with prepared(place, (place / "memory.db").read_bytes(), deadline_ms=20.0) as one:
            mend = breaks(one.engine._lanes._store, "ended", lambda _: time.sleep(STALL_S))  # type: ignore[union-attr]
            _, got = await one.ask(PATH, asking(WIRE, spoken))
            assert one.failures()["deadline"] == 1
            place = Path(shutil.copytree(place, tmp_path / str(number)))
            mend()
        told = msgspec.json.decode(got)["content"][0]["text"]
        spoken.extend([("assistant", told), ("user", question(ROUNDS + number))])

    for number in range(1, 4):
        asyncio.run(work(number))

    async def look() -> None:
        async with rig(configured(place), upstream) as one:
            counts = await one.engine._lanes.read(lambda store: store.counts())  # type: ignore[union-attr]
            assert (counts["conversations"], counts["turns"]) == (1, 2 * ROUNDS + 6)

    asyncio.run(look())


def test_memory_that_lags_far_behind_takes_on_no_more(tmp_path: Path, stored: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backstory.app.engine._MOST_BESIDE", 3)

    async def work() -> None:
        async with prepared(tmp_path, stored, deadline_ms=10.0) as one:
            mend = breaks(one.engine._lanes._store, "ended", lambda _: time.sleep(STALL_S))  # type: ignore[union-attr]
            for number in range(6):
                await hold(one, asking(WIRE, chat(number + 3)[1:]), b"", plain=True)
            assert one.failures()["crowded"] >= 1
            assert one.engine.crowded
            mend()
            await soon(lambda: not one.engine.crowded and len(one.engine.visits) == 0)

    asyncio.run(work())


@pytest.mark.parametrize("steps", range(5))
def test_a_client_that_leaves_while_its_plan_is_made_leaves_nothing_behind(tmp_path: Path, stored: bytes, steps: int) -> None:
    async def work() -> None:
        async with prepared(tmp_path, stored) as one:
            plan = one.house.plan(Head("POST", PATH, "", ()), REQUESTS["goes on"])
            assert not isinstance(plan, Struct)
            task = asyncio.ensure_future(plan)
            for _ in range(steps):
                await asyncio.sleep(0)
            task.cancel()
            del plan
            await asyncio.gather(task, return_exceptions=True)
            del task
            await soon(lambda: len(one.engine.visits) == 0)
            await asyncio.sleep(0.05)
            assert len(one.engine.visits) == 0

    asyncio.run(work())


@pytest.mark.parametrize("fault", list(ERRORS))
def test_a_store_that_cannot_be_opened_is_served_without_and_tried_again(
    tmp_path: Path, stored: bytes, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "_AGAIN_S", (0.05, 0.1))
    real = open_store
    times = [0]

    def fails(url: str) -> Any:
        times[0] += 1
        if times[0] <= 2:
            raise ERRORS[fault]()
        return real(url)

    monkeypatch.setattr(journals, "open_to_write", fails)

    async def work() -> None:
        async with prepared(tmp_path, stored) as one:
            assert not one.engine.memory
            assert one.engine.trouble
            await hold(one, REQUESTS["goes on"], b"", plain=True)
            await soon(lambda: one.engine.memory)
            assert not one.engine.trouble
            await one.ask(PATH, REQUESTS["goes on"])
            assert one.sent.body != REQUESTS["goes on"]

    asyncio.run(work())
