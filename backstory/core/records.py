"""What is stored. Turns are ground truth; everything else is derived from them and can be rebuilt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias, TypeVar

from msgspec import Struct
from msgspec.structs import replace

TurnKind: TypeAlias = Literal["spoken", "tool"]
FactKind: TypeAlias = Literal[
    "preference", "identity", "relation", "decision", "schedule", "setting", "possession", "event", "plan", "note", "correction"
]
Stance: TypeAlias = Literal["stated", "negated", "planned"]
StubKind: TypeAlias = Literal["result", "media", "image"]
SpendKind: TypeAlias = Literal["traffic", "side"]


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
    branch when it was said: it rises along a branch, and stays when turns before it are forgotten. `chain`: 16-byte hash
    over all spoken messages up to it, from principal and scope on. `content`: 16-byte hash of this message alone. `kind`:
    spoken = human or assistant text; tool = only tool calls or results. `text`: what memory reads (envelopes and markers
    off). `raw`: the message's JSON as it came (b"" for a reply that was streamed: then `text` and `calls` hold all of it).
    `at`: the message's own time where its envelope tells it, else its arrival. `calls`: JSON of tool calls and results, ""
    where there are none.
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
    """Derived: the topics of one turn, strongest first; "database/migration" is a part of the topic "database". `terms`: its index terms,
    space-separated, as recall's index wants them."""

    turn: int
    conversation: str
    tags: tuple[str, ...]
    terms: str


class TurnVectors(Struct, frozen=True):
    """Derived: the vectors that a model made of a turn's units. `pieces`: 8-byte hash of each unit's text, and its vector (see
    Embedder), all of one length."""

    turn: int
    conversation: str
    model: str
    pieces: tuple[tuple[bytes, bytes], ...]


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


class Fact(Struct, frozen=True):
    """Derived: what one sentence of a turn states. Only the turn itself is looked at: what it changes of earlier facts is decided where
    they are read, along a branch.

    `place`: 0-based place among the facts of its turn. `stance`: how it was said (a negated fact denies, a planned one lies ahead).
    `replaces`: what it says it takes the place of, "" for nothing. `corrects`: it is said as a change of what was said before ("no, ...",
    "actually", "instead"). `author`: who said it; `role`: of the turn. `said`: when.
    `begins`, `ends`: the time it speaks of, half-open, 0.0 where none is named. `text`: the sentence, as it stands in the turn's text from
    `span_start` to `span_end` (characters). `object` and `replaces` stand in it; `subject` and `verb` are what is said for its own.
    `method`: "" where rules found it, else the name of the side model that did."""

    turn: int
    conversation: str
    place: int
    kind: FactKind
    subject: str
    verb: str
    object: str
    stance: Stance
    replaces: str
    corrects: bool
    author: str
    role: str
    said: float
    begins: float
    ends: float
    span_start: int
    span_end: int
    text: str
    method: str = ""


class Claim(Struct, frozen=True):
    """One sentence of a summary, and the turns (ids, not empty) it rests on: all its numbers, dates, names and negations are in them."""

    text: str
    turns: tuple[int, ...]


class Summary(Struct, frozen=True):
    """Derived: what a side model wrote of the segment with this id. `method`: the model's name."""

    id: int
    conversation: str
    first_turn: int
    last_turn: int
    method: str
    claims: tuple[Claim, ...]
    tokens: int
    created: float


class Used(Struct, frozen=True):
    """What the side model has used up on one day, reservations included: tokens, and millionths of a dollar."""

    tokens: int = 0
    micros: int = 0
    calls: int = 0


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
    """What was put into the message with this chain hash when it went upstream; sent again with it, byte for byte, until `left`: when it
    was left out, as nothing of the prompt before it was in the provider's cache any more, or others are in the room (Unix seconds); 0.0: it
    still goes up."""

    conversation: str
    chain: bytes
    text: str
    turns: tuple[int, ...]
    tokens: int
    created: float
    left: float = 0.0


class Stub(Struct, frozen=True):
    """What goes upstream in place of a tool's old result, or of an old image: sent again with its message, byte for byte, ever after.

    `kind`: a result's text, media in words (media), or an image as a smaller one (image): then `text` is its data URL. `place`: which
    result or image of its turn it stands for, counted from 0, results and images apart. `content`: 16-byte hash of what it stands for.
    `ref`: the name by which that can be restored. `tokens`: of the stub; `saved`: how many fewer than before. `created`: when it was
    decided, on whichever branch that was last.
    """

    conversation: str
    turn: int
    kind: StubKind
    place: int
    content: bytes
    ref: str
    text: str
    tokens: int
    saved: int
    created: float


MOST_WORDINGS = 16
"""So many of one turn are kept in a conversation, the newest."""


class Wording(Struct, frozen=True):
    """What a client's history says at a turn otherwise than the turn does, word for word: kept when a fold takes it out of what goes up.

    `turn`: at which; where the message has no turn of its own, the nearest. `content`: 16-byte hash of the message. `text`: what memory
    reads of it; `raw`: its JSON as it came. `arrived`: when it was kept."""

    conversation: str
    turn: int
    content: bytes
    role: str
    kind: TurnKind
    sender: str
    text: str
    raw: bytes
    wire: str
    arrived: float


