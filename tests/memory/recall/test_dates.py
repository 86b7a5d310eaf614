"""Dates in questions and turns become periods."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstory.memory.recall import dates
from tests.memory.chats import seconds

HERE = seconds("2025-05-14 15:00")  # a Wednesday


def days(periods: tuple[dates.Period, ...]) -> list[str]:
    return [f"{datetime.fromtimestamp(p.start, UTC):%Y-%m-%d}/{(p.end - p.start) / dates.DAY_S:.0f}" for p in periods]


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("What happened on 8 May?", ["2024-05-08/1", "2025-05-08/1"]),
        ("What happened on May 8th, 2025?", ["2025-05-08/1"]),
        ("the log of 2025-03-02", ["2025-03-02/1"]),
        ("am 2.3.2025", ["2025-03-02/1"]),
        ("in March 2025", ["2025-03-01/31"]),
        ("in 2024", ["2024-01-01/365"]),
        ("yesterday", ["2025-05-13/1"]),
        ("last Friday", ["2025-05-09/1"]),
        ("last Wednesday", ["2025-05-07/1"]),
        ("next Friday", ["2025-05-16/1"]),
        ("next Wednesday", ["2025-05-21/1"]),
        ("this Wednesday", ["2025-05-14/1"]),
        ("last week", ["2025-05-05/7"]),
        ("last weekend", ["2025-05-10/2"]),
        ("last month", ["2025-04-01/31"]),
        ("next year", ["2026-01-01/365"]),
        ("three days ago", ["2025-05-11/1"]),
        ("two weeks ago", ["2025-04-28/5"]),
        ("last summer", ["2024-06-01/93"]),
        ("the summer of 2023", ["2023-06-01/93"]),
        ("last winter", ["2024-12-01/93"]),
        ("this summer", ["2025-06-01/93"]),
        ("in summer", ["2024-06-01/93", "2025-06-01/93"]),
        ("12 days ago", ["2025-05-02/1"]),
        ("a couple of weeks ago", ["2025-04-28/5"]),
        ("a fortnight ago", ["2025-04-28/5"]),
        ("May I ask you something?", []),
        ("What was up in May?", ["2024-05-01/31", "2025-05-01/31"]),
        ("we may march on", []),
        ("31 February 2025", []),
        ("nothing", []),
    ],
)
def test_periods_that_a_question_names(question: str, expected: list[str]) -> None:
    assert days(dates.asked(question, HERE, HERE, HERE)) == expected


def test_last_winter_in_january_is_the_one_before() -> None:
    january = seconds("2026-01-10 12:00")
    assert days(dates.asked("last winter", january, january, january)) == ["2024-12-01/93"]
    assert days(dates.asked("this winter", january, january, january)) == ["2025-12-01/93"]


def test_a_turn_speaks_of_days_seen_from_its_own_time() -> None:
    assert days(dates.mentioned("We met yesterday and two weeks ago", HERE)) == ["2025-05-13/1", "2025-04-28/5"]
    assert days(dates.mentioned("on 3 June", HERE)) == ["2025-06-03/1"]
    assert dates.mentioned("yesterday", 0.0) == ()
    assert dates.mentioned("no time at all", HERE) == ()


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("What did she do the week before her birthday?", ("before", 7.0, "her birthday")),
        ("Where did he go after the wedding?", ("after", 14.0, "the wedding")),
        ("What is new?", None),
    ],
)
def test_time_around_an_event(question: str, expected: tuple[str, float, str] | None) -> None:
    assert dates.around(question) == expected


def test_closeness_falls_after_a_period_and_is_none_far_away() -> None:
    day = dates.asked("on 8 May 2025", HERE, HERE, HERE)
    near = [dates.closeness(seconds(f"2025-05-{at:02d} 12:00"), day) for at in (8, 10, 7, 25)]
    assert near == [1.0, 0.6, 0.3, 0.0]
    assert dates.closeness(HERE, ()) == 0.0


def test_of_a_date_in_any_year_the_newest_that_has_been_is_likely_to_be_meant() -> None:
    found = dates.asked("at Christmas", HERE, seconds("2022-01-01 12:00"), HERE)
    near = [dates.closeness(seconds(f"{year}-12-25 12:00"), found) for year in (2022, 2023, 2024)]
    assert near == [dates.WITHIN, dates.WITHIN, 1.0]
    assert dates.closeness(seconds("2023-04-09 12:00"), dates.asked("at Easter", HERE, seconds("2022-01-01 12:00"), HERE)) == dates.WITHIN
    assert [one.share for one in dates.asked("on Monday and last week", HERE, HERE, HERE)] == [1.0]


def test_a_stamp_before_a_line_is_read_and_taken_off() -> None:
    assert dates.stamp("[1:56 pm on 8 May, 2023] Caro: hi") == (seconds("2023-05-08 13:56"), "Caro: hi")
    assert dates.stamp("[2023-05-08 13:56] hi") == (seconds("2023-05-08 13:56"), "hi")
    assert dates.stamp("[see below] hi") is None
    assert dates.stamp("hi [2023-05-08]") is None


def test_day_names() -> None:
    assert dates.day_name(HERE) == "14 May 2025"
    assert dates.day_name(0.0) == ""


@given(st.text(max_size=80), st.floats(0, 1e12, allow_nan=False))
def test_no_text_and_no_time_raises(text: str, at: float) -> None:
    dates.asked(text, at, at, at)
    dates.mentioned(text + " last week", at)
    dates.around(text)
    dates.stamp("[" + text + "] x")
    dates.day_name(at)


@pytest.mark.parametrize("text", ["It was LAST Week.", "in may", "At 7", "See you tomorrow!", "two years ago", "ten\u0663"])
def test_words_of_time_are_noticed(text: str) -> None:
    assert dates.timely(text)


@pytest.mark.parametrize("text", ["", "We may_be late", "daylight", "the lasting peace", "mayor", "nothing of it"])
def test_words_that_only_look_like_it_are_not(text: str) -> None:
    assert not dates.timely(text)
