"""A client that cuts or summarises its own history gets back what it lost: by the question, and once what its summary leaves out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from backstory.config.sections import Identity
from backstory.memory.folding.continuity import Kept
from backstory.stages.continuity import Continuity
from tests.e2e.clients import CLIENTS, SYSTEM, Chat
from tests.e2e.conftest import Provider, Proxy
from tests.e2e.shapes import Chat as ChatShape
from tests.e2e.shapes import ClaudeCode, Cline, Codex, GeminiCli, Opencode, Shape
from tests.e2e.test_identity_of_clients import World, run, session
from tests.rig import rig, settings

ASKS = (
    "Please never touch the vendor folder while you work on this.",
    "Let's use SQLite instead of Postgres for the session cache.",
    "Which files will you change, and in which order?",
    "The code word of the release is tangerine seventeen.",
    "How do the retries of the uploader work at the moment?",
    "And what does the uploader do when the disk is full?",
)
PLAN = (
    "The order:\n- [x] read src/upload/queue.py\n- [ ] move the cache into src/cache/store.py\n- [ ] write the release notes for version 4"
)
SUMMARY = (
    "1. Primary request: the user wants the session cache rebuilt and the uploader documented in detail.\n"
    "2. Current work: the uploader retries three times with a growing pause, as was found out in the last messages.\n"
    "3. Constraint: never touch the vendor folder while working on this."
)
NEXT = "What was the code word of the release again?"


async def talk(w: World, shape: Shape) -> None:
    """A conversation with a plan, a decision, a constraint and a fact, and then some."""
    for number, text in enumerate(ASKS):
        if number == 2:
            await w.send(shape, shape.ask(text), PLAN)
        else:
            await w.say(shape, text)


def summarised(shape: Shape) -> Callable[[World], Awaitable[None]]:
    """The client asks for a summary of its history, and puts it in the history's place, as each client does."""

    async def claude(w: World) -> None:
        items = list(shape.items)
        body = shape.ask("Your task is to create a detailed summary of the conversation so far, paying close attention to requests.")
        await w.send(shape, body, f"<analysis>\nLet me go through it all, message by message, at length.\n</analysis>\n{SUMMARY}")
        opening = "This session is being continued from a previous conversation that ran out of context. The summary is below:\n\n"
        shape.items = [{"role": "user", "content": opening + SUMMARY}, items[-1]]

    async def codex(w: World) -> None:
        items = list(shape.items)
        await w.send(shape, shape.ask("You are performing a CONTEXT CHECKPOINT COMPACTION. Create a handoff summary."), SUMMARY)
        opening = "Another language model started to solve this problem and produced a summary of its thinking process:\n"
        asked = [item for item in items if item.get("role") == "user"]
        shape.items = [*asked, {"role": "user", "content": [{"type": "input_text", "text": opening + SUMMARY}]}]

    async def gemini(w: World) -> None:
        body = json.loads(shape.ask("First, reason in your scratchpad. Then, generate the <state_snapshot>."))
        opening = "You are a specialized system component responsible for distilling chat history into a structured XML <state_snapshot>."
        body["systemInstruction"] = {"parts": [{"text": opening}]}
        snapshot = f"<state_snapshot>\n{SUMMARY}\n</state_snapshot>"
        await w.send(shape, json.dumps(body).encode(), f"<scratchpad>\nI think about it at some length here.\n</scratchpad>\n{snapshot}")
        thanks = "Got it. Thanks for the additional context!"
        shape.items = [{"role": "user", "parts": [{"text": snapshot}]}, {"role": "model", "parts": [{"text": thanks}]}]

    async def opencode(w: World) -> None:
        await w.send(shape, shape.ask("Provide a detailed prompt for continuing our conversation above."), SUMMARY)
        shape.items = [{"role": "user", "content": "What did we do so far?"}, {"role": "assistant", "content": SUMMARY}]

    async def cline(w: World) -> None:
        assert isinstance(shape, Cline)
        items = list(shape.items)
        asked = '<explicit_instructions type="summarize_task">\nThe current conversation is rapidly running out of context.'
        await w.send(shape, shape.bare(asked), f"<summarize_task>\n<context>\n{SUMMARY}\n</context>\n</summarize_task>")
        opening = "This session is being continued from a previous conversation that ran out of context. It is summarized below:\n"
        shape.items = items[:2]
        await w.send(shape, shape.bare("[summarize_task] Result:", opening + SUMMARY), "I go on with the uploader.")

    return {ClaudeCode: claude, Codex: codex, GeminiCli: gemini, Opencode: opencode, Cline: cline}[type(shape)]


