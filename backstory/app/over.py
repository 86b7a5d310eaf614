"""What becomes of a plan behind memory: answers that are made over, and providers that speak another wire.

Rule: what is not set up is not loaded.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from msgspec.structs import replace

from backstory.app.drive import eager
from backstory.app.engine import Engine
from backstory.app.regard import Regard, Regards
from backstory.config import Config
from backstory.core.exchange import Head
from backstory.core.plan import Answer, Plan

if TYPE_CHECKING:
    from backstory.app.reworking import Reworking
    from backstory.app.translating import Translating


class Over:
    """For one port. `error` writes an error of ours in the shape of the request's wire."""

    def __init__(self, config: Config, engine: Engine, regards: Regards, error: Callable[[Head, int, str, str], Answer]) -> None:
        self._engine = engine
        self._reworking = _reworking(config)
        self._translating = _translating(config, engine, regards, error)

    def reads(self, regard: Regard, head: Head) -> bool:
        """Whether a request has to be read for it."""
        if regard.speaks or (self._translating is not None and self._translating.counts(head)):
            return True
        return self._reworking is not None and regard.wire is not None and regard.readable

    def plan(self, plan: Plan | Awaitable[Plan], head: Head, body: bytes, regard: Regard) -> Plan | Awaitable[Plan]:
        """The plan with all of it: the client's own wire is made over first, and translated after that, to where it goes."""
        if self._reworking is not None:
            plan = self._reworking.plan(plan, head, body, regard)
        if isinstance(plan, Plan):
            return self._gone_on(plan, head, body, regard)
        return eager(self._later(plan, head, body, regard)) if self._translating is not None or self._engine.wished else plan

    async def _later(self, plan: Awaitable[Plan], head: Head, body: bytes, regard: Regard) -> Plan:
        done = self._gone_on(await plan, head, body, regard)
        return done if isinstance(done, Plan) else await done

    def _gone_on(self, plan: Plan, head: Head, body: bytes, regard: Regard) -> Plan | Awaitable[Plan]:
        if plan.onward is not None:
            return plan.onward(plan)
        if self._translating is None or regard.routes:
            return plan
        return self._translating.plan(plan, replace(head, path=plan.path) if plan.path else head, body, regard)


def _translating(config: Config, engine: Engine, regards: Regards, error: Callable[[Head, int, str, str], Answer]) -> Translating | None:
    if not config.upstream.wire:
        return None
    from backstory.app.translating import Translating  # noqa: PLC0415

    return Translating(regards, error, engine, config.upstream.cache_marks)


def _reworking(config: Config) -> Reworking | None:
    if config.reply.think_tags == "keep" and config.tools.virtual == "off":
        return None
    from backstory.app.reworking import Reworking  # noqa: PLC0415

    return Reworking(config)
