"""The indexes of the threads in memory: built when they are first needed, kept up to date after, and asked by the recall stage.

A long history is indexed on another thread. Until that is done, and for histories too long to index in memory, a small index of candidates
is asked instead (candidates.py).
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Collection, Container, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from itertools import islice
from typing import TypeVar
from weakref import WeakKeyDictionary

from backstory.core.records import Summary, Turn
from backstory.core.store import Lanes
from backstory.core.tokens import count, estimate
from backstory.errors import StoreError
from backstory.memory.economy.decisions import SMALL_WINDOW
from backstory.memory.facts.changes import NOTHING, Changes
from backstory.memory.folding.assembly import Absent, AllBut, Present, digest_block
from backstory.memory.folding.compaction import Window, cut
from backstory.memory.folding.digest import Reader
from backstory.memory.identity.thread import Family, Thread, place_of
from backstory.memory.recall.index import Index
from backstory.memory.recall.inview import Seen, in_view
from backstory.memory.recall.nearness import Asked
from backstory.memory.recall.paging import Chosen
from backstory.memory.recall.retention import Standing
from backstory.memory.recall.retrieval import Recalled, recall
from backstory.memory.recall.units import Carry, Unit, index_terms, units
from backstory.stages import worded
from backstory.stages.candidates import Branch, candidates, owners
from backstory.stages.meaning import Meaning
from backstory.stages.pace import Pace

T = TypeVar("T")

# Turns of so many tokens are indexed or digested, and so many units searched, on the event loop; more on another thread.
_INLINE_TOKENS = 4000
# What a request has added is indexed where it is: so many tokens take about a millisecond.
_AT_ONCE_TOKENS = 1000
_INLINE_UNITS = 3000
# Work on no more text than this (tokens) is waited for: some 50 ms. More is done beside the traffic: a request that needs it now is served
# from the store's full-text search, or goes up as it came.
_SOON_TOKENS = 60_000
# Work beside the traffic waits for a pause in it, but not for ever.
_PAUSE_S = 0.05
_PATIENCE_S = 3.0
# An index is made in batches of so many tokens: some 5 ms of work each. The first waits no longer than this for a pause in the traffic.
_BETWEEN_S = 0.2
_BATCH_TOKENS = 2000
# Of an index that lacks no more than so many tokens, every request that has to do without it makes a part.
_LENT_TOKENS, _LENT_S = 250_000, 0.02
# What requests wait for has threads of its own: those of background work may all be taken, or be holding still for a request.
_RECALLERS = 2
# A longer branch is never indexed in memory.
_MOST_TURNS = 250_000
# So many candidates more by their vectors, where the database can look for those.
_NEAR = 20
# So many requests before the hard threshold a digest is made that is up to date: one that leaves no more than this share of the window
# to be carried along.
_AHEAD, _STALE = 5, 0.05
# What was read of a history for its digests is kept up to so many tokens: as much memory again as the history takes.
_MOST_READ = 400_000
# Turns of one batch at most.
_ADDED_AT_ONCE = 100


class Shelf:
    """`warm` becomes True when the token vocabulary is loaded; until then counting would stall the loop. `busy`: whether requests
    have come in lately; `hot`: whether one is being handled at this moment. `written`: whether a side model's summaries are to be made
    use of in digests."""

    def __init__(
        self,
        lanes: Lanes,
        busy: Callable[[], bool],
        hot: Callable[[], bool],
        written: bool = False,
        meaning: Meaning | None = None,
    ) -> None:
        self._lanes = lanes
        self._written = written
        self._busy = busy
        self._hot = hot
        self._meaning = meaning
        self._building: dict[int, asyncio.Task[None]] = {}
        self._following: dict[int, asyncio.Task[None]] = {}
        self._folding: dict[int, asyncio.Task[None]] = {}
        self._readers: WeakKeyDictionary[Family, Reader] = WeakKeyDictionary()
        self._urgent: Counter[int] = Counter()
        self._hurried: set[int] = set()
        self._adding: dict[int, asyncio.TimerHandle] = {}
        self._warming: asyncio.Task[None] | None = None
        self._recallers = ThreadPoolExecutor(_RECALLERS, "backstory-recall")
        self._closed = False
        self.warm = False

    def close(self) -> None:
        """Nobody will ask for what is being made any more: work on other threads ends at its next breath."""
        self._closed = True
        for timer in self._adding.values():
            timer.cancel()
        self._adding.clear()
        for task in (*self._building.values(), *self._following.values(), *self._folding.values()):
            task.cancel()

    def warm_up(self) -> None:
        """Load the vocabulary in the background; a second call does nothing. It is not loaded at start: most of the proxy's memory is
        its.
        """
        if not self.warm and self._warming is None:
            self._warming = asyncio.ensure_future(self._load())

    def _counter(self) -> Callable[[str], int]:
        """Exact when the vocabulary is there; until then an estimate that errs on the high side."""
        if self.warm:
            return count
        self.warm_up()
        return estimate

    async def _load(self) -> None:
        await self._idle(_PATIENCE_S)
        await _aside(index_terms, "ready")
        await _aside(count, "ready")
        self.warm = True

    async def recall(
        self,
        thread: Thread,
        upto: int,
        question: Turn,
        absent: Absent | Chosen,
        budget: int,
        min_score: float,
        standing: Standing | None = None,
        search: bool = False,
        patience_s: float | None = None,
    ) -> Recalled:
        """What of the first `upto` turns of the path, among those of `absent`, answers to this message. `search`: as for `recall`.
        `patience_s`: an index that takes longer than this is not waited for; None: it is."""
        if budget <= 0:
            return Recalled(())
        asked: Asked | None = None
        self._lacking(thread)
        if upto > _MOST_TURNS or not await self._there(thread, upto, patience_s):
            pins = standing.pins if standing is not None else ()
            branch = Branch(thread.path, upto, thread.indexed)
            near = None
            if self._meaning is not None:
                near = await self._meaning.near(thread.conversation.principal, owners(thread, branch), question.text, _NEAR)
            close = [row.turn for row in near.rows] if near is not None else []
            index = await self._lanes.read(lambda store: candidates(store, thread, branch, question, pins, close))
            asked = near.asked(index) if near is not None else None
        else:
            index = thread.family.index
        if self._meaning is not None and index is thread.family.index:
            asked = await self._meaning.asked(thread, index, question.text)
        seen: Seen = {}
        if isinstance(absent, Absent) and absent.injected:
            partly, seen = in_view(index, absent.injected, absent.blocks(), worded.unsure(thread))
            if partly:
                absent.reopen(partly)
        carried = _carried(index, absent, index is thread.family.index)
        now = question.at
        counter = self._counter()
        if thread.changes is None:
            self.follow(thread)
        changed = thread.changes.found if thread.changes is not None else NOTHING

        def run() -> Recalled:
            return recall(
                index,
                question.text,
                budget_tokens=budget,
                carried=carried,
                now=now,
                min_score=min_score,
                count=counter,
                standing=standing,
                changed=changed,
                asked=asked,
                search=search,
                asker=question.sender,
                seen=seen,
            )

        small = len(index) <= _INLINE_UNITS
        return worded.brought(run() if small else await asyncio.get_running_loop().run_in_executor(self._recallers, run), thread)

    async def _there(self, thread: Thread, upto: int, patience_s: float | None) -> bool:
        """Whether the index has all turns, in time."""
        if not within(thread.path, _SOON_TOKENS, thread.indexed, upto) and not await self._lent(thread, upto):
            return False
        return await self._catch_up(thread, patience_s)

    async def _lent(self, thread: Thread, upto: int) -> bool:
        """Have the index made in the background. Where it lacks little, a request lends it some of its time: whether it is there."""
        self.prepare(thread)
        running = self._building.get(id(thread.family))
        if running is None or not within(thread.path, _LENT_TOKENS, thread.indexed, upto):
            return False
        with self._urgently(thread):
            await asyncio.wait({running}, timeout=_LENT_S)
        return running.done() and not self._lacking(thread)

    def follow(self, thread: Thread) -> None:
        """Notice in the background what the newest turns have changed of earlier ones. A recall does not wait for it: what is not noticed
        yet is recalled without a word about it."""
        name = id(thread)
        if name not in self._following:
            if thread.changes is None:
                thread.changes = Changes()
            path, pace = thread.path, Pace(self._gives_way)
            task = asyncio.ensure_future(_aside(thread.changes.follow, path, thread.version, pace))
            self._following[name] = task
            task.add_done_callback(lambda _: self._following.pop(name, None))

    async def make_digest(self, thread: Thread, upto: int, budget: int, patience_s: float | None = None) -> None:
        """Have a digest made of the first `upto` turns of the path, or wait for the one that is being made for these turns' family; not
        longer than `patience_s`, but it is made all the same."""
        with self._urgently(thread):
            await _over(self._start_digest(thread, upto, budget), patience_s)

    def begin_digest(self, thread: Thread, upto: int, budget: int, hurried: bool = False) -> None:
        """The same in the background. `hurried`: the window is full, or will be soon, and traffic must not hold it up; where much is still
        to be read, it would hold up the traffic, and does not."""
        if hurried and self.soon(thread, upto):
            self._hurried.add(id(thread.family))
        self._start_digest(thread, upto, budget)

    def soon(self, thread: Thread, upto: int) -> bool:
        """Whether a digest of the first `upto` turns of the path can be waited for: little of them is still to be read."""
        path, reader = thread.path, self._readers.get(thread.family)
        return within(path, _SOON_TOKENS, reader.already(path[:upto]) if reader is not None else 0, upto)

    def _start_digest(self, thread: Thread, upto: int, budget: int) -> asyncio.Task[None]:
        name = id(thread.family)
        running = self._folding.get(name)
        if running is None:
            running = self._folding[name] = asyncio.ensure_future(self._digest(thread, thread.path[:upto], budget))
            running.add_done_callback(lambda _: self._digested(name))
        return running

    def _digested(self, name: int) -> None:
        self._folding.pop(name, None)
        self._hurried.discard(name)

    async def _digest(self, thread: Thread, turns: Sequence[Turn], budget: int) -> None:
        last = turns[-1].id
        text, tokens = "", 0
        if budget > 0:
            counter = self._counter()
            if not self.soon(thread, len(turns)):
                await self._idle(_PATIENCE_S, thread)
            summaries = await self._summaries(turns, thread.hidden) if self._written else ()
            make = partial(_digest_with(), turns, summaries) if summaries else partial(self._reader(thread, turns).digest, turns)
            if within(turns, _INLINE_TOKENS):
                body = make(budget, counter)
            else:
                body = await _aside(make, budget, counter, self._pace(thread))
            text = digest_block(body)
            tokens = counter(text) if text else 0
        thread.family.digests[last] = (text, tokens)

    def _reader(self, thread: Thread, turns: Sequence[Turn]) -> Reader:
        """What reads these turns, and has read those before them."""
        if not within(turns, _MOST_READ):
            self._readers.pop(thread.family, None)
            return Reader()
        return self._readers.setdefault(thread.family, Reader())

    async def _summaries(self, turns: Sequence[Turn], hidden: Collection[int]) -> list[Summary]:
        """What a side model wrote of these turns' conversations, but of what is about to be forgotten; nothing where the store cannot be
        asked."""
        found: list[Summary] = []
        with suppress(StoreError):
            for owner in dict.fromkeys(turn.conversation for turn in turns):
                found += await self._lanes.read(lambda store, name=owner: store.summaries(name))  # type: ignore[misc]
        return [one for one in found if one.claims and not any(one.first_turn <= turn <= one.last_turn for turn in hidden)]

    def digesting(self, thread: Thread) -> bool:
        """Whether a digest is being made for these turns' family."""
        return id(thread.family) in self._folding

    def ready(self, thread: Thread, upto: int) -> list[int]:
        """Boundaries up to `upto` on the thread's path for which a digest is made."""
        path, found = thread.path, []
        for last in thread.family.digests:
            at = place_of(path, thread.by_id.get(last))
            if 0 <= at < upto:
                found.append(at + 1)
        return found

    def prefold(self, thread: Thread, window: Window, reserve: int, kept: int = 0) -> None:
        """Make the digest that the next fold will need, in the background: from the soft threshold on, for a fold that may move early, and
        once more shortly before the hard one, so that the fold goes as far as it can. Traffic does not hold it up there where none is made
        yet. `kept`: see `boundary`.
        """
        account, soft = thread.account, window.soft_tokens
        small = window.size < SMALL_WINDOW
        size = thread.carried if small else account.sent_size or thread.carried
        if size < soft or (small and within(thread.path[thread.boundary :], soft - 1)):
            return
        ready = max((place for place in self.ready(thread, len(thread.path)) if place > thread.boundary), default=0)
        near = size >= window.hard_tokens - _AHEAD * account.growth
        if ready and (small or not near):
            return
        at = cut(thread.path, thread.boundary, window, reserve, thread.injections, thread.saved(), kept)
        stale = not ready or not within(thread.path[ready:at], int(window.size * _STALE))
        if thread.boundary < at < len(thread.path) and stale:
            self.begin_digest(thread, at, window.digest_tokens, near and not ready)

    def prepare(self, thread: Thread) -> None:
        """Bring the index up to date in the background."""
        name = id(thread.family)
        if name in self._building or not self._lacking(thread):
            return
        if within(thread.path, _AT_ONCE_TOKENS, thread.indexed) and not thread.unread:
            # Too little for a thread of its own: a request that comes before that does it itself.
            if name not in self._adding:
                self._adding[name] = asyncio.get_running_loop().call_later(_PAUSE_S, self._add_now, thread)
        else:
            self._begin(thread)

    def _begin(self, thread: Thread) -> None:
        name = id(thread.family)
        if name not in self._building:
            task = asyncio.ensure_future(self._build(thread))
            self._building[name] = task
            task.add_done_callback(lambda _: self._building.pop(name, None))

    def _add_now(self, thread: Thread) -> None:
        del self._adding[id(thread.family)]
        if id(thread.family) not in self._building and self._lacking(thread):
            _extend(thread, _lacked(thread))
            self._lacking(thread)

    @staticmethod
    def _lacking(thread: Thread) -> int:
        """How much the index has not got: turns of the path, or what is kept beside them. Turns that another thread of the family has added
        count as there."""
        path, index, at = thread.path, thread.family.index, thread.indexed
        while at < len(path) and path[at].id in index:
            at += 1
        thread.indexed = at
        return len(path) - at or any(worded.unread(thread))

    async def _catch_up(self, thread: Thread, patience_s: float | None = None) -> bool:
        """Whether the index has all turns: at once, or when it has been made, if that is in time."""
        until = time.monotonic() + patience_s if patience_s is not None else None
        while self._lacking(thread):
            running = self._building.get(id(thread.family))
            if running is None and worded.few(thread) and within(thread.path, _INLINE_TOKENS, thread.indexed):
                _extend(thread, _lacked(thread))
            elif running is not None and running.done():
                await asyncio.sleep(0)  # it is over, and its callbacks have not run yet
            else:
                self._begin(thread)
                left_s = max(0.0, until - time.monotonic()) if until is not None else None
                with self._urgently(thread):
                    await _over(self._building[id(thread.family)], left_s)
                if until is not None and time.monotonic() >= until and self._lacking(thread):
                    return False
        return True

    async def _build(self, thread: Thread) -> None:
        """Batch by batch, on another thread and at a pace that gives way to requests."""
        if not self._urgent[id(thread.family)]:
            await self._pause(thread.path[thread.indexed :], _BETWEEN_S)
        pace = self._pace(thread)
        while self._lacking(thread):
            await _aside(_extend, thread, _batch(thread), pace)

    def _pace(self, thread: Thread) -> Pace:
        """For work on this thread's family: it gives way to requests, unless one of them waits for it, and less where it is in a hurry."""
        name = id(thread.family)
        return Pace(lambda: self._gives_way() and not self._urgent[name], lambda: name in self._hurried)

    def _gives_way(self) -> bool:
        """Whether a request is being handled at this moment. Asked on other threads; raises CancelledError once memory is closed."""
        if self._closed:
            raise asyncio.CancelledError
        return self._hot()

    @contextmanager
    def _urgently(self, thread: Thread) -> Iterator[None]:
        name = id(thread.family)
        self._urgent[name] += 1
        try:
            yield
        finally:
            self._urgent[name] -= 1
            if not self._urgent[name]:
                del self._urgent[name]

    async def _pause(self, turns: Sequence[Turn], patience_s: float = _PATIENCE_S) -> None:
        """Until there is a pause in the traffic, where these turns are too many to be waited for."""
        if not soon(turns):
            await self._idle(patience_s)

    async def _idle(self, patience_s: float, thread: Thread | None = None) -> None:
        """Until no request has come for a while, or so long; or until work on this thread's family is in a hurry."""
        waited, name = 0.0, id(thread.family) if thread is not None else 0
        while self._busy() and waited < patience_s and not self._urgent[name] and name not in self._hurried:
            await asyncio.sleep(_PAUSE_S)
            waited += _PAUSE_S


