"""Stage 4: the paging tools. Offered where a digest stands for folded turns; executed here, over the stored turns of the conversation.

What a call gives in an answer that ends with a call of the client's goes up with the client's next request, at the tool's result, and stays
there like every other injection.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from functools import cached_property
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from backstory.core.edits import AddTools, AppendText, Edit
from backstory.core.exchange import Exchange
from backstory.core.legs import Call, Kept, Tool
from backstory.core.records import Injection, Segment, Turn
from backstory.core.sizes import rough
from backstory.core.store import Lanes, Store
from backstory.errors import NotFound, RequestError
from backstory.memory.facts.query import nearest, select, status_meant
from backstory.memory.folding import digest as digests
from backstory.memory.folding.segments import segments, uncovered
from backstory.memory.identity.thread import Thread, next_position
from backstory.memory.identity.wordings import beside, keys
from backstory.memory.recall import dates, paging, topics
from backstory.memory.recall.hits import Row, hits, lacking, shortened
from backstory.memory.recall.paging import Asked, Chosen, row
from backstory.memory.recall.units import Carry, units
from backstory.memory.shrinking import refs
from backstory.memory.shrinking.restoring import located, restored
from backstory.memory.tags.splits import retitled
from backstory.stages.apart import grouped
from backstory.stages.base import Failed, Stage, attempted
from backstory.stages.facts import Facts
from backstory.stages.kept import Lookups
from backstory.stages.shelf import Shelf
from backstory.stages.visit import Visit, Visits

T = TypeVar("T")

# A look-up that is not done by then is given up: the client's stream is waiting.
_MOST_S = 5.0
# The tools take no more than this share of the window.
_TOOLS_SHARE = 0.1
# Of one leg so many calls are executed; a result for which there is less room than this (tokens) is not made.
_MOST_CALLS = 8
_LEAST_RESULT = 100
_OUTLINE_SHARE = 0.12
_LEAST_OUTLINE = 40
# A search looks for so many times as much as is shown.
_WIDER = 3
# What a turn with the very words is worth beside others; of many of them the newest.
_EXACT, _MANY = 10.0, 1_000_000
# Where a span of time has nothing, so many turns of other times are named.
_ELSEWHERE = 3
# Of each turn so many characters are shown at least; of one alone so many for a token of the room.
_LEAST_CHARS, _ALONE = 400, 3
_MOST_ABSENT = 5
_NUMBER = re.compile(r"#(\d+)")
# Beside facts, so many turns that speak of the same are told.
_SPOKEN = 3
# The fence of an outline, and a word about what it leaves out.
_LABEL_TOKENS = 60


class Offering(Struct, frozen=True):
    """`enabled`: "auto" where the client itself sends tools, "on", "off". `budget`: tokens of a result. `window`: tokens."""

    enabled: str
    budget: int
    window: int


class Paging(Stage):
    """Offers the tools; `desk` executes them. `verify`: whether a stored turn's message has the hash that it is stored under.
    `restored`: what a stub's ref names, by principal, conversation, ref and scope; raises NotFound."""

    name = "paging"

    def __init__(
        self,
        visits: Visits,
        shelf: Shelf,
        lanes: Lanes,
        offering: Offering,
        count: Callable[[str], int],
        clock: Callable[[], float],
        failed: Failed,
        verify: Callable[[Turn], bool],
        facts: Facts,
        restored: Callable[[str, str, str, str], Awaitable[str]],
    ) -> None:
        self.visits = visits
        self.shelf = shelf
        self.lanes = lanes
        self.offering = offering
        self.count = count
        self.clock = clock
        self.failed = failed
        self.verify = verify
        self.restored = restored
        self.facts = facts
        self.tools: tuple[Tool, ...] = paging.tools()
        self.tokens = sum(count(f"{tool.name}{tool.description}{tool.schema.decode()}") for tool in self.tools)
        self.lookups = Lookups(lanes, clock)

    async def request(self, exchange: Exchange) -> Exchange:
        visit = self.visits.get(exchange.id)
        prompt, document, wire = exchange.prompt, exchange.document, exchange.wire
        if visit is None or prompt is None or document is None or wire is None:
            return exchange
        if not visit.thread.boundary and not visit.thread.stubs and not (wire.stateful and (self.lookups.anywhere or visit.thread.lookups)):
            return exchange
        kept = await self.lookups.kept(visit, prompt.previous)
        mended = wire.mend(document, prompt, kept)
        if not visit.thread.conversation.memory or (not visit.folded and not visit.thread.stubs) or (not visit.placed and grouped(visit)):
            return _with(exchange, self.name, mended)
        edits = [*mended, *(await self._owed(visit) if not kept else ())]
        if self._welcome(prompt.tools):
            offer = wire.tools(document, prompt, self.tools)
            if offer.names:
                edits.append(AddTools(offer.definitions))
                visit.paging = offer.names
                visit.tokens_sent += self.tokens
        return _with(exchange, self.name, edits)

    def _welcome(self, tools: int) -> bool:
        """Whether the tools may be offered beside so many of the client's: always so, or never, in one conversation of one client."""
        enabled = self.offering.enabled
        if enabled == "off" or (enabled == "auto" and not tools):
            return False
        return self.tokens <= self.offering.window * _TOOLS_SHARE

    async def _owed(self, visit: Visit) -> list[Edit]:
        """What a look-up in the answer before gave, at the result of the client's tool that this request brings."""
        thread, turns, lines = visit.thread, visit.turns, visit.reading.lines
        last = turns[-1] if turns else None
        if last is None or last.kind != "tool" or last.role == "assistant" or visit.injection is not None:
            return []
        known = thread.injections.get(last.chain)
        owed = await self.lookups.owed(visit) if known is None else None
        if owed is not None:
            known = Injection(thread.conversation.id, last.chain, owed.text, owed.turns, self.count(owed.text), self.clock())
            thread.inject((known,))
        item = next((index for index in range(len(lines) - 1, -1, -1) if lines[index].content == last.content), -1)
        if known is None or item < 0:
            return []
        visit.injection = known
        visit.tokens_sent += known.tokens
        return [AppendText(item, known.text)]

    def desk(self, visit: Visit, sent: Callable[[int], None]) -> Desk:
        """Who executes the calls of one exchange. `sent` is told the tokens of each further request that it comes to."""
        return Desk(self, visit, sent)


