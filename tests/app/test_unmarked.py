"""What a program is to read comes as the model wrote it, however long the conversation: bound to a form, behind a beginning that the
client has put into the model's mouth, or JSON because the client's words ask for it; streamed or not. It is continued by what was said."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from backstory.core.message import Text
from backstory.core.reply import Reply
from backstory.core.wire import Wire
from backstory.wires import WIRES
from tests.relay.world import Received
from tests.rig import PATHS, asking, chunked, reply, rig, said, settings, with_marker
from tests.stages.world import stored
from tests.wires.test_guided import SCHEMA

WORDS = "It is a one."
RECORD = '{"a": 1}'
FENCED = f"```json\n{RECORD}\n```"
FORMS: dict[str, dict[str, object]] = {
    "anthropic": {"guided_json": SCHEMA},
    "openai_chat": {"structured_outputs": {"json": SCHEMA}},
    "openai_responses": {"text": {"format": {"type": "grammar", "syntax": "lark", "definition": "start: X"}}},
    "gemini": {"generationConfig": {"responseFormat": {"type": "json"}}},
}


def asked_at(wire: Wire, stream: bool) -> tuple[str, dict[str, object]]:
    """Where answers are asked for, streamed or whole, and what the body has for it."""
    if stream and wire.name == "gemini":
        return PATHS[wire.name].replace("generateContent", "streamGenerateContent") + "?alt=sse", {}
    return PATHS[wire.name], {"stream": True} if stream else {}


def answered(wire: Wire, stream: bool, text: str) -> bytes | list[bytes]:
    """An answer of the provider that says this."""
    return chunked([wire.write(Reply((Text(text),), "stop"), True)]) if stream else reply(said(wire.name, text))


@pytest.mark.parametrize("policy", ["auto", "always"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.name)
def test_an_answer_for_a_program_is_not_marked(tmp_path: Path, wire: Wire, stream: bool, policy: str) -> None:
    path, more = asked_at(wire, stream)

    def answer(received: Received) -> bytes | list[bytes]:
        return answered(wire, stream, RECORD if b"record" in received.body else FENCED if b"fenced" in received.body else WORDS)

    async def work() -> None:
        config = with_marker(settings(tmp_path, memory={"threshold_messages": 4}), policy)
        async with rig(config, answer) as one:

            async def marked(topic: str, count: int, **asked: object) -> bool:
                chat = [("user" if place % 2 == 0 else "assistant", f"{topic} {place}") for place in range(count)]
                head, body = await one.ask(path, asking(wire.name, chat, **more, **asked))
                assert head.startswith(b"HTTP/1.1 200"), head
                assert b"a" in body
                return b"vc:conversation=" in body

            assert await marked("plain", 9)
            assert not await marked("form", 9, **FORMS[wire.name])
            assert not await marked("prefill", 10)
            assert await marked("prefill", 11), "it goes on with a question"
            assert not await marked("record", 9)
            assert not await marked("fenced", 9)

    asyncio.run(work())


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.name)
def test_a_conversation_of_json_alone_is_one_conversation(tmp_path: Path, wire: Wire, stream: bool) -> None:
    path, more = asked_at(wire, stream)
    chat: list[tuple[str, str]] = []

    def record() -> str:
        return json.dumps({"which": len(chat), "why": f"it is what was asked as number {len(chat)}"})

    async def work() -> None:
        config = with_marker(settings(tmp_path, memory={"threshold_messages": 4}, recall={"deadline_ms": 20_000}), "auto")
        async with rig(config, lambda _: answered(wire, stream, record())) as one:

            async def ask(sent: Sequence[tuple[str, str]]) -> str:
                head, body = await one.ask(path, asking(wire.name, sent, **more))
                assert head.startswith(b"HTTP/1.1 200"), head
                assert b"vc:conversation=" not in body
                found = re.search(rb"(?i)x-vc-conversation: (\S+)", head)
                return found[1].decode() if found else ""

            names: list[str] = []
            for place in range(20):
                chat.append(("user", f"Which is number {place}?"))
                if place in (7, 15):
                    await one.restart()
                # From here on its client cuts what it sends.
                names.append(await ask(chat if place < 12 else chat[-9:]))
                chat.append(("assistant", record()))
            assert len(set(names)) == 1, names
            turns = await stored(one, lambda store: store.turns(names[-1]))
            assert [turn.text for turn in turns] == [text for _, text in chat]

    asyncio.run(work())
