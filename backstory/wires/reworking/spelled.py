"""Real calls of tools, written as tags into the text of an answer: for clients that read them there."""

from __future__ import annotations

import msgspec
from msgspec import Raw
from msgspec.structs import replace

from backstory.core.translation import Cited, Closed, Ended, Event, More, Opened, Sealed, Use, Words
from backstory.wires.reworking.sieve import Sieve

_members = msgspec.json.Decoder(dict[str, Raw])
_string = msgspec.json.Decoder(str)


def spell(name: str, arguments: str) -> str:
    """A call as text. A value of several lines has a line break before and behind it; `Shapes(exact=True)` reads all of it back."""
    try:
        members = _members.decode(arguments or "{}")
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return f"<{name}>\n{arguments}\n</{name}>"
    lines = [f"<{key}>{_value(raw)}</{key}>\n" for key, raw in members.items()]
    return f"<{name}>\n{''.join(lines)}</{name}>"


def _value(raw: Raw) -> str:
    text = _string.decode(raw) if bytes(memoryview(raw)[:1]) == b'"' else bytes(raw).decode("utf-8", "replace")
    return f"\n{text}\n" if "\n" in text else text


class Speller:
    """One answer, behind its sieve, with the same properties. `names`: the tools whose calls are written."""

    __slots__ = ("_names", "_sieve", "_spelled", "_spoke", "_waiting")

    def __init__(self, sieve: Sieve, names: frozenset[str]) -> None:
        self._sieve = sieve
        self._names = names
        self._waiting: set[int] = set()
        self._spoke = self._spelled = False

    @property
    def changed(self) -> bool:
        """See Sieve."""
        return self._spelled or self._sieve.changed

    @property
    def holds(self) -> bool:
        """See Sieve."""
        return bool(self._waiting) or self._sieve.holds

    def feed(self, event: Event) -> list[Event]:
        """See Sieve."""
        return [told for one in self._sieve.feed(event) for told in self._one(one)]

    def flush(self) -> list[Event]:
        """See Sieve. A call that was not told whole is none."""
        return [told for one in self._sieve.flush() for told in self._one(one)]

    def _one(self, event: Event) -> list[Event]:
        match event:
            case Opened(index, Use(_, name)) if name in self._names:
                self._waiting.add(index)
                self._spelled = True
                return []
            case Closed(index, Use(_, name, arguments)) if index in self._waiting:
                self._waiting.discard(index)
                text = ("\n\n" if self._spoke else "") + spell(name, arguments)
                self._spoke = True
                return [Opened(index, Words("")), More(index, text), Closed(index, Words(text))]
            case Ended(finish) if finish == "tool_calls" and self._spelled:
                return [replace(event, finish="stop")]
            case Opened(_, Words()):
                self._spoke = True
                return [event]
            case More(index) | Sealed(index) | Cited(index) if index in self._waiting:
                return []
            case _:
                return [event]
