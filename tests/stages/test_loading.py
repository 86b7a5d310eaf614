"""A stored conversation's thread: what went up goes up again, and what was left out stays left out, also where it was forked off. And the
conversations that a client's name means."""

from __future__ import annotations

from pathlib import Path

import pytest

from backstory.core.records import Batch, Conversation, Injection, Turn
from backstory.stages.loading import by_client, load_thread
from backstory.stores.database import open_store


@pytest.mark.parametrize(("left", "stays", "stays_in_the_fork"), [(0.0, True, True), (5.0, False, False), (20.0, False, True)])
def test_a_block_that_was_left_out_stays_so_but_in_what_was_forked_off_before(
    tmp_path: Path, left: float, stays: bool, stays_in_the_fork: bool
) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'memory.db'}")
    parent, child = Conversation("a", "p", 1.0, 1.0), Conversation("b", "p", 10.0, 10.0, forked_from="a", fork_turn=1)
    turn = Turn(1, "a", 0, 0, b"x" * 16, b"y" * 16, "user", "spoken", "What was it?")
    block = Injection("a", turn.chain, "<recalled>It was tangerine.</recalled>", (1,), 9, 2.0, left)
    store.write([Batch((parent, child), turns=(turn,), injections=(block,))])
    one, other = (load_thread(store, record, "") for record in (parent, child))
    assert (one.going(turn.chain) is not None) == stays
    assert (other.going(turn.chain) is not None) == stays_in_the_fork
    assert one.loosened == left, "what was reasoned behind it stands behind something else since"
    store.close()


def test_the_name_that_a_client_gives_in_a_project_is_found_without_it(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'memory.db'}")
    names = (("p", "conversation:s1 @hen", "a"), ("p", "conversation:s2 @hen", "a"), ("q", "conversation:s3 @hen", "c"))
    records = [Conversation(name, owner, 1.0, 1.0) for name, owner in (("a", "p"), ("b", "p"), ("c", "q"))]
    store.write([Batch(tuple(records), aliases=names)])
    assert by_client(store, "p", "s1") == {"a"}
    assert by_client(store, "p", "s") == set(), "a part of it is no name"
    assert by_client(store, "p", "s3") == set(), "it is another principal's"
    store.write([Batch(aliases=(("p", "conversation:s1 @egg", "b"), ("p", "conversation:s2", "b")))])
    assert by_client(store, "p", "s1") == {"a", "b"}
    assert by_client(store, "p", "s2") == {"b"}, "as it is without a project"
    store.close()
