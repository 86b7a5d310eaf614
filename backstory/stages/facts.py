"""What is known of a conversation: the facts of the turns on its branch, and which of them still hold.

Rule: only the branch counts; a sibling branch says nothing here. Turns that the job has not come to yet are looked at on the spot, so a
correction holds at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from backstory.core.legs import Told
from backstory.core.records import Conversation, Fact, Turn
from backstory.core.store import Lanes, Store
from backstory.errors import NotFound
from backstory.memory.fact_query import select
from backstory.memory.facts import extract
from backstory.memory.supersession import STATUSES, Known, Ledger, fold_facts
from backstory.memory.thread import branch
from backstory.stages.threads import Threads, load_turns

_STATUSES = {"active": "current", "valid": "current", "old": "superseded", "outdated": "superseded"}
"""Other words that models use."""
JOB = "facts"
"""Under this name the background job keeps its watermark."""


class Facts:
    """Reads facts. `breathe` is called between small pieces of work on other threads."""

    def __init__(self, lanes: Lanes, threads: Threads, breathe: Callable[[], None]) -> None:
        self._lanes = lanes
        self._threads = threads
        self._breathe = breathe

    async def known(self, principal: str, conversation: str) -> list[Known]:
        """Every fact of the conversation's newest branch. NotFound where this principal has no such conversation."""
        thread = self._threads.held(conversation)
        if thread is not None and thread.conversation.principal == principal:
            record, path = thread.conversation, tuple(turn for turn in thread.path if turn.id not in thread.hidden)
            return await self._lanes.read(lambda store: ledger(store, record, path, self._breathe).known())
        found = await self._lanes.read(lambda store: store.conversation(principal, conversation))
        if found is None:
            raise NotFound(f"no conversation {conversation!r}")
        return await self._lanes.read(lambda store: ledger(store, found, None, self._breathe).known())

    async def find(self, principal: str, conversation: str, wanted: Mapping[str, str], limit: int) -> Sequence[Told]:
        """See core.legs.Facts. `wanted`: words by "subject", "verb", "object", and a "status"; an unknown status asks for all."""
        status = wanted.get("status", "").strip().lower()
        status = _STATUSES.get(status, status)
        known = await self.known(principal, conversation)
        status = status if status in ("", "all", *STATUSES) else "all"
        found = select(known, wanted.get("subject", ""), wanted.get("verb", ""), wanted.get("object", ""), status)
        return [_told(one) for one in reversed(found[max(0, len(found) - limit) :])]


def _told(one: Known) -> Told:
    changed = f", changed in #{one.by_number}" if one.by_number else ""
    return Told(f"{one.fact.author or one.fact.role}: {one.fact.text} [{one.status}{changed}]", one.fact.turn, one.fact.said)


def ledger(store: Store, record: Conversation, path: Sequence[Turn] | None = None, breathe: Callable[[], None] = lambda: None) -> Ledger:
    """The facts of this branch, or (None) of the conversation's newest. Blocks; some 10 us a turn, 150 us for
    one that the job has not come to."""
    if path is None:
        path = branch(load_turns(store, record))
    stored: dict[int, list[Fact]] = {}
    upto: dict[str, int] = {}
    for owner in dict.fromkeys(turn.conversation for turn in path):
        upto[owner] = store.watermark(owner, JOB).turn
        for fact in store.facts(owner):
            stored.setdefault(fact.turn, []).append(fact)

    def of(turn: Turn) -> Iterable[Fact]:
        return stored.get(turn.id, ()) if turn.id <= upto[turn.conversation] else extract(turn, breathe)

    return fold_facts((turn.position + 1, of(turn)) for turn in path)
