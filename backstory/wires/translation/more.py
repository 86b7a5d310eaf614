"""What the tongues of OpenAI Responses and Gemini share: losses, errors.

Rule: what is not taken out of an object is told as lost, by name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Raw

from backstory.core.translation import Asked, Failure, Loss, Sight, Words
from backstory.errors import DocumentError
from backstory.wires.lowering import decode
from backstory.wires.translation.fields import Fields, listed
from backstory.wires.translation.tongue import Json, code_of, failed_plainly

_string = msgspec.json.Decoder(str)
_object = msgspec.json.Decoder(dict[str, Raw])
_value: msgspec.json.Decoder[object] = msgspec.json.Decoder()


class Losing:
    """Collects losses, each once. `table`: those that are known beforehand, by what is lost."""

    __slots__ = ("_found", "_table")

    def __init__(self, table: Sequence[Loss] = ()) -> None:
        self._table = {loss.what: loss for loss in table}
        self._found: dict[str, Loss] = {}

    def lose(self, what: str) -> None:
        """A loss of the table; one that does not stand there is dropped for want of a place."""
        known = self._table.get(what)
        self._found[what] = known or Loss(what, "dropped", "the provider's wire has no place for it")

    def add(self, loss: Loss) -> None:
        """One that is made up for the case."""
        self._found[loss.what] = loss

    def all_of(self, wanted: Mapping[str, bool]) -> None:
        """Those that are true."""
        for what, there in wanted.items():
            if there:
                self.lose(what)

    def foreign(self, asked: Asked, own: str, shared: frozenset[str] = frozenset()) -> Json:
        """The members of the body that only one wire knows: those of `own` wire and the `shared` ones, to be written; others are lost."""
        kept: Json = {}
        for name, raw in asked.others:
            if asked.wire == own or name in shared:
                kept[name] = raw
            else:
                self.lose(name)
        for name in asked.unread:
            self.lose(name)
        return kept

    def rest(self, fields: Fields | None, under: str) -> None:
        """What was not taken of an object."""
        for name, _ in fields.rest() if fields is not None else ():
            self.lose(f"{under}.{name}")

    def told(self) -> tuple[Loss, ...]:
        """All so far."""
        return tuple(self._found.values())


def is_string(raw: Raw) -> bool:
    """Whether it is a JSON string."""
    return bytes(memoryview(raw)[:1]) == b'"'


def is_object(raw: Raw) -> bool:
    """Whether it is a JSON object."""
    return bytes(memoryview(raw)[:1]) == b"{"


def string(raw: Raw) -> str:
    """A JSON string's text."""
    return decode(_string, raw)


def value(raw: bytes | Raw) -> object:
    """Any JSON."""
    return decode(_value, raw)


def arguments_object(text: str, under: str) -> dict[str, Raw]:
    """A tool's arguments as an object: what is none stands in the member `under`."""
    try:
        return decode(_object, text.encode()) if text.strip() else {}
    except (DocumentError, UnicodeEncodeError):
        return {under: Raw(msgspec.json.encode(text.encode("utf-8", "replace").decode()))}


def joined(parts: Sequence[Words | Sight]) -> str:
    """All texts."""
    return "\n".join(part.text for part in parts if isinstance(part, Words))


def failure_of(status: int, body: bytes, message: str, detail: str, code: str = "") -> Failure:
    """An error. `message` "": what the body shows, which may be HTML or nothing. `code` "": what the status says."""
    told = message or failed_plainly(status, body).message
    return Failure(status, code or code_of(status, told, detail), told, detail)


def error_object(body: bytes) -> Fields | None:
    """The `error` of a body, or of the first element of a list; the body itself where it is an object without one; None for no JSON."""
    try:
        raw = listed(Raw(body))[0]
        fields = Fields(raw)
        error = fields.raw("error", "detail")
        if error is None:
            return Fields(raw)
        return told_error(error)
    except (DocumentError, IndexError):
        return None


def told_error(raw: Raw) -> Fields:
    """An `error` that is an object, or its words alone. DocumentError where it is malformed."""
    return Fields(raw) if is_object(raw) else Fields(b'{"message":' + bytes(raw) + b"}" if is_string(raw) else b"{}")


def loose_text(fields: Fields, *names: str) -> str:
    """A string, or a number as text; "" for anything else."""
    found = fields.raw(*names)
    if found is None:
        return ""
    return string(found) if is_string(found) else bytes(found).decode("utf-8", "replace") if not is_object(found) else ""
