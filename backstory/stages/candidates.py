"""A small index of what may answer a question, where the whole of a conversation is not indexed in memory (yet): what the store's
full-text search finds, what the part that is indexed already has, and what stands in turns that neither has got to.

Rule: nothing here waits for background work, and the cost is bounded, however long the conversation.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice, zip_longest

from msgspec import Struct

from backstory.core.records import Turn
from backstory.core.store import Store
from backstory.memory.identity.thread import Thread, place_of
from backstory.memory.reading.speakers import names_in
from backstory.memory.recall import oneself
from backstory.memory.recall.associations import MARK
from backstory.memory.recall.index import Index
from backstory.memory.recall.question import looked_at
from backstory.memory.recall.scan import MOST_TURNS, Mentions, mentions, units_about
from backstory.memory.recall.scoring import matches
from backstory.memory.recall.units import index_terms
from backstory.stages import worded

# So many in all; the best of them with one neighbour on both sides. Some 70 us each.
_CANDIDATES, _WITH_NEIGHBOURS = 48, 6
_INTRODUCED = 12
# The store knows nothing of branches: so many are asked for.
_HITS = 240
# Of the part that is indexed, so many postings are looked at.
_POSTINGS = 1500


class Branch(Struct, frozen=True):
    """What may be found: the first `upto` turns of a path, which may grow at its end meanwhile. `indexed`: of so many the thread's index
    knows."""

    path: Sequence[Turn]
    upto: int
    indexed: int

    def __contains__(self, turn: Turn) -> bool:
        return self.place(turn) >= 0

    def place(self, turn: Turn) -> int:
        """Where on the path it stands; -1 where it may not be found."""
        at = place_of(self.path, turn)
        return at if at < self.upto else -1


def owners(thread: Thread, branch: Branch) -> list[str]:
    """The conversations whose turns the branch has."""
    if not branch.upto:
        return [thread.conversation.id]
    return list(dict.fromkeys(turn.conversation for turn in (branch.path[0], branch.path[branch.upto - 1])))


def candidates(store: Store, thread: Thread, branch: Branch, question: Turn, pins: Collection[int], close: Collection[int] = ()) -> Index:
    """An index of those turns, with their neighbours, of pinned ones, and of those that are `close` in meaning. Blocks for some
    milliseconds."""
    path, upto, indexed = branch.path, branch.upto, branch.indexed
    aspects = oneself.asked(question.text)
    terms = list(dict.fromkeys((*index_terms(looked_at(question.text)[0]), *oneself.terms(aspects))))
    principal, mine = thread.conversation.principal, owners(thread, branch)
    stored = store.frequencies(terms)
    # Short turns that have most of the words can be many (the same question, asked again and again); the answer is where the rare ones are.
    hits = _found(store, principal, mine, terms)
    rare = _found(store, principal, mine, _rarest(terms, stored))
    known = _indexed(thread.family.index, terms) if indexed and not _tagged(store, path[indexed - 1]) else []
    new = mentions(_untagged(store, branch), terms, _CANDIDATES)
    wanted: set[int] = set()
    found = [_places(thread, branch, names) for names in (rare, hits, known, new.turns)]
    for rank, place in enumerate(islice(_in_turn(found), _CANDIDATES)):
        near = 1 if rank < _WITH_NEIGHBOURS else 0
        wanted.update(range(place - near, place + near + 1))
    for place in _places(thread, branch, close):
        wanted.update(range(place - 1, place + 2))
    wanted.update(_places(thread, branch, pins))
    # Who somebody is, they say first.
    wanted.update(range(_INTRODUCED if aspects else 0))
    index = Index(_frequencies(stored, thread.family.index, terms, new))
    names = thread.family.carry.names | names_in(path)
    for place in sorted(place for place in wanted if 0 <= place < upto):
        index.add(units_about(path[place], place + 1, terms, names))
    worded.candidates(thread, upto, terms, names, index, _CANDIDATES)
    return index


def _in_turn(found: Sequence[Sequence[int]]) -> Iterator[int]:
    """The best of each, then the second of each, and so on; each once."""
    return iter(dict.fromkeys(place for row in zip_longest(*found) for place in row if place is not None))


def _tagged(store: Store, turn: Turn) -> bool:
    """Whether full-text search knows this turn."""
    return turn.id <= store.tagged(turn.conversation)


def _places(thread: Thread, branch: Branch, found: Collection[int]) -> list[int]:
    """Where on the branch these turns are; those that are not on it are left out."""
    turns = (thread.by_id.get(name) for name in found)
    return [place for turn in turns if turn is not None and (place := branch.place(turn)) >= 0]


def _untagged(store: Store, branch: Branch) -> list[Turn]:
    """The newest turns, back to the first that the index or full-text search knows."""
    upto: dict[str, int] = {}
    found: list[Turn] = []
    for place in range(branch.upto - 1, branch.indexed - 1, -1):
        turn = branch.path[place]
        if turn.conversation not in upto:
            upto[turn.conversation] = store.tagged(turn.conversation)
        if turn.id <= upto[turn.conversation] or len(found) == MOST_TURNS:
            break
        found.append(turn)
    found.reverse()
    return found


def _indexed(index: Index, terms: Sequence[str]) -> list[int]:
    """The turns of the index that match best, the best first."""
    best = matches(index, dict.fromkeys(terms, 1.0), _CANDIDATES, _POSTINGS).best
    return list(dict.fromkeys(index.turns[place] for place in best))


def _found(store: Store, principal: str, owners: Sequence[str], terms: Sequence[str]) -> list[int]:
    """Turns that full-text search finds, the best first."""
    return [hit.turn for hit in store.search(principal, owners, terms, _HITS)] if terms else []


def _rarest(terms: Sequence[str], counts: Mapping[str, int]) -> list[str]:
    """The rarest word that is known. Beside others it would count for too little in a long turn."""
    words = [term for term in terms if term[0] != MARK and counts.get(term)]
    return [min(words, key=lambda term: counts[term])] if words else []


def _frequencies(stored: dict[str, int], index: Index, terms: Sequence[str], new: Mentions) -> dict[str, int]:
    """In how many turns each term occurs, by whoever knows of most of them, and how many turns that is of."""
    own, scanned = index.documents, new.counts[""]
    total = max(stored[""], own, scanned)
    if total == stored[""]:
        return stored
    if total == scanned:
        return new.counts
    return {**{term: count for term in terms if (count := index.document_frequency(term))}, "": own}
