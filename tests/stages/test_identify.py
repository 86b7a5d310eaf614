"""Which conversation a request belongs to: a name, a marker, what was said; and never a stranger's."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from backstory.memory.identity.marker import marker
from tests.rig import PATHS, Rig, asking, rig
from tests.stages.world import Chat, configured, conversation, echoing, say, stored, talk, thread

NAMED = b"X-VC-Conversation: my-own-name"
UUID = "8b0bd3a7-7b3b-4a72-9a5b-0d3d8f5f2f10"


def in_a_rig(folder: Path, work: Callable[[Rig], Awaitable[None]], wire: str = "anthropic") -> None:
    async def run() -> None:
        async with rig(configured(folder), echoing(wire)) as one:
            await work(one)
            assert not one.failures()

    asyncio.run(run())


async def grown(one: Rig, rounds: int, *headers: bytes) -> tuple[str, Chat]:
    """A conversation of so many exchanges, sent whole each time."""
    chat: Chat = []
    name = ""
    for number in range(rounds):
        chat += talk(1, number)[:1]
        name = await say(one, chat, *headers)
        chat.append(("assistant", f"Answer {len(one.upstream.received)}."))
    return name, chat


@pytest.mark.parametrize("restarts", [False, True])
def test_a_history_goes_on_with_its_conversation(tmp_path: Path, restarts: bool) -> None:
    async def work(one: Rig) -> None:
        name, chat = await grown(one, 3)
        if restarts:
            await one.restart()
        assert await say(one, [*chat, ("user", "And now?")]) == name
        assert [turn.text for turn in thread(one, name).path] == [*(text for _, text in chat), "And now?", "Answer 4."]

    in_a_rig(tmp_path, work)


@pytest.mark.parametrize("restarts", [False, True])
def test_a_name_leads_to_its_conversation_whatever_is_said(tmp_path: Path, restarts: bool) -> None:
    async def work(one: Rig) -> None:
        name, _ = await grown(one, 2, NAMED)
        if restarts:
            await one.restart()
        assert await say(one, [("user", "Something else.")], NAMED) == name
        assert await say(one, [("user", "Something else.")], b"X-VC-Conversation: another-name") != name

    in_a_rig(tmp_path, work)


def test_a_name_that_is_a_conversation_of_ours_leads_there(tmp_path: Path) -> None:
    async def work(one: Rig) -> None:
        name, _ = await grown(one, 2)
        await one.restart()
        assert await say(one, [("user", "Something else.")], b"X-VC-Conversation: %b" % name.encode()) == name

    in_a_rig(tmp_path, work)


def test_two_that_begin_with_the_same_words_are_two(tmp_path: Path) -> None:
    async def work(one: Rig) -> None:
        hello: Chat = [("user", "Hello!")]
        assert await say(one, hello) != await say(one, hello)

    in_a_rig(tmp_path, work)


def test_who_goes_on_from_the_middle_gets_a_conversation_of_its_own(tmp_path: Path) -> None:
    async def work(one: Rig) -> None:
        name, chat = await grown(one, 4)
        other = await say(one, [*chat[:4], ("user", "Let us go another way.")])
        assert other != name
        fork = thread(one, other)
        assert fork.conversation.forked_from == name
        assert [turn.text for turn in fork.path[:4]] == [text for _, text in chat[:4]]
        assert await say(one, [*chat, ("user", "On we go.")]) == name
        await one.restart()
        again = await say(one, [*chat[:4], ("user", "Let us go another way."), ("assistant", "Answer 5."), ("user", "Yes?")])
        assert again == other
        assert len(thread(one, other).path) == 8

    in_a_rig(tmp_path, work)


def test_with_a_new_name_nobody_joins_another_conversation(tmp_path: Path) -> None:
    async def work(one: Rig) -> None:
        name, chat = await grown(one, 3)
        other = await say(one, [*chat, ("user", "And now?")], NAMED)
        assert other != name
        assert thread(one, other).conversation.forked_from == name

    in_a_rig(tmp_path, work)


@pytest.mark.parametrize("restarts", [False, True])
def test_a_history_cut_short_is_known_by_its_end(tmp_path: Path, restarts: bool) -> None:
    async def work(one: Rig) -> None:
        name, chat = await grown(one, 6)
        if restarts:
            await one.restart()
        assert await say(one, [*chat[-6:], ("user", "And now?")]) == name
        assert await say(one, [*chat[3:5], ("user", "And now?")]) != name, "too little to tell"

    in_a_rig(tmp_path, work)


@pytest.mark.parametrize("restarts", [False, True])
def test_a_marker_leads_home_and_never_goes_up(tmp_path: Path, restarts: bool) -> None:
    async def work(one: Rig) -> None:
        name, _ = await grown(one, 2)
        if restarts:
            await one.restart()
        chat: Chat = [("assistant", f"Long ago.{marker(name)}"), ("user", f"Where were we?{marker(UUID)}")]
        assert await say(one, chat) == name
        assert one.sent.body == asking("anthropic", [("assistant", "Long ago."), ("user", "Where were we?")])
        lost: Chat = [("assistant", f"Long ago.{marker(UUID)}"), ("user", "Where were we?")]
        assert await say(one, lost) not in ("", name, UUID)

    in_a_rig(tmp_path, work)


def test_a_side_request_belongs_to_no_conversation(tmp_path: Path) -> None:
    async def work(one: Rig) -> None:
        title = "You are naming a coding session. Be short."
        for chat in ([*talk(2), ("user", "And?")], [("user", "Name this.")]):
            head, _ = await one.ask(PATHS["anthropic"], asking("anthropic", chat, system=title))
            assert len(chat) == 1 or conversation(head) == ""
            assert one.sent.body == asking("anthropic", chat, system=title)
        assert await stored(one, lambda store: store.counts()["turns"]) == 0

    in_a_rig(tmp_path, work)


def test_a_message_that_cannot_be_read_makes_memory_skip_the_request(tmp_path: Path) -> None:
    async def work(one: Rig) -> None:
        body = b'{"model":"m","messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"},{"role":"user","content":7}]}'
        head, _ = await one.ask(PATHS["anthropic"], body)
        assert conversation(head) == ""
        assert one.sent.body == body

    in_a_rig(tmp_path, work)


def test_a_request_made_again_after_no_answer_is_the_same(tmp_path: Path) -> None:
    async def run() -> None:
        fails = [True]

        def answer(received: object) -> bytes:
            return b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n" if fails[0] else echoing()(received)  # type: ignore[arg-type]

        async with rig(configured(tmp_path), answer) as one:
            chat: Chat = [("user", "One."), ("assistant", "Two."), ("user", "Three.")]
            name = await say(one, chat)
            fails[0] = False
            assert await say(one, chat) == name
            assert await say(one, [*chat, ("assistant", "Answer 1."), ("user", "Four.")]) == name

    asyncio.run(run())


def test_a_long_history_is_read_aside(tmp_path: Path) -> None:
    async def work(one: Rig) -> None:
        chat = talk(300)
        name = await say(one, [*chat, ("user", "And now?")])
        assert len(thread(one, name).path) == 602
        assert await say(one, [*chat, ("user", "And now?"), ("assistant", "Answer 1."), ("user", "More?")]) == name

    in_a_rig(tmp_path, work)


@pytest.mark.parametrize("restarts", [False, True])
def test_state_that_the_provider_keeps_is_followed_by_its_id(tmp_path: Path, restarts: bool) -> None:
    async def work(one: Rig) -> None:
        path = PATHS["openai_responses"]

        async def ask(text: str, previous: str = "") -> str:
            body = {"model": "m", "input": text} | ({"previous_response_id": previous} if previous else {})
            return conversation((await one.ask(path, json.dumps(body).encode()))[0])

        name = await ask("Remember the number 17.")
        if restarts:
            await one.restart()
        assert await ask("Which number?", "resp_1") == name
        assert await ask("And again?", "resp_2") == name
        assert await ask("And again?", "resp_77") != name
        assert [turn.text for turn in thread(one, name).path] == [
            "Remember the number 17.", "Answer 1.", "Which number?", "Answer 2.", "And again?", "Answer 3."
        ]  # fmt: skip

    in_a_rig(tmp_path, work, "openai_responses")


def test_projects_never_meet(tmp_path: Path) -> None:
    """The same history in two projects is two conversations."""

    async def work(one: Rig) -> None:
        name, chat = await grown(one, 3, b"X-VC-Project: one")
        assert await say(one, [*chat, ("user", "And?")], b"X-VC-Project: two") != name
        assert await say(one, [*chat, ("user", "And?")]) != name
        assert await say(one, [*chat, ("user", "And?")], b"X-VC-Project: one") == name

        named = [await say(one, [("user", "Hi there.")], NAMED, *project) for project in ((), (b"X-VC-Project: a",), (b"X-VC-Project: b",))]
        assert len(set(named)) == 3
        assert await say(one, [("user", "More.")], b"X-VC-Conversation: %b" % name.encode(), b"X-VC-Project: two") != name
        await one.restart()
        assert await say(one, [*chat, ("user", "And?")], b"X-VC-Project: two") != name
        assert await say(one, [*chat[-2:], ("user", "And?")], b"X-VC-Project: two") != name
        for project, conversation_of in zip((b"a", b"b"), named[1:], strict=True):
            assert await say(one, [("user", "Hi there.")], NAMED, b"X-VC-Project: %b" % project) == conversation_of
        assert await say(one, [("user", "More.")], b"X-VC-Conversation: %b" % name.encode(), b"X-VC-Project: two") != name
        assert await say(one, [*chat, ("user", "And?"), ("assistant", "Answer 6."), ("user", "So?")], b"X-VC-Project: one") == name

    in_a_rig(tmp_path, work)
