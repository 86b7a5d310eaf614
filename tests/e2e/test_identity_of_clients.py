"""Each client's conversation is one conversation in the store, whatever its client does, and nobody else's."""

from __future__ import annotations

import asyncio
import json
import signal
import urllib.request
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from uuid import UUID

import pytest

from backstory.core.records import Conversation as Record
from backstory.core.records import Turn
from backstory.memory.identity.thread import branch
from backstory.stages.loading import load_turns
from backstory.stores.database import open_store

from ..rig import Rig, reply, rig, settings
from .conftest import Proxy
from .shapes import (
    NAMED,
    SHAPES,
    Anthropic,
    Chat,
    ClaudeCode,
    Codex,
    Conversation,
    GeminiCli,
    LastWords,
    Previous,
    References,
    Responses,
    Shape,
    answer,
)

EVERY = pytest.mark.parametrize("kind", SHAPES, ids=lambda kind: kind.__name__.lower())
FIRST = "I will travel to Aveiro in May with my two children, and we like trams."
ERROR = b'{"type":"error","error":{"type":"overloaded_error","message":"busy"}}'
_sessions = count(1)


def session() -> str:
    """A name that no other conversation has."""
    return str(UUID(int=next(_sessions) << 64))


class World:
    """A proxy, a provider that answers with numbers, and what is in the store."""

    def __init__(self, one: Rig) -> None:
        self.one = one
        self.number = 0
        self.pending: list[bytes] = []
        self.every: list[Turn] = []

    async def send(self, shape: Shape, body: bytes, text: str, called: bool = False) -> str:
        """One exchange that the client hears to its end; the answer's text."""
        self.number += 1
        self.pending.append(reply(answer(shape, text, called, self.number)))
        head, _ = await self.one.ask(shape.path, body, *shape.headers())
        assert head.startswith(b"HTTP/1.1 200"), head
        shape.hear(text, called, self.number)
        return text

    async def say(self, shape: Shape, text: str) -> str:
        """A person says this, and the model answers with the number of the answer."""
        return await self.send(shape, shape.ask(text), f"This is answer number {self.number}, and it is about trains.")

    async def work(self, shape: Shape, text: str) -> str:
        """A person says this, and the model uses the tool before it answers."""
        await self.send(shape, shape.ask(text), f"Let me look ({self.number}).", called=True)
        return await self.send(shape, shape.tell(f"result {self.number}"), f"After a look ({self.number}): the sun shines there.")

    async def fails(self, shape: Shape, body: bytes) -> None:
        """The provider is overloaded."""
        self.pending.append(reply(ERROR, status=b"529 Overloaded"))
        head, _ = await self.one.ask(shape.path, body, *shape.headers())
        assert head.startswith(b"HTTP/1.1 529")

    async def kept(self) -> list[tuple[Record, list[Turn]]]:
        """Every conversation in the store with its current branch, in the order in which they began; in `every` all turns.
        Restarts the proxy."""
        await self.one.stop()
        store = open_store(self.one.config.storage.url)
        try:
            records = [record for record, _ in store.conversations(None)]
            found = [(record, branch(load_turns(store, record))) for record in records]
            self.every = [turn for record in records for turn in store.turns(record.id)]
        finally:
            store.close()
        await self.one.start()
        return sorted(found, key=lambda pair: pair[0].created)


@asynccontextmanager
async def world(folder: Path) -> AsyncIterator[World]:
    made: list[World] = []
    async with rig(settings(folder), lambda _: made[0].pending.pop(0)) as one:
        made.append(World(one))
        yield made[0]


