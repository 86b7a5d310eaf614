"""First exchanges, put by until there is time to read them.

The first message of a conversation can neither resume anything nor miss anything, so nothing is done for it on its way but to journal it
with its answer, as both came. It is read when the proxy is quiet, or at once when its conversation goes on.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from itertools import count, islice
from math import inf, nextafter

import msgspec
from msgspec import Struct
from msgspec.structs import replace
from xxhash import xxh3_64_intdigest

from backstory.core.document import Document
from backstory.core.exchange import First, Head
from backstory.core.message import Message, Opening, Prompt
from backstory.core.records import Arrival, Batch, Conversation, Place, Spend, Turn
from backstory.core.reply import Reply
from backstory.core.store import Lanes
from backstory.core.wire import Wire
from backstory.errors import DocumentError
from backstory.memory.identity.clients import CLIENTS
from backstory.memory.identity.named import told_again
from backstory.memory.identity.side import side_request
from backstory.memory.identity.thread import Thread
from backstory.memory.reading.timing import dated
from backstory.memory.reading.turns import chain, line, root
from backstory.stages.base import Failed, attempt
from backstory.stages.excerpts import system_of
from backstory.stages.ingest import answer_turns, reply_keys, turn_of
from backstory.stages.threads import Threads

TURN_IDS = 512
"""Ids set aside for the turns of one arrival."""
MOST_IDS = 4096
"""As many are in one block at most: of a longer history that was journalled unread, only the newest messages are read again."""
_MOST_READ = MOST_IDS - TURN_IDS

# A first request that is larger is read at once.
_MOST_BYTES = 65_536
# More than so many are not put by: the oldest is read for each that comes.
_MOST_WAITING = 50_000
_QUIET_S = 0.1
_MOST_UNANSWERED = 1000
# Clients that try again do so within a minute.
_AGAIN_S = 60.0
_STREAM = re.compile(rb'"stream"[ \t\n\r]*:[ \t\n\r]*(?:true|false)[ \t\n\r]*,?')
_CLIENT = (b"authorization", b"x-api-key", b"x-goog-api-key", b"user-agent")
_TICK_S = 0.02
# So many are read in a tick: all that fit in about 3 ms when it is quiet; one more than came since the last while requests come.
_QUIET_STEP = 20
# Where more come in a tick, all time is needed for them: one is read, and the next tick is so much later.
_RUSH, _RUSH_TICK_S = 10, 0.1
# So many that begin alike are read in one go: about 3 ms.
_AT_ONCE = 16
# None while so many wait to be stored: what is read stays in memory until then.
_MOST_QUEUED = 500
# A history that is not known may go on with one of so many.
_LATELY = 64
CLIENT_HEADERS = frozenset(
    {b"x-vc-conversation"} | {place.name.encode() for client in CLIENTS for place in client.places if place.where == "header"}
)
"""What names a conversation in a request's head, in lower case."""
# What names a conversation in a text; each has this byte in it.
_CLIENT_TEXTS, _TELLTALE = (b"vc:conversation=", b"Runtime: agent="), b"="

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Arrival)


class _Waiting(Struct, frozen=True, gc=False):
    """Where in the journal its record lies, the hash of its message, its conversation."""

    fd: int
    end: int
    size: int
    key: int
    conversation: str


Read = Callable[[Arrival], Reply | None]
Spent = Callable[[Arrival, Reply | None, str], Spend]
"""What it cost, by the answer and the model that was asked for."""


