"""Stage 3: old tool results give way to stubs, where a request has outgrown its window or the provider's cache is cold anyway; and every
stub that was sent before is sent again.

Decided at such boundaries only, and kept (as what is injected is), so that what goes upstream otherwise only grows at its end. Nothing
gives way that is not in the store with its very words: that is looked up before a stub is decided.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace
from xxhash import xxh3_128_digest

from backstory.core.document import Document
from backstory.core.edits import SetText
from backstory.core.exchange import Exchange, Outcome
from backstory.core.message import Message, Part, Path, Prompt, ToolResult
from backstory.core.records import Stub, Turn
from backstory.core.sizes import rough
from backstory.core.store import Lanes, Store
from backstory.core.wire import Wire
from backstory.errors import DocumentError, NotFound
from backstory.memory import tool_output
from backstory.memory.thread import Thread
from backstory.memory.tool_output import Choice, Rules
from backstory.stages.base import Stage
from backstory.stages.threads import Threads
from backstory.stages.visit import Visit, Visits

# No text has fewer bytes to a token: a request that is shorter than this is not near its window.
_BYTES_PER_TOKEN = 2.6
# Stubs that free less than this share of the window are not worth a change of what the provider has cached.
_LEAST_GAIN = 0.05
# A request is brought down to this share of the window, where old results are enough for it.
_TARGET = 0.35
# What was said just now is in the store so soon; if not, it stays as it is.
_SETTLING_S = 0.05
# Messages whose results were looked at are remembered by their bytes.
_MOST_LOOKED_AT = 4096

Place: TypeAlias = tuple[Path, bytes]
"""Where in its message a result stands, and the hash of its text."""


class Placed(Struct, frozen=True):
    """A stub, the item of the request that carries what it stands for, and the edit that puts it there."""

    stub: Stub
    item: int
    edit: SetText


class Settings(Struct, frozen=True):
    """`threshold`: below so many messages nothing is touched. `cold_after_s`: after a pause as long, the provider's cache is cold."""

    rules: Rules
    threshold: int
    cold_after_s: float


