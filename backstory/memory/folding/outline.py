"""What of a request goes upstream before anything is recalled, at a cost that grows with what is new.

A thread keeps what is settled of its history (identity/settled.py): of a request that goes on from it, only the items after that are
looked at. Whatever else may have changed (the path, the boundary, what was injected, the places or words of a message) is checked first;
where something has, every item is looked at again.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from backstory.core.edits import Edit
from backstory.memory.folding.assembly import earlier_injections, fold, kept_items
from backstory.memory.identity.settled import Fold, Settled
from backstory.memory.identity.thread import Thread
from backstory.memory.reading.requests import Reading

# Fewer items are looked at each time, and so many more before those that were settled since are added.
_LEAST, _STEP = 24, 16


class Outline(Struct, frozen=True):
    """`rest`: the items that go up, less those of `settled`. `edits`: what was injected before, at those that go up; `injected`: the turns
    in these blocks; `blocks`: their tokens. `tokens`: of the turns on the path that go up."""

    folded: Fold | None
    settled: Settled | None
    rest: Sequence[int]
    edits: list[Edit]
    injected: frozenset[int]
    blocks: int
    tokens: int


def outline(thread: Thread, reading: Reading, boundary: int) -> Outline:
    """The request with the first `boundary` turns of the path folded, 0 for none: as far as it carries them."""
    if boundary not in (0, thread.boundary):
        folded = fold(thread, reading, boundary)
        return _outline(thread, reading, folded, None, kept_items(reading, folded))
    settled, count = _known(thread, reading, boundary), len(reading.lines)
    if settled is None:
        folded = fold(thread, reading, boundary)
        kept = kept_items(reading, folded)
        settled = _first(thread, reading, boundary, folded, kept)
        thread.settled = settled
        rest = kept if settled is None else [item for item in kept if item >= settled.count]
        return _outline(thread, reading, folded, settled, rest)
    if count - settled.count > _STEP:
        settled = _more(thread, reading, settled)
    thread.settled = replace(settled, digest=reading.digest)
    return _outline(thread, reading, settled.folded, settled, range(settled.count, count))


def _outline(thread: Thread, reading: Reading, folded: Fold | None, settled: Settled | None, rest: Sequence[int]) -> Outline:
    edits, injected, blocks = earlier_injections(thread, reading, rest)
    tokens = _tokens(thread, reading, rest)
    if settled is None:
        return Outline(folded, None, rest, edits, frozenset(injected), blocks, tokens)
    return Outline(
        folded,
        settled,
        rest,
        [*settled.edits, *edits],
        settled.injected | injected if injected else settled.injected,
        settled.blocks + blocks,
        settled.tokens + tokens,
    )


def _known(thread: Thread, reading: Reading, boundary: int) -> Settled | None:
    """What is settled of this very history, None where nothing is."""
    settled = thread.settled
    if settled is None or (settled.version, settled.rewritten, settled.boundary) != (thread.version, thread.rewritten, boundary):
        return None
    count, places = settled.count, reading.places
    same = reading.before == settled.digest and reading.reused >= count and reading.summary < 0
    if not same or places[:count] != settled.places or any(0 <= place < boundary for place in places[count:]):
        return None
    return settled


def _first(thread: Thread, reading: Reading, boundary: int, folded: Fold | None, kept: Sequence[int]) -> Settled | None:
    """What is settled, from every item. None where too little is, or where it cannot be told yet what is folded. Nothing is of a history
    with its client's summary in it: the block at that is known by another name than those at turns."""
    count = _settled(reading)
    if count < _LEAST or reading.summary >= 0 or (boundary and (folded is None or folded.before >= count)):
        return None
    nothing = Settled(
        thread.version, thread.rewritten, boundary, reading.digest, 0, [], folded, (), frozenset(), 0, 0, frozenset(), 0, frozenset()
    )
    return _added(thread, reading, nothing, count, [item for item in kept if item < count])


def _more(thread: Thread, reading: Reading, settled: Settled) -> Settled:
    """The same with what was settled since."""
    count = _settled(reading)
    return _added(thread, reading, settled, count, range(settled.count, count)) if count > settled.count else settled


def _added(thread: Thread, reading: Reading, settled: Settled, count: int, items: Sequence[int]) -> Settled:
    """The same up to `count` items, of which these go up."""
    edits, injected, blocks = earlier_injections(thread, reading, items)
    places, path = reading.places, thread.path
    carried = {places[item] for item in items if places[item] >= 0}
    upto = max(settled.upto, max(carried, default=-1) + 1)
    back = {path[place].id for place in carried if place < settled.upto}
    gone = {path[place].id for place in range(settled.upto, upto) if place not in carried}
    return replace(
        settled,
        count=count,
        places=places[:count],
        edits=(*settled.edits, *edits),
        injected=settled.injected | injected,
        blocks=settled.blocks + blocks,
        tokens=settled.tokens + _tokens(thread, reading, items),
        carried=settled.carried | carried,
        upto=upto,
        gone=(settled.gone - back) | gone,
    )


def _settled(reading: Reading) -> int:
    """How many items are settled: those up to the last that has its turn. What follows is new, and will have one the next time."""
    places = reading.places
    return next((item + 1 for item in range(len(places) - 1, -1, -1) if places[item] >= 0), 0)


def _tokens(thread: Thread, reading: Reading, items: Sequence[int]) -> int:
    places, path = reading.places, thread.path
    return sum([path[places[item]].tokens for item in items if places[item] >= 0])
