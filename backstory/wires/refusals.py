"""Whether a stream begins with the word that the request was not taken: some providers say so in an event, behind a status of 200."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

Told: TypeAlias = Literal["refused", "nothing", "something"]

# What the four wires call a request that is to blame itself, or too long. A provider that is busy, or broken, says something else.
_BLAMED = frozenset(
    {"invalid_request_error", "request_too_large", "context_length_exceeded", "string_above_max_length", "INVALID_ARGUMENT", 400, 413, 422}
)
# Events of Responses that say no more than that the request has come in.
_COMING = frozenset({"response.created", "response.queued", "response.in_progress"})
_DONE = b"[DONE]"


class _Why(Struct):
    type: object = None
    code: object = None
    status: object = None


class _Response(Struct):
    error: _Why | None = None


class _Event(Struct):
    type: str = ""
    code: object = None
    error: Raw | UnsetType = UNSET
    response: Raw | UnsetType = UNSET


_event = msgspec.json.Decoder(_Event)
_why = msgspec.json.Decoder(_Why | None)
_response = msgspec.json.Decoder(_Response)


def told(data: bytes) -> Told:
    """What an event at the beginning of a stream says of it. `data`: its payload, in any of the four wires. nothing: the next one has to be
    heard."""
    if not data:
        return "nothing"
    if data == _DONE:
        return "something"
    try:
        event = _event.decode(data)
        if event.type in _COMING:
            return "nothing"
        return "refused" if any(why in _BLAMED for why in _whys(event)) else "something"
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return "something"


def _whys(event: _Event) -> list[str | int]:
    """The names that it has for what is wrong."""
    given: list[object] = [event.code] if event.type == "error" else []
    found: list[_Why | None] = []
    if not isinstance(event.error, UnsetType):
        found.append(_why.decode(event.error))
    if event.type == "response.failed" and not isinstance(event.response, UnsetType):
        found.append(_response.decode(event.response).error)
    for one in found:
        given += [] if one is None else [one.type, one.code, one.status]
    return [name for name in given if isinstance(name, str | int)]
