"""The forgetting ledger of a conversation: what was dropped from the model's view, when, and why. Nothing in it was deleted but what a
receipt proves.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from backstory.app.faces import stored as faces
from backstory.app.faces.why import GATES
from backstory.commands.forgetting import FORGET, veil
from backstory.core.records import Conversation
from backstory.core.store import Store
from backstory.memory.identity.thread import branch
from backstory.memory.recall import reasons
from backstory.memory.recall.reasons import Search
from backstory.stages.loading import load_shown

_SHOWN_CHARS = 80


class Entry(Struct, frozen=True, omit_defaults=True):
    """One line. `request`: in which this was so, 0 for a forgetting. `first`, `last`: numbers of the turns it is about, 0 for none.
    `what`: folded, shortened, left out, not recalled, recalled less, or forgotten. `text`: how the turn begins."""

    at: float
    request: int
    what: str
    why: str
    first: int = 0
    last: int = 0
    score: float = 0.0
    text: str = ""


def ledger(store: Store, record: Conversation) -> list[Entry]:
    """By time. Costs what is kept of the conversation's requests."""
    found: list[Entry] = []
    turns, hidden = load_shown(store, record)
    hidden |= veil(store.stated(FORGET, record.principal))
    texts = {turn.id: turn.text for turn in branch(turns)}
    folded = 0
    for trace in store.traces(record.id):
        if not hidden.keys().isdisjoint(trace.turns):
            continue
        told = reasons.unpack(trace.told)
        if told.folded > folded:
            why = "a digest stands for them: the window is full (compaction.*), the bill is lower so (economy), or it was asked for"
            found.append(Entry(trace.created, trace.request, "folded", why, folded + 1, told.folded))
        folded = max(folded, told.folded)
        found.extend(Entry(trace.created, trace.request, what, why) for what, why in _searched(told.search))
        for left in told.left:
            text = " ".join(texts.get(left.turn, "").split())[:_SHOWN_CHARS]
            found.append(Entry(trace.created, trace.request, "left out", left.why, left.number, left.number, left.score, text))
    numbers = {turn.id: turn.position + 1 for turn in turns}
    for stub in store.stubs(record.id):
        number = numbers.get(stub.turn, 0)
        if number and stub.turn not in hidden:
            why = f"a stub stands for it, {stub.saved} tokens shorter; `backstory restore {stub.ref}` gives it back"
            found.append(Entry(stub.created, 0, "shortened", why, number, number))
    for receipt in store.receipts():
        if record.id in receipt.what and receipt.principal == record.principal:
            rows = ", ".join(f"{count} {table}" for table, count in receipt.counts.items() if count)
            found.append(Entry(receipt.at, 0, "forgotten", f"it was asked for; receipt {receipt.id}: {rows}"))
    return sorted(found, key=lambda entry: entry.at)


def _searched(search: Search | None) -> Iterator[tuple[str, str]]:
    """What a recall did not bring, and why."""
    if search is not None and search.gate:
        yield "not recalled", f"{GATES.get(search.gate, search.gate)} (evidence {search.best:.2f})"
    elif search is not None and search.capped:
        yield "recalled less", f"{search.budget} tokens were left: {GATES['dear']}"


def as_text(entries: list[Entry]) -> Iterator[str]:
    """For a terminal."""
    for entry in entries:
        turns = f" #{entry.first}" if entry.first else ""
        turns += f" to #{entry.last}" if entry.last > entry.first else ""
        request = f"request {entry.request}" if entry.request else "-"
        text = f": {faces.plain(entry.text)}" if entry.text else ""
        yield f"{faces.stamp(entry.at)}  {request:<28} {entry.what}{turns}, {entry.why}{text}\n"
