"""Clients that mark elsewhere than at their newest message, or ask several models in one conversation: what is believed to be in the
cache is what they mark and what this model has read, and what is told as saved is what was saved.
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
from backstory.core.records import Conversation, Injection, Turn
from backstory.core.reply import Reply, Usage
from backstory.memory.identity.thread import Thread
from backstory.memory.reading.requests import Reading
from backstory.providers.caching import Tariffs
from backstory.stages.economy import _loose
from backstory.stages.visit import Visit
from backstory.wires import WIRES
from tests.relay.world import Received
from tests.rig import PATHS, Rig, reply, rig, settings, with_marker
from tests.stages.billing import MODEL, WORDS, Clock

PRICES = Tariffs().of("anthropic", MODEL, b'{"cache_control":{"type":"ephemeral"}}')
MARK = {"cache_control": {"type": "ephemeral"}}
WIRE = next(wire for wire in WIRES if wire.name == "anthropic")
LOOKED_BACK = 20
# A question of these short requests has a line or two that nothing was saved for; and the meter is as near the truth.
MOST, NEAR = 0.03, 0.015
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
        prefix, size = hash(tree["model"]), 0
        keys, sizes, marked = [], [], []
        for at, block in enumerate(blocks):
            plain = json.dumps({**block, "cache_control": None})
            prefix, size = hash((prefix, plain)), size + len(block["text"]) // 4 + 4
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
    """Talks, and asks at every third turn for a thing that was said; keeps its newest `keeps` messages, from `most` on. `marks`: which of
    so many it marks; `both`: its instructions, too. `models`: whom it asks, by turns."""

    def __init__(self, marks: Marks, keeps: int, most: int = 0, both: bool = False, models: Sequence[str] = (MODEL,)) -> None:
        self._dice = random.Random(1)
        self._marks, self._keeps, self._most, self._both, self._models = marks, keeps, most, both, models
        self._start = 0
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
        if len(self._said) - self._start > self._most:
            self._start = max(0, len(self._said) - self._keeps)
        kept = self._said[self._start :]
        kept = kept[1:] if kept[0][0] == "assistant" else kept
        marked = set(self._marks(len(kept)))
        listed = [
            {"role": role, "content": [{"type": "text", "text": said, **(MARK if at in marked else {})}]}
            for at, (role, said) in enumerate(kept)
        ]
        self._said += [("assistant", f"Noted, {number}.")]
        system = [{"type": "text", "text": "You are the mate of a ship. " * 300, **({} if marked and not self._both else MARK)}]
        return json.dumps(
            {"model": self._models[number % len(self._models)], "max_tokens": 50, "system": system, "messages": listed}
        ).encode()


async def bills(one: Rig, clock: Clock, client: Client, cache: Cache, requests: int) -> float:
    """What the client's requests would cost as it sends them."""
    direct = 0.0
    for _ in range(requests):
        clock.now += 10
        body = client.body()
        direct += PRICES.cost(cache.bill(body))
        await one.ask(PATHS["anthropic"], body, b"X-VC-Conversation: ship")
    return direct


def every(apart: int) -> Marks:
    """Marks the two newest of those that stand so far apart."""
    return lambda count: range(apart - 1, count, apart)[-2:]


def end(count: int) -> Sequence[int]:
    return (count - 1,)


CLIENTS = {
    "the system prompt, and cuts": Client(lambda _: (), 10),
    "every thirtieth message": Client(lambda count: range(30, count, 30), 10_000),
    "the first message": Client(lambda _: (0,), 10_000),
    "every fifth message": Client(every(5), 10_000, both=True),
    "every fifth message, and cuts": Client(every(5), 10, both=True),
    "every fifth message, and cuts now and then": Client(every(5), 20, 40, True),
    "every twentieth message, and cuts now and then": Client(every(20), 20, 40, True),
    "every twentieth message, and cut once": Client(every(20), 20, 100, True),
    "the newest message alone": Client(end, 10_000),
    "the newest message alone, and cuts": Client(end, 10),
    "two models": Client(end, 10_000, both=True, models=(MODEL, "claude-sonnet-4-6")),
    "two models, and cuts": Client(end, 20, both=True, models=(MODEL, "claude-sonnet-4-6")),
    "another model now and then": Client(end, 10_000, both=True, models=(*(9 * [MODEL]), "claude-sonnet-4-6")),
}


@pytest.mark.parametrize("name", CLIENTS)
def test_marks_elsewhere_and_other_models_neither_raise_the_bill_nor_bend_the_meter(tmp_path: Path, name: str) -> None:
    clock, cache, paid = Clock(), Cache(), [0.0]

    def provider(received: Received) -> bytes:
        usage = cache.bill(received.body)
        paid[0] += PRICES.cost(usage)
        return reply(WIRE.write(Reply((Text("Noted."),), "stop", usage, f"m{len(paid)}", MODEL), False))

    async def work() -> None:
        config = with_marker(settings(tmp_path, compaction={"context_window": 30_000}, recall={"deadline_ms": 20_000.0}), "never")
        async with rig(replace(config), provider, clock=clock) as one:
            direct = await bills(one, clock, CLIENTS[name], Cache(), 90)
            assert paid[0] <= (1 + MOST) * direct
            assert one.engine.economy.money.saved == pytest.approx(direct - paid[0], abs=NEAR * direct)
            assert not one.failures()

    asyncio.run(work())


def test_blocks_behind_the_mark_are_counted_once_and_on_the_path_of_their_request() -> None:
    thread = Thread(Conversation("c", "", 0.0, 0.0), b"root")
    thread.add([Turn(place + 1, "c", place, place, chain, chain, "user", "spoken", "Said.") for place, chain in enumerate((b"a", b"b"))])
    blocks = [Injection("c", chain, "Told.", (1,), 10, 0.0) for chain in (b"a", b"b")]
    thread.inject(blocks)
    reading = Reading(b"", [], [], 0)
    reading.places, reading.version = [0, 1], thread.version
    assert _loose(Visit(thread, reading, "", injection=blocks[1]), 2) == 20, "the newest message is asked again, and is on the path"
    thread.rewind(1)
    assert _loose(Visit(thread, reading, "", injection=blocks[1]), 2) == 10
