"""The best lines alone, and what was changed with what changes it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from backstory.core.tokens import count
from backstory.memory.facts.changes import Changed
from backstory.memory.recall.foremost import foremost
from backstory.memory.recall.retrieval import Recalled, block, recall
from tests.memory.chats import QUESTIONS, indexed, turn
from tests.memory.recall.test_retrieval import NOW, ask


def test_the_foremost_lines_are_the_best_ones_in_their_order() -> None:
    found = ask(QUESTIONS[0][0], 600)
    assert len(found.items) > 3
    best = sorted((item.score for item in found.items), reverse=True)[:2]
    few = foremost(found, 2, count)
    assert sorted((item.score for item in few.items), reverse=True) == best
    assert [item.number for item in few.items] == sorted(item.number for item in few.items)
    assert few.tokens == count(block(few)) < found.tokens
    assert {left.number for left in few.left if left.why == "no room"} >= {found.items[0].number} - {item.number for item in few.items}
    assert few.basis is not None
    assert len(few.basis.places) == len(few.items)
    assert foremost(found, len(found.items), count) is found


REHEARSAL = [
    "The choir rehearsal is on Monday.",
    "Noted.",
    "no, it's Tuesday",
    "Fine.",
    *(f"Lamp {number} is grey." for number in range(40)),
]
MOVED = {1: [(REHEARSAL[0], 3)]}


def rehearsal(
    budget: int, min_score: float = 0.3, changed: Changed = MOVED, turns: Sequence[str] = REHEARSAL, out: tuple[int, ...] = ()
) -> Recalled:
    index = indexed([turn(number, text) for number, text in enumerate(turns, 1)])
    asked = "When is the choir rehearsal?"
    return recall(index, asked, budget_tokens=budget, carried=out, now=NOW, min_score=min_score, count=count, changed=changed)


def test_what_was_changed_comes_with_what_changes_it_though_that_has_no_word_of_the_question() -> None:
    assert 3 not in [item.number for item in rehearsal(400, 0.7, changed={}).items], "by itself it is not worth it"
    found = rehearsal(400, 0.7)
    assert [item.number for item in found.items if item.number in {1, 3}] == [1, 3]
    few = foremost(found, 1, count)
    assert [item.number for item in few.items] == [1, 3], "they count as one line"
    assert few.basis is not None
    assert "changes another" in few.basis.told(1)[0]


def test_what_was_changed_stays_out_where_there_is_no_room_for_what_changes_it() -> None:
    long = "no, it's Tuesday, and " + "we sing the long mass by the old master that none of us has ever liked much, " * 8
    for budget in range(30, 500, 10):
        found = [item.number for item in rehearsal(budget, turns=[REHEARSAL[0], "Noted.", long, *REHEARSAL[3:]]).items]
        assert 1 not in found or 3 in found


def test_a_change_that_the_request_carries_is_not_told_again() -> None:
    assert [item.number for item in rehearsal(400, 0.7, out=(3,)).items if item.number in {1, 3}] == [1]


def test_changes_of_changes_come_too_and_go_round_no_circle() -> None:
    turns = [*REHEARSAL[:4], "sorry, Wednesday", *REHEARSAL[4:]]
    found = rehearsal(400, 0.7, changed={1: [(turns[0], 3)], 3: [(turns[2], 5)], 5: [(turns[4], 1)]}, turns=turns)
    assert {1, 3, 5} <= {item.number for item in found.items}


CODE = "The code of the garage is 1207."


def garage(*then: str) -> Recalled:
    said = [turn(2 + at, text, role="assistant" if text in {"Noted.", "Is it 12?"} else "user") for at, text in enumerate(then)]
    index = indexed([turn(1, CODE), *said, *(turn(10 + at, f"Lamp {at} is grey.") for at in range(20))])
    found = recall(index, "What is the code of the garage?", budget_tokens=200, carried=(), now=NOW, min_score=0.7, count=count)
    return foremost(found, 1, count)


@pytest.mark.parametrize("slip", ["sorry, 1270", "Wait, 980.", "*10", "Oops, Robin, not Ruben.", "nein, am Dienstag", "oh no, 12"])
@pytest.mark.parametrize("answer", [("Noted.",), ()])
def test_a_message_that_begins_as_a_correction_comes_with_the_one_before_it(slip: str, answer: tuple[str, ...]) -> None:
    assert [item.text for item in garage(*answer, slip).items] == [CODE, slip]


LONG = "Sorry, I was away: the 12 boats are in the harbour, all of them are red, and have come home again."


@pytest.mark.parametrize("then", [("no thanks",), ("sorry for the noise",), ("What is next?",), (LONG,), ("Is it 12?", "No, 1207.")])
def test_other_messages_do_not(then: tuple[str, ...]) -> None:
    assert [item.text for item in garage(*then).items] == [CODE]
