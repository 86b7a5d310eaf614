"""What is known of providers, for what people set by commands: it comes to something, or it is told why not.

Rule: nobody pays for it who does not use it: the ways of the settings are made when they are first asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from backstory.app.regard import Regard
from backstory.config import Config
from backstory.core.exchange import Exchange
from backstory.core.wishes import Wishes
from backstory.errors import RequestError
from backstory.stages.wishes import Judge, Verdict
from backstory.wires import steering
from backstory.wires.tongues import TONGUES

if TYPE_CHECKING:
    from backstory.app.ways import Ways
    from backstory.providers.choosing import Choice, Way

TONGUES_BY_NAME = {tongue.name: tongue for tongue in TONGUES}


class AtNeed:
    """The ways of these settings. `clock`: Unix seconds."""

    def __init__(self, config: Config, clock: Callable[[], float]) -> None:
        self._config = config
        self._clock = clock
        self._ways: Ways | None = None

    def __call__(self) -> Ways:
        """They themselves, the same each time. Raises ConfigError for a provider's key that is not there."""
        if self._ways is None:
            from backstory.app.ways import Ways  # noqa: PLC0415 - only where requests are routed

            self._ways = Ways(self._config, self._clock)
        return self._ways


def judge(ways: Callable[[], Ways]) -> Judge:
    """What the stage of commands asks. `ways`: made when it is first asked."""

    def split(exchange: Exchange, text: str) -> tuple[str, str]:
        ways().chooser.check_place()
        return ways().chooser.split(text, way_of(exchange, _regard(exchange)))

    def provider(text: str) -> str:
        ways().chooser.check_place()
        return ways().chooser.provider(text)

    def element(exchange: Exchange, text: str) -> str:
        return ways().chooser.element(text, exchange.wire.name if exchange.wire is not None else "")

    return Judge(lambda: ways().chooser.known, provider, split, element, lambda exchange, wishes: _verdict(ways(), exchange, wishes))


def _verdict(ways: Ways, exchange: Exchange, wishes: Wishes) -> Verdict:
    way = way_of(exchange, _regard(exchange))
    if wishes.asked or wishes.backend:
        ways.chooser.check_place()
    choice = choice_of(ways, exchange, wishes, way)
    named = [f"{route.name} with the model {route.model}" for route in choice.routes]
    where = ", then ".join(dict.fromkeys(named)) or _by_itself(choice.model or way.model, bool(choice.model))
    if choice.routes:
        first = choice.routes[0]
        speaks, model = first.backend.wire(way.wire), first.model
        if all(route.backend is first.backend for route in choice.routes):
            where += f" (paid with {first.backend.paid_with})"
    else:
        speaks, model = way.wire, choice.model or way.model
    tongue = TONGUES_BY_NAME[speaks]
    lost = steering.misplaced(tongue, model, choice.params)
    return Verdict(
        where,
        ways.chooser.doubt(wishes.asked) if choice.model else "",
        tuple([f"{loss.what} is left out there: {loss.why.partition(': ')[2] or loss.why}." for loss in lost]),
    )


def _by_itself(model: str, changed: bool) -> str:
    whose = "the" if changed else "its client's"
    return f"the provider that it goes to by itself, with {whose} model {model}"


def _regard(exchange: Exchange) -> Regard:
    found = next((one for one in exchange.head.kept.values() if isinstance(one, Regard)), None)
    if found is None:
        raise RequestError("nothing is known of where this request goes")
    return found


def way_of(exchange: Exchange, regard: Regard) -> Way:
    from backstory.providers.choosing import Way  # noqa: PLC0415 - only where somebody has chosen

    wire, prompt = exchange.wire, exchange.prompt
    model = exchange.model or (prompt.model if prompt is not None else "")
    if steering.in_path(exchange.head.path):
        model = steering.model_of(b"", exchange.head.path)
    return Way(wire.name if wire is not None else "", model, regard.host or regard.target.host, regard.routes)


def choice_of(ways: Ways, exchange: Exchange, wishes: Wishes, way: Way) -> Choice:
    from backstory.app.ways import question_of  # noqa: PLC0415 - only where somebody has chosen

    assert exchange.wire is not None
    return ways.chooser.choose(wishes, way, question_of(exchange.head, exchange.head.path, exchange.body, exchange.wire))
