"""Concepts: general words find special ones."""

from __future__ import annotations

from importlib import resources

import msgspec
import pytest

from backstory.memory.recall.associations import MARK, asked_concepts, concepts, listed
from backstory.memory.text import stem


def test_members_and_heads_stand_for_their_concept() -> None:
    assert "0instrument" in concepts([stem("guitar")])
    assert ("0instrument", True) in asked_concepts(stem("instrument"))
    assert ("0instrument", False) in asked_concepts(stem("violin"))
    assert concepts(["xyzzy"]) == []


def test_each_concept_is_named_once() -> None:
    found = concepts([stem("dog"), stem("puppy"), stem("cat")])
    assert len(found) == len(set(found))
    assert all(concept.startswith(MARK) for concept in found)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("salary", "wages"),
        ("propose", "engaged"),
        ("guests", "invited"),
        ("apprentice", "trainee"),
        ("phone", "smartphone"),
        ("booking", "reserved"),
        ("resign", "quit"),
        ("intolerance", "allergic"),
        ("linter", "format"),
    ],
)
def test_everyday_synonyms_ask_for_one_another(asked: str, said: str) -> None:
    assert {concept for concept, head in asked_concepts(stem(asked)) if head}.intersection(concepts([stem(said)]))


def test_the_stems_are_those_of_the_list() -> None:
    kept = resources.files("backstory.memory.recall").joinpath("associations.json").read_bytes()
    assert msgspec.json.decode(kept, type=dict[str, tuple[list[str], list[str]]]) == listed(), "make associations"


def test_the_list_is_small_and_well_formed() -> None:
    text = resources.files("backstory.memory.recall").joinpath("associations.txt").read_text("utf-8")
    assert len(text) < 30_000
    names = []
    for line in text.splitlines():
        if line and not line.startswith("#"):
            name, colon, listed = line.partition(": ")
            assert colon
            assert "|" in listed
            names.append(name)
    assert len(names) == len(set(names))
