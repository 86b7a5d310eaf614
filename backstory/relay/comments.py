"""The stream that we begin ourselves, for a client that waits for one while a provider is not at its end: comments, then the answer in it.

Rule: the first comment needs a head, so the client has status 200 from then on. An answer that does not fit into the stream, and every
error, is told in it as an event when it is there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from backstory.core.exchange import Headers
from backstory.core.plan import Answer, Question
from backstory.relay.chunks import ending, frame
from backstory.relay.heads import ReplyHead

if TYPE_CHECKING:
    from backstory.relay.asker import Asker

_MOST_HELD = 1_048_576
_OK = 200
_SSE = b"text/event-stream"
_STREAM_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n"
_KEEP_ALIVE = frame(b": keep-alive\n\n")


class Course(Protocol):
    """The exchange that the stream belongs to (flow.py)."""

    def end_stream(self, data: bytes, status: int) -> None:
        """The last bytes of a stream that we began. `status`: of the answer that they tell of."""
        ...


class Comments:
    """`every_s`: between two comments, 0: none. `old`: the client speaks HTTP/1.0. `running`: it is time for comments. `begun`: the client
    was sent the head of a stream, and comments."""

    __slots__ = ("_beat_at", "_clock", "_course", "_down", "_every_s", "_held", "_old", "_parts", "_question", "_size", "begun", "running")

    def __init__(
        self, question: Question | None, every_s: float, old: bool, course: Course, down: Asker, clock: Callable[[], float]
    ) -> None:
        self._question = question
        self._every_s = every_s
        self._old = old
        self._course = course
        self._down = down
        self._clock = clock
        self._held: ReplyHead | None = None
        self._parts: list[bytes] = []
        self._size = 0
        self._beat_at = 0.0
        self.begun = self.running = False

    def start(self) -> None:
        """Something has failed: the client has to wait longer than it would have without us."""
        question = self._question
        if self._every_s and not self.running and not self._old and question is not None and question.streams():
            self.running = True
            self._beat_at = self._clock()

    def check(self, headers: Headers) -> None:
        """Called by the sweep while no answer is passed on. `headers`: ours, for the head."""
        now = self._clock()
        if self.running and now - self._beat_at > self._every_s and not self._down.full:
            self._beat(now, headers)

    def fits(self, reply: ReplyHead) -> bool:
        """Whether this answer can be put into the stream that we began."""
        named = {key.lower(): value for key, value in reply.headers}
        coded = named.get(b"content-encoding", b"identity").lower() not in {b"", b"identity"}
        return reply.status == _OK and named.get(b"content-type", b"").lower().startswith(_SSE) and not coded

    def keep_for_the_end(self, reply: ReplyHead) -> None:
        """An answer that does not fit into the stream that we began: it is told in an event when it is there."""
        self._held = reply
        self._parts, self._size = [], 0

    def more_for_the_end(self, data: bytes, done: bool) -> None:
        """Its body."""
        if self._size < _MOST_HELD:
            self._parts.append(data)
            self._size += len(data)
        if done and self._held is not None:
            self._tell_end(self._held.status, b"".join(self._parts))

    def end_with(self, answer: Answer) -> None:
        """The stream that we began ends with an error of ours."""
        self._tell_end(answer.status, answer.body)

    def _tell_end(self, status: int, body: bytes) -> None:
        question = self._question
        self._course.end_stream(frame(question.failure(status, body)) + ending() if question is not None else ending(), status)

    def _beat(self, now: float, headers: Headers) -> None:
        """A comment; the head of the stream before the first one. What a comment is stands in the HTML standard, "server-sent events"."""
        if not self.begun:
            self.begun = True
            more = [b"%b: %b\r\n" % pair for pair in headers]
            if not self._down.keep:
                more.append(b"Connection: close\r\n")
            self._down.transport.write(b"%b%b\r\n%b" % (_STREAM_HEAD, b"".join(more), _KEEP_ALIVE))
        else:
            self._down.transport.write(_KEEP_ALIVE)
        self._beat_at = now
