"""Law: a client that sums up its own history is charged what it would have been without memory, and a small share more, at every moment;
a block goes up until it has its answer, and of what the provider's cache holds no more than the block is lost by that.
"""

from __future__ import annotations

import asyncio
import json
import random
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from backstory.config import Config
from backstory.config.sections import PriceRow
from backstory.core.reply import Usage
from backstory.memory.economy.ceiling import GRACE
from backstory.providers.caching import Tariffs
from backstory.stages import economy
from tests.relay.world import Received
from tests.rig import PATHS, Rig, reply, rig, settings, with_marker
from tests.stages.billing import Clock

NAME = b"X-VC-Conversation: 11111111-1111-4111-8111-111111111111"
MODELS = {"anthropic": "claude-sonnet-4-5", "openai_chat": "gpt-4o"}
# Dollars are a thousand times what they are, so that a cent is nothing.
ROWS = tuple(PriceRow(model, 3000.0, 15000.0, 300.0, 3750.0 if wire == "anthropic" else 3000.0) for wire, model in MODELS.items())
SHARE = 0.01
TOPICS = ("harbour", "compass", "galley", "anchor", "lantern", "cargo", "rudder", "sail", "chart", "mast")
WORDS = tuple(f"{first}{last}" for first in ("bar", "tel", "mon", "ruk", "siv", "pol") for last in ("an", "est", "ild", "umo", "ek", "ora"))
OPENING = "This session is being continued from a previous conversation that ran out of context. The conversation is summarized below:\n"
ORDER = "Your task is to create a detailed summary of the conversation so far, paying close attention to the user's requests."
TTL_S, BACK = 300.0, 20


