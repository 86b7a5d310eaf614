"""Stage 1: which conversation a request belongs to. Adds no edit but to take our markers out of what goes upstream.

The ladder: a name the client gives it, our marker or our answer to a command, the hash chain of what was said, otherwise a new one. Side
requests (titles, routers, summaries) belong to none and get no memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from msgspec.structs import replace
from xxhash import xxh3_128_hexdigest

from backstory.core.document import Document
from backstory.core.exchange import Exchange, Note
from backstory.core.layout import Elements
from backstory.core.message import Message, Prompt, Text
from backstory.core.wire import Wire
from backstory.core.wishes import spent
from backstory.errors import DocumentError
from backstory.memory.identity import marker
from backstory.memory.identity import named as identity
from backstory.memory.identity.graves import carries, concerns
from backstory.memory.identity.side import COMPACTION, side_request
from backstory.memory.identity.thread import Thread
from backstory.memory.reading.requests import Reader, Reading
from backstory.memory.reading.turns import root
from backstory.stages import echoes, excerpts, rest
from backstory.stages.arrivals import Arrivals
from backstory.stages.base import Stage
from backstory.stages.carried import carried
from backstory.stages.continuity import Continuity
from backstory.stages.names import ANSWERS
from backstory.stages.order import Order
from backstory.stages.threads import Threads
from backstory.stages.visit import Visit, Visits
from backstory.stages.wishes import held, with_wishes

# More messages than this are read on another thread: about 10 ms of work.
_INLINE_ITEMS = 400
# So long a request waits for what is late of those before it.
_BEFORE_S = 5.0
# The first message of a conversation is among so many.
_LEADING = 4


class Identify(Stage):
    """Finds or begins the thread of a request and opens its visit. `before` tells what memory still works on of exchanges before one."""

    name = "identify"
    late = True

    def __init__(
        self,
        threads: Threads,
        visits: Visits,
        reader: Reader,
        arrivals: Arrivals,
        order: Order,
        before: Callable[[int], Sequence[asyncio.Future[Any]]],
        continuity: Continuity,
    ) -> None:
        self._threads = threads
        self._visits = visits
        self._reader = reader
        self._arrivals = arrivals
        self._order = order
        self._before = before
        self._continuity = continuity

    async def request(self, exchange: Exchange) -> Exchange:
        wire, prompt, document = exchange.wire, exchange.prompt, exchange.document
        if wire is None or prompt is None or document is None:
            return exchange
        try:
            edits, marked = strikes(exchange, wire, prompt)
            opening = _opening(wire, prompt)
            reason = side_request(exchange.head, prompt, document, opening)
            claims = [] if reason else identity.claims(exchange.head, prompt, document)
            if not reason:
                await self._order.enter(exchange.id, _conversation(exchange, claims, prompt))
                await self._threads.heard()
            reading = None if reason else await self._read(prompt, wire, root(exchange.principal, exchange.scope), opening[-1:])
        except DocumentError as error:
            return replace(exchange, notes=(*exchange.notes, Note(self.name, f"memory skips it: {error}")))
        if isinstance(prompt.items, Elements) and prompt.items.layout is not None:
            prompt.items.layout.ordinary = not reason
        if reading is None:
            note = Note(self.name, f"side request: {reason}")
            exchange = replace(exchange, edits=(*exchange.edits, *edits), notes=(*exchange.notes, note))
            return await self._summary(exchange, prompt, wire, document, marked) if reason == COMPACTION else exchange
        await self._arrivals.going_on(prompt)
        visit = await self._visit(exchange, claims, marked, reading, opening)
        visit.own_identity = any(claim.own for claim in claims)
        visit.marked = _since(edits, prompt) if marked else 0
        visit.gone = exchange.gone
        self._visits.open(exchange.id, visit)
        return replace(
            exchange,
            conversation=visit.thread.conversation.id,
            edits=(*exchange.edits, *edits),
        )

    async def _summary(self, exchange: Exchange, prompt: Prompt, wire: Wire, document: Document, marked: str) -> Exchange:
        """The exchange with the conversation that its client asks a summary of, so that the summary is heard; as it is where that cannot
        be told. Nothing of it is stored as a turn."""
        await self._threads.heard()
        await self._arrivals.going_on(prompt)
        claims = [_scoped(claim, exchange.scope) for claim in identity.claims(exchange.head, prompt, document)]
        reading = await self._read(prompt, wire, root(exchange.principal, exchange.scope), ())
        thread = await self._named(exchange, claims, marked)
        last = _last_assistant(reading)
        if thread is None and last >= 0:
            found = await self._threads.through(exchange.principal, reading.chains[last], exchange.scope)
            # Who asks for a summary may do so with a system prompt of its own.
            thread = found[0] if found is not None else await self._part(exchange, reading, lambda: b"")
        if thread is None:
            return exchange
        await self._threads.heeded(thread)
        self._continuity.asked(exchange.id, thread)
        edits = () if exchange.gone else carried(thread, reading, self._threads.tombs)
        exchange = replace(exchange, edits=(*exchange.edits, *(("recall", edit) for edit in edits)))
        # It goes where the conversation goes, but for what holds for one request alone.
        return with_wishes(replace(exchange, conversation=thread.conversation.id), spent(held(thread)))

    async def _read(self, prompt: Prompt, wire: Wire, seed: bytes, last: Sequence[Message]) -> Reading:
        if len(prompt.items) > _INLINE_ITEMS and self._reader.fresh(prompt, wire, seed) > _INLINE_ITEMS:
            return await asyncio.get_running_loop().run_in_executor(None, self._reader.read, prompt, wire, seed, last)
        return self._reader.read(prompt, wire, seed, last)

    async def _visit(
        self, exchange: Exchange, claims: Sequence[identity.Claim], marked: str, reading: Reading, opening: Sequence[Message]
    ) -> Visit:
        principal, scope = exchange.principal, exchange.scope
        claims = [_scoped(claim, scope) for claim in claims] if scope else claims
        before = self._before(exchange.id)
        thread = await self._named(exchange, claims, marked)
        last = _last_assistant(reading)
        if thread is None and claims and _goes_on(claims, last) and await self._threads.others():
            thread = await self._named(exchange, claims, marked)
        if thread is None:
            thread = await self._said(exchange, reading, bool(claims), opening)
            if thread is None and last >= 0 and not claims and await _over(before):
                # What it goes on with may have been read only now. Where its client cuts its history, order alone does not tell.
                thread = await self._said(exchange, reading, False, opening)
            known = thread is not None and last >= 0 and reading.chains[last] in thread.by_chain
        else:
            known = last >= 0
        if thread is not None and known:
            thread = await self._current(thread, reading, last, scope)
        continued, seen, adrift, of = None, 0, False, None
        if thread is None:
            leading = [*_summaries(exchange, reading), *opening]
            continued = await self._continuity.continued(exchange, leading, _summarised(reading))
            thread = self._going_on(exchange, continued) if continued is not None and claims else continued
        if thread is None:
            prompt = exchange.prompt
            model = prompt.model if prompt is not None else ""
            thread = self._threads.new(principal, scope, exchange.wire.name if exchange.wire else "", model, b"")
            of = self._just_seen(thread, reading) if last >= 0 else None
            seen = reading.reused if of is not None else 0
            adrift = last >= 0 and not claims and await excerpts.heard(self._threads, principal, scope, reading.lines)
        elif not known:
            thread = await self._threads.current(thread, scope)
        if not exchange.local:
            self._threads.asked(reading.digest, reading.chains[last] if last >= 0 else b"", thread)
        aliases = [claim.key for claim in claims if self._threads.name(thread, claim.key)]
        base = next((thread.answers[claim.key] for claim in claims if claim.key in thread.answers), 0)
        on = continued is not None
        free = self._threads.free(thread, aliases)
        return Visit(thread, reading, scope, aliases=aliases, free=free, base=base, continued=on, seen=seen, before=of, adrift=adrift)

    async def _current(self, thread: Thread, reading: Reading, last: int, scope: str) -> Thread:
        """This thread as it is now, and what the request says of it laid beside that."""
        if reading.chains[last] not in thread.by_chain:
            await self._threads.others()
        # Word for word what another process has answered is no other form of what is known here.
        thread = await self._threads.current(thread, scope)
        self._laid(thread, reading, last)
        news = await self._threads.traced(thread, reading.chains[last], reading.lines[last].content)
        if news:
            thread = await self._threads.fresh(thread, news, scope)
            self._laid(thread, reading, last)
        return thread

    def _laid(self, thread: Thread, reading: Reading, last: int) -> None:
        if reading.chains[last] not in thread.by_chain and not concerns(thread, reading, self._threads.tombs):
            echoes.named(thread, reading)

    def _just_seen(self, thread: Thread, reading: Reading) -> Thread | None:
        """The conversation in which the beginning of a history that begins another has just gone up: what it costs goes on from there."""
        before = self._threads.held(reading.thread) if reading.reused else None
        if before is None or before is thread or before.root != thread.root:
            return None
        thread.resume(before)
        return before

    def _going_on(self, exchange: Exchange, thread: Thread) -> Thread:
        """A conversation of its own that goes on where this one ends."""
        tip = thread.path[-1].id if thread.path else 0
        return self._threads.fork(
            thread, tip, exchange.wire.name if exchange.wire else "", exchange.prompt.model if exchange.prompt else ""
        )

    async def _named(self, exchange: Exchange, claims: Sequence[identity.Claim], marked: str) -> Thread | None:
        """The thread that the client names, or our marker. `claims` are scoped."""
        principal, scope = exchange.principal, exchange.scope
        thread: Thread | None = None
        for claim in claims:
            thread = await self._claimed(principal, claim, scope)
            if thread is None and claim.key.startswith(ANSWERS) and await _over(self._before(exchange.id)):
                thread = await self._claimed(principal, claim, scope)
            if thread is not None:
                break
        for named in filter(None, (marked, exchange.named)):
            if thread is None:
                thread = await self._threads.by_id(principal, named, scope)
        return thread

    async def _claimed(self, principal: str, claim: identity.Claim, scope: str) -> Thread | None:
        if claim.conversation:
            self._arrivals.named(claim.conversation)
        elif claim.key.startswith(ANSWERS):
            self._arrivals.drain()
        thread = await self._threads.by_alias(principal, claim.key, scope)
        if thread is None and claim.conversation:
            thread = await self._threads.by_id(principal, claim.conversation, scope)
        return thread

    async def _said(self, exchange: Exchange, reading: Reading, claimed: bool, opening: Sequence[Message]) -> Thread | None:
        """By what was said. A request with an identity that is new never joins another's conversation: at most it forks from it. One that
        keeps a conversation's beginning, and has a summary of the rest, goes on with it."""
        principal, scope = exchange.principal, exchange.scope
        if reading.reworded or (claimed and reading.sent):
            thread = (
                None
                if claimed or carries(principal, reading, self._threads.tombs)
                else await echoes.gone_on(self._threads, principal, reading)
            )
            if thread is not None:
                return thread
            reading.as_sent()
        last = _last_assistant(reading)
        again = self._threads.asking(reading.digest)
        if again is not None and (again.conversation.principal != principal or claimed or exchange.local):
            again = None
        if last < 0:
            # One that is being answered is somebody else's.
            unanswered = again is not None and not again.busy and (not again.path or not again.path[-1].complete)
            return again if unanswered else None
        base = reading.chains[last]
        found = self._threads.held_through(principal, base)
        if not claimed:
            thread = self._threads.held_at_tip(principal, base)
            if thread is None and self._arrivals.lately():
                thread = self._threads.held_at_tip(principal, base)
            if thread is None and found is None:
                echo = None if carries(principal, reading, self._threads.tombs) else echoes.held(self._threads, principal, reading)
                thread = echo.thread if echo is not None else await self._threads.at_tip(principal, base, scope)
            if thread is not None:
                return thread
            if again is not None and await self._same(exchange, again, reading, base):
                return again
        return await self._through(exchange, reading, base, found, () if claimed or not _summarised(reading) else opening, claimed)

    async def _same(self, exchange: Exchange, again: Thread, reading: Reading, base: bytes) -> bool:
        """Whether a request that says what one in this thread has said is that one, made again: with nothing stored of it, or with the same
        history from the beginning; not by another agent, and not where others say the same."""
        known = again.by_chain.get(base, 0)
        if (again.path and not known) or (not again.path and again.busy):
            return False
        if excerpts.contradicts(again.conversation, excerpts.system_of(exchange.prompt, exchange.wire)):
            return False
        return await excerpts.own(self._threads, again, reading.lines, known)

    async def _through(
        self,
        exchange: Exchange,
        reading: Reading,
        base: bytes,
        found: tuple[Thread, int] | None,
        opening: Sequence[Message],
        claimed: bool,
    ) -> Thread | None:
        """The thread of a history that is no thread's end: one of its own that goes on from the middle of another, or the one of which it
        is a part."""
        principal, scope = exchange.principal, exchange.scope
        if found is None:
            found = await self._asked_before(principal, scope, reading, base) or await self._threads.through(principal, base, scope)
        if found is None and self._threads.tombs:
            found = await rest.goes_on(self._threads, principal, scope, reading)
            if found is not None and not claimed and rest.at_end(*found):
                return found[0]
        if found is not None and found[1]:
            return await self._from(exchange, *found, opening)
        # What a history still has of what was forgotten is known by its own hashes alone (memory/identity/graves.py). Who has an identity
        # of its own shares what it has said itself, word for word, and nothing else.
        echo = (
            None
            if claimed or carries(principal, reading, self._threads.tombs)
            else await echoes.stored(self._threads, principal, scope, reading, lambda: excerpts.system_of(exchange.prompt, exchange.wire))
        )
        if echo is not None and echo.turn is not None:
            if echo.at_end and (echo.whole or not echo.thread.busy):
                return echo.thread
            return await self._from(exchange, echo.thread, echo.turn.id, ())
        return None if claimed else await self._part(exchange, reading, lambda: excerpts.system_of(exchange.prompt, exchange.wire))

    async def _asked_before(self, principal: str, scope: str, reading: Reading, base: bytes) -> tuple[Thread, int] | None:
        """The thread in which all that a request says was said before, and the turn of its last answer (`base`): of several conversations
        that share that turn, the one that has the question after it, and what was recalled at it."""
        if reading.chains[-1] == base:
            return None
        same = await self._threads.through(principal, reading.chains[-1], scope)
        turn = same[0].by_chain.get(base, 0) if same is not None else 0
        return (same[0], turn) if same is not None and turn else None

    async def _from(self, exchange: Exchange, thread: Thread, turn: int, opening: Sequence[Message]) -> Thread:
        """What goes on from this turn of a thread: the thread itself, where its client has put a summary of it in place of what came after
        (`opening`: where to look for that), else a conversation of its own."""
        if opening and await self._continuity.continued(exchange, opening, True) is thread:
            return thread
        return self._threads.fork(
            thread, turn, exchange.wire.name if exchange.wire else "", exchange.prompt.model if exchange.prompt else ""
        )

    async def _part(self, exchange: Exchange, reading: Reading, system: Callable[[], bytes]) -> Thread | None:
        """The thread of which this history is a part, whether its end was forgotten or not. One of its own, where another request is under
        way on another branch of that."""
        principal, scope = exchange.principal, exchange.scope
        found = await excerpts.whole(self._threads, principal, scope, reading.lines, system)
        if found is None and not carries(principal, reading, self._threads.tombs):
            found = await echoes.cut(self._threads, principal, scope, reading, system)
        if found is None:
            if not self._threads.tombs:
                return None
            return await rest.abridged(self._threads, principal, scope, reading, system)
        thread, deepest = found.thread, found.stand.deepest
        aside = not any(turn.id == deepest.id for turn in thread.path[deepest.position : deepest.position + 1])
        if thread.busy and aside:
            prompt, wire = exchange.prompt, exchange.wire
            return self._threads.fork(thread, deepest.id, wire.name if wire else "", prompt.model if prompt else "")
        return thread


