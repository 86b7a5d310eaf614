"""What a client's history says otherwise than its turns (memory/identity/wordings.py), in indexes and in what they bring.

Rule: it is told under the number of the turn beside which it is kept. Its units are no pieces of that turn's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from msgspec.structs import replace

from backstory.core.records import Turn
from backstory.memory.identity import wordings
from backstory.memory.identity.thread import Thread
from backstory.memory.identity.wordings import keys
from backstory.memory.recall.index import Index
from backstory.memory.recall.retrieval import Recalled
from backstory.memory.recall.scan import mentions, units_about
from backstory.memory.recall.units import Unit

_AT_ONCE_CHARS = 16_000
# No turn has so many pieces.
_FAR = 1_000_000


def unread(thread: Thread) -> Iterator[Turn]:
    """What the thread's index has not got, of what is kept beside its turns."""
    return wordings.unread(thread, thread.family.index) if thread.unread else iter(())


def few(thread: Thread) -> bool:
    """Whether so little of it may be lacking that it can be indexed at once."""
    return sum([len(thread.worded[key].text) for key in thread.unread]) <= _AT_ONCE_CHARS


def pieces(units: Iterable[Unit]) -> list[Unit]:
    """The units of such a turn."""
    return [replace(unit, piece=unit.piece + _FAR) for unit in units]


def candidates(thread: Thread, upto: int, terms: Sequence[str], names: set[str], index: Index, most: int) -> None:
    """Add to an index what may answer a question with these terms."""
    kept = {key: (one, base) for key, one, base in wordings.kept_beside(thread, upto)} if thread.worded else {}
    texts = [replace(base, id=key, text=one.text) for key, (one, base) in kept.items()]
    for key in mentions(texts, terms, most).turns if texts else ():
        turn = wordings.as_turn(*kept[key])
        index.add(pieces(units_about(turn, turn.position + 1, terms, names)))


def unsure(thread: Thread) -> set[int]:
    """The turns of which a block may tell either what they say or what is kept beside them, and the keys of that."""
    known = keys(thread)
    return {*known, *known.values()}


def brought(found: Recalled, thread: Thread) -> Recalled:
    """What was recalled, all of it of turns."""
    known = keys(thread)
    if not known:
        return found
    items = tuple(replace(one, turn=known.get(one.turn, one.turn)) for one in found.items)
    return replace(found, items=items, left=tuple(replace(one, turn=known.get(one.turn, one.turn)) for one in found.left))
