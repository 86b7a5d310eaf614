"""Requests that go past memory: as they came, but for what an answer of several legs has left in their history.

Rule: who wants no memory still gets a request that the provider takes. What the client knows of such an answer, the provider knows under
another id, and refuses otherwise. Only one wire has such answers; nothing is read of the others before they go up, and nothing where none
was ever given. What they ask is looked at when they have gone up (unkept.py).
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import Literal

from backstory.app.drive import eager, within
from backstory.app.engine import Engine
from backstory.app.passing import legible
from backstory.app.regard import OWN_HEADERS
from backstory.core.document import Document
from backstory.core.exchange import Head
from backstory.core.legs import Kept
from backstory.core.message import Prompt
from backstory.core.plan import Plan, Target
from backstory.core.wire import Wire
from backstory.errors import DocumentError
from backstory.memory.identity.named import principal
from backstory.memory.reading.turns import root
from backstory.stages.base import attempt, attempted

_KEEPING = "openai_responses"
LOOKED_UP_S = 5.0
"""A request that builds on such an answer waits so long to learn how its provider keeps that: without it, it would be refused."""


class Past:
    """`policy`: whose memory it is, as `identity.principal` says."""

    def __init__(self, engine: Engine, policy: Literal["single", "api_key"]) -> None:
        self._engine = engine
        self._policy = policy

    def reads(self, wire: Wire) -> bool:
        """Whether a request has to be read although it goes past memory."""
        engine = self._engine
        return wire.name == _KEEPING and engine.memory and engine.paging.lookups.expects()

    def plan(self, head: Head, body: bytes, wire: Wire, target: Target) -> Plan | Awaitable[Plan]:
        """The request, mended where that is needed; whatever breaks, as it came."""
        if not self.reads(wire):
            return bare(target)
        return attempt(self._engine.failed, "mend", lambda: self._mended(head, body, wire, target), lambda: bare(target))

    def _mended(self, head: Head, body: bytes, wire: Wire, target: Target) -> Plan | Awaitable[Plan]:
        try:
            document = Document(body, self._engine.layouts)
            prompt = legible(wire, document, head.path)
        except DocumentError:
            return bare(target)
        if prompt.previous:
            return eager(self._found(head, document, prompt, wire, target))
        return self._with(document, prompt, wire, target, {})

    async def _found(self, head: Head, document: Document, prompt: Prompt, wire: Wire, target: Target) -> Plan:
        whose, scope = principal(self._policy, head), head.header(b"x-vc-project")
        nothing: Mapping[str, Kept] = {}
        asked = within(self._engine.paging.lookups.stored(whose, root(whose, scope), prompt.previous), LOOKED_UP_S)
        kept = await attempted(self._engine.failed, "mend", asked, nothing)
        return attempt(self._engine.failed, "mend", lambda: self._with(document, prompt, wire, target, kept), lambda: bare(target))

    @staticmethod
    def _with(document: Document, prompt: Prompt, wire: Wire, target: Target, kept: Mapping[str, Kept]) -> Plan:
        edits = wire.mend(document, prompt, kept)
        return Plan(target, body=wire.render(document, prompt, edits), drop=OWN_HEADERS) if edits else bare(target)


def bare(target: Target) -> Plan:
    """The request goes up as it came, and nobody listens to the answer."""
    return Plan(target, drop=OWN_HEADERS)
