"""The ways of one port's settings: which provider a request goes to, and what goes up there: model, parameters, wire, key.

Rule: it is built where requests are routed, or where somebody has said in a conversation where its requests are to go; nobody else pays for
it.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from msgspec import Struct
from msgspec.structs import replace

from backstory.app.steered import Steered, steered
from backstory.app.tokens import Tokens
from backstory.config import Config
from backstory.core.document import Document
from backstory.core.exchange import Head
from backstory.core.message import Message, Prompt
from backstory.core.plan import Attempt, Plan, Translation
from backstory.core.selectors import Value
from backstory.core.sizes import rough_body
from backstory.core.wire import Wire
from backstory.errors import BackstoryError, DocumentError, RequestError, UpstreamError
from backstory.memory.identity import claims, principal
from backstory.providers.choosing import Chooser
from backstory.providers.routing import Question, Route, Router
from backstory.wires import steering
from backstory.wires.chained import Chained
from backstory.wires.kept import Kept

_ENCODED = frozenset({b"content-encoding"})


class Sending(Struct, frozen=True):
    """A request that is to be sent. `head`: the client's; `path`: as memory has seen it. `body`: as it is to be sent where the plan has
    none. `plain`: the client's body had a content coding, and goes up without. `params`: set by its user; they count before a route's."""

    head: Head
    wire: Wire
    path: str
    body: bytes
    plain: bool = False
    params: dict[str, Value] = {}


class Ways:
    """`clock`: Unix seconds. Raises ConfigError for a provider's key that is not there."""

    def __init__(self, config: Config, clock: Callable[[], float] = time.time) -> None:
        self.router = Router(config)
        self.chooser = Chooser(self.router)
        self.tokens = Tokens(config, clock)
        self._clock = clock
        self._kept = Kept()

    def plan(self, plan: Plan, sending: Sending, routes: tuple[Route, ...]) -> Plan:
        """The plan on its routes, in their order. Raises what the first of them says where none of them can get the request."""
        if plan.paging is not None and any(route.backend.auth == "aws" for route in routes):
            # A signature holds for one body: there can be no later legs, so no tools of ours are offered.
            plan = replace(plan, body=plan.paging.without(), paging=None)
        body = sending.body if plan.body is None else plan.body
        attempts: list[Attempt] = []
        fault: BackstoryError | None = None
        for route in routes:
            try:
                attempts.append(self._attempt(plan, sending, route, body, routes[0].model))
            except (DocumentError, RequestError, UpstreamError) as error:
                fault = fault or error
        if not attempts:
            raise fault or DocumentError("no way is left")
        first, *others = attempts
        return replace(
            plan,
            target=first.target,
            body=first.body,
            drop=first.drop,
            add=first.add,
            translation=first.translation,
            name=first.name,
            others=tuple(others),
        )

    def _attempt(self, plan: Plan, sending: Sending, route: Route, body: bytes, first_model: str) -> Attempt:
        """One way, made of what memory has made of the request. Raises DocumentError, RequestError for what this provider cannot get,
        UpstreamError where there is nothing to pay it with."""
        head, wire = sending.head, sending.wire
        whose = principal("api_key", head) if wire.stateful else ""
        path = steering.path_with(sending.path, route.model)
        exchange: Steered = steered(wire.name, route, path, head.query, self._kept if wire.stateful else None, whose, sending.params)
        exchange.legs = plan.paging is not None
        out = exchange.ask(body)
        token = self.tokens.of(route.backend)
        drop, add = route.backend.pay(exchange.speaks, route.instance, head, exchange.translated, token)
        target = route.backend.target(exchange.speaks, route.model, *exchange.place())
        if route.backend.auth == "aws":
            add = (*add, *route.backend.signed(target, out, self._clock()))
        if sending.plain:
            drop |= _ENCODED
        # Of several legs, the later ones need the same done to them.
        differs = bool(route.params or sending.params) or route.model != first_model
        changes = exchange.translated or bool(exchange.lost) or (plan.paging is not None and differs)
        return Attempt(
            route.name,
            target,
            out,
            plan.drop | drop | exchange.drop,
            _joined(plan.add, exchange.add, add),
            _translation(plan.translation, exchange if changes else None),
        )


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


def _joined(*several: tuple[tuple[bytes, bytes], ...]) -> tuple[tuple[bytes, bytes], ...]:
    """These headers, the last of each name."""
    found: dict[bytes, tuple[bytes, bytes]] = {}
    for headers in several:
        found |= {name.lower(): (name, value) for name, value in headers}
    return tuple(found.values())


def _translation(near: Translation | None, far: Translation | None) -> Translation | None:
    """`near`: what is made over for the client, whoever answers."""
    return Chained(near, far) if near is not None and far is not None else near or far
