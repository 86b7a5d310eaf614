"""Facts are found by words, whatever their case, number or form."""

from __future__ import annotations

import pytest

from backstory.errors import RequestError
from backstory.memory.facts.query import nearest, select, status_meant
from tests.memory.facts.test_supersession import ledger

KNOWN = ledger(
    [
        "My sister Anna lives in Bergen.",
        "I live in Ghent.",
        "The release dates are in May.",
        "The demo is on Tuesday.",
        "no, it's Wednesday",
        "We'll use PostgreSQL.",
        "I don't drink coffee.",
        "I'm going to visit Crete in June.",
        "The API base is https://api.example.com/v1.",
        "My favourite colour is green.",
        "A: I've set the port to 9090.",
        "Never use emojis.",
        "I have three kids.",
    ]
).known()


def found(subject: str = "", verb: str = "", object_: str = "", status: str = "") -> list[str]:
    return [one.fact.object for one in select(KNOWN, subject, verb, object_, status)]


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        ({"subject": "anna"}, ["Bergen"]),
        ({"subject": "My sister"}, ["Anna"]),
        ({"subject": "ANNA", "verb": "live"}, ["Bergen"]),
        ({"subject": "user", "verb": "living"}, ["Ghent"]),
        ({"subject": "I", "verb": "reside"}, ["Ghent"]),
        ({"subject": "release date"}, ["in May"]),
        ({"subject": "the demos"}, ["Wednesday"]),
        ({"subject": "demo", "verb": "is", "object_": "wednesday"}, ["Wednesday"]),
        ({"subject": "we", "verb": "decided"}, ["PostgreSQL"]),
        ({"object_": "postgres"}, ["PostgreSQL"]),
        ({"object_": "postgresql"}, ["PostgreSQL"]),
        ({"verb": "drink"}, ["coffee"]),
        ({"object_": "Crete"}, ["visit Crete in June"]),
        ({"subject": "api"}, ["https://api.example.com/v1"]),
        ({"subject": "my favourite colour"}, ["green"]),
        ({"subject": "colours"}, ["green"]),
        ({"subject": "port", "object_": "9090"}, ["9090"]),
        ({"verb": "never"}, ["Never use emojis"]),
        ({"subject": "kids"}, ["three kids"]),
        ({"subject": "kids", "verb": "lives"}, []),
        ({"subject": "nobody"}, []),
        ({"subject": "my home"}, ["Bergen", "Ghent"]),
        ({"subject": "name"}, ["Anna"]),
        ({"subject": "is"}, []),
        ({"subject": "anna", "verb": "works at"}, []),
        ({"object_": "the"}, []),
        ({"subject": "日本"}, []),
        ({"subject": "my sister", "verb": "lives"}, ["Bergen"]),
        ({"subject": "database"}, ["PostgreSQL"]),
        ({"subject": "the DB"}, ["PostgreSQL"]),
        ({"subject": "browser"}, []),
    ],
)
def test_words_find_facts(asked: dict[str, str], wanted: list[str]) -> None:
    assert found(**asked) == wanted


def test_the_status_chooses() -> None:
    assert found(status="superseded") == ["on Tuesday"]
    assert found("demo", status="all") == ["on Tuesday", "Wednesday"]
    assert found(status="negated") == ["coffee"]
    assert found(status="Planned ") == ["visit Crete in June"]
    assert "coffee" in found()
    assert "on Tuesday" not in found()
    assert len(found(status="all")) == len(KNOWN)
    with pytest.raises(RequestError, match=r"'old'.*superseded"):
        found(status="old")


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        (("where do I live", "", ""), ["Ghent"]),
        (("Anna", "home", ""), ["Bergen"]),
        (("demo", "day", ""), ["Wednesday"]),
        (("team", "database", ""), ["PostgreSQL"]),
        (("the moon", "distance", ""), []),
        (("", "", ""), []),
    ],
)
def test_where_nothing_is_just_that_the_nearest_is_told(asked: tuple[str, str, str], wanted: list[str]) -> None:
    assert [one.fact.object for one in nearest(KNOWN, asked) if one.fact.object in (*wanted, "on Tuesday")] == wanted
    assert bool(nearest(KNOWN, asked)) is bool(wanted)


@pytest.mark.parametrize(
    ("said", "meant"), [("Any", "all"), (" outdated ", "superseded"), ("", ""), ("active", "current"), ("purple", "purple")]
)
def test_a_model_has_words_of_its_own_for_a_status(said: str, meant: str) -> None:
    assert status_meant(said) == meant
