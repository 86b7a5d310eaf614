"""What it costs where a client and its provider speak different wires: latency of a small request, CPU for an event of a stream.

    python -m benchmarks.translation [--requests 100] [--events 400]

`backstory serve` runs as its users run it, memory on; the provider is in a process of its own. Of each pair of wires, requests to the
provider in its own wire and translated ones take turns, so that both meet the same noise. "alone": the translation by itself, in this
process. Needs Linux (/proc).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from backstory.core.reply import Usage
from backstory.core.translation import Answered, Begun, Closed, Ended, Event, More, Opened, Words
from backstory.wires.translation.tongues import TONGUES
from backstory.wires.translation.translate import Translated
from benchmarks.relay import Connection, Proxy
from benchmarks.world import PATHS, WIRE, bounded, table

NAMES = ("anthropic", "openai_chat", "openai_responses", "gemini")
TONGUE = {tongue.name: tongue for tongue in TONGUES}
GEMINI = "/v1beta/models/%s:%s"
KINDS = {"anthropic": "anthropic_compatible", "openai_chat": "openai_compatible", "openai_responses": "openai", "gemini": "gemini"}
BLOCK = 10
WORD = "some words "


def asking(wire: str, model: str, text: str, stream: bool) -> tuple[str, bytes]:
    """Path, with the query, and body of a small request."""
    if wire == "gemini":
        path = GEMINI % (model, "streamGenerateContent?alt=sse" if stream else "generateContent")
        return path, json.dumps({"contents": [{"role": "user", "parts": [{"text": text}]}]}).encode()
    key = "input" if wire == "openai_responses" else "messages"
    more = {"max_tokens": 1000} if wire == "anthropic" else {}
    body = {"model": model, key: [{"role": "user", "content": text}], **more, **({"stream": True} if stream else {})}
    return PATHS[wire], json.dumps(body).encode()


def raw(wire: str, model: str, text: str, stream: bool = False) -> bytes:
    """A request, head and all."""
    path, body = asking(wire, model, text, stream)
    return b"POST %b HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
        path.encode(),
        len(body),
        body,
    )


def pieces(wire: str, events: int) -> list[bytes]:
    """The events of a stream with so many words, in this wire."""
    path, body = asking(wire, "m", "Hi", True)
    teller = TONGUE[wire].teller(TONGUE[wire].asked(body, path.partition("?")[0], "alt=sse"))
    text = Words(WORD * events)
    said: list[Event] = [Begun("id_1", "m", Usage(10, 1)), Opened(0, Words("")), *[More(0, WORD)] * events, Closed(0, text)]
    told = [teller.tell(event) for event in [*said, Ended("stop", Usage(10, events))]]
    return [one for one in [*told, teller.end()] if one]


async def provide(events: int) -> None:
    """A provider of all wires; prints its port and serves until it is killed."""
    streams = {name: pieces(name, events) for name in NAMES}
    whole: dict[str, bytes] = {}
    for name in NAMES:
        path, body = asking(name, "m", "Hi", False)
        answer = Answered("id_1", "m", (Words("Some words, no more."),), "stop", Usage(10, 5))
        whole[name] = TONGUE[name].answer(answer, TONGUE[name].asked(body, path, ""))

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                size = next(int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
                body = await reader.readexactly(size)
                path = head.split(b" ")[1].partition(b"?")[0].decode()
                name = next(wire.name for wire in WIRE.values() if wire.claims("POST", path))
                if b"stream" not in path.encode() and b'"stream":true' not in body.replace(b" ", b""):
                    length = len(whole[name])
                    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % length + whole[name])
                    continue
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
                for piece in streams[name]:
                    writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
                    await writer.drain()
                writer.write(b"0\r\n\r\n")
        except (ConnectionError, asyncio.IncompleteReadError):
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.sleep(3600)


def alone(client: str, provider: str, events: int) -> tuple[float, float]:
    """Microseconds of CPU that the translation takes: of a small request and its answer, of an event of a stream. The least of nine."""
    path, body = asking(client, "m", "Hi", False)
    bare, stream_body = asking(client, "m", "Hi", True)
    stream = pieces(provider, events)
    answered = Answered("id_1", "m", (Words("Some words, no more."),), "stop", Usage(10, 5))
    own_path, own_body = asking(provider, "m", "Hi", False)
    whole = TONGUE[provider].answer(answered, TONGUE[provider].asked(own_body, own_path, ""))
    requests: list[float] = []
    streams: list[float] = []
    for _ in range(9):
        began = time.thread_time()
        for _ in range(100):
            one = Translated(TONGUE[client], TONGUE[provider], WIRE[provider], path, "")
            one.ask(body)
            one.begin(200, ((b"Content-Type", b"application/json"),))
            one.whole(whole)
        requests.append((time.thread_time() - began) / 100 * 1e6)
        one = Translated(TONGUE[client], TONGUE[provider], WIRE[provider], bare.partition("?")[0], "alt=sse")
        one.ask(stream_body)
        one.begin(200, ((b"Content-Type", b"text/event-stream"),))
        began = time.thread_time()
        for piece in stream:
            one.chunk(piece)
        one.tail()
        streams.append((time.thread_time() - began) / len(stream) * 1e6)
    return min(requests), min(streams)


async def pair(client: str, provider: str, port: int, proxy: Proxy, requests: int, events: int) -> tuple[object, ...]:
    """One row."""
    both = {"direct": await Connection.open(port), "proxied": await Connection.open(proxy.port)}
    asked = {"direct": (provider, "m"), "proxied": (client, f"to_{provider}:m")}
    took: dict[str, list[float]] = {"direct": [], "proxied": []}
    for number in range(requests // BLOCK + 1):
        for way, connection in both.items():
            for place in range(BLOCK):
                _, last, _ = await connection.ask(raw(*asked[way], f"{client} {number} {place} tell me"))
                took[way] += [last] if number else []
            await asyncio.sleep(0.1)
    streams = 10
    before = proxy.cpu_ms
    for number in range(streams):
        _, _, body = await both["proxied"].ask(raw(*asked["proxied"], f"{client} {number} go on", True))
        assert body.count(WORD.strip().encode()) >= events, (client, provider, body[:300])
    per_event = (proxy.cpu_ms - before) * 1000 / streams / events
    for connection in both.values():
        connection.close()
    direct, through = (statistics.median(times) for times in took.values())
    by_itself, an_event = alone(client, provider, events)
    return (f"{client} to {provider}", direct, through - direct, by_itself / 1000, an_event, per_event)


async def measured(port: int, requests: int, events: int) -> None:
    """All pairs, and each wire with itself: routed, not translated."""
    with tempfile.TemporaryDirectory() as folder:
        rows = [
            f"  to_{name}: {{kind: {kind}, url: 'http://127.0.0.1:{port}', wire: {name}, auth: none}}\n" for name, kind in KINDS.items()
        ]
        (Path(folder) / "backstory.yaml").write_text("providers:\n" + "".join(rows))
        proxy = await asyncio.to_thread(Proxy, Path(folder), port)
        try:
            found = [await pair(client, name, port, proxy, requests, events) for client in NAMES for name in NAMES]
        finally:
            await asyncio.to_thread(proxy.stop)
    columns = ("client to provider", "direct p50 ms", "added p50 ms", "alone ms", "alone us an event", "CPU us an event")
    table("Translation", columns, found)


def main(requests: int, events: int) -> None:
    """All of it."""
    command = [sys.executable, "-m", "benchmarks.translation", "--provide", "--events", str(events)]
    provider = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert provider.stdout is not None
        port = int(provider.stdout.readline())
        bounded(lambda: measured(port, requests, events), 600)
    finally:
        provider.kill()
        provider.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=100, help="requests measured of each pair and way")
    parser.add_argument("--events", type=int, default=400, help="events of a stream")
    parser.add_argument("--provide", action="store_true", help=argparse.SUPPRESS)
    told = parser.parse_args()
    if told.provide:
        asyncio.run(provide(told.events))
    else:
        main(told.requests, told.events)
