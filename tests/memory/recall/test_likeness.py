"""What was said before is shown once; what only looks like it is shown too."""

from __future__ import annotations

import pytest

from backstory.core.tokens import count
from backstory.memory.recall.index import Index
from backstory.memory.recall.likeness import Chosen
from backstory.memory.recall.retrieval import block, recall
from backstory.memory.recall.units import Carry, units
from tests.memory.chats import turn

REPORT = "The nightly backup of the warehouse database ended without errors and was copied to the second site in Graz"


def chosen(*said: tuple[str, str]) -> list[bool]:
    """Which of these (speaker, text) are left out as said already."""
    index = Index()
    index.add(units([turn(number, text, sender=name) for number, (name, text) in enumerate(said, 1)], 1, Carry()))
    held = Chosen(index)
    return [held.says_it_already(place) for place in range(len(said))]


@pytest.mark.parametrize(
    ("first", "second", "again"),
    [
        (REPORT, REPORT, True),
        (REPORT, f"As I said: {REPORT.lower()}!", True),
        (REPORT, f"{REPORT} today.", False),
        (REPORT, f"{REPORT} (12 files).", False),
        (f"{REPORT} 12.", f"{REPORT} 13.", False),
        ("We should deploy on Friday.", "We should not deploy on Friday.", False),
        ("We should deploy on Friday.", "Should we deploy on Friday?", False),
        ("Yes.", "Yes.", False),
        ("Anna likes green tea.", "Anna likes black tea.", False),
    ],
)
def test_the_same_again_and_what_differs(first: str, second: str, again: bool) -> None:
    assert chosen(("Ann", first), ("Ann", second)) == [False, again]


def test_one_common_word_more_makes_no_difference() -> None:
    said = [("Bo", "Rain today, they say."), ("Bo", "No rain today after all."), ("Ann", REPORT), ("Ann", f"{REPORT} today.")]
    assert chosen(*said) == [False, False, False, True]


def test_two_people_may_say_the_same() -> None:
    assert chosen(("Ann", REPORT), ("Bo", REPORT)) == [False, False]


def test_a_correction_is_not_left_out_of_the_block() -> None:
    index = Index()
    said = ["We should deploy the gateway on Friday.", "Sorry: we should not deploy the gateway on Friday.", "The weather is fine."]
    index.add(units([turn(number, text, sender="Ann") for number, text in enumerate(said, 1)], 1, Carry()))
    found = recall(index, "When should we deploy the gateway?", budget_tokens=300, carried=(), now=2e9, min_score=0.0, count=count)
    assert "should not deploy" in block(found)
    assert "should deploy" in block(found)
