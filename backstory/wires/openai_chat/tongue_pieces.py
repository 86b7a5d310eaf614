"""OpenAI Chat Completions for translation: what stands in messages, read as pieces; and answers' messages, written.

Rule: thoughts stand in `reasoning_content` (`reasoning` is read too), as compatible providers have it; seals in `reasoning_details`, as
OpenRouter has it, and a call's signature in its `extra_content`, as Google has it.
Source: https://platform.openai.com/docs/api-reference/chat, https://openrouter.ai/docs/use-cases/reasoning-tokens,
https://ai.google.dev/gemini-api/docs/thought-signatures.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from msgspec import Raw
from msgspec.structs import replace

from backstory.core.reply import Usage
from backstory.core.translation import Odd, Piece, Refusal, Result, Sight, Thought, Use, Words
from backstory.wires.translation.fields import Fields
from backstory.wires.translation.freely import unwrapped
from backstory.wires.translation.media import from_data_url
from backstory.wires.translation.tongue import Json, cite_of, object_of, text_of

OWN = "openai_chat"
_FORMATS = {"anthropic-claude-v1": "anthropic", "openai-responses-v1": "openai_responses", "google-gemini-v1": "gemini"}
_FORMAT_OF = {seal: name for name, seal in _FORMATS.items()}
_UNKNOWN = "unknown"


# --- read


def message_pieces(fields: Fields) -> tuple[Piece, ...]:
    """An assistant's message: its thoughts, its content, its refusal, its calls."""
    found: list[Piece] = [*thoughts(fields)]
    citations = tuple(fields.elements("annotations"))
    for piece in content_pieces(fields):
        if isinstance(piece, Words) and citations:
            piece, citations = Words(piece.text, piece.cached, citations), ()  # noqa: PLW2901 (the first text has them)
        found.append(piece)
    refusal = fields.text("refusal")
    if refusal:
        found.append(Refusal(refusal))
    found += [call(one, place) for place, one in enumerate(fields.objects("tool_calls"))]
    lone = fields.inner("function_call")
    if lone is not None:
        found.append(Use("", lone.text("name"), arguments(lone)))
    return tuple(found)


def content_pieces(fields: Fields) -> list[Piece]:
    """What `content` says: a string or parts. An empty string says nothing."""
    if fields.kind("content") == "string":
        text = fields.text("content")
        return [Words(text)] if text else []
    return [_part(raw, fields.unread) for raw in fields.elements("content")]


def _part(raw: Raw, unread: dict[str, None]) -> Piece:
    fields = Fields(raw, "messages.content", unread)
    kind = fields.text("type")
    cached = fields.raw("cache_control")
    match kind:
        case "text":
            piece: Piece = Words(fields.text("text"), cached)
        case "refusal":
            piece = Refusal(fields.text("refusal"))
        case "thinking":
            inner = (
                [one.text("text") for one in fields.objects("thinking")]
                if fields.kind("thinking") == "array"
                else [fields.text("thinking")]
            )
            piece = Thought("".join(inner))
        case "image_url" | "video_url":
            piece = _linked(fields, kind, cached)
        case "input_audio":
            audio = fields.inner("input_audio") or Fields(b"{}")
            sort = audio.text("format")
            piece = Sight("audio", f"audio/{sort}" if sort else "", audio.text("data"), cached=cached)
        case "file":
            piece = _file(fields.inner("file") or Fields(b"{}"), cached)
        case _:
            return Odd(OWN, kind, raw)
    fields.done()
    return piece


def _linked(fields: Fields, kind: str, cached: Raw | None) -> Sight:
    detail = ""
    if fields.kind(kind) == "string":
        url = fields.text(kind)
    else:
        link = fields.inner(kind) or Fields(b"{}")
        url, detail = link.text("url"), link.text("detail")
    found = from_data_url(url)
    sort = "image" if kind == "image_url" else "video"
    if found is None:
        return Sight("image" if sort == "image" else "video", url=url, detail=detail, cached=cached)
    return Sight("image" if sort == "image" else "video", found[0], found[1], detail=detail, cached=cached)


def _file(fields: Fields, cached: Raw | None) -> Sight:
    name, data = fields.text("filename"), fields.text("file_data")
    if not data:
        return Sight("document", file=fields.text("file_id"), name=name, cached=cached)
    found = from_data_url(data)
    mime, text = found if found is not None else ("", data)
    return Sight("document", mime, text, name=name, cached=cached)


def thoughts(fields: Fields) -> list[Thought]:
    """What the model thought. The text of sealed thoughts stands with their seals, or apart where there is but one."""
    text = fields.text("reasoning_content")
    if fields.kind("reasoning") == "string":
        text = text or fields.text("reasoning")
    found = [thought for one in fields.objects("reasoning_details") if (thought := detail(one)) is not None]
    if not found:
        return [Thought(text)] if text else []
    readable = [thought for thought in found if not thought.hidden]
    if text and not any(thought.text for thought in readable):
        if not readable:
            return [Thought(text), *found]
        place = found.index(readable[0])
        first = readable[0]
        found[place] = Thought(text, first.sealed, first.seal, id=first.id)
    return found


def detail(fields: Fields) -> Thought | None:
    """One of `reasoning_details`."""
    kind, name, seal = fields.text("type"), fields.text("id"), _FORMATS.get(fields.text("format"), OWN)
    sealed = fields.text("data") if kind == "reasoning.encrypted" else fields.text("signature")
    text = fields.text("text") or fields.text("summary")
    if not sealed and not text:
        return None
    return Thought(text, sealed, seal if sealed else "", hidden=kind == "reasoning.encrypted", id=name)


