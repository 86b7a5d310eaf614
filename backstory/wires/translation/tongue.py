"""What the tongues share: JSON taken apart member by member, losses, effort and budget, codes of errors, ids, seals, media.

Rule: every member of a body is taken by somebody or told of: at the top it is one of `Asked.others`, deeper it is `Asked.unread`.
"""

from __future__ import annotations

import binascii
import hashlib
import re
from collections.abc import Container, Mapping, Sequence
from typing import Literal, TypeAlias, TypeVar

import msgspec
from msgspec import Raw, Struct

from backstory.core.translation import Asked, Builtin, Effort, Failure, Function, Loss, Said, Sight, Words
from backstory.errors import DocumentError
from backstory.wires.lowering import decode

Json: TypeAlias = dict[str, object]
"""An object to be written. Its values: JSON, or Raw."""

X = TypeVar("X")

_members = msgspec.json.Decoder(dict[str, Raw])
_elements = msgspec.json.Decoder(list[Raw])
_string = msgspec.json.Decoder(str)
_strings: msgspec.json.Decoder[list[str]] = msgspec.json.Decoder(list[str])
_int = msgspec.json.Decoder(int)
_float = msgspec.json.Decoder(float)
_bool = msgspec.json.Decoder(bool)
_object_text = msgspec.json.Decoder(dict[str, Raw])
_KINDS: dict[bytes, Literal["string", "array", "object", "null", "flag", "number"]] = {
    b'"': "string",
    b"[": "array",
    b"{": "object",
    b"n": "null",
    b"t": "flag",
    b"f": "flag",
}


class Fields:
    """One JSON object. A member is gone once it was taken; null counts as absent. `where`: what the object is called in `unread`, the
    list of the members that `done` found untaken. A member of another type than asked for is a DocumentError, or, where `lenient`, as
    good as absent: what a provider says beside the point must not spoil its answer."""

    __slots__ = ("_lenient", "_members", "_where", "unread")

    def __init__(
        self, raw: bytes | memoryview | Raw, where: str = "", unread: dict[str, None] | None = None, lenient: bool = False
    ) -> None:
        self._members = decode(_members, raw)
        self._where = where
        self._lenient = lenient
        self.unread = unread if unread is not None else {}

    def kind(self, name: str) -> str:
        """What the member is: string, array, object, flag, number; "" where it is absent or null. It is not taken."""
        raw = self._members.get(name)
        found = "null" if raw is None else _KINDS.get(bytes(memoryview(raw)[:1]), "number")
        return "" if found == "null" else found

    def raw(self, name: str) -> Raw | None:
        """The member as it stands."""
        raw = self._members.pop(name, None)
        return None if raw is None or bytes(memoryview(raw)[:1]) == b"n" else raw

    def text(self, name: str) -> str:
        """A string; "" where it is absent."""
        return self._value(_string, name) or ""

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of strings, or a lone one."""
        if self.kind(name) == "string":
            return (self.text(name),)
        found = self._value(_strings, name)
        return () if found is None else tuple(found)

    def count(self, name: str) -> int | None:
        """A whole number."""
        return self._value(_int, name)

    def number(self, name: str) -> float | None:
        """A number."""
        return self._value(_float, name)

    def flag(self, name: str) -> bool | None:
        """True or false."""
        return self._value(_bool, name)

    def inner(self, name: str) -> Fields | None:
        """An object."""
        raw = self.raw(name)
        if raw is None or (self._lenient and bytes(memoryview(raw)[:1]) != b"{"):
            return None
        return Fields(raw, f"{self._where}.{name}" if self._where else name, self.unread, self._lenient)

    def elements(self, name: str) -> list[Raw]:
        """The elements of a list, [] where it is absent."""
        return self._value(_elements, name) or []

    def objects(self, name: str) -> list[Fields]:
        """The elements of a list of objects."""
        where = f"{self._where}.{name}" if self._where else name
        return [
            Fields(raw, where, self.unread, self._lenient)
            for raw in self.elements(name)
            if not self._lenient or bytes(memoryview(raw)[:1]) == b"{"
        ]

    def _value(self, decoder: msgspec.json.Decoder[X], name: str) -> X | None:
        raw = self.raw(name)
        if raw is None:
            return None
        try:
            return decode(decoder, raw)
        except DocumentError as cause:
            if self._lenient:
                return None
            raise DocumentError(f"{self._where}.{name}".lstrip(".") + f": {cause}") from cause

    def rest(self) -> tuple[tuple[str, Raw], ...]:
        """What nobody took."""
        return tuple([(name, raw) for name in [*self._members] if (raw := self.raw(name)) is not None])

    def word(self, name: str, known: Container[str]) -> str:
        """A string that is one of these; "" for any other, which is told of."""
        found = self.text(name)
        if found and found not in known:
            self.unread[f"{self._where}.{name}".lstrip(".")] = None
        return found if found in known else ""

    def done(self, *known: str) -> None:
        """What nobody took is told of, but for members `known` to say nothing."""
        for name, raw in self._members.items():
            if name not in known and bytes(memoryview(raw)[:1]) != b"n":
                self.unread[f"{self._where}.{name}" if self._where else name] = None


def text_of(raw: Raw | bytes) -> str:
    """JSON as it stands, as text."""
    try:
        return bytes(raw).decode()
    except UnicodeDecodeError as cause:
        raise DocumentError(f"not UTF-8: {cause.reason}") from cause


# --- losses

_NO_PLACE = "the provider's wire has no place for it"


class Losses:
    """What gets lost of one request, each thing once. `table`: a wire's losses, by the name that its writer has for them."""

    __slots__ = ("_lost", "_table")

    def __init__(self, table: Mapping[str, Loss]) -> None:
        self._table = table
        self._lost: dict[str, Loss] = {}

    def note(self, name: str, what: str = "") -> None:
        """This is lost. `what`: a name that says more than the table's."""
        loss = self._table[name]
        loss = Loss(what, loss.how, loss.why) if what else loss
        self._lost.setdefault(loss.what, loss)

    def foreign(self, asked: Asked, own: str) -> Json:
        """The members of the body that only one wire knows: those of `own` wire, to be written; all others are lost. Members that the
        table names are lost as it says."""
        kept: Json = {}
        for name, raw in asked.others:
            if asked.wire == own:
                kept[name] = raw
            else:
                loss = self._table.get(name)
                self._lost.setdefault(name, loss if loss is not None else Loss(name, "dropped", _NO_PLACE))
        for name in asked.unread:
            self._lost.setdefault(name, Loss(name, "dropped", "its meaning is not known"))
        return kept

    def told(self) -> tuple[Loss, ...]:
        """All of it, in the order in which it was found."""
        return tuple(self._lost.values())


