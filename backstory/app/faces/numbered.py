"""Turns by the numbers under which `show` and `show --branches` tell them: of a conversation's newest branch, or of another one."""

from __future__ import annotations

from backstory.core.records import Conversation, Turn
from backstory.core.store import Store
from backstory.errors import NotFound
from backstory.memory.identity.branches import branches
from backstory.memory.identity.thread import at_number, branch, next_position
from backstory.stages.loading import load_shown, load_turns


def paths(store: Store, record: Conversation) -> tuple[list[list[Turn]], list[Turn], set[int]]:
    """The turns of each branch as they are shown (the newest branch whole, of others what is their own); all turns; and those that are
    about to be forgotten, which stand on none."""
    turns, since = load_shown(store, record)
    found = [[turn for turn in path if turn.id not in since] for path in branches(turns, record.id)]
    return [found[0], *filter(None, found[1:])], turns, set(since)


def path_of(store: Store, record: Conversation, on: int) -> list[Turn]:
    """The turns of branch `on`, 0 for the newest one: of that also those that are about to be forgotten. NotFound where there is none of
    this number."""
    if not on:
        return branch(load_turns(store, record))
    found = paths(store, record)[0]
    if not 0 < on < len(found):
        others = f"1 to {len(found) - 1}" if len(found) > 2 else "1 only" if len(found) == 2 else "none"
        raise NotFound(f"conversation {record.id} has no branch {on}; beside the current one it has {others}")
    return found[on]


def turn_of(store: Store, record: Conversation, number: int, on: int = 0) -> Turn:
    """The turn of this number on branch `on`, as shown. NotFound where it is not there."""
    path = path_of(store, record, on)
    turn = at_number(path, number)
    if turn is None:
        first = path[0].position + 1 if path else 1
        where = f"branch {on} of conversation {record.id}" if on else f"conversation {record.id}"
        others = not on and len(paths(store, record)[0]) > 1
        beside = " on its current branch (`show --branches` tells the others, --branch B names one)" if others else ""
        raise NotFound(f"{where} has the turns {first if on else 1} to {next_position(path, len(path))}, not {number}{beside}")
    return turn
