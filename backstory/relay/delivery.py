"""How one reply's body reaches the client: as it came, through a tap piece by piece, or gathered and replaced. No sockets here.

Rule: the tap listens, the relaying goes on. `Listener` is the one place that catches what a tap raises; after that the remaining bytes
pass as they came.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TypeVar, TypeVarTuple

from backstory.core.exchange import Ended, Headers
from backstory.core.plan import Mode, Tap
from backstory.relay.chunks import ending
from backstory.relay.decoding import content
from backstory.relay.heads import CHUNKED, TO_END, ReplyHead, choose_framing, render_reply, render_trailers, without_ours
from backstory.relay.lastword import LastWord
from backstory.relay.limits import DoorMetrics
from backstory.relay.tap import ArrivalTap

_log = logging.getLogger("backstory.relay")
_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")


class Listener:
    """A tap behind glass: the first exception ends the listening, is counted and named; `over` is told all the same, once."""

    __slots__ = ("_acknowledged", "_listening", "_metrics", "_tap", "_told")

    def __init__(self, tap: Tap, metrics: DoorMetrics) -> None:
        self._tap = tap
        self._metrics = metrics
        self._listening = True
        self._acknowledged = self._told = False

    def _ask(self, fallback: _T, call: Callable[[*_Ts], _T], *args: *_Ts) -> _T:
        if not self._listening:
            return fallback
        try:
            return call(*args)
        except Exception as error:  # noqa: BLE001 (the tap runner)
            self._failed(getattr(call, "__name__", "?"), type(error).__name__)
            return fallback

    def _failed(self, where: str, what: str) -> None:
        self._listening = False
        self._metrics.tap_errors += 1
        _log.warning("a tap failed in %s with %s: the answer passes as it came", where, what)

    def _bytes(self, answer: object, fallback: bytes) -> bytes:
        """What a tap returned to be sent; the fallback where it is no bytes at all."""
        if isinstance(answer, bytes):
            return answer
        self._failed("its result", type(answer).__name__)
        return fallback

    def sent(self) -> None:
        """As Tap.sent."""
        self._ask(None, self._tap.sent)

    def begin(self, status: int, headers: Headers) -> tuple[Mode, Headers]:
        """As Tap.begin; ("pass", ()) where it failed."""
        fallback: tuple[Mode, Headers] = ("pass", ())
        return self._ask(fallback, self._tap.begin, status, headers)

    def chunk(self, data: bytes) -> bytes:
        """As Tap.chunk; the data itself where it failed."""
        return self._bytes(self._ask(data, self._tap.chunk, data), data)

    def heard(self, data: bytes) -> None:
        """As Tap.chunk where its result is ignored."""
        self._ask(b"", self._tap.chunk, data)

    def last(self, data: bytes) -> None:
        """The last piece, where it may be empty, and the acknowledgement."""
        if data:
            self._ask(b"", self._tap.chunk, data)
        self.acknowledge()

    def joins(self, data: bytes) -> bool:
        """The last piece; whether it is acknowledged by `acknowledge_all`."""
        tap = self._tap
        return isinstance(tap, ArrivalTap) and not self._acknowledged and self._ask(False, tap.joins, data)

    def tail(self) -> bytes:
        """As Tap.tail; nothing where it failed."""
        return self._bytes(self._ask(b"", self._tap.tail), b"")

    def whole(self, body: bytes) -> bytes:
        """As Tap.whole; the body itself where it failed."""
        return self._bytes(self._ask(body, self._tap.whole, body), body)

    def acknowledge(self) -> None:
        """As Tap.acknowledge: told once."""
        if not self._acknowledged:
            self._acknowledged = True
            self._ask(None, self._tap.acknowledge)

    def over(self, ended: Ended, status: int, bytes_in: int, bytes_out: int) -> None:
        """As Tap.over: told once, even after a failure."""
        if not self._told:
            self._told = self._listening = True
            self._ask(None, self._tap.over, ended, status, bytes_in, bytes_out)


def acknowledge_all(listeners: Sequence[Listener]) -> None:
    """Acknowledge the answers of those that join, at once; where that fails, each by itself."""
    if not listeners:
        return
    taps = [tap for one in listeners if isinstance(tap := one._tap, ArrivalTap)]
    if not listeners[0]._ask(False, ArrivalTap.acknowledge_all, taps):
        listeners[0]._listening = len(listeners) > 1  # whose fault it is shows now
        for one in listeners:
            one.acknowledge()


class Delivery:
    """One reply on its way to the client. `write` is handed whole pieces: head and first bytes together, a chunk with its frame.

    `empty`: a reply without a body. `old`: the client speaks HTTP/1.0.

    `connection` is the Connection header to send, b"" for none; `limit` how large a body may be gathered. `started`: the client
    has been sent something; `closes`: only closing ends this reply (HTTP/1.0). `bytes_out`: body bytes sent, without framing. `mode`:
    the body is not the one that the head was sent with, whatever the tap wants of it ("pass": as the tap wants). `more`: headers of ours.
    `begun`: the client has a head already, of a stream in chunks, so it gets none. `said`: the client has been given the last word of a
    stream that is listened to (lastword.py); its body may still go on.
    """

    __slots__ = (
        "_add",
        "_apart",
        "_chunked",
        "_connection",
        "_gathered",
        "_head",
        "_last_word",
        "_limit",
        "_listener",
        "_mode",
        "_old",
        "_size",
        "_write",
        "bytes_out",
        "closes",
        "reply",
        "said",
        "started",
    )

    def __init__(
        self,
        reply: ReplyHead,
        empty: bool,
        listener: Listener | None,
        old: bool,
        connection: bytes,
        limit: int,
        write: Callable[[bytes], None],
        mode: Mode = "pass",
        more: Headers = (),
        begun: bool = False,
    ) -> None:
        if listener is not None or more:
            reply = without_ours(reply)
        wanted, self._add = listener.begin(reply.status, reply.headers) if listener is not None else ("pass", ())
        if more:
            self._add = (*self._add, *more)
        self._mode: Mode = "pass" if empty else mode if mode != "pass" else wanted
        self._listener = listener
        self._old = old
        self._connection = connection
        self._limit = limit
        self._write = write
        self._gathered: list[bytes] = []
        self._size = 0
        self._apart = False
        self.reply = reply
        self.started = False
        self.bytes_out = 0
        self._chunked = self.closes = self.said = False
        self._head = b""
        self._last_word = None if listener is None or empty else _last_word(reply)
        if begun:
            self._mode = "pass" if self._mode == "whole" else self._mode
            self.started = self._chunked = True
        elif self._mode != "whole":
            self._render(empty)

    def _render(self, empty: bool) -> None:
        framing = choose_framing(self.reply, self._mode, self._old, empty)
        self._chunked = framing == CHUNKED
        self.closes = framing == TO_END
        connection = b"close" if self.closes else self._connection
        self._head = render_reply(self.reply, framing, self._add, connection)

    def feed(self, data: bytes, done: bool, trailers: Sequence[tuple[bytes, bytes]] = ()) -> None:
        """A piece of the body, transfer coding off, maybe empty; `done` with the last one.

        The tap is asked in the order core/plan.py gives: in `pass` mode it hears each piece after it was written, but the last one
        before, so that `acknowledge` knows all of it.
        """
        if self._mode == "whole":
            self._gather(data, done)
            return
        listener = self._listener
        if listener is not None:
            data = self._tell(listener, data, done)
        heard = done or self._mode != "pass"
        if self._last_word is not None and data and not done and self._last_word.feed(data):
            heard = self._say(data)
        self.bytes_out += len(data)
        head = self._head
        if self._chunked:
            end = ending(render_trailers(trailers, ours=listener is not None or bool(self._add)) if trailers else b"") if done else b""
            out = b"%b%x\r\n%b\r\n%b" % (head, len(data), data, end) if data else head + end
        else:
            out = head + data if head else data
        if out:
            self._head = b""
            self.started = True
            self._write(out)
        if listener is not None and data and not heard:
            listener.heard(data)

    def joins(self, data: bytes) -> bool:
        """The last piece; whether it is fed when `acknowledge_all` has been told of the tap."""
        self._apart = self._mode == "pass" and self._listener is not None and self._listener.joins(data)
        return self._apart

    def break_off(self) -> None:
        """The reply will not come to its end: what a tap still holds back of it is sent."""
        rest = self._listener.tail() if self._listener is not None and self._mode == "stream" else b""
        if rest:
            self.bytes_out += len(rest)
            self._write(b"%x\r\n%b\r\n" % (len(rest), rest) if self._chunked else rest)

    def _tell(self, listener: Listener, data: bytes, done: bool) -> bytes:
        """What the tap is asked before the bytes are written; the bytes to write."""
        if self._mode == "stream":
            data = listener.chunk(data) if data else data
            if done:
                data += listener.tail()
            if done:
                listener.acknowledge()
        elif done and not self._apart:
            listener.last(data)
        return data

    def _say(self, data: bytes) -> bool:
        """The last word is in these bytes, which are about to be written: it is acknowledged as the last bytes are. True."""
        self._last_word, self.said = None, True
        if self._listener is not None:
            self._listener.last(data if self._mode == "pass" else b"")
        return True

    def _gather(self, data: bytes, done: bool) -> None:
        self._gathered.append(data)
        self._size += len(data)
        if self._size > self._limit:
            self._mode, self._listener, self._last_word = "pass", None, None
            self._render(empty=False)
            self.feed(b"".join(self._gathered), done)
            self._gathered.clear()
        elif done:
            body = b"".join(self._gathered)
            listener = self._listener
            if listener is not None:
                body = listener.whole(body)
                listener.acknowledge()
            head = render_reply(self.reply, len(body), self._add, self._connection)
            self.started = True
            self.bytes_out = len(body)
            self._write(head + body)


def _last_word(reply: ReplyHead) -> LastWord | None:
    """What finds it in this reply, None where it has none."""
    content_type, coding = content(reply.headers)
    return LastWord(coding) if reply.status == 200 and content_type.startswith("text/event-stream") else None