@pytest.mark.parametrize("kind", [ClaudeCode, Codex, GeminiCli, Opencode, Cline], ids=lambda kind: kind.__name__.lower())
@pytest.mark.parametrize("restarts", [False, True], ids=["running", "restarted"])
def test_a_summary_loses_neither_plan_nor_facts(tmp_path: Path, kind: type[Shape], restarts: bool) -> None:
    async def test(w: World) -> None:
        shape = kind(session())
        await talk(w, shape)
        await summarised(shape)(w)
        if restarts:
            await w.one.restart()
        before = shape.ask(NEXT)
        await w.send(shape, before, "It is tangerine seventeen.")
        sent = w.one.sent.body.decode()
        assert "tangerine seventeen" in sent
        assert "move the cache into src/cache/store.py" in sent.partition("<recalled>")[2], "what is open of the plan"
        if kind is not Codex:
            assert "SQLite instead of Postgres" in sent.partition("<recalled>")[2], "what was decided"
        assert "never touch" not in sent.partition("<recalled>")[2], "the summary says it"
        assert "read src/upload/queue.py" not in sent.partition("<recalled>")[2].partition("</recalled>")[0], "that is done"
        # Cline has sent its summary before it asks: what goes with that stays, and what the question has brought goes after its answer.
        ends = sent.index("</recalled>") if kind is Cline else sent.rindex("</recalled>")
        head, block = before.decode().rpartition(NEXT)[0], sent[sent.index("<recalled>") : ends]
        assert sent.startswith(head) or kind is Cline, "it stands at the end, after what the client sent; Cline has sent its summary before"
        if restarts:
            await w.one.restart()
        await w.say(shape, "Good. Then let us go on with something else.")
        again = w.one.sent.body.decode()
        assert again.count(block) == 1, "once, and always the same"
        assert again.count("Said in this conversation before its summary") == 1
        ((_, turns),) = await w.kept()
        said = [turn.text for turn in turns if turn.kind == "spoken" and turn.role == "user"]
        wanted = [*ASKS, NEXT, "Good. Then let us go on with something else."]
        assert len(said) == len(wanted), "one conversation, without the summary"
        assert all(text == own or kind is Cline for text, own in zip(wanted, said, strict=True))
        assert all(text in own for text, own in zip(wanted, said, strict=True))

    run(tmp_path, test)


@pytest.mark.parametrize("kind", [ClaudeCode, Codex], ids=lambda kind: kind.__name__.lower())
def test_a_short_conversation_that_its_client_summarises_gets_back_what_it_lost(tmp_path: Path, kind: type[Shape]) -> None:
    async def test(w: World) -> None:
        shape = kind(session())
        await w.send(shape, shape.ask("What did we agree on?"), "The code word of the release is tangerine seventeen.")
        await w.say(shape, "Fine. How do the retries work?")
        await summarised(shape)(w)
        await w.send(shape, shape.ask(NEXT), "It is tangerine seventeen.")
        assert "tangerine seventeen" in w.one.sent.body.decode().partition("<recalled>")[2]

    run(tmp_path, test)


@pytest.mark.parametrize("kind", [ClaudeCode, Codex], ids=lambda kind: kind.__name__.lower())
def test_work_that_goes_on_after_a_summary_finds_its_plan_at_the_summary(tmp_path: Path, kind: type[Shape]) -> None:
    """A client summarises in the middle of its work: nobody says a word before the next step."""

    async def test(w: World) -> None:
        shape = kind(session())
        await talk(w, shape)
        await summarised(shape)(w)
        if kind is ClaudeCode:
            shape.items = shape.items[:1]
        summary = len(shape.items) - 1
        await w.send(shape, shape._body(), "Let me look.", called=True)  # type: ignore[attr-defined]
        first = json.loads(w.one.sent.body)
        listed = "input" if kind is Codex else "messages"
        place = next(at for at, item in enumerate(first[listed]) if "<recalled>" in json.dumps(item))
        assert "move the cache into src/cache/store.py" in json.dumps(first[listed][place])
        assert "Primary request" in json.dumps(first[listed][place]), "at the summary"
        assert summary >= 0
        await w.one.restart()
        await w.send(shape, shape.tell("all is well"), "It is done.")
        again = json.loads(w.one.sent.body)
        assert (
            json.dumps(again[listed][place]["content"]).partition("<recalled>")[2]
            == (json.dumps(first[listed][place]["content"]).partition("<recalled>")[2])
        )
        await w.say(shape, NEXT)
        sent = w.one.sent.body.decode()
        assert sent.count("Said in this conversation before its summary") == 1, "once"
        assert "tangerine seventeen" in sent

    run(tmp_path, test)


