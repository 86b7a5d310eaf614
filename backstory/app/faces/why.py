"""Why a request went up as it did: the blocks that memory put into it, where each line of them comes from and what chose it, what was left
out, and the edits with their sizes. Read from what is stored; what is no longer known is said to be so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from backstory.app.faces import stored as faces
from backstory.app.faces.numbered import path_of, paths, turn_of
from backstory.app.faces.quoted import quoted
from backstory.commands.forgetting import FORGET, veil
from backstory.core.lines import without
from backstory.core.records import Conversation, Digest, Injection, Trace, Turn
from backstory.core.store import Store
from backstory.errors import NotFound, StoreError
from backstory.memory.identity.thread import branch
from backstory.memory.reading.speakers import voice
from backstory.memory.recall import reasons
from backstory.memory.recall.reasons import Change, Search, Told
from backstory.memory.recall.retention import Score, score
from backstory.stages.loading import forked_from, load_pins, load_shown, tells
from backstory.stages.recall import uses
from backstory.stages.veiled import veiled

GATES = {
    "empty": "there was nothing to recall from",
    "no room": "there was no room for anything",
    "nothing asked": "the message asks for nothing that could be looked for",
    "no match": "nothing that was said matches the message",
    "weak": "what matches has too little of what the message is about",
    "dear": "memory adds as much to this conversation already as it may: about what its client's own requests cost",
}
"""Why a recall brought nothing, in words."""
_SHOWN_CHARS = 200
# Ids of requests are turn ids: milliseconds since 2020 and some bits more. No beginning of a conversation's id has so many digits.
_REQUEST_DIGITS = 15
_NUMBER = re.compile(r"[0-9]{1,30}")
_MOST_REQUEST = 2**63 - 1


class Line(Struct, frozen=True, omit_defaults=True):
    """A line of a block. `number` and `turn`: of the turn that it is from. `text`: those characters of it, "" where the turn is not stored
    any more. `start`, `end`: their place in the turn's text. `retention`: the turn's score now."""

    number: int
    turn: int
    conversation: str
    at: float
    speaker: str
    text: str
    start: int
    end: int
    kind: str
    score: float
    signals: dict[str, float]
    terms: tuple[str, ...]
    retention: Score | None = None


class Block(Struct, frozen=True):
    """A block that was in the request. `number`: of the turn whose message carried it, 0 where that is not known. `new`: it was made for
    this request, and not repeated from an earlier one. `text`: exactly what went up, "" where it is not stored any more. `lines`: where
    its lines come from, where that is not told by `Explanation.lines`. `folded`: of a digest, the turns that it stands for."""

    number: int
    new: bool
    tokens: int
    text: str
    lines: tuple[Line, ...] = ()
    folded: int = 0


class Omission(Struct, frozen=True):
    """A turn that was considered and left out."""

    number: int
    turn: int
    why: str
    score: float
    text: str


class Explanation(Struct, frozen=True):
    """All that is known of one request. `request`: 0 where only its block is stored. `unknown`: what is not known of it."""

    request: int
    conversation: str
    number: int
    at: float
    tokens_in: int
    tokens_sent: int
    blocks: tuple[Block, ...]
    lines: tuple[Line, ...]
    left: tuple[Omission, ...]
    search: Search | None
    folded: int
    absent: int
    notes: tuple[str, ...]
    unknown: tuple[str, ...] = ()


class Difference(Struct, frozen=True):
    """One edit. `what`: block, earlier block, digest, fold, marker, stub, tools, held, cache mark or other. `first`, `last`: messages of
    the request as it came, counted from 1. `bytes`: added, or (below 0) taken out. `text`: what was added, "" where nothing was, or
    it is not stored."""

    what: str
    first: int
    last: int
    bytes: int
    text: str


class Diff(Struct, frozen=True):
    """What the client sent against what went up. `came`, `went`: bytes of the two bodies."""

    request: int
    conversation: str
    at: float
    came: int
    went: int
    changes: tuple[Difference, ...]
    unknown: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class _Case(Struct):
    """What the store has of the request that was asked for."""

    record: Conversation
    path: list[Turn]
    turns: dict[int, Turn]
    trace: Trace | None
    told: Told
    asked: Turn | None
    injections: dict[bytes, Injection]
    hidden: dict[int, float]
    """Turns that are about to be forgotten, and since when."""

    def number(self, turn: int) -> int:
        """The number of a turn in the conversation, 0 where it is not in it."""
        return next((one.position + 1 for one in self.path if one.id == turn), 0)


def explain(store: Store, named: str, principal: str | None = None) -> Explanation:
    """Why this request went up as it did. `named`: the number of a request (the header X-VC-Request), or a conversation, with `:N` that
    turn of it. `principal`: whose it must be, None: whoever's. Raises NotFound."""
    case = _case(store, named, principal)
    told, trace = case.told, case.trace
    lines = tuple(_lines(store, case))
    blocks = (*_digest(store, case), *_blocks(case))
    left = tuple(
        Omission(one.number, one.turn, one.why, one.score, case.turns[one.turn].text[:_SHOWN_CHARS] if one.turn in case.turns else "")
        for one in told.left
    )
    return Explanation(
        trace.request if trace is not None else 0,
        case.record.id,
        case.number(case.asked.id) if case.asked is not None else 0,
        trace.created if trace is not None else _created(case),
        trace.tokens_in if trace is not None else 0,
        trace.tokens_sent if trace is not None else 0,
        blocks,
        lines,
        left,
        told.search,
        told.folded,
        told.absent,
        told.notes,
        tuple(_unknown(case, blocks, lines)),
    )


