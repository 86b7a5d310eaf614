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
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.laws.altering import Client, Given
from tests.laws.test_echo_law import _LAW, _WIRES
from tests.relay.world import Received
from tests.rig import PATHS, reply, rig
from tests.stages.world import configured, conversation, stored

_WINDOW = 3_000
_WORDS = ("harbour", "compass", "galley", "anchor", "lantern", "cargo")
_WAYS = ("plain", "begun", "gone on", "twice gone on", "in two messages")


def _two(client: Client, parts: list[str], number: int) -> bytes:
    """An answer of two messages; one where the wire has no such thing."""
    if client.wire != "openai_responses":
        return client.answer(Given("".join(parts)), number)
    items = [item for part in parts for item in client.written(Given(part))]
    output = [{"id": f"item_{number}_{place}", **item} for place, item in enumerate(items)]
    return json.dumps({"id": f"resp_{number}", "model": "m", "status": "completed", "output": output}).encode()


async def alone(folder: Path, wire: str, ways: list[str], seed: int, restart: int, named: bool) -> None:
    queue: list[bytes] = []

    def answer(_: Received) -> bytes:
        return reply(queue.pop(0))

    dice, headers = random.Random(seed), [b"X-VC-Conversation: mine"] if named else []
    async with rig(configured(folder, _WINDOW), answer) as one:
        client, names, number, pieces = Client(wire), set(), 0, 0

        async def ask(begun: str, made: bytes) -> None:
            nonlocal number
            kept, number = len(client.items), number + 1
            if begun:
                client.items += client.written(Given(begun))
            queue.append(made)
            head, _ = await one.ask(PATHS[wire], client.body(), *headers)
            names.add(conversation(head))
            assert len(one.sent.body) < 4 * (_WINDOW + 400), "the window holds"
            del client.items[kept:]

        for place, way in enumerate(ways):
            if place == restart:
                await one.restart()
            client.ask(f"Message {place}: the word for the {dice.choice(('north', 'south'))} is {dice.random():.6f}.")
            parts = [f"Part {place}.{step} of it: {' '.join(dice.choice(_WORDS) for _ in range(30))}. " for step in range(3)]
            match way:
                case "begun":
                    await ask(parts[0].strip(), client.answer(Given("".join(parts[1:])), number))
                case "gone on" | "twice gone on":
                    stops = [1, 2, 3] if way == "twice gone on" else [1, 3]
                    for start, stop in zip([0, *stops], stops, strict=False):
                        await ask("".join(parts[:start]).strip(), client.answer(Given("".join(parts[start:stop])), number))
                case "in two messages":
                    await ask("", _two(client, parts[:2], number))
                    parts = parts[:2]
                case _:
                    await ask("", client.answer(Given("".join(parts)), number))
            pieces += 1 + (len(parts) if way != "plain" else 1)
            client.hear(Given("".join(parts)), lambda given: given)
        rows = await stored(one, lambda store: store.turns(next(iter(names))))
        told = " ".join(row.text for row in rows)
        assert len(names) == 1
        assert len(rows) <= pieces, "what is stored grows with what is said"
        for place, way in enumerate(ways):
            for step in range(2 if way == "in two messages" else 3):
                assert f"Part {place}.{step} of it" in told, (place, step, way)
        assert not one.failures()


@pytest.mark.parametrize("wire", _WIRES)
@pytest.mark.parametrize("way", _WAYS[1:])
def test_one_such_answer_changes_nothing_for_those_that_follow(tmp_path: Path, wire: str, way: str) -> None:
    asyncio.run(alone(tmp_path, wire, ["plain", "plain", way, *["plain"] * 22], 7, 12, wire == "gemini"))


@settings(_LAW, max_examples=25)
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