@contextmanager
def slow_to_gather(w: World) -> Iterator[None]:
    """Meanwhile a request's time is over when it is known what a summary leaves out."""
    kept, deadline_s = Continuity.kept, w.one.house._deadline_s

    async def late(self: Continuity, *asked: Any) -> Kept:
        found = await kept(self, *asked)
        await asyncio.sleep(0.1)
        return found

    w.one.house._deadline_s = 0.05
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Continuity, "kept", late)
        yield
    w.one.house._deadline_s = deadline_s


@pytest.mark.parametrize("kind", [ClaudeCode, Codex], ids=lambda kind: kind.__name__.lower())
def test_what_was_too_late_for_the_summary_goes_along_with_the_next_words(tmp_path: Path, kind: type[Shape]) -> None:
    async def test(w: World) -> None:
        shape = kind(session())
        await talk(w, shape)
        await summarised(shape)(w)
        if kind is ClaudeCode:
            shape.items = shape.items[:1]
        body = shape._body()  # type: ignore[attr-defined]
        with slow_to_gather(w):
            await w.send(shape, body, "Let me look.", called=True)
        assert w.one.sent.body == body, "memory was late"
        await asyncio.sleep(0.2)
        body = shape.tell("all is well")
        await w.send(shape, body, "It is done.")
        assert w.one.sent.body == body, "the summary stays as it went up: the provider has it in its cache"
        await w.say(shape, NEXT)
        recalled = w.one.sent.body.decode().partition("<recalled>")[2]
        assert "Said in this conversation before its summary" in recalled
        assert "move the cache into src/cache/store.py" in recalled
        assert w.one.failures() == {"deadline": 1}
        await w.one.restart()

    run(tmp_path, test)


def test_a_summary_that_only_the_provider_can_read_keeps_the_plan_too(tmp_path: Path) -> None:
    """Codex with its own provider: the history becomes an item that nobody else can read."""

    async def test(w: World) -> None:
        shape = Codex(session())
        await talk(w, shape)
        trigger = {"type": "compaction_trigger"}
        shape.items.append(trigger)
        await w.send(shape, shape._body(), "unread")
        shape.items = [item for item in shape.items if item.get("role") == "user"]
        shape.items.append({"type": "compaction", "encrypted_content": "c2VjcmV0"})
        body = shape._body()
        await w.send(shape, body, "Let me look.", called=True)
        assert w.one.sent.body == body, "no words of a human's, nor a summary that a block could stand at"
        await w.send(shape, shape.tell("all is well"), "It is done.")
        await w.send(shape, shape.ask(NEXT), "It is tangerine seventeen.")
        sent = w.one.sent.body.decode()
        assert "move the cache into src/cache/store.py" in sent.partition("<recalled>")[2]
        ((_, turns),) = await w.kept()
        assert not any("unread" in turn.text for turn in turns)

    run(tmp_path, test)


@pytest.mark.parametrize("where", ["system", "message"])
@pytest.mark.parametrize("restarts", [False, True], ids=["running", "restarted"])
def test_a_client_without_a_name_that_starts_anew_with_its_summary_is_known(tmp_path: Path, where: str, restarts: bool) -> None:
    async def test(w: World) -> None:
        shape = ChatShape(session())
        await talk(w, shape)
        await w.send(shape, shape.ask("Provide a detailed prompt for continuing our conversation above."), SUMMARY)
        if restarts:
            await w.one.restart()
        fresh = ChatShape(session())
        body = json.loads(fresh.ask(NEXT if where == "system" else f"We were here:\n{SUMMARY}\n\n{NEXT}"))
        if where == "system":
            body["messages"][0]["content"] += f"\n\nWhat was said before:\n{SUMMARY}"
        await w.send(fresh, json.dumps(body).encode(), "It is tangerine seventeen.")
        recalled = w.one.sent.body.decode().partition("<recalled>")[2]
        assert "tangerine seventeen" in recalled
        assert "move the cache into src/cache/store.py" in recalled
        assert len(await w.kept()) == 1

    run(tmp_path, test)


