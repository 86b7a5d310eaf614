"""Commands leave no trace upstream: for any interleaving of commands in a chat, what goes up is what would have gone up without them."""

from __future__ import annotations

import asyncio
import json
import random
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from backstory.core.message import Text
from backstory.core.wire import Wire
from backstory.wires import WIRES
from tests.laws.test_append_only_law import Speaker, Voyage, sail
from tests.relay.world import Received
from tests.rig import PATHS, Rig, reply, rig, with_marker
from tests.rig import settings as configured

WHOLE = (
    "VCSTATUS",
    "vclist",
    "VcLabel harbour talk",
    "VCLABEL",
    "VCRECALL What colour is the galley?",
    "VCFORGET unheard-of things",
    "VCMERGESTATUS",
    "VCATTACH nobody",
    "VCMERGE PREVIEW nobody",
    "vcrecall",
    "VCHELP",
    "!/hello",
    "!/help",
    "!/status",
    "!/undo",
    "VCUNDO",
    "!/memory(status)",
    "!/memory(perhaps)",
    "!/stauts",
    "!/backend(other)",
    "!/model(other:x)",
    "!/temperature(hot)",
    "!/create-failover-route(name=spare,policy=mk)",
    "!/route-append(name=spare,element=openai:m)",
    "!/route-list",
    "!/unset(all)",
    "The lantern is out. !/backend(other)",
    "The lantern is out.\n\n!/temperature(hot)\n",
    "The galley is lost. !/lable(x)",
    "  !/list  \n",
)
ENDINGS = (" !/memory(on)", "\n!/memory(ON)", "\n\n!/label(ship)  ", " !/project(voyage)\n")
UNTOUCHED = (
    "Run it: `!/memory(off)`",
    "```\n!/memory(off)",
    "#!/bin/sh\necho VCSTATUS",
    "What does VCSTATUS do?",
    "VCSTATUS please",
    "see !/usr/local(x)",
    "and !/memory(off) is what?",
    "Status? !/status",
    "vcpkg install zlib",
)
STEP = st.one_of(
    st.sampled_from(WHOLE),
    st.sampled_from(UNTOUCHED),
    st.sampled_from(ENDINGS).map(lambda ending: f"The lantern is lit.{ending}"),
    st.text("ab é\n", min_size=1, max_size=12).filter(str.strip).map(lambda text: f"Say {text}"),
)


def text_of(wire: Wire, body: bytes, streamed: bool) -> str:
    """What an answer says, as a client of this wire reads it."""
    if not streamed:
        return "".join(part.text for part in wire.reply(body).parts if isinstance(part, Text))
    reader = wire.reader("text/event-stream")
    deltas = [delta for frame in [*reader.feed(body), *reader.close()] for delta in wire.deltas(frame)]
    return "".join(getattr(delta, "text", "") for delta in deltas)


def plain(text: str) -> str:
    """The message without the setting that ends it."""
    ending = next((ending for ending in ENDINGS if text.endswith(ending)), "")
    if not ending:
        return text
    return text.removesuffix(ending) + ending[len(ending.rstrip()) :]


class Two:
    """A client whose history has commands in it, and the same client without them."""

    def __init__(self, wire: Wire, streamed: bool) -> None:
        self.wire = wire
        self.streamed = streamed
        self.said = Speaker(wire)
        self.clean = Speaker(wire)
        self.path = PATHS[wire.name]
        if streamed and wire.name == "gemini":
            self.path = self.path.replace(":generateContent", ":streamGenerateContent?alt=sse")

    def body(self, speaker: Speaker) -> bytes:
        body: dict[str, Any] = json.loads(speaker.body())
        if self.streamed and self.wire.name != "gemini":
            body["stream"] = True
        return json.dumps(body, ensure_ascii=False).encode()

    async def step(self, one: Rig, text: str) -> None:
        before = len(one.upstream.received)
        self.said.ask(text)
        _, answered = await one.ask(self.path, self.body(self.said))
        if text in WHOLE:
            assert len(one.upstream.received) == before, f"{text} went upstream"
            self.said.answer(text_of(self.wire, answered, self.streamed))
            return
        self.clean.ask(plain(text))
        assert one.sent.body == self.body(self.clean)
        for speaker in (self.said, self.clean):
            speaker.answer(text_of(self.wire, answered, False))


