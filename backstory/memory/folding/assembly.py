"""What goes upstream: the client's messages less what is folded, the digest in their place, every injection where it was before,
and what is recalled now at the newest human message. Decisions only, as a list of edits.

Append-only: for the same thread and the same client messages the same edits come out, in this process or another.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Container, Sequence, Set

from backstory.core.edits import AppendText, DropMessages, Edit, PrependText
from backstory.core.records import Digest
from backstory.memory.identity.settled import Fold, Settled
from backstory.memory.identity.thread import Thread, place_of
from backstory.memory.identity.wordings import keys
from backstory.memory.reading.fence import DIGEST_CLOSE, DIGEST_OPEN
from backstory.memory.reading.requests import Reading
from backstory.memory.reading.turns import Line, chain

# Whose items that are no turns belong to the turns beside them; and what of the others goes when there is a newer one.
_STEPS, _LISTING = ("assistant", "tool"), "listing"
# Less than this around a human's words is an envelope (a name, a time), not instructions.
_INSTRUCTION_CHARS = 200


def fold(thread: Thread, reading: Reading, boundary: int) -> Fold | None:
    """What to drop when the first `boundary` turns of the path are folded; None where the request carries none of them.

    In a long tool loop the human message that began it stays, and the digest goes in front of it: what follows is the assistant's next
    step. A first human message that also carries the client's own instructions stays. So do items that are no turns (system messages,
    environment, the newest list of a server's tools), but for the assistant's and answers to them: reasoning, what the provider's own tools
    did, or a step without words, goes with what it led to. No tool's result goes up without its call. What was never to be remembered stays
    (`staying`): the digest does not tell of it, and nothing has kept it; so does what cannot be kept as its client has it.
    """
    if not boundary:
        return None
    lines, places = reading.lines, reading.places
    last = next((item for item in range(len(places) - 1, -1, -1) if 0 <= places[item] < boundary), -1)
    if last < 0:
        return None
    # What was forgotten right after it goes with it, but for what is said now.
    fresh = [item for item in range(last + 1, len(lines)) if lines[item].kind != "none"]
    remain = staying(reading)
    gone = reading.buried - remain if remain else reading.buried
    before = next((item for item in fresh if item not in gone or item == fresh[-1]), len(lines))
    if before == len(lines) or _answers(lines[before]):
        return None
    holder = next((item for item in range(before, -1, -1) if _holds(lines[item])), -1)
    if holder < 0:
        return None
    leads, stays = _led(lines, before), _instructing(lines)
    if _parts(lines, leads, before):
        return None
    stay = {holder, stays, next((item for item in range(leads - 1, -1, -1) if lines[item].note == _LISTING), -1)}
    runs = _runs([item for item in range(leads) if item not in stay and item not in remain and _goes(lines[item])])
    return Fold(runs, holder) if runs else None


def staying(reading: Reading) -> Set[int]:
    """The items of exchanges in which something was never to be remembered, or cannot be kept, each from its question to before the next: a
    part of one is no history that every provider takes."""
    if not (reading.unkept or reading.stuck):
        return frozenset()
    starts, asked = [0], False
    for item, line in enumerate(reading.lines):
        if _holds(line):
            starts.extend(() if asked else (item,))
            asked = True
        elif line.kind != "none":
            asked = False
    ends = [*starts[1:], len(reading.lines)]
    wanted = sorted(reading.unkept | reading.stuck)
    spans = (range(start, end) for start, end in zip(starts, ends, strict=True) if bisect_left(wanted, start) < bisect_left(wanted, end))
    return frozenset(item for span in spans for item in span)


def _answers(line: Line) -> bool:
    """Whether a message gives a tool's result."""
    return line.role != "assistant" and (line.kind == "tool" or bool(line.calls))


def _holds(line: Line) -> bool:
    """Whether the digest can stand in front of its words."""
    return line.role == "user" and line.kind == "spoken" and not line.calls


