"""Between an upstream connection and its exchange, where the two sides speak different wires: the exchange gets the client's.

Rule: a stream goes on as it comes, translated piece by piece; an answer that is not a stream, and every error, is gathered first. What
cannot be translated is a fault of the upstream: told as an error while the client has nothing, by breaking off after that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from msgspec.structs import replace

from backstory.core.exchange import Headers
from backstory.core.plan import Mode, Translation
from backstory.errors import DocumentError, UpstreamError
from backstory.relay.emptiness import Aside
from backstory.relay.heads import CHUNKED, ReplyHead
from backstory.relay.upstream import Receiver, UpConnection

if TYPE_CHECKING:
    from backstory.relay.door import Door


_REFUSED = 400
QUIET_S, MOST_ERROR_S = 2.0, 10.0
"""So long for a byte of an error's body, and for all of it: its status says the most."""


class Course(Receiver, Protocol):
    """The exchange (flow.py)."""

    def alive(self) -> None:
        """Something came for it."""
        ...


class Interpreter:
    """Implements upstream.Receiver for one leg. `limit`: how large a body may be gathered. `reading`: the head of the answer has come.
    `aside`: hears what the provider says."""

    __slots__ = (
        *("_aside", "_came", "_came_at", "_course", "_gathered", "_head", "_limit", "_mode", "_since", "_size", "_translation", "_up"),
        "reading",
    )

    def __init__(self, translation: Translation, course: Course, up: UpConnection, limit: int, aside: Aside | None = None) -> None:
        self._aside = aside
        self._translation = translation
        self._course = course
        self._up = up
        self._limit = limit
        self._head: ReplyHead | None = None
        self._mode: Mode = "pass"
        self._gathered: list[bytes] = []
        self._size = 0
        self._since = self._came_at = 0.0
        self._came = -1
        self.reading = False

    @property
    def spoke(self) -> bool:
        """Whether the provider has said anything, as far as that was listened to."""
        return self._aside is not None and self._aside.spoke

    def interim(self, reply: ReplyHead) -> None:
        """See Receiver."""
        self._course.interim(reply)

    def upstream_full(self, full: bool) -> None:
        """See Receiver."""
        self._course.upstream_full(full)

    def lost(self, error: UpstreamError) -> None:
        """See Receiver. What was held back of a stream goes to the client first. An error is one without the rest of its body."""
        head, self._head = self._head, None
        if head is not None and head.status >= _REFUSED:
            self._understood(head)
            return
        rest = self._translation.rest() if self._mode == "stream" else b""
        if rest:
            self._course.deliver(rest, False)
        self._course.lost(error)

    def begin_reply(self, reply: ReplyHead, empty: bool) -> None:
        """See Receiver."""
        self.reading = True
        if self._aside is not None:
            self._aside.begin(reply.headers)
        mode, headers = self._translation.begin(reply.status, reply.headers)
        if mode == "pass":
            self._course.begin_reply(reply if headers is reply.headers else _headed(reply, headers), empty)
            return
        head = _headed(reply, headers)
        self._mode = "whole" if empty else mode
        if self._mode == "whole":
            self._head = head
        else:
            self._course.begin_reply(replace(head, length=CHUNKED), False)

    def deliver(self, data: bytes, done: bool, trailers: tuple[tuple[bytes, bytes], ...] = ()) -> None:
        """See Receiver. Trailers are about a body that the client does not get."""
        if self._aside is not None:
            self._aside.feed(data, done)
        if self._mode == "pass":
            self._course.deliver(data, done, trailers)
            return
        if self._mode == "whole":
            self._gather(data, done)
            return
        out = b""
        try:
            out = self._translation.chunk(data) if data else b""
            if self._translation.done and not done:
                self._up.abort()
                done = True
            if done:
                out += self._translation.tail()
        except DocumentError as error:
            if out:
                self._course.deliver(out, False)
            self._fail(error)
            return
        self._course.deliver(out, done)

    def _gather(self, data: bytes, done: bool) -> None:
        self._course.alive()
        self._gathered.append(data)
        self._size += len(data)
        head = self._head
        if self._size > self._limit or head is None:
            self._fail(DocumentError("the upstream's answer is too large to be translated"))
            return
        if done:
            self._understood(head)

    def check(self, now: float) -> None:
        """Called by the sweep, with the door's seconds. The body of an error that does not come to its end is not waited for."""
        head = self._head
        if head is None or head.status < _REFUSED:
            return
        self._since = self._since or now
        if self._came != self._size:
            self._came, self._came_at = self._size, now
        if now - self._came_at > QUIET_S or now - self._since > MOST_ERROR_S:
            self._up.abort()
            self._understood(head)

    def _understood(self, head: ReplyHead) -> None:
        self._head = None
        try:
            status, body = self._translation.whole(b"".join(self._gathered))
        except DocumentError as error:
            self._fail(error)
            return
        headers = (*(head.headers if status < _REFUSED else _about_an_error(head.headers)), *self._translation.learnt)
        self._course.begin_reply(_headed(replace(head, status=status, length=len(body)), headers), False)
        self._course.deliver(body, True)

    def _fail(self, error: DocumentError) -> None:
        self._up.abort()
        self._course.lost(UpstreamError(f"the upstream's answer could not be translated: {error}"))


def _about_an_error(headers: Headers) -> Headers:
    """An error is never a stream, whatever the answer was to be."""
    return (*(pair for pair in headers if pair[0].lower() != b"content-type"), (b"Content-Type", b"application/json"))


def _headed(reply: ReplyHead, headers: Headers) -> ReplyHead:
    """The reply's head with these headers in place of its own."""
    line = reply.line if reply.line.startswith(b"%d" % reply.status) else b"%d" % reply.status
    return replace(reply, raw=b"", line=line, headers=headers, names=[key.lower() for key, _ in headers], named=frozenset(), plain=False)


def interpreter(translation: Translation, speaks: str, course: Course, up: UpConnection, door: Door) -> Interpreter:
    """For one leg. `speaks`: the provider's wire, "" where nobody wants to know what the client does not see of it."""
    aside = Aside(speaks) if speaks and door.endurance.policy.empty_retry else None
    return Interpreter(translation, course, up, door.limits.max_buffered_body, aside)
