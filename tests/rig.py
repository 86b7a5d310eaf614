"""A whole proxy in the test's own event loop: a real door, house, engine and database, and a raw upstream that keeps what it received."""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from backstory.app.engine import Engine
from backstory.app.gateway.enduring import Enduring, needed
from backstory.app.house import PortHouse
from backstory.app.server import in_front, metered
from backstory.config import Config
from backstory.config.sections import Compaction, Media, Memory, Recall, Resilience, Storage, ToolOutput, Usage
from backstory.core.plan import House
from backstory.relay.connect import Connector, Proxies, Tls
from backstory.relay.door import Door
from backstory.relay.limits import DoorMetrics, Timeouts
from backstory.stores.database import open_store
from tests.relay.world import Client, Received, Upstream

PATHS = {
    "anthropic": "/v1/messages",
    "openai_chat": "/v1/chat/completions",
    "openai_responses": "/v1/responses",
    "gemini": "/v1beta/models/m:generateContent",
}
QUICK = Timeouts(probe_s=0.2, linger_s=0.2)
LONG_MS = 20_000.0
"""`recall.deadline_ms` where a test does not speak of it: no machine is so busy that memory is late by then."""
Answer = Callable[[Received], bytes | Sequence[bytes]]
"""The raw bytes of an answer, head and all, in as many writes as there are pieces."""


@cache
def _schema() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "empty.db"
        open_store(f"sqlite:///{path}").close()
        return path.read_bytes()


def settings(folder: Path, **sections: dict[str, Any]) -> Config:
    """Settings for a database in this folder, made empty where there is none. Sections as dicts."""
    path = folder / "memory.db"
    if not path.exists():
        path.write_bytes(_schema())
    return Config(
        storage=Storage(url=f"sqlite:///{path}"),
        memory=Memory(**sections.get("memory", {})),
        recall=Recall(**{"deadline_ms": LONG_MS, **sections.get("recall", {})}),
        compaction=Compaction(**sections.get("compaction", {})),
        media=Media(**sections.get("media", {})),
        tool_output=ToolOutput(**sections.get("tool_output", {})),
        resilience=Resilience(**sections.get("resilience", {})),
        usage=Usage(**sections.get("usage", {})),
    )


def recording(folder: Path, **sections: dict[str, Any]) -> Config:
    """The same, with what requests cost recorded."""
    return settings(folder, **{"usage": {"keep_days": 90}, **sections})


class Rig:
    """The proxy of one configuration; `restart` ends it and opens another on the same database."""

    def __init__(
        self, config: Config, upstream: Upstream, upstream_port: int, timeouts: Timeouts, clock: Callable[[], float] = time.time
    ) -> None:
        self._clock = clock
        self.config = config
        self.upstream = upstream
        self.upstream_port = upstream_port
        self._timeouts = timeouts

    async def start(self, wait: bool = True) -> None:
        self.engine = await Engine.open(self.config, self._clock)
        if wait and self.engine.opening.first is not None:
            await asyncio.wait({self.engine.opening.first})  # on a busy machine the engine is there before its store
        url = f"http://127.0.0.1:{self.upstream_port}"
        self.house = PortHouse(self.config, self.engine, url, "")
        house: House = metered(self.config, in_front(self.config, self.house), self.house)
        if needed(self.config):
            house = Enduring(house, self.config, url, self.engine.endurance)
        metrics = DoorMetrics()
        self.engine.metrics.doors.append(metrics)
        connector = Connector(Tls("", "", ""), Proxies("", "", ()))
        self.door = Door(house, None, self._timeouts, connector, metrics, self.engine.endurance, self.config.proxy.websocket)
        self.port = await self.door.listen("127.0.0.1", 0)
        self.client = Client(*await asyncio.open_connection("127.0.0.1", self.port, limit=1 << 24))

    async def stop(self) -> None:
        self.client.writer.close()
        await self.door.drain(1.0)
        assert self.door.metrics.in_flight == 0
        await self.engine.close()
        assert len(self.engine.visits) == 0, "a visit was never closed"

    async def restart(self) -> None:
        await self.stop()
        await self.start()

    async def ask(self, path: str, body: bytes, *headers: bytes) -> tuple[bytes, bytes]:
        """One POST on the connection that is kept; head and body of its answer."""
        await self.client.send(post(self.upstream_port, path, body, *headers))
        return await self.client.reply()

    @property
    def sent(self) -> Received:
        """The newest request as it reached the upstream."""
        return self.upstream.received[-1]

    def failures(self) -> dict[str, int]:
        """How often what failed open."""
        return dict(self.engine.metrics.failures)


