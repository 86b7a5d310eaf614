"""A client that summarises its own history: its request for the summary is listened to, what goes on with the summary is known again, and
what the summary does not say of plan, decisions and constraints goes along once.

Rule: nothing here runs for a conversation that nobody has summarised; a summary is recognised by whole lines of it, and only within the
memory of the principal who had it written. What a conversation says of plan and decisions is looked for while the model writes the summary,
so that it is there when the client goes on; what is not ready in time is for the next request.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Sequence
from hashlib import blake2b

from msgspec import Struct

from backstory.core.exchange import Exchange, Outcome
from backstory.core.message import Message, Text
from backstory.core.records import Batch, Turn
from backstory.core.store import Lanes
from backstory.core.tokens import count
from backstory.memory.folding.assembly import Absent, summary_chain
from backstory.memory.folding.compactions import ASKS
from backstory.memory.folding.continuity import LABEL, MOST_TURNS, Gathered, Kept, gather, later, left_out
from backstory.memory.identity.thread import Thread
from backstory.stages.base import Stage
from backstory.stages.pace import Pace
from backstory.stages.threads import Threads
from backstory.stages.visit import Visit

PREFIX = "summary:"
"""How the names begin by which a summary's conversation is found: the hashes of its telling lines."""
AWAITED_S = 3600.0
"""A client goes on with its summary at once, or within so long."""

_TELLING_CHARS = 40
_SURE_CHARS = 120
"""One line of so many characters is no coincidence; of shorter ones it takes two."""
_MOST_LINES = 8
_MOST_LOOKED_AT = 400
_MOST_AWAITED = 20_000
_LEADING = 3
# Cut turns of so many characters are looked through on the event loop; more on another thread.
_INLINE_CHARS = 20_000
_REHEARSAL = re.compile(r"<(analysis|scratchpad)>(?:(?!<\1>).)*?</\1>", re.DOTALL)
_INLINE_FOUND = 64
_MOST_DONE = 2_000
_MOST_GATHERED = 64


class _Gathering(Struct, frozen=True):
    """What the first `size` turns of a path say; `chain`: hash of the last of them."""

    size: int
    chain: bytes
    made: asyncio.Future[Gathered]

    def holds(self, path: Sequence[Turn]) -> bool:
        """Whether this path begins with these turns, and what they say is known, or will be."""
        if self.made.done() and (self.made.cancelled() or self.made.exception() is not None):
            return False
        return self.size <= len(path) and (not self.size or path[self.size - 1].chain == self.chain)


