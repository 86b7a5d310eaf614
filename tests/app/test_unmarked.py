"""What a program is to read comes as the model wrote it, however long the conversation: bound to a form, or behind a beginning that the
client has put into the model's mouth; streamed or not."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from backstory.core.message import Text
from backstory.core.reply import Reply
from backstory.core.wire import Wire
from backstory.wires import WIRES
from tests.relay.world import Received
from tests.rig import PATHS, asking, chunked, reply, rig, said, settings, with_marker
from tests.wires.test_guided import SCHEMA

WORDS = '{"a": 1}'
FORMS: dict[str, dict[str, object]] = {
    "anthropic": {"guided_json": SCHEMA},
    "openai_chat": {"structured_outputs": {"json": SCHEMA}},
    "openai_responses": {"text": {"format": {"type": "grammar", "syntax": "lark", "definition": "start: X"}}},
    "gemini": {"generationConfig": {"responseFormat": {"type": "json"}}},
}


@pytest.mark.parametrize("policy", ["auto", "always"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.name)
def test_an_answer_for_a_program_is_not_marked(tmp_path: Path, wire: Wire, stream: bool, policy: str) -> None:
    written = wire.write(Reply((Text(WORDS),), "stop"), stream)
    path, more = PATHS[wire.name], {"stream": True} if stream and wire.name != "gemini" else {}
    if stream and wire.name == "gemini":
        path = path.replace("generateContent", "streamGenerateContent") + "?alt=sse"

    def answer(_: Received) -> bytes | list[bytes]:
        return chunked([written]) if stream else reply(said(wire.name, WORDS))

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

    asyncio.run(work())
