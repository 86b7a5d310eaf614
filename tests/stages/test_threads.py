"""Threads in memory: found again after they were let go of, let go of when there are too many, never while they are in use."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from msgspec.structs import replace

from backstory.core.records import Batch
from backstory.core.store import Store
from backstory.stages import threads as module
from backstory.stages.threads import Threads
from tests.rig import Rig, rig
from tests.stages.world import Chat, configured, echoing, say, stored, talk, thread


def held(one: Rig) -> Threads:
    assert one.engine.threads is not None
    return one.engine.threads


async def grown(one: Rig, rounds: int, label: str) -> tuple[str, Chat]:
    chat: Chat = []
    name = ""
    for number in range(rounds):
        chat.append(("user", f"{label} question {number}"))
        name = await say(one, chat)
        chat.append(("assistant", f"Answer {len(one.upstream.received)}."))
    return name, chat


@pytest.mark.parametrize("bound", ["threads", "weight"])
def test_the_least_used_go_when_there_are_too_many_and_come_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bound: str) -> None:
    if bound == "threads":
        monkeypatch.setattr(module, "_MOST_THREADS", 3)
    else:
        monkeypatch.setattr(module, "_MOST_WEIGHT", 14)

    async def work() -> None:
        async with rig(configured(tmp_path), echoing()) as one:
            chats = []
            for number in range(6):
                chats.append(await grown(one, 2, f"chat {number}"))
                await stored(one, lambda store: store.counts())
            await grown(one, 2, "last")
            assert len(held(one)) <= 4
            for name, chat in chats:
                assert await say(one, [*chat, ("user", "And now?")]) == name
                assert [turn.text for turn in thread(one, name).path[:4]] == [text for _, text in chat]
            assert not one.failures()

    asyncio.run(work())


def test_a_thread_that_is_in_use_or_not_yet_stored_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        async with rig(configured(tmp_path), echoing()) as one:
            name, _ = await grown(one, 2, "busy")
            await stored(one, lambda store: store.counts())
            monkeypatch.setattr(module, "_MOST_THREADS", 1)
            thread(one, name).busy += 1
            await grown(one, 2, "another")
            assert held(one).held(name) is not None
            thread(one, name).busy -= 1
            await stored(one, lambda store: store.counts())
            await asyncio.sleep(0.02)
            await grown(one, 2, "and another")
            assert held(one).held(name) is None

    asyncio.run(work())


def test_what_is_remembered_of_requests_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_THREADS", 5)

    async def work() -> None:
        async with rig(configured(tmp_path), echoing()) as one:
            for number in range(12):
                await say(one, [*talk(2, number), ("user", "So?")], b"X-VC-Conversation: name-%d" % number)
                await stored(one, lambda store: store.counts())
            threads = held(one)
            assert len(threads._asked) <= 5
            assert len(threads._bases) <= 5
            assert len(threads._names) <= 21
            assert len(threads._tips) == len(threads._questions) == len(threads)
            assert len(threads._tips._names) <= len(threads)
            assert len(threads._questions._names) <= len(threads)
            threads.clear()
            assert len(threads) == 0
            first = await say(one, [("user", "Who?")], b"X-VC-Conversation: name-0")
            assert [turn.text for turn in thread(one, first).path[:1]] == [talk(1)[0][1]]

    asyncio.run(work())


def test_one_conversation_is_read_once_however_many_ask(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(configured(tmp_path), echoing()) as one:
            name, chat = await grown(one, 4, "read")
            await one.restart()
            lanes = one.engine._lanes
            assert lanes is not None
            reads: list[str] = []
            store = lanes._store
            kind = type(store)

            class Counting(kind):  # type: ignore[misc, valid-type]
                def turns(self, conversation_id: str, *args: object, **kwargs: object) -> object:
                    reads.append(conversation_id)
                    time.sleep(0.05)
                    return super().turns(conversation_id, *args, **kwargs)

            store.__class__ = Counting
            threads = held(one)
            found = await asyncio.gather(*(threads.by_id("", name, "") for _ in range(5)))
            assert reads == [name]
            assert len({id(each) for each in found}) == 1
            assert found[0] is not None
            assert [turn.text for turn in found[0].path] == [text for _, text in chat]
            store.__class__ = kind

    asyncio.run(work())


def test_a_conversation_that_is_being_read_again_is_waited_for(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(configured(tmp_path), echoing()) as one:
            name, _ = await grown(one, 3, "again")
            await stored(one, lambda store: store.counts())
            known = thread(one, name)
            last = known.path[-1]
            elsewhere = replace(last, id=last.id + 5000, parent=last.id, position=last.position + 1, chain=b"elsewhere" + bytes(7))
            await stored(one, lambda store: store.write([Batch((known.conversation,), turns=(elsewhere,))]))
            found = await asyncio.gather(*(held(one).fresh(known, frozenset({elsewhere.id}), "") for _ in range(3)))
            assert [elsewhere.id in each.by_id for each in found] == [True] * 3
            assert {id(each) for each in found} == {id(held(one).held(name))}

    asyncio.run(work())


def test_nobody_is_given_anothers_thread(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(configured(tmp_path), echoing()) as one:
            name, _ = await grown(one, 3, "mine")
            tip = thread(one, name).tip
            said = thread(one, name).path[-1].content
            for _ in range(2):
                threads = held(one)
                for principal, scope in (("", "elsewhere"), ("somebody", ""), ("somebody", "elsewhere")):
                    assert await threads.by_id(principal, name, scope) is None
                    found = (await threads.said(principal, [said], 8))[said]
                    assert not found or not principal
                    assert [await threads.by_id(principal, one, scope) for one, _ in found] == [None] * len(found)
                    if principal:
                        assert await threads.at_tip(principal, tip, scope) is None
                        assert await threads.through(principal, tip, scope) is None
                mine = await threads.by_id("", name, "")
                assert mine is not None
                assert mine.tip == tip
                assert [one for one, _ in (await threads.said("", [said], 8))[said]] == [name]
                assert await threads.at_tip("", tip, "") is mine
                await one.restart()

    asyncio.run(work())


def test_a_fork_of_a_fork_is_read_back_whole(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(configured(tmp_path), echoing()) as one:
            _, chat = await grown(one, 4, "root")
            first: Chat = [*chat[:6], ("user", "First fork.")]
            one_fork = await say(one, first)
            first.append(("assistant", f"Answer {len(one.upstream.received)}."))
            more: Chat = [*first, ("user", "More.")]
            assert await say(one, more) == one_fork
            second: Chat = [*first[:4], ("user", "Second fork.")]
            two_fork = await say(one, second)
            assert len({one_fork, two_fork}) == 2
            answered = ("assistant", f"Answer {len(one.upstream.received)}.")
            await one.restart()
            assert await say(one, [*second, answered, ("user", "On.")]) == two_fork
            assert [turn.text for turn in thread(one, two_fork).path[:6]] == [*(text for _, text in second), answered[1]]

            def forks(store: Store) -> int:
                return sum(bool(record.forked_from) for record, _ in store.conversations(None))

            assert await stored(one, forks) == 2

    asyncio.run(work())


@pytest.mark.parametrize("restarts", [False, True], ids=["running", "restarted"])
def test_what_was_forked_off_is_told_however_far(tmp_path: Path, restarts: bool) -> None:
    async def work() -> None:
        async with rig(configured(tmp_path), echoing()) as one:
            root, chat = await grown(one, 3, "root")
            other, _ = await grown(one, 2, "other")
            first: Chat = [*chat[:4], ("user", "First fork.")]
            child = await say(one, first)
            first.append(("assistant", f"Answer {len(one.upstream.received)}."))
            assert await say(one, [*first, ("user", "More.")]) == child
            grandchild = await say(one, [*first, ("user", "Something else.")])
            assert len({root, other, child, grandchild}) == 4
            await stored(one, lambda store: store.counts())
            if restarts:
                await one.restart()
            names = [other, root, child, grandchild, "unknown"]
            assert await held(one).forked("", names, [root]) == [child, grandchild]
            assert await held(one).forked("", names, [child]) == [grandchild]

    asyncio.run(work())
