"""The house of a port whose requests may go elsewhere: it stands in front of the other one, where routing is set up at all.

Rule: a request that is not routed is handed on as it came. One that is gets its model's own name and is looked at by memory like any other;
what goes up in the end is made of that for each route by itself: model, parameters, wire, key. What cannot be routed is told in the
client's wire, and nothing goes up.
"""

from __future__ import annotations

import asyncio
import copy
import time
from collections.abc import Awaitable, Callable
from functools import partial

from msgspec import Struct
from msgspec.structs import replace

from backstory.app.augment import Augment, carry, model_wire, of
from backstory.app.beside import Aside, Beside
from backstory.app.drive import eager
from backstory.app.enduring import asks_for_events, told_as_events
from backstory.app.house import PortHouse
from backstory.app.hybrid import Asking, Hybrid
from backstory.app.regard import Regard, Regards
from backstory.app.steered import Steered, steered
from backstory.app.tokens import Tokens
from backstory.config import Config
from backstory.core import plan as plans
from backstory.core.document import Document
from backstory.core.exchange import Ended, Head
from backstory.core.message import Message, Prompt
from backstory.core.plan import Answer, Attempt, Lane, Plan, Tap, Translation
from backstory.core.selectors import Selector
from backstory.core.sizes import rough_body
from backstory.core.wire import Wire
from backstory.errors import BackstoryError, ContextTooLong, DocumentError, RequestError, UpstreamError
from backstory.memory.identity import claims, principal
from backstory.providers.routing import Question, Route, Router
from backstory.providers.windows import Rooms
from backstory.relay.attempts import plainly
from backstory.relay.tap import decoded
from backstory.stages.base import attempt, attempted
from backstory.wires import steering
from backstory.wires.brought_back import brought_back
from backstory.wires.chained import Chained
from backstory.wires.kept import Kept
from backstory.wires.reasoned import Reasoned

_ENCODING = b"content-encoding"
_ENCODED = frozenset({_ENCODING})


class Routed(Struct, frozen=True):
    """A request on its routes. `head`, `body`: as memory is to see them. `plain`: the body had a content coding, and goes up without.
    `races`: routes of different lanes are asked side by side. `reasoners`: who is asked to think first."""

    head: Head
    body: bytes
    wire: Wire
    routes: tuple[Route, ...]
    plain: bool
    races: bool = False
    reasoners: tuple[Route, ...] = ()


