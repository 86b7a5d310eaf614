"""Anthropic Messages for translation: streams, read and written.

Source: https://docs.claude.com/en/api/messages-streaming.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Raw

from backstory.core.reply import Finish, Usage
from backstory.core.stream import Frame
from backstory.core.translation import (
    Begun,
    Broke,
    Cited,
    Closed,
    Ended,
    Event,
    Failure,
    More,
    Odd,
    Opened,
    Piece,
    Refusal,
    Sealed,
    Thought,
    Use,
    Waits,
    Words,
)
from backstory.wires.anthropic.stream import FINISHES, counts
from backstory.wires.anthropic.tongue_pieces import OWN, cited_as, shown, signature_on
from backstory.wires.lowering import encode, quote
from backstory.wires.sse import event as sse
from backstory.wires.translation.fields import Fields
from backstory.wires.translation.parts import InTurn, Parts
from backstory.wires.translation.seals import carried, uncarried
from backstory.wires.translation.tongue import Json, code_of, own_id, text_of

ID = "msg_"
_REASONS: dict[Finish, str] = {"length": "max_tokens", "tool_calls": "tool_use", "refusal": "refusal"}
_TYPES = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
_TYPE_OF = {
    "invalid_request": "invalid_request_error",
    "context_length": "invalid_request_error",
    "authentication": "authentication_error",
    "permission": "permission_error",
    "not_found": "not_found_error",
    "too_large": "request_too_large",
    "rate_limit": "rate_limit_error",
    "overloaded": "overloaded_error",
    "timeout": "timeout_error",
}
_TOO_LONG = "prompt is too long"
"""By these words of the API clients know that they have to compact."""
_TEXT = b'"text_delta","text":'
_INPUT = b'"input_json_delta","partial_json":'
_THOUGHT = b'"thinking_delta","thinking":'
_PING = sse(b'{"type":"ping"}', "ping")


# --- what whole answers and streams share


def finish_of(reason: str) -> Finish:
    """The neutral name of a stop reason."""
    return FINISHES.get(reason, "other") if reason else ""


def reason_of(finish: Finish, sequence: str, refused: bool) -> str:
    """The stop reason. A refusal in words of its own is one."""
    if sequence and finish == "stop":
        return "stop_sequence"
    return "refusal" if refused and finish in {"stop", ""} else _REASONS.get(finish, "end_turn")


class Counts:
    """Usage as it comes: later numbers take the place of earlier ones."""

    __slots__ = ("_long", "_numbers", "told")

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._long = 0
        self.told = False

    def add(self, fields: Fields | None) -> None:
        """The numbers of a `usage`."""
        if fields is None:
            return
        self.told = True
        for name in ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"):
            found = fields.count(name)
            if found is not None:
                self._numbers[name] = found
        split = fields.inner("cache_creation")
        if split is not None:
            self._long = split.count("ephemeral_1h_input_tokens") or 0

    def usage(self) -> Usage | None:
        """All of it: `input_tokens` of this wire leaves out what was read from and written to the cache."""
        if not self.told:
            return None
        got = self._numbers.get
        read, written = got("cache_read_input_tokens", 0), got("cache_creation_input_tokens", 0)
        return Usage(got("input_tokens", 0) + read + written, got("output_tokens", 0), read, written, self._long)


def failure_in(fields: Fields, status: int) -> Failure | None:
    """The failure that an error body or event tells. `status` 0: that of its type. None where it tells none."""
    if fields.kind("error") == "string":
        message = fields.text("error")
        return Failure(status or 500, code_of(status or 500, message), message)
    if fields.kind("error") != "object":
        return None
    error = fields.inner("error")
    if error is None:
        return None
    kind, message = error.text("type"), error.text("message")
    status = status or _TYPES.get(kind, 500)
    return Failure(status, code_of(status, message, kind), message or kind, kind)


def error_of(failure: Failure) -> bytes:
    """The error object, for a body or an event."""
    message = failure.message
    if failure.code == "context_length" and _TOO_LONG not in message:
        message = f"{_TOO_LONG}: {message}"
    kind = "billing_error" if failure.status == 402 else _TYPE_OF.get(failure.code, "api_error")
    return encode({"type": "error", "error": {"type": kind, "message": message}})


# --- read


class AnthropicListener:
    """Reads the events of one message."""

    __slots__ = ("_counts", "_finish", "_inputs", "_over", "_parts", "_places", "_sequence")

    def __init__(self) -> None:
        self._parts = Parts()
        self._places: dict[int, int] = {}
        self._inputs: dict[int, tuple[Odd, list[str]]] = {}
        self._counts = Counts()
        self._finish: Finish = ""
        self._sequence = ""
        self._over = False

    def events(self, frame: Frame) -> Sequence[Event]:
        """See Listener."""
        if self._over:
            return ()
        if frame.data[:1] != b"{":
            return () if frame.data else (Waits(),)
        fields = Fields(frame.data, lenient=True)
        return self._told(fields.text("type") or frame.event or ("error" if fields.kind("error") else ""), fields)

    def over(self) -> Sequence[Event]:
        """See Listener. A message whose stop reason came is whole."""
        return self._end() if self._finish and not self._over else ()

    def _told(self, kind: str, fields: Fields) -> Sequence[Event]:
        match kind:
            case "content_block_delta":
                return self._delta(fields)
            case "message_start":
                return self._start(fields)
            case "content_block_start":
                return self._open(fields)
            case "content_block_stop":
                return self._close(fields.count("index") or 0)
            case "message_delta":
                self._change(fields)
                return ()
            case "message_stop":
                return self._end()
            case "error":
                self._over = True
                failure = failure_in(fields, 0)
                return (Broke(failure or Failure(500, "server", "the provider reports an error")),)
            case "ping":
                return (Waits(),)
            case _:
                return ()

    def _start(self, fields: Fields) -> list[Event]:
        message = fields.inner("message")
        if message is None:
            return [Begun("", "")]
        self._counts.add(message.inner("usage"))
        return [Begun(message.text("id"), message.text("model"), self._counts.usage())]

    def _open(self, fields: Fields) -> list[Event]:
        place, raw = fields.count("index") or 0, fields.raw("content_block") or Raw(b"{}")
        block = Fields(raw, lenient=True)
        out: list[Event] = self._close(place) if place in self._places else []
        match block.text("type"):
            case "text":
                out.append(self._new(place, Words("")))
                out += self._more(place, block.text("text"))
                out += [self._parts.cite(self._places[place], citation) for citation in block.elements("citations")]
            case "thinking":
                out.append(self._new(place, Thought("")))
                out += self._more(place, block.text("thinking"))
                out += self._seal(place, block.text("signature"))
            case "redacted_thinking":
                out.append(self._new(place, Thought("", hidden=True)))
                out += self._seal(place, block.text("data"))
            case "tool_use":
                out.append(self._new(place, Use(block.text("id"), block.text("name"), "")))
                given = bytes(block.raw("input") or b"{}")
                out += self._more(place, text_of(given) if given != b"{}" else "")
            case kind:
                odd = Odd(OWN, kind, raw)
                self._inputs[place] = (odd, [])
                out.append(self._new(place, odd))
        return out

    def _delta(self, fields: Fields) -> Sequence[Event]:
        place, delta = fields.count("index") or 0, fields.inner("delta")
        if delta is None:
            return ()
        match delta.text("type"):
            case "text_delta":
                return self._text(place, delta.text("text"), Words(""))
            case "input_json_delta":
                piece = delta.text("partial_json")
                if place in self._inputs:
                    self._inputs[place][1].append(piece)
                    return ()
                return self._more(place, piece)
            case "thinking_delta":
                return self._text(place, delta.text("thinking"), Thought(""))
            case "signature_delta":
                return self._seal(place, delta.text("signature"))
            case "citations_delta":
                citation = delta.raw("citation")
                return (self._parts.cite(self._places[place], citation),) if citation is not None and place in self._places else ()
            case _:
                return ()

    def _text(self, place: int, text: str, kind: Piece) -> list[Event]:
        """More text, of a block that some compatible providers do not open."""
        begun: list[Event] = [] if place in self._places else [self._new(place, kind)]
        return [*begun, *self._more(place, text)]

    def _new(self, place: int, piece: Piece) -> Opened:
        opened = self._parts.open(piece)
        self._places[place] = opened.index
        return opened

    def _more(self, place: int, text: str) -> list[Event]:
        return [self._parts.more(self._places[place], text)] if text and place in self._places else []

    def _seal(self, place: int, sealed: str) -> list[Event]:
        if not sealed or place not in self._places:
            return []
        inner, seal, _ = uncarried(sealed, OWN)
        return [self._parts.seal(self._places[place], inner, seal)]

    def _close(self, place: int) -> list[Event]:
        index = self._places.pop(place, None)
        if index is None:
            return []
        closed = self._parts.close(index)
        odd, texts = self._inputs.pop(place, (None, []))
        if odd is None or not texts:
            return [closed]
        members = {**dict(Fields(odd.raw).rest()), "input": Raw("".join(texts).encode())}
        return [Closed(index, Odd(OWN, odd.kind, Raw(encode(members))))]

    def _change(self, fields: Fields) -> None:
        delta = fields.inner("delta")
        if delta is not None:
            self._finish = finish_of(delta.text("stop_reason")) or self._finish
            self._sequence = delta.text("stop_sequence") or self._sequence
        self._counts.add(fields.inner("usage"))

    def _end(self) -> list[Event]:
        self._over = True
        return [*self._parts.close_all(), Ended(self._finish or "stop", self._counts.usage(), 0, self._sequence)]


# --- written


class AnthropicTeller:
    """Writes the events of one message. A block of text begins with its first text, so that none is empty."""

    __slots__ = ("_begun", "_blocks", "_kind", "_model", "_open", "_refused", "_turn", "_usage")

    def __init__(self, model: str) -> None:
        self._model = model
        self._begun = False
        self._blocks = 0
        self._kind = _TEXT
        self._open = False
        self._refused = False
        self._turn = InTurn()
        self._usage: Usage | None = None

    def tell(self, event: Event) -> bytes:
        """See Teller."""
        match event:
            case Opened() | More() | Sealed() | Cited() | Closed():
                return self._begin(None) + b"".join([self._say(one) for one in self._turn.admit(event)])
            case Begun():
                return self._begin(event)
            case Waits():
                return _PING if self._begun else b""
            case Ended():
                return self._begin(None) + self._end(event)
            case Broke(failure):
                return sse(error_of(failure), "error")

    def end(self) -> bytes:
        """Nothing: message_stop was the end."""
        return b""

    def _begin(self, begun: Begun | None) -> bytes:
        if self._begun:
            return b""
        self._begun = True
        found = begun or Begun("", "")
        self._usage = found.usage
        head = {"id": own_id(found.id, ID), "type": "message", "role": "assistant", "model": found.model or self._model}
        rest: Json = {"content": [], "stop_reason": None, "stop_sequence": None, "usage": Raw(counts(found.usage))}
        return sse(encode({"type": "message_start", "message": {**head, **rest}}), "message_start")

    def _say(self, event: Event) -> bytes:
        match event:
            case More(text=text):
                return self._more(text)
            case Opened(piece=Use(name, tool)):
                self._kind = _INPUT
                return self._start({"type": "tool_use", "id": name, "name": tool, "input": {}})
            case Opened(piece=Thought(hidden=False)):
                self._kind = _THOUGHT
                return self._start({"type": "thinking", "thinking": "", "signature": ""})
            case Opened(piece=Refusal()):
                self._refused = True
                self._kind = _TEXT
                return b""
            case Opened():
                self._kind = _TEXT
                return b""
            case Cited(citation=raw):
                cited = cited_as(raw)
                if cited is None:
                    return b""
                return self._text_block() + self._delta(b'"citations_delta","citation":' + bytes(cited))
            case Closed(piece=piece):
                return self._close(piece)
            case _:
                return b""

    def _more(self, text: str) -> bytes:
        if not text:
            return b""
        return self._text_block() + self._delta(self._kind + quote(text))

    def _text_block(self) -> bytes:
        return b"" if self._open else self._start({"type": "text", "text": ""})

    def _start(self, block: dict[str, object]) -> bytes:
        self._open = True
        return sse(encode({"type": "content_block_start", "index": self._blocks, "content_block": block}), "content_block_start")

    def _delta(self, rest: bytes) -> bytes:
        data = b'{"type":"content_block_delta","index":%d,"delta":{"type":%b}}' % (self._blocks, rest)
        return sse(data, "content_block_delta")

    def _stop(self) -> bytes:
        if not self._open:
            return b""
        self._open = False
        self._blocks += 1
        return sse(b'{"type":"content_block_stop","index":%d}' % (self._blocks - 1), "content_block_stop")

    def _close(self, piece: Piece) -> bytes:
        match piece:
            case Thought(hidden=False):
                sealed = carried(piece, OWN)
                return (self._delta(b'"signature_delta","signature":' + quote(sealed)) if sealed else b"") + self._stop()
            case Use(sealed=sealed):
                return self._stop() + (self._whole(signature_on(piece)) if sealed else b"")
            case Thought() | Odd():
                return self._whole(piece)
            case _:
                return self._stop()

    def _whole(self, piece: Piece) -> bytes:
        return b"".join([self._start(block) + self._stop() for block in shown(piece)])

    def _end(self, ended: Ended) -> bytes:
        reason = reason_of(ended.finish, ended.sequence, self._refused)
        change = {"stop_reason": reason, "stop_sequence": ended.sequence or None}
        usage = Raw(counts(ended.usage or self._usage))
        told = sse(encode({"type": "message_delta", "delta": change, "usage": usage}), "message_delta")
        return self._stop() + told + sse(b'{"type":"message_stop"}', "message_stop")
