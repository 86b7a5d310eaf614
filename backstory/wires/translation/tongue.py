"""What the tongues share: losses, effort and budget, codes of errors, ids, names of tools, citations.

Rule: every member of a body is taken by somebody or told of: at the top it is one of `Asked.others`, deeper it is `Asked.unread`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias, TypeVar

import msgspec
from msgspec import Raw, Struct

from backstory.core.translation import Asked, Builtin, Effort, Failure, Function, Loss, Said, Words
from backstory.errors import DocumentError
from backstory.wires.lowering import decode
from backstory.wires.translation.fields import Fields

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
