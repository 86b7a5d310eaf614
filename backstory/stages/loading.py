"""What is stored of a conversation, read as a thread: its turns and those it shares, what was injected, folded, stubbed, pinned and set.

Rule: what is about to be forgotten is blank already, and so is what tells of it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from math import inf

from msgspec import Struct
from msgspec.structs import replace

from backstory.commands.forgetting import FORGET, veil
from backstory.core.records import Conversation, Digest, Injection, Spend, Stub, Turn, Wording
from backstory.core.store import About, Store
from backstory.core.tombs import human
from backstory.core.wishes import WISHES, spent, text_of, wishes_of
from backstory.memory.identity import named as identity
from backstory.memory.identity.thread import Thread, branch
from backstory.memory.reading.turns import root
from backstory.stages.veiled import veiled

_EVER = inf


def load_thread(store: Store, record: Conversation, scope: str, protects: Callable[[Sequence[Turn]], int] | None = None) -> Thread:
    """A stored conversation's thread. Blocks; some 30 us a turn. `protects`: see Thread."""
    thread = Thread(record, root(record.principal, scope), protects)
    ancestors = list(forked_from(store, record))
    thread.lineage = (record.id, *(one.id for one, _ in ancestors))
    waiting = veil(store.stated(FORGET, record.principal))
    turns, since = shown(load_turns(store, record), waiting)
    thread.hidden = frozenset(since)
    thread.add(branch(turns))
    for turn in turns:
        thread.know(turn)
    thread.lookups = {one.name: one for name in filter(None, (record.forked_from, record.id)) for one in store.lookups(name)}
    thread.pins.update(load_pins(store, record, {turn.conversation for turn in turns}))
    # What was inherited by a fork, the oldest ancestor's first: what had been sent when it was forked off is sent on.
    for one, made in [*reversed(ancestors), (record, _EVER)]:
        blocks = [it for it in store.injections(one.id) if it.created <= made and not tells(it, waiting, thread.by_chain)]
        thread.inject(replace(it, left=0.0) if it.left > made else it for it in blocks)
        thread.fold(veiled((it for it in store.digests(one.id) if it.created <= made), since, thread.by_id))
    thread.reword(load_wordings(store, record, thread.hidden))
    thread.stub(it for it in load_stubs(store, record) if it.turn not in thread.hidden)
    thread.settle_stubs()
    forgotten = [receipt.at for receipt in store.receipts() if any(name in receipt.what for name in thread.lineage)]
    left = [injection.left for injection in thread.injections.values()]
    settle_states(thread, with_inherited(*(store.states(name) for name in thread.lineage)))
    if spends := store.spends(record.id):
        thread.account.replay(spends)
        # There may be older ones: what was saved by them counts, and which they were does not.
        thread.account.balance(*store.balance(record.id, thread.account.purse.known))
    thread.loosened = max([*waiting.values(), *forgotten, *left, _otherwise(thread, spends, turns)], default=0.0)
    return thread


def _otherwise(thread: Thread, spends: Sequence[Spend], turns: Sequence[Turn]) -> float:
    """When the last answer was there to a request that went up with something else in it than the next one will, 0 where there is none:
    what was reasoned behind that goes no further. Either more was in front of a history that its client cuts, and what that was is not
    known any more; or it went up as it came, memory being late, in a conversation that goes up changed."""
    traffic = [one for one in spends if one.kind == "traffic"]
    changes = [it.created for it in thread.injections.values() if not it.left] + [it.created for it in thread.digests]
    changes += [stub.created for stubs in thread.stubs.values() for stub in stubs]
    goes_bare = thread.account.pure or not thread.conversation.memory
    since = inf if goes_bare else min(changes, default=inf)
    place = next((at for at in range(len(traffic) - 1, -1, -1) if _added(traffic[at]) or _bare(traffic[at], since)), -1)
    if place < 0:
        return 0.0
    after = traffic[place + 1].id if place + 1 < len(traffic) else inf
    return max([turn.arrived for turn in turns if traffic[place].id <= turn.id < after], default=0.0)


def _added(one: Spend) -> bool:
    return not one.rewritten and one.tokens_sent > one.tokens_in


