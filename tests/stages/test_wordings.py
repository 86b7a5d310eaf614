"""Words that a client adds to its history are kept when a fold takes them out, and found; they are forgotten with their turn."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from backstory.app.faces import stored as faces
from backstory.config import Config
from backstory.core.message import Text, ToolCall
from backstory.core.reply import Reply
from tests.paging import BY_NAME, Model, body, history, results
from tests.paging import configured as looking
from tests.relay.world import Received
from tests.rig import PATHS, Rig, reply, rig, said, soon
from tests.stages.talks import Talk, commanded, texts_sent
from tests.stages.world import stored, thread

TEA = "Notes on tea: green is steeped at 70 degrees."
PIN = "The PIN of the safe is tangerine-4711."
LONG = " ".join(["It matters for the plan, and for all that comes of it."] * 8)
NAMED = b"X-VC-Conversation: notes"


def _small(folder: Path, undo_s: float = 600.0) -> Config:
    config = commanded(folder, undo_s=undo_s)
    return replace(config, compaction=replace(config.compaction, context_window=1600, protected_recent_turns=1))


def _answering() -> Callable[[Received], bytes]:
    """An upstream whose answers are nobody else's."""
    count = [0]

    def answer(_: Received) -> bytes:
        count[0] += 1
        return reply(said("openai_chat", f"Answer {count[0]}: so it is, as far as that can be told here.", count[0]))

    return answer


def _reword(talk: Talk, text: str, place: int = 0) -> None:
    talk.messages[place] = (talk.messages[place][0], text)


async def _folded(one: Rig, *headers: bytes, rounds: int = 12) -> Talk:
    """A conversation whose first question has become longer before it was folded."""
    talk = Talk(one, *headers)
    for text in (TEA, "What else is there to know of it, in a few words?", "And of coffee, is there something, too?"):
        await talk.say(text)
    _reword(talk, f"{TEA} {PIN}")
    for number in range(rounds):
        await talk.say(f"Topic {number}: {LONG}")
    assert len(texts_sent(one)) < len(talk.messages) - 6
    assert not any(PIN in text for text in texts_sent(one))
    return talk


@pytest.mark.parametrize("headers", [(NAMED,), ()], ids=["named", "unnamed"])
def test_added_words_are_kept_once_and_recalled(tmp_path: Path, headers: tuple[bytes, ...]) -> None:
    async def work() -> None:
        async with rig(_small(tmp_path), _answering()) as one:
            talk = await _folded(one, *headers)
            rows = await stored(one, lambda store: store.wordings(talk.id))
            assert [(row.text, row.role) for row in rows] == [(f"{TEA} {PIN}", "user")]
            assert json.loads(rows[0].raw)["content"] == f"{TEA} {PIN}"
            before = texts_sent(one)
            await one.restart()
            await talk.say("What is the PIN of the safe?")
            assert texts_sent(one)[: len(before)] == before
            told = texts_sent(one)[-1]
            assert told.count(PIN) == 1
            assert f"#1 User: {PIN}" in told, "under the number of the turn, without what that says itself"
            await talk.say("And how is green tea steeped, at how many degrees?")
            assert "70 degrees" in texts_sent(one)[-1], "what the turn says is told for its own"
            await talk.say("Once more, what was the PIN of the safe?")
            assert "".join(texts_sent(one)).count(PIN) == 1, "it is not told twice"
            assert len(await stored(one, lambda store: store.wordings(talk.id))) == 1
            shown = await stored(one, lambda store: "".join(faces.as_text(faces.told(store, faces.find(store, talk.id)))))
            assert PIN in shown
            hits = await stored(one, lambda store: faces.recalled(store, "PIN of the safe", faces.find(store, talk.id), 500, 9e9))
            assert any(hit.number == 1 and PIN in hit.text for hit in hits)
            assert not one.failures()

    asyncio.run(work())


