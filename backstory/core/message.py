"""What a request says, free of any wire format. Values only: wires make them, everybody else reads them.

`at` is the path of a thing in the JSON document as it was received: ("messages", 3, "content", 0, "text").
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

from msgspec import Raw, Struct

Path: TypeAlias = tuple[str | int, ...]
Role: TypeAlias = Literal["system", "user", "assistant", "tool", "other"]
MediaKind: TypeAlias = Literal["image", "document", "audio", "video"]
SCREENSHOT = "screenshot"
"""`Media.detail` of an image that nothing but an image may take the place of."""


class Text(Struct, frozen=True, tag=True):
    """Plain text. `at` names the JSON string that holds it."""

    text: str
    at: Path = ()


class ToolCall(Struct, frozen=True, tag=True):
    """The assistant calls a tool. `arguments` is the JSON text of the arguments object, as received."""

    id: str
    name: str
    arguments: str
    at: Path = ()


class Media(Struct, frozen=True, tag=True):
    """An image, document, audio or video. `mime` may be ""; `size` is the length of its base64 text in bytes, 0 for a link; `ref` is the
    link, or "". `width`, `height`: of an image, in pixels, 0 where its header does not tell. `detail`: how closely it is to be looked at,
    in the wire's words. `content`: hash of its base64 text as it came, b"" for a link.
    """

    kind: MediaKind
    mime: str
    size: int
    ref: str = ""
    at: Path = ()
    width: int = 0
    height: int = 0
    detail: str = ""
    content: bytes = b""


class ToolResult(Struct, frozen=True, tag=True):
    """What a tool gave back; `id` is that of its call ("" where the wire has none). `text` is all its text parts, joined by newlines;
    `media` what it shows."""

    id: str
    name: str
    text: str
    at: Path = ()
    error: bool = False
    media: tuple[Media, ...] = ()


class Thinking(Struct, frozen=True, tag=True):
    """Reasoning of the model. Signed reasoning must go back to the provider unaltered."""

    text: str
    signed: bool = False
    at: Path = ()


class Opaque(Struct, frozen=True, tag=True):
    """Not understood, or not to be touched. `kind` is the wire's own name for it."""

    kind: str
    at: Path = ()


Part: TypeAlias = Text | ToolCall | ToolResult | Media | Thinking | Opaque


class Message(Struct, frozen=True):
    """One message (Responses: one input item; Gemini: one content)."""

    role: Role
    parts: tuple[Part, ...]
    at: Path = ()

    @property
    def text(self) -> str:
        """All text parts, joined by newlines; "" where there is none."""
        return "\n".join(part.text for part in self.parts if isinstance(part, Text))


class Opening(Struct, frozen=True):
    """A request with nothing in it but the first thing that somebody says, at a glance: `items` are the raw bytes of that one message, or
    of a system message and that one. Nothing of them is decoded."""

    items: tuple[Raw, ...]
    stream: bool


class Prompt(Struct, frozen=True):
    """What a request asks for. `items` are the raw bytes of each message, in order: they are decoded one by one with
    `Wire.message`, because most of them are known from the request before.

    `structured` says that the reply is bound to a form (JSON, a choice, a grammar): never to be marked. `previous` is the id of
    server-side state that the request builds on (Responses `previous_response_id`, `conversation`; Anthropic thread), or "".
    """

    model: str
    stream: bool
    system: tuple[Part, ...]
    items: Sequence[bytes | memoryview]
    items_at: Path
    structured: bool = False
    tools: int = 0
    previous: str = ""
