"""Lists of models, from a provider's wire into a client's. Implements core.plan.Translation. Pure: bytes in, bytes out.

Rule: a list is the provider's, whole, in its order; the client's wish for a page of it is met here, since the wires turn pages in different
ways. What the provider does not tell is left out, or is what the client's wire has for that.
Source: https://docs.claude.com/en/api/models-list, https://ai.google.dev/api/models, https://platform.openai.com/docs/api-reference/models.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias
from urllib.parse import parse_qs, quote, unquote

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import replace

from backstory.core.document import Document, Put
from backstory.core.exchange import Headers
from backstory.core.translation import Failure, Tongue
from backstory.errors import DocumentError
from backstory.wires.bodies import Inflate, beside, inflating
from backstory.wires.lowering import decode, encode

ASKED = re.compile(r"(?:/anthropic)?(?P<version>/v\d\w*)?/models(?:/(?P<one>[^?]+?))?/?")
"""The paths at which clients ask for the models or for `one` of them."""
MOST = 1000
"""What a page holds at most, with both wires that have pages."""
_USUAL = {"anthropic": 20, "gemini": 50}
_VERBS = ("generateContent", "streamGenerateContent", "countTokens")


Row: TypeAlias = tuple[str, Any]
"""A model's name, and what a list says of it."""


class Model(Struct, frozen=True):
    """One model. `created`: Unix seconds, 0 where not told. `window`, `output`: tokens, 0 where not told. `verbs`: of Gemini."""

    id: str
    name: str = ""
    created: int = 0
    owner: str = ""
    window: int = 0
    output: int = 0
    about: str = ""
    verbs: tuple[str, ...] = _VERBS


class _Provider(Struct):
    max_completion_tokens: int | None = None


class _Read(Struct):
    """A model in any of the wires; providers compatible with OpenAI name their windows in many ways."""

    id: str = ""
    name: str | None = None
    display_name: str | None = None
    displayName: str | None = None  # noqa: N815 (the wire's)
    description: str | None = None
    created: float | None = None
    created_at: str | int | None = None
    owned_by: str | None = None
    max_input_tokens: int | None = None
    max_tokens: int | None = None
    inputTokenLimit: int | None = None  # noqa: N815
    outputTokenLimit: int | None = None  # noqa: N815
    context_length: int | None = None
    context_window: int | None = None
    max_context_length: int | None = None
    max_model_len: int | None = None
    max_completion_tokens: int | None = None
    top_provider: _Provider | None = None
    supportedGenerationMethods: list[str] | None = None  # noqa: N815


class _List(Struct):
    data: list[msgspec.Raw] | None = None
    models: list[msgspec.Raw] | None = None


_list = msgspec.json.Decoder(_List)
_lone = msgspec.json.Decoder(list[msgspec.Raw])
_model = msgspec.json.Decoder(_Read, strict=False)


class ModelList:
    """One question for models. `one`: for this model alone. `query`: of the client's request."""

    done = False

    def __init__(self, client: Tongue, provider: Tongue, one: str, query: str) -> None:
        self._client = client
        self._provider = provider
        self._one = unquote(one).removeprefix("models/")
        self._query = query
        self._status = 0
        self._inflate: Inflate | None = None
        self.learnt: Headers = ()

    def place(self) -> str:
        """Where the provider is asked."""
        one = f"/{quote(self._one, safe='')}" if self._one else ""
        match self._provider.name:
            case "gemini":
                return f"/v1beta/models{one}" + ("" if one else f"?pageSize={MOST}")
            case "anthropic":
                return f"/v1/models{one}" + ("" if one else f"?limit={MOST}")
            case _:
                return f"/v1/models{one}"

    def ask(self, body: bytes) -> bytes:
        """See Translation. Nothing but the place asks."""
        return b""

    def begin(self, status: int, headers: Headers) -> tuple[Literal["whole"], Headers]:
        """See Translation."""
        self._status, self._inflate = status, inflating(headers)
        return "whole", (*beside(headers), (b"Content-Type", b"application/json"))

    def chunk(self, data: bytes) -> bytes:
        """See Translation. It is never a stream."""
        return b""

    def tail(self) -> bytes:
        """See Translation."""
        return b""

    def rest(self) -> bytes:
        """See Translation. It is never a stream."""
        return b""

    def whole(self, body: bytes) -> tuple[int, bytes]:
        """See Translation."""
        if self._inflate is not None:
            body = self._inflate.more(body)
        if self._status >= 400:
            return self._client.failure(self._provider.failed(self._status, body))
        if self._one:
            return 200, encode(_written(self._client.name, read_model(body, self._provider.name)))
        try:
            listed = [(one.id, _written(self._client.name, one)) for one in read_models(body, self._provider.name)]
            return 200, encode(_page(self._client.name, listed, self._query))
        except _NoPage as error:
            return self._client.failure(Failure(400, "invalid_request", str(error)))


def rows(body: bytes, speaks: str, wire: str, prefix: str) -> list[Row]:
    """A provider's list, for clients of this wire, with this in front of each name. One in their own wire keeps what it says of its
    models. DocumentError for what is no list."""
    found: list[Row] = []
    own = speaks == wire
    for one, raw in _models(body, speaks):
        name = prefix + one.id
        if own:
            member, value = ("name", f"models/{quote(name, safe='')}") if wire == "gemini" else ("id", name)
            found.append((name, Raw(Document(raw).apply([Put((member,), encode(value))]) if prefix else raw)))
        else:
            found.append((name, _written(wire, replace(one, id=name, name=one.name or one.id))))
    return found


