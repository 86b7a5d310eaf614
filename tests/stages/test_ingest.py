"""What becomes a turn, and when: new messages with their answer, once, in their places, and nothing of what came to nothing."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from backstory.core.store import Store
from backstory.memory.reading.turns import chain
from tests.relay.world import Received, Upstream, client
from tests.rig import PATHS, QUICK, asking, chunked, post, reply, rig, said, soon
from tests.stages.world import Chat, configured, conversation, echoing, say, stored, talk, thread


def test_turns_are_stored_once_in_their_places_whatever_is_sent_again(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(configured(tmp_path), echoing()) as one:
            chat: Chat = []
            name = ""
            for number in range(5):
                chat += [("user", f"Question {number} about a lighthouse")]
                name = await say(one, chat)
                chat += [("assistant", f"Answer {number + 1}.")]

            def rows(store: Store) -> list[tuple[int, str, str]]:
                return [(turn.position, turn.role, turn.text) for turn in store.turns(name)]

            assert await stored(one, rows) == [(place, role, text) for place, (role, text) in enumerate(chat)]
            path = thread(one, name).path
            last = thread(one, name).root
            for before, turn in zip([None, *path], path, strict=False):
                last = chain(last, turn.content)
                assert turn.chain == last
                assert turn.parent == (before.id if before is not None else 0)
                assert not turn.raw, "what is in memory is lean"
            raws = await stored(one, lambda store: [turn.raw for turn in store.turns(name, raw=True)])
            assert json.loads(raws[2]) == {"role": "user", "content": chat[2][1]}

    asyncio.run(work())


def test_a_regenerated_answer_is_a_branch_and_the_newest_counts(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(configured(tmp_path), echoing()) as one:
            named = b"X-VC-Conversation: n"
            chat: Chat = [*talk(2), ("user", "Tell me.")]
            name = await say(one, chat, named)
            assert await say(one, chat, named) == name
            assert [turn.text for turn in thread(one, name).path[-2:]] == ["Tell me.", "Answer 2."]
            assert len(thread(one, name).by_id) == 7
            await say(one, [*chat, ("assistant", "Answer 1."), ("user", "I take the first.")], named)
            assert [turn.text for turn in thread(one, name).path[-4:]] == ["Tell me.", "Answer 1.", "I take the first.", "Answer 3."]
            await one.restart()
            await say(
                one, [*chat, ("assistant", "Answer 1."), ("user", "I take the first."), ("assistant", "Answer 3."), ("user", "Go.")], named
            )
            assert [turn.text for turn in thread(one, name).path[-6:-2]] == ["Tell me.", "Answer 1.", "I take the first.", "Answer 3."]

    asyncio.run(work())


@pytest.mark.parametrize("status", [b"400 No", b"500 Oh", b"529 Full"])
def test_nothing_is_stored_of_a_request_without_an_answer(tmp_path: Path, status: bytes) -> None:
    async def work() -> None:
        async with rig(configured(tmp_path), lambda _: reply(b'{"error":{}}', status=status)) as one:
            await say(one, [*talk(2), ("user", "Tell me.")])
            await say(one, [("user", "Tell me.")])
            await soon(lambda: len(one.engine.visits) == 0)
            assert await stored(one, lambda store: (store.counts()["turns"], store.counts()["conversations"])) == (0, 0)

    asyncio.run(work())


@pytest.mark.parametrize("length", [1, 5], ids=["first", "later"])
def test_an_answer_that_its_client_left_is_stored_as_interrupted(tmp_path: Path, length: int) -> None:
    """What came of it; the client will have shown it."""
    events = [
        b'data: {"id":"c","model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":"Once upon"}}]}\n\n',
        b'data: {"id":"c","model":"m","choices":[{"index":0,"delta":{"content":" a time"}}]}\n\n',
    ]

    async def work() -> None:
        async with rig(configured(tmp_path), lambda _: chunked(events)[:-1]) as one:
            chat = [*talk(3)[: length - 1], ("user", "Tell me a story.")]
            async with client(one.port) as leaver:
                await leaver.send(post(one.upstream_port, PATHS["openai_chat"], asking("openai_chat", chat, stream=True)))
                await leaver.reader.readuntil(b" a time")
                await asyncio.sleep(2 * QUICK.probe_s)
            await soon(lambda: one.door.metrics.in_flight == 0 and len(one.engine.visits) == 0)
            await asyncio.sleep(0.02)

            def last(store: Store) -> list[tuple[str, bool]]:
                (found,) = store.conversations(None)
                return [(turn.text, turn.complete) for turn in store.turns(found[0].id)][-2:]

            assert await stored(one, last) == [("Tell me a story.", True), ("Once upon a time", False)]

    asyncio.run(work())


def test_an_answer_that_says_nothing_leaves_the_question_alone(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(configured(tmp_path), lambda _: reply(b'{"id":"m","type":"message","role":"assistant","content":[]}')) as one:
            name = await say(one, [*talk(2), ("user", "Tell me.")])
            assert [turn.text for turn in thread(one, name).path] == [*(text for _, text in talk(2)), "Tell me."]

    asyncio.run(work())


def test_a_name_is_stored_with_the_first_answer_and_not_before(tmp_path: Path) -> None:
    fails = [True]

    def answer(received: Received) -> bytes:
        return reply(b"{}", status=b"503 Later") if fails[0] else reply(said("anthropic", "Here."))

    async def work() -> None:
        async with rig(configured(tmp_path), answer) as one:
            named = b"X-VC-Conversation: n"
            name = await say(one, [("user", "Hi.")], named)

            def alias(store: Store) -> str | None:
                return store.alias("", "conversation:n")

            assert await stored(one, alias) is None
            fails[0] = False
            assert await say(one, [("user", "Hi.")], named) == name
            assert await stored(one, alias) == name

    asyncio.run(work())


def test_requests_of_one_conversation_at_once_are_branches_of_it(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(configured(tmp_path), echoing()) as one:
            chat = talk(3)
            named = b"X-VC-Conversation: n"
            name = await say(one, [*chat, ("user", "Start.")], named)
            base: Chat = [*chat, ("user", "Start."), ("assistant", "Answer 1.")]

            async def fan(number: int) -> str:
                async with client(one.port) as other:
                    body = asking("anthropic", [*base, ("user", f"Branch {number}.")])
                    await other.send(post(one.upstream_port, PATHS["anthropic"], body, named))
                    return conversation((await other.reply())[0])

            assert set(await asyncio.gather(*(fan(number) for number in range(6)))) == {name}
            await soon(lambda: len(one.engine.visits) == 0)
            held = thread(one, name)
            assert len(held.by_id) == 8 + 12
            fork = held.path[7]
            assert fork.text == "Answer 1."
            children = [turn for turn in held.by_id.values() if turn.parent == fork.id]
            assert sorted(turn.text for turn in children) == [f"Branch {number}." for number in range(6)]
            for turn in children:
                assert sum(one.parent == turn.id for one in held.by_id.values()) == 1, "each has its answer"
            assert held.busy == 0
            assert not one.failures()

    asyncio.run(work())


def test_what_is_said_at_once_in_the_same_words_is_stored_once(tmp_path: Path) -> None:
    """Two tabs that ask the same: one question, and the answer of each as a branch."""

    async def work() -> None:
        async with rig(configured(tmp_path), echoing()) as one:
            named = b"X-VC-Conversation: n"
            chat: Chat = [*talk(3), ("user", "Start."), ("assistant", "Answer 1."), ("user", "And now?")]
            name = await say(one, chat[:-2], named)

            async def ask() -> str:
                async with client(one.port) as other:
                    await other.send(post(one.upstream_port, PATHS["anthropic"], asking("anthropic", chat), named))
                    return str(json.loads((await other.reply())[1])["content"][0]["text"])

            answers = await asyncio.gather(*(ask() for _ in range(4)))
            await soon(lambda: len(one.engine.visits) == 0)

            def rows(store: Store) -> list[tuple[str, int]]:
                return [(turn.text, turn.parent) for turn in store.turns(name)]

            kept = await stored(one, rows)
            assert [text for text, _ in kept].count("And now?") == 1
            assert sorted(text for text, _ in kept[len(chat) :]) == sorted(answers)
            assert len({parent for _, parent in kept[len(chat) :]}) == 1
            for number, answer in enumerate(answers[:2]):
                more: Chat = [*chat, ("assistant", answer), ("user", f"I take number {number}.")]
                assert await say(one, more, named) == name
                assert [turn.text for turn in thread(one, name).path[:-1]] == [text for _, text in more]
                await one.restart()
            assert len(await stored(one, rows)) == len(kept) + 4
            assert not one.failures()

    asyncio.run(work())


def test_branches_that_go_on_at_once_are_stored_once(tmp_path: Path) -> None:
    """Two terminals in one session: while one is answered, the other's branch is not the current one, and yet it is no news."""

    async def work() -> None:
        async with rig(configured(tmp_path), echoing()) as one:
            named = b"X-VC-Conversation: n"
            base: Chat = [*talk(3), ("user", "Start.")]
            await say(one, base, named)
            base += [("assistant", "Answer 1.")]
            chats: list[Chat] = [[*base, ("user", f"This is terminal {number}.")] for number in range(3)]

            async def ask(chat: Chat) -> Chat:
                async with client(one.port) as other:
                    await other.send(post(one.upstream_port, PATHS["anthropic"], asking("anthropic", chat), named))
                    answer = json.loads((await other.reply())[1])
                    return [*chat, ("assistant", answer["content"][0]["text"])]

            for number in range(5):
                chats = list(await asyncio.gather(*(ask(chat) for chat in chats)))
                await soon(lambda: len(one.engine.visits) == 0)
                if number == 2:
                    await one.restart()
                chats = [[*chat, ("user", f"Go on with {number}, terminal {place}.")] for place, chat in enumerate(chats)]
            name = await say(one, chats[0], named)

            def rows(store: Store) -> list[tuple[int, str]]:
                return [(turn.parent, turn.text) for turn in store.turns(name)]

            kept = await stored(one, rows)
            assert len(kept) == len(set(kept)) == len(base) + 3 * 10 + 2
            for chat in chats:
                assert {text for _, text in chat[:-1]} <= {text for _, text in kept}, "nothing is lost"
            assert [turn.text for turn in thread(one, name).path[:-1]] == [text for _, text in chats[0]]
            assert not one.failures()

    asyncio.run(work())


