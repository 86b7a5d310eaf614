"""What the proxy costs as a process beside a provider: latency, CPU, memory, start, many slow streams.

    python -m benchmarks.relay [--requests 400] [--streams 1000]

`backstory serve` runs as its users run it; the provider is the project's scripted one, in a process of its own, and so is what feeds the
slow streams. Direct and proxied requests take turns, so that both meet the same noise. Needs Linux (/proc).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

from backstory.app.provider import ScriptedProvider, says
from benchmarks.world import Talk, bounded, part, table

BLOCK = 20
FRAMES, PACE_S = 10, 1.0
TICK_MS = 1000 / os.sysconf("SC_CLK_TCK")


# --- the provider's process


async def provide() -> None:
    """A scripted provider and a slow one; prints their ports and serves until it is killed."""
    talk = Talk(5)
    texts = {"short": talk.text(200), "long": talk.text(6000)}
    scripted = ScriptedProvider(lambda received: says(texts["long" if received.prompt.stream else "short"]))
    await scripted.start()
    slow = await asyncio.start_server(_slowly, "127.0.0.1", 0, backlog=2048)
    print(scripted.port, slow.sockets[0].getsockname()[1], flush=True)
    while True:
        await asyncio.sleep(60)
        scripted.received.clear()


async def _slowly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One answer: a piece of a stream every second."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        size = next(int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
        await reader.readexactly(size)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        for number in range(FRAMES):
            delta = {"choices": [{"index": 0, "delta": {"content": f"piece {number} "}, "finish_reason": None}]}
            frame = b"data: %b\n\n" % json.dumps({"id": "c", "model": "m", **delta}).encode()
            writer.write(b"%x\r\n%b\r\n" % (len(frame), frame))
            await writer.drain()
            await asyncio.sleep(PACE_S)
        writer.write(b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n")
        await writer.drain()
    except (ConnectionError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()


# --- the proxy's process


class Proxy:
    """`backstory serve` on storage in `folder`."""

    def __init__(self, folder: Path, upstream: int) -> None:
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            self.port: int = one.getsockname()[1]
        environ = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        command = [sys.executable, "-m", "backstory", "serve", "--port", str(self.port), "--upstream", f"http://127.0.0.1:{upstream}"]
        self._output = (folder / "proxy.log").open("ab")
        started = time.perf_counter()
        self._process = subprocess.Popen(
            [*command, "--storage", f"sqlite:///{folder / 'memory.db'}"],
            stdout=self._output,
            stderr=self._output,
            cwd=folder,
            env=environ | {"HOME": str(folder), "PYTHONPATH": str(Path.cwd())},
        )
        self._wait()
        self.start_s = time.perf_counter() - started
        self.start_cpu_s = self.cpu_ms / 1000

    def _wait(self) -> None:
        until = time.monotonic() + 20
        while time.monotonic() < until:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=5):
                    return
            except OSError:
                time.sleep(0.005)
        raise TimeoutError("the proxy did not come up")

    @property
    def cpu_ms(self) -> float:
        """CPU used so far, of all threads and of processes that have ended (the one that makes a schema)."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, fields[11:15])) * TICK_MS

    def mib(self, key: str) -> float:
        """VmRSS (now) or VmHWM (most) in MiB."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith(key)) / 1024

    def stop(self) -> None:
        """End it."""
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(40)
        self._output.close()


# --- the client


def request(stream: bool, messages: list[dict[str, Any]]) -> bytes:
    """A chat request, head and all."""
    body = json.dumps({"model": "m", "messages": messages, **({"stream": True} if stream else {})}).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


class Connection:
    """One connection that is kept."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, port: int) -> Connection:
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def ask(self, raw: bytes) -> tuple[float, float, bytes]:
        """Milliseconds until the first byte and until the last, and the body."""
        started = time.perf_counter()
        self._writer.write(raw)
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        first = time.perf_counter()
        body = bytearray()
        if b"transfer-encoding: chunked" in head:
            while size := int(await self._reader.readline(), 16):
                body += (await self._reader.readexactly(size + 2))[:-2]
            await self._reader.readline()
        else:
            size = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.startswith(b"content-length"))
            body += await self._reader.readexactly(size)
        return (first - started) * 1000, (time.perf_counter() - started) * 1000, bytes(body)

    def close(self) -> None:
        self._writer.close()