def post(port: int, path: str, body: bytes, *headers: bytes) -> bytes:
    """A request in which nothing is to be changed on its way to an upstream on this port."""
    lines = [b"POST %b HTTP/1.1" % path.encode(), b"Host: 127.0.0.1:%d" % port, *headers, b"Content-Length: %d" % len(body)]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def reply(body: bytes, kind: bytes = b"application/json", status: bytes = b"200 OK") -> bytes:
    """A whole answer."""
    return b"HTTP/1.1 %b\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n%b" % (status, kind, len(body), body)


def chunked(pieces: Sequence[bytes], kind: bytes = b"text/event-stream") -> list[bytes]:
    """A streamed answer, one write for each piece."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nTransfer-Encoding: chunked\r\n\r\n" % kind
    return [head, *(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces if piece), b"0\r\n\r\n"]


def said(wire: str, text: str, number: int = 0) -> bytes:
    """The body of a whole answer that says this."""
    bodies: dict[str, object] = {
        "anthropic": {
            "id": f"msg_{number}",
            "type": "message",
            "role": "assistant",
            "model": "m",
            "content": [{"type": "text", "text": text}],
            "stop_reason": "end_turn",
            "usage": {"input_tokens": 1, "output_tokens": 1},
        },
        "openai_chat": {
            "id": f"c_{number}",
            "model": "m",
            "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        },
        "openai_responses": {
            "id": f"resp_{number}",
            "model": "m",
            "status": "completed",
            "output": [{"type": "message", "id": f"msg_{number}", "role": "assistant", "content": [{"type": "output_text", "text": text}]}],
        },
        "gemini": {"candidates": [{"content": {"role": "model", "parts": [{"text": text}]}, "finishReason": "STOP"}]},
    }
    return json.dumps(bodies[wire]).encode()


def asking(wire: str, messages: Sequence[tuple[str, str]], **more: object) -> bytes:
    """A request with these (role, text) messages."""
    if wire == "gemini":
        listed = [{"role": "model" if role == "assistant" else role, "parts": [{"text": text}]} for role, text in messages]
        return json.dumps({"contents": listed, **more}, ensure_ascii=False).encode()
    key = "input" if wire == "openai_responses" else "messages"
    return json.dumps(
        {"model": "m", key: [{"role": role, "content": text} for role, text in messages], **more}, ensure_ascii=False
    ).encode()


@asynccontextmanager
async def rig(config: Config, answer: Answer, timeouts: Timeouts = QUICK, clock: Callable[[], float] = time.time) -> AsyncIterator[Rig]:
    """A proxy in front of an upstream that gives this answer to each request."""
    async with answering(answer) as (upstream, port):
        one = Rig(config, upstream, port, timeouts, clock)
        await one.start()
        try:
            yield one
        finally:
            await one.stop()


@asynccontextmanager
async def answering(answer: Answer) -> AsyncIterator[tuple[Upstream, int]]:
    """An upstream that gives this answer to each request, and its port."""

    async def script(upstream: Upstream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            raw = answer(await upstream.request(reader))
            for piece in [raw] if isinstance(raw, bytes) else raw:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)

    upstream = Upstream(script)
    server = await asyncio.start_server(upstream.serve, "127.0.0.1", 0, limit=1 << 24)
    try:
        yield upstream, server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await upstream.end()


def with_marker(config: Config, policy: str) -> Config:
    return msgspec.structs.replace(config, marker=policy)


async def soon(check: Callable[[], bool], seconds: float = 5.0) -> None:
    """Waits until something holds; fails where it does not."""
    async with asyncio.timeout(seconds):
        while not check():  # noqa: ASYNC110 (what is waited for has no event)
            await asyncio.sleep(0.005)


Step = Callable[[Rig], Awaitable[None]]
