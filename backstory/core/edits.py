"""The closed list of edits to a request. Their meaning is defined on messages; each wire lowers them to splices of its own bytes.

Message indexes are those of the prompt as received: edits of one list are applied together, not one after another.
"""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from backstory.core.message import Path


class SetText(Struct, frozen=True, tag=True):
    """The text part at this path now reads `text`. At a tool result: all its text parts together; what else it holds stays."""

    at: Path
    text: str


class StrikeText(Struct, frozen=True, tag=True):
    """Every occurrence of `text` in the text part at this path is taken out; all its other bytes stay."""

    at: Path
    text: str


class ReplaceMedia(Struct, frozen=True, tag=True):
    """The image or other media at this path makes place for a text part that reads `text`; marks of the client's on it stay."""

    at: Path
    text: str


class SetImage(Struct, frozen=True, tag=True):
    """The image at this path, which the request itself holds, becomes the one of this data URL; what else is said of it stays."""

    at: Path
    url: str


class AppendText(Struct, frozen=True, tag=True):
    """Message `index` gets a further text part at its end. One that is nothing but a text, as a string or as a list of one part (a wire
    with both forms takes them for the same), is continued after a blank line. `behind`: a list of one part gets another one all the same,
    so that the text stands behind the mark of what is to be cached that the part may bear; where a wire has no such marks it is nothing."""

    index: int
    text: str
    behind: bool = False


class PrependText(Struct, frozen=True, tag=True):
    """Message `index` gets a further text part at its beginning. One that is nothing but a text begins with it and a blank line, as
    above."""

    index: int
    text: str


class PutMessage(Struct, frozen=True, tag=True):
    """Message `index` becomes these bytes, which are one of this wire's. Other edits inside it are void."""

    index: int
    value: bytes


class AddMessage(Struct, frozen=True, tag=True):
    """A message of plain text goes in before message `index` (the number of messages: after the last)."""

    index: int
    role: str
    text: str


class AddMessages(Struct, frozen=True, tag=True):
    """Messages go in before message `index`, in this order, each as bytes of this wire's."""

    index: int
    values: tuple[bytes, ...]


class DropMessages(Struct, frozen=True, tag=True):
    """Messages start <= i < stop are taken out."""

    start: int
    stop: int


class DropThinking(Struct, frozen=True, tag=True):
    """Message `index` goes up without the model's reasoning, and not at all where it is nothing else. In Chat Completions and
    Gemini nothing happens."""

    index: int


class AddSystem(Struct, frozen=True, tag=True):
    """The system prompt gets a further block of text at its end."""

    text: str


class SetModel(Struct, frozen=True, tag=True):
    """The request goes to another model."""

    model: str


class SetParam(Struct, frozen=True, tag=True):
    """A top-level parameter of the wire is set to a JSON value (as bytes)."""

    name: str
    value: bytes


class AddTools(Struct, frozen=True, tag=True):
    """Tool definitions (each the wire's own JSON) are added after the client's."""

    tools: tuple[bytes, ...]


OfText: TypeAlias = SetText | StrikeText | ReplaceMedia | SetImage | AppendText | PrependText
OfMessages: TypeAlias = PutMessage | AddMessage | AddMessages | DropMessages | DropThinking
Edit: TypeAlias = OfText | OfMessages | AddSystem | SetModel | SetParam | AddTools
