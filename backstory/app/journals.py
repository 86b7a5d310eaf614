"""The lanes of a store with the journals beside it, and what is read of an entry that a process has left behind."""

from __future__ import annotations

import asyncio

import msgspec

from backstory.core.records import Arrival, Batch, Promise, Turn
from backstory.core.reply import Reply
from backstory.core.sizes import rough
from backstory.errors import DocumentError, StoreError
from backstory.memory.turns import content_hash
from backstory.relay.tap import read_reply
from backstory.stages.arrivals import unfold
from backstory.stages.ingest import settle
from backstory.stores.database import journal_place, open_store
from backstory.stores.inbox import Inbox
from backstory.stores.lanes import StoreLanes
from backstory.wires import WIRES

WIRE_BY_NAME = {wire.name: wire for wire in WIRES}

_entries = msgspec.msgpack.Decoder(Promise | Arrival)


async def open_lanes(url: str, folder: str = "") -> StoreLanes:
    """The lanes of the store and the journals at this place (`folder`: see `journal_place`). Raises StoreError, ConfigError."""
    store = await asyncio.get_running_loop().run_in_executor(None, open_store, url)
    try:
        inbox = Inbox(*journal_place(url, folder))
    except StoreError:
        store.close()
        raise
    return StoreLanes(store, inbox)


def verified(turn: Turn) -> bool:
    """Whether a stored turn's message has the hash that the turn is stored under."""
    wire = WIRE_BY_NAME.get(turn.wire)
    try:
        return wire is not None and bool(turn.raw) and content_hash(wire.message(turn.raw, ())) == turn.content
    except DocumentError:
        return False


def read_arrival(arrival: Arrival) -> Reply | None:
    """What the answer of a first exchange says."""
    return read_reply(WIRE_BY_NAME[arrival.wire], arrival.content_type, arrival.coding, arrival.answer)


def settle_entry(payload: bytes) -> Batch | None:
    """The rows of one journal entry; None for a wire that is not known. Raises MsgspecError for what is no entry."""
    entry = _entries.decode(payload)
    wire = WIRE_BY_NAME.get(entry.wire)
    if wire is None:
        return None
    if isinstance(entry, Arrival):
        return unfold(entry, wire, read_arrival(entry), rough)
    return settle(entry, wire, read_reply(wire, entry.content_type, entry.coding, entry.body), rough)