# --- effort

_BUDGETS: tuple[tuple[Effort, int], ...] = (
    ("none", 0),
    ("minimal", 1024),
    ("low", 4096),
    ("medium", 10_240),
    ("high", 24_576),
    ("xhigh", 32_768),
)
"""Tokens of thinking for an effort. The wires have no such table; these are the steps that coding agents use."""
EFFORTS: tuple[Effort, ...] = tuple([effort for effort, _ in _BUDGETS])


def budget_of(effort: Effort) -> int | None:
    """Tokens of thinking; None where nothing was said."""
    return dict(_BUDGETS).get(effort)


def effort_of(budget: int) -> Effort:
    """The effort whose budget is nearest, at most "high": not every model has more."""
    steps = _BUDGETS[:-1]
    return min(steps, key=lambda step: abs(step[1] - budget))[0] if budget > 0 else "none"


def nearest(effort: Effort, allowed: Sequence[Effort]) -> Effort:
    """The allowed effort nearest to this one; of two the lower one."""
    place = EFFORTS.index(effort)
    return min(allowed, key=lambda one: (abs(EFFORTS.index(one) - place), EFFORTS.index(one)))


# --- errors

_CODES = {
    401: "authentication",
    402: "permission",
    403: "permission",
    404: "not_found",
    408: "timeout",
    413: "too_large",
    429: "rate_limit",
    503: "overloaded",
    504: "timeout",
    529: "overloaded",
}
_TOO_LONG = re.compile(
    r"context_length_exceeded|prompt is too long|maximum context length|context window|exceeds? the (?:model's )?context|"
    r"input token count .{0,40}exceeds|too many (?:input )?tokens|input is too long",
    re.IGNORECASE,
)
_MOST_TEXT = 500
# A script without an end is what was cut off: it goes to the end, and no second one is looked for.
_TAGS = re.compile(r"<(?:script|style)\b(?:.*?</(?:script|style)>|.*)|<[^<>]*>", re.DOTALL | re.IGNORECASE)


def code_of(status: int, message: str = "", detail: str = "") -> str:
    """The code of a failure (see Failure)."""
    if status in {400, 413, 422, 0} and _TOO_LONG.search(f"{detail} {message}"):
        return "context_length"
    return _CODES.get(status, "server" if status >= 500 or status < 400 else "invalid_request")


def failed_plainly(status: int, body: bytes) -> Failure:
    """An error that is no JSON of any wire: its text, without HTML tags, cut short."""
    text = " ".join(_TAGS.sub(" ", body[:65_536].decode("utf-8", "replace")).split())[:_MOST_TEXT]
    return Failure(status, code_of(status, text), text or f"the provider answered {status} without a word")


def object_of(body: bytes | Raw) -> Fields | None:
    """The object that this is; None where it is none."""
    try:
        return Fields(body, lenient=True)
    except DocumentError:
        return None


