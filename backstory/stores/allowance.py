"""The side model's daily budget. In transactions of the caller's.

Rule: what is to be used is added before it is used, in the transaction that looks whether there is room. So no number of processes,
and no crash between the two, can use more than there is; what a dead process had reserved stays used up.
"""

from __future__ import annotations

from backstory.core.records import Used
from backstory.stores.rows import ALLOWANCE, Connection, insert

_ADD = insert(
    "allowance",
    ALLOWANCE,
    "(day) DO UPDATE SET " + ",".join(f"{column} = allowance.{column} + excluded.{column}" for column in ALLOWANCE[1:]),
)


def reserve(db: Connection, day: str, spend: Used, most: Used) -> bool:
    """See Store."""
    before = used(db, day)
    if before.tokens + spend.tokens > most.tokens or before.micros + spend.micros > most.micros:
        return False
    settle(db, day, spend)
    return True


def settle(db: Connection, day: str, spend: Used) -> None:
    """See Store."""
    db.run(_ADD, (day, spend.tokens, spend.micros, spend.calls))


def used(db: Connection, day: str) -> Used:
    """See Store."""
    found = db.all(f"SELECT {','.join(ALLOWANCE[1:])} FROM allowance WHERE day = ?", (day,))
    return Used(*found[0]) if found else Used()