class Continuity(Stage):
    """`hot`: whether a request is being handled at this moment. Raises StoreError once memory is closed."""

    name = "continuity"

    def __init__(self, threads: Threads, lanes: Lanes, hot: Callable[[], bool]) -> None:
        self._threads = threads
        self._lanes = lanes
        self._hot = hot
        self._asked: dict[int, Thread] = {}
        self._done: OrderedDict[tuple[str, bytes], None] = OrderedDict()
        self._bare: OrderedDict[tuple[str, bytes], None] = OrderedDict()
        self._gathered: OrderedDict[str, _Gathering] = OrderedDict()
        self._awaited: Counter[str] = Counter()
        self.awaited: OrderedDict[tuple[str, str], tuple[str, float]] = OrderedDict()
        """Conversations by principal and name of a line, of the summaries of the last hour, and when each was heard."""

    async def load(self, now: float) -> None:
        """Take up the summaries that were heard before a restart."""
        rows = await self._lanes.read(lambda store: store.recent_aliases(PREFIX, now - AWAITED_S))
        for principal, key, conversation in rows[-_MOST_AWAITED:]:
            self.awaited[principal, key] = conversation, time.monotonic()

    def asked(self, exchange: int, thread: Thread) -> None:
        """This exchange asks for a summary of this conversation."""
        self._asked[exchange] = thread
        self._gather(thread, len(thread.path))

    def finished(self, exchange: Exchange, outcome: Outcome) -> None:
        """Keep the names of the summary that was written."""
        thread = self._asked.pop(exchange.id, None)
        if thread is None or outcome.reply is None or outcome.ended != "complete":
            return
        record = thread.conversation
        text = "\n".join([part.text for part in outcome.reply.parts if isinstance(part, Text)])
        keys = summary_keys(text)
        for key in keys:
            self.awaited[record.principal, key] = record.id, time.monotonic()
        while len(self.awaited) > _MOST_AWAITED:
            self.awaited.popitem(last=False)
        if keys:
            self._lanes.submit(Batch((record,), aliases=tuple((record.principal, key, record.id) for key in keys)), 0)

    def expects(self) -> bool:
        """Whether a summary was heard in the last hour. Cheap."""
        while self.awaited:
            key, (_, at) = next(iter(self.awaited.items()))
            if time.monotonic() - at < AWAITED_S:
                return True
            del self.awaited[key]
        return False

    async def continued(self, exchange: Exchange, leading: Sequence[Message], noted: bool) -> Thread | None:
        """The thread that an unknown request goes on with: one whose summary stands in its system prompt or its first messages. `noted`:
        it begins as a summary of a known client does, so that the store is asked too."""
        prompt = exchange.prompt
        if prompt is None or not (noted or self.expects()):
            return None
        texts = [part.text for part in prompt.system if isinstance(part, Text)]
        texts += [message.text for message in leading[:_LEADING] if message.role in ("system", "user")]
        found: Counter[str] = Counter()
        for text in texts:
            for length, key in _telling(text):
                conversation = self.awaited.get((exchange.principal, key), ("", 0.0))[0]
                if not conversation and noted:
                    conversation = await self._stored(exchange.principal, key)
                if conversation:
                    found[conversation] += 2 if length >= _SURE_CHARS else 1
        for conversation, sure in found.most_common(1):
            if sure >= 2:
                return await self._threads.by_id(exchange.principal, conversation, exchange.scope)
        return None

    async def _stored(self, principal: str, key: str) -> str:
        return await self._lanes.read(lambda store: store.alias(principal, key)) or ""

    @staticmethod
    def summary(visit: Visit) -> int:
        """The item of a request that is its client's summary of what came before, or the client's question that is answered with it; -1
        where there is none."""
        lines, places = visit.reading.lines, visit.reading.places
        if visit.reading.summary >= 0:
            return visit.reading.summary
        for item in range(min(_LEADING, len(lines) - 1)):
            if lines[item].text in ASKS and lines[item].role == "user" and places[item] < 0 and lines[item + 1].role == "assistant":
                return item
        return -1

    async def kept(self, exchange: Exchange, visit: Visit, absent: Absent, budget_tokens: int, item: int) -> Kept:
        """What is to go along with this request of what its summary (`item`) does not say; nothing where there is no summary, or that
        went along before."""
        if (item < 0 and not visit.continued) or exchange.prompt is None or exchange.wire is None:
            return Kept()
        done = _named(visit, item)
        if done in self._done or self._went_along(visit, item):
            return Kept()
        _note(self._done, done)
        said = self._said(exchange, visit, item)
        name = visit.thread.conversation.id
        gathering = self._gather(visit.thread, visit.upto)
        if not gathering.done():
            self._awaited[name] += 1
            try:
                # Late for this request, it is there for the next one.
                await asyncio.shield(gathering)
            finally:
                self._awaited -= Counter((name,))
        known = self._gathered.get(name)
        since = visit.thread.path[known.size : visit.upto] if known is not None and known.made is gathering else []
        found = later(gather(since), gathering.result()) if since else gathering.result()
        if len(found.found) <= _INLINE_FOUND:
            return left_out(found, absent.__contains__, said, budget_tokens, count)
        return await asyncio.get_running_loop().run_in_executor(None, left_out, found, absent.__contains__, said, budget_tokens, count)

    def _gather(self, thread: Thread, upto: int) -> asyncio.Future[Gathered]:
        """What the first `upto` turns of this path say, or what is known of the path already that begins with nearly all of them. Of short
        ones at once, of others on another thread, which gives way to requests unless one waits for it."""
        name, path = thread.conversation.id, thread.path
        known = self._gathered.get(name)
        if known is not None and known.holds(path) and _chars(path[known.size : upto]) <= _INLINE_CHARS:
            return known.made
        turns = path[max(0, upto - MOST_TURNS) : upto]
        loop = asyncio.get_running_loop()
        if _chars(turns) <= _INLINE_CHARS:
            made: asyncio.Future[Gathered] = loop.create_future()
            made.set_result(gather(turns))
        else:
            pace = Pace(lambda: self._hot() and not self._awaited[name])
            made = loop.run_in_executor(None, gather, turns, pace)
            # Where memory is closed meanwhile nobody asks how it ended.
            made.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
        self._gathered[name] = _Gathering(upto, path[upto - 1].chain if upto else b"", made)
        self._gathered.move_to_end(name)
        while len(self._gathered) > _MOST_GATHERED:
            self._gathered.popitem(last=False)
        return made

    def again(self, visit: Visit, item: int) -> None:
        """It did not go along after all."""
        self._done.pop(_named(visit, item), None)

    def passed(self, visit: Visit, item: int) -> None:
        """Nor is it to stand at this summary any more, which went up without it."""
        self.again(visit, item)
        _note(self._bare, _named(visit, item))

    def bare(self, visit: Visit, item: int) -> bool:
        """Whether this summary stays as it went up."""
        return _named(visit, item) in self._bare

    def forget(self) -> None:
        """Hold nothing that tells of a conversation."""
        self.awaited.clear()
        self._done.clear()
        self._bare.clear()
        self._gathered.clear()

    @staticmethod
    def _went_along(visit: Visit, item: int) -> bool:
        """Whether the summary, or a message after it, carries the block already."""
        thread, places = visit.thread, visit.reading.places
        if item >= 0 and summary_chain(thread, visit.reading.lines[item]) in thread.injections:
            return True
        for place in places[item + 1 :]:
            known = thread.injections.get(thread.path[place].chain) if 0 <= place < len(thread.path) else None
            if known is not None and LABEL in known.text:
                return True
        return False

    @staticmethod
    def _said(exchange: Exchange, visit: Visit, item: int) -> list[str]:
        """The words of the client's summary, its system prompt where that holds it, and its answer to its own question."""
        wire, prompt = exchange.wire, exchange.prompt
        if wire is None or prompt is None:
            return []
        if item < 0:
            texts = [part.text for part in prompt.system if isinstance(part, Text)]
            leading = range(min(_LEADING, len(prompt.items)))
        else:
            texts, leading = [], range(item, min(item + 2, len(prompt.items)))
        return texts + [wire.message(prompt.items[place], (*prompt.items_at, place)).text for place in leading]