def call(fields: Fields, place: int = 0) -> Use:
    """One of `tool_calls`. `place`: its place, for a call without an id."""
    sealed = signature(fields)
    name = fields.text("id")
    custom, function = fields.inner("custom"), fields.inner("function") or Fields(b"{}")
    fields.done("type", "index")
    if custom is not None:
        return Use(name, custom.text("name"), custom.text("input"), custom=True, sealed=sealed)
    tool, given = function.text("name"), arguments(function)
    function.done()
    return Use(name or made_id(f"{tool}:{given}", place), tool, given or "{}", sealed=sealed)


def signature(fields: Fields) -> str:
    """Google's signature on a call, "" for none."""
    extra = fields.inner("extra_content")
    google = extra.inner("google") if extra is not None and extra.kind("google") == "object" else None
    return "" if google is None else google.text("thought_signature")


def arguments(function: Fields) -> str:
    """JSON text; some providers write the object itself."""
    if function.kind("arguments") == "object":
        return text_of(function.raw("arguments") or b"{}")
    return function.text("arguments")


def made_id(seed: str, place: int) -> str:
    """An id for a call that came without one."""
    return "call_" + hashlib.sha256(f"{place}:{seed}".encode("utf-8", "surrogatepass")).hexdigest()[:24]


def usage_of(fields: Fields | None) -> tuple[Usage | None, int]:
    """(usage, tokens of reasoning). `prompt_tokens` of this wire includes cached input."""
    if fields is None:
        return None, 0
    given, spent = fields.inner("prompt_tokens_details"), fields.inner("completion_tokens_details")
    read = (given.count("cached_tokens") if given is not None else None) or fields.count("prompt_cache_hit_tokens") or 0
    written = (given.count("cache_write_tokens") if given is not None else None) or 0
    thought = (spent.count("reasoning_tokens") if spent is not None else None) or 0
    return Usage(fields.count("prompt_tokens") or 0, fields.count("completion_tokens") or 0, read, written), thought


# --- written, to a client


def counts(usage: Usage, thought: int) -> Json:
    """Usage in this wire's words."""
    written = {"cache_write_tokens": usage.cache_write_tokens} if usage.cache_write_tokens else {}
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cache_read_tokens, **written},
        "completion_tokens_details": {"reasoning_tokens": thought},
    }


def message(pieces: Sequence[Piece], customs: frozenset[str], legacy: bool) -> Json:
    """An answer's message. Of several calls a client that knows only `functions` gets the first."""
    calls = [piece for piece in pieces if isinstance(piece, Use)]
    texts = [piece for piece in pieces if isinstance(piece, Words)]
    thought = [piece for piece in pieces if isinstance(piece, Thought)]
    refused = "".join([piece.text for piece in pieces if isinstance(piece, Refusal)])
    text = "".join([piece.text for piece in texts])
    out: Json = {"role": "assistant", "content": text if text or not (calls or refused) else None, "refusal": refused or None}
    notes = url_citations(texts)
    if notes:
        out["annotations"] = notes
    said = "".join([piece.text for piece in thought])
    if said:
        out["reasoning_content"] = said
    if any(piece.sealed for piece in thought):
        out["reasoning_details"] = [detail_of(piece, place) for place, piece in enumerate(thought)]
    if calls and legacy:
        out["function_call"] = {"name": calls[0].name, "arguments": calls[0].arguments or "{}"}
    elif calls:
        out["tool_calls"] = [
            tool_call(piece if piece.arguments or piece.custom else replace(piece, arguments="{}"), customs) for piece in calls
        ]
    return out


def tool_call(piece: Use, customs: frozenset[str]) -> Json:
    """A call. `customs`: the client's tools that take free text."""
    if piece.custom or piece.name in customs:
        given = piece.arguments if piece.custom else unwrapped(piece.arguments)
        return {"id": piece.id, "type": "custom", "custom": {"name": piece.name, "input": given}}
    out: Json = {"id": piece.id, "type": "function", "function": {"name": piece.name, "arguments": piece.arguments}}
    if piece.sealed:
        out["extra_content"] = extra(piece.sealed)
    return out


def extra(sealed: str) -> Json:
    """`extra_content` of a call."""
    return {"google": {"thought_signature": sealed}}


def detail_of(piece: Thought, place: int) -> Json:
    """One of `reasoning_details`."""
    kind = "reasoning.encrypted" if piece.hidden else "reasoning.text"
    out: Json = {"type": kind, "index": place, "format": _FORMAT_OF.get(piece.seal, _UNKNOWN)}
    if piece.id:
        out["id"] = piece.id
    return {**out, "data": piece.sealed} if piece.hidden else {**out, "text": piece.text, "signature": piece.sealed or None}


def url_citations(texts: Sequence[Words], at: int = 0) -> list[Json]:
    """The citations of these texts, which stand one after the other from letter `at` on. One that names no page of the web has no place."""
    out: list[Json] = []
    for words in texts:
        for raw in words.citations:
            cite = None if (fields := object_of(raw)) is None or fields.kind("file_citation") else cite_of(raw)
            if cite is not None:
                start, end = (cite.start, cite.end) if cite.start >= 0 else (at, at + len(words.text))
                found = {"start_index": start, "end_index": end, "title": cite.title, "url": cite.url}
                out.append({"type": "url_citation", "url_citation": found})
        at += len(words.text)
    return out


def shown(result: Result) -> list[Sight]:
    """What a tool's result shows."""
    return [part for part in result.parts if isinstance(part, Sight)]
