"""A proxy whose requests to a model may be sent again, and providers that do as they are told. Real sockets, on the loopback."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TypeAlias

from msgspec import Struct

from backstory.core.exchange import Head
from backstory.core.plan import Attempt, Plan, Question, Target
from backstory.relay import Timeouts
from backstory.relay.breaker import Thresholds
from backstory.relay.endurance import Endurance, Policy
from backstory.wires import WIRES

from .world import CALM, Ear, Script, Upstream, World, field, world

CHAT = next(wire for wire in WIRES if wire.name == "openai_chat")
QUICK = Policy(retries=2, backoff_s=0.01, backoff_most_s=0.05, budget_s=5.0)


class Stays(Struct, frozen=True):
    """These bytes, and the connection stays open."""

    said: bytes


Answer: TypeAlias = bytes | Callable[[asyncio.StreamWriter], None] | float | Stays
"""What a provider does with a request: it says these bytes, does something with the connection, or says nothing for so many seconds."""


def reply(status: int, body: bytes = b"", *headers: bytes, kind: bytes = b"application/json") -> bytes:
    lines = b"".join(b"%b\r\n" % line for line in headers)
    return b"HTTP/1.1 %d Said\r\nContent-Type: %b\r\n%bContent-Length: %d\r\n\r\n%b" % (status, kind, lines, len(body), body)


def chat(text: str) -> bytes:
    message = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return json.dumps({"id": "c", "object": "chat.completion", "model": "m", "choices": [message]}).encode()


def events(*texts: str) -> bytes:
    deltas = [{"role": "assistant", "content": ""}, *({"content": text} for text in texts)]
    chunks = [{"id": "c", "object": "chat.completion.chunk", "model": "m", "choices": [{"index": 0, "delta": one}]} for one in deltas]
    last = {"id": "c", "object": "chat.completion.chunk", "model": "m", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    return b"".join(b"data: %b\n\n" % json.dumps(one).encode() for one in [*chunks, last]) + b"data: [DONE]\n\n"


def sse(body: bytes) -> bytes:
    return reply(200, body, kind=b"text/event-stream")


def reset(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


def close(writer: asyncio.StreamWriter) -> None:
    writer.close()


def then(first: bytes, after: Callable[[asyncio.StreamWriter], None]) -> Callable[[asyncio.StreamWriter], None]:
    """Some bytes, and, when they have left, the end."""

    def do(writer: asyncio.StreamWriter) -> None:
        writer.write(first)
        asyncio.get_running_loop().call_later(0.05, after, writer)

    return do


def saying(*answers: Answer) -> Script:
    """One answer for each request, over all connections; the last one again and again."""
    left = list(answers)

    async def script(upstream: Upstream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await upstream.request(reader)
            answer = left.pop(0) if len(left) > 1 else left[0]
            if isinstance(answer, float):
                await asyncio.sleep(answer)
                return
            if isinstance(answer, Stays):
                writer.write(answer.said)
                await asyncio.sleep(30)
                return
            if isinstance(answer, bytes):
                writer.write(answer)
                await writer.drain()
            else:
                answer(writer)
                await asyncio.sleep(0.2)
                return

    return script


class Stage(Struct):
    """A world whose requests to a model may be sent again; `backs` are the upstreams behind the first."""

    world: World
    backs: list[Upstream]
    ear: Ear

    @property
    def port(self) -> int:
        return self.world.port

    @property
    def asked(self) -> list[int]:
        """How often each upstream was asked."""
        return [len(one.received) for one in (self.world.upstream, *self.backs)]


@asynccontextmanager
async def stage(
    *answers: Answer,
    behind: Sequence[Sequence[Answer]] = (),
    policy: Policy = QUICK,
    thresholds: Thresholds = Thresholds(0),  # noqa: B008 (a frozen value)
    timeouts: Timeouts = CALM,
    streams: bool = False,
    refused: bool = False,
    clock: Callable[[], float] = time.monotonic,
    change: Callable[[int, Attempt], Attempt] = lambda _, attempt: attempt,
) -> AsyncIterator[Stage]:
    ear = Ear()
    shared = Endurance(policy, thresholds, clock)
    async with world(saying(*(answers or (0.0,))), timeouts=timeouts, endurance=shared) as one, AsyncExitStack() as stack:
        backs: list[Upstream] = []
        others: list[Attempt] = []
        for number, said in enumerate(behind):
            back = Upstream(saying(*said))
            server = await asyncio.start_server(back.serve, "127.0.0.1", 0, limit=1 << 20)
            stack.push_async_callback(back.end)
            stack.callback(server.close)
            port = server.sockets[0].getsockname()[1]
            target = Target("http", "127.0.0.1", port, b"back.test", "/v1/chat/completions")
            others.append(change(number, Attempt(f"back.{number}", target, None, frozenset(), (), None)))
            backs.append(back)
        closed = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        dead = closed.sockets[0].getsockname()[1]
        closed.close()

        def decide(head: Head, _: bytes) -> Plan:
            target = one.house.target(head)
            if refused:
                target = Target("http", "127.0.0.1", dead, b"up.test", head.path)
            question = Question(CHAT, lambda: streams, lambda status, body: b"data: %d %b\n\n" % (status, body))
            return Plan(target, tap=ear, name="front", others=tuple(others), question=question)

        one.house.decide = decide
        yield Stage(one, backs, ear)


def attempts(head: bytes) -> bytes | None:
    return field(head, b"x-vc-attempts")


def split(raw: bytes) -> tuple[bytes, bytes]:
    head, _, body = raw.partition(b"\r\n\r\n")
    return head, body
