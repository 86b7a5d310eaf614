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
from tests.relay.world import Received, Upstream, field
from tests.rig import PATHS, QUICK, Rig, reply, said, settings

KEYS = {
    "anthropic": b"x-api-key: client-key",
    "openai_chat": b"Authorization: Bearer client-key",
    "openai_responses": b"Authorization: Bearer client-key",
    "gemini": b"x-goog-api-key: client-key",
}
"""How a client of each wire sends its key."""


class Two(Rig):
    """`own`: the upstream that requests go to by themselves; `other`: the provider that they are routed to."""

    own: Upstream
    other_port: int
    other: Upstream
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


def key_of(received: Received) -> dict[str, bytes]:
    """Every header that may hold a key, by its name."""
    names = (b"authorization", b"x-api-key", b"x-goog-api-key", b"api-key")
    return {name.decode(): value for name in names if (value := field(received.head, name)) is not None}


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
            else:
                raw = reply(said(speaking(received), "Good day.")) if answers is None else answers(received)
                if raw is None:
                    return
                for piece in [raw] if isinstance(raw, bytes) else raw:
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(0 if isinstance(raw, bytes) else 0.05)
            await writer.drain()

    forms: list[dict[str, str]] = []
    own, other = Upstream(script), Upstream(script)
    servers = [await asyncio.start_server(one.serve, "127.0.0.1", 0) for one in (own, other)]
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
        for server, upstream in zip(servers, (own, other), strict=True):
            server.close()
            await upstream.end()
