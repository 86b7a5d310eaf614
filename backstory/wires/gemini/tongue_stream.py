"""Gemini, for translation: answers, whole and in chunks, heard and told.

Rule: a whole answer is heard as a stream of one chunk, so that both say the same. Texts that follow each other are one piece; calls come
whole. The end is told when the bytes have ended: usage may follow the reason for it (ai.google.dev/api/generate-content).
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Raw, Struct
from msgspec.structs import replace

from backstory.core.reply import Finish, Usage
from backstory.core.stream import Frame
from backstory.core.translation import (
    Answered,
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
from backstory.errors import DocumentError
from backstory.wires.gemini.parts import FINISHES
from backstory.wires.gemini.tongue_answer import Parts, reason_of, usage_object
from backstory.wires.gemini.tongue_citations import citations_of, grounding_of
from backstory.wires.gemini.tongue_read import WIRE, made_id, pieces_of, read_part
from backstory.wires.lowering import encode
from backstory.wires.sse import event as write_event
from backstory.wires.translation.fields import Fields, listed
from backstory.wires.translation.more import Losing, failure_of, loose_text, told_error
from backstory.wires.translation.tongue import Json

_CODES = {
    "INVALID_ARGUMENT": "invalid_request",
    "FAILED_PRECONDITION": "invalid_request",
    "OUT_OF_RANGE": "invalid_request",
    "UNAUTHENTICATED": "authentication",
    "PERMISSION_DENIED": "permission",
    "NOT_FOUND": "not_found",
    "RESOURCE_EXHAUSTED": "rate_limit",
    "UNAVAILABLE": "overloaded",
    "DEADLINE_EXCEEDED": "timeout",
    "INTERNAL": "server",
    "UNKNOWN": "server",
}


def read_failure(status: int, error: Fields, body: bytes = b"") -> Failure:
    """The `error` of an answer or of a chunk. `status`: HTTP's, 0 where only the error tells."""
    told, name, message = loose_text(error, "code"), loose_text(error, "status"), loose_text(error, "message")
    number = int(told) if len(told) == 3 and told.isdecimal() else 0
    code = "authentication" if "API key not valid" in message else _CODES.get(name, "")
    found = status or (number if 400 <= number < 600 else 500)
    return failure_of(found, body, message, name, code)


class _Telling(Struct):
    """The piece that is open."""

    index: int
    piece: Words | Thought
    texts: list[str]
    sealed: str = ""
    after: str = ""


