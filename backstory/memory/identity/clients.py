"""How clients name their conversations: data, one row per client, and nothing else. Read by identity/named.py.

Rows are looked at in order; the first place of a row that holds something names the conversation. To support a client, add a row.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

Where: TypeAlias = Literal["header", "body", "body-uuid", "user-id"]


class Place(Struct, frozen=True):
    """Where an id stands. header: a request header. body: a JSON string at this path. body-uuid: the same, if it is a UUID (a key that
    people also set by hand, to one value for everything). user-id: Anthropic's metadata.user_id, with the session in it."""

    where: Where
    name: str


class Client(Struct, frozen=True):
    """`name` is part of the conversation's key. `places`: strongest first. `within`: headers that name an agent's own conversation
    inside the session; the first that is there is added to the key."""

    name: str
    places: tuple[Place, ...]
    within: tuple[str, ...] = ()


CLIENTS = (
    Client(
        "claude-code",
        (Place("header", "x-claude-code-session-id"), Place("user-id", "metadata.user_id")),
        ("x-claude-code-agent-id",),
    ),
    Client(
        "codex",
        (
            Place("header", "thread-id"),
            Place("body", "client_metadata.thread_id"),
            Place("header", "session-id"),
            Place("header", "conversation_id"),
        ),
    ),
    Client("session", (Place("header", "x-session-id"), Place("header", "x-session-affinity"))),
    Client("pi", (Place("header", "session_id"),)),
    Client("cache-key", (Place("body-uuid", "prompt_cache_key"),)),
)
"""A request is named by the first row that fits; subagents of Codex and opencode come with a thread or session id of their own."""

OPENCLAW = "openclaw"
"""OpenClaw names its session in the text of its system prompt: identity/named.py reads it."""
