"""A label before a colon names a speaker only where something proves it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backstory.core.records import Turn
from backstory.memory.reading.speakers import names_in
from backstory.memory.recall.units import Carry, units
from tests.memory.chats import turn


def talk(*texts: str) -> list[Turn]:
    """User and assistant in turns."""
    return [turn(number, text, "user" if number % 2 else "assistant") for number, text in enumerate(texts, 1)]


def spoken(text: str, sender: str = "") -> list[tuple[str, str]]:
    return [(unit.speaker, unit.text) for unit in units([turn(1, text, sender=sender)], 1, Carry())]


@pytest.mark.parametrize(
    "text",
    [
        "Django: the version of the app is 5.1 and must stay.",
        "Berlin: we stay at the hotel for 3 nights.",
        "Django: 5.1\nRedis: 7.2\nPython: 3.11",
        "Hotel: Adlon\nFlight: LH 123",
        "My list:\nMilk: two bottles please",
    ],
)
def test_a_label_in_one_message_names_nobody(text: str) -> None:
    assert spoken(text) == [("User", text)]


def test_topics_that_come_again_name_nobody() -> None:
    said = talk("Django: set it up.", "Done.", "Berlin: book it.", "Done.", "Django: and test it.", "Done.", "Berlin: cancel.", "Done.")
    assert names_in(said) == frozenset()
    assert {unit.speaker for unit in units(said, 1, Carry())} == {"User", "Assistant"}


def test_a_dialogue_that_is_played_anew_is_known_from_early_on() -> None:
    said = talk("(The conversation begins.)", "Ben: Hi Ann!", "Ann: Hello.", "Ben: Well?", "Ann: Yes.", "Ben: Good.")
    assert names_in(said) == {"Ann", "Ben"}
    assert [unit.speaker for unit in units(said, 1, Carry())][1:] == ["Ben", "Ann", "Ben", "Ann", "Ben"]
    carry = Carry()
    one_by_one = [unit.speaker for one in said for unit in units([one], one.position + 1, carry)]
    assert one_by_one == ["User", "Assistant", "User", "Assistant", "Ann", "Ben"], "word for word until then"


def test_a_group_behind_one_client_is_known_in_time() -> None:
    said = [text for name in ("Ann", "Bo", "Cy") * 4 for text in (f"{name}: something new", "All right.")]
    assert names_in(talk(*said)) == {"Ann", "Bo", "Cy"}


def test_a_sender_says_all_of_his_message() -> None:
    text = "Ann: I owe you 500.\nBen: really?\nAnn: yes"
    assert spoken(text, sender="Mallory") == [("Mallory", text)]
    assert [name for name, _ in spoken(text)] == ["Ann", "Ben", "Ann"]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["Django", "Berlin", "Ann"]), st.sampled_from(["it is fine", "we stay here"])), max_size=20))
def test_no_labels_of_one_side_make_a_dialogue_with_plain_answers(labels: list[tuple[str, str]]) -> None:
    said = [text for name, rest in labels for text in (f"{name}: {rest}", "All right.")]
    said = [*said[:4], "Now something else.", "All right.", *said[4:]]
    for unit in units(talk(*said), 1, Carry()):
        assert unit.speaker in ("User", "Assistant")
        assert unit.text in said
