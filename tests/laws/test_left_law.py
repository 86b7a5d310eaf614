"""Law 8, for what was recalled before: where a client goes on from what it sent, all that went up goes up again; where it has cut its
history anew, or its provider keeps nothing, only the newest question has its block, and what was left out stays left out.
"""

from __future__ import annotations

import asyncio
import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from backstory.config.sections import Economy
from tests.laws.test_append_only_law import COLOURS, TOPICS
from tests.relay.world import Received
from tests.rig import PATHS, Rig, reply, rig, with_marker
from tests.rig import settings as configured

NAME = b"X-VC-Conversation: 11111111-1111-4111-8111-111111111111"
WINDOW = 60_000
# The provider of the one keeps what it has read; that of the other does so only where its client marks something.
MODELS = {"openai_chat": "gpt-4o", "anthropic": "claude-sonnet-4-5"}


class Slider:
    """A client that cuts from the beginning of its history, and its provider. Each exchange tells something or asks for it."""

    def __init__(self, wire: str, seed: int) -> None:
        self.wire = wire
        self.dice = random.Random(seed)
        self.items: list[dict[str, Any]] = []
        self.told = 0
        self.sent: list[Any] = []
        self.came: list[Any] = []
        self.left = self.stayed = 0

    def __call__(self, received: Received) -> bytes:
        self.sent = json.loads(received.body)["messages"]
        text = "It is as it was told. " + " ".join(self.dice.choice(TOPICS) for _ in range(60))
        if self.wire == "anthropic":
            body: dict[str, Any] = {"id": "m", "type": "message", "model": "m", "role": "assistant", "stop_reason": "end_turn"}
            body["content"] = [{"type": "text", "text": text}]
        else:
            message = {"role": "assistant", "content": text}
            body = {"id": "c", "model": "m", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
        self.items.append({"role": "assistant", "content": text})
        return reply(json.dumps(body).encode())

    def say(self, asks: bool) -> None:
        if asks and self.told > 2:
            place = self.dice.randrange(self.told - 1)
            text = f"Which colour is the {TOPICS[place % 10]} of ship {place}?"
        else:
            text = f"The {TOPICS[self.told % 10]} of ship {self.told} is {COLOURS[self.told % 6]}."
            self.told += 1
        filler = " ".join(self.dice.choice(TOPICS) for _ in range(30))
        self.items.append({"role": "user", "content": f"{filler}. {text}"})

    async def request(self, one: Rig) -> None:
        """One exchange, held against the one before."""
        tree: dict[str, Any] = {"model": MODELS[self.wire], "messages": self.items}
        if self.wire == "anthropic":
            tree["max_tokens"] = 100
        before, came, items = self.sent, self.came, [*self.items]
        await one.ask(PATHS[self.wire], json.dumps(tree).encode(), NAME)
        goes_on = items[: len(came)] == came
        if came and goes_on and self.wire == "openai_chat":
            assert self.sent[: len(before)] == before, "what went up goes up again"
            self.stayed += any("<recalled>" in str(message) for message in before)
        elif came and not goes_on:
            assert self.sent[-len(items) : -1] == items[:-1], "no question but the newest has its block"
            self.left += any("<recalled>" in str(message) for message in before)
        assert len(self.sent) == len(items), "nothing is held"
        self.came = items


@pytest.mark.parametrize("wire", list(MODELS))
def test_a_block_stays_while_it_keeps_the_cache_and_goes_with_it(tmp_path: Path, wire: str) -> None:
    total = [0, 0]
    with asyncio.Runner() as runner:

        @settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
        @given(seed=st.integers(0, 10**6), cuts=st.lists(st.sampled_from([0, 0, 2, 2, 4]), min_size=24, max_size=30))
        def law(seed: int, cuts: list[int]) -> None:
            slider = Slider(wire, seed)

            async def work() -> None:
                config = configured(
                    tmp_path,
                    memory={"threshold_messages": 4},
                    compaction={"context_window": WINDOW},
                    recall={"budget_tokens": 400, "deadline_ms": 20_000.0},
                )
                config = replace(config, economy=Economy(hold=False))
                async with rig(with_marker(config, "never"), slider) as one:
                    for number, cut in enumerate([0] * 6 + cuts):
                        if cut and len(slider.items) > cut + 3:
                            del slider.items[:cut]
                        slider.say(number > 5 and slider.dice.random() < 0.6)
                        await slider.request(one)
                        if slider.dice.random() < 0.25:
                            first = slider.sent
                            if slider.dice.random() < 0.5:
                                await one.restart()
                            slider.items.pop()
                            await slider.request(one)
                            assert slider.sent == first, "the same request goes up in the same way"
                    assert not one.failures()

            (tmp_path / "memory.db").unlink(missing_ok=True)
            runner.run(work())
            total[0] += slider.left
            total[1] += slider.stayed

        law()
    assert total[0], "blocks were left out"
    assert total[1] or wire == "anthropic", "blocks stayed"
