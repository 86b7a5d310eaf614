"""OpenAI Responses over a WebSocket, free of sockets: what a client's messages ask for, and an answer over HTTP as messages of the server.

Sources: developers.openai.com/api/docs/guides/websocket-mode, .../api/reference/resources/responses/websocket-events, and what the OpenAI
SDKs and Codex send and read (docs/decisions/websocket.md).

Rule: a `response.create` becomes the body of a POST by splices; what a provider streams is passed on as it came, without its framing.
What was said on a connection is continued from here only where a provider cannot: after `store: false`, and after a warm-up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, TypeAlias

import msgspec
from msgspec import Raw, Struct

from backstory.core.document import Cut, Document, Put, Splice
from backstory.core.exchange import Headers
from backstory.core.stream import Frame
from backstory.errors import DocumentError
from backstory.wires.lowering import encode, quote
from backstory.wires.openai_responses.items import ENDS
from backstory.wires.sse import SSEReader

MOST_LANES = 32
"""Named lanes of a connection; as the API's own."""
_SSE = b"text/event-stream"
_ENVELOPE = ("type", "stream_id", "generate")
_ENDS = ENDS | {"error"}
# Of a failed answer's headers those that clients act on.
_TOLD = (b"retry-after", b"x-ratelimit-", b"x-request-id", b"x-codex-", b"openai-", b"x-vc-")
_QUOTED = 500
_STATUS_OF = {"rate_limit_exceeded": 429, "insufficient_quota": 429, "invalid_prompt": 400, "context_length_exceeded": 400}
_members = msgspec.json.Decoder(dict[str, Raw])
_items = msgspec.json.Decoder(list[Raw])

Kind: TypeAlias = Literal["create", "steer", "nothing"]


class _Options(Struct):
    prewarm: bool | None = None


class _Asked(Struct):
    type: str = ""
    stream_id: str | None = None
    generate: bool | None = None
    background: bool | None = None
    store: bool | None = None
    previous_response_id: str | None = None
    model: str = ""
    input: Raw = Raw(b"")
    prompt_cache_options: _Options | None = None


class _Item(Struct):
    type: str = ""
    encrypted_content: str | None = None


class _Answer(Struct):
    id: str = ""
    output: list[Raw] = []


class _Event(Struct):
    type: str = ""
    item: Raw = Raw(b"")
    response: _Answer | None = None
    error: Raw = Raw(b"")
    code: str | None = None
    message: str = ""


_asked = msgspec.json.Decoder(_Asked)
_item = msgspec.json.Decoder(_Item)
_event = msgspec.json.Decoder(_Event)


class SocketError(Exception):
    """A message that cannot be carried out; `frame` tells the client. The connection lives on."""

    def __init__(self, frame: bytes) -> None:
        super().__init__("refused")
        self.frame = frame


class Wanted(Struct, frozen=True):
    """One `response.create`. `lane`: "" without a name. `warm`: nothing is to be generated. `body`: of the POST, but for what it continues;
    `items`: its own input, item by item."""

    lane: str
    warm: bool
    stored: bool
    previous: str
    model: str
    body: bytes
    items: tuple[bytes, ...]


class Held(Struct, frozen=True):
    """The newest answer of a lane: all that was said up to it and in it, where a provider may not know that. `known`: it does."""

    id: str
    items: tuple[bytes, ...]
    known: bool


