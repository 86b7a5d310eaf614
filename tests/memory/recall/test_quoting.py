"""A small room gets the sentences that answer, not weaker lines that happen to fit."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backstory.core.records import Turn
from backstory.core.tokens import count
from backstory.memory.recall.question import read
from backstory.memory.recall.quoting import excerpt, marked
from backstory.memory.recall.retrieval import Recalled, block, recall
from backstory.memory.recall.units import PIECE_TOKENS
from tests.memory.chats import indexed, turn

NOW = 1_700_000_000.0
TALK = (
    "We walked along the harbour this morning and the fog was so thick that the ferries sounded their horns twice.",
    "My brother wants to repaint the fence, but I keep telling him that the wood is still too damp.",
    "The bakery on the corner has started to sell rye bread on Thursdays, which is a pleasant surprise.",
    "I have been reading about old sailing charts and how people measured distances with ropes.",
    "Our neighbour's dog has learned to open the gate, and now it visits us at lunch.",
    "There was a long discussion about the summer party and nobody could agree.",
    "The train was late by forty minutes because of a fallen branch near the tunnel.",
)
PEOPLE = ("Marlene Brandt", "Otto Kessler", "Priya Novak", "Desmond Duarte", "Yusuf Hoang", "Ingrid Petrov", "Tomas Quinlan", "Ravi Rossi")


def said(place: int) -> str:
    """What somebody wrote: eight sentences, one of which tells something, elsewhere each time."""
    own = f"The locker of {PEOPLE[place]} opens with {4100 + 37 * place}."
    at = place % 8
    return " ".join([*TALK[:at], own, *TALK[at:]])


def history() -> list[Turn]:
    made: list[Turn] = []
    for place, name in enumerate(PEOPLE):
        made.append(turn(len(made) + 1, said(place), arrived=NOW))
        made.append(turn(len(made) + 1, "Noted.", "assistant", arrived=NOW))
        made.append(turn(len(made) + 1, f"And who looks after the spare key of {name}?", arrived=NOW))
    return made


def ask(place: int, budget: int) -> Recalled:
    question = f"Which code opens the locker of {PEOPLE[place]}?"
    return recall(indexed(history()), question, budget_tokens=budget, carried=(), now=NOW, min_score=0.3, count=count)


@pytest.mark.parametrize("budget", [60, 90, 160, 220])
@pytest.mark.parametrize("place", range(len(PEOPLE)))
def test_a_small_room_holds_the_sentence_that_answers(place: int, budget: int) -> None:
    text = block(ask(place, budget))
    assert f"The locker of {PEOPLE[place]} opens with {4100 + 37 * place}." in text
    assert count(text) <= budget


@pytest.mark.parametrize("budget", [60, 90, 160, 220])
def test_an_excerpt_is_whole_sentences_of_its_turn_and_says_what_is_left_out(budget: int) -> None:
    by_id = {one.id: one for one in history()}
    for place in range(len(PEOPLE)):
        found = ask(place, budget)
        for at, item in enumerate(found.items):
            whole = by_id[item.turn].text
            start, end = found.stands(at, whole)
            assert whole[start:end] == item.text
            assert item.text[-1] in ".?"
            assert start == 0 or whole[start - 2] == "."
            assert item.shown.startswith("(...) ") == (start > 0)
            assert item.shown.endswith(" (...)") == (end < len(whole))
            assert item.shown in block(found)


def test_a_room_for_whole_units_holds_them_whole() -> None:
    found = ask(2, PIECE_TOKENS + 60)
    assert said(2) in block(found)
    assert all(item.start == item.rest == 0 for item in found.items)


def test_an_excerpt_stands_where_it_was_taken_from() -> None:
    own = "The locker of Marlene Brandt opens with 4100."
    piece = f"{' '.join(TALK)} {own} {' '.join(TALK[:2])}"
    index = indexed([turn(1, piece)])
    found = recall(index, "What opens the locker of Marlene Brandt?", budget_tokens=60, carried=(), now=NOW, min_score=0.0, count=count)
    assert [item.text for item in found.items] == [own]
    # Its words stand before its unit, too.
    text = f"{own}\n\n{piece}"
    start, end = found.stands(0, text)
    assert (start, text[start:end]) == (text.rindex(own), own)


def test_a_change_of_what_is_not_shown_is_not_told() -> None:
    found = recall(
        indexed(history()),
        f"Which code opens the locker of {PEOPLE[0]}?",
        budget_tokens=60,
        carried=(),
        now=NOW,
        min_score=0.3,
        count=count,
        changed={1: [(TALK[6], 9)]},
    )
    assert [item.changed for item in found.items if item.turn == 1] == [0]


def test_a_unit_without_a_word_of_the_question_has_no_excerpt() -> None:
    index = indexed(history())
    query = read(index, "Which zeppelins hum?", NOW)
    assert excerpt(index, query, said(1), lambda start, end, more: True) is None


def test_the_best_sentence_comes_first_and_its_neighbours_while_there_is_room() -> None:
    index = indexed(history())
    query = read(index, "Which code opens the locker of Otto Kessler?", NOW)
    text = f"Is it the locker of Otto Kessler? {said(1)}"
    own = text.index("The locker of Otto")
    for most in range(60, len(text), 25):
        found = excerpt(index, query, text, lambda start, end, more, most=most: end - start <= most)  # type: ignore[misc]
        assert found is not None
        start, end = found
        assert start <= own
        assert end >= own + len("The locker of Otto Kessler opens with 4137.")
        assert end - start <= most
    assert excerpt(index, query, text, lambda start, end, more: False) is None
    assert excerpt(index, query, text, lambda start, end, more: True) == (0, len(text))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text("ab .!?\n。", min_size=1, max_size=400), min_size=1, max_size=6), st.integers(20, 250))
def test_any_excerpt_is_verbatim_and_within_the_room(texts: list[str], budget: int) -> None:
    turns = [turn(number, f"harbour {text} harbour ferry.", arrived=NOW) for number, text in enumerate(texts, 1)]
    found = recall(indexed(turns), "Where is the harbour ferry?", budget_tokens=budget, carried=(), now=NOW, min_score=0.0, count=count)
    assert count(block(found)) <= budget
    for at, item in enumerate(found.items):
        start, end = found.stands(at, turns[item.turn - 1].text)
        assert turns[item.turn - 1].text[start:end] == item.text
        assert marked(item.text, item.start, item.rest) == item.shown