class GeminiListener:
    """Implements core.translation.Listener. `number`: of the candidate that is heard."""

    __slots__ = ("_begun", "_called", "_calls", "_done", "_finish", "_grounding", "_index", "_losing", "_number", "_open", "_usage")

    def __init__(self, number: int = 0) -> None:
        self._number = number
        self._begun = Begun("", "")
        self._done = False
        self._index = -1
        self._open: _Telling | None = None
        self._called = False
        self._calls = 0
        self._finish: Finish = ""
        self._usage: tuple[Usage | None, int] = (None, 0)
        self._grounding: Raw | None = None
        self._losing = Losing()

    def events(self, frame: Frame) -> Sequence[Event]:
        """See Listener."""
        if self._done or frame.data == b"[DONE]":
            return ()
        if not frame.data:
            return (Waits(),) if frame.raw.strip() not in (b"]", b"[", b"") else ()
        # Errors come in a list, too.
        chunks: list[bytes | Raw] = [frame.data] if frame.data[:1] != b"[" else [*listed(Raw(frame.data))]
        return [event for chunk in chunks for event in self.chunk(chunk)] if len(chunks) != 1 else self.chunk(chunks[0])

    def chunk(self, data: bytes | Raw) -> list[Event]:
        """What a chunk says."""
        fields = Fields(data)
        error = fields.raw("error")
        if error is not None:
            return self._break(read_failure(0, told_error(error)))
        events = self._begin(fields)
        usage = fields.raw("usageMetadata", "usage_metadata")
        if usage is not None:
            self._usage = read_usage(usage)
        for raw in fields.items("candidates"):
            candidate = Fields(raw)
            if (candidate.count("index") or 0) == self._number and not self._done:
                events += self._candidate(candidate)
        feedback = fields.inner("promptFeedback", "prompt_feedback")
        if feedback is not None and feedback.text("blockReason", "block_reason") and not self._done:
            self._finish = "refusal"
            events += self._refused(feedback.text("blockReasonMessage", "block_reason_message"))
        return events

    def over(self) -> Sequence[Event]:
        """See Listener."""
        return self.finish() if self._finish else ()

    def finish(self) -> list[Event]:
        """The end, also of what does not say why it ended; nothing where nothing was said at all."""
        if self._done or (not self._finish and self._open is None and self._index <= 0):
            return []
        self._done = True
        self._finish = self._finish or "stop"
        finish: Finish = "tool_calls" if self._finish == "stop" and self._called else self._finish
        return [*self._close(), Ended(finish, *self._usage)]

    def _begin(self, fields: Fields) -> list[Event]:
        name, model = fields.text("responseId", "response_id"), fields.text("modelVersion", "model_version")
        first = self._index < 0
        self._index = max(self._index, 0)
        if first:
            self._begun = Begun(name, model)
            return [self._begun]
        return []

    def _candidate(self, candidate: Fields) -> list[Event]:
        events: list[Event] = []
        content = candidate.inner("content")
        self._grounding = candidate.raw("groundingMetadata", "grounding_metadata") or self._grounding
        self._grounding = self._grounding or candidate.raw("citationMetadata", "citation_metadata")
        for raw in content.items("parts") if content is not None else ():
            events += self._part(raw)
        reason = candidate.text("finishReason", "finish_reason")
        if reason:
            self._finish = FINISHES.get(reason, "other") or self._finish
            message = candidate.text("finishMessage", "finish_message")
            if self._finish == "error":
                told = f"the model gave no answer that can be read ({reason})"
                return events + self._break(Failure(500, "server", f"{told}: {message}" if message else told, reason))
            if self._finish == "refusal":
                events += self._refused(message)
        return events

    def _break(self, failure: Failure) -> list[Event]:
        self._done = True
        return [Broke(failure)]

    def _refused(self, message: str) -> list[Event]:
        return [*self._close(), *self._whole(Refusal(message), Refusal(""), message)] if message else []

    def _part(self, raw: Raw) -> list[Event]:
        part = read_part(raw, self._losing)
        piece, sealed = part.piece, part.sealed
        match piece:
            case Words(text):
                found = pieces_of(part)
                mine = [one for one in found if isinstance(one, Thought)]
                if mine and mine[0].seal != WIRE:
                    return [*self._close(), *self._sealed_thought(mine[0]), *self._more(Words(""), text)]
                events = self._more(Words(""), text)
                if mine and not text:
                    return [*self._close(), *self._sealed_thought(mine[0])]
                return events if not mine else [*events, *self._seal_text(mine[0])]
            case Thought(text):
                return [*self._more(Thought(""), text), *self._seal(sealed)]
            case Use():
                return self._call(pieces_of(part))
            case _:
                return [*self._close(), *self._whole(piece, piece, "")]

    def _more(self, bare: Words | Thought, text: str) -> list[Event]:
        """More text of this kind: of the piece that is open, or of a new one."""
        telling = self._open
        same = telling is not None and type(telling.piece) is type(bare) and not telling.sealed
        if not text and not (same or isinstance(bare, Thought)):
            return []
        events: list[Event] = []
        if telling is None or not same:
            events = self._close()
            telling = self._open = _Telling(self._next(), bare, [])
            events.append(Opened(telling.index, bare))
        if text:
            telling.texts.append(text)
            events.append(More(telling.index, text))
        return events

    def _seal(self, sealed: str) -> list[Event]:
        """The seal of the thought that is open."""
        telling = self._open
        if telling is None or not sealed:
            return []
        telling.sealed = sealed
        return [Sealed(telling.index, sealed, WIRE)]

    def _seal_text(self, piece: Thought) -> list[Event]:
        """A seal on the text that is open: a thought of its own, after all of it."""
        if self._open is not None:
            self._open.after = piece.sealed
        return []

    def _sealed_thought(self, piece: Thought) -> list[Event]:
        index = self._next()
        return [
            Opened(index, Thought("", hidden=True, id=piece.id)),
            Sealed(index, piece.sealed, piece.seal),
            Closed(index, piece),
        ]

    def _call(self, pieces: list[Piece]) -> list[Event]:
        events = self._close()
        for piece in pieces:
            if isinstance(piece, Thought):
                events += self._sealed_thought(piece)
            elif isinstance(piece, Use):
                self._called = True
                self._calls += 1
                made = made_id(self._begun.id, self._calls, piece.name, piece.arguments)
                call = piece if piece.id else replace(piece, id=made)
                events += self._whole(call, Use(call.id, call.name, ""), call.arguments)
        return events

    def _whole(self, piece: Piece, bare: Piece, text: str) -> list[Event]:
        index = self._next()
        sealed: list[Event] = [Sealed(index, piece.sealed, WIRE)] if isinstance(piece, Use) and piece.sealed else []
        said: list[Event] = [More(index, text)] if text else []
        return [Opened(index, bare), *sealed, *said, Closed(index, piece)]

    def _close(self) -> list[Event]:
        """The piece that is open is whole."""
        telling = self._open
        if telling is None:
            return []
        self._open = None
        text = "".join(telling.texts)
        if isinstance(telling.piece, Thought):
            seal = WIRE if telling.sealed else ""
            return [Closed(telling.index, Thought(text, telling.sealed, seal, not text))]
        cited = citations_of(self._grounding, text)
        self._grounding = None
        events: list[Event] = [Cited(telling.index, one) for one in cited]
        events.append(Closed(telling.index, Words(text, citations=cited)))
        return events if not telling.after else [*events, *self._sealed_thought(Thought("", telling.after, WIRE, True))]

    def _next(self) -> int:
        self._index += 1
        return self._index - 1


