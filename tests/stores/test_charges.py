"""Charges are stored once, added up exactly, paged, dropped by age, and forgotten with what they are of."""

from __future__ import annotations

import math
from collections.abc import Sequence

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from backstory.core.charges import Charge, Percentiles, Slice
from backstory.core.ids import TurnIds
from backstory.core.records import Batch
from backstory.stores.sql import SqlStore
from tests.stores.world import Shelf, talk

DAY = 86_400.0
NOON = 1_790_000_000.0 // DAY * DAY + DAY / 2
ALL = Slice()


def charge(at: float = NOON, step: int = 0, **fields: object) -> Charge:
    """A reported charge of a known model; its number is of that time."""
    number = TurnIds(1, lambda: int(at * 1000))() + step
    known = {"backend": "openai", "model": "gpt-4o", "status": 200, "ended": "complete", "calls": 1, "source": "reported"}
    tokens = {"input_tokens": 100, "output_tokens": 10, "cache_read": 40, "cache_write": 5, "measured_in": 90, "measured_out": 0}
    rest = {"cost": 0.25, "priced": True, "prices": "2026-11", "first_ms": 20.0, "total_ms": 50.0}
    names = {"principal": "", "conversation": "", "wire": "openai_chat"}
    return Charge(**{"id": number, "place": 0, "at": at, **names, **known, **tokens, **rest, **fields})  # type: ignore[arg-type]


def test_a_row_comes_back_as_it_was_and_once(store: SqlStore) -> None:
    first, second = (
        charge(step=1),
        charge(NOON + 1, step=2, priced=False, cost=0.0, ended="interrupted", conversation="c1", source="measured"),
    )
    store.charges.put([first, second])
    store.charges.put([first, second])
    assert store.charges.rows(ALL) == [second, first]
    assert store.counts()["charges"] == 2


def test_sums_are_by_what_charges_share(store: SqlStore) -> None:
    rows = [
        charge(step=1, conversation="c1", principal="ann"),
        charge(step=2, conversation="c1", principal="ann", model="m", backend="groq", priced=False, cost=7.0, prices="2026-12"),
        charge(NOON + DAY, 3, conversation="c2", status=500, ended="error", source="none", input_tokens=0, output_tokens=0),
        charge(NOON + DAY, 4, ended="interrupted", source="measured"),
        charge(NOON + DAY, 5, status=0, ended="refused", source="none"),
    ]
    lost = charge(step=1, conversation="c1", principal="ann", backend="groq")
    store.charges.put([*rows, replace(lost, place=1)])
    whole = {one.name: one for one in store.charges.sums("day", ALL)}
    today, tomorrow = whole[str(int(NOON // DAY))], whole[str(int(NOON // DAY) + 1)]
    assert (today.requests, today.errors, today.partial, today.reported, today.measured, today.unpriced) == (2, 0, 0, 2, 0, 1)
    assert (today.input_tokens, today.output_tokens, today.cache_read, today.cache_write, today.measured_in) == (300, 30, 120, 15, 270)
    assert (today.cost, today.prices) == (0.5, ("2026-11", "2026-12")), "an answer that the client did not get costs all the same"
    assert (tomorrow.requests, tomorrow.errors, tomorrow.partial, tomorrow.reported, tomorrow.measured) == (3, 2, 1, 0, 1)
    assert (today.timed, tomorrow.timed) == (2, 0), "only answers that came to their end are timed"
    assert [(one.name, one.requests) for one in store.charges.sums("conversation", ALL)] == [("", 2), ("c1", 2), ("c2", 1)]
    assert [(one.name, one.requests, one.cost) for one in store.charges.sums("backend", ALL)] == [("groq", 1, 0.25), ("openai", 4, 1.0)]
    assert [one.name for one in store.charges.sums("model", Slice(model="m"))] == ["m"]
    assert [one.requests for one in store.charges.sums("principal", Slice(principal="ann"))] == [2]
    assert [one.requests for one in store.charges.sums("principal", Slice(since=NOON + 1))] == [3]
    assert [one.requests for one in store.charges.sums("principal", Slice(until=NOON + DAY))] == [2], "none of everybody's there"
    assert store.charges.sums("model", Slice(backend="nobody")) == []


def test_sums_and_rows_are_paged(store: SqlStore) -> None:
    store.charges.put([charge(step=place, model=name, total_ms=float(place)) for place, name in enumerate(["", "a", "b", "b", "c"], 1)])
    first = store.charges.sums("model", ALL, limit=2)
    assert [(one.name, one.total_ms.p50) for one in first] == [("", 1.0), ("a", 2.0)]
    assert [one.name for one in store.charges.sums("model", ALL, "", 1)] == ["a"], "an empty name is a name, too"
    assert [(one.name, one.total_ms.p99) for one in store.charges.sums("model", ALL, "a")] == [("b", 4.0), ("c", 5.0)]
    rows = store.charges.rows(ALL, limit=2)
    assert [row.model for row in rows] == ["c", "b"]
    assert [row.model for row in store.charges.rows(ALL, rows[-1].id)] == ["b", "a", ""]


def exact(times: Sequence[float]) -> Percentiles:
    """By nearest rank."""
    ranked = sorted(times)
    return Percentiles(*(ranked[math.ceil(len(ranked) * share / 100) - 1] for share in (50, 95, 99)))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(groups=st.lists(st.lists(st.integers(1, 90_000), min_size=1, max_size=130), min_size=1, max_size=3))
def test_percentiles_are_exact(shelf: Shelf, groups: list[list[int]]) -> None:
    store = shelf.open()
    try:
        rows, number = [], 0
        for name, times in enumerate(groups):
            for took in times:
                number += 1
                rows.append(charge(step=number, model=str(name), total_ms=float(took), first_ms=took / 2))
        store.charges.put(rows)
        for name, times in enumerate(groups):
            (found,) = store.charges.sums("model", Slice(model=str(name)))
            assert found.timed == len(times)
            assert found.total_ms == exact(times)
            assert found.first_ms == exact([took / 2 for took in times])
    finally:
        shelf.close()


def test_old_ones_are_dropped(store: SqlStore) -> None:
    store.charges.put([charge(step=1), charge(NOON + DAY, 2)])
    assert store.charges.drop(NOON + 1) == 1
    assert [row.at for row in store.charges.rows(ALL)] == [NOON + DAY]


def test_forgetting_takes_them_and_those_that_come_late(store: SqlStore) -> None:
    store.write([Batch((talk("c1", "ann", NOON), talk("c2", "ann", NOON)))])
    rows = [charge(step=place, principal="ann", conversation=name) for place, name in enumerate(["c1", "c2", ""], 1)]
    other = charge(step=9, principal="ben", conversation="c9")
    store.charges.put([*rows, other])
    assert store.forget("ann", "c1", now=NOON + 5).counts["charges"] == 1
    store.charges.put([rows[0], charge(NOON + 9, 4, principal="ann", conversation="c1")])
    assert sorted((row.at, row.conversation) for row in store.charges.rows(Slice(principal="ann"))) == [
        (NOON, ""),
        (NOON, "c2"),
        (NOON + 9, "c1"),
    ], "what came before the forgetting stays away"
    assert store.forget("ann", now=NOON + 20).counts["charges"] == 3
    store.charges.put(rows)
    assert store.charges.rows(ALL) == [other]
