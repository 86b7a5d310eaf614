"""How the time of something grows with its size, whatever else the machine does: only times of one run are held against each other."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from functools import partial

TIMES = 10
MOST = 30.0
"""So many times as long may `TIMES` as much take. In proportion it takes about 10 times as long; where each is held against all others, up
to 100 times."""
_TRIES = 6
_STEPS, _STEPS_S = 200_000, 0.009


def growth(work: Callable[[int], Callable[[], object]], size: int) -> float:
    """How many times as long (CPU time of this thread) `size` takes as a tenth of it. `work` makes ready what is timed. The large one is
    held against ten small ones, one after another: they go through as much memory, so that a cache that others fill makes both longer.
    The least times of several count, taken by turns where the large one takes too long: who shares the processor can make a time longer,
    and never shorter."""
    small = large = float("inf")
    for _ in range(_TRIES):
        few = [work(size // TIMES) for _ in range(TIMES)]
        small = min(small, _seconds(partial(_all, few)) / TIMES)
        large = min(large, _seconds(work(size)))
        if large < MOST * small:
            break
    return large / small


def _all(acts: list[Callable[[], object]]) -> None:
    for act in acts:
        act()


def cost(act: Callable[[], object], most: float) -> float:
    """CPU seconds of this thread that `act` takes, where they are over `most` held against the pace of this machine. Once: what is done
    again may be remembered."""
    return paced(_seconds(act), most)


def paced(seconds: float, most: float) -> float:
    """What so many seconds here are where bounds were chosen. Within `most` they are what they are."""
    return seconds if seconds < most else seconds / pace()


def _seconds(act: Callable[[], object]) -> float:
    """Without the collector of garbage, which looks through whatever the tests before have left."""
    collects = gc.isenabled()
    gc.disable()
    try:
        began = time.thread_time()
        act()
        return time.thread_time() - began
    finally:
        if collects:
            gc.enable()


def pace() -> float:
    """How many times as long as where bounds in seconds were chosen a fixed piece of work takes on this machine, 1 at least."""

    def work() -> None:
        total = 0
        for number in range(_STEPS):
            total += number

    return max(1.0, min(_seconds(work) for _ in range(3)) / _STEPS_S)
