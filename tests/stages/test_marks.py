"""Clients that mark elsewhere than at their newest message: what is believed to be in the cache is what they mark, and what is told as
saved is no more than was saved.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from backstory.core.message import Text
from backstory.core.reply import Reply, Usage
from backstory.providers.caching import Tariffs
from backstory.wires import WIRES
from tests.relay.world import Received
from tests.rig import PATHS, Rig, reply, rig, settings, with_marker
from tests.stages.billing import MODEL, WORDS, Clock

PRICES = Tariffs().of("anthropic", MODEL, b'{"cache_control":{"type":"ephemeral"}}')
MARK = {"cache_control": {"type": "ephemeral"}}
WIRE = next(wire for wire in WIRES if wire.name == "anthropic")
LOOKED_BACK = 20
Marks = Callable[[int], Sequence[int]]


class Cache:
    """Bills as Anthropic does: entries end at marked blocks, and each mark looks some blocks back for one."""

    def __init__(self) -> None:
        self._seen: set[int] = set()

    def bill(self, body: bytes) -> Usage:
        tree = json.loads(body)
        blocks: list[Any] = list(tree["system"])
        for message in tree["messages"]:
            content = message["content"]
            blocks += [{"type": "text", "text": content}] if isinstance(content, str) else content
        prefix = size = 0
        keys, sizes, marked = [], [], []
        for at, block in enumerate(blocks):
            plain = json.dumps({**block, "cache_control": None})
            prefix, size = hash((prefix, plain)), size + len(plain) // 4
            keys.append(prefix)
            sizes.append(size)
            if "cache_control" in block and size >= PRICES.least:
                marked.append(at)
        read = 0
        for at in marked:
            read = max(read, next((sizes[back] for back in range(at, max(-1, at - LOOKED_BACK), -1) if keys[back] in self._seen), 0))
        self._seen |= {keys[at] for at in marked}
        return Usage(size, 20, read, max(0, (sizes[marked[-1]] if marked else 0) - read))


class Client:
    """Talks, and asks at every third turn for a thing that was said; keeps its newest `keeps` messages. `marks`: which of so many it
    marks."""

    def __init__(self, marks: Marks, keeps: int) -> None:
        self._dice = random.Random(1)
        self._marks, self._keeps = marks, keeps
        self._said: list[tuple[str, str]] = []
        self._names: list[str] = []

    def body(self) -> bytes:
        number = len(self._said) // 2
        words = " ".join(self._dice.choice(WORDS) + str(self._dice.randrange(99)) for _ in range(60))
        if number % 3 == 2:
            text = f"What is the password of {self._names[self._dice.randrange(len(self._names))]}?"
        else:
            self._names.append(f"Ship{number}")
            text = f"The password of Ship{number} is zeta{number * 7}. {words.capitalize()}."
        self._said += [("user", text)]
        kept = self._said[-self._keeps :]
        kept = kept[1:] if kept[0][0] == "assistant" else kept
        marked = set(self._marks(len(kept)))
        listed = [
            {"role": role, "content": [{"type": "text", "text": said, **(MARK if at in marked else {})}]}
            for at, (role, said) in enumerate(kept)
        ]
        self._said += [("assistant", f"Noted, {number}.")]
        system = [{"type": "text", "text": "You are the mate of a ship. " * 300, **({} if marked else MARK)}]
        return json.dumps({"model": MODEL, "max_tokens": 50, "system": system, "messages": listed}).encode()


async def bills(one: Rig, clock: Clock, client: Client, cache: Cache, requests: int) -> float:
    """What the client's requests would cost as it sends them."""
    direct = 0.0
    for _ in range(requests):
        clock.now += 10
        body = client.body()
        direct += PRICES.cost(cache.bill(body))
        await one.ask(PATHS["anthropic"], body, b"X-VC-Conversation: ship")
    return direct


@pytest.mark.parametrize(
    ("marks", "keeps"),
    [(lambda _: (), 10), (lambda count: range(30, count, 30), 10_000), (lambda _: (0,), 10_000)],
    ids=["the system prompt, and cuts", "every thirtieth message", "the first message"],
)
def test_marks_elsewhere_neither_raise_the_bill_nor_the_meter(tmp_path: Path, marks: Marks, keeps: int) -> None:
    clock, cache, paid = Clock(), Cache(), [0.0]

    def provider(received: Received) -> bytes:
        usage = cache.bill(received.body)
        paid[0] += PRICES.cost(usage)
        return reply(WIRE.write(Reply((Text("Noted."),), "stop", usage, f"m{len(paid)}", MODEL), False))

    async def work() -> None:
        config = with_marker(settings(tmp_path, compaction={"context_window": 30_000}, recall={"deadline_ms": 20_000.0}), "never")
        async with rig(replace(config), provider, clock=clock) as one:
            direct = await bills(one, clock, Client(marks, keeps), Cache(), 90)
            assert paid[0] <= direct * 1.05
            money = one.engine.economy.money
            assert money.saved <= max(0.0, direct - paid[0]) + 0.01 * direct
            assert not one.failures()

    asyncio.run(work())
