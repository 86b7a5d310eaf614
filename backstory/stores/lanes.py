"""Lanes: the threads on which a store's blocking calls run. One writes, two read.

Rule: everything here but the calls themselves happens on the event loop, so there is nothing to lock. What was submitted gathers for
a moment and is stored in one transaction. While the store cannot be written, batches wait; beyond a bound the oldest are let go of,
because the journal has them, and are read back from it later. Nothing is raised into `submit`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from msgspec import Struct

from backstory.core.records import Batch, Place
from backstory.core.store import Store
from backstory.errors import RowError, StoreError, StoreGone
from backstory.stores.inbox import Inbox
from backstory.stores.neighbours import Neighbours

T = TypeVar("T")
log = logging.getLogger(__name__)

_READERS = 2
_GATHER_S = 0.1
# A transaction of so many rows holds the writer's lock for some 20 ms.
_ROWS_AT_ONCE = 2_000
_BACK_OFF_S = (0.1, 5.0)
_MOST_WAITING_BYTES = 64 << 20
# What a batch takes in memory beside its texts.
_BATCH_BYTES = 2_000
# Between journal and submission lies the reading of one answer. A record that waits longer is left to be read back.
_STRANDED_S = 60.0
_CLOSE_S = 5.0
# Where storing what is pending has taken all of that.
_LEAST_S = 0.5
_LOOK_S = 0.02
_READ_BACK = 500
# Where another process has the same store, it is to know soon what is said here.
_GATHER_SHARED_S = 0.01

Later = Callable[[Store], Batch]
"""Rows that depend on what is stored: made when all rows before them are. It blocks."""
Settle = Callable[[list[bytes]], Sequence[Batch | Later]]
"""The rows of journal records."""


class _Waiting(Struct):
    """A batch that is to be stored; `seq` its journal record; up to `upto` no record is without its batch in the queue."""

    batch: Batch
    seq: int
    upto: int
    bytes: int


class StoreLanes:
    """A `core.store.Lanes`. All methods are called on one event loop. `gather_s`: how long what is submitted may wait for more."""

    def __init__(self, store: Store, inbox: Inbox, gather_s: float = _GATHER_S, most_waiting_bytes: int = _MOST_WAITING_BYTES) -> None:
        self._store = store
        self._inbox = inbox
        self._neighbours = Neighbours(inbox)
        self._gather_s = gather_s
        self._most_waiting_bytes = most_waiting_bytes
        self._writer = ThreadPoolExecutor(1, "backstory-writer")
        self._readers = ThreadPoolExecutor(_READERS, "backstory-reader")
        self._settle: Settle | None = None
        self._queue: deque[_Waiting] = deque()
        self._rows = 0
        self._bytes = 0
        self._last = 0
        # Records without a batch yet, and when each was journalled.
        self._open: OrderedDict[int, float] = OrderedDict()
        self._timer: asyncio.TimerHandle | None = None
        self._writing: asyncio.Future[int] | None = None
        self._flushes: list[tuple[int, asyncio.Future[None]]] = []
        self._submitted = self._done = 0
        self._back_off_s = 0.0
        self._shed_from = 0
        self._restoring, self._restore_from = False, 0.0
        self._closing = False
        self._lost = False
        self._settled = 0
        self._unjournalled = ""
        self.written = 0
        """Batches stored."""
        self.failed = 0
        """Transactions that failed."""
        self.dropped = 0
        """Batches that the store can never take."""
        self.shed = 0
        """Batches that are in the journal only, until they are read back."""
        self.recovered = 0
        """Journal records read back."""
        self.damaged = 0
        """Journal records that could not be read."""
        self.unread = False
        """Whether journals of dead processes wait to be taken in."""
        self.last_error = ""
        """Why the store could not be written; "" while it can."""

    @property
    def settled(self) -> int:
        """See Lanes."""
        return self._settled

    @property
    def moved(self) -> Mapping[str, str]:
        """See Lanes."""
        return self._store.moved

    @property
    def trouble(self) -> str:
        """Why the journal or the store could not be written the last time; "" where they could."""
        return self._unjournalled or self.last_error

    @property
    def queued(self) -> int:
        """Batches that are not stored yet."""
        return self._submitted - self._done

    async def read(self, call: Callable[[Store], T]) -> T:
        """See Lanes."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, call, self._store)

    async def write(self, call: Callable[[Store], T]) -> T:
        """`call(store)` on the writer's thread, after everything submitted before is stored. Raises what it raises."""
        await self.flush()
        return await asyncio.get_running_loop().run_in_executor(self._writer, call, self._store)

    def append(self, payload: bytes) -> int:
        """See Lanes."""
        return self.append_all((payload,))[0]

    def append_all(self, payloads: Sequence[bytes]) -> tuple[int, list[Place]]:
        """See Lanes."""
        try:
            first, places = self._inbox.append_all(payloads)
        except StoreError as error:
            self._unjournalled = str(error)
            raise
        self._unjournalled = ""
        self._last = first + len(places) - 1
        self._open.update(dict.fromkeys(range(first, self._last + 1), time.monotonic()))
        return first, places

    def fetch(self, place: Place, size: int) -> bytes:
        """See Lanes."""
        return self._inbox.fetch(place, size)

    def submit(self, batch: Batch, seq: int) -> None:
        """See Lanes. `seq` 0: the batch has no journal record. An empty batch: the record is not to be stored."""
        self._open.pop(seq, None)
        upto = self._last
        if self._open:
            first, since = next(iter(self._open.items()))
            upto = first - 1
            if time.monotonic() - since > _STRANDED_S:
                self._strand(first)
        size = _BATCH_BYTES
        for turn in batch.turns:
            size += len(turn.text) + len(turn.raw) + len(turn.calls)
        size += sum(len(one.said) for one in batch.replies)
        self._queue.append(_Waiting(batch, seq, upto, size))
        self._submitted += 1
        self._rows += len(batch.turns) + 1
        self._bytes += size
        if self._bytes > self._most_waiting_bytes and self._back_off_s:
            self._lighten()
        if self._writing is None:
            self._soon()

    async def flush(self) -> None:
        """See Lanes. While the store cannot be written, this waits."""
        if self._done >= self._submitted:
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._flushes.append((self._submitted, waiter))
        if self._writing is None and not self._back_off_s:
            self._begin()
        await waiter

    @property
    def shared(self) -> bool:
        """See Lanes."""
        return bool(self._neighbours)

    async def others(self) -> bool:
        """See Lanes."""
        return await self._neighbours.settled(self._take_over)

    async def recover(self, settle: Settle) -> int:
        """Store what dead processes left in their journals; the number of records. What cannot be stored now stays for the next call:
        then `unread` is set, and `last_error` says why ("" where a dead process's journal is still locked). `settle` is kept, to read
        back what this process will have to let go of."""
        self._settle = settle
        return await asyncio.get_running_loop().run_in_executor(self._writer, self._take_in, settle)

    async def close(self) -> None:
        """Store what is pending, for some seconds at most; what is left stays in the journal, at once where the database is no longer
        there. Closes store and journal. A call that does not end is not waited for: its thread keeps the store's connections, and what it
        would have stored stays in the journal."""
        until = time.monotonic() + _CLOSE_S
        try:
            await asyncio.wait_for(self._drain(), _CLOSE_S)
        except TimeoutError:
            self.last_error = self.last_error or "closed before everything was stored"
        self._closing = True
        if self._timer is not None:
            self._timer.cancel()
        loop = asyncio.get_running_loop()
        executors = self._writer, self._readers
        ends = {loop.run_in_executor(None, one.shutdown) for one in executors}
        _, running = await asyncio.wait(ends, timeout=max(_LEAST_S, until - time.monotonic()))
        for one in executors if running else ():
            one.shutdown(wait=False, cancel_futures=True)
        if running:
            self.last_error = self.last_error or "closed while a call of the store had not ended"
        else:
            self._store.close()
        self._inbox.close()

    # --- on the event loop

    async def _take_over(self) -> None:
        """Take in what processes have left that died while this one runs. Raises nothing."""
        if self._settle is not None and not self._closing:
            taking = asyncio.get_running_loop().run_in_executor(self._writer, self._take_in, self._settle, 0.0)
            taking.add_done_callback(self._noted)
            await asyncio.wait({taking})

    async def _drain(self) -> None:
        """Until everything is stored, or nothing can be any more. Of the transaction that tells which, the end is waited for."""
        if self._writing is None and self._queue:
            self._begin()
        while self._done < self._submitted and not self._lost:
            if self._writing is None:
                await asyncio.sleep(_LOOK_S)
            else:
                await asyncio.wait({self._writing})
                await asyncio.sleep(0)

    def _soon(self) -> None:
        """Begin when what waits has gathered: at once where it is much or somebody waits for it, never in a back-off."""
        if self._closing:
            return
        if not self._back_off_s and (self._rows >= _ROWS_AT_ONCE or self._flushes):
            self._begin()
        elif self._timer is None:
            gather_s = min(self._gather_s, _GATHER_SHARED_S) if self._neighbours else self._gather_s
            self._timer = asyncio.get_running_loop().call_later(self._back_off_s or gather_s, self._begin)

    def _begin(self) -> None:
        """Store the first of what waits."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._writing is not None or not self._queue or self._closing:
            return
        group: list[_Waiting] = []
        rows = 0
        while self._queue and rows < _ROWS_AT_ONCE:
            group.append(self._take())
            rows += len(group[-1].batch.turns) + 1
        self._writing = asyncio.get_running_loop().run_in_executor(self._writer, self._put, group)
        self._writing.add_done_callback(lambda done: self._ended(done, group))

    def _ended(self, done: asyncio.Future[int], group: list[_Waiting]) -> None:
        self._writing = None
        if done.cancelled():
            return
        error = done.exception()
        if isinstance(error, StoreError):
            self.failed += 1
            self.last_error = str(error)
            self._lost = isinstance(error, StoreGone)
            if not self._back_off_s:
                log.warning("the store cannot be written; turns wait in the journal: %s", error)
            shortest, longest = _BACK_OFF_S
            self._back_off_s = min(longest, max(shortest, 2 * self._back_off_s))
            for one in reversed(group):
                self._queue.appendleft(one)
                self._rows += len(one.batch.turns) + 1
                self._bytes += one.bytes
            self._lighten()
        elif error is not None:
            # Not the database's fault, so trying again would not help; the journal keeps these.
            self.failed += 1
            self.last_error = f"{type(error).__name__}: {error}"
            self._done += len(group)
            self._let_go(group)
        else:
            if self._back_off_s:
                log.info("the store can be written again")
            self._back_off_s = 0.0
            self._done += len(group)
            self.written += len(group) - done.result()
            self.last_error = self.last_error if done.result() else ""
            upto = group[-1].upto
            self._settled = max(self._settled, min(upto, self._shed_from - 1) if self._shed_from else upto)
            self._read_back()
        self._tell()
        if self._queue:
            self._soon()

    def _take(self) -> _Waiting:
        one = self._queue.popleft()
        self._rows -= len(one.batch.turns) + 1
        self._bytes -= one.bytes
        return one

    def _lighten(self) -> None:
        """Let go of the oldest that wait until the rest is within bounds."""
        gone: list[_Waiting] = []
        while self._bytes > self._most_waiting_bytes and self._queue:
            gone.append(self._take())
        if gone:
            self._done += len(gone)
            self._let_go(gone)
            self._tell()

    def _let_go(self, group: Sequence[_Waiting]) -> None:
        """These are in the journal only."""
        self.shed += len(group)
        numbers = [one.seq for one in group if one.seq]
        if numbers:
            self._keep(min(numbers), max(numbers))

    def _strand(self, seq: int) -> None:
        """This record's batch has not come; the next start, or a read-back, takes it from the journal."""
        del self._open[seq]
        self.shed += 1
        self._keep(seq, seq)

    def _keep(self, first: int, last: int) -> None:
        self._shed_from = min(self._shed_from or first, first)
        if not self._closing:
            loop = asyncio.get_running_loop()
            loop.run_in_executor(self._writer, self._inbox.hold, last).add_done_callback(self._noted)

    def _read_back(self) -> None:
        """Store what was let go of, now that the store can be written again."""
        if not self._shed_from or self._settle is None or self._closing or self._restoring or time.monotonic() < self._restore_from:
            return
        self._restoring = True
        shed = self.shed
        task = asyncio.get_running_loop().run_in_executor(self._writer, self._restore, self._settle)
        task.add_done_callback(self._noted)
        task.add_done_callback(lambda done: self._restored(done, shed))

    def _restored(self, done: asyncio.Future[None], shed: int) -> None:
        self._restoring = False
        if done.cancelled() or done.exception() is not None:
            # Whole files are read for each try.
            self._restore_from = time.monotonic() + _BACK_OFF_S[1]
        elif self.shed == shed:
            self.shed = self._shed_from = 0

    def _noted(self, done: asyncio.Future[Any]) -> None:
        if not done.cancelled() and (error := done.exception()) is not None:
            self.failed += 1
            self.last_error = str(error)

    def _tell(self) -> None:
        while self._flushes and self._flushes[0][0] <= self._done:
            waiter = self._flushes.pop(0)[1]
            if not waiter.done():
                waiter.set_result(None)

    # --- on the writer's thread

    def _put(self, group: list[_Waiting]) -> int:
        """Store and settle; the number of batches that the store will never take. Raises StoreError."""
        before = self.dropped
        self._write([one.batch for one in group])
        self._inbox.settled(group[-1].upto)
        return self.dropped - before

    def _write(self, batches: Sequence[Batch]) -> None:
        try:
            self._store.write(batches)
        except RowError as error:
            if len(batches) == 1:
                self.dropped += 1
                self.last_error = str(error)
                return
            half = len(batches) // 2
            self._write(batches[:half])
            self._write(batches[half:])

    def _restore(self, settle: Settle) -> None:
        for path in self._inbox.held():
            self._store_records(self._inbox.read(path), settle)
            self._inbox.release(path)

    def _take_in(self, settle: Settle, *patience: float) -> int:
        before, held = self.recovered, False
        # Who tries again does not wait again: the writer has more to do.
        patience = patience if not self.unread else (0.0,)
        try:
            for orphan in Inbox.orphans(self._inbox.folder, self._inbox.name, *patience):
                if orphan.held:
                    held = True
                    continue
                self._store_records(orphan.records, settle)
                self.damaged += orphan.skipped
                orphan.path.unlink(missing_ok=True)
        except StoreError as error:
            self.last_error, self.unread = str(error), True
        else:
            if self.unread:
                self.last_error = ""
            self.unread = held
        return self.recovered - before

    def _store_records(self, records: Sequence[bytes], settle: Settle) -> None:
        for start in range(0, len(records), _READ_BACK):
            some = list(records[start : start + _READ_BACK])
            ready: list[Batch] = []
            for rows in settle(some):
                if isinstance(rows, Batch):
                    ready.append(rows)
                    continue
                if ready:
                    self._write(ready)
                ready = [rows(self._store)]
            if ready:
                self._write(ready)
            self.recovered += len(some)
