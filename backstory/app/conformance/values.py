"""What is asked, what a provider plays, and what a client got, free of any wire."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol, TypeAlias

import msgspec
from msgspec import Struct, field

Json: TypeAlias = dict[str, object]
"""An object to be written."""
Finish: TypeAlias = Literal["stop", "length", "tool_calls", "sequence", "refusal", "other", ""]


class Text(Struct, frozen=True, tag=True):
    """Words."""

    text: str


class Image(Struct, frozen=True, tag=True):
    """A picture. `data`: base64."""

    mime: str
    data: str


class Thought(Struct, frozen=True, tag=True):
    """Reasoning, and what its provider wants back with it."""

    text: str
    signature: str = ""


class Call(Struct, frozen=True, tag=True):
    """A call of a tool. `arguments`: JSON text of an object."""

    id: str
    name: str
    arguments: str


class Result(Struct, frozen=True, tag=True):
    """What a tool gave back."""

    id: str
    name: str
    text: str
    failed: bool = False


class Refusal(Struct, frozen=True, tag=True):
    """The model declines."""

    text: str


Part: TypeAlias = Text | Image | Thought | Call | Result | Refusal


class Turn(Struct, frozen=True):
    """One message. `raw`: instead of parts, what a client keeps of an answer in its wire's own words (a list)."""

    role: Literal["user", "assistant"]
    parts: tuple[Part, ...] = ()
    raw: tuple[object, ...] = ()


class Tool(Struct, frozen=True):
    """A tool of the client. `schema`: JSON schema of its arguments."""

    name: str
    description: str
    schema: Json


class Ask(Struct, frozen=True):
    """A request. `choice`: "", any, none, or a tool's name. `most`: output tokens, 0 for none said. `thinking`: tokens. `more`: members
    that no wire knows."""

    turns: tuple[Turn, ...]
    system: str = ""
    tools: tuple[Tool, ...] = ()
    choice: str = ""
    parallel: bool = True
    schema: Json | None = None
    stop: tuple[str, ...] = ()
    most: int = 0
    temperature: float | None = None
    thinking: int = 0
    more: Mapping[str, object] = field(default_factory=dict)


class Request(Struct, frozen=True):
    """A request in a wire. `path` has the query."""

    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


class Usage(Struct, frozen=True):
    """Tokens. `input` includes the cached ones, read and written; `output` includes `thoughts`."""

    input: int = 0
    output: int = 0
    cached: int = 0
    written: int = 0
    thoughts: int = 0


How: TypeAlias = Literal["", "mirror", "breaks", "cut", "html", "mistyped", "unstreamed", "empty", "slow"]


class Play(Struct, frozen=True):
    """What the provider does. `size`: letters in a piece of a stream; `cut`: bytes in a piece of the connection, 0 for one event at a time.
    `status` from 400: an error that says `message`. `how`: what else is odd about it (see provider.py)."""

    parts: tuple[Part, ...] = ()
    finish: Finish = "stop"
    usage: Usage = Usage(20, 10)
    sequence: str = ""
    size: int = 9
    cut: int = 0
    status: int = 200
    message: str = ""
    retry_after: str = ""
    how: How = ""


class Given(Struct, frozen=True):
    """The result of a tool as it reached the provider, with the arguments of the call that it belongs to."""

    name: str
    arguments: Json
    text: str


class Heard(Struct, frozen=True):
    """What reached the provider. It is what the play "mirror" answers, as JSON. `thinking`: how much was asked for, "" for none. `others`:
    members of the body that are none of the wire's. `complaints`: why a provider of this wire would have refused it."""

    wire: str
    model: str
    stream: bool
    system: str
    turns: tuple[tuple[str, str], ...] = ()
    images: tuple[Image, ...] = ()
    tools: tuple[Tool, ...] = ()
    choice: str = ""
    parallel: bool = True
    calls: tuple[Call, ...] = ()
    results: tuple[Given, ...] = ()
    thoughts: tuple[Thought, ...] = ()
    schema: Json | None = None
    stop: tuple[str, ...] = ()
    most: int = 0
    temperature: float | None = None
    thinking: str = ""
    others: tuple[str, ...] = ()
    complaints: tuple[str, ...] = ()


class Event(Struct, frozen=True):
    """One event of a stream."""

    name: str
    data: bytes


class Got(Struct):
    """What a client got. `over`: it has a regular end. `error`: the words of an error, with its type in `kind`. `faults`: where it is not
    as the wire demands. `echo`: what the client would keep of it for its next request. `pieces`: events that brought text, thoughts or
    arguments."""

    text: str = ""
    thoughts: str = ""
    signature: str = ""
    calls: list[Call] = field(default_factory=list)
    refusal: str = ""
    refused: bool = False
    finish: Finish = ""
    sequence: str = ""
    usage: Usage | None = None
    error: str = ""
    kind: str = ""
    over: bool = False
    faults: list[str] = field(default_factory=list)
    echo: tuple[object, ...] = ()
    pieces: int = 0
    events: list[str] = field(default_factory=list)


class Dialect(Protocol):
    """One wire, from both ends. Nothing raises for what it reads: what is wrong becomes a fault or a complaint."""

    name: str
    model: str

    def request(self, ask: Ask, model: str, stream: bool) -> Request:
        """Client: the request."""
        ...

    def whole(self, body: bytes) -> Got:
        """Client: a whole answer, read strictly."""
        ...

    def stream(self, events: Sequence[Event]) -> Got:
        """Client: a stream, its order checked."""
        ...

    def failure(self, body: bytes) -> Got:
        """Client: an error."""
        ...

    def claims(self, path: str) -> bool:
        """Provider: whether a request to this path is one of this wire."""
        ...

    def heard(self, path: str, body: Json) -> Heard:
        """Provider: what a request says."""
        ...

    def answer(self, play: Play, model: str) -> bytes:
        """Provider: a whole answer."""
        ...

    def events(self, play: Play, model: str) -> list[bytes]:
        """Provider: a stream, event by event."""
        ...

    def refusal(self, status: int, message: str) -> bytes:
        """Provider: the body of an error."""
        ...

    def breaks(self, message: str) -> bytes:
        """Provider: the event of an error in the middle of a stream."""
        ...


def dumped(value: object) -> bytes:
    """JSON."""
    return msgspec.json.encode(value)


def object_of(text: str | bytes) -> Json:
    """The object that this is; {} where it is none."""
    try:
        found = msgspec.json.decode(text or b"{}")
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return found if isinstance(found, dict) else {}


def cut(text: str, size: int) -> list[str]:
    """The text in pieces of `size` letters."""
    return [text[start : start + size] for start in range(0, len(text), size)]


def sse(name: str, value: object) -> bytes:
    """One event."""
    head = f"event: {name}\n".encode() if name else b""
    return head + b"data: " + dumped(value) + b"\n\n"
