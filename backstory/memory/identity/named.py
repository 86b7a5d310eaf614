"""Who is asking, and which conversation a client says that it is in: the first two rungs of the ladder.

A claim is only a name. Whether the principal owns a conversation of that name is for the store to say; ids that a client gives are never
looked up without their principal. Rule: what is not surely an id of one conversation is no claim.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from urllib.parse import parse_qs, quote

import msgspec
from msgspec import Struct

from backstory.core.document import Document
from backstory.core.exchange import Head
from backstory.core.message import Message, Part, Prompt, Text
from backstory.errors import DocumentError
from backstory.memory.identity.clients import CLIENTS, OPENCLAW, Client, Place

HEADER = b"x-vc-conversation"
_LONGEST_ID = 200
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_ID = re.compile(r"[!-~]{1,%d}" % _LONGEST_ID)  # noqa: UP031 - braces
_OLD_USER_ID = re.compile(rf"_session_({_UUID.pattern})$")
_OPENCLAW_HINT = b"Runtime: agent="
_OPENCLAW = re.compile(r"(?:^|\n|\\n)Runtime: agent=[!-~]{1,200} \| session=([!-~]{1,200}) \|(?: sessionId=([!-~]{1,200}) \|)?")
_LEADING = 4
_MOST_REFERENCES = 3

_text = msgspec.json.Decoder(str)


class Claim(Struct, frozen=True):
    """A name for a conversation. `key` is what aliases are stored under. `own`: the client sends an identity of its own with every request,
    so a marker is not needed. `conversation`: the claim is the id of a conversation itself, "" where it is a name for one."""

    key: str
    own: bool
    conversation: str = ""


class _UserId(Struct):
    session_id: str = ""


class _Reference(Struct):
    id: str = ""


_item = msgspec.json.Decoder(_Reference)
_user_id = msgspec.json.Decoder(_UserId)


def claims(head: Head, prompt: Prompt, document: Document) -> tuple[Claim, ...]:
    """What the request says about its conversation, the strongest first: X-VC-Conversation, the client's own ids, server-side state."""
    found: list[Claim] = []
    named = _chosen(head.header(HEADER))
    if named:
        found.append(Claim(f"conversation:{named}", True, named))
    session = _session(head, document) or _openclaw(prompt)
    if session:
        found.append(Claim(f"session:{session}", True))
    previous = _clean(prompt.previous)
    if previous:
        found.append(Claim(f"response:{previous}", True))
    elif head.path.endswith("/responses"):
        found.extend(Claim(f"item:{reference}", True) for reference in _references(prompt))
    return tuple(found)


def told_again(names: Iterable[str]) -> tuple[tuple[bytes, bytes], ...]:
    """Headers that say of its conversation what a request has said whose claims had these keys, as far as it matters to `side_request`."""
    found: dict[bytes, bytes] = {}
    for name in names:
        kind, _, told = name.partition(" ")[0].partition(":")
        if kind == "conversation":
            found[HEADER] = told.encode()
        for client in CLIENTS if kind == "session" else ():
            _, inside, agent = told.removeprefix(f"{client.name}:").partition("/")
            if inside and client.within and told.startswith(f"{client.name}:"):
                found[client.within[0].encode()] = agent.encode()
    return tuple(found.items())


def keys(named: str) -> tuple[str, ...]:
    """The keys under which a conversation stands to which its client has given this name: in X-VC-Conversation, or as its own session.
    Without a project: there the same name is another conversation's."""
    chosen = _chosen(named)
    return (f"conversation:{chosen}", *(f"session:{client.name}:{named}" for client in CLIENTS)) if chosen else ()


def within(key: str, scope: str = "") -> str:
    """What a claim's key is in a project: the same name in another is another conversation's. With no `scope`: how it begins in each."""
    return f"{key} @{scope}"  # no name has a space


def principal(mode: str, head: Head) -> str:
    """Whose memory this is. mode "api_key": the first 16 hex digits of the SHA-256 of the client's key, "anonymous" where it sends none.
    Any other mode: "", one user."""
    if mode != "api_key":
        return ""
    key = _key(head)
    return hashlib.sha256(key.encode()).hexdigest()[:16] if key else "anonymous"


def _key(head: Head) -> str:
    scheme, _, token = head.header(b"authorization").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    key = head.header(b"x-api-key").strip() or head.header(b"x-goog-api-key").strip()
    if key or "key=" not in head.query:
        return key
    return parse_qs(head.query).get("key", [""])[0]


def _session(head: Head, document: Document) -> str:
    for client in CLIENTS:
        for place in client.places:
            value = _clean(_at(place, head, document))
            if value:
                return f"{client.name}:{value}{_within(client, head)}"
    return ""


def _within(client: Client, head: Head) -> str:
    for name in client.within:
        value = _clean(head.header(name.encode()))
        if value:
            return f"/{value}"
    return ""


