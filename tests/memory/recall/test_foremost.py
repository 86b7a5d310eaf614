"""The best lines alone, and what was changed with what changes it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from backstory.core.tokens import count
from backstory.memory.facts.changes import Changed
from backstory.memory.recall.foremost import foremost
from backstory.memory.recall.index import Index
from backstory.memory.recall.mending import alone, mended_by, with_changes
from backstory.memory.recall.retention import Rules, Standing
from backstory.memory.recall.retrieval import Recalled, block, recall
from backstory.memory.recall.units import Carry, units
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


def test_of_all_that_was_changed_at_once_one_comes_for_the_price_of_a_line() -> None:
    turns = [
        *(f"The choir rehearsal is on {day}." for day in ("Monday", "Wednesday", "Thursday", "Friday")),
        "no, it's Tuesday",
        *REHEARSAL[4:],
    ]
    found = rehearsal(400, 0.3, changed={number: [(turns[number - 1], 5)] for number in range(1, 5)}, turns=turns)
    assert {1, 2, 3, 4, 5} <= {item.number for item in found.items}
    few = [item.number for item in foremost(found, 1, count).items]
    assert len(few) == 2
    assert 5 in few


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


@pytest.mark.parametrize("other", ["*nods* Ruben has 2 dogs", "**Total:** 12 Euro", "Sorry, bin im Stau", "Moment, ich bin am Telefon"])
def test_what_is_done_or_set_in_bold_corrects_nothing(other: str) -> None:
    assert [item.text for item in garage("Noted.", other).items] == [CODE]


def test_a_correction_comes_though_the_answer_between_has_many_pieces() -> None:
    answer = turn(2, "Thank you for telling me, I will keep it in mind for all later days. " * 80, role="assistant")
    index = indexed([turn(1, CODE), answer, turn(3, "sorry, 1270"), *(turn(10 + at, f"Lamp {at} is grey.") for at in range(20))])
    assert len(index.units_of(answer.id)) > 3
    assert mended_by(index, 0) == index.units_of(3)[0]


def test_a_correction_is_of_the_same_hour() -> None:
    index = indexed([turn(1, CODE, at=1e9), turn(2, "no, 12 boats", at=1e9 + 2e4)])
    assert mended_by(index, 0) == -1


def test_many_corrections_in_a_row_do_not_take_the_place_of_what_answers() -> None:
    index = indexed([turn(1, CODE), *(turn(number, f"sorry, 1{number}") for number in range(2, 300))])
    found = recall(index, "What is the code of the garage?", budget_tokens=200, carried=(), now=NOW, min_score=0.7, count=count)
    assert [item.number for item in found.items] == [1, 2, 3, 4]


def test_a_change_is_looked_for_where_it_was_made() -> None:
    index = Index()
    for first, texts in ((1, REHEARSAL), (100, ["Lamp is red.", "Noted.", "Lamp is blue."])):
        for number, text in enumerate(texts, 1):
            index.add(units((turn(first + number, text),), number, Carry()))
    later = index.units_of(101)[0]
    assert [index.turns[place] for place in index.numbered(3, later)] == [103]
    assert [index.turns[place] for place in index.numbered(3, 0)] == [4, 103], "its own conversation's first"
    assert list(index.numbered(999, 0)) == []
    found = with_changes(index, {later: 1.0}, {101: [("Lamp is red.", 3)]}, lambda _: True)
    assert list(found) == [index.units_of(103)[0]]


def test_what_is_recalled_is_not_told_to_be_left_out() -> None:
    found = rehearsal(400, 0.7)
    assert not {item.number for item in found.items} & {left.number for left in found.left}


def test_what_was_changed_by_what_has_gone_goes_too() -> None:
    index = indexed([turn(1, "a b"), turn(2, "c d"), turn(3, "e f")])
    changed = {1: [("a b", 2)], 2: [("c d", 3)]}
    part = (0, 3)
    scores = {0: 1.0, 1: 1.0, 2: 1.0}
    assert alone(index, {0: part, 1: part}, (), (), scores, changed) == [0, 1]
    assert alone(index, {0: part, 1: part}, {0}, (), scores, changed) == [1]
    assert alone(index, {0: part, 1: part}, (), {2}, scores, changed) == []
    assert alone(index, {0: part, 1: part}, (), (), {0: 1.0, 1: 1.0}, changed) == [], "what may not be told changes nothing here"


def test_what_counts_too_little_does_not_come_as_a_change() -> None:
    turns = [turn(number, text) for number, text in enumerate(REHEARSAL, 1)]
    index, asked = indexed(turns), "When is the choir rehearsal?"
    worth = [Standing(Rules(), {}, {1: 3}, NOW).of(index, place).total for place in (0, 2)]
    assert worth[0] > worth[1]
    standing = Standing(Rules(floor=sum(worth) / 2), {}, {1: 3}, NOW)
    found = recall(index, asked, budget_tokens=400, carried=(), now=NOW, min_score=0.7, count=count, changed=MOVED, standing=standing)
    assert [item.number for item in found.items if item.number in {1, 3}] == [1]


@pytest.mark.parametrize("then", [("no thanks",), ("sorry for the noise",), ("What is next?",), (LONG,), ("Is it 12?", "No, 1207.")])
def test_other_messages_do_not(then: tuple[str, ...]) -> None:
    assert [item.text for item in garage(*then).items] == [CODE]
