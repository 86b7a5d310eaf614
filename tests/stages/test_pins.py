"""A pinned turn is in view: brought back at the next human message, once, whatever is asked; also in a running proxy."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from backstory.app.faces import why
from backstory.config.sections import Memory
from backstory.core.store import Store
from tests.relay.world import Received
from tests.rig import PATHS, asking, reply, rig, said
from tests.stages.test_recall import FACT, long_talk
from tests.stages.test_shrink import LEFT_OUT, Agent, output
from tests.stages.test_shrink import told as shrinking
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


@pytest.mark.parametrize("asked", ["Message {0}: {1}. What about harbour {0}?", "ok {0}, go on."], ids=["dear", "remark"])
def test_a_pinned_turn_is_in_view_whatever_it_costs_and_whatever_is_said(tmp_path: Path, asked: str) -> None:
    """Its client keeps its last messages; nothing that is recalled for it saves anything, and a remark brings back little."""

    def answer(received: Received) -> bytes:
        usage = {"input_tokens": len(received.body) // 4, "output_tokens": 20}
        return reply(json.dumps({**json.loads(said("anthropic", "Yes.")), "model": "claude-opus-4-1", "usage": usage}).encode())

    async def work() -> None:
        config = configured(tmp_path)
        async with rig(replace(config, recall=replace(config.recall, budget_tokens=2000)), answer) as one:
            told = " ".join(f"Clause {number} of the contract says {number * 7}." for number in range(25)) + " Its seal is marmalade."
            chat: Chat = []
            for number in range(30):
                chat.append(("user", asked.format(number, " ".join(f"word{word}" for word in range(200))) if number else told))
                body = asking("anthropic", chat[-21:], model="claude-opus-4-1", max_tokens=100)
                await one.ask(PATHS["anthropic"], body, b"X-VC-Conversation: 11111111-1111-4111-8111-111111111111")
                chat.append(("assistant", "Yes."))
                if number == 3:
                    await stored(one, pin_first)
                    await one.engine.pins.look()
                if number == 18:
                    await one.restart()
                assert b"Clause 0 of" in one.sent.body, number
                assert b"marmalade" in one.sent.body, number
            assert not one.failures()

    asyncio.run(work())


def pin_first(store: Store) -> None:
    ((record, _),) = store.conversations(None, 9)
    why.pin(store, record, 1, True, 2e9)


def test_the_output_of_a_tool_that_is_pinned_does_not_give_way(tmp_path: Path) -> None:
    async def work() -> None:
        agent = Agent()
        async with rig(shrinking(tmp_path), agent) as one:
            for _ in range(3):
                await agent.step(one, output(agent.number))

            def keep(store: Store) -> None:
                ((record, _),) = store.conversations(None, 2)
                store.pin(record.id, store.turns(record.id)[2].id, True, 2e9)

            await stored(one, keep)
            await one.engine.pins.look()
            sent = json.loads(await agent.until_stubs(one))["messages"]
            results = [message["content"][0]["content"] for message in sent[2::2]]
            assert results[0] == output(0)
            assert results[1].startswith(LEFT_OUT.decode())

    asyncio.run(work())
