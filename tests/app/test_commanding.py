"""Commands at the door of the house: what cannot be answered is still not sent on, and what needs no closer look gets none."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from backstory.app import house as module
from backstory.app.commanding import Commanding
from backstory.core.document import Document
from backstory.core.exchange import Exchange, Head
from backstory.core.message import Prompt
from backstory.core.wire import Wire
from backstory.stages.visit import Visit
from backstory.wires import WIRES
from tests.rig import PATHS, asking, rig
from tests.stages.talks import Talk, commanded
from tests.stages.world import echoing

CHAT = next(wire for wire in WIRES if wire.name == "openai_chat")


def read(body: bytes, wire: Wire = CHAT) -> tuple[Document, Prompt]:
    document = Document(body)
    return document, wire.read(document, PATHS[wire.name])


def test_an_ordinary_request_has_nothing_of_a_command() -> None:
    commanding = Commanding("!/")
    for text in ("Hello", "vcpkg", "#!/bin/sh", "VCSTATUS?", "[vc:user]"):
        assert commanding.plain(Head("POST", "/v1/chat/completions", "", ()), *read(asking("openai_chat", [("user", text)])), CHAT) is None


@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.name)
def test_an_opening_is_looked_at_more_closely_where_it_may_be_a_command(wire: Wire) -> None:
    commanding = Commanding("!/")
    for text, suspected in (("Hello", False), ("vcStatus", True), ("Go. !/memory(off)", True), ("x" * 9000, False)):
        opening = wire.opening(asking(wire.name, [("user", text)]), PATHS[wire.name])
        assert opening is not None
        assert commanding.suspects(opening) is suspected, text


def test_the_first_message_of_ordinary_talk_still_goes_the_short_way(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(commanded(tmp_path), echoing("openai_chat")) as one:
            talk = Talk(one)
            await talk.say("Hello.")
            assert len(one.engine.arrivals) == 1
            again = Talk(one)
            await again.told("VCSTATUS")
            again.messages[0] = ("user", "No command.")
            again.messages.clear()
            await again.say("Hello again.")
            assert len(one.engine.arrivals) == 1, "the first was read for the command, the second waits"

    asyncio.run(work())


def test_a_message_that_cannot_be_read_goes_up_as_it_came(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(commanded(tmp_path), echoing("openai_chat")) as one:
            for text in ("VCRECALL \t x", "Go. \t !/memory(off)"):
                raw = asking("openai_chat", [("user", "COMMAND")]).replace(b"COMMAND", text.encode())
                await one.ask(PATHS["openai_chat"], raw)
                assert one.sent.body == raw
            assert not one.failures()

    asyncio.run(work())


def test_where_not_even_a_failure_can_be_told_there_is_an_error(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(commanded(tmp_path), echoing("openai_chat")) as one:

            def broken(exchange: Exchange, told: str = "") -> Exchange:
                raise RuntimeError("a fault")

            assert one.engine.command is not None
            one.engine.command.answered = broken  # type: ignore[method-assign]
            head, body = await one.ask(PATHS["openai_chat"], asking("openai_chat", [("user", "VCSTATUS")]))
            assert head.startswith(b"HTTP/1.1 500")
            assert json.loads(body)["error"]["code"] == "command_failed"
            assert one.upstream.received == []

    asyncio.run(work())


def test_a_memory_that_is_busy_for_too_long_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_COMMAND_S", 0.02)

    async def work() -> None:
        async with rig(commanded(tmp_path, deadline_ms=0.001), echoing("openai_chat")) as one:

            async def slow(visit: Visit, argument: str) -> str:
                await asyncio.sleep(5.0)
                return "too late"

            talk = Talk(one)
            await talk.say("Hello.")
            assert one.engine.command is not None
            one.engine.command._handlers["status"] = slow
            assert "memory is busy" in await talk.told("VCSTATUS")
            await talk.say("On.")
            assert "VCSTATUS" not in one.sent.body.decode()

    asyncio.run(work())
