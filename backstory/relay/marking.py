"""The marker of a streamed answer: behind its last text, which is known only when something else has followed.

Rule: no text and no word of a thought waits. What closes a text does, until the next event says whether more text comes: that of a later
leg, say, or behind a tool of the provider's own.
"""

from __future__ import annotations

from backstory.core.reply import Delta, Ending, TextDelta, ThoughtDelta, ToolDelta
from backstory.core.stream import Frame
from backstory.core.wire import Wire

# Further events than these, with nothing said in them, are a provider's own work: text follows.
_MOST = 64
_KEEPS_ALIVE = "ping"


class Marking:
    """One answer. `text`: the marker."""

    __slots__ = ("_done", "_held", "_state", "_text", "_wire")

    def __init__(self, wire: Wire, text: str) -> None:
        self._wire = wire
        self._text = text
        self._state: dict[str, str] = {}
        self._held: list[Frame] = []
        self._done = False

    @property
    def held(self) -> bytes:
        """What waits, as it came."""
        return b"".join([frame.raw for frame in self._held])

    def feed(self, frame: Frame) -> bytes:
        """What goes out now that this one has come."""
        if self._done:
            return self._put(frame)
        if not self._held:
            return self._first(frame)
        if not frame.data or frame.event == _KEEPS_ALIVE:
            return frame.raw
        said = self._wire.deltas(frame)
        if len(self._held) >= _MOST or any(isinstance(delta, TextDelta | ThoughtDelta) and delta.text for delta in said):
            out = self.held
            self._held.clear()
            self._state.clear()
            return out + self._first(frame)
        self._held.append(frame)
        return self.rest() if _last(said) else b""

    def rest(self) -> bytes:
        """What waits, marked: nothing else comes."""
        held, self._held = self._held, []
        self._done = self._done or bool(held)
        return b"".join([self._put(frame) for frame in held])

    def _first(self, frame: Frame) -> bytes:
        state = dict(self._state)
        changed = self._wire.mark_frame(frame, self._text, state)
        if changed is None:
            self._state = state
            return frame.raw
        if _last(self._wire.deltas(frame)):
            self._state, self._done = state, True
            return changed
        self._held.append(frame)
        return b""

    def _put(self, frame: Frame) -> bytes:
        changed = self._wire.mark_frame(frame, self._text, self._state)
        return frame.raw if changed is None else changed


def _last(said: list[Delta]) -> bool:
    """Whether the text before it was the last: calls of the client's tools come behind all text."""
    return any(isinstance(delta, ToolDelta | Ending) for delta in said)
