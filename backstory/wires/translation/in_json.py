"""Answers in JSON, for providers that want to be told of them in words as well.

Rule: what is put in depends on how a conversation begins, so that every request of it gets the same.
"""

from __future__ import annotations

from backstory.core.translation import Asked, Said, Words

IN_JSON = "Answer in JSON."
"""OpenAI gives JSON without a schema only where the conversation says the word."""


def says_json(asked: Asked, in_instructions: bool) -> bool:
    """Whether its beginning does. `in_instructions`: the system prompt counts."""
    begun = _words(asked.said[0]) if asked.said else ()
    return any("json" in one.text.lower() for one in (*(asked.system if in_instructions else ()), *begun))


def in_schema(schema: bytes) -> str:
    """The instruction to answer so, for a model that cannot be held to it."""
    asked = "When you answer without calling a tool, answer in JSON and nothing else"
    return f"{asked}, in JSON of this schema:\n{schema.decode('utf-8', 'replace')}" if schema else f"{asked}."


def _words(said: Said) -> tuple[Words, ...]:
    return tuple([piece for piece in said.pieces if isinstance(piece, Words)])
