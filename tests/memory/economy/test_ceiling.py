"""Law: what memory adds to a client that cuts its history is no more than was saved before, a small share of its bill, and a few lines."""

from __future__ import annotations

import random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from backstory.core.reply import Usage
from backstory.core.tariff import Tariff
from backstory.memory.economy.account import Account
from backstory.memory.economy.ceiling import GRACE, MANY, Sent, addable, least, lines, sent
from backstory.memory.economy.steps import Step
from backstory.memory.economy.stored import Stored
from backstory.memory.reading.requests import Reading
from backstory.memory.reading.turns import Line

TARIFFS = (
    Tariff("caches", 3.0, 15.0, 0.3, 3.75, 300.0),
    Tariff("plain", 2.5, 10.0, 2.5, 2.5, 0.0, caches=False),
    Tariff("free writes", 2.0, 8.0, 0.5, 2.0, 600.0),
)


def sliding(came: int, went: int, stay: float) -> Sent:
    """A request that begins anew: nothing of it is in the cache."""
    return Sent(came, went, 0, 0, stay, stay, 0.0, True)


@given(
    tariff=st.sampled_from(TARIFFS),
    keeps=st.integers(4, 40),
    budget=st.integers(100, 4000),
    seed=st.integers(0, 10**6),
    often=st.floats(0.05, 1.0),
    share=st.sampled_from([0.0, 0.02, 0.05, 0.5]),
)
@example(tariff=TARIFFS[0], keeps=10, budget=100, seed=2628, often=0.5, share=0.0)
@settings(deadline=None)
def test_the_bill_is_never_above_the_direct_one_but_for_the_share(
    tariff: Tariff, keeps: int, budget: int, seed: int, often: float, share: float
) -> None:
    """The client keeps so many messages; each request begins anew, so that nothing is found in a cache."""
    dice = random.Random(seed)
    account = Account()
    messages: list[int] = []
    blocks: dict[int, int] = {}
    billed = direct = 0.0
    for number in range(150):
        messages = [*messages, dice.randint(5, 200)][-keeps:]
        came = sum(messages)
        carried = sum(blocks.get(place, 0) for place in range(number - len(messages), number))
        stay = max(1.0, len(messages) / 2)
        now = sliding(came, came + carried, stay)
        added = addable(account, tariff, now, budget, share) if dice.random() < often else 0
        assert 0 <= added <= budget
        # A request answers one message, so that two more are there at the next: a block stays half as many requests.
        blocks[number] = added
        went = came + carried + added
        usage = Usage(went, 0, 0, went if tariff.caches and went >= tariff.least and tariff.write > tariff.input else 0)
        step = Step(float(number), came, went, messages[-1], messages[-1] + added, 0, True, True, False, went != came)
        paid, untouched, _ = account.settle(step, tariff, usage)
        billed += paid
        direct += untouched
        block = GRACE * keeps / 2 * max(tariff.input, tariff.write) / 1e6
        assert billed <= (1 + (0.0 if tariff.caches else share)) * direct + 1.5 * block
        messages = [*messages, dice.randint(5, 200)][-keeps:]
        blocks = {place - 1: tokens for place, tokens in blocks.items()}


def test_half_of_what_was_saved_may_be_spent_and_a_loss_is_not_added_to() -> None:
    tariff = TARIFFS[0]
    account = Account()
    now = sliding(400, 400, 5.0)
    assert addable(account, tariff, now, 2000, 0.0) == GRACE / 2
    account.purse.book(0.07, 0.01, True)
    assert addable(account, tariff, now, 2000, 0.05) == 0
    account.purse.book(0.0, 0.1, True)
    some = addable(account, tariff, now, 2000, 0.0)
    assert some == pytest.approx(0.25 * 0.04 / (3.75e-6 * 5) + GRACE / 2, rel=0.01)
    account.purse.book(0.0, 1.0, True)
    assert addable(account, tariff, now, 2000, 0.0) == 2000


def test_a_history_that_stays_in_the_cache_leaves_more() -> None:
    account = Account()
    account.purse.book(0.02, 0.03, True)
    read, written = Sent(2000, 2000, 1900, 1900, 10.0, 1.0, 9.0), sliding(2000, 2000, 10.0)
    grants = [addable(account, TARIFFS[0], sent, 2000, 0.0) for sent in (read, written)]
    assert grants[0] - GRACE / 2 > 3 * (grants[1] - GRACE / 2) > 0


