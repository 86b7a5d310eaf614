"""What a stage is, and how the stages are run: `run()` alone stops at an answer; whatever breaks is caught here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Literal, TypeVar

from msgspec.structs import replace

from backstory.core.exchange import Exchange, Note, Outcome

T = TypeVar("T")
Failed = Callable[[str, BaseException], None]
"""Who is told of what broke, and where, when the request goes on without it."""


class Stage:
    """One feature on the way of a request. `fails`: open = an exchange that breaks it goes on as if the stage were absent.
    `late`: it also runs when the deadline has passed and the request has gone up without it."""

    name = ""
    fails: Literal["open", "closed"] = "open"
    late = False

    async def request(self, exchange: Exchange) -> Exchange:
        """The exchange with this stage's edits."""
        return exchange

    def finished(self, exchange: Exchange, outcome: Outcome) -> None:
        """The exchange is over. Called once for each exchange for which `request` was begun."""


class Pipeline:
    """The stages in order. `failed` is told the name of a stage that broke; `expired` holds the exchanges whose deadline has passed."""

    def __init__(self, stages: Sequence[Stage], failed: Failed) -> None:
        self.stages = tuple(stages)
        self.failed = failed
        self.expired: set[int] = set()

    async def run(self, exchange: Exchange) -> Exchange:
        """Through all stages. A stage that fails open leaves no trace but a note; one that fails closed raises."""
        for stage in self.stages:
            if exchange.id in self.expired and not stage.late:
                continue
            try:
                exchange = await stage.request(exchange)
            except Exception as error:
                if stage.fails == "closed":
                    raise
                exchange = self._without(exchange, stage, error)
            if exchange.answer is not None:
                break
        return exchange

    def finish(self, exchange: Exchange, outcome: Outcome) -> None:
        """Tell every stage, the last first."""
        for stage in reversed(self.stages):
            attempt(self.failed, stage.name, partial(stage.finished, exchange, outcome), lambda: None)

    def _without(self, exchange: Exchange, stage: Stage, error: Exception) -> Exchange:
        self.failed(stage.name, error)
        note = Note(stage.name, _failed_open(type(error)))
        return replace(exchange, notes=(*exchange.notes, note))


def failed_open(exchange: Exchange, stage: str, *kinds: type[Exception]) -> bool:
    """Whether this stage failed open for this exchange, with an error of one of these very classes."""
    texts = {_failed_open(kind) for kind in kinds}
    return any(note.stage == stage and note.text in texts for note in exchange.notes)


def attempt(failed: Failed, where: str, call: Callable[[], T], otherwise: Callable[[], T]) -> T:
    """What `call` gives. Where it raises, `failed` is told, and it is what `otherwise` gives."""
    try:
        return call()
    except Exception as error:
        failed(where, error)
    return otherwise()


async def attempted(failed: Failed, where: str, work: Awaitable[T], otherwise: T) -> T:
    """As `attempt`, for what has to be waited for."""
    try:
        return await work
    except Exception as error:
        failed(where, error)
    return otherwise


def _failed_open(kind: type[Exception]) -> str:
    return f"failed open: {kind.__name__}"
