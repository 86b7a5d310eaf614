"""Stage 4: what memory adds and takes away: the digest in place of folded history, every earlier injection where it was, and what is
recalled now. With nothing missing from the payload and room in the window it adds no edit at all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence, Set

from msgspec import Struct
from msgspec.structs import replace

from backstory.core.edits import AppendText, Edit
from backstory.core.exchange import Exchange, Note
from backstory.core.records import Digest, Injection, Turn
from backstory.memory.economy.account import Account
from backstory.memory.economy.ceiling import CLOSE, MANY
from backstory.memory.economy.leaving import behind, leaving
from backstory.memory.folding import assembly
from backstory.memory.folding.compaction import Window
from backstory.memory.folding.outline import Outline, outline
from backstory.memory.identity import wordings
from backstory.memory.identity.settled import Fold
from backstory.memory.identity.thread import Thread, place_of
from backstory.memory.recall.foremost import foremost
from backstory.memory.recall.retention import NEUTRAL, Rules, Standing
from backstory.memory.recall.retrieval import A_LINE, Recalled, block
from backstory.stages.apart import Apart, heard
from backstory.stages.base import Stage
from backstory.stages.boundary import Boundary
from backstory.stages.continuity import Continuity
from backstory.stages.economy import Economy
from backstory.stages.holding import Holding
from backstory.stages.measuring import Draft, drafted, note
from backstory.stages.shelf import Shelf
from backstory.stages.trace import search
from backstory.stages.visit import Visit, Visits, asked, asked_before, wants_answer

# What a client's own summary leaves out takes at most so many tokens, and half of what may be recalled.
_MOST_KEPT = 600
_NOTHING = Recalled(())
# By how much the tokens of a pinned turn that comes back may be more than estimated.
_ROUGHLY = 1.25
# Of so many questions of a conversation it is known behind which digest they went up.
_SOUGHT = 16
# Of a request's patience, so much goes into an index that is being made: the store is searched in the rest.
_FOR_AN_INDEX = 1 / 3


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
        continuity: Continuity,
        economy: Economy,
        boundary: Boundary,
        holding: Holding,
        apart: Apart,
    ) -> None:
        self._visits = visits
        self._shelf = shelf
        self._settings = settings
        self._count = count
        self._clock = clock
        self._continuity = continuity
        self._economy = economy
        self._boundary = boundary
        self._holding = holding
        self._apart = apart

    async def request(self, exchange: Exchange) -> Exchange:
        visit = self._visits.get(exchange.id)
        if visit is None or not visit.ready or exchange.prompt is None:
            return exchange
        draft = self.measure(exchange, visit)
        note(visit, draft)
        visit.asked = self._clock()
        thread, fits = visit.thread, draft.total <= self._economy.limit(exchange, visit)
        thread.carried = draft.total
        if not thread.conversation.memory:
            return exchange
        visit.apart, visit.placed = await self._apart.turns(visit, visit.upto), True
        if visit.apart and thread.injections and (parted := self._part(visit)):
            told = f"blocks that tell of what was said elsewhere ({parted}) go up no more: others are in this room"
            exchange = replace(exchange, notes=(*exchange.notes, Note(self.name, told)))
        short = visit.upto + len(visit.turns) < self._settings.threshold
        if short and self._continuity.summary(visit) < 0:
            return self._repeat(exchange, visit)
        if draft.complete and fits and thread.account.pure and self._economy.stopped(thread.account):
            return exchange
        if draft.complete and not thread.folded(visit.upto) and fits and not self._economy.early(exchange, visit, None, draft.total):
            return self._repeat(exchange, visit)
        exchange = await self._assemble(exchange, visit, draft)
        if visit.unkept and not visit.late:
            told = f"of plan, decisions and constraints that the client's summary leaves out, {visit.unkept} lines had no room"
            exchange = replace(exchange, notes=(*exchange.notes, Note(self.name, told)))
        return exchange

    def settled(self, thread: Thread, more: int) -> bool:
        """Whether a request that goes on from the thread's last one, which was complete and went up as it came, with at most `more` tokens
        gets no edit either."""
        if thread.states or thread.stubs or thread.injections or thread.boundary:
            return False
        return thread.carried + more <= self._settings.window.soft_tokens or self._boundary.awaited(thread, len(thread.path))

    def measure(self, exchange: Exchange, visit: Visit) -> Draft:
        """As `drafted`."""
        return drafted(exchange, visit, self._count)

    def outgoing(self, exchange: Exchange, visit: Visit) -> int:
        """Tokens of what would go up as things stand: with the digest in place of what is folded, and with what was injected before."""
        draft = self.measure(exchange, visit)
        if draft.complete and not visit.thread.folded(visit.upto) and draft.total <= self._settings.window.hard_tokens:
            return draft.total
        return self._boundary.standing(visit, draft).total

    def _repeat(self, exchange: Exchange, visit: Visit) -> Exchange:
        """Nothing is folded or missing: only what was injected before goes with it again."""
        if not visit.thread.injections:
            return exchange
        found = outline(visit.thread, visit.reading, 0)
        if self._boundary.bursts(exchange, visit, visit.tokens_sent, visit.tokens_sent + found.blocks):
            return exchange
        edits, total = _unanswered(visit, found.edits, visit.tokens_sent + found.blocks)
        edits, visit.tokens_sent = self._again(visit, edits, total)
        return _with(exchange, edits)

    async def _assemble(self, exchange: Exchange, visit: Visit, draft: Draft) -> Exchange:
        thread = visit.thread
        version = thread.version
        plan = await self._boundary.moved(exchange, visit, draft)
        if plan is None:
            return exchange
        if plan.folded is None and draft.complete:
            return self._repeat(exchange, visit)
        edits, total = plan.outline.edits, plan.total
        if plan.folded is not None:
            digest, less = heard(visit, plan.digest)
            edits, total = [*assembly.fold_edits(plan.folded, digest), *edits], total - less
            visit.folded = thread.folded(visit.upto)
            self._keep(exchange, visit, plan.folded)
            if thread.compacted:
                visit.digest, thread.compacted = plan.digest, False
        found = plan.outline
        visit.summed = self._continuity.summary(visit) >= 0 or visit.continued
        visit.behind = thread.behind = self._economy.behind(exchange, visit, found.edits)
        elsewhere: Set[int] = thread.hidden | visit.apart
        held = self._holding.look(exchange, visit, total) if thread.view is not None and plan.folded is None else None
        if held is not None:
            visit.held, elsewhere = held[0], elsewhere | held[0].turns
            edits, total = [held[1], *edits], total + held[0].tokens
        since = self._economy.without(exchange, visit, total) if held is None and plan.folded is None else -1
        if since >= 0:
            found, edits, total = self._fewer(visit, found, edits, total, since)
            if visit.dropped:
                why = "that is cheaper" if visit.again else "nothing from there on is in the provider's cache"
                told = f"blocks of earlier questions ({len(visit.dropped)}) go up no more: {why}"
                exchange = replace(exchange, notes=(*exchange.notes, Note(self.name, told)))
        absent = assembly.Absent(thread, visit.upto, visit.reading, found.rest, elsewhere, found.settled, found.injected, found.edits)
        lacks = visit.absent = absent.count - (len(visit.held.turns) if visit.held is not None else 0)
        edits, total = _unanswered(visit, edits, total)
        edits, before = self._again(visit, edits, total)
        if before == total and lacks > 0 and not (draft.complete and self._silent(thread.account)):
            edits, total = await self._recall(exchange, visit, absent, edits, total, plan.digest)
        else:
            total = before
        if thread.version != version:
            self._forget(visit)
            self._continuity.again(visit, self._continuity.summary(visit))
            return replace(exchange, notes=(*exchange.notes, Note(self.name, "the conversation took another branch meanwhile")))
        visit.tokens_sent = total
        return _with(exchange, behind(edits) if visit.behind else edits)

    def _silent(self, account: Account) -> bool:
        """Whether nothing new is recalled: rewriting was stopped, and nothing is saved that could pay for it."""
        return self._economy.stopped(account) and (self._economy.halted or account.purse.saved <= 0)

    def _part(self, visit: Visit) -> int:
        """In a group blocks leave that tell of what was said elsewhere and its client does not send itself; how many."""
        thread, now, apart = visit.thread, self._clock(), _unsent(visit)
        blocks = [one for one in thread.injections.values() if not one.left and not apart.isdisjoint(one.turns)]
        visit.parted = tuple([replace(one, conversation=thread.conversation.id, left=now) for one in blocks])
        self._leave(visit, visit.parted)
        return len(visit.parted)

    def _leave(self, visit: Visit, blocks: Sequence[Injection]) -> None:
        """These blocks leave."""
        if blocks:
            thread, before = visit.thread, visit.thread.rewritten
            thread.inject(blocks)
            if visit.rewritten == before:
                visit.rewritten = thread.rewritten
            # What was reasoned behind a block that goes stands behind something else now.
            thread.loosened = self._clock()

    def _keep(self, exchange: Exchange, visit: Visit, folded: Fold) -> None:
        """What a fold takes out and no turn says is stored with it."""
        prompt, reading = exchange.prompt, visit.reading
        if reading.loose and prompt is not None and not (visit.late or visit.gone):
            wire = exchange.wire.name if exchange.wire is not None else ""
            visit.wordings = wordings.kept(visit.thread, reading, folded, lambda item: bytes(prompt.items[item]), wire, self._clock())
            visit.thread.reword(visit.wordings)

    def _fewer(self, visit: Visit, found: Outline, edits: list[Edit], total: int, since: int) -> tuple[Outline, list[Edit], int]:
        """The same without the blocks of earlier questions from this place of the branch on: nothing is in the provider's cache that they
        would keep there."""
        thread, blocks = visit.thread, found.blocks
        visit.dropped = () if visit.late or visit.gone else leaving(thread, visit.reading, visit.turns, self._clock(), since)
        if not visit.dropped:
            return found, edits, total
        self._leave(visit, visit.dropped)
        found = outline(thread, visit.reading, 0)
        return found, found.edits, total - blocks + found.blocks

    async def _recall(
        self, exchange: Exchange, visit: Visit, absent: assembly.Absent, edits: list[Edit], total: int, digest: Digest | None
    ) -> tuple[list[Edit], int]:
        """The edits with what is recalled for the human message that ends the request; where work goes on after the client's own summary,
        what the summary leaves out stands at the summary. `digest`: what stands for what is folded."""
        item, turn = asked(visit)
        thread, budget, window = visit.thread, self._settings.budget, self._settings.window
        if turn is None and digest is not None:
            turn = _since_folded(visit, digest)
        left = window.size - total
        # Just below the next fold a question still gets its best lines: of what is kept free for the answer, a quarter at most.
        room = left if budget >= window.hard_tokens else max(window.hard_tokens - total, min(budget, left // 4))
        summary = self._continuity.summary(visit)
        free, room = room, min(self._economy.recallable(exchange, visit, budget, total), room)
        if visit.gone or (turn is None and (not _holds(visit, summary) or self._continuity.bare(visit, summary))):
            return edits, total
        lasting = room
        if visit.summed:
            lasting = min(free, self._economy.recallable(exchange, visit, budget, total, stays=True))
        most = min(_MOST_KEPT, max(lasting // 2, min(self._economy.keeps, lasting)))
        kept = await self._continuity.kept(exchange, visit, absent, most, summary)
        visit.unkept = kept.dropped
        # A block with that in it stays at its message, whatever becomes of others.
        room = max(min(room, lasting), kept.tokens) if kept.text else room
        # What a person has pinned comes back though it may not be saved yet.
        pinned = min(_pinned(thread, absent), budget, free - kept.tokens)
        room = max(room - kept.tokens, pinned)
        found = await self._answering(visit, turn, absent, room, digest, pinned) if turn is not None else _NOTHING
        if not (found.items or kept.text):
            if kept.dropped and visit.search is None:
                visit.search = search(_NOTHING, most, True)
            return edits, total
        if visit.late:
            if turn is None:
                self._continuity.passed(visit, summary)
            else:
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

    async def _answering(
        self, visit: Visit, turn: Turn, absent: assembly.Absent, room: int, digest: Digest | None, pinned: int
    ) -> Recalled:
        """What answers to this message. `digest`: see `_recall`. `pinned`: tokens that pinned turns take."""
        standing = standing_of(visit.thread, self._settings.rules, turn.at)
        told, patience_s = self._settings, self._settings.patience_s * _FOR_AN_INDEX
        # Where only the allowance pays for it, what asks nothing brings back what is pinned alone.
        idle = visit.lines > 0 and turn is asked(visit)[1] and not wants_answer(visit)
        room = min(room, pinned) if idle else room
        least = max(told.min_score, CLOSE) if 0 < visit.lines < MANY else told.min_score
        found = await self._shelf.recall(visit.thread, visit.upto, turn, absent, room, least, standing, False, patience_s)
        if visit.lines:
            found = foremost(found, visit.lines, self._count)
        if idle and not found.items:
            found = replace(found, gate="nothing asked")
        visit.search, visit.left = search(found, room, visit.capped), list(found.left)
        if digest is not None and not visit.late:
            sought = visit.thread.sought
            sought.pop(turn.chain, None)
            sought[turn.chain] = digest.id
            if len(sought) > _SOUGHT:
                del sought[next(iter(sought))]
        return found

    def _again(self, visit: Visit, edits: list[Edit], total: int) -> tuple[list[Edit], int]:
        """The same message asked again (a retry, or after its answer): what was injected then is injected now, though it had left since."""
        if not visit.thread.injections:
            return edits, total
        item, turn = asked(visit)
        again = turn or asked_before(visit)
        known = visit.thread.injections.get(again.chain) if again is not None else None
        if known is None or (turn is None and not known.left) or not _unsent(visit).isdisjoint(known.turns):
            return edits, total
        if known.left:
            known = replace(known, left=0.0)
            visit.thread.inject((known,))
        visit.injection = known
        return [*edits, AppendText(item, known.text)], total + known.tokens

    def _forget(self, visit: Visit) -> None:
        """Nothing was injected after all."""
        if visit.injection is not None and (visit.reasons or visit.found is not None):
            visit.thread.withdraw(visit.injection.chain)
        visit.injection = visit.held = None
        visit.reasons, visit.found = [], None
        visit.recalled = visit.folded = 0


def _since_folded(visit: Visit, digest: Digest) -> Turn | None:
    """The message that is asked once more, where what the digest stands for was still in view when it was asked first. Where it went up
    behind this digest before, and nothing was found, it goes up so again."""
    known, thread = asked_before(visit), visit.thread
    if known is None or known.id >= digest.id or known.chain in thread.injections or thread.sought.get(known.chain) == digest.id:
        return None
    return None if _made_for(thread, known, digest) else known


def _made_for(thread: Thread, known: Turn, digest: Digest) -> bool:
    """Whether this digest was made when this message was asked: before its answer came, and before anything else was asked. So much is
    known after a restart, too."""
    at = place_of(thread.path, known)
    behind = thread.path[at + 1] if 0 <= at < len(thread.path) - 1 else None
    if behind is None or behind.role != "assistant" or behind.arrived < digest.created:
        return False
    return not any(known.id < turn.id < digest.id and turn.role != "assistant" for turn in thread.by_id.values())


def standing_of(thread: Thread, rules: Rules, now: float, elsewhere: bool = False) -> Standing | None:
    """How much a thread's turns count; None where all count alike. `elsewhere`: see Standing."""
    if rules == NEUTRAL and (elsewhere or not thread.pins):
        return None
    return Standing(rules, thread.pins, {} if rules.neutral else uses(thread.injections.values()), now, elsewhere)


