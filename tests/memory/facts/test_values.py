"""What gives a thing another value takes the place of the one that was known, and nothing that only looks like it does."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest

from backstory.core.records import Turn
from backstory.memory.facts.asked import question
from backstory.memory.facts.extraction import extract
from backstory.memory.facts.supersession import Known, Ledger, fold_facts
from tests.memory.facts.table_values import CHANGED, KEPT, NOTHING
from tests.memory.facts.test_extraction import MONDAY

_ROLES = {"A": "assistant", "T": "tool"}


def said(lines: Sequence[str]) -> list[Turn]:
    made: list[Turn] = []
    for place, line in enumerate(lines):
        sign = re.match(r"(?P<role>[AT]): |@(?P<name>\w+): ", line)
        role = _ROLES.get(sign["role"] or "", "user") if sign else "user"
        text, sender = line[sign.end() if sign else 0 :], (sign["name"] or "") if sign else ""
        kind = "tool" if role == "tool" else "spoken"
        at = MONDAY + 60 * place
        made.append(Turn(place + 1, "c", 0, place, b"", b"", role, kind, text, sender=sender, at=at, arrived=at))  # type: ignore[arg-type]
    return made


def known(lines: Sequence[str]) -> list[Known]:
    turns = said(lines)
    return fold_facts((turn.id, extract(turn), question(last)) for last, turn in zip([None, *turns], turns, strict=False)).known()


def has(one: Known, value: str) -> bool:
    return re.search(rf"(?<![\w.]){re.escape(value)}(?!\w)", one.object) is not None


@pytest.mark.parametrize(("lines", "now", "before"), CHANGED)
def test_another_value_takes_the_place_of_what_was_known(lines: list[str], now: str, before: str) -> None:
    found = known(lines)
    holding = [one for one in found if one.status != "superseded"]
    assert any(has(one, now) and one.number == len(lines) for one in holding)
    assert [one.by_number for one in found if one.status == "superseded" and has(one, before)] == [len(lines)]
    assert not any(has(one, before) for one in holding)


@pytest.mark.parametrize(("lines", "values"), KEPT)
def test_what_is_beside_it_or_not_so_leaves_the_value(lines: list[str], values: list[str]) -> None:
    found = known(lines)
    assert [one.object for one in found if one.status == "superseded"] == []
    assert all(any(has(one, value) for one in found) for value in values)


@pytest.mark.parametrize("text", NOTHING)
def test_what_lasts_for_a_moment_is_none(text: str) -> None:
    assert known([text]) == []


@pytest.mark.parametrize(("lines", "now", "before"), CHANGED[::5])
def test_a_value_that_is_forgotten_gives_back_the_one_before(lines: list[str], now: str, before: str) -> None:
    assert any(one.status == "current" and has(one, before) for one in known([*lines[:-1], "Thanks."]))


def test_the_same_turns_give_the_same_in_one_go_and_one_by_one() -> None:
    for lines, _, _ in CHANGED:
        ledger, last = Ledger(), None
        for turn in said(lines):
            ledger.add(extract(turn), turn.position + 1, question(last))
            last = turn
        assert ledger.known() == known(lines)


def test_a_thing_that_is_named_by_less_is_known_by_its_name_ever_after() -> None:
    old, mid, new = known(["The mail server quota is 40 GB.", "Sorry, the quota is 60.", "The mail server quota is 80 GB now."])
    assert (old.status, mid.status, new.status) == ("superseded", "superseded", "current")
    assert (mid.subject, mid.object, mid.was) == ("mail server quota", "60 GB", "40 GB")
    assert (new.corrects, new.was) == ((2,), "60 GB")


@pytest.mark.parametrize(
    ("said_first", "denied"),
    [
        ("Anna loves sushi.", "Anna doesn't like sushi any more."),
        ("Grandma likes lilies.", "Grandma does not like lilies any more."),
        ("My brother lives in Rome.", "My brother does not live in Rome any more."),
        ("Tom works at Norvell.", "Tom no longer works at Norvell."),
        ("My brother works at Norvell.", "My brother no longer works at Norvell."),
        ("We use Kafka for events.", "We stopped using Kafka for events, it is NATS now."),
    ],
)
def test_what_is_denied_of_somebody_else_holds_no_more(said_first: str, denied: str) -> None:
    assert [one.number for one in known([said_first]) if one.status != "superseded"]
    assert not [one for one in known([said_first, denied]) if one.number == 1 and one.status != "superseded"]


@pytest.mark.parametrize(
    ("said_first", "then", "now"),
    [
        ("I work at Norvell Freight.", "I quit my job at Norvell Freight and work at Castell Tools now.", "Castell Tools"),
        ("I work at Norvell Freight.", "I quit my job at Norvell Freight and now work for Castell Tools.", "Castell Tools"),
        ("I work at Norvell Freight.", "I quit at Norvell Freight and work at Castell Tools now.", "Castell Tools"),
        ("I live in Bonn.", "I moved out of Bonn and live in Ghent now.", "Ghent"),
    ],
)
def test_where_somebody_is_now_stands_behind_where_he_is_no_more(said_first: str, then: str, now: str) -> None:
    found = known([said_first, then])
    assert [one.fact.stance for one in found if one.status != "superseded" and has(one, now)] == ["stated"]
    assert not [one for one in found if one.number == 1 and one.status != "superseded"]
