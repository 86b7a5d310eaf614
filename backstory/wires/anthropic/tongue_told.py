"""Anthropic Messages for translation: blocks that no other wire has, told as text: what a search found, and documents of several blocks.

Rule: the text says title and source; the block itself goes along for its own wire. What is no text in it is told as lost.
Source: https://docs.claude.com/en/docs/build-with-claude/search-results, .../citations (custom content documents).
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Raw

from backstory.core.translation import Loss, Piece, Result, Said, Words
from backstory.wires.lowering import encode
from backstory.wires.translation.fields import Fields

SEARCH = "search_result"
_LOSSES = {
    False: Loss("document", "changed", "text of the message, between tags"),
    True: Loss(SEARCH, "changed", "text of the message, between tags, with its title and source; it is not cited"),
}


def told(kind: str, raw: Raw, where: str, unread: dict[str, None]) -> Words | None:
    """The text that stands for a block of this kind; None where there is none. `unread` gets what is lost."""
    fields = Fields(raw, where, {})
    fields.text("type")
    title, cached = fields.text("title"), fields.raw("cache_control")
    if kind == SEARCH:
        head, holder = {"title": title, "source": fields.text("source")}, fields
    else:
        source = fields.inner("source")
        if source is None or source.text("type") != "content":
            return None
        head, holder = {"title": title, "context": fields.text("context")}, source
    text = _text(holder, f"{where}.{kind}", unread)
    if not text:
        return None
    marks = "".join([f" {name}={encode(value).decode()}" for name, value in head.items() if value])
    tag = SEARCH if kind == SEARCH else "document"
    return Words(f"<{tag}{marks}>\n{text}\n</{tag}>", cached, own=raw)


def losses(said: Sequence[Said]) -> tuple[Loss, ...]:
    """What becomes of such blocks elsewhere."""
    pieces: list[Piece] = [piece for one in said for piece in one.pieces]
    parts = [part for piece in pieces for part in (piece.parts if isinstance(piece, Result) else (piece,))]
    found = {part.text.startswith(f"<{SEARCH}") for part in parts if isinstance(part, Words) and part.own is not None}
    return tuple([_LOSSES[one] for one in sorted(found)])


def _text(holder: Fields, where: str, unread: dict[str, None]) -> str:
    """The texts of `content`."""
    if holder.kind("content") == "string":
        return holder.text("content")
    texts: list[str] = []
    for block in holder.objects("content"):
        kind = block.text("type")
        if kind == "text":
            texts.append(block.text("text"))
        else:
            unread[f"{where}.{kind}"] = None
    return "\n".join(texts)
