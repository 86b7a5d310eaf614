"""The house of a port whose requests may go elsewhere: it stands in front of the other one, where routing is set up at all.

Rule: a request that is not routed is handed on as it came. One that is gets its model's own name and is looked at by memory like any other;
what goes up in the end is made of that for each route by itself: model, parameters, wire, key. What cannot be routed is told in the
client's wire, and nothing goes up.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable

from msgspec import Struct

from backstory.app.drive import eager
from backstory.app.house import PortHouse
from backstory.app.regard import Regard, Regards
from backstory.app.ways import Sending, question_of
from backstory.core.exchange import Head
from backstory.core.plan import Answer, Plan, Tap
from backstory.core.wire import Wire
from backstory.errors import BackstoryError, DocumentError, RequestError
from backstory.providers.routing import Route
from backstory.relay.tap import decoded
from backstory.stages.base import attempt
from backstory.wires import steering

log = logging.getLogger("backstory")

_ENCODING = b"content-encoding"
_ENCODED = frozenset({_ENCODING})


class Routed(Struct, frozen=True):
    """A request on its routes. `head`, `body`: as memory is to see them. `plain`: the body had a content coding, and goes up without."""

    head: Head
    body: bytes
    wire: Wire
    routes: tuple[Route, ...]
    plain: bool


class RoutingHouse:
    """What one port does, in front of the house that does everything else. Implements core.plan.House."""

    def __init__(self, house: PortHouse) -> None:
        self._house = house
        self._regards: Regards = house.regards
        self._ways = house.ways()
        self._router, self._tokens = self._ways.router, self._ways.tokens
        self._told = False

    def wants_body(self, head: Head) -> bool:
        """See House."""
        return self._wire(head) is not None or self._house.wants_body(head)

    def plan(self, head: Head, body: bytes) -> Plan | Awaitable[Plan]:
        """See House."""
        wire = self._wire(head)
        if wire is None:
            return self._house.plan(head, body)
        try:
            routed = self._routed(head, body, wire)
        except BackstoryError as error:
            return Plan(answer=self._refused(head, error))
        if routed is None:
            return self._house.plan(head, body)
        if not self._tokens.ready(route.backend for route in routed.routes):
            return eager(self._paid(head, routed))
        plan = self._house.plan(routed.head, routed.body)
        return self._finished(plan, head, routed) if isinstance(plan, Plan) else eager(self._later(plan, head, routed))

    def error(self, head: Head | None, status: int, code: str, message: str) -> Answer:
        """See House."""
        return self._house.error(head, status, code, message)

    async def _paid(self, head: Head, routed: Routed) -> Plan:
        """The plan, once there are the tokens to pay with. Memory is asked after that: whoever leaves meanwhile has begun nothing."""
        await self._tokens.fetch(route.backend for route in routed.routes)
        plan = self._house.plan(routed.head, routed.body)
        return self._finished(plan if isinstance(plan, Plan) else await plan, head, routed)

    async def _later(self, plan: Awaitable[Plan], head: Head, routed: Routed) -> Plan:
        return self._finished(await plan, head, routed)

    def _refused(self, head: Head, error: BackstoryError) -> Answer:
        status = 400 if isinstance(error, DocumentError) else error.status
        return self._house.error(head, status, error.code, str(error))

    def _wire(self, head: Head) -> Wire | None:
        """The wire of a request to a model. A path that names something else than a model for Gemini is one, too."""
        wire = self._regards(head).wire
        if wire is None and head.method == "POST" and steering.in_path(head.path):
            wire = self._regards.wire(steering.path_with(head.path, "model"))
        return wire

    # --- where to

    def _routed(self, head: Head, body: bytes, wire: Wire) -> Routed | None:
        """None: it goes where it always went. Raises BackstoryError for what cannot be routed."""
        named = steering.in_path(head.path)
        plain = decoded(body, head.header(_ENCODING).strip().lower())
        try:
            model = steering.model_of(plain or b"", head.path)
        except DocumentError as error:
            if self._router.must_read(wire.name):
                raise RequestError(f"the request cannot be routed: {error}") from error
            return None
        selector = self._router.selector(wire.name, model, self._regards(head).target.host)
        if selector is None:
            return None
        if plain is None:
            raise RequestError("the request cannot be routed: the content coding of its body is not understood")
        if not body:
            raise RequestError("the request cannot be routed: it has no body, or one above proxy.max_body_bytes")
        if selector.kind == "race" and not self._told:
            self._told = True
            log.warning("a race (A!B) is run one way after the other, and ttft_timeout has no effect; see docs/routing.md")
        path = steering.path_with(head.path, "model") if named else head.path
        routes = self._router.routes(selector, question_of(head, path, plain, wire))
        first = routes[0].model
        sent = plain if named else steering.with_model(plain, first)
        coded = plain is not body
        seen = self._seen(head, steering.path_with(head.path, first), wire, routes, coded)
        return Routed(seen, sent, wire, routes, coded)

    def _seen(self, head: Head, path: str, wire: Wire, routes: tuple[Route, ...], plain: bool) -> Head:
        """The head as memory is to see it: what it would be if the client had asked the provider itself."""
        regard, route = self._regards(head), routes[0]
        backend = route.backend
        speaks = backend.wire(wire.name)
        target = backend.target(wire.name, route.model, path, head.query) if speaks == wire.name else regard.target
        # What goes up with another key, or in another wire, is not what the client would have sent there itself.
        elsewhere = "" if speaks == wire.name and backend.passes_key else speaks
        drop = regard.drop | _ENCODED if plain else regard.drop
        headers = tuple([pair for pair in head.headers if pair[0].lower() != _ENCODING]) if plain else head.headers
        seen = Head(head.method, path, head.query, headers, head.client)
        seen.kept[self._regards] = Regard(
            wire,
            target,
            True,
            regard.unwanted,
            drop,
            regard.whose,
            regard.scope,
            regard.unnamed,
            elsewhere,
            routes,
            regard.target.host,
        )
        return seen

    # --- what goes up

    def _finished(self, plan: Plan, head: Head, routed: Routed) -> Plan:
        # A plan with a name goes where its user has chosen.
        if plan.answer is not None or plan.name:
            return plan
        sending = Sending(head, routed.wire, routed.head.path, routed.body, routed.plain)
        try:
            return self._ways.plan(plan, sending, routed.routes)
        except BackstoryError as error:
            tap = plan.tap
            attempt(self._house.failed, "routing", lambda: _dropped(tap), lambda: None)
            return Plan(answer=self._refused(head, error))


def _dropped(tap: Tap | None) -> None:
    """Nothing of the request goes up: whoever listens for an answer is told."""
    if tap is not None:
        tap.over("refused", 0, 0, 0)
