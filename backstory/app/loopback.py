"""A small HTTP server for providers that answer by a script: requests are read off each connection, one after the other.

For the demo, the conformance suite and the tests. The proxy's own door is relay/door.py.
"""

from __future__ import annotations

import asyncio
import contextlib
from abc import ABC, abstractmethod

from backstory.core.exchange import Head

_LARGEST_HEAD = 1 << 20


class Loopback(ABC):
    """Serves between `start` and `stop`. `port` 0: a free one."""

    def __init__(self, port: int = 0, host: str = "127.0.0.1") -> None:
        self.port = port
        self._host = host
        self._server: asyncio.Server | None = None
        self._connections: dict[asyncio.Task[None] | None, asyncio.StreamWriter] = {}

    @abstractmethod
    async def respond(self, writer: asyncio.StreamWriter, head: Head, body: bytes) -> None:
        """Answer one request. ConnectionError ends the connection."""

    @property
    def url(self) -> str:
        """The base URL, without a path."""
        return f"http://{self._host}:{self.port}"

    async def start(self) -> None:
        """Listen. Raises OSError for a port that is taken."""
        self._server = await asyncio.start_server(self._serve, self._host, self.port, limit=_LARGEST_HEAD)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening and close every connection."""
        if self._server is not None:
            self._server.close()
            for writer in self._connections.values():
                writer.transport.abort()
            await asyncio.gather(*filter(None, self._connections))
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        self._connections[task] = writer
        try:
            while (request := await _read_request(reader, writer)) is not None:
                await self.respond(writer, *request)
                if request[0].header(b"connection").lower() == "close":
                    break
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            pass
        finally:
            self._connections.pop(task, None)
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


async def _read_request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> tuple[Head, bytes] | None:
    """The next request of a connection, None at its end. Raises ValueError for what is no HTTP."""
    try:
        raw = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = raw[:-4].split(b"\r\n")
    method, target, _ = first.decode("ascii").split(" ")
    headers = tuple((name, value.strip()) for name, _, value in (line.partition(b":") for line in lines))
    path, _, query = target.partition("?")
    head = Head(method, path, query, headers)
    if head.header(b"expect").lower() == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    if head.header(b"transfer-encoding").lower() != "chunked":
        return head, await reader.readexactly(int(head.header(b"content-length") or 0))
    body = bytearray()
    while size := int((await reader.readline()).split(b";")[0], 16):
        body += await reader.readexactly(size)
        await reader.readexactly(2)
    while (await reader.readline()).strip():
        pass
    return head, bytes(body)
