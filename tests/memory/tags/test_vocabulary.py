"""One topic has one name: the one that the conversation used first."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backstory.memory.tags.tagging import tags
from backstory.memory.tags.vocabulary import Vocabulary
from tests.growth import cost
from tests.memory.chats import chat


def tagged(texts: Sequence[str], vocabulary: Vocabulary | None = None) -> list[tuple[str, ...]]:
    vocabulary = vocabulary or Vocabulary()
    return [tags(text, vocabulary) for text in texts]


@pytest.mark.parametrize(
    ("first", "second", "tag"),
    [
        ("the kubernetes cluster", "a k8s cluster", "kubernetes-cluster"),
        ("the k8s cluster", "a kubernetes cluster", "k8s-cluster"),
        ("the internationalization", "the i18n thing", "internationalization"),
        ("Is it accessibility?", "a11y!", "accessibility"),
        ("the postgres migration", "the postgresql migration", "postgres-migration"),
        ("the postgresql migration", "the postgres migrations", "postgresql-migration"),
        ("the mongodb backup", "Mongo backups", "mongodb-backup"),
        ("React components", "reactjs components", "react-components"),
        ("express.js middleware", "the express middleware", "express.js-middleware"),
        ("express.js middleware", "the expressjs middleware", "express.js-middleware"),
        ("nextjs routes", "Next.js routes", "nextjs-routes"),
        ("the front-end", "the frontend", "front-end"),
        ("the frontend", "our front end", "frontend"),
        ("the data base", "a data-base", "data-base"),
        ("the sailing courses", "sailing course", "sailing-courses"),
        ("the kubernetes cluster", "the kuberntees cluster", "kubernetes-cluster"),
        ("about the accommodation", "about the acommodation", "accommodation"),
        ("We set up continuous integration (CI) today.", "the CI", "continuous-integration"),
        ("The CI (continuous integration) failed.", "CI?", "continuous-integration"),
    ],
)
def test_two_names_of_one_thing_are_one_tag(first: str, second: str, tag: str) -> None:
    one, other = tagged([first, second])
    assert tag in one
    assert tag in other


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("the contract", "the contrast"),
        ("the contact", "the contract"),
        ("a reserve", "a reverse"),
        ("the function", "the junction"),
        ("the reactor", "the reaction time"),
        ("the production", "the prediction"),
        ("about happiness", "about hat"),
        ("the b2b sale", "the bib sale"),
        ("a desert trip", "a dessert trip"),
        ("Java beans", "JavaScript beans"),
        ("kubernetes", "knitwear"),
        ("the planet", "the plant"),
    ],
)
def test_two_things_are_two_tags(first: str, second: str) -> None:
    one, other = tagged([first, second])
    assert not set(one) & set(other)


def test_a_short_form_stands_for_what_the_text_says_it_does() -> None:
    vocabulary = Vocabulary()
    tagged(["Our Customer Data Platform (CDP) is slow."], vocabulary)
    assert vocabulary.stems("CDP") == vocabulary.stems("customer") + vocabulary.stems("data") + vocabulary.stems("platform")
    tagged(["Some other thing (XYZ) entirely."], vocabulary)
    assert vocabulary.stems("XYZ") == ("xyz",)
    tagged(["The Central Depot Port (CDP) is another."], vocabulary)
    assert vocabulary.stems("CDP")[0] == vocabulary.stems("customer")[0], "the first meaning stays"


def test_what_nearly_every_turn_has_is_no_topic_and_its_parts_are() -> None:
    parts = ["invoices", "refunds", "taxes", "currencies", "discounts"]
    texts = [f"The billing of {parts[number % 5]} once more." if number % 2 else f"the billing {parts[number % 5]}" for number in range(60)]
    found = tagged(texts)
    assert any("billing" in tag for tag in found[0])
    late = found[35:]
    assert not any("billing" in turn for turn in late)
    assert all(any(part.rstrip("s") in tag for tag in turn for part in parts) for turn in late)
    assert tagged([*texts, "the billing adapter"])[-1] == ("billing-adapter",), "with another word it is a narrower topic"


def test_a_turn_that_has_nothing_else_keeps_the_broad_tag() -> None:
    texts = ["the billing", "the weather in Ghent"] * 25
    assert tagged(texts)[-2] == ("billing",)


def state(vocabulary: Vocabulary) -> list[object]:
    return [getattr(vocabulary, name) for name in Vocabulary.__slots__]


_WORDS = """
    kubernetes k8s postgres postgresql mongo mongodb frontend front-end front end billing invoice invoices CI (CI) continuous integration
    accommodation acommodation data base database the of and . , Ann: React reactjs i18n internationalization sailing course courses
"""
WORDS = _WORDS.split()
texts = st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=12).map(" ".join), max_size=30)


@given(texts, st.integers(0, 30))
@settings(max_examples=100, deadline=None)
def test_in_one_go_or_in_parts_it_is_the_same_vocabulary(said: list[str], cut: int) -> None:
    whole, grown = Vocabulary(), Vocabulary()
    at_once = tagged(said, whole)
    before = tagged(said[:cut], grown)
    learnt = Vocabulary()
    tagged(said[:cut], learnt)
    assert before + tagged(said[cut:], grown) == at_once
    assert tagged(said[cut:], learnt) == at_once[cut:], "learnt anew from what was tagged already"
    assert state(grown) == state(whole) == state(learnt)


@given(texts)
@settings(max_examples=60, deadline=None)
def test_a_name_once_given_stays(said: list[str]) -> None:
    vocabulary = Vocabulary()
    tagged(said, vocabulary)
    known = {word: vocabulary.stems(word) for word in WORDS if word.isalnum() and word != "CI"}
    tagged(["and then kubernetes, k8s, postgresql and the accommodation"], vocabulary)
    assert {word: vocabulary.stems(word) for word in known} == known


@given(st.lists(st.text(max_size=80), max_size=12))
@settings(deadline=None)
def test_any_text_can_be_learnt(said: list[str]) -> None:
    assert tagged(said) == tagged(said)


def test_it_converges() -> None:
    """Said again, a conversation adds hardly a tag to those it has."""
    vocabulary = Vocabulary()
    once = {tag for turn in tagged([turn.text for turn in chat()], vocabulary) for tag in turn}
    again = {tag for turn in tagged([turn.text for turn in chat()], vocabulary) for tag in turn}
    assert len(again - once) < 0.15 * len(once)


def test_thousands_of_words_of_the_same_letters_take_no_time() -> None:
    chance = random.Random(1)
    genes = [" ".join("".join(chance.choices("acgt", k=20)) for _ in range(100)) for _ in range(50)]
    assert cost(lambda: tagged(genes), 3) < 3
