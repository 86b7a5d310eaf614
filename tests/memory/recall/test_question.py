"""What a question asks for."""

from __future__ import annotations

import pytest

from backstory.memory.recall.question import read, unnamed
from tests.memory.chats import chat, indexed, seconds, turn

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


@pytest.mark.parametrize(
    ("question", "role"),
    [
        ("When did I buy the bike?", "user"),
        ("How much do we pay for the bike now?", "user"),
        ("Remind me what my bike cost", "user"),
        ("Wann habe ich mein Rad gekauft?", "user"),
        ("Which bikes did you recommend to me?", "assistant"),
        ("What was the bike you suggested for my commute?", "assistant"),
        ("Tell me about bikes", ""),
        ("Which bike has the best brakes?", ""),
    ],
)
def test_a_question_asks_for_the_words_of_one_side_of_a_talk_with_a_model(question: str, role: str) -> None:
    index = indexed([turn(1, "I bought a bike"), turn(2, "Which bike was it?", role="assistant")])
    found = read(index, question, NOW).role
    assert (index.names[found] if found >= 0 else "") == role


def test_where_only_people_talk_or_one_of_them_is_named_no_side_is_asked_for() -> None:
    assert read(indexed([turn(1, "I bought a bike", sender="Ann")]), "When did I buy a bike?", NOW).role == -1
    both = indexed([turn(1, "I bought a bike", sender="Ann"), turn(2, "A fine bike.", role="assistant")])
    assert read(both, "When did Ann buy my bike?", NOW).role == -1
