"""Commands and our own answers, taken out of the history that a client sends back: what goes upstream, and what memory reads, is the
conversation as it would be without them.

Rules: a command goes only together with our answer to it, and never where it carries a tool's result or media; what its client put there
for the model goes in front of the next message, and where the client put a message of its own behind it, the next message takes the
command's place. A setting at the end of a longer message is struck from it; where we have answered that, because it could not be carried
out, the message was never sent, and goes with our answer. The same history gives the
same edits, in this process or another: what went up goes up again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from backstory.commands import sign
from backstory.commands.glance import Glance
from backstory.commands.grammar import Asked, find
from backstory.core.edits import DropMessages, Edit, PrependText, SetText, StrikeText
from backstory.core.layout import Elements
from backstory.core.message import Message, Opaque, Path, Prompt, Text
from backstory.core.wire import Wire
from backstory.errors import DocumentError
from backstory.memory.identity import marker
from backstory.memory.reading.envelope import strip

# Between a command and its answer, or after the newest message, a client may put so many items of its own (system messages).
_BETWEEN = 3
# Of an item's first bytes so many are looked at for its role, and for a tag that a client's own text would begin with.
_ROLE_WITHIN, _OWN_WITHIN = 64, 512
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
        """The place of the last message that may hold a command, where nothing but a client's own may follow it; -1 otherwise."""
        items = prompt.items
        for place in range(len(items) - 1, max(-1, len(items) - 1 - _BETWEEN), -1):
            item = items[place]
            if self._glance.command(item):
                return place
            start = bytes(item[:_ROLE_WITHIN])
            if b'"system"' not in start and b'"developer"' not in start and b"<" not in bytes(item[:_OWN_WITHIN]):
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


class _Pair(Struct, frozen=True):
    """A command and our answer to it, by their places. `rest`: what the client put beside it for the model."""

    command: int
    answer: int
    asked: Asked
    rest: tuple[str, ...]