async def _over(task: asyncio.Task[None], patience_s: float | None = None) -> None:
    """Until this has ended, for whoever else may wait for it, or so long. Raises StoreError where memory was closed meanwhile: a request
    that waits goes up without it."""
    await asyncio.wait({task}, timeout=patience_s)
    if not task.done():
        return
    if task.cancelled():
        raise StoreError("memory was closed meanwhile")
    task.result()


def _carried(index: Index, absent: Absent | Chosen, whole: bool) -> Container[int]:
    """What recall must leave out. `whole`: the index is that of the conversation, not one of a few candidates."""
    if len(index.turns) > _INLINE_UNITS:
        return Present(absent)
    if whole and isinstance(absent, Absent):
        return AllBut(absent.ids())
    return {turn for turn in index.turns if turn not in absent}


def soon(turns: Sequence[Turn]) -> bool:
    """Whether work on these turns is short enough to be waited for."""
    return within(turns, _SOON_TOKENS)


def within(turns: Sequence[Turn], tokens: int, start: int = 0, stop: int | None = None) -> bool:
    """Whether these turns (from `start` up to `stop`) have no more tokens than that. Stops counting where they have."""
    for turn in islice(turns, start, stop):
        tokens -= turn.tokens
        if tokens < 0:
            return False
    return True


