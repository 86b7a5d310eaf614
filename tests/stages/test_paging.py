"""What each tool finds in the stored turns of a conversation."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Set
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from backstory.config.sections import Identity
from backstory.core.message import Text, ToolCall
from backstory.core.records import Injection
from backstory.core.reply import Reply
from backstory.core.sizes import rough
from backstory.memory.facts.supersession import Known
from backstory.memory.recall.paging import BROKEN, TOO_MANY
from backstory.stages.facts import Facts
from tests.paging import BY_NAME, Model, ask, body, configured, history, results, with_rows
from tests.rig import PATHS, Rig, rig
from tests.stages.world import conversation, stored, thread

WIRE = BY_NAME["anthropic"]
OUTPUT = "total 4\nsecret-file-99.txt\n" + "line of output\n" * 30
CALLED = [
    {"role": "user", "content": "Please list the folder."},
    {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"place": "here"}}]},
    {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": OUTPUT}]},
    {"role": "assistant", "content": "There is one file."},
]


def asking(stream: bool = False) -> bytes:
    """A folded history that begins with a fact and a tool's output."""
    raw = json.loads(body("anthropic", history(), stream))
    raw["messages"][2:2] = CALLED
    return with_rows("anthropic", json.dumps(raw).encode(), {"role": "user", "content": "What was all that?"})


def called(*calls: tuple[str, dict[str, Any]]) -> Reply:
    return Reply(tuple(ToolCall(f"c{number}", name, json.dumps(given)) for number, (name, given) in enumerate(calls)), "tool_calls")


async def looked(one: Rig, model: Model, *calls: tuple[str, dict[str, Any]]) -> list[str]:
    """The results of these calls, made in one answer."""
    model.replies[:] = [called(*calls), Reply((Text("Good."),), "stop")]
    head, _ = await one.ask(PATHS["anthropic"], asking())
    assert head.startswith(b"HTTP/1.1 200")
    return results(WIRE, model.received[-1])


def test_every_tool_finds_what_was_folded(tmp_path: Path) -> None:
    model = Model(WIRE)

    async def work() -> None:
        async with rig(configured(tmp_path), model) as one:
            found = await looked(
                one,
                model,
                ("vc_find_quote", {"query": "blue locker"}),
                ("vc_expand_topic", {"topic": "locker code"}),
                ("vc_expand_topic", {"topic": "locker code", "depth": "full"}),
                ("vc_recall_all", {}),
                ("vc_remember_when", {"query": "locker", "time_range": "last 2 days"}),
                ("vc_search_summaries", {"query": "locker"}),
                ("vc_restore_tool", {"ref": "toolu_1"}),
                ("vc_find_session", {"query": "locker"}),
            )
            assert len(found) == 8
            for text in (*found[:6], found[7]):
                assert "tangerine-4711" in text
                assert "#1 " in text
                assert text.startswith("<recalled>")
                assert text.count("</recalled>") == 1
            assert OUTPUT.strip() in found[6]
            assert "#5 " in found[6]
            assert not one.failures()

    asyncio.run(work())


def test_what_is_not_there_is_said_to_be_not_there(tmp_path: Path) -> None:
    model = Model(WIRE)

    async def work() -> None:
        async with rig(configured(tmp_path), model) as one:
            found = await looked(
                one,
                model,
                ("vc_find_quote", {"query": "zxqv"}),
                ("vc_remember_when", {"query": "locker", "time_range": "soonish"}),
                ("vc_remember_when", {"query": "locker", "time_range": "2001-01-01..2001-02-01"}),
                ("vc_search_summaries", {"query": "zxqv"}),
                ("vc_restore_tool", {"ref": "#1"}),
                ("vc_find_session", {"query": "zxqv"}),
                ("vc_expand_topic", {}),
            )
            assert found[0] == 'Nothing was said about "zxqv".'
            assert "no span of time" in found[1]
            assert found[2].startswith("Nothing of this conversation was said in")
            assert found[3].startswith("No summary speaks of")
            assert found[4] == 'There is no tool output "#1" in this conversation.'
            assert found[5] == 'Nothing was said about "zxqv".'
            assert found[6] == "vc_expand_topic needs topic."
            assert not one.failures()

    asyncio.run(work())


def test_many_calls_at_once_do_not_fill_the_window(tmp_path: Path) -> None:
    model = Model(WIRE)

    async def work() -> None:
        async with rig(configured(tmp_path), model) as one:
            found = await looked(one, model, *[("vc_recall_all", {})] * 40)
            assert len(found) == 40
            assert found.count(TOO_MANY) == 32
            assert sum(rough(text) for text in found) < 6_000 - rough(model.received[0].decode()) / 2

    asyncio.run(work())