class Shrink(Stage):
    """`measure` tells how many tokens would go up as things stand."""

    name = "shrink"

    def __init__(
        self,
        visits: Visits,
        lanes: Lanes,
        settings: Settings,
        measure: Callable[[Exchange, Visit], int],
        clock: Callable[[], float],
    ) -> None:
        self._visits = visits
        self._lanes = lanes
        self._settings = settings
        self._measure = measure
        self._clock = clock
        self._looked_at: OrderedDict[bytes, tuple[Place, ...]] = OrderedDict()

    async def request(self, exchange: Exchange) -> Exchange:
        visit = self._visits.get(exchange.id)
        prompt, wire = exchange.prompt, exchange.wire
        if visit is None or not visit.ready or prompt is None or wire is None:
            return exchange
        thread, settings = visit.thread, self._settings
        if not thread.conversation.memory or visit.upto + len(visit.turns) < settings.threshold:
            return exchange
        soft = settings.rules.window.soft_tokens
        if not thread.stubs and thread.tokens < soft and len(exchange.body) < soft * _BYTES_PER_TOKEN:
            return exchange
        known = [stub for stubs in thread.stubs.values() for stub in stubs]
        placed = _count(visit, self._place(visit, prompt, wire, known))
        total = self._measure(exchange, visit)
        if self._at_boundary(visit, total):
            placed += await self._decide(exchange, visit, prompt, wire, total)
        if not placed:
            return exchange
        return replace(exchange, edits=(*exchange.edits, *((self.name, one.edit) for one in placed)))

    def finished(self, exchange: Exchange, outcome: Outcome) -> None:
        visit = self._visits.get(exchange.id)
        if visit is not None and visit.late:
            withdraw(visit)

    def _at_boundary(self, visit: Visit, total: int) -> bool:
        """Whether the request must be made shorter anyway, or what comes before is no longer cached by the provider."""
        window = self._settings.rules.window
        if total <= window.soft_tokens or not visit.upto:
            return False
        pause_s = self._clock() - visit.thread.path[visit.upto - 1].arrived
        return total > window.hard_tokens or pause_s > self._settings.cold_after_s

    async def _decide(self, exchange: Exchange, visit: Visit, prompt: Prompt, wire: Wire, total: int) -> list[Placed]:
        """New stubs; nothing where they would not free enough, or came too late."""
        thread, rules = visit.thread, self._settings.rules
        version = thread.version
        turns = [*thread.path[: visit.upto], *visit.turns]
        last = min(tool_output.protected(turns, rules.window), visit.upto)
        carried = {place for place in visit.reading.places if thread.boundary <= place < last}
        if not carried:
            return []
        if thread.pending_seq > self._lanes.settled:
            await asyncio.wait({asyncio.ensure_future(self._lanes.flush())}, timeout=_SETTLING_S)
        made = await self._lanes.read(lambda store: drafts(store, thread, turns, carried, rules))
        if visit.late or thread.version != version:
            return []
        now = self._clock()
        placed = self._place(visit, prompt, wire, [_stub(one, thread.conversation.id, now) for one in made])
        old = {(one.choice.result.turn, one.choice.result.place) for one in made if one.choice.reason == "old"}
        placed = _enough(placed, old, total, int(rules.window.size * _TARGET))
        if sum(one.stub.saved for one in placed) < rules.window.size * _LEAST_GAIN:
            return []
        placed = _sound(exchange, prompt, wire, placed)
        thread.stub([one.stub for one in placed])
        visit.stubs = tuple([one.stub for one in placed])
        return _count(visit, placed)

    def _place(self, visit: Visit, prompt: Prompt, wire: Wire, stubs: Sequence[Stub]) -> list[Placed]:
        """These stubs in their places, where the request carries what they stand for."""
        if not stubs:
            return []
        thread, path = visit.thread, visit.thread.path
        items = {place: item for item, place in enumerate(visit.reading.places) if place >= 0}
        placed: list[Placed] = []
        for stub in stubs:
            turn = thread.by_id.get(stub.turn)
            if turn is None or not thread.boundary <= turn.position < visit.upto or path[turn.position].id != turn.id:
                continue
            item = items.get(turn.position, -1)
            places = self._places(prompt, wire, item) if item >= 0 else ()
            if stub.place < len(places) and places[stub.place][1] == stub.content:
                placed.append(Placed(stub, item, SetText((*prompt.items_at, item, *places[stub.place][0]), stub.text)))
        return placed

    def _places(self, prompt: Prompt, wire: Wire, item: int) -> tuple[Place, ...]:
        """Every result of a message. A message seen before is not decoded again."""
        raw, looked = prompt.items[item], self._looked_at
        name = xxh3_128_digest(raw)
        found = looked.get(name)
        if found is None:
            at = (*prompt.items_at, item)
            found = looked[name] = _places(wire.message(raw, at), len(at))
            if len(looked) > _MOST_LOOKED_AT:
                looked.popitem(last=False)
        return found


class DraftStub(Struct, frozen=True):
    """A stub that may be decided. `saved`: tokens."""

    choice: Choice
    text: str
    saved: int


def drafts(store: Store, thread: Thread, turns: Sequence[Turn], carried: set[int], rules: Rules) -> list[DraftStub]:
    """Stubs for what may give way in the turns at these positions, if the store has it word for word. Blocks; time grows with the results'
    length: some 50 ms for 100,000 tokens. What was made once is made at once the next time."""
    found = tool_output.results(turns)
    known = {(stub.turn, stub.place) for stubs in thread.stubs.values() for stub in stubs}
    some = tool_output.fresh(tool_output.choices(found, min(carried), max(carried) + 1, rules), known)
    some = [choice for choice in some if choice.result.position in carried]
    stored = {turn.id: turn.calls for turn in store.turns_by_id({choice.result.turn for choice in some})}
    made: list[DraftStub] = []
    texts = thread.family.stubs
    for choice in some:
        result = choice.result
        if stored.get(result.turn) != turns[result.position].calls:
            continue
        name = (result.turn, result.place, choice.reason)
        if name not in texts:
            texts[name] = tool_output.stub(choice, rules)
        text = texts[name]
        if text is not None:
            made.append(DraftStub(choice, text, rough(result.text) - rough(text)))
    return made


