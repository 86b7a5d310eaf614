"""Where a conversation is not indexed in memory, what answers is found all the same: what is tagged, what is indexed, what is neither."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from msgspec.structs import replace

from backstory.core.records import Batch, Turn
from backstory.memory.identity.thread import Thread
from backstory.memory.recall.retrieval import recall
from backstory.memory.recall.scan import Mentions, mentions
from backstory.memory.recall.units import Carry, units
from backstory.stages import candidates as module
from backstory.stages.candidates import Branch, candidates
from backstory.stores.sql import SqlStore
from tests.stores.world import Shelf, index, said, talk

FACT = "Remember: the code of the blue locker is tangerine."
ASKED = said(999, "c", "What was the code of the blue locker?")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    made = Shelf("sqlite", tmp_path)
    yield made.open()
    made.close()


def told(store: SqlStore, *texts: str) -> Thread:
    """A stored conversation that says this."""
    turns = [said(number, "c", text, number - 1, number - 1) for number, text in enumerate(texts, 1)]
    store.write([Batch((talk("c"),), tuple(turns))])
    thread = Thread(talk("c"), b"root")
    thread.add(turns)
    return thread


def found(store: SqlStore, thread: Thread, upto: int = 0, indexed: int = 0, pins: Sequence[int] = ()) -> list[int]:
    """Numbers of the candidates."""
    made = candidates(store, thread, Branch(thread.path, upto or len(thread.path), indexed), ASKED, pins)
    return list(dict.fromkeys(made.numbers))


def chatter(count: int) -> list[str]:
    return [f"We sailed to island {number} and it rained." for number in range(count)]


def test_what_is_neither_tagged_nor_indexed_is_found(store: SqlStore) -> None:
    thread = told(store, FACT, *chatter(200))
    made = candidates(store, thread, Branch(thread.path, 201, 0), ASKED, ())
    assert "tangerine" in made.texts[0]
    answer = recall(made, ASKED.text, budget_tokens=500, carried=(), now=200.0, min_score=0.2, count=len)
    assert max(answer.items, key=lambda item: item.score).number == 1


def test_what_is_tagged_is_found_by_full_text_search_and_not_looked_through(store: SqlStore, monkeypatch: pytest.MonkeyPatch) -> None:
    thread = told(store, FACT, *chatter(50))
    index(store, "c", [replace(turn, text=turn.text.replace("code", "code lock locker")) for turn in thread.path[:40]])
    looked: list[int] = []

    def watched(turns: Sequence[Turn], terms: Sequence[str], wanted: int) -> Mentions:
        looked.append(len(turns))
        return mentions(turns, terms, wanted)

    monkeypatch.setattr(module, "mentions", watched)
    assert 1 in found(store, thread)
    assert looked == [11]


def test_what_is_indexed_and_not_tagged_yet_is_found(store: SqlStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_TURNS", 5)
    thread = told(store, FACT, *chatter(50))
    assert 1 not in found(store, thread)
    thread.family.index.add(units(thread.path[:30], 1, Carry()))
    assert 1 in found(store, thread, indexed=30)


def test_what_is_not_on_the_branch_is_never_found(store: SqlStore) -> None:
    thread = told(store, *chatter(10), FACT, *chatter(3))
    assert 11 in found(store, thread)
    assert 11 not in found(store, thread, upto=10)
    index(store, "c", thread.path)
    thread.family.index.add(units(thread.path, 1, Carry()))
    thread.rewind(10)
    thread.add([said(50, "c", "We turned back.", 10, 10)])
    for indexed in (0, 10):
        numbers = found(store, thread, indexed=indexed)
        assert FACT not in [thread.path[number - 1].text for number in numbers]


def test_of_many_repeated_questions_elsewhere_the_answer_is_still_a_candidate(store: SqlStore) -> None:
    """Full-text search knows nothing of branches: what it likes best may all be on another one."""
    thread = told(store, FACT, *[f"What was the code of the blue locker, {number}?" for number in range(module._CANDIDATES + 20)])
    index(store, "c", thread.path)
    thread.rewind(1)
    thread.add([said(500, "c", "We sailed on.", 1, 1)])
    assert 1 in found(store, thread)


def test_many_short_turns_with_most_of_the_words_do_not_crowd_out_the_one_with_the_rare_word(store: SqlStore) -> None:
    long = f"{FACT} Zorkan knows it. " + " ".join(f"word{number}" for number in range(400))
    short = [f"what was the code of the blue locker of person{number}" for number in range(2 * module._CANDIDATES)]
    thread = told(store, long, *chatter(400), *short)
    index(store, "c", thread.path)
    asked = said(999, "c", "What was the code of the blue locker of Zorkan?")
    made = candidates(store, thread, Branch(thread.path, len(thread.path), 0), asked, ())
    assert 1 in made.numbers


def test_pinned_turns_come_along_without_their_neighbours(store: SqlStore) -> None:
    thread = told(store, *chatter(30))
    assert found(store, thread, pins=(12,)) == [12]


def test_however_much_matches_the_number_of_candidates_is_bounded(store: SqlStore) -> None:
    thread = told(store, *[f"{FACT} {number}" for number in range(400)])
    index(store, "c", thread.path[:200])
    assert len(found(store, thread)) <= module._CANDIDATES + 2 * module._WITH_NEIGHBOURS
