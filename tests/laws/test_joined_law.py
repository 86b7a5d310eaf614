"""A client that keeps as one message what was said in several turns (a beginning that it wrote for the model, an answer that it had gone on
with, two messages of one answer) has one conversation: what is stored grows with what is said, and the window holds.
"""

from __future__ import annotations

import asyncio
import json
import random
import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from backstory.core.tokens import estimate
from tests.laws.altering import Client, Given
from tests.laws.test_echo_law import _LAW, _WIRES
from tests.relay.world import Received
from tests.rig import PATHS, Rig, reply, rig
from tests.stages.world import configured, conversation, stored

_WINDOW = 3_000
_WORDS = ("harbour", "compass", "galley", "anchor", "lantern", "cargo")
_WAYS = ("plain", "begun", "gone on", "twice gone on", "in two messages")


def _answer(client: Client, messages: list[str], number: int) -> bytes:
    """An answer of these messages; of one where the wire has no such thing."""
    if client.wire != "openai_responses":
        return client.answer(Given("".join(messages)), number)
    items = [item for message in messages for item in client.written(Given(message))]
    output = [{"id": f"item_{number}_{place}", **item} for place, item in enumerate(items)]
    return json.dumps({"id": f"resp_{number}", "model": "m", "status": "completed", "output": output}).encode()


class Joining:
    """A client that joins what was said; `names`: the conversations that it came to belong to."""

    def __init__(self, one: Rig, queue: list[bytes], wire: str, named: bool) -> None:
        self.one, self.queue, self.client = one, queue, Client(wire)
        self.headers = [b"X-VC-Conversation: mine"] if named else []
        self.names: set[str] = set()

    async def hear(self, way: str, parts: list[str]) -> None:
        """An answer of these parts, come in this way."""
        match way:
            case "begun":
                await self._ask(parts[:1], [parts[1:]])
            case "gone on":
                await self._ask([], [parts[:1]])
                await self._ask(parts[:1], [parts[1:]])
            case "twice gone on":
                for place, part in enumerate(parts):
                    await self._ask(parts[:place], [[part]])
            case "in two messages":
                await self._ask([], [[part] for part in parts])
            case _:
                await self._ask([], [parts])
        self.client.hear(Given("".join(parts)), lambda given: given)

    async def _ask(self, begun: list[str], messages: list[list[str]]) -> None:
        client, kept = self.client, len(self.client.items)
        if begun:
            client.items += client.written(Given("".join(begun).strip()))
        self.queue.append(_answer(client, ["".join(parts) for parts in messages], len(self.one.upstream.received)))
        head, _ = await self.one.ask(PATHS[client.wire], client.body(), *self.headers)
        self.names.add(conversation(head))
        assert estimate(self.one.sent.body.decode()) < 0.9 * _WINDOW, "the window holds"
        del client.items[kept:]


async def alone(folder: Path, wire: str, ways: list[str], seed: int, restart: int, named: bool) -> None:
    queue: list[bytes] = []

    def answer(_: Received) -> bytes:
        return reply(queue.pop(0))

    dice, pieces = random.Random(seed), 0
    async with rig(configured(folder, _WINDOW), answer) as one:
        talk = Joining(one, queue, wire, named)
        for place, way in enumerate(ways):
            if place == restart:
                await one.restart()
            talk.client.ask(f"Message {place}: the word for the {dice.choice(('north', 'south'))} is {dice.random():.6f}.")
            parts = [f"Part {place}.{step} of it: {' '.join(dice.choice(_WORDS) for _ in range(30))}. " for step in range(3)]
            await talk.hear(way, parts)
            pieces += 1 + (len(parts) if way != "plain" else 1)
        names = talk.names
        rows = await stored(one, lambda store: store.turns(next(iter(names))))
        told = " ".join(row.text for row in rows)
        assert len(names) == 1
        assert len(rows) <= pieces, "what is stored grows with what is said"
        wanted = [f"Part {place}.{step} of it" for place in range(len(ways)) for step in range(3)]
        assert not [part for part in wanted if part not in told]
        assert not one.failures()


@pytest.mark.parametrize("wire", _WIRES)
@pytest.mark.parametrize("way", _WAYS[1:])
def test_one_such_answer_changes_nothing_for_those_that_follow(tmp_path: Path, wire: str, way: str) -> None:
    asyncio.run(alone(tmp_path, wire, ["plain", "plain", way, *["plain"] * 22], 7, 12, wire == "gemini"))


@settings(_LAW, max_examples=25)
@example("openai_responses", [*["plain"] * 7, *["begun"] * 5, *["twice gone on"] * 4, "begun"], 0, 1, False)
@given(
    st.sampled_from(_WIRES),
    st.lists(st.sampled_from(_WAYS), min_size=6, max_size=18),
    st.integers(0, 10_000),
    st.integers(1, 18),
    st.booleans(),
)
def test_what_a_client_joins_is_one_conversation(wire: str, ways: list[str], seed: int, restart: int, named: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(alone(Path(folder), wire, ways, seed, restart, named))