def diff(store: Store, named: str, principal: str | None = None) -> Diff:
    """What the client sent in this request against what went up. `named`, `principal`: as for `explain`. Raises NotFound, also where that
    was not kept."""
    case = _case(store, named, principal)
    if case.trace is None:
        raise NotFound(f"{named}: a block is stored for it, but not what else was changed in the request that carried it")
    texts = {one.chain.hex(): one.text for one in case.injections.values()}
    digest = next((one.text for one in reversed(_digests(store, case)) if one.created <= case.trace.created), "")
    made, unknown = [], []
    for change in case.told.changes:
        text = digest if change.what == "digest" else texts.get(change.chain, "")
        if change.bytes > 0 and not text and change.what not in ("stub", "tools", "held", "cache mark"):
            unknown.append(f"the text of {_named(change)}")
        made.append(Difference(change.what, change.item + 1, max(change.item + 1, change.to), change.bytes, text))
    told = case.told
    return Diff(case.trace.request, case.record.id, case.trace.created, told.came, told.went, tuple(made), tuple(unknown), told.notes)


def retention(store: Store, record: Conversation, now: float, on: int = 0) -> list[tuple[int, Turn, Score]]:
    """Number, turn and retention score of every turn of a conversation's newest branch, or of branch `on`, as it is shown. NotFound where
    there is none of this number."""
    path = path_of(store, record, on) if on else paths(store, record)[0][0]
    pins = load_pins(store, record, {turn.conversation for turn in path})
    used = uses(store.injections(record.id))
    return [(turn.position + 1, turn, score(turn.text, turn.at, now, used[turn.id], turn.id in pins, turn.kind == "tool")) for turn in path]


def pin(store: Store, record: Conversation, number: int, pinned: bool, now: float, on: int = 0) -> Turn:
    """Pin a turn by its number in `show` (on branch `on`), or let go of it; the turn. Raises NotFound."""
    turn = turn_of(store, record, number, on)
    if turn.id in paths(store, record)[2]:
        raise NotFound(f"turn {number} of conversation {record.id} is about to be forgotten")
    store.pin(turn.conversation, turn.id, pinned, now)
    return turn


