"""Claude where others serve it: Anthropic's wire inside of a cloud's. Implements core.plan.Translation.

- Amazon Bedrock (InvokeModel): the model stands in the path, `anthropic_version` and betas in the body, a stream is an event stream whose
  messages hold Anthropic's events in base64. docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages.html,
  .../bedrock/latest/APIReference/API_runtime_InvokeModelWithResponseStream.html, API_runtime_ResponseStream.html.
- Google Vertex AI (rawPredict): the model stands in the path, `anthropic_version` in the body; a stream is Anthropic's own.
  cloud.google.com/vertex-ai/generative-ai/docs/partner-models/claude/use-claude.

Rule: of the body nothing changes but what has to; all that comes back is made Anthropic's own, errors too, and goes on from there.
"""

from __future__ import annotations

import msgspec
from msgspec import Raw, Struct

from backstory.core.document import Cut, Document, Put, Splice
from backstory.core.exchange import Headers
from backstory.core.plan import Mode, Translation
from backstory.core.translation import Hosting
from backstory.errors import DocumentError
from backstory.wires.bodies import Inflate, beside, inflating
from backstory.wires.eventstream import EventStreamReader, Message
from backstory.wires.lowering import encode, quote
from backstory.wires.sse import event

_VERSIONS: dict[Hosting, bytes] = {"bedrock": b'"bedrock-2023-05-31"', "vertex": b'"vertex-2023-10-16"'}
_VERBS: dict[Hosting, tuple[str, str]] = {
    "bedrock": ("invoke", "invoke-with-response-stream"),
    "vertex": ("rawPredict", "streamRawPredict"),
}
_BINARY = b"application/vnd.amazon.eventstream"
_SSE: Headers = ((b"Content-Type", b"text/event-stream; charset=utf-8"),)
_JSON: Headers = ((b"Content-Type", b"application/json"),)
_KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    529: "overloaded_error",
}
# What Bedrock's exceptions in the middle of a stream would be, had they come as an answer. API_runtime_ResponseStream.html.
_STATUSES = {"validationException": 400, "throttlingException": 429, "modelTimeoutException": 408, "serviceUnavailableException": 503}
_QUOTED = 500


class _Part(Struct):
    held: bytes = msgspec.field(name="bytes")
    """In base64; msgspec undoes that."""


class _Event(Struct):
    type: str = ""


class _Said(Struct):
    message: str = ""
    upper: str = msgspec.field(default="", name="Message")


class _Detail(Struct):
    message: str = ""


class _Google(Struct):
    error: _Detail


_part = msgspec.json.Decoder(_Part)
_event = msgspec.json.Decoder(_Event)
_said = msgspec.json.Decoder(_Said)
_google = msgspec.json.Decoder(_Google | list[_Google])


