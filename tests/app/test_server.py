"""What the settings say of times and sizes is what the door keeps to."""

from __future__ import annotations

import asyncio
from pathlib import Path

from backstory.app.engine import Engine
from backstory.app.server import _door
from backstory.config import Config


def test_the_doors_times_and_sizes_are_those_of_the_settings(tmp_path: Path) -> None:
    given = {
        "proxy.header_timeout_s": "11",
        "proxy.body_timeout_s": "12",
        "proxy.keepalive_s": "13",
        "proxy.drain_s": "14",
        "proxy.max_body_bytes": "1500",
        "upstream.connect_timeout_s": "16",
        "upstream.first_byte_timeout_s": "17",
        "upstream.idle_timeout_s": "18",
        "storage.url": f"sqlite:///{tmp_path}/store.db",
    }

    async def scene() -> None:
        config = Config.load(given, {}, tmp_path)
        engine = await Engine.open(config)
        door = _door(config, engine, config.listeners[0])
        times = door.timeouts
        assert (times.header_s, times.body_idle_s, times.keepalive_s, times.drain_s) == (11.0, 12.0, 13.0, 14.0)
        assert (times.connect_s, times.first_byte_s, times.idle_s) == (16.0, 17.0, 18.0)
        assert door.limits.max_buffered_body == 1500
        await engine.close()

    asyncio.run(scene())
