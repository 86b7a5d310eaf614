"""When a fold may move: never at a predicted loss, never more often than the promise allows; and whoever measures a loss stops."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from backstory.core.records import Spend
from backstory.core.reply import Usage
from backstory.core.tariff import Tariff
from backstory.memory.economy.decisions import KEPT, RECALL_LEAST, REST_S, WINDOW, Account, gain, negative
from backstory.memory.economy.steps import Move, Step, best_size

TARIFFS = (
    Tariff("5 minutes", 3, 15, 0.3, 3.75, 300),
    Tariff("1 hour", 3, 15, 0.3, 6, 3600),
    Tariff("half price", 2.5, 10, 1.25, 2.5, 300, step=128),
    Tariff("no cache", 3, 15, 0.3, 3.75, 300, caches=False),
)
SIZES = st.integers(1, 400_000)


def step(at: float, total: int, sent: int = 0, fresh: int = 100, changed: bool = False, **fields: bool) -> Step:
    return Step(at, total, sent or total, fresh, fresh, 50, changed=changed, **fields)


def account(sizes: list[int], gap: float = 10.0, tariff: Tariff = TARIFFS[0]) -> Account:
    """Of a conversation of requests of these sizes that went up as they came."""
    made = Account()
    for number, size in enumerate(sizes):
        made.settle(step(1000.0 + number * gap, size), tariff, None)
    return made


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
    verdict = made.verdict(move, tariff, now, hard)
    if verdict in ("pays", "cold"):
        assert gain(made, move, tariff, now) > 0
        assert move.after < move.size
    if verdict == "cold":
        assert not made.warm(tariff, now)
    if verdict == "pays":
        assert made.may_lose(move.size - move.shared)


@given(cases(), st.floats(0, 1), st.integers(0, 200))
def test_the_gain_grows_with_what_is_saved_shared_and_still_to_come(
    case: tuple[Account, Move, Tariff, float, int], share: float, more: int
) -> None:
    made, move, tariff, now, _ = case
    if move.after < tariff.least:
        move = Move(move.size + tariff.least, move.after + tariff.least, move.shared)
    less = int(share * (move.after - max(tariff.least, move.shared)))
    before = gain(made, move, tariff, now)
    made.requests += more
    longer = gain(made, move, tariff, now)
    # Providers cache in steps: what is over the last whole one is read at full price, with each request.
    slack = 1e-9 + 2 * tariff.step * tariff.input / 1e6 * (1 + made.to_come)
    assert longer >= before - slack
    if less > 0:
        assert gain(made, replace(move, after=move.after - less), tariff, now) >= longer - slack
    further = replace(move, shared=move.shared + int(share * (move.after - move.shared)))
    assert gain(made, further, tariff, now) >= longer - slack


def test_a_cold_cache_makes_a_fold_free() -> None:
    made = account([1000 * number for number in range(1, 41)], gap=10)
    move = Move(41_000, 15_000, 500)
    assert made.verdict(move, TARIFFS[0], made.last_at + 10, 200_000) in ("often", "soon")
    assert made.verdict(move, TARIFFS[0], made.last_at + 301, 200_000) == "cold"
    hour = replace(TARIFFS[1], model=TARIFFS[0].model)
    assert made.verdict(move, hour, made.last_at + 301, 200_000) != "cold", "an hour is longer"
    assert made.verdict(move, TARIFFS[1], made.last_at + 10, 200_000) == "cold", "another model has read none of it"


def test_a_long_talk_has_earned_a_move() -> None:
    made = account([500 * number for number in range(1, 200)])
    move = Move(100_000, 30_000, 500)
    assert made.verdict(move, TARIFFS[0], made.last_at + 10, 102_000) == "poor", "nothing was saved that could be spent"
    made.purse.saved = made.price(move, TARIFFS[0], made.last_at + 10)
    assert made.verdict(move, TARIFFS[0], made.last_at + 10, 102_000) == "pays"
    fresh = account([500, 1000])
    assert fresh.verdict(Move(100_000, 98_000, 500), TARIFFS[0], fresh.last_at + 10, 102_000) == "costs"


def test_an_unknown_conversation_may_be_warm() -> None:
    assert Account().warm(TARIFFS[0], 1000.0)


@given(st.integers(1, 100_000), st.floats(0, 5000), st.floats(0, 5000))
def test_quick_growth_and_dear_writing_make_waiting_better(after: int, slow: float, quick: float) -> None:
    slow, quick = sorted((slow, quick))
    for one in TARIFFS:
        assert after <= best_size(after, slow, one) <= best_size(after, quick, one)
    assert best_size(after, quick, TARIFFS[0]) <= best_size(after, quick, TARIFFS[1])


@given(st.lists(st.tuples(st.integers(1, 5000), st.booleans()), min_size=1, max_size=300))
def test_early_moves_keep_the_promise(turns: list[tuple[int, bool]]) -> None:
    """Whatever is asked: moves that are allowed lose no more than the promised share of what was sent."""
    made, size = Account(), 0
    for number, (grown, wants) in enumerate(turns):
        size += grown
        moves = wants and bool(made.requests) and made.may_lose(made.sent_size)
        if moves:
            size = 1000
        made.settle(step(1000.0 + number, size, size, grown, broken_sent=moves), TARIFFS[0], None)
        assert made.lost <= (1 - KEPT) * made.sent_sum + 1e-6


@given(st.integers(1_000, 1_000_000), st.floats(0.3, 1), st.integers(0, 3000), st.integers(0, 20_000), st.integers(0, 50))
def test_what_is_kept_is_a_share_of_the_window(size: int, share: float, digest: int, growth: int, requests: int) -> None:
    made = Account()
    made.growth, made.requests = growth, requests
    kept = made.kept(size, int(size * share), digest, 0.25)
    assert int(size * 0.25) <= kept <= int(size * 0.5)
    made.growth += 100
    assert made.kept(size, int(size * share), digest, 0.25) <= kept
    assert made.kept(size, int(size * share), digest, 0.5) == int(size * 0.5)


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
        moves = bool(made.requests) and after < move.size and made.verdict(move, tariff, now, 60_000) in ("pays", "cold")
        folded = came - after if moves else folded
        sent = came - folded
        hit = int(tariff.hit(sent, (1500 if moves else before[1]) if warm else 0))
        usage = Usage(sent, 0, hit, sent - hit if tariff.write > tariff.input and tariff.caches else 0)
        billed += tariff.cost(usage)
        direct += tariff.predicted(came, before[0] if warm else 0)
        made.settle(Step(now, came, sent, grown, grown, 1500, broken_sent=moves, changed=folded > 0), tariff, usage)
        assert billed <= direct * 1.01 + 1e-9
        before = (came, sent)


def test_a_purse_counts_one_unit_and_is_shared_by_forks() -> None:
    made = account([1000 * number for number in range(1, 30)])
    assert made.purse.saved == 0 < made.purse.direct
    assert made.fork().purse is made.purse
    made.purse.book(1.0, 3.0, True)
    assert made.purse.saved == 2.0
    made.purse.book(1.0, 1.5, False)
    assert (made.purse.saved, made.purse.direct) == (0.5, 1.5), "shares of a price are no dollars"


def test_a_cold_cache_is_no_leave_to_break_the_promise() -> None:
    made = account([600 * number for number in range(1, 80)])
    move = Move(made.sent_size + 600, 12_000, 500)
    cold = made.last_at + 400
    assert made.verdict(move, TARIFFS[0], cold, 51_000) == "cold"
    made.lost = 2 * made.sent_size
    assert made.verdict(move, TARIFFS[0], cold, 51_000) == "often"
    made.growth = 6000
    assert made.verdict(move, TARIFFS[0], cold, 51_000) == "cold", "out of reach, however seldom it is folded"


def test_a_fold_keeps_less_where_there_is_nothing_to_spend() -> None:
    made = account([100 * number for number in range(1, 500)])
    poor = made.kept(60_000, 51_000, 3000, 0.1)
    made.purse.saved = 10.0
    rich = made.kept(60_000, 51_000, 3000, 0.1)
    assert poor < rich == 30_000, "half of the window at most"
    written = made.affords(51_000)
    made.purse.saved += 3.75
    assert made.affords(51_000) == pytest.approx(written + 1_000_000)


# --- what has been


def test_an_untouched_conversation_costs_what_it_costs() -> None:
    made = Account()
    for number in range(30):
        usage = Usage(2000 + 100 * number, 50, 1900 + 90 * number, 0)
        billed, direct, counted = made.settle(step(1000 + number, 1500 + 80 * number), TARIFFS[0], usage)
        assert billed == direct == TARIFFS[0].cost(usage)
        assert counted == usage


def test_what_the_untouched_request_would_have_cost_is_counted_as_the_provider_counts() -> None:
    """The provider finds 0.7 tokens for one of ours, and 9,000 of tools that we do not count."""
    made, tariff = Account(), TARIFFS[0]
    size = 0
    for number in range(40):
        size = 1000 + 1000 * number
        counted = 9000 + int(0.7 * size)
        made.settle(step(1000 + number, size, fresh=900), tariff, Usage(counted, 10, counted - 700, 700))
    usage = Usage(9000 + 7000, 10, 9000, 7000)
    cut = Step(1041.0, size + 1000, 10_000, 900, 900, 50, broken_sent=True, changed=True)
    billed, direct, _ = made.settle(cut, tariff, usage)
    whole = 9000 + 0.7 * (size + 1000)
    assert billed == pytest.approx(tariff.cost(usage))
    assert direct == pytest.approx(tariff.predicted(whole, whole - 700, 10), rel=0.03)


def test_a_cache_that_misses_by_itself_is_not_held_against_rewriting() -> None:
    made, tariff = Account(), TARIFFS[2]
    for number in range(20):
        size = 10_000 + 1000 * number
        hits = (size - 1000) // 2
        made.settle(step(1000 + number, size, fresh=900), tariff, Usage(size, 0, hits, 0))
    _, direct, _ = made.settle(step(1021, 30_000, 15_000, 900, True, broken_sent=True), tariff, Usage(15_000, 0, 0, 0))
    assert direct == pytest.approx(tariff.predicted(30_000, 29_100 / 2), rel=0.05)


def test_without_usage_the_rules_say_what_it_cost() -> None:
    made, tariff = Account(), TARIFFS[0]
    made.settle(step(1000, 50_000), tariff, None)
    billed, direct, counted = made.settle(step(1010, 52_000, fresh=1500), tariff, Usage(0, 7))
    assert counted == Usage(52_000, 7, 50_000, 2000)
    assert billed == direct == pytest.approx(tariff.cost(counted))
    assert made.settle(step(2000, 53_000), tariff, None)[2].cache_read_tokens == 0, "cold"


COSTS = st.floats(0, 10, allow_nan=False)


@given(st.lists(st.tuples(COSTS, COSTS), max_size=80))
def test_the_breaker_never_stops_what_saves(pairs: list[tuple[float, float]]) -> None:
    made = Account()
    for one, other in pairs:
        made.measured(min(one, other), max(one, other))
    assert not made.stopped


@given(st.lists(st.tuples(COSTS, st.floats(0.001, 10)), min_size=WINDOW, max_size=80), st.lists(st.tuples(COSTS, COSTS), max_size=15))
def test_the_breaker_stops_what_loses(pairs: list[tuple[float, float]], before: list[tuple[float, float]]) -> None:
    made = Account()
    for one, other in before:
        made.measured(min(one, other), max(one, other))
    for direct, more in pairs:
        made.measured(direct + more, direct)
    assert made.stopped


def test_a_fold_has_time_to_pay_for_itself() -> None:
    made = Account()
    made.measured(5.0, 1.0)
    for _ in range(WINDOW + 5):
        made.measured(1.0, 1.3)
    assert not made.stopped
    assert not negative([(9.0, 1.0)] * (WINDOW - 1)), "not before a whole window"


def test_a_large_loss_is_seen_before_a_window_is_full() -> None:
    made = account([10_000 + 300 * number for number in range(40)])
    whole = made.purse.direct
    for _ in range(3):
        made.measured(whole / 8, whole / 100)
    assert not made.stopped
    made.measured(whole / 8, whole / 100)
    assert made.stopped


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
    most = made.recallable(budget, Move(6000 + saved, 6000, 0), tariff)
    assert min(budget, RECALL_LEAST) <= most <= budget, "less, but never none"
    if RECALL_LEAST < most < budget:
        assert most * tariff.write <= (tariff.predicted(6000 + saved, 6000 + saved) - tariff.predicted(6000, 6000)) * 1e6 + 1
    if made.owing > 0 and made.recalls > 0.8 and most == budget > RECALL_LEAST:
        assert made.recalls * budget * tariff.write <= saved * tariff.input


def test_who_is_seldom_recalled_from_has_the_whole_budget() -> None:
    made, small = recalled(TARIFFS[0], 12, 2000), Move(13_000, 7000, 0)
    assert made.recallable(2000, small, TARIFFS[0]) < 500
    seldom = recalled(TARIFFS[0], 12, 0)
    assert seldom.recalls == 0
    assert seldom.recallable(2000, small, TARIFFS[0]) == 2000
    unmeasured = account([1000, 2000])
    unmeasured.recalls = 1.0
    assert unmeasured.recallable(2000, small, TARIFFS[0]) == 2000, "nothing is known of what it costs"


def test_stopping_is_remembered_by_the_rows() -> None:
    rows = [
        Spend(number, "c", 1000.0 + number, "traffic", "m", "w", 5000, 3000, 3000, 5, billed=2.0, direct=1.0, measured=True, rewritten=True)
        for number in range(WINDOW)
    ]
    made = Account()
    made.replay(rows)
    assert (made.stopped, made.requests, made.rewritten, made.sent_size, made.size_in) == (False, WINDOW, True, 3000, 5000)
    made.measured(2.0, 1.0)
    assert made.stopped, "the window goes on"
    again = Account()
    again.replay([*rows, replace(rows[-1], stopped=True), replace(rows[-1], kind="side")])
    assert again.stopped


def test_after_a_restart_a_fold_for_one_model_holds_for_all_of_them() -> None:
    """What one has been sent before it is no beginning of what goes up since."""
    first, second = (replace(TARIFFS[0], model=name) for name in ("first", "second"))
    rows = [
        Spend(1, "c", 1000.0, "traffic", "first", "w", 50_000, 50_000, 50_000, 5, priced=True, measured=True),
        Spend(2, "c", 1010.0, "traffic", "second", "w", 50_500, 10_000, 10_000, 5, priced=True, measured=True, rewritten=True),
    ]
    made = Account()
    made.replay(rows)
    following = step(1020.0, 51_000, 10_500, changed=True)
    assert made.cached(second, following) == 10_000
    assert made.cached(first, following) == 0
    assert made.found(first).came == 50_000, "as its client sends it, it goes on"
    made.replay([replace(rows[1], id=3, at=1015.0, model="first")])
    assert made.cached(first, following) == 10_000
    assert made.cached(second, following) == 10_000


def test_how_the_provider_counts_is_known_from_the_rows() -> None:
    rows = [
        Spend(number, "c", 1000.0 + number, "traffic", "m", "w", 90_000 + 1000 * number, 20_000 + 1000 * number, 25_000 + 600 * number, 5)
        for number in range(1, 20)
    ]
    made = Account()
    made.replay([replace(row, measured=True, rewritten=True) for row in rows])
    assert made.ratio == pytest.approx(0.6)
    assert made.direct_size == pytest.approx(25_000 + 600 * 19 + 70_000 * 0.6)


def test_further_legs_are_paid_but_teach_nothing_of_sizes() -> None:
    """An answer with a look-up in it is billed for two requests; the client's own would have been one."""
    made, tariff, rows = Account(), TARIFFS[0], list[Spend]()
    for number in range(30):
        size, sent = 60_000 + 1000 * number, 20_000 + 1000 * number
        legs = sent + 500 if number == 20 else 0
        one = Step(1000.0 + number, size, sent, 1000, 1000, 50, changed=True, legs=legs)
        counted = sent + legs
        billed, direct, usage = made.settle(one, tariff, Usage(counted, 10, counted - 1000, 1000))
        if legs:
            assert billed == tariff.cost(usage)
            assert direct == pytest.approx(tariff.predicted(size, size - 1000, 10), rel=0.05)
        spend = Spend(number, "c", one.at, "traffic", "m", "w", size, sent + legs, counted, 10, billed=billed, direct=direct)
        rows.append(replace(spend, measured=True, rewritten=True, priced=True))
    again = Account()
    again.replay(rows)
    for account_ in (made, again):
        assert account_.ratio == pytest.approx(1.0, rel=0.02)
        assert account_.sent_size == 49_000
        assert account_.direct_size == pytest.approx(89_000, rel=0.02)
        assert account_.growth == pytest.approx(1000, rel=0.4)
    silent = Account()
    _, _, told = silent.settle(Step(1000.0, 5000, 5000, 5000, 5000, 50, changed=True, legs=6000), tariff, None)
    assert told.input_tokens == 11_000
    assert told.cache_read_tokens == 6000


