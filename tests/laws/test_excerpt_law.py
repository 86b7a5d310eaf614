"""A client that cuts its history has one conversation, whatever it edits, asks again or goes back to; no history is stored twice, and what
was once sent with a message is sent with it again, until its client cuts anew and the provider's cache is lost: then it is left out for
good. And clients that share what they say, but for their own, never share a conversation.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections import Counter
from pathlib import Path

from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from backstory.config import Config
from tests.relay.world import Received
from tests.rig import PATHS, Rig, asking, reply, rig, said
from tests.stages.world import Chat, configured, conversation, stored

KEPT = 6
"""A client keeps so many messages at least: of less nobody can tell whose they are."""
CANNED = (
    ("continue", "I have continued with the work that we had agreed upon."),
    ("Read HEARTBEAT.md if it exists, and follow it strictly.", "HEARTBEAT_OK"),
    ("ok", "Is there anything else that I can help you with today?"),
    ("What is the state of the deployment of the service?", "The deployment is running, and there are no errors in it."),
)
SYSTEMS = ("", "You are a helpful assistant.", "You are the agent of Alice.")
_LAW = settings(
    deadline=None, suppress_health_check=[HealthCheck.too_slow], phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink)
)

Move = tuple[str, int]
moves = st.lists(
    st.tuples(st.sampled_from(["ask", "ask", "recall", "cut", "edit", "again", "regenerate", "back", "return"]), st.integers(1, 6)),
    min_size=3,
    max_size=14,
)


class Window:
    """One client: all that was said on its branch, and from where on it sends it. `began`: from where on it did the last time. `sent`: what
    went up for each history."""

    def __init__(self, one: Rig) -> None:
        self.one = one
        self.full: Chat = []
        self.start = self.began = 0
        self.count = 0
        self.names: set[str] = set()
        self.left: list[tuple[Chat, int]] = []
        self.sent: dict[tuple[tuple[str, str], ...], str] = {}

    async def ask(self, text: str = "") -> None:
        self.count += 1
        if text:
            self.full.append(("user", text))
        chat = self.full[self.start :]
        head, body = await self.one.ask(PATHS["anthropic"], asking("anthropic", chat))
        self.names.add(conversation(head))
        went = [message["content"] for message in json.loads(self.one.sent.body)["messages"]]
        assert len(went) == len(chat)
        for place, text_sent in enumerate(went, self.start + 1):
            known = self.sent.setdefault(tuple(self.full[:place]), text_sent)
            own, newest = self.full[place - 1][1], place == len(self.full)
            if known != text_sent and not newest:
                assert self.start != self.began, "what was sent is sent again"
            assert own in (known, text_sent) or known == text_sent, "or nothing is; who asks again has it back"
            self.sent[tuple(self.full[:place])] = text_sent
        self.began = self.start
        self.full.append(("assistant", json.loads(body)["content"][0]["text"]))

    def question(self) -> str:
        return f"Question {self.count}: how is the weather in town number {self.count * 7}?"

    async def move(self, what: str, number: int) -> None:
        room = len(self.full) - self.start - KEPT
        if what == "cut" and room >= 2:
            self.start += min(2 * number, room - room % 2)
        elif what == "edit" and room >= 2:
            del self.full[-2:]
            await self.ask(f"{self.question()} It is said otherwise now.")
        elif what == "again":
            self.full.pop()
            await self.ask()
        elif what == "regenerate" and room >= 4:
            del self.full[-3:]
            await self.ask()
        elif what == "back" and room >= 2:
            self.left.append((self.full[:], self.start))
            del self.full[len(self.full) - min(2 * number, room - room % 2) :]
            await self.ask(f"{self.question()} That is another way.")
        elif what == "return" and self.left:
            self.full, self.start = self.left.pop(0)
            await self.ask(self.question())
        elif what == "recall":
            await self.ask(f"{self.question()} And what was my locker code?")
        else:
            await self.ask(self.question())


async def law(config: Config, script: list[Move], restarts: int) -> None:
    count = [0]

    def answer(_: Received) -> bytes:
        count[0] += 1
        return reply(said("anthropic", f"This is answer number {count[0]}, in words of its own.", count[0]))

    async with rig(config, answer) as one:
        client = Window(one)
        await client.ask("My locker code is 7731 and my cat is called Biscuit.")
        for _ in range(9):
            await client.ask(client.question())
        client.start = 8
        for place, (what, number) in enumerate(script):
            if place == restarts:
                await one.restart()
            await client.move(what, number)
        rows = await stored(one, lambda store: [(c.id, row.chain) for c, _ in store.conversations(None, 99) for row in store.turns(c.id)])
        assert len(client.names) == 1
        assert [row for row, times in Counter(rows).items() if times > 1] == []
        assert not one.failures()


@settings(_LAW, max_examples=20)
@example([("back", 1), ("ask", 1), ("return", 1)], 0)
@given(moves, st.integers(0, 14))
def test_a_client_that_cuts_has_one_conversation(script: list[Move], restarts: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(law(configured(Path(folder)), script, restarts))


@settings(_LAW, max_examples=20)
@given(
    st.sampled_from(SYSTEMS),
    st.sampled_from(SYSTEMS),
    st.lists(st.tuples(st.booleans(), st.integers(0, len(CANNED) - 1), st.integers(2, 12), st.booleans()), min_size=4, max_size=14),
    st.integers(0, 14),
)
def test_clients_that_share_their_words_share_no_conversation(
    first: str, second: str, script: list[tuple[bool, int, int, bool]], restarts: int
) -> None:
    """`script`: whose turn it is, what is said, how many messages are kept, and whether something of its own is said instead."""

    async def work(folder: Path) -> None:
        text = [""]
        async with rig(configured(folder), lambda _: reply(said("anthropic", text[0]))) as one:
            systems, chats = (first, second), ([], [])  # type: tuple[str, str], tuple[Chat, Chat]
            words = ("tangerine", "quokka")

            async def ask(who: int, question: str, answer: str, kept: int) -> None:
                text[0] = answer
                chat = chats[who]
                del chat[: max(0, len(chat) - kept)]
                chat.append(("user", question))
                system = {"system": systems[who]} if systems[who] else {}
                await one.ask(PATHS["anthropic"], asking("anthropic", chat, **system))
                chat.append(("assistant", answer))
                assert words[1 - who].encode() not in one.sent.body

            for who, word in enumerate(words):
                for number in range(4):
                    await ask(who, f"Fact {number}: the {word} has the number {number}99, and a name.", f"The {word} is noted.", 99)
            for place, (who, what, kept, own) in enumerate(script):
                if place == restarts:
                    await one.restart()
                question, answer = CANNED[what]
                word = words[who]
                await ask(who, f"What number has my {word}, for the {place}th time?" if own else question, answer, 2 * (kept // 2))
            texts = await stored(
                one, lambda store: [" ".join(row.text for row in store.turns(c.id)) for c, _ in store.conversations(None, 99)]
            )
            assert not [text for text in texts if all(word in text for word in words)], "what both have said alone may stand where it likes"
            assert not one.failures()

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(work(Path(folder)))
