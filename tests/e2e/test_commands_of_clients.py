"""Commands in the shapes in which real clients send them: the provider hears what it would have heard without them, and no more is kept."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from backstory.core.message import Text
from backstory.wires import WIRES

from .shapes import SHAPES, Anthropic, ClaudeCode, Conversation, Previous, References, Shape
from .test_identity_of_clients import FIRST, World, session, world

EVERY = pytest.mark.parametrize("kind", SHAPES, ids=lambda kind: kind.__name__.lower())


async def command(w: World, shape: Shape, text: str) -> str:
    """A person says this to the proxy; its answer joins the client's history as that client keeps answers."""
    before = len(w.one.upstream.received)
    head, body = await w.one.ask(shape.path, shape.ask(text), *shape.headers())
    assert head.startswith(b"HTTP/1.1 200"), head
    assert len(w.one.upstream.received) == before, f"{text} went upstream"
    wire = next(wire for wire in WIRES if wire.name == shape.wire)
    told = "".join(part.text for part in wire.reply(body).parts if isinstance(part, Text))
    number = w.number
    shape.hear(told, False, number)
    if isinstance(shape, Previous):
        shape.previous = json.loads(body)["id"]
    if isinstance(shape, References):
        shape.items[-1]["id"] = json.loads(body)["output"][0]["id"]
    _without_thoughts(shape)
    return told


def _without_thoughts(shape: Shape) -> None:
    """Our answers have none: what a shape's `hear` puts beside every answer is taken out again."""
    last = shape.items[-1] if shape.items else {}
    for key in ("content", "parts"):
        if isinstance(last.get(key), list):
            last[key] = [part for part in last[key] if part.get("type") != "thinking" and not part.get("thought")]
    if len(shape.items) > 1 and shape.items[-2].get("type") == "reasoning":
        del shape.items[-2]


def heard(w: World, shape: Shape) -> list[Any]:
    """Every request as the provider got it, without what moves with the number of messages."""
    bodies = [json.loads(received.body) for received in w.one.upstream.received]
    for body in bodies:
        if isinstance(shape, ClaudeCode):
            body.pop("system")
    return [_unmarked(body) if isinstance(shape, Anthropic) else body for body in bodies]


def _unmarked(value: Any) -> Any:
    """The same, without cache marks; a text alone is the same as a list of it."""
    if isinstance(value, dict):
        made = {key: _unmarked(inner) for key, inner in value.items() if key != "cache_control"}
        content = made.get("content")
        if isinstance(content, list) and len(content) == 1 and content[0].get("type") == "text":
            made["content"] = content[0]["text"]
        return made
    return [_unmarked(inner) for inner in value] if isinstance(value, list) else value


async def talk(folder: Path, kind: type[Shape], commands: bool, name: str) -> tuple[list[Any], list[tuple[str, list[str]]]]:
    """What the provider heard, and what is kept: label and texts of each conversation."""
    folder.mkdir()  # noqa: ASYNC240 (a folder of the test)
    async with asyncio.timeout(30), world(folder) as w:
        shape = kind(name)

        async def tell(text: str, answer: str) -> None:
            if commands:
                assert answer in await command(w, shape, text)

        await tell("VCLABEL the trip", "now called 'the trip'")
        await tell("vcstatus", "Label: the trip")
        await w.say(shape, FIRST)
        await tell("!/stauts", "Did you mean")
        await w.work(shape, "What is the weather like there in spring?")
        await w.one.restart()
        await tell("VCSTATUS", "Label: the trip")
        await w.say(shape, "Is the tram museum far?")
        shape.resume()
        await tell("VCLIST", "the trip")
        await tell("!/memory(on)", "Memory is on")
        await w.say(shape, "And which bridge?" + (" !/label(a trip)" if commands else ""))
        await w.say(shape, "Is there a beach?")
        assert not w.one.failures()
        kept = [(record.label, [turn.text for turn in turns]) for record, turns in await w.kept()]
        return heard(w, shape), kept


@EVERY
def test_a_client_with_commands_is_the_same_to_the_provider(tmp_path: Path, kind: type[Shape]) -> None:
    name = session()
    told, kept = asyncio.run(talk(tmp_path / "with", kind, True, name))
    plain, kept_plain = asyncio.run(talk(tmp_path / "without", kind, False, name))
    if issubclass(kind, Previous) and not issubclass(kind, Conversation):
        for body in (*told, *plain):
            body.setdefault("previous_response_id", None)
    assert told == plain
    assert [texts for _, texts in kept] == [texts for _, texts in kept_plain]
    assert [label for label, texts in kept if texts] == ["a trip"]
