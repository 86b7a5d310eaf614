"""What every store does with what a user has set for a conversation, and with leases from before a clock was set back."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from msgspec.structs import replace

from backstory.core.records import Batch, Digest
from backstory.errors import NotFound
from backstory.stores.sql import SqlStore
from tests.stores.world import Shelf, said, talk, tell


def test_what_a_user_has_set_comes_back(store: SqlStore) -> None:
    store.write([Batch((talk("a"), talk("b", at=200.0), talk("c", "bob")))])
    for principal, name, project in (("ann", "a", "ship"), ("ann", "b", "boat"), ("bob", "c", "ship")):
        store.put_state(principal, name, "project", project)
    store.put_state("ann", "a", "project", "sea")
    store.put_state("ann", "a", "link:b", "attached")
    assert store.states("a") == {"link:b": "attached", "project": "sea"}
    assert store.states("none") == {}
    assert store.stated("project") == [("ann", "b", "boat"), ("bob", "c", "ship"), ("ann", "a", "sea")]
    assert store.stated("project", "ann") == [("ann", "b", "boat"), ("ann", "a", "sea")]
    store.put_state("ann", "a", "project", "")
    assert store.states("a") == {"link:b": "attached"}
    with pytest.raises(NotFound):
        store.put_state("ann", "c", "project", "x")


def test_what_is_made_of_what_is_set_loses_nothing_of_others(shelf: Shelf) -> None:
    url = shelf.url()
    stores = [shelf.open(url) for _ in range(3)]
    stores[0].write([Batch((talk("a"),))])

    def add(number: int) -> str:
        return stores[number % 3].put_state("ann", "a", "list", lambda text: f"{text}{number:02};")

    with ThreadPoolExecutor(3) as pool:
        made = list(pool.map(add, range(30)))
    assert sorted(stores[0].states("a")["list"].split(";")[:-1]) == [f"{number:02}" for number in range(30)]
    assert stores[0].states("a")["list"] in made
    assert stores[0].put_state("ann", "a", "list", lambda _: "") == ""
    assert stores[0].put_state("ann", "a", "list", lambda text: text or "new") == "new"
    shelf.close()


def test_name_and_switch_change_where_that_is_meant_alone(store: SqlStore) -> None:
    """Whoever stores turns may not have heard of it yet."""
    store.write([Batch((talk("a", label="first"), talk("b", memory=False)))])
    store.put_about("ann", "a", memory=False)
    store.write([Batch((talk("a", at=300.0, model="m", label="first"), talk("b", at=300.0)))])
    found = [(one.label, one.memory, one.updated) for name in ("a", "b") if (one := store.conversation("ann", name))]
    assert found == [("first", False, 300.0), ("", False, 300.0)]
    store.put_about("ann", "a", "other", True)
    store.put_about("bob", "a", "stranger", False)
    store.put_about("ann", "a")
    store.put_state("ann", "b", "project", "sea")
    assert store.abouts(["a", "b", "none"]) == {"a": ("other", True, {}, 0), "b": ("", False, {"project": "sea"}, 0)}
    assert store.abouts([]) == {}
    assert [(one.label, one.memory) for one in (store.conversation("ann", "a"),) if one] == [("other", True)]


def test_what_is_set_goes_with_its_conversation_and_with_what_it_leads_to(store: SqlStore) -> None:
    tell(store, talk("a"), "one")
    tell(store, talk("b"), "two", first=5)
    store.put_state("ann", "a", "project", "sea")
    store.put_state("ann", "b", "project", "sea")
    store.put_state("ann", "b", "link:a", "attached")
    assert store.forget("ann", "a", now=500.0).counts["states"] == 2
    assert store.stated("project") == [("ann", "b", "sea")]
    assert store.states("b") == {"project": "sea"}
    with pytest.raises(NotFound):
        store.put_state("ann", "a", "project", "sea")


def test_what_was_stored_last_of_a_conversation_is_told_by_its_numbers(store: SqlStore) -> None:
    for name, first in (("a", 1), ("b", 5)):
        tell(store, talk(name), "one", "two", first=first)
    (turn,) = store.turns("a", 1, 1)
    store.write([Batch(digests=(Digest(9, "a", turn.id, turn.chain, "said before", 4, 6.0),))])
    assert sorted(store.numbers("a", 0)) == [1, 2, 9]
    assert sorted(store.numbers("a", 1)) == [2, 9]
    assert store.numbers("a", 9) == store.numbers("none", 0) == []
    assert {name: about[3] for name, about in store.abouts(["a", "b"]).items()} == {"a": 2, "b": 6}


def test_a_lease_from_before_the_clock_was_set_back_is_none(shelf: Shelf) -> None:
    store = shelf.open(clock=lambda: 1000.0)
    store.write([Batch((talk("c"),), (said(1, "c"),))])
    assert store.lease("c", "tag", "me", 30, now=90_000.0) is not None
    assert store.pending("tag") == ["c"]
    assert store.pending("tag", lease_s=89_000.0) == [], "it may be as long as that"
    assert store.lease("c", "tag", "you", 0.0, now=1000.0) is None, "nobody gives back what is another's"
    taken = store.lease("c", "tag", "you", 30, now=1000.0)
    assert taken is not None
    assert store.lease("c", "tag", "me", 30, now=1000.0) is None
    store.put_segments([], replace(taken, job="tag", turn=1))
    shelf.close()
