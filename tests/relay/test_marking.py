"""An answer that is for a program to read, though the request does not say so, is left as it is."""

from __future__ import annotations

import pytest

from backstory.core.message import Text
from backstory.core.reply import Reply, Usage
from backstory.core.wire import Wire
from backstory.relay.marking import Marking
from backstory.wires import WIRES
from tests.relay.test_tap import tapped

MARK = "\n<!-- x -->"
FOR_PROGRAMS = ['{"place": "Lisbon"}', ' [1, {"a": [2]}]\n', '```json\n{"a": 1}\n```', "```\nx = 1\n```\n", "{}"]
FOR_PEOPLE = [
    "One.",
    "{a} is a set, and so is {b}.",
    "See `x`",
    "Do this:\n```\nx = 1\n```",
    "```\nx = 1\n```\nThat is all.",
    "[1] says so",
]


def streamed(wire: Wire, *texts: str) -> bytes:
    reader, marking = wire.reader("text/event-stream"), Marking(wire, MARK)
    raw = wire.write(Reply(tuple([Text(text, ()) for text in texts]), "stop", Usage(), "a1", "m"), stream=True)
    out = b"".join([marking.feed(frame) for frame in [*reader.feed(raw), *reader.close()]]) + marking.rest()
    return b"" if out == raw else out


def whole(wire: Wire, *texts: str) -> bytes:
    raw = wire.write(Reply(tuple([Text(text, ()) for text in texts]), "stop", Usage(), "a1", "m"), stream=False)
    tap, _ = tapped(MARK, wire)
    out = tap.whole(raw)
    return b"" if out == raw else out


@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.name)
@pytest.mark.parametrize("text", FOR_PROGRAMS)
def test_what_a_program_reads_stays_as_it_came(wire: Wire, text: str) -> None:
    assert not streamed(wire, text)
    assert not whole(wire, text)


@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.name)
@pytest.mark.parametrize("text", FOR_PEOPLE)
def test_what_people_read_is_marked(wire: Wire, text: str) -> None:
    assert b"<!-- x -->" in streamed(wire, text)
    assert b"<!-- x -->" in whole(wire, text)


@pytest.mark.parametrize("wire", [wire for wire in WIRES if wire.name in ("anthropic", "openai_responses")], ids=lambda wire: wire.name)
def test_a_text_for_a_program_behind_another_stays_as_it_came(wire: Wire) -> None:
    assert not whole(wire, "Here it is.", '{"a": 1}')
    assert not streamed(wire, "Here it is.", '{"a": 1}')
    assert b"<!-- x -->" in streamed(wire, '{"a": 1}', "That is it.")
