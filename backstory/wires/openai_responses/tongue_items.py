"""OpenAI Responses, for translation: what an item says, of a request or of an answer.

Rule: what names an item or its state at the provider (`id`, `status`) means nothing elsewhere and is passed over, all else is told as lost.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import msgspec
from msgspec import Raw
from msgspec.structs import replace

from backstory.core.translation import Odd, Piece, Refusal, Result, Sight, Speaker, Thought, Use, Words
from backstory.wires.lowering import decode
from backstory.wires.translation.fields import Fields
from backstory.wires.translation.media import from_data_url, held, linked
from backstory.wires.translation.more import Losing, is_object, is_string, string
from backstory.wires.translation.seals import unwrapped

WIRE = "openai_responses"
PARAGRAPH = "\n\n"
"""Between the parts of a summary."""
_raws = msgspec.json.Decoder(list[Raw])

_Read: TypeAlias = "Callable[[Fields, Losing], tuple[Speaker, list[Piece]]]"


def read_item(kind: str, fields: Fields, raw: Raw, losing: Losing) -> tuple[Speaker, list[Piece]]:
    """An item that is no message, its type taken from `fields`: whose it is, and what it holds."""
    reader = _READERS.get(kind)
    if reader is None or (kind == "image_generation_call" and fields.raw("result") is None):
        speaker: Speaker = "user" if kind.endswith(("_output", "_response")) else "assistant"
        return speaker, [Odd(WIRE, kind, raw)]
    if kind == "image_generation_call":
        fields = Fields(raw)
        fields.text("type")
    found = reader(fields, losing)
    passed_over(fields, kind, losing)
    return found


def spaced(space: str, name: str) -> str:
    """A tool's name with that of its namespace, for wires that have none. `functions` is what tools without one stand in."""
    return name if space in ("", "functions") else f"{space}__{name}"


def read_content(raw: Raw | None, losing: Losing) -> list[Piece]:
    """What a message, or a tool's result, holds: a string or a list of parts."""
    if raw is None:
        return []
    if is_string(raw):
        return [Words(string(raw))]
    return [_part(one, losing) for one in items_of(raw)]


def thought(text: str, encrypted: str, name: str) -> Thought:
    """A reasoning item. `seal` "call ID": it only carries Gemini's seal of that call."""
    seal, sealed, call = unwrapped(encrypted)
    if call:
        return Thought("", sealed, f"call {call}", True)
    return Thought(text, sealed, seal or (WIRE if sealed else ""), not text, name)


def items_of(raw: Raw) -> list[Raw]:
    return [raw] if is_string(raw) or is_object(raw) else decode(_raws, raw)


def passed_over(fields: Fields, kind: str, losing: Losing) -> None:
    fields.raw("id")
    fields.raw("status")
    losing.rest(fields, f"input.{kind}")


def _part(raw: Raw, losing: Losing) -> Piece:
    if is_string(raw):
        return Words(string(raw))
    fields = Fields(raw)
    kind = fields.text("type")
    match kind:
        case "input_text" | "output_text" | "text" | "summary_text" | "reasoning_text":
            found: Piece = Words(fields.text("text"), citations=tuple(fields.items("annotations")))
            fields.raw("logprobs")
        case "refusal":
            found = Refusal(fields.text("refusal"))
        case "input_image":
            found = _image(fields)
        case "input_file":
            found = _file(fields)
        case "input_audio":
            audio = fields.inner("input_audio") or fields
            form = audio.text("format")
            found = Sight("audio", f"audio/{form}" if form else "", audio.text("data"))
        case _:
            return Odd(WIRE, kind, raw)
    losing.rest(fields, f"input.{kind}")
    return found


def _image(fields: Fields) -> Sight:
    detail = fields.text("detail").replace("auto", "")
    link, file = fields.raw("image_url"), fields.text("file_id")
    if link is None:
        return Sight("image", file=file, detail=detail)
    url = string(link) if is_string(link) else Fields(link).text("url")
    return linked("image", url, detail=detail)


def _file(fields: Fields) -> Sight:
    name, detail = fields.text("filename"), fields.text("detail")
    data, url, file = fields.text("file_data"), fields.text("file_url"), fields.text("file_id")
    if from_data_url(data) is not None:
        return linked("document", data, name, detail)
    if data:
        return held("document", "application/pdf" if name.lower().endswith(".pdf") or not name else "", data, name, detail)
    return Sight("document", url=url, file="" if url else file, name=name, detail=detail)


def _reasoned(fields: Fields, losing: Losing) -> tuple[Speaker, list[Piece]]:
    texts = [*read_content(fields.raw("summary"), losing), *read_content(fields.raw("content"), losing)]
    text = PARAGRAPH.join([piece.text for piece in texts if isinstance(piece, Words)])
    return "assistant", [thought(text, fields.text("encrypted_content"), fields.text("id"))]


def _called(fields: Fields, losing: Losing) -> tuple[Speaker, list[Piece]]:
    return "assistant", [Use(fields.text("call_id"), _name(fields), fields.text("arguments"))]


def _called_freely(fields: Fields, losing: Losing) -> tuple[Speaker, list[Piece]]:
    return "assistant", [Use(fields.text("call_id"), _name(fields), fields.text("input"), True)]


def _name(fields: Fields) -> str:
    return spaced(fields.text("namespace"), fields.text("name"))


def _given(fields: Fields, losing: Losing) -> tuple[Speaker, list[Piece]]:
    call = fields.text("call_id")
    parts = read_content(fields.raw("output"), losing)
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
        fields.raw(name)
    return "assistant", [Sight("image", f"image/{form}", fields.text("result"))]


_READERS: dict[str, _Read] = {
    "reasoning": _reasoned,
    "function_call": _called,
    "custom_tool_call": _called_freely,
    "function_call_output": _given,
    "custom_tool_call_output": _given_freely,
    "image_generation_call": _drawn,
}
