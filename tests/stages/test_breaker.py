"""The closed loop in all wires, over real connections: providers that never cache, or take what was changed out of their cache, and what
becomes of rewriting then, and afterwards.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
from pathlib import Path
from typing import Any, Literal

import pytest
from msgspec.structs import replace

from backstory.config.routes import ModelRow
from backstory.core.message import Text
from backstory.core.records import Spend
from backstory.core.reply import Reply, Usage
from backstory.core.store import Store
from backstory.memory.economy.account import REST_S, STOPS, WINDOW
from backstory.providers.caching import Tariffs
from backstory.wires import WIRES
from tests.relay.world import Received
from tests.rig import PATHS, Rig, asking, reply, rig
from tests.stages.billing import TTL_S, WORDS, Clock
from tests.stages.test_economy import HARD, SIZE, SOFT, configured
from tests.stages.world import conversation, stored, thread

MODELS = {"anthropic": "claude-sonnet-4-5", "openai_chat": "gpt-5", "openai_responses": "gpt-5", "gemini": "gemini-2.5-pro"}
BY_NAME = {wire.name: wire for wire in WIRES}
EACH = pytest.mark.parametrize("wire", MODELS)
Mode = Literal["honest", "never", "lies"]


def pieces(wire: str, body: bytes) -> list[str]:
    """A request's prompt in the order in which it is cached."""
    tree = json.loads(body)
    items = tree.get("messages") or tree.get("input") or tree.get("contents")
    return [json.dumps(tree.get("system") or tree.get("instructions")), *(json.dumps(item) for item in items)]


class Provider:
    """Caches as its wire's provider does, and bills; never: it finds nothing, ever. lies: it finds nothing of what holds a digest."""

    def __init__(self, wire: str, clock: Clock) -> None:
        self.wire = wire
        self.clock = clock
        self.mode: Mode = "honest"
        self.paid = 0.0
        self.count = 0
        self._known: dict[int, float] = {}

    def __call__(self, received: Received) -> bytes:
        self.count += 1
        usage = self.bill(received.body)
        self.paid += Tariffs().of(self.wire, MODELS[self.wire], received.body).cost(usage)
        said = Reply((Text(f"Answer {self.count}."),), "stop", usage, f"r{self.count}", MODELS[self.wire])
        return reply(BY_NAME[self.wire].write(said, False))

    def bill(self, body: bytes) -> Usage:
        """What a request is billed by."""
        size = cached = prefix = 0
        for piece in pieces(self.wire, body):
            prefix = hash((prefix, piece))
            size += len(piece) // 4
            if self._known.get(prefix, 0.0) > self.clock.now:
                cached = size
            self._known[prefix] = self.clock.now + TTL_S
        if self.mode == "never" or (self.mode == "lies" and b"<digest>" in body):
            cached = 0
        return Usage(size, 20, cached, size - cached if self.wire == "anthropic" else 0)


class Person:
    """A client of a wire that sends its whole history. `direct`: dollars that its requests would cost as it sends them."""

    def __init__(self, wire: str, clock: Clock, seed: int = 1) -> None:
        self.wire = wire
        self.clock = clock
        self.turns: list[tuple[str, str]] = []
        self.beside = Provider(wire, clock)
        self._dice = random.Random(seed)

    def body(self, text: str) -> bytes:
        words = [self._dice.choice(WORDS) + str(self._dice.randrange(99)) for _ in range(220)]
        lines = [" ".join(words[at : at + 11]).capitalize() + "." for at in range(0, len(words), 11)]
        self.turns.append(("user", text or f"Entry {len(self.turns)}. " + " ".join(lines)))
        more: dict[str, Any] = {"model": MODELS[self.wire]} if self.wire != "gemini" else {}
        if self.wire == "anthropic":
            more |= {"max_tokens": 100, "system": "You are the mate of a ship.", "cache_control": {"type": "ephemeral"}}
        return asking(self.wire, self.turns, **more)

    async def says(self, one: Rig, text: str = "", wait_s: float = 10.0) -> dict[str, str]:
        """One exchange; its X-VC-Stats, with the conversation under "id", and "same"."""
        self.clock.now += wait_s
        body = self.body(text)
        path = PATHS[self.wire].replace("/m:", f"/{MODELS['gemini']}:")
        head, answer = await one.ask(path, body)
        said = re.search(rb"(Answer \d+\.|Aye\.)", answer)
        assert said is not None
        self.turns.append(("assistant", said[0].decode()))
        self.beside.paid += Tariffs().of(self.wire, MODELS[self.wire], body).cost(self.beside.bill(body))
        stats = head.partition(b"X-VC-Stats: ")[2].partition(b"\r\n")[0].decode()
        told = dict(pair.split("=") for pair in stats.split(","))
        return {**told, "id": conversation(head), "same": str(one.sent.body == body)}

    async def until(self, one: Rig, tokens: float) -> dict[str, str]:
        """Exchanges until a request is so long."""
        while True:
            told = await self.says(one)
            if int(told["tokens_in"]) > tokens:
                return told

    async def folded(self, one: Rig) -> dict[str, str]:
        """A conversation whose cache went cold where a fold is worth it."""
        await self.until(one, SOFT * SIZE)
        told = await self.says(one, wait_s=1000.0)
        assert (told["same"], told["cache_kept"]) == ("False", "0")
        return told

    async def stopped(self, one: Rig) -> dict[str, str]:
        """Short exchanges until rewriting has been stopped."""
        for number in range(3 * WINDOW):
            told = await self.says(one, f"Short entry {number}.")
            if thread(one, told["id"]).account.stopped:
                return told
        raise AssertionError("rewriting was not stopped")

    async def rests(self, one: Rig, name: str) -> None:
        """Short exchanges, which go up as they came, until rewriting may be tried again."""
        while self.clock.now < thread(one, name).account.stopped_at + REST_S:
            told = await self.says(one, "A word.", wait_s=60.0)
            assert told["same"] == "True"
        assert not thread(one, name).account.stopped
        assert thread(one, name).account.pure, "what was folded is still as the client has it"


