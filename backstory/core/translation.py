"""A conversation between a client and a provider that speak different wires, free of either: what is asked, and what is answered.

Richer than core/message.py and core/reply.py, which say what memory needs to know: nothing is left out here that another wire has a
place for. Each wire reads its own requests, answers and streams into these values and writes them; what gets lost is a `Loss`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol, TypeAlias

from msgspec import Raw, Struct

from backstory.core.message import MediaKind
from backstory.core.reply import Finish, Usage
from backstory.core.stream import Frame

Effort: TypeAlias = Literal["", "none", "minimal", "low", "medium", "high", "xhigh"]
Speaker: TypeAlias = Literal["user", "assistant", "system"]
Marks: TypeAlias = Literal["auto", "always", "never"]
Hosting: TypeAlias = Literal["bedrock", "vertex"]
"""A cloud that serves a wire inside of its own (wires/anthropic/hosted.py)."""


GoesBack: TypeAlias = Literal["", "none", "reasoning", "reasoning_content", "demanded"]


class Habits(Struct, frozen=True, forbid_unknown_fields=True):
    """What one provider of a wire takes otherwise than most (Chat Completions: of the others nothing is known). `thoughts`: how earlier
    reasoning goes back: "none" (a message that has any is refused), by the name of its member, or "demanded" (`reasoning_content`, without
    which a message with calls is refused); "": as the model's name tells. `thinkers`: a pattern of the models to which it goes, "" for
    all. `id_length`: how many letters and digits an id of a call has to have, 0 where that is free. `bridged`: a user's words right behind
    a tool's result are refused. `efforts`: by a pattern of models, the first that fits, the efforts that they know. `own_tools`:
    OpenAI's models have there what only OpenAI gives them: tools of free text, and lists of the tools that may be called. `marked_whole`:
    of Anthropic's wire, a request as a whole may be marked for the cache (`cache_control` beside its messages)."""

    thoughts: GoesBack = ""
    thinkers: str = ""
    id_length: int = 0
    bridged: bool = False
    efforts: dict[str, tuple[str, ...]] = {}
    own_tools: bool = False
    marked_whole: bool = False


NO_HABITS = Habits()


class Known(Struct, frozen=True):
    """What is known of one provider. `lacks`: members of a request's body that it refuses."""

    lacks: tuple[str, ...] = ()
    habits: Habits = NO_HABITS


NOTHING_KNOWN = Known()


class Loss(Struct, frozen=True):
    """Something that does not get through. `what`: the field, as the client's wire calls it. `how`: "dropped"; "changed" (it gets through
    as something near it, named in `why`); "refused" (the request is not sent: the answer would not be what was asked for)."""

    what: str
    how: Literal["dropped", "changed", "refused"]
    why: str


class Words(Struct, frozen=True, tag=True):
    """Text. `cached`: the wire's own cache mark (Anthropic `cache_control`), None for none. `citations`: as the provider wrote them. `own`:
    the block of its own wire that this text stands for, which is written there in its place."""

    text: str
    cached: Raw | None = None
    citations: tuple[Raw, ...] = ()
    own: Raw | None = None


class Sight(Struct, frozen=True, tag=True):
    """An image, a document, audio or video. Exactly one of `data` (base64 text), `url` and `file` (an id at the provider) is set. `name`: a
    document's file name or title. `detail`: how closely to look, in OpenAI's words. `plain`: the document is the text in `data`."""

    kind: MediaKind
    mime: str = ""
    data: str = ""
    url: str = ""
    file: str = ""
    name: str = ""
    detail: str = ""
    plain: bool = False
    cached: Raw | None = None


class Thought(Struct, frozen=True, tag=True):
    """Reasoning. `sealed`: what must go back unaltered to the provider that gave it (Anthropic `signature`, the `data` of a redacted one,
    Responses `encrypted_content`, Gemini `thoughtSignature`); `seal`: which of the four wires made it. `hidden`: there is no text to read.
    `id`: Responses' id of the item."""

    text: str
    sealed: str = ""
    seal: str = ""
    hidden: bool = False
    id: str = ""


class Use(Struct, frozen=True, tag=True):
    """A call of a tool. `arguments`: JSON text. `custom`: a tool that takes free text, which `arguments` then is. `sealed`: Gemini's
    signature on the call. `space`: see Function; it is in `name` but where its own wire is written."""

    id: str
    name: str
    arguments: str
    custom: bool = False
    sealed: str = ""
    cached: Raw | None = None
    space: str = ""