def _with(exchange: Exchange, name: str, edits: Sequence[Edit]) -> Exchange:
    return replace(exchange, edits=(*exchange.edits, *((name, edit) for edit in edits))) if edits else exchange


class Desk:
    """Executes the calls of one exchange (core.legs.Pager)."""

    def __init__(self, stage: Paging, visit: Visit, sent: Callable[[int], None]) -> None:
        self._stage = stage
        self._visit = visit
        self._sent = sent
        self._tokens = visit.tokens_sent
        self._budget = stage.offering.budget
        self._thread: Thread = visit.thread
        self._told: tuple[int, ...] = ()

    @cached_property
    def _path(self) -> Sequence[Turn]:
        """The turns that the request goes on from, with what is kept beside them; blank where they are being forgotten, or were not said in
        this group. Copied only when a call comes: most answers call nothing."""
        path, hidden = self._thread.path[: self._visit.upto], self._thread.hidden | self._visit.apart
        shown = beside(path, self._thread.wordings, paging.LATER)
        return [replace(turn, text="", calls="") if turn.id in hidden else turn for turn in shown] if hidden else shown

    @cached_property
    def _numbers(self) -> dict[int, int]:
        """Their numbers, by id."""
        return {turn.id: turn.position + 1 for turn in self._path}

    @cached_property
    def _places(self) -> dict[int, int]:
        """Where they are on the path, by id."""
        return {turn.id: place for place, turn in enumerate(self._path)}

    @cached_property
    def _shown_ids(self) -> set[int]:
        """Ids of those that may be found."""
        return set(self._numbers).difference(self._thread.hidden, self._visit.apart)

    async def answer(self, calls: Sequence[Call], left: int) -> Sequence[str]:
        """See Pager."""
        if left < 0 or not self._room(len(calls)):
            results = [paging.NO_MORE] * len(calls)
        else:
            made = [await self._result(call) for call in calls[:_MOST_CALLS]]
            results = paging.noted([*made, *[paging.TOO_MANY] * (len(calls) - len(made))], left)
        self._tokens += sum(self._stage.count(text) for text in results)
        self._sent(self._tokens)
        return results

    async def defer(self, calls: Sequence[Call]) -> Sequence[str]:
        """See Pager."""
        room = self._room(len(calls))
        made = [await self._result(call) if room else paging.NO_MORE for call in calls[:_MOST_CALLS]]
        results = [paging.enclosed(text) for text in (*made, *[paging.TOO_MANY] * (len(calls) - len(made)))]
        text = "\n".join(results)
        self._told = paging.named(text, self._path)
        self._stage.lookups.owe(self._visit, text, self._told)
        return results

    def remember(self, kept: Kept, bare: Kept) -> None:
        """See Pager."""
        self._stage.lookups.keep(self._visit, kept, bare, self._told)

    def _room(self, calls: int) -> bool:
        """Whether the window has room for results of so many calls; how much one may take is settled with it."""
        left = self._stage.offering.window - self._tokens
        self._budget = min(self._stage.offering.budget, left // max(1, min(calls, _MOST_CALLS)))
        return self._budget >= _LEAST_RESULT

    async def _result(self, call: Call) -> str:
        asked = paging.read(call)
        if isinstance(asked, str):
            return asked
        work = asyncio.wait_for(self._execute(asked), _MOST_S)
        return await attempted(self._stage.failed, "paging", work, paging.BROKEN)

    async def _execute(self, asked: Asked) -> str:
        match asked.name:
            case paging.EXPAND.name:
                return await self._expand(asked.get("topic"), asked.get("depth").lower() == "full")
            case paging.QUOTE.name:
                return await self._quote(asked.get("query"))
            case paging.ALL.name:
                return await self._all()
            case paging.FACTS.name:
                return await self._facts(asked)
            case paging.WHEN.name:
                return await self._when(asked.get("query"), asked.get("time_range"))
            case paging.SUMMARIES.name:
                return await self._summaries(asked.get("query"))
            case paging.RESTORE.name:
                return await self._restore(asked.get("ref"))
            case _:
                return await self._session(asked.get("query"))

    async def _expand(self, topic: str, full: bool) -> str:
        speaking = await self._find(topic, Chosen(self._shown_ids))
        found = await self._about(topic, speaking)
        if not found:
            return await self._quote(topic)
        if not full:
            return self._fenced(f'On "{topic}", in short:', self._outlines(found, speaking, topic))
        wanted = {turn.id for one in found for turn in self._between(one.first_turn, one.last_turn)} & self._shown_ids
        worth = {one.number: one.worth + 1.0 for one in speaking}
        rows = [row(turn, worth.get(turn.position + 1, 0.0)) for turn in self._path if turn.id in wanted]
        return await self._shown(f'What was said on "{topic}":', rows, topic)

    def _outlines(self, found: Sequence[Segment], rows: Sequence[Row], words: str) -> list[str]:
        short = shortened(rows, words, _LEAST_CHARS)
        return [topics.outline(one, self._numbers, short) for one in found]

    async def _quote(self, words: str) -> str:
        path = self._path
        exact = {turn.position + 1: row(turn) for turn in await _aside(lambda: paging.quoted(path, words))}
        found = await self._find(words, Chosen(self._shown_ids))
        known = {one.number: one for one in found}
        # Those with the very words come before all others, the newest first.
        rows = [replace(one, worth=_EXACT + known.get(one.number, one).worth + number / _MANY) for number, one in exact.items()]
        rows += [one for one in found if one.number not in exact]
        rows = sorted(rows, key=lambda one: one.number) or await self._nearest(words)
        label = f'Earlier in this conversation, for "{words}"{_without(rows, words)}:'
        return await self._shown(label, rows, words) if rows else f'Nothing was said about "{words}".'

    async def _nearest(self, words: str) -> list[Row]:
        """What comes nearest by its words alone, where recall has nothing to go by."""
        return [row(turn) for turn in await _aside(lambda: paging.nearest(self._path, words))]

    async def _all(self) -> str:
        known = await self._segments()
        label = "The folded part of this conversation, in order:"
        if not known:
            return "Nothing is folded."
        room = self._budget - self._stage.count(label) - _LABEL_TOKENS
        few = self._thread.boundary <= paging.MOST_READ
        said = [[row(turn) for turn in self._between(one.first_turn, one.last_turn) if few and _speaks(turn)] for one in known]
        lines, left = await _aside(lambda: topics.outlined(known, said, self._numbers, room, self._stage.count))
        note = [f"({left} more turns are left out, those that tell least; vc_expand_topic shows all of a topic.)"] if left else []
        return self._fenced(label, [*lines, *note])

    async def _facts(self, asked: Asked) -> str:
        record = self._thread.conversation
        words = (asked.get("subject"), asked.get("verb"), asked.get("object"))
        known = await self._stage.facts.known(record.principal, record.id, self._visit.apart)
        try:
            found = select(known, *words, status_meant(asked.get("status")))
        except RequestError as error:
            return str(error)
        label = "Facts stated in this conversation:"
        lines = paging.fact_lines(found, self._path)
        if not lines:
            label = "No fact is just that. The nearest:"
            lines = paging.fact_lines(nearest(known, words), self._path)
        # Not every sentence that states something is read as a fact.
        more = [] if asked.get("status").strip() else await self._spoken(" ".join(filter(None, words)), lines)
        if not lines and not more:
            return "No such fact was stated."
        if not lines:
            return self._fenced("No such fact was stated. Turns with words of it:", more)
        return self._fenced(label, [*lines, *(["Other turns that speak of it:", *more] if more else [])])

    async def _spoken(self, words: str, lines: Sequence[str]) -> list[str]:
        """The best turns that speak of this and that these lines do not tell of, as what is said or what is corrected."""
        rows = await self._find(words, Chosen(self._shown_ids)) if words.strip() else []
        told = {int(number) for text in lines for number in _NUMBER.findall(text)}
        fresh = [one for one in rows if one.number not in told]
        return [
            f"{paging.told(one)} ({dates.day_name(one.at) or 'no date'})"
            for one in shortened(paging.best(fresh, _SPOKEN), words, _LEAST_CHARS)
        ]

    async def _when(self, query: str, span: str) -> str:
        now = self._stage.clock()
        named = paging.periods(span or query, now, self._path)
        inside = [turn for turn in self._path if any(period.start <= turn.at < period.end for period in named)]
        if span and not named:
            return f'"{span}" is no span of time that can be read; try "last 7 days" or "2024-05-01..2024-05-31".'
        if span and not inside:
            return f'Nothing of this conversation was said in "{span}".'
        ids = {turn.id for turn in inside} & self._shown_ids
        rows = await self._find(query, Chosen(ids)) if query.strip() and ids else []
        if rows:
            return await self._shown(f'Said {span or "then"} on "{query}"{_without(rows, query)}:', rows, query)
        if inside and not paging.topical(query):
            said = [row(turn, paging.weight(turn)) for turn in inside if _speaks(turn)]
            return (
                await self._shown(f"Said {span or 'then'}:", said)
                if said
                else f'Nothing of this conversation was said in "{span or query}".'
            )
        return await self._ever(query, span)

    async def _ever(self, query: str, span: str) -> str:
        """What was said on this at any time, where the span has nothing of it, or none is given: a day that the query itself names may be
        that of which was spoken."""
        rows = await self._find(query, Chosen(self._shown_ids)) if query.strip() else []
        if span:
            if not rows:
                return f'Nothing was said about "{query}", neither in "{span}" nor at another time.'
            label = f'Nothing was said about "{query}" in "{span}". At other times:'
            return await self._shown(label, paging.best(rows, _ELSEWHERE), query)
        rows = rows or await self._nearest(query)
        return await self._shown(f'On "{query}"{_without(rows, query)}:', rows, query) if rows else f'Nothing was said about "{query}".'

    async def _summaries(self, query: str) -> str:
        rows = await self._find(query, Chosen(self._shown_ids))
        found = await self._about(query, rows)
        if not found:
            return f'No summary speaks of "{query}". vc_find_quote searches every word.'
        return self._fenced(f'Summaries on "{query}", the likeliest first:', self._outlines(found, rows, query))

    async def _restore(self, named: str) -> str:
        ref, start = located(named)
        turn = paging.referred(self._path, ref)
        if turn is None:
            return await self._stub(ref, start)
        stored = await self._stage.lanes.read(lambda store: store.turns_by_id([turn.id], raw=True))
        if not stored or not self._stage.verify(stored[0]):
            return "That output is not stored as it was, so it is not shown."
        return self._whole(ref, turn, paging.output(turn, ref, stored[0].text), start)

    async def _stub(self, ref: str, start: int) -> str:
        record = self._thread.conversation
        try:
            text = await self._stage.restored(record.principal, record.id, ref, self._visit.scope)
        except NotFound:
            return f'There is no tool output "{ref}" in this conversation.'
        if refs.parsed(ref).media:
            return f"That is an image, which a tool's result cannot show. The user gets it back with: backstory restore {ref}"
        return self._whole(ref, self._thread.by_id[refs.parsed(ref).turn], text, start)

    def _whole(self, ref: str, turn: Turn, text: str, start: int) -> str:
        window = self._stage.offering.window
        budget = max(self._budget, min(window // 8, window - self._tokens))
        return restored(ref, turn.position + 1, text, start, budget, self._stage.count)

    async def _session(self, query: str) -> str:
        found = await self._find(query, Chosen(self._shown_ids)) or await self._nearest(query)
        direct = [one for one in found if one.direct]
        path = self._path
        told: list[tuple[float, str]] = []
        for number, (first, last) in enumerate(paging.sittings(path), 1):
            inside = [one for one in direct if path[first].position < one.number <= path[last].position + 1]
            if inside:
                worth = max(one.worth for one in inside)
                told.append((-worth, paging.sitting(number, path[first : last + 1], inside, query)))
        lines = [text for _, text in sorted(told, key=lambda one: one[0])]
        label = f'Talked about "{query}"{_without(direct, query)} in, the likeliest first:'
        return self._fenced(label, lines) if lines else f'Nothing was said about "{query}".'

    async def _find(self, words: str, chosen: Chosen) -> list[Row]:
        """What of these turns speaks of this, each turn once, in order."""
        now, shelf = self._stage.clock(), self._stage.shelf
        place = next_position(self._path, len(self._path))
        question = Turn(0, self._thread.conversation.id, 0, place, b"", b"", "user", "spoken", words, at=now, arrived=now)
        # More than is shown: what has no room is counted, and what only fills the room makes way for what answers.
        chosen.take(keys(self._thread))
        found = await shelf.recall(self._thread, len(self._path), question, chosen, self._budget * _WIDER, 0.0, search=True)
        return await _aside(lambda: hits(found, words))

    async def _about(self, words: str, rows: Sequence[Row]) -> Sequence[Segment]:
        """The segments on this topic, the best first. `rows`: the turns that speak of it."""
        known, direct = await self._segments(), [one for one in rows if one.direct]
        return await _aside(lambda: topics.about(known, words, direct, self._numbers))

    async def _segments(self) -> Sequence[Segment]:
        """The segments of the folded turns: as they are stored; what is not cut yet is cut now, all of it where some is not shown."""
        owners = dict.fromkeys(turn.conversation for turn in self._path[: self._thread.boundary])
        stored: list[Segment] = []
        for owner in owners if not (self._thread.hidden or self._visit.apart) else ():
            stored += await self._stage.lanes.read(lambda store, name=owner: _titled(store, name))  # type: ignore[misc]
        made = [one for one in stored if one.first_turn in self._numbers and one.last_turn in self._numbers]
        runs = uncovered(self._path[: self._thread.boundary], made)
        if not runs:
            return made
        more = await _aside(lambda: [one for run in runs for one in _cut(run)])
        return sorted([*made, *more], key=lambda one: self._places[one.first_turn])

    def _between(self, first: int, last: int) -> Sequence[Turn]:
        return self._path[self._places[first] : self._places[last] + 1]

    async def _shown(self, label: str, rows: Sequence[Row], asked: str = "") -> str:
        """Rows in the fence. `asked`: of a long turn the part is shown that has these words."""
        most = max(_LEAST_CHARS, self._budget * (_ALONE if len(rows) == 1 else 1))
        budget, count = self._budget, self._stage.count
        return await _aside(lambda: paging.shown(label, shortened(rows, asked, most) if asked else rows, budget, count))

    def _fenced(self, label: str, lines: Sequence[str]) -> str:
        return paging.fenced(label, lines, self._budget, self._stage.count)


def _speaks(turn: Turn) -> bool:
    return turn.kind == "spoken" and bool(turn.text)


def _without(rows: Sequence[Row], words: str) -> str:
    """A word about those that none of these turns has."""
    absent = lacking(rows, words)[:_MOST_ABSENT]
    return f" (none of these has {', '.join(absent)})" if absent else ""


def _titled(store: Store, conversation: str) -> list[Segment]:
    """A conversation's segments under the topics that its turns have now."""
    found = store.segments(conversation)
    return retitled(found, {row.turn: row.tags for row in store.tags(conversation)}) if found else found


def _cut(turns: Sequence[Turn]) -> list[Segment]:
    """Segments of turns of which none are stored yet."""
    made: list[Segment] = []
    by_id = {turn.id: place for place, turn in enumerate(turns)}
    for run in segments(units(turns, turns[0].position + 1, Carry()), {}):
        part = turns[by_id[run.first_turn] : by_id[run.last_turn] + 1]
        text = digests.digest(part, max(_LEAST_OUTLINE, int(run.tokens * _OUTLINE_SHARE)), rough)
        made.append(Segment(run.first_turn, part[0].conversation, run.first_turn, run.last_turn, run.tags, text, 0, run.started, run.ended))
    return made


async def _aside(call: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(None, call)
