"""First exchanges wait in the journal until it is quiet, and are there the moment somebody asks for them."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from backstory.core.records import Arrival
from backstory.core.store import Store
from backstory.stages import arrivals as module
from backstory.wires.anthropic.wire import Anthropic
from tests.rig import PATHS, asking, reply, rig, said, soon
from tests.stages.world import configured, conversation, echoing, say, stored, thread


def test_first_exchanges_are_read_when_it_is_quiet(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(configured(tmp_path), echoing()) as one:
            names = [await say(one, [("user", f"First words {number}.")]) for number in range(30)]
            assert len(one.engine.arrivals) > 20
            await soon(lambda: len(one.engine.arrivals) == 0)
            for number, name in enumerate(names):
                assert [turn.text for turn in thread(one, name).path] == [f"First words {number}.", f"Answer {number + 1}."]
            assert not one.failures()

    asyncio.run(work())


def test_one_that_goes_on_is_found_at_every_moment(tmp_path: Path) -> None:
    """Before it was read, after it was read and before it was stored, and after that."""

    async def work() -> None:
        async with rig(configured(tmp_path), echoing()) as one:
            for number, pause in enumerate((0.0, 0.05, 0.11, 0.13, 0.16, 0.25)):
                name = await say(one, [("user", f"Hello {number}!")])
                await asyncio.sleep(pause)
                answer = f"Answer {len(one.upstream.received)}."
                assert await say(one, [("user", f"Hello {number}!"), ("assistant", answer), ("user", "And?")]) == name

    asyncio.run(work())


def test_a_repeated_first_request_does_not_mix_with_its_twin(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(configured(tmp_path), echoing()) as one:
            names = [await say(one, [("user", "Hi.")]) for _ in range(4)]
            assert len(set(names)) == 4
            for number, name in enumerate(names):
                assert await say(one, [("user", "Hi."), ("assistant", f"Answer {number + 1}."), ("user", f"Go {number}.")]) == name
            assert [turn.text for turn in thread(one, names[2]).path] == ["Hi.", "Answer 3.", "Go 2.", "Answer 7."]

    asyncio.run(work())


def test_a_history_that_is_not_known_is_looked_for_among_the_last_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_QUIET_S", 60.0)

    async def work() -> None:
        async with rig(configured(tmp_path), echoing()) as one:
            for number in range(150):
                await say(one, [("user", f"First words {number}.")])
            for number in range(3):
                await say(one, [("user", "Elsewhere."), ("assistant", "Nobody has heard it."), ("user", f"Go on {number}.")])
            assert len(one.engine.arrivals) == 150 - module._LATELY

    asyncio.run(work())


def test_many_that_begin_alike_hold_nobody_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_QUIET_S", 60.0)
    ran: list[int] = []

    async def work() -> None:
        async with rig(configured(tmp_path), echoing()) as one:
            names = [await say(one, [("user", "Hi.")]) for _ in range(100)]
            arrivals = one.engine.arrivals
            settle = arrivals._settle

            def counted(seq: int) -> None:
                settle(seq)
                if not ran:
                    asyncio.get_running_loop().call_soon(lambda: ran.append(len(arrivals)))

            arrivals._settle = counted  # type: ignore[method-assign]
            assert len(arrivals) == 100
            assert await say(one, [("user", "Hi."), ("assistant", "Answer 70."), ("user", "Go on.")]) == names[69]
            assert ran[0] >= 80, "others have their turn before all are read"
            assert len(arrivals) == 0
            assert not one.failures()

    asyncio.run(work())


def test_too_many_are_read_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_WAITING", 3)

    async def work() -> None:
        async with rig(configured(tmp_path), echoing()) as one:
            for number in range(9):
                await say(one, [("user", f"First words {number}.")])
                assert len(one.engine.arrivals) <= 3
            assert await stored(one, lambda store: store.counts()["turns"]) == 18

    asyncio.run(work())


ASIDE: dict[str, tuple[bytes, tuple[bytes, ...]]] = {
    "three messages": (asking("anthropic", [("user", "a"), ("assistant", "b"), ("user", "c")]), ()),
    "two of a human": (asking("anthropic", [("user", "a"), ("user", "c")]), ()),
    "a name": (asking("anthropic", [("user", "a")]), (b"X-VC-Conversation: n",)),
    "a session": (asking("anthropic", [("user", "a")], metadata={"user_id": "x"}), ()),
    "a marker": (asking("anthropic", [("user", "a <!-- vc:conversation=8b0bd3a7-7b3b-4a72-9a5b-0d3d8f5f2f10 -->")]), ()),
    "a large one": (asking("anthropic", [("user", "a" * 70_000)]), ()),
    "none": (asking("anthropic", []), ()),
}


@pytest.mark.parametrize("name", ASIDE)
def test_what_may_be_more_than_a_first_request_is_read_at_once(tmp_path: Path, name: str) -> None:
    body, headers = ASIDE[name]

    async def work() -> None:
        async with rig(configured(tmp_path), echoing()) as one:
            await one.ask(PATHS["anthropic"], body, *headers)
            assert len(one.engine.arrivals) == 0
            await soon(lambda: len(one.engine.visits) == 0)
            assert not one.failures()

    asyncio.run(work())


def test_a_system_message_in_front_makes_no_difference(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(configured(tmp_path), echoing("openai_chat")) as one:
            chat = [("system", "Be kind."), ("user", "Hello there.")]
            name = await say(one, chat, wire="openai_chat")
            assert len(one.engine.arrivals) == 1
            assert await say(one, [*chat, ("assistant", "Answer 1."), ("user", "And?")], wire="openai_chat") == name
            assert [turn.text for turn in thread(one, name).path] == ["Hello there.", "Answer 1.", "And?", "Answer 2."]

    asyncio.run(work())


@pytest.mark.parametrize("body", [b"not readable", b'{"messages":[{"role":"user","content":7}]}', asking("anthropic", [("system", "x")])])
def test_what_cannot_be_read_leaves_no_turn(tmp_path: Path, body: bytes) -> None:
    async def work() -> None:
        async with rig(configured(tmp_path), echoing()) as one:
            await one.ask(PATHS["anthropic"], body)
            assert await stored(one, lambda store: store.counts()["turns"]) in (0, 1)
            assert not one.failures()

    asyncio.run(work())


def test_a_side_request_leaves_no_conversation(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(configured(tmp_path), echoing()) as one:
            await one.ask(PATHS["anthropic"], asking("anthropic", [("user", "Name it.")], system="You are naming a coding session."))
            assert len(one.engine.arrivals) == 1
            assert await stored(one, lambda store: store.counts()["conversations"]) == 0

    asyncio.run(work())


def test_an_answer_that_cannot_be_read_leaves_the_question(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(configured(tmp_path), lambda _: reply(b"<html>")) as one:
            name = await say(one, [("user", "Hello?")])
            assert [turn.text for turn in thread(one, name).path] == ["Hello?"]

    asyncio.run(work())


def test_an_answer_kept_by_the_provider_is_found_by_its_id_at_once(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(configured(tmp_path), lambda _: reply(said("openai_responses", "Yes.", len(one.upstream.received)))) as one:
            path = PATHS["openai_responses"]
            head, _ = await one.ask(path, json.dumps({"model": "m", "input": "Remember me."}).encode())
            name = conversation(head)
            for pause in (0.0, 0.12):
                await asyncio.sleep(pause)
                head, _ = await one.ask(path, json.dumps({"model": "m", "input": "And?", "previous_response_id": "resp_1"}).encode())
                assert conversation(head) == name

    asyncio.run(work())


def left_behind(folder: Path) -> Path:
    """A folder with a copy of the journals as they are now, and a torn one."""
    other = folder / "other"
    other.mkdir()
    for path in folder.glob("memory.db.inbox-*"):
        (other / path.name.replace("inbox-", "inbox-9")).write_bytes(path.read_bytes())
    (other / "memory.db.inbox-9-9").write_bytes(b"\xb5BS\x01 torn")
    return other


def test_first_exchanges_of_a_dead_process_are_read_back(tmp_path: Path) -> None:
    """The journal as it was the moment the process died."""

    async def work() -> None:
        async with rig(configured(tmp_path), echoing()) as one:
            name = await say(one, [("user", "Hello?")], b"X-VC-Project: p")
            other = left_behind(tmp_path)
        async with rig(configured(other), echoing()) as one:

            def rows(store: Store) -> list[tuple[str, list[str]]]:
                return [(record.id, [turn.text for turn in store.turns(record.id)]) for record, _ in store.conversations(None)]

            assert await stored(one, rows) == [(name, ["Hello?", "Answer 1."])]
            assert await say(one, [("user", "Hello?"), ("assistant", "Answer 1."), ("user", "On?")], b"X-VC-Project: p") == name
            assert not one.failures()

    asyncio.run(work())


@pytest.mark.parametrize(
    ("names", "agent", "kept"),
    [
        ((), "", False),
        (("conversation:eggs @home",), "", True),
        (("session:claude-code:s1/a1",), "claude-cli/2.0", True),
        (("session:claude-code:s1",), "claude-cli/2.0", False),
    ],
    ids=["unnamed", "named", "an agent's own", "no agent's own"],
)
def test_what_was_journalled_unread_is_told_from_a_side_request_as_it_was_then(names: tuple[str, ...], agent: str, kept: bool) -> None:
    """What its head said of its conversation counts."""
    system = "x-anthropic-billing-header: cc_is_subagent=true;" if agent else "Generate a short title for the following conversation."
    wire, answer = Anthropic(), said("anthropic", "Eggs.")
    asked = asking("anthropic", [("user", "User: An egg?\nAssistant: Seven minutes.")], system=system)
    path, kind = PATHS["anthropic"], "application/json"
    arrival = Arrival("c", "", "home", "anthropic", path, agent, asked, kind, "", answer, 7, 1.0, True, True, names)
    assert bool(module.unfold(arrival, wire, wire.reply(answer), len).turns) is kept


def test_of_a_very_long_history_the_newest_messages_are_read_again() -> None:
    """It was journalled unread, and there are no more ids than those."""
    chat = [("user" if place % 2 == 0 else "assistant", f"Line {place}.") for place in range(5001)]
    wire, answer = Anthropic(), said("anthropic", "Yes.")
    arrival = Arrival(
        "c",
        "",
        "",
        "anthropic",
        PATHS["anthropic"],
        "",
        asking("anthropic", chat),
        "application/json",
        "",
        said("anthropic", "Yes."),
        7,
        1.0,
        True,
    )
    rows = module.unfold(arrival, wire, wire.reply(answer), len)
    assert [turn.text for turn in rows.turns[-3:]] == ["Line 4999.", "Line 5000.", "Yes."]
    assert len(rows.turns) <= module.MOST_IDS
    assert [turn.id for turn in rows.turns] == list(range(7, 7 + len(rows.turns)))
