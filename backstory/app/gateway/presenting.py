"""What providers are told of who asks: headers by which clients name themselves are passed, dropped, or given another value."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence

from msgspec.structs import replace

from backstory.app.drive import eager
from backstory.app.regard import Regards, provider_of
from backstory.config.augmentation import HeaderRow
from backstory.core.exchange import Head, Headers
from backstory.core.plan import Attempt, Plan


class Presenting:
    """As these rows say; the first for a header and a backend counts. A request that is not routed goes to the provider of its wire, or of
    that of the upstream."""

    def __init__(self, rows: Sequence[HeaderRow], regards: Regards) -> None:
        self._rows = tuple(rows)
        self._regards = regards
        self._kept: dict[str, tuple[frozenset[bytes], Headers]] = {}

    def plan(self, plan: Plan | Awaitable[Plan], head: Head) -> Plan | Awaitable[Plan]:
        """The plan, with what each of its backends is told."""
        if not self._rows:
            return plan
        return self._told(plan, head) if isinstance(plan, Plan) else eager(self._later(plan, head))

    async def _later(self, plan: Awaitable[Plan], head: Head) -> Plan:
        return self._told(await plan, head)

    def _told(self, plan: Plan, head: Head) -> Plan:
        if plan.answer is not None:
            return plan
        speaks = self._regards(head).speaks.partition("_")[0]
        named = plan.name or speaks or provider_of(head)
        drop, add = self._of(named, plan.add)
        others = tuple([self._other(one) for one in plan.others])
        return replace(plan, drop=plan.drop | drop, add=(*plan.add, *add), others=others)

    def _other(self, attempt: Attempt) -> Attempt:
        drop, add = self._of(attempt.name, attempt.add)
        return replace(attempt, drop=attempt.drop | drop, add=(*attempt.add, *add))

    def _of(self, backend: str, has: Headers) -> tuple[frozenset[bytes], Headers]:
        """What goes, and what is put in its place: not where the backend's own settings have put something there."""
        name = backend.partition(".")[0]
        found = self._kept.get(name)
        if found is None:
            found = self._kept[name] = self._rules(name)
        drop, add = found
        taken = {key.lower() for key, _ in has}
        return drop, tuple([pair for pair in add if pair[0].lower() not in taken])

    def _rules(self, backend: str) -> tuple[frozenset[bytes], Headers]:
        rows: dict[str, HeaderRow] = {}
        for row in self._rows:
            if not row.backends or backend in row.backends:
                rows.setdefault(row.header.lower(), row)
        drop = frozenset(name.encode() for name, row in rows.items() if row.action != "pass")
        return drop, tuple([(row.header.encode(), row.value.encode()) for row in rows.values() if row.action == "set"])
