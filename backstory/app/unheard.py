"""Exchanges that memory does not look at on their way: what the journal keeps of them, and those that come while the store is not open or
cannot be read."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from backstory.app.aside import has_room
from backstory.app.engine import Engine
from backstory.app.journals import recovery
from backstory.app.passing import legible
from backstory.app.past import bare
from backstory.app.regard import OWN_HEADERS, Regard
from backstory.core.document import Document
from backstory.core.exchange import Exchange, First, Head, Outcome
from backstory.core.ids import conversation_id
from backstory.core.message import Opening, Prompt
from backstory.core.plan import Plan
from backstory.core.records import Arrival, Batch
from backstory.core.wire import Wire
from backstory.errors import DocumentError, StoreError, StoreGone
from backstory.relay.tap import ArrivalTap, Heard
from backstory.stages.arrivals import MOST_IDS, TURN_IDS
from backstory.stages.base import attempt, attempted, failed_open
from backstory.stages.identify import known_names

_encoder = msgspec.msgpack.Encoder()


def as_it_came(exchange: Exchange | First, wire: str, answer: tuple[str, str, bytes], first_id: int, complete: bool = True) -> Arrival:
    """What the journal keeps. `answer`: its content type, its content coding, its body. `first_id`: of its turns."""
    head = exchange.head
    content_type, coding, body = answer
    return Arrival(
        exchange.conversation,
        exchange.principal,
        exchange.scope,
        wire,
        head.path,
        head.header(b"user-agent"),
        exchange.body,
        content_type,
        coding,
        body,
        first_id,
        time.time(),
        complete,
    )


def unread(
    engine: Engine, exchange: Exchange, wire: Wire, prompt: Prompt, answer: tuple[str, str, bytes], found: str = "", complete: bool = True
) -> Arrival:
    """The same of one that may go on with a conversation, with what tells which. `found`: the one that it was found to be."""
    ids = min(len(prompt.items) + TURN_IDS, MOST_IDS)
    came = as_it_came(exchange, wire.name, answer, engine.turn_ids.block(ids), complete)
    names, marked = attempt(engine.failed, "journal", lambda: known_names(exchange, wire, prompt), lambda: ((), ()))
    return replace(came, unread=True, names=names, marked=tuple(filter(None, (found, *marked))))


def missed(late: asyncio.Future[Plan]) -> bool:
    """Whether memory, too late for the request, has ended without its conversation because the store could not be read."""
    return late.done() and not late.cancelled() and late.exception() is None and isinstance(late.result().tap, ArrivalTap)


class Unheard:
    """Exchanges that come while the store is not open, or cannot be read. An ArrivalLedger."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def plan(self, head: Head, body: bytes, wire: Wire, regard: Regard) -> Plan:
        """The request goes up as it came; with its answer it is kept, where there is room for it."""
        aside = self._engine.opening.aside
        if aside is None or not aside.has_room(len(body)):
            return bare(regard.target)
        first = First(head, body, wire, Opening((), False), regard.whose, regard.scope, conversation_id())
        return Plan(regard.target, drop=OWN_HEADERS, tap=ArrivalTap(first, self, time.monotonic()))

    def missed(self, exchange: Exchange, plan: Plan) -> Plan:
        """The plan of a request that is in no conversation. Where that is so because the store could not be read, it is kept with its
        answer until it can be, while there is room."""
        wire, engine = exchange.wire, self._engine
        if wire is None or not failed_open(exchange, "identify", StoreError, StoreGone):
            return plan
        if not attempt(engine.failed, "journal", lambda: has_room(engine.config.storage, len(exchange.body)), lambda: False):
            return plan
        opening = Opening((), False)
        name = conversation_id()
        first = First(exchange.head, exchange.body, wire, opening, exchange.principal, exchange.scope, name, came=exchange.came)
        tap = ArrivalTap(first, self, time.monotonic())
        if plan.body is not None:
            tap.goes(plan.body)
        return replace(plan, tap=tap)

    def arrivals(self, heard: Sequence[Heard]) -> list[int]:
        """See ArrivalLedger. A journal that cannot be written is counted; the answers leave all the same."""
        return [self._arrived(*one) for one in heard]

    def _arrived(self, exchange: First, content_type: str, coding: str, body: bytes, complete: bool) -> int:
        answer = (content_type, coding, body)
        return attempt(self._engine.failed, "journal", lambda: self._keep(exchange, answer, complete), lambda: 0)

    def arrived(self, exchange: First, outcome: Outcome) -> None:
        """See ArrivalLedger."""
        self._engine.metrics.ended(exchange.wire.name, exchange.opening.stream, outcome)

    def _keep(self, first: First, answer: tuple[str, str, bytes], complete: bool) -> int:
        engine, head, wire = self._engine, first.head, first.wire
        try:
            document = Document(first.body, halves=True)
            prompt = legible(wire, document, head.path)
            if engine.commanding is not None and engine.commanding.plain(head, document, prompt, wire) is not None:
                return 0
        except DocumentError:
            return 0
        number = engine.turn_ids()
        exchange = Exchange(number, head, first.body, wire, document, prompt, first.principal, first.scope, first.conversation)
        arrival = unread(engine, exchange, wire, prompt, answer, complete=complete)
        if engine.opening.aside is not None:
            return engine.opening.aside.keep(arrival)
        if not engine.memory:
            return 0
        seq = engine.arrivals.keep(arrival)
        late = attempted(engine.failed, "journal", _take_in(engine, _encoder.encode(arrival), seq), None)
        engine.beside(number, asyncio.ensure_future(late))
        return seq


async def _take_in(engine: Engine, payload: bytes, seq: int) -> None:
    """What was said before the store was open, and answered after: `payload` is journalled as `seq`."""
    lanes = engine.lanes
    if lanes is None:
        return
    made = recovery(engine.failed)([payload])
    for rows in made:
        lanes.submit(rows if isinstance(rows, Batch) else await lanes.read(rows), seq)
    if not made:
        lanes.submit(Batch(), seq)
    await lanes.flush()
    if engine.threads is not None:
        engine.threads.clear()