class Arrivals:
    """First exchanges that wait. `read` gives the answer of an arrival, `wire` the wire of its name; `hot`: whether a request is being
    handled at this moment, `busy`: whether any have come in lately."""

    def __init__(
        self,
        threads: Threads,
        lanes: Lanes,
        wire: Callable[[str], Wire],
        read: Read,
        estimate: Callable[[str], int],
        stored: Callable[[], None],
        failed: Failed,
        hot: Callable[[], bool],
        busy: Callable[[], bool],
        spent: Spent,
    ) -> None:
        self._threads = threads
        self._lanes = lanes
        self._wire = wire
        self._read = read
        self._estimate = estimate
        self._stored = stored
        self._failed = failed
        self._hot = hot
        self._busy = busy
        self._spent = spent
        self._waiting: dict[int, _Waiting] = {}
        self._keys: dict[int, int | list[int]] = {}
        self._conversations: dict[str, int] = {}
        self._latest: deque[int] = deque(maxlen=_LATELY)
        self._unanswered: OrderedDict[int, tuple[str, float]] = OrderedDict()
        self._timer: asyncio.TimerHandle | None = None
        self._newest = self._ticked = 0

    def __len__(self) -> int:
        return len(self._waiting)

    @staticmethod
    def opening(head: Head, body: bytes, wire: Wire) -> Opening | None:
        """What it says, if this can only be the first request of a conversation that its body does not name, and is small."""
        if len(body) > _MOST_BYTES or (body.find(_TELLTALE) >= 0 and any(text in body for text in _CLIENT_TEXTS)):
            return None
        return wire.opening(body, head.path)

    def journal(self, came: Sequence[tuple[Arrival, Opening]]) -> list[int]:
        """Put them by, all or none; the numbers of their entries. A later request will begin with the messages of an opening. Raises
        StoreError."""
        payloads = [_encoder.encode(arrival) for arrival, _ in came]
        first, places = self._lanes.append_all(payloads)
        keys, waiting = self._keys, self._waiting
        for seq, ((arrival, opening), payload, place) in enumerate(zip(came, payloads, places, strict=True), first):
            key = xxh3_64_intdigest(opening.items[-1])
            waiting[seq] = _Waiting(place.fd, place.end, len(payload), key, arrival.conversation)
            same = keys.setdefault(key, seq)
            if isinstance(same, list):
                same.append(seq)
            elif same != seq:
                keys[key] = [same, seq]
            self._conversations[arrival.conversation] = self._newest = seq
            self._latest.append(seq)
        while len(waiting) > _MOST_WAITING:
            self._settle(next(iter(waiting)))
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_QUIET_S, self._tick)
        return list(range(first, first + len(came)))

    def keep(self, arrival: Arrival) -> int:
        """Journal it and no more; the number of the entry. Raises StoreError."""
        return self._lanes.append(_encoder.encode(arrival))

    def again(self, whose: str, scope: str, head: Head, body: bytes) -> str:
        """The conversation of the same first request, made by the same client, whose answer has just broken off; "" otherwise."""
        if not self._unanswered:
            return ""
        found, at = self._unanswered.pop(_asked(whose, scope, head, body), ("", 0.0))
        return found if time.monotonic() - at < _AGAIN_S else ""

    def broken_off(self, first: First) -> None:
        """Its answer is journalled as far as it came: the client will make the request again, and means the same conversation."""
        asked = _asked(first.principal, first.scope, first.head, first.body)
        self._unanswered[asked] = first.conversation, time.monotonic()
        if len(self._unanswered) > _MOST_UNANSWERED:
            self._unanswered.popitem(last=False)

    async def going_on(self, prompt: Prompt) -> None:
        """Conversations that begin as this request does are read now. Waits only where many do: others have their turn in between."""
        if not self._waiting:
            return
        for item in prompt.items[:2]:
            same = self._keys.get(xxh3_64_intdigest(item), ())
            for place, seq in enumerate((same,) if isinstance(same, int) else tuple(same), 1):
                if seq in self._waiting:
                    self._settle(seq)
                if place % _AT_ONCE == 0:
                    await asyncio.sleep(0)

    def named(self, conversation: str) -> None:
        """The conversation of this id is read now, if it waits."""
        seq = self._conversations.get(conversation)
        if seq is not None:
            self._settle(seq)

    def lately(self) -> bool:
        """The last that came are read now, where they wait: what goes on with one of them may repeat it in another form. Whether there were
        any. Those before them are not read for a history that is asked about again."""
        found = [seq for seq in self._latest if seq in self._waiting]
        self._latest.clear()
        for seq in found:
            self._settle(seq)
        return bool(found)

    def drain(self) -> None:
        """All are read now. Blocks for about 0.2 ms each."""
        for seq in list(self._waiting):
            self._settle(seq)

    def close(self) -> None:
        """Read what waits, and no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.drain()

    def _tick(self) -> None:
        self._timer = None
        quiet = not self._busy() and not self._hot()
        came, self._ticked = self._newest - self._ticked, self._newest
        rush = came > _RUSH
        if self._lanes.queued < _MOST_QUEUED:
            step = _QUIET_STEP if quiet else 1 if rush else came + 1
            for seq in list(islice(self._waiting, step)):
                self._settle(seq)
        if self._waiting:
            pause_s = 0.001 if quiet else _RUSH_TICK_S if rush else _TICK_S
            self._timer = asyncio.get_running_loop().call_later(pause_s, self._tick)

    def _settle(self, seq: int) -> None:
        """Read one. One that cannot be read stays in the journal alone."""
        waiting = self._waiting.pop(seq)
        self._conversations.pop(waiting.conversation, None)
        same = self._keys[waiting.key]
        if isinstance(same, list) and len(same) > 1:
            same.remove(seq)
        else:
            del self._keys[waiting.key]
        attempt(self._failed, "arrivals", lambda: self._take_in(seq, waiting), lambda: None)

    def _take_in(self, seq: int, waiting: _Waiting) -> None:
        self.take(_decoder.decode(self._lanes.fetch(Place(waiting.fd, waiting.end), waiting.size)), seq)

    def take(self, arrival: Arrival, seq: int) -> None:
        """Hand its rows to the store, and its thread to those in memory: until the rows are stored it is found nowhere else. `seq` is the
        number of its entry, 0 where it could not be journalled."""
        reply = self._read(arrival)
        rows = unfold(arrival, self._wire(arrival.wire), reply, self._estimate)
        if rows.conversations and reply is not None:
            rows = replace(rows, spends=(self._spent(arrival, reply, rows.conversations[0].model),))
        held = self._threads.held(arrival.conversation)
        if held is not None:
            rows = _asked_before(rows, held)
        self._lanes.submit(rows, seq)
        if rows.turns:
            lean = [msgspec.structs.replace(turn, raw=b"") if turn.raw else turn for turn in rows.turns]
            if held is None:
                thread = self._threads.adopt(rows.conversations[0], arrival.scope, lean)
                thread.counted = True
            else:
                thread = held
                thread.add(lean)
                self._threads.moved(thread)
            thread.pending_seq = max(thread.pending_seq, seq)
            for _, key, _ in rows.aliases:
                self._threads.name(thread, key)
                thread.answers[key] = rows.turns[-1].id
            self._threads.named(thread, [key for _, key, _ in rows.aliases])
        self._stored()


def _asked(whose: str, scope: str, head: Head, body: bytes) -> int:
    """The same for the same request of the same client, streamed or not."""
    client = [head.named.get(name, b"") for name in _CLIENT]
    return xxh3_64_intdigest(b"\0".join((whose.encode(), scope.encode(), head.path.encode(), *client, _STREAM.sub(b"", body))))


def _asked_before(rows: Batch, thread: Thread) -> Batch:
    """The rows of a request made again: the turns that are there are not stored twice, and the new answer follows them."""
    known: dict[int, int] = {}
    turns: list[Turn] = []
    for turn in rows.turns:
        same = thread.by_chain.get(turn.chain)
        if same is not None and turn.role != "assistant":
            known[turn.id] = same
        else:
            turns.append(replace(turn, parent=known.get(turn.parent, turn.parent)))
    return replace(rows, turns=tuple(turns))


def unfold(arrival: Arrival, wire: Wire, reply: Reply | None, estimate: Callable[[str], int]) -> Batch:
    """The rows of a first exchange: its conversation, its turns and the answer's. No rows for a side request or what cannot be read."""
    document = Document(arrival.body, halves=True)
    try:
        prompt = wire.read(document, arrival.path)
        first = max(0, len(prompt.items) - _MOST_READ)
        items = prompt.items[first:]
        messages = [wire.message(item, (*prompt.items_at, first + index)) for index, item in enumerate(items)]
    except DocumentError:
        return Batch()
    named = told_again(arrival.names)
    head = Head("POST", arrival.path, "", ((b"user-agent", arrival.agent.encode("latin-1", "replace")), *named))
    if side_request(head, prompt, document, messages):
        return Batch()
    turns = _turns(arrival, wire, prompt, messages, estimate)
    last = turns[-1] if turns else None
    answer = answer_turns(
        wire,
        reply,
        arrival.conversation,
        last.id if last else 0,
        len(turns),
        last.chain if last else root(arrival.principal, arrival.scope),
        arrival.turn + len(turns),
        nextafter(arrival.at, inf),  # what comes with its answer is history (memory/identity/reworded.py)
        estimate,
        arrival.complete,
        turns[-1] if turns else None,
    )
    record = Conversation(
        arrival.conversation,
        arrival.principal,
        arrival.at,
        arrival.at,
        wire.name,
        prompt.model,
        "",
        system_of(prompt, wire),
    )
    aliases: tuple[tuple[str, str, str], ...] = ()
    if wire.stateful and reply is not None:
        aliases = tuple((arrival.principal, key, record.id) for key in reply_keys(reply))
    return Batch((record,), (*turns, *answer), aliases)


def _turns(arrival: Arrival, wire: Wire, prompt: Prompt, messages: Sequence[Message], estimate: Callable[[str], int]) -> list[Turn]:
    """`messages`: the newest of the prompt's."""
    turns: list[Turn] = []
    ids = count(arrival.turn)
    last, parent = root(arrival.principal, arrival.scope), 0
    for message, item in zip(messages, prompt.items[len(prompt.items) - len(messages) :], strict=True):
        one = line(message)
        if one.kind == "none":
            continue
        last = chain(last, one.content)
        turn = turn_of(
            one,
            next(ids),
            arrival.conversation,
            parent,
            len(turns),
            last,
            arrival.at,
            estimate,
            bytes(item),
            wire.name,
            model=prompt.model,
        )
        turns.append(turn)
        parent = turn.id
    return dated(turns)
