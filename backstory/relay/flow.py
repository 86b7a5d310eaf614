"""One exchange: the plan is asked for, the request goes up, the reply comes down, and its end is told once.

Rule: until the client has been sent a byte of the reply, a fault becomes an error in the client's own shape; after that the client's
connection is broken off, so that what is missing shows. A provider that reads a request and closes without a word is no fault on the way:
the client's connection is closed without a word as well. Nothing is invented, and no POST is sent twice but by the rules of attempts.py,
where they were asked for.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Coroutine
from typing import TYPE_CHECKING, TypeAlias

from backstory.core.exchange import Ended, Headers
from backstory.core.plan import Answer, Attempt, Mode, Plan, Target
from backstory.errors import BackstoryError, DocumentError, UpstreamError
from backstory.relay.attempts import Attempts
from backstory.relay.delivery import Delivery, Listener
from backstory.relay.endurance import Kind
from backstory.relay.handed import undelivered
from backstory.relay.heads import ReplyHead, Request, render_interim, without_ours
from backstory.relay.heard import heard
from backstory.relay.instead import Guarded, reader_of
from backstory.relay.interpret import Interpreter, interpreter
from backstory.relay.legs import Legs
from backstory.relay.overdue import overdue
from backstory.relay.race import Race
from backstory.relay.runner import Answered, Runner
from backstory.relay.sending import opened, placed
from backstory.relay.trials import on_way, trial
from backstory.relay.upload import Upload
from backstory.relay.upstream import UpConnection

if TYPE_CHECKING:
    from backstory.relay.asker import Asker

_log = logging.getLogger("backstory.relay")
_Trailers: TypeAlias = tuple[tuple[bytes, bytes], ...]
_RETRIED = frozenset((b"GET", b"HEAD"))


class Flow:
    """One exchange. `since`: when something last happened (door clock). `over`: its end was told. `listener`: its tap's."""

    __slots__ = (
        "_attempts", "_clock", "_delivery", "_door", "_down", "_interpreter", "_legs", "_plan", "_race", "_request", "_task",
        "_tries", "_up", "_upload", "listener", "over", "since",
    )  # fmt: skip

    def __init__(self, down: Asker, request: Request) -> None:
        self._down = down
        self._door = door = down.door
        self._clock = clock = door.clock
        self._request = request
        self._plan: Plan | None = None
        self.listener: Listener | None = None
        self._delivery: Delivery | None = None
        self._legs: Legs | Guarded | None = None
        self._interpreter: Interpreter | None = None
        self._attempts: Attempts | None = None
        self._race: Race | None = None
        self._up: UpConnection | None = None
        self._task: asyncio.Task[None] | None = None
        self._upload = Upload(down.hold_upload)
        self._tries = 0
        self.over = False
        self.since = clock.now
        door.metrics.in_flight += 1

    # The client's side calls these.

    def start(self, body: bytes) -> None:
        """The request was read; `body` is all of it."""
        self._upload.whole(body)
        self._ask(body)

    def start_streaming(self) -> None:
        """The request's head was read; its body follows in `upload`."""
        self._upload.begin(self._request.length)
        self._ask(b"")

    def upload(self, data: bytes, last: bool) -> None:
        """A piece of a streamed body."""
        self.since = self._clock.now
        body = self._upload
        body.came += len(data)
        body.done = last
        if not self.over:
            body.more(data, last, self._up)

    def client_full(self, full: bool) -> None:
        """Whether the client reads too slowly: then the provider waits."""
        self.since = self._clock.now
        if self._up is not None:
            self._up.pause(full)

    def give_up(self) -> None:
        """The client has left, or its request turned out to be malformed: the provider's connection is closed at once."""
        if not self.over:
            said = self._delivery is not None and self._delivery.said
            self._door.metrics.aborted += not said
            self._release()
            for tried in (self._race, self._attempts):
                if tried is not None:
                    tried.abandon()
            self._finish("complete" if said else "interrupted")

    @property
    def started(self) -> bool:
        """Whether the client has been sent something of the reply."""
        tried = self._attempts or self._race
        begun = tried is not None and tried.comments.begun
        return begun or (self._delivery is not None and self._delivery.started)

    def check(self) -> None:
        """Called by the sweep: ends what has waited for too long."""
        attempts, up = self._attempts, self._up
        if self._race is not None:
            self._race.check()
        if attempts is not None and not attempts.settled:
            attempts.check(answered=up is not None and up.answered)
        up = self._up
        if up is None or self.over:
            return
        if self._interpreter is not None:
            self._interpreter.check(self._clock.now)
        if up is not self._up or self.over:
            return
        readers = (self._legs, attempts, self._interpreter)
        reading = self._delivery is not None or any(one is not None and one.reading for one in readers)
        error = overdue(up, self.since, self._clock.now, reading, self._upload.done, self._door.timeouts)
        if error is not None:
            self._fail(error)

    # The plan.

    def _ask(self, body: bytes) -> None:
        """The house's one call. Whatever it raises becomes a gateway error: without a plan there is no place to go."""
        try:
            plan = self._down.house.plan(self._request.head, body)
        except Exception as error:  # noqa: BLE001 (the HTTP door)
            self._no_plan(error)
            return
        if isinstance(plan, Plan):
            self._go(plan)
        else:
            self._task = self._door.loop.create_task(self._await_plan(plan))

    async def _await_plan(self, coming: Awaitable[Plan]) -> None:
        try:
            plan = await coming
        except Exception as error:  # noqa: BLE001 (the HTTP door)
            self._task = None
            self._no_plan(error)
        else:
            self._task = None
            self._go(plan)

    def _no_plan(self, error: Exception) -> None:
        _log.error("no plan for a request: %s", type(error).__name__)
        self._fail(UpstreamError("the request could not be planned"))

    def _go(self, plan: Plan) -> None:
        self._plan = plan
        if plan.tap is not None:
            self.listener = Listener(plan.tap, self._door.metrics)
        if plan.asks_on:
            self._legs = reader_of(plan, self, self._door.limits.max_buffered_body, self._door.metrics)
        if plan.body is not None:
            self._upload.put(plan.body)
        if plan.answer is not None:
            self._answer(plan.answer)
        elif plan.target is not None:
            again = plan.renew is not None or (plan.question is not None and self._door.endurance.policy.repeats)
            if plan.lanes or plan.others or again:
                body = self._upload
                found = trial(plan, plan.target, body.body, not body.streamed, self._request, self, self._down)
                self._race = found if isinstance(found, Race) else None
                self._attempts = found if isinstance(found, Attempts) else None
                found.start()
            else:
                self._connect(plan.target)
        else:
            self._fail(UpstreamError("there is no upstream for this request"))

    # The request goes up.

    def _connect(self, target: Target) -> None:
        self._tries += 1
        up = self._door.pool.take(target) if self._tries == 1 else None
        if up is not None:
            self._send(up, target)
        else:
            self._task = self._door.loop.create_task(self._open(target))

    async def _open(self, target: Target) -> None:
        up = await opened(self._door.pool, target)
        self._task = None
        if isinstance(up, BackstoryError):
            self._fail(up, kind="connect")
        else:
            self._send(up, target)

    def _send(self, up: UpConnection, target: Target) -> None:
        plan, request = self._plan, self._request
        if plan is None:
            return
        self._up = up
        self.since = self._clock.now
        if up.transport.is_closing():
            self.lost(UpstreamError("the upstream closed the connection at once"))
            return
        if plan.translation is not None:
            speaks = plan.speaks if self._attempts is not None else ""
            self._interpreter = interpreter(plan.translation, speaks, self, up, self._door)
        later = self._legs is not None and self._legs.later
        up.begin(heard(plan, target, self._upload.body, later, self._interpreter or self), request.method == b"HEAD")
        head = self._down.heads.render(request, target.path, target.host_header, plan.drop, plan.add, self._upload.length)
        head = placed(up, request.method, head)
        if self._down.full:
            up.pause(True)
        if self._upload.send(up, head) and self.listener is not None:
            self.listener.sent()

    def upstream_full(self, full: bool) -> None:
        """As Receiver.upstream_full: the client's body waits."""
        self.since = self._clock.now
        self._upload.upstream_full(full)

    # The reply comes down.

    def interim(self, reply: ReplyHead) -> None:
        """As Receiver.interim."""
        self.since = self._clock.now
        attempts = self._attempts
        if attempts is not None and (attempts.comments.begun or not attempts.settled):
            attempts.interims.append(reply)
        elif not self._request.old and (self._legs is None or not self._legs.later):
            self._down.transport.write(render_interim(reply if self.listener is None else without_ours(reply)))

    def begin_reply(self, reply: ReplyHead, empty: bool) -> None:
        """As Receiver.begin_reply."""
        if self._attempts is not None and not self._attempts.begin(reply, empty):
            return
        if self._legs is None or self._legs.begin(reply, empty):
            self.open_delivery(reply, empty)

    def open_delivery(self, reply: ReplyHead, empty: bool = False, mode: Mode = "pass") -> None:
        """The client gets a reply with this head; `mode` as Delivery's. An answer that comes before the request was read to its end
        closes the client's connection after it."""
        down, request = self._down, self._request
        if not self._upload.done:
            down.keep = False
        connection = b"" if down.keep else b"close"
        if request.old and down.keep:
            connection = b"keep-alive"
        limit = self._door.limits.max_buffered_body
        attempts = self._attempts
        more: Headers = ()
        begun = False
        if attempts is not None:
            begun = attempts.comments.begun
            if begun and not attempts.comments.fits(reply):
                attempts.comments.keep_for_the_end(reply)
                return
            more = attempts.headers
        self._delivery = Delivery(reply, empty, self.listener, request.old, connection, limit, down.transport.write, mode, more, begun)

    def deliver(self, data: bytes, done: bool, trailers: _Trailers = ()) -> None:
        """As Receiver.deliver."""
        self.since = self._clock.now
        if done:
            self._up = None
        if self._attempts is not None and not self._attempts.settled:
            self._attempts.deliver(data, done, trailers)
        elif self._legs is None:
            self.hand_on(data, done, trailers)
        else:
            self._legs.deliver(data, done, trailers)

    def hand_on(self, data: bytes, done: bool, trailers: _Trailers = ()) -> None:
        """Bytes of the body for the client; `done` with the last."""
        delivery = self._delivery
        if delivery is None:
            if self._attempts is not None:
                self._attempts.comments.more_for_the_end(data, done)
            return
        if not done:
            waits = not delivery.said
            delivery.feed(data, False)
            if waits and delivery.said and self.listener is not None:
                # Its client goes on now; the provider may take its time to end the body.
                self._door.tell_later(self.listener, "complete", delivery.reply.status, self._upload.came, delivery.bytes_out)
        elif self._legs is None and delivery.joins(data):
            self._door.together.add(self, data, trailers)
        else:
            self.end(data, trailers)

    def end(self, data: bytes, trailers: _Trailers) -> None:
        """The last bytes of the body for the client."""
        delivery = self._delivery
        if delivery is None or self.over:
            return
        delivery.feed(data, True, trailers)
        if delivery.closes:
            self._down.keep = False
        self._finish("complete" if delivery.reply.status < 400 else "error")
        if self._legs is not None:
            # An answer that ends in a task of its own: the loop would read the client's next request before it tells the tap.
            self._door.tell_now()
        self._down.finish()

    def drop(self) -> None:
        """A fault of ours: the client is told by its connection."""
        self._down.cut()
        self.give_up()

    def wait_for(self, work: Coroutine[object, object, None]) -> None:
        """This has to be done before the answer goes on; it is dropped when the client leaves."""
        self._task = self._door.loop.create_task(work)

    def ask_again(self, body: bytes) -> None:
        """The next leg of the answer: the same request with another body."""
        plan = self._plan
        if self.over or plan is None or plan.target is None:
            return
        self._task = None
        if self._attempts is not None:
            self._attempts = attempts = self._attempts.leg(body, self) or self._attempts
            if attempts.settled:
                self.break_off()
                return
            attempts.comments.begun = self.started
            attempts.start()
            return
        try:
            self._upload.put(body if plan.translation is None else plan.translation.ask(body))
        except DocumentError:
            self.break_off()
            return
        self._tries = 0
        self._connect(plan.target)

    # The tries (attempts.py, race.py).

    def try_this(self, attempt: Attempt, body: bytes | None, afresh: bool) -> None:
        """As attempts.Course.try_this."""
        plan = self._plan
        if self.over or plan is None:
            return
        self._task = None
        self._door.metrics.repeats += self._attempts is not None and self._attempts.repeated
        self._plan = on_way(plan, attempt)
        self._interpreter = None
        if body is not None:
            self._upload.put(body)
        self._tries = 1 if afresh else 0
        self._connect(attempt.target)

    def pass_on(self, reply: ReplyHead, empty: bool, data: bytes, done: bool, trailers: _Trailers) -> None:
        """As Course.pass_on."""
        if self._legs is None or self._legs.begin(reply, empty):
            self.open_delivery(reply, empty)
        self.deliver(data, done, trailers)

    def raced(self, runner: Runner, reply: ReplyHead, data: bytes, done: bool, trailers: _Trailers) -> None:
        """As race.Course.raced."""
        self._race, self._attempts, self._interpreter, self._up = None, runner.attempts, runner.interpreter, runner.up
        self._plan = None if self._plan is None else on_way(self._plan, runner.attempt)
        if self._up is not None and self._down.full:
            self._up.pause(True)
        self.pass_on(reply, runner.empty, data, done, trailers)

    def unwon(self, attempts: Attempts, answered: Answered | None, error: BackstoryError) -> None:
        """As race.Course.unwon."""
        self._race, self._attempts = None, attempts
        if answered is None:
            self._tell(error, orderly=False)
        else:
            self.pass_on(answered.reply, answered.empty, answered.body, True, answered.trailers)

    def end_stream(self, data: bytes, status: int) -> None:
        """As comments.Course.end_stream."""
        self._down.transport.write(data)
        self._finish("error", status, len(data))
        self._down.finish()

    def give_up_try(self) -> None:
        """As Course.give_up_try."""
        self._release()

    def spoke(self) -> bool:
        """As Course.spoke."""
        return self._interpreter is not None and self._interpreter.spoke

    def alive(self) -> None:
        """As interpret.Course.alive."""
        self.since = self._clock.now

    def break_off(self) -> None:
        """As Course.break_off."""
        self._fail(UpstreamError("the upstream's answer came to no end"))

    def lost(self, error: UpstreamError) -> None:
        """As Receiver.lost. A GET that met a connection just closed by the provider is sent once more, on a new connection."""
        up, self._up = self._up, None
        if self.over or up is None:
            return
        if self._attempts is not None and not self._attempts.settled:
            self._fail(error, kind=None if up.answered else "stale" if up.used else "closed")
            return
        plan, method = self._plan, self._request.method
        stale = up.used and not up.answered and method in _RETRIED and not self._upload.length
        if stale and plan is not None and plan.target is not None:
            self._connect(plan.target)
        elif up.eof and up.sent and not up.full and not up.answered and (self._legs is None or not self._legs.later):
            # It ends as the provider did: a close in good order, and not a byte.
            self._door.metrics.upstream_errors += 1
            self._finish("refused")
            self._down.hang_up()
        else:
            self._fail(error, orderly=up.eof)

    # The end.

    def _answer(self, answer: Answer) -> None:
        if self.listener is not None:
            self.listener.acknowledge()
        self._finish("complete" if answer.status < 400 else "error", answer.status, len(answer.body))
        self._down.answer(answer, self._request)

    def _fail(self, error: BackstoryError, orderly: bool = False, kind: Kind | None = None) -> None:
        """Ends the exchange with an error: told in the client's shape, or by breaking off. A provider that closed in good order in the
        middle of a body is relayed as that where a close shows that the body is cut (a length or chunks); otherwise by a reset. That throws
        away what the client has not been handed yet: where there is some, a close that shows is better. `kind`: as in Attempts.failed."""
        if self.over:
            return
        self._release()
        if self._attempts is None or not self._attempts.failed(error, kind):
            self._tell(error, orderly)

    def _tell(self, error: BackstoryError, orderly: bool) -> None:
        attempts = self._attempts
        if self._legs is not None and self._legs.failed():
            return
        delivery = self._delivery
        if delivery is not None and delivery.started:
            delivery.break_off()
            self._door.metrics.cut += 1
            self._finish("interrupted")
            if not delivery.closes and (orderly or undelivered(self._down.transport)):
                self._down.hang_up()
            else:
                self._down.cut()
            return
        self._door.metrics.upstream_errors += 1
        answer = self._down.error(self._request.head, error)
        if attempts is not None and attempts.comments.begun:
            attempts.comments.end_with(answer)
            return
        self._finish("refused" if self._delivery is None else "interrupted")
        self._down.answer(answer if attempts is None else attempts.answer(answer), self._request)

    def _release(self) -> None:
        """Lets go of what runs for this exchange."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
        up, self._up = self._up, None
        if up is not None:
            up.abort()

    def _finish(self, ended: Ended, status: int = 0, bytes_out: int = 0) -> None:
        """Tells the tap, once, after what was written has left (the tap may take its time)."""
        if self.over:
            return
        self.over = True
        self._door.metrics.in_flight -= 1
        self._upload.drop()
        delivery, listener = self._delivery, self.listener
        if delivery is not None:
            status, bytes_out = delivery.reply.status, delivery.bytes_out
        if self._plan is not None and self._plan.gauge is not None:
            self._plan.gauge.over(ended, status, self._upload.came)
        if listener is None:
            return
        self._door.tell_later(listener, ended, status, self._upload.came, bytes_out)
