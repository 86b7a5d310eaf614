"""What the tongues of OpenAI Responses and Gemini share: members under either of their names, losses, files, errors.

Rule: what is not taken out of an object is told as lost, by name.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from typing import TypeVar

import msgspec
from msgspec import Raw

from backstory.core.message import MediaKind
from backstory.core.translation import Asked, Failure, Loss, Sight, Words
from backstory.errors import DocumentError
from backstory.wires.lowering import decode
from backstory.wires.strict import members
from backstory.wires.translation.tongue import Json, code_of, failed_plainly

T = TypeVar("T")

_string = msgspec.json.Decoder(str)
_flag = msgspec.json.Decoder(bool)
# Google's JSON writes 64-bit integers as strings.
_integer = msgspec.json.Decoder(int, strict=False)
_number = msgspec.json.Decoder(float, strict=False)
_list = msgspec.json.Decoder(list[Raw])
_strings = msgspec.json.Decoder(list[str])
_object = msgspec.json.Decoder(dict[str, Raw])
_value: msgspec.json.Decoder[object] = msgspec.json.Decoder()

_KINDS: dict[str, MediaKind] = {"image": "image", "audio": "audio", "video": "video"}
_ENDINGS = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "gif": "image/gif",
    "pdf": "application/pdf",
    "txt": "text/plain",
    "mp3": "audio/mp3",
    "wav": "audio/wav",
    "mp4": "video/mp4",
}
_SUFFIXES = {
    "application/pdf": "pdf",
    "text/plain": "txt",
    "text/markdown": "md",
    "text/javascript": "js",
    "text/x-python": "py",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "pptx",
}
_ODD = re.compile(r"[^a-z0-9]")
_DATA_URL = re.compile(r"data:([^;,]*)(?:;[^,]*)?,", re.ASCII)


class Fields:
    """The members of an object, taken one by one. DocumentError for what is no object, and for values of another kind than asked for."""

    __slots__ = ("_members",)

    def __init__(self, raw: bytes | memoryview | Raw) -> None:
        self._members = members(raw)

    def take(self, *names: str) -> Raw | None:
        """The value of the first of these members that is there and not null; all of them are taken."""
        found: Raw | None = None
        for name in names:
            value = self._members.pop(name, None)
            if found is None and value is not None and bytes(memoryview(value)[:1]) != b"n":
                found = value
        return found

    def text(self, *names: str) -> str:
        """A string, "" where there is none."""
        value = self.take(*names)
        return "" if value is None else decode(_string, value)

    def flag(self, *names: str) -> bool | None:
        """A boolean."""
        value = self.take(*names)
        return None if value is None else decode(_flag, value)

    def integer(self, *names: str) -> int | None:
        """A whole number, also as a string."""
        value = self.take(*names)
        return None if value is None else decode(_integer, value)

    def number(self, *names: str) -> float | None:
        """A number."""
        value = self.take(*names)
        return None if value is None else decode(_number, value)

    def items(self, *names: str) -> list[Raw]:
        """A list; a value that is none is its only element."""
        value = self.take(*names)
        return [] if value is None else listed(value)

    def texts(self, *names: str) -> tuple[str, ...]:
        """A list of strings, or one string."""
        value = self.take(*names)
        if value is None:
            return ()
        if is_string(value):
            return (decode(_string, value),)
        found: list[str] = decode(_strings, value)
        return tuple(found)

    def fields(self, *names: str) -> Fields | None:
        """An object."""
        value = self.take(*names)
        return None if value is None else Fields(value)

    def leave(self, name: str) -> None:
        """This member was taken, but not understood: it counts as not taken."""
        self._members[name] = Raw(b"true")

    def rest(self) -> tuple[tuple[str, Raw], ...]:
        """What was not taken."""
        return tuple((name, value) for name, value in self._members.items() if bytes(memoryview(value)[:1]) != b"n")


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


def listed(raw: Raw) -> list[Raw]:
    """The elements of a list; a value that is none is its only element."""
    return decode(_list, raw) if bytes(memoryview(raw)[:1]) == b"[" else [raw]


def value(raw: bytes | Raw) -> object:
    """Any JSON."""
    return decode(_value, raw)


def arguments_object(text: str, under: str) -> dict[str, Raw]:
    """A tool's arguments as an object: what is none stands in the member `under`."""
    try:
        return decode(_object, text.encode()) if text.strip() else {}
    except (DocumentError, UnicodeEncodeError):
        return {under: Raw(msgspec.json.encode(text.encode("utf-8", "replace").decode()))}


def kind_of(mime: str) -> MediaKind:
    """What a file of this type is."""
    return _KINDS.get(mime.partition("/")[0], "document")


def mime_of(url: str) -> str:
    """The media type that the end of a link tells; "" where it tells none."""
    return _ENDINGS.get(url.partition("?")[0].rpartition(".")[2].lower(), "")


def sight(kind: MediaKind, link: str, name: str = "", detail: str = "") -> Sight:
    """A file by its link, which may be a data URL. A document of text is its text."""
    found = _DATA_URL.match(link)
    if found is None:
        return Sight(kind, url=link, name=name, detail=detail)
    return held(kind, found.group(1), link[found.end() :], name, detail)


def held(kind: MediaKind, mime: str, data: str, name: str = "", detail: str = "") -> Sight:
    """A file by its base64 text. A document of plain text is its text."""
    if mime == "text/plain" and kind == "document":
        try:
            return Sight(kind, mime, b64decode(data, validate=True).decode(), name=name, detail=detail, plain=True)
        except (binascii.Error, ValueError):
            pass
    return Sight(kind, mime, data, name=name, detail=detail)


def base64_of(seen: Sight) -> str:
    """Its bytes as base64 text."""
    return b64encode(seen.data.encode("utf-8", "replace")).decode() if seen.plain else seen.data


def link_of(seen: Sight, usual: str) -> str:
    """Its link, or a data URL. `usual`: its type where it does not tell."""
    return seen.url or f"data:{seen.mime or usual};base64,{base64_of(seen)}"


def file_name(seen: Sight) -> str:
    """A name for bytes of a file with an ending, by which OpenAI tells what it is."""
    if "." in seen.name:
        return seen.name
    mime = seen.mime or "application/pdf"
    return f"{seen.name or 'file'}.{_SUFFIXES.get(mime) or _ODD.sub('', mime.rpartition('/')[2].removeprefix('x-'))}"


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
        error = fields.take("error", "detail")
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
    found = fields.take(*names)
    if found is None:
        return ""
    return string(found) if is_string(found) else bytes(found).decode("utf-8", "replace") if not is_object(found) else ""
