"""One request on a WebSocket: an exchange as of a POST (flow.py), whose reply is read and said in messages.

Rule: the exchange writes a reply over HTTP, as to any client; here it is read again by the same rules (heads.py, chunks.py).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from backstory.core.exchange import Head
from backstory.core.plan import Answer
from backstory.errors import BackstoryError, DocumentError
from backstory.relay.asker import told
from backstory.relay.chunks import ChunkReader
from backstory.relay.flow import Flow
from backstory.relay.heads import CHUNKED, ReplyHead, Request, read_reply
from backstory.wires.bodies import Inflate, inflating
from backstory.wires.openai_responses.socket import Answering

if TYPE_CHECKING:
    from backstory.relay.websocket import WebSocket


class _Pipe(asyncio.Transport):
    """What the exchange writes its reply to."""

    def __init__(self, request: SocketRequest, socket: asyncio.Transport) -> None:
        super().__init__()
        self._request = request
        self._socket = socket

    def write(self, data: Any) -> None:
        """Bytes of a reply."""
        self._request.written(bytes(data))

    def is_closing(self) -> bool:
        """Whether the client has left."""
        return self._socket.is_closing()

    def get_write_buffer_size(self) -> int:
        """Bytes that the client has not been handed."""
        return self._socket.get_write_buffer_size()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """As of the client's connection."""
        return self._socket.get_extra_info(name, default)


class SocketRequest:
    """Implements asker.Asker."""

    def __init__(self, socket: WebSocket, answering: Answering) -> None:
        self.door = socket.door
        self.house = socket.house
        self.heads = socket.heads
        self.transport: asyncio.Transport = _Pipe(self, socket.transport)
        self.keep = True
        self.full = socket.full
        self._socket = socket
        self._answering = answering
        self._flow: Flow | None = None
        self._head: ReplyHead | None = None
        self._buffer = b""
        self._chunks: ChunkReader | None = None
        self._inflate: Inflate | None = None

    def start(self, request: Request) -> None:
        """The exchange begins."""
        flow = self._flow = Flow(self, request)
        flow.start(self._answering.body)

    def client_full(self, full: bool) -> None:
        """Whether the client reads too slowly: then the provider waits."""
        self.full = full
        if self._flow is not None:
            self._flow.client_full(full)

    def give_up(self) -> None:
        """The client has left."""
        flow, self._flow = self._flow, None
        if flow is not None:
            flow.give_up()

    def check(self) -> None:
        """Called by the sweep."""
        if self._flow is not None:
            self._flow.check()

    # The exchange calls these.

    def hold_upload(self, held: bool) -> None:
        """See Asker. The body is all there."""

    def error(self, head: Head | None, error: BackstoryError) -> Answer:
        """See Asker."""
        return told(self.house, head, error)

    def answer(self, answer: Answer, request: Request) -> None:
        """See Asker."""
        self._say(self._answering.refused(answer.status, answer.headers, answer.body))
        self._over()

    def written(self, data: bytes) -> None:
        """Bytes of the reply: informational ones, its head, its body."""
        if self._head is not None:
            self._body(data)
            return
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head, self._buffer = read_reply(self._buffer[:end]), self._buffer[end + 4 :]
            if head.status >= 200:
                self._begin(head)
                data, self._buffer = self._buffer, b""
                self._body(data)
                return

    def finish(self) -> None:
        """See Asker."""
        self._say(self._answering.end())
        self._over()

    def cut(self) -> None:
        """See Asker."""
        self._say(self._answering.broken())
        self._over()

    def hang_up(self) -> None:
        """See Asker."""
        self.cut()

    def _begin(self, head: ReplyHead) -> None:
        self._head = head
        self._chunks = ChunkReader() if head.length == CHUNKED else None
        self._inflate = inflating(head.headers)
        self._answering.begin(head.status, head.headers)

    def _body(self, data: bytes) -> None:
        if self._chunks is not None:
            data, _ = self._chunks.feed(data)
        try:
            plain = data if self._inflate is None else self._inflate.more(data)
        except DocumentError:
            self._say(self._answering.broken())
            return
        if plain:
            self._say(self._answering.feed(plain))

    def _say(self, messages: list[bytes]) -> None:
        self._socket.say(*messages)

    def _over(self) -> None:
        self._flow = None
        self._socket.over(self._answering.wanted.lane)
