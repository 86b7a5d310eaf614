"""Turn ids rise, whatever the clock does, and blocks never overlap."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from backstory.core.ids import TurnIds, conversation_id


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


def test_conversation_ids_differ() -> None:
    assert conversation_id() != conversation_id()