def as_text(found: Explanation) -> Iterator[str]:
    """For a terminal."""
    yield _head(found.request, found.conversation, found.number, found.at)
    if found.request:
        yield f"{found.tokens_in} tokens came, {found.tokens_sent} went up; "
        yield f"{found.folded} turns folded, {found.absent} did not go as messages\n"
    for block in found.blocks:
        kind = "injected in this request" if block.new else "repeated from an earlier request"
        if block.folded:
            kind = f"digest of turns #1 to #{block.folded}"
        at = f", at turn #{block.number}" if block.number else ""
        yield f"\n{kind}{at}, {block.tokens} tokens, exactly:\n{faces.plain(block.text) or '(not stored any more)'}\n"
        for line in block.lines:
            yield from _line(line)
    if not found.blocks:
        yield "\nnothing was injected\n"
    if found.search is not None:
        yield f"\n{_search(found.search)}\n"
    for line in found.lines:
        yield from _line(line)
    if found.left:
        yield "\nleft out:\n"
    for one in found.left:
        yield f"  #{one.number}  {one.why}{f', score {one.score:.2f}' if one.score else ''}: {_short(one.text)}\n"
    yield from (f"\nnote: {note}\n" for note in found.notes)
    yield from (f"\nnot known any more: {what}\n" for what in found.unknown)


def as_diff(found: Diff) -> Iterator[str]:
    """For a terminal."""
    yield _head(found.request, found.conversation, 0, found.at)
    yield f"{found.came} bytes came, {found.went} went up ({found.went - found.came:+d})\n"
    if not found.changes and found.came == found.went and not found.notes:
        yield "it went up as it came\n"
    for change in found.changes:
        place = f"message {change.first}" if change.last <= change.first else f"messages {change.first} to {change.last}"
        yield f"\n{place}: {change.what}, {change.bytes:+d} bytes\n"
        yield from (f"+ {line}\n" for line in faces.plain(change.text).splitlines())
    yield from (f"\nnote: {note}\n" for note in found.notes)
    yield from (f"\nnot known any more: {what}\n" for what in found.unknown)


def _case(store: Store, named: str, principal: str | None) -> _Case:
    name, _, turn = named.rpartition(":") if ":" in named and _NUMBER.fullmatch(named.rpartition(":")[2]) else (named, "", "")
    trace = None
    if _NUMBER.fullmatch(named) and len(named) >= _REQUEST_DIGITS:
        trace = store.trace(int(named)) if int(named) <= _MOST_REQUEST else None
        if trace is None:
            raise NotFound(f"of request {named} nothing is kept: it went up as it came, or what it told of is forgotten")
        name, turn = trace.conversation, ""
    record = faces.find(store, name)
    if principal is not None and record.principal != principal:
        raise NotFound(f"no request or conversation {named!r}")
    return _of(store, record, trace, int(turn) if turn else None)


def _of(store: Store, record: Conversation, trace: Trace | None, number: int | None) -> _Case:
    turns, hidden = load_shown(store, record)
    path = branch(turns)
    hidden |= veil(store.stated(FORGET, record.principal))
    if trace is not None and not hidden.keys().isdisjoint(trace.turns):
        raise NotFound(f"of request {trace.request} nothing is shown: what it told of is being forgotten")
    by_chain = {turn.chain: turn.id for turn in turns}
    injections = {chain: one for chain, one in _injections(store, record).items() if not tells(one, hidden, by_chain)}
    by_id = {turn.id: turn for turn in turns}
    if trace is None:
        shown = [one for one in store.traces(record.id) if hidden.keys().isdisjoint(one.turns)]
        trace, asked = _choose(shown, path, number, record, injections)
    else:
        asked = by_id.get(trace.turn)
    return _Case(record, path, by_id, trace, _told(trace), asked, injections, hidden)


