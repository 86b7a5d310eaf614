"""Whether anything is set for a request by its user: what most requests are asked, and no more.

Rule: what that takes is loaded where something is set.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from msgspec.structs import replace

from backstory.app.engine import Engine
from backstory.app.regard import Regards
from backstory.core.exchange import Exchange, Head
from backstory.core.plan import Answer, Plan
from backstory.core.wishes import WISHES
from backstory.errors import BackstoryError
from backstory.stages.wishes import holding

if TYPE_CHECKING:
    from backstory.app.gateway.chosen import Chosen


class Choosing:
    """For one port. `error` writes an error of ours in the shape of the request's wire. `prefix`: of commands."""

    def __init__(self, engine: Engine, regards: Regards, error: Callable[[Head, int, str, str], Answer], prefix: str) -> None:
        self._engine = engine
        self._regards = regards
        self._error = error
        self._prefix = prefix

    def of(self, exchange: Exchange) -> Chosen | None:
        """What is set for it; None for nothing. Raises BackstoryError where that is nothing that can be done (any more)."""
        wishes = exchange.wishes
        if wishes is None or exchange.gone or exchange.wire is None:
            return None
        from backstory.app.gateway.chosen import Chosen  # noqa: PLC0415 - only where somebody has chosen

        head = exchange.head
        return Chosen(lambda error: self.refused(head, error), self._engine, exchange, exchange.wire, self._regards(head), wishes)

    def late(self, exchange: Exchange) -> Chosen | None:
        """The same where memory is not done with it."""
        visit = self._engine.visits.get(exchange.id)
        if visit is None or WISHES not in visit.thread.states:
            return None
        wishes = holding(visit)
        return None if wishes.empty else self.of(replace(exchange, wishes=wishes))

    def refused(self, head: Head, error: BackstoryError) -> Plan:
        """It cannot be done."""
        told = f"{error} ({self._prefix}status tells what is set here, {self._prefix}unset takes it back)"
        return Plan(answer=self._error(head, error.status, error.code, told))
