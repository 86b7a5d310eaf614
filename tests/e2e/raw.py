"""A raw provider on a thread of its own, and raw clients: bytes in, bytes out, and what of them was stored."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import httptools
from msgspec import Struct

from backstory.stores.database import open_store
from tests.relay.world import Received, Upstream
from tests.rig import post, reply, said

PATH = "/v1/messages"
CHAT = "/v1/chat/completions"
Script = Callable[[Received], bytes | Sequence[bytes | float | None]]
"""What a provider writes: bytes, or pieces; a number is a pause in seconds, None breaks the connection off."""


def question(received: Received) -> str:
    """The newest message's text, "" where there is none."""
    try:
        return str(json.loads(received.body)["messages"][-1]["content"])
    except (ValueError, KeyError, IndexError, TypeError, RecursionError):
        return ""


def usual(received: Received) -> bytes:
    """Says what it was asked."""
    chat = b"/chat/" in received.head.split(b"\r\n")[0]
    return reply(said("openai_chat" if chat else "anthropic", f"You asked: {question(received)}"))


class RawProvider:
    """Answers as `script` says, which may be changed at any time."""

    def __init__(self) -> None:
        self.script: Script = usual
        self.upstream = Upstream(self._serve)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self.port: int = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def received(self) -> list[Received]:
        return self.upstream.received

    def stop(self) -> None:
        async def end() -> None:
            self._server.close()
            await self.upstream.end()

        asyncio.run_coroutine_threadsafe(end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    async def _listen(self) -> int:
        self._server = await asyncio.start_server(self.upstream.serve, "127.0.0.1", 0, limit=1 << 27)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def _serve(self, upstream: Upstream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            received = await upstream.request(reader)
            made = self.script(received)
            for piece in [made] if isinstance(made, bytes) else made:
                if piece is None:
                    writer.transport.abort()
                    return
                if isinstance(piece, float):
                    await asyncio.sleep(piece)
                else:
                    writer.write(piece)
                    await writer.drain()


class Answer(Struct):
    """An answer as a client got it; `ended`: complete, cut (closed or reset before its end)."""

    status: int = 0
    head: bytes = b""
    body: bytes = b""
    ended: str = "cut"
    bytes: int = 0


class _Reading:
    """What httptools tells of an answer."""

    def __init__(self) -> None:
        self.body: list[bytes] = []
        self.done = False
        self.headers: list[tuple[bytes, bytes]] = []

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name, value))

    def on_body(self, data: bytes) -> None:
        self.body.append(data)

    def on_message_complete(self) -> None:
        self.done = True


def talk(port: int, raw: bytes, timeout: float = 15.0, leave_after: int = 1 << 40) -> Answer:
    """One request on a connection of its own, read to the answer's end, or until the client has had `leave_after` bytes and leaves."""
    reading = _Reading()
    parser = httptools.HttpResponseParser(reading)
    got = b""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as one:
        with contextlib.suppress(ConnectionError):
            one.sendall(raw)
        with contextlib.suppress(ConnectionError):
            while not reading.done and len(got) < leave_after and (data := one.recv(65536)):
                got += data
                parser.feed_data(data)
    head, _, _ = got.partition(b"\r\n\r\n")
    status = parser.get_status_code() if got else 0
    return Answer(status, head, b"".join(reading.body), "complete" if reading.done else "cut", len(got))


def ask(port: int, messages: list[tuple[str, str]], *headers: bytes, path: str = PATH, timeout: float = 15.0, **more: object) -> Answer:
    """A conversation's request."""
    body = json.dumps({"model": "m", "messages": [{"role": role, "content": text} for role, text in messages], **more}).encode()
    return talk(port, post(port, path, body, *headers), timeout)


def stored(database: Path) -> dict[str, list[str]]:
    """For each human text that is stored, the answers that follow it (their texts; a "…" at the end of one that was cut)."""
    found: dict[str, list[str]] = {}
    store = open_store(f"sqlite:///{database}")
    turns = [turn for record, _ in store.conversations(None, 10_000) for turn in store.turns(record.id)]
    store.close()
    answers: dict[int, list[str]] = {}
    for turn in turns:
        if turn.role == "assistant":
            answers.setdefault(turn.parent, []).append(turn.text if turn.complete else f"{turn.text}…")
    for turn in turns:
        if turn.role == "user":
            found.setdefault(turn.text, []).extend(answers.get(turn.id, ()))
    return found


def until(check: Callable[[], bool], seconds: float = 15.0) -> None:
    """Waits until something holds; fails where it does not."""
    end = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.03)
