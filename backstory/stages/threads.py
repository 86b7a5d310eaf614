"""The conversations that are in memory, and how one is found: by its id, an alias, or the hash chain of what was said.

Rule of ownership: every look-up is by principal and scope, which a thread's root is the hash of. Rule of strangers: a request with one
message never resumes a conversation by what it says, and one that goes on from the middle of a conversation gets a conversation of its own
that shares the turns up to there.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from itertools import compress, islice

from backstory.core.ids import conversation_id
from backstory.core.records import Conversation, Turn
from backstory.core.store import Lanes, Store
from backstory.core.tombs import Tombs
from backstory.errors import StoreError
from backstory.memory.identity.thread import Thread
from backstory.memory.reading.turns import chain as chain_on
from backstory.memory.reading.turns import root
from backstory.stages.ends import Ends
from backstory.stages.loading import heed, leads_to, learn, load_beside, load_thread, load_told
from backstory.stages.names import ANSWERS, Names, led_to

_MOST_THREADS = 2000
# Threads are kept up to this weight: one for each turn, one for each 100 tokens. Some 50 MB.
_MOST_WEIGHT = 150_000
_TOKENS_A_WEIGHT, _BYTES_A_WEIGHT = 100, 400
# What is settled of a message takes some 150 bytes.
_SETTLED_A_WEIGHT = 2
# So many of the threads last used are looked through for a message that may not be stored yet.
_LATELY = 64
# What was set by a process that cannot be seen holds here after so long at most.
_HEEDED_S = 2.5
# Of conversations that have said the same, so many are looked at: either will do, and thousands may have.
_MOST_ALIKE = 16
# In these turns at its end: a tool loop may follow the words.
_LAST_TURNS = 8


class Threads:
    """Cache of threads over the store. One per engine; used on the event loop only. `unseen`: whether there may be processes with this
    store that cannot be seen (Lanes.shared); then `heed` is called every second."""

    def __init__(
        self, lanes: Lanes, clock: Callable[[], float], protects: Callable[[Sequence[Turn]], int] | None = None, unseen: bool = False
    ) -> None:
        self._lanes = lanes
        self._clock = clock
        self._protects = protects
        self._threads: OrderedDict[str, Thread] = OrderedDict()
        self._names = Names(lanes)
        self._moved = lanes.moved
        self._tips, self._questions = Ends(), Ends()
        self._asked: OrderedDict[bytes, str] = OrderedDict()
        self._bases: OrderedDict[bytes, str] = OrderedDict()
        self._weights: dict[str, int] = {}
        self._loading: dict[tuple[str, str, bool], asyncio.Future[Thread | None]] = {}
        self._weight = 0
        self._behind = 0
        self._epoch = 0
        self.tombs = Tombs()
        """By what forgotten turns are known again."""
        self.look: Callable[[], Awaitable[object]] | None = None
        """Looks for what was forgotten, here or by another process, and lets go of it."""
        self._unseen = unseen
        self._heeded: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._threads)

    @property
    def loading(self) -> bool:
        """Whether a conversation is being read. Between two rows the interpreter is given away: whoever works beside it makes it slow."""
        return bool(self._loading)

    def held(self, conversation: str) -> Thread | None:
        """A thread that is in memory."""
        return self._threads.get(conversation)

    def new(self, principal: str, scope: str, wire: str, model: str, system_hash: bytes) -> Thread:
        """A thread for a conversation that is not stored until its first answer."""
        now = self._clock()
        record = Conversation(conversation_id(), principal, now, now, wire, model, "", system_hash)
        thread = Thread(record, root(principal, scope), self._protects)
        self._keep(thread)
        return thread

    def fork(self, thread: Thread, turn_id: int, wire: str, model: str) -> Thread:
        """A new thread that shares the turns of another up to `turn_id`."""
        now = self._clock()
        old = thread.conversation
        record = Conversation(conversation_id(), old.principal, now, now, wire, model, "", old.system_hash, old.id, turn_id, old.memory)
        forked = thread.fork(record, turn_id)
        self._keep(forked)
        return forked

    async def by_id(self, principal: str, conversation: str, scope: str, sure: bool = False) -> Thread | None:
        """A thread by its conversation's id, None where the principal has no such conversation in this scope. Where its first turn was
        forgotten, nothing tells its scope: then the caller's word is taken for it, unless it has to be `sure`."""
        self._let_go_of_moved()
        conversation = self._moved.get(conversation, conversation)
        thread = self._threads.get(conversation)
        if thread is not None:
            self._threads.move_to_end(conversation)
            return thread if thread.root == root(principal, scope) else None
        await self._caught_up()
        record = await self._lanes.read(lambda store: led_to(store, principal, conversation))
        if record is None:
            return None
        return await self._load(record, scope, sure)

    async def by_alias(self, principal: str, key: str, scope: str) -> Thread | None:
        """A thread by a name that a client gave it."""
        conversation = self._names.get(principal, key)
        # A name of what got no answer here yet may have been given elsewhere meanwhile.
        if conversation is None or (self._names.unstored(principal, key) and (await self.others() or self._unseen)):
            await self._caught_up()
            conversation = await self._names.find(principal, key)
            if conversation is None:
                return None
            held = self._threads.get(conversation)
            if held is not None and key.startswith(ANSWERS):
                await self.reread(held, scope)
        await self._names.decided(principal, key)
        return await self.by_id(principal, conversation, scope)

    async def current(self, thread: Thread, scope: str) -> Thread:
        """The thread with all that is stored of it and was set for its conversation, where another process has this store."""
        return await self.fresh(thread, await self.heeded(thread), scope)

    async def all_current(self, threads: Sequence[Thread], scope: str) -> list[Thread]:
        """The same for several, but for what was set."""
        if not threads or not (self._lanes.shared or self._unseen):
            return [*threads]
        names = [thread.conversation.id for thread in threads]
        found = await self._lanes.read(lambda store: store.abouts(names))
        last = [[found[name][3]] if name in found and found[name][3] else [] for name in names]
        return [await self.fresh(thread, thread.unknown(some), scope) for thread, some in zip(threads, last, strict=True)]

    async def traced(self, thread: Thread, chain: bytes, content: bytes) -> frozenset[int]:
        """The numbers of what is stored of it and not known, where no other process is seen: one may have been there if the last answer
        that its client has, of this chain and content hash, is not known."""
        if chain in thread.by_chain or self._lanes.shared:
            return frozenset()
        # Said in the same words before, or after what its client has rewritten: where nobody can be there unseen, that is no news.
        if not self._unseen and any(turn.content == content for turn in reversed(thread.path[-_LAST_TURNS:])):
            return frozenset()
        name, after = thread.conversation.id, thread.lately
        return thread.unknown(await self._lanes.read(lambda store: store.numbers(name, after)))

    async def fresh(self, thread: Thread, news: frozenset[int], scope: str) -> Thread:
        """The thread with these turns and digests of it that are stored."""
        if not news:
            return thread
        thread = await self.reread(thread, scope)
        thread.seen |= news
        return thread

    async def reread(self, thread: Thread, scope: str) -> Thread:
        """The thread as it is stored now. One that is in use stays, and learns what is stored beside it; one that is not wholly stored
        is in use."""
        record = thread.conversation
        if not thread.busy:
            await self._lanes.flush()
        if thread.busy or thread.pending_seq > self._lanes.settled:
            epoch = self._epoch
            stored_now = await self._lanes.read(lambda store: load_beside(store, record))
            if epoch == self._epoch:
                learn(thread, stored_now)
        held = self._threads.get(record.id)
        if thread.busy or thread.pending_seq > self._lanes.settled or held not in (None, thread):
            return held or thread
        if held is not None:
            self._leave(record.id)
            del self._threads[record.id]
            self._weight -= self._weights.pop(record.id, 0)
        # Where it is not held, somebody else may be reading it.
        stored = await self._lanes.read(lambda store: store.conversation(record.principal, record.id))
        found = await self._load(stored, scope, True) if stored is not None else None
        if found is not None and held is not None:
            found.succeed(thread)
        return found or thread

    def adopt(self, record: Conversation, scope: str, turns: Sequence[Turn]) -> Thread:
        """A thread of turns that are not in the store yet."""
        thread = Thread(record, root(record.principal, scope), self._protects)
        thread.add(turns)
        self._keep(thread)
        self.grown(thread)
        return thread

    def name(self, thread: Thread, key: str) -> bool:
        """From now on `key` names this thread's conversation. True where that is to be stored (`named`): a request that comes to nothing
        stores nothing."""
        return self._names.give(thread.conversation, key)

    def free(self, thread: Thread, keys: Iterable[str]) -> tuple[str, ...]:
        """Those of these names of it that nobody had: if another process gives one to another conversation, that may be the one that has it
        in the end (`Batch.free`)."""
        return self._names.free(thread.conversation.principal, keys)

    def named(self, thread: Thread, keys: Iterable[str]) -> None:
        """These names were given to the store."""
        self._names.given(thread.conversation.principal, keys, self._lanes.shared or self._unseen)

    def held_at_tip(self, principal: str, tip: bytes) -> Thread | None:
        """The thread in memory whose current branch ends with this chain hash, the last used first."""
        for conversation in self._tips.there(tip):
            thread = self._threads.get(conversation)
            if thread is not None and thread.tip == tip and thread.conversation.principal == principal:
                return thread
        return None

    def held_after(self, principal: str, chain: bytes) -> Iterator[Thread]:
        """The threads in memory whose current branch ends with answers to what this is the chain hash of."""
        return self._of(principal, self._questions.there(chain))

    def _of(self, principal: str, names: Iterable[str]) -> Iterator[Thread]:
        threads = (self._threads.get(name) for name in names)
        return (thread for thread in threads if thread is not None and thread.conversation.principal == principal)

    async def deepest(self, principal: str, chains: Sequence[bytes], limit: int) -> list[str]:
        """Names of stored conversations that share most of a history, by its chain hashes. See Store."""
        await self._caught_up()
        return await self._lanes.read(lambda store: store.deepest(principal, chains, limit))

    async def forked(self, principal: str, names: Collection[str], origins: Collection[str]) -> list[str]:
        """Those of these conversations that were forked off one of the `origins`, at once or over others. None of them is read for that."""
        held = {name: thread for name in names if (thread := self._threads.get(name)) is not None}
        found = [name for name, thread in held.items() if not {*origins}.isdisjoint(thread.lineage[1:])]

        def stored(store: Store) -> list[str]:
            return [name for name in names if name not in held and leads_to(store, principal, name, origins)]

        return [*found, *await self._lanes.read(stored)]

    async def at_tip(self, principal: str, tip: bytes, scope: str) -> Thread | None:
        """The same, in memory or stored."""
        held = self.held_at_tip(principal, tip)
        if held is not None:
            return held
        await self.others()
        await self._caught_up()
        for name in await self._lanes.read(lambda store: store.ended(principal, tip, _MOST_ALIKE)):
            thread = await self._that_has(principal, name, tip, scope)
            if thread is not None and thread.tip == tip:
                return thread
        return None

    def held_through(self, principal: str, chain: bytes) -> tuple[Thread, int] | None:
        """The thread in memory in which what has this chain hash was last answered, and the turn it belongs to."""
        last = self._threads.get(self._bases.get(chain, ""))
        if last is not None and last.conversation.principal == principal and chain in last.by_chain:
            return last, last.by_chain[chain]
        return None

    async def through(self, principal: str, chain: bytes, scope: str) -> tuple[Thread, int] | None:
        """A thread that has this chain hash somewhere, and the turn it belongs to, in memory or stored."""
        held = self.held_through(principal, chain)
        if held is not None:
            return held
        at_tip = self.held_at_tip(principal, chain)
        if at_tip is not None:
            return at_tip, at_tip.by_chain[chain]
        await self.others()
        for name in await self.deepest(principal, [chain], _MOST_ALIKE):
            thread = await self._that_has(principal, name, chain, scope)
            if thread is not None:
                return thread, thread.by_chain[chain]
        return None

    async def said(self, principal: str, contents: Collection[bytes], most: int) -> dict[bytes, list[tuple[str, int]]]:
        """Where messages of these contents were said: the conversation and the turn of each, stored or not; of those that are stored the
        `most` newest."""
        await self._caught_up()
        found: dict[bytes, list[tuple[str, int]]] = {content: [] for content in contents}
        settled = self._lanes.settled
        lately = set(islice(reversed(self._threads), _LATELY))
        for name, thread in self._threads.items():
            if thread.conversation.principal == principal and (thread.pending_seq > settled or name in lately):
                for turn in thread.by_id.values() if thread.pending_seq > settled else thread.path[-_LAST_TURNS:]:
                    if turn.content in found:
                        found[turn.content].append((turn.conversation, turn.id))
        stored = await self._lanes.read(lambda store: {content: store.contents(principal, content, most) for content in contents})
        return {content: list(dict.fromkeys([*places, *stored[content]])) for content, places in found.items()}

    def asked(self, digest: bytes, base: bytes, thread: Thread) -> None:
        """This request was last made in this thread, as an answer to what `base` is the chain hash of."""
        if base:
            self._bases[base] = thread.conversation.id
            self._bases.move_to_end(base)
            if len(self._bases) > _MOST_THREADS:
                self._bases.popitem(last=False)
        self._asked[digest] = thread.conversation.id
        self._asked.move_to_end(digest)
        if len(self._asked) > _MOST_THREADS:
            self._asked.popitem(last=False)

    def asking(self, digest: bytes) -> Thread | None:
        """The thread in which the very same request was made before."""
        return self._threads.get(self._asked.get(digest, ""))

    def pinned(self, _: str, turn: int, pinned: bool) -> None:
        """A turn was pinned, or let go of: every thread that has it knows. Costs a look at each thread in memory."""
        for thread in self._threads.values():
            if turn in thread.by_id:
                (thread.pins.add if pinned else thread.pins.discard)(turn)

    def moved(self, thread: Thread) -> None:
        """The thread's tip has changed. One that is not held any more (`clear`) has changed what is stored: that is read again."""
        name = thread.conversation.id
        if self._threads.get(name) is not thread:
            self._drop(name)
            return
        self._tips.put(name, thread.tip)
        self._questions.put(name, thread.question)

    def _leave(self, name: str) -> None:
        self._tips.leave(name)
        self._questions.leave(name)

    def clear(self) -> None:
        """Hold nothing any more; what is stored is read again when it is needed."""
        self._behind += 1
        self._epoch += 1
        self._threads.clear()
        self._weights.clear()
        self._weight = 0
        self._names.clear()
        self._tips.clear()
        self._questions.clear()
        self._asked.clear()
        self._bases.clear()

    def grown(self, thread: Thread) -> None:
        """Turns were added: the least used threads go when there are too many."""
        name = thread.conversation.id
        if self._threads.get(name) is not thread:
            return
        weight = len(thread.by_id) + thread.tokens // _TOKENS_A_WEIGHT
        if thread.wordings:
            weight += sum([len(one.text) for some in thread.wordings.values() for one in some]) // _BYTES_A_WEIGHT
        if thread.settled is not None:
            weight += thread.settled.count // _SETTLED_A_WEIGHT
        if thread.view is not None:
            weight += len(thread.view.body) // _BYTES_A_WEIGHT
        self._weight += weight - self._weights.get(name, 0)
        self._weights[name] = weight
        if self._weight > _MOST_WEIGHT or len(self._threads) > _MOST_THREADS:
            self._shed()

    def let_go(self, thread: Thread) -> None:
        """It is read again when it is needed."""
        self._drop(thread.conversation.id)

    def _drop(self, name: str) -> None:
        """A thread of which more is stored than it knows."""
        self._behind += 1
        if self._threads.pop(name, None) is not None:
            self._leave(name)
            self._weight -= self._weights.pop(name, 0)

    def _let_go_of_moved(self) -> None:
        """Of those that were begun here under a name that another has: what was said in them is stored there."""
        if self._moved is not self._lanes.moved:
            known, self._moved = self._moved, self._lanes.moved
            for name in self._moved.keys() - known.keys():
                self._drop(name)

    async def others(self) -> bool:
        """Until what another process has answered lately can be found. Whether there may be one."""
        return await self._lanes.others()

    async def heard(self) -> None:
        """Where another process on this machine has this store: until what it has been told to forget by now is gone here, too. Where the
        store cannot be read, nothing can have been told."""
        self._let_go_of_moved()
        if self.look is not None and self._lanes.shared:
            with suppress(StoreError):
                await self.look()

    async def heeded(self, thread: Thread) -> frozenset[int]:
        """Where another process has this store: until the thread knows what was set for its conversation there. The numbers of what is
        stored of it and not known. Where that cannot be read, nothing can have been set."""
        known = self._heeded.get(thread.conversation.id, -_HEEDED_S)
        if self._lanes.shared or (self._unseen and time.monotonic() - known >= _HEEDED_S):
            with suppress(StoreError):
                return await self._heed([thread], True)
        return frozenset()

    async def heed(self) -> None:
        """The same for the threads last used, for processes that cannot be seen. Raises StoreError."""
        if self._unseen and self._threads:
            self._heeded = {}
            await self._heed([*islice(reversed(self._threads.values()), _LATELY)])

    async def _heed(self, threads: Sequence[Thread], look: bool = False) -> frozenset[int]:
        """`look`: for what is stored of the one thread as well; the numbers of what of it is not known. Of several, those of which more is
        stored are left to their next requests."""
        news: Collection[int] = ()
        while threads:
            now, before = time.monotonic(), [(thread.states, thread.conversation) for thread in threads]
            names = {name: None for thread in threads for name in thread.lineage}
            own, after = (threads[0].conversation.id, threads[0].lately) if look else ("", 0)
            found, numbers = await self._lanes.read(partial(load_told, names=[*names], own=own, after=after))
            known = [was == (thread.states, thread.conversation) for thread, was in zip(threads, before, strict=True)]
            for thread in compress(threads, known):
                heed(thread, found)
                name = thread.conversation.id
                last = [found[name][3]] if name in found and found[name][3] else []
                if look:
                    news = thread.unknown([*numbers, *last])
                if self._unseen and (look or not thread.unknown(last)):
                    self._heeded[name] = now
            # The others were set something here meanwhile.
            threads = [thread for thread, same in zip(threads, known, strict=True) if not same]
        return frozenset(news)

    async def _caught_up(self) -> None:
        """After threads were let go of before all of them was stored: until it is."""
        while self._behind:
            seen = self._behind
            await self._lanes.flush()
            # What came too late was buried, and is known again from now on.
            read = await self._lanes.read(lambda store: store.tombs())
            self.tombs = read.after(self.tombs)
            if self._behind == seen:
                self._behind = 0

    async def _that_has(self, principal: str, conversation: str, chain: bytes, scope: str) -> Thread | None:
        """A stored conversation's thread that has this chain hash."""
        thread = await self.by_id(principal, conversation, scope)
        if thread is not None and chain not in thread.by_chain:
            thread = await self.reread(thread, scope)
        return thread if thread is not None and chain in thread.by_chain else None

    async def _load(self, record: Conversation, scope: str, sure: bool) -> Thread | None:
        """The stored thread, read once however many requests wait for it: a long one takes seconds, and most of them on another thread.
        None where it is of another scope."""
        name = (record.id, scope, sure)
        running = self._loading.get(name)
        if running is None:
            running = self._loading[name] = asyncio.ensure_future(self._read(record, scope, sure))
            running.add_done_callback(lambda done: self._loaded(name, done))
        return await asyncio.shield(running)

    def _loaded(self, name: tuple[str, str, bool], done: asyncio.Future[Thread | None]) -> None:
        del self._loading[name]
        if not done.cancelled():
            done.exception()  # whoever still waits is told; nobody may

    async def _read(self, record: Conversation, scope: str, sure: bool) -> Thread | None:
        epoch = -1
        while epoch != self._epoch:
            # What was read before something was forgotten is read again.
            epoch = self._epoch
            thread = await self._lanes.read(lambda store: load_thread(store, record, scope, self._protects))
        first = thread.path[0] if thread.path else None
        elsewhere = first is not None and first.chain != chain_on(thread.root, first.content)
        # Where what stood before its first turn was forgotten, that does not tell.
        if elsewhere and (
            sure or not await self._lanes.read(lambda store: any(store.thinned(record.principal, name) for name in thread.lineage))
        ):
            return None
        held = self._threads.get(record.id)
        if held is not None:
            return held
        self._keep(thread)
        self.grown(thread)
        return thread

    def _keep(self, thread: Thread) -> None:
        self._threads[thread.conversation.id] = thread
        self.moved(thread)

    def _shed(self) -> None:
        """Threads go, the least used first; one in use or not yet written stays, and keeps those used after it."""
        settled = self._lanes.settled
        while self._weight > _MOST_WEIGHT or len(self._threads) > _MOST_THREADS:
            name, thread = next(iter(self._threads.items()))
            if thread.busy or thread.pending_seq > settled or len(self._threads) == 1:
                break
            del self._threads[name]
            self._leave(name)
            self._weight -= self._weights.pop(name, 0)
        if len(self._names) > 4 * _MOST_THREADS:
            self._names.keep(self._threads)
