"""Law: stubs change what went up only where the proxy says so; each can be restored to the letter; and a restart changes none of them.

Shown over tool loops in all wires, whose results outgrow the window several times over.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
from pathlib import Path
from typing import Any

import pytest

from backstory.core.document import Document
from backstory.core.message import ToolResult
from backstory.core.wire import Wire
from backstory.wires import WIRES
from tests.laws.test_append_only_law import Call, Payload, Speaker, Tally, compare, payload
from tests.relay.world import Received
from tests.rig import PATHS, Rig, reply, rig, with_marker
from tests.rig import settings as configured
from tests.stages.world import conversation

STUB = re.compile(r"\[left out: [^\n]*; ref (t[\w.]+-[0-9a-f]{8})\]")
WORDS = ("harbour", "compass", "galley", "anchor", "lantern", "cargo", "rudder", "sail", "map", "rope")


def output(dice: random.Random, step: int, words: int) -> str:
    """What a tool may give back: a file, a listing, a test run."""
    lines = [" ".join(dice.choice(WORDS) for _ in range(8)) for _ in range(words // 8)]
    match step % 3:
        case 0:
            return f"file of step {step}\n" + "\n".join(f"{number:>4}  {line}" for number, line in enumerate(lines))
        case 1:
            return "\n".join(f"./src/{line.split()[0]}/{line.split()[1]}_{number}.py" for number, line in enumerate(lines * 2))
        case _:
            return f"started step {step}\n" + "\n".join(f"test {line.replace(' ', '_')} ... ok" for line in lines) + "\ndone"


class Loop:
    """An agent at work through a proxy. `originals`: every result that a tool gave, by text."""

    def __init__(self, wire: Wire, seed: int) -> None:
        self.wire = wire
        self.dice = random.Random(seed)
        self.speaker = Speaker(wire)
        self.speaker.ask("Find out why the ship leaks, and mend it. Keep at it until all is dry.")
        self.queue: list[bytes] = []
        self.last: Payload | None = None
        self.tally = Tally()
        self.originals: set[str] = set()
        self.stubs: dict[str, str] = {}
        self.read: dict[bytes, list[ToolResult]] = {}
        self.name = ""

    def __call__(self, received: Received) -> bytes:
        return self.queue.pop(0)

    async def step(self, one: Rig, number: int, words: int) -> None:
        arguments: dict[str, Any] = {"path": f"deck/{number % 40}.txt"} if number % 3 == 0 else {"place": f"hold {number}"}
        text = output(self.dice, number, words)
        self.originals.add(text)
        body = self.speaker.body()
        answer = self.speaker.call(Call(f"call_{number}", json.dumps(arguments), text))
        await self.ask(one, body, answer)

    async def ask(self, one: Rig, body: bytes, answer: bytes) -> None:
        self.queue.append(reply(answer))
        head, _ = await one.ask(PATHS[self.wire.name], body)
        self.name = conversation(head) or self.name
        sent = payload(self.wire, one.sent, head)
        if self.last is not None:
            compare(self.last, sent, self.tally)
        self.last = sent
        self.look(body, one.sent.body)

    def look(self, asked: bytes, sent: bytes) -> None:
        """Whatever went up in a result's place is a stub, and a stub once sent says the same ever after."""
        before, after = self.results(asked), self.results(sent)
        for call_id, text in after.items():
            if text == before.get(call_id, text):
                continue
            found = STUB.match(text)
            assert found is not None, text[:200]
            assert len(text) < len(before[call_id]) / 2
            assert self.stubs.setdefault(found.group(1), text) == text

    def results(self, body: bytes) -> dict[str, str]:
        prompt = self.wire.read(Document(body), PATHS[self.wire.name])
        found: list[ToolResult] = []
        for item in map(bytes, prompt.items):
            if item not in self.read:
                message = self.wire.message(item, ("",))
                self.read[item] = [part for part in message.parts if isinstance(part, ToolResult)]
            found += self.read[item]
        return {part.id or str(number - len(found)): part.text for number, part in enumerate(found)}


@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.name)
def test_a_long_tool_loop_keeps_its_prefix_and_every_stub_can_be_restored(tmp_path: Path, wire: Wire) -> None:
    """In one wire the steps are those of a usual loop in a usual window: each takes about a hundredth of it. In the others the window is
    smaller, for more boundaries."""
    steps, window = (200, 36_000) if wire.name == "anthropic" else (60, 9_000)

    async def work() -> Loop:
        loop = Loop(wire, 7)
        config = configured(
            tmp_path,
            memory={"threshold_messages": 4},
            compaction={"context_window": window},
            recall={"deadline_ms": 20_000.0},
            tool_output={"stale_tokens": 120, "stub_tokens": 40},
        )
        async with rig(with_marker(config, "never"), loop) as one:
            for number in range(steps):
                if number in (steps // 2, steps - 5):
                    await one.restart()
                await loop.step(one, number, 160)
            assert not one.failures()
            for name in loop.stubs:
                assert await one.engine.restore("", loop.name, name) in loop.originals
        return loop

    loop = asyncio.run(work())
    share = loop.tally.kept / loop.tally.before
    print(f"{wire.name}: {share:.1%} of what was sent is sent again ({loop.tally}), {len(loop.stubs)} stubs")
    assert loop.stubs
    if steps == 200:
        assert share >= 0.97