def _goes(line: Line) -> bool:
    """Whether an item before the boundary does not go up."""
    if line.kind == "none":
        return line.note == _LISTING or (line.role in _STEPS and not line.note)
    return True


def _led(lines: Sequence[Line], before: int) -> int:
    """Where that begins which led to the first message that stays: its reasoning goes with it. `before` where there is none. What waits
    for an answer that comes beside a human's words stays with them."""
    at = before
    if lines[before].role == "assistant" or _awaited(lines, before):
        while at and lines[at - 1].kind == "none" and lines[at - 1].role in _STEPS:
            at -= 1
        while at < before and lines[at].role == "tool":  # it answers what stands before the message before
            at += 1
    return at


def _parts(lines: Sequence[Line], leads: int, before: int) -> bool:
    """Whether what leads to the first message that stays follows another of the assistant's: then both are one answer, and what the
    provider's tools did in it may rest on reasoning that would go."""
    if leads == before or not leads or lines[before].role != "assistant" or lines[leads - 1].role != "assistant":
        return False
    return any(not line.thinks for line in lines[leads:before])


def _awaited(lines: Sequence[Line], before: int) -> bool:
    """Whether an answer that is no turn comes with this message."""
    for item in range(before + 1, len(lines)):
        if lines[item].kind != "none":
            return False
        if lines[item].role == "tool":
            return True
    return False


def _runs(items: Sequence[int]) -> tuple[tuple[int, int], ...]:
    """These rising numbers as runs start <= i < stop."""
    runs: list[tuple[int, int]] = []
    for item in items:
        if runs and runs[-1][1] == item:
            runs[-1] = (runs[-1][0], item + 1)
        else:
            runs.append((item, item + 1))
    return tuple(runs)


def fold_edits(folded: Fold, digest: Digest | None) -> list[Edit]:
    """The edits of a fold."""
    edits: list[Edit] = [DropMessages(start, stop) for start, stop in folded.drops]
    if digest is not None and digest.text:
        edits.append(PrependText(folded.before, digest.text))
    return edits


def kept_items(reading: Reading, folded: Fold | None) -> Sequence[int]:
    """Indexes of the items that go upstream."""
    if folded is None:
        return range(len(reading.lines))
    gone = {item for start, stop in folded.drops for item in range(start, stop)}
    return [item for item in range(len(reading.lines)) if item not in gone]


def earlier_injections(thread: Thread, reading: Reading, kept: Sequence[int]) -> tuple[list[Edit], set[int], int]:
    """Edits that repeat what was injected before, the turns that these blocks carry, and their tokens."""
    edits: list[Edit] = []
    turns: set[int] = set()
    tokens = 0
    if thread.injections:
        for item in kept:
            line = reading.lines[item]
            if line.note == "summary":
                injection = thread.going(summary_chain(thread, line))
            elif line.kind == "none" or line.role == "assistant":
                continue
            else:
                place = reading.places[item]
                injection = thread.going(thread.path[place].chain) if place >= 0 else None
            if injection is not None:
                edits.append(AppendText(item, injection.text))
                turns.update(injection.turns)
                tokens += injection.tokens
    return edits, turns, tokens


def summary_chain(thread: Thread, line: Line) -> bytes:
    """By what an injection at a client's summary is known: the summary is no turn, and has no chain hash of its own."""
    return chain(thread.root, line.content)


