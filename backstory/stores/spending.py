"""How spends are added up: the statements, in SQL that SQLite and PostgreSQL both read."""

from __future__ import annotations

from collections.abc import Sequence

from backstory.core.store import Spent
from backstory.stores.rows import Value

_DAY_S = 86_400
# A day is told by its number since 1970; whoever shows it makes a date of it.
_NAMES: dict[Spent, str] = {
    "model": "u.model",
    "day": f"CAST(CAST(u.at / {_DAY_S} AS INTEGER) AS TEXT)",
    "conversation": "coalesce(c.id, '')",
    "all": "''",
}
_SUMS = (
    "count(*), sum(CASE WHEN u.priced THEN 0 ELSE 1 END), sum(CASE WHEN u.measured THEN 1 ELSE 0 END),"
    " sum(u.tokens_in), sum(u.tokens_sent), sum(u.input_tokens), sum(u.output_tokens), sum(u.cache_read), sum(u.cache_write),"
    " sum(CASE WHEN u.priced THEN u.billed ELSE 0 END), sum(CASE WHEN u.priced THEN u.direct ELSE 0 END)"
)
STOPPED = (
    "SELECT c.id, min(u.at) FROM usage u JOIN conversations c ON c.key = u.conversation"
    " WHERE u.id >= ? AND u.at >= ? AND u.stopped GROUP BY c.id"
)
NET = "SELECT coalesce(sum(direct - billed), 0) FROM usage WHERE id >= ? AND at >= ? AND rewritten AND measured"


def totals(by: Spent, conversation_id: str, after: float) -> tuple[str, Sequence[Value]]:
    """Statement and values for rows of Total, by name."""
    name = _NAMES[by]
    where, values = "u.at >= ?", (after, *((conversation_id,) if conversation_id else ()))
    where += " AND c.id = ?" if conversation_id else ""
    sql = (
        f"SELECT {name}, u.kind, {_SUMS} FROM usage u LEFT JOIN conversations c ON c.key = u.conversation"
        f" WHERE {where} GROUP BY {name}, u.kind ORDER BY 1, 2"
    )
    return sql, values
