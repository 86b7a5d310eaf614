"""Which blocks go up no more.

Rule: a block stays at its message while that keeps a prompt in the provider's cache. Where nothing of the prompt is in it anyway, each
earlier block would be paid for in full once more, and the newest question has its own.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from backstory.core.records import Injection, Turn
from backstory.memory.economy.holding import spoken
from backstory.memory.folding.continuity import LABEL
from backstory.memory.identity.thread import Thread
from backstory.memory.reading.requests import Reading


def leaving(thread: Thread, reading: Reading, new: list[Turn], now: float, since: int = 0) -> tuple[Injection, ...]:
    """The blocks at what people said before the newest question, as they are left out from `now` (Unix seconds) on. What a client's summary
    does not say stays. `new`: the turns that the request adds. `since`: on the branch, before this place everything stays."""
    lines = reading.lines
    newest = next((item for item in range(len(lines) - 1, -1, -1) if spoken(lines[item])), -1)
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