async def _over(tasks: Sequence[asyncio.Future[Any]]) -> bool:
    """Wait for these, some seconds at most. Whether there are any."""
    if tasks:
        await asyncio.wait(tasks, timeout=_BEFORE_S)
    return bool(tasks)


def _scoped(claim: identity.Claim, scope: str) -> identity.Claim:
    """The same name in another project is another conversation's. What a provider calls its replies is the same everywhere."""
    if not scope or claim.key.startswith(ANSWERS):
        return claim
    return replace(claim, key=identity.within(claim.key, scope))


def _conversation(exchange: Exchange, claims: Sequence[identity.Claim], prompt: Prompt) -> str:
    """What requests of one conversation have in common: its strongest name, or its first message, the system's apart."""
    if claims:
        return f"{exchange.principal} {exchange.scope} {claims[0].key}"
    leading = (item for item in prompt.items[:_LEADING] if b'"system"' not in bytes(item[:64]) and b'"developer"' not in bytes(item[:64]))
    first = next(leading, b"")
    return f"{exchange.principal} {exchange.scope} {xxh3_128_hexdigest(first)}"


def _last_assistant(reading: Reading) -> int:
    for index in range(len(reading.lines) - 1, -1, -1):
        line = reading.lines[index]
        if line.role == "assistant" and line.kind != "none":
            return index
    return -1


