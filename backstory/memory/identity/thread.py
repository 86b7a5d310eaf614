"""One conversation in memory: the turns of its current branch and what was derived from them.

A thread is built from stored rows and grows with what is stored after; it does no I/O. A turn on a branch knows its parent, so any
stored turn can become the tip again. What may be recalled is the branch alone: a sibling branch is never looked at. Threads that
share turns share index and digests too: whoever recalls from an index names the turns that may be found.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import blake2b
from operator import attrgetter

from msgspec.structs import replace

from backstory.core.records import MOST_WORDINGS, Conversation, Digest, Home, Injection, Lookup, Stub, Turn, Wording
from backstory.memory.economy.account import Account
from backstory.memory.facts.changes import Changes
from backstory.memory.folding.view import View
from backstory.memory.identity.belonging import Whereabouts
from backstory.memory.identity.settled import Settled
from backstory.memory.recall.index import Index
from backstory.memory.recall.units import Carry

_KEY_BYTES = 7
# What processes store at once is known by numbers that are no further apart than this.
_LATELY = 32


class Family:
    """What threads that share turns have together: the index, and the digests that were made, by the last turn that each stands for.

    Most conversations are short and are never asked for: an index, empty as it may be, is made when it is.
    """

    __slots__ = ("__weakref__", "_index", "carry", "compared", "digests", "images", "stubs")

    def __init__(self) -> None:
        self._index: Index | None = None
        self.carry = Carry()
        self.digests: dict[int, tuple[str, int]] = {}
        self.compared: dict[tuple[int, bytes, int, bool], int] = {}
        """What a message has beside a turn (memory/identity/wordings.py), by turn, content, calls, and whether it stands in its place."""
        self.stubs: dict[tuple[int, int, str], str | None] = {}
        """Texts of stubs that were made, decided or not, by turn, place and reason; None where none is worth it."""

        self.images: dict[tuple[int, int], tuple[str, int] | None] = {}
        """Smaller images that were made, as data URLs with their tokens, by turn and place; None where none is worth it."""

    @property
    def index(self) -> Index:
        """Of the turns that were indexed so far."""
        if self._index is None:
            self._index = Index()
        return self._index


class Thread:
    """State of one conversation. `version` changes when the path changes in another way than by growing at its end. `carried`: tokens of
    the newest request, as its client sent it. `told_in`: the room for which what was injected was last looked at, None where nobody has.
    `protects`: where the turns of a path begin that no digest made for another branch may stand for; None: nowhere."""

    __slots__ = (
        "__weakref__",
        "_account",
        "_ids",
        "_known_stubs",
        "answers",
        "behind",
        "boundary",
        "busy",
        "by_chain",
        "by_id",
        "carried",
        "changes",
        "compacted",
        "conversation",
        "counted",
        "digests",
        "family",
        "gaps",
        "hidden",
        "home",
        "indexed",
        "injections",
        "lineage",
        "lookups",
        "loosened",
        "origin",
        "path",
        "pending_seq",
        "pins",
        "protects",
        "rewritten",
        "rooms",
        "root",
        "seen",
        "settled",
        "sought",
        "states",
        "stubs",
        "tokens",
        "told_in",
        "unread",
        "version",
        "view",
        "withheld",
        "worded",
        "wordings",
    )

    wordings: dict[int, tuple[Wording, ...]]
    worded: dict[int, Wording]
    unread: set[int]
    sought: dict[bytes, int]
    """What its client's history has said otherwise, by the turn beside which it is kept, and by key; keys of what an index may lack.
    `gaps`: what is known of its gaps (wordings.py): at which version, up to which place of the path, whether there are.
    `sought`: the digest behind which it was last looked for something, by the chain hash of the question; of the newest questions."""

    def __init__(self, conversation: Conversation, root: bytes, protects: Callable[[Sequence[Turn]], int] | None = None) -> None:
        self.conversation, self.root, self.protects = conversation, root, protects
        self.lineage: tuple[str, ...] = (conversation.id,)
        """Its conversation, and those that it was forked from, the nearest first."""
        self._account: Account | None = None
        self.answers: dict[str, int] = {}
        """The last turn of an answer by each name under which a request may build on it; those of this process only."""
        self.path: list[Turn] = []
        self.by_id: dict[int, Turn] = {}
        self._ids: list[int] = []  # of all that are known, in order
        self.by_chain: dict[bytes, int] = {}
        self.injections: dict[bytes, Injection] = {}
        self.settled: Settled | None = None
        """What is settled of its requests; None where nothing is folded or missing, and right after it was read."""
        self.lookups: dict[str, Lookup] = {}
        """What look-ups have left, by name."""
        self.home: Home | None = None
        """Where it belongs, None where nobody has asked."""
        self.told_in: str | None = None
        self.pins: set[int] = set()
        """Turns that its user has pinned."""
        self.digests: list[Digest] = []
        self.stubs: dict[int, tuple[Stub, ...]] = {}
        """By turn; those that count on the current branch."""
        self._known_stubs: dict[int, tuple[Stub, ...]] = {}
        self.family = Family()
        self.boundary = self.tokens = self.indexed = self.version = self.busy = self.carried = self.pending_seq = self.rewritten = 0
        """`rewritten` changes when what was injected at a turn of it does."""
        self.changes: Changes | None = None
        """What later turns of the path have changed; None where nobody has asked yet."""
        self.view: View | None = None
        """What went up last, where its client cuts its history."""
        self.behind: bool | None = None
        self.counted, self.compacted, self.wordings, self.unread, self.sought, self.gaps = False, False, {}, set(), {}, (-1, 0, False)
        """Whether it was counted among the sessions since the start; whether the boundary was moved on request, and no request has gone up
        since. `behind`: whether blocks stood behind the marks of their messages in the newest request; None: not known."""
        self.states: dict[str, str] = {}
        """What its user has set for it."""
        self.hidden, self.seen, self.withheld = frozenset[int](), frozenset[int](), set[bytes]()
        """Turns that are about to be forgotten: they are not recalled. Numbers of what was looked for in the store, shown or not. Chain
        hashes where something was injected that may not be told in its room."""
        self.origin, self.loosened, self.rooms, self.worded = ("", 0, 0, 0), 0.0, Whereabouts(), {}
        """Where it was forked off: that conversation's id and version then, its own version then, and how much of the path is the same.
        When something that went up before was taken out (Unix seconds), other than by a fold or a stub. Where its turns were said."""

    @property
    def account(self) -> Account:
        """What its requests cost. Made when it is asked for: most conversations have one."""
        if self._account is None:
            self._account = Account()
        return self._account

    def resume(self, other: Thread) -> None:
        """Its requests cost what goes on from those of another: the provider has just seen what it begins with."""
        self._account = other.account.resume()

    def succeed(self, before: Thread) -> None:
        """It was read again. Places on the path before hold on this one where that only goes on."""
        path = before.path
        goes_on = len(path) <= len(self.path) and (not path or self.path[len(path) - 1].id == path[-1].id)
        self.version = before.version + (not goes_on)
        self.answers.update(before.answers)
        self.counted = before.counted

    @property
    def newest(self) -> int:
        """The largest id of its turns, on whatever branch; 0 where it has none."""
        return self._ids[-1] if self._ids else 0

    @property
    def tip(self) -> bytes:
        """Chain hash at the end of the current branch."""
        return self.path[-1].chain if self.path else self.root

    @property
    def question(self) -> bytes:
        """Chain hash of what the answers at the end of the current branch answer; the tip's where none is there."""
        last = next((turn for turn in reversed(self.path) if turn.role != "assistant"), None)
        return last.chain if last is not None else self.root

    @property
    def digest(self) -> Digest | None:
        """The newest digest at the boundary, None where nothing is folded."""
        return self.digest_at(self.boundary)

    def digest_at(self, boundary: int) -> Digest | None:
        """The newest digest that stands for the first `boundary` turns of the path, None where there is none."""
        if not boundary:
            return None
        upto = self.path[boundary - 1].id
        return next((digest for digest in reversed(self.digests) if digest.upto_turn == upto), None)

    def folded(self, upto: int) -> int:
        """How many of the first `upto` turns of the path are folded: fewer than on the whole where another branch follows."""
        return self.boundary if upto >= len(self.path) else self._furthest(upto)

    def add(self, turns: Sequence[Turn]) -> None:
        """These turns, each the child of its parent; the last becomes the tip, where what stands there now was not begun after it. Turns
        known already are not added again."""
        for turn in turns:
            if turn.id in self.by_id:
                continue
            tip = self.path[-1].id if self.path else 0
            if turn.parent != tip:
                if turn.id < tip:
                    # Its client has gone on without it: another branch.
                    self.know(turn)
                    continue
                self.rewind(turn.parent)
            self.know(turn)
            self.by_chain[turn.chain] = turn.id
            self.path.append(turn)
            self.tokens += turn.tokens

    def know(self, turn: Turn) -> None:
        """One of another branch. What is known already stays."""
        if turn.id not in self.by_id:
            self.by_id[turn.id] = turn
            insort(self._ids, turn.id)
        self.by_chain.setdefault(turn.chain, turn.id)

    @property
    def lately(self) -> int:
        """What another process has stored of it lately has a larger number."""
        return self._ids[-_LATELY] if len(self._ids) >= _LATELY else 0

    def unknown(self, numbers: Iterable[int]) -> frozenset[int]:
        """Those of these numbers of turns and digests that are not known and were not looked for."""
        return frozenset(numbers).difference(self.by_id, self.seen, [digest.id for digest in self.digests])

    def after(self, before: bytes, chain: bytes) -> Turn | None:
        """The turn with this chain hash, on whatever branch, that follows what has the one `before`; None where there is none to show.
        Of a branch that is not taken, because a request is under way on the current one, it tells what is stored."""
        known = self.by_id.get(self.by_chain.get(chain, 0))
        if known is None or known.id in self.hidden:
            return None
        parent = self.by_id.get(known.parent)
        return known if before == (parent.chain if parent is not None else self.root) else None

    def rewind(self, turn_id: int) -> None:
        """Turn `turn_id` (0: nothing at all) becomes the tip; what follows it stays known as another branch."""
        if (self.path[-1].id if self.path else 0) == turn_id:
            return
        turn = self.by_id.get(turn_id)
        at = place_of(self.path, turn)
        if at >= 0:
            kept = at + 1
            path = self.path[:kept]
            self.tokens -= sum(gone.tokens for gone in self.path[kept:])
        else:
            path = self._ancestors(turn_id)
            kept = 0
            for old, new in zip(self.path, path, strict=False):
                if old.id != new.id:
                    break
                kept += 1
            self.tokens = sum(turn.tokens for turn in path)
        self.indexed = min(self.indexed, kept)
        self.path = path
        self.version += 1
        self._settle_boundary()
        self.settle_stubs()

    def fork(self, conversation: Conversation, turn_id: int) -> Thread:
        """A thread of another conversation that shares the turns up to `turn_id`."""
        forked = Thread(conversation, self.root, self.protects)
        forked.lineage = (conversation.id, *self.lineage)
        forked.by_id, forked._ids = self.by_id.copy(), self._ids.copy()
        forked.by_chain = self.by_chain.copy()
        forked.path = self.path.copy()
        forked.injections = self.injections.copy()
        forked.lookups = self.lookups.copy()
        forked.wordings, forked.worded, forked.unread = self.wordings.copy(), self.worded.copy(), set(self.worded)
        forked.pins = self.pins.copy()
        forked.rooms.told.update(self.rooms.told)
        forked.digests = self.digests.copy()
        forked.tokens = self.tokens
        forked.boundary = self.boundary
        forked.family, forked.indexed = self.family, self.indexed
        forked.states, forked.hidden, forked.loosened = self.states.copy(), self.hidden, self.loosened
        forked._account = self._account.fork() if self._account is not None else None
        forked._known_stubs = self._known_stubs.copy()
        forked.rewind(turn_id)
        forked.settle_stubs()
        forked.origin = (self.conversation.id, self.version, forked.version, len(forked.path))
        return forked

    def fold(self, digests: Iterable[Digest]) -> None:
        """Digests that were stored or made; the one on the branch that goes furthest counts from now on."""
        self.digests.extend(digests)
        self._settle_boundary()

    def inject(self, injections: Iterable[Injection]) -> None:
        """What was injected, by the chain hash of the message that carries it."""
        for injection in injections:
            known = self.injections.get(injection.chain)
            if known is injection:
                continue
            self.rewritten += known is not None or injection.chain in self.by_chain
            self.injections[injection.chain] = injection
            self.withheld.discard(injection.chain)

    def reword(self, wordings: Iterable[Wording]) -> None:
        """What its client's history says otherwise, and is kept; as it came it is in the store alone. What is known already stays, but for
        the oldest of too many: what takes their place is in no index before the thread is loaded anew."""
        for one in wordings:
            known = self.wordings.get(one.turn, ())
            if all(other.content != one.content for other in known):
                key, gone = key_of(one), known[: max(0, len(known) + 1 - MOST_WORDINGS)]
                for other in gone:
                    self.worded.pop(key_of(other), None)
                    self.unread.discard(key_of(other))
                self.worded[key] = replace(one, raw=b"")
                self.wordings[one.turn] = (*known[len(gone) :], self.worded[key])
                if not gone:
                    self.unread.add(key)

    def going(self, chain: bytes) -> Injection | None:
        """What goes up with the message of this chain hash, None where nothing does, or does any more."""
        injection = self.injections.get(chain)
        return injection if injection is not None and not injection.left else None

    def withdraw(self, chain: bytes) -> None:
        """Nothing was injected at this message after all."""
        if self.injections.pop(chain, None) is not None:
            self.rewritten += 1

    def stub(self, stubs: Iterable[Stub]) -> None:
        """What goes upstream in place of old results from now on. One that is there already stays."""
        for stub in stubs:
            if stub in self._known_stubs.get(stub.turn, ()):
                continue
            self._known_stubs[stub.turn] = (*self._known_stubs.get(stub.turn, ()), stub)
            known = self.stubs.get(stub.turn, ())
            self.stubs[stub.turn] = (*known, *_first(known, stub))

    def stub_again(self, stub: Stub) -> Stub:
        """This stub, with the words of the one that went up in its place on another branch, if there was one."""
        same = (
            one
            for one in self._known_stubs.get(stub.turn, ())
            if (one.kind, one.place, one.content) == (stub.kind, stub.place, stub.content)
        )
        known = next(same, None)
        return replace(known, conversation=stub.conversation, created=stub.created) if known is not None else stub

    def settle_stubs(self) -> None:
        """Only those count that count on the current branch."""
        self.stubs = {}
        for stub in self._counting(self.path):
            known = self.stubs.get(stub.turn, ())
            self.stubs[stub.turn] = (*known, *_first(known, stub))

    def stubbed(self, upto: int) -> list[Stub]:
        """Those that count for a request that goes on from the first `upto` turns of the path: fewer than on the whole where another branch
        follows."""
        if upto >= len(self.path):
            return [stub for stubs in self.stubs.values() for stub in stubs]
        found: dict[tuple[int, str, int], Stub] = {}
        for stub in self._counting(self.path[:upto]):
            found.setdefault((stub.turn, stub.kind, stub.place), stub)
        return list(found.values())

    def _counting(self, path: Sequence[Turn]) -> Iterator[Stub]:
        """Those that were decided on a branch, or on one that it has left late enough: one that went another way so early that what gave
        way would be protected now has the room for that."""
        aside: list[float] | None = None
        counts: dict[tuple[float, bool], int] = {}
        for stub in [stub for stubs in self._known_stubs.values() for stub in stubs]:
            name = (stub.created, stub.conversation == self.conversation.id)
            if name not in counts and self.protects is not None:
                if aside is None:
                    aside = sorted(turn.arrived for turn in self.by_id.values() if place_of(path, turn) < 0)
                here = name[1] and _was_newest(path, stub.created, aside)
                counts[name] = len(path) if here else self.protects(path[: bisect_right(path, stub.created, key=_arrived)])
            if self.protects is None or place_of(path, self.by_id.get(stub.turn)) < counts[name]:
                yield stub

    def unstub(self, stubs: Iterable[Stub]) -> None:
        """These do not count."""
        for stub in stubs:
            for known in (self.stubs, self._known_stubs):
                left = tuple(one for one in known.pop(stub.turn, ()) if one is not stub)
                if left:
                    known[stub.turn] = left

    def saved(self) -> dict[int, int]:
        """Tokens that stubs save, by turn."""
        return {turn: sum(stub.saved for stub in stubs) for turn, stubs in self.stubs.items()}

    def _ancestors(self, turn_id: int) -> list[Turn]:
        path: list[Turn] = []
        while turn_id and (turn := self.by_id.get(turn_id)) is not None:
            path.append(turn)
            turn_id = turn.parent
        path.reverse()
        return path

    def _settle_boundary(self) -> None:
        self.boundary = self._furthest(len(self.path))

    def _furthest(self, upto: int) -> int:
        """The furthest boundary among the first `upto` turns of the path. A branch that went further than others did keeps its own, and
        does not leave so little to the others that what they are about goes."""
        found: dict[int, list[Digest]] = {}
        for digest in self.digests:
            at = place_of(self.path, self.by_id.get(digest.upto_turn))
            if 0 <= at < upto:
                found.setdefault(at + 1, []).append(digest)
        return next((at for at in sorted(found, reverse=True) if any(self._holds(at, digest, upto) for digest in found[at])), 0)

    def _holds(self, boundary: int, digest: Digest, upto: int) -> bool:
        """Whether this digest was made for the first `upto` turns of the path, or leaves them what is protected."""
        path, made = self.path, digest.id
        if self.protects is None:
            return True
        if digest.conversation == self.conversation.id:
            before = bisect_left(self._ids, made)
            if before and 0 <= place_of(path, self.by_id[self._ids[before - 1]]) < upto:
                return True
        return boundary <= self.protects(path[: bisect_left(path, made, hi=min(upto, len(path)), key=_id)])


