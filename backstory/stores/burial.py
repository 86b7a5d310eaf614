"""Tombs in SQL: what keeps a forgotten turn forgotten, and what becomes of turns that come after a forgetting and build on what is gone.

Rules: a turn that was forgotten is not stored again, whatever brings it. What answers a forgotten question is forgotten with it, also when
it comes later. Any other turn hangs on the nearest turn before it that is there. A block or a digest that tells of what is gone is refused.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from backstory.core.records import Digest, Turn
from backstory.core.tombs import MOST_UNKEPT, UNKEPT, WHOLE, Tomb, Tombs, human, mark
from backstory.stores import wordings
from backstory.stores.rows import KEYS, TOMBS, Connection, insert, marks, slices

_KEY = "tombs"
_KEY_BYTES = 32
_TOMB = insert("tombs", TOMBS, "DO NOTHING")
_ADDED = insert("keys", KEYS, "DO NOTHING")
# A number begins with its milliseconds; at one of so many, what is too old is removed.
_MILLISECONDS, _SOMETIMES = 22, 500
# Another process learns of a forgetting within a second; what it made of its memory before that is not taken in.
_LEARNT_S = 5.0


def key_of(db: Connection) -> bytes:
    """The key of this database's marks, b"" where nothing was buried yet."""
    found = db.all("SELECT value FROM keys WHERE name = ?", (_KEY,))
    return bytes(found[0][0]) if found else b""


def tombs(db: Connection) -> Tombs:
    """See Store."""
    key = key_of(db)
    return Tombs(key, (Tomb(*row) for row in db.all(f"SELECT {','.join(TOMBS)} FROM tombs ORDER BY turn"))) if key else Tombs()


def bury(db: Connection, turn_ids: Iterable[int], also: Collection[str], whole: bool, now: float) -> None:
    """Tombs for these stored turns, before they are removed. `also`: conversations that share them. `whole`: theirs goes with them."""
    key = _made(db)
    wanted = sorted(turn_ids)
    for some in slices(wanted):
        found = db.all(
            "SELECT t.id, c.id, c.principal, t.parent, t.role, t.kind, t.chain, t.content"
            f" FROM turns t JOIN conversations c ON c.key = t.conversation WHERE t.id IN ({marks(len(some))})",
            some,
        )
        rows = []
        for turn, name, principal, parent, role, kind, chain, content in found:
            asked = role == "user" and kind == "spoken"
            told = (asked, mark(key, chain), mark(key, content), now)
            rows.append((turn, name, principal, WHOLE if whole else parent, *told))
            rows.extend((turn, other, principal, parent, *told) for other in also if other != name)
        db.many(_TOMB, rows)
    worded = wordings.tombs(db, key, wanted, also, whole, now)
    db.many(_TOMB, [tuple(getattr(one, column) for column in TOMBS) for one in worded])


def lay(db: Connection, wanted: Sequence[tuple[int, str, bytes, float]]) -> None:
    """See Store."""
    if not wanted or db.all("SELECT 1 FROM tombs WHERE turn = ? AND conversation = ?", (wanted[0][0], UNKEPT)):
        return
    key, more = _made(db), _behind(db, wanted[0][0])
    db.many(_TOMB, [(number + more, UNKEPT, principal, WHOLE, True, mark(key, chain), 0, at) for number, principal, chain, at in wanted])
    if (wanted[-1][0] >> _MILLISECONDS) % _SOMETIMES == 0:
        sql = "SELECT turn FROM tombs WHERE conversation = ? ORDER BY turn DESC LIMIT 1 OFFSET ?"
        for (oldest,) in db.all(sql, (UNKEPT, MOST_UNKEPT)):
            db.run("DELETE FROM tombs WHERE conversation = ? AND turn <= ?", (UNKEPT, oldest))


