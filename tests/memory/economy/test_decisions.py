"""When a fold may move: never at a predicted loss, never more often than the promise allows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from backstory.core.reply import Usage
from backstory.core.tariff import Tariff
from backstory.memory.economy import decisions
from backstory.memory.economy.account import WINDOW, Account
from backstory.memory.economy.decisions import KEPT, RECALL_LEAST
from backstory.memory.economy.steps import Move, Step
from tests.memory.economy.accounts import TARIFFS, account, step


@st.composite
def cases(draw: st.DrawFn) -> tuple[Account, Move, Tariff, float, int]:
    count = draw(st.integers(1, 60))
    growth = draw(st.integers(1, 4000))
    gap = draw(st.sampled_from([5.0, 100.0, 400.0, 5000.0]))
    tariff = draw(st.sampled_from(TARIFFS))
    made = account([1000 + growth * number for number in range(count)], gap, tariff)
    size = made.sent_size + growth
    after = draw(st.integers(1, size))
    return made, Move(size, after, draw(st.integers(0, after))), tariff, made.last_at + gap, draw(st.integers(size, 2 * size))


@given(cases())
def test_no_move_is_made_at_a_predicted_loss(case: tuple[Account, Move, Tariff, float, int]) -> None:
    made, move, tariff, now, hard = case
    verdict = decisions.verdict(made, move, tariff, now, hard)
    if verdict in ("pays", "cold"):
        assert decisions.gain(made, move, tariff, now) > 0
        assert move.after < move.size
    if verdict == "cold":
        assert not made.warm(tariff, now)
    if verdict == "pays":
        assert decisions.may_lose(made, move.size - move.shared)


@given(cases(), st.floats(0, 1), st.integers(0, 200))
def test_the_gain_grows_with_what_is_saved_shared_and_still_to_come(
    case: tuple[Account, Move, Tariff, float, int], share: float, more: int
) -> None:
    made, move, tariff, now, _ = case
    if move.after < tariff.least:
        move = Move(move.size + tariff.least, move.after + tariff.least, move.shared)
    less = int(share * (move.after - max(tariff.least, move.shared)))
    before = decisions.gain(made, move, tariff, now)
    made.requests += more
    longer = decisions.gain(made, move, tariff, now)
    # Providers cache in steps: what is over the last whole one is read at full price, with each request.
    slack = 1e-9 + 2 * tariff.step * tariff.input / 1e6 * (1 + made.to_come)
    assert longer >= before - slack
    if less > 0:
        assert decisions.gain(made, replace(move, after=move.after - less), tariff, now) >= longer - slack
    further = replace(move, shared=move.shared + int(share * (move.after - move.shared)))
    assert decisions.gain(made, further, tariff, now) >= longer - slack


def test_a_cold_cache_makes_a_fold_free() -> None:
    made = account([1000 * number for number in range(1, 41)], gap=10)
    move = Move(41_000, 15_000, 500)
    assert decisions.verdict(made, move, TARIFFS[0], made.last_at + 10, 200_000) in ("often", "soon")
    assert decisions.verdict(made, move, TARIFFS[0], made.last_at + 301, 200_000) == "cold"
    hour = replace(TARIFFS[1], model=TARIFFS[0].model)
    assert decisions.verdict(made, move, hour, made.last_at + 301, 200_000) != "cold", "an hour is longer"
    assert decisions.verdict(made, move, TARIFFS[1], made.last_at + 10, 200_000) == "cold", "another model has read none of it"


def test_a_long_talk_has_earned_a_move() -> None:
    made = account([500 * number for number in range(1, 200)])
    move = Move(100_000, 30_000, 500)
    assert decisions.verdict(made, move, TARIFFS[0], made.last_at + 10, 102_000) == "poor", "nothing was saved that could be spent"
    made.purse.saved = decisions.price(made, move, TARIFFS[0], made.last_at + 10)
    assert decisions.verdict(made, move, TARIFFS[0], made.last_at + 10, 102_000) == "pays"
    fresh = account([500, 1000])
    assert decisions.verdict(fresh, Move(100_000, 98_000, 500), TARIFFS[0], fresh.last_at + 10, 102_000) == "costs"


@given(st.lists(st.tuples(st.integers(1, 5000), st.booleans()), min_size=1, max_size=300))
def test_early_moves_keep_the_promise(turns: list[tuple[int, bool]]) -> None:
    """Whatever is asked: moves that are allowed lose no more than the promised share of what was sent."""
    made, size = Account(), 0
    for number, (grown, wants) in enumerate(turns):
        size += grown
        moves = wants and bool(made.requests) and decisions.may_lose(made, made.sent_size)
        if moves:
            size = 1000
        made.settle(step(1000.0 + number, size, size, grown, broken_sent=moves), TARIFFS[0], None)
        assert made.lost <= (1 - KEPT) * made.sent_sum + 1e-6


@given(st.integers(1_000, 1_000_000), st.floats(0.3, 1), st.integers(0, 3000), st.integers(0, 20_000), st.integers(0, 50))
def test_what_is_kept_is_a_share_of_the_window(size: int, share: float, digest: int, growth: int, requests: int) -> None:
    made = Account()
    made.growth, made.requests = growth, requests
    kept = decisions.kept(made, size, int(size * share), digest, 0.25)
    assert int(size * 0.25) <= kept <= int(size * 0.5)
    made.growth += 100
    assert decisions.kept(made, size, int(size * share), digest, 0.25) <= kept
    assert decisions.kept(made, size, int(size * share), digest, 0.5) == int(size * 0.5)


@given(
    st.lists(st.tuples(st.integers(1, 3000), st.sampled_from([5.0, 5.0, 5.0, 200.0, 400.0, 4000.0])), min_size=30, max_size=250),
    st.integers(3000, 30_000),
    st.sampled_from(TARIFFS),
)
def test_moves_by_choice_never_cost_more_than_was_saved(turns: list[tuple[int, float]], after: int, tariff: Tariff) -> None:
    """At every moment of a conversation, by a cache that keeps its rules: not more was paid than as it came, but for the slack."""
    made, now, came, folded = Account(), 1000.0, 2000, 0
    billed = direct = 0.0
    before = (0, 0)
    for grown, wait_s in turns:
        came, now = came + grown, now + wait_s
        warm = bool(made.requests) and wait_s < tariff.ttl_s
        move = Move(came - folded, after, 1500)
        moves = bool(made.requests) and after < move.size and decisions.verdict(made, move, tariff, now, 60_000) in ("pays", "cold")
        folded = came - after if moves else folded
        sent = came - folded
        hit = int(tariff.hit(sent, (1500 if moves else before[1]) if warm else 0))
        usage = Usage(sent, 0, hit, sent - hit if tariff.write > tariff.input and tariff.caches else 0)
        billed += tariff.cost(usage)
        direct += tariff.predicted(came, before[0] if warm else 0)
        made.settle(Step(now, came, sent, grown, grown, 1500, broken_sent=moves, changed=folded > 0), tariff, usage)
        assert billed <= direct * 1.01 + 1e-9
        before = (came, sent)


def test_a_cold_cache_is_no_leave_to_break_the_promise() -> None:
    made = account([600 * number for number in range(1, 80)])
    move = Move(made.sent_size + 600, 12_000, 500)
    cold = made.last_at + 400
    assert decisions.verdict(made, move, TARIFFS[0], cold, 51_000) == "cold"
    made.lost = 2 * made.sent_size
    assert decisions.verdict(made, move, TARIFFS[0], cold, 51_000) == "often"
    made.growth = 6000
    assert decisions.verdict(made, move, TARIFFS[0], cold, 51_000) == "cold", "out of reach, however seldom it is folded"


def test_a_fold_keeps_less_where_there_is_nothing_to_spend() -> None:
    made = account([100 * number for number in range(1, 500)])
    poor = decisions.kept(made, 60_000, 51_000, 3000, 0.1)
    made.purse.saved = 10.0
    rich = decisions.kept(made, 60_000, 51_000, 3000, 0.1)
    assert poor < rich == 30_000, "half of the window at most"
    written = decisions.affords(made, 51_000)
    made.purse.saved += 3.75
    assert decisions.affords(made, 51_000) == pytest.approx(written + 1_000_000)


def recalled(tariff: Tariff, times: int, added: int) -> Account:
    """Of a conversation that was folded to 6,000 tokens, and then recalled from at every request: so many tokens each."""
    made = account([300 * number for number in range(1, 46)], tariff=tariff)
    for number in range(times):
        total, sent = 13_800 + 300 * number, 6000 + (300 + added) * number
        usage = Usage(sent, 10, max(0, sent - 300 - added), 300 + added)
        asked = Step(2000.0 + 10 * number, total, sent, 300, 300 + added, 50, broken_sent=number == 0, changed=True)
        made.settle(asked, tariff, usage)
    return made


@given(st.sampled_from(TARIFFS[:3]), st.integers(1, 3000), st.integers(2, 15), st.integers(0, 40_000))
def test_what_is_recalled_again_and_again_costs_no_more_than_is_saved(tariff: Tariff, budget: int, times: int, saved: int) -> None:
    made = recalled(tariff, times, 2000)
    most = decisions.recallable(made, budget, Move(6000 + saved, 6000, 0), tariff)
    assert min(budget, RECALL_LEAST) <= most <= budget, "less, but never none"
    if RECALL_LEAST < most < budget:
        assert most * tariff.write <= (tariff.predicted(6000 + saved, 6000 + saved) - tariff.predicted(6000, 6000)) * 1e6 + 1
    if made.owing > 0 and made.recalls > 0.8 and most == budget > RECALL_LEAST:
        assert made.recalls * budget * tariff.write <= saved * tariff.input


def test_who_is_seldom_recalled_from_has_the_whole_budget() -> None:
    made, small = recalled(TARIFFS[0], 12, 2000), Move(13_000, 7000, 0)
    assert decisions.recallable(made, 2000, small, TARIFFS[0]) < 500
    seldom = recalled(TARIFFS[0], 12, 0)
    assert seldom.recalls == 0
    assert decisions.recallable(seldom, 2000, small, TARIFFS[0]) == 2000
    unmeasured = account([1000, 2000])
    unmeasured.recalls = 1.0
    assert decisions.recallable(unmeasured, 2000, small, TARIFFS[0]) == 2000, "nothing is known of what it costs"


@given(st.sampled_from(TARIFFS), st.floats(-5, 5), st.integers(1000, 100_000), st.integers(0, 100_000))
def test_once_stopped_a_block_costs_half_of_what_was_saved_at_most(tariff: Tariff, saved: float, size: int, room: int) -> None:
    made = account([300 * number for number in range(1, 46)], tariff=tariff)
    made.purse.saved = saved
    tokens = decisions.spendable(made, size, tariff, size + room)
    assert tokens == 0 or tokens >= 60
    read = tariff.read if tariff.caches else tariff.input
    requests = min(made.to_come, room / made.growth)
    assert (
        tokens * (max(tariff.input if not tariff.caches else tariff.write, tariff.input) + requests * read)
        <= max(0.0, saved / 2) * 1e6 + 1e-3
    )
    if saved > 0.1 and room < 1000:
        assert tokens > 0


def test_what_was_folded_stays_folded_where_undoing_costs_more() -> None:
    made, tariff = account([1000 * number for number in range(1, 60)]), TARIFFS[0]
    move = Move(30_000, 60_000, 500)
    for _ in range(WINDOW):
        made.measured(0.0101, 0.01)
    assert made.stopped
    assert not decisions.undo(made, move, tariff, made.last_at + 5), "a small loss a request is less than writing 60,000 tokens"
    for _ in range(WINDOW):
        made.measured(0.2, 0.02)
    assert decisions.undo(made, move, tariff, made.last_at + 5)
    assert not decisions.undo(made, move, tariff, made.last_at + 400), "cold: the smaller one is cheaper"