def named(names: Iterable[str], wire: str, owner: str) -> list[Row]:
    """Models of which nothing is known but their names."""
    return [(name, _written(wire, Model(name, owner=owner))) for name in names]


def merged(client: Tongue, listed: Iterable[Row], query: str) -> tuple[int, bytes]:
    """Status and body of the page that this query asks for; of several models of one name the first counts."""
    once = dict[str, Any]()
    for name, row in listed:
        once.setdefault(name, row)
    try:
        return 200, encode(_page(client.name, [*once.items()], query))
    except _NoPage as error:
        return client.failure(Failure(400, "invalid_request", str(error)))


class _NoPage(Exception):
    """The client asks for a page that there is not."""


# --- read


def read_models(body: bytes, wire: str) -> list[Model]:
    """A provider's list. DocumentError for what is none; what is no model in it is left out."""
    return [one for one, _ in _models(body, wire)]


def _models(body: bytes, wire: str) -> list[tuple[Model, bytes]]:
    if body.lstrip()[:1] == b"[":  # as some compatible providers answer
        raws: list[msgspec.Raw] | None = decode(_lone, body)
    else:
        found = decode(_list, body)
        raws = found.models if found.data is None else found.data
    if raws is None:
        if wire == "gemini":  # an empty list has no member there
            return []
        raise DocumentError("an answer without a list of models")
    out = []
    for raw in raws:
        try:
            out.append((read_model(bytes(raw), wire), bytes(raw)))
        except DocumentError:
            continue
    return out


def read_model(body: bytes, wire: str) -> Model:
    """One model. DocumentError for what is none."""
    found = decode(_model, body)
    name = (found.name or "").removeprefix("models/") if wire == "gemini" else found.id or found.name or ""
    if not name:
        raise DocumentError("a model without an id")
    output = found.outputTokenLimit or found.max_completion_tokens or (found.max_tokens if wire == "anthropic" else None)
    if not output and found.top_provider is not None:
        output = found.top_provider.max_completion_tokens
    windows = (found.inputTokenLimit, found.max_input_tokens, found.context_length, found.context_window, found.max_context_length)
    return Model(
        name,
        found.display_name or found.displayName or (found.name if wire != "gemini" and found.name != name else "") or "",
        _seconds(found),
        found.owned_by or {"anthropic": "anthropic", "gemini": "google"}.get(wire, ""),
        next((window for window in (*windows, found.max_model_len) if window), 0),
        output or 0,
        found.description or "",
        tuple(found.supportedGenerationMethods) if found.supportedGenerationMethods else _VERBS,
    )


def _seconds(found: _Read) -> int:
    if found.created:
        return int(found.created)
    if isinstance(found.created_at, int):
        return found.created_at
    try:
        return max(0, int(datetime.fromisoformat(found.created_at or "").timestamp()))
    except (ValueError, OverflowError):
        return 0


# --- written


def _written(wire: str, one: Model) -> dict[str, Any]:
    match wire:
        case "anthropic":
            created = datetime.fromtimestamp(one.created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            out: dict[str, Any] = {"type": "model", "id": one.id, "display_name": one.name or one.id, "created_at": created}
            return out | {"lifecycle": "active"} | _known(max_input_tokens=one.window, max_tokens=one.output)
        case "gemini":
            # A name with a slash or a colon would not be one segment of the path that it becomes.
            out = {"name": f"models/{quote(one.id, safe='')}", "version": "", "displayName": one.name or one.id}
            out |= _known(description=one.about, inputTokenLimit=one.window, outputTokenLimit=one.output)
            return out | {"supportedGenerationMethods": list(one.verbs)}
        case _:
            out = {"id": one.id, "object": "model", "created": one.created, "owned_by": one.owner or "system"}
            return out | _known(context_length=one.window, max_completion_tokens=one.output)


def _known(**members: int | str) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value}


def _page(wire: str, models: list[Row], query: str) -> dict[str, Any]:
    asked = {name: values[-1] for name, values in parse_qs(query).items()}
    match wire:
        case "anthropic":
            start, stop = _between(models, asked, _count(asked.get("limit"), _USUAL[wire]))
            page = models[start:stop]
            more = start > 0 if "before_id" in asked else stop < len(models)
            ends = (page[0][0], page[-1][0]) if page else (None, None)
            return {"data": [row for _, row in page], "has_more": more, "first_id": ends[0], "last_id": ends[1]}
        case "gemini":
            start, count = _start(asked.get("pageToken", "")), _count(asked.get("pageSize"), _USUAL[wire])
            stop = start + count
            return {"models": [row for _, row in models[start:stop]]} | ({"nextPageToken": str(stop)} if stop < len(models) else {})
        case _:
            return {"object": "list", "data": [row for _, row in models]}


def _between(models: list[Row], asked: dict[str, str], count: int) -> tuple[int, int]:
    """Where a page begins and ends that follows one model, or comes before one."""
    ids = [name for name, _ in models]
    for name in ("after_id", "before_id"):
        found = asked.get(name)
        if found is None:
            continue
        if found not in ids:
            raise _NoPage(f"{name}: there is no model {found}")
        at = ids.index(found)
        return (at + 1, min(len(ids), at + 1 + count)) if name == "after_id" else (max(0, at - count), at)
    return 0, min(len(ids), count)


def _count(text: str | None, usual: int) -> int:
    if text is None:
        return usual
    if not text.isdecimal() or not int(text):
        raise _NoPage(f"a page of {text} models")
    return min(int(text), MOST)


def _start(token: str) -> int:
    if token and not token.isdecimal():
        raise _NoPage("the page token is not one that was given")
    return int(token or 0)
