"""Identifiers. Clock and randomness are passed in, so that tests can repeat a run."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

_NODE_BITS = 10
_STEP_BITS = 12
_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}
_EPOCH_MS = 1_577_836_800_000
# What a clock tells after this (2087) is no time of this proxy's: ids have 63 bits, and go on from the last one.
_LAST_MS = (1 << 41) - (1 << 36)
# Randomness for so many ids is asked for at once: to ask is what costs.
_POOL = 256
_random: list[str] = []
os.register_at_fork(after_in_child=_random.clear)


def conversation_id() -> str:
    """A new conversation's id: a random UUID (RFC 9562, version 4), as the marker carries it."""
    if not _random:
        digits = os.urandom(16 * _POOL).hex()
        _random.extend([digits[at : at + 32] for at in range(0, len(digits), 32)])
    digits = _random.pop()
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{_VARIANT[digits[16]]}{digits[17:20]}-{digits[20:]}"


def ids_since(at: float) -> int:
    """The least id that TurnIds gives at this time (Unix seconds) or after; 63 bits for any time."""
    return min(max(0, int(at * 1000) - _EPOCH_MS), _LAST_MS) << (_NODE_BITS + _STEP_BITS)


class TurnIds:
    """Increasing 63-bit ids: milliseconds since 2020, then this process's number, then a step. Unique across processes
    while no two of them share `node` (0..1023) in one millisecond; sorting by id sorts by time of arrival."""

    def __init__(self, node: int, clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000) -> None:
        self._node = (node & ((1 << _NODE_BITS) - 1)) << _STEP_BITS
        self._clock_ms = clock_ms
        self._ms = 1
        self._step = 0

    def follow(self, newest: int) -> None:
        """From now on ids are larger than this one, which another process gave, whatever the clock says. Nothing changes where they are."""
        if newest >= (self._ms << (_NODE_BITS + _STEP_BITS)) + self._node + self._step:
            self._ms, self._step = newest >> (_NODE_BITS + _STEP_BITS), 1 << _STEP_BITS

    def __call__(self) -> int:
        """The next id; always larger than all before it, also when the clock goes back, or is not one of this century's."""
        return self.block(1)

    def block(self, size: int) -> int:
        """The first of `size` (at most 4,096) ids in a row that nobody else gets."""
        ms = self._clock_ms() - _EPOCH_MS
        if self._ms < ms <= _LAST_MS:
            self._ms, self._step = ms, 0
        elif self._step + size > 1 << _STEP_BITS:
            self._ms, self._step = self._ms + 1, 0
        first = (self._ms << (_NODE_BITS + _STEP_BITS)) | self._node | self._step
        self._step += size
        return first