class RoutingHouse:
    """What one port does, in front of the house that does everything else. Implements core.plan.House."""

    def __init__(self, config: Config, house: PortHouse, clock: Callable[[], float] = time.time) -> None:
        self._house = house
        self._clock = clock
        self._tokens = Tokens(config, clock)
        self._regards: Regards = house.regards
        self._router = Router(config)
        self._kept = Kept()
        # Else it is done where thoughts of tags are (reworking.py).
        self._beside = Beside(self._router, self._tokens.of)
        self._cleans = config.reply.think_tags == "keep" and config.tools.virtual == "off"
        engine, rooms = house.engine, self._router.rooms
        room = partial(_room, rooms)
        self._hybrid = Hybrid(config, self._tokens, engine.endurance.board, engine.metrics, room, house.failed, clock)

    def wants_body(self, head: Head) -> bool:
        """See House."""
        return self._wire(head) is not None or self._beside.reads(head) or self._house.wants_body(head)

    def plan(self, head: Head, body: bytes) -> Plan | Awaitable[Plan]:
        """See House."""
        wire = self._wire(head)
        if wire is None:
            return self._aside(head, body)
        if self._cleans:
            body = _cleaned(head, body, wire)
        try:
            routed = self._routed(head, body, wire)
        except BackstoryError as error:
            return Plan(answer=self._refused(head, error))
        if routed is None:
            return self._house.plan(head, body)
        ways = (*routed.routes, *routed.reasoners)
        if routed.reasoners or not self._tokens.ready(route.backend for route in ways):
            return eager(self._paid(head, routed))
        plan = self._house.plan(routed.head, routed.body)
        return self._finished(plan, head, routed) if isinstance(plan, Plan) else eager(self._later(plan, head, routed))

    def _aside(self, head: Head, body: bytes) -> Plan | Awaitable[Plan]:
        """What is no request to a model."""
        try:
            found = self._beside.routes(head, body)
            if found is None:
                return self._house.plan(head, body)
            if not self._tokens.ready(route.backend for route in found[1]):
                return eager(self._aside_paid(head, body, *found))
            return self._dropped(self._beside.plan(head, body, *found), head)
        except BackstoryError as error:
            return Plan(answer=self._refused(head, error))

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

    async def _paid(self, head: Head, routed: Routed) -> Plan:
        """The plan, once there are the tokens to pay with. Memory is asked after that: whoever leaves meanwhile has begun nothing."""
        await self._tokens.fetch(route.backend for route in (*routed.routes, *routed.reasoners))
        found = self._house.plan(routed.head, routed.body)
        plan = found if isinstance(found, Plan) else await found
        if not routed.reasoners or plan.answer is not None:
            return self._finished(plan, head, routed)
        return self._finished(plan, head, routed, await self._thought(plan, head, routed))

    async def _thought(self, plan: Plan, head: Head, routed: Routed) -> Reasoned | None:
        """What a reasoner says to it. A client that leaves meanwhile is told of to whoever listens."""
        body = plan.paging.without() if plan.paging is not None else routed.body if plan.body is None else plan.body
        drop = self._regards(routed.head).drop | plan.drop
        stateful = routed.wire.stateful
        whose = principal("api_key", head) if stateful else ""
        asking = Asking(head, routed.head.path, body, routed.wire, drop, self._kept if stateful else None, whose)
        nothing: Reasoned | None = None
        work = attempted(self._house.failed, "reasoner", self._hybrid.reasoned(asking, routed.reasoners), nothing)
        task = asyncio.get_running_loop().create_task(work)
        try:
            return await task
        except BaseException:
            task.cancel()
            tap = plan.tap
            attempt(self._house.failed, "routing", lambda: _dropped(tap, "interrupted"), lambda: None)
            raise

    async def _later(self, plan: Awaitable[Plan], head: Head, routed: Routed) -> Plan:
        return self._finished(await plan, head, routed)

    def _refused(self, head: Head, error: BackstoryError) -> Answer:
        status = 400 if isinstance(error, DocumentError) else error.status
        return self._house.error(head, status, error.code, str(error))

    def _wire(self, head: Head) -> Wire | None:
        return model_wire(self._regards, head)

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
        augment = of(head)
        path = steering.path_with(head.path, "model") if named else head.path
        question = _question(head, path, plain or b"", wire)
        fixed = plain and augment is not None and augment.route
        selector, routes = self._elsewhere(wire, model, augment, question) if fixed and augment is not None else (None, ())
        if selector is None:
            selector = self._router.selector(wire.name, model, self._regards(head).target.host)
        if selector is None:
            if augment is not None:
                augment.goes_to((model,))
            return None
        if plain is None:
            raise RequestError("the request cannot be routed: the content coding of its body is not understood")
        if not body:
            raise RequestError("the request cannot be routed: it has no body, or one above proxy.max_body_bytes")
        if not routes:
            routes = self._router.routes(selector, question)
        if augment is not None:
            augment.goes_to([route.model for route in routes])
        first = routes[0].model
        sent = plain if named else steering.with_model(plain, first)
        coded = plain is not body
        seen = self._seen(head, steering.path_with(head.path, first), wire, routes[0], coded)
        reasoners = self._router.reasoners(selector, question)
        carried = seen if augment is None else carry(augment, seen)
        return Routed(carried, sent, wire, routes, coded, selector.kind == "race", reasoners)

    def _elsewhere(self, wire: Wire, model: str, augment: Augment, question: Question) -> tuple[Selector | None, tuple[Route, ...]]:
        """The ways of a request that is planned, or that its client makes for itself; none where it has to go its usual way."""
        try:
            selector = self._router.fixed(wire.name, augment.route, model)
            return selector, self._router.routes(selector, question)
        except RequestError as error:
            augment.stays(str(error))
            return None, ()

    def _seen(self, head: Head, path: str, wire: Wire, route: Route, plain: bool) -> Head:
        """The head as memory is to see it: what it would be if the client had asked the provider itself."""
        regard = self._regards(head)
        backend = route.backend
        speaks = backend.wire(wire.name)
        target = backend.target(wire.name, route.model, path, head.query) if speaks == wire.name else regard.target
        # What goes up with another key, or in another wire, is not what the client would have sent there itself.
        elsewhere = "" if speaks == wire.name and backend.passes_key and not backend.row.hosting else speaks
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
            True,
        )
        return seen

    # --- what goes up

    def _finished(self, plan: Plan, head: Head, routed: Routed, thought: Reasoned | None = None) -> Plan:
        if plan.answer is not None:
            return plan
        if plan.paging is not None and any(route.backend.signs for route in routed.routes):
            # A signature holds for one body: there can be no later legs, so no tools of ours are offered.
            without = plan.paging.without()
            plan = replace(plan, body=without if plan.translation is None else plan.translation.ask(without), paging=None)
        body = routed.body if plan.body is None else plan.body
        if thought is not None:
            body = attempt(self._house.failed, "reasoner", lambda: thought.ask(body), lambda: body)
        ways: list[tuple[Route, Attempt]] = []
        fault: BackstoryError | None = None
        for route in routed.routes:
            try:
                ways.append((route, _thinking(self._attempt(plan, head, routed, route, body), thought)))
            except (DocumentError, RequestError, UpstreamError) as error:
                fault = fault or error
                if route.backend.pays is not None:
                    self._house.failed(f"extension {route.backend.pays[0]}", error)
        if not ways:
            tap = plan.tap
            attempt(self._house.failed, "routing", lambda: _dropped(tap), lambda: None)
            return Plan(answer=self._refused(head, fault or DocumentError("no way is left")))
        first, *others = [made for _, made in ways]
        lanes = _lanes(ways) if routed.races else ()
        return replace(
            plan,
            lanes=lanes,
            question=_asked_again(head, routed) if lanes else plan.question,
            target=first.target,
            body=first.body,
            drop=first.drop,
            add=first.add,
            translation=first.translation,
            name=first.name,
            others=tuple(others),
        )

    def _attempt(self, plan: Plan, head: Head, routed: Routed, route: Route, body: bytes) -> Attempt:
        """One way, made of what memory has made of the request. Raises DocumentError, RequestError for what this provider cannot get,
        UpstreamError where there is nothing to pay it with."""
        whose = principal("api_key", head) if routed.wire.stateful else ""
        path = steering.path_with(routed.head.path, route.model)
        augment = of(routed.head)
        said = "" if augment is None else augment.refusal(routed.wire.name, route.model)
        if said:
            raise ContextTooLong(said)
        kept = self._kept if routed.wire.stateful else None
        betas = head.header(b"anthropic-beta")
        exchange: Steered = steered(routed.wire.name, route, path, head.query, kept, whose, betas, augment)
        out = exchange.ask(body)
        token = self._tokens.of(route.backend)
        drop, add = route.backend.pay(exchange.speaks, route.instance, head, exchange.translated, token)
        target = route.backend.target(exchange.speaks, route.model, *exchange.place())
        add = (*add, *route.backend.signed(target, out, self._clock(), token))
        if routed.plain:
            drop |= _ENCODED
        # Of several legs, the later ones need the same done to them.
        differs = bool(route.params) or route.model != routed.routes[0].model or augment is not None
        changes = exchange.changes or (plan.paging is not None and differs)
        return Attempt(
            route.name,
            target,
            out,
            plan.drop | drop | exchange.drop,
            _joined(plan.add, exchange.add, add),
            _translation(copy.copy(plan.translation), exchange if changes else None),
        )


