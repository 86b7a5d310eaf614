"""OpenAI Responses, for translation: what a request or an answer says.

Rule: items of the assistant that follow each other are one message, and so are results of tools; what names an item or its state at the
provider (`id`, `status`) means nothing elsewhere and is passed over, all else is told as lost.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import msgspec
from msgspec import Raw
from msgspec.structs import replace

from backstory.core.reply import Finish, Usage
from backstory.core.translation import (
    Answered,
    Asked,
    Builtin,
    Choice,
    Effort,
    Failure,
    Format,
    Function,
    Loss,
    Odd,
    Piece,
    Reasoning,
    Refusal,
    Result,
    Said,
    Sampling,
    Sight,
    Speaker,
    Thought,
    Use,
    Words,
)
from backstory.errors import DocumentError
from backstory.wires.lowering import decode, encode
from backstory.wires.tongue_more import Fields, Losing, held, is_object, is_string, sight, string, unwrapped

WIRE = "openai_responses"
SEALED_INCLUDE = "reasoning.encrypted_content"
LOGPROBS_INCLUDE = "message.output_text.logprobs"
PARAGRAPH = "\n\n"
"""Between the parts of a summary."""
_EFFORTS: dict[str, Effort] = {one: one for one in ("none", "minimal", "low", "medium", "high", "xhigh")}
_MODES: dict[str, Choice] = {"auto": Choice("auto"), "none": Choice("none"), "required": Choice("any")}
_REASONS: dict[str, Finish] = {"max_output_tokens": "length", "content_filter": "refusal"}
# What the provider keeps of earlier requests: without it the answer would not be what was asked for.
_KEPT = {
    "item_reference": Loss("input.item_reference", "refused", "it names an item that only its own provider keeps"),
    "prompt": Loss("prompt", "refused", "a stored prompt is known to its own provider only"),
    "background": Loss("background", "refused", "the provider does not answer in the background"),
}
_strings = msgspec.json.Decoder(list[str])
_raws = msgspec.json.Decoder(list[Raw])

_Read: TypeAlias = "Callable[[Fields, Losing], tuple[Speaker, list[Piece]]]"


def read_asked(body: bytes) -> Asked:
    """A request."""
    fields = Fields(body)
    losing = Losing()
    instructions = fields.take("instructions")
    talk = Talk(losing)
    if instructions is not None and is_string(instructions):
        talk.system.append(Words(string(instructions)))
    else:
        talk.items([] if instructions is None else [instructions] if is_object(instructions) else _items(instructions))
    given = fields.take("input")
    if given is not None:
        talk.items(_items(given))
    said = talk.said()
    sampling, others = _sampling(fields)
    for name in ("prompt", "background"):
        found = fields.take(name)
        if found is not None and bytes(found) != b"false":
            losing.add(_KEPT[name])
    shown = _text(fields, losing)
    asked = Asked(
        fields.text("model"),
        bool(fields.flag("stream")),
        tuple(talk.system),
        said,
        tuple(read_tool(raw, losing) for raw in fields.items("tools")),
        _choice(fields.take("tool_choice"), losing),
        fields.flag("parallel_tool_calls"),
        shown,
        _reasoning(fields.fields("reasoning"), losing),
        sampling,
        fields.text("user"),
        fields.take("metadata"),
        fields.text("service_tier"),
        fields.flag("store"),
        _previous(fields),
    )
    return replace(asked, others=(*others, *fields.rest()), wire=WIRE, lost=losing.told())


class Talk:
    """Items, gathered into messages."""

    def __init__(self, losing: Losing) -> None:
        self.system: list[Words] = []
        self._said: list[tuple[Speaker, list[Piece]]] = []
        self._losing = losing
        self._names: dict[str, str] = {}
        self._seals: dict[str, str] = {}

    def items(self, raws: list[Raw]) -> None:
        """These, after those before."""
        for raw in raws:
            if is_string(raw):
                self._add("user", [Words(string(raw))])
                continue
            fields = Fields(raw)
            kind = fields.text("type") or "message"
            if kind == "message":
                self._message(fields)
            else:
                self._add(*read_item(kind, fields, raw, self._losing))

    def said(self) -> tuple[Said, ...]:
        """All messages, with the seals where they belong."""
        return tuple(Said(speaker, tuple(map(self._sealed, pieces))) for speaker, pieces in self._said)

    def _message(self, fields: Fields) -> None:
        role = fields.text("role") or "user"
        pieces = read_content(fields.take("content"), self._losing)
        _passed_over(fields, "message", self._losing)
        if role == "assistant":
            self._add("assistant", pieces)
        elif role == "user":
            self._add("user", pieces)
        else:
            words: list[Piece] = [piece for piece in pieces if isinstance(piece, Words)]
            self._losing.all_of({"input.message.content": len(words) < len(pieces)})
            if self._said:
                self._add("system", words)
            else:
                self.system += [piece for piece in pieces if isinstance(piece, Words)]

    def _add(self, speaker: Speaker, pieces: list[Piece]) -> None:
        found = [piece for piece in pieces if not self._seal(piece)]
        for piece in found:
            if isinstance(piece, Use):
                self._names[piece.id] = piece.name
        last = self._said[-1] if self._said else None
        if not found and pieces:
            return
        if last is not None and last[0] == speaker and (speaker == "assistant" or (_results(last[1]) and _results(found))):
            last[1].extend(found)
        else:
            self._said.append((speaker, found))

    def _seal(self, piece: Piece) -> bool:
        """Whether it only carries the seal of a call."""
        if not isinstance(piece, Thought) or not piece.seal.startswith("call "):
            return False
        self._seals[piece.seal.removeprefix("call ")] = piece.sealed
        return True

    def _sealed(self, piece: Piece) -> Piece:
        match piece:
            case Use() if piece.id in self._seals:
                return replace(piece, sealed=self._seals[piece.id])
            case Result() if piece.id in self._names:
                return replace(piece, name=self._names[piece.id])
            case _:
                return piece


def read_item(kind: str, fields: Fields, raw: Raw, losing: Losing) -> tuple[Speaker, list[Piece]]:
    """An item that is no message, its type taken from `fields`: whose it is, and what it holds."""
    reader = _READERS.get(kind)
    if kind == "item_reference":
        losing.add(_KEPT[kind])
        return "assistant", []
    if reader is None or (kind == "image_generation_call" and fields.take("result") is None):
        speaker: Speaker = "user" if kind.endswith(("_output", "_response")) else "assistant"
        return speaker, [Odd(WIRE, kind, raw)]
    if kind == "image_generation_call":
        fields = Fields(raw)
        fields.text("type")
    found = reader(fields, losing)
    _passed_over(fields, kind, losing)
    return found


def read_content(raw: Raw | None, losing: Losing) -> list[Piece]:
    """What a message, or a tool's result, holds: a string or a list of parts."""
    if raw is None:
        return []
    if is_string(raw):
        return [Words(string(raw))]
    return [_part(one, losing) for one in _items(raw)]


