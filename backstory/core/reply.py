"""What a provider answers, free of any wire format."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

from backstory.core.message import Part

Finish: TypeAlias = Literal["stop", "length", "tool_calls", "refusal", "error", "other", ""]


class Usage(Struct, frozen=True):
    """Tokens as the provider counted them. `input_tokens` includes cached and cache-writing input, for every wire.
    `cache_write_long_tokens`: those of the cache-writing ones that are kept for longer, at a higher price."""

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    cache_write_long_tokens: int = 0


class Reply(Struct, frozen=True):
    """One whole answer. `finish` is "" while it is not over; `id` is the wire's id of the reply, "" where there is none.
    `items`: ids under which the provider keeps parts of it, for later requests to name in their place (Responses). `cut`: it was a
    stream, and said nothing of its end."""

    parts: tuple[Part, ...] = ()
    finish: Finish = ""
    usage: Usage | None = None
    id: str = ""
    model: str = ""
    items: tuple[str, ...] = ()
    cut: bool = False


class TextDelta(Struct, frozen=True, tag=True):
    """More text. `index` is the wire's block or output index."""

    text: str
    index: int = 0


class ThoughtDelta(Struct, frozen=True, tag=True):
    """More reasoning."""

    text: str
    index: int = 0
    signed: bool = False


class ToolDelta(Struct, frozen=True, tag=True):
    """More of a tool call: `id` and `name` come with the first delta of an index, `arguments` piece by piece."""

    index: int
    id: str = ""
    name: str = ""
    arguments: str = ""


class Ending(Struct, frozen=True, tag=True):
    """The reply is finished for this reason; further deltas may bring usage."""

    finish: Finish


class Meter(Struct, frozen=True, tag=True):
    """Usage so far: later ones replace earlier ones field by field where they are not 0."""

    usage: Usage


class Started(Struct, frozen=True, tag=True):
    """The reply has this id and model, and, once it is whole, these `items` (as in Reply)."""

    id: str
    model: str
    items: tuple[str, ...] = ()


Delta: TypeAlias = TextDelta | ThoughtDelta | ToolDelta | Ending | Meter | Started