class Session:
    """What a connection remembers: of each lane its newest answer. `ids` makes those of answers of ours; `clock`: Unix seconds.
    `most_bytes`: what is held of one lane."""

    def __init__(self, ids: Callable[[], str], clock: Callable[[], float], most_bytes: int) -> None:
        self._ids = ids
        self._clock = clock
        self._most = most_bytes
        self._held: dict[str, Held] = {}
        self._lanes: set[str] = set()

    def read(self, text: bytes) -> Wanted | None:
        """What a message asks for; None for nothing. Raises SocketError."""
        try:
            asked = _asked.decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise SocketError(failure(400, "invalid_json", f"the message cannot be read: {error}")) from error
        lane = asked.stream_id or ""
        if asked.type == "response.processed":  # Codex tells that it has seen an answer to its end
            return None
        if asked.type == "response.steer":
            raise SocketError(_unsteered(text, asked.previous_response_id or ""))
        if asked.type != "response.create":
            raise SocketError(failure(400, "unknown_event", f"no event of a client: {asked.type!r} (there is response.create)", lane))
        if asked.background:
            raise SocketError(failure(400, "unsupported_parameter", "background is not supported over a WebSocket", lane, "background"))
        if lane and lane not in self._lanes:
            if len(self._lanes) >= MOST_LANES:
                raise SocketError(failure(400, "websocket_stream_limit_reached", f"more than {MOST_LANES} lanes on one connection", lane))
            self._lanes.add(lane)
        options = asked.prompt_cache_options
        warm = asked.generate is False or (options is not None and bool(options.prewarm))
        try:
            body, items = _body(text), _items_of(bytes(asked.input))
        except DocumentError as error:
            raise SocketError(failure(400, "invalid_request", f"the message cannot be read: {error}", lane)) from error
        return Wanted(lane, warm, asked.store is not False, asked.previous_response_id or "", asked.model, body, items)

    def begin(self, wanted: Wanted) -> Answering:
        """The answer that is begun: what goes up stands in its `body`, b"" for a warm-up, which `warmed` answers. Raises SocketError."""
        held = next((one for one in self._held.values() if one.id == wanted.previous), None) if wanted.previous else None
        before = held.items if held is not None else ()
        body = wanted.body
        if held is None and wanted.previous and wanted.warm:
            text = f"Previous response with id '{wanted.previous}' not found."
            raise SocketError(failure(400, "previous_response_not_found", text, wanted.lane, "previous_response_id"))
        if held is not None and not held.known:
            if not wanted.stored:
                before = tuple([item for item in before if not _dangles(item)])
            joined = b"[" + b",".join((*before, *wanted.items)) + b"]"
            body = Document(body).apply([Put(("input",), joined), Cut(("previous_response_id",))])
        # What builds on an answer that is not held is known to its provider alone.
        whole = (*before, *wanted.items) if held is not None or not wanted.previous else None
        return Answering(self, wanted, b"" if wanted.warm else body, whole)

    def warmed(self, answering: Answering) -> list[bytes]:
        """The messages that answer a warm-up: an answer without output, which can be continued here."""
        wanted, name = answering.wanted, self._ids()
        self.keep(answering, name, (), False)
        said: dict[str, object] = {
            "id": name,
            "object": "response",
            "created_at": int(self._clock()),
            "status": "in_progress",
            "model": wanted.model,
            "output": [],
            "error": None,
            "incomplete_details": None,
            "instructions": None,
            "metadata": {},
            "parallel_tool_calls": True,
            "previous_response_id": wanted.previous or None,
            "store": wanted.stored,
            "temperature": None,
            "tool_choice": "auto",
            "tools": [],
            "top_p": None,
            "usage": None,
        }
        usage = {
            "input_tokens": 0,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": 0,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": 0,
        }
        ended = {**said, "status": "completed", "usage": usage}
        events = [{"type": "response.created", "response": said}, {"type": "response.completed", "response": ended}]
        return [_laned(encode({**event, "sequence_number": at}), wanted.lane) for at, event in enumerate(events)]

    def keep(self, answering: Answering, name: str, output: tuple[bytes, ...], known: bool) -> None:
        """Hold this answer; the one before it in its lane goes. `known`: its provider has it too."""
        whole = answering.whole
        lane = answering.wanted.lane
        self._held.pop(lane, None)
        if whole is not None and name:
            items = (*whole, *output)
            if sum(map(len, items)) <= self._most:
                self._held[lane] = Held(name, items, known)