# --- ids


def safe_id(name: str, allowed: re.Pattern[str], most: int, prefix: str = "call_") -> str:
    """The id, where it matches and is not too long; else one made of it, always the same one, and another for every other id."""
    if len(name) <= most and allowed.fullmatch(name):
        return name
    return prefix + hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:24]


def own_id(name: str, prefix: str) -> str:
    """The id of an answer as clients of a wire know it, by its prefix."""
    return name if name.startswith(prefix) else f"{prefix}{name or 'backstory'}"


# --- tools

_NAMES = re.compile(r"[a-zA-Z0-9_-]+")
_MOST_NAME = 64


def short_name(name: str) -> str:
    """The tool's name as every provider takes it: itself, or one made of it. What makes answers of exchanges gives the own name back."""
    if len(name) <= _MOST_NAME and _NAMES.fullmatch(name):
        return name
    start = re.sub(r"[^a-zA-Z0-9_-]", "_", name)[:47]
    return safe_id(name, _NAMES, _MOST_NAME, f"{start}_")[:_MOST_NAME]


def letter_name(name: str) -> str:
    """The same for Gemini, whose names begin with a letter or _."""
    found = short_name(name)
    if found[:1].isalpha() or found[:1] == "_":
        return found
    return f"_{found[:46]}_{hashlib.sha256(found.encode()).hexdigest()[:12]}"


def allowed(asked: Asked, lost: Losses) -> tuple[Function | Builtin, ...]:
    """The tools to offer, for a provider that cannot be told which of them may be called."""
    only = asked.choice.allowed if asked.choice is not None else ()
    if not only:
        return asked.tools
    lost.note("allowed_tools")
    return tuple([tool for tool in asked.tools if isinstance(tool, Function) and tool.name in only])


def object_text(arguments: str) -> Raw | None:
    """Arguments as the JSON object that they are, {} for none at all. None where they are no object."""
    if not arguments.strip():
        return Raw(b"{}")
    try:
        raw = arguments.encode()
        decode(_object_text, raw)
    except (UnicodeEncodeError, DocumentError):
        return None
    return Raw(raw)


# --- messages


def placed(said: Sequence[Said]) -> tuple[Said, ...]:
    """For a wire without instructions in the middle: they are a user's words, and say what they are."""
    out = []
    for one in said:
        if one.speaker == "system":
            words = [Words(f"<system>\n{piece.text}\n</system>") for piece in one.pieces if isinstance(piece, Words)]
            out.append(Said("user", tuple(words)))
        else:
            out.append(one)
    return tuple(out)


# --- media

_MAGIC = (
    ("/9j/", "image/jpeg"),
    ("iVBORw0KGgo", "image/png"),
    ("R0lGOD", "image/gif"),
    ("UklGR", "image/webp"),
    ("JVBERi0", "application/pdf"),
)
"""The first letters of files in base64."""


def sniffed(sight: Sight) -> str:
    """The media type, from the data where nobody says it; "" where that does not tell either."""
    return sight.mime or next((mime for letters, mime in _MAGIC if sight.data.startswith(letters)), "")


def data_url(sight: Sight, default: str) -> str:
    """`data` as a URL."""
    return f"data:{sniffed(sight) or default};base64,{sight.data}"


def from_data_url(url: str) -> tuple[str, str] | None:
    """(media type, base64 text) of a data URL in base64; None for any other."""
    if not url.startswith("data:"):
        return None
    head, found, data = url[5:].partition(",")
    mime, *more = head.split(";")
    return (mime, data) if found and "base64" in more else None


def plain_text(sight: Sight) -> str | None:
    """The text of a document that is text. None for any other."""
    if sight.kind != "document" or not sight.data:
        return None
    if sight.plain:
        return sight.data
    if not sight.mime.startswith("text/") and sight.mime not in {"application/json", "application/xml"}:
        return None
    try:
        return binascii.a2b_base64(sight.data).decode()
    except (ValueError, UnicodeDecodeError):
        return None


# --- citations


class Cite(Struct, frozen=True):
    """A source of some text, as far as every wire can say it. `start`, `end`: the text's place in the answer, -1 where not told."""

    url: str
    title: str = ""
    quoted: str = ""
    start: int = -1
    end: int = -1


def cite_of(raw: Raw) -> Cite | None:
    """A citation in whatever wire's words. None for one that names no page of the web."""
    fields = object_of(raw)
    if fields is None:
        return None
    try:
        fields = fields.inner("url_citation") or fields.inner("web") or fields
        url = fields.text("url") or fields.text("uri")
        start, end = fields.count("start_index"), fields.count("end_index")
        places = (-1 if start is None else start, -1 if end is None else end)
        return Cite(url, fields.text("title"), fields.text("cited_text"), *places) if url else None
    except DocumentError:
        return None
