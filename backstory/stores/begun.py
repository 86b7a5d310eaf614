"""Conversations that were begun in two places at once under one name. In a transaction of the caller's.

Rules: the one that is stored first has the name. What was said in the other is stored in that one, so that whatever is asked, told or
forgotten by the name is asked, told and forgotten of all of it; the other is never there, and its own id leads to the one that is. One that
is stored is not moved: its client has given it a name more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from backstory.core.records import Batch, moved_to
from backstory.stores.rows import ALIASES, Connection, insert

_ALIAS = insert("aliases", ALIASES, "DO NOTHING")
# Jobs go by the order of turns: those that come with lower numbers than a job has seen are looked at all the same.
_AGAIN = (
    "UPDATE watermarks SET owner = '', lease_until = 0, fence = fence + 1, turn = ? WHERE turn >= ?"
    " AND conversation = (SELECT key FROM conversations WHERE id = ?)"
)


class Placed(Struct, frozen=True):
    """Batches, each row in the conversation that has its name. `moved`: as in Store. `lost`: principal, id and winner of what was moved
    only now. `first`: by conversation, the lowest number of the turns that were moved to it."""

    batches: Sequence[Batch]
    moved: Mapping[str, str]
    lost: Sequence[tuple[str, str, str]] = ()
    first: Mapping[str, int] = {}


def placed(db: Connection, batches: Sequence[Batch], moved: Mapping[str, str], late: Callable[[str, str, float], bool]) -> Placed:
    """These batches, where some of them may have to be moved. One look for each name that nobody had when it was given. `late`: whether
    what was made at this time, of this principal in this conversation, was forgotten: what is not stored has no name."""
    if not moved and not any(batch.free for batch in batches):
        return Placed(batches, moved)
    found, lost = {**moved}, list[tuple[str, str, str]]()
    owners: dict[tuple[str, str], str] = {}
    there: set[str] = set()
    first: dict[str, int] = {}
    rows: list[Batch] = []
    for batch in batches:
        refused = {record.id for record in batch.conversations if batch.free and late(record.principal, record.id, record.updated)}
        for principal, name, own in batch.aliases if batch.free else ():
            if name not in batch.free or own in found or own in refused:
                continue
            owner = owners.get((principal, name)) or _owner(db, principal, name)
            if owner is None or owner == own:
                owners[principal, name] = own
            elif own not in there and not _stored(db, own):
                found[own] = found.get(owner, owner)
                lost.append((principal, own, found[own]))
        there.update(record.id for record in batch.conversations if record.id not in found)
        for turn in batch.turns:
            if (winner := found.get(turn.conversation)) is not None:
                first[winner] = min(turn.id, first.get(winner, turn.id))
        rows.append(moved_to(batch, found) if found else batch)
    return Placed(rows, found if lost else moved, lost, first)


def settle(db: Connection, done: Placed) -> None:
    """What follows from it, once the rows are written."""
    for principal, own, winner in done.lost:
        keys = db.all("SELECT key FROM conversations WHERE id = ?", (winner,))
        db.many(_ALIAS, [(principal, own, key) for (key,) in keys])
    for name, turn in done.first.items():
        db.run(_AGAIN, (turn - 1, turn, name))


def _owner(db: Connection, principal: str, name: str) -> str | None:
    sql = "SELECT c.id FROM aliases a JOIN conversations c ON c.key = a.conversation WHERE a.principal = ? AND a.name = ?"
    found = db.all(sql, (principal, name))
    return found[0][0] if found else None


def _stored(db: Connection, name: str) -> bool:
    return bool(db.all("SELECT 1 FROM conversations WHERE id = ?", (name,)))
