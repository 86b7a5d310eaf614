"""What a model thinks, taken from the beginning of its answer: it is asked for its thoughts alone (hybrid:[reasoner,executor]).

Rule: as soon as it says something that is no thought, or calls a tool, there is enough. Thoughts between tags in its text are thoughts.
"""

from __future__ import annotations

from collections.abc import Sequence

from backstory.core.reply import Usage
from backstory.core.sizes import rough
from backstory.core.translation import Answered, Begun, Broke, Closed, Ended, Event, Failure, More, Opened, Thought, Tongue, Use, Words
from backstory.core.wire import Wire
from backstory.wires.halves import Halves
from backstory.wires.reworking.scan import Scanner
from backstory.wires.reworking.sieve import Sealing, Sieve
from backstory.wires.translation.translate import events_of

_BETWEEN = "\n\n"
_SSE = "text/event-stream"


class Overheard:
    """One answer of status 200. `input_tokens`: of the request, as far as it is known before the provider tells. `failed`: what the
    provider says of why it cannot go on. `exact`: the usage is the provider's own."""

    def __init__(self, tongue: Tongue, wire: Wire, content_type: str, input_tokens: int) -> None:
        self._tongue = tongue
        self._reader = wire.reader(content_type) if content_type.startswith(_SSE) else None
        self._listener = tongue.listener()
        self._halves = Halves()
        self._sieve = Sieve(lambda visible: Scanner("reasoning", None, visible), Sealing(), "", "")
        self._parts: list[str] = []
        self._thinking: set[int] = set()
        self._whole: list[bytes] = []
        self._input = input_tokens
        self._usage: Usage | None = None
        self.exact = False
        self.failed = ""

    @property
    def text(self) -> str:
        """What it has thought, "" for nothing."""
        return "".join(self._parts).strip()

    @property
    def usage(self) -> Usage:
        """What it has spent: told by the provider where the answer came to its end, else the thoughts that came, and what was asked."""
        begun = self._usage or Usage(self._input)
        return (
            begun if self.exact else Usage(begun.input_tokens or self._input, rough(self.text) if self.text else 0, begun.cache_read_tokens)
        )

    def hear(self, data: bytes) -> bool:
        """More of it. Whether there is enough. Raises DocumentError."""
        if self._reader is None:
            self._whole.append(data)
            return False
        frames = self._halves.feed(self._reader.feed(data))
        events = [event for frame in frames for event in self._listener.events(frame)]
        return self._takes(events)

    def over(self) -> None:
        """It has come to its end. Raises DocumentError."""
        if self._reader is not None:
            frames = (*self._halves.feed(self._reader.close()), *self._halves.close())
            events = [event for frame in frames for event in self._listener.events(frame)] + [*self._listener.over()]
        else:
            answered: Answered | Failure = self._tongue.answered(b"".join(self._whole))
            events = [Broke(answered)] if isinstance(answered, Failure) else [*events_of(answered)]
        self._takes(events)

    def _takes(self, events: Sequence[Event]) -> bool:
        enough = False
        for event in events:
            for made in self._sieve.feed(event):
                enough = self._take(made) or enough
        return enough

    def _take(self, event: Event) -> bool:
        match event:
            case Begun(usage=usage):
                self._usage = usage
            case Opened(index, Thought()):
                self._thinking.add(index)
                if self._parts:
                    self._parts.append(_BETWEEN)
            case Opened(piece=Use()):
                return True
            case More(index, text) if index in self._thinking:
                self._parts.append(text)
            case More(text=text):
                return bool(text.strip())
            case Closed(piece=Words(text)):
                return bool(text.strip())
            case Ended(usage=usage):
                self._usage, self.exact = usage or self._usage, usage is not None
                return True
            case Broke(failure):
                self.failed = failure.message or failure.code
                return True
            case _:
                pass
        return False


def is_readable(content_type: str) -> bool:
    """Whether such an answer can be listened to."""
    return content_type.startswith((_SSE, "application/json"))
