"""Law 8, for clients that cut their own history: what went up goes up again in front of what is new, the same request goes up the same, and
what was cut off comes back when it is asked for, whether it was folded or not.

The client sends its whole history until a part of it may be folded, and cuts then: before the end of what is folded, or after it.
"""

from __future__ import annotations

import asyncio
import re
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from backstory.config.sections import Compaction
from backstory.core.wire import Wire
from backstory.wires import WIRES
from tests.laws.test_append_only_law import COLOURS, TOPICS, Tally, Voyage, sail
from tests.rig import Rig, reply

NAME = b"X-VC-Conversation: 11111111-1111-4111-8111-111111111111"
# Tokens in which nothing worth telling can be said.
LITTLE = 60
# Exchanges before the client cuts the first time.
WHOLE = 16


def told(number: int) -> str:
    return f"The hatch {TOPICS[number % 10]}{number} is {COLOURS[number % 6]}"


class CuttingVoyage(Voyage):
    """Where `tools` of an exchange is not 0, the client cuts so many exchanges from the beginning of its history, for good, and asks for
    one that it does not have any more. Some requests are made twice."""

    def __init__(self, window: int, wire: Wire, seed: int, disturbed: bool) -> None:
        super().__init__(wire, seed, disturbed)
        self.hard = int(window * Compaction().hard_threshold)
        self.asked: set[int] = set()

    async def exchange(self, one: Rig, number: int, tools: int, words: int) -> None:
        items = self.speaker.items
        filler = " ".join(self.dice.choice(TOPICS) for _ in range(self.dice.randint(30, 90)))
        self.speaker.ask(f"{told(number)}. {filler}")
        await self.twice(one, self.speaker.answer(f"Aye, number {number}. {filler[:60]}"), "")
        first = int(items[0].get("role") == "system")
        if number < WHOLE or not tools or len(items) < 8 + 2 * tools:
            return
        del items[first : first + 2 * tools]
        self.last = None
        body = self.speaker.body().decode()
        asked = self.dice.choice([place for place in range(number) if told(place) not in body and place not in self.asked])
        self.asked.add(asked)
        self.speaker.ask(f"Is {TOPICS[asked % 10]}{asked} red?")
        await self.twice(one, self.speaker.answer("Let me see."), told(asked))

    async def twice(self, one: Rig, answer: bytes, wanted: str) -> None:
        """The request without its answer, which stands at the end of the history already; `wanted` is to go up with it, or what else is
        recalled, where there is room."""
        said = self.speaker.items.pop()
        body = self.speaker.body()
        self.speaker.items.append(said)
        head = await self.once(one, body, reply(answer), NAME)
        sent = one.sent.body
        assert self.last is not None
        if wanted not in sent.decode() and b"<recalled>" not in self.last.items[-1]:
            tokens = re.search(rb"tokens_sent=(\d+)", head)
            assert tokens is not None
            assert int(tokens[1]) > self.hard - LITTLE, "nothing is recalled"
        if self.dice.random() < 0.4:
            if self.dice.random() < 0.3:
                await one.restart()
            await self.once(one, body, reply(answer), NAME)
            assert self.last.moved or one.sent.body == sent, "the same request goes up in another way"


@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.name)
def test_what_a_client_cuts_off_comes_back_and_stays(tmp_path: Path, wire: Wire) -> None:
    total = Tally()
    with asyncio.Runner() as runner:

        @settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
        @given(
            seed=st.integers(0, 10**6),
            window=st.sampled_from([2500, 4000]),
            cuts=st.lists(st.sampled_from([0, 0, 0, 1, 4, 7]), min_size=34, max_size=40),
        )
        def law(seed: int, window: int, cuts: list[int]) -> None:
            tally = sail(runner, tmp_path, wire, seed, window, cuts, False, partial(CuttingVoyage, window), budget=300)
            assert tally.moves <= max(3, tally.steps // 3), "the digest moves seldom"
            for name in tally.__struct_fields__:
                setattr(total, name, getattr(total, name) + getattr(tally, name))

        law()
    assert total.moves, "history was folded"
    assert total.recalls, "memory was recalled"


class BranchingVoyage(CuttingVoyage):
    """Where `tools` of an exchange is not 0, the client goes back so many exchanges; some time later it takes up what it had left. So the
    same beginning is folded by one branch and gone on from by another."""

    left: list[Any] | None = None

    async def exchange(self, one: Rig, number: int, tools: int, words: int) -> None:
        items = self.speaker.items
        if number >= WHOLE and tools and len(items) > 4 * tools:
            self.last = None
            if self.left is not None:
                items[:], self.left = self.left, None
            else:
                self.left = items.copy()
                del items[-2 * tools :]
        filler = " ".join(self.dice.choice(TOPICS) for _ in range(self.dice.randint(30, 90)))
        asked = self.dice.randrange(number) if number % 3 == 2 else -1
        self.speaker.ask(f"{told(number)}. {filler}" if asked < 0 else f"And is {TOPICS[asked % 10]}{asked} red, {number}?")
        await self.twice(one, self.speaker.answer(f"Aye, number {number}. {filler[:60]}"), "")


def test_what_was_asked_at_a_fold_and_found_nothing_goes_up_the_same_after_a_restart(tmp_path: Path) -> None:
    wire = next(one for one in WIRES if one.name == "gemini")
    with asyncio.Runner() as runner:
        tally = sail(
            runner, tmp_path, wire, 632, 1500, [1, 0, 0, 9, 0, 1, 0, 9, *[0] * 6], False, partial(BranchingVoyage, 1500), budget=300
        )
    assert tally.moves


@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.name)
def test_what_went_up_on_a_branch_goes_up_again_on_it(tmp_path: Path, wire: Wire) -> None:
    total = Tally()
    with asyncio.Runner() as runner:

        @settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
        @given(
            seed=st.integers(0, 10**6),
            window=st.sampled_from([1500, 2500]),
            steps=st.lists(st.sampled_from([0, 0, 0, 1, 5, 9]), min_size=50, max_size=56),
        )
        def law(seed: int, window: int, steps: list[int]) -> None:
            tally = sail(runner, tmp_path, wire, seed, window, steps, False, partial(BranchingVoyage, window), budget=300)
            for name in tally.__struct_fields__:
                setattr(total, name, getattr(total, name) + getattr(tally, name))

        law()
    assert total.moves, "history was folded"
    assert total.recalls, "memory was recalled"
