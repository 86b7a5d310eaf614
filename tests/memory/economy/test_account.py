"""What a conversation has cost and would have cost; whoever measures a loss stops, and a restart knows it."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from backstory.core.records import Spend
from backstory.core.reply import Usage
from backstory.memory.economy.account import REST_S, WINDOW, Account, negative
from backstory.memory.economy.books import KEPT, opened, written
from backstory.memory.economy.steps import Step, best_size
from tests.memory.economy.accounts import TARIFFS, account, step

COSTS = st.floats(0, 10, allow_nan=False)


def test_an_unknown_conversation_may_be_warm() -> None:
    assert Account().warm(TARIFFS[0], 1000.0)


@given(st.integers(1, 100_000), st.floats(0, 5000), st.floats(0, 5000))
def test_quick_growth_and_dear_writing_make_waiting_better(after: int, slow: float, quick: float) -> None:
    slow, quick = sorted((slow, quick))
    for one in TARIFFS:
        assert after <= best_size(after, slow, one) <= best_size(after, quick, one)
    assert best_size(after, quick, TARIFFS[0]) <= best_size(after, quick, TARIFFS[1])


def test_a_purse_counts_one_unit_and_is_shared_by_forks() -> None:
    made = account([1000 * number for number in range(1, 30)])
    assert made.purse.saved == 0 < made.purse.direct
    assert made.fork().purse is made.purse
    made.purse.book(1.0, 3.0, True)
    assert made.purse.saved == 2.0
    made.purse.book(1.0, 1.5, False)
    assert (made.purse.saved, made.purse.direct) == (0.5, 1.5), "shares of a price are no dollars"


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


@pytest.mark.parametrize("cuts", [False, True])
def test_a_gateway_that_caches_nothing_is_credited_with_no_writes(cuts: bool) -> None:
    """Its clients mark, and it charges all of every prompt as fresh input."""
    made, tariff = Account(), TARIFFS[0]
    for number in range(20):
        size = 10_000 + 500 * min(number, 8 if cuts else 20)
        made.settle(step(1000 + number, size, fresh=500, broken_in=cuts, broken_sent=cuts, complete=not cuts), tariff, Usage(size))
    added = Usage(size + 200)
    made.settle(step(1021, size, size + 200, 500, True, broken_in=cuts, broken_sent=cuts, complete=not cuts), tariff, added)
    for number in range(5):
        billed, direct, _ = made.settle(
            step(1022 + number, size, fresh=500, broken_in=cuts, broken_sent=cuts, complete=not cuts), tariff, Usage(size)
        )
        assert direct == pytest.approx(billed), "it goes up as it came"
    assert made.purse.saved == pytest.approx(tariff.cost(Usage(size)) - tariff.cost(added), rel=0.1), (
        "what was added is owed, and no more saved"
    )


def test_what_is_written_is_credited_again_where_the_provider_begins_to_write() -> None:
    made, tariff = Account(), TARIFFS[0]
    for number in range(10):
        made.settle(step(1000 + number, 10_000), tariff, Usage(10_000))
    assert made.writes == 0
    for number in range(80):
        made.settle(step(1010 + number, 10_000), tariff, Usage(10_000, 0, 9000, 1000))
    assert made.writes > 0.9


@given(st.data())
def test_an_account_that_is_read_again_is_the_one_that_lived(data: st.DataObject) -> None:
    """Whatever came, wherever it is read again, and however many rows are read: what it knows, and what it makes of what comes next."""
    tariff = data.draw(st.sampled_from(TARIFFS))
    lived, again, rows = Account(), Account(), list[Spend]()
    size = 2000
    for number in range(data.draw(st.integers(1, 30))):
        grown = data.draw(st.integers(10, 3000))
        size, changed, cut = size + grown, data.draw(st.booleans()), data.draw(st.integers(0, 9)) == 0
        sent = data.draw(st.integers(1000, size + 500)) if changed else size
        now = step(1000.0 + number * data.draw(st.sampled_from([5, 400])), size, sent, grown, changed, broken_in=cut, broken_sent=cut)
        read = data.draw(st.integers(0, sent))
        usage = data.draw(st.sampled_from([None, Usage(sent, 9, read, sent - read), Usage(sent, 9)]))
        told = lived.settle(now, tariff, usage)
        assert again.settle(now, tariff, usage) == told
        spend = Spend(number + 1, "c", now.at, "traffic", "m", "anthropic", size, sent, sent, billed=told[0], direct=told[1], priced=True)
        rows.append(replace(spend, stopped=lived.stopped, books=written(lived)))
        if data.draw(st.booleans()):
            again = Account()
            again.replay(rows[-data.draw(st.integers(1, 5)) :])
            assert again.newest == number + 1
        assert [getattr(again, name) for name in KEPT] == [getattr(lived, name) for name in KEPT]
        assert (again.quality, again.writes, again.ratio) == (lived.quality, lived.writes, lived.ratio)


def test_books_that_cannot_be_read_leave_it_to_the_rows() -> None:
    row = Spend(1, "c", 1000.0, "traffic", "m", "anthropic", 900, 900, 1000, billed=0.1, direct=0.1, priced=True, measured=True)
    plain, damaged = Account(), Account()
    plain.replay([row])
    damaged.replay([replace(row, books=b"\x93nothing")])
    assert written(damaged) == written(plain)


@given(st.data())
def test_books_that_were_damaged_anywhere_stop_nobody(data: st.DataObject) -> None:
    made, tariff = Account(), TARIFFS[0]
    made.settle(step(1000, 10_000), tariff, Usage(10_000, 5, 0, 10_000))
    books = bytearray(written(made))
    for _ in range(data.draw(st.integers(1, 3))):
        books[data.draw(st.integers(0, len(books) - 1))] = data.draw(st.integers(0, 255))
    found = opened(bytes(books[: data.draw(st.integers(0, len(books)))]))
    assert found is None or math.isfinite(found.purse.saved)


def test_books_with_a_name_that_is_no_text_are_none() -> None:
    made = Account()
    made.settle(step(1000, 10_000), TARIFFS[0], Usage(10_000, 5, 0, 10_000))
    assert opened(written(made).replace(b"5 minutes", b"5 minut\xff\xfe")) is None


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_books_with_a_number_that_is_none_leave_it_to_the_rows(number: float) -> None:
    made = Account()
    made.settle(step(1000, 10_000), TARIFFS[0], Usage(10_000, 5, 0, 10_000))
    made.purse.saved = number
    assert opened(written(made)) is None


def test_a_count_that_no_request_has_is_stored_all_the_same() -> None:
    made = Account()
    for number, size in enumerate((10_000, 10**30, 10_500, 10**30, 11_000)):
        made.settle(step(1000 + number, 10_000 + 500 * number), TARIFFS[0], Usage(size, size, size // 2, size // 2))
        assert opened(written(made)) is not None


def test_a_fork_knows_how_good_its_cache_is() -> None:
    made, tariff = Account(), TARIFFS[0]
    for number in range(9):
        made.settle(step(1000 + number, 10_000 + 500 * number, fresh=500), tariff, Usage(10_000 + 500 * number, 0, 0, 10_000))
    assert made.fork().quality == made.quality == 0
