"""A client that cuts its history keeps its conversation, whatever it asks again; and never gets anybody else's."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from backstory.memory.identity.excerpt import telling
from backstory.memory.reading.turns import Line
from backstory.stages import excerpts
from tests.relay.world import Received
from tests.rig import PATHS, Rig, asking, reply, rig, said
from tests.stages.world import Chat, configured, conversation, stored, thread

HEARTBEAT: Chat = [
    ("user", "Read HEARTBEAT.md if it exists. Follow it strictly, and do not infer old tasks."),
    ("assistant", "HEARTBEAT_OK"),
]
SECRET = "My locker code is 7731 and my cat is called Biscuit."
ASKED = "What is my locker code, and how is my cat called?"


class Client:
    """One client: what it has of its history, and what it is answered. `system`: a text of its own for each request."""

    def __init__(self, one: Rig, system: str = "", wire: str = "anthropic") -> None:
        self.one = one
        self.system = system
        self.wire = wire
        self.chat: Chat = []
        self.count = 0

    async def ask(self, text: str = "", answer: str = "") -> str:
        """The conversation of a request with one more message, where there is one. It is answered with a text of its own by default."""
        if text:
            self.chat.append(("user", text))
        self.count += 1
        NEXT[0] = answer or f"This is answer {self.count} of {self.system}, in words of its own."
        system: dict[str, Any] = {"system": self.system} if self.system else {}
        if self.wire == "openai_responses":
            system = {"instructions": self.system}
        elif self.wire == "gemini":
            system = {"systemInstruction": {"parts": [{"text": self.system}]}}
        leading = [("system", self.system)] if self.system and self.wire == "openai_chat" else []
        head, _ = await self.one.ask(PATHS[self.wire], asking(self.wire, [*leading, *self.chat], **({} if leading else system)))
        self.chat.append(("assistant", NEXT[0]))
        return conversation(head)

    async def grow(self, rounds: int) -> str:
        name = await self.ask(SECRET)
        for number in range(rounds):
            assert await self.ask(f"Question {number} of {self.system}: how is the weather in town {number * 7}?") == name
        return name

    def sent(self) -> str:
        return self.one.sent.body.decode()


NEXT = [""]


def in_a_rig(folder: Path, work: Callable[[Rig], Awaitable[None]], wire: str = "anthropic") -> None:
    async def run() -> None:
        async with rig(configured(folder), lambda _: reply(said(wire, NEXT[0], 1))) as one:
            await work(one)
            assert not one.failures()
            assert await twice(one) == []

    asyncio.run(run())


async def twice(one: Rig) -> list[tuple[str, bytes]]:
    """What stands twice in one conversation: no history may."""
    rows = await stored(one, lambda store: [(c.id, row.chain) for c, _ in store.conversations(None, 99) for row in store.turns(c.id)])
    return [row for row, count in Counter(rows).items() if count > 1]


@pytest.mark.parametrize("restarts", [False, True], ids=["running", "restarted"])
@pytest.mark.parametrize("what", ["again", "edited", "regenerated"])
def test_who_cuts_and_asks_again_keeps_its_conversation(tmp_path: Path, what: str, restarts: bool) -> None:
    async def work(one: Rig) -> None:
        client = Client(one)
        name = await client.grow(10)
        del client.chat[:14]
        assert await client.ask(ASKED) == name
        assert "7731" in client.sent()
        if restarts:
            await one.restart()
        client.chat.pop()
        if what == "edited":
            client.chat[-1] = ("user", "Please tell me my locker code, and the name of the cat.")
        elif what == "regenerated":
            del client.chat[-2:]
        assert await client.ask() == name
        if restarts:
            await one.restart()
        assert await client.ask("Once more: what is my locker code?") == name
        assert "7731" in client.sent()

    in_a_rig(tmp_path, work)


@pytest.mark.parametrize("system", [("You are the agent of Alice.", "You are the agent of Bob."), ("You help.", "You help."), ("", "")])
@pytest.mark.parametrize("restarts", [False, True], ids=["running", "restarted"])
def test_two_that_end_in_the_same_words_never_meet(tmp_path: Path, system: tuple[str, str], restarts: bool) -> None:
    async def work(one: Rig) -> None:
        alice, bob = Client(one, system[0]), Client(one, system[1])
        names = []
        for client, word in ((alice, "tangerine"), (bob, "quokka")):
            for number in range(6):
                name = await client.ask(f"Fact {number}: the {word} has the number {number}99.", f"Noted, {word} {number}.")
            names.append(name)
        for client in (bob, alice):
            for question, answer in (HEARTBEAT[0][1], HEARTBEAT[1][1]), ("continue", "I have done what there was to do."):
                for _ in range(3):
                    await client.ask(question, answer)
        if restarts:
            await one.restart()
        seen: list[set[str]] = []
        for client, word, other in ((bob, "quokka", "tangerine"), (alice, "tangerine", "quokka")):
            mine = set()
            for question in ("continue", f"What number has the {word}?", "continue", "continue"):
                del client.chat[:-8]
                mine.add(await client.ask(question, "As before."))
                assert other not in client.sent()
            seen.append(mine)
        assert not seen[0] & (seen[1] | {names[0]})
        assert not seen[1] & {names[1]}

    in_a_rig(tmp_path, work)


@pytest.mark.parametrize("wire", sorted(PATHS))
@pytest.mark.parametrize("keeps", [7, 21])
@pytest.mark.parametrize("restarts", [False, True], ids=["running", "restarted"])
def test_what_was_once_taken_for_another_is_not_so_at_every_request(tmp_path: Path, wire: str, keeps: int, restarts: bool) -> None:
    """Its system prompt has changed; its window holds what both conversations have, and only few words of its own."""

    async def work(one: Rig) -> None:
        client = Client(one, "You are a pilot.", wire)
        first = await client.grow(14)
        client.system = "You are a pilot and a cook."
        names = set()
        for number in range(8):
            client.chat = client.chat[1 - keeps :]
            names.add(await client.ask(f"And then? {number}", f"Then comes this: the {number}th of many steps."))
            if restarts and number == 3:
                await one.restart()
        assert first not in names
        assert len(names) == 1

    in_a_rig(tmp_path, work, wire)


def test_who_has_what_two_have_is_neither(tmp_path: Path) -> None:
    """One began with a copy of the other's words: what both have said proves nothing, however much it is."""

    async def work(one: Rig) -> None:
        client = Client(one, "You are a pilot.")
        first = await client.grow(8)
        client.system, chat = "You are a pilot and a cook.", client.chat[-7:]
        client.chat = client.chat[-6:]
        second = await client.ask("And then?", "As before.")
        assert second != first
        stranger = Client(one, "You are a pilot and a cook.")
        stranger.chat = chat[-4:]
        assert await stranger.ask("What else?", "Nothing.") not in (first, second)
        stranger.chat = [*chat[-4:], ("user", "And then?"), ("assistant", "As before.")]
        assert await stranger.ask("What else?", "Nothing.") not in (first, second)

    in_a_rig(tmp_path, work)


