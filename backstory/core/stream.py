"""Pieces of a streamed reply, and how deltas add up to a reply."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from backstory.core.message import Part, Text, Thinking, ToolCall
from backstory.core.reply import Delta, Ending, Finish, Meter, Reply, Started, TextDelta, ThoughtDelta, ToolDelta, Usage


class Frame(Struct, frozen=True):
    """One event of a stream. `raw` is all its bytes, terminator included; joined raws give the stream. `data` is its payload (b"" for comments)."""

    raw: bytes
    event: str
    data: bytes


def gather(deltas: Iterable[Delta]) -> Reply:
    """The reply that these deltas add up to. Parts come in the order in which they began.

    An index may be reused by another kind of part (OpenAI Chat numbers tool calls apart from text): each kind has its own count.
    """
    order: list[tuple[str, int]] = []
    texts: dict[tuple[str, int], list[str]] = {}
    heads: dict[int, tuple[str, str]] = {}
    signed: set[int] = set()
    finish: Finish = ""
    usage: Usage | None = None
    reply_id = model = ""
    for delta in deltas:
        match delta:
            case TextDelta(text, index):
                key = ("text", index)
            case ThoughtDelta(text, index, is_signed):
                key = ("thought", index)
                if is_signed:
                    signed.add(index)
            case ToolDelta(index, call_id, name, text):
                key = ("tool", index)
                known = heads.get(index, ("", ""))
                heads[index] = (call_id or known[0], name or known[1])
            case Ending(reason):
                finish = reason
                continue
            case Meter(new):
                usage = new if usage is None else _later(usage, new)
                continue
            case Started(new_id, new_model):
                reply_id, model = new_id or reply_id, new_model or model
                continue
        if key not in texts:
            texts[key] = []
            order.append(key)
        texts[key].append(text)
    parts: list[Part] = []
    for kind, index in order:
        text = "".join(texts[kind, index])
        if kind == "text":
            parts.append(Text(text))
        elif kind == "thought":
            parts.append(Thinking(text, index in signed))
        else:
            parts.append(ToolCall(heads[index][0], heads[index][1], text))
    return Reply(tuple(parts), finish, usage, reply_id, model)


def _later(old: Usage, new: Usage) -> Usage:
    return Usage(
        new.input_tokens or old.input_tokens,
        new.output_tokens or old.output_tokens,
        new.cache_read_tokens or old.cache_read_tokens,
        new.cache_write_tokens or old.cache_write_tokens,
    )
