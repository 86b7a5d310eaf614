"""One answer in several legs: what the client gets of each is asked of the wire (core/legs.py), the next one is asked of the provider.

Rule: text is never held back. Only what belongs to a call of ours, and the end behind it, waits (in Gemini's wire also a response with a
call of the client's, until the next one is known). A first leg without a call of ours passes byte for byte. Where a later leg fails before
the client has anything of it, the request is made once more without our tools; where that is no way out, the answer ends with the wire's
own word for one that is cut off, or, where that would be a lie, by breaking off.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine, Sequence
from typing import Literal, Protocol, TypeAlias, TypeVar

from backstory.core.legs import ENOUGH, GONE, Kept, Leg, blames
from backstory.core.plan import Mode, Paging
from backstory.core.wire import StreamReader
from backstory.relay.heads import ReplyHead
from backstory.relay.lastword import LastWord
from backstory.relay.limits import DoorMetrics

_T = TypeVar("_T")
_log = logging.getLogger("backstory.relay")
_Trailers: TypeAlias = tuple[tuple[bytes, bytes], ...]
_State: TypeAlias = Literal["pass", "stream", "whole", "refused", "weighed"]
_REFUSED = frozenset({400, 404, 422})
"""How providers refuse a request for the sake of tools in it."""


class Course(Protocol):
    """The exchange that an answer belongs to (flow.py)."""

    def open_delivery(self, reply: ReplyHead, empty: bool = False, mode: Mode = "pass") -> None:
        """The client gets a reply with this head."""
        ...

    def hand_on(self, data: bytes, done: bool, trailers: _Trailers = ()) -> None:
        """Bytes of the body for the client."""
        ...

    def wait_for(self, work: Coroutine[object, object, None]) -> None:
        """This has to be done before the answer goes on."""
        ...

    def ask_again(self, body: bytes) -> None:
        """The next leg."""
        ...

    def break_off(self) -> None:
        """Nothing more can be said."""
        ...


class Legs:
    """The legs of one answer. `later`: the first one is over. `reading`: the head of the present one has come."""

    __slots__ = (
        "_again",
        "_course",
        "_gathered",
        "_head",
        "_held",
        "_kept",
        "_kind",
        "_limit",
        "_lost",
        "_metrics",
        "_paging",
        "_reader",
        "_rounds",
        "_size",
        "_state",
        "_word",
        "later",
        "reading",
    )

    def __init__(self, paging: Paging, course: Course, limit: int, metrics: DoorMetrics) -> None:
        self._paging = paging
        self._course = course
        self._limit = limit
        self._metrics = metrics
        self._state: _State = "pass"
        self._kind: _State = "pass"
        self._head: ReplyHead | None = None
        self._reader: StreamReader | None = None
        self._held = b""
        self._gathered: list[bytes] = []
        self._size = 0
        self._rounds = 0
        self._again = self._lost = self._kept = False
        self._word = LastWord("")
        self.later = self.reading = False

    def begin(self, reply: ReplyHead, empty: bool) -> bool:
        """The head of a leg. Whether it is the client's head, as it is."""
        self.reading = True
        kind, content_type = _kind(reply, self._paging.array)
        if self.later:
            return self._begin_later(reply, kind, content_type)
        if not self._paging.trusted and reply.status in _REFUSED and not self._again:
            self._state = "refused"
            return False
        if reply.status in _REFUSED and not self._again and not empty and _readable(reply):
            self._state, self._head = "weighed", reply
            return False
        if self._again or empty or kind == "pass":
            return True
        self._state = self._kind = kind
        self._head = reply
        if kind == "stream":
            self._reader = self._paging.reader(content_type)
            self._course.open_delivery(reply, False, "stream")
        return False

    def _begin_later(self, reply: ReplyHead, kind: _State, content_type: str) -> bool:
        """A refusal of the plain request, where the client has nothing yet, is the client's to see."""
        if kind == self._kind:
            self._head, self._state = reply, kind
            self._reader = self._paging.reader(content_type) if kind == "stream" else None
            return False
        if self._kind == "whole" and self._again:
            self._state = "pass"
            return True
        self._state = "refused"
        return False

    def deliver(self, data: bytes, done: bool, trailers: _Trailers) -> None:
        """Bytes of a leg."""
        if self._state == "pass":
            self._course.hand_on(data, done, trailers)
        elif self._state == "stream":
            self._stream(data, done, trailers)
        elif self._state in ("whole", "weighed"):
            self._gather(data, done, trailers)
        elif done:
            self._refused()

    def failed(self) -> bool:
        """The leg under way will not come to its end. True where the answer goes on, or has ended, all the same."""
        if self.later and not self._lost:
            return self._recovered()
        held, self._held = (self._paging.talk.owed if self._reader is not None else b"") + self._held, b""
        if held and not self.later:
            self._course.hand_on(held, False)
        return False

    # A streamed leg.

    def _stream(self, data: bytes, done: bool, trailers: _Trailers) -> None:
        reader = self._reader
        self._held += data
        if reader is None:
            return
        nothing: tuple[bytes, Leg | None] | None = None
        owed = self._paging.talk.owed
        read = self._asked(nothing, lambda: self._read(reader, data, done))
        if read is None:
            self._broke(owed, done, trailers)
            return
        out, leg = read
        if leg is None:
            if out and self._word.feed(out):
                # With that the client goes on, and memory is told that the answer is over: what it has left has to be there.
                self._remember((), ())
            if out:
                self._course.hand_on(out, False)
        elif leg.failed:
            if out:
                self._course.hand_on(out, False)
            self._fell()
        else:
            self._leg_over(leg, out, trailers)

    def _read(self, reader: StreamReader, data: bytes, done: bool) -> tuple[bytes, Leg | None]:
        """What the client gets of these bytes, and the leg, once it is over."""
        talk, frames = self._paging.talk, reader.feed(data)
        if done:
            frames = [*frames, *reader.close()]
        out = b"".join([talk.frame(frame) for frame in frames])
        self._held = self._held[sum([len(frame.raw) for frame in frames]) :]
        return out, talk.over() if done else None

    def _broke(self, owed: bytes, done: bool, trailers: _Trailers) -> None:
        """The wire could not go on: a first leg passes as it comes from here on."""
        held, self._held, self._reader = self._held, b"", None
        if self.later:
            self._state = "refused"
            if done:
                self._recover()
            return
        self._state = "pass"
        self._course.hand_on(owed + held, done, trailers)

    def _leg_over(self, leg: Leg, out: bytes, trailers: _Trailers) -> None:
        if not leg.calls:
            self._course.hand_on(out + self._end(()), True, trailers)
            return
        if out:
            self._course.hand_on(out, False)
        if leg.mixed:
            self._course.wait_for(self._defer(leg, trailers))
        elif self._rounds > self._paging.rounds:
            self._exhausted(leg)
        else:
            self._course.wait_for(self._next(leg))

    async def _defer(self, leg: Leg, trailers: _Trailers) -> None:
        results = await self._paging.pager.defer(leg.calls)
        if self._kind == "stream":
            self._course.hand_on(self._end(results), True, trailers)
        else:
            self._end(results)
            self._hand_whole(self._paging.talk.answer, trailers)

    def _end(self, results: Sequence[str]) -> bytes:
        """What was held back of the end of the answer. `results`: of the calls in a mixed last leg."""
        self._remember(results, [GONE] * len(results))
        return self._asked(b"", self._paging.talk.finish)

    def _remember(self, results: Sequence[str], bare: Sequence[str]) -> None:
        talk = self._paging.talk
        if (self.later or results) and not self._kept:
            self._kept = True
            kept = self._asked(Kept(), lambda: talk.kept(results))
            if kept.first:
                self._paging.pager.remember(kept, self._asked(kept, lambda: talk.kept(bare)))

    def _exhausted(self, leg: Leg) -> None:
        """The model calls on in the leg in which it may not: it is asked once without our tools, or the answer is what was said."""
        if self._anew():
            return
        results = [ENOUGH] * len(leg.calls)
        self._remember(results, results)
        nothing: bytes | None = None
        ending = self._asked(nothing, lambda: self._paging.talk.enough(self._kind == "stream"))
        if ending is None:
            self._recover()
            return
        if self._kind != "stream" and self._head is not None:
            self._course.open_delivery(self._head, False, "whole")
        self._course.hand_on(ending, True)

    async def _next(self, leg: Leg) -> None:
        """Executes the calls and asks on. One round more than the bound tells the model that it was the last, and allows no tool."""
        self._rounds += 1
        left = self._paging.rounds - self._rounds
        results = await self._paging.pager.answer(leg.calls, left)
        self.later, self.reading = True, False
        self._metrics.legs += 1
        body = self._asked(b"", lambda: self._paging.talk.go_on(results, left < 0))
        if body:
            self._course.ask_again(body)
        else:
            self._recover()

    # A leg that is not streamed.

    def _gather(self, data: bytes, done: bool, trailers: _Trailers) -> None:
        self._gathered.append(data)
        self._size += len(data)
        head = self._head
        if head is None:
            return
        if self._size > self._limit and not self.later:
            self._state = "pass"
            self._course.open_delivery(head)
            self._course.hand_on(b"".join(self._gathered), done, trailers)
            self._gathered = []
        elif done:
            body, self._gathered, self._size = b"".join(self._gathered), [], 0
            if self._state == "whole":
                self._whole_over(head, body, trailers)
            elif not blames(body, self._paging.ours) or not self._plain():
                self._as_it_came(head, body, trailers)

    def _whole_over(self, head: ReplyHead, body: bytes, trailers: _Trailers) -> None:
        talk = self._paging.talk
        nothing: Leg | None = None
        leg = self._asked(nothing, lambda: talk.whole(body))
        if leg is None:
            if self.later:
                self._recover()
            else:
                self._as_it_came(head, body, trailers)
            return
        if leg.failed:
            self._fell()
        elif leg.calls and leg.mixed:
            self._course.wait_for(self._defer(leg, trailers))
        elif leg.calls and self._rounds > self._paging.rounds:
            self._exhausted(leg)
        elif leg.calls:
            self._course.wait_for(self._next(leg))
        elif not self.later and self._asked(body, talk.answer) == body:
            self._as_it_came(head, body, trailers)
        else:
            self._hand_whole(talk.answer, trailers)

    def _as_it_came(self, head: ReplyHead, body: bytes, trailers: _Trailers) -> None:
        self._course.open_delivery(head)
        self._course.hand_on(body, True, trailers)

    def _hand_whole(self, make: Callable[[], bytes], trailers: _Trailers) -> None:
        head, body = self._head, self._asked(b"", make)
        if head is None or not body:
            self._recover()
            return
        self._course.open_delivery(head, False, "whole")
        self._course.hand_on(body, True, trailers)

    # What goes wrong.

    def _refused(self) -> None:
        """A leg's refusal was read to its end."""
        if self.later or not self._plain():
            self._recover()

    def _anew(self) -> bool:
        """The request once more in place of the leg under way, where the client has nothing of that yet. False where that is no way out."""
        if self._again or self._paging.talk.spoke:
            return False
        self._gathered, self._size, self._held = [], 0, b""
        return self._plain()

    def _plain(self) -> bool:
        """The request once more, without our tools. False where it cannot be made."""
        self._again, self.reading = True, False
        body = self._asked(b"", self._paging.without)
        if not body:
            return False
        if self.later:
            self._paging.talk.again(body, self._kind != "stream")
        self._state = "pass"
        self._course.wait_for(self._ask(body))
        return True

    async def _ask(self, body: bytes) -> None:
        """Not at once: the connection that brought the refusal has still to end its reply."""
        self._course.ask_again(body)

    def _fell(self) -> None:
        """A leg has ended in an error that is not the client's. What takes its place is a later leg, also of the first one: the answer may
        have begun."""
        self.later = True
        self._recover()

    def _recover(self) -> None:
        """Goes on after a later leg that failed, or breaks off."""
        if not self._recovered():
            self._lost = True
            self._course.break_off()

    def _recovered(self) -> bool:
        """False where nothing more can be said."""
        if self._anew():
            return True
        nothing: bytes | None = None
        ending = self._asked(nothing, lambda: self._paging.talk.broken(self._kind == "stream"))
        if ending is None:
            return False
        if self._kind == "stream":
            self._course.hand_on(ending, True)
        elif self._head is not None:
            self._course.open_delivery(self._head, False, "whole")
            self._course.hand_on(ending, True)
        return True

    def _asked(self, fallback: _T, call: Callable[[], _T]) -> _T:
        try:
            return call()
        except Exception as error:  # noqa: BLE001 (the tap runner)
            self._note(error)
            return fallback

    def _note(self, error: BaseException) -> None:
        self._metrics.tap_errors += 1
        _log.warning("an answer of several legs failed with %s", type(error).__name__)


def _readable(reply: ReplyHead) -> bool:
    """Whether its body has no content coding."""
    pairs = zip(reply.names, reply.headers, strict=True)
    return all(name != b"content-encoding" or value.lower() in (b"", b"identity") for name, (_, value) in pairs)


def _kind(reply: ReplyHead, array: bool) -> tuple[_State, str]:
    """How a reply's body is to be read, and its content type. One with a content coding is not read. `array`: as in Paging."""
    content_type = ""
    for name, (_, value) in zip(reply.names, reply.headers, strict=True):
        if name == b"content-type":
            content_type = value.decode("latin-1").lower()
    if reply.status != 200 or not _readable(reply):
        return "pass", content_type
    json = content_type.startswith("application/json")
    if content_type.startswith("text/event-stream") or (json and array):
        return "stream", content_type
    return ("whole" if json else "pass"), content_type
