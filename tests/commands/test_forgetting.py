"""Which turns a topic names, and how what is about to go is kept."""

from __future__ import annotations

import pytest

from backstory.commands.forgetting import Going, about, going, going_text, hidden
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
