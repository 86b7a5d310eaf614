"""Breakers under a clock of ours: what opens one, who may try it, what closes it again."""

from __future__ import annotations

import pytest

from backstory.relay.breaker import Board, Thresholds


class Hand:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def board(failures: int = 3, open_s: float = 10.0) -> tuple[Board, Hand]:
    clock = Hand()
    return Board(Thresholds(failures, open_s), clock, lambda: 1_700_000_000.0), clock


def fail(one: Board, times: int, name: str = "a") -> None:
    for _ in range(times):
        one.tried(name)
        one.failed(name, "status 503")


def test_failures_in_a_row_open_it_and_an_answer_between_them_does_not() -> None:
    one, _ = board()
    fail(one, 2)
    one.answered("a")
    fail(one, 2)
    assert one.state("a") == "closed"
    fail(one, 1)
    assert one.state("a") == "open"
    assert not one.admits("a")
    assert one.admits("b")


def test_after_its_time_one_request_tries_it_and_an_answer_closes_it() -> None:
    one, clock = board()
    fail(one, 3)
    clock.now += 9.9
    assert not one.admits("a")
    clock.now += 0.2
    assert one.state("a") == "half_open"
    assert one.admits("a")
    one.tried("a")
    assert not one.admits("a"), "one at a time"
    one.answered("a")
    assert one.state("a") == "closed"
    assert one.admits("a")
    fail(one, 2)
    assert one.state("a") == "closed", "it begins to count anew"


def test_a_trial_that_fails_opens_it_for_twice_as_long_up_to_a_bound() -> None:
    one, clock = board(open_s=10.0)
    fail(one, 3)
    for times in (2, 4, 8, 16, 16, 16):
        clock.now += 10.0 * 16 + 1
        assert one.state("a") == "half_open"
        fail(one, 1)
        assert one.opens_in_s("a") == pytest.approx(10.0 * times)


def test_failures_of_requests_that_were_under_way_prolong_nothing() -> None:
    one, clock = board()
    fail(one, 3)
    clock.now += 5
    fail(one, 4)
    assert one.opens_in_s("a") == pytest.approx(5.0)


def test_a_trial_whose_client_left_or_whose_end_nobody_told_makes_room_for_another() -> None:
    one, clock = board()
    fail(one, 3)
    clock.now += 11
    one.tried("a")
    assert not one.admits("a")
    one.left("a")
    assert one.admits("a")
    one.tried("a")
    clock.now += 10.5
    assert one.admits("a")


def test_one_that_was_asked_too_often_rests_and_is_not_broken() -> None:
    one, clock = board()
    fail(one, 2)
    for _ in range(5):
        one.limited("a", "status 429", 7.0)
    assert one.state("a") == "closed"
    assert one.rests("a")
    clock.now += 7.1
    assert not one.rests("a")


def test_with_no_threshold_nothing_ever_opens() -> None:
    one, _ = board(failures=0)
    fail(one, 50)
    assert one.state("a") == "closed"


def test_reactivation_closes_it_and_ends_its_rest_and_keeps_the_counts() -> None:
    one, _ = board()
    fail(one, 3)
    one.limited("b", "status 429", 60.0)
    assert one.reactivate("a")
    assert one.reactivate("b")
    assert not one.reactivate("unheard-of")
    assert one.admits("a")
    assert not one.rests("b")
    rows = {row.name: row for row in one.rows()}
    assert rows["a"].errors == rows["a"].tries == 3
    assert (rows["a"].state, rows["a"].failures, rows["a"].last_error) == ("closed", 0, "status 503")


def test_what_is_shown_is_what_happened() -> None:
    one, clock = board()
    fail(one, 3)
    one.tried("b")
    one.answered("b")
    one.said_nothing("b")
    one.broke_off("b", "cut")
    clock.now += 4
    first, second = one.rows()
    assert (first.name, first.state, first.failures, first.open_for_s, first.errors) == ("a", "open", 3, 6.0, 3)
    assert first.last_error_at == 1_700_000_000.0
    assert (second.name, second.tries, second.answers, second.empty, second.broken, second.last_error) == ("b", 1, 1, 1, 1, "cut")
