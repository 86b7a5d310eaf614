"""Indexes and digests are made beside the traffic where they are long, and a request that cannot wait is served without them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from backstory.core.exchange import Exchange
from backstory.stages import loading
from backstory.stages import shelf as module
from backstory.stages import threads as threads_module
from backstory.stages.base import Pipeline
from backstory.stages.shelf import Shelf
from tests.rig import PATHS, Rig, asking, rig, soon
from tests.stages.world import Chat, configured, conversation, echoing, say, stored, talk, thread

FACT = "Remember: the code of the blue locker is tangerine."
ASKED = "What was the code of the blue locker?"


def long_talk(rounds: int) -> Chat:
    return [("user", FACT), ("assistant", "Answer 1."), *talk(rounds - 1, 1)]


async def known(one: Rig, rounds: int) -> tuple[str, Chat]:
    """A stored conversation, and the end of it with a question about its beginning."""
    chat = long_talk(rounds)
    name = await say(one, chat[:-1])
    answered: Chat = [*chat[-7:-1], ("assistant", f"Answer {len(one.upstream.received)}.")]
    return name, [*answered, ("user", ASKED)]


def shelf(one: Rig) -> Shelf:
    found = one.engine._shelf
    assert found is not None
    return found


def test_a_history_not_indexed_yet_is_searched_in_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PATIENCE_S", 0.1)

    async def work() -> None:
        async with rig(configured(tmp_path), echoing()) as one:
            name, asked = await known(one, 14)
            await stored(one, lambda store: store.counts())
            async with asyncio.timeout(20):
                while not await stored(one, lambda store: store.tags(name)):  # noqa: ASYNC110 (what is waited for has no event)
                    await asyncio.sleep(0.05)
            monkeypatch.setattr(module, "_SOON_TOKENS", 20)
            assert await say(one, asked) == name
            assert b"tangerine" in one.sent.body
            held = thread(one, name)
            await soon(lambda: len(held.family.index) > 0 and not shelf(one)._building)
            assert held.indexed >= 27
            monkeypatch.setattr(module, "_MOST_TURNS", 5)
            assert await say(one, [*asked, ("assistant", "Answer 2."), ("user", f"{ASKED} Once more.")]) == name
            assert b"tangerine" in one.sent.body
            assert not one.failures()

    asyncio.run(work())


def test_a_long_index_is_made_aside_and_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_INLINE_TOKENS", 10)
    monkeypatch.setattr(module, "_INLINE_UNITS", 1)
    monkeypatch.setattr(module, "_ADDED_AT_ONCE", 5)

    async def work() -> None:
        async with rig(configured(tmp_path), echoing()) as one:
            name, asked = await known(one, 14)
            assert await say(one, asked) == name
            assert b"tangerine" in one.sent.body
            assert not one.failures()

    asyncio.run(work())


def test_with_no_budget_nothing_is_recalled(tmp_path: Path) -> None:
    config = configured(tmp_path)
    config = replace(config, recall=replace(config.recall, budget_tokens=0))

    async def work() -> None:
        async with rig(config, echoing()) as one:
            name, asked = await known(one, 14)
            assert await say(one, asked) == name
            assert one.sent.body == asking("anthropic", asked)

    asyncio.run(work())


def during(one: Rig, method: str, happens: Callable[[], None]) -> None:
    """Something happens while the shelf works on a request."""
    part: Any = shelf(one)
    kind = type(part)
    real = getattr(kind, method)

    async def slowly(self: Any, *args: Any) -> Any:
        found = await real(self, *args)
        part.__class__ = kind
        happens()
        return found

    part.__class__ = type("Watched", (kind,), {method: slowly})


@pytest.mark.parametrize("method", ["recall", "make_digest"])
def test_a_conversation_that_takes_another_branch_meanwhile_is_left_alone(tmp_path: Path, method: str) -> None:
    """What was worked out belongs to the old branch."""

    async def work() -> None:
        async with rig(configured(tmp_path, window=800 if method == "make_digest" else 120_000), echoing()) as one:
            name, asked = await known(one, 30)
            if method == "make_digest":
                asked = [*long_talk(30)[:-1], ("assistant", "Answer 1."), ("user", ASKED), ("assistant", "x" * 900), ("user", ASKED)]
            held = thread(one, name)
            happened: list[bool] = []

            def turns_away() -> None:
                happened.append(True)
                held.rewind(held.path[3].id)

            during(one, method, turns_away)
            assert await say(one, asked, b"X-VC-Conversation: %b" % name.encode()) == name
            assert happened
            assert not set(one.failures()) - {"recall"}
            assert one.sent.body == asking("anthropic", asked)

    asyncio.run(work())


def test_a_digest_that_takes_long_is_made_for_a_later_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SOON_TOKENS", 20)
    real = Shelf._digest

    async def work() -> None:
        over = asyncio.Event()

        async def slowly(self: Shelf, *args: Any) -> None:
            await over.wait()
            await real(self, *args)

        monkeypatch.setattr(Shelf, "_digest", slowly)
        async with rig(configured(tmp_path, window=800), echoing()) as one:
            chat = long_talk(60)
            name = await say(one, chat[:-1])
            asked: Chat = [*chat[:-1], ("assistant", "Answer 1."), ("user", "Thank you.")]
            await say(one, asked)
            assert one.sent.body == asking("anthropic", asked), "what cannot be had now is not waited for"
            held = thread(one, name)
            assert shelf(one).digesting(held)
            over.set()
            await soon(lambda: bool(held.family.digests))
            await say(one, [*asked, ("assistant", "Answer 2."), ("user", "On.")])
            assert b"<digest>" in one.sent.body
            assert not one.failures()

    asyncio.run(work())


def test_the_window_holds_in_traffic_without_a_pause(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A history much longer than what is waited for: of it, only what is new since the last fold is."""
    window = 800
    monkeypatch.setattr(module, "_SOON_TOKENS", window)
    config = configured(tmp_path, window=window)

    async def work() -> None:
        async with rig(replace(config, recall=replace(config.recall, deadline_ms=5000.0)), echoing()) as one:
            chat: Chat = []
            sizes: list[int] = []
            for number in range(120):
                chat += talk(1, number)[:1]
                head, _ = await one.ask(PATHS["anthropic"], asking("anthropic", chat), b"X-VC-Conversation: n")
                stats = dict(pair.split(b"=") for pair in head.partition(b"X-VC-Stats: ")[2].partition(b"\r")[0].split(b",") if pair)
                sizes.append(int(stats.get(b"tokens_sent", b"0")))
                chat.append(("assistant", f"Answer {number + 1}."))
            held = thread(one, conversation(head))
            assert held.tokens > 2 * window
            assert len(held.digests) > 2
            assert max(sizes) <= (0.85 + 0.15 / 4) * window, "the hard threshold, and what recall may take above it"
            assert not one.failures()

    asyncio.run(work())