def test_a_summary_that_another_principal_had_written_names_nothing(tmp_path: Path) -> None:
    """Two keys: what one has summarised is not found by the other, who has the very text of the summary."""
    made: list[World] = []

    class Keyed(ChatShape):
        key = b""

        def headers(self) -> tuple[bytes, ...]:
            return (b"Authorization: Bearer " + self.key,)

    async def test() -> None:
        config = replace(settings(tmp_path), identity=Identity(principal="api_key"))
        async with rig(config, lambda _: made[0].pending.pop(0)) as one:
            made.append(World(one))
            w = made[0]
            ann, ben = Keyed(session()), Keyed(session())
            ann.key, ben.key = b"sk-ann", b"sk-ben"
            await talk(w, ann)
            await w.send(ann, ann.ask("Provide a detailed prompt for continuing our conversation above."), SUMMARY)
            body = ben.ask(f"We were here:\n{SUMMARY}\n\n{NEXT}")
            await w.send(ben, body, "I do not know.")
            assert one.sent.body == body
            ann.items = []
            await w.send(ann, ann.ask(f"We were here:\n{SUMMARY}\n\n{NEXT}"), "It is tangerine seventeen.")
            assert b"<recalled>" in one.sent.body

    asyncio.run(test())


def test_a_sliding_window_of_the_official_sdks_forgets_nothing(proxy: Proxy, provider: Provider) -> None:
    """Clients that send only their last messages, streamed and not; the proxy is stopped in between."""
    clients: list[tuple[Any, str]] = []
    for number, (kind, stream) in enumerate(product(CLIENTS, (False, True))):
        client: Any = kind(proxy.url, stream)
        word = f"quokka-{number + 17}"
        clients.append((client, word))
        client.ask(f"Hello, my codeword is {word}. Please remember it well for me.")
        for topic in range(6):
            client.ask(f"Tell me something about topic number {topic} of {word}, for instance its colour.")
            slide(client)
    proxy.stop()
    proxy.start()
    for client, word in clients:
        assert word in client.ask("What is my codeword?")
        found = provider.received[-1].text
        assert "<recalled>" in found
        assert "#1 " in found
    proxy.stop()
    proxy.start()
    for client, word in clients:
        slide(client)
        client.ask("Thank you, that was all.")
        assert word in provider.received[-1].text, "the block stays where it was"
        client.close()


def slide(client: Any, kept: int = 6) -> None:
    """Only the last messages stay, from a question on."""
    for name in ("messages", "items", "contents"):
        items = getattr(client, name, None)
        if items:
            leading = items[:1] if items[0] == {"role": "system", "content": SYSTEM} else []
            setattr(client, name, [*leading, *items[len(leading) :][-kept:]])


def test_an_sdk_client_with_a_summary_goes_on_in_another_process(proxy: Proxy, provider: Provider) -> None:
    """`X-VC-Conversation` says which conversation; the history is one message with a summary in it."""
    client = Chat(proxy.url, True)
    client.sdk = client.sdk.with_options(default_headers={"X-VC-Conversation": "the-work"})
    try:
        for text in ("Let's use SQLite instead of Postgres for the cache.", "My codeword is heron-12.", *ASKS[2:]):
            client.ask(text)
        proxy.stop()
        proxy.start()
        client.messages = [{"role": "user", "content": f"<conversation_summary>\n{SUMMARY}\n</conversation_summary>"}]
        assert "heron-12" in client.ask("What is my codeword?")
        text = provider.received[-1].text
        assert "Said in this conversation before its summary" in text
        assert "SQLite instead of Postgres" in text
    finally:
        client.close()


@pytest.mark.parametrize("kind", [ClaudeCode, Codex, GeminiCli, Opencode], ids=lambda kind: kind.__name__.lower())
def test_what_was_said_between_two_summaries_comes_back(tmp_path: Path, kind: type[Shape]) -> None:
    """Gemini CLI takes each summary in with the same words."""

    async def test(w: World) -> None:
        shape = kind(session())
        await talk(w, shape)
        await summarised(shape)(w)
        said = ["The gate of the pier opens with marlin forty-two.", "How do the retries work now?", "And what of the uploader's log?"]
        for text in said:
            await w.say(shape, text)
        await summarised(shape)(w)
        await w.send(shape, shape.ask("What does the gate of the pier open with?"), "With marlin forty-two.")
        assert "marlin forty-two" in w.one.sent.body.decode().partition("<recalled>")[2] or kind is Codex
        ((_, turns),) = await w.kept()
        spoken = [turn.text for turn in turns if turn.kind == "spoken" and turn.role == "user"]
        assert all(any(text in one for one in spoken) for text in said)

    run(tmp_path, test)
