"""Records what providers took for requests: gathers it in memory, and stores it beside the traffic, a second later.

Rule: nothing waits for it. What cannot be stored waits, within bounds; beyond them the oldest is let go of, and counted. A process that is
killed loses what it has gathered: a second's worth, or what has waited since the store failed.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from typing import TypeVar

from msgspec import Struct

from backstory.app.metering.charging import charges
from backstory.app.metering.gauge import Gauge
from backstory.config import Config
from backstory.core.charges import Charge, Charges
from backstory.core.store import Store
from backstory.errors import RowError, StoreError
from backstory.providers.caching import Tariffs
from backstory.stages.base import Failed, attempt
from backstory.stages.pace import Pace
from backstory.stores.database import open_store
from backstory.stores.lanes import StoreLanes

T = TypeVar("T")

# What a request leaves waits so long for more; a store that fails is tried again after so long, later and later.
_GATHER_S, _AGAIN_S, _LONGEST_S = 1.0, 5.0, 300.0
# So many bytes of requests and answers do not wait; of more, there is no room, and nothing is recorded.
_MUCH, _MOST_BYTES = 8 << 20, 64 << 20
# A charge takes some 700 bytes while it waits.
_MOST_WAITING = 50_000
_ROWS_AT_ONCE = 2_000
# Those that are too old are looked for so often.
_TIDY_S = 3_600.0
_DAY_S = 86_400.0
_PATIENCE_S = 5.0
# Upper bounds of the histograms, in seconds.
BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)


class Times:
    """Times of requests, as Prometheus wants them: how many were at most so long, and their sum."""

    def __init__(self) -> None:
        self.buckets = [0] * (len(BUCKETS) + 1)
        self.sum_s = 0.0

    def add(self, seconds: float) -> None:
        """One more."""
        self.sum_s += seconds
        self.buckets[next((place for place, bound in enumerate(BUCKETS) if seconds <= bound), len(BUCKETS))] += 1


class Figures(Struct):
    """Since the start. `stored`: charges in the store; `dropped`: those let go of. `total`, `first`: times by wire. `tokens`: by kind."""

    stored: int = 0
    dropped: int = 0
    total: dict[str, Times] = {}
    first: dict[str, Times] = {}
    tokens: dict[str, int] = {}


class Recorder:
    """Of one engine. `lanes`: of its store, None while that is not open. Where memory is off for good it writes the store itself. `hot`:
    whether a request is being handled at this moment; then reading waits."""

    def __init__(
        self,
        config: Config,
        lanes: Callable[[], StoreLanes | None],
        failed: Failed,
        clock: Callable[[], float],
        hot: Callable[[], bool] = lambda: False,
    ) -> None:
        self.figures = Figures()
        self._url = config.storage.url
        self._keep_s = config.usage.keep_days * _DAY_S
        self._lanes = lanes
        self._shares = config.memory.enabled
        self._own = ThreadPoolExecutor(1, "backstory-usage")
        self._store: Store | None = None
        self._tariffs = Tariffs(config.prices)
        self._pace = Pace(hot)
        self._failed = failed
        self.clock = clock
        self._over: list[Gauge] = []
        self._held = 0
        self._waiting: deque[Charge] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._reading: asyncio.Task[None] | None = None
        self._writing: asyncio.Task[None] | None = None
        self._tidy_at = self._again_at = self._wait_s = 0.0
        self._closed = False

    def take(self, over: Gauge) -> None:
        """A request is over. Returns at once."""
        held = over.held
        if self._held + held > _MOST_BYTES or self._closed:
            self.figures.dropped += 1
            return
        self._held += held
        self._over.append(over)
        if self._held > _MUCH:
            self._begin()
        else:
            self._later()

    async def flush(self) -> None:
        """Until all that was taken before this is stored, or cannot be now; some seconds at most."""
        now = asyncio.get_running_loop().time
        until = now() + _PATIENCE_S
        self._again_at = 0.0
        while now() < until:
            self._begin()
            task = self._reading or self._writing
            if task is None:
                return
            await asyncio.wait({task}, timeout=until - now())

    async def ask(self, call: Callable[[Charges], T]) -> T:
        """What the store says. Raises StoreError where it cannot be asked."""
        await self.flush()
        return await self._beside(call)

    async def close(self) -> None:
        """Store what is there, for some seconds at most."""
        await self.flush()
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        left = [task for task in (self._reading, self._writing) if task is not None]
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left)
        store = self._store
        if store is not None:
            await asyncio.wait({asyncio.get_running_loop().run_in_executor(self._own, store.close)}, timeout=_PATIENCE_S)
        self._own.shutdown(wait=False)

    # --- reading, and storing what was read

    def _begin(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._closed:
            return
        loop = asyncio.get_running_loop()
        if self._reading is None and self._over:
            self._reading = loop.create_task(self._read_all())
            self._reading.add_done_callback(self._read_ended)
        self._begin_writing()
        self._later()

    def _begin_writing(self) -> None:
        loop = asyncio.get_running_loop()
        if self._writing is None and self._waiting and not self._closed and loop.time() >= self._again_at:
            self._writing = loop.create_task(self._write_all())
            self._writing.add_done_callback(self._write_ended)

    def _read_ended(self, done: asyncio.Task[None]) -> None:
        self._reading = None
        if self._told(done):
            self._begin_writing()
        self._later()

    def _write_ended(self, done: asyncio.Task[None]) -> None:
        self._writing = None
        if not self._told(done):
            self._wait_s = min(max(_AGAIN_S, 2 * self._wait_s), _LONGEST_S)
            self._again_at = asyncio.get_running_loop().time() + self._wait_s
        else:
            self._wait_s = 0.0
        self._later()

    def _later(self) -> None:
        if self._timer is None and not self._closed and (self._over or self._waiting):
            self._timer = asyncio.get_running_loop().call_later(_GATHER_S, self._begin)

    def _told(self, done: asyncio.Task[None]) -> bool:
        """Whether it went well; what did not is told."""
        if done.cancelled():
            return False
        error = done.exception()
        if error is not None:
            self._failed("usage", error)
        return error is None

    async def _read_all(self) -> None:
        over, self._over, self._held = self._over, [], 0
        found = await asyncio.get_running_loop().run_in_executor(None, self._read, over)
        self._count(found)
        self._waiting.extend(found)
        while len(self._waiting) > _MOST_WAITING:
            self._waiting.popleft()
            self.figures.dropped += 1

    async def _write_all(self) -> None:
        while self._waiting:
            some = list(islice(self._waiting, _ROWS_AT_ONCE))
            refused = await self._write(partial(_put, some))
            for one in some:
                # What had waited for too long has gone meanwhile.
                if self._waiting and self._waiting[0] is one:
                    self._waiting.popleft()
            self.figures.stored += len(some) - refused
            self.figures.dropped += refused
        now = self.clock()
        if abs(now - self._tidy_at) > _TIDY_S:
            self._tidy_at = now
            await self._write(lambda kept: kept.drop(now - self._keep_s))

    def _read(self, over: list[Gauge]) -> list[Charge]:
        found: list[Charge] = []
        for one in over:
            self._pace()
            found += attempt(self._failed, "usage", partial(charges, one, self._tariffs), list)
        return found

    def _count(self, found: list[Charge]) -> None:
        figures = self.figures
        for one in found:
            fresh = one.input_tokens - one.cache_read - one.cache_write
            counts = {"uncached": fresh, "cache_read": one.cache_read, "cache_write": one.cache_write, "output": one.output_tokens}
            for kind, number in counts.items():
                figures.tokens[kind] = figures.tokens.get(kind, 0) + number
            if one.place or not one.wire or one.ended != "complete" or not 0 < one.status < 400:
                continue
            figures.total.setdefault(one.wire, Times()).add(one.total_ms / 1000)
            figures.first.setdefault(one.wire, Times()).add(one.first_ms / 1000)

    async def _write(self, call: Callable[[Charges], T]) -> T:
        """On the thread that writes the store. Raises StoreError."""
        if not self._shares:
            return await self._beside(call)
        lanes = self._lanes()
        if lanes is None:
            raise StoreError("the store is not open")
        try:
            return await asyncio.wait_for(lanes.write(lambda store: call(store.charges)), _PATIENCE_S)
        except TimeoutError as cause:
            raise StoreError(f"the store has not answered for {_PATIENCE_S:g} s") from cause

    async def _beside(self, call: Callable[[Charges], T]) -> T:
        """On a thread of our own: who adds up a million rows holds up nobody but the next who asks."""
        return await asyncio.get_running_loop().run_in_executor(self._own, self._called, call)

    def _called(self, call: Callable[[Charges], T]) -> T:
        if self._store is None:
            self._store = open_store(self._url)
        try:
            return call(self._store.charges)
        except StoreError:
            store, self._store = self._store, None
            store.close()
            raise


def _put(some: list[Charge], kept: Charges) -> int:
    """Store them; how many the store can never take."""
    try:
        kept.put(some)
    except RowError:
        if len(some) == 1:
            return 1
        half = len(some) // 2
        return _put(some[:half], kept) + _put(some[half:], kept)
    return 0
