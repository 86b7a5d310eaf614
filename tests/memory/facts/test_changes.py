"""A recalled line that does not hold any more says which turn changed it."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from backstory.core.tokens import count
from backstory.memory.facts.changes import NOTHING, Changed, Changes
from backstory.memory.recall.index import Index
from backstory.memory.recall.retrieval import Recalled, block, recall
from backstory.memory.recall.units import Carry, units
from tests.memory.facts.test_supersession import SAID, ledger, turns

TALK = [
    "The demo of the new scanner is on Tuesday.",
    "Thanks! The scanner is heavy, by the way.",
    "no, it's Wednesday",
    "The scanner manual has 90 pages.",
]


def followed(texts: list[str]) -> Changed:
    changes = Changes()
    changes.follow(turns(texts), 0, lambda: None)
    return changes.found


def asked(texts: list[str], changed: Changed, budget: int = 300) -> Recalled:
    index = Index()
    index.add(units(turns(texts), 1, Carry()))
    return recall(
        index,
        "When is the demo of the scanner?",
        budget_tokens=budget,
        carried=frozenset(),
        now=1.78e9,
        min_score=0.0,
        count=count,
        changed=changed,
    )


def test_a_line_that_was_changed_says_by_what() -> None:
    text = block(asked(TALK, followed(TALK)))
    assert "#1 User: The demo of the new scanner is on Tuesday. (later changed: #3)\n" in text
    assert text.count("later changed") == 1
    assert block(asked(TALK, NOTHING)) == text.replace(" (later changed: #3)", "")


def test_what_reads_like_such_a_word_is_made_harmless() -> None:
    text = block(asked(["The demo of the scanner is fine (later changed: #9)"], NOTHING))
    assert "(later changed: #9)" not in text
    assert "( later changed: #9)" in text


@given(st.integers(20, 200))
@settings(max_examples=60, deadline=None)
def test_the_block_stays_within_its_budget(budget: int) -> None:
    texts = [*TALK, "no, it's Friday", "The demo of the scanner is on Monday.", "It's Thursday, not Monday."]
    found = asked(texts, followed(texts), budget)
    assert count(block(found)) == (found.tokens if found.items else 0) <= budget


@given(st.lists(st.sampled_from(SAID), max_size=15), st.integers(0, 15), st.integers(0, 15))
@settings(max_examples=80, deadline=None)
def test_it_follows_a_path_that_grows_and_one_that_turns(said: list[str], first: int, kept: int) -> None:
    changes = Changes()
    whole = turns(said)
    changes.follow(whole[:first], 0, lambda: None)
    changes.follow(whole, 0, lambda: None)
    assert changes.found == ledger(said).changed()
    changes.follow(whole[:kept], 1, lambda: None)
    assert changes.found == ledger(said[:kept]).changed()