def read_answered(body: bytes) -> Answered | Failure:
    """A whole answer. One that does not say why it ended came to its natural end."""
    first = _gathered(body, 0)
    if isinstance(first, Failure):
        return first
    others = sorted({number for raw in Fields(body).items("candidates") if (number := Fields(raw).count("index") or 0)})
    more = [found for number in others if isinstance(found := _gathered(body, number), Answered)]
    return replace(first, more=tuple((one.pieces, one.finish) for one in more))


def _gathered(body: bytes, number: int) -> Answered | Failure:
    listener = GeminiListener(number)
    events = [*listener.chunk(Raw(body)), *listener.finish()]
    begun = next((event for event in events if isinstance(event, Begun)), Begun("", ""))
    for event in events:
        match event:
            case Broke(failure):
                return failure
            case Ended(finish, usage, thoughts):
                pieces = tuple(one.piece for one in events if isinstance(one, Closed))
                return Answered(begun.id, begun.model, pieces, finish, usage, thoughts)
            case _:
                pass
    raise DocumentError("an answer without candidates")


def read_usage(raw: Raw) -> tuple[Usage, int]:
    """Usage, and tokens of thoughts. The prompt includes cached input."""
    fields = Fields(raw)
    thoughts = fields.count("thoughtsTokenCount", "thoughts_token_count") or 0
    into = (fields.count("promptTokenCount", "prompt_token_count") or 0) + (fields.count("toolUsePromptTokenCount") or 0)
    out = (fields.count("candidatesTokenCount", "candidates_token_count") or 0) + thoughts
    return Usage(into, out, fields.count("cachedContentTokenCount", "cached_content_token_count") or 0), thoughts