def _goes_on(claims: Sequence[identity.Claim], last: int) -> bool:
    """Whether there was an answer in the conversation that the client names: another process may have given it."""
    return last >= 0 or any(claim.conversation or claim.key.startswith(ANSWERS) for claim in claims)


def _summarised(reading: Reading) -> bool:
    """Whether its client has put a summary near the beginning."""
    return any(line.note == "summary" for line in reading.lines[:_LEADING])


def _summaries(exchange: Exchange, reading: Reading) -> list[Message]:
    """The messages in which its client has put them."""
    wire, prompt = exchange.wire, exchange.prompt
    if wire is None or prompt is None:
        return []
    places = [place for place, line in enumerate(reading.lines[:_LEADING]) if line.note == "summary"]
    return [wire.message(prompt.items[place], (*prompt.items_at, place)) for place in places]


def _opening(wire: Wire, prompt: Prompt) -> list[Message]:
    """The first and the last message: what tells a side request. The last alone where the first was looked at before."""
    items = prompt.items
    count = len(items)
    known = isinstance(items, Elements) and items.before is not None and items.before.ordinary
    places = (0, count - 1) if count > 1 and not known else range(count - 1, count) if count else ()
    return [wire.message(items[place], (*prompt.items_at, place)) for place in places]


def hinted(body: bytes, items: Sequence[bytes | memoryview]) -> bool:
    """Whether there may be a marker anywhere. Of a beginning seen before it is known."""
    if not isinstance(items, Elements) or items.layout is None:
        return marker.HINT in body
    before = items.before
    if before is not None and before.clean:
        found = body.find(marker.HINT, 0, items.start) >= 0 or body.find(marker.HINT, items.fresh) >= 0
    else:
        found = marker.HINT in body
    items.layout.clean = not found
    return found