class Hosted:
    """One exchange. `inner`: what becomes of the answer after that, None where the client speaks Anthropic's wire. `betas`: what the
    client's header asked for. `verb`: of the path, once the request was asked for."""

    done = False

    __slots__ = ("_betas", "_hosting", "_inflate", "_inner", "_reader", "_status", "learnt", "verb")

    def __init__(self, hosting: Hosting, inner: Translation | None, betas: str = "") -> None:
        self._hosting: Hosting = hosting
        self._inner = inner
        self._betas = betas
        self._reader: EventStreamReader | None = None
        self._inflate: Inflate | None = None
        self._status = 200
        self.verb = _VERBS[hosting][0]
        self.learnt: Headers = ()

    def ask(self, body: bytes) -> bytes:
        """A request in Anthropic's wire, as the cloud wants it."""
        document = Document(body)
        streams = document.member("stream") == b"true"
        self.verb = _VERBS[self._hosting][streams]
        splices: list[Splice] = [Cut(("model",))] if document.has(("model",)) else []
        if not document.has(("anthropic_version",)):
            splices.append(Put(("anthropic_version",), _VERSIONS[self._hosting]))
        if self._hosting == "bedrock":
            splices += [Cut(("stream",))] if document.has(("stream",)) else []
            if self._betas and not document.has(("anthropic_beta",)):
                asked = [one.strip() for one in self._betas.split(",") if one.strip()]
                splices.append(Put(("anthropic_beta",), encode(asked)))
        return document.apply(splices)

    def begin(self, status: int, headers: Headers) -> tuple[Mode, Headers]:
        """See Translation."""
        self._status = status
        self._reader = self._inflate = None
        kind = next((value for key, value in headers if key.lower() == b"content-type"), b"").strip().lower()
        if status >= 400 or kind.startswith(_BINARY):
            self._inflate = inflating(headers)
        if status >= 400:
            headers = (*beside(headers), *_JSON)
        elif kind.startswith(_BINARY):
            self._reader = EventStreamReader()
            headers = (*beside(headers), *_SSE)
        if self._inner is not None:
            return self._inner.begin(status, headers)
        return "whole" if status >= 400 else "pass" if self._reader is None else "stream", headers

    def chunk(self, data: bytes) -> bytes:
        """See Translation."""
        data = self._events(data)
        return self._inner.chunk(data) if self._inner is not None and data else data

    def tail(self) -> bytes:
        """See Translation. A stream that ends in the middle of a message has no end."""
        if self._reader is not None:
            self._reader.close()
        return self._inner.tail() if self._inner is not None else b""

    def rest(self) -> bytes:
        """See Translation."""
        return self._inner.rest() if self._inner is not None else b""

    def whole(self, body: bytes) -> tuple[int, bytes]:
        """See Translation."""
        if self._status >= 400:
            body = _failure(self._status, body if self._inflate is None else self._inflate.more(body))
        elif self._reader is not None:
            body = self._events(body)
            self._reader.close()
        if self._inner is None:
            return self._status, body
        status, body = self._inner.whole(body)
        self.learnt = self._inner.learnt
        return status, body

    def _events(self, data: bytes) -> bytes:
        """The same as server-sent events."""
        if self._reader is None:
            return data
        if self._inflate is not None:
            data = self._inflate.more(data)
        return b"".join([_told(message) for message in self._reader.feed(data)])


def _told(message: Message) -> bytes:
    """One message, as an event of Anthropic's stream; nothing for one that says nothing to the client."""
    headers = message.headers
    match headers.get(":message-type"):
        case "exception":
            name = headers.get(":exception-type", "")
            return _broke(_STATUSES.get(name, 500), _text_of(message.payload) or name)
        case "error":
            return _broke(500, headers.get(":error-message", "") or headers.get(":error-code", ""))
    if headers.get(":event-type") != "chunk":
        return b""
    try:
        data = _part.decode(message.payload).held
        name = _event.decode(data).type
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DocumentError(f"a message of the event stream holds no event: {error}") from error
    return event(_line(data), name) if name else b""


def _line(data: bytes) -> bytes:
    """The JSON in one line."""
    return msgspec.json.format(data, indent=-1) if b"\n" in data or b"\r" in data else data


def _broke(status: int, message: str) -> bytes:
    return event(_error(status, message), "error")


def _error(status: int, message: str) -> bytes:
    kind = _KINDS.get(status, "invalid_request_error" if status < 500 and status != 424 else "api_error")
    return b'{"type":"error","error":{"type":' + quote(kind) + b',"message":' + quote(message) + b"}}"


def _failure(status: int, body: bytes) -> bytes:
    """An error of a cloud, as Anthropic would tell it; one that is Anthropic's own stays as it is."""
    try:
        members = msgspec.json.decode(body, type=dict[str, Raw])
        if bytes(members.get("type", b"")) == b'"error"':
            return body
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    return _error(status, _text_of(body) or body[:_QUOTED].decode("utf-8", "replace").strip() or f"status {status}, and nothing said")


def _text_of(body: bytes) -> str:
    """What a cloud says in an error; "" where that cannot be told."""
    try:
        said = _said.decode(body)
        if said.message or said.upper:
            return said.message or said.upper
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:
        found = _google.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    return (found[0] if isinstance(found, list) else found).error.message if found else ""
