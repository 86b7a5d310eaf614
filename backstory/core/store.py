"""The store of a house: one interface over SQLite (and PostgreSQL). Calls block; callers run them on a lane of their own.

Every method raises StoreError when the database fails. Principal and scope are part of every look-up: no row of one principal
is ever given to another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal, Protocol, TypeAlias, TypeVar

from backstory.core.charges import Charges
from backstory.core.records import (
    Batch,
    Conversation,
    Digest,
    Fact,
    Hit,
    Home,
    Injection,
    Lookup,
    Place,
    Receipt,
    Segment,
    SessionSummary,
    Spend,
    Stub,
    Summary,
    Total,
    Trace,
    Turn,
    TurnTags,
    TurnVectors,
    Used,
    Watermark,
    Wording,
)
from backstory.core.tombs import Tomb, Tombs

T = TypeVar("T")
Spent: TypeAlias = Literal["model", "day", "conversation", "all"]


About: TypeAlias = tuple[str, bool, dict[str, str], int]
"""Of a conversation: its label, whether memory is on, what a user has set, and the number of its newest turn, 0 where none was ever."""


class Store(Protocol):
    """Ground truth and derived state.

    `moved`: conversations that were begun under a name that another was stored under first, and that other: what this store is given to
    write of the one, it writes of the other. Of what it has been given itself; never changed, but replaced."""

    moved: Mapping[str, str]

    def write(self, batches: Sequence[Batch]) -> None:
        """All batches in one transaction. Idempotent: rows are keyed by their ids (conversation: last write wins on label, model, wire,
        updated, memory).
        """
        ...

    def conversation(self, principal: str, conversation_id: str) -> Conversation | None:
        """A conversation by its id."""
        ...

    def whose(self, conversation_id: str) -> Conversation | None:
        """A conversation by its id, whoever it belongs to: for background work, which serves nobody."""
        ...

    def conversations(self, principal: str | None, limit: int = 50, offset: int = 0) -> list[tuple[Conversation, int]]:
        """Conversations, the last updated first, each with its number of turns, and of a fork with those before its own
        first one. None: of every principal."""
        ...

    def alias(self, principal: str, key: str) -> str | None:
        """The conversation that this key names (a client's session id, a response id, a label, an attached conversation)."""
        ...

    def recent_aliases(self, prefix: str, since: float) -> list[tuple[str, str, str]]:
        """(principal, name, conversation) of the names that begin like this, of conversations updated since then, the oldest first."""
        ...

    def chains(self, principal: str, chains: Sequence[bytes]) -> list[tuple[bytes, str, int]]:
        """Which of these chain hashes are stored: (chain, conversation, turn id), for conversations of this principal."""
        ...

    def deepest(self, principal: str, chains: Sequence[bytes], limit: int) -> list[str]:
        """Conversations of this principal that have the last of these chain hashes, or the one before, and so on: `limit` of them, those
        with the last first, and of several the one that said it last. `chains`: of one history, in its order."""
        ...

    def ended(self, principal: str, chain: bytes, limit: int) -> list[str]:
        """Conversations of this principal whose newest turn has this chain hash: `limit` of them, the newest first."""
        ...

    def contents(self, principal: str, content: bytes, limit: int = 8) -> list[tuple[str, int]]:
        """Newest spoken turns with this content hash: (conversation, turn id)."""
        ...

    def turns(self, conversation_id: str, after: int = 0, limit: int = 1_000_000_000, raw: bool = False) -> list[Turn]:
        """A conversation's own turns (not those it shares by a fork) by id, from the one after id `after`. `raw` = with the stored JSON."""
        ...

    def turns_by_id(self, ids: Iterable[int], raw: bool = False) -> list[Turn]:
        """These turns, by id."""
        ...

    def tags(self, conversation_id: str, after: int = 0, limit: int = 1_000_000) -> list[TurnTags]:
        """Derived tags and terms by turn id."""
        ...

    def tagged(self, conversation_id: str) -> int:
        """The conversation's newest turn that has tags; 0 where none has. Turns are tagged in their order."""
        ...

    def put_tags(self, rows: Sequence[TurnTags], mark: Watermark) -> None:
        """Store derived tags, full-text entries of their turns, and the watermark, in one transaction. FencedError if the lease is lost."""
        ...

    def retag(self, names: Mapping[int, Mapping[str, str]], mark: Watermark) -> None:
        """Rename tags: of each of these turns, those of a topic that is named (whole or a part of it) get the new name. What search finds
        a turn by stays. The watermark is stored with it. FencedError if the lease is lost."""
        ...

    def vectors(self, conversation_id: str, model: str, after: int = 0, limit: int = 1000) -> list[TurnVectors]:
        """A model's vectors of a conversation's own turns, by turn id, from the one after id `after`."""
        ...

    def put_vectors(self, rows: Sequence[TurnVectors], mark: Watermark) -> None:
        """Store vectors and the watermark in one transaction. FencedError if the lease is lost."""
        ...

    def drop_vectors(self, job: str, before: float) -> int:
        """Remove the vectors of every model but that of this job that no job has worked with since `before` (a job is named "vectors:"
        and its model); the number of rows. They can be made anew."""
        ...

    def seeks(self) -> bool:
        """Whether the database can look for vectors itself, so that `near` may find something. The first call may take a while."""
        ...

    def near(self, principal: str, conversation_ids: Sequence[str], model: str, vector: bytes, limit: int) -> list[Hit]:
        """Turns of these conversations (all of the principal's when empty) that are nearest to this vector of this model, best first; the
        score is the cosine. Nothing where the database cannot look for them: `vectors` gives them all."""
        ...

    def search(self, principal: str, conversation_ids: Sequence[str], terms: Sequence[str], limit: int) -> list[Hit]:
        """Full-text search (any of these index terms, best first) over tagged turns of these conversations; all of the principal's when
        empty.
        """
        ...

    def frequencies(self, terms: Sequence[str]) -> dict[str, int]:
        """In how many indexed turns of the whole store each term occurs (0: left out), and under "" how many turns there are."""
        ...

    def segments(self, conversation_id: str) -> list[Segment]:
        """By first turn."""
        ...

    def put_segments(self, rows: Sequence[Segment], mark: Watermark) -> None:
        """Store segments and the watermark in one transaction. FencedError if the lease is lost."""
        ...

    def facts(self, conversation_id: str) -> list[Fact]:
        """Of a conversation's own turns, by turn and place."""
        ...

    def put_facts(self, rows: Sequence[Fact], mark: Watermark, by_model: bool = False, reader: str = "") -> None:
        """Store the facts of the turns between the old watermark and the new, in place of those of the same origin (rules, or `by_model`)
        stored of them before, and the watermark, in one transaction; those of turns that are not there (any more) are left out.
        `reader`: a job's name whose watermark goes along if it had come as far. FencedError if the lease is lost."""
        ...

    def summaries(self, conversation_id: str) -> list[Summary]:
        """What a side model wrote of segments, by first turn."""
        ...

    def put_summaries(self, rows: Sequence[Summary], mark: Watermark) -> None:
        """Store summaries of segments that are there, and the watermark, in one transaction. FencedError if the lease is lost."""
        ...

    def reserve(self, day: str, spend: Used, most: Used) -> bool:
        """Add this to what is used up on that day, unless tokens or micros would then be above `most`: whether it was added. Safe between
        processes. `settle` corrects it; what is never settled stays used up.
        """
        ...

    def settle(self, day: str, spend: Used) -> None:
        """Add this (negative: take it back) to what is used up on that day."""
        ...

    def used(self, day: str) -> Used:
        """What is used up on that day."""
        ...

    def digests(self, conversation_id: str) -> list[Digest]:
        """By age, oldest first."""
        ...

    def injections(self, conversation_id: str) -> list[Injection]:
        """By age, oldest first."""
        ...

    def wordings(self, conversation_id: str) -> list[Wording]:
        """What its client's history said otherwise than its turns, by age, oldest first."""
        ...

    def lookups(self, conversation_id: str) -> list[Lookup]:
        """What look-ups have left for later requests, by age, oldest first; so many of the newest as are kept."""
        ...

    def has_lookups(self) -> bool:
        """Whether any conversation has some."""
        ...

    def reply_chain(self, whose: str, name: str) -> list[bytes]:
        """What was said up to this answer and in it (KeptReply), from the first answer that it builds on; [] where any of it is not
        there."""
        ...

    def states(self, conversation_id: str) -> dict[str, str]:
        """What a user has set for a conversation, by name; empty for what a fork does not take over from where it was forked from."""
        ...

    def stated(self, name: str, principal: str | None = None) -> list[tuple[str, str, str]]:
        """Everywhere this name is set: (principal, conversation, value), the last updated first. None: of every principal."""
        ...

    def put_state(self, principal: str, conversation_id: str, name: str, value: str | Callable[[str], str]) -> str:
        """Set it, to a value or to what is made of the one that is there, with nobody else in between; what it is then. An empty value
        removes it, and is kept for a fork, which would inherit it. A name that ends with `:` and a conversation's id is forgotten with
        that, too. NotFound where the principal has no such conversation."""
        ...

    def put_about(self, principal: str, conversation_id: str, label: str | None = None, memory: bool | None = None) -> None:
        """Name a conversation of this principal that is there, and say whether memory is on for it; None: as it is. `write` sets both for a
        new one alone: what comes late, or from a process that has not heard of it, changes neither."""
        ...

    def abouts(self, conversation_ids: Sequence[str]) -> dict[str, About]:
        """Of those of these conversations that are there."""
        ...

    def numbers(self, conversation_id: str, after: int) -> list[int]:
        """The numbers of its own turns and digests that are larger than this one."""
        ...

    def stubs(self, conversation_id: str) -> list[Stub]:
        """By age, oldest first."""
        ...

    def spends(self, conversation_id: str, limit: int = 64) -> list[Spend]:
        """The newest of a conversation's own, oldest first."""
        ...

    def balance(self, conversation_id: str, priced: bool) -> tuple[float, float]:
        """What the traffic of a conversation, its own, with a known price or without, was billed, and would have been as it came: money as
        in Spend. Cost grows with its rows."""
        ...

    def spent(self, by: Spent, conversation_id: str = "", after: float = 0.0) -> list[Total]:
        """Spends since then, added up by what they have in common, and apart by kind; of one conversation or (""), of all."""
        ...

    @property
    def charges(self) -> Charges:
        """What providers took for all requests that went through."""
        ...

    def stops(self, after: float) -> tuple[list[tuple[str, float]], float]:
        """The conversations in which rewriting has been stopped since then, and when; and how much less was billed for all rewritten and
        measured requests since then than they would have cost as they came (as in Spend: in dollars where the price is known)."""
        ...

    def traces(self, conversation_id: str) -> list[Trace]:
        """What was done to its requests, oldest first."""
        ...

    def trace(self, request: int) -> Trace | None:
        """What was done to the request of this id; None where nothing is known of it."""
        ...

    def pin(self, conversation_id: str, turn: int, pinned: bool, now: float) -> None:
        """Pin a turn of this conversation, or let go of it. NotFound where the conversation has no such turn of its own."""
        ...

    def pins(self, conversation_id: str) -> list[int]:
        """Ids of its pinned turns, rising."""
        ...

    def pin_changes(self, after: int) -> list[tuple[int, str, int, bool]]:
        """Pins that were changed after change number `after`: (change, conversation, turn, pinned), by change."""
        ...

    def home(self, conversation_id: str) -> Home | None:
        """Where a conversation belongs, None where that was never told."""
        ...

    def kin(self, principal: str, home: Home, everywhere: bool, limit: int) -> list[Conversation]:
        """Other conversations of this principal that may be told of in a conversation of this home, the last updated first: of the same
        audience, with memory on, and of the same project (`everywhere`: of any)."""
        ...

    def session_summaries(self, conversation_ids: Sequence[str]) -> list[SessionSummary]:
        """Of these conversations, the last ended first."""
        ...

    def put_session_summaries(self, rows: Sequence[SessionSummary], mark: Watermark, anew: bool = False) -> None:
        """Store summaries and the watermark in one transaction; `anew`: in place of all there were. FencedError if the lease is lost."""
        ...

    def watermark(self, conversation_id: str, job: str) -> Watermark:
        """How far `job` is; turn 0 where it has not begun."""
        ...

    def behind(self, job: str, ahead: str) -> int:
        """In how many conversations the watermark of `job` is below that of the job `ahead`."""
        ...

    def lease(self, conversation_id: str, job: str, owner: str, seconds: float, now: float) -> Watermark | None:
        """Take or renew the lease; None where another owner holds it. A change of owner raises the fence. One that would run for more than
        twice `seconds` (a minute at least) is none: the clock has gone back since. With 0 `seconds` it is given back, by who holds it."""
        ...

    def pending(self, job: str, limit: int = 100, lease_s: float = 30.0) -> list[str]:
        """Conversations with turns above the job's watermark and no running lease, the most recently updated first. `lease_s`: how long the
        job's leases are; for what counts as none, see `lease`."""
        ...

    def forget(self, principal: str | None, conversation_id: str = "", turn_ids: Sequence[int] = (), now: float = 0.0) -> Receipt:
        """Remove a conversation, some turns, or all of a principal (both empty), from every table and index; give a receipt. With a turn go
        those that say the same after the same history. NotFound if nothing is there.
        """
        ...

    def thinned(self, principal: str, conversation_id: str) -> bool:
        """Whether its first turns may have been forgotten: some of its own, or a conversation that it was forked from."""
        ...

    def answers(self, since: Mapping[int, float]) -> set[int]:
        """The turns that came to answer those of these turns that are a human's, after the time that is given with it. Looks at every turn
        of their conversations and of the forks of these."""
        ...

    def tombs(self) -> Tombs:
        """By what every forgotten turn is known again."""
        ...

    def lay(self, tombs: Sequence[tuple[int, str, bytes, float]]) -> None:
        """Histories that end with what is not to be remembered: a number of its own, rising, principal, hash and time of each. Of all that
        were laid so, the newest stay (core.tombs.MOST_UNKEPT). Numbers that are not larger than those of all before are made so."""
        ...

    def laid(self, after: int) -> tuple[bytes, list[Tomb]]:
        """Those with a larger number, by number, and the key of the marks: how one process learns what another was told."""
        ...

    def receipts(self, after_id: int = 0) -> list[Receipt]:
        """Receipts numbered above `after_id`, by number: how one process learns what another has forgotten."""
        ...

    def newest_id(self) -> int:
        """The largest id of a turn, a digest or a request that is stored, 0 where there is none: later ones must be larger."""
        ...

    def counts(self) -> dict[str, int]:
        """Rows by table, for status."""
        ...

    def close(self) -> None:
        """Close every connection. Later calls raise StoreError."""
        ...


class Lanes(Protocol):
    """Threads on which a store's blocking calls run."""

    @property
    def settled(self) -> int:
        """Every batch up to this inbox number is in the store."""
        ...

    @property
    def moved(self) -> Mapping[str, str]:
        """See Store; of all that is stored by now."""
        ...

    @property
    def queued(self) -> int:
        """Batches that are not stored yet."""
        ...

    async def read(self, call: Callable[[Store], T]) -> T:
        """`call(store)` on a reader's thread. Raises what it raises."""
        ...

    def append(self, payload: bytes) -> int:
        """Journal these bytes; the number they got. Raises StoreError."""
        ...

    def append_all(self, payloads: Sequence[bytes]) -> tuple[int, list[Place]]:
        """As `append` of each, at once; the number of the first, and where each lies. Raises StoreError: then none is journalled."""
        ...

    async def write(self, call: Callable[[Store], T]) -> T:
        """`call(store)` on the writer's thread, after everything submitted before is stored. Raises what it raises."""
        ...

    def fetch(self, place: Place, size: int) -> bytes:
        """Journalled bytes, while they are not settled. Raises StoreError."""
        ...

    def submit(self, batch: Batch, seq: int) -> None:
        """Store this batch soon; then the journal up to `seq` is settled."""
        ...

    async def flush(self) -> None:
        """Until everything submitted before is stored."""
        ...

    @property
    def shared(self) -> bool:
        """Whether another process on this machine has this store."""
        ...

    async def others(self) -> bool:
        """Until what other processes on this machine have journalled by now is in the store, half a second at most. False, and at once,
        where nobody else on this machine has this store."""
        ...
