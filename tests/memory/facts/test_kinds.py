"""A thing takes only values of its kind, and a value ends before what is said with it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstory.memory.facts.kinds import suits
from backstory.memory.facts.scope import elsewhere, not_so
from backstory.memory.facts.values import cut_aside, cut_closing, only_value

THINGS = ["name", "email", "username", "phone", "address", "birthday", "age", "timezone", "manager", "team", "favourite color", "hobby"]
VERBS = ["is", "is called", "lives in", "works at", "has", "uses", "quit", "wants", "notes"]


@pytest.mark.parametrize("thing", THINGS)
@pytest.mark.parametrize("state", ["null", "undefined", "empty", "missing from the export", "0x7fff"])
def test_nothing_is_known_by_how_it_is(thing: str, state: str) -> None:
    assert suits("is", f"user's {thing}", state, "identity") == 0


@pytest.mark.parametrize(
    ("thing", "value"),
    [
        ("name", "Jonas Huber"),
        ("email", "jonas@example.org"),
        ("username", "jo42"),
        ("phone", "a Pixel 8"),
        ("phone number", "0664 1234"),
        ("address", "Hauptstrasse 5, Graz"),
        ("birthday", "on May 3rd"),
        ("age", "34"),
        ("timezone", "Europe/Vienna"),
        ("manager", "Petra"),
        ("team", "platform"),
        ("favourite color", "red"),
        ("hobby", "sailing"),
    ],
)
def test_a_value_of_the_kind_is_taken_whole(thing: str, value: str) -> None:
    assert suits("is", f"user's {thing}", value, "identity") == len(value)


def test_a_handle_is_one_word() -> None:
    assert suits("is", "user's username", "jo42 on the staging box", "identity") == len("jo42")


@given(st.sampled_from(VERBS), st.sampled_from(["user", "we", "", "port", "user's ", *(f"user's {one}" for one in THINGS)]), st.text())
def test_it_is_the_beginning_of_any_value(verb: str, subject: str, value: str) -> None:
    for kind in ("identity", "setting", "schedule", ""):
        assert 0 <= suits(verb, subject, value, kind) <= len(value)


def test_an_aside_is_no_part_of_a_value() -> None:
    for text, value in (
        ("8080, the bug is in the parser", "8080"),
        ("May 8, remind me to order a cake", "May 8"),
        ("29 April, same time", "29 April"),
        ("Tuesday, 5 May", "Tuesday, 5 May"),
        ("Thursday, at 9", "Thursday, at 9"),
        ("8080, he claims", "8080, he claims"),
    ):
        assert text[: cut_aside(text, 0, len(text))] == value
    assert cut_closing("Friday, same time", 0, 17) == len("Friday")


@pytest.mark.parametrize("text", ["Tuesday", "5 May at 9", "80 requests per minute", "Anna Lang", "https://a.example/x", "8081", "vim"])
def test_a_correction_is_a_value(text: str) -> None:
    assert only_value(text)


@pytest.mark.parametrize("text", ["Tuesday the test still passed", "6 May in the database", "14:00 in the log", "5 items came back"])
def test_a_correction_with_a_story_behind_it_is_none(text: str) -> None:
    assert not only_value(text)


def test_where_it_holds_only_elsewhere() -> None:
    said = "The port is 1234 in the fixture"
    assert elsewhere(said, 0, len(said), chosen=False)
    said = "We use SQLite in the tests"
    assert elsewhere(said, 0, len(said), chosen=False)
    assert not elsewhere(said, 0, len(said), chosen=True)
    said = "I'm a tester in the database team"
    assert not elsewhere(said, 0, len(said), chosen=False)
    for said in ("In the mock, the port is 1", "As a user I live in Rome", "the port is 5, isn't it"):
        assert not_so(said, 0, len(said))
    assert not not_so("The port is 8080", 0, 16)
