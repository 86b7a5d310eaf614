"""What the settings say of times and sizes is what the door keeps to."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from backstory.app.engine import Engine
from backstory.app.server import _door, start
from backstory.config import Config
from backstory.core.plan import House
from backstory.relay.door import Door
from tests.ports import free_ports


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


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="no IPv6 here")
def test_all_addresses_are_those_of_ipv4_too(tmp_path: Path) -> None:
    async def scene() -> None:
        given = {"proxy.host": "::", "proxy.port": "0", "storage.url": f"sqlite:///{tmp_path}/store.db"}
        running = await start(Config.load(given, {}, tmp_path))
        for host in ("127.0.0.1", "::1"):
            reader, writer = await asyncio.open_connection(host, running.port)
            writer.write(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert b" 200 OK\r\n" in await reader.read()
            writer.close()
        await running.stop()

    asyncio.run(scene())


def test_whoever_is_answered_at_the_first_port_finds_the_others_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[int] = []
    listen = Door.listen

    async def noted(self: Door, host: str, port: int, house: House | None = None) -> int:
        opened.append(await listen(self, host, port, house))
        return opened[-1]

    monkeypatch.setattr(Door, "listen", noted)

    async def scene() -> Sequence[int]:
        first, second = free_ports(2)
        ports = f"proxy: {{instances: [{{port: {first}}}, {{port: {second}}}]}}"
        (tmp_path / "b.yaml").write_text(f"storage: {{url: 'sqlite:///{tmp_path}/store.db'}}\n{ports}\n")
        running = await start(Config.load({"config": str(tmp_path / "b.yaml")}, {}, tmp_path))
        await running.stop()
        return running.ports

    ports = asyncio.run(scene())
    assert len(set(ports)) == 2
    assert [*reversed(opened)] == [*ports]


@pytest.mark.parametrize("host", ["a..b", "nowhere.invalid", "taken"])
def test_an_address_that_cannot_be_listened_at_is_told(host: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        given = {"proxy.host": "127.0.0.1" if host == "taken" else host, "proxy.port": str(port)}
        config = Config.load({**given, "storage.url": f"sqlite:///{tmp_path}/store.db"}, {}, tmp_path)
        with pytest.raises(OSError, match=f"^{config.proxy.host} port {port}: "):
            asyncio.run(start(config))


_SERVES = """
import asyncio, os, signal, sys, time
from backstory.app import server
from backstory.config import Config

start = server.start

async def started(config):
    running = await start(config)
    loop = asyncio.get_running_loop()
    loop.run_in_executor(None, time.sleep, 3600)
    loop.call_soon(os.kill, os.getpid(), signal.SIGTERM)
    return running

server.start = started
server.serve(Config.load({"proxy.port": "0", "storage.url": sys.argv[1]}, {}, None))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGTERM here")
def test_work_that_takes_no_breath_holds_up_no_stop(tmp_path: Path) -> None:
    command = (sys.executable, "-c", _SERVES, f"sqlite:///{tmp_path}/store.db")
    assert subprocess.run(command, cwd=tmp_path, timeout=600, check=False).returncode == 0
