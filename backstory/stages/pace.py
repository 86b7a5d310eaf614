"""Work on another thread gives way to requests: Python runs one thread at a time, and a request that needs the interpreter must not wait
for work that nobody waits for.
"""

from __future__ import annotations

import time
from collections.abc import Callable

# So long at a time, then a look whether a request is being handled.
_SLICE_S = 0.002
# While one is, so long a wait, but no longer in all: under steady traffic a tenth of the time is left.
_WAIT_S, _PATIENCE_S = 0.002, 0.02


class Pace:
    """Called between small pieces of work on a thread of its own. `hot`: whether a request is being handled at this moment."""

    def __init__(self, hot: Callable[[], bool]) -> None:
        self._hot = hot
        self._since = time.monotonic()

    def __call__(self) -> None:
        """Wait, where it is time to."""
        began = time.monotonic()
        if began - self._since < _SLICE_S:
            return
        while self._hot() and time.monotonic() - began < _PATIENCE_S:
            time.sleep(_WAIT_S)
        self._since = time.monotonic()
