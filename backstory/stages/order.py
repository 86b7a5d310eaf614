"""Requests of one conversation find their place in it one after the other: the second must see what the first has made of it.

Only finding it is in order. Answers come when they come.
"""

from __future__ import annotations

import asyncio
from collections import deque


class Order:
    """Who is at it, by conversation: a name that a client gave it, or how it begins. Used on the event loop only."""

    def __init__(self) -> None:
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}
        self._at: dict[int, str] = {}

    def __len__(self) -> int:
        return len(self._at)

    async def enter(self, exchange: int, key: str) -> None:
        """Wait for those that came before with this key. Does not wait at all where there is nobody."""
        queue = self._waiting.get(key)
        if queue is None:
            self._waiting[key] = deque()
        else:
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            queue.append(turn)
            try:
                await turn
            except BaseException:
                if turn.done() and not turn.cancelled():
                    self._next(key)
                turn.cancel()
                raise
        self._at[exchange] = key

    def leave(self, exchange: int) -> None:
        """The next one may. A second call does nothing."""
        key = self._at.pop(exchange, None)
        if key is not None:
            self._next(key)

    def _next(self, key: str) -> None:
        queue = self._waiting[key]
        while queue:
            turn = queue.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        del self._waiting[key]