@pytest.mark.parametrize("wire", ["anthropic", "openai_chat", "openai_responses", "gemini"])
def test_another_image_of_the_same_size_is_another_message(tmp_path: Path, wire: str) -> None:
    """Recordings of a fixed length and pictures that are not compressed all have one size."""

    def shown(data: str) -> list[dict[str, Any]]:
        text: dict[str, Any]
        image: dict[str, Any]
        match wire:
            case "anthropic":
                source = {"type": "base64", "media_type": "image/png", "data": data}
                text, image = {"type": "text", "text": "What is this?"}, {"type": "image", "source": source}
            case "openai_chat":
                link = {"url": f"data:image/png;base64,{data}"}
                text, image = {"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": link}
            case "openai_responses":
                text = {"type": "input_text", "text": "What is this?"}
                image = {"type": "input_image", "image_url": f"data:image/png;base64,{data}"}
            case _:
                text, image = {"text": "What is this?"}, {"inlineData": {"mimeType": "image/png", "data": data}}
        return [image, text]

    async def work() -> None:
        async with rig(configured(tmp_path), echoing(wire)) as one:
            named, chat = b"X-VC-Conversation: n", [*talk(2)]
            for data in ("AAAA" * 20, "BBBB" * 20):
                body = json.loads(asking(wire, [*chat, ("user", "x")]))
                key, inside = (
                    ("contents", "parts") if wire == "gemini" else ("input" if wire == "openai_responses" else "messages", "content")
                )
                body[key][-1][inside] = shown(data)
                head, _ = await one.ask(PATHS[wire], json.dumps(body).encode(), named)
                name = conversation(head)
            raws = await stored(one, lambda store: b"".join(turn.raw for turn in store.turns(name, raw=True)))
            assert b"AAAA" in raws
            assert b"BBBB" in raws, "both are kept"

    asyncio.run(work())