def _behind(db: Connection, number: int) -> int:
    """What is added to this number to be larger than all that was laid: another process has a clock that is ahead. In whole milliseconds,
    so that no two processes come to the same number. Looks at each of them in an index."""
    newest = db.all("SELECT coalesce(max(turn + 0), 0) FROM tombs WHERE conversation = ?", (UNKEPT,))[0][0]
    return ((newest >> _MILLISECONDS) + 1 - (number >> _MILLISECONDS)) << _MILLISECONDS if newest >= number else 0


def laid(db: Connection, after: int) -> tuple[bytes, list[Tomb]]:
    """See Store. Costs what came after."""
    # The other side of the comparison keeps SQLite from walking all of them by conversation.
    sql = f"SELECT {','.join(TOMBS)} FROM tombs WHERE turn > ? AND conversation || '' = ? ORDER BY turn"
    found = [Tomb(*row) for row in db.all(sql, (after, UNKEPT))]
    return (key_of(db) if found else b""), found


def entomb(db: Connection, conversation: str, also: Collection[str]) -> None:
    """The tombs of this conversation, which goes as a whole: those of turns that were forgotten before it hold for its principal, too.
    `also`: conversations that share its turns, and do not know after it whose they were."""
    left = db.all(f"SELECT {','.join(TOMBS)} FROM tombs WHERE conversation = ? AND parent <> {WHOLE}", (conversation,))
    db.many(_TOMB, [(turn, other, *rest) for turn, _, *rest in left for other in also])
    db.run(f"UPDATE tombs SET parent = {WHOLE} WHERE conversation = ? AND parent <> {WHOLE}", (conversation,))


def answers(db: Connection, since: Mapping[int, float]) -> set[int]:
    """See Store."""
    wanted = sorted(since)
    at: dict[int, float] = {}
    names: set[str] = set()
    for some in slices(wanted):
        sql = (
            "SELECT t.id, c.id FROM turns t JOIN conversations c ON c.key = t.conversation"
            f" WHERE t.id IN ({marks(len(some))}) AND t.role = 'user' AND t.kind = 'spoken'"
        )
        for turn, name in db.all(sql, some):
            at[turn] = since[turn]
            names.add(name)
    if not at:
        return set()
    sql = (
        "SELECT t.id, t.parent, t.arrived FROM turns t JOIN conversations c ON c.key = t.conversation"
        " WHERE (c.id = ? OR c.forked_from <> '') AND t.arrived > ? AND NOT (t.role = 'user' AND t.kind = 'spoken') ORDER BY t.id"
    )
    for name in sorted(names):
        for turn, parent, arrived in db.all(sql, (name, min(at.values()))):
            if parent in at and arrived > at[parent] and turn not in since:
                at[turn] = at[parent]
    return set(at).difference(since)


def buried(db: Connection, turn_ids: Collection[int]) -> set[int]:
    """Those of these turns that were forgotten."""
    return set(_graves(db, turn_ids))


def known(db: Connection, conversation: str, chain: bytes) -> bool:
    """Whether the turn that this history ends with was forgotten in this conversation."""
    sql = "SELECT 1 FROM tombs WHERE conversation = ? AND chain = ? LIMIT 1"
    return bool(db.all(sql, (conversation, mark(key_of(db), chain))))


def any_of(db: Connection, conversation: str) -> bool:
    """Whether a turn of this conversation was forgotten, its own or one that it shared."""
    return bool(db.all("SELECT 1 FROM tombs WHERE conversation = ? LIMIT 1", (conversation,)))


def stale(db: Connection, digest: Digest) -> bool:
    """Whether something that this digest stands for was forgotten when it was made, or since."""
    sql = "SELECT 1 FROM tombs WHERE conversation = ? AND turn <= ? AND at >= ? LIMIT 1"
    return bool(db.all(sql, (digest.conversation, digest.upto_turn, digest.created - _LEARNT_S)))


