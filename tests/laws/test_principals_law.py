"""Law: two principals never see each other's rows.

It is told as non-interference: whatever Ben stores, asks for or forgets, also under Ann's own names, every answer to Ann is the one
that she gets from a store where Ben never was.
"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backstory.core.records import Batch, Conversation, Digest, Injection, Turn
from backstory.errors import NotFound
from backstory.stores.sql import SqlStore
from tests.stores.world import Shelf, hash16, index, said

_NAMES = ("x", "y", "z")
_WORDS = ("red", "blue", "green")


@pytest.fixture
def shelf(sqlite_shelf: Shelf) -> Shelf:
    return sqlite_shelf


def anns(data: st.DataObject) -> dict[str, list[Turn]]:
    """Ann's conversations."""
    found: dict[str, list[Turn]] = {}
    for place, name in enumerate(_NAMES):
        texts = data.draw(st.lists(st.sampled_from(_WORDS), min_size=1, max_size=4))
        found[name] = [said(1 + place * 100 + number, name, text) for number, text in enumerate(texts)]
    return found


def tell(store: SqlStore, talks: dict[str, list[Turn]]) -> None:
    """Store what Ann says."""
    for name, turns in talks.items():
        record = Conversation(name, "ann", 1.0, 10.0, label=f"ann's {name}")
        injection = Injection(name, turns[0].chain, "recalled", (turns[0].id,), 1, 5.0)
        digest = Digest(turns[0].id, name, turns[-1].id, turns[-1].chain, "digest", 1, 5.0)
        store.write([Batch((record,), tuple(turns), (("ann", f"key {name}", name),), (injection,), (digest,))])
        index(store, name, turns)


def meddle(store: SqlStore, data: st.DataObject) -> None:
    """What Ben does, in Ann's names and his own."""
    for number in range(data.draw(st.integers(1, 4))):
        name = data.draw(st.sampled_from((*_NAMES, "bens")))
        text = data.draw(st.sampled_from(_WORDS))
        turn = said(1000 + number, name, text, at=20.0)
        # The very hashes that Ann's turns have.
        copy = Turn(2000 + number, name, 0, 0, hash16(f"x/1/{text}"), hash16(text), "user", "spoken", text, arrived=20.0)
        record = Conversation(name, "ben", 0.5, 99.0, "gemini", "large", "ben's", b"", "x", 1, False)
        aliases = tuple(("ben", f"key {one}", name) for one in _NAMES)
        injection = Injection(name, hash16("ben"), "ben was here", (), 1, 20.0)
        digest = Digest(3000 + number, name, 1, b"", "ben was here", 1, 20.0)
        store.write([Batch((record,), (turn, copy), aliases, (injection,), (digest,))])
        if name == "bens":
            index(store, name, [turn, copy])
    for conversation, turns in ((data.draw(st.sampled_from(_NAMES)), ()), ("", (1, 101)), ("x", (1,))):
        with pytest.raises(NotFound):
            store.forget("ben", conversation, turns, now=500.0)


def seen(store: SqlStore, talks: dict[str, list[Turn]]) -> list[object]:
    """All that Ann can ask for by herself."""
    turns = [turn for own in talks.values() for turn in own]
    answers: list[object] = [store.conversations("ann"), store.chains("ann", [turn.chain for turn in turns])]
    for name in _NAMES:
        answers += [
            store.conversation("ann", name),
            store.alias("ann", f"key {name}"),
            store.turns(name),
            store.tags(name),
            store.injections(name),
            store.digests(name),
        ]
        answers += [{hit.turn for hit in store.search("ann", [name], [term], 99)} for term in _WORDS]
    answers += [store.contents("ann", hash16(term)) for term in _WORDS]
    answers += [{hit.turn for hit in store.search("ann", [], [term], 99)} for term in _WORDS]
    answers.append({hit.turn for hit in store.search("ann", ["x", "bens"], list(_WORDS), 99)})
    return answers


@given(st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_nothing_that_ben_does_changes_what_ann_sees(shelf: Shelf, data: st.DataObject) -> None:
    apart(shelf, data)


@given(st.data())
@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_nothing_that_ben_does_changes_what_ann_sees_in_postgresql(postgres_shelf: Shelf, data: st.DataObject) -> None:
    apart(postgres_shelf, data)


def apart(shelf: Shelf, data: st.DataObject) -> None:
    """The law, of two stores."""
    alone, shared = shelf.open(), shelf.open()
    talks = anns(data)
    tell(alone, talks)
    tell(shared, talks)
    meddle(shared, data)
    assert seen(shared, talks) == seen(alone, talks)
    assert not any(one.id in _NAMES for one, _ in shared.conversations("ben"))
    tell(shared, talks)
    assert seen(shared, talks) == seen(alone, talks)
    if shared.conversations("ben"):
        shared.forget("ben", now=500.0)
        assert seen(shared, talks) == seen(alone, talks)
        assert shared.conversations("ben") == []
    shelf.close()


@given(st.data())
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_ben_finds_nothing_of_anns(shelf: Shelf, data: st.DataObject) -> None:
    store = shelf.open()
    talks = anns(data)
    tell(store, talks)
    turns = [turn for own in talks.values() for turn in own]
    assert store.conversations("ben") == []
    assert store.chains("ben", [turn.chain for turn in turns]) == []
    for name in _NAMES:
        assert store.conversation("ben", name) is None
        assert store.alias("ben", f"key {name}") is None
        assert store.search("ben", [name], _WORDS, 99) == []
    assert store.search("ben", [], _WORDS, 99) == []
    assert all(store.contents("ben", turn.content) == [] for turn in turns)
    shelf.close()
