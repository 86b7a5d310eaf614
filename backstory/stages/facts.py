"""What is known of a conversation: the facts of the turns on its branch, and which of them still hold.

Rule: only the branch counts; a sibling branch says nothing here. Turns that the job has not come to yet are looked at on the spot, so a
correction holds at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence, Set

from backstory.core.records import Conversation, Fact, Turn
from backstory.core.store import Lanes, Store
from backstory.errors import NotFound
from backstory.memory.facts.asked import question
from backstory.memory.facts.extraction import extract
from backstory.memory.facts.supersession import Known, Ledger, fold_facts
from backstory.memory.identity.thread import branch
from backstory.memory.reading.speakers import names_in
from backstory.stages.loading import load_shown, load_turns
from backstory.stages.threads import Threads

JOB = "facts"
"""Under this name the background job keeps its watermark."""


class Facts:
    """Reads facts. `breathe` is called between small pieces of work on other threads."""

    def __init__(self, lanes: Lanes, threads: Threads, breathe: Callable[[], None]) -> None:
        self._lanes = lanes
        self._threads = threads
        self._breathe = breathe

    async def known(self, principal: str, conversation: str, without: Set[int] = frozenset()) -> list[Known]:
        """Every fact of the conversation's newest branch, as it were if nobody had said these turns (ids). NotFound where this principal
        has no such conversation."""
        thread = self._threads.held(conversation)
        if thread is not None and thread.conversation.principal == principal:
            record, hidden = thread.conversation, thread.hidden | without
            path = tuple(turn for turn in thread.path if turn.id not in hidden)
            return await self._lanes.read(lambda store: ledger(store, record, path, self._breathe).known())
        found = await self._lanes.read(lambda store: store.conversation(principal, conversation))
        if found is None:
            raise NotFound(f"no conversation {conversation!r}")

        def read(store: Store) -> list[Known]:
            path = [turn for turn in shown(store, found) if turn.id not in without]
            return ledger(store, found, path, self._breathe).known()

        return await self._lanes.read(read)


def shown(store: Store, record: Conversation) -> list[Turn]:
    """The conversation's newest branch, without what is about to be forgotten. Blocks."""
    turns, since = load_shown(store, record)
    return [turn for turn in branch(turns) if turn.id not in since]


def ledger(store: Store, record: Conversation, path: Sequence[Turn] | None = None, breathe: Callable[[], None] = lambda: None) -> Ledger:
    """The facts of this branch, or (None) of the conversation's newest. Blocks; some 10 us a turn, 150 us for
    one that the job has not come to."""
    if path is None:
        path = branch(load_turns(store, record))
    names = names_in(path)
    stored: dict[int, list[Fact]] = {}
    upto: dict[str, int] = {}
    for owner in dict.fromkeys(turn.conversation for turn in path):
        upto[owner] = store.watermark(owner, JOB).turn
        for fact in store.facts(owner):
            stored.setdefault(fact.turn, []).append(fact)

    def of(turn: Turn) -> Iterable[Fact]:
        return stored.get(turn.id, ()) if turn.id <= upto[turn.conversation] else extract(turn, breathe, names)

    before = (None, *path)
    return fold_facts((turn.position + 1, of(turn), question(last)) for last, turn in zip(before, path, strict=False))