def _choose(
    traces: Sequence[Trace], path: Sequence[Turn], number: int | None, record: Conversation, injections: Mapping[bytes, Injection]
) -> tuple[Trace | None, Turn | None]:
    """The trace of a turn (None: the newest one), and the human message that it is about."""
    if number is None:
        if not traces:
            raise NotFound(f"no request of conversation {record.id} was changed, or nothing is kept of it")
        asked = next((turn for turn in path if turn.id == traces[-1].turn), None)
        return traces[-1], asked
    if not 0 < number <= len(path):
        raise NotFound(f"conversation {record.id} has the turns 1 to {len(path)}, not {number}")
    asked = next((turn for turn in reversed(path[:number]) if turn.role == "user" and turn.kind == "spoken"), None)
    found = next((one for one in reversed(traces) if asked is not None and one.turn == asked.id), None)
    if found is None and (asked is None or asked.chain not in injections):
        raise NotFound(f"nothing was changed in the request with turn {number} of conversation {record.id}, or nothing is kept of it")
    return found, asked


def _told(trace: Trace | None) -> Told:
    if trace is None:
        return Told()
    try:
        return reasons.unpack(trace.told)
    except msgspec.MsgspecError as cause:
        raise StoreError(f"the trace of request {trace.request} is damaged: {cause}") from cause


def _injections(store: Store, record: Conversation) -> dict[bytes, Injection]:
    """Those of a conversation, and what it shares of those that it was forked from, by chain."""
    found = {one.chain: one for one in store.injections(record.id)}
    for parent, made in forked_from(store, record):
        for one in store.injections(parent.id):
            if one.created <= made:
                found.setdefault(one.chain, one)
    return found


def _digests(store: Store, case: _Case) -> list[Digest]:
    """As they went up, the oldest first, less what is about to be forgotten: those of a conversation, and what it shares of those that it
    was forked from."""
    found, path = list(store.digests(case.record.id)), {turn.id for turn in case.path}
    for parent, forked in forked_from(store, case.record):
        found += [one for one in store.digests(parent.id) if one.created <= forked and one.upto_turn in path]
    made, unheard = veiled(sorted(found, key=lambda one: one.created), case.hidden, case.turns), frozenset(case.told.unheard)
    return [without(one, unheard, claims=False) or replace(one, text="", tokens=0) for one in made] if unheard else list(made)


def _blocks(case: _Case) -> Iterator[Block]:
    by_chain = {turn.chain: turn.position + 1 for turn in case.path}
    if case.trace is None and case.asked is not None:
        one = case.injections[case.asked.chain]
        yield Block(by_chain.get(one.chain, 0), True, one.tokens, one.text)
    for change in case.told.changes:
        if change.what in ("block", "earlier block"):
            chain = bytes.fromhex(change.chain)
            known = case.injections.get(chain)
            new = change.what == "block" and bool(case.told.reasons)
            text = known.text if known is not None else ""
            lines = () if new else tuple(_repeated(case, text))
            yield Block(by_chain.get(chain, 0), new, known.tokens if known is not None else 0, text, lines)


def _digest(store: Store, case: _Case) -> Iterator[Block]:
    """The digest that went up, with its lines."""
    if not any(change.what == "digest" for change in case.told.changes) or case.trace is None:
        return
    made = [one for one in _digests(store, case) if one.created <= case.trace.created]
    found = next((one for one in reversed(made) if case.number(one.upto_turn) == case.told.folded), made[-1] if made else None)
    text = found.text if found is not None else ""
    yield Block(0, False, found.tokens if found is not None else 0, text, tuple(_repeated(case, text, "digest")), case.told.folded)


def _repeated(case: _Case, text: str, kind: str = "repeated") -> Iterator[Line]:
    for one in quoted(text, case.path):
        turn = one.turn
        if turn.id not in case.hidden:
            words = turn.text[one.start : one.end] or one.text
            yield Line(turn.position + 1, turn.id, turn.conversation, turn.at, one.speaker, words, one.start, one.end, kind, 0.0, {}, ())