def _at(place: Place, head: Head, document: Document) -> str:
    if place.where == "header":
        return head.header(place.name.encode())
    value = _string(document, tuple(place.name.split(".")))
    if place.where == "body-uuid":
        return value if _UUID.fullmatch(value) else ""
    if place.where == "user-id":
        return _of_user_id(value)
    return value


def _of_user_id(value: str) -> str:
    """The session in Claude Code's user id: a JSON string, in older releases a name that ends with it."""
    if value.startswith("{"):
        try:
            return _user_id.decode(value).session_id
        except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
            return ""
    match = _OLD_USER_ID.search(value[-_LONGEST_ID:])
    return match[1] if match else ""


def _string(document: Document, path: tuple[str, ...]) -> str:
    """The JSON string at `path`, "" where there is none."""
    try:
        if document.member(path[0]) is None:
            return ""
        raw = document.get(path)
        return _text.decode(raw) if raw[:1] == b'"' else ""
    except (DocumentError, msgspec.DecodeError, UnicodeDecodeError):
        return ""


def _clean(value: str) -> str:
    value = value.strip()
    return value if _ID.fullmatch(value) else ""


def _chosen(value: str) -> str:
    """A name that a person may have made up: one with spaces or letters of other tongues is written in those of an id; of one that is too
    long, its hash."""
    value = value.strip()
    if not value or _ID.fullmatch(value):
        return value
    named = quote(value.encode("utf-8", "surrogatepass"), "")
    return named if len(named) <= _LONGEST_ID else hashlib.sha256(named.encode()).hexdigest()


def _openclaw(prompt: Prompt) -> str:
    """OpenClaw's session, from its line at the end of the system prompt or, for some models, in the first user message."""
    texts = [part.text for part in prompt.system if isinstance(part, Text)]
    for item in prompt.items[:_LEADING]:
        raw = bytes(item)
        if _OPENCLAW_HINT in raw:
            texts.append(raw.decode("utf-8", "replace"))
    for text in texts:
        match = _OPENCLAW.search(text)
        if match:
            return f"{OPENCLAW}:{match[1]}" + (f"/{match[2]}" if match[2] else "")
    return ""


def _references(prompt: Prompt) -> list[str]:
    """Ids of the newest replies' items that the request names in place of their text (Responses, the Vercel AI SDK's way)."""
    found: list[str] = []
    for item in reversed(prompt.items):
        raw = bytes(item) if len(item) < 2 * _LONGEST_ID else b""
        if b'"item_reference"' in raw:
            try:
                named = _clean(_item.decode(raw).id)
            except (msgspec.DecodeError, UnicodeDecodeError):
                named = ""
            found.extend([named] if named else [])
            if len(found) == _MOST_REFERENCES:
                break
    return found


_OUT = (
    re.compile(r"^x-anthropic-billing-header:[^\n]{0,500}$", re.MULTILINE),
    re.compile(r"<!-- openclaw:attempt:DYNAMIC -->.*", re.DOTALL),
    re.compile(r"^(?:Runtime: agent=|Current time:|Current date(?: and time)?:|Time zone:)[^\n]{0,2000}$", re.MULTILINE),
    re.compile(r"<(?P<tag>env|environment_context|session_context|system-reminder)>(?:(?!<(?P=tag)>).)*?</(?P=tag)>", re.DOTALL),
    re.compile(r"(?:working directory|Workspace|cwd)\b[^\n:]{0,40}:[^\n]{0,500}", re.IGNORECASE),
    re.compile(_UUID.pattern),
    re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?Z?)?"),
    re.compile(
        r"(?:(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, )?(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6} \d\d?, \d{4}"
    ),
    re.compile(r"(?<![0-9A-Za-z])(?=[0-9a-f]{0,31}\d)[0-9a-f]{16,64}(?![0-9A-Za-z])"),
)
"""What changes from day to day, place to place or request to request in system prompts of known clients, and is taken out of the hash."""


# The system prompt is told by its beginning: so much of it is looked at, so that so much is left without what changes.
_SYSTEM_CHARS, _LEFT_CHARS = 8_000, 4_000


def system_hash(system: Iterable[Part], leading: Sequence[Message] = ()) -> bytes:
    """16 bytes over the beginning of the system prompt without what changes by itself; b"" where there is none. Some ms for one that was
    not seen lately."""
    texts = [part.text for part in system if isinstance(part, Text)]
    texts.extend(message.text for message in leading if message.role == "system")
    return _without_changes("\n".join(texts)[:_SYSTEM_CHARS])


def forget() -> None:
    """Hold no system prompts any more."""
    _without_changes.cache_clear()


@lru_cache(maxsize=64)
def _without_changes(joined: str) -> bytes:
    for rule in _OUT:
        joined = rule.sub("", joined)
    joined = " ".join(joined.split())[:_LEFT_CHARS]
    return hashlib.blake2b(joined.encode("utf-8", "surrogatepass"), digest_size=16).digest() if joined else b""
