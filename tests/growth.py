"""How the time of something grows with its size, whatever else the machine does: only times of one run are held against each other."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

TIMES = 10
MOST = 30.0
"""So many times as long may `TIMES` as much take. In proportion it takes 10 to 16 times as long, the most of it because memory is slower
than a cache; where each is held against all others, up to 100 times."""
_TRIES = 5
_STEPS, _STEPS_S = 200_000, 0.009


def growth(work: Callable[[int], Callable[[], object]], size: int) -> float:
    """How many times as long (CPU time of this thread) `size` takes as a tenth of it. `work` makes ready what is timed. The least time of
    several counts, and the large one is only taken again where it took too long: who shares the processor can make a time longer, and
    never shorter."""
    small = min(_seconds(work(size // TIMES)) for _ in range(3))
    large = _seconds(work(size))
    for _ in range(_TRIES - 1):
        if large < MOST * small:
            break
        large = min(large, _seconds(work(size)))
    return large / small


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
