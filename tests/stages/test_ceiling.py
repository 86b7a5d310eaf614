"""A client that keeps only its newest messages: what memory brings back is worth something, and its bill does not run away."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from backstory.app.faces.ledger import as_text, ledger
from backstory.config import Config
from backstory.config.sections import Economy
from backstory.config.sections import Recall as RecallSection
from backstory.core.store import Store
from tests.relay.world import Received
from tests.rig import PATHS, Rig, asking, reply, rig
from tests.stages.test_recall import FACT
from tests.stages.world import Chat, configured, conversation, stored, talk

NAME = b"X-VC-Conversation: limited"
ASKED = "What was the code of the blue locker?"
BUDGET = 2000
_COLOURS = ("blue", "green", "red", "grey", "white", "black", "brown", "violet", "orange", "pink", "golden", "silver")


class Meter:
    """Answers, and counts the characters of every request's messages: the provider never finds anything in its cache."""

    def __init__(self) -> None:
        self.characters = self.count = 0

    def __call__(self, received: Received) -> bytes:
        self.count += 1
        size = sum(len(message["content"]) for message in json.loads(received.body)["messages"])
        self.characters += size
        usage = {"prompt_tokens": size // 4, "completion_tokens": 5, "total_tokens": size // 4 + 5}
        message = {"role": "assistant", "content": f"Answer {self.count}."}
        made = {"id": f"c{self.count}", "model": "gpt-4o", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
        return reply(json.dumps({**made, "usage": usage}).encode())


def _config(folder: Path) -> Config:
    return replace(configured(folder), recall=RecallSection(budget_tokens=BUDGET, deadline_ms=20_000.0))


async def _say(one: Rig, messages: Chat, *headers: bytes) -> str:
    head, _ = await one.ask(PATHS["openai_chat"], asking("openai_chat", messages, model="gpt-4o"), *headers)
    return conversation(head)


def _question(number: int) -> str:
    return f"And what about the weather in town number {number * 7 % 400}, was it better than in town number {number % 50}?"


@pytest.mark.parametrize("keeps", [6, 10, 20])
def test_asking_all_the_time_doubles_the_bill_at_most(tmp_path: Path, keeps: int) -> None:
    meter = Meter()

    async def work() -> None:
        async with rig(_config(tmp_path), meter) as one:
            chat: Chat = []
            came = 0
            for number in range(100):
                said = FACT if not number else talk(1, number)[0][1] if number < 30 else _question(number)
                chat.append(("user", said))
                chat = chat[-keeps:]
                chat = chat[chat[0][0] == "assistant" :]
                came += sum(len(text) for _, text in chat)
                name = await _say(one, chat, NAME)
                chat.append(("assistant", f"Answer {meter.count}."))
                if number == 60:
                    await one.restart()
            added = meter.characters - came
            assert added > 0, "something is recalled"
            assert added <= 1.3 * came + 4 * BUDGET * keeps / 2

            def told(store: Store) -> str:
                record = store.conversation("", name)
                assert record is not None
                return "".join(as_text(ledger(store, record)))

            text = await stored(one, told)
            assert isinstance(text, str)
            assert "memory adds as much to this conversation already as it may" in text
            assert not one.failures()

    asyncio.run(work())


def test_a_question_now_and_then_has_its_answer(tmp_path: Path) -> None:
    meter = Meter()

    async def work() -> None:
        async with rig(_config(tmp_path), meter) as one:
            chat: Chat = []
            for number in range(60):
                said = FACT if not number else ASKED + f" ({number})" if number % 20 == 19 else f"It is {number} degrees at the quay today."
                chat.append(("user", said))
                chat = chat[-10:]
                chat = chat[chat[0][0] == "assistant" :]
                await _say(one, chat, NAME)
                if number % 20 == 19:
                    assert "tangerine" in json.loads(one.sent.body)["messages"][-1]["content"], number
                chat.append(("assistant", f"Answer {meter.count}."))

    asyncio.run(work())


def test_a_client_that_leaves_its_history_to_memory_has_no_ceiling(tmp_path: Path) -> None:
    meter = Meter()

    async def work() -> None:
        async with rig(_config(tmp_path), meter) as one:
            chat: Chat = [("user", FACT), ("assistant", "Answer 1."), *talk(200, 1)]
            await _say(one, [*chat, ("user", "And?")], NAME)
            for number in range(20):
                await _say(one, [("user", _question(number))], NAME)
                assert len(json.loads(one.sent.body)["messages"][-1]["content"]) > 2 * BUDGET, "a whole block each time"

    asyncio.run(work())


@pytest.mark.parametrize("allowance", [0.03, 0.0])
def test_a_question_has_a_few_lines_whatever_was_saved_unless_nothing_may_be_added(tmp_path: Path, allowance: float) -> None:
    meter = Meter()
    codes = [f"The code of the {name} locker is tangerine-{number * 37 % 1000:03d}." for number, name in enumerate(_COLOURS)]

    async def work() -> None:
        config = _config(tmp_path)
        async with rig(replace(config, economy=replace(config.economy, allowance=allowance)), meter) as one:
            chat: Chat = []
            found = came = 0
            for number in range(90):
                place = number * 7 % len(codes)
                said = codes[number] if number < len(codes) else talk(1, number)[0][1]
                if number >= 30 and number % 2:
                    said = f"What was the code of the {_COLOURS[place]} locker?"
                chat.append(("user", said))
                chat = chat[-10:]
                chat = chat[chat[0][0] == "assistant" :]
                came += sum(len(text) for _, text in chat)
                await _say(one, chat, NAME)
                found += said.startswith("What was") and codes[place][-4:-1] in one.sent.body.decode()
                chat.append(("assistant", f"Answer {meter.count}. " + "It is as it was. " * 20))
            assert found == 30 if allowance else found < 10
            assert meter.characters - came <= 0.12 * came
            assert not one.failures()

    asyncio.run(work())


def test_small_talk_leaves_what_later_questions_need(tmp_path: Path) -> None:
    """Nothing is saved, and remarks have been made before in nearly the same words: what they would bring back answers nothing."""
    meter = Meter()
    seen = ("a heavy lantern", "an old barge", "a tame heron", "a broken oar", "a wet dog", "a loud brass band")
    where = ("at the quay", "behind the mill", "on the bridge", "near the ferry")

    async def work() -> None:
        async with rig(_config(tmp_path), meter) as one:
            chat: Chat = []
            found = quiet = came = 0
            for number in range(240):
                place = number // 10 % len(_COLOURS)
                said = f"Saw {seen[number % 6]} {where[number % 4]} on my walk today, and thought of {seen[number // 6 % 6]}"
                if number % 10 == 9:
                    said = f"The code of the {_COLOURS[place]} locker is tangerine-{place}." if number < 120 else ""
                    said = said or f"What was the code of the {_COLOURS[place]} locker?"
                elif number % 10 in {3, 6}:
                    said = f"Would you lend {seen[number % 6]} to somebody {where[number // 6 % 4]}?"
                chat.append(("user", said))
                chat = chat[-20:]
                chat = chat[chat[0][0] == "assistant" :]
                came += sum(len(text) for _, text in chat)
                await _say(one, chat, NAME)
                sent = json.loads(one.sent.body)["messages"]
                newest = sent[-1]["content"]
                quiet += said.startswith("Saw") and "<recalled>" not in newest
                found += said.startswith("What") and f"tangerine-{place}" in newest
                chat.append(("assistant", f"Answer {meter.count}. It is as it was, and a little warmer."))
            assert found == 12
            assert quiet == 168, "what asks nothing brings nothing back"
            assert (meter.characters - came) / 4 * 2.5e-6 <= 0.0105, "a cent of gpt-4o"
            assert not one.failures()

    asyncio.run(work())


def test_what_was_recalled_is_paid_once_where_every_request_begins_anew(tmp_path: Path) -> None:
    meter = Meter()
    codes = [f"The code of the {name} locker is tangerine-{number * 37 % 1000:03d}." for number, name in enumerate(_COLOURS)]

    async def work() -> None:
        async with rig(replace(_config(tmp_path), economy=Economy(hold=False)), meter) as one:
            chat: Chat = []
            found = came = 0
            for number in range(120):
                place = number * 7 % len(codes)
                said = codes[number] if number < len(codes) else f"It is {number} degrees at the quay."
                if number >= 30 and number % 5 == 4:
                    said = f"What was the code of the {_COLOURS[place]} locker?"
                chat.append(("user", said))
                chat = chat[-10:]
                chat = chat[chat[0][0] == "assistant" :]
                came += sum(len(text) for _, text in chat)
                await _say(one, chat, NAME)
                sent = [message["content"] for message in json.loads(one.sent.body)["messages"]]
                assert not any("<recalled>" in text for text in sent[:-1]), number
                found += said.startswith("What was") and codes[place][-4:-1] in sent[-1]
                chat.append(("assistant", f"Answer {meter.count}. " + "It is as it was. " * 40))
            assert found >= 16, "of 18"
            assert 0 < meter.characters - came <= 0.03 * came
            assert not one.failures()

    asyncio.run(work())


def test_what_each_summary_leaves_out_of_the_plan_goes_along_and_costs_little(tmp_path: Path) -> None:
    meter = Meter()
    decided = ("keep the tide tables in SQLite, not in Postgres", "write the exporter of charts in Rust rather than in Go", "")
    summary = "We spoke of the weather in many towns, of the quay and of the tides, and the user was content with all of it."
    opening = "This session is being continued from a previous conversation that ran out of context. The summary is below:\n\n"

    async def work() -> None:
        async with rig(_config(tmp_path), meter) as one:
            chat: Chat = []
            came = blocks = 0
            for number in range(90):
                made = f"We decided to {decided[number // 30]}."
                said = made if number % 30 == 20 else f"It is {number} degrees at the quay today. " * 12
                chat.append(("user", said))
                came += sum(len(text) for _, text in chat)
                await _say(one, chat, NAME)
                sent = one.sent.body.decode()
                if number > 30:
                    assert decided[number // 30 - 1] in sent, number
                    blocks = max(blocks, sent.count("Said in this conversation before its summary"))
                chat.append(("assistant", f"Answer {meter.count}. " + "It is as it was. " * 40))
                if number % 30 == 29:
                    chat.append(
                        ("user", "Your task is to create a detailed summary of the conversation so far, paying close attention to it.")
                    )
                    came += sum(len(text) for _, text in chat)
                    await _say(one, chat, NAME)
                    chat = [("user", f"{opening}{summary} That was until message {number}."), ("assistant", "Understood.")]
            assert blocks == 1
            assert meter.characters - came <= 0.03 * came
            assert not one.failures()

    asyncio.run(work())
