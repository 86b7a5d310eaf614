"""Finding a conversation by a history that ends with what was forgotten: by what is left of it before that, and where the forgotten turn
stood."""

from __future__ import annotations

from collections.abc import Callable

from backstory.core.tombs import human
from backstory.memory.identity.graves import last_answer
from backstory.memory.identity.thread import Thread
from backstory.memory.reading.requests import Reading
from backstory.stages import excerpts
from backstory.stages.threads import Threads

# A forgotten message of words that many conversations have in common is looked for in so many of them.
_CANDIDATES = 4


async def goes_on(threads: Threads, principal: str, scope: str, reading: Reading) -> tuple[Thread, int] | None:
    """The thread that this history goes on with, and the turn after which it does (0: none is left); None where its end was not
    forgotten."""
    last = last_answer(reading)
    end, names = _places(threads, reading, last)
    if not names:
        return None
    found: list[Thread] = []
    for name in names[:_CANDIDATES]:
        thread = await threads.by_id(principal, name, scope)
        if thread is not None:
            found.append(thread)
    for thread in found:
        chain = _left(threads, principal, reading, end, thread)
        if thread.tip == (chain or thread.root):
            return thread, thread.by_chain.get(chain, 0)
    # What went with a conversation may still stand in another that began in the same words.
    bases = dict.fromkeys((_left(threads, None, reading, end), _left(threads, principal, reading, end)))
    for chain in filter(None, bases):
        at_tip = await threads.at_tip(principal, chain, scope)
        place = (at_tip, at_tip.by_chain[chain]) if at_tip is not None else await threads.through(principal, chain, scope)
        if place is not None:
            return place
    return (found[0], 0) if found and b"" in bases else None


def at_end(thread: Thread, turn: int) -> bool:
    """Whether nothing is left of this thread after this turn, or before it."""
    return not turn or thread.path[-1].id == turn


async def abridged(threads: Threads, principal: str, scope: str, reading: Reading, system: Callable[[], bytes]) -> Thread | None:
    """The thread of which this history is a part whose end was forgotten."""
    lines, last = reading.lines, last_answer(reading)
    names = threads.tombs.saying(lines[last].content) if last >= 0 else []
    for name in names[:_CANDIDATES]:
        thread = await threads.by_id(principal, name, scope)
        if thread is None:
            continue
        left = [line for line in lines if not threads.tombs.said(thread.lineage, line.content)]
        found = await excerpts.whole(threads, principal, scope, left, system, (name,))
        if found is not None and found.thread is thread:
            return thread
    return None


def _places(threads: Threads, reading: Reading, last: int) -> tuple[int, list[str]]:
    """The forgotten item at the end of this history, and the conversations in which it was forgotten."""
    for item in range(last, -1, -1):
        line = reading.lines[item]
        if line.kind == "none":
            continue
        names = threads.tombs.places(reading.chains[item])
        if names or human(line):
            return item, names
    return -1, []


def _left(threads: Threads, principal: str | None, reading: Reading, end: int, thread: Thread | None = None) -> bytes:
    """The chain hash of the last item before `end` that was not forgotten, b"" where none is left: of those that went with a conversation
    of this principal (None: of nobody), one that this thread has is left."""
    for item in range(end - 1, -1, -1):
        chain = reading.chains[item]
        if reading.lines[item].kind == "none" or threads.tombs.places(chain):
            continue
        if (thread is not None and chain in thread.by_chain) or principal is None or not threads.tombs.whole(principal, chain):
            return chain
    return b""
