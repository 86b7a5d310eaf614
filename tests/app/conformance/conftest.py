"""One proxy for each wire of a provider, and the scripted provider behind them, for all tests of this folder."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from backstory.app.conformance.asking import Gateway
from backstory.app.conformance.own import own_gateway


@pytest.fixture(scope="package")
def gateway() -> Iterator[Gateway]:
    """They run in a thread with a loop of its own, as in a process of their own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    context = own_gateway()
    try:
        yield asyncio.run_coroutine_threadsafe(context.__aenter__(), loop).result(20)
    finally:
        asyncio.run_coroutine_threadsafe(context.__aexit__(None, None, None), loop).result(20)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
