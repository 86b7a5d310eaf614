"""What is known of providers, for what people set by commands: it comes to something, or it is told why not.

Rule: nobody pays for it who does not use it: what it takes is loaded, and the ways of the settings are made, when they are first asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from backstory.core.exchange import Exchange
from backstory.core.wishes import Wishes
from backstory.stages.wishes import Judge, Verdict

if TYPE_CHECKING:
    from backstory.app.engine import Engine
    from backstory.app.gateway.ways import Ways


class AtNeed:
    """The ways of an engine's settings. `clock`: Unix seconds."""

    def __init__(self, engine: Engine, clock: Callable[[], float]) -> None:
        self._engine = engine
        self._clock = clock
        self._ways: Ways | None = None

    def __call__(self) -> Ways:
        """They themselves, the same each time. Raises ConfigError for a provider's key that is not there."""
        if self._ways is None:
            from backstory.app.gateway.keeping import Keeping  # noqa: PLC0415 - only where requests are routed
            from backstory.app.gateway.ways import Ways  # noqa: PLC0415

            engine = self._engine
            keeping = Keeping(engine, self._clock)
            self._ways = Ways(engine.config, engine.endurance.board, engine.metrics, engine.failed, keeping, self._clock)
        return self._ways


def judge(ways: Callable[[], Ways]) -> Judge:
    """What the stage of commands asks. `ways`: made when it is first asked."""

    def split(exchange: Exchange, text: str) -> tuple[str, str]:
        from backstory.app.gateway.verdicts import regard_of, way_of  # noqa: PLC0415 - only where somebody chooses

        ways().chooser.check_place()
        return ways().chooser.split(text, way_of(exchange, regard_of(exchange)))

    def provider(text: str) -> str:
        ways().chooser.check_place()
        return ways().chooser.provider(text)

    def element(exchange: Exchange, text: str) -> str:
        return ways().chooser.element(text, exchange.wire.name if exchange.wire is not None else "")

    def verdict(exchange: Exchange, wishes: Wishes) -> Verdict:
        from backstory.app.gateway.verdicts import verdict_of  # noqa: PLC0415 - only where somebody chooses

        return verdict_of(ways(), exchange, wishes)

    return Judge(lambda: ways().chooser.known, provider, split, element, verdict)
