"""A proxy and a scripted provider of our own, for `--self`: one proxy for each wire that a provider can speak."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

from backstory.app.conformance.asking import Gateway
from backstory.app.conformance.dialects import DIALECTS
from backstory.app.conformance.provider import PlayingProvider
from backstory.app.server import start
from backstory.config import Config


@contextlib.asynccontextmanager
async def own_gateway() -> AsyncIterator[Gateway]:
    """Both, on free ports, for as long as the context lasts. Memory is on, its database in a folder that goes."""
    folder = Path(tempfile.mkdtemp(prefix="backstory-conformance-"))
    provider = PlayingProvider()
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        await provider.start()
        stack.push_async_callback(provider.stop)
        urls = {}
        for wire in DIALECTS:
            running = await start(_config(folder / wire, provider.url, wire))
            stack.push_async_callback(running.stop)
            urls[wire] = f"http://127.0.0.1:{running.port}"
        yield Gateway(urls, {name: dialect.model for name, dialect in DIALECTS.items()})


def _config(folder: Path, upstream: str, wire: str) -> Config:
    folder.mkdir()
    given = {
        "proxy.port": "0",
        "upstream.url": upstream,
        "upstream.wire": wire,
        "upstream.proxy": "none",
        "storage.url": f"sqlite:///{(folder / 'memory.db').absolute().as_posix()}",
    }
    return Config.load(given, {"HOME": str(folder)}, folder)
