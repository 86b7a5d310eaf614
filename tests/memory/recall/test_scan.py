"""What nothing has indexed yet is found by its text, and what is read of it is bounded and verbatim."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backstory.memory.recall import scan
from backstory.memory.recall.scan import mentions, units_about
from backstory.memory.recall.units import index_terms
from tests.memory.chats import turn

FILLER = "The boats were painted and the nets were dried in the sun. "


def test_turns_that_say_most_of_it_come_first() -> None:
    turns = [turn(1, "The blue locker."), turn(2, "Nothing."), turn(3, "The code of the blue locker is tangerine."), turn(4, "A code.")]
    found = mentions(turns, index_terms("What was the code of the blue locker?"), 9)
    assert found.turns[0] == turns[2].id
    assert set(found.turns) == {turns[0].id, turns[2].id, turns[3].id}
    assert found.counts == {"code": 2, "blue": 2, "lock": 2, "": 4}
    assert len(mentions(turns, index_terms("blue code"), 1).turns) == 1


def test_case_and_accents_make_no_difference() -> None:
    assert mentions([turn(1, "Das RÉSUMÉ liegt im Büro.")], index_terms("resume in the buro"), 9).turns


def test_the_newest_turns_are_looked_through_and_no_more_than_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "MOST_TURNS", 3)
    turns = [turn(number, f"The harbour, day {number}.") for number in range(1, 6)]
    assert mentions(turns, ["harbour"], 9).counts[""] == 3
    assert set(mentions(turns, ["harbour"], 9).turns) == {one.id for one in turns[2:]}
    monkeypatch.setattr(scan, "_MOST_CHARS", 10)
    assert mentions(turns, ["harbour"], 9).turns == (turns[-1].id,)


@pytest.mark.parametrize("after", [0, 1])
def test_a_turn_longer_than_what_is_looked_through_hides_neither_itself_nor_those_before(after: int) -> None:
    long = f"The first harbour. {FILLER * 20_000}The fruit is a durian."
    assert len(long) > scan._MOST_CHARS
    turns = [turn(1, "The code of locker 5 is quillfeather."), turn(2, long), *(turn(3, "What about it?") for _ in range(after))]
    assert mentions(turns, ["durian"], 9).turns == (2,)
    assert mentions(turns, ["quillfeath"], 9).turns == (1,)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1500), st.integers(0, 1500))
def test_of_a_long_turn_what_stands_around_the_words_is_read(before: int, after: int) -> None:
    text = f"{FILLER * before}The harbour master is called Quillfeather. {FILLER * after}"
    made = units_about(turn(1, text), 7, index_terms("Who is called Quillfeather?"))
    assert any("Quillfeather" in unit.text for unit in made)
    assert sum(len(unit.text) for unit in made) <= max(scan._LONG_CHARS, 2 * scan._MOST_EXCERPTS * scan._AROUND_CHARS)
    at = 0
    for unit in made:
        at = text.index(unit.text, at)
        assert (unit.turn, unit.number) == (turn(1, text).id, 7)
    pieces = [unit.piece for unit in made]
    assert pieces == sorted(set(pieces))


def test_two_excerpts_are_not_read_as_one_text() -> None:
    text = f"{FILLER * 200}A first quillfeather. {FILLER * 200}A second quillfeather. {FILLER * 200}"
    made = units_about(turn(1, text), 1, ["quillfeath"])
    places = {unit.text: unit.piece for unit in made if "quillfeather" in unit.text}
    first, second = sorted(places.values())
    assert second > first + 1


def test_a_common_word_does_not_crowd_out_a_rare_one() -> None:
    text = f"{FILLER * 900}The quay is guarded by Quillfeather. {FILLER * 900}"
    made = units_about(turn(1, text), 1, ["painted", "boat", "dri", "net", "sun", "quillfeath"])
    assert any("Quillfeather" in unit.text for unit in made)