def uses(injections: Iterable[Injection]) -> Counter[int]:
    """How often turns were recalled."""
    found: Counter[int] = Counter()
    for injection in injections:
        found.update(injection.turns)
    return found


def _unsent(visit: Visit) -> Set[int]:
    """Turns said elsewhere that the client does not send itself."""
    if not visit.apart:
        return visit.apart
    path, reading = visit.thread.path, visit.reading
    return visit.apart - {path[place].id for place in (*reading.places, *reading.also) if 0 <= place < len(path)}


def _pinned(thread: Thread, absent: assembly.Absent) -> int:
    """Tokens of a block with the pinned turns that are not in view, 0 for none."""
    tokens = [thread.by_id[turn].tokens for turn in thread.pins if turn in absent]
    return int(_ROUGHLY * sum(tokens)) + A_LINE * (1 + len(tokens)) if tokens else 0


def _unanswered(visit: Visit, edits: list[Edit], total: int) -> tuple[list[Edit], int]:
    """Messages before the newest that went up before and have no turn yet, for they got no answer: what was injected at them then is
    injected now."""
    thread, reading, turns = visit.thread, visit.reading, visit.turns
    if not thread.injections or len(turns) < 2:
        return edits, total
    edits, last, item = [*edits], asked(visit)[0], len(reading.lines)
    for turn in reversed(turns):
        item = next((at for at in range(item - 1, -1, -1) if reading.places[at] < 0 and reading.lines[at].content == turn.content), -1)
        known = thread.going(turn.chain)
        if known is not None and 0 <= item != last and turn.role != "assistant":
            edits.append(AppendText(item, known.text))
            total += known.tokens
    return edits, total


def _holds(visit: Visit, summary: int) -> bool:
    """Whether a block can stand at this item: a message in which the client gives its summary in words of its own."""
    line = visit.reading.lines[summary] if summary >= 0 else None
    return line is not None and line.note == "summary" and line.role == "user"


def _with(exchange: Exchange, edits: list[Edit]) -> Exchange:
    if not edits:
        return exchange
    return replace(exchange, edits=(*exchange.edits, *(("recall", edit) for edit in edits)))
