"""Which messages of a request were forgotten: their client goes on sending them, and memory must not take them in again.

Rule: by their place in the history first, which is certain; by their words only where the history is not sent as it was, and only where
they were answered already: what is said now is said anew. Words that are nobody else's tell in whatever conversation they come. What
answers a forgotten question is forgotten with it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from backstory.core.records import Turn
from backstory.core.tombs import Tombs, human
from backstory.memory.identity.alignment import Alignment
from backstory.memory.identity.thread import Thread
from backstory.memory.reading.requests import Reading
from backstory.memory.reading.turns import Line

# So many messages at the end of a history are looked for.
_MOST_ENDING = 64
# A message of so many characters may be nobody else's.
_TELLING_CHARS = 24


def buried(thread: Thread, reading: Reading, tombs: Tombs, known: int = 0) -> frozenset[int]:
    """The items of this request whose turns were forgotten in this conversation. `known`: of so many it was found before
    (`reading.buried`). Costs what is new."""
    lines, chains = reading.lines, reading.chains
    principal, last = thread.conversation.principal, last_answer(reading)
    found = {item for item in reading.buried if item < known}
    living: set[bytes] = set()
    answering = _answering(reading, found, known)
    for item in range(known, len(lines)):
        one = lines[item]
        if one.kind == "none":
            continue
        if chains[item] in thread.by_chain:
            answering = False
            continue
        gone = bool(tombs.turn(thread.lineage, chains[item])) or (answering and not human(one))
        whole = not gone and item <= last and _whole(principal, reading, item, tombs)
        if not gone and item <= last:
            gone = whole
            if not gone and (tombs.said(thread.lineage, one.content) or _told(principal, one, tombs)):
                # The same words may also stand where they were not forgotten: then it is laid beside those first.
                living = living or {turn.content for turn in thread.path}
                gone = one.content not in living
        if gone:
            found.add(item)
        answering = gone and (answering or whole or human(one))
    return frozenset(found)


def unkept(principal: str, reading: Reading, tombs: Tombs, known: int = 0) -> frozenset[int]:
    """Those of `reading.buried` that this principal never wanted remembered: nothing has kept them. `known`: as in `buried`."""
    if not reading.buried:
        return frozenset()
    rows = (reading.chains, reading.sent) if reading.sent else (reading.chains,)
    fresh = (item for item in reading.buried if item >= known and any(tombs.unkept(principal, row[item]) for row in rows))
    return frozenset((*(item for item in reading.unkept if item < known), *fresh))


def carries(principal: str, reading: Reading, tombs: Tombs) -> bool:
    """Whether there is something in this request that this principal has forgotten anywhere, or did not want remembered."""
    said = (line.content for line in reading.lines if line.kind != "none")
    return bool(tombs) and (_ended(principal, reading, tombs) or any(tombs.owned(principal, content) for content in said))


def concerns(thread: Thread, reading: Reading, tombs: Tombs) -> bool:
    """Whether something was forgotten in this conversation, or there is something in this request of it that went with another, or was not
    to be remembered."""
    return bool(tombs) and (tombs.within(thread.lineage) or _ended(thread.conversation.principal, reading, tombs))


def resent(thread: Thread, reading: Reading, tombs: Tombs, fresh: Sequence[int]) -> frozenset[int]:
    """Those of these items, which have no turn, that were forgotten by their words."""
    lines, last = reading.lines, last_answer(reading)
    found: set[int] = set()
    answering = False
    for item in fresh:
        if item > last:
            break
        one = lines[item]
        if tombs.said(thread.lineage, one.content) or (answering and not human(one)):
            found.add(item)
            answering = answering or human(one)
        else:
            answering = False
    return frozenset(found)


def beginning(thread: Thread, reading: Reading, tombs: Tombs, left: Sequence[Line]) -> Alignment | None:
    """A request that goes another way from the beginning, None for any other: all that stands in it before what is new was forgotten, each
    in its place, so that its client has cut nothing. `left`: the lines that were not forgotten."""
    first = next((item for item, line in enumerate(reading.lines) if item not in reading.buried and line.kind != "none"), -1)
    gone = [item for item in sorted(reading.buried) if item < first]
    principal, chains = thread.conversation.principal, [reading.chains[item] for item in gone]
    if not gone or not all(tombs.turn(thread.lineage, chain) or tombs.whole(principal, chain) for chain in chains):
        return None
    fresh = next(place for place, line in enumerate(left) if line.kind != "none")
    return Alignment((-1,) * len(left), fresh, -1, "branch")


def ending(lines: Sequence[Line], path: Sequence[Turn]) -> Alignment | None:
    """A request laid beside the end of a path where its first messages are that end, None where they are not. Of a few messages that alone
    is no proof; where something was forgotten between them, it is."""
    said = [item for item, line in enumerate(lines) if line.kind != "none"]
    for run in range(min(len(said) - 1, len(path), _MOST_ENDING), 0, -1):
        if all(lines[said[place]].content == path[place - run].content for place in range(run)):
            matched = [-1] * len(lines)
            for place in range(run):
                matched[said[place]] = len(path) - run + place
            return Alignment(tuple(matched), said[run], len(path) - 1, "truncated", len(path) > run)
    return None


def muted(thread: Thread, reading: Reading, tombs: Tombs) -> int:
    """The forgotten turn that an answer to this request would answer: 0 where there is none, -1 where its number is not known."""
    lines = reading.lines
    ends = [item for item in range(len(lines)) if lines[item].kind != "none"]
    if not ends or ends[-1] not in reading.buried:
        return 0
    for item in reversed(ends):
        if item not in reading.buried:
            break
        turn = tombs.turn(thread.lineage, reading.chains[item])
        if turn:
            return turn
        if human(lines[item]):
            break
    return -1


def last_answer(reading: Reading) -> int:
    """The last item that the assistant said, -1 where there is none."""
    for item in range(len(reading.lines) - 1, -1, -1):
        line = reading.lines[item]
        if line.role == "assistant" and line.kind != "none":
            return item
    return -1


def _ended(principal: str, reading: Reading, tombs: Tombs) -> bool:
    return any(_whole(principal, reading, item, tombs) for item, line in enumerate(reading.lines) if line.kind != "none")


def _whole(principal: str, reading: Reading, item: int, tombs: Tombs) -> bool:
    """By what its answers were, or as its client has them."""
    sent = reading.sent
    return tombs.whole(principal, reading.chains[item]) or (bool(sent) and tombs.whole(principal, sent[item]))


def _told(principal: str, line: Line, tombs: Tombs) -> bool:
    """Whether this principal has forgotten it anywhere, in words of which many have not said the same: a client that has answers in
    another form may send it without anything by which its conversation would be found."""
    return human(line) and len(line.text) >= _TELLING_CHARS and tombs.owned(principal, line.content)


def _answering(reading: Reading, found: Collection[int], upto: int) -> bool:
    """Whether what comes at this place answers a forgotten question."""
    for item in range(upto - 1, -1, -1):
        one = reading.lines[item]
        if one.kind == "none":
            continue
        if item not in found:
            return False
        if human(one):
            return True
    return False
