"""A race (A!B): several ways are asked side by side, and the first whose answer has something in it answers.

Rule: the client sees one answer. The moment one has won, the connections of all others are closed, so that their providers can stop; a
refusal, an error and an answer with nothing in it lose, and are told only where nobody wins.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Protocol, TypeAlias

from backstory.core.charges import How
from backstory.core.exchange import Headers
from backstory.core.plan import Gauge, Lane, Question
from backstory.errors import BackstoryError, UpstreamError
from backstory.relay import interpret
from backstory.relay.attempts import Attempts
from backstory.relay.comments import Comments
from backstory.relay.heads import ReplyHead
from backstory.relay.runner import Answered, Runner

if TYPE_CHECKING:
    from backstory.relay.asker import Asker
    from backstory.relay.heads import Request

# The handicap of a way that was given up before: it comes after all others, and no time of its own.
_LAST_S = math.inf
_REFUSED = 400
_Trailers: TypeAlias = tuple[tuple[bytes, bytes], ...]


class Course(interpret.Course, Protocol):
    """The exchange that is raced for (flow.py)."""

    def raced(self, runner: Runner, reply: ReplyHead, data: bytes, done: bool, trailers: _Trailers) -> None:
        """This one has won: what comes of it is the exchange's from now on, beginning with this head and these bytes."""
        ...

    def unwon(self, attempts: Attempts, answered: Answered | None, error: BackstoryError) -> None:
        """Nobody has won. `answered`: what is told; where there is nothing, this error."""
        ...


class Race:
    """`comments`: the stream that is begun for a client that waits. `gauge`: is told in the end what each way has been asked, and how far
    its answer had come."""

    def __init__(
        self,
        lanes: Sequence[Lane],
        body: bytes,
        question: Question,
        comments: Comments,
        exchange: Course,
        down: Asker,
        request: Request,
        gauge: Gauge | None = None,
    ) -> None:
        self._gauge = gauge
        self._exchange = exchange
        self._door = down.door
        self._timers: list[asyncio.TimerHandle] = []
        self._runner = partial(
            Runner,
            body=body,
            question=question,
            comments=comments,
            race=self,
            exchange=exchange,
            down=down,
            request=request,
            gauged=gauge is not None,
        )
        self._runners = [self._runner(lane) for lane in lanes]
        self._over = False
        self.comments = comments

    @property
    def headers(self) -> Headers:
        """Ours, for the head of a stream that is begun before anybody has won: nothing is known yet."""
        return ()

    def start(self) -> None:
        """Those without a handicap at once, the others when their time has come, or nobody runs any more. One that is set aside is asked
        only where nobody else is left."""
        board = self._door.endurance.board
        able = [one for one in self._runners if any(board.admits(way.name) for way in one.lane.tries)]
        for runner in able:
            if runner.lane.after_s:
                self._later(runner.lane.after_s, runner)
        for runner in able:
            if not runner.lane.after_s:
                self._start(runner)
        if not self._over and not any(runner.state == "running" for runner in self._runners):
            self._next()

    def abandon(self) -> None:
        """The client has left."""
        if not self._over:
            running = [runner for runner in self._runners if runner.state == "running"]
            self._bill(running[0] if running else self._runners[0], "cut")
        self._stop()

    def _stop(self) -> None:
        self._over = True
        for timer in self._timers:
            timer.cancel()
        for runner in self._runners:
            if runner.state != "won":
                runner.stop()

    def check(self) -> None:
        """Called by the sweep."""
        for runner in self._runners:
            if runner.state == "running" and not self._over:
                runner.check()
        if not self._over:
            self.comments.check(self.headers)

    # As runner.Course.

    def won(self, runner: Runner, reply: ReplyHead, data: bytes, done: bool, trailers: _Trailers) -> None:
        """As runner.Course.won."""
        if self._over:
            return
        self._tell(runner)
        self._bill(runner, "beaten")
        self._stop()
        self._exchange.raced(runner, reply, data, done, trailers)

    def out(self, runner: Runner) -> None:
        """As runner.Course.out."""
        if self._over:
            return
        self.comments.start()
        if any(one.state == "running" for one in self._runners):
            return
        if not self._next():
            self._nobody()

    # Starts and ends.

    def _start(self, runner: Runner) -> None:
        if self._over or runner.state != "waiting":
            return
        if runner.lane.patience_s:
            self._timers.append(self._door.loop.call_later(runner.lane.patience_s, self._impatient, runner))
        runner.start()

    def _later(self, seconds: float, runner: Runner) -> None:
        self._timers.append(self._door.loop.call_later(seconds, self._start, runner))

    def _next(self) -> bool:
        """The waiting one that would start first starts now. False where none waits."""
        waiting = [one for one in self._runners if one.state == "waiting"]
        if waiting:
            self._start(min(waiting, key=lambda one: one.lane.after_s))
        return bool(waiting)

    def _impatient(self, runner: Runner) -> None:
        """It has had its time, and goes if that leaves another one. Where all others fail, it is asked once more, and waited for."""
        others = [one for one in self._runners if one is not runner and one.state in {"waiting", "running"} and one.lane.after_s < _LAST_S]
        if self._over or runner.state != "running" or not others:
            return
        runner.attempts.say("slow")
        runner.stop()
        self._runners.append(self._runner(Lane(runner.lane.tries, _LAST_S)))
        self.out(runner)

    def _nobody(self) -> None:
        """What is told: an answer with nothing in it, else the first refusal in the order in which the ways are named, else why none was
        reached."""
        self._over = True
        for timer in self._timers:
            timer.cancel()
        found = [one for one in self._runners if one.answered is not None]
        found.sort(key=lambda one: not (one.answered is not None and one.answered.good))
        said = found[0] if found else next((one for one in self._runners if one.error is not None), self._runners[0])
        self._tell(said)
        self._bill(said, "beaten")
        if said.answered is not None and said.answered.good:
            said.attempts.say("empty")
        self._exchange.unwon(said.attempts, said.answered, said.error or UpstreamError("no provider of the race has answered"))

    def _bill(self, last: Runner, otherwise: How) -> None:
        """Who counts what is charged is told of every leg, the one that is the client's at last. `otherwise`: what has become of those that
        run still."""
        gauge = self._gauge
        if gauge is None:
            return
        legs = [(runner, leg) for runner in self._runners if runner is not last for leg in runner.legs]
        for runner, leg in (*legs, *((last, leg) for leg in last.legs[:-1])):
            if leg.ended:
                leg.how = "empty" if 0 < leg.status < _REFUSED else "failed"
            else:
                leg.how = otherwise if runner.state == "running" and leg is runner.legs[-1] else "slow"
            gauge.asked(leg)
        for leg in last.legs[-1:]:
            gauge.asked(leg)

    def _tell(self, last: Runner) -> None:
        """What became of the others goes before what became of this one. A way that was asked and has not answered may be charged all the
        same, so it is told as beaten."""
        told: list[str] = []
        for one in self._runners:
            if one is last:
                continue
            if one.state == "running":
                self._door.metrics.beaten += 1
                one.attempts.say("beaten")
            elif one.state == "out" and one.answered is not None and one.answered.good:
                one.attempts.say("empty")
            unasked = [] if one.lane.after_s == _LAST_S else [f"{one.lane.tries[0].name}=unasked"]
            told += one.attempts.told if one.state != "waiting" else unasked
        last.attempts.after(told)
