"""What a person has set for a conversation, on its way up: what becomes of a request for which it holds.

Rule: where a request goes by itself, what was set is spliced into the client's own bytes, before anything is translated. Where it goes to
providers that were chosen, it is written in the wire of each. A parameter that there is no place for is left out, and told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from msgspec.structs import replace

from backstory.app.drive import eager
from backstory.app.engine import Engine
from backstory.app.gateway.augment import of
from backstory.app.gateway.verdicts import TONGUES_BY_NAME, choice_of, way_of
from backstory.app.gateway.ways import Sending
from backstory.app.regard import Regard
from backstory.config.catalogue import known_at
from backstory.core.exchange import Ended, Exchange, Note
from backstory.core.plan import Plan, Target
from backstory.core.translation import Loss
from backstory.core.wire import Wire
from backstory.core.wishes import Wishes
from backstory.errors import BackstoryError
from backstory.stages.base import attempt
from backstory.wires import steering
from backstory.wires.reworking.reasoned import Reasoned
from backstory.wires.translation.translate import losses_told


class Chosen:
    """One request for which something is set. `refused`: the plan that tells its client what cannot be done."""

    def __init__(
        self, refused: Callable[[BackstoryError], Plan], engine: Engine, exchange: Exchange, wire: Wire, regard: Regard, wishes: Wishes
    ) -> None:
        self._refused = refused
        self._ways = engine.ways()
        self._failed = engine.failed
        self._exchange = exchange
        self._regard = regard
        self._wire = wire
        self._way = way_of(exchange, regard)
        self._choice = choice_of(self._ways, exchange, wishes, self._way)
        self._lost: tuple[Loss, ...] = ()
        augment = of(exchange.head)
        if augment is not None:
            if augment.route and self._choice.routes != self._way.own:
                augment.stays("its user has set where it goes")
            models = [route.model for route in self._choice.routes] or [self._choice.model or self._way.model]
            augment.chosen(models, self._choice.params)

    def written(self, body: bytes) -> bytes:
        """The body in the client's wire, with what is set; the same object where nothing of it stands there."""
        choice = self._choice
        if choice.routes:
            return body
        if choice.model and not steering.in_path(self._exchange.head.path):
            body = steering.with_model(body, choice.model)
        if choice.params:
            tongue = TONGUES_BY_NAME[self._wire.name]
            known = known_at(self._way.host)
            body, self._lost = steering.with_wishes(tongue, body, choice.model or self._way.model, choice.params, known)
        return body

    def put(self, exchange: Exchange, body: bytes | None) -> tuple[Exchange, bytes | None]:
        """The exchange and its body with that; None: the body is the exchange's own. Where it cannot be read, it stays as it is."""
        before = exchange.body if body is None else body
        after = attempt(self._failed, "set", lambda: self.written(before), lambda: before)
        exchange = replace(exchange, headers=(*exchange.headers, *losses_told(self._lost))) if self._lost else exchange
        if after == before:
            return exchange, body
        return replace(exchange, notes=(*exchange.notes, Note("proof", "bytes differ: set by command"))), after

    def planned(self, plan: Plan) -> Plan:
        """The plan, with what is still to be done."""
        model, head = self._choice.model, self._exchange.head
        if self._choice.routes:
            return replace(plan, onward=self._onward)
        if model and steering.in_path(head.path) and plan.target is not None:
            return replace(plan, target=_renamed(plan.target, model), path=steering.path_with(head.path, model))
        return plan

    def _onward(self, plan: Plan) -> Plan | Awaitable[Plan]:
        exchange, choice = self._exchange, self._choice
        plan = replace(plan, drop=plan.drop | self._regard.drop, onward=None)
        sending = Sending(
            exchange.head,
            exchange.head,
            self._wire,
            exchange.body,
            choice.routes,
            params=choice.params,
            races=choice.races,
            reasoners=choice.reasoners,
        )
        return self._sent(plan, sending) if self._ways.ready(sending) else eager(self._paid(plan, sending))

    async def _paid(self, plan: Plan, sending: Sending) -> Plan:
        task = asyncio.get_running_loop().create_task(self._thought(plan, sending))
        try:
            thought = await task
        except BaseException:  # the client has left meanwhile
            task.cancel()
            self._over(plan, "interrupted")
            raise
        return self._sent(plan, sending, thought)

    async def _thought(self, plan: Plan, sending: Sending) -> Reasoned | None:
        await self._ways.fetch(sending)
        return await self._ways.thought(plan, sending, frozenset())

    def _sent(self, plan: Plan, sending: Sending, thought: Reasoned | None = None) -> Plan:
        try:
            return self._ways.plan(plan, sending, thought)
        except BackstoryError as error:
            self._over(plan, "refused")
            return self._refused(error)

    def _over(self, plan: Plan, ended: Ended) -> None:
        """Nothing goes up: whoever listens for an answer is told."""
        tap = plan.tap
        if tap is not None:
            attempt(self._failed, "refused", lambda: tap.over(ended, 0, 0, 0), lambda: None)


def _renamed(target: Target, model: str) -> Target:
    """The same place, with this model in its path."""
    path, sign, query = target.path.partition("?")
    return replace(target, path=f"{steering.path_with(path, model)}{sign}{query}")
