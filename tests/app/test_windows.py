"""Clients that send their last few messages only, and say little: what is too short to be known by its words is known by the marker."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from itertools import permutations
from pathlib import Path

import pytest

from backstory.core.message import Text
from backstory.core.reply import Reply
from backstory.core.wire import Wire
from backstory.wires import WIRES
from tests.rig import PATHS, Rig, asking, chunked, reply, rig, said, settings, with_marker

SYSTEM = "You help."
MARKER = re.compile(rb"<!-- vc:conversation=([0-9a-f-]{36}) -->")
SHORT = (
    "hi",
    "Lisbon",
    "in May",
    "two of us",
    "ok",
    "no planes",
    "yes",
    "my code is amber-77",
    "museums?",
    "and food?",
    "ok",
    "rain?",
    "great",
    "ok",
)


class Window:
    """A client without a name that keeps so many messages. `named`: the conversations of its answers, and how often each."""

    def __init__(self, one: Rig, wire: Wire, keeps: int, stream: bool) -> None:
        self.one, self.wire, self.keeps, self.stream = one, wire, keeps, stream
        self.chat: list[tuple[str, str]] = []
        self.named: Counter[bytes] = Counter()

    async def ask(self, text: str) -> bytes:
        """The request as it reached the provider."""
        self.chat = [*self.chat, ("user", text)][-self.keeps :]
        path, more = PATHS[self.wire.name], dict[str, object]()
        leading = [("system", SYSTEM)] if self.wire.name == "openai_chat" else []
        if self.stream and self.wire.name == "gemini":
            path = path.replace("generateContent", "streamGenerateContent") + "?alt=sse"
        elif self.stream:
            more["stream"] = True
        head, body = await self.one.ask(path, asking(self.wire.name, [*leading, *self.chat], **more))
        assert head.startswith(b"HTTP/1.1 200"), head
        named = MARKER.search(body)
        self.chat.append(("assistant", "Good." + (f"\n{named.group().decode()}" if named else "")))
        self.named.update(re.findall(rb"X-VC-Conversation: (\S+)", head))
        sent = self.one.sent.body
        assert b"vc:conversation" not in sent
        return sent


@pytest.mark.parametrize("keeps", [3, 4, 5])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.name)
def test_a_window_of_a_few_short_messages_has_a_memory(tmp_path: Path, wire: Wire, stream: bool, keeps: int) -> None:
    written = wire.write(Reply((Text("Good."),), "stop"), True)

    async def work() -> None:
        config = with_marker(settings(tmp_path), "auto")
        async with rig(config, lambda _: chunked([written]) if stream else reply(said(wire.name, "Good."))) as one:
            client, other = Window(one, wire, keeps, stream), Window(one, wire, keeps, stream)
            for place, text in enumerate(SHORT):
                await client.ask(text)
                await other.ask("ok" if text.startswith("my code") else text)
                if place == len(SHORT) // 2:
                    await one.restart()
            assert b"amber-77" in await client.ask("What is my code?")
            assert b"amber-77" not in await other.ask("What is my code?")
            assert max(client.named.values()) >= len(SHORT) - 2, "one from where its client began to cut"
            assert not one.failures()

    asyncio.run(work())


def test_examples_in_front_of_a_programs_questions_are_no_conversation(tmp_path: Path) -> None:
    """Others each time, as a selector chooses them: the program gets the answers as they were given."""
    examples = [("Great!", "good"), ("Awful.", "bad"), ("It works.", "good"), ("It broke.", "bad"), ("Meh.", "so so")]

    async def work() -> None:
        async with rig(with_marker(settings(tmp_path), "auto"), lambda _: reply(said("openai_chat", "good"))) as one:
            for number, chosen in enumerate(permutations(examples, 2)):
                chat = [line for asked, answer in chosen for line in (("user", asked), ("assistant", answer))]
                _, body = await one.ask(PATHS["openai_chat"], asking("openai_chat", [*chat, ("user", f"Review {number}.")]))
                assert body == said("openai_chat", "good")

    asyncio.run(work())


def test_a_history_that_nobody_has_heard_is_not_marked(tmp_path: Path) -> None:
    """Nothing tells that its client has cut it: the answer comes as it was given."""

    async def work() -> None:
        async with rig(with_marker(settings(tmp_path), "auto"), lambda _: reply(said("openai_chat", "Good."))) as one:
            for count in (3, 5, 7):
                chat = [("user" if place % 2 == 0 else "assistant", f"word {count} {place}") for place in range(count)]
                _, body = await one.ask(PATHS["openai_chat"], asking("openai_chat", chat))
                assert body == said("openai_chat", "Good.")

    asyncio.run(work())