class Result(Struct, frozen=True, tag=True):
    """What a tool gave back to the call of this id. `name`: the tool's, where it is known. `parts`: Words and Sights."""

    id: str
    name: str
    parts: tuple[Words | Sight, ...]
    error: bool = False
    custom: bool = False
    cached: Raw | None = None


class Refusal(Struct, frozen=True, tag=True):
    """The model declines, in these words."""

    text: str


class Odd(Struct, frozen=True, tag=True):
    """Something that only its own wire (`wire`) knows: `kind` is its type there. Written again to a provider of that wire, else lost."""

    wire: str
    kind: str
    raw: Raw


Piece: TypeAlias = Words | Sight | Thought | Use | Result | Refusal | Odd


class Said(Struct, frozen=True):
    """One message. Results stand in a user's. `name`: who speaks, where the wire has it. A "system" one is an instruction in the middle of
    the conversation (Words only); a wire without such puts it into a user's words."""

    speaker: Speaker
    pieces: tuple[Piece, ...]
    name: str = ""


class Function(Struct, frozen=True):
    """A tool of the client. `schema`: JSON schema of its arguments. `custom`: takes free text; `schema` is then its format, or b"".
    `space`: the namespace that it stands in (Responses); `name` begins with it."""

    name: str
    description: str
    schema: bytes
    strict: bool | None = None
    custom: bool = False
    cached: Raw | None = None
    space: str = ""


class Builtin(Struct, frozen=True):
    """A tool that the provider runs itself (web search, code execution), as the client's wire writes it."""

    type: str
    raw: Raw


class Choice(Struct, frozen=True):
    """Whether tools are to be called. `name`: only this one. `allowed`: only these, () for all (`mode` is then "auto" or "any")."""

    mode: Literal["auto", "none", "any", "tool"]
    name: str = ""
    allowed: tuple[str, ...] = ()


class Format(Struct, frozen=True):
    """The answer is JSON. `schema`: b"" for any object."""

    schema: bytes = b""
    name: str = ""
    description: str = ""
    strict: bool | None = None


class Reasoning(Struct, frozen=True):
    """How much to think. `effort` "" and `budget` (tokens) None: not said; one may be worked out from the other. `shown`: thoughts are
    wanted in the answer; `summary`: in OpenAI's words how ("auto", "concise", "detailed")."""

    effort: Effort = ""
    budget: int | None = None
    shown: bool = False
    summary: str = ""


class Sampling(Struct, frozen=True):
    """None: not said. `most`: output tokens."""

    most: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    presence: float | None = None
    frequency: float | None = None
    count: int = 1
    logit_bias: Raw | None = None
    logprobs: bool = False
    top_logprobs: int | None = None


class Asked(Struct, frozen=True):
    """A request. `parallel`: whether several tools may be called at once. `user`: who the end user is. `previous`: server-side state
    that it builds on. `usage`: whether a stream is to tell usage (OpenAI Chat's `stream_options`). `others`: members of the body with no
    place above, raw, by name. `wire`: the client's. `unread`: members deeper in the body for which there is no place here; `lost`: what
    else reading it lost. `legacy`: the client knows only OpenAI Chat's `functions`, and is answered so. `array`: the stream is to be a
    JSON array (Gemini). `marks`: whether what the provider is to cache is marked where the client marks nothing ("auto": where the
    conversation is likely to go on). `as_is`: the answer comes in the client's own wire, so its id stays what it is. `limit`: the most
    output tokens that the model is known to give, 0 where that is not known; `sampling.most` is no more. `conversation`: `previous` is the
    id of a conversation that goes on under it, not of an answer. `habits`: of the provider that gets it."""

    model: str
    stream: bool
    system: tuple[Words, ...]
    said: tuple[Said, ...]
    tools: tuple[Function | Builtin, ...] = ()
    choice: Choice | None = None
    parallel: bool | None = None
    format: Format | None = None
    reasoning: Reasoning | None = None
    sampling: Sampling = Sampling()
    user: str = ""
    metadata: Raw | None = None
    tier: str = ""
    store: bool | None = None
    previous: str = ""
    usage: bool = True
    others: tuple[tuple[str, Raw], ...] = ()
    wire: str = ""
    unread: tuple[str, ...] = ()
    lost: tuple[Loss, ...] = ()
    legacy: bool = False
    array: bool = False
    marks: Marks = "never"
    as_is: bool = False
    limit: int = 0
    conversation: bool = False
    habits: Habits = NO_HABITS


