"""Turn ids rise, whatever the clock does, and blocks never overlap."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from backstory.core.ids import TurnIds, conversation_id, ids_since


@given(st.lists(st.tuples(st.integers(-5, 5), st.integers(1, 4096)), max_size=60), st.integers(0, 1023))
def test_ids_rise_and_blocks_do_not_overlap(steps: list[tuple[int, int]], node: int) -> None:
    now = 1_700_000_000_000

    def clock() -> int:
        return now

    ids = TurnIds(node, clock)
    last = 0
    for move, size in steps:
        now += move
        first = ids.block(size)
        assert first > last
        assert all(((first + offset) >> 12) & 1023 == node for offset in (0, size - 1))
        last = first + size - 1


@given(st.integers(-100_000, 100_000), st.integers(0, 4095), st.integers(0, 1023), st.integers(0, 1023), st.integers(1, 4096))
def test_ids_follow_those_of_an_earlier_process_whatever_the_clock_says(back: int, step: int, before: int, node: int, size: int) -> None:
    now = 1_700_000_000_000
    newest = TurnIds(before, lambda: now).block(1) + step
    ids = TurnIds(node, lambda: now - back)
    ids.follow(newest)
    first = ids.block(size)
    assert first > newest
    assert ids() > first + size - 1
    ids.follow(newest)
    assert ids() > first + size


@given(st.lists(st.integers(-(10**14), 10**14), min_size=1, max_size=20), st.integers(0, 1023))
def test_ids_have_63_bits_and_rise_whatever_year_a_clock_tells(times: list[int], node: int) -> None:
    """A clock that was never set, too: 1970; 0 is no id."""
    now = 0
    ids, last = TurnIds(node, lambda: now), 0
    for now in times:
        first = ids.block(100)
        assert last < first < 1 << 63
        assert 0 <= ids_since(now / 1000) < 1 << 63
        last = first + 99


def test_a_clock_that_told_a_year_far_ahead_is_forgotten_when_it_is_set_right() -> None:
    now = 4_200_000_000_000
    ids = TurnIds(5, lambda: now)
    before = ids()
    now = 1_800_000_000_000
    assert ids_since(now / 1000) <= ids() < ids_since(now / 1000 + 1)
    assert before < ids_since(now / 1000)


def test_conversation_ids_differ() -> None:
    assert conversation_id() != conversation_id()
