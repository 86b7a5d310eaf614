"""Whether a large request may go up before memory has read what is new in it: where what went before it went up as it came, and nothing
has changed since that could make an edit.

Rule: when in doubt, no. A request that goes ahead is read like any other while the provider reads it; an edit that it should have had after
all is forgotten.
"""

from __future__ import annotations

from collections.abc import Callable

from backstory.core.layout import Elements
from backstory.core.message import Prompt
from backstory.core.wishes import WISHES
from backstory.memory.identity.thread import Thread
from backstory.stages.identify import hinted
from backstory.stages.threads import Threads
from backstory.stages.visit import Visit

# Reading a smaller request costs less than asking.
_LEAST_BYTES = 262_144
# An answer to a longer history cannot be journalled before memory has read the request.
_MOST_ITEMS = 3500
# After a longer pause, what is best for the provider's cache is thought over anew.
_CALM_S = 60.0


class Ahead:
    """`settled`: whether a thread that goes on with at most so many more tokens gets no edit. `clock`: monotonic seconds."""

    def __init__(self, threads: Threads, settled: Callable[[Thread, int], bool], clock: Callable[[], float]) -> None:
        self._threads = threads
        self._settled = settled
        self._clock = clock

    def may_go(self, body: bytes, prompt: Prompt) -> bool:
        """Whether this request surely goes up as it came: nothing was cut from the history before it, but maybe its last message."""
        items = prompt.items
        if len(body) < _LEAST_BYTES or not isinstance(items, Elements) or items.before is None or len(items) > _MOST_ITEMS:
            return False
        conversation, until, start = items.before.calm
        thread = self._threads.held(conversation) if conversation else None
        whole = items.known >= len(items.before) - 1 and len(items) >= len(items.before)
        if thread is None or not whole or WISHES in thread.states or self._clock() > until or hinted(body, items):
            return False
        return self._settled(thread, len(body) - items.fresh + max(0, items.start - start))

    def went(self, prompt: Prompt, visit: Visit, plainly: bool) -> None:
        """This request is ready to go up; plainly: as it came, with every turn of its conversation."""
        items = prompt.items
        if isinstance(items, Elements) and items.layout is not None:
            items.layout.calm = (visit.thread.conversation.id, self._clock() + _CALM_S, items.start) if plainly else ("", 0.0, 0)
