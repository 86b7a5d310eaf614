"""Anthropic Messages for translation: blocks of content, read as pieces and written again.

Rule: a block of a kind that has no piece is Odd, and stays as it is among those of its wire.
Source: https://docs.claude.com/en/api/messages.
"""

from __future__ import annotations

import re

from msgspec import Raw

from backstory.core.message import MediaKind
from backstory.core.translation import Odd, Piece, Refusal, Result, Sight, Thought, Use, Words
from backstory.wires.anthropic.tongue_told import SEARCH, told
from backstory.wires.lowering import encode
from backstory.wires.translation.fields import Fields
from backstory.wires.translation.freely import wrapped
from backstory.wires.translation.media import plain_text, sniffed
from backstory.wires.translation.seals import carried, uncarried
from backstory.wires.translation.tongue import Json, Losses, cite_of, object_of, object_text, safe_id, short_name, text_of

OWN = "anthropic"
ON_CALL = "gemini"
"""The one wire whose signatures are on calls: a client keeps such a one in a thought of its own, which bears the call's id."""
_IDS = re.compile(r"[a-zA-Z0-9_-]+")
_MOST_ID = 256
_MEDIA: dict[str, MediaKind] = {"image": "image", "document": "document"}
_PDF = "application/pdf"
_CITED = "web_search_result_location"


# --- read


def pieces(blocks: list[Raw], where: str, unread: dict[str, None]) -> tuple[Piece, ...]:
    """The pieces that these blocks are."""
    return _signed([_piece(raw, where, unread) for raw in blocks])


def _piece(raw: Raw, where: str, unread: dict[str, None]) -> Piece:
    fields = Fields(raw, where, unread)
    match fields.text("type"):
        case "text":
            return words(fields)
        case "image" | "document" as kind:
            return told(kind, raw, where, unread) or _sight(_MEDIA[kind], kind, fields, raw)
        case "thinking":
            sealed, seal, name = uncarried(fields.text("signature"), OWN)
            piece: Piece = Thought(fields.text("thinking"), sealed, seal, id=name)
        case "redacted_thinking":
            sealed, seal, name = uncarried(fields.text("data"), OWN)
            piece = Thought("", sealed, seal, hidden=True, id=name)
        case "tool_use":
            given = fields.raw("input")
            arguments = "{}" if given is None else text_of(given)
            piece = Use(fields.text("id"), fields.text("name"), arguments, cached=fields.raw("cache_control"))
        case "tool_result":
            piece = _result(fields)
        case kind:
            return (told(kind, raw, where, unread) if kind == SEARCH else None) or Odd(OWN, kind, raw)
    fields.done()
    return piece


def words(fields: Fields) -> Words:
    """A block of text."""
    found = Words(fields.text("text"), fields.raw("cache_control"), tuple(fields.elements("citations")))
    fields.done("type")
    return found


def _sight(kind: MediaKind, name: str, fields: Fields, raw: Raw) -> Piece:
    source = fields.inner("source")
    how = source.text("type") if source is not None else ""
    if source is None or how not in {"base64", "url", "file", "text"}:
        return Odd(OWN, name, raw)
    found = Sight(
        kind,
        mime=source.text("media_type"),
        data=source.text("data"),
        url=source.text("url"),
        file=source.text("file_id"),
        name=fields.text("title"),
        plain=how == "text",
        cached=fields.raw("cache_control"),
    )
    source.done()
    fields.done("type")
    return found


def _result(fields: Fields) -> Result:
    parts: list[Words | Sight] = []
    if fields.kind("content") == "string":
        parts.append(Words(fields.text("content")))
    for raw in fields.elements("content"):
        piece = _piece(raw, "tool_result.content", fields.unread)
        if isinstance(piece, Words | Sight):
            parts.append(piece)
        else:
            parts.append(Words(text_of(raw)))
            fields.unread[f"tool_result.{piece.kind if isinstance(piece, Odd) else 'content'}"] = None
    error = bool(fields.flag("is_error"))
    return Result(fields.text("tool_use_id"), "", tuple(parts), error, cached=fields.raw("cache_control"))


def _signed(found: list[Piece]) -> tuple[Piece, ...]:
    """Signatures that belong on calls go back there."""
    signatures = {piece.id: piece.sealed for piece in found if isinstance(piece, Thought) and piece.hidden and piece.seal == ON_CALL}
    if not signatures:
        return tuple(found)
    ids = {piece.id for piece in found if isinstance(piece, Use)}
    out: list[Piece] = []
    for piece in found:
        match piece:
            case Use(id=name) if name in signatures:
                out.append(Use(name, piece.name, piece.arguments, piece.custom, signatures[name], piece.cached))
            case Thought(hidden=True, seal=seal, id=name) if seal == ON_CALL and name in ids:
                pass
            case _:
                out.append(piece)
    return tuple(out)


# --- written, to a provider


def blocks(piece: Piece, wire: str, lost: Losses) -> list[Json]:
    """The blocks that say a piece to a provider, and what of it is lost. `wire`: the client's."""
    match piece:
        case Words():
            return _words_blocks(piece, wire, lost)
        case Refusal(text):
            lost.note("refusal")
            return _words_blocks(Words(text), wire, lost)
        case Sight():
            return _sight_blocks(piece, wire, lost)
        case Thought():
            return _thought_blocks(piece, wire, lost)
        case Use():
            return [_use_block(piece, lost)]
        case Result():
            return [_result_block(piece, wire, lost)]
        case Odd():
            return _odd_blocks(piece, lost)


