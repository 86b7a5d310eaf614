"""Answers that end in the same turn of the event loop are acknowledged together, with one write to the journal.

Rule: the last bytes of none of them leave before that. A fault in one is nobody else's.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, TypeAlias

from backstory.relay.delivery import acknowledge_all

if TYPE_CHECKING:
    from backstory.relay.door import Door
    from backstory.relay.flow import Flow

_log = logging.getLogger("backstory.relay")
_Trailers: TypeAlias = tuple[tuple[bytes, bytes], ...]


class Together:
    """Of one door. No answer waits for longer than until the loop has seen to what came with its last bytes."""

    __slots__ = ("_door", "_ending")

    def __init__(self, door: Door) -> None:
        self._door = door
        self._ending: list[tuple[Flow, bytes, _Trailers]] = []

    def add(self, flow: Flow, data: bytes, trailers: _Trailers) -> None:
        """The last piece of this answer has been read, and its tap has heard it."""
        if not self._ending:
            self._door.loop.call_soon(self._end)
        self._ending.append((flow, data, trailers))

    def _end(self) -> None:
        ending, self._ending = self._ending, []
        here = [one for one in ending if not one[0].over]
        acknowledge_all([flow.listener for flow, _, _ in here if flow.listener is not None])
        for flow, data, trailers in here:
            try:
                flow.end(data, trailers)
            except Exception:  # noqa: BLE001 (the HTTP door)
                _log.exception("an answer could not be ended")
                flow.drop()
        self._door.tell_now()
