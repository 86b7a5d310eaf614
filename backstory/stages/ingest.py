"""Stage 2: what is new in a request becomes turns, and, when it is over, so does the answer. Adds no edit.

Nothing is stored for a request that got no answer: the client will ask again. `promise` is what the journal keeps before the last byte
of an answer leaves, so that a crash after it loses nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count

import msgspec
from msgspec.structs import replace

from backstory.core.exchange import Exchange, Outcome
from backstory.core.ids import TurnIds
from backstory.core.message import Prompt
from backstory.core.records import Batch, Promise, Turn
from backstory.core.reply import Reply
from backstory.core.sizes import CHARS_PER_TOKEN
from backstory.core.store import Lanes
from backstory.core.tombs import Tombs
from backstory.core.wire import Wire
from backstory.errors import StoreError
from backstory.memory.identity.echo import known_places
from backstory.memory.identity.graves import beginning, buried, ending, muted, resent, unkept
from backstory.memory.identity.thread import Thread, next_position, place_of
from backstory.memory.identity.wordings import compare
from backstory.memory.reading.ours import without
from backstory.memory.reading.requests import Reading
from backstory.memory.reading.timing import dated
from backstory.memory.reading.turns import Line, align, line
from backstory.memory.reading.turns import chain as chain_on
from backstory.memory.shrinking import media
from backstory.stages import excerpts
from backstory.stages.apart import note_rooms
from backstory.stages.base import Failed, Stage, attempt
from backstory.stages.threads import Threads
from backstory.stages.trace import trace
from backstory.stages.visit import Visit, Visits, answer_position, answered, batch, injections, unknown

# An answer comes to at most this many turns; the ids are set aside before it is parsed.
_ANSWER_TURNS = 256
# A history of more tokens than this is not taken in before it is answered.
_MOST_TAKEN_IN = 2_000_000
# A request that names an answer's items has the last of them in it.
_MOST_ITEMS = 8

NO_TOMBS = Tombs()

_encoder = msgspec.msgpack.Encoder()


class Ingest(Stage):
    """Aligns the request with its thread; stores what is new with the answer. `estimate` counts tokens of a text. A history of more than
    `most_new` tokens at first sight is taken in at once: it has to be folded before it goes up, and the provider may refuse it as it is."""

    name = "ingest"
    late = True

    def __init__(
        self,
        threads: Threads,
        visits: Visits,
        lanes: Lanes,
        turn_ids: TurnIds,
        clock: Callable[[], float],
        estimate: Callable[[str], int],
        stored: Callable[[Thread], None],
        most_new: int,
        failed: Failed,
    ) -> None:
        self._threads = threads
        self._visits = visits
        self._lanes = lanes
        self._turn_ids = turn_ids
        self._clock = clock
        self._estimate = estimate
        self._stored = stored
        self._most_new = most_new
        self._failed = failed

    async def request(self, exchange: Exchange) -> Exchange:
        visit = self._visits.get(exchange.id)
        if visit is None or exchange.prompt is None:
            return exchange
        thread, reading = visit.thread, visit.reading
        if not visit.base:
            self._take_branch(thread, reading)
        fresh = places(thread, reading, self._base(thread, visit.base), self._threads.tombs)
        compare(thread, reading, self._threads.tombs)
        if reading.buried:
            self._bury(visit, exchange.wire.name if exchange.wire is not None else "", exchange.prompt.model)
        if exchange.prompt.previous:
            reading.also = tuple(set(range(fresh.upto)).difference(reading.places))
        visit.upto = fresh.upto
        visit.turns, visit.chain = self._turns(thread, reading, exchange.prompt, exchange.wire, fresh)
        note_rooms(visit)
        tokens = sum([turn.tokens for turn in visit.turns])
        if self._most_new < tokens <= _MOST_TAKEN_IN and fresh.upto == len(thread.path):
            self._take_in(visit, fresh, exchange.wire.name if exchange.wire is not None else "")
            fresh = Fresh(visit.upto, ())
        visit.last = thread.path[fresh.upto - 1] if fresh.upto else None
        tip = visit.last.id if visit.last is not None else 0
        # Drawn now, so that what is asked later is newer, whichever is answered first.
        self._answer_id(visit)
        visit.parent = visit.turns[-1].id if visit.turns and not visit.muted else visit.muted or tip
        visit.ready = True
        return exchange

    def promise(self, exchange: Exchange, status: int, content_type: str, coding: str, body: bytes) -> int:
        """Journal the new turns and the raw answer; the number of the entry, 0 where there is nothing to keep. Raises StoreError."""
        visit = self._visits.get(exchange.id)
        if visit is None or not visit.ready or visit.muted or exchange.wire is None or status >= 400:
            return 0
        self._trace(exchange, visit)
        entry = Promise(
            _batch(visit),
            visit.parent,
            answer_position(visit),
            visit.chain,
            self._answer_id(visit),
            exchange.wire.name,
            content_type,
            coding,
            body,
            self._clock(),
        )
        seq = self._lanes.append(_encoder.encode(entry))
        visit.thread.pending_seq = max(visit.thread.pending_seq, seq)
        return seq

    def finished(self, exchange: Exchange, outcome: Outcome) -> None:
        visit = self._visits.get(exchange.id)
        if visit is None:
            return
        try:
            said = outcome.reply is not None and outcome.reply.parts
            if visit.ready and exchange.wire is not None and (outcome.ended == "complete" or (outcome.ended == "interrupted" and said)):
                self._trace(exchange, visit)
                if not visit.own_identity and not visit.thread.conversation.system_hash:
                    self._keep_system(exchange, visit.thread)
                self._store(visit, exchange.wire, outcome)
            else:
                rows = Batch(digests=(visit.digest,) if visit.digest is not None else (), stubs=visit.stubs, wordings=visit.wordings)
                self._lanes.submit(rows, outcome.seq)
        finally:
            self._visits.close(exchange.id)

    def _keep_system(self, exchange: Exchange, thread: Thread) -> None:
        """What its system prompt says is kept as a hash, for when its client cuts its history."""
        system = attempt(self._failed, "system", lambda: excerpts.system_of(exchange.prompt, exchange.wire), lambda: b"")
        if system:
            thread.conversation = replace(thread.conversation, system_hash=system)

    def _trace(self, exchange: Exchange, visit: Visit) -> None:
        """What was done to the request, and why, is stored with its turns; where that cannot be told, they are stored without it."""
        if visit.trace is None:
            visit.trace = attempt(self._failed, "trace", lambda: trace(exchange, visit, self._clock()), lambda: None)

    def _store(self, visit: Visit, wire: Wire, outcome: Outcome) -> None:
        thread = visit.thread
        complete = outcome.ended == "complete"
        answer = answer_turns(
            wire,
            outcome.reply,
            thread.conversation.id,
            visit.parent,
            answer_position(visit),
            visit.chain,
            self._answer_id(visit),
            self._clock(),
            self._estimate,
            complete,
            answered(visit),
        )
        turns = [*visit.turns, *answer]
        if visit.muted:
            # The store buries what answers a forgotten turn; where that has no number, nothing is left that could tell of it.
            turns = visit.turns
            self._lanes.submit(Batch(turns=tuple(answer)) if visit.muted > 0 else Batch(), 0)
        if wire.stateful and outcome.reply is not None:
            keys = reply_keys(outcome.reply)
            visit.aliases.extend(key for key in keys if self._threads.name(thread, key))
            if turns:
                thread.answers.update(dict.fromkeys(keys, turns[-1].id))
        thread.conversation = replace(thread.conversation, updated=self._clock())
        spends = (replace(visit.spend, id=self._answer_id(visit)),) if visit.spend is not None else ()
        rows = replace(_batch(visit), turns=unknown(thread, turns), conversations=(thread.conversation,), spends=spends)
        thread.add([replace(turn, raw=b"") if turn.raw else turn for turn in turns])
        thread.inject(injections(visit))
        self._threads.moved(thread)
        self._threads.grown(thread)
        self._lanes.submit(rows, outcome.seq)
        self._threads.named(thread, visit.aliases)
        if visit.parent in thread.hidden:
            self._threads.let_go(thread)
        self._stored(thread)

    def _bury(self, visit: Visit, wire: str, model: str) -> None:
        """What was forgotten is no turn; its client sends it all the same, and it takes its room."""
        lines, thread = visit.reading.lines, visit.thread
        visit.buried = {item: _tokens(lines[item], self._estimate, wire, model) for item in sorted(visit.reading.buried)}
        visit.muted = muted(thread, visit.reading, self._threads.tombs)

    def _take_in(self, visit: Visit, fresh: Fresh, wire: str) -> None:
        """The new turns up to the assistant's last become part of the thread, and go to the journal and the store: what is journalled with
        the answer rests on them. Where they cannot be journalled, they wait for the answer like all others."""
        turns, thread = visit.turns, visit.thread
        if any(turn.id in thread.by_id for turn in turns):
            return
        cut = next((place + 1 for place in range(len(turns) - 1, -1, -1) if turns[place].role == "assistant"), 0)
        if not cut:
            return
        history, last = turns[:cut], turns[cut - 1]
        rows = batch(visit, history)
        entry = Promise(rows, last.id, fresh.upto + cut, last.chain, 0, wire, "", "", b"", self._clock())
        try:
            seq = self._lanes.append(_encoder.encode(entry))
        except StoreError:
            return
        self._lanes.submit(rows, seq)
        thread.pending_seq = max(thread.pending_seq, seq)
        visit.turns = turns[cut:]
        visit.upto += cut
        for place, item in enumerate(fresh.items[:cut], fresh.upto):
            visit.reading.places[item] = place
        thread.add([replace(turn, raw=b"") for turn in history])
        self._threads.moved(thread)
        self._threads.grown(thread)

    def _take_branch(self, thread: Thread, reading: Reading) -> None:
        """A request that goes on with another branch of its conversation, word for word from the beginning or from where its client has cut
        it, makes that the current one."""
        if len(thread.by_chain) <= len(thread.path) or thread.busy > 1:
            return
        path = thread.path
        for chain in reversed(reading.chains):
            turn = thread.by_id.get(thread.by_chain.get(chain, 0))
            if turn is not None:
                if place_of(path, turn) < 0:
                    thread.rewind(turn.id)
                    self._threads.moved(thread)
                return
        if excerpts.take_branch(thread, reading, known_places(thread, reading)):
            self._threads.moved(thread)

    def _base(self, thread: Thread, turn_id: int) -> int:
        """How many turns of the path a request builds on that names this one; 0 where it names none. A path that does not lead there
        is changed to one that does, unless another request is under way on it."""
        turn = thread.by_id.get(turn_id)
        if turn is None:
            return 0
        at = place_of(thread.path, turn)
        if at < 0 and thread.busy > 1:
            return 0
        if at < 0:
            thread.rewind(turn_id)
            self._threads.moved(thread)
            at = len(thread.path) - 1
        return at + 1

    def _answer_id(self, visit: Visit) -> int:
        if not visit.answer:
            self._turn_ids.follow(visit.thread.newest)
            visit.answer = self._turn_ids.block(_ANSWER_TURNS)
        return visit.answer

    def _turns(self, thread: Thread, reading: Reading, prompt: Prompt, wire: Wire | None, fresh: Fresh) -> tuple[list[Turn], bytes]:
        now = self._clock()
        last = thread.path[fresh.upto - 1] if fresh.upto else None
        parent, chain = (last.id, last.chain) if last is not None else (0, thread.root)
        position = next_position(thread.path, fresh.upto)
        turns: list[Turn] = []
        waiting = self._visits.under_way(thread)
        self._turn_ids.follow(thread.newest)
        for item in sorted((*fresh.items, *fresh.passed)) if fresh.passed else fresh.items:
            one, before = reading.lines[item], chain
            chain = chain_on(chain, one.content)
            if item in fresh.passed:
                continue
            known = thread.after(before, chain) or waiting.get((parent, chain))
            if known is not None:
                turns.append(known)
                parent = known.id
                continue
            if "<" in one.text and one.kind == "spoken":
                one = _own(one, thread)
            turn = turn_of(
                one,
                self._turn_ids(),
                thread.conversation.id,
                parent,
                position + len(turns),
                chain,
                now,
                self._estimate,
                raw=bytes(prompt.items[item]),
                wire=wire.name if wire is not None else "",
                model=prompt.model,
            )
            turns.append(turn)
            parent = turn.id
        return dated(turns, last), chain


class Fresh(msgspec.Struct, frozen=True):
    """`upto`: how many turns of the path the request goes on from. `items`: the items that are new. `passed`: forgotten ones after that
    place: they are no turns, but what comes after them is known by a history that has them."""

    upto: int
    items: tuple[int, ...]
    passed: tuple[int, ...] = ()


def places(thread: Thread, reading: Reading, base: int = 0, tombs: Tombs = NO_TOMBS) -> Fresh:
    """Find each item's turn on the path (`reading.places`), what was forgotten (`reading.buried`), and what is new. Costs what is new when
    the request only goes on.

    `base`: the request says that it goes on after so many turns of the path; 0 where it does not say. What was said there before in the
    same words is not new.
    """
    path = thread.path
    earlier = 0 < base < len(path)
    known = () if earlier else known_places(thread, reading)
    reading.compare_anew(len(known))
    reading.buried = buried(thread, reading, tombs, len(known)) if tombs else frozenset()
    reading.unkept = unkept(thread.conversation.principal, reading, tombs, len(known))
    lines: Sequence[Line] = reading.lines
    left: Sequence[int] = range(len(lines))
    if reading.buried:
        left = [item for item in left if item not in reading.buried]
        lines, known = [lines[item] for item in left], [known[item] for item in left if item < len(known)]
    alignment = align(lines, path[:base] if earlier else path, known)
    if reading.buried and max(alignment.matched, default=-1) < 0:
        alignment = beginning(thread, reading, tombs, lines) or ending(lines, path) or alignment
    reading.places = list(alignment.matched)
    if reading.buried:
        reading.places = [-1] * len(reading.lines)
        for item, place in zip(left, alignment.matched, strict=True):
            reading.places[item] = place
    reading.say_as_sent(left[alignment.fresh] if alignment.fresh < len(left) else len(reading.lines), thread.root)
    reading.also = alignment.also
    if reading.unsaid:
        reading.also = (*reading.also, *_left_out(thread, reading, alignment.tip + 1))
    reading.thread, reading.version = thread.conversation.id, thread.version
    items = [item for item in left[alignment.fresh :] if reading.lines[item].kind != "none"]
    if tombs and items:
        again = resent(thread, reading, tombs, items)
        reading.buried, items = reading.buried | again, [item for item in items if item not in again]
    upto = alignment.tip + 1
    while earlier and items and upto < len(path) and path[upto].content == reading.lines[items[0]].content:
        reading.places[items.pop(0)] = upto
        upto += 1
    return Fresh(upto, tuple(items), _passed(reading, upto))


def _own(one: Line, thread: Thread) -> Line:
    """The line without blocks that memory wrote into this conversation; as it is, where nothing else would be left."""
    text = without(one.text, (block.text for rows in (thread.injections.values(), thread.digests) for block in rows))
    return replace(one, text=text) if text and text != one.text else one


def _left_out(thread: Thread, reading: Reading, upto: int) -> set[int]:
    """Places before that one of what its client leaves out of its answers: nobody misses it."""
    places = {place_of(thread.path, thread.by_id.get(turn)) for turn in reading.unsaid}
    return {place for place in places if 0 <= place < upto}.difference(reading.places)


def _passed(reading: Reading, upto: int) -> tuple[int, ...]:
    """The forgotten items after the last that has a turn, where the request goes on from that."""
    if not reading.buried:
        return ()
    last = next((item for item in range(len(reading.places) - 1, -1, -1) if reading.places[item] >= 0), -1)
    if (reading.places[last] if last >= 0 else -1) != upto - 1:
        return ()
    return tuple(sorted(item for item in reading.buried if item > last))


def turn_of(
    one: Line,
    turn_id: int,
    conversation: str,
    parent: int,
    position: int,
    chain: bytes,
    now: float,
    estimate: Callable[[str], int],
    raw: bytes = b"",
    wire: str = "",
    complete: bool = True,
    model: str = "",
) -> Turn:
    """The turn of one line."""
    return Turn(
        turn_id,
        conversation,
        parent,
        position,
        chain,
        one.content,
        one.role,
        "tool" if one.kind == "tool" else "spoken",
        one.text,
        raw,
        wire,
        one.sender,
        one.channel,
        one.at or now,
        now,
        _tokens(one, estimate, wire, model),
        complete,
        one.calls,
    )


def _tokens(one: Line, estimate: Callable[[str], int], wire: str, model: str) -> int:
    """Words, what a client puts around them, calls, results and what is shown. The text of a tool message is that of its results, and
    counts once."""
    count = 0 if one.calls and one.kind == "tool" else estimate(one.text)
    if one.calls:
        count += estimate(one.calls)
    elif one.role == "user" and one.chars > len(one.text):
        count += int((one.chars - len(one.text)) / CHARS_PER_TOKEN)
    return count + media.tokens(one.media, wire, model) if one.media else count


def answer_turns(
    wire: Wire,
    reply: Reply | None,
    conversation: str,
    parent: int,
    position: int,
    chain: bytes,
    first_id: int,
    now: float,
    estimate: Callable[[str], int],
    complete: bool,
    before: Turn | None,
) -> list[Turn]:
    """The turns of an answer: those messages by which the client will send it back. None for an answer that says nothing. `before`: the
    turn that it follows."""
    turns: list[Turn] = []
    if reply is None:
        return turns
    complete = complete and not reply.cut
    ids = count(first_id)
    for message in wire.echo(reply)[:_ANSWER_TURNS]:
        one = line(message)
        if one.kind == "none":
            continue
        chain = chain_on(chain, one.content)
        turn = turn_of(one, next(ids), conversation, parent, position + len(turns), chain, now, estimate, wire=wire.name, complete=complete)
        turns.append(turn)
        parent = turn.id
    return dated(turns, before)


def settle(promise: Promise, wire: Wire, reply: Reply | None, estimate: Callable[[str], int]) -> Batch:
    """What a journalled promise comes to after a crash: the new turns and those of the answer, as `finished` would have stored them."""
    conversation = promise.batch.conversations[0]
    answer = answer_turns(
        wire,
        reply,
        conversation.id,
        promise.parent,
        promise.position,
        promise.chain,
        promise.turn,
        promise.at,
        estimate,
        True,
        promise.batch.turns[-1] if promise.batch.turns else None,
    )
    rows = replace(promise.batch, turns=(*promise.batch.turns, *answer))
    if not wire.stateful or reply is None:
        return rows
    return replace(rows, aliases=(*rows.aliases, *((conversation.principal, key, conversation.id) for key in reply_keys(reply))))


def reply_keys(reply: Reply) -> list[str]:
    """The names by which a later request may build on this answer: its id, or those of its items."""
    named = [f"response:{reply.id}"] if reply.id else []
    return [*named, *(f"item:{item}" for item in reply.items[-_MOST_ITEMS:])]


def _batch(visit: Visit) -> Batch:
    return replace(
        batch(visit, visit.turns),
        injections=injections(visit),
        digests=(visit.digest,) if visit.digest is not None else (),
        stubs=() if visit.late else visit.stubs,
        traces=(visit.trace,) if visit.trace is not None else (),
        homes=(visit.home,) if visit.home is not None else (),
        lookups=tuple(visit.lookups),
        wordings=visit.wordings,
    )
