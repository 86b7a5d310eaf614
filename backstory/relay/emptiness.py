"""Whether there is anything in an answer that has begun, told as early as it can be told.

Rule: what cannot be read is not empty. Reasoning that is already on its way is something; an answer that is whole, and nothing but
reasoning, is empty.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from backstory.core.exchange import Headers
from backstory.core.message import Text, Thinking
from backstory.core.reply import Delta, Ending, Meter, Started, TextDelta, ThoughtDelta
from backstory.core.stream import Frame
from backstory.core.wire import Wire
from backstory.errors import DocumentError
from backstory.relay.tap import content, read_reply

Verdict: TypeAlias = Literal["open", "empty", "something"]

# An answer with nothing in it is not larger.
_MOST_BYTES = 262_144
# Ends that say that it is meant to be so.
_MEANT = frozenset({"length", "refusal", "tool_calls"})
# Events that add nothing by themselves, of those wires whose events have a type.
_NEUTRAL = frozenset(
    {
        "",
        "ping",
        "content_block_start",
        "content_block_stop",
        "content_block_delta",
        "message_start",
        "message_delta",
        "message_stop",
        "response.created",
        "response.queued",
        "response.in_progress",
        "response.output_item.added",
        "response.output_item.done",
        "response.content_part.added",
        "response.content_part.done",
        "response.output_text.delta",
        "response.output_text.done",
        "response.reasoning_summary_part.added",
        "response.reasoning_summary_part.done",
        "response.completed",
        "response.failed",
        "error",
    }
)
# Those that may hold a part or a block of a kind of its own.
_HOLDING = frozenset({"", "content_block_start", "response.output_item.added"})
# What parts and blocks hold that a wire's deltas do not tell: pictures, sound, files, what tools of the provider have done.
_UNTOLD = tuple(b'"%b' % name for name in (b"inline", b"executable", b"codeExec", b"file", b"audio", b"image", b"server", b"mcp", b"web_"))


class _Typed(msgspec.Struct):
    type: str = ""


_typed = msgspec.json.Decoder(_Typed)


class Watch:
    """One answer of status 200 in this wire."""

    def __init__(self, wire: Wire, headers: Headers) -> None:
        self._wire = wire
        self._content_type, self._coding = content(headers)
        streams = self._content_type.startswith("text/event-stream")
        self._reader = wire.reader(self._content_type) if streams else None
        self._parts: list[bytes] = []
        self._size = 0

    @property
    def reads(self) -> bool:
        """Whether it can be told of this answer at all."""
        return (self._reader is not None and not self._coding) or self._content_type.startswith("application/json")

    def feed(self, data: bytes, done: bool) -> Verdict:
        """More of the body; `done` with the last."""
        self._size += len(data)
        if self._size > _MOST_BYTES:
            return "something"
        try:
            return self._whole(data, done) if self._reader is None else self._stream(data, done)
        except DocumentError:
            return "something"

    def _whole(self, data: bytes, done: bool) -> Verdict:
        if not self._parts and data.lstrip()[:1] == b"[":  # a stream after all, in the form of a list
            return "something"
        self._parts.append(data)
        if not done:
            return "open"
        reply = read_reply(self._wire, self._content_type, self._coding, b"".join(self._parts))
        if reply is None or reply.finish in _MEANT:
            return "something"
        bare = all((isinstance(part, Text) and not part.text.strip()) or isinstance(part, Thinking) for part in reply.parts)
        return "empty" if bare else "something"

    def _stream(self, data: bytes, done: bool) -> Verdict:
        reader = self._reader
        assert reader is not None
        frames = reader.feed(data)
        if done:
            frames = [*frames, *reader.close()]
        for frame in frames:
            deltas = self._wire.deltas(frame)
            if any(_says(delta) for delta in deltas) or _untold(frame):
                return "something"
        return "empty" if done else "open"


def _says(delta: Delta) -> bool:
    match delta:
        case TextDelta(text):
            return bool(text.strip())
        case ThoughtDelta(text):
            return bool(text)
        case Ending(finish):
            return finish in _MEANT
        case Started() | Meter():
            return False
        case _:
            return True


def _untold(frame: Frame) -> bool:
    """Whether an event holds more than its deltas tell, or may do."""
    if not frame.data or frame.data == b"[DONE]":
        return False
    try:
        kind = _typed.decode(frame.data).type
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return True
    return kind not in _NEUTRAL or (kind in _HOLDING and any(name in frame.data for name in _UNTOLD))
