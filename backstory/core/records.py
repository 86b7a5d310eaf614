"""What is stored. Turns are ground truth; everything else is derived from them and can be rebuilt."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

TurnKind: TypeAlias = Literal["spoken", "tool"]


class Conversation(Struct, frozen=True):
    """One conversation of one principal. Times are Unix seconds. `forked_from` and `fork_turn`: it shares the turns of another
    conversation up to that turn (inclusive), "" and 0 where it does not. `memory`: off = its turns are neither recalled nor injected."""

    id: str
    principal: str
    created: float
    updated: float
    wire: str = ""
    model: str = ""
    label: str = ""
    system_hash: bytes = b""
    forked_from: str = ""
    fork_turn: int = 0
    memory: bool = True


class Turn(Struct, frozen=True):
    """One message, kept verbatim.

    `id`: from TurnIds. `parent`: id of the turn before it on its branch, 0 for a first. `position`: 0-based place on its
    branch. `chain`: 16-byte hash over all spoken messages up to it, from principal and scope on. `content`: 16-byte
    hash of this message alone. `kind`: spoken = human or assistant text; tool = only tool calls or results. `text`: what
    memory reads (envelopes and markers off). `raw`: the message's JSON as it came (b"" for a reply that was streamed: then
    `text` and `calls` hold all of it). `at`: the message's own time where its envelope tells it, else its arrival.
    `calls`: JSON of tool calls and results, "" where there are none.
    """

    id: int
    conversation: str
    parent: int
    position: int
    chain: bytes
    content: bytes
    role: str
    kind: TurnKind
    text: str
    raw: bytes = b""
    wire: str = ""
    sender: str = ""
    channel: str = ""
    at: float = 0.0
    arrived: float = 0.0
    tokens: int = 0
    complete: bool = True
    calls: str = ""


class TurnTags(Struct, frozen=True):
    """Derived: the topics of one turn, strongest first. `terms`: its index terms, space-separated, as recall's index wants them."""

    turn: int
    conversation: str
    tags: tuple[str, ...]
    terms: str


class Segment(Struct, frozen=True):
    """Derived: neighbouring turns on one topic, first to last (turn ids), with their extractive digest."""

    id: int
    conversation: str
    first_turn: int
    last_turn: int
    tags: tuple[str, ...]
    digest: str
    tokens: int
    started: float
    ended: float


class Digest(Struct, frozen=True):
    """Derived and immutable: the block of text that stands for all turns of a branch up to `upto_turn` (inclusive). The newest one of a
    branch counts.
    """

    id: int
    conversation: str
    upto_turn: int
    upto_chain: bytes
    text: str
    tokens: int
    created: float


class Injection(Struct, frozen=True):
    """What was put into the message with this chain hash when it went upstream; sent again with it, byte for byte, ever after."""

    conversation: str
    chain: bytes
    text: str
    turns: tuple[int, ...]
    tokens: int
    created: float


class Watermark(Struct, frozen=True):
    """How far a job has come in a conversation. `fence` rises with every change of owner; writes under an older fence are refused."""

    conversation: str
    job: str
    turn: int
    owner: str = ""
    lease_until: float = 0.0
    fence: int = 0


class Hit(Struct, frozen=True):
    """A turn found by full-text search; `score` is larger for better matches."""

    turn: int
    score: float


class Receipt(Struct, frozen=True):
    """Proof of a forget: what was asked for, when, how many rows of each table went. No content."""

    id: int
    at: float
    principal: str
    what: str
    counts: dict[str, int]


class Trace(Struct, frozen=True):
    """Derived: what was done to one request, and why. `request`: its id. `turn`: the turn that its newest human message became, 0 where
    there is none. `turns`: every turn that it tells of. `told`: JSON of memory's own making (memory/reasons.py); no text of turns."""

    request: int
    conversation: str
    turn: int
    turns: tuple[int, ...]
    tokens_in: int
    tokens_sent: int
    told: bytes
    created: float


class Home(Struct, frozen=True):
    """Derived: where a conversation belongs. `project`: "" for none. `audience`: who is in the chat that it is part of, "" where it is
    its owner's alone; what was said in one audience is never told in another."""

    conversation: str
    project: str
    audience: str


class SessionSummary(Struct, frozen=True):
    """Derived: the sentences worth keeping of one session of a conversation. `id`: that of the session's last turn. `turns`: those that
    it quotes. Times are Unix seconds."""

    id: int
    conversation: str
    turns: tuple[int, ...]
    text: str
    tokens: int
    started: float
    ended: float
    created: float


class Batch(Struct, frozen=True):
    """Rows that belong together: written in one transaction, all or none; a second write of the same rows changes nothing."""

    conversations: tuple[Conversation, ...] = ()
    turns: tuple[Turn, ...] = ()
    aliases: tuple[tuple[str, str, str], ...] = ()
    injections: tuple[Injection, ...] = ()
    digests: tuple[Digest, ...] = ()
    traces: tuple[Trace, ...] = ()
    homes: tuple[Home, ...] = ()


class Promise(Struct, frozen=True, tag=True):
    """What the journal keeps of an exchange before the last byte of its answer leaves: the rows known by then, and the raw answer.

    The answer's turns follow turn `parent` at `position`, their chain goes on from `chain`, their ids begin at `turn`. `coding` is
    the answer's content-encoding, "" for none."""

    batch: Batch
    parent: int
    position: int
    chain: bytes
    turn: int
    wire: str
    content_type: str
    coding: str
    body: bytes
    at: float


class Arrival(Struct, frozen=True, tag=True):
    """What the journal keeps of the first exchange of a conversation: everything as it came, to be read when there is time.

    Ids of its turns begin at `turn`. `coding` is the answer's content-encoding, "" for none."""

    conversation: str
    principal: str
    scope: str
    wire: str
    path: str
    agent: str
    body: bytes
    content_type: str
    coding: str
    answer: bytes
    turn: int
    at: float
    complete: bool = True


class Place(Struct, frozen=True):
    """Where a journal record lies: its file, and where in it the record ends."""

    fd: int
    end: int
