"""What is set for a conversation, held against the providers that there are, and against what a wire has a place for."""

from __future__ import annotations

from backstory.app.gateway.augment import of
from backstory.app.gateway.ways import Ways, question_of
from backstory.app.regard import Regard
from backstory.config.catalogue import known_at
from backstory.core.exchange import Exchange
from backstory.core.wishes import Wishes
from backstory.errors import RequestError
from backstory.providers.choosing import Choice, Way
from backstory.stages.wishes import Verdict
from backstory.wires import steering
from backstory.wires.translation.tongues import TONGUES

TONGUES_BY_NAME = {tongue.name: tongue for tongue in TONGUES}


def verdict_of(ways: Ways, exchange: Exchange, wishes: Wishes) -> Verdict:
    way = way_of(exchange, regard_of(exchange))
    if wishes.asked or wishes.backend:
        ways.chooser.check_place()
    choice = choice_of(ways, exchange, wishes, way)
    named = [f"{route.name} with the model {route.model}" for route in choice.routes]
    where = ", then ".join(dict.fromkeys(named)) or _by_itself(choice.model or way.model, bool(choice.model))
    if choice.routes:
        first = choice.routes[0]
        speaks, model, known = first.backend.wire(way.wire), first.model, first.backend.known
        if all(route.backend is first.backend for route in choice.routes):
            where += f" (paid with {first.backend.paid_with})"
    else:
        speaks, model, known = way.wire, choice.model or way.model, known_at(way.host)
    tongue = TONGUES_BY_NAME[speaks]
    lost = steering.misplaced(tongue, model, choice.params, known)
    return Verdict(
        where,
        ways.chooser.doubt(wishes.asked) if choice.model else "",
        tuple([f"{loss.what} is left out there: {loss.why}." for loss in lost]),
    )


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
