"""An answer that is for a program to read, though the request does not say so, is left as it is."""

from __future__ import annotations

import pytest

from backstory.core.message import Text
from backstory.core.reply import Finish, Reply, Usage
from backstory.core.wire import Wire
from backstory.memory.identity.marker import Said
from backstory.relay.marking import Marking
from backstory.wires import WIRES
from tests.relay.test_tap import JSON, tapped

MARK = "\n<!-- x -->"
FOR_PROGRAMS = [
    '{"place": "Lisbon"}',
    ' [1, {"a": [2]}]\n',
    "{}",
    '{"a": "one\ntwo", "b": NaN}',
    '```json\n{"a": 1}\n```',
    '\n``` JSON\n["a", "`"]\n```\n',
    "```\n[]```",
    '{"a": ' + "[" * 9000 + "]" * 9000 + "}",
]
FOR_PEOPLE = [
    "One.",
    "{a} is a set, and so is {b}",
    "[1] says so, and so does [2]",
    "[laughs]",
    "See `x`",
    "`{}`",
    '{"a": 1} is what it says.',
    'It says {"a": 1}',
    'Do this:\n```json\n{"a": 1}\n```',
    '```json\n{"a": 1}\n```\nThat is all.',
    '```json\n{"a": 1}\n```\nand\n```json\n{"a": 2}\n```',
    "```\nx = 1\n```",
    "```json\n```",
    "12",
    '"A"',
]


def streamed(wire: Wire, *texts: str, finish: Finish = "stop") -> bytes:
    """The stream, marked; empty where it is as it came."""
    raw = wire.write(Reply(tuple([Text(text, ()) for text in texts]), finish, Usage(), "a1", "m"), stream=True)
    reader, marking = wire.reader("text/event-stream"), Marking(wire, MARK)
    out = b"".join([marking.feed(frame) for frame in [*reader.feed(raw), *reader.close()]]) + marking.rest()
    return b"" if out == raw else out


def whole(wire: Wire, *texts: str, finish: Finish = "stop") -> bytes:
    """The answer, marked; empty where it is as it came."""
    raw = wire.write(Reply(tuple([Text(text, ()) for text in texts]), finish, Usage(), "a1", "m"), stream=False)
    tap, _ = tapped(MARK, wire)
    assert tap.begin(200, JSON)[0] == "whole"
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


@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.name)
@pytest.mark.parametrize("text", ['{"a": [1,', '```json\n[{"a": 1}'])
def test_what_was_cut_at_its_length_can_be_gone_on_with(wire: Wire, text: str) -> None:
    for made in (streamed, whole):
        assert not made(wire, text, finish="length")
        assert b"<!-- x -->" in made(wire, text)
        assert b"<!-- x -->" in made(wire, "It is this: " + text, finish="length")


@pytest.mark.parametrize("wire", [wire for wire in WIRES if wire.name in ("anthropic", "openai_responses")], ids=lambda wire: wire.name)
def test_a_text_for_a_program_behind_another_stays_as_it_came(wire: Wire) -> None:
    for made in (streamed, whole):
        assert not made(wire, "Here it is.", '{"a": 1}')
        assert not made(wire, '{"a":', "1}")
        assert b"<!-- x -->" in made(wire, '{"a": 1}', "That is it.")


def test_a_text_that_is_longer_than_anybody_reads_is_not_kept() -> None:
    said = Said()
    for _ in range(40):
        said.add('{"a": "' + "x" * (1 << 16), 0)
    assert said.for_a_program(cut=False)
    prose = Said()
    prose.add(" ", 0)
    prose.add("Prose", 0)
    prose.add('{"a": 1}', 0)
    assert not prose.for_a_program(cut=True)
