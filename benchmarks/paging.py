"""What the paging tools cost: the first byte of a stream with tools offered and without, and a look-up in the middle of an answer.

    python -m benchmarks.paging [--rounds N]

A client with thirty tools of its own resends a folded history of 600 messages, through a real port.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from pathlib import Path
from typing import Any, Literal

from msgspec.structs import replace

from backstory.app.server import start
from backstory.config import Config, Listener
from backstory.config.sections import Compaction, Paging, Storage, Upstream
from backstory.core.message import Text, ToolCall
from backstory.core.reply import Reply, Usage
from backstory.core.wire import Wire
from benchmarks.world import Client, Talk, bounded, part, says, table

_LIMIT_S = 300.0
_MESSAGES = 600
_WINDOW = 60_000
_SETTLE_S, _SETTLES = 5.0, 10
_PAUSE_S = 0.005
_SCHEMA = {"type": "object", "properties": {"place": {"type": "string"}}}


class Provider:
    """Answers at once, by what it finds in the bytes: a provider that reads takes longer than what is measured."""

    def __init__(self, wire: Wire) -> None:
        called = Reply((Text("Let me look."), ToolCall("call_1", "vc_find_quote", '{"query":"access code"}')), "tool_calls")
        self._called, self._plain = (self._streamed(wire, reply) for reply in (called, says("That was it.")))
        self.offered = False

    @staticmethod
    def _streamed(wire: Wire, reply: Reply) -> bytes:
        body = wire.write(replace(reply, id="r", model="m", usage=Usage(1, 1)), True)
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        return b"%b%x\r\n%b\r\n0\r\n\r\n" % (head, len(body), body)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                body = await reader.readexactly(int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]))
                self.offered = b"vc_find_quote" in body
                looks = self.offered and b"Look it up" in body and b"call_1" not in body
                writer.write(self._called if looks else self._plain)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


def tools(wire: str) -> list[dict[str, Any]]:
    """Thirty tools of the client's."""
    names = [f"tool_{number}" for number in range(30)]
    match wire:
        case "anthropic":
            return [{"name": name, "description": "does a thing", "input_schema": _SCHEMA} for name in names]
        case "openai_chat":
            return [{"type": "function", "function": {"name": name, "parameters": _SCHEMA}} for name in names]
        case "openai_responses":
            return [{"type": "function", "name": name, "parameters": _SCHEMA, "strict": False} for name in names]
    return [{"functionDeclarations": [{"name": name, "parametersJsonSchema": _SCHEMA} for name in names]}]


def request(client: Client, messages: list[dict[str, Any]]) -> bytes:
    """A streamed request, head and all."""
    tree = json.loads(client.body(messages)) | {"tools": tools(client.wire.name)}
    path = client.path.replace(":generateContent", ":streamGenerateContent?alt=sse")
    if client.wire.name != "gemini":
        tree["stream"] = True
    body = json.dumps(tree, separators=(",", ":")).encode()
    return b"POST %b HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%b" % (path.encode(), len(body), body)


class Port:
    """A proxy of its own, and a client's connection to it."""

    def __init__(self, folder: Path, url: str, enabled: Literal["auto", "off"]) -> None:
        self._config = Config(
            storage=Storage(url=f"sqlite:///{folder / f'{enabled}.db'}"),
            upstream=Upstream(url=url),
            compaction=Compaction(context_window=_WINDOW),
            paging=Paging(enabled=enabled),
            listeners=(Listener("127.0.0.1", 0),),
        )

    async def start(self) -> None:
        """Listen, and connect."""
        self._running = await start(self._config)
        self.port = self._running.ports[0]
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self.port, limit=1 << 22)

    async def stop(self) -> None:
        """Close both."""
        self._writer.close()
        await self._running.stop()

    async def timed(self, raw: bytes) -> tuple[float, float]:
        """Milliseconds to the first event and to the last chunk."""
        started = time.perf_counter()
        self._writer.write(raw)
        await self._reader.readuntil(b"\r\n\r\n")
        got = await self._reader.readuntil(b"\n\n")
        first = time.perf_counter()
        while not got.endswith(b"0\r\n\r\n"):
            got += await self._reader.read(65536)
        return (first - started) * 1000, (time.perf_counter() - started) * 1000


async def measured(wire: str, rounds: int) -> list[object]:
    """First bytes with the tools and without, by turns, and whole answers with a look-up."""
    talk, client = Talk(), Client(wire)
    messages = client.user(talk.fact(0)[0])
    for _ in range(_MESSAGES // 2):
        messages += client.back(says(talk.text(1000))) + client.user(talk.text(200))
    provider = Provider(client.wire)
    server = await asyncio.start_server(provider.serve, "127.0.0.1", 0, limit=1 << 22)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    with tempfile.TemporaryDirectory() as folder:
        off, on = Port(Path(folder), url, "off"), Port(Path(folder), url, "auto")
        plain = request(client, [*messages, *client.back(says("Yes.")), *client.user("Go on, please.")])
        looked = request(client, [*messages, *client.back(says("Yes.")), *client.user("Look it up, please.")])
        for port in (off, on):
            await port.start()
            await port.timed(plain)
        for _ in range(_SETTLES):
            await asyncio.sleep(_SETTLE_S)
            await off.timed(plain)
            await on.timed(plain)
            if provider.offered:
                break
        without: list[float] = []
        with_tools: list[float] = []
        wholes: list[float] = []
        late = 0
        while len(with_tools) < rounds or len(wholes) < rounds // 4:
            one, other = (await off.timed(plain))[0], (await on.timed(plain))[0]
            # Where memory is late, as it is on a machine with other work, a request goes up as it came: nothing to measure.
            folded = provider.offered
            if folded and len(with_tools) < rounds:
                without.append(one)
                with_tools.append(other)
            elif folded:
                whole = (await on.timed(looked))[1]
                wholes += [whole] if provider.offered else []
                folded = provider.offered
            late += not folded
            if late > rounds:
                raise RuntimeError(f"the history was not folded in {late} of {late + len(with_tools) + len(wholes)} requests")
            await asyncio.sleep(_PAUSE_S if folded else _SETTLE_S / _SETTLES)
        for port in (off, on):
            await port.stop()
    server.close()
    later = [one - other for one, other in zip(with_tools, without, strict=True)]
    return [wire, part(without, 0.5), part(with_tools, 0.5), part(later, 0.5), part(wholes, 0.5)]


async def main() -> None:
    """All wires."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    rounds = parser.parse_args().rounds
    rows = [await measured(wire, rounds) for wire in ("anthropic", "openai_chat", "openai_responses", "gemini")]
    columns = ("wire", "first byte without", "first byte with", "later", "whole answer with a look-up")
    table("Paging tools, p50 in ms", columns, rows)


if __name__ == "__main__":
    bounded(main, _LIMIT_S)
