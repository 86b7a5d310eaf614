"""A model that asks for facts gets what holds, who said it and what it took the place of, in all wires, streamed and not."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from backstory.core.message import Text, ToolCall
from backstory.core.reply import Reply
from tests.paging import BY_NAME, NAMES, Model, ask, configured, history, results, texts
from tests.rig import rig

SAID = (
    "We use MySQL.",
    "My sister Anna lives in Bergen.",
    "The team meeting is on Tuesday.",
    "Ich arbeite bei Bosch und habe zwei Kinder.",
)
LATER = ("We switched to PostgreSQL.", "Actually the meeting is on Wednesday instead.", "I'm now at Siemens.")


async def looked(folder: Path, name: str, stream: bool, asked: dict[str, str]) -> str:
    """What the model is told, over talk that is folded, the last changes but one message before."""
    wire = BY_NAME[name]
    call = ToolCall("call_f", "vc_query_facts", json.dumps(asked))
    model = Model(wire, Reply((Text("Let me look."), call), "tool_calls"), Reply((Text("Done."),), "stop"))
    said = [(role, text) for sentence in SAID for role, text in (("user", sentence), ("assistant", "Noted."))]
    late = [(role, text) for sentence in LATER for role, text in (("user", sentence), ("assistant", "Noted."))]
    async with rig(configured(folder), model) as one:
        _, raw, found = await ask(one, wire, [*said, *history(), *late, ("user", "What holds now?")], stream)
        assert texts(found) == ["Let me look.", "Done."]
        assert b"vc_" not in raw
        assert not one.failures()
        (told,) = results(wire, model.received[1])
        return told


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_what_changed_just_now_is_told_with_what_it_was(tmp_path: Path, name: str, stream: bool) -> None:
    told = asyncio.run(looked(tmp_path, name, stream, {"subject": "database", "status": "any"}))
    assert "#1 user: We use MySQL. (" in told
    assert "we uses: MySQL, superseded by #35)" in told
    assert "we switched to: PostgreSQL, corrects #1 (MySQL))" in told
    assert "Anna" not in told


@pytest.mark.parametrize(
    ("asked", "wanted", "left_out"),
    [
        ({"subject": "meeting"}, "meeting is: on Wednesday, corrects #5 (on Tuesday)", "Tuesday. (2"),
        ({"subject": "user", "verb": "employer"}, "user works at: Siemens, corrects #7 (Bosch)", "Kinder"),
        ({"subject": "my sister", "verb": "lives"}, "Anna lives in: Bergen", "Siemens"),
        ({"subject": "the user's job"}, "user works at: Siemens, corrects #7 (Bosch)", "Bergen"),
        ({"subject": "Anna", "verb": "employer"}, "No fact is just that. The nearest:", "Tuesday"),
        ({"subject": "weather on Mars", "object": "methane"}, "No such fact was stated. Turns with words of it:", "Anna"),
        ({"subject": "methane on Mars"}, "No such fact was stated.", "#"),
    ],
)
def test_facts_are_found_by_the_words_of_a_model(tmp_path: Path, asked: dict[str, str], wanted: str, left_out: str) -> None:
    told = asyncio.run(looked(tmp_path, "openai_chat", False, asked))
    assert wanted in told
    assert left_out not in told
