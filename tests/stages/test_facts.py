"""What is known of a conversation is what its branch says, whether the job has come to it or not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backstory.core.records import Batch, Turn, Watermark
from backstory.memory.facts.extraction import extract
from backstory.memory.facts.supersession import fold_facts
from backstory.stages.facts import JOB, ledger
from backstory.stores.sql import SqlStore
from tests.memory.facts.test_supersession import SAID, plain
from tests.stores.world import Shelf, said, talk


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    made = Shelf("sqlite", tmp_path_factory.mktemp("facts"))
    yield made
    made.close()


def chain(*texts: str, conversation: str = "c", first: int = 1, parent: int = 0, position: int = 0) -> list[Turn]:
    """Turns each of which follows the one before it."""
    made: list[Turn] = []
    for number, text in enumerate(texts, first):
        made.append(said(number, conversation, text, parent, position))
        parent, position = number, position + 1
    return made


def settle(store: SqlStore, conversation: str, upto: int) -> None:
    """As the job leaves it when it has come to this turn."""
    rows = [fact for turn in store.turns(conversation) if turn.id <= upto for fact in extract(turn)]
    store.put_facts(rows, Watermark(conversation, JOB, upto))


def shown(store: SqlStore, conversation: str = "c", principal: str = "ann") -> list[tuple[str, str]]:
    record = store.conversation(principal, conversation)
    assert record is not None
    return [(one.fact.object, one.status) for one in ledger(store, record).known()]


@pytest.mark.parametrize("upto", [0, 1, 2])
def test_a_correction_holds_at_once(shelf: Shelf, upto: int) -> None:
    store = shelf.open()
    store.write([Batch((talk("c"),), tuple(chain("The demo is on Tuesday.", "no, it's Wednesday")))])
    if upto:
        settle(store, "c", upto)
    assert shown(store) == [("on Tuesday", "superseded"), ("Wednesday", "current")]
    shelf.close()


def test_another_branch_says_nothing(shelf: Shelf) -> None:
    store = shelf.open()
    trunk = chain("The demo is on Tuesday.")
    regenerated = chain("no, it's Wednesday", first=2, parent=1, position=1)
    tip = chain("I prefer tabs.", first=3, parent=1, position=1)
    store.write([Batch((talk("c"),), (*trunk, *regenerated, *tip))])
    settle(store, "c", 3)
    assert shown(store) == [("on Tuesday", "current"), ("tabs", "current")]
    shelf.close()


def test_a_fork_knows_what_it_shares_and_no_more(shelf: Shelf) -> None:
    store = shelf.open()
    store.write([Batch((talk("c"),), tuple(chain("The demo is on Tuesday.", "Ok.", "no, it's Wednesday")))])
    store.write(
        [Batch((talk("f", forked_from="c", fork_turn=2),), tuple(chain("The port is 1.", conversation="f", first=9, parent=2, position=2)))]
    )
    settle(store, "c", 3)
    settle(store, "f", 9)
    assert shown(store, "f") == [("on Tuesday", "current"), ("1", "current")]
    assert shown(store, "c") == [("on Tuesday", "superseded"), ("Wednesday", "current")]
    shelf.close()


def test_a_forgotten_correction_gives_back_what_it_corrected(shelf: Shelf) -> None:
    store = shelf.open()
    store.write([Batch((talk("c"),), tuple(chain("The demo is on Tuesday.", "no, it's Wednesday", "Thanks.")))])
    settle(store, "c", 3)
    store.forget("ann", "c", [2], now=200.0)
    assert shown(store) == [("on Tuesday", "current")]
    store.forget("ann", "c", [1], now=300.0)
    assert shown(store) == []
    shelf.close()


@given(st.lists(st.sampled_from(SAID), min_size=1, max_size=12), st.data())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_after_a_forgetting_all_is_as_if_it_had_never_been_said(shelf: Shelf, texts: list[str], data: st.DataObject) -> None:
    store = shelf.open()
    store.write([Batch((talk("c"),), tuple(chain(*texts)))])
    settle(store, "c", data.draw(st.integers(1, len(texts))))
    gone = data.draw(st.sets(st.integers(1, len(texts)), min_size=1, max_size=4))
    store.forget("ann", "c", sorted(gone), now=200.0)
    kept = [turn for turn in chain(*texts) if turn.id not in gone]
    record = store.conversation("ann", "c")
    assert record is not None
    wanted = fold_facts((turn.position + 1, extract(turn), "") for turn in kept)
    assert plain(ledger(store, record).known()) == plain(wanted.known())
    shelf.close()
