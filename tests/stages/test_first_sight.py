"""A history that is over the window when it is first seen, and a named conversation that goes back and forth between branches."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from backstory.app.journals import _entries, settle_entry
from backstory.core.records import Promise
from backstory.memory.reading.fence import DIGEST_OPEN
from tests.rig import PATHS, Rig, asking, reply, rig, soon
from tests.stages.world import Chat, configured, conversation, echoing, stored, talk, thread

WINDOW = 1500
LONG: Chat = [*talk(120), ("user", "And what is next?")]


@pytest.mark.parametrize("wire", PATHS)
def test_it_is_folded_before_it_goes_up(tmp_path: Path, wire: str) -> None:
    async def work() -> None:
        async with rig(configured(tmp_path, window=WINDOW), echoing(wire)) as one:
            body = asking(wire, LONG)
            head, _ = await one.ask(PATHS[wire], body)
            assert DIGEST_OPEN.encode() in one.sent.body
            assert len(one.sent.body) < len(body) / 2
            held = thread(one, conversation(head))
            await soon(lambda: len(held.path) == len(LONG) + 1)
            assert [turn.text for turn in held.path[:-1]] == [text for _, text in LONG]
            assert not one.failures()

    asyncio.run(work())


def test_it_is_kept_though_the_provider_refuses_it(tmp_path: Path) -> None:
    """Memory begins with it, so that the next try is better than the first."""
    refused = [True]

    async def work() -> None:
        answers = echoing()
        async with rig(
            configured(tmp_path, window=WINDOW), lambda received: reply(b"{}", status=b"400 Bad") if refused[0] else answers(received)
        ) as one:
            head, _ = await one.ask(PATHS["anthropic"], asking("anthropic", LONG), b"x-session-id: s")
            assert head.startswith(b"HTTP/1.1 400")
            await soon(lambda: len(one.engine.visits) == 0)
            refused[0] = False
            await one.restart()
            head, _ = await one.ask(PATHS["anthropic"], asking("anthropic", LONG), b"x-session-id: s")
            assert DIGEST_OPEN.encode() in one.sent.body
            assert [turn.text for turn in thread(one, conversation(head)).path][: len(LONG)] == [text for _, text in LONG]

    asyncio.run(work())


def test_it_is_in_the_journal_before_it_goes_up(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(configured(tmp_path, window=WINDOW), echoing()) as one:
            lanes = one.engine._lanes
            assert lanes is not None
            kept: list[bytes] = []
            append = lanes.append

            def noted(payload: bytes) -> int:
                kept.append(payload)
                return append(payload)

            lanes.append = noted  # type: ignore[method-assign]
            await one.ask(PATHS["anthropic"], asking("anthropic", LONG))

            entries = [_entries.decode(payload) for payload in kept]
            assert [len(entry.batch.turns) for entry in entries if isinstance(entry, Promise)] == [len(LONG) - 1, 1]
            rows = settle_entry(kept[0])
            assert rows is not None
            assert [turn.text for turn in rows.turns] == [text for _, text in LONG[:-1]]

    asyncio.run(work())


async def ask(one: Rig, chat: Chat) -> int:
    await one.ask(PATHS["anthropic"], asking("anthropic", chat), b"X-VC-Conversation: mine")
    return len(one.upstream.received)


def test_going_back_to_a_branch_stores_nothing_again(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(configured(tmp_path), echoing()) as one:
            chat: Chat = []
            for number in range(12):
                chat.append(("user", f"Question {number} about number {number * 7}?"))
                chat.append(("assistant", f"Answer {await ask(one, chat)}."))
            for again in range(3):
                await ask(one, [*chat[:8], ("user", f"Something else {again}?")])
                chat.append(("user", f"Back again {again}?"))
                chat.append(("assistant", f"Answer {await ask(one, chat)}."))
            await soon(lambda: len(one.engine.visits) == 0)
            assert one.engine.threads is not None
            (held,) = one.engine.threads._threads.values()
            assert [turn.text for turn in held.path] == [text for _, text in chat]
            assert len(held.by_id) == len(chat) + 6
            assert await stored(one, lambda store: store.counts()["turns"]) == len(chat) + 6

    asyncio.run(work())