def halted(one: Rig) -> bool:
    return one.engine.economy.halted


async def rows(one: Rig, name: str) -> list[Spend]:
    found: list[Spend] = []

    def look(store: Store) -> None:
        found.extend(store.spends(name, 1000))

    await stored(one, look)
    return found


@EACH
def test_a_lying_provider_stops_rewriting_and_it_is_tried_again_later(tmp_path: Path, wire: str) -> None:
    clock = Clock()

    async def work() -> None:
        provider, person = Provider(wire, clock), Person(wire, clock)
        async with rig(configured(tmp_path), provider, clock=clock) as one:
            await person.folded(one)
            provider.mode = "lies"
            told = await person.stopped(one)
            undone = await person.says(one, "And now?")
            assert (undone["same"], undone["cache_kept"]) == ("True", "0"), "as the client has it: the prefix changes once"
            plain = await person.says(one, "What was in entry 4?")
            assert (plain["same"], plain["cache_kept"], plain["tokens_saved"]) == ("True", "1", "0")
            assert one.engine.metrics.figures()["rewriting_stopped"] == 1
            found = await rows(one, told["id"])
            lost = [row.billed - row.direct for row in found if row.rewritten]
            assert sum(lost[-WINDOW:]) > 0, "measured, and told"
            await one.restart()
            plain = await person.says(one, "Still there?")
            assert (plain["id"], plain["same"]) == (told["id"], "True"), "also in another process"

            provider.mode = "honest"
            await person.rests(one, told["id"])
            again = await person.says(one, "Good morning.", wait_s=1000.0)
            assert (again["same"], again["cache_kept"]) == ("False", "0"), "where it costs nothing, it is tried again"
            for number in range(WINDOW + 4):
                again = await person.says(one, f"Entry {number} of the day.")
                assert (again["same"], again["cache_kept"]) == ("False", "1")
            assert not thread(one, told["id"]).account.stopped
            assert float(again["cost_saved"]) > 0
            assert one.engine.economy.money.stops == 0, "of this process"
            assert not one.failures()

    asyncio.run(work())


@EACH
def test_a_provider_that_goes_on_lying_stops_it_again(tmp_path: Path, wire: str) -> None:
    clock = Clock()

    async def work() -> None:
        provider, person = Provider(wire, clock), Person(wire, clock)
        async with rig(configured(tmp_path), provider, clock=clock) as one:
            await person.folded(one)
            provider.mode = "lies"
            told = await person.stopped(one)
            await person.rests(one, told["id"])
            again = await person.says(one, "Good morning.", wait_s=1000.0)
            assert (again["same"], again["cache_kept"]) == ("False", "0")
            await person.stopped(one)
            assert one.engine.metrics.figures()["rewriting_stopped"] == 2
            assert not one.engine.economy.halted, "it is one conversation"
            assert not one.failures()

    asyncio.run(work())


@EACH
def test_a_provider_that_never_caches_stops_nothing_and_the_saving_is_the_true_one(tmp_path: Path, wire: str) -> None:
    clock = Clock()

    async def work() -> None:
        provider, person = Provider(wire, clock), Person(wire, clock)
        provider.mode = person.beside.mode = "never"
        async with rig(configured(tmp_path), provider, clock=clock) as one:
            told = await person.until(one, HARD * SIZE)
            for number in range(2 * WINDOW):
                told = await person.says(one, f"Short entry {number}.")
            assert told["same"] == "False"
            assert not thread(one, told["id"]).account.stopped, "fewer tokens at the full price are cheaper"
            money = one.engine.economy.money
            assert money.billed == pytest.approx(provider.paid)
            assert money.saved > 0
            assert money.direct == pytest.approx(person.beside.paid, rel=0.05)

    asyncio.run(work())


