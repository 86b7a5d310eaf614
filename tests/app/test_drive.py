"""A coroutine that need not wait runs without a task."""

from __future__ import annotations

import asyncio

import pytest

from backstory.app.drive import eager, within


async def _now(value: int) -> int:
    return value


async def _later(value: int) -> int:
    await asyncio.sleep(0.001)
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(None, lambda: value)


def test_what_need_not_wait_is_there_at_once() -> None:
    assert eager(_now(3)) == 3


def test_what_waits_goes_on_in_a_task() -> None:
    async def main() -> int:
        rest = eager(_later(4))
        assert not isinstance(rest, int)
        return await rest

    assert asyncio.run(main()) == 4


def test_an_error_before_the_first_wait_is_raised_at_once() -> None:
    async def broken() -> int:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        eager(broken())


def test_an_error_after_a_wait_is_raised_to_the_waiter() -> None:
    async def broken() -> int:
        await asyncio.sleep(0)
        raise ValueError("broken")

    async def main() -> None:
        rest = eager(broken())
        assert not isinstance(rest, int)
        with pytest.raises(ValueError, match="broken"):
            await rest

    asyncio.run(main())


def test_cancelling_the_task_reaches_the_coroutine() -> None:
    seen: list[str] = []

    async def patient() -> int:
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise
        return 1

    async def main() -> None:
        rest = eager(patient())
        assert not isinstance(rest, int)
        task = asyncio.ensure_future(rest)
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert seen == ["cancelled"]


def test_a_bounded_wait_needs_no_task() -> None:
    """It may begin before there is one, and ends what it waited for."""
    ended: list[str] = []

    async def endless() -> int:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cancelled")
        return 0

    async def main() -> None:
        rest = eager(within(_later(5), 5.0))
        assert not isinstance(rest, int)
        assert await rest == 5
        rest = eager(within(endless(), 0.01))
        assert not isinstance(rest, int)
        with pytest.raises(TimeoutError):
            await rest
        await asyncio.sleep(0)
        assert ended == ["cancelled"]
        task = asyncio.ensure_future(within(endless(), 5.0))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(0)
        assert ended == ["cancelled"] * 2

    asyncio.run(main())
