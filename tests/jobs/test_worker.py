"""The worker works when there is something to do, out of the way of requests, and ends when it is told to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TypeVar, cast

import pytest

from backstory.core.records import Watermark
from backstory.core.store import Lanes, Store
from backstory.errors import FencedError, StoreError
from backstory.jobs import worker as module
from backstory.jobs.worker import Worker
from tests.relay.world import run

T = TypeVar("T")


class Shelf:
    """As much of a store as the worker asks for: what is pending, and leases."""

    def __init__(self, todo: dict[str, int]) -> None:
        self.todo = todo
        self.held: set[str] = set()
        self.owners: list[str] = []
        self.leases: list[float] = []

    def pending(self, job: str, limit: int = 100, lease_s: float = 30.0) -> list[str]:
        return [name for name, steps in self.todo.items() if steps]

    def lease(self, name: str, job: str, owner: str, seconds: float, now: float) -> Watermark | None:
        self.owners.append(owner)
        self.leases.append(seconds)
        return None if name in self.held else Watermark(name, job, 0, owner, now + seconds, 1)


class OneLane:
    """Lanes whose calls run at once."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf
        self.settled = 0
        self.flushed = 0
        self.broken: BaseException | None = None

    async def read(self, call: Callable[[Store], T]) -> T:
        if self.broken is not None:
            raise self.broken
        return call(cast(Store, self.shelf))

    async def write(self, call: Callable[[Store], T]) -> T:
        return await self.read(call)

    async def flush(self) -> None:
        self.flushed += 1


class Count:
    """A job that counts its steps down; `error` is raised at the first."""

    name = "count"

    def __init__(self, shelf: Shelf, error: Exception | None = None) -> None:
        self.shelf = shelf
        self.error = error
        self.seen: list[str] = []

    async def step(self, conversation: str, mark: Watermark) -> bool:
        self.seen.append(conversation)
        if self.error is not None:
            raise self.error
        self.shelf.todo[conversation] -= 1
        return self.shelf.todo[conversation] > 0


class Desk:
    """A worker with all that it needs."""

    def __init__(self, todo: dict[str, int], error: Exception | None = None, busy: Sequence[bool] = ()) -> None:
        self.shelf = Shelf(todo)
        self.lanes = OneLane(self.shelf)
        self.job = Count(self.shelf, error)
        self.failures: list[tuple[str, BaseException]] = []
        self._busy = list(busy)
        self.worker = Worker(
            (self.job,),
            cast(Lanes, self.lanes),
            "me",
            lambda: 5.0,
            self._is_busy,
            lambda where, error: self.failures.append((where, error)),
        )

    def _is_busy(self) -> bool:
        return self._busy.pop(0) if self._busy else False


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker's pauses, a hundred times shorter."""
    for name in ("_REST_S", "_ROUND_S", "_PATIENCE_S", "_BUSY_PAUSE_S", "_GAP_S"):
        monkeypatch.setattr(module, name, getattr(module, name) / 100)


def test_a_round_works_until_nothing_is_pending() -> None:
    desk = Desk({"a": 3, "b": 0, "c": 2})
    assert asyncio.run(desk.worker.round()) == 5
    assert desk.job.seen == ["a", "a", "a", "c", "c"]
    assert desk.worker.steps == 5
    assert set(desk.shelf.owners) == {"me"}


def test_a_conversation_that_another_worker_holds_is_left_to_it() -> None:
    desk = Desk({"a": 1, "b": 1})
    desk.shelf.held.add("a")
    assert asyncio.run(desk.worker.round()) == 1
    assert desk.job.seen == ["b"]


def test_a_long_lease_is_let_go_after_the_work_and_what_is_not_wanted_is_not_leased() -> None:
    desk = Desk({"a": 2, "b": 1})
    lanes = cast(Lanes, desk.lanes)
    picky = Worker((desk.job,), lanes, "me", lambda: 5.0, desk._is_busy, lambda *_: None, 500.0, lambda name: name == "a", lets_go=True)
    assert asyncio.run(picky.round()) == 2
    assert desk.job.seen == ["a", "a"]
    assert desk.shelf.leases == [500.0, 500.0, 0.0]
    assert desk.shelf.todo == {"a": 0, "b": 1}


