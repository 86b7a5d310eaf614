"""What tokens cost, and what the cache should hold."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstory.core.reply import Usage
from backstory.core.tariff import Messages, Tariff

SONNET = Tariff("claude-sonnet-4-5", 3, 15, 0.3, 3.75, 300, long_write=6)
GPT = Tariff("gpt-4o", 2.5, 10, 1.25, 2.5, 300, step=128)


def test_each_kind_of_token_has_its_price() -> None:
    million = Usage(3_000_000, 1_000_000, 1_000_000, 1_000_000, 400_000)
    assert SONNET.cost(million) == pytest.approx(3 + 15 + 0.3 + 0.6 * 3.75 + 0.4 * 6)


def test_hits_come_in_steps_and_not_below_the_least() -> None:
    assert GPT.hit(5000, 1023) == 0
    assert GPT.hit(5000, 1200) == 1152
    assert GPT.hit(1100, 9000) == 1024
    assert SONNET.hit(5000, 1200) == 1200


def test_a_short_prompt_and_an_unmarked_one_are_fresh_input() -> None:
    assert SONNET.predicted(1000, 1000) == pytest.approx(1000 * 3 / 1e6)
    plain = Tariff("m", 3, 15, 0.3, 3.75, 300, caches=False)
    assert plain.predicted(50_000, 50_000, 100) == pytest.approx((50_000 * 3 + 1500) / 1e6)


@given(st.integers(0, 500_000), st.integers(0, 500_000), st.integers(0, 500_000))
def test_a_fuller_cache_never_costs_more(size: int, one: int, other: int) -> None:
    less, more = sorted((one, other))
    for tariff in (SONNET, GPT):
        assert tariff.predicted(size, more) <= tariff.predicted(size, less) + 1e-12


def test_what_stands_behind_a_message_is_its_share_of_their_bytes() -> None:
    messages = Messages(10, 40, 50, [(10, 19), (20, 39), (40, 50)], 400)
    assert messages.behind(10) == messages.behind(18) == (310.0, 2)
    assert messages.behind(25) == (110.0, 1)
    assert messages.behind(49) == (0.0, 0)
    assert messages.behind(50) == (0.0, 0)
    assert Messages(10, 40, 50).behind(20) == (0.0, 0)
