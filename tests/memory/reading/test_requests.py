"""A request costs what is new in it, and is read the same whether or not its history was seen before."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backstory.core.document import Document
from backstory.core.message import Message, Path, Prompt
from backstory.errors import DocumentError
from backstory.memory.reading import requests as module
from backstory.memory.reading.requests import Reader
from backstory.memory.reading.turns import chain, root
from backstory.wires.anthropic.wire import Anthropic
from tests.rig import asking

ROOT = root("", "")


class Counting(Anthropic):
    """Counts the messages that are decoded."""

    def __init__(self) -> None:
        self.decoded = 0

    def message(self, raw: bytes | memoryview, at: Path) -> Message:
        self.decoded += 1
        return super().message(raw, at)


def prompt(messages: list[tuple[str, str]]) -> Prompt:
    return Anthropic().read(Document(asking("anthropic", messages)), "/v1/messages")


def talk(count: int) -> list[tuple[str, str]]:
    return [("user" if place % 2 == 0 else "assistant", f"message {place}") for place in range(count)]


def test_only_what_is_new_is_decoded() -> None:
    reader, wire = Reader(1), Counting()
    reader.read(prompt(talk(20)), wire, ROOT)
    assert wire.decoded == 20
    again = reader.read(prompt(talk(22)), wire, ROOT)
    assert wire.decoded == 22
    assert again.reused == 20
    assert reader.fresh(prompt(talk(25)), Anthropic(), ROOT) == 3
    assert reader.fresh(prompt(talk(25)), Anthropic(), root("somebody", "")) == 25
    reader.clear()
    assert reader.fresh(prompt(talk(25)), Anthropic(), ROOT) == 25


TALK = st.lists(
    st.tuples(st.sampled_from(["user", "assistant", "system"]), st.sampled_from(["a", "b", "<system-reminder>x</system-reminder>", "c d"])),
    max_size=14,
)


@settings(max_examples=100, deadline=None)
@given(TALK, TALK, TALK)
def test_a_history_seen_before_is_read_as_if_it_were_new(one: Any, two: Any, three: Any) -> None:
    reader = Reader(5)
    for messages in (one, one + two, one + two + three, one, two + three, one + three):
        known = reader.read(prompt(messages), Anthropic(), ROOT)
        fresh = Reader(7).read(prompt(messages), Anthropic(), ROOT)
        assert known.lines == fresh.lines
        assert known.chains == fresh.chains
        assert known.aside == fresh.aside
        last = ROOT
        for line, found in zip(known.lines, known.chains, strict=True):
            last = chain(last, line.content) if line.kind != "none" else last
            assert found == last


def test_where_an_item_stood_is_remembered_with_its_thread() -> None:
    reader = Reader(1)
    first = reader.read(prompt(talk(8)), Anthropic(), ROOT)
    first.places, first.thread, first.version = list(range(8)), "name", 3
    again = reader.read(prompt(talk(9)), Anthropic(), ROOT)
    assert (again.places, again.thread, again.version) == (list(range(8)), "name", 3)


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_REMEMBERED", 9)
    reader = Reader(1)
    for number in range(20):
        reader.read(prompt([*talk(8), ("user", f"other {number}")]), Anthropic(), ROOT)
    assert len(reader._recent) <= 9
    monkeypatch.setattr(module, "_REMEMBERED", 10_000)
    monkeypatch.setattr(module, "_MOST_BYTES", 5_000)
    for number in range(20):
        reader.read(prompt([("user", f"begin {number}"), *talk(8)[1:], ("user", "x" * 1000)]), Anthropic(), ROOT)
    assert reader._bytes <= 7_000
    assert len(reader._recent) < 40


def test_a_message_that_cannot_be_read_is_said_so() -> None:
    body = json.dumps({"messages": [{"role": "user", "content": 3}]}).encode()
    wire = Anthropic()
    with pytest.raises(DocumentError):
        Reader(1).read(wire.read(Document(body), "/v1/messages"), wire, ROOT)


def test_what_is_no_longer_found_is_no_longer_counted() -> None:
    """A history that grows, and is asked again from a few messages back, is held once."""
    reader = Reader(1)
    chat = talk(200)
    for upto in range(7, 200, 2):
        reader.read(prompt(chat[:upto]), Anthropic(), ROOT)
        if upto % 20 == 7:
            reader.read(prompt([*chat[: upto - 4], ("user", f"other {upto}")]), Anthropic(), ROOT)
    held = {id(reading): reading for reading, _ in reader._recent.values()}
    assert len(held) < 25
    assert reader._bytes == sum(reading.bytes for reading in held.values())
    assert all(reading.keys == sum(1 for found, _ in reader._recent.values() if found is reading) for reading in held.values())
    assert reader.fresh(prompt(chat[:199]), Anthropic(), ROOT) == 0
    assert reader.fresh(prompt(chat[:192]), Anthropic(), ROOT) == 0


def test_texts_that_a_longer_reading_holds_still_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many histories go on, what is remembered of them stays bounded."""
    monkeypatch.setattr(module, "_MOST_BYTES", 20_000)
    reader, wire = Reader(1), Anthropic()
    for number in range(40):
        for more in range(3):
            reader.read(prompt([("user", f"Text {number} {place} " * 50) for place in range(8 + 2 * more)]), wire, ROOT)
    held = {id(one): len(one.text) for reading, _ in reader._recent.values() for one in reading.lines}
    assert sum(held.values()) <= 2 * 20_000
