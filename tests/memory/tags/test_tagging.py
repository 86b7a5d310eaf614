"""Tags are phrases of the turn, in the spelling the conversation used first."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from backstory.memory.tags.tagging import tags
from backstory.memory.tags.vocabulary import Vocabulary
from backstory.memory.text import fold
from tests.growth import cost
from tests.memory.chats import chat


def test_entities_and_key_phrases_are_tags() -> None:
    found = tags("Bob: We should move the billing service to PostgreSQL before the Lisbon launch.", Vocabulary())
    assert "postgresql" in found
    assert any("billing" in tag for tag in found)
    assert "lisbon" in found or "lisbon-launch" in found


def test_plural_case_order_and_hyphens_make_no_new_tag() -> None:
    vocabulary = Vocabulary()
    first = tags("the sailing course", vocabulary)
    for text in ("Sailing Courses", "a sailing-course", "SAILING COURSE!"):
        assert first[0] in tags(text, vocabulary)
    assert vocabulary.uses(first[0]) == 4


def test_what_comes_back_is_preferred() -> None:
    vocabulary = Vocabulary()
    for number in range(40):
        tags("It is the bakery." if number % 10 == 0 else f"Unlike topic{number} beside other{number}.", vocabulary)
    assert tags("Zebra and bakery and xylophone and quagga", vocabulary, most=1) == ("bakery",)


def test_names_of_speakers_and_empty_words_are_no_tags() -> None:
    vocabulary = Vocabulary()
    tags("Melanie: hello there", vocabulary)
    assert tags("Ann: Thanks Mel, Melanie, that sounds really good!", vocabulary) == ()
    for text in ("Fine, noted.", "Okay, noted.", "Understood, thank you!", "Hi, you're welcome."):
        assert tags(text, vocabulary) == ()


def test_the_same_conversation_gets_the_same_tags() -> None:
    one, other = Vocabulary(), Vocabulary()
    assert [tags(turn.text, one) for turn in chat()] == [tags(turn.text, other) for turn in chat()]


@given(st.text(max_size=200))
def test_tags_of_any_text_stand_in_it(text: str) -> None:
    folded = fold(text).replace("'", "").replace("’", "")
    for tag in tags(text, Vocabulary()):
        assert all(part in folded for part in tag.split("-"))


def test_tagging_is_fast() -> None:
    turns = chat() * 8
    vocabulary = Vocabulary()
    most = len(turns) / 1_000
    assert cost(lambda: [tags(turn.text, vocabulary) for turn in turns], most) < most
