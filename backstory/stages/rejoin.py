"""Exchanges that were journalled before memory had looked at them, taken in after the process has died.

Rule: what such an exchange goes on with is found as a request would find it, by the names its client gave and by what was said, among what
is stored; of its history only what is not stored becomes turns. All that is decided follows from the entry and the store, ids too, so that
a second reading of the same journal adds nothing. Where nothing stored is told by it, it begins a conversation, which the next request
with its history goes on with.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from itertools import islice

from msgspec import Struct
from msgspec.structs import replace

from backstory.core.records import Arrival, Batch, Conversation, Turn, moved_to
from backstory.core.store import Store
from backstory.memory.identity import excerpt
from backstory.memory.identity.alignment import align, anchor
from backstory.memory.identity.thread import Thread
from backstory.memory.reading.turns import chain as chain_on
from backstory.stages.excerpts import OFTEN, contradicts, elsewhere
from backstory.stages.loading import load_thread
from backstory.stages.names import ANSWERS

# Ends of so many exchanges are kept, for what was journalled after them.
_MOST_ENDS = 4096
# An unnamed history that begins unlike any stored one is compared with so many conversations at most.
_CANDIDATES = 4


class _End(Struct, frozen=True):
    """The last turn of an exchange, as it is stored."""

    conversation: str
    turn: int
    chain: bytes


class _Place(Struct, frozen=True):
    """Where rows go on: after this turn of a conversation, in it or in one forked off there. `known`: how many of the rows are stored."""

    conversation: str
    turn: int
    position: int
    chain: bytes
    known: int
    fork: bool = False


class Rejoin:
    """One recovery of journals. Its calls block, and see what was stored before; to be asked in the journal's order."""

    def __init__(self) -> None:
        self._ends: OrderedDict[bytes, _End] = OrderedDict()
        self._moved: dict[str, str] = {}
        self.begun = False
        """Whether there was an exchange that may have to be joined: entries after it are looked at, too."""

    def exchange(self, entry: Arrival, rows: Batch, store: Store) -> Batch:
        """What is new of an exchange, in the conversation that it goes on with. `rows`: as a conversation of its own."""
        if not rows.turns:
            return rows
        chains = [turn.chain for turn in rows.turns]
        stored: dict[bytes, list[tuple[str, int]]] = {}
        for chain, name, turn in store.chains(entry.principal, chains):
            stored.setdefault(chain, []).append((name, turn))
        if chains[-1] in stored:
            name, turn = stored[chains[-1]][-1]
            self._ended(_End(name, turn, chains[-1]))
            return Batch()
        named = _named(entry, store)
        place = _in_named(entry, rows.turns, named, store) if named is not None else _by_words(entry, rows, stored, store)
        if place is None:
            made = replace(rows, aliases=(*rows.aliases, *_aliases(entry, rows.conversations[0].id)), free=_free(entry))
            self._ended(_End(entry.conversation, rows.turns[-1].id, chains[-1]))
            return made
        return self._placed(entry, rows if named is not None else replace(rows, free=_free(entry)), place, store)

    def promised(self, rows: Batch, store: Store) -> Batch:
        """The rows of an entry that memory had looked at. What they follow may have been known to the dead process alone, and be stored
        from an entry before them: then they follow that."""
        rows = self._where_moved(rows, store)
        first = rows.turns[0] if rows.turns else None
        if first is None or not first.parent or not self._ends or store.turns_by_id([first.parent]):
            return rows
        end = next((end for end in reversed(self._ends.values()) if chain_on(end.chain, first.content) == first.chain), None)
        if end is None:
            return rows
        own = first.conversation
        if own != end.conversation:
            if store.whose(own) is not None:
                return rows
            self._moved[own] = end.conversation
            rows = self._where_moved(rows, store)
        return replace(rows, turns=(replace(rows.turns[0], parent=end.turn), *rows.turns[1:]))

    def _ended(self, end: _End) -> None:
        self._ends[end.chain] = end
        self._ends.move_to_end(end.chain)
        if len(self._ends) > _MOST_ENDS:
            self._ends.popitem(last=False)

    def _placed(self, entry: Arrival, rows: Batch, place: _Place, store: Store) -> Batch:
        stored = store.whose(place.conversation)
        if stored is None:
            return rows
        own = rows.conversations[0]
        if place.fork:
            record = replace(
                own, system_hash=stored.system_hash, forked_from=stored.id, fork_turn=place.turn, memory=stored.memory, label=stored.label
            )
        else:
            record = replace(stored, updated=max(stored.updated, entry.at), wire=own.wire, model=own.model or stored.model)
        turns: list[Turn] = []
        parent, chain = place.turn, place.chain
        for turn in rows.turns[place.known :]:
            chain = chain_on(chain, turn.content)
            position = place.position + 1 + len(turns)
            turns.append(replace(turn, conversation=record.id, parent=parent, position=position, chain=chain))
            parent = turn.id
        self._ended(_End(record.id, parent, rows.turns[-1].chain))
        if not turns:
            return Batch()
        keys = [*((whose, key, record.id) for whose, key, _ in rows.aliases), *_aliases(entry, record.id)]
        return replace(rows, conversations=(record,), turns=tuple(turns), aliases=tuple(keys))

    def _where_moved(self, rows: Batch, store: Store) -> Batch:
        """The rows, in the conversation that was found for theirs."""
        name = self._moved.get(rows.conversations[0].id) if rows.conversations else None
        stored = store.whose(name) if name is not None else None
        if name is None or stored is None:
            return rows
        record = replace(stored, updated=max(stored.updated, rows.conversations[0].updated))
        return replace(moved_to(rows, {rows.conversations[0].id: name}), conversations=(record,))


