"""Whoever asks for an exchange, as far as the exchange sees it: a client's connection, or one request on a WebSocket."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Protocol

from backstory.core.exchange import Head
from backstory.core.plan import Answer, House
from backstory.errors import BackstoryError
from backstory.relay.heads import Heads, Request

if TYPE_CHECKING:
    from backstory.relay.door import Door

_log = logging.getLogger("backstory.relay")


class Asker(Protocol):
    """`keep`: the connection lives on after the answer. `full`: the client takes no more bytes at the moment. What is written to
    `transport` is a reply over HTTP."""

    door: Door
    house: House
    heads: Heads
    transport: asyncio.Transport
    keep: bool
    full: bool

    def hold_upload(self, held: bool) -> None:
        """Stops or resumes reading a streamed body."""
        ...

    def error(self, head: Head | None, error: BackstoryError) -> Answer:
        """An error of our own in the client's shape."""
        ...

    def answer(self, answer: Answer, request: Request) -> None:
        """A whole answer of our own."""
        ...

    def finish(self) -> None:
        """The answer is written to its end."""
        ...

    def cut(self) -> None:
        """The answer is broken off, so that it shows."""
        ...

    def hang_up(self) -> None:
        """The answer ends as the provider ended it."""
        ...


class Served(Protocol):
    """A client's connection, as the door sees it."""

    transport: asyncio.Transport

    @property
    def is_idle(self) -> bool:
        """Whether nothing is asked for on it."""
        ...

    def check(self) -> None:
        """Ends what has waited for too long."""
        ...

    def leave(self) -> None:
        """The door closes: an idle connection ends."""
        ...


def told(house: House, head: Head | None, error: BackstoryError) -> Answer:
    """An error of ours in the shape of the request's wire; a plain one where even that fails."""
    try:
        return house.error(head, error.status, error.code, str(error))
    except Exception as failure:  # noqa: BLE001 (the HTTP door)
        _log.error("the house failed to put an error into shape: %s", type(failure).__name__)
        return Answer(error.status, ((b"Content-Type", b"text/plain; charset=utf-8"),), str(error).encode())
