"""The house of a port whose requests may go elsewhere: it stands in front of the other one, where routing is set up at all.

Rule: a request that is not routed is handed on as it came. One that is gets its model's own name and is looked at by memory like any other;
what goes up in the end is made of that for each route by itself: model, parameters, wire, key. What cannot be routed is told in the
client's wire, and nothing goes up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

from msgspec.structs import replace

from backstory.app.commanding import Plain
from backstory.app.drive import eager
from backstory.app.gateway.augment import Augment, carry, model_wire, of
from backstory.app.gateway.beside import Aside, Beside
from backstory.app.gateway.counted import Counted
from backstory.app.gateway.keeping import no_previous
from backstory.app.gateway.listing import Listing
from backstory.app.gateway.questions import compacts
from backstory.app.gateway.translating import RESPONSES, WIRES_BY_NAME
from backstory.app.gateway.ways import Sending, question_of
from backstory.app.house import PortHouse
from backstory.app.metering.gauge import carry_bill
from backstory.app.regard import Regard, Regards
from backstory.config import Config
from backstory.core.exchange import Ended, Head
from backstory.core.plan import Answer, Plan, Tap
from backstory.core.selectors import Branch, Selector
from backstory.core.wire import Wire
from backstory.errors import BackstoryError, DocumentError, PreviousUnknown, RequestError
from backstory.providers.routing import Question, Route
from backstory.relay.decoding import decoded
from backstory.stages.base import attempt, attempted
from backstory.wires import steering
from backstory.wires.continued import perhaps_kept
from backstory.wires.reworking.brought_back import brought_back
from backstory.wires.reworking.reasoned import Reasoned
from backstory.wires.unread import models_within, sure_model

_ENCODING = b"content-encoding"
_ENCODED = frozenset({_ENCODING})
_NOT_UNDERSTOOD = "the request cannot be routed: the content coding of its body is not understood"


class RoutingHouse:
    """What one port does, in front of the house that does everything else. Implements core.plan.House."""

    def __init__(self, config: Config, house: PortHouse) -> None:
        self._house = house
        self._regards: Regards = house.regards
        self._ways = house.ways()
        self._router, self._tokens = self._ways.router, self._ways.tokens
        self._beside = Beside(self._router, self._tokens, house.failed)
        self._counted = Counted(house.engine, house.regards)
        self._listing = Listing(config, self._router, self._tokens, self._regards)
        # Else it is done where thoughts of tags are (reworking.py).
        self._cleans = config.reply.think_tags == "keep" and config.tools.virtual == "off"

    def wants_body(self, head: Head) -> bool:
        """See House."""
        return self._wire(head) is not None or compacts(head) or self._beside.reads(head) or self._house.wants_body(head)

    def plan(self, head: Head, body: bytes) -> Plan | Awaitable[Plan]:
        """See House."""
        wire = self._wire(head)
        if wire is None:
            return self._compaction(head, body) if compacts(head) else self._aside(head, body)
        if self._cleans:
            body = _cleaned(head, body, wire)
        try:
            sending = self._routed(head, body, wire)
        except BackstoryError as error:
            return Plan(answer=self._refused(head, error))
        if sending is None:
            return self._house.plan(head, body)
        if not self._ways.ready(sending):
            return eager(self._paid(sending))
        plan = self._house.plan(sending.seen, sending.body)
        return self._finished(plan, sending) if isinstance(plan, Plan) else eager(self._later(plan, sending))

    def _compaction(self, head: Head, body: bytes) -> Plan | Awaitable[Plan]:
        """A history that is to be compacted. Memory has no part in that."""
        try:
            sending = self._routed(head, body, WIRES_BY_NAME[RESPONSES])
        except BackstoryError as error:
            return Plan(answer=self._refused(head, error))
        if sending is None:
            return self._house.plan(head, body)
        sending = replace(sending, races=False, reasoners=())
        if not self._ways.ready(sending):
            return eager(self._compacting_paid(sending))
        plan = self._compacting(sending)
        return self._finished(plan, sending) if isinstance(plan, Plan) else eager(self._later(plan, sending))

    async def _compacting_paid(self, sending: Sending) -> Plan:
        await self._ways.fetch(sending)
        plan = self._compacting(sending)
        return self._finished(plan if isinstance(plan, Plan) else await plan, sending)

    def _compacting(self, sending: Sending) -> Plan | Awaitable[Plan]:
        """What policies say to it comes before it is written for whom it goes to."""
        regard = self._regards(sending.head)
        head = sending.head if not sending.plain else sending.seen
        return self._house.behind.judged(Plan(regard.target, drop=regard.drop), head, sending.body, regard)

    def _aside(self, head: Head, body: bytes) -> Plan | Awaitable[Plan]:
        """What is no request to a model."""
        try:
            found = self._beside.routes(head, body, self._regards(head).at)
            if found is None:
                listed = self._beside.all_models(head) if self._listing.is_needed else None
                return self._house.plan(head, body) if listed is None else eager(self._listed(head, body, listed))
            plain = self._counted.plain(head, body) if found[0].kind == "count" else None
            if plain is not None:
                return eager(self._aside_counted(head, plain, *found))
            if not self._tokens.ready(route.backend for route in found[1]):
                return eager(self._aside_paid(head, body, *found))
            return self._dropped(self._beside.plan(head, body, *found), head)
        except BackstoryError as error:
            return Plan(answer=self._refused(head, error))

    async def _listed(self, head: Head, body: bytes, aside: Aside) -> Plan:
        """The models of all providers. The work has a task of its own, since it waits with time limits."""
        task = asyncio.get_running_loop().create_task(self._listing.plan(head, aside))
        try:
            listed = await attempted(self._house.failed, "models", task, None)
        except BaseException:
            task.cancel()
            raise
        if listed is not None:
            return listed
        plan = self._house.plan(head, body)
        return plan if isinstance(plan, Plan) else await plan

    async def _aside_counted(self, head: Head, plain: Plain, aside: Aside, routes: tuple[Route, ...]) -> Plan:
        """Tokens of a conversation in which commands were given."""
        nothing: Plan | None = None
        found = await attempted(self._house.failed, "count", self._counted.plan(head, plain, routes), nothing)
        return found if found is not None else await self._aside_paid(head, plain.body, aside, routes)

    async def _aside_paid(self, head: Head, body: bytes, aside: Aside, routes: tuple[Route, ...]) -> Plan:
        await self._tokens.fetch(route.backend for route in routes)
        try:
            plan = self._dropped(self._beside.plan(head, body, aside, routes), head)
        except BackstoryError as error:
            return Plan(answer=self._refused(head, error))
        return plan if isinstance(plan, Plan) else await plan

    def _dropped(self, plan: Plan | Awaitable[Plan], head: Head) -> Plan | Awaitable[Plan]:
        """Without our own headers in it."""
        ours = self._regards(head).drop
        if not isinstance(plan, Plan):
            return plan
        return replace(plan, drop=plan.drop | ours, others=tuple([replace(one, drop=one.drop | ours) for one in plan.others]))

    def error(self, head: Head | None, status: int, code: str, message: str) -> Answer:
        """See House."""
        return self._house.error(head, status, code, message)

    async def _paid(self, sending: Sending) -> Plan:
        """The plan, once there are the tokens to pay with. Memory is asked after that: whoever leaves meanwhile has begun nothing."""
        await self._ways.fetch(sending)
        found = self._house.plan(sending.seen, sending.body)
        plan = found if isinstance(found, Plan) else await found
        if plan.answer is not None or plan.name:
            return self._finished(plan, sending)
        return self._finished(plan, sending, await self._thought(plan, sending))

    async def _thought(self, plan: Plan, sending: Sending) -> Reasoned | None:
        """What a reasoner says to it. A client that leaves meanwhile is told of to whoever listens."""
        task = asyncio.get_running_loop().create_task(self._ways.thought(plan, sending, self._regards(sending.seen).drop))
        try:
            return await task
        except BaseException:
            task.cancel()
            tap = plan.tap
            attempt(self._house.failed, "routing", lambda: _dropped(tap, "interrupted"), lambda: None)
            raise

    async def _later(self, plan: Awaitable[Plan], sending: Sending) -> Plan:
        return self._finished(await plan, sending)

    def _refused(self, head: Head, error: BackstoryError) -> Answer:
        status = 400 if isinstance(error, DocumentError) else error.status
        wire = self._wire(head) if isinstance(error, PreviousUnknown) else None
        status = status if wire is None else no_previous(wire.name)
        return self._house.error(head, status, error.code, str(error))

    def _wire(self, head: Head) -> Wire | None:
        return model_wire(self._regards, head)

    # --- where to

    def _routed(self, head: Head, body: bytes, wire: Wire) -> Sending | None:
        """None: it goes where it always went. Raises BackstoryError for what cannot be routed."""
        named = steering.in_path(head.path)
        plain = _plain(head, body)
        if plain is None and body and not named:
            raise RequestError(_NOT_UNDERSTOOD)
        try:
            model = sure_model(plain or b"", head.path)
        except DocumentError as error:
            self._stays(head, wire, plain or b"", error)
            return None
        augment = of(head)
        path = steering.path_with(head.path, "model") if named else head.path
        question = question_of(head, path, plain or b"", wire)
        fixed = plain and augment is not None and augment.route
        selector, routes = self._elsewhere(wire, model, augment, question) if fixed and augment is not None else (None, ())
        if selector is None:
            regard = self._regards(head)
            selector = self._router.selector(wire.name, model, regard.target.host, regard.at) or self._going_on(head, plain, wire, model)
        if selector is None:
            if augment is not None:
                augment.goes_to((model,))
            return None
        if plain is None:
            raise RequestError(_NOT_UNDERSTOOD)
        if not body:
            raise RequestError("the request cannot be routed: it has no body, or one above proxy.max_body_bytes")
        if not routes:
            routes = self._router.routes(selector, question)
        if augment is not None:
            augment.goes_to([route.model for route in routes])
        first = routes[0].model
        sent = plain if named else steering.with_model(plain, first)
        coded, races = plain is not body, selector.kind == "race"
        reasoners = self._router.reasoners(selector, question)
        seen = self._seen(head, steering.path_with(head.path, first), wire, routes, coded, races, reasoners)
        carried = seen if augment is None else carry(augment, seen)
        return Sending(head, carried, wire, sent, routes, coded, races=races, reasoners=reasoners, model=model)

    def _going_on(self, head: Head, plain: bytes | None, wire: Wire, model: str) -> Selector | None:
        """The client's own provider, where a request may build on an answer of another one, which is kept here."""
        if not wire.stateful or not plain or not model or not perhaps_kept(plain):
            return None
        own = self._router.own(wire.name, self._regards(head).at)
        return None if own is None else Selector("one", (Branch(own.name, model),))

    def _stays(self, head: Head, wire: Wire, plain: bytes, error: DocumentError) -> None:
        """A body that cannot be read goes where it always went only if that is where its model goes. Raises BackstoryError where not."""
        if self._router.must_read(wire.name):
            raise RequestError(f"the request cannot be routed: {error}") from error
        regard = self._regards(head)
        for model in models_within(plain) if plain else ():
            if self._router.selector(wire.name, model, regard.target.host, regard.at) is not None:
                raise RequestError(f"the request cannot be routed to where {model!r} goes: {error}") from error

    def _elsewhere(self, wire: Wire, model: str, augment: Augment, question: Question) -> tuple[Selector | None, tuple[Route, ...]]:
        """The ways of a request that is planned, or that its client makes for itself; none where it has to go its usual way."""
        try:
            selector = self._router.fixed(wire.name, augment.route, model)
            return selector, self._router.routes(selector, question)
        except RequestError as error:
            augment.stays(str(error))
            return None, ()

    def _seen(
        self, head: Head, path: str, wire: Wire, routes: tuple[Route, ...], plain: bool, races: bool, reasoners: tuple[Route, ...]
    ) -> Head:
        """The head as memory is to see it: what it would be if the client had asked the provider itself."""
        regard, route = self._regards(head), routes[0]
        backend = route.backend
        speaks = backend.wire(wire.name)
        target = backend.target(wire.name, route.model, path, head.query) if speaks == wire.name else regard.target
        # What goes up with another key, or in another wire, is not what the client would have sent there itself.
        elsewhere = "" if speaks == wire.name and backend.passes_key and not backend.row.hosting else speaks
        drop = regard.drop | _ENCODED if plain else regard.drop
        headers = tuple([pair for pair in head.headers if pair[0].lower() != _ENCODING]) if plain else head.headers
        seen = carry_bill(head, Head(head.method, path, head.query, headers, head.client))
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
            races,
            reasoners,
            regard.at,
        )
        return seen

    # --- what goes up

    def _finished(self, plan: Plan, sending: Sending, thought: Reasoned | None = None) -> Plan:
        # A plan with a name goes where its user has chosen.
        if plan.answer is not None or plan.name:
            return plan
        try:
            return self._ways.plan(plan, sending, thought)
        except BackstoryError as error:
            tap = plan.tap
            attempt(self._house.failed, "routing", lambda: _dropped(tap), lambda: None)
            return Plan(answer=self._refused(sending.head, error))


def _plain(head: Head, body: bytes) -> bytes | None:
    """The body without its content coding; None for one that is not understood."""
    coding = head.header(_ENCODING).strip().lower()
    return body if coding == "identity" else decoded(body, coding)


def _cleaned(head: Head, body: bytes, wire: Wire) -> bytes:
    """The request without thoughts of reasoners that its client brings back: no provider knows them."""
    if head.header(_ENCODING):
        return body
    try:
        return brought_back(wire.name, body)
    except DocumentError:
        return body


def _dropped(tap: Tap | None, ended: Ended = "refused") -> None:
    """Nothing of the request goes up: whoever listens for an answer is told."""
    if tap is not None:
        tap.over(ended, 0, 0, 0)