def known_names(exchange: Exchange, wire: Wire, prompt: Prompt) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What an exchange says of its conversation: names, as they are stored, and ids of conversations. Raises DocumentError."""
    if exchange.document is None:
        return (), ()
    claims = [_scoped(claim, exchange.scope) for claim in identity.claims(exchange.head, prompt, exchange.document)]
    ids = [*(claim.conversation for claim in claims), strikes(exchange, wire, prompt)[1], exchange.named]
    return tuple(claim.key for claim in claims), tuple(filter(None, ids))


def _since(edits: Sequence[tuple[str, marker.Strike]], prompt: Prompt) -> int:
    """How many messages there are from the last with a marker on."""
    depth = len(prompt.items_at)
    return len(prompt.items) - max(int(edit.at[depth]) for _, edit in edits)


def strikes(exchange: Exchange, wire: Wire, prompt: Prompt) -> tuple[list[tuple[str, marker.Strike]], str]:
    """Edits that take every marker out, and the conversation that the last one names ("" = there is none)."""
    if not hinted(exchange.body, prompt.items):
        return [], ""
    edits: list[tuple[str, marker.Strike]] = []
    named = ""
    for index, item in enumerate(prompt.items):
        if marker.HINT not in bytes(item):
            continue
        message = wire.message(item, (*prompt.items_at, index))
        edits.extend(("identify", strike) for strike in marker.strikes(message))
        if message.role == "assistant":
            for part in message.parts:
                if isinstance(part, Text):
                    named = marker.find(part.text) or named
    return edits, named