def read_tool(raw: Raw, losing: Losing) -> Function | Builtin:
    """A tool."""
    fields = Fields(raw)
    kind = fields.text("type")
    if kind not in ("function", "custom"):
        return Builtin(kind, raw)
    name, description = fields.text("name"), fields.text("description")
    custom = kind == "custom"
    schema = fields.take("format" if custom else "parameters")
    strict = fields.flag("strict")
    losing.rest(fields, "tools")
    return Function(name, description, b"" if schema is None else bytes(schema), strict, custom)


def read_answered(body: bytes) -> Answered | Failure:
    """A whole response object."""
    fields = Fields(body)
    error = fields.fields("error")
    status = fields.text("status")
    output = fields.take("output")
    if error is not None or status == "failed":
        return read_failure(error)
    if output is None:
        raise DocumentError("a response without output")
    losing = Losing()
    pieces = pieces_of(_items(output), losing)
    usage, thoughts = read_usage(fields.take("usage"))
    finish = finish_of(status, reason_of(fields), pieces)
    created = int(fields.number("created_at") or 0)
    return Answered(fields.text("id"), fields.text("model"), tuple(pieces), finish, usage, thoughts, "", created)


def pieces_of(items: list[Raw], losing: Losing) -> list[Piece]:
    """What these output items hold."""
    pieces: list[Piece] = []
    seals: dict[str, str] = {}
    for raw in items:
        for piece in output_pieces(raw, losing):
            if isinstance(piece, Thought) and piece.seal.startswith("call "):
                seals[piece.seal.removeprefix("call ")] = piece.sealed
            else:
                pieces.append(piece)
    return [replace(piece, sealed=seals[piece.id]) if isinstance(piece, Use) and piece.id in seals else piece for piece in pieces]


def output_pieces(raw: Raw, losing: Losing) -> list[Piece]:
    """What one output item holds."""
    fields = Fields(raw)
    kind = fields.text("type") or "message"
    if kind == "message":
        return read_content(fields.take("content"), losing)
    return read_item(kind, fields, raw, losing)[1]


