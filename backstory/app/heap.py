"""Memory that was freed goes back to the system in the pauses of the traffic. Of the C library's kinds only glibc has to be told to.

Each thread gets a heap of its own there, and what is freed in the middle of one stays with the process: after a burst, twice the memory
that is in use.
"""

from __future__ import annotations

import asyncio
import ctypes
import time
from collections.abc import Callable

# How often to look whether there is a pause.
_LOOK_S = 2.0
# So much CPU time may have left something behind. Giving back costs some ms.
_WORTH_S = 0.1
_M_ARENA_MAX = -8
"""https://man7.org/linux/man-pages/man3/mallopt.3.html"""


def one_heap() -> None:
    """All threads share a heap from now on: Python runs one at a time, so they are rarely in each other's way."""
    library = _glibc()
    if library is not None:
        library.mallopt(_M_ARENA_MAX, 1)


async def give_back(busy: Callable[[], bool]) -> None:
    """Runs for ever: gives back what is free, in a pause after some work was done."""
    library = _glibc()
    done_s = 0.0
    while library is not None:
        await asyncio.sleep(_LOOK_S)
        if time.process_time() - done_s > _WORTH_S and not busy():
            await asyncio.get_running_loop().run_in_executor(None, library.malloc_trim, 0)
            done_s = time.process_time()


def _glibc() -> ctypes.CDLL | None:
    try:
        library = ctypes.CDLL(None)
        library.malloc_trim, library.mallopt  # noqa: B018 - whether it has them
    except (AttributeError, OSError, TypeError):
        return None
    return library