def _aliases(entry: Arrival, conversation: str) -> list[tuple[str, str, str]]:
    return [(entry.principal, key, conversation) for key in entry.names]


def _free(entry: Arrival) -> tuple[str, ...]:
    """Its names, where nobody has them, but those of answers, which are for their provider to give."""
    return tuple([key for key in entry.names if not key.startswith(ANSWERS)])


def _named(entry: Arrival, store: Store) -> Thread | None:
    """The conversation that its client names, or our marker; None where none of them is stored in its scope."""
    by_key = (store.alias(entry.principal, key) for key in entry.names)
    for name in (*filter(None, by_key), *entry.marked):
        record = store.conversation(entry.principal, name)
        thread = load_thread(store, record, entry.scope) if record is not None else None
        if thread is not None and (_is_of_scope(thread) or any(store.thinned(entry.principal, one) for one in thread.lineage)):
            return thread
    return None


def _is_of_scope(thread: Thread) -> bool:
    first = thread.path[0] if thread.path else None
    return first is None or first.chain == chain_on(thread.root, first.content)


def _in_named(entry: Arrival, turns: Sequence[Turn], thread: Thread, store: Store) -> _Place | None:
    """In a conversation that is sure to be the one: after what of the history it has, else at its end."""
    for known in range(len(turns), 0, -1):
        turn = thread.by_id.get(thread.by_chain.get(turns[known - 1].chain, 0))
        if turn is not None:
            return _after(thread.conversation, turn, known)
    return _aligned(thread, turns)


def _aligned(thread: Thread, turns: Sequence[Turn]) -> _Place:
    found = align(turns, thread.path)
    if found.tip < 0:
        return _Place(thread.conversation.id, 0, -1, thread.root, found.fresh)
    return _after(thread.conversation, thread.path[found.tip], found.fresh)


def _after(record: Conversation, turn: Turn, known: int, fork: bool = False) -> _Place:
    return _Place(record.id, turn.id, turn.position, turn.chain, known, fork)


def _by_words(entry: Arrival, rows: Batch, stored: dict[bytes, list[tuple[str, int]]], store: Store) -> _Place | None:
    """After the last turn that is stored with the same history, once an assistant has spoken in it. What goes on from a conversation's end
    belongs to that, unless its client has a name of its own for it; anything else is a conversation of its own from there."""
    turns = rows.turns
    known = next((count for count in range(len(turns), 0, -1) if turns[count - 1].chain in stored), 0)
    if not any(turn.role == "assistant" for turn in turns[:known]):
        return None if entry.names else _abridged(entry, rows, store)
    there = stored[turns[known - 1].chain]
    place: _Place | None = None
    for name, at in reversed(there):
        record, (turn,) = store.conversation(entry.principal, name), store.turns_by_id([at])
        if record is None:
            continue
        ends = not entry.names and not any(one.parent == at and one.complete for one in store.turns(name, after=at))
        if ends:
            return _after(record, turn, known)
        place = place or _after(record, turn, known, fork=True)
    return place


def _abridged(entry: Arrival, rows: Batch, store: Store) -> _Place | None:
    """In the conversation of whose end this history is a part; of none whose system prompt is another."""
    turns, system = rows.turns, rows.conversations[0].system_hash
    asked = turns[:-1] if turns[-1].role == "assistant" else turns
    words, rest = excerpt.run(asked)
    contents = excerpt.telling(words) if anchor(asked) else []
    said = {content: store.contents(entry.principal, content)[:OFTEN] for content in contents}
    found: list[Thread] = []
    for name in islice(dict.fromkeys(name for places in said.values() for name, _ in places), _CANDIDATES):
        record = store.conversation(entry.principal, name)
        meant = record is not None and not contradicts(record, system)
        thread = load_thread(store, record, entry.scope) if record is not None and meant else None
        stand = excerpt.stand(thread, words, rest) if thread is not None and _is_of_scope(thread) else None
        if thread is not None and stand is not None and excerpt.proven(thread, stand.end, contents, elsewhere(said)):
            found.append(thread)
    return _aligned(found[0], turns) if len(found) == 1 else None
