"""Law: whatever a client cuts off its history, what goes up is the end of the conversation, word for word and unbroken; and over a
conversation it costs no more than what the client sends, but for a few recalled lines.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from backstory.config.sections import Compaction, Economy
from backstory.core.wire import Wire
from backstory.memory.economy.ceiling import GRACE
from backstory.wires import WIRES
from tests.laws.test_append_only_law import SYSTEM, TOPICS, Speaker
from tests.relay.world import Received
from tests.rig import PATHS, Rig, reply, rig
from tests.stages.billing import Clock
from tests.stages.test_economy import configured
from tests.stages.test_holding import Cutter, Till, messages

NAME = b"X-VC-Conversation: sliding"
HELD = Economy(hold=True, allowance=0.03)
BLOCK = re.compile(r"(?:\\n)*<recalled>.*?</recalled>")


class Cutting(Speaker):
    """Sends its newest items only, and what leads them."""

    keeps = 9

    def body(self) -> bytes:
        whole, lead = self.items, 1 if self.wire == "openai_chat" else 0
        self.items = whole[:lead] + whole[lead:][-self.keeps :]
        made = super().body().replace(b'"model": "m"', b'"model": "gpt-5.2"')
        self.items = whole
        return made


def said(body: bytes, wire: str) -> list[str]:
    """The items of a request without what was recalled at them."""
    tree: dict[str, Any] = json.loads(body)
    items = tree["contents" if wire == "gemini" else "input" if wire == "openai_responses" else "messages"]
    return [bare(item) for item in items]


def bare(item: Any) -> str:
    """An item without recalled blocks, however its text is written down."""
    text = BLOCK.sub("", json.dumps(item, ensure_ascii=False))
    tree = json.loads(text)
    for name in ("content", "parts"):
        if isinstance(tree.get(name), list):
            tree[name] = [part for part in tree[name] if part.get("text") != ""]
            if tree["role"] == "user" and [*tree[name][0]] != ["functionResponse"]:
                tree[name] = "".join(part.get("text", "") for part in tree[name])
    return json.dumps(tree)


@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.name)
def test_what_goes_up_is_the_end_of_the_conversation(tmp_path: Path, wire: Wire) -> None:
    longer = 0
    with asyncio.Runner() as runner:

        @settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
        @given(seed=st.integers(0, 10**6), keeps=st.sampled_from([7, 9, 15]), words=st.sampled_from([100, 200]))
        def law(seed: int, keeps: int, words: int) -> None:
            async def work() -> int:
                dice, clock, more = random.Random(seed), Clock(), 0
                speaker = Cutting(wire)
                speaker.keeps = keeps
                # Gemini caches longer prompts only.
                long = 800 if wire.name == "gemini" else words
                queue: list[bytes] = []
                config = replace(configured(tmp_path), compaction=Compaction(context_window=60_000), economy=HELD)
                async with rig(config, lambda _: reply(queue.pop(0)), clock=clock) as one:
                    for number in range(36):
                        more += await step(one, speaker, queue, dice, clock, number, long)
                    assert not one.failures()
                return more

            nonlocal longer
            (tmp_path / "memory.db").unlink(missing_ok=True)
            longer += runner.run(work())

        law()
    assert longer > 20, "something was held"


async def step(one: Rig, speaker: Cutting, queue: list[bytes], dice: random.Random, clock: Clock, number: int, words: int) -> int:
    """One exchange, and what may come between. Whether something was held."""
    happens = dice.random()
    if happens < 0.03:
        await one.restart()
    if 0.03 < happens < 0.08 and len(speaker.items) > 12:
        del speaker.items[-2 * dice.randint(1, 2) :]
    clock.now += 2000.0 if 0.08 < happens < 0.12 else 10.0
    asked = " And what of the first harbour?" if happens > 0.85 else ""
    speaker.ask(f"Entry {number}: {' '.join(dice.choice(TOPICS) + str(dice.randrange(999)) for _ in range(words))}.{asked}")
    whole = [bare(item) for item in speaker.items]
    body = speaker.body()
    queue.append(speaker.answer(f"Aye, number {number}, {dice.randrange(999)}."))
    await one.ask(PATHS[speaker.wire].replace("/m:", "/gemini-2.5-flash:"), body, NAME)
    sent, came = said(one.sent.body, speaker.wire), said(body, speaker.wire)
    lead = 1 if speaker.wire == "openai_chat" else 0
    assert sent[:lead] == came[:lead]
    assert sent[len(sent) - len(came) + lead :] == came[lead:], "the client's own messages end it"
    assert sent[lead:] == whole[lead:][len(whole) - len(sent) :], "and the conversation leads to them, unbroken"
    assert SYSTEM in one.sent.body.decode() or speaker.wire == "gemini"
    return len(sent) > len(came)


def test_where_nothing_may_be_added_no_conversation_costs_more_than_what_its_client_sends(tmp_path: Path) -> None:
    with asyncio.Runner() as runner:

        @settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
        @given(seed=st.integers(0, 10**6), keeps=st.sampled_from([7, 9, 19]), asks=st.floats(0.0, 1.0), away=st.sampled_from([0.0, 0.2]))
        def law(seed: int, keeps: int, asks: float, away: float) -> None:
            async def work() -> None:
                dice, clock = random.Random(seed), Clock()
                bank, direct, cutter = Till(clock), Till(clock), Cutter(seed, dice.choice([300, 400]))
                config = replace(configured(tmp_path), compaction=Compaction(context_window=60_000), economy=replace(HELD, allowance=0.0))
                async with rig(config, bank, clock=clock) as one:
                    for number in range(50):
                        clock.now += 2000.0 if dice.random() < away else 10.0
                        asked = f"What was said of {dice.choice(TOPICS)} in entry {dice.randrange(number)}?" if number > 5 else ""
                        body = cutter.body(keeps, asked if dice.random() < asks else "")
                        direct(Received(b"", body))
                        _, answer = await one.ask(PATHS["anthropic"], body, NAME)
                        cutter.hears(answer)
                        assert messages(bank.sent)
                        few = GRACE * (keeps / 2 + 1) * 3.75e-6
                        assert bank.dollars <= 1.01 * direct.dollars + 1.5 * few, number
                    assert not one.failures()

            (tmp_path / "memory.db").unlink(missing_ok=True)
            runner.run(work())

        law()