class Answered(Struct, frozen=True):
    """A whole answer. `sequence`: the stop sequence that ended it. `thoughts`: tokens of reasoning, part of the output tokens of `usage`.
    `more`: further candidates (`n` > 1), each in pieces. `created`: Unix seconds, 0 where the wire does not tell."""

    id: str
    model: str
    pieces: tuple[Piece, ...]
    finish: Finish
    usage: Usage | None = None
    thoughts: int = 0
    sequence: str = ""
    created: int = 0
    more: tuple[tuple[tuple[Piece, ...], Finish], ...] = ()


class Failure(Struct, frozen=True):
    """An error. `status`: HTTP. `code`: one of invalid_request, authentication, permission, not_found, too_large, rate_limit, overloaded,
    timeout, context_length, server. `detail`: the wire's own name for it."""

    status: int
    code: str
    message: str
    detail: str = ""


class Begun(Struct, frozen=True, tag=True):
    """Event: the answer has begun."""

    id: str
    model: str
    usage: Usage | None = None
    created: int = 0


class Opened(Struct, frozen=True, tag=True):
    """Event: the piece of this index begins. `piece` has what is known at once: a Use its id and name, the others nothing."""

    index: int
    piece: Piece


class More(Struct, frozen=True, tag=True):
    """Event: more of the piece: text of Words, Thought, Refusal; arguments of a Use."""

    index: int
    text: str


class Sealed(Struct, frozen=True, tag=True):
    """Event: the piece's `sealed` (see Thought, Use)."""

    index: int
    sealed: str
    seal: str


class Cited(Struct, frozen=True, tag=True):
    """Event: a citation in the Words of this index."""

    index: int
    citation: Raw


class Closed(Struct, frozen=True, tag=True):
    """Event: the piece is whole. `piece`: what it adds up to."""

    index: int
    piece: Piece


class Ended(Struct, frozen=True, tag=True):
    """Event: the answer is whole. Told once, last, with the usage of all of it."""

    finish: Finish
    usage: Usage | None = None
    thoughts: int = 0
    sequence: str = ""


class Broke(Struct, frozen=True, tag=True):
    """Event: the provider says that it cannot go on. Told once, last."""

    failure: Failure


class Waits(Struct, frozen=True, tag=True):
    """Event: a sign of life."""


Event: TypeAlias = Begun | Opened | More | Sealed | Cited | Closed | Ended | Broke | Waits


class Listener(Protocol):
    """Reads one stream. Pieces are opened before there is more of them and closed in the end, each once; indexes count from 0 in the order
    of opening, whatever the provider's numbers are. Nothing follows Ended or Broke. Raises DocumentError for what cannot be read."""

    def events(self, frame: Frame) -> Sequence[Event]:
        """What a frame says."""
        ...

    def over(self) -> Sequence[Event]:
        """The bytes have ended: what is still to be said. A stream that said nothing of its end gives no Ended."""
        ...


class Teller(Protocol):
    """Writes one stream, for the client of one request."""

    def tell(self, event: Event) -> bytes:
        """The bytes that say so, b"" for none yet."""
        ...

    def end(self) -> bytes:
        """What comes after the last event (OpenAI Chat's [DONE], the bracket of Gemini's array)."""
        ...


class Tongue(Protocol):
    """One wire, for translation. Raises DocumentError for what it cannot read, and nothing else. `losses`: what a provider of this wire
    does not get of a request in another; besides, members that only one wire knows are lost by their names."""

    name: str
    losses: tuple[Loss, ...]

    def asked(self, body: bytes, path: str, query: str) -> Asked:
        """Read a request."""
        ...

    def ask(self, asked: Asked) -> tuple[bytes, tuple[Loss, ...]]:
        """Write a request to a provider of this wire, and what of it gets lost."""
        ...

    def place(self, base: str, asked: Asked) -> str:
        """Where such a request goes: path and query under a provider's base path ("" or "/v1")."""
        ...

    def answered(self, body: bytes) -> Answered | Failure:
        """Read a whole answer; a Failure where it is one though its status says otherwise."""
        ...

    def answer(self, answered: Answered, asked: Asked) -> bytes:
        """Write a whole answer to this request."""
        ...

    def listener(self, number: int = 0) -> Listener:
        """For a stream of a provider of this wire. `number`: which of several candidates it hears; 0 in wires that give but one."""
        ...

    def stream_type(self, asked: Asked) -> bytes:
        """The content type of such a stream: `text/event-stream`, but for Gemini's JSON array."""
        ...

    def teller(self, asked: Asked, number: int = 0) -> Teller:
        """For the client of this wire that asked so. `number`: which of several candidates it tells."""
        ...

    def failed(self, status: int, body: bytes) -> Failure:
        """Read an error, also one that is no JSON."""
        ...

    def failure(self, failure: Failure) -> tuple[int, bytes]:
        """Write an error: its status in this wire, and its body."""
        ...
