"""What a question asks for."""

from __future__ import annotations

import pytest

from backstory.memory.recall.question import read, unnamed
from tests.memory.chats import chat, indexed, seconds

NOW = seconds("2025-07-01 12:00")
INDEX = indexed(chat())


def test_names_of_speakers_are_people_and_weigh_little_as_words() -> None:
    query = read(INDEX, "What did Bruno buy?", NOW)
    assert {INDEX.names[number] for number in query.people} == {"Bruno"}
    assert query.own == ("buy",)
    assert query.weights["bruno"] < query.weights["buy"]


def test_who_names_everybody_prefers_nobody() -> None:
    query = read(INDEX, "What do Bruno and Ines share?", NOW)
    assert query.people == frozenset()
    assert query.named


def test_words_that_frame_a_question_are_not_its_own() -> None:
    assert read(INDEX, "Can you tell me what kind of boat it was, for example?", NOW).own == ("boat",)
    assert read(INDEX, "please go on", NOW).own == ()


def test_a_head_asks_for_its_concept_more_than_a_member() -> None:
    head, member = read(INDEX, "Any pets?", NOW), read(INDEX, "Any hamster?", NOW)
    assert head.weights["0pet"] > member.weights["0pet"] > 0


def test_questions_for_a_time_are_known() -> None:
    assert read(INDEX, "When did the shop open?", NOW).when
    assert read(INDEX, "How many loaves?", NOW).when
    assert not read(INDEX, "Who is Yusuf?", NOW).when


@pytest.mark.parametrize(
    ("question", "left"),
    [
        ("What did Bruno's bank say?", "What did bank say?"),
        ("Did Bruno and Ines meet?", "Did and meet?"),
        ("Ines?", "Ines?"),
        ("What did Henrietta say?", "What did Henrietta say?"),
        ("who has the keys", "who has the keys"),
    ],
)
def test_a_question_without_the_names_of_speakers(question: str, left: str) -> None:
    assert unnamed(indexed(chat()), question) == left
