"""The ledger of a client with a history limit, at a provider that caches whatever two prompts begin with: what the very same requests cost
as they came, whether something is held in front of them, let go, recalled or folded, and whichever process they come to.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from backstory.config import Config
from backstory.core.records import Spend
from tests.relay.world import Received
from tests.rig import PATHS, QUICK, Rig, answering, reply, settings, with_marker
from tests.stages.billing import WORDS, Clock
from tests.stages.test_economy import rows
from tests.stages.world import conversation

PATH = PATHS["openai_chat"]
NAME = b"X-VC-Conversation: sliding"
MODEL, INPUT, READ, OUTPUT = "gpt-5", 1.25, 0.125, 10.0
# A prompt is cached from so many tokens on, in such steps.
LEAST, STEP = 1024, 128
KEEPS, WINDOW = 41, 20_000
ANSWERED = 15
NEAR, ALL = 0.15, 0.06


class Prefix:
    """A provider that finds what two prompts begin with, of the newest ones, and how many tokens there are: so many characters are one."""

    def __init__(self, characters: float) -> None:
        self._characters = characters
        self._seen: deque[str] = deque(maxlen=40)
        self.costs: list[float] = []

    def bills(self, body: bytes) -> tuple[int, int]:
        """Tokens, and those that are found."""
        text = "".join(json.dumps(one, sort_keys=True) for one in json.loads(body)["messages"])
        alike = max((_alike(text, other) for other in self._seen), default=0)
        self._seen.append(text)
        size, hit = int(len(text) / self._characters), int(alike / self._characters) // STEP * STEP
        hit = hit if hit >= LEAST else 0
        self.costs.append(((size - hit) * INPUT + hit * READ + ANSWERED * OUTPUT) / 1e6)
        return size, hit

    def __call__(self, received: Received) -> bytes:
        size, hit = self.bills(received.body)
        said = f"All right, I have taken note of step {len(self.costs)}, and will keep it in mind for later."
        made: dict[str, Any] = {"id": f"c{len(self.costs)}", "object": "chat.completion", "model": MODEL}
        made["choices"] = [{"index": 0, "message": {"role": "assistant", "content": said}, "finish_reason": "stop"}]
        usage = {"prompt_tokens": size, "completion_tokens": ANSWERED, "total_tokens": size + ANSWERED}
        made["usage"] = {**usage, "prompt_tokens_details": {"cached_tokens": hit}}
        return reply(json.dumps(made).encode())


def _alike(one: str, other: str) -> int:
    """With how many characters both begin."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if one[:middle] == other[:middle] else (low, middle - 1)
    return low


class Talk:
    """Somebody tells codes of shelves, and asks for them again, at every fourth request or so; much of the rest is short or long."""

    def __init__(self, seed: int) -> None:
        self._dice = random.Random(seed)
        self._told: list[tuple[int, str]] = []
        self._history: list[dict[str, str]] = []
        self.asked = self.found = 0
        self.code = ""

    def says(self, number: int) -> bytes:
        dice, self.code = self._dice, ""
        happens = dice.random()
        if self._told and happens < 0.25:
            shelf, self.code = dice.choice(self._told)
            said = f"What is the code of shelf {shelf}?"
        elif happens < 0.6:
            self._told.append((number, f"QX{dice.randint(1000, 9999)}"))
            said = f"The code of shelf {number} is {self._told[-1][1]}. {self._filler(20, 150)}"
        else:
            said = f"Step {number}: {self._filler(40, 260)}"
        self._history.append({"role": "user", "content": said})
        return json.dumps({"model": MODEL, "messages": self._history[-KEEPS:]}).encode()

    def _filler(self, least: int, most: int) -> str:
        return " ".join(self._dice.choice(WORDS) for _ in range(self._dice.randint(least, most))) + "."

    def hears(self, answer: bytes, sent: bytes) -> None:
        self._history.append({"role": "assistant", "content": json.loads(answer)["choices"][0]["message"]["content"]})
        self.asked += bool(self.code)
        self.found += bool(self.code) and self.code.encode() in sent


def configured(folder: Path) -> Config:
    return with_marker(settings(folder, compaction={"context_window": WINDOW}), "never")


@asynccontextmanager
async def proxies(folder: Path, provider: Prefix, clock: Clock, count: int) -> AsyncIterator[list[Rig]]:
    """So many on one database."""
    async with answering(provider) as (upstream, port), AsyncExitStack() as ends:
        made = [Rig(configured(folder), upstream, port, QUICK, clock) for _ in range(count)]
        for one in made:
            await one.start()
            ends.push_async_callback(one.stop)
        yield made


async def told(
    folder: Path, clock: Clock, count: int, seed: int, characters: float, requests: int
) -> tuple[Talk, list[float], Sequence[Spend]]:
    """What was said, what each request would have cost as it came, and its row."""
    direct, provider, talk, dice = Prefix(characters), Prefix(characters), Talk(seed), random.Random(seed)
    async with proxies(folder, provider, clock, count) as made:
        name = ""
        for number in range(requests):
            clock.now += 10
            one, body = dice.choice(made), talk.says(number)
            direct.bills(body)
            head, answer = await one.ask(PATH, body, NAME)
            name = name or conversation(head)
            talk.hears(answer, one.sent.body)
        for one in made:
            assert one.engine.lanes is not None
            await one.engine.lanes.flush()
            assert not one.failures()
        found = [row for row in await rows(made[0], name) if row.kind == "traffic"]
    assert [row.billed for row in found] == pytest.approx(provider.costs, rel=1e-3), "the bill itself is the provider's"
    return talk, direct.costs, found


@pytest.mark.parametrize(("count", "seed", "characters", "requests"), [(1, 1, 5.6, 150), (2, 1, 4.0, 80), (2, 2, 5.6, 80)], ids=str)
def test_a_history_limit_is_told_truly(tmp_path: Path, count: int, seed: int, characters: float, requests: int) -> None:
    """Rows are near, for what is recalled weighs in a request what a message of its length does."""
    talk, direct, found = asyncio.run(told(tmp_path, Clock(), count, seed, characters, requests))
    for number, (true, row) in enumerate(zip(direct, found, strict=True)):
        assert row.direct == pytest.approx(true, rel=NEAR), f"request {number}: {row}"
    assert sum(row.direct for row in found) == pytest.approx(sum(direct), rel=ALL)
    assert sum(row.billed for row in found) < sum(direct), "memory is no loss"
    assert any(row.tokens_sent > 1.5 * row.tokens_in for row in found), "something was held, or much recalled"
    assert talk.asked > 10
    assert talk.found >= talk.asked - 1, "what was told is found, whichever process it was told"