class Till:
    """What a provider bills: an entry is written where a mark stands and looked for some blocks back; without marks, what two payloads
    begin with is found."""

    def __init__(self, wire: str, clock: Clock) -> None:
        self.wire, self.clock, self.dollars = wire, clock, 0.0
        self.tariffs = Tariffs(ROWS)
        self.entries: dict[str, float] = {}
        self.texts: list[str] = []
        self.shared: list[tuple[int, int]] = []

    def bill(self, body: bytes) -> Usage:
        tree = json.loads(body)
        blocks = [(json.dumps(tree.get("system")), "cache_control" in json.dumps(tree.get("system")))]
        for message in tree["messages"]:
            parts = message["content"] if isinstance(message["content"], list) else [{"type": "text", "text": message["content"]}]
            blocks += [(message["role"] + one.get("text", ""), "cache_control" in one) for one in parts]
        size = sum(len(text) for text, _ in blocks)
        found, end = self._marked(blocks) if self.wire == "anthropic" else self._begins(blocks, size)
        tariff = self.tariffs.of(self.wire, MODELS[self.wire], body)
        read = int(tariff.hit(end / 4, found / 4))
        usage = Usage(size // 4, 100, read, end // 4 - read if self.wire == "anthropic" else 0)
        self.dollars += tariff.cost(usage)
        return usage

    def _marked(self, blocks: list[tuple[str, bool]]) -> tuple[int, int]:
        names: list[str] = []
        ends: list[int] = []
        found = 0
        for text, _ in blocks:
            names.append((names[-1] if names else "") + f"|{hash(text)}")
            ends.append((ends[-1] if ends else 0) + len(text))
        marks = [place for place, (_, marked) in enumerate(blocks) if marked]
        for mark in marks:
            for place in range(mark, max(-1, mark - BACK), -1):
                if self.entries.get(names[place], 0.0) > self.clock.now:
                    found = max(found, ends[place])
                    break
        self.entries.update({names[mark]: self.clock.now + TTL_S for mark in marks})
        end = ends[marks[-1]] if marks else 0
        self.shared.append((end, found))
        return found, end

    def _begins(self, blocks: list[tuple[str, bool]], size: int) -> tuple[int, int]:
        text = "".join(one for one, _ in blocks)
        found = max((_alike(text, old) for old in self.texts), default=0)
        self.texts = [*self.texts[-2:], text]
        self.shared.append((size, found))
        return found, size


def _alike(one: str, other: str) -> int:
    return next((place for place, (left, right) in enumerate(zip(one, other, strict=False)) if left != right), min(len(one), len(other)))


class Talker:
    """A client that sums up, its provider, and the bill of the same requests as they came."""

    def __init__(self, wire: str, seed: int) -> None:
        self.wire, self.dice, self.clock = wire, random.Random(seed), Clock()
        self.through, self.direct = Till(wire, self.clock), Till(wire, self.clock)
        self.items: list[tuple[str, str]] = []
        self.asked = self.found = self.requests = 0
        self.came = b""
        self.worst = 0.0

    def __call__(self, received: Received) -> bytes:
        usage = self.through.bill(received.body)
        text = f"{self._words(120)}."
        self.items.append(("assistant", text))
        if self.wire == "anthropic":
            fresh = usage.input_tokens - usage.cache_read_tokens - usage.cache_write_tokens
            told = {"input_tokens": fresh, "cache_read_input_tokens": usage.cache_read_tokens, "output_tokens": 100}
            told["cache_creation_input_tokens"] = usage.cache_write_tokens
            body: dict[str, Any] = {
                "id": "m",
                "type": "message",
                "model": MODELS[self.wire],
                "role": "assistant",
                "stop_reason": "end_turn",
            }
            body |= {"content": [{"type": "text", "text": text}], "usage": told}
        else:
            counted = {"prompt_tokens": usage.input_tokens, "completion_tokens": 100, "total_tokens": usage.input_tokens + 100}
            details = {"prompt_tokens_details": {"cached_tokens": usage.cache_read_tokens}}
            message = {"role": "assistant", "content": text}
            body = {"id": "c", "model": MODELS[self.wire], "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
            body["usage"] = counted | details
        return reply(json.dumps(body).encode())

    async def says(self, one: Rig, text: str) -> str:
        self.items.append(("user", text))
        self.clock.now += self.dice.uniform(10, 60)
        self.came = body = self._body()
        self.direct.bill(body)
        await one.ask(PATHS[self.wire], body, NAME)
        self.requests += 1
        over, first = self.through.dollars - self.direct.dollars, GRACE * 3750.0 / 1e6
        self.worst = max(self.worst, over / max(self.direct.dollars, first / SHARE))
        return one.sent.body.decode()

    def _words(self, count: int) -> str:
        """So many words of this world, which hardly come twice."""
        return " ".join("".join(self.dice.choice(WORDS) for _ in range(2)) for _ in range(count)).capitalize()

    def _body(self) -> bytes:
        mark = {"cache_control": {"type": "ephemeral"}}
        if self.wire == "anthropic":
            messages: list[Any] = [{"role": role, "content": [{"type": "text", "text": text}]} for role, text in self.items]
            messages[-1]["content"][-1] |= mark
            system = [{"type": "text", "text": "You are the mate of a ship. " * 300, **mark}]
            return json.dumps({"model": MODELS[self.wire], "max_tokens": 100, "system": system, "messages": messages}).encode()
        messages = [{"role": "system", "content": "You are the mate of a ship. " * 300}]
        messages += [{"role": role, "content": text} for role, text in self.items]
        return json.dumps({"model": MODELS[self.wire], "messages": messages}).encode()

    async def goes(self, one: Rig, cycles: int) -> None:
        told: list[tuple[str, str]] = []
        for cycle in range(cycles):
            before = list(told)
            for number in range(26):
                filler = self._words(40)
                if before and number % 5 == 4:
                    name, value = self.dice.choice(before)
                    self.asked += 1
                    sent = await self.says(one, f"What is the code of the {name} locker?")
                    self.found += value in sent
                else:
                    name, value = f"{TOPICS[len(told) % 10]}{len(told)}", f"{WORDS[len(told) % 36]}-{len(told)}"
                    told.append((name, value))
                    await self.says(one, f"{filler}. The code of the {name} locker is {value}.")
                if number == 13 and cycle == 1:
                    await one.restart()
            await self.says(one, ORDER)
            self.items = [("user", f"{OPENING}{self._words(100)}."), ("assistant", "Understood.")]


def _config(folder: Path, share: float = SHARE) -> Config:
    config = settings(folder, memory={"threshold_messages": 4}, compaction={"context_window": 60_000})
    return replace(with_marker(config, "never"), prices=ROWS, economy=replace(config.economy, allowance=share))


@pytest.mark.parametrize("wire", list(MODELS))
def test_a_client_that_sums_up_pays_a_small_share_more_at_most_and_has_its_answers(tmp_path: Path, wire: str) -> None:
    one = Talker(wire, 5)

    async def work() -> None:
        async with rig(_config(tmp_path), one, clock=one.clock) as house:
            await one.goes(house, 4)
            assert not house.failures()

    asyncio.run(work())
    assert one.worst <= SHARE, "at any moment"
    assert one.found >= 0.6 * one.asked, (one.found, one.asked)
    kept = sum(found for _, found in one.through.shared), sum(found for _, found in one.direct.shared)
    assert kept[0] >= 0.99 * kept[1], "what is read from the cache is what would have been read"


def test_a_block_has_gone_with_the_next_question_and_its_message_is_as_it_came(tmp_path: Path) -> None:
    one = Talker("anthropic", 6)

    async def work() -> None:
        async with rig(_config(tmp_path, 0.2), one, clock=one.clock) as house:
            await one.goes(house, 1)
            await one.says(house, "What is the code of the galley2 locker?")
            sent = json.loads(house.sent.body)["messages"][-1]["content"]
            assert [("cache_control" in part, "<recalled>" in part["text"]) for part in sent] == [(True, False), (False, True)]
            await house.restart()
            await one.says(house, "Thanks, that is all.")
            sent, came = (json.loads(body)["messages"] for body in (house.sent.body, one.came))
            assert sent[:-1] == came[:-1], "as it came"

    asyncio.run(work())


def test_a_block_stands_where_it_stood_though_tools_are_at_work_less_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = Talker("anthropic", 6)

    async def work() -> None:
        async with rig(_config(tmp_path, 0.2), one, clock=one.clock) as house:
            await one.goes(house, 1)
            monkeypatch.setattr(economy, "steps", lambda _: 3.0)
            await one.says(house, "What is the code of the galley2 locker?")
            sent = json.loads(house.sent.body)["messages"][-1]["content"]
            assert ["<recalled>" in part["text"] for part in sent] == [True], "in front of the mark"
            monkeypatch.setattr(economy, "steps", lambda _: 1.0)
            await one.says(house, "Thanks, that is all.")
            again = json.loads(house.sent.body)["messages"][-3]["content"]
            assert [part["text"] for part in again] == [part["text"] for part in sent], "append-only"

    asyncio.run(work())
