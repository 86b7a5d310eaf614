"""Packages with extensions, installed without any tool: their metadata, as an installer writes it, in a folder of the path."""

from __future__ import annotations

import asyncio
import os
import sys
import tomllib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.relay.world import Client, Received, Upstream
from tests.rig import answering, post

EXAMPLES = Path(__file__).parent.parent / "docs" / "extending"


def install(folder: Path, name: str, version: str, points: Mapping[str, Mapping[str, str]], code: Mapping[str, str] | None = None) -> None:
    """A package with these entry points (by group and name), and these modules beside it."""
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    groups = [f"[{group}]\n" + "".join(f"{point} = {value}\n" for point, value in named.items()) for group, named in points.items()]
    (info / "entry_points.txt").write_text("\n".join(groups))
    for module, text in (code or {}).items():
        (folder / f"{module}.py").write_text(text)


def install_examples(folder: Path) -> list[Path]:
    """The package of docs/extending, as its pyproject.toml says it. The folders that have to be on the path."""
    project = tomllib.loads((EXAMPLES / "pyproject.toml").read_text())["project"]
    install(folder, project["name"], project["version"], project["entry-points"])
    return [folder, EXAMPLES]


class Served:
    """`backstory serve` in a process of its own, in front of an upstream of the test's."""

    def __init__(self, process: asyncio.subprocess.Process, port: int, client: Client, upstream: Upstream, upstream_port: int) -> None:
        self._process = process
        self.port = port
        self.client = client
        self.upstream = upstream
        self.upstream_port = upstream_port
        self.log: list[str] = []

    async def ask(self, path: str, body: bytes, *headers: bytes) -> tuple[bytes, bytes]:
        """One POST; head and body of its answer."""
        await self.client.send(post(self.upstream_port, path, body, *headers))
        return await self.client.reply()

    async def get(self, path: str) -> bytes:
        """The body of a GET."""
        await self.client.send(b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n" % path.encode())
        return (await self.client.reply())[1]

    @property
    def sent(self) -> Received:
        """The newest request as it reached the upstream."""
        return self.upstream.received[-1]

    async def said(self, text: str) -> str:
        """The line of the log in which this stands; waits for it."""
        async with asyncio.timeout(5):
            while True:
                found = next((line for line in self.log if text in line), "")
                if found:
                    return found
                await asyncio.sleep(0.01)


@asynccontextmanager
async def served(
    folder: Path,
    settings: str,
    path: Sequence[Path],
    answer: Callable[[Received], bytes | Sequence[bytes]],
    environ: Mapping[str, str] | None = None,
) -> AsyncIterator[Served]:
    """A proxy with these settings (UPSTREAM in them: the upstream's URL), and these folders on its path."""
    async with answering(answer) as (upstream, upstream_port):
        url = f"http://127.0.0.1:{upstream_port}"
        file = folder / "backstory.yaml"
        file.write_text(settings.replace("UPSTREAM", url) + f"storage: {{url: 'sqlite:///{folder}/memory.db', journal: '{folder}'}}\n")
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "backstory", "serve", "--port", "0", "--upstream", url, "--config", str(file), "--log-level", "debug"),
            stderr=asyncio.subprocess.PIPE,
            cwd=folder,
            env=environment(folder, path) | dict(environ or {}),
        )
        assert process.stderr is not None
        log: list[str] = []
        client: Client | None = None
        reading: asyncio.Task[None] | None = None
        try:
            port = await _listening(process.stderr, log)
            client = Client(*await asyncio.open_connection("127.0.0.1", port, limit=1 << 24))
            one = Served(process, port, client, upstream, upstream_port)
            one.log = log
            reading = asyncio.create_task(_read(process.stderr, log))
            yield one
            client.writer.close()
            process.terminate()
            assert await process.wait() == 0, "\n".join(log)
        finally:
            if client is not None:
                client.writer.close()
            if process.returncode is None:
                process.kill()
                await process.wait()
            if reading is not None:
                await reading


def environment(folder: Path, path: Sequence[Path]) -> dict[str, str]:
    """Of a process in which nothing of the user's own stands."""
    root = Path(__file__).parent.parent
    kept: dict[str, Any] = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    return kept | {"HOME": str(folder), "PYTHONPATH": os.pathsep.join(map(str, [*path, root])), "PYTHONDONTWRITEBYTECODE": "1"}


async def _listening(stream: asyncio.StreamReader, log: list[str]) -> int:
    async with asyncio.timeout(20):
        while line := (await stream.readline()).decode():
            log.append(line.rstrip())
            if "listening on http://" in line:
                return int(line.split("listening on http://")[1].split()[0].rpartition(":")[2])
    raise AssertionError("\n".join(log))


async def _read(stream: asyncio.StreamReader, log: list[str]) -> None:
    while line := (await stream.readline()).decode():
        log.append(line.rstrip())
