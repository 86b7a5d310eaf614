"""OpenAI Responses, for translation: what a request says of itself and of whom it is for: user, metadata, tier, members of other wires.

Rule: what the API is known to refuse is made to fit, or is left out, and is told as a loss.
Source: https://platform.openai.com/docs/api-reference/responses/create.
"""

from __future__ import annotations

import hashlib

from msgspec import Raw

from backstory.core.translation import Asked
from backstory.wires.openai_responses.tongue_items import WIRE
from backstory.wires.translation.more import Losing, is_string, string, value
from backstory.wires.translation.tongue import Json

_MOST_LETTERS = 64
_MOST_PAIRS, _MOST_VALUE = 16, 512
# Of other wires' members these mean the same here, under the same name.
_SHARED = frozenset(
    {
        "include",
        "truncation",
        "max_tool_calls",
        "prompt_cache_key",
        "prompt_cache_retention",
        "safety_identifier",
        "context_management",
        "verbosity",
    }
)
_OPENAI = frozenset({WIRE, "openai_chat"})
"""Wires whose clients mean OpenAI's own tiers, by whatever name."""
_TIERS = {"standard_only": "default", "standard": "default"}
_KNOWN_TIERS = frozenset({"auto", "default", "flex", "priority", "scale"})


def about(asked: Asked, losing: Losing) -> Json:
    """The members that say who asks, and where the request belongs."""
    found: Json = {}
    if asked.user:
        found["user"] = fitting(asked.user, "user", losing)
    if asked.metadata is not None:
        found["metadata"] = asked.metadata if asked.wire in _OPENAI else _metadata(asked.metadata, losing)
    tier = _TIERS.get(asked.tier, asked.tier)
    if tier in _KNOWN_TIERS or (tier and asked.wire in _OPENAI):
        found["service_tier"] = tier
    elif tier:
        losing.lose("service_tier")
    if asked.previous and asked.wire != WIRE:
        losing.lose("previous_response_id")
    elif asked.previous:
        found["conversation" if asked.conversation else "previous_response_id"] = asked.previous
    return found


def foreign(asked: Asked, losing: Losing) -> Json:
    """The members that only one wire knows, as far as they mean something here."""
    others = losing.foreign(asked, WIRE, _SHARED)
    edits = others.get("context_management")
    # Anthropic's is an object of edits, the API's own a list.
    if asked.wire != WIRE and isinstance(edits, Raw) and bytes(memoryview(edits)[:1]) != b"[":
        del others["context_management"]
        losing.lose("context_management")
    for name in ("prompt_cache_key", "safety_identifier"):
        held = others.get(name)
        if asked.wire != WIRE and isinstance(held, Raw) and is_string(held):
            others[name] = fitting(string(held), name, losing)
    return others


def fitting(text: str, name: str, losing: Losing) -> str:
    """The text, or a hash of one that is too long."""
    if len(text) <= _MOST_LETTERS:
        return text
    losing.lose(name)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _metadata(raw: Raw, losing: Losing) -> Json:
    told = value(raw)
    pairs = told if isinstance(told, dict) else {}
    fit = {name: one for name, one in pairs.items() if len(name) <= _MOST_LETTERS and isinstance(one, str) and len(one) <= _MOST_VALUE}
    kept: Json = dict([*fit.items()][:_MOST_PAIRS])
    if kept != told:
        losing.lose("metadata")
    return kept