def test_a_lease_that_cannot_be_given_back_holds_no_stop_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_STOP_S", 0.05)
    desk, never = Desk({"a": 1}), asyncio.Event()

    class Long(Count):
        """Work that is broken off."""

        async def step(self, conversation: str, mark: Watermark) -> bool:
            await super().step(conversation, mark)
            return await never.wait()

    class Stuck(OneLane):
        """Nothing can be written once the work has begun."""

        async def write(self, call: Callable[[Store], T]) -> T:
            if desk.job.seen:
                await never.wait()
            return await super().write(call)

    async def work() -> None:
        lanes = cast(Lanes, Stuck(desk.shelf))
        desk.job = Long(desk.shelf)
        worker = Worker((desk.job,), lanes, "me", lambda: 5.0, desk._is_busy, lambda *_: None, 500.0, lets_go=True)
        worker.start()
        worker.wake()
        async with asyncio.timeout(20):
            while not desk.job.seen:  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(0.005)
            await worker.stop()
        never.set()

    asyncio.run(work())


def test_what_can_wait_ends_when_there_is_something_else_and_goes_on_later() -> None:
    desk = Desk({"a": 3, "b": 1})
    worker = Worker((), cast(Lanes, desk.lanes), "me", lambda: 5.0, desk._is_busy, lambda *_: None, late=(desk.job,))
    assert asyncio.run(worker.round()) == 0, "it is none of what is done first"
    worker.wake()
    assert asyncio.run(worker.late_round(0.0)) == 1
    assert asyncio.run(worker.late_round(0.0)) == 1, "what interrupted it is still waiting"
    worker._wake.clear()
    assert asyncio.run(worker.late_round(0.0)) == 2
    assert desk.job.seen == ["a", "a", "a", "b"]


def test_what_can_wait_is_done_in_the_background_and_its_failure_is_told() -> None:
    async def work(desk: Desk) -> None:
        failed = lambda where, error: desk.failures.append((where, error))  # noqa: E731 - as short as that
        worker = Worker((), cast(Lanes, desk.lanes), "me", lambda: 5.0, desk._is_busy, failed, late=(desk.job,))
        worker.start()
        worker.wake()
        async with asyncio.timeout(5):
            while not desk.failures and any(desk.shelf.todo.values()):  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(0.005)
        await worker.stop()

    desk = Desk({"a": 2})
    asyncio.run(work(desk))
    assert desk.shelf.todo == {"a": 0}
    broken = Desk({"a": 2}, ValueError("broken"))
    asyncio.run(work(broken))
    assert [where for where, _ in broken.failures] == ["count"]


def test_work_waits_while_requests_are_served_but_not_for_ever() -> None:
    async def work() -> float:
        desk = Desk({"a": 1}, busy=[True] * 10_000)
        began = asyncio.get_running_loop().time()
        await desk.worker.round()
        assert desk.job.seen == ["a"]
        return asyncio.get_running_loop().time() - began

    assert module._PATIENCE_S <= asyncio.run(work()) < 20 * module._PATIENCE_S


def test_what_it_is_told_of_is_worked_on_after_it_was_stored() -> None:
    async def work() -> None:
        desk = Desk({"a": 2})
        desk.worker.start()
        desk.worker.wake()
        async with asyncio.timeout(5):
            while desk.shelf.todo["a"]:  # noqa: ASYNC110 (what is waited for has no event)
                await asyncio.sleep(0.001)
        assert desk.lanes.flushed >= 1
        await desk.worker.stop()
        await desk.worker.stop()

    asyncio.run(work())


@pytest.mark.parametrize("plain", [False, True], ids=["uvloop", "asyncio"])
def test_the_first_of_several_times_counts(plain: bool) -> None:
    async def work() -> None:
        desk = Desk({"a": 1})
        for seconds in (0, 0, 60, 0.01, 30):
            desk.worker.wake_in(seconds)
        await asyncio.sleep(0.05)
        assert desk.worker._wake.is_set()
        desk.worker._wake.clear()
        desk.worker.wake_in(60)
        desk.worker.wake_in(0.01)
        await asyncio.sleep(0.05)
        assert desk.worker._wake.is_set()
        await desk.worker.stop()

    run(work(), plain)


