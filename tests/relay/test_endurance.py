"""When a request is sent again, to whom, and after how long: decided under a clock and a chance of ours."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime

import pytest

from backstory.core.exchange import Headers
from backstory.relay.breaker import Thresholds
from backstory.relay.endurance import Endurance, Fault, Kind, Policy, Schedule, Step, asked_s, fault_of
from backstory.relay.heads import read_reply

from .test_breaker import Hand

WALL = 1_700_000_000.0
ERROR, LIMITED = Fault("error", "503"), Fault("limited", "429")


def plan(*names: str, chance: float = 1.0, **policy: float) -> tuple[Schedule, Endurance, Hand]:
    clock = Hand()
    rules = Policy(**{"retries": 2, "backoff_s": 1.0, "backoff_most_s": 8.0, "budget_s": 60.0, **policy})  # type: ignore[arg-type]
    shared = Endurance(rules, Thresholds(5, 30.0), clock, lambda: WALL, lambda: chance)
    return Schedule(names or ("a",), shared), shared, clock


@pytest.mark.parametrize(
    ("status", "kind"),
    [(429, "limited"), (408, "error"), (500, "error"), (502, "error"), (503, "error"), (504, "error"), (520, "error"), (529, "error")],
)
def test_a_provider_that_says_so_has_not_answered(status: int, kind: Kind) -> None:
    fault = fault_of(read_reply(b"HTTP/1.1 %d No\r\nContent-Length: 0" % status), lambda: WALL)
    assert fault is not None
    assert (fault.kind, fault.what, fault.lasting) == (kind, str(status), False)


@pytest.mark.parametrize("status", [200, 201, 204, 301, 400, 401, 402, 403, 404, 409, 413, 422, 501, 505])
def test_every_other_status_is_an_answer(status: int) -> None:
    assert fault_of(read_reply(b"HTTP/1.1 %d Yes\r\nContent-Length: 0" % status), lambda: WALL) is None


def test_a_provider_that_wants_no_retry_is_not_asked_again() -> None:
    fault = fault_of(read_reply(b"HTTP/1.1 503 No\r\nX-Should-Retry: false\r\nContent-Length: 0"), lambda: WALL)
    assert fault is not None
    assert fault.lasting
    schedule, _, _ = plan("a", "b")
    assert schedule.after(0, fault) == Step(1, 0.0)
    assert plan("a")[0].after(0, fault) is None


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        (((b"Retry-After", b"7"),), 7.0),
        (((b"retry-after", b"0.5"),), 0.5),
        (((b"retry-after-ms", b"250"), (b"Retry-After", b"1")), 0.25),
        (((b"Retry-After", format_datetime(datetime.fromtimestamp(WALL + 30, UTC), usegmt=True).encode()),), 30.0),
        (((b"Retry-After", format_datetime(datetime.fromtimestamp(WALL - 30, UTC), usegmt=True).encode()),), 0.0),
        (((b"Retry-After", b"-3"),), None),
        (((b"Retry-After", b"soon"),), None),
        (((b"Retry-After", b""),), None),
        (((b"Retry-After", b"\xb2"),), None),
        ((), None),
    ],
)
def test_what_a_provider_asks_for_is_read_as_seconds_or_as_a_date(headers: Headers, seconds: float | None) -> None:
    assert asked_s(headers, lambda: WALL) == seconds


def test_pauses_grow_to_a_bound_and_half_of_each_is_chance() -> None:
    schedule, _, _ = plan(retries=5)
    assert [schedule.after(0, ERROR) for _ in range(6)] == [*[Step(0, wait) for wait in (1.0, 2.0, 4.0, 8.0, 8.0)], None]
    schedule, _, _ = plan(chance=0.0)
    assert schedule.after(0, ERROR) == Step(0, 0.5)


def test_a_backends_own_retries_come_before_the_next_one() -> None:
    schedule, _, _ = plan("a", "b", retries=1)
    assert schedule.after(0, ERROR) == Step(0, 1.0)
    assert schedule.after(0, ERROR) == Step(1, 0.0)
    assert schedule.after(1, ERROR) == Step(1, 1.0)
    assert schedule.after(1, ERROR) is None


def test_a_key_that_was_used_too_often_gives_way_to_the_next_at_once_and_is_come_back_to() -> None:
    schedule, shared, clock = plan("key.1", "key.2", retries=1, chance=0.0)
    asked = Fault("limited", "429", asked_s=20.0)
    shared.board.limited("key.1", "429", 20.0)
    assert schedule.after(0, asked) == Step(1, 0.0)
    shared.board.limited("key.2", "429", 20.0)
    clock.now += 1
    assert schedule.after(1, asked) == Step(0, 19.0), "the first to be allowed again"
    clock.now += 19
    assert schedule.after(0, asked) == Step(1, 1.0)
    clock.now += 1
    assert schedule.after(1, asked) is None


def test_what_a_provider_asks_for_is_never_undercut_and_never_outlasts_the_budget() -> None:
    schedule, _, _ = plan(chance=1.0)
    assert schedule.after(0, Fault("limited", "429", asked_s=10.0)) == Step(0, 10.5)
    schedule, _, _ = plan(budget_s=10.1)
    step = schedule.after(0, Fault("limited", "429", asked_s=10.0))
    assert step is not None
    assert 10.0 <= step.wait_s <= 10.1
    assert plan(budget_s=9.0)[0].after(0, Fault("limited", "429", asked_s=10.0)) is None


def test_a_long_wait_lets_another_backend_come_first() -> None:
    schedule, _, _ = plan("a", "b", backoff_most_s=4.0)
    assert schedule.after(0, Fault("error", "503", asked_s=5.0)) == Step(1, 0.0)
    schedule, _, _ = plan("a", "b", backoff_most_s=4.0, chance=0.0)
    assert schedule.after(0, Fault("error", "503", asked_s=3.0)) == Step(0, 3.0)


def test_nothing_begins_after_the_budget() -> None:
    schedule, _, clock = plan("a", "b", budget_s=5.0)
    clock.now += 5.1
    assert schedule.after(0, ERROR) is None


def test_one_that_was_too_slow_is_not_asked_again() -> None:
    schedule, _, _ = plan("a", "b")
    assert schedule.after(0, Fault("slow", "slow")) == Step(1, 0.0)
    assert plan("a")[0].after(0, Fault("slow", "slow")) is None


def test_a_connection_that_had_gone_stale_costs_no_pause() -> None:
    assert plan()[0].after(0, Fault("stale", "stale")) == Step(0, 0.0)


def test_an_empty_answer_is_asked_for_once_more_and_only_once() -> None:
    schedule, _, _ = plan(retries=0, empty_retry=True)
    may = [schedule.may_reask]
    assert schedule.after(0, Fault("empty", "empty")) == Step(0, 0.0)
    may.append(schedule.may_reask)
    assert may == [True, False]
    assert schedule.after(0, Fault("empty", "empty")) is None
    assert not plan(retries=3)[0].may_reask


def test_an_open_breaker_is_passed_over_and_ends_the_retries_of_its_own_backend() -> None:
    schedule, shared, _ = plan("a", "b")
    for _ in range(5):
        shared.board.failed("a", "503")
    assert schedule.first() == 1
    assert schedule.after(0, ERROR) == Step(1, 0.0)
    alone, shared, _ = plan("a")
    for _ in range(5):
        shared.board.failed("a", "503")
    assert alone.first() == 0, "where there is nothing else, it is asked all the same"
    assert alone.after(0, ERROR) is None, "once"


def test_of_several_that_are_set_aside_the_first_to_come_back_is_asked() -> None:
    schedule, shared, clock = plan("a", "b")
    for name in ("b", "a"):
        for _ in range(5):
            shared.board.failed(name, "503")
        clock.now += 1
    assert schedule.first() == 1


def test_one_that_rests_is_asked_where_no_other_is_awake() -> None:
    schedule, shared, _ = plan("a", "b")
    shared.board.limited("a", "429", 30.0)
    assert schedule.first() == 1
    shared.board.limited("b", "429", 30.0)
    assert schedule.first() == 0