def _use_block(piece: Use, lost: Losses) -> Json:
    name = short_name(piece.name)
    if name != piece.name:
        lost.note("tool names")
    return _marked({"type": "tool_use", "id": _call_id(piece.id, lost), "name": name, "input": _input(piece, lost)}, piece.cached)


def _call_id(name: str, lost: Losses) -> str:
    """The id of a call as this wire's provider takes it."""
    found = safe_id(name, _IDS, _MOST_ID, "toolu_")
    if found != name:
        lost.note("tool ids")
    return found


def _odd_blocks(piece: Odd, lost: Losses) -> list[Json]:
    if piece.wire != OWN:
        lost.note("odd", f"messages.content.{piece.kind}")
        return []
    fields = Fields(piece.raw)
    return [dict(fields.rest())]


def _words_blocks(piece: Words, wire: str, lost: Losses) -> list[Json]:
    if piece.own is not None and wire == OWN:
        return [dict(Fields(piece.own).rest())]
    if not piece.text.strip():
        if piece.text or piece.citations or piece.cached is not None:
            lost.note("blank")
        return []
    block: Json = {"type": "text", "text": piece.text}
    if piece.citations:
        if wire == OWN:
            block["citations"] = list(piece.citations)
        else:
            lost.note("annotations")
    return [_marked(block, piece.cached)]


def _sight_blocks(piece: Sight, wire: str, lost: Losses) -> list[Json]:
    if piece.detail not in {"", "auto"}:
        lost.note("detail")
    if piece.file and wire != OWN:
        lost.note("file_id")
        return []
    if piece.kind not in _MEDIA:
        lost.note(piece.kind)
        return []
    source = _source(piece)
    if source is None:
        lost.note("file", f"file of type {piece.mime}")
        return []
    block: Json = {"type": piece.kind, "source": source}
    if piece.name and piece.kind == "document":
        block["title"] = piece.name
    return [_marked(block, piece.cached)]


def _source(piece: Sight) -> Json | None:
    if piece.file:
        return {"type": "file", "file_id": piece.file}
    if piece.url:
        return {"type": "url", "url": piece.url}
    text = plain_text(piece)
    if text is not None:
        return {"type": "text", "media_type": "text/plain", "data": text}
    mime = sniffed(piece)
    if piece.kind == "document" and mime not in {"", _PDF}:
        return None
    return {"type": "base64", "media_type": mime or ("image/png" if piece.kind == "image" else _PDF), "data": piece.data}


def _thought_blocks(piece: Thought, wire: str, lost: Losses) -> list[Json]:
    if piece.seal == OWN and piece.hidden:
        return [{"type": "redacted_thinking", "data": piece.sealed}]
    if piece.seal == OWN or (wire == OWN and not piece.sealed and not piece.id):
        return [{"type": "thinking", "thinking": piece.text, "signature": piece.sealed}]
    lost.note("thoughts")
    return []


def _input(piece: Use, lost: Losses) -> object:
    found = None if piece.custom else object_text(piece.arguments)
    if found is not None:
        return found
    if not piece.custom:
        lost.note("arguments")
    return Raw(wrapped(piece.arguments).encode())


def _result_block(piece: Result, wire: str, lost: Losses) -> Json:
    parts = [block for part in piece.parts for block in blocks(part, wire, lost)]
    block: Json = {"type": "tool_result", "tool_use_id": _call_id(piece.id, lost)}
    if len(parts) == 1 and set(parts[0]) == {"type", "text"}:
        block["content"] = parts[0]["text"]
    elif parts:
        block["content"] = parts
    if piece.error:
        block["is_error"] = True
    return _marked(block, piece.cached)


def _marked(block: Json, cached: Raw | None) -> Json:
    if cached is not None:
        block["cache_control"] = cached
    return block


# --- written, to a client


def shown(piece: Piece) -> list[Json]:
    """The blocks that say a piece of an answer."""
    match piece:
        case Words(text, citations=citations):
            cited = [citation for one in citations if (citation := cited_as(one)) is not None]
            return [{"type": "text", "text": text, **({"citations": cited} if cited else {})}]
        case Refusal(text):
            return [{"type": "text", "text": text}]
        case Thought(hidden=True):
            return [{"type": "redacted_thinking", "data": carried(piece, OWN)}]
        case Thought(text):
            return [{"type": "thinking", "thinking": text, "signature": carried(piece, OWN)}]
        case Use(name, tool, arguments, sealed=sealed):
            given = object_text(arguments) or Raw(wrapped(arguments).encode())
            return (
                [{"type": "tool_use", "id": name, "name": tool, "input": given}, *_signature(piece)]
                if sealed
                else [{"type": "tool_use", "id": name, "name": tool, "input": given}]
            )
        case Odd(wire, _, raw) if wire == OWN:
            return [dict(Fields(raw).rest())]
        case _:
            return []


def signature_on(piece: Use) -> Thought:
    """The thought in which a client keeps a call's signature."""
    return Thought("", piece.sealed, ON_CALL, hidden=True, id=piece.id)


def _signature(piece: Use) -> list[Json]:
    return shown(signature_on(piece))


def cited_as(raw: Raw) -> Raw | None:
    """A citation in this wire's words; None for one that it cannot say."""
    fields = object_of(raw)
    if fields is not None and fields.text("type").endswith("_location"):
        return raw
    cite = cite_of(raw)
    if cite is None:
        return None
    return Raw(encode({"type": _CITED, "url": cite.url, "title": cite.title, "cited_text": cite.quoted, "encrypted_index": ""}))
