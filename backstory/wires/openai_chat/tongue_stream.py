"""OpenAI Chat Completions for translation: streams, read and written.

Rule: compatible providers differ, and all are read: calls without an index or with the same one, ids and names that are repeated, usage in
any chunk, an end without a word. A listener reads one choice, a teller writes one: see wires/candidates.py.
Source: https://platform.openai.com/docs/api-reference/chat-streaming.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Raw

from backstory.core.reply import Finish, Usage
from backstory.core.stream import Frame
from backstory.core.translation import (
    Asked,
    Begun,
    Broke,
    Cited,
    Closed,
    Ended,
    Event,
    Failure,
    More,
    Opened,
    Piece,
    Refusal,
    Sealed,
    Thought,
    Use,
    Waits,
    Words,
)
from backstory.wires.lowering import encode, quote
from backstory.wires.openai_chat import stream as words
from backstory.wires.openai_chat.tongue_pieces import (
    arguments,
    counts,
    detail,
    detail_of,
    extra,
    made_id,
    signature,
    tool_call,
    url_citations,
    usage_of,
)
from backstory.wires.sse import event as sse
from backstory.wires.translation.fields import Fields
from backstory.wires.translation.freely import customs
from backstory.wires.translation.parts import Parts
from backstory.wires.translation.tongue import Json, code_of, own_id

ID = "chatcmpl-"
_REASONS: dict[Finish, str] = {"length": "length", "tool_calls": "tool_calls", "refusal": "content_filter"}
_DONE = b"[DONE]"


# --- what whole answers and streams share


def finish_of(reason: str, calls: bool) -> Finish:
    """The neutral name of a finish reason. Some providers stop for calls without saying so."""
    found = words.finish_of(reason) if reason else "stop"
    return "tool_calls" if calls and found == "stop" else found


def reason_of(finish: Finish, legacy: bool) -> str:
    """The finish reason."""
    return "function_call" if legacy and finish == "tool_calls" else _REASONS.get(finish, "stop")


def failure_in(fields: Fields, status: int) -> Failure | None:
    """The failure that a body or a chunk tells; `status` 0: that of its code. None where it tells none."""
    if fields.kind("error") == "string":
        message = fields.text("error")
        return Failure(status or 500, code_of(status or 500, message), message)
    if fields.kind("error") == "object":
        error = fields.inner("error")
    else:
        error = fields if fields.text("object") == "error" or (fields.kind("message") == "string" and not fields.kind("choices")) else None
    if error is None:
        return None
    message, kind = error.text("message"), error.text("type")
    number = error.count("code") if error.kind("code") == "number" else None
    code = error.text("code") if error.kind("code") == "string" else ""
    found = status or (number if number is not None and 400 <= number < 600 else _status(kind, code))
    return Failure(found, code_of(found, message, code), message or code or kind, code or kind)


def _status(kind: str, code: str) -> int:
    if "rate_limit" in kind + code or code == "insufficient_quota":
        return 429
    if "overload" in kind + code:
        return 503
    return 400 if kind == "invalid_request_error" else 500


# --- read


class _Call:
    """A call as it comes; `index`: its piece's, None before its name is known."""

    __slots__ = ("arguments", "id", "index", "name", "sealed")

    def __init__(self) -> None:
        self.index: int | None = None
        self.id = ""
        self.name = ""
        self.arguments = ""
        self.sealed = ""


