"""Work on another thread gives way to requests: Python runs one thread at a time, and a request that needs the interpreter must not wait
for work that nobody waits for.
"""

from __future__ import annotations

import time
from collections.abc import Callable

# While a request is being handled, work waits so long at a time, but no longer in all; then it goes on for so long: under steady
# traffic a tenth of the time is left to it.
_WAIT_S, _PATIENCE_S, _SLICE_S = 0.002, 0.02, 0.002
# Of work in a hurry it is half.
_HURRIED_S = 0.002


class Pace:
    """Called between small pieces of work on another thread. `hot`: whether a request is being handled at this moment. `hurried`: whether
    the work is in a hurry."""

    def __init__(self, hot: Callable[[], bool], hurried: Callable[[], bool] = lambda: False) -> None:
        self._hot = hot
        self._hurried = hurried
        self._free_until = 0.0

    def __call__(self) -> None:
        """Wait, where a request is being handled. About 0.3 us where none is."""
        if not self._hot():
            return
        began = time.monotonic()
        if began < self._free_until:
            return
        while self._hot():
            if time.monotonic() - began >= (_HURRIED_S if self._hurried() else _PATIENCE_S):
                self._free_until = time.monotonic() + _SLICE_S
                return
            time.sleep(_WAIT_S)
