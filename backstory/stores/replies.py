"""The SQL of answers that clients build on by their ids, for providers that keep none. In transactions of the caller's.

Rules: each answer is stored with what was said since the one before it, so that a conversation is stored once. What a conversation began
with is used with all that comes of it; what is not used for longest goes. An answer goes with the conversation that memory knows it by, and
with any turn of that.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

from backstory.core.records import KeptReply
from backstory.stores.rows import REPLIES, Connection, insert, pack, unpack, update

MOST_BYTES = 256 << 20
"""What all of them may take."""
MOST_S = 30 * 86_400.0
"""They are kept for so long after their last use: as long as OpenAI keeps its own."""
# Use is noted once in so many seconds.
_NOTED_S = 3_600.0
# Of so many answers one has a look at the size of all.
_LOOKS = 32
_REPLY = insert("replies", REPLIES, f"(whose, name) DO UPDATE SET {update(REPLIES[2:])}")
_ALIAS = "response:"


def put(db: Connection, replies: Sequence[KeptReply], most_bytes: int = MOST_BYTES) -> None:
    """Store them, in this order. One that builds on an answer that is not there is left out."""
    for one in replies:
        root = one.first
        if one.previous:
            found = db.all("SELECT root FROM replies WHERE whose = ? AND name = ?", (one.whose, one.previous))
            if not found:
                continue
            root = found[0][0]
            db.run(
                "UPDATE replies SET used = ? WHERE whose = ? AND root = ? AND used < ?",
                (one.created, one.whose, root, one.created - _NOTED_S),
            )
        said = pack(one.said)
        db.run(_REPLY, (one.whose, one.name, one.principal, root, one.previous, said, len(said), one.created))
        if not zlib.crc32(one.name.encode("utf-8", "replace")) % _LOOKS:
            make_room(db, one.created, most_bytes)


def make_room(db: Connection, now: float, most_bytes: int = MOST_BYTES) -> None:
    """Remove what has not been used for too long, and of the rest so much that it fits."""
    db.run("DELETE FROM replies WHERE used < ?", (now - MOST_S,))
    total = db.all("SELECT coalesce(sum(size), 0) FROM replies")[0][0]
    if total > most_bytes:
        summed = "SELECT used, sum(size) OVER (ORDER BY used DESC, name) AS total FROM replies"
        last = db.all(f"SELECT max(used) FROM ({summed}) AS summed WHERE total > ?", (most_bytes,))[0][0]
        db.run("DELETE FROM replies WHERE used <= ?", (last,))


def chain(db: Connection, whose: str, name: str) -> list[bytes]:
    """See Store. Cost grows with the conversation."""
    sql = (
        "SELECT r.name, r.previous, r.said FROM replies r"
        " WHERE r.whose = ? AND r.root = (SELECT root FROM replies WHERE whose = ? AND name = ?)"
    )
    links = {row[0]: (row[1], row[2]) for row in db.all(sql, (whose, whose, name))}
    out: list[bytes] = []
    while name:
        found = links.pop(name, None)
        if found is None:
            return []
        name, said = found
        out.append(unpack(said))
    return out[::-1]


def forget_conversation(db: Connection, key: int) -> int:
    """Those that memory knows as answers of the conversation of this number; how many."""
    named = "SELECT substr(name, ?) FROM aliases WHERE conversation = ? AND name LIKE ?"
    roots = f"SELECT root FROM replies WHERE name IN ({named})"
    return db.run(f"DELETE FROM replies WHERE root IN ({roots})", (len(_ALIAS) + 1, key, f"{_ALIAS}%"))


def forget_principal(db: Connection, principal: str) -> int:
    """All that this principal was answered; how many."""
    return db.run("DELETE FROM replies WHERE principal = ?", (principal,))