class Lookup(Struct, frozen=True):
    """What look-ups in an answer have left for later requests. `name`: what it is (memory/recall/lookups.py); a conversation has one of
    each name, the last made. `chain`: hash up to the message that the answer followed. `text`: JSON of memory's own making. `turns`: ids
    of those that it quotes."""

    conversation: str
    name: str
    chain: bytes
    text: str
    turns: tuple[int, ...]
    created: float


class KeptReply(Struct, frozen=True):
    """An answer that its client may build on by its id, `name`, where the provider keeps none. `whose`: the key that it was asked for with,
    hashed; only with that it is found. `previous`: the answer that it builds on, "" for none. `first`: the answer that its client
    knows, where that came in several legs. `said`: all since `previous`, the answer in the end; JSON of the translation's own making
    (wires/kept.py)."""

    whose: str
    principal: str
    name: str
    previous: str
    first: str
    said: bytes
    created: float


class Spend(Struct, frozen=True):
    """What one request cost. `kind`: traffic = a client's own; side = one that memory made for itself, with nothing to compare it with.

    `id`: from TurnIds. `at`: when it went up. `tokens_in`, `tokens_sent`: of the client's request and of ours, with all legs of its answer,
    estimated. The token counts after them are the provider's, or (`measured` False) our estimate of them. `billed`: what was paid;
    `direct`: what the client's request as it came would have cost; dollars, or, where the model's price is not known (`priced` False),
    millions of fresh input tokens.
    `rewritten`: it went up changed while the client sent its whole history. `stopped`: rewriting was stopped with it. `books`: what was
    known of the conversation's requests then (memory/economy/books.py); only those of its newest row are stored.
    """

    id: int
    conversation: str
    at: float
    kind: SpendKind
    model: str
    wire: str
    tokens_in: int = 0
    tokens_sent: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read: int = 0
    cache_write: int = 0
    billed: float = 0.0
    direct: float = 0.0
    priced: bool = False
    measured: bool = False
    rewritten: bool = False
    stopped: bool = False
    books: bytes = b""


class Total(Struct, frozen=True):
    """Spends added up. `name`: what they have in common (a model, a day, a conversation). Tokens and money as in Spend; money is of
    those with a known price, `unpriced` counts the others."""

    name: str
    kind: SpendKind
    requests: int
    unpriced: int
    measured: int
    tokens_in: int
    tokens_sent: int
    input_tokens: int
    output_tokens: int
    cache_read: int
    cache_write: int
    billed: float
    direct: float


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
    there is none. `turns`: every turn that it tells of. `told`: JSON of memory's own making (memory/recall/reasons.py); no text of
    turns."""

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


_Row = TypeVar("_Row", Turn, Injection, Digest, Stub, Spend, Trace, Home, Lookup, Wording)


class Batch(Struct, frozen=True):
    """Rows that belong together: written in one transaction, all or none; a second write of the same rows changes nothing."""

    conversations: tuple[Conversation, ...] = ()
    turns: tuple[Turn, ...] = ()
    aliases: tuple[tuple[str, str, str], ...] = ()
    injections: tuple[Injection, ...] = ()
    digests: tuple[Digest, ...] = ()
    stubs: tuple[Stub, ...] = ()
    spends: tuple[Spend, ...] = ()
    traces: tuple[Trace, ...] = ()
    homes: tuple[Home, ...] = ()
    lookups: tuple[Lookup, ...] = ()
    replies: tuple[KeptReply, ...] = ()
    wordings: tuple[Wording, ...] = ()
    free: tuple[str, ...] = ()
    """Those names of `aliases` that nobody had when they were given. If another conversation is stored under one first, what was begun here
    is stored in that."""


def moved_to(rows: Batch, names: Mapping[str, str]) -> Batch:
    """The rows of conversations that are named here as those of the others that they are named with."""

    def put(some: tuple[_Row, ...]) -> tuple[_Row, ...]:
        return tuple([replace(one, conversation=names[one.conversation]) if one.conversation in names else one for one in some])

    return replace(
        rows,
        conversations=tuple(replace(one, id=names.get(one.id, one.id)) for one in rows.conversations),
        turns=put(rows.turns),
        aliases=tuple((whose, key, names.get(name, name)) for whose, key, name in rows.aliases),
        injections=put(rows.injections),
        digests=put(rows.digests),
        stubs=put(rows.stubs),
        spends=put(rows.spends),
        traces=put(rows.traces),
        homes=put(rows.homes),
        lookups=put(rows.lookups),
        wordings=put(rows.wordings),
    )


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

    Ids of its turns begin at `turn`. `coding` is the answer's content-encoding, "" for none.

    `unread`: it may be no first one, but goes on with a conversation that memory has not found yet. Then `names` are the names that
    its client has for that, and `marked` the ids that stand in it, or were found, for it; `conversation` is its own if there is none."""

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
    unread: bool = False
    names: tuple[str, ...] = ()
    marked: tuple[str, ...] = ()


class Place(Struct, frozen=True):
    """Where a journal record lies: its file, and where in it the record ends."""

    fd: int
    end: int
