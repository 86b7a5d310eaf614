"""Which turns a topic names, and how what is about to go is kept."""

from __future__ import annotations

import pytest

from backstory.commands.forgetting import Going, about, going, going_text, hidden
from backstory.commands.people import named_in, person
from backstory.core.records import Turn
from backstory.memory.text import terms

TEXTS = (
    "My dogs are called Rex and Bella.",
    "What a nice pair!",
    "The password of the router is in the drawer.",
    "The DOG is asleep; the router hums.",
)
TURNS = [Turn(10 + place, "c", 0, place, b"", b"", "user", "spoken", text) for place, text in enumerate(TEXTS)]
TOPICS = {"dog": [0, 3], "Dogs": [0, 3], "router password": [2], "the router": [2, 3], "#2": [1], "#9": [], "cat": [], "?!": [], "!": [1]}


@pytest.mark.parametrize("topic", TOPICS)
def test_a_topic_names_turns_that_say_all_of_its_words(topic: str) -> None:
    assert [turn.position for turn in about(topic, TURNS, terms)] == TOPICS[topic]


def test_what_tools_brought_is_looked_at_too() -> None:
    turn = Turn(1, "c", 0, 0, b"", b"", "tool", "tool", "", calls='[{"result":"the dog barks"}]')
    assert about("dogs", [turn], terms) == [turn]


def test_what_is_about_to_go_is_kept_as_text() -> None:
    waiting = (Going("dog", 5.0, (1, 2)), Going("cat", 6.0, (3,)))
    assert going(going_text(waiting)) == waiting
    assert going_text(()) == ""
    assert going("") == ()
    assert going("damaged") == ()


def test_the_answer_shows_a_few_and_counts_all() -> None:
    told = hidden("dog", TURNS * 4, 10, 3)
    assert told.count("- #") == 8
    assert "16 turns" in told
    assert "and 8 more" in told
    assert "history still has 3" in told
    assert "history" not in hidden("dog", TURNS[:1], 10, 0)


def test_the_time_to_undo_is_told_in_words_that_fit_it() -> None:
    for minutes, words in ((1 / 60, "In 1 second "), (0.5, "In 30 seconds "), (1, "In 1 minute "), (100 / 60, "In 1.7 minutes ")):
        assert words in hidden("dog", TURNS[:1], minutes, 0)


GROUP = [
    Turn(20, "c", 0, 0, b"", b"", "user", "spoken", "The spare key is under the blue pot.", sender="Ann"),
    Turn(21, "c", 20, 1, b"", b"", "assistant", "spoken", "Noted: under the blue pot."),
    Turn(22, "c", 21, 2, b"", b"", "user", "spoken", "I parked the van. Ask Ann for the key.", sender="Bob"),
    Turn(23, "c", 22, 3, b"", b"", "assistant", "spoken", "I shall."),
    Turn(24, "c", 23, 4, b"", b"", "user", "spoken", "My dentist is in Kirchweg 5.", sender="Ann Lee"),
]


@pytest.mark.parametrize("topic", ["Ann", "@ann", "person  Ann", "PERSON Ann"])
def test_a_person_is_what_they_said_what_answers_it_and_what_mentions_them(topic: str) -> None:
    whom = person(topic, GROUP, terms)
    assert whom is not None
    assert [turn.id for turn in whom.said] == [20]
    assert [turn.id for turn in whom.answers] == [21]
    assert [turn.id for turn in whom.mentions] == [22]
    assert whom.counted() == "1 that Ann said, 1 in answer to that, 1 that mention the name"


def test_a_part_of_a_name_is_enough_where_one_has_it() -> None:
    whom = person("lee", GROUP, terms)
    assert whom is not None
    assert ([turn.id for turn in whom.turns], whom.name) == ([24], "Ann Lee")
    assert person("key", GROUP, terms) is None, "a topic like any other"
    nobody = person("@Carl", GROUP, terms)
    assert nobody is not None
    assert not nobody.turns


def test_a_label_that_says_it_is_told() -> None:
    assert named_in("Ann's garden", "@Ann", terms)
    assert named_in("quillfeather-notes", "Quillfeather", terms)
    assert not named_in("Bob's van", "Ann", terms)
    assert not named_in("", "#2", terms)
