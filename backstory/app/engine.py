"""One memory: store, lanes, threads, stages, jobs. Several ports may share an engine. Built once, here; nobody else knows how."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import sys
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from backstory import __version__
from backstory.app.commanding import Commanding
from backstory.app.faces.why import Explanation, explain
from backstory.app.gateway.atneed import AtNeed, judge
from backstory.app.gateway.enduring import diagnostics, endurance
from backstory.app.journals import WIRE_BY_NAME, open_lanes, read_arrival, recovered, recovery, verified
from backstory.app.lineup import Line, Parts, across, choices, line_up, settings
from backstory.app.local import Local
from backstory.app.metering.recorder import Recorder
from backstory.app.metrics import Metrics
from backstory.app.opening import StoreOpening
from backstory.config import Config
from backstory.config.sections import Compaction
from backstory.core.embedding import Embedder
from backstory.core.exchange import Head
from backstory.core.ids import TurnIds
from backstory.core.layout import Layouts
from backstory.core.records import Batch
from backstory.core.reply import Usage
from backstory.core.sizes import rough
from backstory.core.tombs import Tomb, Tombs
from backstory.core.wire import Wire
from backstory.core.wishes import WISHES
from backstory.errors import BackstoryError, DocumentError, StoreError
from backstory.jobs import standard as standard_jobs
from backstory.jobs import unhurried
from backstory.jobs.forgotten import Forgotten
from backstory.jobs.pins import Pins
from backstory.jobs.removal import Removal
from backstory.jobs.vectors import VectorJob
from backstory.jobs.worker import Worker
from backstory.memory import lookups
from backstory.memory.economy.account import STOPS_S
from backstory.memory.facts.query import select
from backstory.memory.facts.supersession import Known
from backstory.memory.folding.compaction import protected_from
from backstory.memory.identity.thread import Thread
from backstory.memory.reading.requests import Reader
from backstory.providers import side_model
from backstory.providers.caching import Tariffs
from backstory.providers.windows import Rooms
from backstory.stages.ahead import Ahead
from backstory.stages.arrivals import Arrivals
from backstory.stages.base import Pipeline, attempted
from backstory.stages.command import Command
from backstory.stages.economy import Economy
from backstory.stages.facts import Facts
from backstory.stages.ingest import Ingest
from backstory.stages.meaning import Meaning
from backstory.stages.order import Order
from backstory.stages.pace import Pace
from backstory.stages.paging import Offering, Paging
from backstory.stages.shelf import Shelf
from backstory.stages.stubs import restore
from backstory.stages.threads import Threads
from backstory.stages.visit import Visits
from backstory.stores.lanes import StoreLanes
from backstory.vectors import opened

if TYPE_CHECKING:
    from backstory.app.side import SideRoom

log = logging.getLogger("backstory")

# Requests that came in the last so many seconds make the background wait.
_QUIET_S = 0.3
# A request that has just come, or just gone up, makes work on other threads hold still for so long. What works there gives the
# interpreter away after so long: five milliseconds, Python's own figure, are half of what a recall may take.
_HOT_S = 0.005
_HAND_OVER_S = 0.0005
# A step of a job waits so long for a moment in which no request is handled, then it goes on, at the pace that is left to it.
_STEP_PATIENCE_S = 1.0
# The same fault is told again after so many seconds.
_TELL_AGAIN_S = 10.0
# Requests that memory was late for, and still works on: more than so many, and later ones are only relayed.
_MOST_BESIDE = 500
# How long a stop, or a request that builds on one of them, waits for them.
_BESIDE_S = 5.0
# Of the time that recall has, this share may pass before a question's vector is there.
_VECTOR_SHARE = 0.3


class Engine:
    """Use `open`. `memory` is False where the store could not be opened or memory is switched off: then everything is only relayed. Raises
    ConfigError for a side model that cannot be."""

    recorder: Recorder | None = None
    """Of what requests cost; None where that is not recorded."""

    def __init__(self, config: Config, clock: Callable[[], float] = time.time) -> None:
        self.config = config
        self.metrics = Metrics()
        self.turn_ids = TurnIds(secrets.randbits(10))
        self.opening = StoreOpening(config.storage, self._open, self._shut, self._taken_in, self.failed)
        self._clock = clock
        self._told: dict[str, float] = {}
        self._ended = False
        self._settings = settings(config)
        self._started = clock()
        self._lanes: StoreLanes | None = None
        self._worker: Worker | None = None
        self._shelf: Shelf | None = None
        self._facts: Facts | None = None
        self._has_side = not side_model.off(config)
        self.side: SideRoom | None = None
        self._modelling: asyncio.Task[None] | None = None
        self._embedder: Embedder | None = None
        self._beside: dict[int, asyncio.Future[Any]] = {}
        self.waiting = 0
        """Requests that wait for memory at this moment."""
        self.expects: Callable[[], bool] = bool
        """Whether a first request may go on with a conversation that its client has just summarised."""
        self.visits, self.order = Visits(), Order()
        self.layouts = Layouts(secrets.randbits(63))
        self.pipeline = Pipeline((), self.failed)
        self.commanding = Commanding(config.commands.prefix) if config.commands.enabled else None
        self.command: Command | None = None
        self.ways = AtNeed(self, clock)
        self._removal: Removal | None = None
        rooms, window_set = Rooms(config.models), config.compaction.context_window != Compaction().context_window

        def takes(model: str) -> tuple[int, int]:
            room = rooms.of(model)
            return (0, 0) if window_set and not rooms.told(model) else (room.window, room.max_output)

        self.economy = Economy(self.visits, Tariffs(config.prices), self._settings.window, choices(config), clock, takes)
        self.metrics.money = self.economy.money
        self.metrics.halted = lambda: self.economy.halted
        self.threads: Threads | None = None
        self.ahead: Ahead | None = None
        self.endurance = endurance(config)
        self.local = Local(self._health, self.metrics.figures, self.metrics.exposition, lambda: diagnostics(self.endurance))

    @classmethod
    async def open(cls, config: Config, clock: Callable[[], float] = time.time) -> Engine:
        """An engine over the configured storage. Never fails for the store's sake, and does not wait for long (`StoreOpening.start`)."""
        engine = cls(config, clock)
        if config.usage.keep_days:
            engine.recorder = Recorder(config, lambda: engine.lanes, engine.failed, clock, engine._hot)
            engine.metrics.usage = engine.recorder.figures
        sys.setswitchinterval(_HAND_OVER_S)
        if config.memory.enabled:
            await engine.opening.start()
        return engine

    async def close(self) -> None:
        """Store what is pending and close."""
        await self.opening.stop()
        if self._beside:
            await asyncio.wait(self._beside.values(), timeout=_BESIDE_S)
        if self.recorder is not None:
            await self.recorder.close()
        await self._shut()
        self.opening.close()

    @property
    def memory(self) -> bool:
        """Whether memory is on."""
        return self.opening.is_open

    @property
    def trouble(self) -> str:
        """Why memory is off, where it should be on."""
        return self.opening.trouble

    @property
    def wished(self) -> bool:
        """Whether anything is set for the requests of any conversation."""
        return self.command is not None and self.command.wishing.anywhere

    @property
    def shared(self) -> bool:
        """Whether another process may have been told what is to hold here."""
        return self._lanes is not None and self._lanes.shared

    @property
    def crowded(self) -> bool:
        """Whether memory lags behind so far that it must not take on more."""
        return len(self._beside) >= _MOST_BESIDE

    def beside(self, exchange: int, task: asyncio.Future[Any]) -> None:
        """Memory goes on with this while its request is on its way without it."""
        self._beside[exchange] = task
        task.add_done_callback(lambda _: self._beside.pop(exchange))

    def _before(self, exchange: int) -> list[asyncio.Future[Any]]:
        """What memory still works on of exchanges before this one, whose requests went up without it."""
        return [task for number, task in self._beside.items() if number < exchange] if self._beside else []

    async def facts(
        self, principal: str, conversation: str, subject: str = "", verb: str = "", object_: str = "", status: str = "", most: int = 50
    ) -> list[Known]:
        """What is known of a conversation of this principal, the newest `most` of it, in the order of the turns; see memory/facts/query.py.
        NotFound where there is no such conversation, RequestError for an unknown status, StoreError where memory is off."""
        if self._facts is None:
            raise StoreError(self.trouble or "memory is off")
        self.arrivals.named(conversation)
        known = await self._facts.known(principal, conversation)
        found = select(known, subject, verb, object_, status)
        return found[max(0, len(found) - most) :]

    def paid(self, model: str, usage: Usage, conversation: str = "", dollars: float | None = None) -> None:
        """Memory made a request of its own, and these tokens were billed for it: stored, and taken off what is saved. `dollars`: as in
        `Economy.side`."""
        spend = self.economy.side(self.turn_ids(), model, usage, conversation, dollars)
        if self._lanes is not None:
            self._lanes.submit(Batch(spends=(spend,)), 0)

    @property
    def lanes(self) -> StoreLanes | None:
        """The store's; None where memory is off."""
        return self._lanes if self.memory else None

    def failed(self, where: str, error: BaseException) -> None:
        """Something broke and the request went on without it."""
        self.metrics.fail_open(where)
        now = time.monotonic()
        if now - self._told.get(where, -_TELL_AGAIN_S) >= _TELL_AGAIN_S:
            self._told[where] = now
            text = error if isinstance(error, BackstoryError) else ""
            log.warning("%s failed open: %s: %s (/metrics counts further ones)", where, type(error).__name__, text)
        log.debug("%s", where, exc_info=error)

    def late(self, head: Head) -> None:
        """Memory was not done in time, and the request went up as it came."""
        self.metrics.fail_open("deadline")
        log.info("memory was not ready within recall.deadline_ms; a request to %s went up as it came", head.path)

    def log_skipped(self, head: Head, wire: Wire, error: DocumentError) -> None:
        """A body that memory cannot read was relayed as it came."""
        log.info("memory skips a request to %s (%s): %s", head.path, wire.name, error)

    def _taken_in(self) -> None:
        """More was stored than conversations in memory know."""
        if self.threads is not None:
            self.threads.clear()

    async def _shut(self) -> None:
        self.opening.shut()
        self._ended = True
        self._facts = None
        if self._shelf is not None:
            self._shelf.close()
        side, self.side = self.side, None
        if side is not None:
            await side.stop()
        worker, self._worker = self._worker, None
        if self._modelling is not None:
            self._modelling.cancel()
            await asyncio.wait({self._modelling})
            self._modelling = None
        if worker is not None:
            await worker.stop()
            await self._forgotten.stop()
            await self.pins.stop()
            if self._removal is not None:
                await self._removal.stop()
            self.arrivals.close()
        embedder, self._embedder = self._embedder, None
        if embedder is not None:
            # A thread that waits for its answer would have to be waited for.
            embedder.close()
        lanes, self._lanes = self._lanes, None
        if lanes is not None:
            await lanes.close()
            if lanes.queued:
                log.error("%d exchanges were not stored and wait in the journal: %s", lanes.queued, lanes.last_error)

    def _work_in(self, seconds: float) -> None:
        if self._worker is not None:
            self._worker.wake_in(seconds)

    async def _open(self) -> None:
        config, self._ended = self.config, False
        self._lanes = lanes = await open_lanes(config.storage.url, config.storage.journal)
        await self._follow(lanes)
        self.threads = threads = await self._threads(lanes)
        meaning = None
        if config.vectors.model != "none":
            meaning = Meaning(lanes, _VECTOR_SHARE * config.recall.deadline_ms / 1000, self.failed)
        self._shelf = shelf = Shelf(lanes, lambda: self.busy, self._hot, self._has_side and "digests" in config.side_model.tasks, meaning)
        idle_s = config.memory.session_idle_s if across(config) else 0.0
        jobs = standard_jobs(lanes, Pace(self._gives_way), idle_s, self._clock, self._work_in)
        owner = f"{os.getpid()}-{secrets.token_hex(4)}"
        self._worker = Worker(
            jobs,
            lanes,
            owner,
            self._clock,
            self._hot,
            self.failed,
            patience_s=_STEP_PATIENCE_S,
            late=unhurried(lanes, Pace(self._gives_way)),
        )
        most = self._settings.window.hard_tokens
        self.ingest = Ingest(threads, self.visits, lanes, self.turn_ids, self._clock, rough, self._stored, most, self.failed)
        self.arrivals = Arrivals(
            threads,
            lanes,
            WIRE_BY_NAME.__getitem__,
            read_arrival,
            rough,
            self._worker.wake,
            self.failed,
            self._hot,
            lambda: self.busy,
            self.economy.first,
        )
        reader = Reader(secrets.randbits(63))
        line = self._line_up(lanes, threads, shelf, reader)
        self._worker.start()
        if meaning is not None:
            self._modelling = asyncio.create_task(self._open_model(meaning, lanes, self._worker))
        await self._open_side(lanes)

        clear = (threads.clear, line.continuity.forget, reader.clear, line.shrink.clear, self.layouts.clear, lookups.forget)

        def forget(tombs: Tombs) -> None:
            threads.tombs = tombs.after(threads.tombs)
            _all(clear)

        self._forgotten = Forgotten(lanes, forget, self._learn, self.opening.gone, threads.heed)
        line.forgets.changed, threads.look = self._forgotten.drop, self._forgotten.look
        self.pins = Pins(lanes, threads.pinned)
        await self._forgotten.start()
        await self.pins.start()
        await self.paging.lookups.look()
        await line.continuity.load(self._clock())
        line.command.wishing.anywhere = bool(await lanes.read(lambda store: store.stated(WISHES)))
        self.economy.restore(*await lanes.read(lambda store: store.stops(self._clock() - STOPS_S)))
        self._removal = Removal(lanes, self._clock, self.failed)
        self._removal.start()
        if await lanes.read(lambda store: store.conversations(None, 1)):
            shelf.warm_up()
        await self.opening.begin(lanes)

    async def _threads(self, lanes: StoreLanes) -> Threads:
        unseen = not self.config.storage.url.startswith("sqlite")  # who shares a file with us is on this machine
        threads = Threads(lanes, self._clock, lambda path: protected_from(path, self._settings.window), unseen)
        threads.tombs = await lanes.read(lambda store: store.tombs())
        return threads

    async def _follow(self, lanes: StoreLanes) -> None:
        """Take in what dead processes have left; what is said from now on comes after it, also where the clock has gone back since."""
        await recovered(lanes, recovery(self.failed))
        self.turn_ids.follow(await lanes.read(lambda store: store.newest_id()))

    def _learn(self, key: bytes, laid: list[Tomb]) -> None:
        if self.threads is not None:
            self.threads.tombs.learn(key, laid)

    async def _open_model(self, meaning: Meaning, lanes: StoreLanes, worker: Worker) -> None:
        """Load the model of vectors beside the traffic; without it recall goes by words."""
        loading = asyncio.get_running_loop().run_in_executor(None, opened, self.config.vectors)
        embedder = await attempted(self.failed, "vectors", loading, None)
        if embedder is not None:
            self._embedder = meaning.embedder = embedder
            worker.add(VectorJob(lanes, embedder, self.config.memory.threshold_messages, Pace(self._gives_way), self._clock))
            worker.wake()

    def _line_up(self, lanes: StoreLanes, threads: Threads, shelf: Shelf, reader: Reader) -> Line:
        """Put the stages in order."""
        self.paging = paging = self._pages(shelf, lanes, threads)
        line = line_up(
            Parts(
                self.config,
                self._settings,
                self.visits,
                lanes,
                threads,
                shelf,
                reader,
                self.arrivals,
                self.ingest,
                paging,
                self.economy,
                self.order,
                self._before,
                self._clock,
                self.turn_ids,
                self._gives_way,
                self._waited_for,
                self.metrics.figures,
                self.failed,
                judge(self.ways),
                WIRE_BY_NAME.__getitem__,
            )
        )
        self.ahead = Ahead(threads, line.settled, time.monotonic)
        self.command, self.expects = line.command, line.continuity.expects
        self.pipeline = Pipeline(line.stages, self.failed)
        return line

    async def restore(self, principal: str, conversation: str, ref: str, scope: str = "") -> str:
        """What a stub's ref names, word for word, verified by hash: a tool result, or the JSON block of an image. NotFound where this
        conversation has none of that name. Raises StoreError."""
        if self._lanes is None or self.threads is None:
            raise StoreError(self.trouble or "memory is off")
        return await restore(self._lanes, self.threads, WIRE_BY_NAME.__getitem__, principal, conversation, scope, ref)

    async def _open_side(self, lanes: StoreLanes) -> None:
        if self._has_side:
            from backstory.app.side import SideRoom  # noqa: PLC0415 - only where a side model is in use

            owner = f"{os.getpid()}-{secrets.token_hex(4)}"
            try:
                side = SideRoom(self.config, lanes, owner, self._clock, lambda: self.busy, self.failed, self.metrics.side, self.paid)
            except BackstoryError as error:
                self.failed("side model", error)
                return
            await side.start()
            self.side = side

    def _pages(self, shelf: Shelf, lanes: StoreLanes, threads: Threads) -> Paging:
        told = Offering(self.config.paging.enabled, self._settings.budget, self._settings.window.size)
        facts = Facts(lanes, threads, Pace(self._waited_for))
        self._facts = facts
        return Paging(self.visits, shelf, lanes, told, rough, self._clock, self.failed, verified, facts, self.restore)

    async def why(self, request: str, principal: str | None = None) -> Explanation:
        """Why a request went up so: see faces/why.py. `principal`: whose it must be, None: whoever's. Raises NotFound, StoreError."""
        lanes = self._lanes
        if lanes is None:
            raise StoreError(self.trouble or "memory is off")
        await lanes.flush()
        return await lanes.read(lambda store: explain(store, request, principal))

    @property
    def busy(self) -> bool:
        """Whether requests are coming in right now."""
        return time.monotonic() - self.metrics.last_request < _QUIET_S

    def _hot(self) -> bool:
        """Whether a request is being handled at this moment."""
        if self.waiting or (self.threads is not None and self.threads.loading) or time.monotonic() - self.metrics.last_request < _HOT_S:
            return True
        return any(door.in_flight for door in self.metrics.doors)

    def _gives_way(self) -> bool:
        """As `_hot`, for work on other threads. Raises CancelledError once memory is closed: the next start makes what was being made."""
        if self._ended:
            raise asyncio.CancelledError
        return self._hot()

    def _waited_for(self) -> bool:
        """The same for work that a request may wait for. Raises StoreError instead: the request goes on without it."""
        if self._ended:
            raise StoreError("memory was closed meanwhile")
        return self._hot()

    def _stored(self, thread: Thread) -> None:
        """An answer was stored: get ready what its conversation will need, and let the jobs know."""
        length = len(thread.path)
        threshold = self.config.memory.threshold_messages
        if self._shelf is not None and length >= threshold // 2:
            self._shelf.warm_up()
        if length >= threshold and self._shelf is not None:
            told = self._settings
            if thread.changes is not None:
                self._shelf.follow(thread)
            if thread.boundary or thread.tokens > told.window.soft_tokens:
                self._shelf.prepare(thread)
                self._shelf.prefold(thread, told.window, told.budget, self.economy.kept(thread.account))
        if self._worker is not None:
            self._worker.wake()
        if self.side is not None:
            self.side.wake()

    def _health(self) -> dict[str, Any]:
        lanes = self._lanes
        trouble = self.trouble or (lanes.trouble if lanes is not None else "")
        return {
            "status": "degraded" if trouble or not (self.memory or not self.config.memory.enabled) else "ok",
            "service": "backstory",
            "version": __version__,
            "memory": "on" if self.memory else "off",
            "trouble": trouble,
            "uptime_s": round(self._clock() - self._started, 1),
            "sessions": len(self.threads) if self.threads is not None else 0,
            "pending": lanes.queued if lanes is not None else 0,
            "rewriting": "stopped" if self.economy.halted else "on",
        }


def _all(calls: Iterable[Callable[[], None]]) -> None:
    for call in calls:
        call()