class Answering:
    """One answer: bytes of a reply over HTTP in, messages out."""

    __slots__ = ("_ended", "_headers", "_output", "_parts", "_reader", "_session", "_size", "_status", "body", "wanted", "whole")

    def __init__(self, session: Session, wanted: Wanted, body: bytes, whole: tuple[bytes, ...] | None) -> None:
        self._session = session
        self.wanted = wanted
        self.body = body
        self.whole = whole
        self._reader: SSEReader | None = None
        self._status = 0
        self._headers: Headers = ()
        self._parts: list[bytes] = []
        self._output: list[bytes] = []
        self._size = 0
        self._ended = False

    def begin(self, status: int, headers: Headers) -> None:
        """The head of the reply."""
        self._status, self._headers = status, headers
        kind = next((value for name, value in headers if name.lower() == b"content-type"), b"").lower()
        self._reader = SSEReader() if status < 400 and kind.startswith(_SSE) else None

    def feed(self, data: bytes) -> list[bytes]:
        """A piece of its body, codings off."""
        if self._reader is None:
            self._parts.append(data)
            return []
        return self._told(self._reader.feed(data))

    def end(self) -> list[bytes]:
        """Its end. A stream without a last event gets one: over a WebSocket nothing else tells that it is over."""
        if self._reader is not None:
            told = self._told(self._reader.close())
            return told if self._ended else [*told, self._cut("the provider's stream ended without a last event")]
        body = b"".join(self._parts)
        return self._answered(body) if self._status < 400 else [self._failed(body)]

    def broken(self) -> list[bytes]:
        """It was broken off."""
        if self._ended:
            return []
        if not self._status:
            self._ended = True
            return [failure(502, "upstream_unavailable", "the provider closed the connection without an answer", self.wanted.lane)]
        return [self._cut("the provider's answer was broken off")]

    def refused(self, status: int, headers: Headers, body: bytes) -> list[bytes]:
        """A whole answer without the provider's head: ours."""
        self.begin(status, headers)
        self._parts = []
        return [*self.feed(body), *self.end()]

    def _told(self, frames: list[Frame]) -> list[bytes]:
        return [_laned(data, self.wanted.lane) for frame in frames if not self._ended and (data := self._heard(frame))]

    def _heard(self, frame: Frame) -> bytes:
        """The message that this event is, b"" for none."""
        data = frame.data.strip()
        if data[:1] != b"{":
            return b""
        name = frame.event
        if name and name != "response.output_item.done" and name not in _ENDS:
            return data
        try:
            event = _event.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return data
        if event.type == "response.output_item.done":
            self._output.append(bytes(event.item))
        elif event.type in _ENDS:
            self._ended = True
            if event.type in {"response.completed", "response.incomplete"} and event.response is not None:
                output = self._output or [bytes(one) for one in event.response.output]
                self._session.keep(self, event.response.id, tuple(output), self.wanted.stored)
            elif event.type == "error":
                return _told_as_error(event)
        return data

    def _answered(self, body: bytes) -> list[bytes]:
        """The events of a whole answer, from a provider that does not stream though it was asked to."""
        try:
            fields, answer = _members.decode(body), msgspec.json.decode(body, type=_Answer)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return [self._cut("the provider's answer cannot be read")]
        begun = encode({**fields, "output": [], "status": "in_progress"})
        events = [b'"type":"response.created","response":' + begun]
        for at, item in enumerate(answer.output):
            for name in ("added", "done"):
                events.append(b'"type":"response.output_item.%b","output_index":%d,"item":%b' % (name.encode(), at, bytes(item)))
        status = bytes(fields.get("status", b'"completed"')).strip(b'"')
        kind = b"response." + status
        kind = kind if kind.decode("latin-1") in ENDS else b"response.completed"
        events.append(b'"type":"%b","response":%b' % (kind, body))
        frames = [Frame(b"", "", b'{%b,"sequence_number":%d}' % (event, at)) for at, event in enumerate(events)]
        return self._told(frames)

    def _failed(self, body: bytes) -> bytes:
        """An error of the provider, or of ours."""
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1") for name, value in self._headers if name.lower().startswith(_TOLD)
        }
        self._ended = True
        try:
            error = msgspec.json.decode(_members.decode(body)["error"], type=dict[str, object])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, KeyError):
            text = body[:_QUOTED].decode("utf-8", "replace").strip() or f"status {self._status}, and nothing said"
            error = {"type": _type_of(self._status), "code": None, "message": text, "param": None}
        error.setdefault("type", _type_of(self._status))
        error.setdefault("message", f"status {self._status}")
        return _failure(self._status, error, self.wanted.lane, headers)

    def _cut(self, text: str) -> bytes:
        self._ended = True
        return failure(502, "stream_incomplete", text, self.wanted.lane)


