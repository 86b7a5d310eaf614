"""Runs the jobs, one step at a time, out of the way of traffic. The only broad handler of this room is here."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeVar

from backstory.core.records import Watermark
from backstory.core.store import Lanes
from backstory.errors import FencedError, StoreError

T = TypeVar("T")
_LEASE_S = 30.0
_STOP_S = 2.0
# After a change the worker rests so long, so that one answer's turns are worked on together.
_REST_S = 0.5
# It looks for work that nobody told it of (another process, a restart) so often.
_ROUND_S = 15.0
# While requests keep coming it waits, but never longer than this.
_PATIENCE_S = 20.0
_BUSY_PAUSE_S = 0.1
# A shorter patience than that needs more looks.
_LOOKS = 200
# Between two steps of what can wait: so it takes some tenth of a core at most, however much there is of it.
_GAP_S = 0.1


class Job(Protocol):
    """One kind of background work."""

    name: str

    async def step(self, conversation: str, mark: Watermark) -> bool:
        """Do a bounded piece of the work above the watermark and move it. Whether there is more to do. FencedError: the lease was lost."""
        ...


class Worker:
    """`busy` says whether requests are being served right now; `failed` is told of a job that broke. `wants`: whether a conversation can be
    worked on now. `lets_go`: a lease is given back after the work, whatever ended it: it can be much longer than most work takes.
    `patience_s`: how long a step waits for a pause at most, 0: for long. `late`: jobs that wait until the others have nothing to do, and
    work slowly."""

    def __init__(
        self,
        jobs: Sequence[Job],
        lanes: Lanes,
        owner: str,
        clock: Callable[[], float],
        busy: Callable[[], bool],
        failed: Callable[[str, BaseException], None],
        lease_s: float = _LEASE_S,
        wants: Callable[[str], bool] = lambda _: True,
        lets_go: bool = False,
        patience_s: float = 0.0,
        late: Sequence[Job] = (),
    ) -> None:
        self._jobs = tuple(jobs)
        self._lanes = lanes
        self._owner = owner
        self._clock = clock
        self._busy = busy
        self._failed = failed
        self._lease_s = lease_s
        self._wants = wants
        self._lets_go = lets_go
        self._patience_s = patience_s or _PATIENCE_S
        self._late = tuple(late)
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._later: asyncio.Handle | None = None
        self._due = 0.0
        self.steps = 0

    def start(self) -> None:
        """Begin in the background."""
        self._task = asyncio.create_task(self._run())

    def add(self, job: Job) -> None:
        """One more job, from the next round on."""
        self._jobs = (*self._jobs, job)

    def wake(self) -> None:
        """There is something new to work on."""
        self._wake.set()

    def wake_in(self, seconds: float) -> None:
        """There will be something to work on after so long; the first of several such times counts: work that is not due yet says so again
        then."""
        loop = asyncio.get_running_loop()
        due = loop.time() + seconds
        if self._later is not None:
            if not self._later.cancelled() and loop.time() < self._due <= due:
                return
            self._later.cancel()
        # uvloop gives what is due at once no time of its own.
        self._later, self._due = loop.call_later(seconds, self.wake), due

    async def stop(self) -> None:
        """End after the running step. A lease that cannot be given back, for the store cannot be written, is not waited for."""
        if self._later is not None:
            self._later.cancel()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=_STOP_S)
            self._task = None

    async def round(self) -> int:
        """Work until nothing is pending; the number of steps done."""
        done = 0
        for job in self._jobs:
            blocked: set[str] = set()
            while True:
                names = await self._pending(job)
                todo = [name for name in names if name not in blocked and self._wants(name)]
                if not todo:
                    break
                for name in todo:
                    blocked.add(name)
                    done += await self._unhurt(job, self._conversation(job, name), 0)
        return done

    async def late_round(self, gap_s: float = -1.0) -> int:
        """Do what can wait, until there is no more of it, or there may be something that cannot; the number of steps done."""
        before, ends = self.steps, time.monotonic() + _ROUND_S
        for job in self._late:
            blocked: set[str] = set()
            while True:
                names = await self._pending(job)
                name = next((name for name in names if name not in blocked), None)
                if name is None:
                    break
                blocked.add(name)
                if await self._unhurt(job, self._slowly(job, name, _GAP_S if gap_s < 0 else gap_s, ends), False):
                    self._wake.set()
                    return self.steps - before
        return self.steps - before

    async def _pending(self, job: Job) -> list[str]:
        return await self._lanes.read(lambda store: store.pending(job.name, lease_s=self._lease_s))

    async def _unhurt(self, job: Job, work: Awaitable[T], nothing: T) -> T:
        """What this work on one conversation gives; where it fails, or another has its lease, the others go on."""
        try:
            return await work
        except FencedError:
            pass
        except Exception as error:
            self._failed(job.name, error)
        return nothing

    async def _slowly(self, job: Job, name: str, gap_s: float, ends: float) -> bool:
        """Whether it is time for something else."""
        mark = await self._lease(job, name)
        while mark is not None:
            await self._yield()
            more = await job.step(name, mark)
            self.steps += 1
            await asyncio.sleep(gap_s)
            if self._wake.is_set() or time.monotonic() > ends:
                return True
            mark = await self._lease(job, name) if more else None
        return False

    async def _conversation(self, job: Job, name: str) -> int:
        mark = await self._lease(job, name)
        try:
            return await self._work(job, name, mark)
        finally:
            if self._lets_go and mark is not None:
                with contextlib.suppress(StoreError):
                    await self._lease(job, name, 0.0)

    async def _work(self, job: Job, name: str, mark: Watermark | None) -> int:
        done = 0
        while mark is not None:
            await self._yield()
            more = await job.step(name, mark)
            self.steps += 1
            done += 1
            if not more:
                break
            mark = await self._lease(job, name)
        return done

    async def _lease(self, job: Job, name: str, seconds: float = -1.0) -> Watermark | None:
        lasts_s = self._lease_s if seconds < 0 else seconds
        return await self._lanes.write(lambda store: store.lease(name, job.name, self._owner, lasts_s, self._clock()))

    async def _yield(self) -> None:
        waited, pause_s = 0.0, min(_BUSY_PAUSE_S, self._patience_s / _LOOKS)
        while self._busy() and waited < self._patience_s:
            await asyncio.sleep(pause_s)
            waited += pause_s
        await asyncio.sleep(0)

    async def _run(self) -> None:
        while True:
            # Not `wait_for`: up to Python 3.11 it takes no notice of a cancellation that meets the end of what it waits for.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_ROUND_S):
                    await self._wake.wait()
            self._wake.clear()
            await asyncio.sleep(_REST_S)
            try:
                await self._lanes.flush()
                await self.round()
                await self.late_round()
            except Exception as error:
                self._failed("worker", error)
                await asyncio.sleep(_ROUND_S)
