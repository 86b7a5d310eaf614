"""The ways of one port's settings: which provider a request goes to, and what goes up there: model, parameters, wire, key.

Rule: it is built where requests are routed, or where somebody has said in a conversation where its requests are to go; nobody else pays for
it.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from functools import partial

from msgspec import Struct
from msgspec.structs import replace

from backstory.app.gateway.augment import of
from backstory.app.gateway.enduring import asks_for_events, told_as_events
from backstory.app.gateway.hybrid import Asking, Hybrid
from backstory.app.gateway.keeping import Keeping, keeps
from backstory.app.gateway.steered import Steered, steered
from backstory.app.gateway.tokens import Tokens
from backstory.app.metering.gauge import Bill, bill_of
from backstory.app.metrics import Metrics
from backstory.config import Config
from backstory.core import plan as plans
from backstory.core.document import Document
from backstory.core.exchange import Head, Headers
from backstory.core.message import Message, Prompt
from backstory.core.plan import Attempt, Lane, Plan, Target, Translation
from backstory.core.selectors import Value
from backstory.core.sizes import rough_body
from backstory.core.wire import Wire
from backstory.errors import BackstoryError, ContextTooLong, DocumentError, RequestError, UpstreamError
from backstory.memory.identity.named import claims, principal
from backstory.providers.choosing import Chooser
from backstory.providers.routing import Question, Route, Router
from backstory.providers.windows import Rooms
from backstory.relay.attempts import plainly
from backstory.relay.breaker import Board
from backstory.stages.base import Failed, attempt, attempted
from backstory.wires import steering
from backstory.wires.continued import perhaps_kept
from backstory.wires.kept import built_on, conversation_of
from backstory.wires.reworking.reasoned import Reasoned
from backstory.wires.translation.chained import Chained

_ENCODED = frozenset({b"content-encoding"})


class Sending(Struct, frozen=True):
    """A request that is to be sent. `head`: the client's; `seen`: as memory has seen it. `body`: as it is to be sent where the plan has
    none. `plain`: the client's body had a content coding, and goes up without. `params`: set by its user; they count before a route's.
    `routes`: in the order in which they are tried; `races`: those of different lanes are asked side by side. `reasoners`: who is asked to
    think first. `model`: the one that the client named."""

    head: Head
    seen: Head
    wire: Wire
    body: bytes
    routes: tuple[Route, ...]
    plain: bool = False
    params: dict[str, Value] = {}
    races: bool = False
    reasoners: tuple[Route, ...] = ()
    model: str = ""


class Ways:
    """`board`: of the providers that are set aside. `failed` is told what failed open. `keeping`: of answers that clients build on.
    `clock`: Unix seconds. Raises ConfigError for a provider's key that is not there."""

    def __init__(
        self, config: Config, board: Board, metrics: Metrics, failed: Failed, keeping: Keeping, clock: Callable[[], float] = time.time
    ) -> None:
        self.router = Router(config)
        self.chooser = Chooser(self.router)
        self.tokens = Tokens(config, clock)
        self._failed = failed
        self._clock = clock
        self._keeping = keeping
        self._marks = config.upstream.cache_marks
        self._principal = config.identity.principal
        self._hybrid = Hybrid(config, self.tokens, board, metrics, partial(_room, self.router.rooms), failed, clock)

    def ready(self, sending: Sending) -> bool:
        """Whether `plan` can be asked without `thought`: nobody is to think first, there is what each way is paid with, and what it
        builds on is at hand."""
        paid = not sending.reasoners and self.tokens.ready(route.backend for route in sending.routes)
        return paid and not self._unheld(sending)

    async def fetch(self, sending: Sending) -> None:
        """Get what its ways are paid with, and what it builds on, as far as that can be had."""
        await self.tokens.fetch(route.backend for route in (*sending.routes, *sending.reasoners))
        names = self._unheld(sending)
        if names:
            await self._keeping.load(principal("api_key", sending.head), names)

    def _unheld(self, sending: Sending) -> tuple[str, ...]:
        """The answers that it builds on and that its provider may not have, as far as this process does not hold them."""
        wire = sending.wire.name
        if not keeps(sending.wire):
            return ()
        native = all(route.backend.wire(wire) == wire for route in (*sending.routes, *sending.reasoners))
        names, talk = (perhaps_kept(sending.body), "") if native else (built_on(sending.body), conversation_of(sending.body))
        if not names and not talk:
            return ()
        kept, whose = self._keeping.kept, principal("api_key", sending.head)
        # A conversation goes on under its id, perhaps in another process: what is held of it may be old.
        return tuple([name for name in (*names, *filter(None, [talk])) if name == talk or not kept.get(whose, name)[0]])

    async def thought(self, plan: Plan, sending: Sending, drop: frozenset[bytes]) -> Reasoned | None:
        """What a reasoner says to it; None where none is asked, or that fails. `drop`: headers that do not go up, besides the plan's."""
        if not sending.reasoners:
            return None
        body = plan.paging.without() if plan.paging is not None else sending.body if plan.body is None else plan.body
        stateful = keeps(sending.wire)
        whose = principal("api_key", sending.head) if stateful else ""
        kept = self._keeping.kept if stateful else None
        bill = bill_of(sending.head) or Bill()
        asking = Asking(sending.head, sending.seen.path, body, sending.wire, drop | plan.drop, kept, whose, bill, sending.params)
        nothing: Reasoned | None = None
        return await attempted(self._failed, "reasoner", self._hybrid.reasoned(asking, sending.reasoners), nothing)

    def plan(self, plan: Plan, sending: Sending, thought: Reasoned | None = None) -> Plan:
        """The plan on its routes, in their order. Raises what the first of them says where none of them can get the request."""
        signs = plan.asks_on and any(route.backend.signs for route in sending.routes)
        if signs:
            plan = plans.asked_once(plan)
        if plan.paging is not None and signs:
            # A signature holds for one body: there can be no later legs, so no tools of ours are offered.
            without = plan.paging.without()
            plan = replace(plan, body=without if plan.translation is None else plan.translation.ask(without), paging=None)
        body = sending.body if plan.body is None else plan.body
        if thought is not None:
            body = attempt(self._failed, "reasoner", lambda: thought.ask(body), lambda: body)
        ways: list[tuple[Route, Attempt]] = []
        fault: BackstoryError | None = None
        for route in sending.routes:
            try:
                ways.append((route, _thinking(self._attempt(plan, sending, route, body), thought)))
            except (DocumentError, RequestError, UpstreamError) as error:
                fault = fault or error
                if route.backend.pays is not None:
                    self._failed(f"extension {route.backend.pays[0]}", error)
        if not ways:
            raise fault or DocumentError("no way is left")
        first, *others = [made for _, made in ways]
        lanes = _lanes(ways) if sending.races else ()
        return replace(
            plan,
            lanes=lanes,
            question=_asked_again(sending) if others else plan.question,
            target=first.target,
            body=first.body,
            drop=first.drop,
            add=first.add,
            translation=first.translation,
            name=first.name,
            speaks=first.speaks,
            renew=first.renew,
            others=tuple(others),
        )

    def _attempt(self, plan: Plan, sending: Sending, route: Route, body: bytes) -> Attempt:
        """One way, made of what memory has made of the request. Raises DocumentError, RequestError for what this provider cannot get,
        UpstreamError where there is nothing to pay it with."""
        head, wire = sending.head, sending.wire
        whose = principal("api_key", head) if keeps(wire) else ""
        path = steering.path_with(sending.seen.path, route.model)
        augment = of(sending.seen)
        said = "" if augment is None else augment.refusal(wire.name, route.model)
        if said:
            raise ContextTooLong(said)
        kept = self._keeping.kept if keeps(wire) else None
        keep = None
        if kept is not None and route.backend.wire(wire.name) != wire.name:
            keep = self._keeping.keeper(whose, principal(self._principal, head), plan.tap is not None)
        betas = head.header(b"anthropic-beta")
        most = partial(_room, self.router.rooms)
        # What the client asks of the model that it named itself, in that model's wire, is its own affair.
        moved = sending.model not in {"", route.model}
        marks, wishes = self._marks, sending.params
        exchange: Steered = steered(wire.name, route, path, head.query, kept, whose, betas, augment, wishes, keep, marks, most, moved)
        exchange.legs = plan.paging is not None
        out = exchange.ask(body)
        token = self.tokens.of(route.backend)
        drop, add = route.backend.pay(exchange.speaks, route.instance, head, exchange.translated, token)
        target = route.backend.target(exchange.speaks, route.model, *exchange.place())
        add = (*add, *route.backend.signed(target, out, self._clock(), token))
        if sending.plain:
            drop |= _ENCODED
        # Of several legs, the later ones need the same done to them.
        differs = bool(route.params or sending.params) or route.model != sending.routes[0].model or augment is not None
        differs = differs or exchange.unsealed
        changes = exchange.changes or bool(exchange.lost) or (plan.asks_on and differs)
        return Attempt(
            route.name,
            target,
            out,
            plan.drop | drop | exchange.drop,
            _joined(plan.add, exchange.add, add),
            _translation(copy.copy(plan.translation), exchange if changes else None),
            exchange.speaks if exchange.translated else "",
            partial(self._renewed, route, exchange, head, target, out, token) if token else None,
        )

    async def _renewed(self, route: Route, exchange: Steered, head: Head, target: Target, body: bytes, token: str) -> Headers | None:
        """As core.plan.Renew."""
        backend = route.backend
        fresh = await self.tokens.renewed(backend, token)
        if not fresh:
            return None
        try:
            _, add = backend.pay(exchange.speaks, route.instance, head, exchange.translated, fresh)
            return (*add, *backend.signed(target, body, self._clock(), fresh))
        except UpstreamError as error:
            self._failed("token", error)
            return None