def _lacked(thread: Thread) -> list[Turn]:
    return [*thread.path[thread.indexed :], *worded.unread(thread)]


def _batch(thread: Thread) -> list[Turn]:
    """The next turns to be indexed."""
    some: list[Turn] = []
    tokens = 0
    for turn in thread.path[thread.indexed : thread.indexed + _ADDED_AT_ONCE] or islice(worded.unread(thread), _ADDED_AT_ONCE):
        tokens += turn.tokens
        if some and tokens > _BATCH_TOKENS:
            break
        some.append(turn)
    return some


def _units(thread: Thread, turns: Sequence[Turn], breathe: Callable[[], None] = lambda: None) -> list[Unit]:
    """The units of turns that the index has not got."""
    index, carry = thread.family.index, thread.family.carry
    made: list[Unit] = []
    carry.begin(thread.path)
    for turn in turns:
        if turn.id not in index:
            kept = turn.id < 0
            found = units((turn,), turn.position + 1, Carry(set(carry.names)) if kept else carry, breathe)
            made += (worded.pieces(found) if kept else found) or [_blank(turn)]
    return made


def _blank(turn: Turn) -> Unit:
    """A unit that is never found, for a turn that says nothing."""
    return Unit(turn.id, 0, turn.position + 1, turn.sender, turn.role, "", turn.at, 0, ())


def _extend(thread: Thread, turns: Sequence[Turn], breathe: Callable[[], None] = lambda: None) -> None:
    """Index these turns, but for those that the index has got."""
    index = thread.family.index
    for unit in _units(thread, turns, breathe):
        index.add((unit,))
        breathe()


def _digest_with() -> Callable[..., str]:
    from backstory.memory.side_model.claims import digest_with  # noqa: PLC0415 - only where a side model is in use

    return digest_with


async def _aside(call: Callable[..., T], *args: object) -> T:
    return await asyncio.get_running_loop().run_in_executor(None, lambda: call(*args))
