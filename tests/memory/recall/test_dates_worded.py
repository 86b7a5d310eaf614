"""Dates as people word them, in English and in other languages."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstory.memory.recall.dates import around, asked
from backstory.memory.recall.dates_worded import feast, plain

NOW = datetime(2026, 11, 26, tzinfo=UTC).timestamp()
FIRST = datetime(2025, 6, 1, tzinfo=UTC).timestamp()


def spans(question: str) -> list[tuple[str, str]]:
    return [
        (str(datetime.fromtimestamp(span.start, UTC).date()), str(datetime.fromtimestamp(span.end, UTC).date()))
        for span in asked(question, NOW, FIRST, NOW)
    ]


@pytest.mark.parametrize(
    ("question", "start", "end"),
    [
        ("What did we do in July last year?", "2025-07-01", "2025-08-01"),
        ("What did I do last July?", "2026-07-01", "2026-08-01"),
        ("in the summer of last year", "2025-06-01", "2025-09-02"),
        ("the summer before last", "2025-06-01", "2025-09-02"),
        ("summer 2025", "2025-01-01", "2026-01-01"),
        ("What did I do on Christmas Eve last year?", "2025-12-24", "2025-12-25"),
        ("last Christmas", "2025-12-24", "2025-12-27"),
        ("on 2/2/2026", "2026-02-02", "2026-02-03"),
        ("Was war im März 2026?", "2026-03-01", "2026-04-01"),
        ("Was war am 1. März 2026?", "2026-03-01", "2026-03-02"),
        ("Was war am 01.03.2026?", "2026-03-01", "2026-03-02"),
        ("Was habe ich letzten Sommer gemacht?", "2026-06-01", "2026-09-02"),
        ("Was habe ich letzte Woche bestellt?", "2026-11-16", "2026-11-23"),
        ("Was geschah vor drei Wochen im Garten?", "2026-11-03", "2026-11-08"),
        ("Que s'est-il passé le 1er mars 2026 ?", "2026-03-01", "2026-03-02"),
        ("Qu'ai-je fait l'été dernier ?", "2026-06-01", "2026-09-02"),
        ("Qu'est-ce que j'ai dit il y a trois semaines ?", "2026-11-03", "2026-11-08"),
        ("¿Qué pasó el 3 de marzo de 2026?", "2026-03-03", "2026-03-04"),
        ("¿Qué hice el verano pasado?", "2026-06-01", "2026-09-02"),
        ("Cosa ho fatto la settimana scorsa?", "2026-11-16", "2026-11-23"),
        ("Что я делал прошлым летом?", "2026-06-01", "2026-09-02"),
        ("O que eu fiz no verão passado?", "2026-06-01", "2026-09-02"),
        ("O que foi que eu disse há três semanas?", "2026-11-03", "2026-11-08"),
        ("O que aconteceu a 3 de março de 2026?", "2026-03-03", "2026-03-04"),
        ("Wat heb ik vorige week besteld?", "2026-11-16", "2026-11-23"),
        ("Wat heb ik drie weken geleden gezegd?", "2026-11-03", "2026-11-08"),
        ("Co robiłem w zeszłym tygodniu?", "2026-11-16", "2026-11-23"),
        ("Co mówiłem trzy tygodnie temu?", "2026-11-03", "2026-11-08"),
        ("Was war am 1. September 2026?", "2026-09-01", "2026-09-02"),
        ("Was war heute Morgen los?", "2026-11-26", "2026-11-27"),
        ("¿De qué hablamos hace tres días?", "2026-11-23", "2026-11-24"),
        ("Was haben wir am 3. Mai 2026 in Berlin gemacht?", "2026-05-03", "2026-05-04"),
        ("去年夏天我做了什么?", "2025-06-01", "2025-09-02"),
        ("2026年3月1日我做了什么?", "2026-03-01", "2026-03-02"),
        ("2026年3月1日に何をした?", "2026-03-01", "2026-03-02"),
        ("先週何をした?", "2026-11-16", "2026-11-23"),
        ("지난주에 뭐 했지?", "2026-11-16", "2026-11-23"),
        ("ماذا فعلت الأسبوع الماضي؟", "2026-11-16", "2026-11-23"),
        ("at the end of October 2026", "2026-10-21", "2026-11-01"),
        ("in mid May 2026", "2026-05-11", "2026-05-21"),
        ("at the end of February 2026", "2026-02-21", "2026-03-01"),
        ("What happened at the end of last year?", "2025-10-01", "2026-01-01"),
        ("at the beginning of last month", "2026-10-01", "2026-10-11"),
        ("late last week", "2026-11-19", "2026-11-23"),
        ("Was war Ende letzten Jahres?", "2025-10-01", "2026-01-01"),
        ("Was war Anfang letzten Monats?", "2026-10-01", "2026-10-11"),
        ("Was war Mitte der letzten Woche?", "2026-11-18", "2026-11-20"),
        ("Was war letztes Weihnachten?", "2025-12-24", "2025-12-27"),
        ("Was mache ich nächste Woche?", "2026-11-30", "2026-12-07"),
        ("Was habe ich diesen Monat gemacht?", "2026-11-01", "2026-12-02"),
        ("Was habe ich übermorgen vor?", "2026-11-28", "2026-11-29"),
        ("the day after tomorrow", "2026-11-28", "2026-11-29"),
        ("Was habe ich gestern Abend gegessen?", "2026-11-25", "2026-11-26"),
        ("What did I do in the last two weeks?", "2026-11-12", "2026-11-27"),
        ("What did we do over the past month?", "2026-10-27", "2026-11-27"),
        ("Was habe ich in den letzten zwei Wochen gemacht?", "2026-11-12", "2026-11-27"),
        ("Was hat Lena in den letzten Tagen erzählt?", "2026-11-22", "2026-11-27"),
    ],
)
def test_one_period_is_meant(question: str, start: str, end: str) -> None:
    assert spans(question) == [(start, end)]


@pytest.mark.parametrize(
    ("question", "day"),
    [
        ("What was I on Halloween?", "2026-10-31"),
        ("Was haben wir am 12. September gemacht?", "2026-09-12"),
        ("Worum ging es am 3. November?", "2026-11-03"),
        ("Was stand am 20.10. an?", "2026-10-20"),
        ("Worum ging es Anfang Oktober?", "2026-10-01"),
        ("Was haben wir Ende September besprochen?", "2026-09-21"),
        ("Was gab es Mitte April?", "2026-04-11"),
        ("What happened on 20.10.?", "2026-10-20"),
        ("Was hatten wir an Weihnachten?", "2025-12-24"),
        ("Qu'a-t-on dit le 14 octobre ?", "2026-10-14"),
        ("De quoi avons-nous parlé début octobre ?", "2026-10-01"),
        ("Que s'est-il passé fin septembre ?", "2026-09-21"),
        ("¿Qué hicimos a principios de octubre?", "2026-10-01"),
        ("¿Qué hicimos a finales de septiembre de 2025?", "2025-09-21"),
        ("Cosa abbiamo fatto il 3 novembre?", "2026-11-03"),
        ("Cosa abbiamo fatto a metà ottobre?", "2026-10-11"),
        ("O que fizemos no início de outubro?", "2026-10-01"),
        ("Wat deden we op 3 november?", "2026-11-03"),
        ("Wat deden we eind september?", "2026-09-21"),
        ("Qu'ai-je fait en août ?", "2026-08-01"),
        ("ماذا فعلت في أغسطس؟", "2026-08-01"),
        ("at the end of October", "2026-10-21"),
        ("in early May 2026", "2026-05-01"),
        ("10月に何をした?", "2026-10-01"),
        ("3/1/2026", "2026-03-01"),
        ("3/1/2026", "2026-01-03"),
    ],
)
def test_it_is_among_those_that_may_be_meant(question: str, day: str) -> None:
    assert day in [start for start, _ in spans(question)]


@pytest.mark.parametrize(
    "text",
    [
        "Was there a war on the hill?",
        "three weeks later",
        "The last in line",
        "Is Hier ist die Rede",
        "3个月",
        "We left the mars bars here",
    ],
)
def test_no_date_is_made_up(text: str) -> None:
    assert spans(text) == []


@pytest.mark.parametrize(
    ("question", "side", "days"),
    [
        ("the week after I broke my wrist", "after", 7.0),
        ("What happened two days after I broke my wrist?", "after", 2.0),
        ("three weeks before Priya's birthday", "before", 21.0),
        ("What did we do before the wedding?", "before", 14.0),
    ],
)
def test_an_event_may_be_told_by_who_did_what_and_be_weeks_away(question: str, side: str, days: float) -> None:
    found = around(question)
    assert found is not None
    assert found[:2] == (side, days)


@given(st.text(), st.dates(min_value=date(1990, 1, 1), max_value=date(2100, 1, 1)))
def test_nothing_raises(text: str, today: date) -> None:
    plain(text, today)


@given(
    st.lists(
        st.sampled_from(["plain", "words", "of", "a", "text", "that", "names", "no", "day", "at", "all,", "not", "even", "one"]),
        max_size=12,
    )
)
def test_what_names_no_date_stays(words: list[str]) -> None:
    text = " ".join(words)
    assert plain(text, date(2026, 11, 26)) == text


@pytest.mark.parametrize(
    "text",
    [
        "Was ist neu in Version 15.4.?",
        "We run 15.4. May I update it?",
        "In release 3. March on.",
        "Guten Morgen, was ist mit der Fuhre?",
        "Der Ofen steht am Ende der Halle.",
    ],
)
def test_versions_and_greetings_are_no_days(text: str) -> None:
    assert [one for one in asked(text, NOW, FIRST, NOW) if one.end - one.start < 2 * 86_400] == []


def test_a_feast_is_known_by_a_word_of_its_name() -> None:
    assert feast("Halloween")
    assert feast("Christmas")
    assert not feast("Henrietta")


@pytest.mark.parametrize(
    ("question", "start", "end"),
    [
        ("What has Jonas done since March?", "2026-03-01", "2026-11-26"),
        ("Was hat Jonas seit März gemacht?", "2026-03-01", "2026-11-26"),
        ("What have I done since Monday?", "2026-11-23", "2026-11-26"),
        ("What happened after Easter?", "2026-04-07", "2026-11-26"),
        ("What did I do before Christmas?", "2025-06-01", "2025-12-24"),
        ("What did I read until last week?", "2025-06-01", "2026-11-23"),
        ("What has happened since 2026?", "2026-01-01", "2026-11-26"),
    ],
)
def test_all_from_a_time_on_or_up_to_it(question: str, start: str, end: str) -> None:
    assert spans(question) == [(start, end)]


@pytest.mark.parametrize("question", ["What did I do before I moved?", "What did she do since her birthday?", "What comes after?"])
def test_an_event_without_a_date_bounds_no_time(question: str) -> None:
    assert spans(question) == []


def test_many_bounds_are_read_once_each_and_other_times_beside_one_as_well() -> None:
    assert spans("since March 2026 " * 400), "each would read all that follows it"
    assert spans("What did I say in May 2026 of the time since October?") == [("2026-05-01", "2026-06-01"), ("2026-10-01", "2026-11-26")]


@pytest.mark.parametrize(
    ("question", "start", "end"),
    [
        ("What did I do on the Friday before 20 May 2026?", "2026-05-15", "2026-05-16"),
        ("What did I do the Wednesday before 20 May 2026?", "2026-05-13", "2026-05-14"),
        ("What did I do the Wednesday after 20 May 2026?", "2026-05-27", "2026-05-28"),
        ("What did I do two Mondays before 20 May 2026?", "2026-05-11", "2026-05-12"),
        ("What did I do the weekend before 20 May 2026?", "2026-05-16", "2026-05-18"),
        ("What did I do the weekend before 17 May 2026?", "2026-05-09", "2026-05-11"),
        ("What did I do the weekend after 16 May 2026?", "2026-05-23", "2026-05-25"),
    ],
)
def test_a_weekday_before_or_after_a_date_is_one_day(question: str, start: str, end: str) -> None:
    assert spans(question) == [(start, end)]


def test_a_weekday_before_a_feast_is_not_all_before_it() -> None:
    assert ("2026-03-30", "2026-03-31") in spans("What did I do on the Monday before Easter?")
    assert ("2025-12-24", "2025-12-27") in spans("Was habe ich am Montag vor Weihnachten gemacht?")
