"""One way of a race: its tries, its connection, and what has come of an answer.

Rule: nothing of it reaches the client before it has won. Then all that comes is the exchange's, as if it had asked itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

import msgspec
from msgspec import Raw, Struct

from backstory.core.plan import Attempt, Lane, Question, Target
from backstory.core.wire import Wire
from backstory.errors import BackstoryError, UpstreamError, UpstreamTimeout
from backstory.relay import interpret
from backstory.relay.attempts import Attempts, plainly
from backstory.relay.comments import Comments
from backstory.relay.emptiness import Verdict, Watch
from backstory.relay.endurance import Kind, is_page
from backstory.relay.heads import ReplyHead
from backstory.relay.heard import Heard
from backstory.relay.interpret import Interpreter, interpreter
from backstory.relay.overdue import overdue
from backstory.relay.sending import opened, placed, send
from backstory.relay.upstream import Receiver, UpConnection

if TYPE_CHECKING:
    from backstory.relay.asker import Asker
    from backstory.relay.heads import Request

_Trailers: TypeAlias = tuple[tuple[bytes, bytes], ...]
# waiting: its start has not come. running: nothing has come that could win. out: it has lost. won: the exchange is its own.
State: TypeAlias = Literal["waiting", "running", "out", "won"]
_REFUSED = 400
_MOST_HELD = 4_194_304


class _Error(Struct):
    error: Raw = Raw()


_error = msgspec.json.Decoder(_Error)


class Answered(Struct, frozen=True):
    """An answer that did not win: a refusal, or one with nothing in it. `good`: it is no refusal."""

    reply: ReplyHead
    empty: bool
    body: bytes
    trailers: _Trailers
    good: bool


class Course(Protocol):
    """The race (race.py)."""

    def won(self, runner: Runner, reply: ReplyHead, data: bytes, done: bool, trailers: _Trailers) -> None:
        """It has the first byte of a good answer; `data` is what has come of the body."""
        ...

    def out(self, runner: Runner) -> None:
        """Nothing more comes of it."""
        ...


class Runner:
    """`lane`: what it asks, one after the other. `body`: the client's. `error`: why nothing came at all. `answered`: what came and did not
    win. `up`, `attempt`, `interpreter`: of the try under way; `reply`, `empty`: the head that it brought.
    `gauged`: what comes of each try is kept in `legs`."""

    def __init__(
        self,
        lane: Lane,
        body: bytes,
        question: Question,
        comments: Comments,
        race: Course,
        exchange: interpret.Course,
        down: Asker,
        request: Request,
        gauged: bool = False,
    ) -> None:
        self._gauged = gauged
        self.legs: list[Heard] = []
        self._race = race
        self._exchange = exchange
        self._down = down
        self._door = down.door
        self._request = request
        self._wire: Wire = question.wire
        self._body = b""
        self._since = self._begun_at = 0.0
        self._task: asyncio.Task[None] | None = None
        self._fresh = False
        self._watch: Watch | None = None
        self._parts: list[bytes] = []
        self._size = 0
        self.lane = lane
        self.state: State = "waiting"
        self.attempts = Attempts(lane.tries, body, True, question, self, comments, self._door.endurance)
        self.attempt = lane.tries[0]
        self.up: UpConnection | None = None
        self.interpreter: Interpreter | None = None
        self.reply: ReplyHead | None = None
        self.empty = False
        self.answered: Answered | None = None
        self.error: BackstoryError | None = None

    # The race calls these.

    def start(self) -> None:
        """The first try."""
        self.state = "running"
        self.attempts.start()

    def stop(self) -> None:
        """It has lost: its connection is closed at once."""
        if self.state == "running":
            self.attempts.abandon()
        self.state = "out"
        self._release()

    def check(self) -> None:
        """Called by the sweep: ends what has waited for too long."""
        up, clock = self.up, self._door.clock
        if not self.attempts.settled:
            self.attempts.check(answered=up is not None and up.answered)
        if up is None or up is not self.up or self.state != "running":
            return
        if self.interpreter is not None:
            self.interpreter.check(clock.now)
        if up is not self.up or self.state != "running":
            return
        if self._stalls(clock.now):
            self._fail(UpstreamTimeout("the body of the upstream's error came to no end"), None)
            return
        reading = self.reply is not None or self.attempts.reading or (self.interpreter is not None and self.interpreter.reading)
        error = overdue(up, self._since, clock.now, reading, True, self._door.timeouts)
        if error is not None:
            self._fail(error, None)

    def _stalls(self, now: float) -> bool:
        """Whether it is a refusal, which cannot win, whose body does not come to its end."""
        if not self.attempts.settled or self.reply is None or self.reply.status < _REFUSED:
            return False
        return now - self._since > interpret.QUIET_S or now - self._begun_at > interpret.MOST_ERROR_S

    # As attempts.Course.

    def try_this(self, attempt: Attempt, body: bytes | None, afresh: bool) -> None:
        """As attempts.Course.try_this. An answer with a content coding could not be looked into."""
        if self.state != "running":
            return
        self._door.metrics.repeats += self.attempts.repeated
        self.attempt = plainly(attempt)
        self._body = body or b""
        self._task = self.interpreter = self._watch = None
        up = None if afresh else self._door.pool.take(attempt.target)
        if up is not None:
            self._send(up)
        else:
            self._task = self._door.loop.create_task(self._open(attempt.target))

    def wait_for(self, work: Coroutine[object, object, None]) -> None:
        """As attempts.Course.wait_for."""
        self._task = self._door.loop.create_task(work)

    def pass_on(self, reply: ReplyHead, empty: bool, data: bytes, done: bool, trailers: _Trailers) -> None:
        """As attempts.Course.pass_on: it is judged as what comes at once is."""
        self._begun(reply, empty)
        self._more(data, done, trailers)

    def give_up_try(self) -> None:
        """As attempts.Course.give_up_try."""
        self._release()

    def spoke(self) -> bool:
        """As attempts.Course.spoke."""
        return self.interpreter is not None and self.interpreter.spoke

    # As Receiver.

    def interim(self, reply: ReplyHead) -> None:
        """As Receiver.interim: who has not won says nothing."""

    def upstream_full(self, full: bool) -> None:
        """As Receiver.upstream_full: the request was written whole."""

    def alive(self) -> None:
        """As interpret.Course.alive."""
        self._since = self._door.clock.now
        if self.state == "won":
            self._exchange.alive()

    def begin_reply(self, reply: ReplyHead, empty: bool) -> None:
        """As Receiver.begin_reply."""
        self._since = self._door.clock.now
        if self.state == "running" and self.attempts.begin(reply, empty):
            self._begun(reply, empty)

    def deliver(self, data: bytes, done: bool, trailers: _Trailers = ()) -> None:
        """As Receiver.deliver."""
        self._since = self._door.clock.now
        if self.state == "won":
            self._exchange.deliver(data, done, trailers)
            return
        if done:
            self.up = None
        if self.state != "running":
            return
        if not self.attempts.settled:
            self.attempts.deliver(data, done, trailers)
        else:
            self._more(data, done, trailers)

    def lost(self, error: UpstreamError) -> None:
        """As Receiver.lost."""
        if self.state == "won":
            self._exchange.lost(error)
            return
        up, self.up = self.up, None
        if up is not None and self.state == "running":
            self._fail(error, None if up.answered else "stale" if up.used else "closed")

    # The request goes up.

    async def _open(self, target: Target) -> None:
        up = await opened(self._door.pool, target)
        self._task = None
        if isinstance(up, BackstoryError):
            self._fail(up, "connect")
        else:
            self._send(up)

    def _send(self, up: UpConnection) -> None:
        attempt, request = self.attempt, self._request
        self.up = up
        self._since = self._door.clock.now
        if up.transport.is_closing():
            self.lost(UpstreamError("the upstream closed the connection at once"))
            return
        receiver: Receiver = self
        if attempt.translation is not None:
            receiver = self.interpreter = interpreter(attempt.translation, attempt.speaks, self, up, self._door)
        target = attempt.target
        if self._gauged:
            receiver = Heard(attempt.name, target, self._body, False, receiver)
            self.legs.append(receiver)
        up.begin(receiver, request.method == b"HEAD")
        head = self._down.heads.render(request, target.path, target.host_header, attempt.drop, attempt.add, len(self._body))
        send(up, placed(up, request.method, head), self._body)

    # What has come.

    def _begun(self, reply: ReplyHead, empty: bool) -> None:
        self.reply, self.empty = reply, empty
        self._begun_at = self._door.clock.now
        self._parts, self._size = [], 0
        answers = reply.status < _REFUSED and not empty and not is_page(reply)
        self._watch = Watch(self._wire, reply.headers) if answers else None

    def _more(self, data: bytes, done: bool, trailers: _Trailers) -> None:
        """The first byte that says something wins. What cannot be looked into says something with its first byte."""
        reply, watch = self.reply, self._watch
        if reply is None or self.state != "running":
            return
        self._parts.append(data)
        self._size += len(data)
        verdict: Verdict = "empty" if done or self._size > _MOST_HELD else "open"
        if watch is not None and watch.reads:
            verdict = watch.feed(data, done)
        elif watch is not None and data:
            verdict = "something"
        if verdict == "something" and done and _is_error(b"".join(self._parts)):
            self._watch, verdict = None, "empty"
        if verdict == "something":
            self.state = "won"
            parts, self._parts = self._parts, []
            self._race.won(self, reply, b"".join(parts), done, trailers)
        elif verdict == "empty":
            self.answered = Answered(reply, self.empty, b"".join(self._parts), trailers if done else (), self._watch is not None)
            self._out()

    def _fail(self, error: BackstoryError, kind: Kind | None) -> None:
        begun = self.attempts.settled
        self._release()
        if self.attempts.failed(error, kind):
            return
        if begun:
            self.attempts.say("cut")
        self.error = error
        self._out()

    def _out(self) -> None:
        if self.state == "running":
            self.state = "out"
            self._release()
            self._race.out(self)

    def _release(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
        up, self.up = self.up, None
        if up is not None:
            up.abort()


def _is_error(body: bytes) -> bool:
    """Whether a whole answer is an error, whatever its status says: some providers tell one under 200."""
    if body.lstrip()[:1] != b"{":
        return False
    try:
        return bytes(_error.decode(body).error)[:1] == b"{"
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
