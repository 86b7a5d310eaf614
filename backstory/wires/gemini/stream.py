"""Gemini: streams, read, marked and written. A stream is server-sent events (alt=sse) or one JSON array.

Rule: never a comment, never an event name: clients of this wire parse every line as JSON (ai.google.dev/api/generate-content).
"""

from __future__ import annotations

import re
from typing import TypeAlias
from zlib import crc32

import msgspec
from msgspec import Raw

from backstory.core.document import Document, Extend, Insert
from backstory.core.message import Part, Path, Text, Thinking, ToolCall
from backstory.core.reply import Delta, Ending, Finish, Meter, Reply, Started, TextDelta, ThoughtDelta, ToolDelta
from backstory.core.stream import Frame
from backstory.errors import DocumentError
from backstory.wires.gemini.parts import (
    Response,
    arguments_of,
    candidate_of,
    finish_of,
    is_text,
    is_thought,
    parts_of,
    response_decoder,
    usage_of,
)
from backstory.wires.lowering import decode, encode
from backstory.wires.sse import event, replaced

_Json: TypeAlias = "dict[str, object]"

_TOKEN = re.compile(rb'["{}\[\]]')
_IN_STRING = re.compile(rb'["\\]')
_QUOTE, _BRACKET = b'"['
_OPENING = b"{["
_REASONS: dict[Finish, str] = {"stop": "STOP", "tool_calls": "STOP", "": "STOP", "length": "MAX_TOKENS", "refusal": "SAFETY"}
_members = msgspec.json.Decoder(dict[str, Raw])


class ArrayReader:
    """Cuts a JSON array into its objects, whatever the chunking. A frame begins where the one before ended: at `[`, a comma or a space."""

    __slots__ = ("_array", "_at", "_buffer", "_depth", "_quoted", "_start")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._at = 0
        self._depth = 0
        self._quoted = False
        self._array = False
        self._start = 0

    def feed(self, chunk: bytes) -> list[Frame]:
        """The frames that this chunk completes: one for each object, and one for the closing bracket."""
        buffer = self._buffer
        buffer += chunk
        frames: list[Frame] = []
        sent = 0
        while True:
            match = (_IN_STRING if self._quoted else _TOKEN).search(buffer, self._at)
            if match is None:
                self._at = len(buffer)
                break
            at = match.start()
            token = buffer[at]
            self._at = at + 1
            if self._quoted:
                if not self._string(token, at):
                    break
            elif self._token(token, at):
                frames.append(_frame(buffer, sent, self._start, at + 1))
                sent = at + 1
        del buffer[:sent]
        self._at -= sent
        self._start -= sent
        return frames

    def close(self) -> list[Frame]:
        """What follows the last frame."""
        rest = bytes(self._buffer)
        self._buffer.clear()
        return [Frame(rest, "", b"")] if rest else []

    def _string(self, token: int, at: int) -> bool:
        """A quote or a backslash inside a string. False: the escaped byte has not come yet."""
        if token == _QUOTE:
            self._quoted = False
        elif at + 1 == len(self._buffer):
            self._at = at
            return False
        else:
            self._at = at + 2
        return True

    def _token(self, token: int, at: int) -> bool:
        """A quote or bracket outside of strings. True: it ends a frame."""
        if token == _QUOTE:
            self._quoted = True
        elif token in _OPENING:
            if self._depth == 0 and token == _BRACKET and not self._array:
                self._array = True
                return False
            if self._depth == 0:
                self._start = at
            self._depth += 1
        elif self._depth:
            self._depth -= 1
            return self._depth == 0
        else:
            self._start = at + 1
            return True
        return False


def deltas(frame: Frame) -> list[Delta]:
    """What a response of the stream adds: its parts, then model, end and usage where it tells them."""
    try:
        response = response_decoder.decode(frame.data)
        found: list[Delta] = []
        candidate = candidate_of(response)
        number = -1
        for index, part in enumerate(parts_of(candidate)):
            call = part.call or part.function_call
            if call is not None:
                number = number if number >= 0 else _number(frame)
                found.append(ToolDelta(number + index, call.id or "", call.name or "", arguments_of(call)))
            elif part.text is not None and is_thought(part):
                found.append(ThoughtDelta(part.text, 0, bool(part.signature or part.thought_signature)))
            elif part.text:
                found.append(TextDelta(part.text))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, DocumentError):
        return []
    if response.id or response.model:
        found.append(Started(response.id or "", response.model or ""))
    finish = finish_of(response) if candidate is None or candidate.finish is not None else ""
    if finish:
        called = finish == "stop" and any(isinstance(delta, ToolDelta) for delta in found)
        found.append(Ending("tool_calls" if called else finish))
    usage = usage_of(response.usage)
    if usage is not None:
        found.append(Meter(usage))
    return found


