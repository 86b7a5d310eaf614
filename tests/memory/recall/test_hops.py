"""The second round: what is said under a name that the first hits bring in."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backstory.core.tokens import count
from backstory.memory.recall.hops import led_to
from backstory.memory.recall.index import Index
from backstory.memory.recall.question import read
from backstory.memory.recall.retrieval import Recalled, recall
from backstory.memory.recall.scoring import matches
from tests.memory.chats import UNRELATED, seconds, unit

NOW = seconds("2025-07-01 12:00")
_WORDS = "garden cellar holiday car kitchen cake film walk course balcony carpet contract trip present letter window"
THINGS = _WORDS.split()
PIANO = "Where does the man who mended our piano live now?"


def talk(*lines: str, size: int = 400) -> Index:
    """Two who talk about everyday things for so many units, with these lines far apart and each by another of them."""
    at = {size * (place + 1) // (len(lines) + 1): line for place, line in enumerate(lines)}
    said = [
        at.get(n, f"We should talk about the {THINGS[n % 16]} again, and the {THINGS[n // 16 % 16]} was what happened to us {n % 7} times.")
        for n in range(size)
    ]
    index = Index()
    index.add(unit(n + 1, text, ("Ann", "Melanie")[n % 2], NOW - 90_000.0 * (size - n)) for n, text in enumerate(said))
    return index


def asked(index: Index, question: str, budget: int = 300) -> Recalled:
    return recall(index, question, budget_tokens=budget, carried=frozenset(), now=NOW, min_score=0.0, count=count)


def led(index: Index, question: str) -> list[str]:
    query = read(index, question, NOW)
    return [index.texts[place] for place in led_to(index, query, matches(index, query.weights, 50), lambda place: True)]


@pytest.mark.parametrize(
    ("question", "first", "second"),
    [
        ("What happened to the firm that built the shed?", "The firm that built the shed is called Halvorsen.", "Halvorsen went bankrupt."),
        (PIANO, "Ruben mended the piano, at last!", "Ruben's new home is in Bergen."),
        (PIANO, "Our piano was mended by Ruben.", "Ann, Ruben moved to Bergen, can you believe it?"),
        (
            "Why does the job that purges sessions fail?",
            "nightly_sweeper is the job that purges sessions.",
            "nightly_sweeper has no disk left.",
        ),
        ("Who closed the ticket about the export?", "The export has a ticket, OPS-8812.", "Carla says that OPS-8812 is a duplicate."),
        (
            "Which team owns the parser of uploads?",
            "Uploads go through parseMultipart, the parser.",
            "The Kestrel people wrote parseMultipart.",
        ),
        (
            "Was ist aus der Firma geworden, die den Zaun gebaut hat?",
            "Die Firma, die den Zaun gebaut hat, heißt Brömmel.",
            "Brömmel ist leider pleite.",
        ),
        (
            "Wo wohnt die Frau, die das Klavier gestimmt hat?",
            "Frau Jasperny hat das Klavier gestimmt.",
            "Jasperny ist nach Lüneburg gezogen.",
        ),
    ],
)
@pytest.mark.parametrize("turned", [False, True])
def test_what_a_name_leads_to_comes_with_it(question: str, first: str, second: str, turned: bool) -> None:
    index = talk(second, "I saw it.", first) if turned else talk(first, "I saw it.", second)
    texts = [item.text for item in asked(index, question).items]
    assert first in texts
    assert second in texts


@pytest.mark.parametrize(
    ("question", "first", "second"),
    [
        ("Где живёт мастер, который починил рояль?", "Мастер Зубов починил рояль.", "Зубов переехал в Омск."),
        ("犬を買った店の名前は?", "犬を買った店はワンダフルです。", "ワンダフルは先月閉まりました。"),
        ("Which build broke the export?", "The export broke with 9f3c2ab1.", "I took 9f3c2ab1 back."),
        ("Which order has the lamp?", "The lamp is in order 4471902.", "4471902 is still in Lyon."),
    ],
)
def test_names_and_codes_of_all_scripts_lead_on(question: str, first: str, second: str) -> None:
    assert led(talk(first, "Halt.", second), question) == [second]


def test_of_a_question_that_somebody_has_asked_the_answer_leads_on() -> None:
    index = talk("Halt.", "Ruben moved to Bergen.")
    index.add([unit(900, "Who mended our piano?", "Ann", NOW - 500.0), unit(901, "That was Ruben.", "Melanie", NOW - 490.0)])
    assert led(index, PIANO) == ["Ruben moved to Bergen."]
    query = read(index, PIANO, NOW)
    found = matches(index, query.weights, 50)
    assert led_to(index, query, found, lambda place: index.turns[place] != 901) == {}, "an answer of another branch leads nowhere"


@pytest.mark.parametrize(
    ("first", "other"),
    [
        ("Melanie mended the piano, our man for it.", "I told Melanie that she is late."),
        ("Mel mended the piano, our man for it.", "I told Mel that she is late."),
        ("Congrats! A man mended the piano.", "Congrats, you have won."),
        ("Definitely the man mended the piano.", "I have definitely won."),
        ("Plus the man mended the piano.", "Plus the car is old."),
        ("A man mended our piano last Fri.", "The cake was old on Fri."),
        ("The man mended our piano at 10am on the 21st.", "The cake was cut at 10am on the 21st."),
        ("The man who mended our piano lives in a garden.", "The garden is large."),
    ],
)
def test_who_speaks_and_what_is_no_name_leads_nowhere(first: str, other: str) -> None:
    assert led(talk(first, other), PIANO) == []


def test_a_name_that_stands_everywhere_leads_nowhere() -> None:
    lines = [f"I met Ruben and we had a look at the {thing}." for thing in THINGS]
    assert led(talk("The man Ruben mended our piano.", lines[0]), PIANO) == lines[:1]
    assert led(talk("The man Ruben mended our piano.", *lines), PIANO) == []


def test_how_rare_a_name_is_cannot_be_told_from_a_part() -> None:
    index = talk("The man Ruben mended our piano.", "Ruben is in Bergen.")
    assert led(index, PIANO) == ["Ruben is in Bergen."]
    index.frequencies = {"": 100_000, "piano": 3, "mend": 4}
    assert led(index, PIANO) == []


def test_a_weak_hit_leads_nowhere() -> None:
    index = talk("Ruben lives alone.", "The piano is out of tune.", "The man who mended it was late.", "Ruben sings.")
    assert led(index, "Which of my neighbours lives with a parrot, a piano teacher and her late uncle?") == []


@pytest.mark.parametrize("question", UNRELATED)
def test_nothing_comes_where_nothing_came_before(question: str) -> None:
    assert asked(talk("The firm that built the shed is called Halvorsen.", "Halvorsen went bankrupt."), question).items == ()


def test_why_a_line_came_is_told() -> None:
    found = asked(
        talk("The firm that built the shed is called Halvorsen.", "Halvorsen went bankrupt."),
        "What became of the firm that built the shed?",
    )
    assert found.basis is not None
    told = {item.text: found.basis.told(place)[0] for place, item in enumerate(found.items)}
    assert told["Halvorsen went bankrupt."]["by a name"] > 0.3
    assert "by a name" not in told["The firm that built the shed is called Halvorsen."]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from(["Ruben", "Halvorsen", "OPS-8812", "Ann", "piano", "Mended", "the", "man", "?", "..."]), max_size=30),
    st.integers(0, 99),
)
def test_few_are_led_to_and_only_what_may_be_found(words: list[str], barred: int) -> None:
    index = Index()
    index.add(unit(n + 1, " ".join(words[n : n + 5]) or "Nothing.", at=NOW - n) for n in range(len(words)))
    query = read(index, PIANO, NOW)
    found = matches(index, query.weights, 50)
    worth = led_to(index, query, found, lambda place: place != barred)
    assert len(worth) <= 4
    assert barred not in worth
    assert all(0.0 < value <= 1.0 for value in worth.values())
    assert worth == led_to(index, query, found, lambda place: place != barred)
