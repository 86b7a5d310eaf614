"""Segments cut a conversation where its topic changes."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from backstory.core.records import Segment
from backstory.memory.folding.segments import segments, topics, uncovered
from backstory.memory.recall.units import Carry, units
from backstory.memory.tags.tagging import tags
from backstory.memory.tags.vocabulary import Vocabulary
from tests.memory.chats import chat, turn, unit


def test_each_day_of_the_chat_is_its_own_segment() -> None:
    vocabulary = Vocabulary()
    made = segments(units(chat(), 1, Carry()), {one.id: tags(one.text, vocabulary) for one in chat()})
    starts = [run.first_turn for run in made]
    assert {1, 11, 19, 29, 39, 47, 55} <= set(starts)
    assert all(run.tags for run in made)


def test_a_change_of_topic_within_a_session_is_a_break() -> None:
    ships = [
        "The schooner lost its mast.",
        "A new mast for the schooner costs much.",
        "The harbour crane lifts the mast.",
        "Our schooner needs the crane.",
    ]
    soups = ["Leek soup wants butter.", "Butter and cream in the leek soup.", "Serve the soup with cream.", "No butter left for soup."]
    made = segments([unit(number, text) for number, text in enumerate(ships + soups, 1)], {})
    assert [(run.first_turn, run.last_turn) for run in made] == [(1, 4), (5, 8)]


def test_nothing_gives_nothing() -> None:
    assert segments([], {}) == []


@given(st.lists(st.tuples(st.text(max_size=60), st.floats(0, 1e6)), max_size=25))
def test_every_turn_is_in_exactly_one_segment(rows: list[tuple[str, float]]) -> None:
    made_of = units([turn(number, text, arrived=at + 1) for number, (text, at) in enumerate(rows, 1)], 1, Carry())
    made = segments(made_of, {})
    ids = list(dict.fromkeys(one.turn for one in made_of))
    covered = [number for run in made for number in ids if run.first_turn <= number <= run.last_turn]
    assert covered == ids
    assert sum(run.tokens for run in made) == sum(one.tokens for one in made_of)


def test_the_topics_of_most_turns_come_first_and_of_as_many_the_first_named() -> None:
    assert topics([("b", "a"), ("c", "a"), ("c",), ("d", "e", "f", "g")]) == ("a", "c", "b", "d", "e", "f")
    assert topics([]) == ()


@given(st.lists(st.integers(1, 30), unique=True), st.lists(st.tuples(st.integers(1, 30), st.integers(0, 8)), max_size=5))
def test_what_is_in_no_segment_is_found_whole(ids: list[int], spans: list[tuple[int, int]]) -> None:
    done: list[Segment] = []
    for first, more in sorted(spans):
        if not done or first > done[-1].last_turn:
            done.append(Segment(first, "c", first, first + more, (), "", 0, 0.0, 0.0))
    ids.sort()
    runs = [[one.id for one in run] for run in uncovered([turn(number, "x") for number in ids], done)]
    assert [number for run in runs for number in run] == [
        number for number in ids if not any(one.first_turn <= number <= one.last_turn for one in done)
    ]
    assert all(runs)
    for run in runs:
        assert not any(run[0] < one.first_turn < run[-1] for one in done), "no segment stands between turns of one run"
    for before, after in pairwise(runs):
        assert any(before[-1] < one.last_turn < after[0] or before[-1] < one.first_turn < after[0] for one in done)
