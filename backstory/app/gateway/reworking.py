"""Requests whose answers may have thoughts or calls in their text: the last thing that becomes of a plan in the client's wire."""

from __future__ import annotations

from collections.abc import Awaitable

from msgspec.structs import replace

from backstory.app.regard import Regard
from backstory.config import Config
from backstory.core.exchange import Head, Headers
from backstory.core.plan import Plan
from backstory.wires.reworking.reworked import Reworked
from backstory.wires.translation.chained import Chained
from backstory.wires.translation.tongues import TONGUES

_TONGUES = {tongue.name: tongue for tongue in TONGUES}
_PLAIN: Headers = ((b"Accept-Encoding", b"identity"),)


class Reworking:
    """As these settings say."""

    def __init__(self, config: Config) -> None:
        self._think = config.reply.think_tags
        self._first = tuple([one.strip().lower() for one in config.reply.thinks_first.split(",") if one.strip()])
        self._calls = config.tools.virtual in {"to_native", "auto"}
        self._spells = config.tools.virtual in {"to_text", "auto"}

    def plan(self, plan: Plan | Awaitable[Plan], head: Head, body: bytes, regard: Regard) -> Plan | Awaitable[Plan]:
        """The plan, with what looks into the answer; as it is where there is nothing to look for."""
        if isinstance(plan, Plan):
            return self._made(plan, head, body, regard)
        return self._later(plan, head, body, regard)

    async def _later(self, plan: Awaitable[Plan], head: Head, body: bytes, regard: Regard) -> Plan:
        return self._made(await plan, head, body, regard)

    def _made(self, plan: Plan, head: Head, body: bytes, regard: Regard) -> Plan:
        wire = regard.wire
        plain = body if plan.body is None else plan.body
        if plan.answer is not None or wire is None or not regard.readable or not plain:
            return plan
        reworked = Reworked(_TONGUES[wire.name], wire, head.path, head.query, self._think, self._calls, self._spells, self._first)
        out = reworked.ask(plain)
        if out != plain:
            plan = replace(plan, body=out)
        if reworked.idle:
            return plan
        made = reworked if plan.translation is None else Chained(plan.translation, reworked)
        return replace(plan, translation=made, drop=plan.drop | {b"accept-encoding"}, add=(*plan.add, *_PLAIN))
