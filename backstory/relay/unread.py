"""What a provider sent before its connection failed.

Rule: an event loop that cannot write drops the connection with all that it had not read. A provider that refuses a large request answers
first and closes then, so its answer may lie in the socket's receive buffer when the write fails: it is read before the loss is told.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from typing import Protocol, cast

_HANDED_ON = ("buffer_updated", "get_buffer", "pause_writing", "resume_writing")
_PIECE = 65536
_MOST_PIECES = 1024  # more than any receive buffer holds


def unread(transport: asyncio.BaseTransport) -> Iterator[bytes]:
    """The bytes that had come when the connection failed, in order. To be asked while the event loop tells of the loss, before it closes
    the socket; there is nothing where the system keeps nothing after a reset."""
    sock: socket.socket = transport.get_extra_info("socket")
    try:
        with socket.fromfd(sock.fileno(), sock.family, sock.type) as twin:
            twin.setblocking(False)
            for _ in range(_MOST_PIECES):
                data = twin.recv(_PIECE)
                if not data:
                    return
                yield data
    except OSError:
        return


class _Tls(Protocol):
    """The event loop's own protocol between a socket and a TLS transport."""

    def connection_lost(self, exc: Exception | None) -> None: ...
    def get_buffer(self, sizehint: int) -> memoryview: ...
    def buffer_updated(self, nbytes: int) -> None: ...
    def eof_received(self) -> bool | None: ...


class Attentive(asyncio.BufferedProtocol):
    """Stands between a socket's transport and its TLS, and hands everything on; at the end of the connection, what had come by then is
    handed on first. Its methods are those of the TLS, so that reading costs no call more.

    `app`: the transport above the TLS. Where it is paused (a slow client), uvloop's TLS drops at the end what it has not decrypted yet.
    """

    __slots__ = ("_app", "_raw", "_tls", *_HANDED_ON)

    def __init__(self, raw: asyncio.Transport, app: asyncio.Transport) -> None:
        self._raw = raw
        self._app = app
        self._tls = tls = cast(_Tls, raw.get_protocol())
        for name in _HANDED_ON:
            setattr(self, name, getattr(tls, name))

    def eof_received(self) -> bool | None:
        """Called by the event loop."""
        self._app.resume_reading()
        self._hand_on(b"")
        return self._tls.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the event loop."""
        if exc is not None:
            self._app.resume_reading()
            self._hand_on(b"")
            for data in unread(self._raw):
                self._hand_on(data)
        self._tls.connection_lost(exc)

    def _hand_on(self, data: bytes) -> None:
        while True:
            room = self._tls.get_buffer(len(data))
            size = min(len(room), len(data))
            room[:size] = data[:size]
            self._tls.buffer_updated(size)
            data = data[size:]
            if not data:
                return
