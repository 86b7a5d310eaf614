"""Running a coroutine at once, and giving it a task only when it has to wait."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine, Generator
from typing import Any, Generic, TypeVar

T = TypeVar("T")


def eager(coroutine: Coroutine[Any, Any, T]) -> T | Awaitable[T]:
    """Run `coroutine` until it waits for something. Its result if it never does, else an awaitable of it, to be awaited in a task.

    Before its first wait the coroutine has no current task: it may await futures, but not enter `asyncio.timeout`, nor `asyncio.wait_for`,
    which does so from Python 3.12 on. `within` does not.
    """
    try:
        waiting = coroutine.send(None)
    except StopIteration as stop:
        result: T = stop.value
        return result
    return _Rest(coroutine, waiting)


async def within(coroutine: Coroutine[Any, Any, T], seconds: float) -> T:
    """`asyncio.wait_for`, also for a coroutine without a current task. Raises TimeoutError, and what the coroutine raises."""
    task = asyncio.ensure_future(coroutine)
    try:
        done, _ = await asyncio.wait({task}, timeout=seconds)
    finally:
        if not task.done():
            task.cancel()
    if not done:
        raise TimeoutError
    return task.result()


class _Rest(Generic[T]):
    """The rest of a coroutine that has yielded `waiting` and not been resumed."""

    __slots__ = ("_coroutine", "_waiting")

    def __init__(self, coroutine: Coroutine[Any, Any, T], waiting: Any) -> None:
        self._coroutine = coroutine
        self._waiting = waiting

    def __await__(self) -> Generator[Any, Any, T]:
        coroutine, waiting = self._coroutine, self._waiting
        while True:
            try:
                try:
                    sent = yield waiting
                except BaseException as error:
                    waiting = coroutine.throw(error)
                else:
                    waiting = coroutine.send(sent)
            except StopIteration as stop:
                result: T = stop.value
                return result