class Absent:
    """The turns of a branch that the payload does not carry: neither as a message nor in a block injected before. Membership by turn id.
    What is kept beside a turn lacks where the turn's message does, by its own key (memory/identity/wordings.py).

    `kept`: the items that go up, less those of `settled`. `injected`: the turns in blocks that go up, and in nothing of `elsewhere`;
    `edits`: among them those that put these blocks in.
    """

    __slots__ = ("_barred", "_carried", "_edits", "_elsewhere", "_settled", "_thread", "_upto", "_worded", "count", "injected")

    def __init__(
        self,
        thread: Thread,
        upto: int,
        reading: Reading,
        kept: Sequence[int],
        elsewhere: Set[int],
        settled: Settled | None = None,
        injected: Set[int] = frozenset(),
        edits: Sequence[Edit] = (),
    ) -> None:
        places = reading.places
        self._worded, self._barred = keys(thread), elsewhere
        if self._worded:
            injected = injected | {key for key, turn in self._worded.items() if turn in injected}
        self._thread = thread
        self._upto = upto
        self._settled = settled
        self._carried = {places[item] for item in kept}
        self._carried.update(reading.also)
        self._elsewhere = elsewhere | injected if elsewhere else injected
        self._edits = edits
        self.injected = injected - elsewhere if elsewhere else injected
        here = sum([1 for place in self._carried if 0 <= place < upto and (settled is None or place not in settled.carried)])
        if settled is not None:
            here += len(settled.carried) if settled.upto <= upto else sum(1 for place in settled.carried if place < upto)
        self.count = upto - here

    def __contains__(self, turn_id: int) -> bool:
        thread, settled, base = self._thread, self._settled, self._worded.get(turn_id, turn_id)
        place = place_of(thread.path, thread.by_id.get(base))
        if not 0 <= place < self._upto or place in self._carried or turn_id in self._elsewhere:
            return False
        return (settled is None or place not in settled.carried) and (base == turn_id or base not in self._barred)

    def blocks(self) -> list[str]:
        """The blocks that go up with the request."""
        return [edit.text for edit in self._edits if isinstance(edit, AppendText)]

    def reopen(self, turns: Set[int]) -> None:
        """Of these turns in the blocks not all is there: they may be found again."""
        self._elsewhere = self._elsewhere - turns

    def ids(self) -> Set[int]:
        """Their ids. Costs what the branch has; where its beginning is settled, what that leaves."""
        beside = {key for key in self._worded if key in self}
        return self._turns() | beside if beside else self._turns()

    def _turns(self) -> Set[int]:
        carried, thread, settled = self._carried, self._thread, self._settled
        path, upto = thread.path, min(self._upto, len(thread.path))
        if settled is None or settled.upto > upto or settled.version != thread.version:
            before: Set[int] = settled.carried if settled is not None else frozenset()
            found = {path[place].id for place in range(upto) if place not in carried and place not in before}
            return found - self._elsewhere
        after = {path[place].id for place in range(settled.upto, upto) if place not in carried}
        back = {path[place].id for place in carried if 0 <= place < settled.upto}
        return (settled.gone | after) - back - self._elsewhere


class Present:
    """Every turn that is not absent, seen as a set: what recall must leave out."""

    __slots__ = ("_absent",)

    def __init__(self, absent: Absent | Container[int]) -> None:
        self._absent = absent

    def __contains__(self, turn_id: object) -> bool:
        return not (isinstance(turn_id, int) and turn_id in self._absent)


class AllBut:
    """All turns but these, seen as a set: what recall must leave out, where those that it may find were listed."""

    __slots__ = ("ids",)

    def __init__(self, ids: Set[int]) -> None:
        self.ids = ids

    def __contains__(self, turn_id: object) -> bool:
        return turn_id not in self.ids


def _instructing(lines: Sequence[Line]) -> int:
    """The first human message, if it also carries text that its client put there for the model; else -1. What stands around a later one
    is news of its time: it goes with it."""
    first = next((item for item, line in enumerate(lines) if _holds(line)), -1)
    if first < 0 or lines[first].chars - len(lines[first].text) <= _INSTRUCTION_CHARS:
        return -1
    return first


def digest_block(body: str) -> str:
    """The block that stands for folded history; "" for an empty body."""
    return f"{DIGEST_OPEN}\n{body}\n{DIGEST_CLOSE}" if body else ""