def mark(body: bytes, response: Response, text: str) -> bytes:
    """A whole response with the text at the end of its last text part that is not empty."""
    places = [index for index, part in enumerate(parts_of(candidate_of(response))) if part.text and is_text(part)]
    return _with_text(body, response, places[-1], text) if places else body


def mark_frame(frame: Frame, text: str, state: dict[str, str]) -> bytes | None:
    """The mark stands before the first function call or end that follows a text: in a text part of that same response, or in a response
    of its own before it. `state`: "seen" once there was text, "marked" once the mark is out."""
    if "marked" in state:
        return None
    try:
        response = response_decoder.decode(frame.data)
        candidate = candidate_of(response)
        parts = parts_of(candidate)
        places = [index for index, part in enumerate(parts) if is_text(part)]
        if any(parts[index].text for index in places):
            state["seen"] = "1"
        called = any(part.call or part.function_call for part in parts)
        if "seen" not in state or candidate is None or not (candidate.finish or called):
            return None
        marked = _rewritten(frame, response, places[-1], text) if places else _before(frame, response, text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, DocumentError):
        return None
    state["marked"] = "1"
    return marked


def _number(frame: Frame) -> int:
    """Where the numbers of its calls begin, which have none of their own: two in different frames differ by the frame's bytes."""
    return crc32(frame.data) << 8


def _with_text(body: bytes, response: Response, index: int, text: str) -> bytes:
    """The response with more text after its part `index`: in that part, or behind it where a signature covers it."""
    place = next(number for number, candidate in enumerate(response.candidates) if candidate.index == 0)
    parts: Path = ("candidates", place, "content", "parts")
    part = parts_of(response.candidates[place])[index]
    if part.signature or part.thought_signature:
        return Document(body).apply([Insert((*parts, index + 1), encode({"text": text}))])
    return Document(body).apply([Extend((*parts, index, "text"), text)])


def _rewritten(frame: Frame, response: Response, index: int, text: str) -> bytes:
    data = _with_text(frame.data, response, index, text)
    return replaced(frame, data if b"\n" not in frame.data or frame.data in frame.raw else data.replace(b"\n", b" "))


def _before(frame: Frame, response: Response, text: str) -> bytes:
    """The frame with another response in front, between the same separators."""
    added: _Json = {"candidates": [{"content": {"parts": [{"text": text}], "role": "model"}, "index": 0}]}
    if response.model:
        added["modelVersion"] = response.model
    if response.id:
        added["responseId"] = response.id
    data = encode(added)
    at = frame.raw.find(frame.data)
    lead = frame.raw[:at].strip()
    if at >= 0 and lead in (b"", b"[", b","):
        return frame.raw[:at] + data + b",\r\n" + frame.raw[at:]
    line = event(data)
    return (line.replace(b"\n", b"\r\n") if frame.raw.endswith(b"\r\n") else line) + frame.raw


def _frame(buffer: bytearray, begin: int, start: int, end: int) -> Frame:
    return Frame(bytes(buffer[begin:end]), "", bytes(buffer[start:end]))


def write(reply: Reply, stream: bool) -> bytes:
    """A whole response, or server-sent events: one for each part."""
    parts = [part for part in map(_written_part, reply.parts) if part is not None] or [{"text": ""}]
    if not stream:
        return encode(_response(reply, parts, last=True))
    last = len(parts) - 1
    return b"".join(event(encode(_response(reply, [part], last=index == last))) for index, part in enumerate(parts))


def _response(reply: Reply, parts: list[_Json], *, last: bool) -> _Json:
    candidate: _Json = {"content": {"parts": parts, "role": "model"}}
    if last:
        candidate["finishReason"] = _REASONS.get(reply.finish, "OTHER")
    response: _Json = {"candidates": [{**candidate, "index": 0}]}
    usage = reply.usage
    if usage is not None:
        counts = {"promptTokenCount": usage.input_tokens, "candidatesTokenCount": usage.output_tokens}
        cached = {"cachedContentTokenCount": usage.cache_read_tokens} if usage.cache_read_tokens else {}
        response["usageMetadata"] = {**counts, **cached, "totalTokenCount": usage.input_tokens + usage.output_tokens}
    if reply.model:
        response["modelVersion"] = reply.model
    if reply.id:
        response["responseId"] = reply.id
    return response


def _written_part(part: Part) -> _Json | None:
    """A part of an answer of our own; None for what it cannot hold."""
    match part:
        case Text(text):
            return {"text": text}
        case Thinking(text):
            return {"text": text, "thought": True}
        case ToolCall(call_id, name, arguments):
            args = decode(_members, arguments.encode("utf-8", "replace"))
            return {"functionCall": {**({"id": call_id} if call_id else {}), "name": name, "args": args}}
        case _:
            return None