def test_a_tool_output_that_is_not_as_it_was_is_not_shown(tmp_path: Path) -> None:
    model = Model(WIRE)

    async def work() -> None:
        async with rig(configured(tmp_path), model) as one:
            await looked(one, model, ("vc_restore_tool", {"ref": "toolu_1"}))
            one.engine.paging.verify = lambda turn: False
            (found,) = await looked(one, model, ("vc_restore_tool", {"ref": "toolu_1"}))
            assert found == "That output is not stored as it was, so it is not shown."

    asyncio.run(work())


def test_a_look_up_that_breaks_is_told_to_the_model_and_counted(tmp_path: Path) -> None:
    model = Model(WIRE)

    class Broken(Facts):
        async def known(self, principal: str, conversation: str, without: Set[int] = frozenset()) -> list[Known]:
            raise RuntimeError("no facts today")

    async def work() -> None:
        async with rig(configured(tmp_path), model) as one:
            lanes, threads = one.engine._lanes, one.engine.threads
            assert lanes is not None
            assert threads is not None
            one.engine.paging.facts = Broken(lanes, threads, lambda: None)
            (found,) = await looked(one, model, ("vc_query_facts", {"subject": "Ann"}))
            assert found == BROKEN
            assert one.failures() == {"paging": 1}

    asyncio.run(work())


def test_facts_are_told_with_their_turns(tmp_path: Path) -> None:
    model = Model(WIRE)

    async def work() -> None:
        async with rig(configured(tmp_path), model) as one:
            found = await looked(
                one,
                model,
                ("vc_query_facts", {"object": "tangerine-4711"}),
                ("vc_query_facts", {"subject": "zxqv"}),
                ("vc_query_facts", {"status": "soonish"}),
            )
            assert "#1 " in found[0]
            assert "tangerine-4711" in found[0]
            assert found[1] == "No such fact was stated."
            assert found[2].startswith("no such status of a fact")
            assert not one.failures()

    asyncio.run(work())


def test_a_turn_that_is_being_forgotten_is_not_found(tmp_path: Path) -> None:
    model = Model(WIRE)

    async def work() -> None:
        async with rig(configured(tmp_path), model) as one:
            model.replies[:] = [Reply((Text("Good."),), "stop")]
            head, _ = await one.ask(PATHS["anthropic"], asking())
            held = thread(one, conversation(head))
            held.hidden = frozenset({held.path[0].id, held.path[1].id})
            calls: list[tuple[str, dict[str, Any]]] = [
                ("vc_find_quote", {"query": "blue locker"}),
                ("vc_expand_topic", {"topic": "locker code"}),
                ("vc_expand_topic", {"topic": "locker code", "depth": "full"}),
                ("vc_recall_all", {}),
                ("vc_remember_when", {"query": "locker", "time_range": "last 2 days"}),
                ("vc_search_summaries", {"query": "locker"}),
                ("vc_find_session", {"query": "locker"}),
                ("vc_query_facts", {"object": "tangerine-4711"}),
            ]
            found = await looked(one, model, *calls)
            assert held.hidden
            assert "tangerine-4711" not in "".join(found)
            assert not one.failures()

    asyncio.run(work())


@pytest.mark.parametrize("group", [False, True])
def test_nothing_of_a_direct_message_is_found_in_a_group(tmp_path: Path, group: bool) -> None:
    model = Model(WIRE)
    direct, there = "[Telegram Anna id:111 2026-11-26 05:00 UTC] ", "[Telegram Familie group id:-999 2026-11-26 06:00 UTC] "

    async def work() -> None:
        async with rig(configured(tmp_path), model) as one:
            told = history()
            turns = [
                (role, (direct if number < 2 or not group else there) + text if role == "user" else text)
                for number, (role, text) in enumerate(told)
            ]
            last = ("user", (there if group else direct) + "What is it?")
            model.replies[:] = [
                called(
                    ("vc_find_quote", {"query": "blue locker"}),
                    ("vc_expand_topic", {"topic": "locker code", "depth": "full"}),
                    ("vc_recall_all", {}),
                    ("vc_remember_when", {"query": "locker", "time_range": "November 2026"}),
                    ("vc_search_summaries", {"query": "locker"}),
                    ("vc_restore_tool", {"ref": "#1"}),
                    ("vc_find_session", {"query": "locker"}),
                    ("vc_query_facts", {"subject": "locker"}),
                ),
                Reply((Text("Good."),), "stop"),
            ]
            await one.ask(PATHS["anthropic"], body("anthropic", [*turns, last], False))
            found = results(WIRE, model.received[-1])
            assert len(found) == 8
            assert any("tangerine" in text for text in found) != group
            assert not one.failures()

    asyncio.run(work())


