"""When a mark of ours pays: what it costs now against what the next request reads for it."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from backstory.core.records import Spend
from backstory.core.reply import Usage
from backstory.core.tariff import Tariff
from backstory.memory.economy.account import REST_S, Account
from backstory.memory.economy.marking import affordable, costs, pays
from backstory.memory.economy.steps import Step
from backstory.providers.caching import Tariffs

MODEL = "claude-sonnet-4-5"
LENT = Tariffs().lent("anthropic", MODEL) or Tariff("", 0, 0, 0, 0, 0)
PLAIN = replace(LENT, lent=False, caches=False)
SIZE = 4000


def step(at: float, number: int, size: int = SIZE, **more: bool) -> Step:
    grown = 400 if number else size
    return Step(at, size, size, grown, grown, 50, **more)


def asked(account: Account, count: int, apart_s: float = 10.0, tariff: Tariff = PLAIN, found: bool = True, **more: bool) -> float:
    """So many requests of a conversation; when the next one comes."""
    at = account.last_at or 1000.0
    for number in range(count):
        at += apart_s
        size = SIZE + 400 * (account.requests if not more.get("broken_in") else 0)
        one = step(at, account.requests, size, **more)
        read = int(account.cached(tariff, one)) if found and tariff.lent else 0
        account.settle(one, tariff, Usage(size, 10, read, (size - read) if tariff.lent else 0), number >= 0)
    return at + apart_s


def now(account: Account, at: float, **more: bool) -> Step:
    return step(at, 1, SIZE + 400 * account.requests, **more)


def test_a_mark_of_ours_is_priced_as_such_and_the_request_as_it_came_at_the_input_price() -> None:
    assert LENT.caches
    assert LENT.lent
    assert not LENT.head
    assert LENT.came.predicted(10_000, 10_000) == pytest.approx(0.03)
    assert LENT.predicted(10_000, 9_000) == pytest.approx(0.0027 + 0.00375)
    assert Tariffs().lent("anthropic", "claude-of-my-own") is None, "its price is not known"
    assert Tariffs().lent("anthropic", "gpt-5.2") is None
    assert PLAIN.came is PLAIN


@pytest.mark.parametrize(("requests", "expected"), [(1, True), (10, True)])
def test_what_goes_on_is_marked(requests: int, expected: bool) -> None:
    account = Account()
    at = asked(account, requests)
    assert pays(account, LENT, now(account, at), False) is expected


def test_nothing_is_marked_where_nobody_will_read_it() -> None:
    account = Account()
    assert not pays(account, LENT, now(account, 1000.0), False), "a first request may be the only one"
    at = asked(account, 6, 400.0)
    assert not pays(account, LENT, now(account, at), False), "too slow"
    account = Account()
    at = asked(account, 6)
    assert not pays(account, LENT, step(at, 1, 900), False), "too short to be cached"
    assert not pays(account, LENT, now(account, at, broken_in=True), False), "its client cuts its history"
    assert pays(account, LENT, now(account, at, broken_in=True), True), "but what goes up stays in front of the next one"
    account.told = False
    assert not pays(account, LENT, now(account, at), False), "nobody could tell whether it is read"


def test_one_that_cuts_again_and_again_is_marked_once_between_two_cuts() -> None:
    account, marks = Account(), 0
    asked(account, 2)
    for _ in range(8):
        asked(account, 1, broken_in=True, broken_sent=True)
        one = now(account, account.last_at + 10)
        lends = pays(account, LENT, one, False)
        marks += lends
        asked(account, 1, tariff=LENT if lends else PLAIN)
    assert marks == 1


def test_marks_that_were_for_nothing_come_to_an_end() -> None:
    account = Account()
    at = asked(account, 4)
    marks = 0
    for _ in range(12):
        one = now(account, at)
        lends = pays(account, LENT, one, False)
        marks += lends
        at = asked(account, 1, tariff=LENT if lends else PLAIN, found=False)
    assert marks == 2
    account.last_at = at + REST_S
    assert pays(account, LENT, now(account, account.last_at + 10), False), "after an hour one is tried again"


def test_marks_that_were_for_nothing_come_to_an_end_where_models_take_turns() -> None:
    other = replace(LENT, model="claude-opus-4-5")
    account = Account()
    at = asked(account, 4)
    marks = 0
    for number in range(24):
        rate = other if number % 2 else LENT
        lends = pays(account, rate, now(account, at), False)
        marks += lends
        at = asked(account, 1, tariff=rate if lends else replace(rate, lent=False, caches=False), found=False)
    assert marks == 3


def test_one_pause_does_not_end_what_has_paid() -> None:
    account = Account()
    asked(account, 4)
    at = asked(account, 8, tariff=LENT)
    assert pays(account, LENT, now(account, at + 2000), False)
    assert costs(account, LENT, now(account, at + 2000)) > 0
    assert costs(account, LENT, now(account, at)) < 0, "nearly all of it is read"
    asked(account, 1, 2000.0, LENT)
    at = asked(account, 1, tariff=LENT)
    assert pays(account, LENT, now(account, at), False)


def test_what_a_mark_costs_at_once_has_to_be_there() -> None:
    account = Account()
    at = asked(account, 4)
    large = replace(now(account, at), total_in=60_000, total_sent=60_000)
    assert not affordable(account, LENT, large, 0.005), "four cents and a half"
    assert affordable(account, LENT, now(account, at), 0.005), "less than a cent"
    assert not affordable(account, LENT, now(account, at), 0.0), "nothing may be added that was not saved"
    account.purse.saved = 0.1
    assert affordable(account, LENT, large, 0.0)
    account.purse.saved = 0.0
    assert affordable(account, LENT, replace(large, total_sent=20_000), 0.0), "a fold has saved more than that"


def test_the_bill_as_it_came_is_that_of_requests_without_a_mark() -> None:
    account = Account()
    asked(account, 4)
    for _ in range(5):
        at = account.last_at + 10
        one = now(account, at)
        size = one.total_sent
        read = int(account.cached(LENT, one))
        billed, direct, _ = account.settle(one, LENT, Usage(size, 10, read, size - read), False)
        assert direct == pytest.approx((size * 3 + 10 * 15) / 1e6)
        assert (billed < direct) == (read > 0)
    account.settle(now(account, account.last_at + 10), PLAIN, Usage(SIZE + 400 * account.requests, 10), False)
    assert not account.found(LENT).sent, "what is not marked is found nowhere"


def test_rows_tell_after_a_restart_whether_anything_is_in_the_cache() -> None:
    def row(number: int, read: int, written: int) -> Spend:
        size = 4000 + 400 * number
        return Spend(
            number, "c", 1000.0 + 10 * number, "traffic", MODEL, "anthropic", size, size, size, 5, read, written, 0.01, 0.02, True, True
        )

    for read, written, found in ((0, 0, False), (3000, 400, True)):
        account = Account()
        account.replay([row(number, read, written) for number in range(1, 5)])
        assert bool(account.found(LENT).sent) is found
        assert account.told
        assert len(account.gaps) == 3