def test_a_fork_has_what_was_kept_before_it(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(_small(tmp_path), _answering()) as one:
            talk = await _folded(one)
            first = talk.id
            del talk.messages[-2:]
            await talk.say("Another way to go on from here, then.")
            for number in range(3):
                await talk.say(f"Other {number}: {LONG}")
            assert talk.id != first
            await one.restart()
            await talk.say("What is the PIN of the safe?")
            assert PIN in texts_sent(one)[-1]
            assert not one.failures()

    asyncio.run(work())


@pytest.mark.parametrize("topic", ["#1", "tangerine-4711"])
def test_it_is_forgotten_with_its_turn(tmp_path: Path, topic: str) -> None:
    async def work() -> None:
        async with rig(_small(tmp_path, undo_s=0.0), _answering()) as one:
            talk = await _folded(one, NAMED)
            assert "1 turn" in await talk.told(f"VCFORGET {topic}")
            await talk.say("What is the PIN of the safe?")
            assert PIN not in one.sent.body.decode()
            removal = one.engine._removal
            assert removal is not None
            assert await removal.look() >= 1
            await soon(lambda: one.engine.threads is not None and not len(one.engine.threads))
            await talk.say("What is the PIN of the safe, then?")
            for number in range(6):
                await talk.say(f"Later {number}: {LONG}")
            assert PIN not in one.sent.body.decode()
            assert await stored(one, lambda store: store.wordings(talk.id)) == [], "though its client goes on sending it"
            assert not any("tangerine" in turn.text for turn in thread(one, talk.id).path if "VCFORGET" not in turn.text)
            assert not one.failures()

    asyncio.run(work())


def test_a_forget_that_is_taken_back_brings_it_back(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(_small(tmp_path), _answering()) as one:
            talk = await _folded(one, NAMED)
            await talk.told("VCFORGET #1")
            await talk.told("!/undo")
            await talk.say("What is the PIN of the safe?")
            assert PIN in texts_sent(one)[-1]

    asyncio.run(work())


def test_of_what_is_said_otherwise_each_time_the_newest_is_kept(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(_small(tmp_path), _answering()) as one:
            talk = await _folded(one, NAMED)
            before = texts_sent(one)
            for number in range(20):
                _reword(talk, f"{TEA} It was asked {number + 10} minutes ago.")
                await talk.say("Go on.")
                assert texts_sent(one)[: len(before)] == before, "what was folded stays folded"
                before = texts_sent(one)
                kept = await stored(one, lambda store: {row.text for row in store.wordings(talk.id)})
                assert talk.messages[0][1] in kept
                if number == 9:
                    await one.restart()
            assert len(kept) == 16
            await one.restart()
            assert len(await stored(one, lambda store: store.wordings(talk.id))) == 16
            await talk.say("Go on.")
            turn = thread(one, talk.id).path[0].id
            assert {row.text for row in thread(one, talk.id).wordings[turn]} == kept
            assert not one.failures()

    asyncio.run(work())


def test_a_client_that_says_all_of_its_history_otherwise_each_time_has_room(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(_small(tmp_path), _answering()) as one:
            talk = Talk(one, NAMED)
            for number in range(36):
                await talk.say(f"Topic {number}: {LONG}")
                assert len(one.sent.body) < 1600 * 4
                for place, (role, text) in enumerate(talk.messages):
                    if role == "user":
                        _reword(talk, f"{text.partition(' (asked')[0]} (asked {number - place // 2} minutes ago)", place)
            assert not one.failures()

    asyncio.run(work())


@pytest.mark.parametrize("how", ["off", "forgotten"])
def test_what_others_do_not_want_remembered_holds_nothing_back(tmp_path: Path, how: str) -> None:
    """An answer that is edited is folded though in another conversation something was forgotten, or was not to be remembered."""

    async def work() -> None:
        async with rig(_small(tmp_path, undo_s=0.0), _answering()) as one:
            other = Talk(one, b"X-VC-Conversation: other", *([b"X-VC-Memory: off"] if how == "off" else []))
            await other.say("This is nobody's business, whatever comes of it.")
            await other.say("Go on with that, then.")
            if how == "forgotten":
                await other.told("VCFORGET #1")
                assert one.engine._removal is not None
                assert await one.engine._removal.look() >= 1
            await stored(one, lambda store: None)
            assert one.engine.threads is not None
            talk = Talk(one, NAMED)
            for number in range(16):
                await talk.say(f"Topic {number}: {LONG}")
                assert len(one.sent.body) < 1600 * 4
                if number:
                    talk.messages[-3] = ("assistant", f"Edited by its user, number {number}.")
            assert one.engine.threads.tombs
            kept = await stored(one, lambda store: {row.text for row in store.wordings(talk.id)})
            sent = set(texts_sent(one))
            assert all(text in kept | sent for role, text in talk.messages[:-3] if role == "assistant")
            assert not one.failures()

    asyncio.run(work())


def test_a_result_that_its_client_clears_is_folded_though_something_was_forgotten(tmp_path: Path) -> None:
    count = [0]

    def answer(_: Received) -> bytes:
        count[0] += 1
        number = count[0]
        call = {"type": "tool_use", "id": f"toolu_{number}", "name": "look", "input": {"place": number}}
        content = call if number % 2 else {"type": "text", "text": f"Answer {number}."}
        body = json.loads(said("anthropic", "", number))
        return reply(json.dumps(body | {"content": [content], "stop_reason": "tool_use" if number % 2 else "end_turn"}).encode())

    async def work() -> None:
        async with rig(_small(tmp_path, undo_s=0.0), answer) as one:
            messages: list[dict[str, Any]] = []

            async def ask() -> None:
                body = json.dumps({"model": "m", "max_tokens": 9, "messages": messages}).encode()
                _, given = await one.ask(PATHS["anthropic"], body, NAMED)
                messages.append({"role": "assistant", "content": json.loads(given)["content"]})

            for number in range(14):
                messages.append({"role": "user", "content": f"What is in file {number}, and what is it for?"})
                await ask()
                call = messages[-1]["content"][-1]
                result = {"type": "tool_result", "tool_use_id": call["id"], "content": f"File {number}: {LONG}"}
                messages.append({"role": "user", "content": [result]})
                await ask()
                if number == 1:
                    messages.append({"role": "user", "content": "VCFORGET #1"})
                    await ask()
                    assert one.engine._removal is not None
                    assert await one.engine._removal.look() >= 1
                for message in messages[:-6]:
                    if message["role"] == "user" and isinstance(message["content"], list):
                        message["content"][0]["content"] = "[Old tool result content cleared]"
            assert len(json.loads(one.sent.body)["messages"]) < len(messages) - 20
            assert not one.failures()

    asyncio.run(work())


@pytest.mark.parametrize("more", ["", " And who has it now?"])
def test_what_memory_wrote_itself_is_not_kept(tmp_path: Path, more: str) -> None:
    """A client that reads its history from the provider has our block in it."""

    async def work() -> None:
        async with rig(_small(tmp_path), _answering()) as one:
            talk = Talk(one, NAMED)
            await talk.say("The code of the blue locker is quetzal-8822, remember it well.")
            for number in range(12):
                await talk.say(f"Topic {number}: {LONG}")
            await talk.say("What is the code of the blue locker?")
            assert "quetzal" in texts_sent(one)[-1]
            _reword(talk, texts_sent(one)[-1] + more, -2)
            for number in range(8):
                await talk.say(f"Later {number}: {LONG}")
            kept = await stored(one, lambda store: [row.text for row in store.wordings(talk.id)])
            assert kept == ([f"What is the code of the blue locker?\n\n{more}"] if more else [])
            await talk.told("VCFORGET #1")
            await talk.say("What is the code of the blue locker, once more?")
            assert "quetzal" not in texts_sent(one)[-1]
            assert not any("quetzal" in row.text for row in await stored(one, lambda store: store.wordings(talk.id)))
            assert not one.failures()

    asyncio.run(work())


def test_the_tools_find_it(tmp_path: Path) -> None:
    wire = BY_NAME["anthropic"]
    model = Model(wire)

    async def work() -> None:
        async with rig(looking(tmp_path), model) as one:
            turns = history()
            await one.ask(PATHS["anthropic"], body("anthropic", [*turns[:2], ("user", "Go on.")], False), NAMED)
            turns[0] = ("user", f"{turns[0][1]} {PIN}")
            turns[2:2] = [("user", "Go on."), ("assistant", "Nothing more.")]
            turns.append(("user", "What was all that?"))
            asked: list[tuple[str, dict[str, Any]]] = [
                ("vc_find_quote", {"query": PIN}),
                ("vc_find_quote", {"query": "PIN safe"}),
                ("vc_remember_when", {"query": "PIN of the safe", "time_range": "last 2 days"}),
                ("vc_find_session", {"query": "PIN of the safe"}),
            ]
            calls = tuple(ToolCall(f"c{number}", name, json.dumps(given)) for number, (name, given) in enumerate(asked))
            model.replies[:] = [Reply(calls, "tool_calls"), Reply((Text("Good."),), "stop")]
            await one.ask(PATHS["anthropic"], body("anthropic", turns, False), NAMED)
            found = results(wire, model.received[-1])
            assert len(found) == 4
            for text in found:
                assert PIN in text
                assert "#1 " in text
            assert not one.failures()

    asyncio.run(work())


def test_what_was_never_to_be_remembered_is_not_in_other_words_either(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(_small(tmp_path), _answering()) as one:
            talk = Talk(one, NAMED)
            await talk.say(TEA)
            talk.headers = (NAMED, b"X-VC-Memory: off")
            await talk.say(f"Never mind this: {PIN}")
            talk.headers = (NAMED,)
            await talk.say("Go on with tea.")
            _reword(talk, f"Never mind this, ever: {PIN} And no more of it.", 2)
            _reword(talk, "You have told me of tangerine-4711, and more.", 3)
            for number in range(12):
                await talk.say(f"Topic {number}: {LONG}")
                assert {talk.messages[place][1] for place in (2, 3)} <= set(texts_sent(one)), "it goes up as its client has it"
            assert len(texts_sent(one)) < len(talk.messages) - 6
            await stored(one, lambda store: None)
            assert not one.failures()

    asyncio.run(work())
    assert b"tangerine" not in b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())


def test_what_a_client_puts_around_its_history_counts_as_its_size(tmp_path: Path) -> None:
    """Documents that it puts beside each question when that is history are folded with it before the window is full."""

    async def work() -> None:
        async with rig(_small(tmp_path), _answering()) as one:
            talk = Talk(one, NAMED)
            for number in range(16):
                await talk.say(f"Question {number}: what is there to say of town {number * 7}?")
                assert len(one.sent.body) < 1600 * 4, "it has room"
                _reword(talk, f"{talk.messages[-2][1]}\n\n[Found in file {number}:] {LONG}", -2)
            assert len(texts_sent(one)) < len(talk.messages) - 6
            kept = await stored(one, lambda store: {row.text for row in store.wordings(talk.id)})
            sent = set(texts_sent(one))
            assert all(text in kept or any(text in other for other in sent) for role, text in talk.messages[:-2] if role == "user")
            assert not one.failures()

    asyncio.run(work())
