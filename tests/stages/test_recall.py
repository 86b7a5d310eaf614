"""What recall adds and takes away: nothing where nothing is missing, the rest once and then always the same."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from backstory.core.exchange import Head
from backstory.core.store import Store
from backstory.stages.shelf import Shelf
from tests.relay.world import Received
from tests.rig import PATHS, asking, reply, rig
from tests.stages.world import Chat, configured, conversation, echoing, say, stored, talk, thread

NAME = b"X-VC-Conversation: 11111111-1111-4111-8111-111111111111"
FACT = "Remember: the code of the blue locker is tangerine."


def long_talk(rounds: int) -> Chat:
    """A conversation that begins with a fact and goes on about something else."""
    return [("user", FACT), ("assistant", "Answer 1."), *talk(rounds - 1, 1)]


def test_a_cut_history_gets_back_what_the_question_needs(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(configured(tmp_path), echoing()) as one:
            chat = long_talk(14)
            name = await say(one, chat[:-1])
            asked: Chat = [*chat[-7:-1], ("assistant", "Answer 1."), ("user", "What was the code of the blue locker?")]
            assert await say(one, asked) == name
            first = one.sent.body
            assert b"tangerine" in first
            assert first.startswith(asking("anthropic", asked)[:-5]), "added at the end of the question alone"
            assert await say(one, asked) == name
            assert one.sent.body == first, "a retry is the same bytes"
            later: Chat = [*asked, ("assistant", "Answer 3."), ("user", "Thanks, and now for something else entirely.")]
            await say(one, later)
            assert b"tangerine" in one.sent.body, "what was injected stays where it was"
            await one.restart()
            await say(one, [*later, ("assistant", "Answer 4."), ("user", "And on.")])
            assert b"tangerine" in one.sent.body
            assert not one.failures()

    asyncio.run(work())


def test_below_the_threshold_nothing_is_added(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(configured(tmp_path, threshold=40), echoing()) as one:
            chat = long_talk(14)
            await say(one, chat[:-1])
            asked: Chat = [*chat[-7:-1], ("assistant", "Answer 1."), ("user", "What was the code of the blue locker?")]
            await say(one, asked)
            assert one.sent.body == asking("anthropic", asked)

    asyncio.run(work())


def test_a_conversation_whose_memory_is_off_is_left_alone(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(configured(tmp_path), echoing()) as one:
            chat = long_talk(14)
            name = await say(one, chat[:-1])
            held = thread(one, name)
            held.conversation = replace(held.conversation, memory=False)
            asked: Chat = [*chat[-7:-1], ("assistant", "Answer 1."), ("user", "What was the code of the blue locker?")]
            assert await say(one, asked) == name
            assert one.sent.body == asking("anthropic", asked)

    asyncio.run(work())


def test_a_tool_loop_gets_nothing_new_in_its_middle(tmp_path: Path) -> None:
    called = {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "look", "input": {}}]}
    result = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "a blue locker, and its code"}]}
    usual = echoing()

    def answer(received: Received) -> bytes:
        if b"Please look up" in received.body:
            return reply(json.dumps({"id": "m", "type": "message", "model": "m"} | called).encode())
        return usual(received)

    async def work() -> None:
        async with rig(configured(tmp_path), answer) as one:
            chat = long_talk(14)
            name = await say(one, chat[:-1])
            please: Chat = [*chat[-7:-1], ("assistant", "Answer 1."), ("user", "Please look up the code of the blue locker.")]
            body = json.loads(asking("anthropic", please))
            await one.ask(PATHS["anthropic"], json.dumps(body).encode())
            asked = json.loads(one.sent.body)["messages"]
            assert "tangerine" in json.dumps(asked[-1])
            body["messages"] += [called, result]
            head, _ = await one.ask(PATHS["anthropic"], json.dumps(body).encode())
            assert conversation(head) == name
            sent = json.loads(one.sent.body)["messages"]
            assert sent[: len(asked)] == asked, "the block stays"
            assert sent[len(asked) :] == body["messages"][-2:], "and there is no other"

    asyncio.run(work())


def test_an_outgrown_window_is_folded_and_the_fold_is_kept(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(configured(tmp_path, window=800), echoing()) as one:
            chat: Chat = []
            digests = set()
            for number in range(60):
                chat += talk(1, number)[:1]
                head, _ = await one.ask(PATHS["anthropic"], asking("anthropic", chat))
                chat.append(("assistant", f"Answer {number + 1}."))
                if b"<digest>" in one.sent.body:
                    digests.add(one.sent.body.partition(b"<digest>")[2].partition(b"</digest>")[0])
            assert 0 < len(digests) < 20
            assert len(one.sent.body) < 0.9 * len(asking("anthropic", chat[:-1]))
            stats = head.partition(b"X-VC-Stats: ")[2].partition(b"\r\n")[0].decode()
            numbers = dict(pair.split("=") for pair in stats.split(","))
            assert int(numbers["tokens_sent"]) < int(numbers["tokens_in"])
            name = conversation(head)
            kept = thread(one, name)

            def rows(store: Store) -> tuple[int, int]:
                return len(store.digests(name)), len(store.injections(name))

            assert await stored(one, rows) == (len(kept.digests), len(kept.injections))
            assert not one.failures()

    asyncio.run(work())


def test_what_memory_adds_makes_no_request_too_large_for_its_window(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    window = 1200

    def figure(head: bytes, name: bytes) -> int:
        return int(head.partition(name + b"=")[2].partition(b",")[0])

    async def work() -> None:
        async with rig(configured(tmp_path, window=window), echoing()) as one:
            chat = long_talk(14)
            await say(one, chat[:-1], NAME)
            question: Chat = [("assistant", "Answer 1."), ("user", "What was the code of the blue locker?")]
            await say(one, [*chat[-7:-1], *question], NAME)
            assert b"<recalled>" in one.sent.body
            whole: Chat = [*chat[:-1], *question, ("assistant", "Answer 2."), ("user", "And on.")]
            head, _ = await one.ask(PATHS["anthropic"], asking("anthropic", whole), NAME)
            assert b"<recalled>" in one.sent.body, "it stays where it was"
            words = " word" * ((window - figure(head, b"tokens_in") - 10) * 5 // 7)
            whole[-1] = ("user", "And on." + words)
            with monkeypatch.context() as slow:
                slow.setattr(Shelf, "soon", lambda *_: False)
                slow.setattr(Shelf, "begin_digest", lambda *_: None)
                head, _ = await one.ask(PATHS["anthropic"], asking("anthropic", whole), NAME)
            assert figure(head, b"tokens_in") <= window
            assert one.sent.body == asking("anthropic", whole), "no digest is ready, and with the block it has no room"
            assert b"cache_kept=0" in head
            assert not one.failures()

    asyncio.run(work())


def test_a_client_that_leaves_while_history_is_folded_loses_no_digest(tmp_path: Path) -> None:
    """The digest was made and counts from now on, so it is stored though no answer was."""

    async def work() -> None:
        async with rig(configured(tmp_path, window=800), echoing()) as one:
            chat = talk(37)
            name = await say(one, [*chat, ("user", "And?")])
            visits = one.engine.visits
            plan = one.house.plan(_head(), asking("anthropic", [*chat, ("user", "And?"), ("assistant", "Answer 1."), ("user", "Leave.")]))
            held = thread(one, name)
            if hasattr(plan, "tap"):
                plan.tap.over("refused", 0, 1, 0)  # type: ignore[union-attr]
            else:
                task = asyncio.ensure_future(plan)
                while len(visits) and not held.digests:  # noqa: ASYNC110 (what is waited for has no event)
                    await asyncio.sleep(0.001)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
            async with asyncio.timeout(5):
                while len(visits):  # noqa: ASYNC110 (what is waited for has no event)
                    await asyncio.sleep(0.001)
            assert await stored(one, lambda store: len(store.digests(name))) == len(held.digests)

    asyncio.run(work())


def _head() -> Head:
    return Head("POST", PATHS["anthropic"], "", ())


def test_a_recalled_line_that_was_changed_says_so_and_stays_as_it_was_sent(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(configured(tmp_path), echoing()) as one:
            chat: Chat = [
                ("user", "The demo of the blue scanner is on Tuesday."),
                ("assistant", "Answer 1."),
                ("user", "no, it's Wednesday"),
            ]
            chat += [("assistant", "Answer 2."), *talk(12, 2)]
            name = await say(one, chat[:-1])
            first: Chat = [*chat[-7:-1], ("assistant", "Answer 1."), ("user", "And the weather in town number 21?")]
            assert await say(one, first) == name
            held = thread(one, name)
            async with asyncio.timeout(5):
                while held.changes is None or not held.changes.found:  # noqa: ASYNC110 (what is waited for has no event)
                    await asyncio.sleep(0.005)
            asked: Chat = [*first, ("assistant", "Answer 2."), ("user", "When is the demo of the blue scanner?")]
            await say(one, asked)
            sent = one.sent.body
            assert b"#1 User: The demo of the blue scanner is on Tuesday. (later changed: #3)" in sent
            await one.restart()
            await say(one, [*asked, ("assistant", "Answer 3."), ("user", "Thanks, and now for something else entirely.")])
            assert one.sent.body.startswith(sent[: sent.index(b"</recalled>")]), "what was sent stays as it was"
            assert not one.failures()

    asyncio.run(work())


def test_what_a_client_puts_around_each_message_counts_and_is_folded_with_it(tmp_path: Path) -> None:
    """A group chat: two lines of words in a kilobyte of who, where and when."""

    async def work() -> None:
        async with rig(configured(tmp_path, window=4_000), echoing()) as one:
            chat: Chat = []
            most = 0
            for number in range(40):
                info = {"chat_id": "telegram:-100", "message_id": str(number), "sender": {"id": "7", "name": "Ann"}, "members": "x" * 600}
                said = f"Number {number}: about the lighthouse, the harbour and the weather."
                chat += [("user", f"Conversation info: ⟦openclaw:ctx⟧\n```json\n{json.dumps(info)}\n```\n{said}")]
                await say(one, chat)
                most = max(most, len(one.sent.body))
                chat += [("assistant", f"Answer {number + 1}.")]
            assert len(asking("anthropic", chat)) > 2 * 4_000 * 3.6
            assert most < 4_000 * 3.6
            assert one.sent.body.count(b"openclaw:ctx") < 20

    asyncio.run(work())


def test_a_long_message_gives_all_its_pieces_one_after_another(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(configured(tmp_path), echoing()) as one:
            report = " ".join(f"Section {at} of the report. The tolerance of valve V-{at} is {at * 37} microns." for at in range(150))
            chat: Chat = [("user", report), ("assistant", "Answer 1."), *talk(13, 1)]
            name = await say(one, chat[:-1])
            cut = chat[-7:-1]
            for number, valve in enumerate((87, 107, 12, 133), 1):
                cut = [*cut, ("assistant", f"Answer {number}."), ("user", f"What is the tolerance of valve V-{valve}?")]
                assert await say(one, cut) == name
                body = one.sent.body.decode()
                assert f"valve V-{valve} is {valve * 37} microns" in body
            assert all(body.count(f"valve V-{valve} is") <= 1 for valve in range(150)), "nothing goes up twice"
            assert not one.failures()

    asyncio.run(work())
