"""The house in front of all others that records what requests cost and how long they take, and answers who asks for it.

Rule: nothing of a request or its answer is changed, or waited for. A plan gets a gauge, and that is all.
"""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable

from msgspec.structs import replace

from backstory.app.drive import eager
from backstory.app.engine import Engine
from backstory.app.metering.gauge import Bill, Gauge
from backstory.app.metering.recorder import Recorder
from backstory.app.metering.usage import PLACE, Guard, Names, answer
from backstory.app.regard import Regards
from backstory.core.exchange import Head
from backstory.core.plan import Answer, House, Plan
from backstory.errors import BackstoryError
from backstory.relay.tap import AheadTap, ArrivalTap, MemoryTap
from backstory.stages.base import attempt

# What answers with the usage of something else, or counts what nobody is charged for.
_NO_CHARGE = re.compile(r"(?:/count_tokens|:countTokens|/input_tokens|/cancel|/batches|:batchGenerateContent|/files)\Z")


class Metering:
    """For one port. Implements core.plan.House, around another one."""

    def __init__(self, house: House, regards: Regards, engine: Engine, recorder: Recorder, guard: Guard, names: Names) -> None:
        self._house = house
        self._regards = regards
        self._engine = engine
        self._recorder = recorder
        self._guard = guard
        self._names = names

    def wants_body(self, head: Head) -> bool:
        """See House."""
        return self._house.wants_body(head)

    def plan(self, head: Head, body: bytes) -> Plan | Awaitable[Plan]:
        """See House."""
        if head.method != "POST":
            if head.path == PLACE and self._guard.is_ours(head):
                return eager(self._told(head))
            return self._house.plan(head, body)
        started = time.monotonic()
        bill = head.kept[Bill] = Bill()
        plan = self._house.plan(head, body)
        if isinstance(plan, Plan):
            return self._with(plan, head, body, started, bill)
        return eager(self._later(plan, head, body, started, bill))

    def error(self, head: Head | None, status: int, code: str, message: str) -> Answer:
        """See House."""
        return self._house.error(head, status, code, message)

    async def _told(self, head: Head) -> Plan:
        if not self._guard.admits(head):
            return Plan(answer=self.error(head, 403, "forbidden", "the token is not that of usage.token"))
        try:
            return Plan(answer=await answer(head, self._recorder.ask, self._recorder.clock(), self._names))
        except BackstoryError as error:
            return Plan(answer=self.error(head, error.status, error.code, str(error)))

    async def _later(self, plan: Awaitable[Plan], head: Head, body: bytes, started: float, bill: Bill) -> Plan:
        """A client that leaves meanwhile may have had somebody think for it."""
        try:
            found = await plan
        except BaseException:
            if bill.legs:
                left = self._with(Plan(), head, body, started, bill)
                if left.gauge is not None:
                    left.gauge.over("interrupted", 0, len(body))
            raise
        return self._with(found, head, body, started, bill)

    def _with(self, plan: Plan, head: Head, body: bytes, started: float, bill: Bill) -> Plan:
        if plan.target is None and not bill.legs:
            return plan
        return attempt(self._engine.failed, "usage", lambda: self._gauged(plan, head, body, started, bill), lambda: plan)

    def _gauged(self, plan: Plan, head: Head, body: bytes, started: float, bill: Bill) -> Plan:
        if self._regards(head).wire is None and _NO_CHARGE.search(head.path):
            return plan
        at = self._recorder.clock() - (time.monotonic() - started)
        sent = body if plan.body is None else plan.body
        gauge = Gauge(head, self._done, started, at, self._engine.turn_ids(), plan.name, plan.target, sent, plan.tap, [*bill.legs])
        bill.legs.clear()  # a head may live longer than its request
        return replace(plan, gauge=gauge)

    def _done(self, gauge: Gauge) -> None:
        attempt(self._engine.failed, "usage", lambda: self._taken(gauge), lambda: None)

    def _taken(self, gauge: Gauge) -> None:
        regard, tap = self._regards(gauge.head), gauge.tap
        gauge.tap = None
        gauge.principal = regard.whose
        gauge.wire = regard.wire.name if regard.wire is not None else ""
        if isinstance(tap, MemoryTap | ArrivalTap | AheadTap):
            number, gauge.conversation = tap.named
            gauge.id = number or gauge.id
        self._recorder.take(gauge)
