"""A large request body is received straight into one buffer: the kernel copies it once, nobody joins it.

Rule: the buffer grows with what has come, never with what was announced.
"""

from __future__ import annotations

import asyncio
import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from backstory.relay.down import DownConnection

_FIRST = 262_144
_GROWTH = 4


class Sink(asyncio.BufferedProtocol):
    """Takes the place of a client's connection at its transport until `length` bytes of body are there."""

    __slots__ = ("_at", "_buffer", "_down", "_length", "_view")

    def __init__(self, down: DownConnection, length: int, first: bytes) -> None:
        self._down = down
        self._length = length
        self._at = len(first)
        self._buffer = io.BytesIO()
        self._buffer.write(first)
        self._view: memoryview | None = None
        self._grow()

    def _grow(self) -> None:
        """Room for more, up to the length. The file's own bytes grow in place, so nothing is copied twice."""
        if self._view is not None:
            self._view.release()
        size = min(self._length, max(_FIRST, _GROWTH * self._at))
        self._buffer.seek(size - 1)
        self._buffer.write(b"\0")
        self._view = self._buffer.getbuffer()

    def get_buffer(self, sizehint: int) -> memoryview:
        """Called by the event loop."""
        view = self._view
        if view is None or self._at == len(view):
            self._grow()
            view = self._view
        assert view is not None
        return view[self._at :]

    def buffer_updated(self, nbytes: int) -> None:
        """Called by the event loop."""
        self._at += nbytes
        if self._at < self._length:
            self._down.sinking(self._at)
        else:
            self._down.sunk(self._at)
            asyncio.get_running_loop().call_soon(self._hand_over)

    def _hand_over(self) -> None:
        """After the event loop has let go of the buffer, so that its bytes can be taken without a copy."""
        if self._view is not None:
            self._view.release()
            self._view = None
        self._down.gathered(self._buffer.getvalue())

    def eof_received(self) -> bool:
        """Called by the event loop."""
        return self._down.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the event loop."""
        self._down.connection_lost(exc)

    def pause_writing(self) -> None:
        """Called by the event loop."""
        self._down.pause_writing()

    def resume_writing(self) -> None:
        """Called by the event loop."""
        self._down.resume_writing()
