"""Traces, pins, homes and summaries in the store."""

from __future__ import annotations

import pytest

from backstory.core.records import Batch, Home, SessionSummary, Trace, Watermark
from backstory.errors import FencedError, NotFound
from backstory.stores.sql import SqlStore
from tests.stores.world import said, talk, tell


def trace(request: int, turn: int = 1, created: float = 100.0) -> Trace:
    return Trace(request, "c", turn, (turn, 2), 10, 20, b'{"came":1}' * 100, created)


def test_traces_come_back_in_order_and_one_by_its_request(store: SqlStore) -> None:
    tell(store, talk("c"), "one", "two")
    store.write([Batch(traces=(trace(9), trace(7))), Batch(traces=(trace(9),))])
    assert store.traces("c") == [trace(7), trace(9)]
    assert store.trace(9) == trace(9)
    assert store.trace(8) is None


def test_a_trace_that_comes_late_tells_nothing_of_what_was_forgotten(store: SqlStore) -> None:
    tell(store, talk("c"), "one", "two", "three")
    store.forget("ann", "c", [2], 200.0)
    store.write([Batch((talk("c", at=300.0),), traces=(trace(9, created=300.0),))])
    assert store.traces("c") == [], "it names turn 2"
    store.forget("ann", "c", (), 400.0)
    store.write([Batch((talk("c", at=500.0),), traces=(Trace(8, "c", 1, (1,), 1, 1, b"{}", 350.0),))])
    assert store.traces("c") == [], "it was made before"


def test_pins_are_set_and_let_go_and_changes_are_numbered(store: SqlStore) -> None:
    tell(store, talk("c"), "one", "two")
    store.pin("c", 2, True, 1.0)
    store.pin("c", 1, True, 2.0)
    assert store.pins("c") == [1, 2]
    changes = store.pin_changes(0)
    assert [change[1:] for change in changes] == [("c", 2, True), ("c", 1, True)]
    store.pin("c", 2, False, 3.0)
    assert store.pins("c") == [1]
    assert [change[1:] for change in store.pin_changes(changes[-1][0])] == [("c", 2, False)]
    for name, turn in (("c", 99), ("d", 1)):
        with pytest.raises(NotFound):
            store.pin(name, turn, True, 4.0)


def test_the_newest_home_counts(store: SqlStore) -> None:
    tell(store, talk("c"), "one")
    assert store.home("c") is None
    store.write([Batch((talk("c"),), homes=(Home("c", "shop", ""),))])
    store.write([Batch((talk("c"),), homes=(Home("c", "shop", "group a"),))])
    assert store.home("c") == Home("c", "shop", "group a")
    store.write([Batch((talk("c", "ben"),), homes=(Home("c", "stolen", ""),))])
    assert store.home("c") == Home("c", "shop", "group a"), "another principal's word does not"


def test_summaries_are_replaced_by_their_id_or_all_at_once(store: SqlStore) -> None:
    tell(store, talk("c"), "one", "two")

    def made(number: int, text: str, *turns: int) -> SessionSummary:
        return SessionSummary(number, "c", turns, text, 1, 1.0, float(number), 3.0)

    store.put_session_summaries([made(1, "a", 1), made(2, "b", 2)], Watermark("c", "sessions", 2))
    store.put_session_summaries([made(2, "c", 2)], Watermark("c", "sessions", 2))
    assert [one.text for one in store.session_summaries(["c"])] == ["c", "a"], "the last ended first"
    store.put_session_summaries([made(2, "d", 1, 2), made(3, "of one that is gone", 3)], Watermark("c", "sessions", 2), True)
    assert store.session_summaries(["c", "d"]) == [made(2, "d", 1, 2)]
    assert store.session_summaries([]) == []
    with pytest.raises(FencedError):
        store.put_session_summaries([], Watermark("c", "sessions", 2, "me", 0.0, 7))


def test_recent_aliases_are_those_with_the_prefix_of_what_is_recent(store: SqlStore) -> None:
    for name, at in (("old", 10.0), ("new", 100.0), ("newer", 200.0)):
        aliases = (("ann", f"summary:{name}", name), ("ann", f"session:{name}", name))
        store.write([Batch((talk(name, at=at),), (said(int(at), name),), aliases)])
    assert store.recent_aliases("summary:", 50.0) == [("ann", "summary:new", "new"), ("ann", "summary:newer", "newer")]
