"""A proxy whose requests are routed: its own upstream and another provider, both on the loopback, and settings read from a file."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from msgspec.structs import replace

from backstory.config import Config
from backstory.core.message import Text
from backstory.core.reply import Reply
from backstory.core.translation import Answered, Words
from backstory.wires import WIRES
from backstory.wires.translation.tongues import TONGUES
from backstory.wires.translation.translate import events_of
from tests.relay.world import Received, Upstream, field
from tests.rig import PATHS, QUICK, Rig, asking, chunked, reply, said, settings

KEYS = {
    "anthropic": b"x-api-key: client-key",
    "openai_chat": b"Authorization: Bearer client-key",
    "openai_responses": b"Authorization: Bearer client-key",
    "gemini": b"x-goog-api-key: client-key",
}
"""How a client of each wire sends its key."""


class Provider(Upstream):
    """`failing`: so many requests are answered with an error. `replies`: what the next ones are answered with, whole."""

    failing = 0
    replies: Sequence[Reply] = ()


class Two(Rig):
    """`own`: the upstream that requests go to by themselves; `other`: the provider that they are routed to."""

    own: Provider
    other_port: int
    other: Provider
    forms: list[dict[str, str]]
    """What tokens were asked for with, at OTHER/token."""

    @property
    def got(self) -> Received:
        """The one request that the other provider has got; nothing went to the own upstream."""
        assert len(self.other.received) == 1
        assert not self.own.received
        return self.other.received[0]

    async def ask_for(self, wire: str, model: str, *headers: bytes, **more: Any) -> tuple[int, dict[str, Any]]:
        """A request of this wire for this model; status and body of the answer."""
        path = PATHS[wire]
        body: dict[str, Any] = {"contents": [{"role": "user", "parts": [{"text": "Hello."}]}]}
        if wire == "gemini":
            path = path.replace("/m:", f"/{model}:")
        else:
            key = "input" if wire == "openai_responses" else "messages"
            body = {"model": model, key: [{"role": "user", "content": "Hello."}]}
        if wire == "anthropic":
            body["max_tokens"] = 100
        head, raw = await self.ask(path, json.dumps(body | more).encode(), KEYS[wire], *headers)
        return int(head.split(b" ")[1]), json.loads(raw)


def speaking(raw: Received) -> str:
    """The wire of a request, by its path."""
    path = raw.head.split(b" ")[1].split(b"?")[0]
    ends = {b"/messages": "anthropic", b"/chat/completions": "openai_chat", b"/responses": "openai_responses"}
    return next((name for end, name in ends.items() if path.endswith(end)), "gemini")


def answered(received: Received) -> list[bytes]:
    """What a provider says: whole, or as the stream that it is asked for."""
    name = speaking(received)
    path = received.head.split(b" ")[1].decode()
    path, _, query = path.partition("?")
    try:
        asked = json.loads(received.body)
    except ValueError:
        asked = None
    streams = b":stream" in received.head or (isinstance(asked, dict) and asked.get("stream"))
    if not streams:
        return [reply(said(name, "Good day."))]
    tongue = next(one for one in TONGUES if one.name == name)
    teller = tongue.teller(tongue.asked(received.body, path, query))
    events = events_of(Answered("a1", "m", (Words("Good day."),), "stop"))
    return chunked([*(teller.tell(event) for event in events), teller.end()])


def key_of(received: Received) -> dict[str, bytes]:
    """Every header that may hold a key, by its name."""
    names = (b"authorization", b"x-api-key", b"x-goog-api-key", b"api-key")
    return {name.decode(): value for name in names if (value := field(received.head, name)) is not None}


class Person:
    """Somebody who talks through the proxy, and to it: one conversation of a client of this wire. No header says which one it is.
    `client_body`: what was sent last; `heard`: what a provider got of it, None where none did."""

    def __init__(self, one: Two, wire: str, stream: bool = False, model: str = "m", **more: Any) -> None:
        self.one = one
        self.wire = next(found for found in WIRES if found.name == wire)
        self.stream = stream
        self.model = model
        self.more = more
        self.messages: list[tuple[str, str]] = []
        self.client_body = b""
        self.heard: Received | None = None
        self.place = ""
        self.status = 0
        self.head = b""

    async def say(self, text: str, **more: Any) -> str:
        """The answer's text, or the error's."""
        self.messages.append(("user", text))
        answer = await self.ask(**more)
        self.messages.append(("assistant", answer))
        return answer

    async def ask(self, **more: Any) -> str:
        """The history as it is, sent."""
        one, name = self.one, self.wire.name
        path, given = PATHS[name], {**self.more, **more}
        if name == "gemini":
            path = (
                path.replace("/m:", f"/{self.model}:").replace("generateContent", "streamGenerateContent?alt=sse") if self.stream else path
            )
            path = path.replace("/m:", f"/{self.model}:")
        elif self.stream:
            given["stream"] = True
        self.client_body = asking(name, self.messages, **given).replace(b'"model": "m"', b'"model": "%b"' % self.model.encode(), 1)
        before = (len(one.own.received), len(one.other.received))
        self.head, raw = await one.ask(path, self.client_body, KEYS[name])
        self.status = int(self.head.split(b" ")[1])
        self.place = "own" if len(one.own.received) > before[0] else "other" if len(one.other.received) > before[1] else ""
        self.heard = {"own": one.own, "other": one.other}[self.place].received[-1] if self.place else None
        if self.status != 200:
            return str(json.loads(raw)["error"]["message"])
        if b"event-stream" not in self.head:
            return "".join(part.text for part in self.wire.reply(raw).parts if isinstance(part, Text))
        reader = self.wire.reader("text/event-stream")
        deltas = [delta for frame in [*reader.feed(raw), *reader.close()] for delta in self.wire.deltas(frame)]
        return "".join(getattr(delta, "text", "") for delta in deltas)

    async def told(self, command: str, **more: Any) -> str:
        """The proxy's own answer, without its last line."""
        answer = await self.say(command, **more)
        assert not self.place, f"{command} went upstream"
        assert answer.count("(Backstory answered this itself") == 1, answer
        return answer.partition("\n\n(Backstory answered")[0]

    @property
    def conversation(self) -> str:
        """As the answer names it."""
        return self.head.partition(b"X-VC-Conversation: ")[2].partition(b"\r\n")[0].decode()

    @property
    def body(self) -> dict[str, Any]:
        """What the provider got."""
        assert self.heard is not None, "nothing went upstream"
        found: dict[str, Any] = json.loads(self.heard.body)
        return found

    @property
    def model_heard(self) -> str:
        assert self.heard is not None, "nothing went upstream"
        path = self.heard.head.split(b" ")[1].decode()
        return path.rsplit("/", 1)[1].split(":")[0] if "/models/" in path else str(self.body["model"])


