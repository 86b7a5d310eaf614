"""Where a history is folded: the boundary between the turns that the digest stands for and those that go up word for word. It moves when
a request has no room, or when the move pays; while a digest is being made for nobody, it stays.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from msgspec import Struct

from backstory.core.exchange import Exchange
from backstory.core.records import Batch, Digest
from backstory.core.tokens import estimate
from backstory.memory.economy.steps import Move
from backstory.memory.folding import assembly, compaction
from backstory.memory.folding.compaction import Window
from backstory.memory.folding.outline import Outline, outline
from backstory.memory.folding.standin import stand_in, unsaid
from backstory.memory.identity.settled import Fold
from backstory.memory.identity.thread import Thread, place_of
from backstory.memory.identity.wordings import taking
from backstory.stages.economy import Economy
from backstory.stages.measuring import Draft, shared
from backstory.stages.shelf import Shelf
from backstory.stages.unbind import binds
from backstory.stages.visit import Visit, wants_answer

# So many tokens may stay besides the protected exchanges, to see where those begin.
_ONLY_PROTECTED = 1


class Plan(Struct, frozen=True):
    """`outline`: what goes up of the client's messages, with what was injected before. `total`: tokens."""

    folded: Fold | None
    digest: Digest | None
    outline: Outline
    total: int