def _bare(one: Spend, since: float) -> bool:
    return one.tokens_sent == one.tokens_in and not one.stopped and one.at > since


def shown(turns: Sequence[Turn], going_since: Mapping[int, float]) -> tuple[list[Turn], dict[int, float]]:
    """These turns, blank where they are about to be forgotten, and since when, by id. What has answered one of them since goes with it.
    Takes them by id."""
    since = {turn.id: going_since[turn.id] for turn in turns if turn.id in going_since}
    if not since:
        return list(turns), {}
    questions = {turn.id for turn in turns if turn.id in since and human(turn)}
    blank: list[Turn] = []
    for turn in turns:
        if turn.id not in since and turn.parent in questions and not human(turn) and turn.arrived > since[turn.parent]:
            since[turn.id] = since[turn.parent]
            questions.add(turn.id)
        blank.append(replace(turn, text="", calls="", raw=b"") if turn.id in since else turn)
    return blank, since


def load_shown(store: Store, record: Conversation) -> tuple[list[Turn], dict[int, float]]:
    """`shown` for the turns of `load_turns`. Blocks."""
    return shown(load_turns(store, record), veil(store.stated(FORGET, record.principal)))


class Beside(Struct, frozen=True):
    """What is stored of a conversation: its turns and those it shares, as `shown`; of this conversation itself what was injected and may be
    told, what was folded, its stubs, and what its client's history said otherwise."""

    turns: list[Turn]
    since: dict[int, float]
    injections: list[Injection]
    digests: list[Digest]
    stubs: list[Stub]
    wordings: list[Wording]


def load_beside(store: Store, record: Conversation) -> Beside:
    """Blocks; cost grows with the turns."""
    waiting = veil(store.stated(FORGET, record.principal))
    turns, since = shown(load_turns(store, record), waiting)
    chains = {turn.chain: turn.id for turn in turns}
    blocks = [one for one in store.injections(record.id) if not tells(one, waiting, chains)]
    return Beside(turns, since, blocks, store.digests(record.id), store.stubs(record.id), store.wordings(record.id))


def learn(thread: Thread, stored: Beside) -> None:
    """Let a thread that is in use know what another process has stored: turns as another branch, what went up with them, and what was
    folded. What is decided here stays."""
    thread.hidden |= frozenset(stored.since)
    for turn in stored.turns:
        thread.know(turn)
    known = thread.injections.keys() | thread.withheld
    news = [one for one in stored.injections if one.chain in thread.by_chain and one.chain not in known]
    if any(turn not in thread.by_id for one in news for turn in one.turns):
        # Whether what was said elsewhere may be told in its room now is looked at anew.
        thread.told_in = None
    thread.inject(news)
    digests = {digest.id for digest in thread.digests}
    thread.fold(veiled((one for one in stored.digests if one.id not in digests), stored.since, thread.by_id))
    # As they are stored: of those that stand for the same turns one is the newest, whoever made it.
    thread.digests.sort(key=lambda digest: (digest.created, digest.id))
    thread.stub(stub for stub in stored.stubs if stub.turn not in thread.hidden)
    thread.settle_stubs()
    thread.reword(one for one in stored.wordings if one.turn not in thread.hidden)


def tells(injection: Injection, going_since: Mapping[int, float], by_chain: Mapping[bytes, int]) -> bool:
    """Whether it tells of a turn that is about to be forgotten, or stands at one."""
    return bool(going_since) and (by_chain.get(injection.chain, 0) in going_since or any(turn in going_since for turn in injection.turns))


def with_inherited(own: Mapping[str, str], *inherited: Mapping[str, str]) -> dict[str, str]:
    """What is set for a conversation, with what is for those that it was forked from, the nearest first."""
    found: dict[str, str] = {}
    for one in reversed(inherited):
        found.update({name: value for name, value in one.items() if name != FORGET})
    return {name: value for name, value in {**found, **own}.items() if value}