@pytest.mark.parametrize("wire", ["openai_responses", "gemini"])
def test_lies_in_several_conversations_stop_the_instance_for_a_day(tmp_path: Path, wire: str) -> None:
    clock = Clock()

    async def work() -> None:
        provider = Provider(wire, clock)
        config = replace(configured(tmp_path), models=(ModelRow("*", window=2 * SIZE),))
        async with rig(config, provider, clock=clock) as one:
            for number in range(STOPS):
                provider.mode = "honest"
                person = Person(wire, clock, 10 + number)
                await person.folded(one)
                provider.mode = "lies"
                await person.stopped(one)
            assert halted(one)
            provider.mode = "honest"
            other = Person(wire, clock, 99)
            await other.until(one, SOFT * SIZE)
            assert (await other.says(one, wait_s=1000.0))["same"] == "True", "nowhere"
            told = await other.until(one, 1.2 * SIZE)
            assert (told["same"], float(told["cost_saved"])) == ("True", 0.0), (
                "also above the window that is set: the model is said to take more"
            )
            clock.now += 86_400
            assert not halted(one)
            assert (await other.says(one, wait_s=1000.0))["same"] == "False", "it is tried again"
            assert not one.failures()

    asyncio.run(work())


@pytest.mark.parametrize(("window", "answer", "bound"), [(1.2, None, 1.2 * HARD), (2.0, 0.8, 1.25)], ids=["share", "answer"])
def test_what_a_model_takes_is_a_bound_where_rewriting_is_stopped(
    tmp_path: Path, window: float, answer: float | None, bound: float
) -> None:
    clock = Clock()

    async def work() -> None:
        provider = Provider("openai_responses", clock)
        row = ModelRow("gpt-5*", window=int(window * SIZE), max_output=None if answer is None else int(answer * SIZE))
        config = replace(configured(tmp_path), models=(row,))
        async with rig(config, provider, clock=clock) as one:
            for number in range(STOPS):
                one.engine.economy.restore([(f"c{number}", clock.now)], -1.0)
            assert halted(one)
            person = Person("openai_responses", clock)
            told = await person.until(one, SIZE)
            assert told["same"] == "True"
            told = await person.until(one, bound * SIZE)
            assert told["same"] == "False", "it must fit, with its answer"
            assert not one.failures()

    asyncio.run(work())


@pytest.mark.parametrize("wire", ["anthropic", "openai_chat"])
def test_what_requests_are_said_to_save_is_no_gain_where_they_are_measured_to_lose(tmp_path: Path, wire: str) -> None:
    clock = Clock()

    async def work() -> None:
        provider, person = Provider(wire, clock), Person(wire, clock)
        async with rig(configured(tmp_path, breaker=False), provider, clock=clock) as one:
            await person.folded(one)
            provider.mode = "lies"
            told = [await person.says(one, f"Short entry {number}.") for number in range(2 * WINDOW)]
            assert all(one["same"] == "False" for one in told)
            lost = sum(row.direct - row.billed for row in (await rows(one, told[0]["id"]))[-2 * WINDOW :])
            said = sum(float(one["cost_saved"]) for one in told)
            assert 1.4 * lost < said < 0.6 * lost < 0
            provider.mode = "honest"
            for number in range(2 * WINDOW):
                last = await person.says(one, f"Entry {number} of the day.")
            assert float(last["cost_saved"]) > 0, "it is not held against it for good"

    asyncio.run(work())


def test_what_memory_asked_for_itself_is_taken_off_the_next_forecast(tmp_path: Path) -> None:
    clock = Clock()

    async def work() -> None:
        provider, person = Provider("openai_chat", clock), Person("openai_chat", clock)
        async with rig(configured(tmp_path), provider, clock=clock) as one:
            for _ in range(3):
                told = await person.says(one)
            assert told["cost_saved"] == "0.000000"
            one.engine.paid("gpt-4o", Usage(100_000, 0), told["id"])
            one.engine.paid("gpt-4o", Usage(100_000, 0), "another")
            assert (await person.says(one))["cost_saved"] == "-0.250000", "also of a request that goes up as it came"
            assert (await person.says(one))["cost_saved"] == "0.000000", "once"
            assert one.engine.metrics.figures()["cost_saved"] == pytest.approx(-0.5)

    asyncio.run(work())


@pytest.mark.parametrize(
    "usage",
    [
        {"prompt_tokens": 5000, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 10**12}},
        {"prompt_tokens": -5, "completion_tokens": -1},
        {"prompt_tokens": 5000, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": -5000}},
        {"prompt_tokens": 10**15, "completion_tokens": 10**15},
    ],
    ids=["more than all", "negative", "negative cached", "huge"],
)
def test_nonsense_in_a_usage_breaks_nothing_and_earns_nothing(tmp_path: Path, usage: dict[str, Any]) -> None:
    clock = Clock()

    def answer(received: Received) -> bytes:
        choice = {"index": 0, "message": {"role": "assistant", "content": "Aye."}, "finish_reason": "stop"}
        return reply(json.dumps({"id": "c", "model": "gpt-5", "choices": [choice], "usage": usage}).encode())

    async def work() -> None:
        person = Person("openai_chat", clock)
        async with rig(replace(configured(tmp_path), marker="never"), answer, clock=clock) as one:
            told = await person.until(one, 1.2 * SIZE)
            found = await rows(one, told["id"])
            assert len(found) == len(person.turns) // 2
            assert all(0 <= row.cache_read <= row.input_tokens and row.billed >= 0 and row.direct >= 0 for row in found)
            assert not one.failures()

    asyncio.run(work())
