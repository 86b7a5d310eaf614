"""Stage 4: a mark for the provider's cache at requests of clients that mark nothing (Anthropic: a member of the body, no message changes).

Rule: it is set where it should pay (memory/economy/marking.py), and, unless the settings say otherwise, only at requests that go up changed
anyway: what is left alone keeps its bytes. A provider that refuses it gets the request without (`holding.let_go`); one that fails, and has
answered none of the conversation's yet, gets the next one without, and has one more chance.
Source: https://platform.claude.com/docs/en/build-with-claude/prompt-caching ("Automatic caching").
"""

from __future__ import annotations

from msgspec.structs import replace

from backstory.core.edits import SetParam
from backstory.core.exchange import Exchange, Note, Outcome
from backstory.memory.economy.holding import REFUSED
from backstory.stages.base import Stage
from backstory.stages.economy import Economy
from backstory.stages.holding import Holding
from backstory.stages.visit import Visits, unmark

_MEMBER = "cache_control"
_MARK = SetParam(_MEMBER, b'{"type":"ephemeral"}')
_FAILS, _TOO_MANY = 400, 429
_TOLD = Note("marks", "marked for the provider's cache: its client marks nothing")


class Marks(Stage):
    """Comes after all that changes the request."""

    name = "marks"

    def __init__(self, visits: Visits, economy: Economy, holding: Holding) -> None:
        self._visits = visits
        self._economy = economy
        self._holding = holding

    async def request(self, exchange: Exchange) -> Exchange:
        visit = self._visits.get(exchange.id)
        if visit is None or not visit.ready or not visit.asked or not exchange.markable:
            return exchange
        economy = self._economy
        may = (economy.marks_all or exchange.edits) and not _asks(exchange)
        lent = economy.lent(exchange, visit) if may else None
        if lent is None or not economy.marks(exchange, visit, lent, self._holding.stays(exchange, visit, lent)):
            unmark(visit)
            return exchange
        visit.lent, visit.tariff = True, lent
        return replace(exchange, edits=(*exchange.edits, (self.name, _MARK)), notes=(*exchange.notes, _TOLD))

    def finished(self, exchange: Exchange, outcome: Outcome) -> None:
        visit = self._visits.get(exchange.id)
        if visit is None or not visit.ready or exchange.prompt is None or not exchange.markable:
            return
        account, fails = visit.thread.account, outcome.status >= _FAILS
        if "mark" in visit.refused:
            if outcome.reply is not None:
                self._economy.refused(exchange.prompt.model, "mark")
        elif visit.lent and fails and outcome.status != _TOO_MANY and not account.lent_at:
            account.spurned, account.spared = account.spurned + 1, True
            if account.spurned >= REFUSED:
                self._economy.refused(exchange.prompt.model, "mark")
                account.spurned = 0
        elif fails or outcome.reply is not None:
            if visit.lent or fails:
                account.spurned = 0
            account.spared = False


def _asks(exchange: Exchange) -> bool:
    """Whether an extension has set something of the kind, or the client, however it spells it."""
    if exchange.document is not None and exchange.document.has((_MEMBER,)):
        return True
    return any(isinstance(edit, SetParam) and edit.name == _MEMBER for _, edit in exchange.edits)
