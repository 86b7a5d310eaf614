"""Beside the recall stage: keeps what went up for a conversation whose client cuts its history, and says what of it stays in front.

Rule: it is kept in memory only, and only while the client cuts; whatever does not fit together (another branch, something forgotten, other
instructions, other tools, a restart) lets it go, and the request goes up as it came. A provider that does not take it gets the request
without, and nothing is held in that conversation any more; one that fails is asked as the client asks it, and has one more chance.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Sequence
from weakref import ref

from msgspec.structs import replace

from backstory.core.document import Document
from backstory.core.edits import AddMessages, AddTools
from backstory.core.exchange import Exchange, Note, Outcome
from backstory.core.message import Prompt
from backstory.core.records import Turn
from backstory.core.tariff import Tariff
from backstory.core.wire import Wire
from backstory.errors import DocumentError
from backstory.memory.economy import holding
from backstory.memory.economy.holding import Held, Sizes
from backstory.memory.folding.view import View
from backstory.memory.identity.thread import Thread
from backstory.stages.base import Stage
from backstory.stages.economy import Economy
from backstory.stages.measuring import moved
from backstory.stages.unbind import Unbind
from backstory.stages.visit import Visit, Visits, unmark

_MARK, _INPUT = b'"cache_control"', b'"input"'
_TOO_MANY = 429
# What these ask for goes with what is let go.
_FOR_OURS = frozenset({Unbind.name, "marks"})
# A payload of more bytes is not kept; nor are more of all conversations.
_MOST_BYTES, _MOST_IN_ALL = 4 << 20, 64 << 20
# Marks of what is to be cached belong to the request that they came with. In a text the quotes would be escaped.
_MARKS = (
    (re.compile(rb',\s*"cache_control"\s*:\s*(?:\{[^{}]*\}|null)'), b""),
    (re.compile(rb'(?<=\{)\s*"cache_control"\s*:\s*(?:\{[^{}]*\}|null)\s*,\s*'), b""),
)


class Holding(Stage):
    """One for an engine. Its `request` adds no edit: the recall stage asks for what is held."""

    name = "holding"

    def __init__(self, visits: Visits, economy: Economy, hard_tokens: int) -> None:
        self._visits = visits
        self._economy = economy
        self._hard = hard_tokens
        self._kept: OrderedDict[str, tuple[ref[Thread], int]] = OrderedDict()
        self._bytes = 0

    async def request(self, exchange: Exchange) -> Exchange:
        visit = self._visits.get(exchange.id)
        if visit is not None:
            visit.rewritten = visit.thread.rewritten
        return exchange

    def look(self, exchange: Exchange, visit: Visit, total: int) -> tuple[Held, AddMessages] | None:
        """What stays in front of a request of `total` tokens, None for nothing. Costs a look at the last payload where something may."""
        found, view = self._found(exchange, visit, total), visit.thread.view
        if found is None and view is not None and view.first != view.turns[0]:
            # What was reasoned behind what is let go stands behind something else now.
            visit.thread.loosened = visit.asked
        return found

    def _found(self, exchange: Exchange, visit: Visit, total: int) -> tuple[Held, AddMessages] | None:
        thread, view, prompt, wire = visit.thread, visit.thread.view, exchange.prompt, exchange.wire
        if view is None or prompt is None or wire is None or not self._economy.holds or prompt.previous or _refused(thread):
            return None
        account, tariff = thread.account, self._economy.tariff(exchange, visit)
        if exchange.head.path != view.path or self._economy.bare(prompt.model) or not holding.may(account, tariff, visit.asked):
            return None
        before = Document(view.body)
        try:
            same = _same(wire.read(before, view.path), prompt)
        except DocumentError:
            return None  # half a letter in it: what is read of it is not what went up
        if not same or _tools(wire, before) != _tools(wire, exchange.document):
            return None
        held = holding.cut_off(thread, visit.reading, view)
        if held is None:
            return None
        sizes = Sizes(total, visit.fixed, visit.fresh, self._hard)
        held = holding.worth(account, tariff, held, view, sizes)
        if held is None:
            return None
        items = _items(wire, view)
        if any(_MARK in bytes(item) and _INPUT in bytes(item) for item in items[held.start : held.stop]):
            return None  # what is marked, and what a call was given, might look alike
        if _plain(wire, items[: held.start]) != _plain(wire, prompt.items[: held.before]):
            return None
        return held, AddMessages(held.before, _plain(wire, items[held.start : held.stop]))

    def stays(self, exchange: Exchange, visit: Visit, tariff: Tariff) -> bool:
        """Whether what goes up now will stand in front of the next request, whatever its client cuts. `tariff`: of this one."""
        thread, view, prompt = visit.thread, visit.thread.view, exchange.prompt
        if visit.held is not None:
            return visit.held.coming >= 1
        if (
            view is None
            or prompt is None
            or visit.folded
            or not self._economy.holds
            or _refused(thread)
            or self._economy.bare(prompt.model)
        ):
            return False
        sizes = Sizes(visit.tokens_sent, visit.fixed, visit.fresh, self._hard)
        return holding.promises(thread.account, tariff, view, sizes, moved(visit, True)[0])

    def finished(self, exchange: Exchange, outcome: Outcome) -> None:
        visit = self._visits.get(exchange.id)
        if visit is None or not visit.ready or not self._economy.holds:
            return
        thread = visit.thread
        model = exchange.prompt.model if exchange.prompt is not None else ""
        if visit.refused:
            self._keep(thread, None)
            if "held" in visit.refused and outcome.reply is not None:
                self._economy.refused(model)
            return
        if visit.held is not None and outcome.status >= 400 and not visit.late:
            # Its provider may take less than is believed: what the client sends goes up as it came, at the very least once more.
            self._keep(thread, None)
            thread.account.refused = holding.failures(thread.account.refused, outcome.status)
            if outcome.status == _TOO_MANY:
                self._economy.refused(model)
            return
        if visit.held is not None and outcome.reply is not None:
            thread.account.refused = 0
        if (
            visit.complete
            or visit.late
            or visit.gone
            or _refused(thread)
            or thread.rewritten != visit.rewritten
            or thread.version != visit.reading.version
        ):
            self._keep(thread, None)
        elif outcome.reply is not None and outcome.reply.parts:
            tariff = self._economy.tariff(exchange, visit)
            caches = tariff.caches or self._economy.lent(exchange, visit) is not None
            made = self._view(exchange, visit) if tariff.known and caches and not tariff.partly else None
            self._keep(thread, None if made is None else holding.seen(thread.view, made))

    def _keep(self, thread: Thread, view: View | None) -> None:
        """This went up last. The payloads of conversations that were heard of longest ago make room for it."""
        name = thread.conversation.id
        before = self._kept.pop(name, None)
        self._bytes -= 0 if before is None else before[1]
        thread.view = view
        if view is None:
            return
        self._kept[name] = ref(thread), len(view.body)
        self._bytes += len(view.body)
        while self._bytes > _MOST_IN_ALL:
            _, (kept, size) = self._kept.popitem(last=False)
            self._bytes -= size
            other = kept()
            if other is not None:
                other.view = None

    def _view(self, exchange: Exchange, visit: Visit) -> View | None:
        """The payload of this exchange, as far as it is known what each of its items is."""
        thread, reading, held, wire = visit.thread, visit.reading, visit.held, exchange.wire
        lead, body = holding.first_known(reading), visit.went or exchange.body
        turns = holding.own_turns(thread, reading, [turn.id for turn in visit.turns])
        if lead < 0 or not turns or visit.folded or reading.also or reading.buried or wire is None or len(body) > _MOST_BYTES:
            return None
        new = {turn.id: turn for turn in visit.turns}
        tokens = [self._tokens(visit, turn, new.get(turn)) for turn in turns[lead:]]
        rooms, turns = [line.room if holding.spoken(line) else None for line in reading.lines[lead:]], turns[lead:]
        before, stop = thread.view, held.stop - held.start if held is not None else 0
        if before is not None and stop:
            turns, tokens, rooms = [*before.turns[:stop], *turns], [*before.tokens[:stop], *tokens], [*before.rooms[:stop], *rooms]
        made = View(body, exchange.head.path, lead, tuple(turns), tuple(tokens), thread.rewritten, turns[stop], rooms=tuple(rooms))
        return made if len(_items(wire, made)) == made.lead + len(made.turns) else None

    @staticmethod
    def _tokens(visit: Visit, turn_id: int, new: Turn | None) -> int:
        turn = new if new is not None else visit.thread.by_id.get(turn_id)
        if turn is None:
            return 0
        injection = visit.thread.going(turn.chain)
        return turn.tokens + (injection.tokens if injection is not None else 0)


def let_go(exchange: Exchange, visit: Visit, tools: int) -> Exchange:
    """The exchange without what is held in front of it, which its provider has refused, without a mark of ours, and without tools of ours,
    which take so many tokens: nothing of it is to be refused for our sake. What was reasoned behind it goes, too, where its provider would
    refuse that."""
    thread, held, notes = visit.thread, visit.held, []
    if held is not None:
        visit.tokens_sent -= held.tokens
        visit.absent += len(held.turns)
        thread.loosened = visit.asked
        thread.account.refused = holding.REFUSED
        notes.append(Note("holding", "refused with what its client had cut off in front of it; asked once more without"))
    if visit.lent:
        notes.append(Note("marks", "refused with a mark for the provider's cache; asked once more without"))
    if visit.paging:
        visit.tokens_sent -= tools
    visit.refused = (*(("held",) if held is not None else ()), *(("mark",) if visit.lent else ()))
    visit.held, visit.paging, thread.view = None, frozenset(), None
    unmark(visit)
    edits = tuple(
        [(stage, edit) for stage, edit in exchange.edits if stage not in _FOR_OURS and not isinstance(edit, AddMessages | AddTools)]
    )
    kept = [note for note in exchange.notes if note.stage != "marks"]
    return Unbind.unbind(replace(exchange, edits=edits, notes=(*kept, *notes)), visit)


def _refused(thread: Thread) -> bool:
    """Whether nothing is held in it any more."""
    return thread.account.refused >= holding.REFUSED


def _tools(wire: Wire, document: Document | None) -> tuple[bytes, ...]:
    """The tools of a request as they stand in it, without marks."""
    tools = document.member("tools") if document is not None else None
    return _plain(wire, [tools]) if tools is not None else ()


def _same(before: Prompt, now: Prompt) -> bool:
    """Whether two requests differ in their messages alone, as far as the cache and the provider's rules are concerned."""
    return (before.model, before.tools, before.system) == (now.model, now.tools, now.system)


def _items(wire: Wire, view: View) -> Sequence[bytes | memoryview]:
    return wire.read(Document(view.body), view.path).items


def _plain(wire: Wire, items: Sequence[bytes | memoryview]) -> tuple[bytes, ...]:
    """Items without marks of what is to be cached."""
    found = [bytes(item) for item in items]
    if wire.name == "anthropic":
        for pattern, nothing in _MARKS:
            found = [pattern.sub(nothing, item) if b'"cache_control"' in item else item for item in found]
    return tuple(found)