class ChatListener:
    """Reads the chunks of one choice of a completion (`number`: its index). Calls stay open until the end, for providers that send them by
    turns."""

    __slots__ = (
        "_begun", "_by_index", "_calls", "_ended", "_finish", "_flow", "_id", "_number", "_parts", "_plain", "_sequence",
        "_thoughts", "_usage",
    )  # fmt: skip

    def __init__(self, number: int = 0) -> None:
        self._number = number
        self._begun = False
        self._ended = False
        self._id = ""
        self._finish = ""
        self._sequence = ""
        self._usage: Usage | None = None
        self._thoughts = 0
        self._parts = Parts()
        self._flow: Opened | None = None
        self._plain = False
        self._calls: list[_Call] = []
        self._by_index: dict[int, _Call] = {}

    def events(self, frame: Frame) -> Sequence[Event]:
        """See Listener."""
        if self._ended:
            return ()
        if frame.data[:1] != b"{":
            if frame.data.strip() == _DONE:
                return self._end()
            return () if frame.data else (Waits(),)
        fields = Fields(frame.data, lenient=True)
        if fields.kind("error") or not fields.kind("choices"):
            failure = failure_in(fields, 0)
            if failure is not None:
                return self._broke(failure)
        return self._chunk(fields)

    def over(self) -> Sequence[Event]:
        """See Listener. [DONE] may be missing after a finish reason."""
        return self._end() if self._finish and not self._ended else ()

    def _chunk(self, fields: Fields) -> list[Event]:
        choices = fields.objects("choices")
        out: list[Event] = []
        if choices and not self._begun:
            out += self._begin(fields.text("id"), fields.text("model"), fields.count("created") or 0)
        usage, thought = usage_of(fields.inner("usage"))
        if usage is not None:
            self._usage, self._thoughts = usage, thought
        for choice in choices:
            if (choice.count("index") or 0) == self._number:
                out += self._choice(choice)
                break
        if self._finish and words.finish_of(self._finish) == "error":
            return [*out, *self._broke(Failure(500, "server", "the provider's answer ended in an error"))]
        if usage is not None and not choices and self._finish:
            out += self._end()
        return out

    def _begin(self, name: str, model: str, created: int) -> list[Event]:
        self._begun, self._id = True, name
        return [Begun(name, model, None, created)]

    def _choice(self, choice: Fields) -> list[Event]:
        delta = choice.inner("delta") or choice.inner("message")
        out = self._delta(delta) if delta is not None else []
        self._finish = choice.text("finish_reason") or self._finish
        if choice.kind("stop_reason") == "string":
            self._sequence = choice.text("stop_reason")
        return out

    def _delta(self, delta: Fields) -> list[Event]:
        """Thoughts come before the text of the same chunk, text before calls."""
        plain = delta.text("reasoning_content")
        if delta.kind("reasoning") == "string":
            plain = plain or delta.text("reasoning")
        out: list[Event] = []
        if plain:
            self._plain = True
            out += self._text(Thought(""), plain)
        for one in delta.objects("reasoning_details"):
            out += self._detail(one, bool(plain))
        if delta.kind("content") == "string":
            out += self._text(Words(""), delta.text("content"))
        else:
            for part in delta.objects("content"):
                out += self._content(part)
        out += self._text(Refusal(""), delta.text("refusal"))
        for raw in delta.elements("annotations"):
            out += self._cite(raw)
        for call in delta.objects("tool_calls"):
            out += self._call(call)
        lone = delta.inner("function_call")
        return out + self._filled(self._numbered(0), lone) if lone is not None else out

    def _content(self, part: Fields) -> list[Event]:
        """A part of a content that is a list, as some providers that show thoughts have it."""
        if part.text("type") != "thinking":
            return self._text(Words(""), part.text("text"))
        texts = [one.text("text") for one in part.objects("thinking")] if part.kind("thinking") == "array" else [part.text("thinking")]
        return self._text(Thought(""), "".join(texts))

    def _text(self, kind: Words | Thought | Refusal, text: str) -> list[Event]:
        if not text:
            return []
        out: list[Event] = []
        flow = self._flow
        if flow is None or type(flow.piece) is not type(kind):
            out = self._close_flow()
            flow = self._flow = self._parts.open(kind)
            out.append(flow)
        return [*out, self._parts.more(flow.index, text)]

    def _close_flow(self) -> list[Event]:
        flow, self._flow = self._flow, None
        return [] if flow is None else [self._parts.close(flow.index)]

    def _detail(self, fields: Fields, beside: bool) -> list[Event]:
        """A seal, or text that is not told in any other member. Sealed thoughts without text are pieces of their own. `beside`: it came
        with text; one that repeats its text alone ends the thought."""
        thought = detail(fields)
        if thought is None:
            return []
        if thought.hidden:
            out = self._close_flow()
            opened = self._parts.open(Thought("", hidden=True, id=thought.id))
            return [*out, opened, self._parts.seal(opened.index, thought.sealed, thought.seal), self._parts.close(opened.index)]
        out = [] if self._plain else self._text(Thought("", id=thought.id), thought.text)
        if not thought.sealed:
            return out if beside or not self._plain else self._close_flow()
        if self._flow is None or not isinstance(self._flow.piece, Thought):
            out += self._close_flow()
            self._flow = self._parts.open(Thought("", id=thought.id))
            out.append(self._flow)
        return [*out, self._parts.seal(self._flow.index, thought.sealed, thought.seal), *self._close_flow()]

    def _cite(self, raw: Raw) -> list[Event]:
        if self._flow is None or not isinstance(self._flow.piece, Words):
            return []
        return [self._parts.cite(self._flow.index, raw)]

    def _call(self, fields: Fields) -> list[Event]:
        index, name = fields.count("index"), fields.text("id")
        custom, function = fields.inner("custom"), fields.inner("function")
        tool = custom or function
        found = self._which(index, name, tool is not None and bool(tool.kind("name")))
        found.id = found.id or name
        found.sealed = signature(fields) or found.sealed
        return self._filled(found, tool, custom is not None)

    def _which(self, index: int | None, name: str, named: bool) -> _Call:
        """The call of this index; another one where a second id comes with a name of its own."""
        if index is not None:
            found = self._numbered(index)
            if name and found.id and name != found.id and named:
                found = self._by_index[index] = _Call()
                self._calls.append(found)
            return found
        for one in self._calls:
            if name and one.id == name:
                return one
        if self._calls and not name and not named:
            return self._calls[-1]
        found = _Call()
        self._calls.append(found)
        return found

    def _numbered(self, index: int) -> _Call:
        found = self._by_index.get(index)
        if found is None:
            found = self._by_index[index] = _Call()
            self._calls.append(found)
        return found

    def _filled(self, found: _Call, tool: Fields | None, custom: bool = False) -> list[Event]:
        """More of a call; what comes before its name is kept until then."""
        text = "" if tool is None else tool.text("input") if custom else arguments(tool)
        name = "" if tool is None else tool.text("name")
        out: list[Event] = []
        if found.index is None:
            found.name = found.name or name
            found.arguments += text
            if not found.name:
                return []
            out = self._close_flow()
            place = self._calls.index(found)
            opened = self._parts.open(Use(found.id or made_id(self._id, place), found.name, "", custom))
            found.index, text = opened.index, found.arguments
            out.append(opened)
        if found.sealed:
            out.append(self._parts.seal(found.index, found.sealed, "gemini"))
            found.sealed = ""
        return [*out, self._parts.more(found.index, text)] if text else out

    def _broke(self, failure: Failure) -> list[Event]:
        self._ended = True
        return [Broke(failure)]

    def _end(self) -> list[Event]:
        self._ended = True
        begun: list[Event] = [] if self._begun else self._begin("", "", 0)
        closed = [*self._close_flow(), *self._parts.close_all()]
        finish = finish_of(self._finish, self._parts.calls > 0)
        return [*begun, *closed, Ended(finish, self._usage, self._thoughts, self._sequence if finish == "stop" else "")]