def test_an_answer_is_kept_where_another_request_goes_back_meanwhile(tmp_path: Path) -> None:
    gate, count, named = asyncio.Event(), [0], b"x-session-id: s"
    gate.set()

    async def script(upstream: Upstream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            received = await upstream.request(reader)
            count[0] += 1
            number = count[0]
            if b"another" not in received.body:
                await gate.wait()
            writer.write(reply(said("anthropic", f"Answer {number}.", number)))
            await writer.drain()

    async def work() -> None:
        async with rig(configured(tmp_path), echoing()) as one:
            one.upstream.script = script
            asked, chat = asking("anthropic", [*talk(5), ("user", "And now?")]), talk(1)
            for number in range(5):
                await say(one, [*talk(number), *talk(1, number)[:1]], named)
            await one.ask(PATHS["anthropic"], asked, named)
            gate.clear()
            again = asyncio.create_task(one.ask(PATHS["anthropic"], asked, named))
            await soon(lambda: count[0] == 7)
            async with client(one.port) as other:
                await other.send(post(one.upstream_port, PATHS["anthropic"], asking("anthropic", [*chat, ("user", "Or another?")]), named))
                head, _ = await other.reply()
                await soon(lambda: len(thread(one, conversation(head)).path) == 4)
                gate.set()
                await again
            turns = await stored(one, lambda store: store.turns(conversation(head)))
            texts = {turn.id: turn.text for turn in turns}
            assert {texts[turn.parent] for turn in turns if turn.text in ("Answer 6.", "Answer 7.")} == {"And now?"}
            assert "Answer 7." in texts.values()
            assert not one.failures()

    asyncio.run(work())