def finish_of(status: str, reason: str, pieces: list[Piece]) -> Finish:
    """Why it ended."""
    if status == "incomplete":
        return _REASONS.get(reason, "other")
    if status not in ("", "completed"):
        return "error" if status == "failed" else "other"
    if any(isinstance(piece, Use) for piece in pieces):
        return "tool_calls"
    return "refusal" if any(isinstance(piece, Refusal) for piece in pieces) else "stop"


def reason_of(fields: Fields) -> str:
    """Why a response is incomplete."""
    details = fields.fields("incomplete_details")
    return "" if details is None else details.text("reason")


def read_usage(raw: Raw | None) -> tuple[Usage | None, int]:
    """Usage, and tokens of reasoning."""
    if raw is None:
        return None, 0
    fields = Fields(raw)
    into, out = fields.fields("input_tokens_details"), fields.fields("output_tokens_details")
    cached = into.integer("cached_tokens") if into else 0
    written = into.integer("cache_write_tokens") if into else 0
    usage = Usage(fields.integer("input_tokens") or 0, fields.integer("output_tokens") or 0, cached or 0, written or 0)
    return usage, (out.integer("reasoning_tokens") if out else 0) or 0


def read_failure(error: Fields | None) -> Failure:
    """The `error` of a failed response, or of an event."""
    code = error.text("code") if error is not None else ""
    message = error.text("message") if error is not None else ""
    message = message or "the provider's answer failed"
    if code in ("rate_limit_exceeded", "insufficient_quota"):
        return Failure(429, "rate_limit", message, code)
    if code == "context_length_exceeded":
        return Failure(400, "context_length", message, code)
    if code in ("invalid_prompt", "invalid_request_error") or "image" in code:
        return Failure(400, "invalid_request", message, code)
    return Failure(500, "server", message, code)


def _items(raw: Raw) -> list[Raw]:
    return [raw] if is_string(raw) or is_object(raw) else decode(_raws, raw)


def _results(pieces: list[Piece]) -> bool:
    return bool(pieces) and all(isinstance(piece, Result) for piece in pieces)


def _passed_over(fields: Fields, kind: str, losing: Losing) -> None:
    fields.take("id")
    fields.take("status")
    losing.rest(fields, f"input.{kind}")


def _part(raw: Raw, losing: Losing) -> Piece:
    if is_string(raw):
        return Words(string(raw))
    fields = Fields(raw)
    kind = fields.text("type")
    match kind:
        case "input_text" | "output_text" | "text" | "summary_text" | "reasoning_text":
            found: Piece = Words(fields.text("text"), citations=tuple(fields.items("annotations")))
            fields.take("logprobs")
        case "refusal":
            found = Refusal(fields.text("refusal"))
        case "input_image":
            found = _image(fields)
        case "input_file":
            found = _file(fields)
        case "input_audio":
            audio = fields.fields("input_audio") or fields
            form = audio.text("format")
            found = Sight("audio", f"audio/{form}" if form else "", audio.text("data"))
        case _:
            return Odd(WIRE, kind, raw)
    losing.rest(fields, f"input.{kind}")
    return found


def _image(fields: Fields) -> Sight:
    detail = fields.text("detail").replace("auto", "")
    link, file = fields.take("image_url"), fields.text("file_id")
    if link is None:
        return Sight("image", file=file, detail=detail)
    url = string(link) if is_string(link) else Fields(link).text("url")
    return sight("image", url, detail=detail)


def _file(fields: Fields) -> Sight:
    name, detail = fields.text("filename"), fields.text("detail")
    data, url, file = fields.text("file_data"), fields.text("file_url"), fields.text("file_id")
    if data.startswith("data:"):
        return sight("document", data, name, detail)
    if data:
        return held("document", "application/pdf" if name.lower().endswith(".pdf") or not name else "", data, name, detail)
    return Sight("document", url=url, file="" if url else file, name=name, detail=detail)


def _reasoned(fields: Fields, losing: Losing) -> tuple[Speaker, list[Piece]]:
    texts = [*read_content(fields.take("summary"), losing), *read_content(fields.take("content"), losing)]
    text = PARAGRAPH.join([piece.text for piece in texts if isinstance(piece, Words)])
    return "assistant", [thought(text, fields.text("encrypted_content"), fields.text("id"))]


