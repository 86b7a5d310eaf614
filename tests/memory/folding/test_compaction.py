"""Where history is folded."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from backstory.core.records import Turn
from backstory.memory.folding.compaction import Window, boundary, protected_boundary


def path(sizes: list[int]) -> list[Turn]:
    return [
        Turn(n + 1, "c", n, n, b"", b"", "user" if n % 2 == 0 else "assistant", "spoken", "x", tokens=size) for n, size in enumerate(sizes)
    ]


def test_half_the_window_is_kept_at_most() -> None:
    turns = path([100] * 100)
    at = boundary(turns, 0, Window(10_000, 0.7, 0.85, 2), 500)
    assert sum(turn.tokens for turn in turns[at:]) <= 5000
    assert sum(turn.tokens for turn in turns[at - 2 :]) > 4000


def test_protected_exchanges_stay_when_they_are_small() -> None:
    turns = path([10] * 100)
    at = boundary(turns, 0, Window(1000, 0.7, 0.85, 4), 900)
    assert len(turns) - at == 8


def test_protected_exchanges_never_take_a_small_window() -> None:
    turns = path([300] * 20)
    assert boundary(turns, 0, Window(1000, 0.7, 0.85, 6), 1000) == len(turns)


@given(
    st.lists(st.integers(1, 500), max_size=60),
    st.integers(0, 30),
    st.integers(256, 20_000),
    st.integers(0, 20_000),
    st.integers(1, 10),
)
def test_the_boundary_never_goes_back_and_is_a_humans(sizes: list[int], folded: int, size: int, reserve: int, protected: int) -> None:
    turns = path(sizes)
    folded = min(folded, len(turns))
    at = boundary(turns, folded, Window(size, 0.7, 0.85, protected), reserve)
    assert folded <= at <= len(turns)
    if folded < at < len(turns):
        assert turns[at].role == "user"


def test_no_boundary_parts_a_result_from_its_call() -> None:
    """Also where the human says something beside it."""
    turns = [
        Turn(n + 1, "c", n, n, b"", b"", "user" if n % 2 == 0 else "assistant", "spoken", "x", calls="[]" if n else "", tokens=100)
        for n in range(100)
    ]
    window = Window(2000, 0.7, 0.85, 2)
    assert boundary(turns, 0, window, 100) == len(turns), "nobody speaks by himself"
    at = boundary(turns, 0, window, 100, steps=True)
    assert (turns[at].role, turns[at - 1].role) == ("assistant", "user")
    assert protected_boundary(turns, window) == 0


def test_a_digest_is_small_where_recall_may_fill_the_window() -> None:
    assert Window(8000, 0.7, 0.85, 6).digest_tokens == 640
    assert Window(8000, 0.7, 0.85, 6, recalls=True).digest_tokens == 320
    assert Window(1000, 0.7, 0.85, 6, recalls=True).digest_tokens == 0
