"""Stages of extensions, last in the pipeline: each is asked about the request as its client sent it; its changes are laid beside memory's.

Rule: one that breaks, is slow, or asks for what cannot be made is as if it were absent, and takes nothing of memory's with it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from msgspec.structs import replace

from backstory.core.exchange import Exchange, Outcome
from backstory.core.extending import Request
from backstory.core.extending import Stage as Extension
from backstory.stages.base import Stage
from backstory.stages.fuse import Fuse

_SHARE = 0.4
"""Of the time that a request has, so much is for all of them."""


class Extended(Stage):
    """One of them. `limit_s`: how long it may think about a request."""

    def __init__(self, fuse: Fuse, extension: Extension, limit_s: float) -> None:
        self.name = fuse.where
        self._fuse = fuse
        self._extension = extension
        self._limit_s = limit_s
        self._asked: dict[int, Request] = {}

    async def request(self, exchange: Exchange) -> Exchange:
        wire, document, prompt = exchange.wire, exchange.document, exchange.prompt
        if wire is None or document is None or prompt is None or exchange.local or self._fuse.blown:
            return exchange
        request = Request(exchange.head, wire, document, prompt, exchange.conversation, exchange.principal, exchange.scope)
        self._asked[exchange.id] = request
        changes = tuple(await self._fuse.wait("request", self._extension.request(request), self._limit_s))
        if not changes:
            return exchange
        # What cannot be made must be known now: later it would take memory's edits with it.
        request.changed(changes)
        edits = tuple([(self.name, edit) for edit in changes])
        return replace(exchange, edits=(*exchange.edits, *edits))

    def finished(self, exchange: Exchange, outcome: Outcome) -> None:
        request = self._asked.pop(exchange.id, None)
        if request is not None:
            self._fuse.run("finished", lambda: self._extension.finished(request, outcome))


def stages(
    extensions: Sequence[tuple[str, Extension]], deadline_ms: float, clock: Callable[[], float] = time.monotonic
) -> tuple[Stage, ...]:
    """The stages of these extensions, in their order. `deadline_ms`: of a request."""
    limit_s = _SHARE * deadline_ms / 1000 / max(1, len(extensions))
    return tuple([Extended(Fuse(name, clock), extension, limit_s) for name, extension in extensions])