def _chars(turns: Sequence[Turn]) -> int:
    return sum(len(turn.text) + len(turn.calls) for turn in turns)


def summary_keys(text: str) -> list[str]:
    """The names of a summary: of its longest lines, without what the model wrote to find its words."""
    lines = [line for line in _lines(_REHEARSAL.sub("", text)) if len(line) >= _TELLING_CHARS]
    longest = sorted(dict.fromkeys(lines), key=len, reverse=True)[:_MOST_LINES]
    return [_key(line) for line in longest]


def _note(names: OrderedDict[tuple[str, bytes], None], name: tuple[str, bytes]) -> None:
    names[name] = None
    while len(names) > _MOST_DONE:
        names.popitem(last=False)


def _named(visit: Visit, item: int) -> tuple[str, bytes]:
    """The conversation, and what its summary says."""
    lines = visit.reading.lines
    asks = item >= 0 and lines[item].note != "summary"
    return visit.thread.conversation.id, lines[item + asks].content if item >= 0 else b""


def _telling(text: str) -> Iterator[tuple[int, str]]:
    """Length and name of each line of a text that may be a summary's."""
    for _, line in zip(range(_MOST_LOOKED_AT), (line for line in _lines(text) if len(line) >= _TELLING_CHARS), strict=False):
        yield len(line), _key(line)


def _lines(text: str) -> Iterator[str]:
    return (" ".join(line.split()) for line in text.split("\n"))


def _key(line: str) -> str:
    return PREFIX + blake2b(line.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()
