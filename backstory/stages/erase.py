"""Commands and our own answers, taken out of the history that a client sends back: what goes upstream, and what memory reads, is the
conversation as it would be without them.

Rules: a command goes only together with our answer to it, and never where it carries a tool's result or media; what its client put there
for the model goes in front of the next message. A setting at the end of a longer message is struck from it. The same history gives the
same edits, in this process or another: what went up goes up again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
from msgspec import Struct

from backstory.commands import sign
from backstory.commands.glance import Glance
from backstory.commands.grammar import Asked, find
from backstory.core.edits import DropMessages, Edit, PrependText, SetText, StrikeText
from backstory.core.layout import Elements
from backstory.core.message import Message, Opaque, Prompt, Text
from backstory.core.wire import Wire
from backstory.memory import marker
from backstory.memory.envelope import strip

# Between a command and its answer, or after the newest message, a client may put so many items of its own (system messages).
_BETWEEN = 3
# Less than this around a command is an envelope (a name, a time), not something for the model.
_INSTRUCTION_CHARS = 200


class _Reference(Struct):
    id: str = ""


_reference = msgspec.json.Decoder(_Reference)


class Cleaned(Struct):
    """`edits` take out what is no part of the conversation. `conversation`: as the last of our answers names it, "" where there is none.
    `asked`: the command that the newest message is, or ends with."""

    edits: list[Edit]
    conversation: str = ""
    asked: Asked | None = None


class Eraser:
    """Reads requests for commands with this prefix."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._glance = Glance(prefix)

    def suspects(self, raw: bytes | memoryview) -> bool:
        """Whether this message may be a command."""
        return self._glance.command(raw)

    def clean(self, body: bytes, prompt: Prompt, wire: Wire) -> Cleaned | None:
        """None where there is nothing of a command in the request: the usual case, some us. Raises DocumentError."""
        newest = self._newest(prompt)
        signs = self._signs(body, prompt.items, wire.stateful)
        if newest < 0 and not signs:
            return None
        sweep = _Sweep(prompt, wire, self._prefix)
        if signs:
            sweep.history(self._places(prompt.items, wire.stateful))
        if newest >= 0:
            sweep.newest(newest)
        return sweep.done() if sweep.found else None

    def _newest(self, prompt: Prompt) -> int:
        """The place of the message that the request ends with, where that may hold a command; -1 otherwise."""
        items = prompt.items
        for place in range(len(items) - 1, max(-1, len(items) - 1 - _BETWEEN), -1):
            item = items[place]
            if self._glance.command(item):
                return place
            start = bytes(item[:64])
            if b'"system"' not in start and b'"developer"' not in start:
                break
        return -1

    def _signs(self, body: bytes, items: Sequence[bytes | memoryview], stateful: bool) -> bool:
        """Whether there may be an answer of ours or a setting anywhere. Of a beginning seen before it is known."""
        if not isinstance(items, Elements) or items.layout is None:
            return self._within(body, 0, len(body), stateful)
        before = items.before
        if before is not None and before.plain:
            found = self._within(body, 0, items.start, stateful) or self._within(body, items.fresh, len(body), stateful)
        else:
            found = self._within(body, 0, len(body), stateful)
        items.layout.plain = not found
        return found

    def _within(self, raw: bytes, start: int, end: int, stateful: bool) -> bool:
        return self._glance.answer(raw, start, end, stateful) or self._glance.setting(raw, start, end)

    def _places(self, items: Sequence[bytes | memoryview], stateful: bool) -> Iterator[int]:
        """Items that may be our answer, or a message that ends with a setting."""
        return (place for place, item in enumerate(items) if self._within(bytes(item), 0, len(item), stateful))


