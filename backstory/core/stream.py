"""Pieces of a streamed reply, and how deltas add up to a reply."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from msgspec import Struct

from backstory.core.message import Part, Text, Thinking, ToolCall
from backstory.core.reply import Delta, Ending, Finish, Meter, Reply, TextDelta, ThoughtDelta, ToolDelta, Usage

_Piece: TypeAlias = TextDelta | ThoughtDelta | ToolDelta


class Frame(Struct, frozen=True):
    """One event of a stream. `raw` is all its bytes, terminator included; joined raws give the stream.

    `data` is its payload (b"" for comments).
    """

    raw: bytes
    event: str
    data: bytes


def gather(deltas: Iterable[Delta]) -> Reply:
    """The reply that these deltas add up to. Parts come in the order in which they began.

    An index may be reused by another kind of part (OpenAI Chat numbers tool calls apart from text): each kind has its own count.
    A tool call that never got an id or a name is none of the client's tools (the provider runs it itself) and is left out.
    """
    pieces: dict[tuple[type[_Piece], int], list[_Piece]] = {}
    finish: Finish = ""
    usage: Usage | None = None
    reply_id = model = ""
    items: tuple[str, ...] = ()
    for delta in deltas:
        if isinstance(delta, _Piece):
            pieces.setdefault((type(delta), delta.index), []).append(delta)
        elif isinstance(delta, Ending):
            finish = delta.finish
        elif isinstance(delta, Meter):
            usage = delta.usage if usage is None else _later(usage, delta.usage)
        else:
            reply_id, model, items = delta.id or reply_id, delta.model or model, delta.items or items
    parts = tuple(part for same in pieces.values() if (part := _whole(same)) is not None)
    return Reply(parts, finish, usage, reply_id, model, items, not finish)


def _whole(pieces: list[_Piece]) -> Part | None:
    """All pieces of one part, put together."""
    match pieces[0]:
        case TextDelta():
            return Text("".join([piece.text for piece in pieces if isinstance(piece, TextDelta)]))
        case ThoughtDelta():
            thoughts = [piece for piece in pieces if isinstance(piece, ThoughtDelta)]
            return Thinking("".join([piece.text for piece in thoughts]), any(piece.signed for piece in thoughts))
        case ToolDelta():
            calls = [piece for piece in pieces if isinstance(piece, ToolDelta)]
            call_id = next((piece.id for piece in reversed(calls) if piece.id), "")
            name = next((piece.name for piece in reversed(calls) if piece.name), "")
            return ToolCall(call_id, name, "".join([piece.arguments for piece in calls])) if call_id or name else None


def _later(old: Usage, new: Usage) -> Usage:
    return Usage(
        new.input_tokens or old.input_tokens,
        new.output_tokens or old.output_tokens,
        new.cache_read_tokens or old.cache_read_tokens,
        new.cache_write_tokens or old.cache_write_tokens,
        new.cache_write_long_tokens or old.cache_write_long_tokens,
    )
