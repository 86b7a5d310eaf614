"""What a model has reasoned behind something that its client had cut off goes no further once that is not in front any more."""

from __future__ import annotations

import asyncio
import hashlib
import json
from pathlib import Path
from typing import Any

from backstory.core.reasoning import binds
from tests.relay.world import Received
from tests.rig import PATHS, reply, rig
from tests.stages.billing import Clock
from tests.stages.test_holding import NAME, Cutter, Till, config, messages

MODEL = "claude-sonnet-5-5"
MOST, LEFT = 13, 7


class Strict(Till):
    """Bills, signs what it has thought with all that stands before it, and notes what comes back behind anything else."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.refused: list[int] = []
        self.thoughts: list[int] = []

    def __call__(self, received: Received) -> bytes:
        answer = json.loads(super().__call__(received).partition(b"\r\n\r\n")[2])
        before: list[Any] = []
        self.thoughts.append(0)
        for message in messages(received.body):
            for block in message["content"]:
                if block["type"] == "thinking":
                    self.thoughts[-1] += 1
                    if block["signature"] != _signature(before):
                        self.refused.append(self.count)
                before.append((message["role"], block))
        thought = {"type": "thinking", "thinking": "", "signature": _signature(before)}
        return reply(json.dumps({**answer, "model": MODEL, "content": [thought, *answer["content"]]}).encode())


class Batches(Cutter):
    """Cuts many messages off at once, and what was thought then."""

    def body(self, keeps: int, text: str = "") -> bytes:
        if len(self.items) >= MOST:
            self.items = self.items[-LEFT + 1 :]
            for item in self.items:
                item["content"] = [block for block in item["content"] if block["type"] != "thinking"]
        return super().body(keeps, text)


def _signature(before: list[Any]) -> str:
    return hashlib.sha256(json.dumps(before).encode()).hexdigest()


def test_what_was_reasoned_behind_it_is_not_sent_without_it_after_a_restart(tmp_path: Path) -> None:
    clock = Clock()

    async def work() -> None:
        provider, held = Strict(clock), 0
        async with rig(config(tmp_path), provider, clock=clock) as one:
            client = Batches(model=MODEL)
            for _ in range(60):
                clock.now += 10.0
                body = client.body(MOST + LEFT)
                _, answer = await one.ask(PATHS["anthropic"], body, NAME)
                client.hears(answer)
                assert provider.refused == []
                was = len(messages(provider.sent)) > len(messages(body))
                held += was
                if was and held % 4 == 3:
                    await one.restart()
            assert held > 8
            assert max(provider.thoughts) > 2, "what may stay stays"
            assert not one.failures()

    assert binds(MODEL)
    asyncio.run(work())