def test_a_fold_that_saves_nothing_is_not_sent(tmp_path: Path) -> None:
    """The client has cut its history itself: what it sends is smaller than what memory would make of it."""

    async def work() -> None:
        async with rig(configured(tmp_path, window=800), echoing()) as one:
            named = b"X-VC-Conversation: n"
            chat: Chat = []
            for number in range(45):
                chat += talk(1, number)[:1]
                name = await say(one, chat, named)
                chat.append(("assistant", f"Answer {number + 1}."))
            held = thread(one, name)
            assert held.boundary
            kept = held.path[held.boundary - 2 :]
            cut: Chat = [(turn.role, turn.text) for turn in kept] + [("user", "And?")]
            assert await say(one, cut, named) == name
            assert len(one.sent.body) < 2 * len(asking("anthropic", cut)) + 2000
            assert not one.failures()

    asyncio.run(work())


def test_recall_reads_what_is_said_last(tmp_path: Path) -> None:
    """A request that ends with the assistant's own words asks nothing."""

    async def work() -> None:
        async with rig(configured(tmp_path), echoing()) as one:
            name, asked = await known(one, 14)
            begun: Chat = [*asked[:-1], ("user", ASKED), ("assistant", "The code of the blue locker is")]
            assert await say(one, begun, b"X-VC-Conversation: %b" % name.encode()) == name
            assert one.sent.body == asking("anthropic", begun)

    asyncio.run(work())


def test_a_build_that_has_just_ended_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    """It is done, its callbacks have not run yet, and there are new turns already."""

    async def work() -> None:
        async with rig(configured(tmp_path), echoing()) as one:
            held = thread(one, await say(one, long_talk(4)[:-1]))
            building = shelf(one)._building
            name = id(held.family)
            ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            building[name] = ended  # type: ignore[assignment]
            ended.add_done_callback(lambda _: building.pop(name, None))
            ended.set_result(None)
            await shelf(one)._catch_up(held)
            assert held.indexed == len(held.path)

    asyncio.run(work())


