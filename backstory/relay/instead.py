"""A request in which memory has put something in front: where its provider refuses that, it goes up once more without.

Rule: only before the client has anything of an answer, once, and only for a refusal of the request itself; the second answer is the
client's, whatever it is. Of a stream its first event is looked at, for a refusal may stand there. Any other answer passes as it comes.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Literal, TypeAlias

from backstory.core.plan import Instead, Plan
from backstory.core.stream import Frame
from backstory.core.wire import StreamReader
from backstory.errors import DocumentError
from backstory.relay.decoding import content
from backstory.relay.heads import ReplyHead
from backstory.relay.legs import Course, Legs
from backstory.relay.limits import DoorMetrics
from backstory.wires import refusals

_log = logging.getLogger("backstory.relay")
_Trailers: TypeAlias = tuple[tuple[bytes, bytes], ...]
# open: no answer has begun. refused, watching: it is held back, until it is read, or known to be an answer. over: all passes.
_State: TypeAlias = Literal["open", "refused", "watching", "over"]
# Those that are about who asks, where, and how often (RFC 9110 section 15.5, RFC 6585).
_OTHERWISE = frozenset({401, 403, 404, 407, 408, 429})
# A refusal is not longer; nor is what comes before the first event that says something.
_MOST_HELD = 1_048_576
# So long it is waited for that event behind those that say nothing.
_PATIENCE_S = 1.0


class Guarded:
    """The answer to a request that may be asked otherwise, in front of its legs, with their interface."""

    __slots__ = ("_course", "_held", "_instead", "_legs", "_metrics", "_parts", "_reader", "_size", "_state", "_trailers", "_waits")

    def __init__(self, instead: Instead, legs: Legs | None, course: Course, metrics: DoorMetrics) -> None:
        self._instead = instead
        self._legs = legs
        self._course = course
        self._metrics = metrics
        self._state: _State = "open"
        self._held: tuple[ReplyHead, bool] | None = None
        self._parts: list[bytes] = []
        self._trailers: _Trailers = ()
        self._size = 0
        self._reader: StreamReader | None = None
        self._waits = False

    @property
    def later(self) -> bool:
        """As Legs.later."""
        return self._legs is not None and self._legs.later

    @property
    def reading(self) -> bool:
        """As Legs.reading."""
        return self._state in {"refused", "watching"} or (self._legs is not None and self._legs.reading)

    def begin(self, reply: ReplyHead, empty: bool) -> bool:
        """As Legs.begin."""
        if self._state == "open":
            self._state = self._judged(reply, empty)
            if self._state != "over":
                self._held = (reply, empty)
                return False
        return self._legs is None or self._legs.begin(reply, empty)

    def deliver(self, data: bytes, done: bool, trailers: _Trailers) -> None:
        """As Legs.deliver."""
        if self._state in {"refused", "watching"}:
            self._hold(data, done, trailers)
        elif self._legs is None:
            self._course.hand_on(data, done, trailers)
        else:
            self._legs.deliver(data, done, trailers)

    def failed(self) -> bool:
        """As Legs.failed. What was to be read of a refusal does not matter: its status was its word."""
        if self._state == "refused":
            self._ask()
            return True
        if self._state == "watching":
            self._release(False)
        return self._legs is not None and self._legs.failed()

    def _judged(self, reply: ReplyHead, empty: bool) -> _State:
        if 400 <= reply.status < 500 and reply.status not in _OTHERWISE:
            return "refused"
        content_type, coding = content(reply.headers)
        if empty or reply.status != 200 or coding or not content_type.startswith("text/event-stream"):
            return "over"
        self._reader = self._instead.wire.reader(content_type)
        return "watching"

    def _hold(self, data: bytes, done: bool, trailers: _Trailers) -> None:
        self._parts.append(data)
        self._size += len(data)
        self._trailers = trailers
        if self._state == "watching":
            self._look(data, done)
        elif self._size > _MOST_HELD:
            self._release(done)
        elif done:
            self._ask()

    def _look(self, data: bytes, done: bool) -> None:
        reader = self._reader
        frames: list[Frame] = []
        try:
            frames = [*(reader.feed(data) if reader is not None else ()), *(reader.close() if done and reader is not None else ())]
            told = next((one for frame in frames if (one := refusals.told(frame.data)) != "nothing"), "nothing")
        except DocumentError:
            told = "something"
        if told == "refused":
            self._state = "refused"
            if done:
                self._ask()
        elif told == "something" or done or self._size > _MOST_HELD:
            self._release(done)
        elif not self._waits and frames:
            self._waits = True
            self._course.wait_for(self._patience())

    async def _patience(self) -> None:
        """A client that waits for the model to think is not kept from hearing that it does."""
        await asyncio.sleep(_PATIENCE_S)
        if self._state == "watching":
            self._release(False)

    def _release(self, done: bool) -> None:
        """What is held back is the client's."""
        self._state, held, data = "over", self._held, b"".join(self._parts)
        self._held, self._parts, self._reader = None, [], None
        if held is None:
            return
        if self._legs is None or self._legs.begin(*held):
            self._course.open_delivery(*held)
        if data or done:
            self.deliver(data, done, self._trailers)

    def _ask(self) -> None:
        self._course.wait_for(self._again())

    async def _again(self) -> None:
        """Not at once: the connection that brought the refusal has still to end its reply."""
        try:
            body = self._instead.body()
        except Exception as error:  # noqa: BLE001 (the tap runner)
            self._metrics.tap_errors += 1
            _log.warning("a refused request could not be made otherwise: %s", type(error).__name__)
            body = b""
        if not body:
            self._release(True)
            return
        self._state, self._held, self._parts, self._legs = "over", None, [], None
        self._metrics.repeats += 1
        self._course.ask_again(body)


def reader_of(plan: Plan, course: Course, limit: int, metrics: DoorMetrics) -> Legs | Guarded | None:
    """Who reads the answer before the client gets it; None where nobody has to. `limit`: bytes of an answer that may be gathered."""
    legs = None if plan.paging is None else Legs(plan.paging, course, limit, metrics)
    return legs if plan.instead is None else Guarded(plan.instead, legs, course, metrics)