class GeminiTeller:
    """Implements core.translation.Teller: chunks as events, or as the elements of a JSON array. `number`: of the candidate that is told."""

    __slots__ = ("_array", "_begun", "_cited", "_number", "_parts", "_pieces", "_told")

    def __init__(self, asked: Asked, number: int = 0) -> None:
        self._number = number
        self._array = asked.array
        self._begun: Begun | None = None
        self._parts = Parts()
        self._pieces: dict[int, Piece] = {}
        self._cited: Json = {}
        self._told = [False]

    def tell(self, event: Event) -> bytes:
        """See Teller. Clients of this wire read every line as JSON: there is no sign of life."""
        match event:
            case Begun():
                self._begun = event
                return b""
            case Opened(index, piece):
                self._pieces[index] = piece
                return b""
            case More(index, text):
                return self._more(self._pieces[index], text)
            case Closed(_, piece):
                return self._closed(piece)
            case Ended(finish, usage, thoughts):
                return self._last(finish, usage, thoughts)
            case Broke(failure):
                return self._chunk(error_object(failure))
            case _:
                return b""

    def end(self) -> bytes:
        """See Teller."""
        if not self._array:
            return b""
        return b"\n]\n" if self._told[0] else b"[]\n"

    def beside(self, first: GeminiTeller) -> None:
        """Both write one array."""
        self._told = first._told

    def goes_on(self, number: int) -> dict[int, tuple[str, str]]:
        """The client was told all of it so far by somebody else: an array has begun. There are no ids here."""
        self._told[0] = True
        return {}

    def _more(self, piece: Piece, text: str) -> bytes:
        match piece:
            case Words() | Refusal():
                return self._said(self._parts.words(text))
            case Thought():
                return self._said(self._parts.thought(Thought(text)))
            case _:
                return b""

    def _closed(self, piece: Piece) -> bytes:
        match piece:
            case Words():
                self._cited = grounding_of(piece) or self._cited
                return b""
            case Refusal():
                return b""
            case Thought():
                return self._said(self._parts.thought(piece, told=True))
            case Use():
                return self._said(self._parts.call(piece))
            case _:
                return self._said(self._parts.other(piece))

    def _said(self, parts: list[Json]) -> bytes:
        if not parts:
            return b""
        return self._chunk(answer_object(self._begun, [{"content": {"parts": parts, "role": "model"}, "index": self._number}]))

    def _last(self, finish: Finish, usage: Usage | None, thoughts: int) -> bytes:
        parts = self._parts.rest() or [{"text": ""}]
        reason = reason_of(finish, self._pieces.values())
        candidate: Json = {"content": {"parts": parts, "role": "model"}, "finishReason": reason, "index": self._number, **self._cited}
        return self._chunk(answer_object(self._begun, [candidate], usage, thoughts))

    def _chunk(self, value: Json) -> bytes:
        data = encode(value)
        if not self._array:
            return write_event(data)
        begun = b",\r\n" if self._told[0] else b"["
        self._told[0] = True
        return begun + data


def answer_object(begun: Begun | None, candidates: list[Json], usage: Usage | None = None, thoughts: int = 0) -> Json:
    """A response."""
    found: Json = {"candidates": candidates}
    if usage is not None:
        found["usageMetadata"] = usage_object(usage, thoughts)
    if begun is not None and begun.model:
        found["modelVersion"] = begun.model
    if begun is not None and begun.id:
        found["responseId"] = begun.id
    return found


def write_answered(answered: Answered) -> bytes:
    """A whole answer."""
    candidates: list[Json] = []
    for index, (pieces, finish) in enumerate(((answered.pieces, answered.finish), *answered.more)):
        told = Parts()
        parts = [part for piece in pieces for part in told.piece(piece)] + told.rest()
        cited = next((found for piece in reversed(pieces) if isinstance(piece, Words) and (found := grounding_of(piece))), {})
        content = {"parts": parts or [{"text": ""}], "role": "model"}
        candidates.append({"content": content, "finishReason": reason_of(finish, pieces), "index": index, **cited})
    begun = Begun(answered.id, answered.model)
    return encode(answer_object(begun, candidates, answered.usage, answered.thoughts))


# What the API answers: HTTP status and name.
_ERRORS: dict[str, tuple[int, str]] = {
    "invalid_request": (400, "INVALID_ARGUMENT"),
    "authentication": (401, "UNAUTHENTICATED"),
    "permission": (403, "PERMISSION_DENIED"),
    "not_found": (404, "NOT_FOUND"),
    "too_large": (413, "INVALID_ARGUMENT"),
    "rate_limit": (429, "RESOURCE_EXHAUSTED"),
    "overloaded": (503, "UNAVAILABLE"),
    "timeout": (504, "DEADLINE_EXCEEDED"),
    "context_length": (400, "INVALID_ARGUMENT"),
    "server": (500, "INTERNAL"),
}


def error_object(failure: Failure) -> Json:
    """An error."""
    status, name = _ERRORS.get(failure.code, _ERRORS["server"])
    if failure.code == "server" and 500 <= failure.status < 600:
        status = failure.status
    return {"error": {"code": status, "message": failure.message, "status": name}}
