"""What is set for a conversation, held against the providers that there are, and against what a wire has a place for."""

from __future__ import annotations

from collections.abc import Sequence

from backstory.app.gateway.augment import of
from backstory.app.gateway.ways import Ways, question_of
from backstory.app.regard import Regard
from backstory.config.catalogue import known_at
from backstory.core.exchange import Exchange
from backstory.core.wishes import Wishes
from backstory.errors import RequestError
from backstory.providers.choosing import Choice, Way
from backstory.providers.routing import Route
from backstory.stages.wishes import Verdict
from backstory.wires import steering
from backstory.wires.translation.tongues import TONGUES

TONGUES_BY_NAME = {tongue.name: tongue for tongue in TONGUES}


def verdict_of(ways: Ways, exchange: Exchange, wishes: Wishes) -> Verdict:
    way = way_of(exchange, regard_of(exchange))
    if wishes.asked or wishes.backend:
        ways.chooser.check_place()
    choice = choice_of(ways, exchange, wishes, way)
    doubt = ways.chooser.doubt(wishes.asked) if choice.model else ""
    if choice.routes:
        return Verdict(_places(choice), doubt, _lost(choice, way.wire))
    model = choice.model or way.model
    lost = steering.misplaced(TONGUES_BY_NAME[way.wire], model, choice.params, known_at(way.host))
    return Verdict(_by_itself(model, bool(choice.model)), doubt, tuple([f"{loss.what} is left out there: {loss.why}." for loss in lost]))


def _places(choice: Choice) -> str:
    """Its ways in words: one after the other, side by side, or behind a reasoner."""
    lanes: dict[int, list[Route]] = {}
    for route in choice.routes:
        lanes.setdefault(route.lane if choice.races else 0, []).append(route)
    where = " and ".join(_in_turn(lane) for lane in lanes.values())
    if len(lanes) > 1:
        where += " at the same time: the first with something to say answers"
    elif all(route.backend is choice.routes[0].backend for route in choice.routes):
        where += f" (paid with {choice.routes[0].backend.paid_with})"
    return where + (f", once {_in_turn(choice.reasoners)} has thought about it" if choice.reasoners else "")


def _in_turn(routes: Sequence[Route]) -> str:
    return ", then ".join(dict.fromkeys([f"{route.name} with the model {route.model}" for route in routes]))


def _lost(choice: Choice, wire: str) -> tuple[str, ...]:
    """A sentence for each parameter that one of its ways has no place for."""
    ways = {(route.backend.name, route.model): route for route in choice.routes}
    found: list[str] = []
    for route in ways.values():
        backend = route.backend
        there = "there" if len(ways) == 1 else f"at {backend.name}"
        lost = steering.misplaced(TONGUES_BY_NAME[backend.wire(wire)], route.model, choice.params, backend.known)
        found += [f"{loss.what} is left out {there}: {loss.why}." for loss in lost]
    return tuple(dict.fromkeys(found))


def _by_itself(model: str, changed: bool) -> str:
    whose = "the" if changed else "its client's"
    return f"the provider that it goes to by itself, with {whose} model {model}"


def regard_of(exchange: Exchange) -> Regard:
    found = next((one for one in exchange.head.kept.values() if isinstance(one, Regard)), None)
    if found is None:
        raise RequestError("nothing is known of where this request goes")
    return found


def way_of(exchange: Exchange, regard: Regard) -> Way:
    wire, prompt = exchange.wire, exchange.prompt
    model = exchange.model or (prompt.model if prompt is not None else "")
    if steering.in_path(exchange.head.path):
        model = steering.model_of(b"", exchange.head.path)
    augment = of(exchange.head)
    fixed = augment is not None and bool(augment.route)
    if fixed and augment is not None:
        model = augment.model
    name, host = wire.name if wire is not None else "", regard.host or regard.target.host
    return Way(name, model, host, regard.routes, regard.races, regard.reasoners, fixed, regard.at)


def choice_of(ways: Ways, exchange: Exchange, wishes: Wishes, way: Way) -> Choice:
    assert exchange.wire is not None
    return ways.chooser.choose(wishes, way, question_of(exchange.head, exchange.head.path, exchange.body, exchange.wire))
