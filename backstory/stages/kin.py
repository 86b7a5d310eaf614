"""Memory across conversations: where this one belongs, and, at its first message, what others of its kin have to say to it. Once.

Rule: the stage is only there where `memory.scope` is project or principal. It adds no edit of its own: what it finds becomes the injection
of the first message, and the recall stage sends it, then and ever after.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from backstory.commands.forgetting import FORGET, veil
from backstory.core.exchange import Exchange
from backstory.core.message import Text
from backstory.core.records import Conversation, Home, Injection, SessionSummary, Turn
from backstory.core.store import Lanes, Store
from backstory.core.tokens import count, estimate
from backstory.memory.identity import belonging
from backstory.memory.recall import oneself
from backstory.memory.recall.elsewhere import Told, tell
from backstory.memory.recall.question import looked_at
from backstory.memory.recall.retention import Rules, Standing
from backstory.memory.recall.units import index_terms
from backstory.stages.base import Stage
from backstory.stages.links import PROJECT
from backstory.stages.recall import uses
from backstory.stages.shelf import Shelf
from backstory.stages.trace import search
from backstory.stages.visit import Visit, Visits

_LEADING = 3
# Conversations that are looked through, the last updated first, and those whose last sessions' summaries are read.
_MOST_KIN, _MOST_SUMMED = 500, 40
_CANDIDATES = 80
# Turns of so many characters are ranked on the event loop; more on another thread.
_INLINE_CHARS = 40_000


class Scope(Struct, frozen=True):
    """`everywhere`: all conversations of the principal, not only those of the project. `project`, `opt_out`: the settings of that name.
    `budget`: tokens of the block at most. `most_bytes`: a larger request is told nothing, for there may be no room."""

    everywhere: bool
    project: str
    opt_out: str
    budget: int
    most_bytes: int
    min_score: float
    rules: Rules


class _Candidates(Struct, frozen=True):
    turns: Sequence[Turn]
    summaries: Sequence[SessionSummary]
    others: dict[str, Conversation]
    frequencies: dict[str, int]
    pins: frozenset[int] = frozenset()
    uses: Mapping[int, int] = {}


class Kin(Stage):
    """Finds a home for each conversation, and tells new ones of others."""

    name = "kin"

    def __init__(self, visits: Visits, lanes: Lanes, shelf: Shelf, scope: Scope, clock: Callable[[], float]) -> None:
        self._visits = visits
        self._lanes = lanes
        self._shelf = shelf
        self._scope = scope
        self._clock = clock

    async def request(self, exchange: Exchange) -> Exchange:
        visit = self._visits.get(exchange.id)
        if visit is None or not visit.ready or exchange.prompt is None or exchange.wire is None:
            return exchange
        home = await self._home(exchange, visit)
        asked = _first(visit)
        thread = visit.thread
        if asked is None or visit.gone or not thread.conversation.memory or asked.chain in thread.injections:
            return exchange
        scope = self._scope
        if not (scope.everywhere or home.project) or not belonging.tellable(home):
            return exchange
        if belonging.opted_out(exchange.principal, scope.opt_out) or len(exchange.body) > scope.most_bytes:
            return exchange
        if any(name in exchange.head.named for name in belonging.AGENTS):
            return exchange
        told = await self._told(exchange.principal, home, asked)
        if visit.late:
            return exchange
        visit.search, visit.left = search(told.found, scope.budget), list(told.found.left)
        if told.text:
            visit.reasons = list(told.reasons)
            visit.recalled = len(told.reasons)
            turns = tuple(dict.fromkeys(reason.turn for reason in told.reasons))
            thread.inject((Injection(thread.conversation.id, asked.chain, told.text, turns, told.tokens, self._clock()),))
        return exchange

    async def _home(self, exchange: Exchange, visit: Visit) -> Home:
        """Where the conversation belongs; what has changed of that is stored with the answer. Costs what is new once it is known."""
        thread, prompt, wire, reading = visit.thread, exchange.prompt, exchange.wire, visit.reading
        known, name = thread.home, thread.conversation.id
        rooms = {line.room for line in reading.lines[reading.reused if known is not None else 0 :] if line.room}
        chosen = thread.states.get(PROJECT, "")
        if known is not None and rooms <= {known.audience} and chosen in ("", known.project):
            return known
        if known is None and thread.path:
            known = await self._lanes.read(lambda store: store.home(name))
        texts: list[str] = []
        if prompt is not None and wire is not None:
            system = [part.text for part in prompt.system if isinstance(part, Text)]
            leading = range(min(_LEADING, len(prompt.items)))
            texts = belonging.texts_of(system, [wire.message(prompt.items[at], (*prompt.items_at, at)).text for at in leading])
        header = exchange.head.header(b"x-vc-project")
        told = Home(name, chosen or belonging.project(header, self._scope.project, texts), belonging.audience(rooms, texts))
        home = belonging.settled(known, told, [turn.channel for turn in thread.path] if known is None else ())
        visit.home = thread.home = replace(home, project=chosen or home.project)
        return visit.home

    async def _told(self, principal: str, home: Home, asked: Turn) -> Told:
        scope = self._scope
        aspects = oneself.asked(asked.text)
        terms = list(dict.fromkeys((*index_terms(looked_at(asked.text)[0]), *oneself.terms(aspects))))
        found = await self._lanes.read(lambda store: _candidates(store, principal, home, scope, terms, bool(aspects)))
        standing = Standing(scope.rules, found.pins, found.uses, asked.at, elsewhere=True)
        self._shelf.warm_up()
        counter = count if self._shelf.warm else estimate

        def run() -> Told:
            return tell(
                asked,
                found.turns,
                found.summaries,
                found.others,
                found.frequencies,
                budget_tokens=scope.budget,
                min_score=scope.min_score,
                standing=standing,
                count=counter,
            )

        if sum(len(turn.text) for turn in found.turns) <= _INLINE_CHARS:
            return run()
        return await asyncio.get_running_loop().run_in_executor(None, run)


def _first(visit: Visit) -> Turn | None:
    """The human message with which the conversation begins, None where it is no beginning."""
    turns = visit.turns
    if visit.upto or visit.thread.path or visit.continued or visit.buried or any(turn.role == "assistant" for turn in turns):
        return None
    last = turns[-1] if turns else None
    return last if last is not None and last.role == "user" and last.kind == "spoken" else None


def _candidates(store: Store, principal: str, home: Home, scope: Scope, terms: Sequence[str], personal: bool = False) -> _Candidates:
    """Turns of the conversation's kin that have words of the question, those that the summaries of the last sessions quote, and where it is
    `personal` those in which people tell of themselves, less those about to be forgotten; and what they are worth where that counts.
    Blocks."""
    kin = store.kin(principal, home, scope.everywhere, _MOST_KIN)
    others = {one.id: one for one in kin}
    if not others:
        return _Candidates((), (), {}, {})
    wanted = {hit.turn for hit in store.search(principal, list(others), terms, _CANDIDATES)} if terms else set()
    summaries = store.session_summaries([one.id for one in kin[:_MOST_SUMMED]])
    for summary in summaries[:_MOST_SUMMED]:
        wanted.update(summary.turns)
    if personal:
        wanted.update(_personal(store, kin[:_MOST_SUMMED]))
    turns = [turn for turn in store.turns_by_id(wanted) if turn.conversation in others and turn.kind == "spoken"]
    if waiting := veil(store.stated(FORGET, principal)):
        answered = store.answers(waiting)
        turns = [turn for turn in turns if turn.id not in waiting and turn.id not in answered]
    frequencies = store.frequencies(terms) if terms else {}
    if scope.rules.neutral:
        return _Candidates(turns, summaries, others, frequencies)
    owners = sorted({turn.conversation for turn in turns})
    pins = frozenset(turn for owner in owners for turn in store.pins(owner))
    return _Candidates(turns, summaries, others, frequencies, pins, uses(it for owner in owners for it in store.injections(owner)))


def _personal(store: Store, kin: Sequence[Conversation]) -> list[int]:
    """The newest turns with facts of whoever spoke."""
    told = {fact.turn for one in kin for fact in store.facts(one.id) if fact.role == "user" and fact.kind in ("identity", "relation")}
    return sorted(told, reverse=True)[:_CANDIDATES]