def test_a_clock_that_goes_back_makes_no_cache_cold() -> None:
    made = account([1000, 2000])
    assert made.warm(TARIFFS[0], made.last_at - 50)
    made.settle(step(10.0, 3000), TARIFFS[0], None)
    assert made.warm(TARIFFS[0], 20.0)
    assert not made.warm(TARIFFS[0], 400.0), "it is not warm until the time that the clock said once"


def resting(made: Account, now: float) -> bool:
    made.rest(now)
    return made.stopped


def test_what_was_stopped_is_tried_again_after_a_rest_and_judged_anew() -> None:
    made = Account()
    for _ in range(WINDOW):
        made.measured(2.0, 1.0, 5000.0)
    assert resting(made, 5000.0 + REST_S - 1)
    assert not resting(made, 5000.0 + REST_S)
    for number in range(1, WINDOW + 1):
        made.measured(2.0, 1.0, 20_000.0)
        assert resting(made, 20_000.0) == (number == WINDOW)
    assert made.stopped_at == 20_000.0
    assert not resting(made, 20_000.0 - REST_S), "the clock was set back"


def test_a_rest_is_known_from_the_rows() -> None:
    row = Spend(1, "c", 1000.0, "traffic", "m", "w", 5000, 3000, 3000, 5, billed=2.0, direct=1.0, measured=True, rewritten=True)
    plain = replace(row, tokens_sent=5000, rewritten=False, billed=1.0, stopped=True)
    stopped = [*[replace(row, at=1000.0 + number) for number in range(WINDOW)], replace(row, at=1100.0, stopped=True)]
    made = Account()
    made.replay([*stopped, replace(plain, at=1200.0)])
    assert (made.stopped, made.stopped_at, made.pure) == (True, 1100.0, True)
    made = Account()
    made.replay([*stopped, replace(plain, at=1200.0), replace(plain, at=6000.0, stopped=False)])
    assert (made.stopped, made.pure) == (False, True), "as the client has it, until it pays to change that"
    made.measured(2.0, 1.0, 6001.0)
    assert not made.stopped, "what was measured before the rest counts no more"


