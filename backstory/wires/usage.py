"""What an answer, or an event of one, says of the tokens that it was charged by, whatever provider it is of and whatever it answers.

Rule: nothing is known here of the request, so the shape tells whose words these are. Only where a provider puts it is it looked for: text
of an answer, and arguments of a call, may say the same and mean nothing. What cannot be read says nothing. Raises nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import msgspec
from msgspec import Raw, Struct, field

from backstory.core.reply import Usage
from backstory.wires.anthropic import stream as anthropic_stream
from backstory.wires.gemini import parts as gemini_parts
from backstory.wires.openai_chat import stream as openai_chat_stream
from backstory.wires.openai_responses import items as openai_responses_items

# Unescaped, so no part of a text: the member itself, where it holds something.
MENTIONED = re.compile(rb'"usage(?:Metadata)?"\s*:\s*\{')
_TEXTS = re.compile(
    rb'"(?:text|content|delta|thinking|reasoning|reasoning_content|partial_json|arguments|refusal)"\s*:\s*"((?:[^"\\]|\\.)*+)"'
)
_EMPTY = Raw()
_LAST = 2


class Stated(Struct, frozen=True):
    """What was said of it: "" and None for nothing."""

    usage: Usage | None = None
    model: str = ""


class _Inner(Struct):
    usage: Raw = _EMPTY
    model: object = None


class _Told(Struct):
    """One body, or one event. `message`, `response`: where the first event of Anthropic's, and those of OpenAI Responses, have all of it;
    others have other things there."""

    usage: Raw = _EMPTY
    model: object = None
    metadata: Raw = field(name="usageMetadata", default=_EMPTY)
    version: object = field(name="modelVersion", default=None)
    message: Raw = _EMPTY
    response: Raw = _EMPTY


class _Named(Struct):
    model: object = None


_told = msgspec.json.Decoder(_Told)
_several = msgspec.json.Decoder(list[_Told])
_inner = msgspec.json.Decoder(_Inner)
_named = msgspec.json.Decoder(_Named)
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def stated(body: bytes) -> Stated:
    """What a whole answer says: a JSON object, or a list of the pieces of one (Gemini's streams without SSE)."""
    try:
        found = _several.decode(body) if body[:1] == b"[" else [_told.decode(body)]
    except _UNREADABLE:
        return Stated()
    return joined(_of(one) for one in found)


def joined(several: Iterable[Stated]) -> Stated:
    """What the events of one stream say together: each may correct the ones before it."""
    usage, model = None, ""
    for one in several:
        model = one.model or model
        usage = one.usage if usage is None else usage if one.usage is None else _later(usage, one.usage)
    return Stated(usage, model)


def summed(several: Sequence[Usage]) -> Usage:
    """Of several answers, one at least."""
    if len(several) == 1:
        return several[0]
    return Usage(*(sum(column) for column in zip(*(msgspec.structs.astuple(one) for one in several), strict=True)))


def mentions(lines: bytes) -> list[bytes]:
    """Of the lines of a stream, those that mention usage: the first (Anthropic tells the input there), and the last ones."""
    places = [found.start() for found in MENTIONED.finditer(lines)]
    if len(places) > 1 + _LAST:
        places = [places[0], *places[-_LAST:]]
    found: dict[int, bytes] = {}
    for place in places:
        start, end = lines.rfind(b"\n", 0, place) + 1, lines.find(b"\n", place)
        found[start] = lines[start : end if end >= 0 else len(lines)]
    return list(found.values())


def streamed(lines: Iterable[bytes]) -> Stated:
    """What these lines of a stream say together."""
    return joined([stated(line.removeprefix(b"data:").strip()) for line in lines])


def model_of(body: bytes) -> str:
    """The model that a request names, "" where it names none or cannot be read."""
    try:
        return _text(_named.decode(body).model)
    except _UNREADABLE:
        return ""


def text_bytes(body: bytes) -> int:
    """About how much an answer, or a part of its stream, says, in bytes: what stands where text, reasoning and arguments do."""
    return sum(len(found) for found in _TEXTS.findall(body))


def _of(told: _Told) -> Stated:
    model, usage = _text(told.model) or _text(told.version), _counts(told.usage)
    usage = gemini_parts.usage_of(told.metadata) or usage
    for raw in (told.message, told.response):
        if raw is not _EMPTY:
            try:
                inner = _inner.decode(raw)
            except _UNREADABLE:
                continue
            usage, model = _counts(inner.usage) or usage, _text(inner.model) or model
    return Stated(usage, model)


def _counts(raw: Raw) -> Usage | None:
    """The counts of the wire whose names these are; Anthropic's and OpenAI's have some in common, and what they mean by them."""
    text = bytes(raw)
    if b'"prompt_tokens"' in text or b'"completion_tokens"' in text:
        return openai_chat_stream.usage_of(raw)
    if b'"input_tokens_details"' in text:
        return openai_responses_items.usage_of(raw)
    if b'"input_tokens"' in text or b'"output_tokens"' in text:
        return anthropic_stream.usage_of(raw)
    return None


def _later(old: Usage, new: Usage) -> Usage:
    """A later count takes an earlier one's place where it is told at all. The whole input includes what the cache had, which some events
    leave out: then the larger one holds."""
    return Usage(
        max(old.input_tokens, new.input_tokens),
        new.output_tokens or old.output_tokens,
        new.cache_read_tokens or old.cache_read_tokens,
        new.cache_write_tokens or old.cache_write_tokens,
        new.cache_write_long_tokens or old.cache_write_long_tokens,
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
