"""What memory's stages know of an exchange under way: made by identify, filled by ingest and recall, gone when it is over."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence, Set
from typing import Literal, TypeAlias, TypeVar

from msgspec import Struct, field

from backstory.core.records import Batch, Digest, Home, Injection, Lookup, Spend, Stub, Trace, Turn, Wording
from backstory.core.tariff import Tariff
from backstory.memory.economy.holding import Held
from backstory.memory.identity.thread import Thread
from backstory.memory.reading.requests import Reading
from backstory.memory.recall.asking import wants
from backstory.memory.recall.reasons import Left, Reason, Search
from backstory.memory.recall.retrieval import Recalled

T = TypeVar("T")
Refused: TypeAlias = Literal["held", "mark"]
"""For whose sake a request may be refused: what is held in front of it, or the mark that it was given."""
# So long a request waits to be known, in such steps: nothing tells of it but the visit itself.
_KNOWN_S = 5.0
_STEP_S = 0.01
_TWO = 2


class Visit(Struct):
    """`upto`: number of turns on the thread's path that the request goes on from, `last`: the last of them, also where another request
    takes another path meanwhile. `turns`: the new ones, to be stored with the answer.
    `base`: id of the turn that it names as what it builds on, 0 where it names none. `parent`: id of the turn that the answer follows,
    once `turns` are stored; `chain`: hash of the history that it follows. `answer`: the first id of the answer's turns, 0 before it is
    set aside. `tokens_in`, `tokens_sent`: of the client's request and of ours. `late`: the request went up without memory's edits.
    `gone`: it went up before memory looked at it. `marked`: how many of its messages there are from the last marker on, 0 without one.
    `complete`: it carries every turn of its branch. `stubs`: those that it decided. `saved`: tokens that stubs save, by item.
    `ready`: its place on the thread was found; before that nothing of it may be stored.
    `asked`: when it was looked at. `fixed`, `fresh`: tokens of what is no turn, and of the new turns. `undone`: what was folded before
    goes up as it came, or does so no longer. `tariff`: what it is charged by, once that is known. `spend`: what it cost. `paging`: names
    of our tools that it offers. `tokens_legs`: of the further requests that its answer took. `lookups`: what its answer has left for
    later requests. `buried`: tokens of the items that were forgotten, by item. `muted`: the forgotten turn that its answer answers, -1
    where that has no number; 0 for none. `continued`: the request was found to go on with this thread by a summary of it. `seen`: with so
    many of its items it begins as one that has just gone up in a conversation that it is not known to go on with; 0 for every other.
    `before`: that conversation; `resumed`: it goes on from what was folded there, as its provider has it.
    `asker`: who gave the command that it brings, "" where nobody is named. `apart`: turns of its branch that were not said in its
    group, `placed`: once that is known; `unheard`: numbers of those of which its digest does not tell for that.

    For its trace (`trace`, once it is made): `search`, `found`, `reasons`, `left`, `absent`: how the recall went, what it brought, why
    lines were chosen that it did not bring, what was left out, and how many turns the payload lacks. `bytes_sent`: of the body, 0 where
    it went as it came. `capped`: less may be recalled at it than its budget, for what that costs; `lines`: that it
    may have at most, where only the allowance pays for them; 0: as many as there is room for. `home`: where the conversation belongs,
    where that is to be stored. `held`: what its client has cut off and goes up in front of it all the same; `refused`: its provider did not
    take it so, or with a mark of ours, and it went up once more without. `rewritten`: of its thread, when it was made ready. `went`: the
    body that went up, b"" where it went as it came. `anew`: what is recalled at it will not be in the provider's cache, however it goes up;
    `since`: from this place of the branch on nothing is, or had better not be, -1 for nowhere; `dropped`: the earlier blocks that go up no
    more for that; `again`: so many tokens before the new ones are written again for it. `behind`: blocks stand behind the marks of their
    messages.
    `parted`: those that go up no more for they tell in a group what was said elsewhere.
    `free`: those of its aliases that nobody had. `lent`: it goes up with a mark of ours for the provider's cache; `unmarked`: it must not.
    `summed`: its client goes on from a summary of its history; `unkept`: so many lines of what that leaves out had no room.
    `adrift`: it may go on with what was said before, but with which conversation cannot be told. `wordings`: what a fold takes out of it
    that was not stored."""

    thread: Thread
    reading: Reading
    scope: str
    own_identity: bool = False
    marked: int = 0
    adrift: bool = False
    base: int = 0
    upto: int = 0
    last: Turn | None = None
    turns: list[Turn] = field(default_factory=list)
    parent: int = 0
    chain: bytes = b""
    answer: int = 0
    aliases: list[str] = field(default_factory=list)
    free: tuple[str, ...] = ()
    injection: Injection | None = None
    dropped: tuple[Injection, ...] = ()
    parted: tuple[Injection, ...] = ()
    digest: Digest | None = None
    stubs: tuple[Stub, ...] = ()
    saved: dict[int, int] = field(default_factory=dict)
    buried: dict[int, int] = field(default_factory=dict)
    muted: int = 0
    tokens_in: int = 0
    tokens_sent: int = 0
    recalled: int = 0
    folded: int = 0
    search: Search | None = None
    found: Recalled | None = None
    reasons: list[Reason] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)
    apart: Set[int] = frozenset()
    placed: bool = False
    unheard: tuple[int, ...] = ()
    absent: int = 0
    continued: bool = False
    asker: str = ""
    seen: int = 0
    before: Thread | None = None
    resumed: bool = False
    bytes_sent: int = 0
    trace: Trace | None = None
    home: Home | None = None
    late: bool = False
    gone: bool = False
    complete: bool = False
    ready: bool = False
    asked: float = 0.0
    fixed: int = 0
    fresh: int = 0
    undone: bool = False
    tariff: Tariff | None = None
    spend: Spend | None = None
    paging: frozenset[str] = frozenset()
    tokens_legs: int = 0
    lookups: list[Lookup] = field(default_factory=list)
    wordings: tuple[Wording, ...] = ()
    capped: bool = False
    lines: int = 0
    held: Held | None = None
    refused: tuple[Refused, ...] = ()
    rewritten: int = 0
    went: bytes = b""
    anew: bool = False
    since: int = -1
    again: int = 0
    behind: bool = False
    summed: bool = False
    unkept: int = 0
    lent: bool = False
    unmarked: bool = False


def answered(visit: Visit) -> Turn | None:
    """The turn that its answer follows; None where there is none before it."""
    return visit.turns[-1] if visit.turns else visit.last


def answer_position(visit: Visit) -> int:
    """The place of its answer on the branch."""
    last = answered(visit)
    return last.position + 1 if last is not None else 0


def injections(visit: Visit) -> tuple[Injection, ...]:
    """What it changes of what stands at messages: the blocks that leave, and its own."""
    return (*visit.parted, *visit.dropped, *((visit.injection,) if visit.injection is not None else ()))


def batch(visit: Visit, turns: Sequence[Turn]) -> Batch:
    """What is to be stored of these turns that it brings, with the names of its conversation."""
    record = visit.thread.conversation
    aliases = tuple([(record.principal, key, record.id) for key in visit.aliases])
    return Batch((record,), unknown(visit.thread, turns), aliases, free=visit.free)


def unknown(thread: Thread, turns: Sequence[Turn]) -> tuple[Turn, ...]:
    """Those of these turns that the thread does not have: all others are stored."""
    return tuple([turn for turn in turns if turn.id not in thread.by_id])


def unmark(visit: Visit) -> None:
    """Its request goes up without a mark of ours, and is charged by that."""
    visit.lent, visit.unmarked = False, True
    if visit.tariff is not None and visit.tariff.lent:
        visit.tariff = None


def new_tokens(visit: Visit, new: int) -> int:
    """Of `new` tokens of new turns, those that the provider has not just seen."""
    if not visit.seen:
        return new
    count = sum(line.kind != "none" for line in visit.reading.lines[visit.seen :])
    return min(new, sum(turn.tokens for turn in visit.turns[max(0, len(visit.turns) - count) :]))


def began(visit: Visit) -> int:
    """Where on the branch the client's request begins."""
    return next((place for place in visit.reading.places if place >= 0), visit.upto)