def _cleaned(head: Head, body: bytes, wire: Wire) -> bytes:
    """The request without thoughts of reasoners that its client brings back: no provider knows them."""
    if head.header(_ENCODING):
        return body
    try:
        return brought_back(wire.name, body)
    except DocumentError:
        return body


def _lanes(ways: list[tuple[Route, Attempt]]) -> tuple[Lane, ...]:
    """Those that run side by side; none where there is but one."""
    found: dict[int, list[tuple[Route, Attempt]]] = {}
    for route, made in ways:
        found.setdefault(route.lane, []).append((route, made))
    if len(found) < 2:
        return ()
    return tuple([Lane(tuple([made for _, made in lane]), lane[0][0].after_s, lane[0][0].patience_s) for lane in found.values()])


def _asked_again(head: Head, routed: Routed) -> plans.Question:
    """What must be known of a request to race with it. It is read only where that is needed."""
    wire, seen, body = routed.wire, routed.head, routed.body
    return plans.Question(wire, partial(asks_for_events, wire, seen, body), partial(told_as_events, wire, head, body))


def _room(rooms: Rooms, model: str) -> int:
    return rooms.of(model).max_output


def _thinking(way: Attempt, thought: Reasoned | None) -> Attempt:
    """The way, whose answer is to begin with what a reasoner has thought."""
    if thought is None:
        return way
    return plainly(replace(way, translation=_translation(copy.copy(thought), way.translation)))


def _dropped(tap: Tap | None, ended: Ended = "refused") -> None:
    """Nothing of the request goes up: whoever listens for an answer is told."""
    if tap is not None:
        tap.over(ended, 0, 0, 0)


def _question(head: Head, path: str, body: bytes, wire: Wire) -> Question:
    """The request is read only where a choice depends on it."""
    kept: list[tuple[Document, Prompt, list[Message]]] = []

    def read() -> tuple[Document, Prompt, list[Message]]:
        if not kept:
            document = Document(body)
            prompt = wire.read(document, path)
            kept.append((document, prompt, [wire.message(raw, (*prompt.items_at, at)) for at, raw in enumerate(prompt.items)]))
        return kept[0]

    def first() -> bool:
        _, prompt, messages = read()
        return not prompt.previous and not any(message.role == "assistant" for message in messages)

    def whose() -> bytes:
        document, prompt, messages = read()
        claim = next((one.key for one in claims(head, prompt, document) if not one.key.startswith(("response:", "item:"))), "")
        if claim:
            return claim.encode()
        return next((bytes(prompt.items[at]) for at, message in enumerate(messages) if message.role == "user"), b"")

    return Question(lambda: rough_body(body), first, whose)


def _joined(*several: tuple[tuple[bytes, bytes], ...]) -> tuple[tuple[bytes, bytes], ...]:
    """These headers, the last of each name."""
    found: dict[bytes, tuple[bytes, bytes]] = {}
    for headers in several:
        found |= {name.lower(): (name, value) for name, value in headers}
    return tuple(found.values())


def _translation(near: Translation | None, far: Translation | None) -> Translation | None:
    """`near`: what is made over for the client, whoever answers."""
    return Chained(near, far) if near is not None and far is not None else near or far
