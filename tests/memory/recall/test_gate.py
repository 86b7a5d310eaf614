"""The gate: what a question is about decides whether anything is recalled at all, by words and, where there are vectors, by meaning."""

from __future__ import annotations

import pytest

from backstory.core.embedding import Trust
from backstory.core.records import Turn
from backstory.core.tokens import count
from backstory.memory.recall.index import Index
from backstory.memory.recall.nearness import Asked, Nearness
from backstory.memory.recall.question import read
from backstory.memory.recall.retrieval import Recalled, block, recall
from backstory.memory.recall.scoring import Found, evidence, lifted, matches, most_shared
from backstory.memory.recall.units import Carry, units
from tests.memory.chats import chat, indexed, seconds

NOW = seconds("2025-07-01 12:00")
INDEX = indexed(chat())
WIDTH = 8
EAST, NORTH = bytes([100] + [0] * 7), bytes([0, 100] + [0] * 6)


def meant(place: int, vector: bytes = EAST, enough: float = 0.6) -> Asked:
    """A question whose vector points east, among units that point north but for one."""
    near = Nearness()
    near.add(range(len(INDEX.turns)), [vector if other == place else NORTH for other in range(len(INDEX.turns))])
    return Asked(near, EAST, Trust(0.5, enough))


def ask(question: str, asked: Asked | None = None) -> Recalled:
    return recall(INDEX, question, budget_tokens=400, carried=(), now=NOW, min_score=0.0, count=count, asked=asked)


def weight(question: str) -> float:
    query = read(INDEX, question, NOW)
    return evidence(INDEX, query, matches(INDEX, query.weights, 50))


def test_a_name_that_nobody_has_mentioned_counts_against_a_question() -> None:
    assert read(INDEX, "Did the bank tell Henrietta about the oven?", NOW).strangers
    assert weight("Did the bank tell Henrietta about the oven?") < weight("Did the bank tell hens about the oven?")


@pytest.mark.parametrize(
    "question",
    [
        "Did the bank lend Bruno money?",
        "What did we say in August?",
        "Henrietta bought what?",
        "Was it Brunno, or Innes, who bought the oven?",
        "What is the URL of the JIRA board, and who pays for AWS?",
        "Which Postgres does the iPad of K8S run, and does PostHog see it?",
        "Was the bank open on Halloween, or at Christmas?",
        "Wann hat die Bank den Kredit für den Backofen bewilligt?",
    ],
)
def test_speakers_times_first_words_and_other_languages_are_no_strangers(question: str) -> None:
    assert not read(INDEX, question, NOW).strangers


def test_a_speaker_is_enough_alone_but_not_beside_a_word_that_nobody_has_said() -> None:
    assert ask("What about Bruno?").items
    assert ask("Which oven did Bruno buy?").items
    assert ask("Which submarine does Bruno own?").gate == "weak"


def test_a_month_is_enough_where_no_word_is_known() -> None:
    found = ask("Which xylophones resounded in February 2025?")
    assert found.items
    assert "[15 February 2025]" in block(found)


def test_meaning_opens_the_gate_where_words_do_not() -> None:
    question = "Zebras trampled umbrellas?"
    place = next(place for place, text in enumerate(INDEX.texts) if "thorn" in text)
    assert ask(question).gate
    found = ask(question, meant(place))
    assert max(found.items, key=lambda item: item.score).turn == INDEX.turns[place]
    assert ask(question, meant(place, NORTH)).gate, "nothing is near"


def test_without_a_known_scale_of_cosines_only_words_open_it() -> None:
    assert ask("Zebras trampled umbrellas?", meant(3, enough=0.0)).gate


def test_a_question_that_asks_nothing_stays_without_an_answer_whatever_is_near() -> None:
    assert ask("Okay, thank you very much!", meant(3)).gate == "nothing asked"


def test_what_is_near_is_lifted_by_its_share_and_becomes_a_candidate() -> None:
    found = lifted(Found({1: 4.0, 2: 2.0}, [1, 2]), {2: 0.4, 9: 0.8}, 0.5)
    assert found.scores == {1: 4.0, 2: 3.0, 9: 2.0}
    assert found.best == [1, 2, 9]
    same = Found({1: 4.0}, [1])
    assert lifted(same, {}, 0.5) is same


def test_a_question_about_a_stranger_needs_most_of_its_words() -> None:
    assert ask("Did the bank lend hens a credit?").items
    assert ask("Did the bank in Reykjavik tell Henrietta about flights?").gate == "weak"
    assert ask("Did Henrietta ask about flights in February 2025?").gate == "weak", "nor does a month open it"


