"""The marker of a streamed answer: behind its last text, which is known only when something else has followed.

Rule: no text and no word of a thought waits. What closes a text does, until the next event says whether more text comes: that of a later
leg, say, or behind a tool of the provider's own. What is for a program to read stays as it came.
"""

from __future__ import annotations

from collections.abc import Sequence

from backstory.core.reply import Delta, Ending, TextDelta, ThoughtDelta, ToolDelta
from backstory.core.stream import Frame
from backstory.core.wire import Wire
from backstory.memory.identity.marker import Said

# Further events than these, with nothing said in them, are a provider's own work: text follows.
_MOST = 64
_KEEPS_ALIVE = "ping"


class Marking:
    """One answer. `text`: the marker."""

    __slots__ = ("_done", "_held", "_left", "_said", "_state", "_text", "_wire")

    def __init__(self, wire: Wire, text: str) -> None:
        self._wire = wire
        self._text = text
        self._state: dict[str, str] = {}
        self._held: list[Frame] = []
        self._said = Said()
        self._done = False
        self._left = False

    @property
    def held(self) -> bytes:
        """What waits, as it came."""
        return b"".join([frame.raw for frame in self._held])

    def feed(self, frame: Frame) -> bytes:
        """What goes out now that this one has come."""
        if self._done:
            return self._put(frame)
        if not self._held:
            return self._first(frame, self._wire.deltas(frame))
        if not frame.data or frame.event == _KEEPS_ALIVE:
            return frame.raw
        said = self._wire.deltas(frame)
        if len(self._held) >= _MOST or any(isinstance(delta, TextDelta | ThoughtDelta) and delta.text for delta in said):
            out = self.held
            self._held.clear()
            self._state.clear()
            return out + self._first(frame, said)
        self._held.append(frame)
        return self._out(said) if _last(said) else b""

    def rest(self) -> bytes:
        """What waits, marked: nothing else comes."""
        return self._out([])

    def _out(self, said: Sequence[Delta]) -> bytes:
        held, self._held = self._held, []
        if not held:
            return b""
        self._done = True
        self._left = self._for_a_program(said)
        return b"".join([self._put(frame) for frame in held])

    def _first(self, frame: Frame, said: Sequence[Delta]) -> bytes:
        for delta in said:
            if isinstance(delta, TextDelta):
                self._said.add(delta.text, delta.index)
        state = dict(self._state)
        changed = self._wire.mark_frame(frame, self._text, state)
        if changed is None:
            self._state = state
            return frame.raw
        if not _last(said):
            self._held.append(frame)
            return b""
        self._done = True
        self._left = self._for_a_program(said)
        if self._left:
            return frame.raw
        self._state = state
        return changed

    def _for_a_program(self, said: Sequence[Delta]) -> bool:
        """Whether it is left as it is, now that its last text is known. `said`: by what."""
        return self._said.for_a_program(any(isinstance(delta, Ending) and delta.finish == "length" for delta in said))

    def _put(self, frame: Frame) -> bytes:
        if self._left:
            return frame.raw
        changed = self._wire.mark_frame(frame, self._text, self._state)
        return frame.raw if changed is None else changed


def _last(said: Sequence[Delta]) -> bool:
    """Whether the text before it was the last: calls of the client's tools come behind all text."""
    return any(isinstance(delta, ToolDelta | Ending) for delta in said)
