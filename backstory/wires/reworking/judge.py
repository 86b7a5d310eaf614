"""Events of an answer, with somebody watching: a call may become another one, or a text, and the answer may end early.

Rule: text is never held back. A call is, with all that is told behind it, until its arguments are whole: nobody has half of a call that is
not to be made. What is allowed is told as it came, under the same indexes.
"""

from __future__ import annotations

from collections.abc import Collection

from msgspec import Struct
from msgspec.structs import replace

from backstory.core.extending import Allow, End, Instead, Recast, Watch
from backstory.core.legs import Call
from backstory.core.translation import Begun, Broke, Closed, Ended, Event, More, Opened, Piece, Refusal, Sealed, Thought, Use, Words


class _Open(Struct):
    """A piece that is told of and not whole yet."""

    piece: Piece
    texts: list[str]


class Judge:
    """One answer. `ours`: names of tools whose calls nobody is asked about. `changed`, `holds`: as of a sieve. `done`: the answer has ended
    before its provider ended it. `begun`: its id at the provider. `unmade`: calls of it that the client never sees."""

    __slots__ = ("_calls", "_held", "_next", "_open", "_ours", "_turned", "_waiting", "_watch", "begun", "changed", "done", "unmade")

    def __init__(self, watch: Watch, ours: Collection[str] = ()) -> None:
        self._watch = watch
        self._ours = ours
        self._open: dict[int, _Open] = {}
        self._waiting: set[int] = set()
        self._held: list[Event] = []
        self._calls = self._next = 0
        self._turned = False
        self.changed = self.done = False
        self.begun = ""
        self.unmade: list[Use] = []

    @property
    def holds(self) -> bool:
        """See Judge."""
        return bool(self._held)

    def feed(self, event: Event) -> list[Event]:
        """What is told for this event."""
        if self.done:
            return []
        if isinstance(event, Begun):
            self.begun = event.id
        if isinstance(event, Opened):
            self._next = max(self._next, event.index + 1)
            if isinstance(event.piece, Use) and event.piece.name not in self._ours:
                self._waiting.add(event.index)
        if not self._waiting:
            return self._tell(event)
        self._held.append(event)
        if isinstance(event, Closed) and event.index in self._waiting:
            return self._judged(event)
        return self._release() if isinstance(event, Ended | Broke) else []

    def flush(self) -> list[Event]:
        """The answer breaks off: a call that is held was not made."""
        self._held, self._waiting = [], set()
        return []

    def _judged(self, event: Closed) -> list[Event]:
        use = event.piece
        assert isinstance(use, Use)
        verdict = self._watch.called(Call(use.id, use.name, use.arguments))
        match verdict:
            case End(text):
                self.unmade.append(use)
                return self._end(text)
            case Instead(text):
                self.unmade.append(use)
                self._put(event.index, [Opened(event.index, Words("")), More(event.index, text), Closed(event.index, Words(text))])
                self._turned = True
            case Recast(name, arguments):
                made = replace(use, name=name, arguments=arguments)
                begun = Opened(event.index, replace(made, arguments="", sealed=""))
                sealed = [one for one in self._held if isinstance(one, Sealed) and one.index == event.index]
                self._put(event.index, [begun, *sealed, More(event.index, arguments), Closed(event.index, made)])
            case Allow():
                pass
        self._waiting.discard(event.index)
        return [] if self._waiting else self._release()

    def _put(self, index: int, events: list[Event]) -> None:
        """In place of what is held of this piece."""
        self.changed = True
        at = next(place for place, one in enumerate(self._held) if isinstance(one, Opened) and one.index == index)
        before, behind = self._held[:at], self._held[at:]
        rest = [one for one in behind if not (isinstance(one, Opened | More | Sealed | Closed) and one.index == index)]
        self._held = [*before, *events, *rest]

    def _release(self) -> list[Event]:
        """What was held is told. A call that never became whole is none."""
        held, self._held, lost, self._waiting = self._held, [], self._waiting, set()
        if lost:
            self.changed = self._turned = True
        out: list[Event] = []
        for event in held:
            if self.done:
                break
            if not (isinstance(event, Opened | More | Sealed | Closed) and event.index in lost):
                out += self._tell(event)
        return out

    def _tell(self, event: Event) -> list[Event]:
        match event:
            case Opened(index, piece):
                self._open[index] = _Open(piece, [])
                self._calls += isinstance(piece, Use)
            case More(index, text) if index in self._open:
                piece = self._open[index].piece
                if text and isinstance(piece, Words | Thought | Refusal):
                    verdict = self._watch.heard(text, isinstance(piece, Thought))
                    if isinstance(verdict, End):
                        return self._end(verdict.text)
                self._open[index].texts.append(text)
            case Closed(index):
                self._open.pop(index, None)
            case Ended():
                return self._over(event)
            case _:
                pass
        return [event]

    def _over(self, event: Ended) -> list[Event]:
        if self._calls:
            return [event]
        if self._turned and event.finish == "tool_calls":
            event = replace(event, finish="stop")
        text = self._watch.over(event.finish)
        if not text:
            return [event]
        self.changed = True
        return [*self._said(text), event]

    def _end(self, text: str) -> list[Event]:
        """The answer ends here: what is open is closed, what is held was not made."""
        self.changed = self.done = True
        self._held, self._waiting = [], set()
        out: list[Event] = []
        for index, one in self._open.items():
            said, piece = "".join(one.texts), one.piece
            if isinstance(piece, Words | Thought | Refusal):
                piece = replace(piece, text=said)
            elif isinstance(piece, Use):
                piece = replace(piece, arguments=said)
            out.append(Closed(index, piece))
        self._open = {}
        return [*out, *(self._said(text) if text else ()), Ended("tool_calls" if self._calls else "stop")]

    def _said(self, text: str) -> list[Event]:
        at, self._next = self._next, self._next + 1
        return [Opened(at, Words("")), More(at, text), Closed(at, Words(text))]
