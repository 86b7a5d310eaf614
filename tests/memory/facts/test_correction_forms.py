"""What was just said is corrected at once, however that is put; what only looks like a correction changes nothing."""

from __future__ import annotations

import pytest

from tests.memory.facts.table_corrections import CORRECTED, UNCHANGED
from tests.memory.facts.test_supersession import ledger


@pytest.mark.parametrize(("texts", "left"), CORRECTED)
def test_a_correction_takes_the_place_of_what_was_just_said(texts: list[str], left: str) -> None:
    known = ledger(texts).known()
    assert any(one.number == 1 and one.status == "superseded" for one in known)
    assert any(one.number == len(texts) and one.status in ("current", "planned") and left in one.fact.object.lower() for one in known)


@pytest.mark.parametrize("texts", UNCHANGED)
def test_what_only_looks_like_a_correction_changes_nothing(texts: list[str]) -> None:
    known = ledger(texts).known()
    assert all(one.status != "superseded" for one in known if one.number == 1)
    assert not [one for one in known if one.number == len(texts) and (one.corrects or one.fact.kind == "correction")]


@pytest.mark.parametrize(
    "texts",
    [
        ["The demo is on Tuesday.", "Thanks.", "Thanks.", "Thanks.", "Thanks.", "Thanks.", "They moved it to Friday."],
        ["They moved it to Friday."],
        ["Sorry, her name is Anne."],
        ["They cancelled the demo."],
    ],
)
def test_a_correction_that_points_to_nothing_near_is_no_fact(texts: list[str]) -> None:
    assert all(one.status == "current" and one.fact.kind != "correction" for one in ledger(texts).known())


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("The meeting is on Tuesday, no wait, Wednesday.", "Wednesday"),
        ("The meeting is on Tuesday, sorry, Wednesday.", "Wednesday"),
        ("The meeting is on Tuesday, I mean Wednesday.", "Wednesday"),
        ("The meeting is on Tuesday, scratch that, on Wednesday.", "Wednesday"),
        ("I work at Google, well, actually at Meta.", "Meta"),
        ("I live in Oslo, sorry, Bergen.", "Bergen"),
        ("I live in Oslo, oh wait, no, in Bergen.", "Bergen"),
        ("My dog is called Rex, no, Max.", "Max"),
        ("My name is Jon, I mean John.", "John"),
        ("I use vim, or rather neovim.", "neovim"),
        ("I prefer tea, I mean coffee.", "coffee"),
    ],
)
def test_of_a_sentence_that_takes_itself_back_the_end_holds(text: str, left: str) -> None:
    assert [one.fact.object for one in ledger([text]).known() if one.status == "current"] == [left]


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("I live in Oslo, no wait, I have to think about that.", []),
        ("I like olives, or rather whatever they had on that pizza last summer.", []),
        ("I don't like tea, no, coffee.", []),
        ("I live in Oslo, actually.", ["Oslo"]),
        ("The meeting is on Tuesday, I mean it.", ["on Tuesday"]),
        ("I like tea, no sugar.", ["tea, no sugar"]),
        ("I live in Oslo, sorry, I can't come.", ["Oslo"]),
        ("Well, no, wait, I live in Oslo.", ["Oslo"]),
    ],
)
def test_what_a_sentence_takes_back_without_a_word_for_it_is_no_fact(text: str, left: list[str]) -> None:
    assert [one.fact.object for one in ledger([text]).known() if one.status == "current"] == left
