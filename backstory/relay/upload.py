"""A request's body on its way up: whole, or in pieces that go on as they come.

Rule: what memory puts in the place of a body that was to be streamed goes up alone; the rest of the client's own is read and dropped. While
there is no connection to send them on, the client is not asked for more pieces than a few.
"""

from __future__ import annotations

from collections.abc import Callable

from backstory.relay.chunks import ending, frame
from backstory.relay.heads import CHUNKED
from backstory.relay.sending import send
from backstory.relay.upstream import UpConnection

_WAITING = 65536  # bytes of a streamed body kept while there is no connection to send them on


class Upload:
    """Of one exchange. `body`: all of it, until it is written; `length`: as the head says it. `streamed`: it goes up in pieces. `done`: the
    client's own has come to its end. `came`: bytes of the client's own. `hold`: stops or resumes reading these."""

    __slots__ = ("_discards", "_hold", "_pieces", "_size", "body", "came", "done", "length", "streamed")

    def __init__(self, hold: Callable[[bool], None]) -> None:
        self._hold = hold
        self.body = b""
        self.length = self.came = self._size = 0
        self._pieces: list[bytes] = []
        self.streamed = self._discards = False
        self.done = True

    def whole(self, body: bytes) -> None:
        """It has come, all of it."""
        self.body = body
        self.length = self.came = len(body)

    def begin(self, length: int) -> None:
        """It follows in pieces."""
        self.streamed, self.done, self.length = True, False, length

    def more(self, data: bytes, last: bool, up: UpConnection | None) -> None:
        """A piece of it, for this connection, where there is one."""
        if self._discards:
            return
        if up is None:
            self._pieces.append(data)
            self._size += len(data)
            if self._size > _WAITING:
                self._hold(True)
            return
        if self.length == CHUNKED:
            data = frame(data) + ending() if last else frame(data)
        up.bulky = True
        up.sent = last
        if data:
            up.transport.write(data)

    def put(self, body: bytes) -> None:
        """This goes up in its place."""
        if self.streamed:
            self.streamed, self._discards = False, True
            self.drop()
            self._hold(False)
        self.body, self.length = body, len(body)

    def send(self, up: UpConnection, head: bytes) -> bool:
        """The head, and what there is of the body. As sending.send."""
        if not self.streamed:
            body, self.body = self.body, b""
            return send(up, head, body)
        data = b"".join(self._pieces)
        self._pieces.clear()
        if self.length == CHUNKED:
            data = frame(data) + ending() if self.done else frame(data)
        up.sent = self.done
        up.transport.write(head + data)
        self._hold(up.full)
        return False

    def upstream_full(self, full: bool) -> None:
        """Whether the provider takes no more: the client's body waits."""
        if self.streamed:
            self._hold(full)

    def drop(self) -> None:
        """What waits is not sent any more."""
        self._pieces.clear()
