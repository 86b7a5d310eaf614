"""What a client's history says otherwise than the turns of a conversation, as the reading commands show it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

from msgspec import Struct

from backstory.core.records import Conversation, Turn, Wording
from backstory.core.store import Store
from backstory.memory.identity import wordings
from backstory.stages.loading import load_wordings


class WordingRow(Struct, frozen=True, omit_defaults=True):
    """One wording of a turn, and since when it is kept. `raw`: the message's JSON as it came, where that is wanted."""

    at: float
    role: str
    text: str
    raw: str = ""


def rows_of(store: Store, record: Conversation, hidden: Collection[int], raw: bool) -> Mapping[int, tuple[WordingRow, ...]]:
    """By turn, but for those that are about to be forgotten."""

    def row(one: Wording) -> WordingRow:
        return WordingRow(one.arrived, one.role, one.text, one.raw.decode("utf-8", "replace") if raw else "")

    return {turn: tuple(map(row, some)) for turn, some in _by_turn(load_wordings(store, record, hidden)).items()}


def beside(store: Store, record: Conversation, path: Sequence[Turn]) -> list[Turn]:
    """What is kept beside these turns, as turns of the same numbers."""
    by_id = {turn.id: turn for turn in path}
    return [wordings.as_turn(one, by_id[one.turn]) for one in load_wordings(store, record) if one.turn in by_id]


def whole(store: Store, record: Conversation, turns: Sequence[Turn]) -> Sequence[Turn]:
    """These turns, their texts with what is kept beside them."""
    return wordings.beside(turns, _by_turn(load_wordings(store, record)))


def since(when: str) -> str:
    """What tells of a wording where the turn's own words stand above it."""
    return f"in its client's history since {when}"


def _by_turn(some: Iterable[Wording]) -> Mapping[int, Sequence[Wording]]:
    found: defaultdict[int, list[Wording]] = defaultdict(list)
    for one in some:
        found[one.turn].append(one)
    return found
