"""A session is summed up when it is over: word for word, once, and anew after a forgetting."""

from __future__ import annotations

import asyncio
from pathlib import Path

from msgspec.structs import replace

from backstory.core.records import SessionSummary, Turn
from backstory.jobs.sessions import sessions, summed_up
from tests.memory.chats import turn
from tests.rig import Rig, rig
from tests.stages.test_kin import scoped
from tests.stages.world import Chat, echoing, say, stored

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