def heed(thread: Thread, found: Mapping[str, About]) -> None:
    """Let a thread know what is set for its conversation. What held for one request that is over stays taken back."""
    record, before = thread.conversation, thread.states
    if record.id not in found:
        return
    label, memory, own, _ = found[record.id]
    if (record.memory, record.label) != (memory, label):
        thread.conversation = replace(record, memory=memory, label=label)
    states = with_inherited(own, *(found[name][2] for name in thread.lineage[1:] if name in found))
    wishes = wishes_of(states, record.id, record.created)
    if wishes.once and before.get(WISHES, "") == text_of(spent(wishes)):
        states[WISHES] = before[WISHES]
    if states != before:
        # Where it belongs is among it.
        thread.states, thread.home = states, None


def load_told(store: Store, names: Sequence[str], own: str, after: int) -> tuple[dict[str, About], list[int]]:
    """What is told of these conversations, and the numbers of what the one (`own`, "" for none) has after this one. Blocks."""
    return store.abouts(names), store.numbers(own, after) if own else []


def by_client(store: Store, principal: str, named: str) -> set[str]:
    """The conversations to which their clients have given this name, those of projects where none has it without one. Blocks."""
    keys = identity.keys(named)
    told = {store.alias(principal, key) for key in keys} - {None}
    if not told:
        told = {row[2] for key in keys for row in store.recent_aliases(identity.within(key), -1.0) if row[0] == principal}
    return {name for name in told if name is not None}


def settle_states(thread: Thread, states: Mapping[str, str]) -> None:
    """Let the thread know what was set. An empty value: no longer."""
    if states:
        thread.states = {name: value for name, value in {**thread.states, **states}.items() if value}


def forked_from(store: Store, record: Conversation) -> Iterator[tuple[Conversation, float]]:
    """The conversations that this one was forked from, the nearest first, each with the time until which it shares what they have."""
    seen, made = {record.id}, record.created
    while record.forked_from and record.forked_from not in seen:
        seen.add(record.forked_from)
        before = store.conversation(record.principal, record.forked_from)
        if before is None:
            return
        yield before, made
        record, made = before, min(made, before.created)


def leads_to(store: Store, principal: str, name: str, origins: Collection[str]) -> bool:
    """Whether this conversation was forked off one of the `origins`, at once or over others. Blocks."""
    record = store.conversation(principal, name)
    return record is not None and any(one.id in origins for one, _ in forked_from(store, record))


def load_stubs(store: Store, record: Conversation) -> list[Stub]:
    """The stubs of a conversation, and those that were decided for turns that it shares before it was forked off."""
    stubs = store.stubs(record.id)
    for one, made in forked_from(store, record):
        stubs = [stub for stub in store.stubs(one.id) if stub.created <= made] + stubs
    return stubs


def load_wordings(store: Store, record: Conversation, hidden: Collection[int] = ()) -> list[Wording]:
    """What its client's history said otherwise than the turns of a conversation, and of those that it was forked from until then; but for
    what is about to be forgotten."""
    found = store.wordings(record.id)
    for one, made in forked_from(store, record):
        found = [it for it in store.wordings(one.id) if it.arrived <= made] + found
    return [it for it in found if it.turn not in hidden]


def load_turns(store: Store, record: Conversation) -> list[Turn]:
    """The turns of a conversation and those it shares with the one it was forked from, by id: up to where it was forked off, and those
    after that place on which its own rest. Blocks; cost grows with the turns."""
    turns = store.turns(record.id)
    upto = record.fork_turn
    for one, _ in forked_from(store, record):
        theirs = {turn.id: turn for turn in store.turns(one.id)}
        there = {turn.id for turn in turns}
        kept = {turn for turn in theirs if turn <= upto}
        for turn in turns:
            at = turn.parent
            while at in theirs and at not in kept and at not in there:
                kept.add(at)
                at = theirs[at].parent
        turns = sorted([*(theirs[turn] for turn in kept), *turns], key=lambda turn: turn.id)
        upto = one.fork_turn
    return turns


def load_pins(store: Store, record: Conversation, shared: Collection[str]) -> set[int]:
    """The pinned turns of a conversation and of those that it shares turns with."""
    return {turn for name in {record.id, *shared} for turn in store.pins(name)}
