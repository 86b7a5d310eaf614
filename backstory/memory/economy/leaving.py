"""Which blocks go up no more.

Rule: a block stays at its message while that keeps a prompt in the provider's cache. Where nothing of the prompt is in it anyway, each
earlier block would be paid for in full once more, and the newest question has its own. Where a client has cut its history, a block that has
had its answer goes, too, as soon as writing the few messages behind it once more costs less than reading it until the client cuts again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct
from msgspec.structs import replace

from backstory.core.edits import AppendText, Edit
from backstory.core.records import Injection, Turn
from backstory.core.tariff import Tariff
from backstory.memory.economy.decisions import gain
from backstory.memory.economy.holding import spoken
from backstory.memory.economy.steps import Move
from backstory.memory.folding.continuity import LABEL
from backstory.memory.identity.thread import Thread
from backstory.memory.reading.requests import Reading

# Nothing is written again of more than so many messages, each of two blocks or three: a provider looks some 20 blocks back for what it has.
MOST_AGAIN = 8
# What is written again must have been paid back after so many requests: nobody knows how many come.
_PAID_BACK = 12.0
# So many of the newest turns tell in how many requests a question is the newest.
_NEWEST = 200


class Parting(Struct, frozen=True):
    """From the place `since` of the branch on, blocks of earlier questions are left out because that is cheaper; of what goes up then, the
    `again` tokens before what is new are not found in the cache."""

    since: int
    again: int


def parting(thread: Thread, reading: Reading, tariff: Tariff, now: float, total: int, fresh: int) -> Parting | None:
    """The cheapest one for a request of `total` tokens with all blocks, `fresh` of them new; None where they had better stay. The message
    of a block is found in the cache without it. Costs a look at the newest messages."""
    account, lines, path = thread.account, reading.lines, thread.path
    newest = newest_spoken(reading)
    coming = min(_PAID_BACK, account.until_cut(account.size_in))
    # In whole steps a block of a few hundred tokens would weigh a step more or less in each request to come.
    tariff = replace(tariff, step=1)
    best, found, blocks, again = 0.0, None, 0, 0
    for item in range(len(lines) - 1, max(-1, len(lines) - 1 - MOST_AGAIN), -1):
        place = reading.places[item]
        if place < 0:
            continue
        known, said = thread.going(path[place].chain), path[place].tokens
        if known is None or item >= newest or not spoken(path[place]) or LABEL in known.text:
            again += said + (known.tokens if known is not None else 0)
            continue
        blocks += known.tokens
        gained = gain(account, Move(total, total - blocks, max(0, total - fresh - again - blocks)), tariff, now, coming)
        if gained > best:
            best, found = gained, Parting(place, again)
        again += said
    return found


def steps(path: Sequence[Turn]) -> float:
    """In how many requests a question is the newest, usually: one, and more where tools are at work for it."""
    newest = path[-_NEWEST:]
    return max(1.0, len(newest) / 2 / max(1, sum(spoken(turn) for turn in newest)))


def newest_spoken(reading: Reading) -> int:
    """The item of the newest message that a human says; -1 where none does."""
    lines = reading.lines
    return next((item for item in range(len(lines) - 1, -1, -1) if spoken(lines[item])), -1)


def behind(edits: Sequence[Edit]) -> list[Edit]:
    """The same with the blocks behind the marks of their messages, but for what stays with a client's summary."""
    return [replace(one, behind=True) if isinstance(one, AppendText) and LABEL not in one.text else one for one in edits]


def leaving(thread: Thread, reading: Reading, new: list[Turn], now: float, since: int = 0) -> tuple[Injection, ...]:
    """The blocks at what people said before the newest question, as they are left out from `now` (Unix seconds) on. What a client's summary
    does not say stays. `new`: the turns that the request adds. `since`: on the branch, before this place everything stays."""
    newest = newest_spoken(reading)
    if newest < 0:
        return ()
    return tuple([replace(one, conversation=thread.conversation.id, left=now) for one in _earlier(thread, reading, newest, new, since)])


def _earlier(thread: Thread, reading: Reading, newest: int, new: list[Turn], since: int) -> Iterator[Injection]:
    chains = [thread.path[place].chain for place in reading.places[:newest] if place >= since and spoken(thread.path[place])]
    if reading.places[newest] < 0:
        said = [turn.chain for turn in new if spoken(turn)]
        chains += said[:-1]
    for chain in chains:
        known = thread.going(chain)
        if known is not None and LABEL not in known.text:
            yield known