def no_background(one: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither jobs nor indexes get anywhere."""
    worker = one.engine._worker
    assert worker is not None
    monkeypatch.setattr(worker, "round", asyncio.Event().wait)
    monkeypatch.setattr(Shelf, "prepare", lambda *_: None)


@pytest.mark.parametrize("code", ["tangerine", "periwinkle"])
def test_what_has_just_been_stored_is_found_at_once_and_so_is_what_is_older(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    """A message of 330 kB keeps the background busy; neither its text nor earlier turns wait for that."""
    filler = "The nets were dried in the sun and the boats were painted. " * 2800
    message = f"{filler}The code of the green cupboard is periwinkle. {filler}"
    question = ASKED if code == "tangerine" else "What is the code of the green cupboard?"

    config = configured(tmp_path)
    config = replace(config, recall=replace(config.recall, budget_tokens=2000))

    async def work() -> None:
        async with rig(config, echoing()) as one:
            no_background(one, monkeypatch)
            name = await say(one, long_talk(14)[:-1])
            named = f"X-VC-Conversation: {name}".encode()
            assert await say(one, [("user", message)], named) == name
            assert await say(one, [("user", question)], named) == name
            assert code.encode() in one.sent.body
            assert len(one.sent.body) < 20_000
            assert not one.failures()

    asyncio.run(work())


def test_a_recall_needs_none_of_the_threads_that_background_work_may_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_INLINE_UNITS", 1)

    async def work() -> None:
        async with rig(configured(tmp_path), echoing()) as one:
            name, asked = await known(one, 14)
            await soon(lambda: shelf(one).warm or shelf(one)._warming is None)
            holding, done = ThreadPoolExecutor(1), threading.Event()
            loop = asyncio.get_running_loop()
            loop.set_default_executor(holding)
            held = loop.run_in_executor(None, done.wait, 30)
            try:
                assert await say(one, asked) == name
                assert b"tangerine" in one.sent.body
                assert not held.done()
            finally:
                done.set()
                await held

    asyncio.run(work())


def test_background_work_knows_of_a_request_that_waits_for_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting: list[tuple[int, bool]] = []
    real = Shelf.recall

    async def work() -> None:
        async with rig(configured(tmp_path), echoing()) as one:

            async def slowly(self: Shelf, *args: Any) -> Any:
                await asyncio.sleep(0)
                one.engine.metrics.last_request = 0.0
                monkeypatch.setattr(one.engine.metrics, "doors", [])
                waiting.append((one.engine.waiting, self._hot()))
                return await real(self, *args)

            monkeypatch.setattr(Shelf, "recall", slowly)
            name, asked = await known(one, 14)
            assert await say(one, asked) == name
            assert waiting == [(1, True)]
            assert one.engine.waiting == 0

    asyncio.run(work())


def test_background_work_holds_still_while_a_conversation_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading gives the interpreter away with every row."""
    seen: list[bool] = []
    real = loading.load_thread

    async def work() -> None:
        async with rig(configured(tmp_path), echoing()) as one:
            name = await say(one, long_talk(14)[:-1])
            await one.restart()
            engine = one.engine

            def watched(*args: Any) -> Any:
                monkeypatch.setattr(engine.metrics, "doors", [])
                engine.metrics.last_request = engine.waiting = 0
                seen.append(engine._hot())
                engine.waiting = 1
                return real(*args)

            monkeypatch.setattr(threads_module, "load_thread", watched)
            assert await say(one, [("user", ASKED)], f"X-VC-Conversation: {name}".encode()) == name
            assert seen == [True]
            await soon(lambda: not engine._hot())

    asyncio.run(work())


def test_nothing_is_indexed_any_more_once_memory_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(*_: object) -> None:
        await asyncio.Event().wait()

    async def work() -> None:
        async with rig(configured(tmp_path), echoing()) as one:
            name = await say(one, long_talk(14)[:-1])
            monkeypatch.setattr(Shelf, "_pause", never)
            monkeypatch.setattr(module, "_AT_ONCE_TOKENS", 0)
            shelf(one).prepare(thread(one, name))
            (building,) = shelf(one)._building.values()
            closed = shelf(one)
            await one.engine._shut()
            await asyncio.wait({building}, timeout=5)
            assert building.cancelled()
            with pytest.raises(asyncio.CancelledError):
                closed._pace(thread(one, name))()

    asyncio.run(work())


def test_a_request_that_waits_for_an_index_goes_up_when_memory_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_INLINE_TOKENS", 10)

    async def never(*_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(Shelf, "_build", never)

    async def work() -> None:
        async with rig(configured(tmp_path), echoing()) as one:
            _, asked = await known(one, 14)
            saying = asyncio.create_task(say(one, asked))
            await soon(lambda: bool(shelf(one)._building))
            shelf(one).close()
            await saying
            assert one.sent.body == asking("anthropic", asked)
            assert one.failures() == {"recall": 1}

    asyncio.run(work())


def test_background_work_knows_of_a_request_from_its_first_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before memory waits for anything, too."""
    seen: list[bool] = []
    real = Pipeline.run

    async def work() -> None:
        async with rig(configured(tmp_path), echoing()) as one:
            name, asked = await known(one, 14)
            metrics = one.engine.metrics
            metrics.last_request = 0.0

            async def watched(self: Pipeline, exchange: Exchange) -> Exchange:
                seen.append(metrics.last_request > 0)
                return await real(self, exchange)

            monkeypatch.setattr(Pipeline, "run", watched)
            assert await say(one, asked) == name
            assert seen == [True]

    asyncio.run(work())