def test_who_says_the_very_same_is_not_asking_again(tmp_path: Path) -> None:
    """Two with nothing but canned words in their windows send the same bytes."""

    async def work(one: Rig) -> None:
        alice, bob = Client(one), Client(one)
        for client in (alice, bob):
            await client.grow(2)
            for _ in range(4):
                await client.ask(*(text for _, text in HEARTBEAT))
            del client.chat[:-6]
        assert await alice.ask("continue", "Done.") != await bob.ask("continue", "Done.")

    in_a_rig(tmp_path, work)


def test_another_agent_is_not_taken_for_the_one_whose_words_it_has(tmp_path: Path) -> None:
    async def work(one: Rig) -> None:
        client = Client(one, "You are the agent of Alice.")
        name = await client.grow(8)
        del client.chat[:10]
        assert await client.ask("And?") == name
        client.chat.pop()
        client.system = ""
        assert await client.ask() == name, "a prompt that was cut off with the rest tells nothing"
        client.chat.pop()
        client.system = "You extract memories."
        assert await client.ask() != name

    in_a_rig(tmp_path, work)


def test_the_system_prompt_of_a_conversation_is_kept_as_a_hash(tmp_path: Path) -> None:
    async def work(one: Rig) -> None:
        client = Client(one, "You are the agent of Alice.")
        name = await client.ask("Hello there.")
        record = await stored(one, lambda store: store.conversation("", name))
        assert record is not None
        assert len(record.system_hash) == 16
        other = Client(one, "You are the agent of Alice.")
        other.chat = [("user", "One."), ("assistant", "Two.")]
        named = await other.ask("Three.")
        second = await stored(one, lambda store: store.conversation("", named))
        assert second is not None
        assert second.system_hash == record.system_hash

    in_a_rig(tmp_path, work)


