"""A new conversation is told once what others of its kin have to say to its first message, where the scope is set; else nothing."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from backstory.commands.forgetting import FORGET, Going, going_text
from backstory.config import Config
from backstory.config.sections import Identity
from backstory.core.store import Store
from backstory.errors import StoreError
from backstory.memory.recall.elsewhere import LABEL
from backstory.stages.kin import Kin
from tests.rig import PATHS, Rig, asking, reply, rig, said
from tests.stages.world import Chat, configured, conversation, echoing, say, stored

FACT: Chat = [("user", "The printer in the attic needs the toner TN-4410, remember that.")]
QUESTION: Chat = [("user", "Which toner does the printer in the attic need?")]


def scoped(folder: Path, scope: str, **memory: object) -> Config:
    config = configured(folder, threshold=10)
    return replace(config, memory=replace(config.memory, scope=scope, **memory))


async def indexed(one: Rig) -> None:
    """What was said is stored, and full-text search finds it."""
    await stored(one, lambda store: None)
    worker = one.engine._worker
    assert worker is not None
    worker._busy = lambda: False  # it need not wait for a pause in the traffic
    await worker.round()


def told(one: Rig) -> str:
    text: str = json.loads(one.sent.body)["messages"][-1]["content"]
    return text[text.index("<recalled>") :] if "<recalled>" in text else ""


def test_what_matters_is_told_once_and_stays_where_it_is(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(scoped(tmp_path, "principal"), echoing()) as one:
            first = await say(one, FACT)
            await indexed(one)
            second = await say(one, QUESTION)
            assert second != first
            block = told(one)
            assert LABEL in block
            assert f"#1 of {first[:8]}, " in block
            assert "TN-4410" in block
            assert one.sent.body.startswith(asking("anthropic", QUESTION)[:-5]), "at the end of the message"
            found = await one.engine.why(second)
            assert [(line.conversation, line.number, line.kind) for line in found.lines] == [(first, 1, "elsewhere")]
            assert "TN-4410" in found.lines[0].text
            sent = one.sent.body
            later: Chat = [*QUESTION, ("assistant", "Answer 2."), ("user", "And the one in the cellar?")]
            await one.restart()
            assert await say(one, later) == second
            assert json.loads(one.sent.body)["messages"][0] == json.loads(sent)["messages"][0], "the same bytes, below the threshold too"
            assert told(one) == "", "once"
            assert not one.failures()

    asyncio.run(work())


@pytest.mark.parametrize(("floor", "kept"), [(0.0, True), (0.99, False), (0.99, True)])
def test_what_is_worth_too_little_is_not_told_unless_it_is_pinned(tmp_path: Path, floor: float, kept: bool) -> None:
    async def work() -> None:
        async with rig(scoped(tmp_path, "principal", min_importance=floor), echoing()) as one:
            first = await say(one, FACT)
            await indexed(one)
            if kept and floor:
                await stored(one, lambda store: store.pin(first, store.turns(first)[0].id, True, 2e9))
            await say(one, QUESTION)
            assert ("TN-4410" in told(one)) == kept
            await say(one, [("user", "Derive the quadratic formula, please.")])
            assert told(one) == "", "a pin is for its own conversation"
            assert not one.failures()

    asyncio.run(work())


def test_what_is_about_to_be_forgotten_is_not_told(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(scoped(tmp_path, "principal"), echoing()) as one:
            first = await say(one, FACT)
            await indexed(one)

            def forget(store: Store) -> None:
                record, _ = store.conversations(None, 1)[0]
                turns = tuple(turn.id for turn in store.turns(first))
                store.put_state(record.principal, first, FORGET, going_text((Going("toner", 9e9, turns),)))

            await stored(one, forget)
            await say(one, QUESTION)
            assert told(one) == ""
            assert not one.failures()

    asyncio.run(work())


def test_nothing_relevant_is_nothing(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(scoped(tmp_path, "principal"), echoing()) as one:
            await say(one, FACT)
            await indexed(one)
            unrelated: Chat = [("user", "Derive the quadratic formula.")]
            await say(one, unrelated)
            assert one.sent.body == asking("anthropic", unrelated)

    asyncio.run(work())


def test_by_default_no_conversation_is_told_of_another(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(scoped(tmp_path, "conversation"), echoing()) as one:
            await say(one, FACT)
            await indexed(one)
            await say(one, QUESTION)
            assert one.sent.body == asking("anthropic", QUESTION)
            assert len(one.engine.arrivals), "and the first message is only glanced at"

    asyncio.run(work())


def test_the_scope_of_a_project_ends_at_the_project(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(scoped(tmp_path, "project"), echoing()) as one:
            await say(one, FACT, b"X-VC-Project: house")
            await indexed(one)
            await say(one, QUESTION, b"X-VC-Project: garden")
            assert told(one) == ""
            await say(one, QUESTION)
            assert told(one) == "", "no project is no kin"
            await say(one, QUESTION, b"X-VC-Project: house")
            assert "TN-4410" in told(one)

    asyncio.run(work())


def test_a_clients_directory_is_its_project(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(scoped(tmp_path, "project"), echoing()) as one:

            async def ask(chat: Chat, folder: str) -> None:
                system = f"<env>\nWorking directory: {folder}\n</env>"
                await one.ask(PATHS["anthropic"], asking("anthropic", chat, system=system))

            await ask(FACT, "/home/ann/house")
            await indexed(one)
            await ask(QUESTION, "/home/ann/garden")
            assert told(one) == ""
            await ask(QUESTION, "/home/ann/house")
            assert "TN-4410" in told(one)

    asyncio.run(work())


@pytest.mark.parametrize("how", ["request", "conversation", "principal"])
def test_opting_out(tmp_path: Path, how: str) -> None:
    async def work() -> None:
        config = scoped(tmp_path, "principal", opt_out="anonymous" if how == "principal" else "")
        if how == "principal":
            config = replace(config, identity=Identity(principal="api_key"))
        async with rig(config, echoing()) as one:
            name = await say(one, FACT)
            await indexed(one)
            if how == "conversation":

                def off(store: Store) -> None:
                    store.put_about("", name, memory=False)

                await stored(one, off)
            await say(one, QUESTION, *([b"X-VC-Memory: off"] if how == "request" else []))
            assert one.sent.body == asking("anthropic", QUESTION)

    asyncio.run(work())


def test_a_clients_own_agents_are_told_nothing(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(scoped(tmp_path, "principal"), echoing()) as one:
            await say(one, FACT)
            await indexed(one)
            await say(one, QUESTION, b"X-Claude-Code-Session-Id: 7", b"x-claude-code-agent-id: a1")
            assert one.sent.body == asking("anthropic", QUESTION)
            await say(one, QUESTION, b"X-Claude-Code-Session-Id: 8")
            assert "TN-4410" in told(one)

    asyncio.run(work())


def group(chat: str, text: str, is_group: bool) -> Chat:
    info: dict[str, Any] = {"chat_id": chat, "message_id": "5", "sender": {"id": "7", "name": "Ann"}, "is_group_chat": is_group}
    return [("user", f"Conversation info: ⟦openclaw:ctx⟧\n```json\n{json.dumps(info)}\n```\nCurrent message:\n#5:{text}")]


def test_what_was_said_in_private_never_comes_up_in_a_group(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(scoped(tmp_path, "principal"), echoing()) as one:
            await say(one, group("telegram:7", FACT[0][1], False))
            await indexed(one)
            for other in (group("telegram:-100", QUESTION[0][1], True), group("telegram:8", QUESTION[0][1], False), QUESTION):
                await say(one, other)
                assert told(one) == "", other
            await say(one, group("telegram:7", QUESTION[0][1], False))
            assert "TN-4410" in told(one), "the same two"

    asyncio.run(work())


def test_a_question_to_go_on_gets_the_last_session(tmp_path: Path) -> None:
    async def work() -> None:
        config = scoped(tmp_path, "principal", session_idle_s=0.05)
        async with rig(config, echoing()) as one:
            name = await say(one, FACT)
            chat: Chat = [*FACT, ("assistant", "Answer 1."), ("user", "We decided to move the printer to the cellar on 4 March.")]
            assert await say(one, chat) == name
            await stored(one, lambda store: None)
            await asyncio.sleep(0.1)
            await indexed(one)
            await say(one, [("user", "Hi, where were we?")])
            assert "#3 of" in told(one)
            assert "cellar" in told(one)

    asyncio.run(work())


def test_a_failed_first_request_is_made_again_with_the_same_bytes(tmp_path: Path) -> None:
    async def work() -> None:
        answers: list[bytes] = []

        def answer(_: object) -> bytes:
            return answers.pop(0) if answers else reply(said("anthropic", "Answer."))

        async with rig(scoped(tmp_path, "principal"), answer) as one:
            await say(one, FACT)
            await indexed(one)
            answers.append(reply(b'{"error":{"message":"busy"}}', status=b"529 Busy"))
            await one.ask(PATHS["anthropic"], asking("anthropic", QUESTION))
            refused = one.sent.body
            assert b"TN-4410" in refused
            head, _ = await one.ask(PATHS["anthropic"], asking("anthropic", QUESTION))
            assert one.sent.body == refused
            assert conversation(head)

    asyncio.run(work())


@pytest.mark.parametrize("method", ["request", "_home", "_told"])
def test_what_breaks_in_it_costs_nothing_but_the_block(tmp_path: Path, method: str) -> None:
    async def work() -> None:
        async with rig(scoped(tmp_path, "principal"), echoing()) as one:
            await say(one, FACT)
            await indexed(one)
            (stage,) = (stage for stage in one.engine.pipeline.stages if isinstance(stage, Kin))

            async def broken(*_: object) -> None:
                raise StoreError("the store is gone")

            stage.__class__ = type("Broken", (Kin,), {"__slots__": (), method: broken})
            assert await say(one, QUESTION), "it is remembered all the same"
            assert one.sent.body == asking("anthropic", QUESTION)
            assert one.failures() == {"kin": 1}

    asyncio.run(work())


@pytest.mark.parametrize("wire", list(PATHS))
def test_a_title_for_what_a_request_quotes_is_told_nothing_and_kept_nowhere(tmp_path: Path, wire: str) -> None:
    """Of a client of which nothing is known."""
    asked = f"Give this conversation a short title.\n\nUser: {QUESTION[0][1]}\nAssistant: TN or so.\n"

    async def work() -> None:
        async with rig(scoped(tmp_path, "principal"), echoing(wire)) as one:
            await say(one, FACT, wire=wire)
            await indexed(one)
            assert await say(one, [("user", asked)], wire=wire) == ""
            assert one.sent.body == asking(wire, [("user", asked)])
            await indexed(one)
            assert len(await stored(one, lambda store: store.conversations("", 10))) == 1
            assert await say(one, QUESTION, wire=wire)
            assert b"TN-4410" in one.sent.body

    asyncio.run(work())
