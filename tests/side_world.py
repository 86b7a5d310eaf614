"""A side model for tests: a real HTTP server on the loopback that answers by a script, in both dialects, and keeps what it was asked."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from msgspec import Struct

from backstory.config.side_models import Dialect
from backstory.core.plan import Target
from backstory.core.records import Used
from backstory.core.reply import Usage
from backstory.core.side import SideFigures
from backstory.providers.side_model import FREE, Endpoint, Price
from backstory.relay.budget import Budget
from backstory.relay.connect import Connector
from backstory.relay.fetch import Fetcher
from backstory.relay.limits import Timeouts
from backstory.relay.side import SideCaller
from backstory.stores.inbox import Inbox
from backstory.stores.lanes import StoreLanes
from backstory.stores.sql import SqlStore
from backstory.wires import WIRES
from tests.relay.world import Received, Upstream, field
from tests.rig import reply

WIRES_BY_DIALECT = {"openai": WIRES[[wire.name for wire in WIRES].index("openai_chat")], "anthropic": WIRES[0]}
Answer = Callable[["Asked"], "bytes | Awaitable[bytes | None] | None"]
"""The raw answer, head and all; None: the connection is cut."""


class Asked(Struct):
    """A request as the side model got it."""

    path: str
    head: bytes
    body: dict[str, Any]

    @property
    def system(self) -> str:
        return str(self.body.get("system") or self.body["messages"][0]["content"])

    @property
    def text(self) -> str:
        return str(next(one["content"] for one in self.body["messages"] if one["role"] == "user"))

    @property
    def parts(self) -> list[dict[str, Any]]:
        """The turns that are shown."""
        found: list[dict[str, Any]] = json.loads(self.text)
        return found

    def header(self, name: bytes) -> bytes | None:
        return field(self.head, name)


def whole(asked: Asked, text: str, used: tuple[int, int] | None = (100, 20), finish: str = "") -> bytes:
    """The body of an answer that says this, in the dialect in which it was asked, with this usage."""
    if asked.path.endswith("/messages"):
        tools = asked.body.get("tools")
        try:
            part: dict[str, Any] = {"type": "tool_use", "id": "t", "name": "answer", "input": json.loads(text)}
        except ValueError:
            tools = None
        if not tools:
            part = {"type": "text", "text": text}
        usage = {"input_tokens": used[0], "output_tokens": used[1]} if used else {}
        stop = {"length": "max_tokens"}.get(finish, "tool_use" if tools else "end_turn")
        body = {"id": "m", "type": "message", "role": "assistant", "model": "m", "content": [part], "stop_reason": stop, "usage": usage}
    else:
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish or "stop"}
        body = {"id": "c", "model": "m", "choices": [choice]}
        if used:
            body["usage"] = {"prompt_tokens": used[0], "completion_tokens": used[1], "total_tokens": sum(used)}
    return json.dumps(body).encode()


def says(asked: Asked, text: str, used: tuple[int, int] | None = (100, 20), finish: str = "") -> bytes:
    """That answer, head and all."""
    return reply(whole(asked, text, used, finish))


def obliging(asked: Asked) -> bytes:
    """A side model that does its work: claims are the sentences of the turns with a name or number in them, tags a word and "topic".
    It finds no facts."""
    if "claims" in asked.system:
        claims = [
            {"text": sentence, "turns": [part["id"]]}
            for part in asked.parts
            for sentence in re.findall(r"[^.!?]*[A-Z\d][^.!?]*[.!]", part["text"])[:2]
        ]
        return says(asked, json.dumps({"claims": claims}))
    if '"facts"' in asked.system:
        return says(asked, json.dumps({"facts": []}))
    parts = [{"id": part["id"], "tags": ["general topic", part["text"].split()[0]]} for part in asked.parts]
    return says(asked, json.dumps({"parts": parts}))


class SideProvider:
    """`asked`: every request so far. `answer` may be changed at any time."""

    def __init__(self, answer: Answer = obliging) -> None:
        self.answer = answer
        self.asked: list[Asked] = []
        self.port = 0
        self.open = 0
        self.most_open = 0
        self._upstream = Upstream(self._script)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def _script(self, upstream: Upstream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            received = await upstream.request(reader)
            self.open += 1
            self.most_open = max(self.open, self.most_open)
            try:
                got = self._heard(received)
                raw = got if got is None or isinstance(got, bytes) else await got
            finally:
                self.open -= 1
            if raw is None:
                return
            writer.write(raw)
            await writer.drain()

    def _heard(self, received: Received) -> bytes | Awaitable[bytes | None] | None:
        path = received.head.split(b" ", 2)[1].decode()
        asked = Asked(path, received.head, json.loads(received.body))
        self.asked.append(asked)
        return self.answer(asked)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[SideProvider]:
        server = await asyncio.start_server(self._upstream.serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            await self._upstream.end()


def endpoint(port: int, dialect: Dialect = "openai", price: Price = FREE, model: str = "m") -> Endpoint:
    """Where such a provider is asked."""
    path = "/v1/messages" if dialect == "anthropic" else "/v1/chat/completions"
    form = "tool" if dialect == "anthropic" else "schema"
    auth = ((b"x-api-key", b"secret"),) if dialect == "anthropic" else ((b"authorization", b"Bearer secret"),)
    return Endpoint(Target("http", "127.0.0.1", port, b"127.0.0.1", path), dialect, auth, model, price, form)  # type: ignore[arg-type]


class Desk:
    """A caller with a store of its own."""

    def __init__(self, store: SqlStore, folder: Any, to: Endpoint, most: Used, timeout_s: float = 2.0, answer_tokens: int = 400) -> None:
        self.to: Endpoint | None = to
        self.refused: list[str] = []
        self.bills: list[tuple[str, Usage, str, float]] = []
        self.now = 1_700_000_000.0
        self.figures = SideFigures()
        self.lanes = StoreLanes(store, Inbox(folder, "inbox"))
        self.budget = Budget(self.lanes, most, lambda: self.now, self.figures)
        self.fetcher = Fetcher(Connector(), Timeouts(connect_s=1.0))
        self.caller = SideCaller(
            lambda _: self.to,
            self.refused.append,
            self.budget,
            self.fetcher,
            WIRES_BY_DIALECT,
            timeout_s,
            answer_tokens,
            lambda: 0.0,
            self.figures,
            lambda *bill: self.bills.append(bill),
        )

    async def close(self) -> None:
        self.fetcher.close()
        await self.lanes.close()
