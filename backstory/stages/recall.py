"""Stage 4: what memory adds and takes away: the digest in place of folded history, every earlier injection where it was, and what is
recalled now. With nothing missing from the payload and room in the window it adds no edit at all.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

from msgspec import Struct
from msgspec.structs import replace

from backstory.core.edits import AppendText, Edit
from backstory.core.exchange import Exchange, Note
from backstory.core.message import Text
from backstory.core.records import Digest, Injection, Turn
from backstory.core.sizes import CHARS_PER_TOKEN
from backstory.memory import assembly, compaction
from backstory.memory.asking import asks
from backstory.memory.compaction import Window
from backstory.memory.economy import Move
from backstory.memory.outline import Outline, outline
from backstory.memory.question import looked_at
from backstory.memory.retention import NEUTRAL, Rules, Standing
from backstory.memory.retrieval import Recalled, block
from backstory.memory.settled import Fold
from backstory.memory.standin import stand_in
from backstory.memory.thread import Thread
from backstory.stages.base import Stage
from backstory.stages.continuity import Continuity
from backstory.stages.economy import Economy
from backstory.stages.holding import Holding
from backstory.stages.shelf import Shelf
from backstory.stages.trace import search
from backstory.stages.unbind import binds
from backstory.stages.visit import Visit, Visits, new_tokens

# What a client's own summary leaves out takes at most so many tokens, and half of what may be recalled.
_MOST_KEPT = 600
_NOTHING = Recalled(())
# Of a request's patience, so much goes into an index that is being made: the store is searched in the rest.
_FOR_AN_INDEX = 1 / 3
# So many tokens may stay besides the protected exchanges, to see where those begin.
_ONLY_PROTECTED = 1
# The parts of a request that are neither messages nor memory (framing of messages, reply's start) in tokens.
_FRAMING = 8


class Settings(Struct, frozen=True):
    """`threshold`: below so many messages nothing is touched. `budget`: tokens of one recalled block. `min_score`: units below this share
    of the best score are left out. `rules`: how much old and unimportant turns count. `patience_s`: so long a request over the hard
    threshold waits for its digest; then it goes up as requests before it."""

    window: Window
    threshold: int
    budget: int
    min_score: float
    rules: Rules = NEUTRAL
    patience_s: float = 0.15


class Recall(Stage):
    """Assembles what goes upstream."""

    name = "recall"

    def __init__(
        self,
        visits: Visits,
        shelf: Shelf,
        settings: Settings,
        count: Callable[[str], int],
        clock: Callable[[], float],
        new_id: Callable[[], int],
        continuity: Continuity,
        economy: Economy,
        holding: Holding,
    ) -> None:
        self._visits = visits
        self._shelf = shelf
        self._settings = settings
        self._count = count
        self._clock = clock
        self._new_id = new_id
        self._continuity = continuity
        self._economy = economy
        self._holding = holding

    async def request(self, exchange: Exchange) -> Exchange:
        visit = self._visits.get(exchange.id)
        if visit is None or not visit.ready or exchange.prompt is None:
            return exchange
        draft = self.measure(exchange, visit)
        visit.tokens_in = draft.total + sum(visit.saved.values())
        visit.tokens_sent = draft.total
        visit.fixed, visit.fresh, visit.complete, visit.asked = draft.fixed, new_tokens(visit, draft.new), draft.complete, self._clock()
        thread, fits = visit.thread, draft.total <= self._economy.limit(visit)
        thread.carried = draft.total
        if not thread.conversation.memory:
            return exchange
        short = visit.upto + len(visit.turns) < self._settings.threshold
        if short and self._continuity.summary(visit) < 0:
            return self._repeat(exchange, visit)
        if draft.complete and fits and thread.account.pure and self._economy.stopped(thread.account):
            return exchange
        if draft.complete and not thread.folded(visit.upto) and fits and not self._economy.early(exchange, visit, None, draft.total):
            return self._repeat(exchange, visit)
        return await self._assemble(exchange, visit, draft)

    def settled(self, thread: Thread, more: int) -> bool:
        """Whether a request that goes on from the thread's last one, which was complete and went up as it came, with at most `more` tokens
        gets no edit either."""
        if thread.states or thread.stubs or thread.injections or thread.boundary:
            return False
        return thread.carried + more <= self._settings.window.soft_tokens or self._awaited(thread, len(thread.path))

    def measure(self, exchange: Exchange, visit: Visit) -> Draft:
        """Tokens of the request as the client sent it, less what stubs save, and whether it carries the whole branch. Costs what is new
        when it does."""
        prompt, reading, thread = exchange.prompt, visit.reading, visit.thread
        fixed = _FRAMING + int(reading.aside / CHARS_PER_TOKEN)
        led = bool(reading.lines) and reading.lines[0].role == "system"
        if prompt is not None and not led:
            fixed += sum(self._count(part.text) for part in prompt.system if isinstance(part, Text))
        new = sum(turn.tokens for turn in visit.turns)
        places = reading.places
        complete = len(places) - places.count(-1) + len(reading.also) >= visit.upto
        if complete and visit.upto == len(thread.path):
            known = thread.tokens
        else:
            known = sum(thread.path[place].tokens for place in places if place >= 0)
        if visit.saved:
            known -= sum(visit.saved.values())
        if visit.buried:
            known += sum(visit.buried.values())
        return Draft(fixed, new, fixed + known + new, complete)

    def outgoing(self, exchange: Exchange, visit: Visit) -> int:
        """Tokens of what would go up as things stand: with the digest in place of what is folded, and with what was injected before."""
        draft, boundary = self.measure(exchange, visit), visit.thread.folded(visit.upto)
        if draft.complete and not boundary and draft.total <= self._settings.window.hard_tokens:
            return draft.total
        return self._plan(visit, draft, visit.thread.digest_at(boundary), boundary).total

    def _repeat(self, exchange: Exchange, visit: Visit) -> Exchange:
        """Nothing is folded or missing: only what was injected before goes with it again."""
        if not visit.thread.injections:
            return exchange
        found = outline(visit.thread, visit.reading, 0)
        if self._bursts(visit, visit.tokens_sent, visit.tokens_sent + found.blocks):
            return exchange
        edits, total = _unanswered(visit, found.edits, visit.tokens_sent + found.blocks)
        edits, visit.tokens_sent = self._again(visit, edits, total)
        return _with(exchange, edits)

    async def _assemble(self, exchange: Exchange, visit: Visit, draft: Draft) -> Exchange:
        thread = visit.thread
        version = thread.version
        plan = await self._moved(exchange, visit, draft)
        if plan is None:
            return exchange
        if plan.folded is None and draft.complete:
            return self._repeat(exchange, visit)
        edits, total = plan.outline.edits, plan.total
        if plan.folded is not None:
            edits = [*assembly.fold_edits(plan.folded, plan.digest), *edits]
            visit.folded = thread.folded(visit.upto)
            if thread.compacted:
                visit.digest, thread.compacted = plan.digest, False
        found = plan.outline
        elsewhere = found.injected | thread.hidden if thread.hidden else found.injected
        held = self._holding.look(exchange, visit, total) if thread.view is not None and plan.folded is None else None
        if held is not None:
            visit.held, elsewhere = held[0], elsewhere | held[0].turns
            edits, total = [held[1], *edits], total + held[0].tokens
        absent = assembly.Absent(thread, visit.upto, visit.reading, found.rest, elsewhere, found.settled)
        lacks = visit.absent = absent.count - (len(visit.held.turns) if visit.held is not None else 0)
        edits, total = _unanswered(visit, edits, total)
        edits, before = self._again(visit, edits, total)
        if before == total and lacks > 0 and not (draft.complete and self._economy.stopped(thread.account)):
            edits, total = await self._recall(exchange, visit, absent, edits, total)
        else:
            total = before
        if thread.version != version:
            self._forget(visit)
            return replace(exchange, notes=(*exchange.notes, Note(self.name, "the conversation took another branch meanwhile")))
        visit.tokens_sent = total
        return _with(exchange, edits)

    async def _moved(self, exchange: Exchange, visit: Visit, draft: Draft) -> _Plan | None:
        """What goes up before anything is recalled, the boundary where it belongs from now on; None: the request goes up as it came."""
        thread, limit = visit.thread, self._economy.limit(visit)
        version, was = thread.version, thread.account.pure
        boundary = thread.folded(visit.upto)
        plan = self._plan(visit, draft, thread.digest_at(boundary), boundary)
        over = plan.total > limit or self._crowds(visit, draft, plan)
        if plan.folded is not None and self._undone(exchange, visit, draft, plan.total):
            return None
        resumed = was and not thread.account.pure
        if over or resumed or self._economy.early(exchange, visit, None, plan.total):
            moved = await self._refold(exchange, visit, draft, draft.total if resumed and not over else plan.total, over)
            if moved is None and over and plan.total > self._settings.window.size and thread.version == version:
                moved = self._stand_in(visit, draft)
            if moved is not None and thread.version == version:
                return self._plan(visit, draft, moved, thread.folded(visit.upto))
            if resumed and draft.complete and draft.total <= self._settings.window.hard_tokens:
                thread.account.pure, visit.undone = True, False
                return None
        return None if draft.complete and self._bursts(visit, draft.total, plan.total) else plan

    def _crowds(self, visit: Visit, draft: Draft, plan: _Plan) -> bool:
        """Whether older exchanges take the room of what is recalled, in a window that recall may fill, when something is asked."""
        window, (_, turn) = self._settings.window, asked(visit)
        if not window.recalls or draft.total <= window.hard_tokens or turn is None:
            return False
        return plan.total - draft.fixed - draft.new > window.protected_tokens + window.digest_tokens and asks(looked_at(turn.text)[1])

    def _bursts(self, visit: Visit, bare: int, total: int) -> bool:
        """Whether what memory adds to a whole history makes it too large for its window, while the next fold is not ready: it goes up as
        it came until then."""
        if total <= max(bare, self._settings.window.size):
            return False
        visit.undone = True
        return True

    def _undone(self, exchange: Exchange, visit: Visit, draft: Draft, total: int) -> bool:
        """Whether what is folded goes up as the client has it, from now on: rewriting was stopped, there is room, and it is cheaper; and
        whether it still does once rewriting is tried again, until a new fold may pay."""
        account, economy = visit.thread.account, self._economy
        was, room = account.pure, draft.complete and draft.total <= self._settings.window.hard_tokens and not binds(exchange)
        if economy.stopped(account):
            account.pure = room and economy.undo(exchange, visit, Move(total, draft.total, draft.fixed))
        elif was:
            account.pure = room and not economy.early(exchange, visit, None, draft.total)
        visit.undone = account.pure != was
        return account.pure

    def _plan(self, visit: Visit, draft: Draft, digest: Digest | None, boundary: int) -> _Plan:
        """What goes up before anything is recalled."""
        found = outline(visit.thread, visit.reading, boundary if digest is not None else 0)
        folded = found.folded
        if folded is None and draft.complete:
            return _Plan(None, digest, found, draft.total + found.blocks)
        total = draft.fixed + draft.new + found.blocks + found.tokens
        total -= sum([saved for item, saved in visit.saved.items() if folded is None or not folded.dropped(item)])
        total += sum([tokens for item, tokens in visit.buried.items() if folded is None or not folded.dropped(item)])
        if folded is not None and digest is not None:
            total += digest.tokens
        return _Plan(folded, digest, found, total)

    async def _refold(self, exchange: Exchange, visit: Visit, draft: Draft, size: int, over: bool) -> Digest | None:
        """Move the boundary: to where a digest is ready, if that makes room enough; else a digest is made. `size`: of the request as things
        stand; `over`: it has no room, and the move has to be made; else it must pay."""
        thread = visit.thread
        if self._awaited(thread, visit.upto):
            return None
        floor, at = thread.folded(visit.upto), self._cut(visit, draft)
        worth = self._worth(visit, draft, at, size) if over else self._pays(exchange, visit, draft, at, size)
        if not at or at <= floor or not worth:
            return None
        place = self._ready(visit, draft, at)
        if not place:
            if assembly.fold(thread, visit.reading, at) is None:
                return None
            place = await self._digested(visit, draft, at, over)
        if not place or (not over and not self._pays(exchange, visit, draft, place, size)):
            return None
        return self._folded(visit, place, *thread.family.digests[thread.path[place - 1].id])

    def _cut(self, visit: Visit, draft: Draft) -> int:
        """Where the boundary belongs when it moves; no further than it is where it cannot."""
        thread, window = visit.thread, self._settings.window
        path, floor = thread.path[: visit.upto], thread.folded(visit.upto)
        reserve = draft.fixed + draft.new + min(self._settings.budget, window.size)
        saved, kept = thread.saved(), self._economy.kept(thread.account)
        at = compaction.cut(path, floor, window, reserve, thread.injections, saved, kept)
        if at <= floor or not self._makes_room(visit, draft, at):
            step = compaction.boundary(path, floor, window, reserve, thread.injections, True, saved, kept)
            at = step if step > floor and self._makes_room(visit, draft, step) else at
        return at

    def _folded(self, visit: Visit, place: int, text: str, tokens: int) -> Digest | None:
        """The digest of the first `place` turns, from now on; None where the request is on its way already."""
        if visit.late or visit.gone:
            return None
        thread, upto = visit.thread, visit.thread.path[place - 1]
        digest = Digest(self._new_id(), thread.conversation.id, upto.id, upto.chain, text, tokens, self._clock())
        thread.fold((digest,))
        visit.digest = digest
        return digest

    def _stand_in(self, visit: Visit, draft: Draft) -> Digest | None:
        """A fold with what there is, where the conversation was folded before: its history has no room. None where it cannot be."""
        thread = visit.thread
        at = self._cut(visit, draft) if thread.digests else 0
        if at <= thread.folded(visit.upto) or assembly.fold(thread, visit.reading, at) is None:
            return None
        return self._folded(visit, at, *stand_in(thread, at))

    async def _digested(self, visit: Visit, draft: Draft, at: int, over: bool) -> int:
        """The boundary that is ready once a digest has been made for this one, 0 where none is in time. One for fewer turns may be under
        way: then the right one is made after it."""
        thread, tokens, clock = visit.thread, self._settings.window.digest_tokens, time.monotonic
        version, until = thread.version, clock() + self._settings.patience_s
        if over or not self._shelf.soon(thread, at):
            self._shelf.begin_digest(thread, at, tokens, over)
        while self._shelf.soon(thread, at) and (left_s := until - clock()) > 0:
            await self._shelf.make_digest(thread, at, tokens, left_s)
            if thread.version != version:
                return 0
            place = self._ready(visit, draft, at)
            if place or thread.path[at - 1].id in thread.family.digests:
                return place
        return 0

    def _pays(self, exchange: Exchange, visit: Visit, draft: Draft, at: int, size: int) -> bool:
        """Whether a fold there is worth its price."""
        after = self._plan(visit, draft, _placeholder(visit.thread, at), at)
        move = Move(size, after.total + self._settings.window.digest_tokens, self._economy.shared(exchange, visit, draft.fixed))
        return after.folded is not None and self._economy.early(exchange, visit, move, size)

    def _awaited(self, thread: Thread, upto: int) -> bool:
        """Whether a digest is being made that no request waits for, and there is no other: then nothing can be folded yet."""
        if not self._shelf.digesting(thread) or self._shelf.soon(thread, upto):
            return False
        return not any(place > thread.folded(upto) for place in self._shelf.ready(thread, upto))

    def _ready(self, visit: Visit, draft: Draft, wanted: int) -> int:
        """The furthest boundary for which a digest is made and that makes room enough, 0 where there is none. One that was made for another
        branch, which went further, may leave too little of this one."""
        thread, floor = visit.thread, visit.thread.folded(visit.upto)
        for place in sorted(self._shelf.ready(thread, visit.upto), reverse=True):
            if place <= floor:
                break
            if self._leaves_little(visit, draft, wanted, place):
                continue
            if self._makes_room(visit, draft, place):
                return place
            if place >= wanted and assembly.fold(thread, visit.reading, place) is not None:
                return place
        return 0

    def _leaves_little(self, visit: Visit, draft: Draft, wanted: int, place: int) -> bool:
        """Whether a fold there takes protected exchanges, or more than half of what one where it belongs would leave."""
        if place <= wanted:
            return False
        thread, window = visit.thread, self._settings.window
        path, saved = thread.path[: visit.upto], thread.saved()
        held = [turn.tokens - saved.get(turn.id, 0) for turn in path[wanted:]]
        if 2 * sum(held[: place - wanted]) > sum(held):
            return True
        return place > compaction.boundary(path, thread.folded(visit.upto), window, 0, thread.injections, False, saved, _ONLY_PROTECTED)

    def _makes_room(self, visit: Visit, draft: Draft, at: int) -> bool:
        """Whether a fold there brings the request under the hard threshold."""
        window = self._settings.window
        if not 0 < at < len(visit.thread.path) + 1:
            return False
        plan = self._plan(visit, draft, _placeholder(visit.thread, at), at)
        return plan.folded is not None and plan.total + window.digest_tokens <= window.hard_tokens

    def _worth(self, visit: Visit, draft: Draft, at: int, size: int) -> bool:
        """Whether a fold there leaves less than a request of `size` tokens, which what was injected before may have made too large."""
        window = self._settings.window
        if draft.total > window.hard_tokens:
            return True
        plan = self._plan(visit, draft, _placeholder(visit.thread, at), at)
        return plan.total + window.digest_tokens + self._settings.budget < size

    async def _recall(
        self, exchange: Exchange, visit: Visit, absent: assembly.Absent, edits: list[Edit], total: int
    ) -> tuple[list[Edit], int]:
        """The edits with what is recalled for the human message that ends the request; where work goes on after the client's own summary,
        what the summary leaves out stands at the summary."""
        item, turn = asked(visit)
        thread, budget, window = visit.thread, self._settings.budget, self._settings.window
        left = window.size - total
        # Just below the next fold a question still gets its best lines: of what is kept free for the answer, a quarter at most.
        room = left if budget >= window.hard_tokens else max(window.hard_tokens - total, min(budget, left // 4))
        room = min(self._economy.recallable(exchange, visit, budget, total), room)
        summary = self._continuity.summary(visit)
        if visit.gone or (turn is None and not _holds(visit, summary)):
            return edits, total
        kept = await self._continuity.kept(exchange, visit, absent, min(room // 2, _MOST_KEPT), summary)
        found = await self._answering(visit, turn, absent, room - kept.tokens) if turn is not None else _NOTHING
        if not (found.items or kept.text):
            return edits, total
        if visit.late:
            if turn is not None:
                self._continuity.again(visit, summary)
            return edits, total
        visit.reasons, visit.found = list(kept.reasons), found
        text = "\n".join(part for part in (kept.text, block(found)) if part)
        turns = tuple(dict.fromkeys([reason.turn for reason in kept.reasons] + [item.turn for item in found.items]))
        at = turn.chain if turn is not None else assembly.summary_chain(thread, visit.reading.lines[summary])
        # In a request it weighs what a message of its length does: the two are added up.
        injection = Injection(thread.conversation.id, at, text, turns, self._count(text), self._clock())
        visit.injection = injection
        visit.recalled = len(found.items)
        thread.inject((injection,))
        return [*edits, AppendText(item if turn is not None else summary, text)], total + injection.tokens

    async def _answering(self, visit: Visit, turn: Turn, absent: assembly.Absent, room: int) -> Recalled:
        """What answers to this message."""
        standing = self._standing(visit.thread, turn.at)
        told, patience_s = self._settings, self._settings.patience_s * _FOR_AN_INDEX
        found = await self._shelf.recall(visit.thread, visit.upto, turn, absent, room, told.min_score, standing, False, patience_s)
        visit.search, visit.left = search(found, room, visit.capped), list(found.left)
        return found

    def _standing(self, thread: Thread, now: float) -> Standing | None:
        """None where every turn counts alike."""
        rules = self._settings.rules
        if rules == NEUTRAL and not thread.pins:
            return None
        uses: Counter[int] = Counter()
        if not rules.neutral:
            for injection in thread.injections.values():
                uses.update(injection.turns)
        return Standing(rules, thread.pins, uses, now)

    def _again(self, visit: Visit, edits: list[Edit], total: int) -> tuple[list[Edit], int]:
        """The same message asked again (a retry): what was injected then is injected now."""
        if not visit.thread.injections:
            return edits, total
        item, turn = asked(visit)
        known = visit.thread.injections.get(turn.chain) if turn is not None else None
        if known is None:
            return edits, total
        visit.injection = known
        return [*edits, AppendText(item, known.text)], total + known.tokens

    def _forget(self, visit: Visit) -> None:
        """Nothing was injected after all."""
        if visit.injection is not None and (visit.reasons or visit.found is not None):
            visit.thread.withdraw(visit.injection.chain)
        visit.injection = visit.held = None
        visit.reasons, visit.found = [], None
        visit.recalled = visit.folded = 0


class Draft(Struct, frozen=True):
    """`fixed`: tokens of what is no turn. `new`: of the new turns. `complete`: the payload carries every turn of the branch."""

    fixed: int
    new: int
    total: int
    complete: bool


class _Plan(Struct, frozen=True):
    """`outline`: what goes up of the client's messages, with what was injected before. `total`: tokens."""

    folded: Fold | None
    digest: Digest | None
    outline: Outline
    total: int


