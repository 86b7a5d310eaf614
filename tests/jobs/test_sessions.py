"""A session is summed up when it is over: word for word, once, and anew after a forgetting."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import cast

from msgspec.structs import replace

from backstory.core.records import SessionSummary, Turn, Watermark
from backstory.core.store import Lanes
from backstory.jobs.sessions import SessionJob, sessions, summed_up
from tests.jobs.test_vectors import OneLane
from tests.memory.chats import turn
from tests.rig import Rig, rig
from tests.stages.test_kin import scoped
from tests.stages.world import Chat, echoing, say, stored
from tests.stores.world import Shelf, talk, tell

FACT = "We decided to print the catalogue on grey paper, 300 copies, by 4 March."


def said(number: int, text: str, at: float) -> Turn:
    return turn(number, text, at=at, arrived=at)


async def kept(one: Rig, name: str) -> list[SessionSummary]:
    found: list[SessionSummary] = []
    await stored(one, lambda store: found.extend(store.session_summaries([name])))
    return found


def test_a_long_pause_ends_a_session() -> None:
    turns = [said(1, "a", 0), said(2, "b", 50), said(3, "c", 200), said(4, "d", 299)]
    assert [[one.id for one in session] for session in sessions(turns, 100)] == [[1, 2], [3, 4]]


def test_a_summary_quotes_turns_word_for_word() -> None:
    (made,) = summed_up([said(1, FACT, 10.0), said(2, "Good, I will order the paper from Lund on Monday.", 20.0)], 100, 99.0, lambda: None)
    assert made.turns
    assert (made.id, made.started, made.ended) == (2, 10.0, 20.0)
    assert "grey paper" in made.text
    assert set(made.turns) <= {1, 2}


def test_one_word_is_no_session() -> None:
    assert summed_up([said(1, FACT, 10.0)], 100, 99.0, lambda: None) == []


def test_a_session_is_summed_up_when_it_is_over_and_anew_after_a_forgetting(tmp_path: Path) -> None:
    async def work() -> None:
        config = scoped(tmp_path, "principal")
        config = replace(config, memory=replace(config.memory, session_idle_s=1.5))
        async with rig(config, echoing()) as one:
            chat: Chat = [("user", FACT), ("assistant", "Answer 1."), ("user", "And Bruno pays 40 euros for the stamps on Tuesday.")]
            name = await say(one, chat[:1])
            assert await say(one, chat) == name
            worker = one.engine._worker
            assert worker is not None
            worker._busy = lambda: False
            await stored(one, lambda store: None)
            await asyncio.sleep(1.6)
            await worker.round()
            (made,) = await kept(one, name)
            assert "grey paper" in made.text
            await worker.round()
            assert await kept(one, name) == [made]
            first = made.turns[0]
            await stored(one, lambda store: store.forget("", name, [first], 2e9))
            assert await kept(one, name) == []
            await worker.round()
            (left,) = await kept(one, name)
            assert "grey paper" not in left.text
            assert "Bruno" in left.text

    asyncio.run(work())


def test_a_session_is_over_in_time_though_the_clock_was_set_back(tmp_path: Path) -> None:
    async def work() -> None:
        store = Shelf("sqlite", tmp_path).open()
        tell(store, talk("c"), FACT, "Good, I will order the paper from Lund on Monday.")
        passed, left = [0.0], [0.0]
        later = partial(left.__setitem__, 0)
        job = SessionJob(cast(Lanes, OneLane(store)), lambda: None, 100.0, lambda: -86_400.0, later, lambda: passed[0])
        for seconds, wanted in ((0.0, 100.0), (60.0, 40.0), (90.0, 10.0)):
            passed[0] = seconds
            assert not await job.step("c", Watermark("c", "sessions", 0, "", -1e6))
            assert (left[0], store.session_summaries(["c"])) == (wanted, [])
        passed[0] = 101.0
        await job.step("c", Watermark("c", "sessions", 0, "", -1e6))
        assert len(store.session_summaries(["c"])) == 1
        store.close()

    asyncio.run(work())


def test_a_summary_is_made_soon_after_the_session_is_over_though_nothing_else_happens(tmp_path: Path) -> None:
    async def work() -> None:
        config = scoped(tmp_path, "principal")
        config = replace(config, memory=replace(config.memory, session_idle_s=1.2))
        async with rig(config, echoing()) as one:
            chat: Chat = [("user", FACT), ("assistant", "Answer 1."), ("user", "And Bruno pays 40 euros for the stamps on Tuesday.")]
            name = await say(one, chat[:1])
            assert await say(one, chat) == name
            assert one.engine._worker is not None
            one.engine._worker._busy = lambda: False
            for _ in range(60):
                await asyncio.sleep(0.1)
                if found := await kept(one, name):
                    break
            assert "grey paper" in found[0].text

    asyncio.run(work())
