"""The stage runner: a stage that fails open leaves no trace but a note, one that fails closed stops the request, the end is told to all."""

from __future__ import annotations

import asyncio
import errno

import pytest
from msgspec.structs import replace

from backstory.core.edits import AddSystem
from backstory.core.exchange import Exchange, Head, Note, Outcome
from backstory.core.reply import Reply
from backstory.errors import StoreError
from backstory.stages.base import Pipeline, Stage, attempt, attempted

OUTCOME = Outcome("complete", 200, None, 0.0, 0.0, 0, 0)
ERRORS = [StoreError("gone"), OSError(errno.ENOSPC, "full"), RecursionError(), MemoryError(), KeyError("x")]


class Adds(Stage):
    """Adds one edit with its name."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.ended = 0

    async def request(self, exchange: Exchange) -> Exchange:
        return replace(exchange, edits=(*exchange.edits, (self.name, AddSystem(self.name))))

    def finished(self, exchange: Exchange, outcome: Outcome) -> None:
        self.ended += 1


class Fails(Adds):
    """Fails wherever it can."""

    def __init__(self, error: Exception) -> None:
        super().__init__("fails")
        self.error = error

    async def request(self, exchange: Exchange) -> Exchange:
        await asyncio.sleep(0)
        raise self.error

    def finished(self, exchange: Exchange, outcome: Outcome) -> None:
        raise self.error


class Answers(Adds):
    """Answers itself."""

    async def request(self, exchange: Exchange) -> Exchange:
        return replace(exchange, answer=Reply())


def exchange() -> Exchange:
    return Exchange(1, Head("POST", "/", "", ()), b"{}")


def run(*stages: Stage, expired: bool = False) -> tuple[Exchange, list[str]]:
    failed: list[str] = []
    pipeline = Pipeline(stages, lambda where, error: failed.append(where))
    if expired:
        pipeline.expired.add(1)
    through = asyncio.run(pipeline.run(exchange()))
    pipeline.finish(through, OUTCOME)
    return through, failed


def names(through: Exchange) -> list[str]:
    return [stage for stage, _ in through.edits]


def test_stages_run_in_order() -> None:
    assert names(run(Adds("a"), Adds("b"))[0]) == ["a", "b"]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_a_stage_that_fails_open_is_as_if_it_were_absent(error: Exception) -> None:
    last = Adds("c")
    through, failed = run(Adds("a"), Fails(error), last)
    assert names(through) == ["a", "c"]
    assert through.notes == (Note("fails", f"failed open: {type(error).__name__}"),)
    assert failed == ["fails", "fails"]
    assert last.ended == 1


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_a_stage_that_fails_closed_stops_the_request(error: Exception) -> None:
    stage = Fails(error)
    stage.fails = "closed"
    with pytest.raises(type(error)):
        run(stage)


def test_an_answer_ends_the_way() -> None:
    through, _ = run(Answers("a"), Adds("b"))
    assert names(through) == []
    assert through.answer == Reply()


def test_after_the_deadline_only_those_run_that_remember() -> None:
    late = Adds("late")
    late.late = True
    assert names(run(late, Adds("too late"), expired=True)[0]) == ["late"]


def test_a_plain_stage_does_nothing() -> None:
    assert run(Stage()) == (exchange(), [])


def test_a_client_that_leaves_is_no_failure_of_a_stage() -> None:
    async def work() -> list[str]:
        failed: list[str] = []
        task = asyncio.ensure_future(Pipeline([Waits()], lambda where, error: failed.append(where)).run(exchange()))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return failed

    assert asyncio.run(work()) == []


class Waits(Stage):
    """Waits for ever."""

    async def request(self, exchange: Exchange) -> Exchange:
        await asyncio.Event().wait()
        return exchange


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_what_is_attempted_has_a_second_way(error: Exception) -> None:
    told: list[tuple[str, BaseException]] = []

    def breaks() -> int:
        raise error

    async def breaks_later() -> int:
        raise error

    def tell(where: str, what: BaseException) -> None:
        told.append((where, what))

    assert attempt(tell, "a", lambda: 1, lambda: 2) == 1
    assert attempt(tell, "b", breaks, lambda: 2) == 2
    assert asyncio.run(attempted(tell, "c", breaks_later(), 2)) == 2
    assert told == [("b", error), ("c", error)]
