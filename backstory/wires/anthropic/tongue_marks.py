"""Anthropic Messages for translation: places in a prompt up to which the provider is to cache it, for clients whose wire has no such marks.

Rule: marks are all that differs between what was sent once and what is sent again of it. They stand at the end of the tools, of the system
prompt and of the conversation, and where the request before this one ended: from there the provider reads on, however many blocks have
come since (by itself it looks back over twenty). Four is what the API takes.
Source: https://docs.claude.com/en/docs/build-with-claude/prompt-caching.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from msgspec import Raw

from backstory.core.translation import Asked, Function, Result, Sight, Use, Words
from backstory.wires.translation.tongue import Json

_MARK = Raw(b'{"type":"ephemeral"}')
_MARKABLE = frozenset({"text", "image", "document", "tool_use", "tool_result"})


def ours(asked: Asked) -> bool:
    """Whether it is for us to say what is cached: the client has said nothing of it."""
    return asked.marks != "never" and not any(mark is not None for mark in _marks(asked))


def place(body: Json, asked: Asked) -> None:
    """Mark a request that is written, its contents in blocks. Not what begins and may be all that is ever asked ("auto"): what is cached
    costs a quarter more the first time."""
    messages = _list(body.get("messages"))
    if asked.marks == "auto" and "tools" not in body and all(one["role"] != "assistant" for one in messages):
        return
    _mark(_list(body.get("tools")))
    _mark(_list(body.get("system")))
    for one in [one for one in messages if one["role"] == "user"][-2:]:
        _mark([block for block in _list(one["content"]) if block["type"] in _MARKABLE])


def _marks(asked: Asked) -> Iterator[Raw | None]:
    pieces = (piece for said in asked.said for piece in said.pieces)
    held = (piece for piece in pieces if isinstance(piece, Words | Sight | Use | Result))
    tools = (tool for tool in asked.tools if isinstance(tool, Function))
    return (one.cached for one in chain(asked.system, tools, held))


def _mark(blocks: list[Json]) -> None:
    if blocks:
        blocks[-1]["cache_control"] = _MARK


def _list(value: object) -> list[Json]:
    return value if isinstance(value, list) else []