def test_what_goes_up_once_is_priced_once_and_what_a_summary_leaves_for_all_to_come() -> None:
    account = Account()
    reading = Reading(b"", [Line("spoken", b"%d" % number, "user", f"Message {number}") for number in range(20)], [], 0)
    account.requests, account.holdings = 60, {TARIFFS[0].model: Stored(0.0, 4000, 4000, 4000, 4000)}
    tokens = 4000, 4000, 100, 50
    once = sent(account, TARIFFS[0], reading, None, tokens, (True, True), leaves=True)
    assert (once.writes, once.reads, once.slides) == (1.0, 0.0, True)
    anew = sent(account, TARIFFS[0], reading, None, tokens, (True, True))
    assert (anew.writes, anew.reads) == (10.0, 0.0)
    summed = sent(account, TARIFFS[0], reading, None, tokens, (True, True), summed=True)
    assert (summed.writes, summed.reads, summed.slides) == (1.0, 29.0, False)
    assert summed.came_cached == 100, "its client has cut it all the same"
    account.purse.book(10.0, 10.0, True)
    few = [least(account, TARIFFS[0], one, 2000, 0.01) for one in (summed, once)]
    assert few[0] < few[1], "a few lines that stay are fewer"
    account.summit, account.growth = 4800, 100.0
    until = sent(account, TARIFFS[0], reading, None, tokens, (True, True), summed=True)
    assert until.reads == 7.0, "until its client sums up again"


def test_what_may_go_after_its_answer_is_priced_so() -> None:
    account, marked = Account(), replace(TARIFFS[0], marked=True)
    told = Reading(b"", [Line("spoken", b"%d" % number, "user" if number % 2 else "assistant", "x") for number in range(20)], [], 0)
    account.requests = 60
    tokens = 4000, 4000, 100, 50
    goes = sent(account, marked, told, None, tokens, (False, False), summed=True, goes=1.0)
    assert (goes.passing, goes.again) == (1.0, 0.0)
    account.growth = 100.0
    assert sent(account, marked, told, None, tokens, (False, False), summed=True, goes=3.0).again == 200.0, (
        "what tools have brought is written again"
    )
    behind = sent(account, marked, told, None, tokens, (False, False), summed=True, goes=1.0, behind=True)
    assert (behind.passing, behind.again) == (1.0, 0.0)
    stays = sent(account, marked, told, None, tokens, (False, False), summed=True)
    account.purse.book(0.8, 0.8, True)
    grants = [addable(account, marked, now, 2000, 0.005) for now in (behind, goes, stays)]
    assert grants[0] >= grants[1] >= grants[2] > 0
    assert grants[0] <= 160, "the share is there for the lines that answer best"
    assert sent(account, marked, told, None, tokens, (False, False), summed=True, goes=20.0).passing == 0.0, (
        "too much is said for one question"
    )


@given(seed=st.integers(0, 10**6), size=st.integers(50, 600), often=st.floats(0.2, 1.0), dollars=st.sampled_from([0.1, 2.5, 30.0]))
@settings(deadline=None)
def test_few_lines_for_each_short_request_raise_the_bill_by_a_cent_or_a_small_share(
    seed: int, size: int, often: float, dollars: float
) -> None:
    dice, account, tariff = random.Random(seed), Account(), Tariff("plain", dollars, dollars, dollars, dollars, 0.0, caches=False)
    purse = account.purse
    for _ in range(3000):
        came = dice.randint(size // 2, size)
        added = least(account, tariff, sliding(came, came, 1.0), 2000, 0.005) if dice.random() < often else 0
        purse.book((came + added) * dollars / 1e6, came * dollars / 1e6, True)
        assert -purse.saved <= max(0.005 * purse.direct, 0.01) + 60 * dollars / 1e6


def test_fewer_lines_answer_the_more_of_the_allowance_is_spent() -> None:
    account = Account()
    assert lines(account, None, 0.005) == MANY, "the first block has its room"
    for lost, few in ((0.001, 3), (0.003, 3), (0.003, 2)):
        account.purse.book(0.1 + lost, 0.1, True)
        assert lines(account, None, 0.005) == few
    account.purse.book(9.0, 9.0, True)
    assert lines(account, None, 0.005) == 3, "of a larger bill more is left"
    assert lines(account, None, 0.0) == 0, "without an allowance there is nothing to be shared out"
    account.purse.book(0.0, 1.0, True)
    assert lines(account, None, 0.005) == 0, "what was saved pays for more"
