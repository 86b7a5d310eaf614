"""Growth tells proportion from its square, and keeps to it where others take the processor."""

from __future__ import annotations

import gc
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from tests.growth import MOST, cost, growth, pace, paced

SIZE = 6_000


@pytest.fixture
def crowd() -> Iterator[None]:
    """Others that take the processor as long as the test runs."""
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(3)]
    yield
    for other in others:
        other.kill()
        other.wait()


def proportional(size: int) -> Callable[[], object]:
    return lambda: [str(number) for number in range(size * 5)]


def square(size: int) -> Callable[[], object]:
    def act() -> None:
        seen: list[int] = []
        for number in range(size):
            if number not in seen:
                seen.append(number)

    return act


@pytest.mark.usefixtures("crowd")
def test_a_crowd_makes_nothing_grow() -> None:
    assert growth(proportional, SIZE) < MOST


def test_what_is_held_against_all_others_is_found() -> None:
    assert growth(square, SIZE) > MOST


def test_garbage_is_collected_as_before() -> None:
    assert gc.isenabled()
    growth(proportional, 100)
    assert gc.isenabled()


def test_seconds_over_the_bound_are_held_against_the_pace_of_the_machine() -> None:
    assert paced(0.9, 1.0) == 0.9
    assert paced(1e6, 1.0) == pytest.approx(1e6 / pace(), rel=0.5)
    assert pace() >= 1.0


def test_what_takes_long_costs_much() -> None:
    assert cost(square(SIZE), 0.001) > 0.001
    assert cost(proportional(1), 1.0) < 0.1
