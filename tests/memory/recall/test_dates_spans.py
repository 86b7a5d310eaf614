"""Times that are told as more than one day, or by another day."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstory.memory.recall import dates
from backstory.memory.recall.dates_spans import moved_feast
from tests.growth import MOST, growth
from tests.memory.chats import seconds

HERE = seconds("2024-07-10 15:00")  # a Wednesday
YEAR = 2024


def days(periods: tuple[dates.Period, ...]) -> list[tuple[str, str]]:
    """First and last day of each."""
    return [tuple(f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d}" for at in (one.start, one.end - 1)) for one in periods]  # type: ignore[misc]


ONE = [
    ("What was the revenue in Q3 2024?", "2024-07-01", "2024-09-30"),
    ("What did we decide in Q2?", "2024-04-01", "2024-06-30"),
    ("In Q1, what broke?", "2024-01-01", "2024-03-31"),
    ("What did we plan in the second quarter of 2024?", "2024-04-01", "2024-06-30"),
    ("What was late in the last quarter of last year?", "2023-10-01", "2023-12-31"),
    ("What did we do last quarter?", "2024-04-01", "2024-06-30"),
    ("What happened between 3 and 9 May?", "2024-05-03", "2024-05-09"),
    ("What happened from the 3rd to the 9th of May?", "2024-05-03", "2024-05-09"),
    ("What happened between May 3 and 9, 2024?", "2024-05-03", "2024-05-09"),
    ("What happened between 3 May and 9 May 2024?", "2024-05-03", "2024-05-09"),
    ("What happened from 28 December to 3 January 2024?", "2023-12-28", "2024-01-03"),
    ("What happened 3-9 May?", "2024-05-03", "2024-05-09"),
    ("What did Ann do from March to May?", "2024-03-01", "2024-05-31"),
    ("What did Ann do between November and February 2024?", "2023-11-01", "2024-02-29"),
    ("What did Ann do from November 2023 to January?", "2023-11-01", "2024-01-31"),
    ("Where did I work from 2021 to 2023?", "2021-01-01", "2023-12-31"),
    ("What did he buy two days after Easter?", "2024-04-02", "2024-04-02"),
    ("What did he buy the week before Easter 2024?", "2024-03-24", "2024-03-30"),
    ("What did he buy the day after Thanksgiving 2023?", "2023-11-24", "2023-11-24"),
    ("What did he buy two weeks after 3 May 2024?", "2024-05-15", "2024-05-19"),
    ("What did we do at Easter?", "2024-03-29", "2024-04-01"),
    ("What did we do last Easter?", "2024-03-29", "2024-04-01"),
    ("Where were we the first week of June?", "2024-06-01", "2024-06-07"),
    ("Where were we in the last week of June 2024?", "2024-06-24", "2024-06-30"),
    ("Where were we on the second Monday of June?", "2024-06-10", "2024-06-10"),
    ("Where were we the last weekend of June?", "2024-06-29", "2024-06-30"),
    ("What did I do in the first half of June?", "2024-06-01", "2024-06-15"),
    ("What did I do in the second half of 2023?", "2023-07-01", "2023-12-31"),
    ("What did I do in early 2023?", "2023-01-01", "2023-04-30"),
    ("Where was I at the end of 2023?", "2023-10-01", "2023-12-31"),
    ("What did we do the weekend before last?", "2024-06-29", "2024-06-30"),
    ("What did we do the week before last?", "2024-06-24", "2024-06-30"),
    ("What did we do the month before last?", "2024-05-01", "2024-05-31"),
    ("What did we do the year before last?", "2022-01-01", "2022-12-31"),
    ("What did we do the Friday before last?", "2024-06-28", "2024-06-28"),
    ("What did she say on the 3rd?", "2024-07-03", "2024-07-03"),
    ("What did she say on the 28th?", "2024-06-28", "2024-06-28"),
    ("What did she say on the 3rd of last month?", "2024-06-03", "2024-06-03"),
    ("Where were we over the holidays?", "2024-12-22", "2025-01-04"),
    ("Was haben wir im zweiten Quartal beschlossen?", "2024-04-01", "2024-06-30"),
    ("Was war zwischen dem 3. und 9. Mai?", "2024-05-03", "2024-05-09"),
    ("Was war vom 3. bis zum 9. Mai 2024?", "2024-05-03", "2024-05-09"),
    ("Was habe ich von März bis Mai gemacht?", "2024-03-01", "2024-05-31"),
    ("Was war am 3.?", "2024-07-03", "2024-07-03"),
    ("Was haben wir vor vierzehn Tagen besprochen?", "2024-06-26", "2024-06-26"),
    ("Was haben wir zwei Tage nach Ostern gemacht?", "2024-04-02", "2024-04-02"),
    ("Was haben wir eine Woche vor Ostern gemacht?", "2024-03-22", "2024-03-26"),
    ("Wo waren wir in der ersten Juniwoche?", "2024-06-01", "2024-06-07"),
    ("Wo waren wir in der letzten Woche im Juni?", "2024-06-24", "2024-06-30"),
    ("Was war Anfang 2023?", "2023-01-01", "2023-04-30"),
    ("Wo waren wir über die Feiertage?", "2024-12-22", "2025-01-04"),
    ("Was haben wir vorletztes Wochenende gemacht?", "2024-06-29", "2024-06-30"),
]


@pytest.mark.parametrize(("question", "start", "end"), ONE)
def test_a_question_means_this_span(question: str, start: str, end: str) -> None:
    """Where no year is told, in this year or in the one before."""
    found = days(dates.asked(question, HERE, seconds("2024-02-01"), HERE))
    assert found[-1] == (start, end)
    assert len(found) <= 2


@pytest.mark.parametrize("question", [question for question, _, _ in ONE])
def test_without_a_time_only_what_is_told_with_its_year_is_known(question: str) -> None:
    """Nor does a chat whose clock goes back raise."""
    known = dates.asked(question, 0.0, 0.0, 0.0)
    assert not known or any(sign.isdigit() for sign in question)
    assert dates.mentioned(question, 0.0) == ()
    dates.asked(question, seconds("2023-01-01"), HERE, seconds("2023-02-01"))


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("I was in Rome from 3 to 9 May", "2024-05-03", "2024-05-09"),
        ("We launch in Q3", "2024-07-01", "2024-09-30"),
        ("I saw her the week before last", "2024-06-24", "2024-06-30"),
        ("We moved two days after Easter", "2024-04-02", "2024-04-02"),
        ("I moved in early 2023", "2023-01-01", "2023-04-30"),
        ("We were there in the first week of June", "2024-06-01", "2024-06-07"),
        ("We met on the 3rd of this month", "2024-07-03", "2024-07-03"),
    ],
)
def test_a_statement_speaks_of_this_span(text: str, start: str, end: str) -> None:
    assert days(dates.mentioned(text, HERE)) == [(start, end)]


def test_the_holidays_that_somebody_speaks_of_are_the_nearest() -> None:
    spoken = [days(dates.mentioned("Over the holidays we see family this year.", seconds(day)))[:1] for day in ("2024-01-10", "2024-11-10")]
    assert spoken == [[("2023-12-22", "2024-01-04")], [("2024-12-22", "2025-01-04")]]


@pytest.mark.parametrize(
    "text",
    [
        "What is Q2?",
        "Is the Q2 better than the Q3 by Audi?",
        "Did I buy the Q3?",
        "What was the 3rd option?",
        "Is it on the 3rd floor?",
        "Was it on the 2nd try?",
        "the 3rd of the list",
        "May I ask something?",
        "May the best one win!",
        "Well, may it be so",
        "Which was the first week of school?",
        "Who scored in the fourth quarter?",
        "He lives in the French Quarter",
        "Where is Easter Island?",
        "Who hid the easter eggs?",
        "Have a good Friday",
        "The room has 3 to 9 seats",
        "We read pages 3-9",
        "between 10 and 20 of them",
        "from 32 to 40 May",
        "from 2023 to 2021",
        "Which school holidays are there?",
        "Ist der Q2 besser als der Q3?",
        "Welche war die erste Woche der Schule?",
        "Was steht am 3. Platz?",
    ],
)
def test_what_may_be_something_else_is_no_time(text: str) -> None:
    assert dates.asked(text, HERE, seconds("2024-02-01"), HERE) == ()
    assert dates.mentioned(text, HERE) == ()


def test_what_a_statement_means_by_a_number_alone_is_not_known() -> None:
    assert dates.mentioned("See you on the 3rd!", HERE) == ()


@pytest.mark.parametrize(
    ("feast", "day"),
    [
        ("easter", date(2024, 3, 31)),
        ("easter", date(2025, 4, 20)),
        ("easter", date(2038, 4, 25)),
        ("good friday", date(2023, 4, 7)),
        ("easter monday", date(2023, 4, 10)),
        ("pentecost", date(2024, 5, 19)),
        ("thanksgiving", date(2023, 11, 23)),
    ],
)
def test_feasts_that_move(feast: str, day: date) -> None:
    assert moved_feast(feast, day.year) == day


_WORDS = [
    *(
        "between",
        "from",
        "to",
        "and",
        "the",
        "of",
        "in",
        "Q2",
        "Q4",
        "first",
        "last",
        "week",
        "half",
        "quarter",
        "before",
        "after",
        "3",
        "9th",
    ),
    *(
        "31",
        "May",
        "February",
        "2024",
        "1900",
        "year",
        "Easter",
        "two",
        "days",
        "holidays",
        "over",
        "on",
        "early",
        "next",
        "zwischen",
        "und",
    ),
]


@given(st.lists(st.sampled_from(_WORDS), max_size=14), st.floats(0, 1e12, allow_nan=False))
def test_no_words_and_no_time_raise(words: list[str], at: float) -> None:
    for one in (*dates.asked(" ".join(words), at, at, at), *dates.mentioned(" ".join(words), at)):
        assert one.start < one.end


def test_empty_lines_around_a_month_are_looked_at_once() -> None:
    def work(size: int) -> Callable[[], object]:
        question = f"What was in May {chr(10) * size}?"
        return lambda: dates.asked(question, HERE, seconds("2024-02-01"), HERE)

    assert growth(work, 8_000) < MOST
