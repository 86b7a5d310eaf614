"""Law: a conversation that adds no more than is sustainable keeps what is promised of its payloads; recall leaves room for that."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from backstory.memory.economy.account import Account
from backstory.memory.economy.decisions import KEPT
from backstory.memory.economy.pacing import LEAST, paced, sustainable


@given(hard=st.integers(10_000, 200_000), left=st.floats(0.1, 0.5), fixed=st.integers(0, 4000), pace=st.floats(0.3, 1.0))
def test_the_promise_holds_at_that_pace(hard: int, left: float, fixed: int, pace: float) -> None:
    after = int(hard * left)
    growth = pace * sustainable(hard, after, fixed)
    assume(growth > 1 and fixed < after)
    size, total, lost = float(after), 0.0, 0.0
    for _ in range(4000):
        total += size
        if size + growth > hard:
            lost += size - fixed
            size = after
        else:
            size += growth
    assert 1 - lost / total >= KEPT - 0.002


def grown(requests: int, said: int, recalled: int, every: int) -> Account:
    account = Account()
    account.requests, account.growth = requests, said + recalled / every
    account.added, account.often = recalled / every, 1 / every
    return account


def test_a_block_gets_what_the_pace_leaves_and_a_few_lines_always() -> None:
    hard, after = 51_000, 9000
    allowed = sustainable(hard, after, 0)
    assert LEAST < 3 * (allowed - 560) < 600
    assert paced(grown(50, 560, 1500, 3), 2000, hard, after) == pytest.approx(3 * (allowed - 560), abs=1)
    assert paced(grown(50, 900, 1500, 3), 2000, hard, after) == LEAST
    assert paced(grown(50, 300, 900, 3), 2000, hard, after) == 2000, "slow enough"
    assert paced(grown(10, 600, 1500, 3), 2000, hard, after) == 2000, "too few requests tell nothing"
    assert paced(grown(50, 900, 0, 3), 300, hard, after) == 300
