"""A large request that only goes on goes up before memory has read it, and memory has it all the same."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from backstory.core.message import Prompt
from backstory.memory.identity.marker import marker
from backstory.memory.reading.fence import DIGEST_OPEN
from tests.relay.world import Received
from tests.rig import PATHS, Rig, asking, rig, soon
from tests.stages.world import Chat, configured, conversation, echoing, talk, thread

# 300 KB in 60 messages, under the hard threshold of its window.
LONG: Chat = [(role, f"{text} {'and so on ' * 500}") for role, text in talk(60)]
WINDOW = 2_000_000


def watched(one: Rig) -> list[bool]:
    """Which requests that could have gone ahead did, from now on."""
    ahead = one.engine.ahead
    assert ahead is not None
    may_go = ahead.may_go
    gone: list[bool] = []

    def noted(body: bytes, prompt: Prompt) -> bool:
        gone.append(may_go(body, prompt))
        return gone[-1]

    ahead.may_go = noted  # type: ignore[method-assign]
    return gone


async def grown(one: Rig, wire: str, chat: Chat, question: str) -> tuple[bytes, Chat]:
    """Asks this, and gives the answer's head and the history with both."""
    asked = [*chat, ("user", question)]
    head, _ = await one.ask(PATHS[wire], asking(wire, asked))
    held = thread(one, conversation(head))
    await soon(lambda: bool(held.path) and held.path[-1].role == "assistant" and len(held.path) >= len(asked) + 1)
    return head, [*asked, ("assistant", held.path[-1].text)]


@pytest.mark.parametrize("wire", PATHS)
def test_it_goes_ahead_and_is_remembered(tmp_path: Path, wire: str) -> None:
    async def work() -> None:
        async with rig(configured(tmp_path, window=WINDOW), echoing(wire)) as one:
            gone = watched(one)
            chat: Chat = LONG
            names = set()
            for number in range(4):
                body = asking(wire, [*chat, ("user", f"Question {number}?")])
                head, chat = await grown(one, wire, chat, f"Question {number}?")
                assert one.sent.body == body
                names.add(conversation(head))
                assert b"X-VC-Proof: in=" in head
                assert b"X-VC-Stats: " in head
            assert gone == [False, True, True, True]
            assert len(names) == 1
            assert [turn.text.strip() for turn in thread(one, names.pop()).path] == [text.strip() for _, text in chat]
            await one.restart()
            gone = watched(one)
            await grown(one, wire, chat, "And after a restart?")
            assert gone == [False]
            assert not one.failures()

    asyncio.run(work())


def test_what_could_get_an_edit_waits_to_be_read(tmp_path: Path) -> None:
    """A marker in what is new, a conversation with a digest, one that would fill its window, a pause."""

    async def work() -> None:
        async with rig(configured(tmp_path, window=WINDOW), echoing()) as one:
            gone = watched(one)
            _, chat = await grown(one, "anthropic", LONG, "One?")
            _, chat = await grown(one, "anthropic", chat, f"Two? {marker('00000000-0000-4000-8000-000000000000')}")
            assert gone == [False, False]
            assert b"vc:conversation" not in one.sent.body
            head, chat = await grown(one, "anthropic", LONG, "Another one?")
            ahead = one.engine.ahead
            assert ahead is not None
            held = thread(one, conversation(head))
            assert ahead._settled(held, 1000)
            assert not ahead._settled(held, WINDOW)
            ahead._clock = lambda: float("inf")
            await grown(one, "anthropic", chat, "Much later?")
            assert gone[-1] is False

    asyncio.run(work())


def test_a_history_that_was_cut_is_read_first(tmp_path: Path) -> None:
    """Its beginning is known, and so are its newest messages: what lies between is missing, and may have to be recalled."""

    async def work() -> None:
        async with rig(configured(tmp_path, window=WINDOW), echoing()) as one:
            large = ("user", "This is long. " * 25_000)
            _, chat = await grown(one, "anthropic", [large, *LONG[1:]], "One?")
            gone = watched(one)
            await one.ask(PATHS["anthropic"], asking("anthropic", [large, *chat[-2:], ("user", "Two?")]))
            assert gone == [False]

    asyncio.run(work())


def test_what_grows_in_front_of_a_history_counts(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(configured(tmp_path, window=200_000), echoing()) as one:
            _, chat = await grown(one, "anthropic", LONG[:56], "One?")
            gone = watched(one)
            body = asking("anthropic", [*chat, ("user", "Two?")])
            await one.ask(PATHS["anthropic"], b'{"system": "' + b"Mind this. " * 30_000 + b'", ' + body[1:])
            assert gone == [False]

    asyncio.run(work())


def test_a_folded_history_is_always_read_first(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(configured(tmp_path, window=20_000), echoing()) as one:
            gone = watched(one)
            body = asking("anthropic", [*LONG, ("user", "What was said first?")])
            head, _ = await one.ask(PATHS["anthropic"], body)
            await soon(lambda: bool(thread(one, conversation(head)).family.digests), 30.0)
            await one.ask(PATHS["anthropic"], body)
            assert DIGEST_OPEN.encode() in one.sent.body
            gone.clear()
            await one.ask(PATHS["anthropic"], body)
            assert DIGEST_OPEN.encode() in one.sent.body
            assert gone == [False]

    asyncio.run(work())


def test_one_that_the_provider_refuses_leaves_nothing_open(tmp_path: Path) -> None:
    refuses = [False]

    async def work() -> None:
        answers = echoing()
        refused = b"HTTP/1.1 529 Overloaded\r\nContent-Length: 2\r\n\r\n{}"
        async with rig(configured(tmp_path, window=WINDOW), lambda received: refused if refuses[0] else answers(received)) as one:
            gone = watched(one)
            _, chat = await grown(one, "anthropic", LONG, "One?")
            refuses[0] = True
            head, _ = await one.ask(PATHS["anthropic"], asking("anthropic", [*chat, ("user", "Two?")]))
            assert head.startswith(b"HTTP/1.1 529")
            await soon(lambda: len(one.engine.visits) == 0)
            refuses[0] = False
            head, _ = await grown(one, "anthropic", chat, "Two?")
            assert gone == [False, True, True]
            assert [turn.text for turn in thread(one, conversation(head)).path].count("Two?") == 1

    asyncio.run(work())


def test_one_whose_place_only_the_store_knows_is_named_once_it_is_known(tmp_path: Path) -> None:
    """The client has changed the last answer, so memory has to look further, while the provider reads."""

    async def work() -> None:
        answers = echoing()

        def closing(received: Received) -> bytes:
            return answers(received).replace(b"\r\n", b"\r\nConnection: close\r\n", 1)

        async with rig(configured(tmp_path, window=WINDOW), closing) as one:
            gone = watched(one)
            _, chat = await grown(one, "anthropic", LONG, "One?")
            await soon(lambda: len(one.engine.visits) == 0)
            request = one.upstream.request

            async def slowly(reader: asyncio.StreamReader) -> Received:
                received = await request(reader)
                await soon(lambda: len(one.engine.visits) == 1)
                return received

            one.upstream.request = slowly  # type: ignore[method-assign]
            body = asking("anthropic", [*chat[:-1], ("assistant", "I said no such thing."), ("user", "Two?")])
            head, _ = await one.ask(PATHS["anthropic"], body)
            assert gone == [False, True]
            assert one.sent.body == body
            assert b"X-VC-Stats" not in head
            assert thread(one, conversation(head)).path[-1].text == "Answer 2."

    asyncio.run(work())