class Boundary:
    """Decides where it stands for a request, and moves it. `budget`: tokens of one recalled block, which keep their room. `patience_s`: so
    long a request that must be folded waits for its digest. `told` takes the rows of a fold at once: it is to be known
    wherever a request goes that got no answer here."""

    def __init__(
        self,
        shelf: Shelf,
        economy: Economy,
        window: Window,
        budget: int,
        patience_s: float,
        clock: Callable[[], float],
        new_id: Callable[[], int],
        told: Callable[[Batch], None],
    ) -> None:
        self._shelf = shelf
        self._economy = economy
        self._window = window
        self._budget = budget
        self._patience_s = patience_s
        self._clock = clock
        self._new_id = new_id
        self._told = told

    def standing(self, visit: Visit, draft: Draft) -> Plan:
        """What goes up as things stand, before anything is recalled."""
        boundary = visit.thread.folded(visit.upto)
        return self._plan(visit, draft, visit.thread.digest_at(boundary), boundary)

    async def moved(self, exchange: Exchange, visit: Visit, draft: Draft) -> Plan | None:
        """What goes up before anything is recalled, the boundary where it belongs from now on; None: the request goes up as it came."""
        thread, limit = visit.thread, self._economy.limit(exchange, visit)
        version, was = thread.version, thread.account.pure
        plan = self.standing(visit, draft)
        if plan.total > limit and self._as_before(visit):
            plan = self.standing(visit, draft)
        over = plan.total > limit or self._crowds(exchange, visit, draft, plan)
        if plan.folded is not None and self._undone(exchange, visit, draft, plan.total):
            return None
        resumed = was and not thread.account.pure
        if over or resumed or self._economy.early(exchange, visit, None, plan.total):
            moved = await self._refold(exchange, visit, draft, draft.total if resumed and not over else plan.total, over)
            if moved is None and over and plan.total > self._window.size and thread.version == version:
                moved = self._stand_in(visit, draft)
            if moved is not None and thread.version == version:
                return self._plan(visit, draft, moved, thread.folded(visit.upto))
            if resumed and draft.complete and draft.total <= self._window.hard_tokens:
                thread.account.pure, visit.undone = True, False
                return None
        return None if draft.complete and self.bursts(exchange, visit, draft.total, plan.total) else plan

    def _as_before(self, visit: Visit) -> bool:
        """Fold a conversation of its own where the one was folded that it begins as, with the same digest: the same turns, from the first
        on, stand in front of it, and its provider has just had it so. Whether it is."""
        thread, before = visit.thread, visit.before
        digest = before.digest if before is not None and not thread.digests else None
        if before is None or digest is None or not digest.text or thread.hidden or before.hidden:
            return False
        own = thread.by_id.get(thread.by_chain.get(digest.upto_chain, 0))
        place = place_of(thread.path, own) + 1
        if not 0 < place <= visit.upto or assembly.fold(thread, visit.reading, place) is None:
            return False
        visit.resumed = self._folded(visit, place, digest.text, digest.tokens) is not None
        return visit.resumed

    def bursts(self, exchange: Exchange, visit: Visit, bare: int, total: int) -> bool:
        """Whether what memory adds to a whole history makes it too large for its window, while the next fold is not ready: it goes up as
        it came until then."""
        if total <= max(bare, self._window.size, self._economy.most(exchange, visit)):
            return False
        visit.undone = True
        return True

    def awaited(self, thread: Thread, upto: int) -> bool:
        """Whether a digest is being made that no request waits for, and there is no other: then nothing can be folded yet."""
        if not self._shelf.digesting(thread) or self._shelf.soon(thread, upto):
            return False
        return not any(place > thread.folded(upto) for place in self._shelf.ready(thread, upto))

    def _crowds(self, exchange: Exchange, visit: Visit, draft: Draft, plan: Plan) -> bool:
        """Whether older exchanges take the room of what is recalled, in a window that recall may fill, when something is asked."""
        window = self._window
        if not window.recalls or draft.total <= self._economy.most(exchange, visit):
            return False
        return plan.total - draft.fixed - draft.new > window.protected_tokens + window.digest_tokens and wants_answer(visit)

    def _undone(self, exchange: Exchange, visit: Visit, draft: Draft, total: int) -> bool:
        """Whether what is folded goes up as the client has it, from now on: rewriting was stopped, there is room, and it is cheaper; and
        whether it still does once rewriting is tried again, until a new fold may pay."""
        account, economy = visit.thread.account, self._economy
        was, room = account.pure, draft.complete and draft.total <= economy.most(exchange, visit) and not binds(exchange)
        if economy.stopped(account):
            account.pure = room and economy.undo(exchange, visit, Move(total, draft.total, draft.fixed))
        elif was:
            account.pure = room and not economy.early(exchange, visit, None, draft.total)
        visit.undone = account.pure != was
        return account.pure

    def _plan(self, visit: Visit, draft: Draft, digest: Digest | None, boundary: int) -> Plan:
        """What goes up before anything is recalled."""
        found = outline(visit.thread, visit.reading, boundary if digest is not None else 0)
        folded = found.folded
        if folded is None and draft.complete:
            return Plan(None, digest, found, draft.total + found.blocks)
        total = draft.fixed + draft.new + found.blocks + found.tokens
        total -= sum([saved for item, saved in visit.saved.items() if folded is None or not folded.dropped(item)])
        for beside in (visit.buried, visit.reading.more, visit.reading.extra):
            total += sum([tokens for item, tokens in beside.items() if folded is None or not folded.dropped(item)])
        if folded is not None and digest is not None:
            total += digest.tokens
        return Plan(folded, digest, found, total)

    async def _refold(self, exchange: Exchange, visit: Visit, draft: Draft, size: int, over: bool) -> Digest | None:
        """Move the boundary: to where a digest is ready, if that makes room enough; else a digest is made. `size`: of the request as things
        stand; `over`: it has no room, and the move has to be made; else it must pay."""
        thread = visit.thread
        if self.awaited(thread, visit.upto):
            return None
        at = self._cut(visit, draft)
        if at <= thread.folded(visit.upto):
            return None
        if not (self._worth(visit, draft, at, size) if over else self._pays(exchange, visit, draft, at, size)):
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
        thread, window = visit.thread, self._window
        path, floor = thread.path[: visit.upto], thread.folded(visit.upto)
        reserve = draft.fixed + draft.new + min(self._budget, window.size)
        remain = assembly.staying(visit.reading)
        reserve += sum([tokens for item, tokens in visit.buried.items() if item in remain])
        saved, kept = taking(thread, visit.reading), self._economy.kept(thread.account)
        at = compaction.cut(path, floor, window, reserve, thread.injections, saved, kept)
        if at <= floor or not self._makes_room(visit, draft, at):
            step = compaction.boundary(path, floor, window, reserve, thread.injections, True, saved, kept)
            at = step if step > floor and self._makes_room(visit, draft, step) else at
        return at

    def _folded(self, visit: Visit, place: int, text: str, tokens: int) -> Digest | None:
        """The digest of the first `place` turns, from now on; None where the request is on its way already. One that says nothing says
        which turns these are."""
        if visit.late or visit.gone:
            return None
        thread, upto = visit.thread, visit.thread.path[place - 1]
        if not text:
            text = unsaid(thread, place)
            tokens = estimate(text)
        digest = Digest(self._new_id(), thread.conversation.id, upto.id, upto.chain, text, tokens, self._clock())
        thread.fold((digest,))
        self._told(Batch(digests=(digest,)))
        visit.digest, visit.resumed = digest, False
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
        thread, tokens, clock = visit.thread, self._window.digest_tokens, time.monotonic
        version, until = thread.version, clock() + self._patience_s
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
        move = Move(size, after.total + self._window.digest_tokens, shared(exchange, visit, draft.fixed))
        return after.folded is not None and self._economy.early(exchange, visit, move, size)

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
        thread, window = visit.thread, self._window
        path, saved = thread.path[: visit.upto], taking(thread, visit.reading)
        held = [turn.tokens - saved.get(turn.id, 0) for turn in path[wanted:]]
        if 2 * sum(held[: place - wanted]) > sum(held):
            return True
        return place > compaction.boundary(path, thread.folded(visit.upto), window, 0, thread.injections, False, saved, _ONLY_PROTECTED)

    def _makes_room(self, visit: Visit, draft: Draft, at: int) -> bool:
        """Whether a fold there brings the request under the hard threshold."""
        window = self._window
        if not 0 < at < len(visit.thread.path) + 1:
            return False
        plan = self._plan(visit, draft, _placeholder(visit.thread, at), at)
        return plan.folded is not None and plan.total + window.digest_tokens <= window.hard_tokens

    def _worth(self, visit: Visit, draft: Draft, at: int, size: int) -> bool:
        """Whether a fold there leaves less than a request of `size` tokens, which what was injected before may have made too large."""
        window = self._window
        if draft.total > window.hard_tokens:
            return True
        plan = self._plan(visit, draft, _placeholder(visit.thread, at), at)
        return plan.total + window.digest_tokens + self._budget < size


def _placeholder(thread: Thread, at: int) -> Digest:
    """A digest that takes no room, to see what a fold would come to."""
    last = thread.path[at - 1]
    return Digest(0, thread.conversation.id, last.id, last.chain, "", 0, 0.0)