def thought(text: str, encrypted: str, name: str) -> Thought:
    """A reasoning item. `seal` "call ID": it only carries Gemini's seal of that call."""
    seal, sealed, call = unwrapped(encrypted)
    if call:
        return Thought("", sealed, f"call {call}", True)
    return Thought(text, sealed, seal or (WIRE if sealed else ""), not text, name)


def _called(fields: Fields, losing: Losing) -> tuple[Speaker, list[Piece]]:
    return "assistant", [Use(fields.text("call_id"), fields.text("name"), fields.text("arguments"))]


def _called_freely(fields: Fields, losing: Losing) -> tuple[Speaker, list[Piece]]:
    return "assistant", [Use(fields.text("call_id"), fields.text("name"), fields.text("input"), True)]


def _given(fields: Fields, losing: Losing) -> tuple[Speaker, list[Piece]]:
    call = fields.text("call_id")
    parts = read_content(fields.take("output"), losing)
    if not all(isinstance(part, Words | Sight) for part in parts):
        losing.lose("input.function_call_output.output")
    return "user", [Result(call, "", tuple(part for part in parts if isinstance(part, Words | Sight)))]


def _given_freely(fields: Fields, losing: Losing) -> tuple[Speaker, list[Piece]]:
    speaker, pieces = _given(fields, losing)
    return speaker, [replace(piece, custom=True) if isinstance(piece, Result) else piece for piece in pieces]


def _drawn(fields: Fields, losing: Losing) -> tuple[Speaker, list[Piece]]:
    """A picture that the model drew."""
    form = fields.text("output_format") or "png"
    for name in ("action", "background", "quality", "size", "revised_prompt"):
        fields.take(name)
    return "assistant", [Sight("image", f"image/{form}", fields.text("result"))]


_READERS: dict[str, _Read] = {
    "reasoning": _reasoned,
    "function_call": _called,
    "custom_tool_call": _called_freely,
    "function_call_output": _given,
    "custom_tool_call_output": _given_freely,
    "image_generation_call": _drawn,
}


def _sampling(fields: Fields) -> tuple[Sampling, tuple[tuple[str, Raw], ...]]:
    """How to choose tokens; what else `include` and `stream_options` ask for is handed on by name."""
    raw = fields.take("include")
    include = decode(_strings, raw) if raw is not None else []
    others = tuple(one for one in include if one not in (SEALED_INCLUDE, LOGPROBS_INCLUDE))
    sampling = Sampling(
        fields.integer("max_output_tokens"),
        fields.number("temperature"),
        fields.number("top_p"),
        logprobs=LOGPROBS_INCLUDE in include,
        top_logprobs=fields.integer("top_logprobs"),
    )
    return sampling, (("include", Raw(encode(list(others)))),) if others else ()


def _text(fields: Fields, losing: Losing) -> Format | None:
    options = fields.fields("text")
    form = options.fields("format") if options is not None else None
    losing.rest(options, "text")
    if form is None:
        return None
    kind = form.text("type")
    if kind == "json_object":
        return Format()
    if kind != "json_schema":
        return None
    schema = form.take("schema")
    found = Format(b"{}" if schema is None else bytes(schema), form.text("name"), form.text("description"), form.flag("strict"))
    losing.rest(form, "text.format")
    return found


def _reasoning(fields: Fields | None, losing: Losing) -> Reasoning | None:
    if fields is None:
        return None
    effort, summary, older = fields.text("effort"), fields.text("summary"), fields.text("generate_summary")
    if effort and effort not in _EFFORTS:
        losing.lose("reasoning.effort")
    losing.rest(fields, "reasoning")
    shown = summary or older
    return Reasoning(_EFFORTS.get(effort, ""), None, bool(shown), shown)


def _choice(raw: Raw | None, losing: Losing) -> Choice | None:
    if raw is None:
        return None
    if is_string(raw):
        mode = string(raw)
        if mode not in _MODES:
            losing.lose("tool_choice")
        return _MODES.get(mode)
    fields = Fields(raw)
    kind, name = fields.text("type"), fields.text("name")
    if kind in ("function", "custom") and name:
        return Choice("tool", name)
    if kind == "allowed_tools":
        named = [Fields(one).text("name") for one in fields.items("tools")]
        if not all(named):
            losing.lose("tool_choice.tools")
        return Choice("any" if fields.text("mode") == "required" else "auto", "", tuple(filter(None, named)))
    losing.lose(f"tool_choice.{kind}")
    return None


def _previous(fields: Fields) -> str:
    found, raw = fields.text("previous_response_id"), fields.take("conversation")
    if raw is None or found:
        return found
    return string(raw) if is_string(raw) else Fields(raw).text("id")