def withdraw(visit: Visit) -> None:
    """The stubs that were decided for this visit were not sent: they do not count."""
    visit.thread.unstub(visit.stubs)
    visit.stubs = ()


async def restore(lanes: Lanes, threads: Threads, principal: str, conversation: str, scope: str, ref: str) -> str:
    """What a ref stands for, word for word, from the store: a result of this conversation or of one that it was forked from, before it was.
    NotFound where there is none, or where what is stored is not what the ref's hash was made of. Raises StoreError."""
    turn_id = tool_output.parsed(ref)[0]
    thread = await threads.by_id(principal, conversation, scope)
    if thread is None or turn_id not in thread.by_id:
        raise NotFound(f"no tool result {ref!r} in this conversation")
    found = await lanes.read(lambda store: store.turns_by_id((turn_id,)))
    return tool_output.restored(found[0] if found else thread.by_id[turn_id], ref)


def _stub(made: DraftStub, conversation: str, now: float) -> Stub:
    result = made.choice.result
    hashed = tool_output.content(result.text)
    name = tool_output.named(result.turn, result.place, hashed)
    return Stub(conversation, result.turn, "result", result.place, hashed, name, made.text, rough(made.text), made.saved, now)


def _places(message: Message, depth: int) -> tuple[Place, ...]:
    results = [part for part in message.parts if isinstance(part, ToolResult)]
    return tuple([(part.at[depth:], tool_output.content(part.text)) for part in results])


def _count(visit: Visit, placed: list[Placed]) -> list[Placed]:
    """What these save goes to the visit."""
    for one in placed:
        visit.saved[one.item] = visit.saved.get(one.item, 0) + one.stub.saved
    return placed


def _enough(placed: Sequence[Placed], old: set[tuple[int, int]], total: int, target: int) -> list[Placed]:
    """Every superseded result; old ones, the oldest first, until the request is down to `target` tokens."""
    chosen: list[Placed] = []
    for one in placed:
        if total <= target and (one.stub.turn, one.stub.place) in old:
            continue
        chosen.append(one)
        total -= one.stub.saved
    return chosen


def _sound(exchange: Exchange, prompt: Prompt, wire: Wire, placed: Sequence[Placed]) -> list[Placed]:
    """Those with which the request reads as it did but for them; none where anything else would change."""
    if exchange.document is None:
        return []
    try:
        made = wire.render(exchange.document, prompt, [one.edit for one in placed])
        items = wire.read(Document(made), exchange.head.path).items
        by_item: dict[int, list[Stub]] = {}
        for one in placed:
            by_item.setdefault(one.item, []).append(one.stub)
        for item, (before, after) in enumerate(zip(prompt.items, items, strict=True)):
            stubs = by_item.get(item)
            if stubs is None and bytes(before) != bytes(after):
                return []
            if stubs is not None and not _alike(wire.message(before, ()), wire.message(after, ()), stubs):
                placed = [one for one in placed if one.item != item]
    except (DocumentError, ValueError):
        return []
    return list(placed)


def _alike(before: Message, after: Message, stubs: Sequence[Stub]) -> bool:
    """Whether a message says what it said, but for the stubs in it."""
    texts = {stub.place: stub.text for stub in stubs}
    wanted: list[Part] = []
    place = 0
    for part in before.parts:
        if isinstance(part, ToolResult):
            wanted.append(replace(part, at=(), text=texts.get(place, part.text)))
            place += 1
        else:
            wanted.append(replace(part, at=()))
    return before.role == after.role and wanted == [replace(part, at=()) for part in after.parts]