def test_a_cache_that_lasts_longer_than_promised_is_known_by_it() -> None:
    made = Account()
    for number in range(4):
        made.settle(step(1000 + 900 * number, 20_000 + 1000 * number), TARIFFS[0], Usage(20_000 + 1000 * number, 0, 19_000 * bool(number)))
    assert made.warm(TARIFFS[0], made.last_at + 900)
    assert not made.warm(TARIFFS[0], made.last_at + 1000)


def test_what_was_folded_stays_folded_where_undoing_costs_more() -> None:
    made, tariff = account([1000 * number for number in range(1, 60)]), TARIFFS[0]
    move = Move(30_000, 60_000, 500)
    for _ in range(WINDOW):
        made.measured(0.0101, 0.01)
    assert made.stopped
    assert not made.undo(move, tariff, made.last_at + 5), "a small loss a request is less than writing 60,000 tokens"
    for _ in range(WINDOW):
        made.measured(0.2, 0.02)
    assert made.undo(move, tariff, made.last_at + 5)
    assert not made.undo(move, tariff, made.last_at + 400), "cold: the smaller one is cheaper"


def test_a_fork_has_found_the_same_cache() -> None:
    made = account([1000, 2000, 3000])
    made.stopped = made.partly = True
    other = made.fork()
    assert (other.requests, other.sent_size, other.last_at, other.stopped) == (3, 3000, made.last_at, False)
    assert other.partly, "its client marks what it has marked"


def test_a_row_without_a_size_tells_nothing_of_how_the_provider_counts() -> None:
    sizes = [(1000 * at, 1000 * at) for at in range(1, 12)] + [(0, 0), (13_000, 6_000), (14_000, 7_000)]
    counted = [900 * at for at in range(1, 13)] + [5_400, 6_300]
    rows = [
        Spend(at, "c", 10.0 * at, "traffic", "m", "anthropic", came, sent, tokens, 20, 0, 0, 0.01, 0.01, True, True, came != sent, False)
        for at, ((came, sent), tokens) in enumerate(zip(sizes, counted, strict=True), 1)
    ]
    made = Account()
    made.replay(rows)
    assert made.ratio == pytest.approx(0.9)
    assert made.direct_size == pytest.approx(14_000 * 0.9)