@pytest.mark.parametrize("cut", [4, 10])
@pytest.mark.parametrize("restarts", [False, True], ids=["running", "restarted"])
def test_who_goes_back_to_an_earlier_branch_finds_it_as_it_was(tmp_path: Path, cut: int, restarts: bool) -> None:
    async def work(one: Rig) -> None:
        client = Client(one)
        name = await client.grow(11)
        del client.chat[:cut]
        assert await client.ask(ASKED) == name
        first = client.chat[:]
        assert await client.ask("And in which town did it rain?") == name
        second, before = client.chat[:], json.loads(client.sent())["messages"]
        assert any("<recalled>" in str(message) for message in before)
        client.chat = first[:-4]
        assert await client.ask("Something else: tell me a joke.") == name
        if restarts:
            await one.restart()
        client.chat = second
        assert await client.ask("Back to the code: is it 7731?") == name
        assert json.loads(client.sent())["messages"][: len(before)] == before
        assert await twice(one) == []
        assert [turn.text for turn in thread(one, name).path][-6:] == [text for _, text in client.chat[-6:]]

    in_a_rig(tmp_path, work)


async def beside(one: Rig, client: Client, *asked: str) -> tuple[str, str]:
    """A conversation, and the one that its client gets when it goes on from another branch (`asked`: what it asks there, and the answer)
    while a request of the first is under way."""
    name = await client.grow(8)
    del client.chat[:6]
    first = client.chat[:]
    assert await client.ask("One way, with a bridge over the river.") == name
    aside = client.chat[:]
    client.chat = first[:]
    assert await client.ask("Another way, through the tunnel.") == name
    busy = thread(one, name)
    busy.busy += 1
    client.chat = aside
    other = await client.ask(*asked)
    busy.busy -= 1
    assert other != name
    return name, other


def test_a_branch_that_is_in_use_is_left_alone(tmp_path: Path) -> None:
    """Another request of the conversation is under way: who goes on from another branch gets a conversation of its own there."""

    async def work(one: Rig) -> None:
        client = Client(one)
        name, other = await beside(one, client, "How long is the bridge?")
        assert thread(one, other).conversation.forked_from == name
        assert [turn.text for turn in thread(one, other).path][-4:] == [text for _, text in client.chat[-4:]]
        assert thread(one, name).path[-1].text != client.chat[-1][1]

    in_a_rig(tmp_path, work)


@pytest.mark.parametrize("restarts", [False, True], ids=["running", "restarted"])
def test_who_has_got_a_conversation_of_its_own_keeps_it_however_short_its_words_are(tmp_path: Path, restarts: bool) -> None:
    async def work(one: Rig) -> None:
        client = Client(one)
        _, other = await beside(one, client, "How long?", "Short.")
        if restarts:
            await one.restart()
        for _ in range(3):
            del client.chat[:2]
            assert await client.ask("And then?", "Done.") == other

    in_a_rig(tmp_path, work)


