"""The text that the first message of a conversation gets, in each wire."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from backstory.app.gateway.augment import Rules
from backstory.config import Config
from backstory.errors import ConfigError
from backstory.stores.database import open_store
from tests.app.gateway.test_augmenting import APPEND, TEXT, WIRES, all_turns, history, texts
from tests.relay.world import run
from tests.rig import PATHS, soon
from tests.routed import KEYS, speaking, two


@pytest.mark.parametrize("memory", ["true", "false"])
@pytest.mark.parametrize("wire", WIRES)
def test_the_first_message_gets_its_text_and_keeps_it(tmp_path: Path, wire: str, memory: str) -> None:
    async def scene() -> None:
        async with two(tmp_path, f"{APPEND}memory: {{enabled: {memory}}}\n") as one:
            for turns in (1, 2, 3):
                await one.ask(PATHS[wire], history(wire, turns), KEYS[wire])
            first, second, third = (texts(each) for each in one.own.received)
            assert TEXT in first[0][-1]
            assert [TEXT in str(message) for message in third] == [True, False, False, False, False]
            assert second[:1] == first
            assert third[:3] == second
            assert one.failures() == {}
            if memory == "true":
                await one.restart()
                await one.ask(PATHS[wire], history(wire, 4), KEYS[wire])
                assert texts(one.sent)[:5] == third

    run(scene())


def test_memory_does_not_take_the_text_for_what_was_said(tmp_path: Path) -> None:
    async def scene() -> None:
        async with two(tmp_path, APPEND) as one:
            for turns in (1, 2):
                await one.ask(PATHS["anthropic"], history("anthropic", turns), KEYS["anthropic"])
            store = open_store(one.config.storage.url)
            try:
                await soon(lambda: len(all_turns(store)) >= 4)
                said = {turn.text for turn in all_turns(store)}
            finally:
                store.close()
            assert {"Message 0.", "Message 2.", "Good day."} <= said
            assert TEXT not in str(said)

    run(scene())


def test_what_builds_on_an_answer_gets_no_text(tmp_path: Path) -> None:
    async def scene() -> None:
        async with two(tmp_path, APPEND) as one:
            body = json.dumps({"model": "m", "input": "And then?", "previous_response_id": "resp_1"}).encode()
            await one.ask(PATHS["openai_responses"], body, KEYS["openai_responses"])
            assert one.sent.body == body

    run(scene())


@pytest.mark.parametrize("wire", WIRES)
def test_the_text_comes_from_a_file_too_and_is_translated(tmp_path: Path, wire: str) -> None:
    (tmp_path / "verse.txt").write_text(f"\n{TEXT}\n")

    async def scene() -> None:
        async with two(tmp_path, "first_prompt: {append_file: verse.txt}\nupstream: {wire: openai_chat}\n") as one:
            await one.ask(PATHS[wire], history(wire, 2), KEYS[wire])
            assert speaking(one.sent) == "openai_chat"
            said = texts(one.sent)
            assert said[0][-1].endswith(TEXT)
            assert TEXT not in str(said[1:])

    run(scene())


def test_an_empty_file_of_text_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "verse.txt").write_text("\n")
    (tmp_path / "backstory.yaml").write_text("first_prompt: {append_file: verse.txt}\n")
    config = Config.load(environ={"HOME": str(tmp_path)}, cwd=tmp_path)
    with pytest.raises(ConfigError, match=r"verse\.txt is empty"):
        Rules(config)