def sift(db: Connection, turns: Sequence[tuple[Turn, int, str, bool]]) -> list[tuple[Turn, int]]:
    """Those of these new turns that may be stored, each hung where it belongs now, with its conversation's number; the others are buried.
    Takes turns in order, each with the number of its conversation (0: there is none), its principal, and whether it is known to be gone.
    """
    key = _made(db)
    graves = _graves(db, {number for turn, *_ in turns for number in (turn.id, turn.parent)})
    stored = _stored(db, [turn.id for turn, *_ in turns])
    known = _known(db, key, [turn for turn, *_ in turns])
    positions: dict[int, int] = {}
    taken: list[tuple[Turn, int]] = []
    for turn, number, principal, gone in turns:
        if turn.id in stored or graves.get(turn.id, _NONE).parent != WHOLE:
            continue
        answers = not human(turn) and turn.parent not in positions and graves.get(turn.parent, _NONE).question
        if gone or answers or (turn.conversation, mark(key, turn.chain)) in known:
            graves[turn.id] = _Grave(turn.parent, answers or human(turn))
            row = (turn.id, turn.conversation, principal, turn.parent if number else WHOLE, answers or human(turn))
            db.many(_TOMB, [(*row, mark(key, turn.chain), mark(key, turn.content), turn.arrived)])
        elif number:
            hung = _hung(db, turn, graves, positions)
            positions[hung.id] = hung.position
            taken.append((hung, number))
    return taken


class _Grave(NamedTuple):
    """As in Tomb. Where a turn has several tombs, the parent that one of them knows."""

    parent: int
    question: bool


_NONE = _Grave(WHOLE, False)


def _hung(db: Connection, turn: Turn, graves: dict[int, _Grave], positions: dict[int, int]) -> Turn:
    """The turn as a child of the nearest turn before it that is there."""
    parent = turn.parent
    while parent in graves and parent not in positions:
        parent = max(graves[parent].parent, 0)
    if not parent:
        return replace(turn, parent=0) if turn.parent else turn
    if parent not in positions:
        found = db.all("SELECT position FROM turns WHERE id = ?", (parent,))
        if not found:
            return turn
        positions[parent] = found[0][0]
    # A number that it was shown under stays, where it is not one of those before it.
    place = max(turn.position, positions[parent] + 1)
    return turn if (turn.parent, turn.position) == (parent, place) else replace(turn, parent=parent, position=place)


def _graves(db: Connection, turn_ids: Collection[int]) -> dict[int, _Grave]:
    """Those of these turns that were forgotten, and those before them that were."""
    found: dict[int, _Grave] = {}
    wanted = sorted(turn for turn in turn_ids if turn)
    while wanted:
        before: set[int] = set()
        for some in slices(wanted):
            # Of the rows of one turn, one may not know the parent any more.
            sql = (
                "SELECT turn, max(parent), max(CASE WHEN question THEN 1 ELSE 0 END) FROM tombs"
                f" WHERE turn IN ({marks(len(some))}) GROUP BY turn"
            )
            for turn, parent, question in db.all(sql, some):
                found[turn] = _Grave(parent, bool(question))
                before.add(max(parent, 0))
        wanted = sorted(turn for turn in before if turn and turn not in found)
    return found


def _stored(db: Connection, turn_ids: Sequence[int]) -> set[int]:
    there: set[int] = set()
    for some in slices(turn_ids):
        there.update(row[0] for row in db.all(f"SELECT id FROM turns WHERE id IN ({marks(len(some))})", some))
    return there


def _known(db: Connection, key: bytes, turns: Sequence[Turn]) -> set[tuple[str, int]]:
    """Conversation and mark of those of these histories that were forgotten there."""
    by_name: dict[str, list[int]] = {}
    for turn in turns:
        by_name.setdefault(turn.conversation, []).append(mark(key, turn.chain))
    found: set[tuple[str, int]] = set()
    for name, chains in by_name.items():
        for some in slices(chains):
            sql = f"SELECT chain FROM tombs WHERE conversation = ? AND parent <> {WHOLE} AND chain IN ({marks(len(some))})"
            found.update((name, row[0]) for row in db.all(sql, (name, *some)))
    return found


def _made(db: Connection) -> bytes:
    found = key_of(db)
    if not found:
        found = secrets.token_bytes(_KEY_BYTES)
        db.run(_ADDED, (_KEY, found))
    return found
