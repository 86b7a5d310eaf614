"""Where a conversation belongs: its project, and who is in the room. Decisions over what a request says; nothing is looked up.

Rule: a conversation's audience only becomes narrower. What was said in one room is never told in another, so where a room cannot be told
from another, it is one of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from msgspec import Struct, field

from backstory.core.records import Home


class Directory(Struct, frozen=True):
    """How a client tells its working directory."""

    client: str
    pattern: re.Pattern[str]


class Elsewhere(Struct, frozen=True):
    """Of the first `looked` turns of a path, in this version of it, the ids of those (`turns`) that were not said in this room. `where`:
    the room of the last of them."""

    version: int = 0
    room: str = ""
    looked: int = 0
    where: str = ""
    turns: set[int] = field(default_factory=set)


class Whereabouts(Struct):
    """Where a conversation's turns were said. `told`: by turn, the room in which people's words came through a channel, as far as anybody
    has asked. `elsewhere`: what is known of the path for the group that asked last."""

    told: dict[int, str] = field(default_factory=dict)
    elsewhere: Elsewhere = field(default_factory=Elsewhere)


DIRECTORIES = (
    Directory("claude-code, opencode", re.compile(r"\b(?:Primary w|W)orking directory: ([^\s<][^\n<]{0,400})")),
    Directory("codex", re.compile(r"<cwd>([^<\n]{1,400})</cwd>")),
    Directory("gemini-cli", re.compile(r"\*\*Workspace Directories:\*\*\n[ ]{0,8}- ([^\s<][^\n<]{0,400})")),
    Directory("pi", re.compile(r"\bCurrent working directory: ([^\s<][^\n<]{0,400})")),
    Directory("qwen-code", re.compile(r"\bI'm currently working in the directory: ([^\s<][^\n<]{0,400})")),
    Directory("openclaw", re.compile(r"\bYour working directory is: ([^\s<][^\n<]{0,400})")),
)
"""One row per client, looked at in order; the first that is there counts."""

AGENTS = (b"x-claude-code-agent-id", b"x-codex-parent-thread-id", b"x-openai-subagent", b"x-parent-session-id")
"""Headers of requests that a client's own agents make: nobody speaks in them."""

_READ_CHARS = 200_000
_GROUP = re.compile(r"group .*|chat [^:]*:(?:-\d+|\S+@g\.us)|chat slack:[CG][0-9A-Z]{8,}", re.DOTALL)
_LINE_END = re.compile(r"\\n.*", re.DOTALL)
_OPENCLAW_SESSION = re.compile(r"(?:^|\n)Runtime: agent=[!-~]{1,200} \| session=([!-~]{1,200}) \|")
_OPENCLAW_META = re.compile(r'"schema":\s*"openclaw\.inbound_meta\.v\d+"')
_META_FIELD = re.compile(r'"(channel|chat_type)":\s*"([^"\\\n]{1,60})"')
MIXED = "mixed "
"""How the audience of a conversation begins in which several met: it is told in no other conversation."""


def project(header: str, configured: str, texts: Iterable[str]) -> str:
    """The project of a conversation: the X-VC-Project header, else the setting, else the directory that its client works in; "" for none.
    `texts`: its system prompt and first messages, with their envelopes."""
    if header or configured:
        return header or configured
    for text in texts:
        for row in DIRECTORIES:
            match = row.pattern.search(text[:_READ_CHARS])
            if match:
                return "dir " + _LINE_END.sub("", match[1]).strip().rstrip("/")
    return ""


def audience(rooms: Iterable[str], texts: Iterable[str]) -> str:
    """Who is in the chat that a request comes from: "" where no channel brought it. `rooms`: what the envelopes of its messages say;
    `texts`: its system prompt and first messages."""
    named = sorted({room for room in rooms if room})
    if len(named) > 1:
        return MIXED + "; ".join(named)
    if named:
        return named[0]
    for text in texts:
        session = _OPENCLAW_SESSION.search(text[-_READ_CHARS:])
        meta = _META_FIELD.findall(text) if _OPENCLAW_META.search(text) else []
        if session is not None or meta:
            told = " ".join(f"{name}={value}" for name, value in sorted(meta))
            return f"session {session[1] if session is not None else ''} {told}".strip()
    return ""


def grouped(room: str) -> bool:
    """Whether a room, as an envelope tells it, is surely a group: by its kind, or by the form of its id (Telegram, WhatsApp,
    Slack)."""
    return _GROUP.fullmatch(room) is not None


def settled(known: Home | None, now: Home, earlier: Iterable[str]) -> Home:
    """Where a conversation belongs that was known to belong somewhere, and now tells `now`. `earlier`: the channels of the turns that it
    has already."""
    if known is None:
        channels = list(earlier)
        unsure = any(channels) or (bool(channels) and bool(now.audience))
        return Home(now.conversation, now.project, MIXED + now.conversation) if unsure else now
    told = known.audience if now.audience in ("", known.audience) else MIXED + now.conversation
    return Home(now.conversation, known.project or now.project, told)


def tellable(home: Home) -> bool:
    """Whether something may be told in a conversation of this home at all."""
    return not home.audience.startswith(MIXED)


def shared(one: str, other: str) -> bool:
    """Whether what is said in a conversation of one of these audiences may be told in one of the other."""
    return one == other and not one.startswith(MIXED)


def opted_out(principal: str, setting: str) -> bool:
    """Whether this principal is in a list by commas."""
    return bool(setting) and principal in [name.strip() for name in setting.split(",")]


def texts_of(system: Sequence[str], leading: Sequence[str]) -> list[str]:
    """The texts in which a client tells where it is, without empty ones."""
    return [text for text in (*system, *leading) if text]
