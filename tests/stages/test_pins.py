"""A pinned turn is in view: brought back at the next human message, once, whatever is asked; also in a running proxy."""

from __future__ import annotations

import asyncio
from pathlib import Path

from msgspec.structs import replace

from backstory.app.faces import why
from backstory.config.sections import Memory
from backstory.core.store import Store
from tests.rig import rig
from tests.stages.test_recall import FACT, long_talk
from tests.stages.world import Chat, configured, echoing, say, stored


def pin(name: str, pinned: bool) -> object:
    def change(store: Store) -> None:
        record = store.conversation("", name)
        assert record is not None
        why.pin(store, record, 1, pinned, 2e9)

    return change


def test_a_pinned_turn_outranks_the_question_and_a_released_one_does_not(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(configured(tmp_path), echoing()) as one:
            chat = long_talk(14)
            name = await say(one, chat[:-1])
            asked: Chat = [*chat[-7:-1], ("assistant", "Answer 1."), ("user", "Derive the quadratic formula, please.")]
            await stored(one, pin(name, True))  # type: ignore[arg-type]
            await one.engine.pins.look()
            assert await say(one, asked) == name
            assert FACT.encode() in one.sent.body
            found = await one.engine.why(name)
            assert [(line.number, line.kind) for line in found.lines] == [(1, "pinned")]
            await say(one, [*asked, ("assistant", "Answer 2."), ("user", "And the cubic one?")])
            assert one.sent.body.count(FACT.encode()) == 1, "it is in view already"
            await stored(one, pin(name, False))  # type: ignore[arg-type]
            await one.engine.pins.look()
            other: Chat = [*chat[-7:-1], ("assistant", "Answer 1."), ("user", "Derive Euler's formula, please.")]
            await say(one, other)
            assert FACT.encode() not in one.sent.body
            assert not one.failures()

    asyncio.run(work())


def test_pins_are_known_after_a_restart(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(configured(tmp_path), echoing()) as one:
            chat = long_talk(14)
            name = await say(one, chat[:-1])
            await stored(one, pin(name, True))  # type: ignore[arg-type]
            await one.restart()
            await say(one, [*chat[-7:-1], ("assistant", "Answer 1."), ("user", "Derive the quadratic formula, please.")])
            assert FACT.encode() in one.sent.body

    asyncio.run(work())


def test_each_key_of_retention_changes_what_is_recalled(tmp_path: Path) -> None:
    """By default the question is answered; a floor above all scores, or a frugal profile, leaves something out."""

    async def asked(folder: Path, **memory: object) -> bytes:
        folder.mkdir()  # noqa: ASYNC240 (a test)
        config = configured(folder)
        config = replace(config, memory=Memory(threshold_messages=4, **memory))  # type: ignore[arg-type]
        async with rig(config, echoing()) as one:
            chat = long_talk(14)
            await say(one, chat[:-1])
            await say(
                one, [*chat[-7:-1], ("assistant", "Answer 1."), ("user", "What was the code of the blue locker, and the weather in town?")]
            )
            return one.sent.body.partition(b"<recalled>")[2]

    async def work() -> None:
        usual = await asked(tmp_path / "usual")
        assert b"tangerine" in usual
        floor = await asked(tmp_path / "floor", min_importance=0.99)
        assert floor == b""
        frugal = await asked(tmp_path / "frugal", reward_profile="COST")
        assert 0 < len(frugal) < len(usual)

    asyncio.run(work())
