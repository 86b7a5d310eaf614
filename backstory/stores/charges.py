"""The charges of a store (core/charges.py), in SQL that SQLite and PostgreSQL both read.

Rule: what is looked for by time is found by number: a request's number begins with the time at which it came.
"""

from __future__ import annotations

from collections.abc import Sequence

from backstory.core.charges import Charge, Percentiles, Shared, Slice, Sum
from backstory.core.ids import ids_since
from backstory.stores.dialect import Dialect
from backstory.stores.rows import CHARGES, Connection, Row, Value, insert, marks, slices

# The largest number that a column takes.
_MOST = (1 << 63) - 1
_DAY_MS = 86_400_000
# Bits of a number below its milliseconds, and when those begin (core/ids.py): days are cut out of the number.
_NUMBER_BITS, _EPOCH_MS = 22, 1_577_836_800_000
_CHARGE = insert("charges", CHARGES, "(id, place) DO NOTHING")
_NAMES: dict[Shared, str] = {
    "conversation": "conversation",
    "principal": "principal",
    "model": "model",
    "backend": "backend",
    "day": f"CAST(((id >> {_NUMBER_BITS}) + {_EPOCH_MS}) / {_DAY_MS} AS TEXT)",
}
_TOKENS = ("input_tokens", "output_tokens", "cache_read", "cache_write", "measured_in", "measured_out")


def _count(condition: str) -> str:
    return f"CAST(coalesce(sum(CASE WHEN {condition} THEN 1 ELSE 0 END), 0) AS BIGINT)"


_ANSWERED = "place = 0 AND status > 0 AND status < 400"
_SUMS = ", ".join(
    (
        *map(
            _count,
            (
                "place = 0",
                "place = 0 AND (status = 0 OR status >= 400)",
                f"{_ANSWERED} AND ended = 'interrupted'",
                "place = 0 AND source = 'reported'",
                "place = 0 AND source = 'measured'",
                "NOT priced",
                "place > 0",
                "place > 0 AND source = 'measured'",
            ),
        ),
        *(f"CAST(sum({column}) AS BIGINT)" for column in _TOKENS),
        "sum(CASE WHEN priced THEN cost ELSE 0 END)",
        "min(prices)",
        "max(prices)",
    )
)
_SHARES = (50, 95, 99)


class SqlCharges:
    """Of the database behind this dialect."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect

    def put(self, rows: Sequence[Charge]) -> None:
        """See Charges. Costs the writer about 15 us a row."""
        with self._dialect.transaction() as db:
            gone = _forgotten(db, rows)
            kept = [row for row in rows if not any(row.at <= gone.get((row.principal, name), -1.0) for name in ("", row.conversation))]
            db.many(_CHARGE, [_row(one) for one in kept])

    def drop(self, before: float) -> int:
        """See Charges."""
        return self._dialect.connection().run("DELETE FROM charges WHERE id < ?", (_since(before),))

    def sums(self, by: Shared, of: Slice, after: str | None = None, limit: int = 0) -> list[Sum]:
        """See Charges. Cost grows with the rows that are added up: about 4 us each, with SQLite."""
        db, name = self._dialect.connection(), _NAMES[by]
        where, values = _where(of)
        if after is not None:
            where, values = f"{where} AND {name} > ?", [*values, after]
        sql = f"SELECT {name}, {_SUMS} FROM charges WHERE {where} GROUP BY 1 ORDER BY 1"
        found = db.all(f"{sql} LIMIT ?" if limit else sql, (*values, limit) if limit else values)
        if not found:
            return []
        within, last = f"{where} AND {name} <= ?", [*values, found[-1][0]]
        timed = {column: _percentiles(db, name, column, within, last) for column in ("total_ms", "first_ms")}
        return [_sum(row, timed["total_ms"].get(row[0]), timed["first_ms"].get(row[0])) for row in found]

    def rows(self, of: Slice, before: int = 0, limit: int = 0) -> list[Charge]:
        """See Charges."""
        where, values = _where(of)
        if before:
            where, values = f"{where} AND id < ?", [*values, min(before, _MOST)]
        chosen = f"SELECT DISTINCT id FROM charges WHERE {where} ORDER BY id DESC"
        sql = f"SELECT {','.join(CHARGES)} FROM charges WHERE id IN ({f'{chosen} LIMIT ?' if limit else chosen}) ORDER BY id DESC, place"
        found = self._dialect.connection().all(sql, (*values, limit) if limit else values)
        return [_charge(row) for row in found]


def forget_conversation(db: Connection, conversation: str) -> int:
    """Those of this conversation; how many."""
    return db.run("DELETE FROM charges WHERE conversation = ?", (conversation,))


def forget_principal(db: Connection, principal: str) -> int:
    """All of this principal's; how many."""
    return db.run("DELETE FROM charges WHERE principal = ?", (principal,))