def test_of_two_with_the_same_words_none_is_meant(tmp_path: Path) -> None:
    async def work(one: Rig) -> None:
        names = set()
        for project in (b"a", b"b"):
            chat: Chat = [("user", f"What is the weather like in town number {number}?") for number in range(3)]
            NEXT[0] = f"It rains, {project!r}."
            full = [part for one_ in chat for part in (one_, ("assistant", f"In {one_[1][-2:]} it rains and rains all the day."))]
            full = [("user", f"Hello from {project!r}."), ("assistant", "Hello."), *full]
            head, _ = await one.ask(PATHS["anthropic"], asking("anthropic", [*full, ("user", "So?")]), b"X-VC-Conversation: " + project)
            names.add(conversation(head))
        lines = [Line(turn.kind, turn.content, turn.role, turn.text) for turn in thread(one, names.copy().pop()).path]
        threads = one.engine.threads
        assert threads is not None
        assert telling(lines)
        assert await excerpts.whole(threads, "", "", lines[2:]) is None

    in_a_rig(tmp_path, work)


@pytest.mark.parametrize("cuts", [False, True])
def test_the_marker_is_written_again_before_it_is_cut_off(tmp_path: Path, cuts: bool) -> None:
    """Short words tell nothing; the marker does."""

    async def run() -> None:
        async with rig(configured(tmp_path, threshold=8, marker="auto"), lambda _: reply(said("anthropic", "Done."))) as one:
            names, chat, marked = set(), [], 0  # type: set[str], Chat, int
            for number in range(24):
                chat = chat[-12:] if cuts else chat
                chat.append(("user", f"Step {number}"))
                head, body = await one.ask(PATHS["anthropic"], asking("anthropic", chat))
                assert b"vc:conversation" not in one.sent.body
                chat.append(("assistant", json.loads(body)["content"][0]["text"]))
                marked += "vc:conversation" in chat[-1][1]
                names.add(conversation(head))
            assert len(names) == 1
            assert marked == 2 if not cuts else 2 < marked < 9

    asyncio.run(run())


def test_what_another_process_has_gone_on_with_is_read_again(tmp_path: Path) -> None:
    async def run() -> None:
        def answer(_: Received) -> bytes:
            return reply(said("anthropic", NEXT[0], 1))

        async with rig(configured(tmp_path), answer) as one, rig(configured(tmp_path), answer) as two:
            client = Client(one)
            name = await client.grow(9)
            await stored(one, lambda store: None)
            for place in range(4):
                del client.chat[:-10]
                client.one = (two, one)[place % 2]
                assert await client.ask(f"Step {place}: how far is it to the harbour in town {place * 3}?") == name
                await stored(client.one, lambda store: None)
            assert not one.failures()
            assert not two.failures()

    asyncio.run(run())


@pytest.mark.parametrize("wire", ["anthropic", "openai_chat", "openai_responses", "gemini"])
def test_an_agent_that_sums_up_with_a_prompt_of_its_own_and_keeps_its_last_messages_is_known(tmp_path: Path, wire: str) -> None:
    """LangChain quotes the history in one message, and puts the summary in front of what it keeps."""

    async def work() -> None:
        async with rig(configured(tmp_path), lambda _: reply(said(wire, NEXT[0], 1))) as one:
            client, other = Client(one, "sailing", wire), Client(one, "sailing", wire)
            name = await client.grow(6)
            for _ in range(2):
                quoted = "\n".join(f"{'Human' if role == 'user' else 'AI'}: {text}" for role, text in client.chat)
                other.chat = []
                await other.ask(
                    f"<role>\nContext Extraction Assistant\n</role>\n\n<messages>\nMessages to summarize:\n{quoted}\n</messages>"
                )
                client.chat = [("user", "Here is a summary of the conversation to date:\n\nThe weather in towns."), *client.chat[-4:]]
                assert await client.ask(ASKED) == name
                assert b"7731" in one.sent.body
                for number in range(3):
                    assert await client.ask(f"Question {number} after it: and how is the wind there?") == name
            names = await stored(one, lambda store: [record.id for record, _ in store.conversations(None, 99)])
            assert names == [name]
            assert not one.failures()

    asyncio.run(work())
