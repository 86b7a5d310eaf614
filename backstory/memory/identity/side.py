"""Requests that a client makes on its own behalf: titles, routing, summaries, probes. They are no part of the conversation they are about.

Rule: a request counts as one only by a known opening of its system prompt or last message, by a parameter that no conversation has,
because a known client asks for JSON without offering tools, or because it is a single message with the shape of naming.py. What a person
writes in the middle of a text never makes one.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from backstory.core.document import Document
from backstory.core.exchange import Head
from backstory.core.message import Message, Opaque, Prompt, Text
from backstory.memory.folding.compactions import COMPACTORS
from backstory.memory.identity.naming import naming


class Sign(Struct, frozen=True):
    """A text with which a side request opens, and what it is then."""

    opening: str
    reason: str


COMPACTION = "compaction"
"""What a request for a summary is called."""

SYSTEM_SIGNS = (
    Sign("You are naming a coding session", "title"),
    Sign("You are a title generator", "title"),
    Sign("You are a conversation title generator", "title"),
    Sign("Summarize this coding conversation in under 50 characters", "title"),
    Sign("Generate a concise, sentence-case title", "title"),
    Sign("Analyze if this message indicates a new conversation topic", "title"),
    Sign("You are a specialized Task Routing AI", "router"),
    Sign("You are now acting as the managed memory extraction subagent", "memory extraction"),
    *(Sign(opening, COMPACTION) for client in COMPACTORS for opening in client.systems),
)

MESSAGE_SIGNS = (
    Sign("Generate a title for this conversation:", "title"),
    Sign("Please write a 5-10 word title the following conversation", "title"),
    Sign("### Task:\nGenerate a concise, 3-5 word title", "title"),
    Sign("### Task:\nGenerate 1-3 broad tags", "title"),
    Sign("### Task:\nSuggest 3-5 relevant follow-up questions", "title"),
    Sign("### Task:\nAnalyze the chat history to determine the necessity of generating search queries", "title"),
    Sign("### Task:\nGenerate a detailed prompt for am image generation task", "title"),
    Sign("### Task:\nYou are an autocompletion system.", "title"),
    *(Sign(opening, COMPACTION) for client in COMPACTORS for opening in client.messages),
)

SUMMARY_OPENINGS = tuple(opening for client in COMPACTORS for opening in client.summaries)
"""How the message begins in which a client puts its own summary in place of the history."""

COMPACTIONS = SUMMARY_OPENINGS + tuple(sign.opening for sign in MESSAGE_SIGNS if sign.reason == COMPACTION)
"""How texts begin for which `compaction` holds."""

_TRIGGERS = frozenset(client.trigger for client in COMPACTORS if client.trigger)
# These clients talk to their user in free text with tools on offer; JSON without tools is for themselves.
_ASKING_JSON = ("claude-cli/", "geminicli")
_NAMES = b"x-vc-conversation"
_PROBE_BYTES = 400
_LOOKED_AT = 8


def compaction(text: str) -> bool:
    """Whether a text is a client's summary of its own history, or its request to write one."""
    return text.lstrip().startswith(COMPACTIONS)


def side_request(head: Head, prompt: Prompt, document: Document, messages: Sequence[Message]) -> str:
    """What kind of side request this is, "" for a conversation: title, summary, router, memory extraction, compaction, subagent, quota
    probe, warm-up, count, json. `messages`: at least the first (with the leading system messages) and the last one of the request."""
    path = head.path
    if path.endswith(("/count_tokens", ":countTokens", "/input_tokens")):
        return "count"
    return (
        _by_opening(prompt, messages)
        or _by_parameter(path, prompt, document)
        or _by_client(head, prompt)
        or _by_shape(head, prompt, messages)
    )


def _by_opening(prompt: Prompt, messages: Sequence[Message]) -> str:
    for part in prompt.system[:_LOOKED_AT]:
        if isinstance(part, Text) and (reason := _sign(part.text, SYSTEM_SIGNS)):
            return reason
    for message in messages[:_LOOKED_AT]:
        if message.role == "system" and (reason := _opening(message, SYSTEM_SIGNS)):
            return reason
    if len(prompt.items) <= _LOOKED_AT:
        for message in messages[:_LOOKED_AT]:
            if message.role == "user" and (reason := _opening(message, MESSAGE_SIGNS)):
                return reason
    last = messages[-1] if messages else None
    if last is None or last.role == "assistant":
        return ""
    if any(isinstance(part, Opaque) and part.kind in _TRIGGERS for part in last.parts):
        return COMPACTION
    return _opening(last, MESSAGE_SIGNS) or _naming(prompt, last)


def _naming(prompt: Prompt, last: Message) -> str:
    """Claude Code asks for a title with the conversation in a `<session>` element, and for JSON."""
    named = prompt.structured and not prompt.tools and len(prompt.items) == 1
    return "title" if named and last.text.lstrip().startswith("<session>") else ""


def _opening(message: Message, signs: Sequence[Sign]) -> str:
    for part in message.parts:
        if isinstance(part, Text) and (reason := _sign(part.text, signs)):
            return reason
    return ""


def _sign(text: str, signs: Sequence[Sign]) -> str:
    start = text[:200].lstrip()
    return next((sign.reason for sign in signs if start.startswith(sign.opening)), "")


def _by_parameter(path: str, prompt: Prompt, document: Document) -> str:
    if path.endswith("/responses") and _is(document, "generate", b"false"):
        return "warm-up"
    if len(prompt.items) == 1 and len(prompt.items[0]) < _PROBE_BYTES and not prompt.tools:
        item = bytes(prompt.items[0])
        if b'"quota"' in item and any(_is(document, name, b"1") for name in ("max_tokens", "max_output_tokens")):
            return "quota probe"
        if b'"Warmup"' in item:
            return "warm-up"
    return ""


def _by_client(head: Head, prompt: Prompt) -> str:
    agent = head.header(b"user-agent").lower()
    if agent.startswith("claude-cli/") and not head.header(b"x-claude-code-agent-id"):
        for part in prompt.system[:_LOOKED_AT]:
            if isinstance(part, Text) and "cc_is_subagent=true" in part.text[:400]:
                return "subagent"
    if prompt.structured and not prompt.tools and agent.startswith(_ASKING_JSON):
        return "json"
    return ""


def _by_shape(head: Head, prompt: Prompt, messages: Sequence[Message]) -> str:
    """A title or a summary that a client of which nothing is known asks for: in one message, naming no conversation."""
    if prompt.tools or prompt.previous or not messages or len(messages) != len(prompt.items) or head.header(_NAMES):
        return ""
    *before, last = messages
    if last.role != "user" or any(message.role != "system" for message in before) or not all(isinstance(part, Text) for part in last.parts):
        return ""
    told = [part.text for part in prompt.system[:_LOOKED_AT] if isinstance(part, Text)]
    return naming("\n".join([*told, *(message.text for message in before)]), last.text)


def _is(document: Document, name: str, value: bytes) -> bool:
    return document.has((name,)) and document.get((name,)) == value