def _where(of: Slice) -> tuple[str, list[Value]]:
    where, values = ["id >= ?"], [_since(of.since)]
    named: list[tuple[str, Value]] = [(column, getattr(of, column)) for column in ("conversation", "model", "backend")]
    found = [(column, value) for column, value in named if value]
    if of.principal is not None:
        found.append(("principal", of.principal))
    if of.until:
        where.append("id < ?")
        values.append(_since(of.until))
    return " AND ".join((*where, *(f"{column} = ?" for column, _ in found))), [*values, *(value for _, value in found)]


def _since(at: float) -> int:
    return min(ids_since(at), _MOST)


def _percentiles(db: Connection, name: str, column: str, where: str, values: Sequence[Value]) -> dict[str, tuple[int, Percentiles]]:
    """By name: how many, and their percentiles by nearest rank."""
    ranks = " OR ".join(f"rank = (many * {share} + 99) / 100" for share in _SHARES)
    sql = (
        f"SELECT name, many, rank, took FROM (SELECT {name} AS name, {column} AS took,"
        f" row_number() OVER (PARTITION BY {name} ORDER BY {column}) AS rank, count(*) OVER (PARTITION BY {name}) AS many"
        f" FROM charges WHERE {where} AND {_ANSWERED} AND ended = 'complete') AS ranked WHERE {ranks}"
    )
    found: dict[str, tuple[int, dict[int, float]]] = {}
    for group, many, rank, took in db.all(sql, values):
        found.setdefault(group, (many, {}))[1][rank] = took
    return {
        group: (many, Percentiles(*(round(ranked[(many * share + 99) // 100], 3) for share in _SHARES)))
        for group, (many, ranked) in found.items()
    }


def _sum(row: Row, total: tuple[int, Percentiles] | None, first: tuple[int, Percentiles] | None) -> Sum:
    counted, (least, most) = row[:-2], row[-2:]
    timed, total_ms = total or (0, Percentiles())
    made = dict(zip(Sum.__struct_fields__, counted, strict=False))
    return Sum(**made, prices=(least, most), timed=timed, total_ms=total_ms, first_ms=first[1] if first is not None else Percentiles())


def _forgotten(db: Connection, rows: Sequence[Charge]) -> dict[tuple[str, str], float]:
    """When what these rows are of was last forgotten: a principal's conversation, or ("") all of it."""
    names = sorted({"", *(row.conversation for row in rows)})
    found: dict[tuple[str, str], float] = {}
    for some in slices(names):
        sql = (
            f"SELECT principal, conversation, max(at) FROM forgotten WHERE turn = 0 AND conversation IN ({marks(len(some))}) GROUP BY 1, 2"
        )
        found.update({(row[0], row[1]): row[2] for row in db.all(sql, some)})
    return found


def _row(one: Charge) -> tuple[Value, ...]:
    return tuple(getattr(one, column) for column in CHARGES)


def _charge(row: Row) -> Charge:
    named = dict(zip(CHARGES, row, strict=True))
    return Charge(**{**named, "priced": bool(named["priced"])})
