"""What was said elsewhere than in the group in which the newest message was said, within one conversation: it is told there no more than
what another conversation has heard.

Rule: a room is told by the envelope of a human's message, and what follows it was said there. Only of a group is it sure that others are
there: two direct messages may name each its own id. Nothing is looked up for any other conversation.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Set

from msgspec.structs import replace

from backstory.core.lines import tells_nothing, unsaid, without
from backstory.core.records import Digest, Turn
from backstory.core.store import Lanes, Store
from backstory.core.tokens import estimate
from backstory.core.wire import Wire
from backstory.errors import DocumentError
from backstory.memory.economy.holding import spoken
from backstory.memory.folding.assembly import digest_block
from backstory.memory.identity import belonging
from backstory.memory.identity.belonging import Elsewhere
from backstory.memory.reading.envelope import strip
from backstory.stages.visit import Visit

# The room of a channel's message that cannot be read (any more).
_UNKNOWN = "?"
_NUMBER = re.compile(r"#(\d{1,9})")


class Apart:
    """Tells them from the turns of a branch. `wires`: the format of a stored turn, by its name."""

    def __init__(self, lanes: Lanes, wires: Callable[[str], Wire]) -> None:
        self._lanes = lanes
        self._wires = wires

    async def turns(self, visit: Visit, upto: int) -> Set[int]:
        """Ids of the first `upto` turns of the visit's branch that were said elsewhere: none where the newest message was said in no group.
        One read of the store where rooms are not known yet, after a restart; then a microsecond for each new turn. Raises StoreError."""
        thread, now = visit.thread, _room(visit)
        if not belonging.grouped(now):
            return frozenset()
        known = thread.rooms.elsewhere
        if (known.version, known.room) != (thread.version, now) or known.looked > upto:
            known = Elsewhere(thread.version, now)
        path = thread.path[known.looked : upto]
        missing = [turn.id for turn in path if turn.channel and spoken(turn) and turn.id not in thread.rooms.told]
        if missing:
            thread.rooms.told.update(await self._lanes.read(lambda store: self._read(store, missing)))
        where, found = known.where, set(known.turns) if missing else known.turns
        for turn in path:
            if spoken(turn):
                where = thread.rooms.told.get(turn.id, _UNKNOWN) if turn.channel else ""
            if where != now:
                found.add(turn.id)
        if not missing:
            thread.rooms.elsewhere = Elsewhere(known.version, now, known.looked + len(path), where, found)
        return found

    async def everywhere(self, visit: Visit) -> Set[int]:
        """Ids of all turns of the conversation, on any branch, said elsewhere: none where the newest message was said in no group.
        Costs a look at each turn. Raises StoreError."""
        thread, now = visit.thread, _room(visit)
        if not belonging.grouped(now):
            return frozenset()
        told = thread.rooms.told
        missing = [turn.id for turn in thread.by_id.values() if turn.channel and spoken(turn) and turn.id not in told]
        if missing:
            told.update(await self._lanes.read(lambda store: self._read(store, missing)))
        where: dict[int, str] = {}
        # A turn is stored after the one that it follows, and has the larger id.
        for name, turn in sorted(thread.by_id.items()):
            before = where.get(turn.parent, "")
            where[name] = (told.get(name, _UNKNOWN) if turn.channel else "") if spoken(turn) else before
        return {name for name, room in where.items() if room != now}

    def _read(self, store: Store, turns: Collection[int]) -> dict[int, str]:
        return {turn.id: self._room(turn) for turn in store.turns_by_id(turns, raw=True)}

    def _room(self, turn: Turn) -> str:
        try:
            message = self._wires(turn.wire).message(turn.raw, ("",)) if turn.raw else None
        except (DocumentError, LookupError):
            return _UNKNOWN
        return (strip(message.role, message.parts).room or _UNKNOWN) if message is not None else _UNKNOWN


def grouped(visit: Visit) -> bool:
    """Whether the newest message was said in a group."""
    return belonging.grouped(_room(visit))


def heard(visit: Visit, digest: Digest | None) -> tuple[Digest | None, int]:
    """A digest without the lines that tell of turns said elsewhere (`visit.apart`), but what the client sends itself may be told in short;
    and the tokens that are left out. Where nothing is left of it, it says which turns of the group it stands for. Costs a look at each
    folded turn where there are such turns. Sets `visit.unheard`."""
    if digest is None or not visit.apart:
        return digest, 0
    path, sent = visit.thread.path[: visit.thread.folded(visit.upto)], {*visit.reading.places, *visit.reading.also}
    gone = {turn.position + 1 for place, turn in enumerate(path) if turn.id in visit.apart and place not in sent}
    if not gone:
        return digest, 0
    # Those that its lines name are enough to tell what was left out.
    visit.unheard = tuple(sorted(gone.intersection(map(int, _NUMBER.findall(digest.text))))) or (min(gone),)
    found = without(digest, gone, claims=False) or replace(digest, text="", tokens=0)
    own = [turn.position + 1 for turn in path if turn.position + 1 not in gone]
    if tells_nothing(found):
        text = digest_block(unsaid(own[0], own[-1])) if own else ""
        found = replace(digest, text=text, tokens=estimate(text))
    return found, digest.tokens - found.tokens


def _room(visit: Visit) -> str:
    """Where the newest message was said, as far as its envelope tells."""
    return next((line.room for line in reversed(visit.reading.lines) if spoken(line)), "")


def note_rooms(visit: Visit) -> None:
    """What new messages tell of where they were said is known from here on."""
    lines, places = visit.reading.lines, visit.reading.places
    for turn in visit.turns:
        if turn.channel and spoken(turn):
            said = (at for at in range(len(lines) - 1, -1, -1) if places[at] < 0 and lines[at].content == turn.content)
            visit.thread.rooms.told[turn.id] = next((lines[at].room for at in said), "") or _UNKNOWN