def asked(visit: Visit) -> tuple[int, Turn | None]:
    """The new human message that ends the request, and its item; None where something else was said last (a tool loop is under way)."""
    lines = visit.reading.lines
    for item in range(len(lines) - 1, -1, -1):
        line = lines[item]
        if line.kind == "none":
            continue
        if line.kind != "spoken" or line.role != "user" or visit.reading.places[item] >= 0:
            return item, None
        return item, next((turn for turn in reversed(visit.turns) if turn.content == line.content), None)
    return -1, None


def asked_before(visit: Visit) -> Turn | None:
    """The human message that ends the request, where it is a turn already: it is asked once more. None for any other end."""
    item, new = asked(visit)
    if new is not None or item < 0:
        return None
    line, place, path = visit.reading.lines[item], visit.reading.places[item], visit.thread.path
    return path[place] if line.kind == "spoken" and line.role == "user" and 0 <= place < len(path) else None


def wants_answer(visit: Visit) -> bool:
    """Whether somebody asks something at the end of the request, or wants something done."""
    _, turn = asked(visit)
    return turn is not None and wants(turn.text)


class Visits:
    """The visits under way, by exchange id."""

    def __init__(self) -> None:
        self._visits: dict[int, Visit] = {}

    def __len__(self) -> int:
        return len(self._visits)

    def open(self, exchange: int, visit: Visit) -> None:
        """A visit begins; its thread is busy until it is closed."""
        visit.thread.busy += 1
        self._visits[exchange] = visit

    def get(self, exchange: int) -> Visit | None:
        """The visit of an exchange, None where memory has no part in it."""
        return self._visits.get(exchange)

    def under_way(self, thread: Thread) -> Mapping[tuple[int, bytes], Turn]:
        """The turns that other requests of the same conversation bring and that wait for their answers, by the turn that each follows and
        its chain hash; none where no other is under way. Costs a look at each visit, and at each of these turns."""
        if thread.busy < _TWO:
            return {}
        name, found = thread.conversation.id, dict[tuple[int, bytes], Turn]()
        for visit in self._visits.values():
            if visit.turns and not visit.muted and visit.thread.conversation.id == name:
                for turn in visit.turns:
                    found.setdefault((turn.parent, turn.chain), turn)
        return found

    async def known(self, exchange: int, task: asyncio.Task[T]) -> set[asyncio.Task[T]]:
        """Wait until it is known whose request this is: something may be set for it. At most some seconds, and until `task`, which finds
        that out, is done: then it is given back."""
        until = time.monotonic() + _KNOWN_S
        while not task.done() and exchange not in self._visits and time.monotonic() < until:
            await asyncio.wait({task}, timeout=_STEP_S)
        return {task} if task.done() else set()

    def ready(self, exchange: int) -> bool:
        """Whether the place of an exchange on its thread is found."""
        visit = self._visits.get(exchange)
        return visit is not None and visit.ready

    def close(self, exchange: int) -> None:
        """The exchange is over; a second call does nothing."""
        visit = self._visits.pop(exchange, None)
        if visit is not None:
            visit.thread.busy -= 1
