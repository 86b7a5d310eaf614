"""A conversation stays one, however late memory is and however many of its requests come at once."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backstory.stages.order import Order
from tests.rig import PATHS, Rig, asking, post, rig, soon
from tests.stages.world import Chat, configured, conversation, echoing


@pytest.fixture
def loaded() -> Iterator[None]:
    """A machine that has other things to do."""
    over = threading.Event()

    def work() -> None:
        while not over.is_set():
            sum(number * number for number in range(1000))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    yield
    over.set()
    for thread in threads:
        thread.join()


async def spoken(one: Rig, wire: str, rounds: int, *headers: bytes) -> Chat:
    chat: Chat = []
    for number in range(rounds):
        chat.append(("user", f"Question {number}: what about number {number * 7}?"))
        await one.ask(PATHS[wire], asking(wire, chat), *headers)
        chat.append(("assistant", f"Answer {number + 1}."))
    return chat


def paths(one: Rig) -> list[list[str]]:
    assert one.engine.threads is not None
    return [[turn.text for turn in thread.path] for thread in one.engine.threads._threads.values()]


@pytest.mark.usefixtures("loaded")
@pytest.mark.parametrize(
    "headers", [(), (b"X-VC-Conversation: mine",), (b"x-session-id: s1",)], ids=["by its words", "by name", "by session"]
)
@pytest.mark.parametrize("wire", PATHS)
@pytest.mark.parametrize("deadline_ms", [0.001, 0.7, 2.0])
def test_a_conversation_for_which_memory_is_late_stays_one(
    tmp_path: Path, wire: str, headers: tuple[bytes, ...], deadline_ms: float
) -> None:
    async def work() -> None:
        async with rig(configured(tmp_path, deadline_ms=deadline_ms), echoing(wire)) as one:
            chat = await spoken(one, wire, 12, *headers)
            await soon(lambda: len(one.engine.visits) == 0 and not one.engine._beside)
            assert [text for _, text in chat] in paths(one)
            assert len(paths(one)) == 1
            assert len(one.engine.order) == 0

    asyncio.run(work())


@pytest.mark.parametrize("deadline_ms", [0.001, 20_000.0])
def test_what_is_asked_at_once_under_a_new_name_is_one_conversation(tmp_path: Path, deadline_ms: float) -> None:
    async def work() -> None:
        async with rig(configured(tmp_path, deadline_ms=deadline_ms), echoing("openai_chat")) as one:

            async def ask(number: int) -> str:
                reader, writer = await asyncio.open_connection("127.0.0.1", one.port)
                body = asking("openai_chat", [("user", f"Beginning {number}")])
                writer.write(post(one.upstream_port, PATHS["openai_chat"], body, b"X-VC-Conversation: new", b"Connection: close"))
                answer = await reader.read()
                writer.close()
                return conversation(answer)

            names = await asyncio.gather(*(ask(number) for number in range(8)))
            await soon(lambda: len(one.engine.visits) == 0 and not one.engine._beside)
            assert len({name for name in names if name}) <= 1
            assert one.engine.threads is not None
            assert len(one.engine.threads) == 1
            (held,) = one.engine.threads._threads.values()
            assert {turn.text for turn in held.by_id.values() if turn.role == "user"} == {f"Beginning {number}" for number in range(8)}

    asyncio.run(work())


@pytest.mark.usefixtures("loaded")
def test_what_builds_on_an_answer_that_memory_is_late_with_goes_on_with_it(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(configured(tmp_path, deadline_ms=0.001), echoing("openai_responses")) as one:
            previous: dict[str, Any] = {}
            said: list[str] = []
            for number in range(8):
                body = {"model": "m", "input": f"Question {number}", **previous}
                _, answer = await one.ask(PATHS["openai_responses"], json.dumps(body).encode())
                previous = {"previous_response_id": json.loads(answer)["id"]}
                said += [f"Question {number}", f"Answer {number + 1}."]
            await soon(lambda: len(one.engine.visits) == 0 and not one.engine._beside)
            assert said in paths(one)

    asyncio.run(work())


def test_one_after_the_other_also_where_some_give_up() -> None:
    async def work() -> None:
        order, entered = Order(), []

        async def at(number: int) -> None:
            await order.enter(number, "k")
            entered.append(number)
            await asyncio.sleep(0)
            order.leave(number)

        tasks = [asyncio.create_task(at(number)) for number in range(6)]
        await asyncio.sleep(0)
        tasks[1].cancel()
        tasks[4].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert entered == [0, 2, 3, 5]
        assert not order._waiting
        order.leave(0)
        await order.enter(7, "k")
        assert len(order) == 1

    asyncio.run(work())


def test_one_that_gives_up_when_it_is_its_turn_passes_it_on() -> None:
    async def work() -> None:
        order = Order()
        await order.enter(1, "k")
        second = asyncio.create_task(order.enter(2, "k"))
        third = asyncio.create_task(order.enter(3, "k"))
        await asyncio.sleep(0)
        order.leave(1)
        second.cancel()
        await asyncio.wait({second, third})
        assert second.cancelled()
        order.leave(3)
        assert not order._waiting
        assert len(order) == 0

    asyncio.run(work())
