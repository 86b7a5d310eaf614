"""How spends are added up: the statements, in SQL that SQLite and PostgreSQL both read."""

from __future__ import annotations

from collections.abc import Sequence

from backstory.core.store import Spent
from backstory.stores.rows import USAGE, Value

_DAY_S = 86_400
# Cut, not rounded: PostgreSQL's CAST rounds.
_SECOND = "CAST(u.at AS BIGINT) - CASE WHEN CAST(u.at AS BIGINT) > u.at THEN 1 ELSE 0 END"
# A day is told by its number since 1970; whoever shows it makes a date of it.
_NAMES: dict[Spent, str] = {
    "model": "u.model",
    "day": f"CAST(({_SECOND}) / {_DAY_S} AS TEXT)",
    "conversation": "coalesce(c.id, '')",
    "all": "''",
}
_SUMS = (
    "count(*), sum(CASE WHEN u.priced THEN 0 ELSE 1 END), sum(CASE WHEN u.measured THEN 1 ELSE 0 END),"
    + "".join(
        f" CAST(sum(u.{column}) AS BIGINT),"
        for column in ("tokens_in", "tokens_sent", "input_tokens", "output_tokens", "cache_read", "cache_write")
    )
    + " sum(CASE WHEN u.priced THEN u.billed ELSE 0 END), sum(CASE WHEN u.priced THEN u.direct ELSE 0 END)"
)
STOPPED = (
    "SELECT c.id, min(u.at) FROM usage u JOIN conversations c ON c.key = u.conversation"
    " WHERE u.id >= ? AND u.at >= ? AND u.stopped GROUP BY c.id"
)
NEWEST = (
    f"SELECT {','.join(f'u.{name}' for name in USAGE)}, b.books FROM usage u"
    " LEFT JOIN books b ON b.conversation = u.conversation AND b.spend = u.id WHERE u.conversation = {} ORDER BY u.id DESC LIMIT ?"
)
BALANCE = (
    "SELECT coalesce(sum(billed), 0.0), coalesce(sum(direct), 0.0) FROM usage WHERE conversation = {} AND kind = 'traffic' AND priced = ?"
)
NET = "SELECT coalesce(sum(direct - billed), 0) FROM usage WHERE id >= ? AND at >= ? AND rewritten AND measured"


def totals(by: Spent, conversation_id: str, after: float) -> tuple[str, Sequence[Value]]:
    """Statement and values for rows of Total, by name."""
    name = _NAMES[by]
    where, values = "u.at >= ?", (after, *((conversation_id,) if conversation_id else ()))
    where += " AND c.id = ?" if conversation_id else ""
    sql = (
        f"SELECT {name}, u.kind, {_SUMS} FROM usage u LEFT JOIN conversations c ON c.key = u.conversation"
        f" WHERE {where} GROUP BY 1, 2 ORDER BY 1, 2"
    )
    return sql, values