def _lines(store: Store, case: _Case) -> Iterator[Line]:
    wanted = [one.turn for one in case.told.reasons]
    if case.trace is None and case.asked is not None:
        wanted = list(case.injections[case.asked.chain].turns)
    turns = {turn.id: turn for turn in store.turns_by_id(wanted) if turn.id not in case.hidden}
    owners = {turn.conversation for turn in turns.values()}
    pins = load_pins(store, case.record, owners)
    now = case.trace.created if case.trace is not None else 0.0
    asked = case.asked.chain if case.asked is not None else b""
    used = uses(it for name in {case.record.id, *owners} for it in store.injections(name) if it.created <= now and it.chain != asked)
    for one in case.told.reasons:
        turn = turns.get(one.turn)
        text = turn.text[one.start : one.end] if turn is not None else ""
        worth = score(turn.text, turn.at, now, used[turn.id], turn.id in pins, turn.kind == "tool") if turn is not None else None
        home = one.conversation or case.record.id
        yield Line(
            one.number, one.turn, home, one.at, one.speaker, text, one.start, one.end, one.kind, one.score, one.signals, one.terms, worth
        )
    if case.trace is None:
        for turn in turns.values():
            speaker = voice(turn)[0]
            yield Line(case.number(turn.id), turn.id, turn.conversation, turn.at, speaker, turn.text, 0, 0, "recalled", 0.0, {}, ())


def _unknown(case: _Case, blocks: Sequence[Block], lines: Sequence[Line]) -> Iterator[str]:
    if case.trace is None:
        yield "what chose these lines, and what was left out: the block is stored, its trace is not"
    if any(not block.text for block in blocks):
        yield "the text of a block: a turn that it quoted was forgotten"
    if any(not line.text for line in lines):
        yield "the text of a line: its turn was forgotten, or the line is not verbatim in it"


def _created(case: _Case) -> float:
    one = case.injections.get(case.asked.chain) if case.asked is not None else None
    return one.created if one is not None else 0.0


def _named(change: Change) -> str:
    return f"the {change.what} at message {change.item + 1}"


def _head(request: int, conversation: str, number: int, at: float) -> str:
    named = f"request {request} of " if request else ""
    return f"{named}conversation {conversation}{f', turn #{number}' if number else ''}, {faces.stamp(at)}\n"


def _search(search: Search) -> str:
    terms = f" for {', '.join(search.terms)}" if search.terms else ""
    less = ", for " + GATES["dear"] if search.capped and not search.gate else ""
    found = f"looked through {search.considered} pieces{terms}; budget {search.budget} tokens{less}, {search.tokens} used"
    if search.gate:
        return f"{found}; nothing recalled: {GATES.get(search.gate, search.gate)} (evidence {search.best:.2f})"
    return f"{found}; evidence {search.best:.2f}"


def _line(line: Line) -> Iterator[str]:
    span = f"characters {line.start} to {line.end}" if line.end else "not verbatim"
    where = f" of {line.conversation[:8]}" if line.kind == "elsewhere" else ""
    yield f"\n#{line.number}{where} (turn {line.turn}), {faces.stamp(line.at)}, {faces.name(line.speaker)}, {span}: {_short(line.text)}\n"
    chosen = ", ".join(f"{name} {value:g}" for name, value in line.signals.items())
    terms = f"; shares {', '.join(line.terms)}" if line.terms else ""
    yield f"    {line.kind}{f', score {line.score:.2f}' if line.score else ''}{f' ({chosen})' if chosen else ''}{terms}\n"
    if line.retention is not None:
        kept = line.retention
        parts = f"salience {kept.salience:g}, use {kept.use:g}, recency {kept.recency:g}{', pinned' if kept.pinned else ''}"
        yield f"    retention {kept.total:g} ({parts})\n"


def _short(text: str) -> str:
    text = " ".join(faces.plain(text).split())
    return text if len(text) <= _SHOWN_CHARS else text[:_SHOWN_CHARS] + "..."
