"""Facts that a side model finds: only what one sentence of a turn bears is taken, whatever the model makes of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from backstory.core.records import Fact, Turn
from backstory.errors import DocumentError
from backstory.memory.facts.extraction import extract
from backstory.memory.facts.supersession import fold_facts
from backstory.memory.side_model.facts import FIRST_PLACE, fact_question, read_answer, supported
from tests.stores.world import said


def claimed(text: str, role: str = "user", **told: Any) -> tuple[list[Fact], int]:
    """What is kept of one claim about a turn that says this, and how much is dropped. The quote is the whole text unless told."""
    turn = replace(said(1, "c", text), role=role)
    raw = {"id": 1, "quote": text, "kind": "note", "subject": "user", "verb": "", "replaces": "", "stance": "stated", **told}
    found = supported(read_answer(json.dumps({"facts": [raw]})), [turn], "m")
    return list(found.facts), found.dropped


def test_a_fact_is_a_piece_of_its_turn_and_names_who_found_it() -> None:
    text = "Hello there! My sister Anna adopted a parrot last week. Bye."
    sentence = "My sister Anna adopted a parrot last week."
    [fact], dropped = claimed(text, quote=sentence, kind="possession", subject="my sister Anna", verb="adopted", object="A parrot")
    assert dropped == 0
    assert (fact.subject, fact.verb, fact.object, fact.stance) == ("user's sister Anna", "adopted", "a parrot", "stated")
    assert text[fact.span_start : fact.span_end] == fact.text == sentence
    assert (fact.method, fact.place, fact.author, fact.said, fact.turn) == ("m", FIRST_PLACE, "user", 100.0, 1)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Carla bought a telescope.", {"subject": "Carla", "verb": "bought", "object": "microscope"}),
        ("Carla bought a telescope.", {"subject": "Carla", "verb": "sold", "object": "a telescope"}),
        ("Carla bought a telescope.", {"subject": "user", "verb": "bought", "object": "a telescope"}),
        ("Carla bought a telescope.", {"subject": "Dora", "verb": "bought", "object": "a telescope"}),
        ("Carla bought a telescope.", {"subject": "Carla", "verb": "bought", "object": "a telescope", "stance": "negated"}),
        ("Carla bought a telescope.", {"subject": "Carla", "verb": "bought", "object": "a telescope", "stance": "sure"}),
        ("Carla bought a telescope.", {"subject": "Carla", "verb": "bought", "object": "a telescope", "kind": "correction"}),
        ("Carla bought a telescope.", {"subject": "Carla", "verb": "bought", "object": "a telescope", "replaces": "a car"}),
        ("Carla bought a telescope.", {"subject": "Carla", "verb": "bought", "object": "tele"}),
        ("Carla bought a telescope.", {"subject": "Carla", "verb": "bought", "object": ""}),
        ("Carla bought a telescope.", {"subject": "Carla", "verb": "bought", "object": "a telescope", "quote": ""}),
        ("Carla bought a telescope.", {"subject": "Carla", "verb": "bought", "object": "a telescope", "id": 2}),
        ("Carla bought a telescope.", {"subject": "Carla", "verb": "bought", "object": "a telescope", "id": 0}),
        ("Carla paid Ben 40 euros.", {"subject": "Ben", "verb": "paid", "object": "40 euros"}),
        ("Carla gave me a book.", {"subject": "user", "verb": "gave", "object": "a book"}),
        ("My brother bought a boat.", {"subject": "user", "verb": "bought", "object": "a boat"}),
        ("Carla hates the cold and Ben loves it.", {"subject": "Ben", "verb": "hates", "object": "the cold"}),
        ("Carla bought a telescope, no wait, a microscope.", {"subject": "Carla", "verb": "bought", "object": "a telescope"}),
        ("Carla bought a telescope, I mean a microscope.", {"subject": "Carla", "verb": "bought", "object": "a telescope"}),
        ("I never eat meat.", {"verb": "eats", "object": "meat"}),
        ("I never, ever eat meat.", {"verb": "eats", "object": "meat"}),
        ("If it rains Carla buys an umbrella.", {"subject": "Carla", "verb": "buys", "object": "an umbrella"}),
        (
            "If it rains Carla buys an umbrella.",
            {"subject": "Carla", "verb": "buys", "object": "an umbrella", "quote": "Carla buys an umbrella"},
        ),
        ("Does Carla own a boat?", {"subject": "Carla", "verb": "owns", "object": "a boat", "quote": "Carla own a boat"}),
        ("Carla owns a boat, I guess.", {"subject": "Carla", "verb": "owns", "object": "a boat"}),
        ("```\nCarla owns a boat.\n```", {"subject": "Carla", "verb": "owns", "object": "a boat", "quote": "Carla owns a boat."}),
        (
            "<recalled>\nCarla owns a boat.\n</recalled>",
            {"subject": "Carla", "verb": "owns", "object": "a boat", "quote": "Carla owns a boat."},
        ),
        ("> Carla owns a boat.", {"subject": "Carla", "verb": "owns", "object": "a boat", "quote": "Carla owns a boat."}),
    ],
)
def test_what_the_sentence_does_not_bear_is_dropped_and_counted(text: str, told: dict[str, Any]) -> None:
    assert claimed(text, **told) == ([], 1)


def test_a_denial_and_a_plan_are_told_as_such() -> None:
    [fact], _ = claimed(
        "Carla never sails a dinghy.", kind="preference", subject="Carla", verb="sails", object="a dinghy", stance="negated"
    )
    assert fact.stance == "negated"
    [fact], _ = claimed("Carla will sail a dinghy.", kind="plan", subject="Carla", verb="sail", object="a dinghy")
    assert fact.stance == "planned", "what lies ahead is not told as done"


def test_other_languages_have_facts_with_their_own_words() -> None:
    [fact], _ = claimed("Ich wohne seit Juni in Lissabon.", kind="identity", verb="wohnt in", object="Lissabon")
    assert (fact.subject, fact.verb, fact.object) == ("user", "wohnt in", "Lissabon")


def test_what_an_assistant_may_state_is_little() -> None:
    told = {"subject": "mast", "verb": "is", "object": "nine metres high"}
    assert claimed("The mast is nine metres high.", role="assistant", kind="note", **told) == ([], 1)
    [fact], _ = claimed("The mast is nine metres high.", role="assistant", kind="setting", **told)
    assert fact.role == "assistant"


def test_nothing_is_taken_of_what_a_tool_gave_back() -> None:
    turn = replace(said(1, "c", "Carla owns a boat."), role="tool", kind="tool")
    raw = {"id": 1, "quote": turn.text, "subject": "Carla", "verb": "owns", "object": "a boat"}
    assert supported(read_answer(json.dumps({"facts": [raw]})), [turn], "m").dropped == 1


def test_what_the_rules_found_is_not_stored_twice() -> None:
    assert [fact.object for fact in extract(said(1, "c", "I live in Ghent."))] == ["Ghent"]
    assert claimed("I live in Ghent.", kind="identity", verb="lives in", object="Ghent") == ([], 0)


def test_a_later_fact_supersedes_an_earlier_one_whoever_found_it() -> None:
    turns = [said(1, "c", "The port is 8080."), said(2, "c", "Hm, the port has been 9090 since the move, not 8080.")]
    raw = {
        "id": 2,
        "quote": turns[1].text,
        "kind": "setting",
        "subject": "the port",
        "verb": "is",
        "object": "9090",
        "replaces": "8080",
        "stance": "stated",
    }
    assert not extract(turns[1])
    found = supported(read_answer(json.dumps({"facts": [raw]})), turns, "m").facts
    known = fold_facts([(1, extract(turns[0]), ""), (2, found, "")]).known()
    assert [(one.fact.object, one.status, one.by_number) for one in known] == [("8080", "superseded", 2), ("9090", "current", 0)]


@pytest.mark.parametrize("text", ["", "no", "{}", '{"facts": 1}', '{"facts": [{"quote": "x"}]}', '{"facts": ["x"]}'])
def test_what_is_no_answer_is_an_error(text: str) -> None:
    with pytest.raises(DocumentError):
        read_answer(text)


def test_a_question_shows_data_and_asks_for_one_object() -> None:
    question = fact_question("c", [said(1, "c", "token: abc123secret and more")])
    assert "abc123secret" not in question.text
    assert json.loads(bytes(question.schema))["properties"]["facts"]["type"] == "array"


_TEXTS = st.sampled_from(
    [
        "Carla bought a telescope.",
        "I don't like tea, I prefer coffee.",
        "Ben (my boss) isn't here; he's in Oslo!",
        "é´’\n- x: 1",
        "我住在北京。",
    ]
)
_WORDS = st.one_of(
    st.sampled_from(["Carla", "a telescope", "bought", "I", "tea", "coffee", "Oslo", "is", "not", "(my"]), st.text(max_size=12)
)


@given(_TEXTS, st.lists(st.tuples(_WORDS, _WORDS, _WORDS, _WORDS, st.sampled_from(["stated", "negated", "planned"])), max_size=3))
def test_whatever_is_claimed_only_pieces_of_the_turn_are_taken(text: str, claims: list[tuple[str, str, str, str, str]]) -> None:
    turn: Turn = said(1, "c", text)
    raw = [
        {"id": 1, "quote": quote if index else text, "kind": "note", "subject": who, "verb": verb, "object": what, "stance": stance}
        for index, (quote, who, verb, what, stance) in enumerate(claims)
    ]
    found = supported(read_answer(json.dumps({"facts": raw})), [turn], "m")
    assert len(found.facts) + found.dropped <= len(raw)
    for fact in found.facts:
        assert fact.text == text[fact.span_start : fact.span_end]
        assert fact.object in fact.text
        assert fact.method == "m"
