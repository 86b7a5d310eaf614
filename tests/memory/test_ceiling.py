"""Law: what memory adds to a client that cuts its history costs no more than the client's own requests, and one block."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backstory.core.reply import Usage
from backstory.core.tariff import Tariff
from backstory.memory.ceiling import MOST_ADDED, Sent, addable
from backstory.memory.economy import Account, Step

TARIFFS = (
    Tariff("caches", 3.0, 15.0, 0.3, 3.75, 300.0),
    Tariff("plain", 2.5, 10.0, 2.5, 2.5, 0.0, caches=False),
    Tariff("free writes", 2.0, 8.0, 0.5, 2.0, 600.0),
)


@given(
    tariff=st.sampled_from(TARIFFS),
    keeps=st.integers(4, 40),
    budget=st.integers(100, 4000),
    seed=st.integers(0, 10**6),
    often=st.floats(0.05, 1.0),
)
@settings(deadline=None)
def test_the_bill_at_most_doubles_but_for_one_block(tariff: Tariff, keeps: int, budget: int, seed: int, often: float) -> None:
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
        now = Sent(came, came + carried, True, stay)
        added = addable(account, tariff, now, budget) if dice.random() < often else 0
        assert 0 <= added <= budget
        # A request answers one message, so that two more are there at the next: a block stays half as many requests.
        blocks[number] = added
        went = came + carried + added
        usage = Usage(went, 0, 0, went if tariff.caches and went >= tariff.least and tariff.write > tariff.input else 0)
        step = Step(float(number), came, went, messages[-1], messages[-1] + added, 0, True, True, False, went != came)
        paid, untouched, _ = account.settle(step, tariff, usage)
        billed += paid
        direct += untouched
        messages = [*messages, dice.randint(5, 200)][-keeps:]
        blocks = {place - 1: tokens for place, tokens in blocks.items()}
    block = budget * keeps * max(tariff.input, tariff.write) / 1e6
    assert billed <= (1 + MOST_ADDED) * direct + 2 * block


def test_what_was_saved_before_may_be_spent_and_a_loss_is_not_added_to() -> None:
    tariff = TARIFFS[0]
    account = Account()
    now = Sent(400, 400, True, 5.0)
    assert 1000 <= addable(account, tariff, now, 2000) < 1200, "half of what is left, and of one block"
    account.purse.book(0.07, 0.01, True)
    assert addable(account, tariff, now, 2000) == 0
    account.purse.book(0.0, 0.2, True)
    assert addable(account, tariff, now, 2000) == 2000


@pytest.mark.parametrize("slides", [False, True])
def test_a_history_that_stays_in_the_cache_leaves_more(slides: bool) -> None:
    account = Account()
    account.purse.book(0.02, 0.008, True)
    grants = [addable(account, TARIFFS[0], Sent(2000, 2000, slid, 10.0), 2000) for slid in (slides, True)]
    assert grants[0] >= grants[1]