def test_a_group_is_not_told_what_a_fact_of_its_own_has_changed_elsewhere(tmp_path: Path) -> None:
    model = Model(WIRE)
    direct, there = "[Telegram Anna id:111 2026-11-26 05:00 UTC] ", "[Telegram Familie group id:-999 2026-11-26 06:00 UTC] "

    async def work() -> None:
        async with rig(configured(tmp_path), model) as one:
            turns = [
                (role, (direct if number < 2 else there) + text if role == "user" else text)
                for number, (role, text) in enumerate(history(14))
            ]
            turns[0], turns[2] = ("user", direct + "My locker code is 4411."), ("user", there + "My locker code is now 5522.")
            model.replies[:] = [
                called(("vc_query_facts", {"subject": "locker"}), ("vc_query_facts", {"object": "4411"}), ("vc_query_facts", {})),
                Reply((Text("Good."),), "stop"),
            ]
            await one.ask(PATHS["anthropic"], body("anthropic", [*turns, ("user", there + "What is it?")], False))
            found = "".join(results(WIRE, model.received[-1]))
            assert "5522" in found
            assert "4411" not in found.replace('"4411"', "")
            assert not one.failures()

    asyncio.run(work())


def test_a_request_that_folds_nothing_is_offered_nothing(tmp_path: Path) -> None:
    model = Model(WIRE)

    async def work() -> None:
        async with rig(configured(tmp_path), model) as one:
            turns = history(3)
            await ask(one, WIRE, [*turns, ("user", "And now?")], False)
            assert model.received[-1] == body("anthropic", [*turns, ("user", "And now?")], False)

    asyncio.run(work())


async def injected(one: Rig, name: str) -> list[Injection]:
    found = await stored(one, lambda store: store.injections(name))
    assert isinstance(found, list)
    return found


def test_what_was_looked_up_beside_a_clients_call_survives_a_restart(tmp_path: Path) -> None:
    both = Reply((ToolCall("q", "vc_find_quote", '{"query":"blue locker"}'), ToolCall("toolu_2", "look", "{}")), "tool_calls")
    model = Model(WIRE, both)
    rows = [
        {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_2", "name": "look", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_2", "content": "well"}]},
    ]

    async def work() -> None:
        async with rig(configured(tmp_path), model) as one:
            head, _ = await one.ask(PATHS["anthropic"], asking())
            again = with_rows("anthropic", asking(), *rows)
            await one.ask(PATHS["anthropic"], again)
            sent = json.loads(model.received[-1])["messages"]
            assert "tangerine-4711" in str(sent[-1])
            (held,) = [each for each in await injected(one, conversation(head)) if ', for "blue locker":' in each.text]
            assert "tangerine-4711" in held.text
            assert thread(one, conversation(head)).path[0].id in held.turns, "a forget of the turn reaches it"
            await one.restart()
            later = [{"role": "assistant", "content": "Nothing more."}, {"role": "user", "content": "Thank you."}]
            await one.ask(PATHS["anthropic"], with_rows("anthropic", again, *later))
            assert json.loads(model.received[-1])["messages"][: len(sent)] == sent

    asyncio.run(work())


def test_what_is_kept_of_an_answer_is_its_principals(tmp_path: Path) -> None:
    wire = BY_NAME["openai_responses"]
    both = Reply((ToolCall("q", "vc_find_quote", '{"query":"blue locker"}'), ToolCall("c2", "look", "{}")), "tool_calls", id="resp_a")
    model = Model(wire, both)
    result = {"type": "function_call_output", "call_id": "c2", "output": "well"}
    more = json.dumps({"model": "m", "previous_response_id": "resp_a", "input": [result]}).encode()

    async def work() -> None:
        config = replace(configured(tmp_path), identity=Identity(principal="api_key"))
        async with rig(config, model) as one:
            turns = [*history(), ("user", "What was that?")]
            await one.ask(PATHS[wire.name], body(wire.name, turns, False), b"Authorization: Bearer one")
            await one.ask(PATHS[wire.name], more, b"Authorization: Bearer two")
            assert model.received[-1] == more
            await one.ask(PATHS[wire.name], more, b"Authorization: Bearer one")
            sent = json.loads(model.received[-1])["input"]
            assert [item["call_id"] for item in sent] == ["q", "c2"]
            assert "tangerine-4711" in sent[0]["output"]
            assert not one.failures()

    asyncio.run(work())
