"""Stages of extensions beside memory's own, through a whole proxy."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from msgspec.structs import replace

from backstory.config import Config
from backstory.config.extended import Extended
from backstory.core.exchange import Outcome
from backstory.core.extending import Change, Request
from backstory.extend import AddSystem, AppendText, SetText, StrikeText
from tests.paging import NAMES, configured, history
from tests.rig import PATHS, asking, reply, rig, said, settings, soon

Changes = Callable[[Request], Sequence[Change]]


class Stage:
    """Asks for these changes, and keeps what it is asked about and told."""

    contract = 1

    def __init__(self, changes: Changes) -> None:
        self._changes = changes
        self.asked: list[Request] = []
        self.over: list[tuple[Request, Outcome]] = []

    async def request(self, request: Request) -> Sequence[Change]:
        self.asked.append(request)
        return self._changes(request)

    def finished(self, request: Request, outcome: Outcome) -> None:
        self.over.append((request, outcome))


def staged(config: Config, *stages: Stage) -> Config:
    return replace(config, extended=Extended(stages=tuple([(f"s{number}", stage) for number, stage in enumerate(stages)])))


@pytest.mark.parametrize("name", NAMES)
def test_it_sees_every_message_and_changes_one(tmp_path: Path, name: str) -> None:
    stage = Stage(lambda request: (AppendText(0, "(Be brief.)"),))
    turns = [("user", "Hello."), ("assistant", "Good day."), ("user", "And now?")]

    async def work() -> None:
        async with rig(staged(settings(tmp_path), stage), lambda _: reply(said(name, "Good day."))) as one:
            for upto in (1, 3):
                await one.ask(PATHS[name], asking(name, turns[:upto]))
                sent = json.loads(one.sent.body)
                listed = sent.get("messages") or sent.get("input") or sent.get("contents")
                assert "(Be brief.)" in json.dumps(listed[0])
                assert "(Be brief.)" not in json.dumps(listed[1:])
            await soon(lambda: len(stage.over) == 2)
            request, outcome = stage.over[1]
            assert [message.text for message in request.messages] == ["Hello.", "Good day.", "And now?"]
            assert (request.wire, request.count, request.message(-1).text) == (name, 3, "And now?")
            assert request.conversation
            assert outcome.ended == "complete"
            assert outcome.reply is not None
            assert not one.failures()

    asyncio.run(work())


def test_what_memory_folds_and_recalls_stays_beside_it(tmp_path: Path) -> None:
    stage = Stage(lambda request: (AddSystem("Be brief."), AppendText(0, "(first)"), AppendText(request.count - 1, "(last)")))
    turns = [*history(), ("user", "What was the code of that locker again?")]

    async def work() -> None:
        async with rig(staged(configured(tmp_path), stage), lambda _: reply(said("openai_chat", "Good day."))) as one:
            await one.ask(PATHS["openai_chat"], asking("openai_chat", [("system", "You help."), *turns]))
            sent = json.dumps(json.loads(one.sent.body)["messages"])
            assert "tangerine-4711" in sent
            assert len(sent) < 40_000, "the history is folded"
            assert "(last)" in sent
            assert "Be brief." in sent
            assert not one.failures()

    asyncio.run(work())


@pytest.mark.parametrize(
    "wrong",
    [
        lambda request: (SetText(("messages", 9, "content"), "?"),),
        lambda request: (AppendText(-1, "?"),),
        lambda request: ("nothing of the kind",),
        lambda request: None,
        lambda request: request.message(7),
    ],
)
def test_one_that_asks_for_what_cannot_be_is_absent_and_the_other_is_not(tmp_path: Path, wrong: Changes) -> None:
    bad, good = Stage(wrong), Stage(lambda request: (StrikeText(request.message(0).parts[0].at, " world"),))

    async def work() -> None:
        async with rig(staged(settings(tmp_path), bad, good), lambda _: reply(said("openai_chat", "Good day."))) as one:
            await one.ask(PATHS["openai_chat"], asking("openai_chat", [("user", "Hello world.")]))
            assert json.loads(one.sent.body)["messages"][0]["content"] == "Hello."
            assert one.failures() == {"extension s0": 1}
            await soon(lambda: len(bad.over) == 1)

    asyncio.run(work())


def test_one_that_fails_again_and_again_is_left_out(tmp_path: Path) -> None:
    stage = Stage(lambda request: request.message(7).parts)  # type: ignore[return-value, arg-type]

    async def work() -> None:
        async with rig(staged(settings(tmp_path), stage), lambda _: reply(said("openai_chat", "Good day."))) as one:
            for number in range(6):
                came = asking("openai_chat", [("user", f"Hello {number}.")])
                await one.ask(PATHS["openai_chat"], came)
                assert one.sent.body == came
            assert len(stage.asked) < 6

    asyncio.run(work())
