"""The house on one port: what becomes of a request. To fail is to forget the edits: whatever breaks here, the client's bytes go up.

`PortHouse` implements core.plan.House for the door. Everything that is shared by several ports is the engine's (engine.py).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from msgspec.structs import replace

from backstory.app.commanding import Plain, answer, told
from backstory.app.drive import eager
from backstory.app.engine import Engine
from backstory.app.gateway.enduring import BACKENDS, of_one
from backstory.app.gateway.over import Over
from backstory.app.gateway.wished import Choosing
from backstory.app.passing import alone, beside_of, dropping, legible, mark_of, markable, proved, sending, sent
from backstory.app.past import LOOKED_UP_S, Past, bare
from backstory.app.regard import OWN_HEADERS, Regard, Regards, provider_of
from backstory.app.rendered import rendered
from backstory.app.unheard import Unheard, as_it_came, missed, unread
from backstory.app.unkept import Unkept
from backstory.commands.grammar import Asked
from backstory.config import Config
from backstory.core.document import Document
from backstory.core.edits import AddTools
from backstory.core.exchange import Exchange, First, Head, Headers, Outcome
from backstory.core.ids import conversation_id
from backstory.core.message import Prompt
from backstory.core.plan import Answer, Instead, Paging, Plan, Tap, Target
from backstory.core.sizes import CHARS_PER_TOKEN
from backstory.core.wire import Wire
from backstory.errors import BackstoryError, Declined, DocumentError
from backstory.relay.tap import AheadTap, ArrivalTap, Heard, MemoryTap
from backstory.stages.arrivals import TURN_IDS
from backstory.stages.base import attempt
from backstory.stages.holding import let_go
from backstory.stages.identify import strikes
from backstory.stages.shrink import withdraw
from backstory.stages.unbind import unbound
from backstory.stages.visit import Visit, unmark
from backstory.wires import WIRES

if TYPE_CHECKING:
    from backstory.app.gateway.chosen import Chosen

_JSON: Headers = ((b"content-type", b"application/json"),)
# No smaller body has a summary in it that could be recognised.
_SUMMARY_BYTES = 300
# A command waits so long for a memory that is busy.
_COMMAND_S = 30.0
# An answer that is looked into comes without a content coding.
_PLAIN: Headers = ((b"Accept-Encoding", b"identity"),)
_GONE = Outcome("interrupted", 0, None, 0.0, 0.0, 0, 0)


class PortHouse:
    """What one listening port does."""

    def __init__(self, config: Config, engine: Engine, upstream_url: str, label: str) -> None:
        self._config = config
        self._engine = engine
        self._metrics = engine.metrics
        self._label = label
        self._past = Past(engine, config.identity.principal)
        self._unheard = Unheard(engine)
        self._unkept = Unkept(engine)
        self._deadline_s = config.recall.deadline_ms / 1000
        # What an extension is to see, it has to see before it goes up.
        self._asks = bool(config.extended.stages or config.extended.policies)
        self._marks = config.economy.cache_marks
        self._lean = config.marker != "always" and config.memory.scope == "conversation" and not config.extended.stages
        self.regards = self._regards = Regards(config, upstream_url)
        self.ways = engine.ways
        self._choosing = Choosing(engine, self._regards, self.error, config.commands.prefix)
        self.behind = self._over = Over(config, engine, self._regards, self.error)
        # A shorter history was hardly ever folded.
        self._least = int(config.compaction.context_window * config.compaction.soft_threshold * CHARS_PER_TOKEN)
        self._late: dict[int, asyncio.Future[Plan]] = {}
        self._answered: dict[int, Outcome] = {}

    @property
    def engine(self) -> Engine:
        """The memory behind it."""
        return self._engine

    # --- core.plan.House

    def wants_body(self, head: Head) -> bool:
        """See House."""
        regard = self._regards(head)
        if self._over.reads(regard, head):
            return True
        return regard.wire is not None and regard.readable and (self._engine.memory or (not regard.unwanted and self._engine.opening.hears))

    def plan(self, head: Head, body: bytes) -> Plan | Awaitable[Plan]:
        """See House."""
        regard = self._regards(head)
        plan = self._plan(head, body, regard)
        drop = regard.drop
        plan = self._over.plan(plan, head, body, regard)
        if len(drop) == len(OWN_HEADERS):
            return plan
        return replace(plan, drop=plan.drop | drop) if isinstance(plan, Plan) else eager(dropping(plan, drop))

    async def _once_open(self, head: Head, body: bytes) -> Plan:
        """A request that comes while the store is being opened waits for that, and all in all not longer than for anything else."""
        came, opening = time.monotonic(), self._engine.opening.first
        if opening is not None:
            await asyncio.wait({opening}, timeout=self._deadline_s)
        plan = self._plan(head, body, self._regards(head), came)
        return plan if isinstance(plan, Plan) else await plan

    def _plan(self, head: Head, body: bytes, regard: Regard, since: float = 0.0) -> Plan | Awaitable[Plan]:
        """`since`: when it came, where it has waited for the store."""
        if head.method in {"GET", "HEAD"}:
            answer = self._engine.local.answer(head)
            if answer is not None:
                return Plan(answer=answer)
        target, wire = regard.target, regard.wire
        if wire is None and BACKENDS.fullmatch(head.path):
            return Plan(answer=of_one(self._engine.endurance, head, self.error))
        if wire is not None and body and not self._engine.memory and self._engine.opening.under_way and not since and not regard.unwanted:
            return self._once_open(head, body)
        if wire is None or not body or not self._engine.memory or not regard.readable:
            self._metrics.relayed += 1
            if wire is not None and body and regard.readable and not regard.unwanted:
                return self._unheard.plan(head, body, wire, regard)
            return bare(target)
        if regard.unwanted:
            self._metrics.relayed += 1
            self._unkept.passes(head, body, wire, regard)
            return self._past.plan(head, body, wire, target)
        return attempt(self._engine.failed, "plan", lambda: self._chat(head, body, wire, target, since=since), lambda: bare(target))

    def error(self, head: Head | None, status: int, code: str, message: str) -> Answer:
        """See House."""
        self._metrics.errors += 1
        wire = self._regards.wire(head.path) if head is not None else None
        if wire is None:
            named = provider_of(head) if head is not None else "openai"
            wire = next(one for one in WIRES if one.name.startswith(named))
        return Answer(status, _JSON, wire.error(status, code, message))

    def augmented(self, stages: Iterable[str]) -> None:
        """A request goes up other than it came, for these reasons that are none of memory's."""
        for stage in stages:
            self._metrics.edited[stage] = self._metrics.edited.get(stage, 0) + 1

    # --- relay.tap.Ledger

    def promise(self, exchange: Exchange, status: int, content_type: str, coding: str, body: bytes) -> int:
        """See Ledger. A journal that cannot be written is counted; the answer leaves all the same."""
        engine, late = self._engine, self._late.get(exchange.id)
        if late is not None and (missed(late) or not (late.done() or engine.visits.ready(exchange.id))):
            return attempt(engine.failed, "journal", lambda: self._unread(exchange, content_type, coding, body), lambda: 0)
        return attempt(engine.failed, "journal", lambda: engine.ingest.promise(exchange, status, content_type, coding, body), lambda: 0)

    def learnt(self, exchange: Exchange) -> Headers:
        """See Ledger."""
        visit = self._engine.visits.get(exchange.id)
        return ((b"X-VC-Conversation", visit.thread.conversation.id.encode()),) if visit is not None else ()

    def over(self, exchange: Exchange, outcome: Outcome) -> None:
        """See Ledger."""
        late, visit = self._late.pop(exchange.id, None), self._engine.visits.get(exchange.id)
        if visit is not None and visit.held is not None and not visit.late:
            self._metrics.held(exchange.id, visit.held.tokens)
        if late is not None and not late.done():
            self._answered[exchange.id] = outcome
        else:
            self._finish(exchange, outcome)
        self._metrics.finished(exchange, outcome, visit.spend if visit is not None else None)

    def failed(self, where: str, error: BaseException) -> None:
        """See Ledger."""
        self._engine.failed(where, error)

    def _finish(self, exchange: Exchange, outcome: Outcome) -> None:
        """Every stage is told; the visit ends even where one of them fails."""
        self._engine.pipeline.finish(exchange, outcome)
        self._engine.visits.close(exchange.id)

    # --- a conversation

    def _chat(
        self, head: Head, body: bytes, wire: Wire, target: Target, plain: Plain | None = None, since: float = 0.0
    ) -> Plan | Awaitable[Plan]:
        """`plain`: what is known of this body already: it is a request from which commands were taken, or one that is a command. `since`:
        as for `_plan`."""
        engine, regard = self._engine, self._regards(head)
        started = self._metrics.last_request = time.monotonic()
        whose, scope = regard.whose, regard.scope
        beside = beside_of(head)
        lean = self._lean and beside is None and (len(body) < _SUMMARY_BYTES or not engine.expects())
        opening = engine.arrivals.opening(head, body, wire) if lean and regard.unnamed else None
        if opening is not None and not alone(opening, engine.commanding, plain):
            opening = None
        if opening is not None:
            again = engine.arrivals.again(whose, scope, head, body)
            conversation = again or conversation_id()
            headers = (
                (b"X-VC-Conversation", conversation.encode()),
                self._metrics.first(body, bool(again), started),
            )
            if engine.side is not None and engine.side.by_client and not regard.speaks:
                engine.side.seen(conversation, wire.name, head, target, "")
            came = plain.came if plain is not None else b""
            first = First(head, body, wire, opening, whose, scope, conversation, headers, came)
            return Plan(target, drop=OWN_HEADERS, tap=ArrivalTap(first, self, started))
        try:
            document = Document(body, engine.layouts, halves=True)
            prompt = legible(wire, document, head.path)
        except DocumentError as error:
            self._metrics.unreadable += 1
            engine.log_skipped(head, wire, error)
            return bare(target)
        found = self._spoken(head, document, prompt, wire) if plain is None else None
        if found is not None:
            return self._without_commands(head, body, wire, target, found)
        takes = markable(wire, regard, body, self._marks)
        hurries = not (regard.speaks or self._asks or (takes and self._marks == "always"))
        exchange = Exchange(engine.turn_ids(), head, body, wire, document, prompt, whose, scope, beside=beside, markable=takes)
        if engine.crowded and (plain is None or plain.asked is None):
            self._metrics.fail_open("crowded")
            return self._past.plan(head, body, wire, target)
        if plain is not None:
            asked = self._expect(exchange.id, plain.asked)
            ends = plain.asked is not None and plain.asked.before
            exchange = replace(exchange, came=plain.came, named=plain.conversation, local=asked and not ends, bidden=asked and ends)
        elif engine.ahead is not None and hurries and engine.ahead.may_go(body, prompt):
            gone = replace(exchange, gone=True)
            return Plan(target, drop=OWN_HEADERS, tap=AheadTap(lambda: self._behind(gone, target, started)))
        done = eager(self._through(exchange, target, started))
        if isinstance(done, Plan):
            return done
        waited_s = started - since if since else 0.0
        return eager(self._within(exchange, target, started, done, max(0.0, self._deadline_s - waited_s)))

    def _behind(self, exchange: Exchange, target: Target, started: float) -> Tap | None:
        """The client's bytes have gone up; memory looks at them now."""
        done = eager(self._through(exchange, target, started))
        return done.tap if isinstance(done, Plan) else self._too_late(exchange, target, started, asyncio.ensure_future(done)).tap

    def _spoken(self, head: Head, document: Document, prompt: Prompt, wire: Wire) -> Plain | None:
        """What is a command in it, or an answer to one; None where there is nothing, or it cannot be told."""
        commanding = self._engine.commanding
        if commanding is None:
            return None
        return attempt(self._engine.failed, "commands", lambda: commanding.plain(head, document, prompt, wire), lambda: None)

    def _expect(self, exchange: int, asked: Asked | None) -> bool:
        """Let the stage know of its command. Whether there is one."""
        command = self._engine.command
        if asked is None or command is None:
            return False
        command.expect(exchange, asked)
        return True

    def _without_commands(self, head: Head, body: bytes, wire: Wire, target: Target, plain: Plain) -> Plan | Awaitable[Plan]:
        """The request as it would be without commands takes its usual way; whatever becomes of it, that is what goes up."""
        plain.came = body if plain.body != body else b""

        def otherwise() -> Plan:
            return self._unanswered(head) if plain.asked is not None else bare(target)

        plan = attempt(self._engine.failed, "plan", lambda: self._chat(head, plain.body, wire, target, plain), otherwise)
        if not plain.came:
            return plan
        return sending(plan, plain.body) if isinstance(plan, Plan) else eager(sent(plan, plain.body))

    def arrivals(self, heard: Sequence[Heard]) -> list[int]:
        """See ArrivalLedger. A journal that cannot be written is counted; the answers leave all the same."""
        engine = self._engine
        block = engine.turn_ids.block
        came = [(as_it_came(one[0], one[0].wire.name, one[1:4], block(TURN_IDS), one[4]), one[0].opening) for one in heard]
        seqs = attempt(engine.failed, "journal", lambda: engine.arrivals.journal(came), lambda: None)
        if seqs is None and len(came) > 1:
            return [seq for one in heard for seq in self.arrivals([one])]
        if seqs is None:
            engine.arrivals.take(came[0][0], 0)
        return [0] if seqs is None else seqs

    def _unread(self, exchange: Exchange, content_type: str, coding: str, body: bytes) -> int:
        """The answer has come, and memory still looks for its conversation: journal both as they came, with what tells it. If the process
        dies before memory is done, it is looked for when they are read."""
        wire, prompt = exchange.wire, exchange.prompt
        if wire is None or prompt is None:
            return 0
        named = replace(exchange, conversation=conversation_id())
        visit = self._engine.visits.get(exchange.id)
        found = visit.thread.conversation.id if visit is not None else ""
        return self._engine.arrivals.keep(unread(self._engine, named, wire, prompt, (content_type, coding, body), found))

    def arrived(self, exchange: First, outcome: Outcome) -> None:
        """See ArrivalLedger."""
        if outcome.ended == "interrupted" and outcome.seq:
            self._engine.arrivals.broken_off(exchange)
        self._metrics.ended(exchange.wire.name, exchange.opening.stream, outcome)

    async def _through(self, exchange: Exchange, target: Target, started: float) -> Plan:
        engine = self._engine

        def without() -> Plan:
            engine.visits.close(exchange.id)
            return self._unanswered(exchange.head) if exchange.local or exchange.bidden else bare(target)

        try:
            through = await engine.pipeline.run(exchange)
            return attempt(engine.failed, "plan", lambda: self._planned(through, target, started), without)
        finally:
            # Where memory was so late that the answer is over, it is taken in before the conversation's next request is looked at.
            outcome = self._answered.pop(exchange.id, None)
            if outcome is not None:
                self._finish(exchange, outcome)
            engine.order.leave(exchange.id)
            command = engine.command
            if command is not None:
                attempt(engine.failed, "commands", lambda: command.done(exchange.id), lambda: None)

    async def _within(self, exchange: Exchange, target: Target, started: float, rest: Awaitable[Plan], left_s: float) -> Plan:
        """The plan, if memory comes to one in time; else the client's bytes go up, and memory ends its work beside them."""
        task = asyncio.ensure_future(rest)
        # What is meant for us never goes up for want of time.
        ours = exchange.local or exchange.bidden
        deadline_s = _COMMAND_S if ours else left_s
        self._engine.waiting += 1
        if exchange.prompt is not None and exchange.prompt.previous and self._engine.paging.lookups.anywhere:
            deadline_s = max(deadline_s, LOOKED_UP_S)
        try:
            done, _ = await asyncio.wait({task}, timeout=deadline_s)
            if not done and not ours and self._engine.wished:
                done = await self._engine.visits.known(exchange.id, task)
        except (asyncio.CancelledError, GeneratorExit):
            # The client has left before its request went up; GeneratorExit: even before anybody waited for the plan.
            task.add_done_callback(lambda _: self._finish(exchange, _GONE))
            task.cancel()
            raise
        finally:
            self._engine.waiting -= 1
        if done:
            return task.result()
        if ours:
            task.cancel()
            return self._local(exchange)
        self._engine.late(exchange.head)
        return self._too_late(exchange, target, started, task)

    def _too_late(self, exchange: Exchange, target: Target, started: float, task: asyncio.Future[Plan]) -> Plan:
        """The client's bytes go up without memory, which ends its work beside them."""
        visit = self._engine.visits.get(exchange.id)
        if visit is not None:
            visit.late = True
        self._engine.pipeline.expired.add(exchange.id)
        self._late[exchange.id] = task
        self._engine.beside(exchange.id, task)
        task.add_done_callback(lambda _: self._engine.pipeline.expired.discard(exchange.id))
        return self._plain(exchange, target, started)

    def _local(self, exchange: Exchange) -> Plan:
        """The answer to a command, if only that it could not be done. Nothing of the exchange is stored."""
        command = self._engine.command
        if exchange.answer is None and command is not None:
            exchange = command.answered(exchange)
        self._finish(exchange, _GONE)
        self._metrics.commands += 1
        headers: Headers = ((b"X-VC-Conversation", exchange.conversation.encode()),) if exchange.conversation else ()
        if exchange.bidden and exchange.prompt is not None and exchange.prompt.structured:
            # Who expects JSON is told by an error.
            return Plan(answer=self.error(exchange.head, 400, Declined.code, told(exchange)))
        return Plan(answer=answer(exchange, headers))

    def _unanswered(self, head: Head) -> Plan:
        """A command that not even a failure could be told of."""
        return Plan(answer=self.error(head, 500, "command_failed", "the command could not be carried out; it was not sent to the model"))

    def _planned(self, exchange: Exchange, target: Target, started: float) -> Plan:
        if exchange.local or exchange.bidden:
            return self._local(exchange)
        try:
            chosen = self._choosing.of(exchange) if exchange.wishes is not None else None
        except BackstoryError as error:
            self._finish(exchange, _GONE)
            return self._choosing.refused(exchange.head, error)
        plan = self._made(exchange, target, started, chosen)
        return plan if chosen is None else chosen.planned(plan)

    def _made(self, exchange: Exchange, target: Target, started: float, chosen: Chosen | None) -> Plan:
        """The plan in the client's wire, to where the request goes by itself."""
        asked = exchange = proved(exchange)
        visit = self._engine.visits.get(exchange.id)
        if visit is not None and (visit.late or visit.gone):
            withdraw(visit)
            visit.held = None
            unmark(visit)
        if exchange.edits and exchange.gone:
            self._metrics.fail_open("ahead")
            exchange = replace(exchange, edits=())
        exchange, body = self._written(exchange, visit, chosen)
        if visit is None:
            self._metrics.planned(exchange, None, started)
            if exchange.conversation:
                return self._tapped(exchange, target, started, body)
            return self._unheard.missed(exchange, Plan(target, body=body, drop=OWN_HEADERS))
        if self._engine.ahead is not None and exchange.prompt is not None:
            self._engine.ahead.went(exchange.prompt, visit, visit.complete and not exchange.edits)
        mark = mark_of(exchange, visit, self._config.marker, self._config.memory.threshold_messages)
        owed = self._engine.economy.owed(exchange.conversation)
        exchange = replace(exchange, mark=mark, headers=(*self._headers(exchange, visit, owed), *exchange.headers))
        self._metrics.planned(exchange, visit, started)
        side, wire, prompt = self._engine.side, exchange.wire, exchange.prompt
        theirs = side is not None and side.by_client and chosen is None
        if theirs and side is not None and wire is not None and prompt is not None and not self._regards(exchange.head).speaks:
            side.seen(exchange.conversation, wire.name, exchange.head, target, prompt.model)
        plan = self._tapped(exchange, target, started, body)
        if body is not None and visit.paging:
            plan = self._paged(plan, exchange, visit, body, chosen)
        if (visit.held is None and not visit.lent) or wire is None or not isinstance(plan.tap, MemoryTap):
            return plan
        return replace(plan, instead=Instead(partial(self._unheld, replace(asked, mark=mark), visit, chosen, plan.tap, owed), wire))

    def _written(self, exchange: Exchange, visit: Visit | None, chosen: Chosen | None) -> tuple[Exchange, bytes | None]:
        """The exchange, and its body with its edits and with what is set for it; None: the body is the exchange's own."""
        body: bytes | None = None
        if exchange.edits:
            exchange, body = rendered(exchange, visit, self._engine.failed)
        if chosen is not None:
            exchange, body = chosen.put(exchange, body)
        if visit is not None:
            visit.bytes_sent, visit.went = (len(body), body) if body is not None else (0, b"")
        return exchange, body

    def _unheld(self, exchange: Exchange, visit: Visit, chosen: Chosen | None, tap: MemoryTap, owed: float) -> bytes:
        """The body without what was held in front of it, which its provider has refused; from now on that is what went up."""
        exchange, body = self._written(let_go(exchange, visit, self._engine.paging.tokens), visit, chosen)
        exchange = replace(exchange, headers=(*self._headers(exchange, visit, owed), *exchange.headers))
        sent = exchange.body if body is None else body
        tap.instead(exchange, sent)
        return sent

    def _paged(self, plan: Plan, exchange: Exchange, visit: Visit, body: bytes, chosen: Chosen | None) -> Plan:
        """The plan of a request in which tools of ours are offered."""
        wire, document, prompt, head = exchange.wire, exchange.document, exchange.prompt, exchange.head
        if wire is None or document is None or prompt is None:
            return plan

        def without() -> bytes:
            made = wire.render(document, prompt, [edit for _, edit in exchange.edits if not isinstance(edit, AddTools)])
            return made if chosen is None else chosen.written(made)

        array = wire.name == "gemini" and prompt.stream and "alt=sse" not in head.query
        talk = wire.talk(body, visit.paging, head.query)
        desk = self._engine.paging.desk(visit, lambda tokens: self._metrics.leg(exchange.id, visit, tokens))
        paging = Paging(talk, desk, self._config.paging.rounds, without, wire.reader, array, prompt.tools > 0, visit.paging)
        return replace(plan, paging=paging, drop=plan.drop | {b"accept-encoding"}, add=_PLAIN)

    def _plain(self, exchange: Exchange, target: Target, started: float) -> Plan:
        """Without memory's edits; but our markers, and what an answer of several legs has left in the history, must not go up even so."""
        wire, document, prompt = exchange.wire, exchange.document, exchange.prompt
        body: bytes | None = None
        if wire is not None and document is not None and prompt is not None and not exchange.gone:
            kept = self._engine.paging.lookups.held(self._engine.visits.get(exchange.id), prompt.previous)
            edits = [*attempt(self._engine.failed, "mend", lambda: wire.mend(document, prompt, kept), lambda: ())]
            edits += attempt(self._engine.failed, "mend", lambda: [one for _, one in strikes(exchange, wire, prompt)[0]], list)
            edits += attempt(
                self._engine.failed, "mend", lambda: unbound(exchange, self._engine.visits.get(exchange.id), self._least), list
            )
            if edits:
                body = attempt(self._engine.failed, "mend", lambda: wire.render(document, prompt, edits), lambda: None)
        try:
            chosen = self._choosing.late(exchange)
        except BackstoryError as error:
            self._late.pop(exchange.id, None)
            return self._choosing.refused(exchange.head, error)
        if chosen is None:
            return self._tapped(exchange, target, started, body)
        exchange, body = chosen.put(exchange, body)
        return chosen.planned(self._tapped(exchange, target, started, body))

    def _tapped(self, exchange: Exchange, target: Target, started: float, body: bytes | None) -> Plan:
        wire, prompt = exchange.wire, exchange.prompt
        streams = wire is not None and prompt is not None and wire.streams(exchange.head.path, exchange.head.query, prompt)
        tap = MemoryTap(exchange, self, streams, started, exchange.body if body is None else body)
        return Plan(target, body=body, drop=OWN_HEADERS, tap=tap)

    def _headers(self, exchange: Exchange, visit: Visit, owed: float) -> Headers:
        conversation = (b"X-VC-Conversation", exchange.conversation.encode())
        economy = self._engine.economy
        stats = self._metrics.stats_header(exchange, visit, economy.forecast, owed)
        headers: Headers = (conversation, (b"X-VC-Stats", stats))
        if exchange.edits or visit.search is not None or visit.refused or exchange.beside is not None:
            headers = (*headers, (b"X-VC-Request", b"%d" % exchange.id))
        if self._config.metrics.vidurai_header:
            headers = (*headers, (b"X-Vidurai-Stats", stats))
        return headers