def key_of(one: Wording) -> int:
    """By what an index knows it: no turn has a number below 0."""
    digest = blake2b(b"%d " % one.turn + one.content, digest_size=_KEY_BYTES).digest()
    return -1 - int.from_bytes(digest, "big")


def _first(known: Sequence[Stub], stub: Stub) -> tuple[Stub, ...]:
    """This stub, none where one of these stands in its place."""
    return () if any((one.kind, one.place) == (stub.kind, stub.place) for one in known) else (stub,)


def _was_newest(path: Sequence[Turn], at: float, aside: Sequence[float]) -> bool:
    """Whether the last that had arrived on a path at this time was the last of all: then what was decided was decided on it. `aside`: when
    turns that are not on it have arrived, in order."""
    before = bisect_right(path, at, key=_arrived)
    return bisect_right(aside, path[before - 1].arrived if before else 0.0) == bisect_right(aside, at)


def place_of(path: Sequence[Turn], turn: Turn | None) -> int:
    """Where on the path this turn stands, -1 where it does not. That is its position, but where turns before it were forgotten."""
    if turn is None:
        return -1
    at = turn.position
    if at < len(path) and path[at].id == turn.id:
        return at
    at = bisect_left(path, turn.position, key=_position)
    return at if at < len(path) and path[at].id == turn.id else -1


def next_position(path: Sequence[Turn], upto: int) -> int:
    """The position of a turn that follows the first `upto` of the path."""
    return path[upto - 1].position + 1 if upto else 0


def at_number(path: Sequence[Turn], number: int) -> Turn | None:
    """The turn that is shown under this number, None where it was forgotten or is not there."""
    at = bisect_left(path, number - 1, key=_position)
    return path[at] if at < len(path) and path[at].position == number - 1 else None


_position = attrgetter("position")
_id = attrgetter("id")
_arrived = attrgetter("arrived")


def branch(turns: Sequence[Turn], tip: int = 0) -> list[Turn]:
    """The turns from the first to `tip` (0: the newest turn), following parents."""
    if not turns:
        return []
    by_id = {turn.id: turn for turn in turns}
    at = tip or max(by_id)
    path: list[Turn] = []
    while at and (turn := by_id.get(at)) is not None:
        path.append(turn)
        at = turn.parent
    path.reverse()
    return path