def failure(status: int, code: str, text: str, lane: str = "", param: str | None = None) -> bytes:
    """The message that tells of an error of ours."""
    return _failure(status, {"type": _type_of(status), "code": code, "message": text, "param": param}, lane, {})


def _failure(status: int, error: dict[str, object], lane: str, headers: Mapping[str, str]) -> bytes:
    """In the shape that the API's own has: Codex reads `status` and `headers`, the SDKs `error`."""
    told: dict[str, object] = {"type": "error", "status": status, "error": {**error, "headers": headers} if headers else error}
    if headers:
        told["headers"] = headers
    return _laned(encode(told), lane)


def _told_as_error(event: _Event) -> bytes:
    """An error in the middle of a stream. Over HTTP it has no status: Codex passes over one without."""
    raw = bytes(event.error)
    if raw[:1] != b"{":
        return failure(_STATUS_OF.get(event.code or "", 500), event.code or "server_error", event.message)
    try:
        error = msgspec.json.decode(raw, type=dict[str, object])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        error = {"message": raw[:_QUOTED].decode("utf-8", "replace")}
    status = _STATUS_OF.get(str(error.get("code")), 500)
    return _failure(status, {"type": _type_of(status), "message": "", **error}, "", {})


def _type_of(status: int) -> str:
    kinds = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
    return kinds.get(status, "invalid_request_error" if status < 500 else "server_error")


def _laned(data: bytes, lane: str) -> bytes:
    """The message, with the lane that it belongs to."""
    return data if not lane else b"%b%b}" % (data[:-1], b',"stream_id":' + quote(lane))


def _unsteered(text: bytes, previous: str) -> bytes:
    """What a client asked to be put into a running answer is given back: over HTTP there is no such thing."""
    try:
        given = _members.decode(text).get("input", Raw(b"null"))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        given = Raw(b"null")
    error = {"type": "invalid_request_error", "code": "steering_not_supported", "message": "steering is not supported here"}
    steer = {"previous_response_id": previous, "input": given}
    return encode({"type": "response.steer.failed", "error": error, "steer": steer, "sequence_number": 0})


def _body(text: bytes) -> bytes:
    """The body of a POST that asks the same."""
    document = Document(text)
    splices: list[Splice] = [Cut((name,)) for name in _ENVELOPE if document.has((name,))]
    return document.apply([*splices, Put(("stream",), b"true")])


def _items_of(raw: bytes) -> tuple[bytes, ...]:
    """The input, item by item."""
    if not raw or raw == b"null":
        return ()
    if raw[:1] == b'"':
        return (b'{"type":"message","role":"user","content":%b}' % raw,)
    try:
        return tuple([bytes(one) for one in _items.decode(raw)])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DocumentError(f"input is a text or a list of items: {error}") from error


def _dangles(item: bytes) -> bool:
    """Whether an item is but the name of something that its provider did not keep: a thought without its content."""
    try:
        found = _item.decode(item)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return found.type == "reasoning" and not found.encrypted_content
