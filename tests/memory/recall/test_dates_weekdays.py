"""Days that a question tells by their weekday, and weekends."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstory.memory.recall import dates
from backstory.memory.recall.dates_weekdays import language_of, names_day, tense
from tests.memory.chats import seconds

HERE = seconds("2025-05-14 15:00")  # a Wednesday


def days(question: str, now: float = HERE) -> list[str]:
    return [
        f"{datetime.fromtimestamp(one.start, UTC):%m-%d}/{(one.end - one.start) / dates.DAY_S:.0f}"
        for one in dates.asked(question, now, now, now)
    ]


@pytest.mark.parametrize(
    ("question", "day"),
    [
        ("What did I do on Monday?", "05-12/1"),
        ("What did I do Monday?", "05-12/1"),
        ("What did I do on Wednesday?", "05-07/1"),
        ("What happened on Friday night?", "05-09/1"),
        ("Who came on Sunday?", "05-11/1"),
        ("Can you tell me what we did on Sunday?", "05-11/1"),
        ("What did we decide on Monday last week?", "05-05/1"),
        ("What did I do over the weekend?", "05-10/2"),
        ("What did I do this weekend?", "05-10/2"),
        ("How was my weekend?", "05-10/2"),
        ("What did I do between Friday and Monday?", "05-09/4"),
        ("What did I do from Monday to Wednesday?", "05-12/3"),
        ("Was habe ich von Freitag bis Sonntag gemacht?", "05-09/3"),
        ("What have you told me since this past Monday?", "05-12/3"),
        ("Was habe ich am Montag gemacht?", "05-12/1"),
        ("Was haben wir am Samstagabend gegessen?", "05-10/1"),
        ("Was war am Samstag?", "05-10/1"),
        ("Was habe ich am Wochenende gemacht?", "05-10/2"),
        ("Was habe ich am Montag letzter Woche gesagt?", "05-05/1"),
        ("Hat Jonas am Freitag etwas erzählt?", "05-09/1"),
        ("Qu'est-ce que j'ai fait lundi ?", "05-12/1"),
        ("Qu'est-ce que j'ai fait ce week-end ?", "05-10/2"),
        ("¿Qué hice el lunes?", "05-12/1"),
        ("¿Qué hice el fin de semana?", "05-10/2"),
        ("Cosa ho fatto lunedì?", "05-12/1"),
        ("Wat heb ik maandag gedaan?", "05-12/1"),
        ("Wat heb ik in het weekend gedaan?", "05-10/2"),
        ("O que fiz na segunda-feira?", "05-12/1"),
        ("O que fiz na segunda de manhã?", "05-12/1"),
        ("What happened Saturday at the party?", "05-10/1"),
        ("What happened Saturday night at the party?", "05-10/1"),
        ("Where did I go Friday before lunch?", "05-09/1"),
        ("Was habe ich Montag gemacht?", "05-12/1"),
        ("Was hat Lena Dienstagabend erzählt?", "05-13/1"),
        ("Seit Montag bin ich krank, was hilft?", "05-12/3"),
        ("I am ill since Monday, what helps?", "05-12/3"),
    ],
)
def test_of_what_has_been_the_newest_such_day_is_meant(question: str, day: str) -> None:
    assert days(question) == [day]


@pytest.mark.parametrize(
    ("question", "day"),
    [
        ("What do I have on Monday?", "05-19/1"),
        ("What is planned for Friday?", "05-16/1"),
        ("Is the shop closed on Monday?", "05-19/1"),
        ("Where am I going on Wednesday?", "05-21/1"),
        ("What will I do at the weekend?", "05-17/2"),
        ("Was steht am Montag an?", "05-19/1"),
        ("Was habe ich am Montag vor?", "05-19/1"),
        ("Was mache ich am kommenden Freitag?", "05-16/1"),
        ("Was ist am Wochenende geplant?", "05-17/2"),
        ("Cosa devo fare lunedì?", "05-19/1"),
        ("Wat heb ik maandag te doen?", "05-19/1"),
        ("Qu'est-ce que je fais lundi ?", "05-19/1"),
        ("What do I have to do until Friday?", "05-16/1"),
        ("Was muss ich bis Freitag machen?", "05-16/1"),
        ("Was mache ich Montag?", "05-19/1"),
    ],
)
def test_of_what_is_to_come_the_next_one_is_meant(question: str, day: str) -> None:
    assert days(question) == [day]


@pytest.mark.parametrize("question", ["What did I do Monday and Tuesday?", "Was habe ich Montag und Dienstag gemacht?"])
def test_of_two_days_both_are_meant(question: str) -> None:
    assert days(question) == ["05-12/1", "05-13/1"]


@pytest.mark.parametrize("question", ["And on Monday?", "What did I plan for Monday?", "Und am Montag?"])
def test_both_are_meant_where_the_question_does_not_tell(question: str) -> None:
    assert days(question) == ["05-12/1", "05-19/1"]


@pytest.mark.parametrize(
    "question",
    [
        "What do I do on Mondays?",
        "What do I usually do on Monday?",
        "Was mache ich montags?",
        "Was mache ich jeden Montag?",
        "Que fais-je le lundi ?",
        "Is Black Friday worth it?",
        "What did I buy on Black Friday?",
        "Is it in the Sunday Times?",
        "Did it stand in the paper on Sunday Times?",
        "I work on Monday's report: what was missing?",
        'Who wrote "Blue Monday"?',
        'What did she mean by "see you on Monday"?',
        "What did I say about Monday?",
        "Is it Monday?",
        "Was hat Frau Montag gemacht?",
        "Was hat Robert Sonntag gesagt?",
        "What did Ruby Tuesday and Friday sing?",
        "O que fiz na quarta temporada?",
    ],
)
def test_a_day_of_every_week_a_name_and_a_quotation_are_none(question: str) -> None:
    assert days(question) == []


def test_a_day_that_is_dated_is_not_read_twice() -> None:
    assert days("What did I do on Monday 12 May 2025?") == ["05-12/1"]


def test_on_a_saturday_both_weekends_are_the_newest() -> None:
    saturday = seconds("2025-05-17 12:00")
    assert days("What did I do over the weekend?", saturday) == ["05-10/2", "05-17/2"]
    assert days("What did I do over the weekend?", seconds("2025-05-18 12:00")) == ["05-17/2"]


def test_who_asks_by_a_weekday_might_mean_another_ones() -> None:
    assert all(one.loose for one in dates.asked("What did I do on Monday?", HERE, HERE, HERE))
    assert not any(one.loose for one in dates.asked("What did I do on 12 May?", HERE, HERE, HERE))


def test_a_turn_speaks_of_weekdays_as_well() -> None:
    def said(text: str) -> list[str]:
        return [f"{datetime.fromtimestamp(one.start, UTC):%m-%d}" for one in dates.meant(text, HERE)]

    assert said("On Monday I have an appointment with the eye doctor.") == ["05-19"]
    assert said("I saw the eye doctor on Monday.") == ["05-12"]
    assert said("Am Freitag kommt der Klempner.") == ["05-16"]
    assert said("Gestern habe ich mit Oma telefoniert.") == ["05-13"]
    assert said("nothing of the kind") == []
    assert dates.meant("on Monday", 0.0) == ()


def test_what_tells_the_language_and_the_day() -> None:
    assert language_of(["was", "steht", "am", "montag", "an"]) == "de"
    assert language_of(["what", "is", "new"]) == ""
    assert names_day(["samstagabend"])
    assert not names_day(["monday"])


@pytest.mark.parametrize(
    ("question", "when"),
    [
        ("What did I do?", "past"),
        ("What have I done?", "past"),
        ("Do you remember what I ate?", "past"),
        ("What will I do next?", "ahead"),
        ("Do I have anything planned for it?", "ahead"),
        ("Was habe ich gemacht?", "past"),
        ("Was ist heute geplant?", "ahead"),
        ("And then?", ""),
    ],
)
def test_when_a_question_asks_of(question: str, when: str) -> None:
    assert tense(question) == when


@given(st.text(max_size=80), st.floats(0, 1e12, allow_nan=False))
def test_nothing_raises(text: str, at: float) -> None:
    dates.asked(text + " on Monday", at, at, at)
    dates.asked("am Montag " + text, at, at, at)
    dates.meant("Monday " + text, at)
    tense(text)
