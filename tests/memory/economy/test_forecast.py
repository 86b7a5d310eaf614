"""What a request is said to save is what it is billed less, when the provider counts otherwise than we do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstory.core.reply import Usage
from backstory.core.tariff import Tariff
from backstory.memory.economy.account import Account
from backstory.memory.economy.forecast import Dearness, forecast
from backstory.memory.economy.steps import Step

TARIFF = Tariff("5 minutes", 3, 15, 0.3, 3.75, 300)
FIXED, FRESH = 4_000, 500


def usage(tokens: float, cached: float) -> Usage:
    return Usage(int(tokens), 0, int(cached), int(tokens) - int(cached))


def spoken(ratio: float, requests: int = 40) -> Account:
    """Of requests that went up as they came; the provider counts `ratio` tokens for one of ours."""
    made, size = Account(), FIXED
    for number in range(requests):
        before, size = size, size + FRESH
        made.settle(Step(10.0 * number, size, size, FRESH, FRESH, FIXED), TARIFF, usage(size * ratio, before * ratio if number else 0))
    return made


@given(st.floats(0.5, 2), st.integers(5_000, 9_000))
def test_the_first_short_request_is_forecast_as_it_is_billed(ratio: float, short: int) -> None:
    made = spoken(ratio)
    step = Step(made.last_at + 10, made.size_in + FRESH, short, FRESH, FRESH, FIXED, changed=True)
    told = forecast(made, TARIFF, step, FIXED)
    billed, direct, _ = made.settle(step, TARIFF, usage(short * ratio, FIXED * ratio))
    assert told == pytest.approx(direct - billed, rel=0.02, abs=2e-4)
    after = Step(made.last_at + 10, made.size_in + FRESH, short + FRESH, FRESH, FRESH, FIXED, changed=True)
    told = forecast(made, TARIFF, after)
    billed, direct, _ = made.settle(after, TARIFF, usage((short + FRESH) * ratio, short * ratio))
    assert told == pytest.approx(direct - billed, rel=0.02, abs=2e-4)


def test_a_changed_prefix_is_not_counted_on() -> None:
    made = spoken(1.0)
    step = Step(made.last_at + 10, made.size_in + FRESH, 9_000, FRESH, FRESH, FIXED, changed=True)
    nothing, fixed, whole = (forecast(made, TARIFF, step, shared) for shared in (0, FIXED, None))
    assert nothing < fixed < whole
    assert fixed - nothing == pytest.approx(FIXED * (TARIFF.write - TARIFF.read) / 1e6, rel=0.01)
    cold = Step(made.last_at + 1000, made.size_in + FRESH, 9_000, FRESH, FRESH, FIXED, changed=True)
    assert forecast(made, TARIFF, cold) == pytest.approx((made.size_in + FRESH - 9_000) * TARIFF.write / 1e6, rel=0.01)


def test_behind_a_gateway_that_caches_nothing_no_more_is_told_than_is_saved() -> None:
    made, size = Account(), FIXED
    for number in range(40):
        size += FRESH
        made.settle(Step(10.0 * number, size, size, FRESH, FRESH, FIXED), TARIFF, Usage(size))
    step = Step(made.last_at + 10, made.size_in + FRESH, 9_000, FRESH, FRESH, FIXED, changed=True)
    told = forecast(made, TARIFF, step, FIXED)
    billed, direct, _ = made.settle(step, TARIFF, Usage(9_000))
    assert told == pytest.approx(direct - billed, rel=0.02)


@given(st.floats(-0.3, 5), st.integers(12, 40))
def test_what_is_measured_to_be_dearer_is_told_dearer(more: float, requests: int) -> None:
    dear = Dearness()
    for _ in range(requests):
        dear.measured("m", 0.5, 0.5 + more, 1000)
    assert dear.of("m") == pytest.approx(max(0.0, more) / 1000, rel=0.05)
    assert dear.of("another") == 0.0
    made, step = spoken(1.0), Step(1000.0, 24_500, 6_000, FRESH, FRESH, FIXED, changed=True)
    told = forecast(made, TARIFF, step, FIXED)
    assert forecast(made, TARIFF, step, FIXED, dear.of("m")) == pytest.approx(told - 6_000 * dear.of("m"))
    for _ in range(requests):
        dear.measured("m", 0.5, 0.5, 1000)
    assert dear.of("m") <= max(0.0, more) / 1000 / 20
