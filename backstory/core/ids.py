"""Identifiers. Clock and randomness are passed in, so that tests can repeat a run."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable

_NODE_BITS = 10
_STEP_BITS = 12


def conversation_id() -> str:
    """A new conversation's id: a random UUID (version 4), as the marker carries it."""
    return str(uuid.uuid4())


class TurnIds:
    """Increasing 63-bit ids: milliseconds since 2020, then this process's number, then a step. Unique across processes
    while no two of them share `node` (0..1023) in one millisecond; sorting by id sorts by time of arrival."""

    def __init__(self, node: int, clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000) -> None:
        self._node = (node & ((1 << _NODE_BITS) - 1)) << _STEP_BITS
        self._clock_ms = clock_ms
        self._last = 0

    def __call__(self) -> int:
        """The next id; always larger than all before it, also when the clock goes back."""
        fresh = ((self._clock_ms() - 1_577_836_800_000) << (_NODE_BITS + _STEP_BITS)) | self._node
        last = self._last
        if fresh <= last:
            fresh = last + 1
            if (fresh ^ self._node) & (((1 << _NODE_BITS) - 1) << _STEP_BITS):
                fresh = (((last >> (_NODE_BITS + _STEP_BITS)) + 1) << (_NODE_BITS + _STEP_BITS)) | self._node
        self._last = fresh
        return fresh
