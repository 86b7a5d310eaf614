"""The lanes of a store with the journals beside it, and what is read of an entry that a process has left behind."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

import msgspec

from backstory.core.records import Arrival, Batch, Promise, Turn
from backstory.core.reply import Reply
from backstory.core.sizes import rough
from backstory.errors import DocumentError, StoreError
from backstory.memory.reading.turns import content_hash
from backstory.relay.decoding import read_reply
from backstory.stages.arrivals import unfold
from backstory.stages.base import Failed, attempt
from backstory.stages.ingest import settle
from backstory.stages.rejoin import Rejoin
from backstory.stores.database import journal_place, open_to_write
from backstory.stores.inbox import Inbox
from backstory.stores.lanes import Later, Settle, StoreLanes
from backstory.stores.sql import SqlStore
from backstory.wires import WIRES

# Each of these tries waits as long as the store waits for another writer.
_RECOVERIES = 3
WIRE_BY_NAME = {wire.name: wire for wire in WIRES}

_entries = msgspec.msgpack.Decoder(Promise | Arrival)


async def open_lanes(url: str, folder: str = "") -> StoreLanes:
    """The lanes of the store and the journals at this place (`folder`: see `journal_place`). Raises StoreError, ConfigError."""
    opening = asyncio.get_running_loop().run_in_executor(None, open_to_write, url)
    try:
        store = await asyncio.shield(opening)
    except asyncio.CancelledError:
        opening.add_done_callback(_close)
        raise
    try:
        inbox = Inbox(*journal_place(url, folder))
    except StoreError:
        store.close()
        raise
    return StoreLanes(store, inbox)


def _close(opening: asyncio.Future[SqlStore]) -> None:
    """Nobody waits for this store any more."""
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()


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


def recovery(failed: Failed) -> Callable[[list[bytes]], list[Batch | Later]]:
    """How the entries of journals become rows, in their order; those that cannot be read are left out, and counted. Runs on a lane."""
    rejoin = Rejoin()

    def settle_all(payloads: list[bytes]) -> list[Batch | Later]:
        made: list[Batch | Later] = []
        for payload in payloads:
            rows = attempt(failed, "journal", partial(_settled, payload, rejoin, failed), lambda: None)
            if rows is not None:
                made.append(rows)
        return made

    return settle_all


def _settled(payload: bytes, rejoin: Rejoin, failed: Failed) -> Batch | Later | None:
    rows = settle_entry(payload)
    if rows is None:
        return None
    entry = _entries.decode(payload)
    if not rejoin.begun and not (isinstance(entry, Arrival) and entry.unread):
        return rows
    rejoin.begun = True
    if isinstance(entry, Arrival):
        return rows if not entry.unread else lambda store: _or(failed, rows, lambda: rejoin.exchange(entry, rows, store))
    return lambda store: _or(failed, rows, lambda: rejoin.promised(rows, store))


def _or(failed: Failed, rows: Batch, better: Callable[[], Batch]) -> Batch:
    """What is in the journal is stored in any case, if not where it belongs. Raises StoreError: then it stays in the journal."""

    def tried() -> Batch | StoreError:
        try:
            return better()
        except StoreError as error:
            return error

    found = attempt(failed, "journal", tried, lambda: rows)
    if isinstance(found, StoreError):
        raise found
    return found


def settle_entry(payload: bytes) -> Batch | None:
    """The rows of one journal entry by itself; None for a wire that is not known. Raises MsgspecError for what is no entry."""
    entry = _entries.decode(payload)
    wire = WIRE_BY_NAME.get(entry.wire)
    if wire is None:
        return None
    if isinstance(entry, Arrival):
        return unfold(entry, wire, read_arrival(entry), rough)
    return settle(entry, wire, read_reply(wire, entry.content_type, entry.coding, entry.body), rough)


async def recovered(lanes: StoreLanes, settle: Settle) -> None:
    """Take in what dead processes have left: what is said next may go on with it. Where the store refuses it for long, it is taken in
    later."""
    for _ in range(_RECOVERIES):
        await lanes.recover(settle)
        if not lanes.unread or not lanes.last_error:
            return
