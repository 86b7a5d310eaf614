"""The index holds units as they came, and what is hidden stays hidden."""

from __future__ import annotations

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstory.memory.recall.index import Index
from backstory.memory.recall.units import Carry, units
from tests.growth import cost
from tests.memory.chats import chat, indexed, seconds, turn, unit


def test_postings_and_frequencies_are_those_of_the_units() -> None:
    index = Index()
    index.add([unit(1, "apple apple pear"), unit(2, "pear"), unit(3, "plum")])
    pear, apple = index.vocabulary["pear"], index.vocabulary["appl"]
    assert [index.frequency(apple, place) for place in range(3)] == [2, 0, 0]
    assert [index.frequency(pear, place) for place in range(3)] == [1, 1, 0]
    assert index.document_frequency("pear") == 2
    assert index.rarity("plum") > index.rarity("pear")
    assert index.has("plum", 2)
    assert not index.has("quince", 2)


def test_adding_in_one_go_or_one_by_one_is_the_same() -> None:
    one, other = indexed(chat()), Index()
    for place in range(len(one.turns)):
        other.add([unit(one.turns[place], one.texts[place], one.names[one.speakers[place]], one.at[place])])
    assert one.texts == other.texts
    assert one.postings == other.postings
    assert one.sessions == other.sessions


def test_a_pause_or_a_new_day_begins_a_session() -> None:
    at = [seconds(f"2025-03-0{text}") for text in ("1 10:00", "1 10:30", "1 12:00", "1 23:50", "2 00:10", "1 09:00")]
    index = Index()
    index.add(unit(number, "x y z", at=when) for number, when in enumerate(at, 1))
    assert list(index.sessions) == [0, 0, 1, 2, 3, 4]
    assert list(index.session_starts) == [0, 2, 3, 4, 5]


def test_in_an_index_of_picked_turns_a_gap_is_a_break() -> None:
    index = Index({"": 50})
    index.add([unit(1, "a b"), unit(2, "c d"), unit(9, "e f")])
    assert list(index.sessions) == [0, 0, 1]


def test_hidden_turns_do_not_count_and_unknown_ids_do_no_harm() -> None:
    index = indexed(chat())
    before = len(index)
    index.hide({3, 4, 9_999})
    index.hide({3})
    assert len(index) == before - 2
    assert 3 in index
    assert 9_999 not in index


def test_turn_ids_may_come_in_any_order() -> None:
    index = Index()
    index.add([unit(number, f"text number {number}") for number in (5, 2, 8)])
    assert [list(index.units_of(number)) for number in (2, 5, 8, 3)] == [[1], [0], [2], []]


def test_speakers_are_named_by_a_part_or_a_beginning() -> None:
    index = indexed([turn(number, "hi", sender=name) for number, name in enumerate(("Melanie", "Jean Paul", "Theo"), 1)])

    def named(*words: str) -> set[str]:
        return {index.names[number] for number in index.named(words)}

    assert named("mel") == {"Melanie"}
    assert named("paul") == {"Jean Paul"}
    assert named("the", "me", "th") == set()


def test_what_was_said_in_a_span_of_time() -> None:
    index = indexed(chat())
    start = seconds("2025-02-15 00:00")
    assert {index.texts[place].split(",")[0] for place in index.said_in(start, start + 86_400)} >= {
        "Ha! I spent the day with the electrician. The ceiling had wires from 1950."
    }
    assert index.said_in(0.0, 1.0) == []


@given(st.lists(st.tuples(st.integers(1, 40), st.text(max_size=20)), max_size=30), st.frozensets(st.integers(1, 40)))
def test_length_is_what_can_be_found(rows: list[tuple[int, str]], hidden: frozenset[int]) -> None:
    ids = sorted({number for number, _ in rows})
    index = Index()
    index.add(unit(number, f"word {number}") for number in ids)
    index.hide(hidden)
    assert len(index) == len(set(ids) - hidden)


def test_the_share_that_has_room() -> None:
    whole, picked = Index(), Index({"": 40})
    assert whole.share(10) == 1.0
    for index in (whole, picked):
        index.add(unit(number, "some words about the harbour") for number in range(1, 11))
    assert whole.share(whole.total_tokens // 2) == pytest.approx(0.5)
    assert whole.share(10 * whole.total_tokens) == 1.0
    assert picked.share(picked.total_tokens) == pytest.approx(0.25), "ten turns of forty"


def test_adding_is_fast_enough_to_be_done_in_the_request() -> None:
    batch = [turn(number, f"Ann: We counted {number} boats near the old harbour, and painted two of them.") for number in range(1, 1001)]
    assert cost(lambda: Index().add(units(batch, 1, Carry())), 2.0) < 2.0


def test_the_rarities_of_many_terms_are_those_of_each() -> None:
    whole = indexed(chat())
    picked = Index({"": 900, "boat": 40, "bakeri": 7})
    picked.add(unit(number, text) for number, text in enumerate(whole.texts[:30], 1))
    for index in (whole, picked):
        numbers = range(len(index.words))
        assert index.rarities(numbers) == [index.rarity(index.words[number]) for number in numbers]


def test_who_recalls_while_it_grows_never_meets_half_a_unit() -> None:
    """Another thread adds: whoever looks between two of its steps finds whole units only."""
    index, looks = Index(), [0]

    class Watched(array):  # type: ignore[type-arg]
        def append(self, value: float) -> None:
            super().append(value)
            looks[0] += 1
            for place in index.said_in(0.0, 2e9):
                assert len(index.terms_of(place)) > 0
            assert len(index.named(["ann"])) == min(1, len(index.names))

    for name in ("turns", "pieces", "numbers", "at", "speakers", "roles", "sizes", "lengths", "sessions", "session_starts"):
        setattr(index, name, Watched(getattr(index, name).typecode))
    index.add(
        units([turn(number, f"Met Bob in town {number}.", at=1e9 + 50_000.0 * number, sender="Ann") for number in range(9)], 1, Carry())
    )
    assert index.complete == 9
    assert looks[0] >= 90
