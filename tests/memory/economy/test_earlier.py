"""After a restart: a client that has cut its history since its last request is known from the row of that request."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from backstory.core.records import Spend, Turn
from backstory.memory.economy.account import Account
from backstory.memory.economy.earlier import earlier

FIXED, EACH, TURNS = 500, 300, 20


def path() -> list[Turn]:
    return [
        Turn(100 + at, "c", at and 99 + at, at, b"", b"", "assistant" if at % 2 else "user", "spoken", "x", tokens=EACH)
        for at in range(TURNS)
    ]


def replayed(carried: int, added: int = 0, fixed: int = FIXED) -> Account:
    """Its newest row is of the last turn's request, which carried so many turns."""
    made = Account()
    size = fixed + EACH * carried
    made.replay(
        [Spend(99 + TURNS, "c", 1.0, "traffic", "m", "anthropic", size, size + added, size, 9, 0, 0, 0.01, 0.01, True, True, False, False)]
    )
    return made


def test_more_in_front_than_now_was_cut_off() -> None:
    now = (TURNS - 5, TURNS - 5, 0)
    assert earlier(replayed(7), path(), FIXED, now) == (-1, -1, 0)
    assert earlier(replayed(4), path(), FIXED, now) == now, "it begins where the last one did"


def test_what_was_added_to_a_cut_history_may_have_been_held() -> None:
    now = (TURNS - 5, TURNS - 5, 0)
    assert earlier(replayed(4, added=900), path(), FIXED, now) == (TURNS - 5, -1, 0)


@pytest.mark.parametrize("fixed", [FIXED - 60, FIXED + 60])
def test_a_system_prompt_that_has_changed_a_little_is_no_cut(fixed: int) -> None:
    now = (TURNS - 5, TURNS - 5, 0)
    assert earlier(replayed(4, fixed=fixed), path(), FIXED, now) == now


def test_a_whole_history_and_what_is_not_known_are_as_now() -> None:
    assert earlier(replayed(TURNS - 1, added=900), path(), FIXED, (0, 0, 4)) == (0, 0, 4)
    now = (TURNS - 5, TURNS - 5, 0)
    assert earlier(Account(), path(), FIXED, now) == now
    assert earlier(replayed(9), path()[:-1], FIXED, now) == now, "another branch"


def test_even_a_short_exchange_that_was_cut_off_is_known_by_its_size() -> None:
    short = [replace(turn, tokens=9 if at < TURNS - 5 else EACH) for at, turn in enumerate(path())]
    now = (TURNS - 5, TURNS - 5, 0)
    assert earlier(replayed(4, fixed=FIXED + 18), short, FIXED, now) == (-1, -1, 0), "two turns of nine tokens"
    assert earlier(replayed(4, fixed=FIXED + 17), short, FIXED, now) == now


def test_what_was_recalled_was_not_held_and_what_is_folded_stands_in_front() -> None:
    now = (TURNS - 5, TURNS - 5, 0)
    assert earlier(replayed(4, added=900), path(), FIXED, now, lambda turn: 900 * (turn.position == TURNS - 2)) == now
    folded = (TURNS - 5, TURNS - 2, TURNS - 2)
    assert earlier(replayed(7), path(), FIXED, folded) == (-1, TURNS - 2, TURNS - 2)
