"""The side model's daily budget. In transactions of the caller's.

Rule: what is to be used is added before it is used, in the transaction that looks whether there is room. So no number of processes,
and no crash between the two, can use more than there is; what a dead process had reserved stays used up.
"""

from __future__ import annotations

from backstory.core.records import Spend
from backstory.stores.rows import SPEND, Connection, insert

_ADD = insert("spend", SPEND, "(day) DO UPDATE SET " + ",".join(f"{column} = spend.{column} + excluded.{column}" for column in SPEND[1:]))


def reserve(db: Connection, day: str, spend: Spend, most: Spend) -> bool:
    """See Store."""
    used = spent(db, day)
    if used.tokens + spend.tokens > most.tokens or used.micros + spend.micros > most.micros:
        return False
    settle(db, day, spend)
    return True


def settle(db: Connection, day: str, spend: Spend) -> None:
    """See Store."""
    db.run(_ADD, (day, spend.tokens, spend.micros, spend.calls))


def spent(db: Connection, day: str) -> Spend:
    """See Store."""
    found = db.all(f"SELECT {','.join(SPEND[1:])} FROM spend WHERE day = ?", (day,))
    return Spend(*found[0]) if found else Spend()
