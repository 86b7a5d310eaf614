"""The table: nothing is made of what states nothing, and what is stated or changed is found, in eleven languages."""

from __future__ import annotations

from hashlib import blake2b

import pytest

from backstory.memory.facts.extraction import READER, extract
from tests.growth import cost
from tests.memory.facts import table_chats as chats
from tests.memory.facts import table_corrections as corrections
from tests.memory.facts import table_ends as ends
from tests.memory.facts import table_more as more
from tests.memory.facts import table_over as over
from tests.memory.facts import table_values as values
from tests.memory.facts.table import CHANGED, NOTHING, STATED
from tests.memory.facts.test_extraction import NOTHING as OLDER
from tests.memory.facts.test_extraction import STATED as SAID
from tests.memory.facts.test_extraction import told
from tests.memory.facts.test_supersession import holds, ledger

_STANCES = {"-": "negated", "+": "planned"}

SPEAK = frozenset({"Priya", "Anna"})
"""Who is known to speak."""


@pytest.mark.parametrize("text", [*NOTHING, *more.NOTHING, *ends.NOTHING, *over.NOTHING])
def test_what_states_nothing_gives_none(text: str) -> None:
    assert [(one.subject, one.verb, one.object) for one in ledger([text]).known()] == []


@pytest.mark.parametrize(("text", "wanted", "sign"), STATED)
def test_what_is_stated_is_found(text: str, wanted: tuple[str, str, str], sign: str) -> None:
    found = {(fact.subject, fact.verb, fact.object): fact for fact in extract(told(text), names=SPEAK)}
    assert wanted in found
    assert found[wanted].stance == _STANCES.get(sign, "stated")
    assert found[wanted].author == (text.partition(": ")[0] if wanted[0] in ("Priya", "Anna") and ": " in text else "user")


@pytest.mark.parametrize(("texts", "left"), [*CHANGED, *more.CHANGED])
def test_what_changes_takes_the_place_of_what_was(texts: list[str], left: list[str]) -> None:
    assert holds(*texts) == left


@pytest.mark.parametrize(("texts", "left"), [*ends.ENDED, *over.OVER])
def test_what_is_over_goes_and_what_is_beside_it_stays(texts: list[str], left: list[str]) -> None:
    assert [f"{one.verb}: {one.object}" for one in ledger(texts).known() if one.status in ("current", "planned")] == left


@pytest.mark.parametrize(("text", "wanted"), more.STATED)
def test_what_is_stated_in_passing_is_found(text: str, wanted: str) -> None:
    assert wanted in [fact.object for fact in extract(told(text))]


@pytest.mark.parametrize(
    "text",
    [
        "Ich wohne in " + "Berlin " * 50,
        "No, è " + "martedì " * 45,
        "Встреча " + "с Анной " * 45 + "во вторник",
        "De " + "vergadering met " * 22 + "is op dinsdag",
        "A " + "reunião " * 45 + "é na terça",
        "Mam " + "dwoje dzieci i " * 24,
        "会议" * 180 + "在星期二",
        "私は" + "東京に" * 120 + "住んでいます",
        "We moved from " + "Jenkins to " * 33 + "Kafka",
        "Forget the " + "red one, " * 40 + "take blue",
    ],
)
def test_no_sentence_of_a_table_takes_long(text: str) -> None:
    extract(told(text))
    assert cost(lambda: [extract(told(text)) for _ in range(10)], 0.5) < 0.5


def test_what_is_superseded_says_by_what() -> None:
    old, new = ledger(["We use MySQL.", "Thanks.", "We switched to PostgreSQL."]).known()
    assert (old.status, old.by, old.by_number) == ("superseded", 3, 3)
    assert (new.status, new.corrects, new.was, new.fact.author) == ("current", (1,), "MySQL", "user")


def test_a_reader_that_finds_other_things_has_another_number() -> None:
    """Where this fails, turns that are stored have to be read again: raise READER, and write the new mark here. (A row that is new in the
    table changes the mark alone.)"""
    every = [
        *NOTHING,
        *(text for text, _, _ in STATED),
        *(text for texts, _ in CHANGED for text in texts),
        *OLDER,
        *(text for text, _ in SAID),
        *chats.NOTHING,
        *(text for text, _ in chats.STATED),
        *(text for before, after, _ in (*chats.KEPT, *chats.CHANGED) for text in (before, after)),
        *(text for texts, _ in corrections.CORRECTED for text in texts),
        *(text for texts, _ in (*ends.ENDED, *over.OVER) for text in texts),
        *(text for texts, _, _ in values.CHANGED for text in texts),
        *(text for texts, _ in values.KEPT for text in texts),
    ]
    found = [
        (fact.kind, fact.subject, fact.verb, fact.object, fact.stance, fact.replaces)
        for text in every
        for fact in extract(told(text), names=SPEAK)
    ]
    assert (READER, blake2b(repr(found).encode(), digest_size=4).hexdigest()) == (13, "d8744cf0")
