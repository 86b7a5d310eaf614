"""What has the words of a fact without being one gives none, and what corrects a fact in passing does."""

from __future__ import annotations

import pytest

from tests.memory.facts.test_extraction import triples
from tests.memory.facts.test_supersession import holds


@pytest.mark.parametrize(
    ("texts", "current"),
    [
        (["I live in Berlin.", "I moved: I live in Hamburg now."], ["Hamburg"]),
        (["I work at Initech.", "I've just changed jobs, I work at Globex."], ["Globex"]),
        (["We use Postgres.", "We switched from Postgres to MySQL."], ["MySQL"]),
        (["The demo is on Monday.", "No, it's Tuesday, the demo with the customer."], ["Tuesday"]),
        (["The port is 8080.", "Actually it's 8081, the port."], ["8081"]),
        (["The office is in Utrecht.", "No, it's Groningen, the Netherlands."], ["Groningen, the Netherlands"]),
    ],
)
def test_corrections_in_passing(texts: list[str], current: list[str]) -> None:
    assert holds(*texts) == current


@pytest.mark.parametrize(
    "text",
    [
        "We switched from Monday to Tuesday.",
        "I switched from 2 pm to 3 pm.",
        "Move from Monday to Tuesday.",
        "Change from light to Dark.",
        "Reduce from 10 to 5.",
        "From Monday to Friday is 5 days.",
        "Before Monday is Best.",
        "Let's change to Monday.",
        "We're switching to the next topic.",
        "I work at night.",
        "I work for free.",
        "I work at a fast pace.",
        "My brother works at night.",
        "I work as hard as I can.",
        "I have a question about my dog.",
        "I have a dog to walk.",
        "I have never owned a car.",
        "I have had a car before.",
        "I have my car keys.",
        "I bought into the idea.",
        "I joined late.",
        "I play by the rules.",
        "From now on it's 5.",
        "Actually, no.",
        "Not bad, 5 of 10.",
        "Not only Monday but also Tuesday.",
        "`my name is Bob`",
        "My name is Bob, she said.",
        "I live in Berlin, Petra told me.",
        "I live in Berlin according to the form.",
    ],
)
def test_what_only_looks_like_a_fact(text: str) -> None:
    assert triples(text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I have two dogs and a cat.", ("user", "has", "two dogs and a cat")),
        ("I work for a small bakery.", ("user", "works at", "a small bakery")),
        ("Move the demo from Monday to Tuesday.", ("demo", "is", "Tuesday")),
        ("We upgraded from 3.11 to 3.12.", ("we", "uses", "3.12")),
        ("It's not Monday but Tuesday.", ("", "is", "Tuesday")),
    ],
)
def test_what_still_is_one(text: str, expected: tuple[str, str, str]) -> None:
    assert expected in triples(text)
