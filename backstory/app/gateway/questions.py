"""What clients ask beside their conversations of a provider that speaks another wire: how many tokens, which models."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

from backstory.app.regard import provider_of
from backstory.core.exchange import Head
from backstory.core.plan import Answer, Plan
from backstory.wires import model_lists, token_counts
from backstory.wires.token_counts import TokenCount, estimated
from backstory.wires.translation import compacting

# A larger prompt is estimated on a thread of its own: a megabyte takes a tenth of a second.
_AT_ONCE_BYTES = 16_384
_CLIENTS = {"openai": "openai_chat"}


def counts(head: Head, speaks: str) -> str:
    """The wire in which tokens are asked for; "" where they are not, or the provider speaks that wire itself."""
    found = token_counts.ASKED.fullmatch(head.path) if head.method == "POST" else None
    wire = found.lastgroup if found is not None else None
    return "" if wire is None or wire == speaks else wire


def compacts(head: Head) -> bool:
    """Whether a history is to be compacted."""
    return head.method == "POST" and compacting.PATH.fullmatch(head.path) is not None


def models(head: Head, speaks: str) -> tuple[str, str] | None:
    """The wire in which models are asked for, and the one that is asked for, "" for all; None where they are not, or the provider has
    that list itself."""
    found = model_lists.ASKED.fullmatch(head.path) if head.method == "GET" else None
    if found is None:
        return None
    family: str = provider_of(head)
    if family == speaks.partition("_")[0]:
        return None
    return _CLIENTS.get(family, family), found.group("one") or ""


def estimate(question: TokenCount, size_bytes: int) -> Plan | Awaitable[Plan]:
    """The answer to a question that the provider's wire does not have, about a request of this size."""
    asked = question.asked
    if size_bytes <= _AT_ONCE_BYTES:
        return _told(question, estimated(asked))
    return _later(question, asyncio.to_thread(estimated, asked))


async def _later(question: TokenCount, tokens: Awaitable[int]) -> Plan:
    return _told(question, await tokens)


def _told(question: TokenCount, tokens: int) -> Plan:
    body = question.answer(tokens, True)
    return Plan(answer=Answer(200, ((b"content-type", b"application/json"), *question.learnt), body))
