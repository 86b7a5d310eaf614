"""The table of developers' chats, alone and one after the other."""

from __future__ import annotations

import pytest

from backstory.memory.facts.extraction import extract
from tests.memory.facts import table_chats_more as more
from tests.memory.facts.table_chats import CHANGED, KEPT, NOTHING, STATED
from tests.memory.facts.test_extraction import told
from tests.memory.facts.test_supersession import holds, ledger


@pytest.mark.parametrize("text", [*NOTHING, *more.NOTHING])
def test_what_states_nothing_of_its_author_gives_none(text: str) -> None:
    assert [(one.subject, one.verb, one.object) for one in ledger([text]).known()] == []


@pytest.mark.parametrize(("text", "wanted"), [*STATED, *more.STATED])
def test_what_is_stated_in_a_chat_is_found(text: str, wanted: str) -> None:
    assert wanted in [fact.object for fact in extract(told(text))]


@pytest.mark.parametrize(("before", "after", "left"), [*KEPT, *CHANGED, *more.CHANGED])
def test_only_what_is_true_takes_the_place_of_what_was(before: str, after: str, left: str) -> None:
    assert holds(before, after) == left.split("; ")