def question_of(head: Head, path: str, body: bytes, wire: Wire) -> Question:
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


def _lanes(ways: list[tuple[Route, Attempt]]) -> tuple[Lane, ...]:
    """Those that run side by side; none where there is but one."""
    found: dict[int, list[tuple[Route, Attempt]]] = {}
    for route, made in ways:
        found.setdefault(route.lane, []).append((route, made))
    if len(found) < 2:
        return ()
    return tuple([Lane(tuple([made for _, made in lane]), lane[0][0].after_s, lane[0][0].patience_s) for lane in found.values()])


def _asked_again(sending: Sending) -> plans.Question:
    """What must be known of a request to race with it. It is read only where that is needed."""
    wire, body = sending.wire, sending.body
    return plans.Question(wire, partial(asks_for_events, wire, sending.seen, body), partial(told_as_events, wire, sending.head, body))


def _room(rooms: Rooms, model: str) -> int:
    return rooms.of(model).max_output


def _thinking(way: Attempt, thought: Reasoned | None) -> Attempt:
    """The way, whose answer is to begin with what a reasoner has thought."""
    if thought is None:
        return way
    return plainly(replace(way, translation=_translation(copy.copy(thought), way.translation)))


def _joined(*several: tuple[tuple[bytes, bytes], ...]) -> tuple[tuple[bytes, bytes], ...]:
    """These headers, the last of each name."""
    found: dict[bytes, tuple[bytes, bytes]] = {}
    for headers in several:
        found |= {name.lower(): (name, value) for name, value in headers}
    return tuple(found.values())


def _translation(near: Translation | None, far: Translation | None) -> Translation | None:
    """`near`: what is made over for the client, whoever answers."""
    return Chained(near, far) if near is not None and far is not None else near or far