class _Sweep:
    """One request. `found`: there is something to be done."""

    def __init__(self, prompt: Prompt, wire: Wire, prefix: str) -> None:
        self._prompt = prompt
        self._wire = wire
        self._prefix = prefix
        self._dropped: set[int] = set()
        self._carried: dict[int, list[str]] = {}
        self._edits: list[Edit] = []
        self._struck: set[int] = set()
        self._conversation = ""
        self._asked: Asked | None = None

    @property
    def found(self) -> bool:
        return bool(self._dropped or self._edits or self._asked is not None)

    def history(self, places: Iterator[int]) -> None:
        """Everything but the newest message."""
        for place in places:
            raw = self._prompt.items[place]
            message = self._message(place)
            if message.role == "user":
                self._strike(place, message)
            else:
                self._pair(place, message, bytes(raw))

    def newest(self, place: int) -> None:
        """The message that the request ends with."""
        message = self._message(place)
        if message.role != "user":
            return
        asked = self._found(message)
        if asked is None:
            return
        if asked.before:
            self._strike(place, message)
        self._asked = asked

    def done(self) -> Cleaned:
        """All of it as edits."""
        edits = self._edits
        for start, stop in _runs(sorted(self._dropped)):
            edits.append(DropMessages(start, stop))
        for place, texts in sorted(self._carried.items()):
            into = self._next_user(place)
            if into >= 0:
                edits.append(PrependText(into, "\n".join(texts)))
        return Cleaned(edits, self._conversation, self._asked)

    def _pair(self, place: int, answer: Message, raw: bytes) -> None:
        """An answer of ours and the command before it."""
        command, message = self._before(place)
        if message is None:
            return
        asked = self._found(message)
        if asked is None or asked.before:
            return
        if answer.role == "assistant":
            named = sign.conversation_of(asked.written, marker.without(answer.text))
        elif any(isinstance(part, Opaque) and part.kind == "item_reference" for part in answer.parts):
            named = sign.referred(asked.written, _reference.decode(raw).id)
        else:
            named = ""
        if not named:
            return
        self._conversation = named
        self._dropped.update((command, place))
        kept = _for_the_model(message, asked.written)
        if kept:
            self._carried[command] = kept

    def _before(self, place: int) -> tuple[int, Message | None]:
        """The user's message that an answer follows, and its place."""
        for earlier in range(place - 1, max(-1, place - 2 - _BETWEEN), -1):
            message = self._message(earlier)
            if message.role == "user":
                return earlier, message
            if message.role != "system":
                break
        return -1, None

    def _strike(self, place: int, message: Message) -> None:
        """A setting at the end of a message goes; the rest of its bytes stay."""
        asked = self._found(message)
        if asked is None or not asked.before or place in self._struck:
            return
        self._struck.add(place)
        for part in reversed(message.parts):
            if not isinstance(part, Text) or asked.written not in part.text:
                continue
            at = part.text.rfind(asked.written)
            head = part.text[:at].rstrip()
            gone = part.text[len(head) : at + len(asked.written)]
            if part.text.count(gone) == 1:
                self._edits.append(StrikeText(part.at, gone))
            else:
                self._edits.append(SetText(part.at, head + part.text[at + len(asked.written) :]))
            return

    def _found(self, message: Message) -> Asked | None:
        """The command in a user's message; none where there is more in it than text."""
        if not all(isinstance(part, Text) for part in message.parts):
            return None
        return find(strip("user", message.parts).text, self._prefix)

    def _next_user(self, place: int) -> int:
        for later in range(place + 1, len(self._prompt.items)):
            if later not in self._dropped and self._message(later).role == "user":
                return later
        return -1

    def _message(self, place: int) -> Message:
        return self._wire.message(self._prompt.items[place], (*self._prompt.items_at, place))


def _for_the_model(message: Message, command: str) -> list[str]:
    """What a client put beside a command for the model to read."""
    kept: list[str] = []
    for part in message.parts:
        if isinstance(part, Text):
            own = strip("user", (part,)).text
            rest = part.text if not own else part.text.replace(command, "", 1).strip()
            if rest.strip() and (not own or len(rest) > _INSTRUCTION_CHARS):
                kept.append(rest)
    return kept


def _runs(places: Sequence[int]) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    for place in places:
        if runs and runs[-1][1] == place:
            runs[-1] = (runs[-1][0], place + 1)
        else:
            runs.append((place, place + 1))
    return runs