class _Sweep:
    """One request. `found`: there is something to be done."""

    def __init__(self, prompt: Prompt, wire: Wire, prefix: str) -> None:
        self._prompt = prompt
        self._wire = wire
        self._prefix = prefix
        self._pairs: list[_Pair] = []
        self._struck: dict[int, tuple[Path, str, str]] = {}
        self._dropped: set[int] = set()
        self._conversation = ""
        self._asked: Asked | None = None

    @property
    def found(self) -> bool:
        return bool(self._pairs or self._struck or self._asked is not None)

    def history(self, places: Iterator[int]) -> None:
        """Everything but the newest message."""
        for place in places:
            message = self._message(place)
            if message.role == "user":
                self._strike(place, message)
            else:
                self._pair(place, message)

    def newest(self, place: int) -> None:
        """The message that the request ends with, but for what a client adds to it."""
        message = self._message(place)
        asked = self._found(message) if message.role == "user" else None
        if asked is None or not all(_silent(self._message(later)) for later in range(place + 1, len(self._prompt.items))):
            return
        if asked.before:
            self._strike(place, message)
        self._asked = asked

    def done(self) -> Cleaned:
        """All of it as edits."""
        self._dropped.update(place for pair in self._pairs for place in (pair.command, pair.answer))
        edits: list[Edit] = []
        carried: dict[int, list[str]] = {}
        for pair in self._pairs:
            after = self._next_user(pair.answer)
            if after < 0:
                continue
            between = any(place not in self._dropped for place in range(pair.command + 1, pair.answer))
            moved = self._text(after) if between else None
            if moved is not None:
                edits.append(self._put(pair, moved))
                self._dropped.remove(pair.command)
                self._dropped.add(after)
            elif pair.rest:
                carried.setdefault(after, []).extend(pair.rest)
        edits.extend(PrependText(place, "\n".join(texts)) for place, texts in carried.items() if place not in self._dropped)
        edits.extend(self._strike_edit(place) for place in self._struck if place not in self._dropped)
        edits.extend(DropMessages(start, stop) for start, stop in _runs(sorted(self._dropped)))
        return Cleaned(edits, self._conversation, self._asked)

    def _pair(self, place: int, answer: Message) -> None:
        """An answer of ours and the command before it."""
        command, message = self._before(place)
        asked = self._found(message) if message is not None else None
        if message is None or asked is None:
            return
        if answer.role == "assistant":
            named = sign.conversation_of(asked.written, marker.without(answer.text))
        elif any(isinstance(part, Opaque) and part.kind == "item_reference" for part in answer.parts):
            named = sign.referred(asked.written, _reference.decode(self._prompt.items[place]).id)
        else:
            named = ""
        if named:
            self._conversation = named
            self._struck.pop(command, None)
            self._pairs.append(_Pair(command, place, asked, _for_the_model(message, asked)))

    def _before(self, place: int) -> tuple[int, Message | None]:
        """The user's message that an answer follows, and its place."""
        for earlier in range(place - 1, max(-1, place - 2 - _BETWEEN), -1):
            message = self._message(earlier)
            if message.role == "user" and not _silent(message):
                return earlier, message
            if not _silent(message):
                break
        return -1, None

    def _strike(self, place: int, message: Message) -> None:
        """A setting at the end of a message goes, with the white space before it."""
        asked = self._found(message)
        if asked is None or not asked.before or asked.command is None:
            return
        for part in reversed(message.parts):
            if isinstance(part, Text) and asked.written in part.text:
                at = part.text.rfind(asked.written)
                head = part.text[:at].rstrip()
                self._struck[place] = (part.at, part.text, head + part.text[at + len(asked.written) :])
                return

    def _strike_edit(self, place: int) -> Edit:
        """The same as an edit; where that can be said so, the rest of the text keeps its bytes."""
        at, before, after = self._struck[place]
        same = next((index for index, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), min(len(before), len(after)))
        gone = before[same : same + len(before) - len(after)]
        return StrikeText(at, gone) if before.count(gone) == 1 else SetText(at, after)

    def _put(self, pair: _Pair, text: str) -> Edit:
        """The message that followed, in the place of the command: what a client put behind that (system messages) now follows this."""
        written = pair.asked.written
        for part in reversed(self._message(pair.command).parts):
            if isinstance(part, Text) and written in part.text:
                at = part.text.rfind(written)
                said = "" if pair.asked.before else part.text[:at]
                return SetText(part.at, said + text + part.text[at + len(written) :])
        raise DocumentError("a command that is in no text")

    def _text(self, place: int) -> str | None:
        """All that a message says; None where there is more in it than text."""
        parts = self._message(place).parts
        struck = self._struck.get(place)
        texts = [struck[2] if struck is not None and part.at == struck[0] else part.text for part in parts if isinstance(part, Text)]
        return "\n".join(texts) if len(texts) == len(parts) else None

    def _found(self, message: Message) -> Asked | None:
        """The command in a user's message; none where there is more in it than text."""
        if not all(isinstance(part, Text) for part in message.parts):
            return None
        said = strip("user", message.parts)
        asked = find(said.text, self._prefix)
        return asked if asked is None or not said.sender else replace(asked, sender=said.sender)

    def _next_user(self, place: int) -> int:
        for later in range(place + 1, len(self._prompt.items)):
            if later not in self._dropped and self._message(later).role == "user":
                return later
        return -1

    def _message(self, place: int) -> Message:
        return self._wire.message(self._prompt.items[place], (*self._prompt.items_at, place))


def _silent(message: Message) -> bool:
    """Whether nobody says anything in it: a system message, or a client's own words in a user's name."""
    plain = all(isinstance(part, Text) for part in message.parts)
    return message.role == "system" or (message.role == "user" and plain and not strip("user", message.parts).text)


def _for_the_model(message: Message, asked: Asked) -> tuple[str, ...]:
    """What a client put beside a command for the model to read. Where the command ends a message that we did not let go on, none of the
    person's own words."""
    kept: list[str] = []
    for part in message.parts:
        if isinstance(part, Text):
            own = strip("user", (part,)).text
            rest = part.text if not own else part.text.replace(asked.written, "", 1).strip()
            if rest.strip() and (not own or (len(rest) > _INSTRUCTION_CHARS and not asked.before)):
                kept.append(rest)
    return tuple(kept)


def _runs(places: Sequence[int]) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    for place in places:
        if runs and runs[-1][1] == place:
            runs[-1] = (runs[-1][0], place + 1)
        else:
            runs.append((place, place + 1))
    return runs