async def latency(provider: int, proxy: Proxy, requests: int) -> list[tuple[object, ...]]:
    """Direct and through the proxy, in turns: small requests and streams, a first message each or one that goes on."""
    talk = Talk(6)
    rows: list[tuple[object, ...]] = []
    for title, stream, goes_on in (
        ("small request, first message", False, False),
        ("small request, third message", False, True),
        ("stream of 6 kB, first message", True, False),
    ):
        took: dict[str, list[tuple[float, float]]] = {"direct": [], "proxied": []}
        both = {"direct": await Connection.open(provider), "proxied": await Connection.open(proxy.port)}
        spent = 0.0
        for number in range(requests // BLOCK + 1):
            for way, connection in both.items():
                before = proxy.cpu_ms
                for place in range(BLOCK):
                    messages = [{"role": "user", "content": f"{number} {place} {talk.text(120)}"}]
                    if goes_on:
                        messages += [{"role": "assistant", "content": talk.text(120)}, {"role": "user", "content": talk.text(120)}]
                    first, last, _ = await connection.ask(request(stream, messages))
                    if number:
                        took[way].append((first, last))
                await asyncio.sleep(0.6)
                spent += (proxy.cpu_ms - before) if way == "proxied" and number else 0.0
        for connection in both.values():
            connection.close()
        direct, through = ([statistics.median(column) for column in zip(*took[way], strict=True)] for way in both)
        tail = part([last for _, last in took["proxied"]], 0.99) - part([last for _, last in took["direct"]], 0.99)
        rows.append((title, direct[1], through[1], through[0] - direct[0], through[1] - direct[1], tail, spent / len(took["proxied"])))
    return rows


async def slow_streams(port: int, streams: int) -> tuple[int, int, float]:
    """So many slow streams at once: how many came whole, how many broke, seconds."""

    async def one(number: int) -> bool:
        await asyncio.sleep(number / 500)
        connection = await Connection.open(port)
        said = [{"role": role, "content": f"{number} {text}"} for role, text in (("user", "Hi"), ("assistant", "Yes?"), ("user", "Go"))]
        try:
            body = (await connection.ask(request(True, said)))[2]
        finally:
            connection.close()
        return body.endswith(b"data: [DONE]\n\n") and body.count(b"piece") == FRAMES

    started = time.perf_counter()
    done = await asyncio.gather(*map(one, range(streams)), return_exceptions=True)
    whole = sum(1 for result in done if result is True)
    return whole, streams - whole, time.perf_counter() - started


def main(requests: int, streams: int) -> None:
    """All of it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 16_384), hard))
    provider = subprocess.Popen([sys.executable, "-m", "benchmarks.relay", "--provide"], stdout=subprocess.PIPE, text=True)
    try:
        assert provider.stdout is not None
        scripted, slow = map(int, provider.stdout.readline().split())
        bounded(lambda: measured(scripted, slow, requests, streams), 600)
    finally:
        provider.kill()
        provider.wait()


async def measured(scripted: int, slow: int, requests: int, streams: int) -> None:
    """With both providers' ports."""
    fresh: list[tuple[float, float]] = []
    again: list[tuple[float, float]] = []
    for _ in range(5):
        with tempfile.TemporaryDirectory() as folder:
            for times in (fresh, again):
                proxy = await asyncio.to_thread(Proxy, Path(folder), scripted)
                times.append((proxy.start_s, proxy.start_cpu_s))
                await asyncio.to_thread(proxy.stop)
    with tempfile.TemporaryDirectory() as folder:
        proxy = await asyncio.to_thread(Proxy, Path(folder), scripted)
        await asyncio.sleep(2)
        idle = proxy.mib("VmRSS")
        rows = await latency(scripted, proxy, requests)
        served = proxy.mib("VmRSS")
        await asyncio.to_thread(proxy.stop)
    with tempfile.TemporaryDirectory() as folder:
        proxy = await asyncio.to_thread(Proxy, Path(folder), slow)
        cpu = proxy.cpu_ms
        whole, broken, seconds = await slow_streams(proxy.port, streams)
        cpu, most = proxy.cpu_ms - cpu, proxy.mib("VmHWM")
        await asyncio.to_thread(proxy.stop)
    columns = (
        "one connection",
        "direct p50 ms",
        "proxied p50 ms",
        "added to first byte",
        "added p50 ms",
        "added p99 ms",
        "CPU ms a request",
    )
    table("Latency", columns, rows)
    table(
        "Process",
        ("", "figure"),
        (
            ("start to /health, fresh storage: median of 5, s", statistics.median(wall for wall, _ in fresh)),
            ("its least, s", min(fresh)[0]),
            ("its CPU, s", statistics.median(cpu for _, cpu in fresh)),
            ("start to /health, storage that is there: median of 5, s", statistics.median(wall for wall, _ in again)),
            ("its least, s", min(again)[0]),
            ("its CPU, s", statistics.median(cpu for _, cpu in again)),
            ("idle memory, MiB", idle),
            (f"memory after {3 * (requests + BLOCK)} requests, MiB", served),
            (f"{streams} slow streams held: whole", whole),
            ("broken", broken),
            ("seconds", seconds),
            ("most memory, MiB", most),
            ("CPU ms a stream", cpu / streams),
        ),
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=400, help="requests measured of each kind and way")
    parser.add_argument("--streams", type=int, default=1000, help="slow streams held at once")
    parser.add_argument("--provide", action="store_true", help=argparse.SUPPRESS)
    told = parser.parse_args()
    if told.provide:
        asyncio.run(provide())
    else:
        main(told.requests, told.streams)