@asynccontextmanager
async def two(
    folder: Path,
    text: str,
    environ: Mapping[str, str] | None = None,
    clock: Callable[[], float] = time.time,
    answers: Callable[[Received], bytes | Sequence[bytes] | None] | None = None,
) -> AsyncIterator[Two]:
    """`text`: the settings, with OTHER for the other provider's base URL and OWN for the own one's. `answers`: the raw answers of both,
    in place of the usual ones, in several writes
    where there are several pieces; None: nothing more comes on the connection."""

    async def script(upstream: Upstream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            received = await upstream.request(reader)
            if received.head.startswith(b"POST /token"):
                upstream.received.remove(received)
                forms.append(dict(parse_qsl(received.body.decode())))
                given = {"access_token": f"token-{len(forms)}", "expires_in": 100, "refresh_token": f"refresh-{len(forms)}"}
                refused = forms[-1].get("client_secret") == "wrong"
                writer.write(reply(b'{"error":"invalid_client"}', status=b"401 No") if refused else reply(json.dumps(given).encode()))
            elif isinstance(upstream, Provider) and upstream.failing:
                upstream.failing -= 1
                writer.write(reply(b'{"error":{"message":"not now"}}', status=b"500 No"))
            elif isinstance(upstream, Provider) and upstream.replies:
                first, *upstream.replies = upstream.replies
                wire = next(one for one in WIRES if one.name == speaking(received))
                writer.write(reply(wire.write(first, False)))
            else:
                raw = b"".join(answered(received)) if answers is None else answers(received)
                if raw is None:
                    return
                for piece in [raw] if isinstance(raw, bytes) else raw:
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(0 if isinstance(raw, bytes) else 0.05)
            await writer.drain()

    forms: list[dict[str, str]] = []
    own, other = Provider(script), Provider(script)
    servers = [await asyncio.start_server(one.serve, "127.0.0.1", 0) for one in (own, other)]
    try:
        async with _proxied(folder, text, environ, clock, servers, own, other, forms) as one:
            yield one
    finally:
        for server, upstream in zip(servers, (own, other), strict=True):
            server.close()
            await upstream.end()


@asynccontextmanager
async def _proxied(
    folder: Path,
    text: str,
    environ: Mapping[str, str] | None,
    clock: Callable[[], float],
    servers: Sequence[asyncio.Server],
    own: Provider,
    other: Provider,
    forms: list[dict[str, str]],
) -> AsyncIterator[Two]:
    ports = [server.sockets[0].getsockname()[1] for server in servers]
    text = text.replace("OTHER", f"http://127.0.0.1:{ports[1]}").replace("OWN", f"http://127.0.0.1:{ports[0]}")
    (folder / "backstory.yaml").write_text(text)
    config = Config.load(environ={"HOME": str(folder), **(environ or {})}, cwd=folder)
    config = replace(config, storage=settings(folder).storage)
    one = Two(config, own, ports[0], QUICK, clock)
    one.own, one.other, one.forms, one.other_port = own, other, forms, ports[1]
    await one.start()
    try:
        yield one
    finally:
        await one.stop()