def run(folder: Path, test: Callable[[World], Awaitable[None]]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(30), world(folder) as w:
            await test(w)
            assert not w.one.failures()

    asyncio.run(limited())


def spoken(turns: list[Turn], role: str) -> list[str]:
    return [turn.text for turn in turns if turn.kind == "spoken" and turn.role == role]


@EVERY
def test_turns_work_a_resume_and_restarts_are_one_conversation(tmp_path: Path, kind: type[Shape]) -> None:
    async def test(w: World) -> None:
        shape = kind(session())
        asked = [FIRST, "What is the weather like there in spring?", "Is the tram museum far?", "And which bridge?", "Is there a beach?"]
        answers = [await w.say(shape, asked[0]), await w.work(shape, asked[1])]
        await w.one.restart()
        shape.resume()
        answers.append(await w.work(shape, asked[2]))
        answers.append(await w.say(shape, asked[3]))
        await w.one.restart()
        answers.append(await w.say(shape, asked[4]))
        ((_, turns),) = await w.kept()
        assert spoken(turns, "user") == asked
        assert [text for text in spoken(turns, "assistant") if not text.startswith("Let me look")] == answers
        assert len(turns) == 14 + 2 * (shape.wire == "openai_responses"), [(turn.role, turn.kind, turn.text) for turn in turns]

    run(tmp_path, test)


@EVERY
def test_two_that_begin_alike_never_share(tmp_path: Path, kind: type[Shape]) -> None:
    async def test(w: World) -> None:
        one, other = kind(session()), kind(session())
        for shape in (one, other):
            await w.send(shape, shape.ask("Hi."), "Hello.")
        await w.send(one, one.ask("My codeword is quokka."), "Noted.")
        await w.send(other, other.ask("What is my codeword?"), "I do not know.")
        assert b"quokka" not in w.one.sent.body
        kept = await w.kept()
        assert len(kept) == 2
        assert Counter(text for _, turns in kept for text in spoken(turns, "user")) == Counter(
            ["Hi.", "Hi.", "My codeword is quokka.", "What is my codeword?"]
        )
        assert all(len(turns) == 4 for _, turns in kept)

    run(tmp_path, test)


@EVERY
def test_a_request_made_again_is_no_second_turn(tmp_path: Path, kind: type[Shape]) -> None:
    async def test(w: World) -> None:
        shape = kind(session())
        await w.say(shape, FIRST)
        body = shape.ask("Which month is best?")
        await w.fails(shape, body)
        unstreamed = body.replace(b'{"model": "m", ', b'{"model": "m", "stream": false, ', 1)
        for again in [body] if kind is Conversation else [body, unstreamed]:  # what the provider keeps, it has twice then
            w.number += 1
            w.pending.append(reply(answer(shape, "May is best.", False, w.number)))
            await w.one.ask(shape.path, again, *shape.headers())
        shape.hear("May is best.", False, w.number)
        await w.say(shape, "Thank you.")
        ((_, turns),) = await w.kept()
        assert spoken(turns, "user") == [FIRST, "Which month is best?", "Thank you."]
        assert len(turns) == 6

    run(tmp_path, test)


@EVERY
def test_a_name_is_kept_although_the_first_request_failed(tmp_path: Path, kind: type[Shape]) -> None:
    async def test(w: World) -> None:
        shape = kind(session())
        body = shape.ask(FIRST)
        await w.fails(shape, body)
        await w.send(shape, body, "A fine place.")
        await w.one.restart()
        await w.say(shape, "Which month is best?")
        ((_, turns),) = await w.kept()
        assert spoken(turns, "user") == [FIRST, "Which month is best?"]

    run(tmp_path, test)


@pytest.mark.parametrize("kind", [kind for kind in SHAPES if kind.__name__ != "Conversation"], ids=lambda kind: kind.__name__.lower())
def test_an_edited_message_is_a_branch_that_knows_nothing_of_the_other(tmp_path: Path, kind: type[Shape]) -> None:
    async def test(w: World) -> None:
        shape = kind(session())
        await w.say(shape, FIRST)
        await w.say(shape, "My codeword is quokka.")
        await w.send(shape, shape.edit("My codeword is walrus."), "Noted.")
        await w.say(shape, "Which month is best?")
        kept = await w.kept()
        assert len(kept) == (1 if kind in NAMED else 2), "a name keeps branches together"
        assert spoken(kept[-1][1], "user") == [FIRST, "My codeword is walrus.", "Which month is best?"]
        said = Counter(spoken(w.every, "user"))
        assert said == Counter([FIRST, "My codeword is quokka.", "My codeword is walrus.", "Which month is best?"]), (
            "nothing is stored twice"
        )

    run(tmp_path, test)


@pytest.mark.parametrize(
    "kind", [Anthropic, Chat, Responses, GeminiCli, ClaudeCode, Previous, References], ids=lambda kind: kind.__name__.lower()
)
def test_an_answer_made_again_is_a_branch(tmp_path: Path, kind: type[Shape]) -> None:
    async def test(w: World) -> None:
        shape = kind(session())
        await w.say(shape, FIRST)
        await w.send(shape, shape.ask("Which month is best?"), "May is best for a walk in the lagoon.")
        await w.send(shape, shape.edit("Which month is best?"), "June is best for a walk in the lagoon.")
        await w.say(shape, "Why that one?")
        kept = await w.kept()
        turns = kept[-1][1]
        assert spoken(turns, "user") == [FIRST, "Which month is best?", "Why that one?"]
        assert spoken(turns, "assistant")[1] == "June is best for a walk in the lagoon."
        said = Counter(spoken(w.every, "user"))
        assert set(said.values()) == {1}, "the question is stored once"

    run(tmp_path, test)


def test_a_subagent_has_a_conversation_of_its_own(tmp_path: Path) -> None:
    async def test(w: World) -> None:
        name = session()
        parent, agent = ClaudeCode(name), ClaudeCode(name)
        agent.agent = "agent-7"
        thread, child = Codex(session()), Codex("")
        child.session, child.thread = thread.session, session()
        for shape in (parent, agent, thread, child):
            await w.say(shape, f"{FIRST} I am {id(shape)}.")
        for shape in (agent, parent, child, thread):
            await w.say(shape, f"Go on with {id(shape)}.")
        kept = await w.kept()
        assert sorted(spoken(turns, "user") for _, turns in kept) == sorted(
            [f"{FIRST} I am {id(shape)}.", f"Go on with {id(shape)}."] for shape in (parent, agent, thread, child)
        )

    run(tmp_path, test)


SIDE: dict[str, dict[str, object]] = {
    "title": {"system": "Generate a concise, sentence-case title for this session", "output_config": {"format": {"type": "json_schema"}}},
    "quota probe": {"max_tokens": 1},
    "summary": {"system": "You are a helpful AI assistant tasked with summarizing conversations."},
}


@pytest.mark.parametrize("what", SIDE)
def test_what_a_client_asks_for_itself_is_no_turn(tmp_path: Path, what: str) -> None:
    async def test(w: World) -> None:
        shape = ClaudeCode(session())
        await w.say(shape, FIRST)
        words = "quota" if what == "quota probe" else f"<session>{FIRST}</session>"
        side = {"max_tokens": 100, "messages": [{"role": "user", "content": words}], **SIDE[what]}
        for path in ("/v1/messages", "/v1/messages/count_tokens"):
            w.pending.append(reply(answer(shape, '{"title":"Trip"}', False, 0)))
            await w.one.ask(path, shape.body(**side), *shape.headers())
        await w.say(shape, "Which month is best?")
        ((_, turns),) = await w.kept()
        assert spoken(turns, "user") == [FIRST, "Which month is best?"]
        assert len(turns) == 4

    run(tmp_path, test)


def test_a_router_between_the_turns_is_no_turn(tmp_path: Path) -> None:
    async def test(w: World) -> None:
        shape = GeminiCli(session())
        for text in (FIRST, "Which month is best?", "Thank you."):
            body = shape.ask(text)
            routed = body.replace(b"You help with travel plans.", b"You are a specialized Task Routing AI. Judge.")
            w.pending.append(reply(answer(shape, '{"complexity_score": 3}', False, 0)))
            await w.one.ask("/v1beta/models/lite:generateContent", routed, *shape.headers())
            await w.send(shape, body, f"An answer to: {text}")
        ((_, turns),) = await w.kept()
        assert len(turns) == 6

    run(tmp_path, test)


def test_quick_followers_are_found_although_their_first_words_come_in_another_form(tmp_path: Path) -> None:
    """A cache mark that moves changes the first message's bytes, and the second request comes before the first exchange was looked at."""

    async def test(w: World) -> None:
        shapes = [Anthropic(session()) for _ in range(8)]
        for number, shape in enumerate(shapes):
            await w.say(shape, f"{FIRST} I am number {number}.")
        for number, shape in enumerate(shapes):
            await w.say(shape, f"Go on, number {number}.")
        kept = await w.kept()
        assert sorted(spoken(turns, "user") for _, turns in kept) == [
            [f"{FIRST} I am number {number}.", f"Go on, number {number}."] for number in range(8)
        ]

    run(tmp_path, test)


def test_work_that_a_client_left_out_can_be_recalled(tmp_path: Path) -> None:
    """A page that keeps only last words: what the tool said is in no payload, and in memory."""

    async def test(w: World) -> None:
        shape = LastWords(session())
        await w.say(shape, FIRST)
        await w.send(shape, shape.ask("How do we get to the lighthouse?"), "Let me look.", called=True)
        await w.send(shape, shape.tell("The lighthouse bus is number 951 from the canal."), "There is a bus.")
        for number in range(3):
            await w.say(shape, f"Tell me about restaurant number {number}, please.")
        await w.say(shape, "What is the number of the lighthouse bus?")
        assert b"951" in w.one.sent.body
        assert len(await w.kept()) == 1

    run(tmp_path, test)


def test_an_answer_is_built_on_by_its_id_after_a_crash(proxy: Proxy) -> None:
    """Only the journal may know the newest answers when the process dies; each restart reads it."""
    words = ["I will travel to Aveiro.", "Which month is best?", "Is there a tram?", "Thank you, that was all."]
    previous = ""
    for text in words:
        given = {"model": "m", "input": text} | ({"previous_response_id": previous} if previous else {})
        head = {"content-type": "application/json"}
        asked = urllib.request.Request(f"{proxy.url}/v1/responses", json.dumps(given).encode(), head)
        with urllib.request.urlopen(asked, timeout=10) as answered:
            previous = json.loads(answered.read())["id"]
        proxy.stop(signal.SIGKILL)
        proxy.start()
    proxy.stop()
    ((listed),) = json.loads(proxy.run("conversations", "--json").stdout)
    assert listed["turns"] == 8
    shown = proxy.run("show", listed["id"]).stdout
    assert all(text in shown for text in words)
