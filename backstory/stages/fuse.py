"""Calls into code that is not ours: timed, counted, and left out for a while where they fail again and again.

Rule: whoever calls decides what becomes of a failure; what is broken or slow must cost the traffic no more than a few tries a minute. Code
that blocks cannot be broken off: it is told of, and left out from then on.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from backstory.errors import ExtensionError

T = TypeVar("T")
log = logging.getLogger("backstory")

MOST_FAILURES = 3
"""So many failures in a row, and it is left out."""
REST_S = 30.0
"""For so long; then one call tries it again."""
BLOCKS_S = 0.05
"""What must not wait, and takes longer than this, counts as a failure: every other request stands still meanwhile."""


class Fuse:
    """Of one extension. `clock`: monotonic seconds. `what` names a method of it: that one works does not mean that another does."""

    def __init__(self, name: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.name = name
        self.where = f"extension {name}"
        self._clock = clock
        self._failures: dict[str, int] = {}
        self._rests_until = 0.0

    @property
    def blown(self) -> bool:
        """Whether it is left out at this moment."""
        return self._clock() < self._rests_until and any(number >= MOST_FAILURES for number in self._failures.values())

    def run(self, what: str, call: Callable[[], T]) -> T:
        """What `call` gives. Raises what it raises. One that was slow gives what it gives, and counts as a failure."""
        began = self._clock()
        try:
            result = call()
        except Exception:
            self._failed(what)
            raise
        took = self._clock() - began
        if took > BLOCKS_S:
            log.warning("%s kept all requests waiting for %d ms", self.where, took * 1000)
            self._failed(what)
        else:
            self._failures.pop(what, None)
        return result

    async def wait(self, what: str, work: Awaitable[T], limit_s: float) -> T:
        """What `work` gives, in a task of its own. Raises what it raises, ExtensionError where it takes longer than this."""
        task = asyncio.ensure_future(work)
        try:
            done, _ = await asyncio.wait({task}, timeout=limit_s)
        finally:
            if not task.done():
                task.cancel()
                task.add_done_callback(_unheeded)
        try:
            if not done:
                raise ExtensionError(f"it took longer than {limit_s * 1000:g} ms")
            result = task.result()
        except Exception:
            self._failed(what)
            raise
        self._failures.pop(what, None)
        return result

    def _failed(self, what: str) -> None:
        number = self._failures[what] = self._failures.get(what, 0) + 1
        if number >= MOST_FAILURES:
            self._rests_until = self._clock() + REST_S
            log.warning("%s failed %d times in a row (%s): it is left out for %d s", self.where, number, what, REST_S)


def _unheeded(task: asyncio.Future[Any]) -> None:
    """What a task that nobody waits for any more raises is no news."""
    if not task.cancelled():
        task.exception()