def test_naming_a_speaker_beside_a_stranger_opens_it_as_before() -> None:
    assert ask("What did Bruno tell Henrietta about the bank?").items


def test_one_word_in_common_is_chance_where_many_are_asked_for() -> None:
    few, many = "Which oven umbrellas?", "Which oven do umbrellas, zebras, violins, trams and comets need?"
    query = read(INDEX, many, NOW)
    assert most_shared(INDEX, query, matches(INDEX, query.weights, 50)) == 1
    assert ask(few).items
    assert not ask(many).items


def test_meaning_has_to_be_nearer_where_a_stranger_is_asked_about() -> None:
    question, place = "Did the zebras of Henrietta trample all of her umbrellas?", 3
    assert ask(question, meant(place, enough=0.9)).gate == "no match"
    assert ask("Zebras trampled umbrellas?", meant(place, enough=0.9)).items


def test_what_is_said_to_somebody_by_name_brings_nothing_back() -> None:
    name = next(name for name in INDEX.names if name not in {"User", "Assistant"})
    assert ask(f"What did {name} say about the oven?").items
    for remark in (f"Thanks, {name}! You are so kind.", f"Hey {name}!", f"Great to hear about the oven, {name}!"):
        found = ask(remark)
        assert not found.items, remark
        assert found.gate


def test_a_remark_on_what_hardly_anything_else_is_about_brings_a_few_lines() -> None:
    place = max(range(len(INDEX.texts)), key=lambda place: len(INDEX.texts[place]))
    remark = " ".join(INDEX.texts[place].replace("?", ".").split()[:14])
    found = recall(INDEX, remark, budget_tokens=4000, carried=(), now=NOW, min_score=0.0, count=count)
    assert INDEX.turns[place] in {item.turn for item in found.items}
    assert found.tokens <= 250
    assert recall(INDEX, f"{remark}?", budget_tokens=4000, carried=(), now=NOW, min_score=0.0, count=count).tokens > 250


@pytest.mark.parametrize("word", ["TLS", "tls", "M4", "m4"])
def test_what_is_written_as_no_person_is_opens_the_gate_as_any_word(word: str) -> None:
    assert weight(f"When did the bank approve the {word} oven loan?") == weight("When did the bank approve the zzz oven loan?")
    assert bool(ask(f"Did the oven of {word} need a door seal?").items)


def told_of(question: str, *said: str) -> Recalled:
    """What is recalled of these turns of a user, each answered by an assistant, among many about bread."""
    rest = [(f"How long does loaf {number} rise?", f"Loaf {number} rises for {number} hours.") for number in range(40)]
    turns = [
        Turn(number, "c", number - 1, number - 1, b"", b"", role, "spoken", text, at=NOW - 9e6 + number * 60.0)
        for number, (role, text) in enumerate(
            [
                (role, text)
                for pair in [*[(one, "Noted.") for one in said], *rest]
                for role, text in zip(("user", "assistant"), pair, strict=True)
            ],
            1,
        )
    ]
    index = Index()
    index.add(units(turns, 1, Carry()))
    return recall(index, question, budget_tokens=400, carried=(), now=NOW, min_score=0.0, count=count)


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("What is my shoe size?", "The size of the image is wrong on the page."),
        ("Which opera did they see together?", "Please see the log of the build."),
        ("When did I pass the driving exam in Ulm?", "This test does not pass in the pipeline."),
    ],
)
def test_a_word_that_is_said_of_everything_opens_nothing_for_a_rarer_one_that_nobody_said(question: str, said: str) -> None:
    assert told_of(question, said).gate == "weak"


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("What is my shoe size?", "I take size 42, by the way."),
        ("What is my shoe size?", "A shoe of mine is 42."),
        ("Which size is the image?", "The size of the image is wrong on the page."),
        ("How is the pace of the build?", "The build is too slow."),
    ],
)
def test_what_somebody_tells_of_himself_and_the_rarer_word_open_it(question: str, said: str) -> None:
    assert said in block(told_of(question, said))


def test_a_year_that_holds_nearly_everything_opens_nothing() -> None:
    assert ask("Which xylophones resounded in February 2025?").items
    assert ask("Which xylophones resounded this year?").gate
    assert ask("Which oven did Bruno buy this year?").items
    assert ask("What did we say this year?").items


def test_names_tell_nothing_of_the_language_of_a_question() -> None:
    assert read(INDEX, "Has Dario watched Detectorists?", NOW).strangers == {"dario", "detector"}