def _placeholder(thread: Thread, at: int) -> Digest:
    """A digest that takes no room, to see what a fold would come to."""
    last = thread.path[at - 1]
    return Digest(0, thread.conversation.id, last.id, last.chain, "", 0, 0.0)


def _unanswered(visit: Visit, edits: list[Edit], total: int) -> tuple[list[Edit], int]:
    """Messages before the newest that went up before and have no turn yet, for they got no answer: what was injected at them then is
    injected now."""
    injections, reading, turns = visit.thread.injections, visit.reading, visit.turns
    if not injections or len(turns) < 2:
        return edits, total
    edits, last, item = [*edits], asked(visit)[0], len(reading.lines)
    for turn in reversed(turns):
        item = next((at for at in range(item - 1, -1, -1) if reading.places[at] < 0 and reading.lines[at].content == turn.content), -1)
        known = injections.get(turn.chain)
        if known is not None and 0 <= item != last and turn.role != "assistant":
            edits.append(AppendText(item, known.text))
            total += known.tokens
    return edits, total


def asked(visit: Visit) -> tuple[int, Turn | None]:
    """The new human message that ends the request, and its item; None where something else was said last (a tool loop is under way)."""
    lines = visit.reading.lines
    for item in range(len(lines) - 1, -1, -1):
        line = lines[item]
        if line.kind == "none":
            continue
        if line.kind != "spoken" or line.role != "user" or visit.reading.places[item] >= 0:
            return item, None
        return item, next((turn for turn in reversed(visit.turns) if turn.content == line.content), None)
    return -1, None


def _holds(visit: Visit, summary: int) -> bool:
    """Whether a block can stand at this item: a message in which the client gives its summary in words of its own."""
    line = visit.reading.lines[summary] if summary >= 0 else None
    return line is not None and line.note == "summary" and line.role == "user"


def _with(exchange: Exchange, edits: list[Edit]) -> Exchange:
    if not edits:
        return exchange
    return replace(exchange, edits=(*exchange.edits, *(("recall", edit) for edit in edits)))
