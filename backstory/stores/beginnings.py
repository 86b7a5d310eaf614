"""Which conversations have a message, begin with a history or end with it: looked up by hashes, within what one principal may see."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from backstory.stores.rows import Connection, marks, slices


def chains(db: Connection, principal: str, chains: Sequence[bytes]) -> list[tuple[bytes, str, int]]:
    """See Store. By turn id; cost grows with the number of chains asked for."""
    found: list[tuple[bytes, str, int]] = []
    for some in slices(chains):
        sql = (
            "SELECT t.chain, c.id, t.id FROM turns t JOIN conversations c ON c.key = t.conversation"
            f" WHERE t.chain IN ({marks(len(some))}) AND c.principal = ?"
        )
        found.extend((row[0], row[1], row[2]) for row in db.all(sql, (*some, principal)))
    return sorted(found, key=lambda row: row[2])


def deepest(db: Connection, principal: str, chains: Sequence[bytes], limit: int) -> list[str]:
    """See Store. Whoever has a hash of a history has those before it, so the last is found by halves; what everybody begins with costs no
    more than what one has."""
    sql = (
        "SELECT c.id FROM turns t JOIN conversations c ON c.key = t.conversation"
        " WHERE t.chain = ? AND c.principal = ? ORDER BY t.id DESC LIMIT ?"
    )
    deep = bisect_left(range(len(chains)), True, key=lambda place: not db.all(sql, (chains[place], principal, 1)))
    found: dict[str, None] = {}
    for chain in reversed(chains[:deep]):
        found.update(dict.fromkeys(row[0] for row in db.all(sql, (chain, principal, limit))))
        if len(found) >= limit:
            break
    return list(found)[:limit]


def ended(db: Connection, principal: str, chain: bytes, limit: int) -> list[str]:
    """See Store."""
    sql = (
        "SELECT c.id FROM turns t JOIN conversations c ON c.key = t.conversation"
        " WHERE t.chain = ? AND c.last_turn = t.id AND c.principal = ? ORDER BY t.id DESC LIMIT ?"
    )
    return [row[0] for row in db.all(sql, (chain, principal, limit))]


def contents(db: Connection, principal: str, content: bytes, limit: int) -> list[tuple[str, int]]:
    """See Store."""
    sql = (
        "SELECT c.id, t.id FROM turns t JOIN conversations c ON c.key = t.conversation"
        " WHERE t.content = ? AND t.kind = 'spoken' AND c.principal = ? ORDER BY t.id DESC LIMIT ?"
    )
    return [(row[0], row[1]) for row in db.all(sql, (content, principal, limit))]
