"""Providers of any wire that do as they are told (dawdle, refuse, cut), and a proxy whose requests are routed to them. Loopback only."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias

from msgspec.structs import replace

from backstory.app.gateway.translating import TONGUES_BY_NAME
from backstory.config import Config
from backstory.core.message import Text, Thinking
from backstory.core.reply import Usage
from backstory.core.translation import Answered, Begun, Broke, Failure, Piece, Thought, Words
from backstory.relay.decoding import read_reply
from backstory.wires import WIRES
from backstory.wires.translation.translate import events_of
from tests.relay.world import Received, Upstream
from tests.rig import PATHS, QUICK, Rig, chunked, reply, settings
from tests.routed import KEYS, speaking

BY_NAME = {wire.name: wire for wire in WIRES}
Do: TypeAlias = "Callable[[Received, asyncio.StreamWriter], Any]"
"""What a provider does with a request: a coroutine function; the connection stays open after it."""
KINDS = {"anthropic": "anthropic", "openai_chat": "together", "openai_responses": "openai", "gemini": "gemini"}


def says(text: str, after_s: float = 0.0, thought: str = "", pause_s: float = 0.0) -> Do:
    """An answer in the wire and manner of the request, after so long; `pause_s`: before its second half."""

    async def do(received: Received, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(after_s)
        tongue = TONGUES_BY_NAME[speaking(received)]
        asked = tongue.asked(received.body, received.head.split(b" ")[1].split(b"?")[0].decode(), "alt=sse")
        pieces: tuple[Piece, ...] = (Thought(thought), Words(text)) if thought else (Words(text),)
        said = Answered(f"id_{text[:3].strip()}", "m", pieces if text else pieces[:-1], "stop", Usage(10, 5), 3 if thought else 0)
        if not streams(received):
            writer.write(reply(tongue.answer(said, asked)))
            return
        teller = tongue.teller(asked)
        body = b"".join([teller.tell(event) for event in events_of(said)]) + teller.end()
        half = body.index(b"\n\n", len(body) // 2) + 2
        for piece in chunked([body[:half]])[:-1]:
            writer.write(piece)
        await writer.drain()
        await asyncio.sleep(pause_s)
        for piece in chunked([body[half:]])[1:]:
            writer.write(piece)

    return do


def refuses(status: int, after_s: float = 0.0, text: str = "no") -> Do:
    async def do(_: Received, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(after_s)
        writer.write(reply(json.dumps({"error": {"message": text, "type": "said"}}).encode(), status=b"%d Said" % status))

    return do


async def tells(received: Received, writer: asyncio.StreamWriter) -> None:
    """An error of its own under status 200, before anything else."""
    tongue = TONGUES_BY_NAME[speaking(received)]
    failure = Failure(529, "overloaded", "Overloaded")
    if not streams(received):
        writer.write(reply(tongue.failure(failure)[1]))
        return
    asked = tongue.asked(received.body, received.head.split(b" ")[1].split(b"?")[0].decode(), "alt=sse")
    teller = tongue.teller(asked)
    for piece in chunked([teller.tell(Begun("id_1", "m")) + teller.tell(Broke(failure)) + teller.end()]):
        writer.write(piece)


async def shows(_: Received, writer: asyncio.StreamWriter) -> None:
    """A page of the web in place of an answer, as a portal or a wrong address gives it."""
    page = b"<!doctype html><title>Sign in</title>"
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n%b" % (len(page), page))


async def cuts(received: Received, writer: asyncio.StreamWriter) -> None:
    """A head, the beginning of an answer that says nothing yet, and the end of the connection."""
    kind = b"text/event-stream" if streams(received) else b"application/json"
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nContent-Length: 500\r\n\r\n" % kind)
    await writer.drain()
    await asyncio.sleep(0.02)
    writer.close()


async def dangles(_: Received, writer: asyncio.StreamWriter) -> None:
    """Nothing, for longer than any test waits."""
    await asyncio.sleep(30)


def streams(received: Received) -> bool:
    return b"streamGenerateContent" in received.head or json.loads(received.body).get("stream") is True


class Rival(Upstream):
    """`broken`: requests whose connection was closed while they were being answered."""

    def __init__(self, does: Sequence[Do]) -> None:
        super().__init__(lambda _, reader, writer: _serve(self, reader, writer))
        self.does = list(does)
        self.broken = 0


class Rivals(Rig):
    """`by_name`: the providers."""

    by_name: dict[str, Rival]

    def asked(self, name: str) -> int:
        return len(self.by_name[name].received)

    def body_of(self, name: str, number: int = -1) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.by_name[name].received[number].body)
        return found

    async def ask_for(self, wire: str, model: str, stream: bool = False, **more: Any) -> tuple[bytes, bytes]:
        """Head and body of the answer to a request for this model."""
        return await self.ask(*request(wire, model, stream, **more), KEYS[wire])


def request(wire: str, model: str, stream: bool = False, **more: Any) -> tuple[str, bytes]:
    path = PATHS[wire]
    if wire == "gemini":
        verb = "streamGenerateContent?alt=sse" if stream else "generateContent"
        path = f"/v1beta/models/{model.replace('?', '%3F')}:{verb}"
        body: dict[str, Any] = {"contents": [{"role": "user", "parts": [{"text": "Hello."}]}]}
    else:
        key = "input" if wire == "openai_responses" else "messages"
        body = {"model": model, key: [{"role": "user", "content": "Hello."}], "stream": stream}
    if wire == "anthropic":
        body["max_tokens"] = 1000
    return path, json.dumps(body | more).encode()


def texts(wire: str, body: bytes, stream: bool) -> tuple[str, str]:
    """The text and the reasoning that a client reads."""
    read = BY_NAME[wire]
    if stream:
        found = read_reply(read, "text/event-stream", "", body)
        assert found is not None
        assert not found.cut
    else:
        found = read.reply(body)
    text = "".join([part.text for part in found.parts if isinstance(part, Text)])
    return text, "".join([part.text for part in found.parts if isinstance(part, Thinking)])


@asynccontextmanager
async def rivals(
    folder: Path, providers: Mapping[str, tuple[str, Do | Sequence[Do]]], text: str = "", environ: Mapping[str, str] | None = None
) -> AsyncIterator[Rivals]:
    """`providers`: by name the wire that it speaks, and what it does, with each request or one after the other."""
    by_name: dict[str, Rival] = {}
    servers: list[asyncio.Server] = []
    rows: list[str] = []
    for name, (wire, does) in providers.items():
        one = Rival([does] if callable(does) else does)
        server = await asyncio.start_server(one.serve, "127.0.0.1", 0, limit=1 << 24)
        servers.append(server)
        by_name[name] = one
        port = server.sockets[0].getsockname()[1]
        rows.append(f"  {name}: {{kind: {KINDS[wire]}, wire: {wire}, url: 'http://127.0.0.1:{port}', auth: none}}\n")
    (folder / "backstory.yaml").write_text("providers:\n" + "".join(rows) + text)
    config = Config.load(environ={"HOME": str(folder), **(environ or {})}, cwd=folder)
    config = replace(config, storage=settings(folder).storage)
    first = next(iter(by_name.values()))
    one_rig = Rivals(config, first, 9, QUICK)
    one_rig.by_name = by_name
    await one_rig.start()
    try:
        yield one_rig
    finally:
        await one_rig.stop()
        for server, upstream in zip(servers, by_name.values(), strict=True):
            server.close()
            await upstream.end()


async def _serve(rival: Rival, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        received = await rival.request(reader)
        do = rival.does.pop(0) if len(rival.does) > 1 else rival.does[0]
        doing = asyncio.ensure_future(do(received, writer))
        try:
            while not doing.done() and not reader.at_eof():
                await asyncio.wait({doing}, timeout=0.005)
            if not doing.done():
                rival.broken += 1
                return
        finally:
            doing.cancel()
        doing.result()
        await writer.drain()
        if writer.is_closing():
            return
