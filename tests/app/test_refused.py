"""What is refused because of its head is told in the form of the wire that its first line names."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from backstory.relay.limits import Timeouts
from tests.rig import PATHS, rig, settings
from tests.stages.world import echoing

HEADS = {
    "two lengths": (b"Host: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "no host": (b"Content-Length: 2\r\n\r\n{}", 400),
    "a folded line": (b"Host: h\r\nX: a\r\n b\r\n\r\n", 400),
    "a bare line end": (b"Host: h\r\nX: a\n", 400),
    "too large": (b"Host: h\r\nX: " + b"a" * 70_000, 431),
    "an upgrade": (b"Host: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", 426),
    "never finished": (b"Host: h\r\n", 408),
}


def wire_of(told: object) -> str:
    """Whose form an error has."""
    assert isinstance(told, dict)
    if told.get("type") == "error":
        return "anthropic"
    return "gemini" if isinstance(told["error"]["code"], int) else "openai"


@pytest.mark.parametrize("wire", PATHS)
def test_an_error_of_the_head_has_the_form_of_its_wire(tmp_path: Path, wire: str) -> None:
    async def work() -> None:
        async with rig(settings(tmp_path), echoing(wire), Timeouts(header_s=0.2, probe_s=0.2, linger_s=0.2)) as one:
            for raw, status in HEADS.values():
                reader, writer = await asyncio.open_connection("127.0.0.1", one.port)
                writer.write(b"POST %b HTTP/1.1\r\n" % PATHS[wire].encode() + raw)
                head, _, body = (await reader.read()).partition(b"\r\n\r\n")
                writer.close()
                assert head.startswith(b"HTTP/1.1 %d" % status), raw[:40]
                assert wire_of(json.loads(body)) == wire.partition("_")[0], raw[:40]

    asyncio.run(work())


def test_where_the_first_line_cannot_be_read_the_form_is_openais(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(settings(tmp_path), echoing("anthropic")) as one:
            for raw in (
                b"POST  /v1/messages HTTP/1.1\r\nHost: h\r\n\r\n",
                b"POST /v1/messages HTTP/2.0\r\nHost: h\r\n\r\n",
                b"\x16\x03\x01\x00",
            ):
                reader, writer = await asyncio.open_connection("127.0.0.1", one.port)
                writer.write(raw)
                head, _, body = (await reader.read()).partition(b"\r\n\r\n")
                writer.close()
                assert head.startswith(b"HTTP/1.1 400")
                assert wire_of(json.loads(body)) == "openai"

    asyncio.run(work())