# --- written


class ChatTeller:
    """Writes the chunks of one choice of a completion (`number`: its index). Calls of tools that take free text are told whole; citations
    with the end of their text."""

    __slots__ = (
        *("_asked", "_broke", "_calls", "_cited", "_customs", "_head", "_index", "_kinds", "_loose", "_mute", "_said", "_thoughts"),
    )

    def __init__(self, asked: Asked, number: int = 0) -> None:
        self._asked = asked
        self._index = b'{"index":%d,"delta":' % number
        self._customs = customs(asked)
        self._head = b""
        self._kinds: dict[int, bytes] = {}
        self._calls: dict[int, int] = {}
        self._mute: set[int] = set()
        self._said = 0
        self._cited = 0
        self._thoughts = 0
        self._loose: Thought | None = None
        self._broke = False

    def tell(self, event: Event) -> bytes:
        """See Teller."""
        match event:
            case Begun():
                return self._begin(event)
            case Broke(failure):
                self._broke = True
                return sse(error_of(failure))
            case Waits():
                return b": waiting\n\n"
            case Ended():
                return self._begin(None) + self._end(event)
            case Opened(index, piece):
                return self._begin(None) + self._open(index, piece)
            case More() | Sealed() | Closed() | Cited():
                return self._say(event)

    def end(self) -> bytes:
        """See Teller. Nothing follows an error."""
        return b"" if self._broke else sse(_DONE)

    def _begin(self, begun: Begun | None) -> bytes:
        if self._head:
            return b""
        found = begun or Begun("", "")
        head = {
            "id": found.id if self._asked.as_is else own_id(found.id, ID),
            "object": "chat.completion.chunk",
            "created": found.created,
            "model": found.model or self._asked.model,
        }
        self._head = encode(head)[:-1] + b',"choices":['
        return self._chunk(b'{"role":"assistant","content":""}')

    def _chunk(self, delta: bytes, reason: bytes = b"null") -> bytes:
        return sse(self._head + self._index + delta + b',"logprobs":null,"finish_reason":' + reason + b"}]}")

    def _open(self, index: int, piece: Piece) -> bytes:
        match piece:
            case Thought():
                self._kinds[index] = b'{"reasoning_content":'
                return self._apart(piece)
            case Words():
                self._kinds[index] = b'{"content":'
            case Refusal():
                self._kinds[index] = b'{"refusal":'
            case Use():
                return self._open_call(index, piece)
            case _:
                pass
        return b""

    def _open_call(self, index: int, piece: Use) -> bytes:
        number = self._calls[index] = len(self._calls)
        if piece.custom or piece.name in self._customs:
            return b""
        self._mute.add(index)
        if self._asked.legacy:
            if number:
                return b""
            self._kinds[index] = b'{"function_call":{"arguments":'
            return self._chunk(encode({"function_call": {"name": piece.name, "arguments": ""}}))
        self._kinds[index] = b'{"tool_calls":[{"index":%d,"function":{"arguments":' % number
        return self._chunk(encode({"tool_calls": [{"index": number, **tool_call(piece, frozenset())}]}))

    def _say(self, event: More | Sealed | Closed | Cited) -> bytes:
        match event:
            case More(index, text):
                return self._more(index, text)
            case Sealed(index, sealed, _) if index in self._calls and index in self._kinds and not self._asked.legacy:
                call: Json = {"index": self._calls[index], "function": {"arguments": ""}, "extra_content": extra(sealed)}
                return self._chunk(encode({"tool_calls": [call]}))
            case Closed(index, piece):
                return self._close(index, piece)
            case _:
                return b""

    def _more(self, index: int, text: str) -> bytes:
        kind = self._kinds.get(index)
        if kind is None or not text:
            return b""
        self._mute.discard(index)
        ends = b"}" if index not in self._calls else b"}}" if self._asked.legacy else b"}}]}"
        return self._chunk(kind + quote(text) + ends)

    def _close(self, index: int, piece: Piece) -> bytes:
        match piece:
            case Words():
                return self._cite(piece)
            case Thought(sealed=sealed):
                if sealed:
                    return self._sealed(piece)
                self._loose = piece
            case Use() if index in self._calls and index not in self._kinds and not self._asked.legacy:
                return self._chunk(encode({"tool_calls": [{"index": self._calls[index], **tool_call(piece, self._customs)}]}))
            case Use() if index in self._mute:
                # Clients parse the pieces put together: no arguments are an object without members.
                return self._more(index, "{}")
            case _:
                pass
        return b""

    def _sealed(self, piece: Thought) -> bytes:
        self._loose = None
        self._thoughts += 1
        return self._chunk(encode({"reasoning_details": [detail_of(piece, self._thoughts - 1)]}))

    def _apart(self, opened: Thought) -> bytes:
        """A thought without a seal ends before the next one begins."""
        return b"" if self._loose is None or opened.hidden else self._sealed(self._loose)

    def _cite(self, words: Words) -> bytes:
        """The citations of a text that is whole. They are numbered, so that clients can add them up."""
        notes = url_citations([words], self._said)
        self._said += len(words.text)
        for note in notes:
            note["index"] = self._cited
            self._cited += 1
        return self._chunk(encode({"annotations": notes})) if notes else b""

    def _end(self, ended: Ended) -> bytes:
        out = self._chunk(b"{}", quote(reason_of(ended.finish, self._asked.legacy)))
        if self._asked.usage and ended.usage is not None:
            out += sse(self._head + b'],"usage":' + encode(counts(ended.usage, ended.thoughts)) + b"}")
        return out


_TYPES = {
    "rate_limit": ("rate_limit_error", "rate_limit_exceeded"),
    "authentication": ("authentication_error", "invalid_api_key"),
    "permission": ("permission_error", "permission_denied"),
    "not_found": ("not_found_error", "not_found"),
    "overloaded": ("server_error", "overloaded"),
    "timeout": ("server_error", "timeout"),
    "server": ("server_error", "server_error"),
    "context_length": ("invalid_request_error", "context_length_exceeded"),
    "too_large": ("invalid_request_error", "request_too_large"),
}


def error_of(failure: Failure) -> bytes:
    """The error object, for a body or a chunk. A quota that is used up keeps its name."""
    kind, code = _TYPES.get(failure.code, ("invalid_request_error", failure.detail or "invalid_request"))
    if failure.detail == "insufficient_quota":
        kind = code = failure.detail
    return encode({"error": {"message": failure.message, "type": kind, "param": None, "code": code}})