def test_what_nobody_told_it_of_is_found_in_time() -> None:
    async def work() -> None:
        desk = Desk({"a": 1})
        desk.worker.start()
        async with asyncio.timeout(5):
            while desk.shelf.todo["a"]:  # noqa: ASYNC110 (what is waited for has no event)
                await asyncio.sleep(0.001)
        await desk.worker.stop()

    asyncio.run(work())


@pytest.mark.parametrize("error", [StoreError("gone"), KeyError("x"), RecursionError(), MemoryError()])
def test_a_job_that_breaks_is_told_and_the_worker_goes_on(error: Exception) -> None:
    async def work() -> None:
        desk = Desk({"a": 1}, error)
        desk.worker.start()
        desk.worker.wake()
        async with asyncio.timeout(5):
            while len(desk.failures) < 2:
                desk.worker.wake()
                await asyncio.sleep(0.001)
        assert desk.failures[0] == ("count", error)
        desk.job.error = None
        desk.worker.wake()
        async with asyncio.timeout(5):
            while desk.shelf.todo["a"]:  # noqa: ASYNC110 (what is waited for has no event)
                await asyncio.sleep(0.001)
        await desk.worker.stop()

    asyncio.run(work())


def test_one_conversation_that_breaks_a_job_does_not_keep_others_waiting() -> None:
    desk = Desk({"a": 1, "b": 1}, KeyError("x"))
    asyncio.run(desk.worker.round())
    assert desk.job.seen == ["a", "b"]


def test_a_lease_that_was_lost_is_nothing_to_tell() -> None:
    desk = Desk({"a": 1}, FencedError("lost"))
    asyncio.run(desk.worker.round())
    assert desk.job.seen == ["a"]
    assert not desk.failures


def test_a_store_that_cannot_be_asked_is_told_and_asked_again() -> None:
    async def work() -> None:
        desk = Desk({"a": 1})
        desk.lanes.broken = StoreError("gone")
        desk.worker.start()
        desk.worker.wake()
        async with asyncio.timeout(5):
            while not desk.failures:  # noqa: ASYNC110 (what is waited for has no event)
                await asyncio.sleep(0.001)
        assert desk.failures[0][0] == "worker"
        desk.lanes.broken = None
        desk.worker.wake()
        async with asyncio.timeout(5):
            while desk.shelf.todo["a"]:  # noqa: ASYNC110 (what is waited for has no event)
                await asyncio.sleep(0.001)
        await desk.worker.stop()

    asyncio.run(work())


@pytest.mark.parametrize("steps", range(6))
@pytest.mark.parametrize("wakes", [0, 1, 2])
def test_it_ends_when_told_to_at_whatever_moment_it_was_woken(steps: int, wakes: int) -> None:
    async def work() -> None:
        desk = Desk({"a": 1})
        desk.worker.start()
        await asyncio.sleep(0)
        for _ in range(wakes):
            desk.worker.wake()
            for _ in range(steps):
                await asyncio.sleep(0)
        async with asyncio.timeout(5):
            await desk.worker.stop()

    asyncio.run(work())


def test_it_ends_while_a_job_waits() -> None:
    async def work() -> None:
        desk = Desk({"a": 1}, busy=[True] * 10_000)
        desk.worker.start()
        desk.worker.wake()
        await asyncio.sleep(2 * module._REST_S)
        async with asyncio.timeout(5):
            await desk.worker.stop()

    asyncio.run(work())


def test_in_traffic_without_a_pause_each_step_waits_no_longer_than_its_patience() -> None:
    desk = Desk({"a": 3}, busy=[True] * 5000)
    desk.worker._patience_s = 0.02
    assert asyncio.run(desk.worker.round()) == 3
    looks = 5000 - len(desk._busy)
    assert looks <= 3 * (module._LOOKS + 2)


def test_a_step_is_taken_in_the_first_moment_without_a_request() -> None:
    desk = Desk({"a": 1}, busy=[True, True, False, True, True])
    assert asyncio.run(desk.worker.round()) == 1
    assert desk._busy == [True, True]