@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.name)
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "stream"])
def test_what_goes_up_is_what_would_have_gone_up(tmp_path: Path, wire: Wire, streamed: bool) -> None:
    async def talk(steps: list[str], restarts: set[int]) -> None:
        numbers = count()

        def answer(_: Received) -> bytes:
            return reply(Speaker(wire).answer(f"Aye {next(numbers)}."))

        # Of its own, for what is set in one conversation is heard of in others.
        (tmp_path / "memory.db").unlink(missing_ok=True)
        async with rig(with_marker(configured(tmp_path, recall={"deadline_ms": 20_000.0}), "never"), answer) as one:
            two = Two(wire, streamed)
            for number, text in enumerate(steps):
                if number in restarts:
                    await one.restart()
                await two.step(one, text)
            assert not one.failures()

    with asyncio.Runner() as runner:

        @settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
        @given(st.lists(STEP, min_size=3, max_size=9), st.sets(st.integers(1, 8), max_size=1))
        def law(steps: list[str], restarts: set[int]) -> None:
            runner.run(talk(steps, restarts))

        law()


class CommandedVoyage(Voyage):
    """A long conversation in a small window, with commands in between."""

    async def exchange(self, one: Rig, number: int, tools: int, words: int) -> None:
        if self.dice.random() < 0.3:
            await self.command(one, self.dice.choice(WHOLE))
        await super().exchange(one, number, tools, words)

    async def command(self, one: Rig, text: str) -> None:
        self.speaker.ask(text)
        before = len(one.upstream.received)
        _, answered = await one.ask(PATHS[self.wire.name], self.speaker.body())
        assert len(one.upstream.received) == before
        self.speaker.answer(text_of(self.wire, answered, False))


@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.name)
def test_commands_between_do_not_change_what_went_up(tmp_path: Path, wire: Wire) -> None:
    dice = random.Random(wire.name)
    tools = [dice.choice([0, 0, 0, 1, 3]) for _ in range(40)]
    with asyncio.Runner() as runner:
        tally = sail(runner, tmp_path, wire, 7, 1500, tools, True, CommandedVoyage)
    assert tally.moves
    assert tally.recalls


@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.name)
def test_what_is_recalled_is_the_same(tmp_path: Path, wire: Wire) -> None:
    """A client that keeps the last messages only: what memory adds to them, with commands in between and without."""

    async def talk(folder: Path, commands: bool) -> list[bytes]:
        folder.mkdir()  # noqa: ASYNC240 (a folder of the test)
        numbers = count()

        def answer(_: Received) -> bytes:
            return reply(Speaker(wire).answer(f"Aye {next(numbers)}."))

        config = configured(folder, memory={"threshold_messages": 4}, recall={"budget_tokens": 200, "deadline_ms": 20_000.0})
        sent: list[bytes] = []
        async with rig(with_marker(config, "never"), answer) as one:
            speaker = Speaker(wire)
            for number in range(24):
                topic = ("galley", "compass", "lantern")[number % 3]
                texts = [WHOLE[number % len(WHOLE)]] if commands and number % 2 else []
                ending = " !/memory(on)" if commands and number % 5 == 0 else ""
                asked = f"What of the {topic}?" if number > 12 else f"The {topic} number {number} is of colour {number * 7}."
                for text in [*texts, asked + ending]:
                    speaker.ask(text)
                    _, answered = await one.ask(PATHS[wire.name], speaker.body(), b"X-VC-Conversation: ship")
                    speaker.answer(text_of(wire, answered, False))
                    if text not in WHOLE:
                        sent.append(one.sent.body)
                if number > 12:
                    keep = 1 if wire.name == "openai_chat" else 0
                    del speaker.items[keep : len(speaker.items) - 2]
            assert not one.failures()
        return sent

    with_commands = asyncio.run(talk(tmp_path / "with", True))
    without = asyncio.run(talk(tmp_path / "without", False))
    assert with_commands == without
    assert any(b"<recalled>" in body for body in without)
