"""An array that goes on from one seen before is read as if it were new, whatever its beginning, its end and its spelling."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backstory.core import layout as module
from backstory.core.document import Cut, Document, Insert, Splice
from backstory.core.layout import Elements, Layouts
from backstory.errors import DocumentError

SPELLINGS: tuple[dict[str, Any], ...] = ({"separators": (",", ":")}, {}, {"indent": 1}, {"separators": (" ,  ", ": ")})
WORDS = st.text(max_size=12)
MESSAGES = st.lists(st.fixed_dictionaries({"role": st.sampled_from(["user", "assistant"]), "content": WORDS}), min_size=4, max_size=14)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LEAST_BYTES", 1)


def spelled(messages: list[Any], spelling: dict[str, Any], **more: Any) -> bytes:
    """A request; what stands before the messages and what after them differs from one to the next."""
    return json.dumps({"model": "m", **more, "messages": messages, "stream": True}, **spelling).encode()


def read(raw: bytes, layouts: Layouts | None) -> Document:
    document = Document(raw, layouts)
    document.hold("messages")
    return document


def same(document: Document, raw: bytes, messages: list[Any]) -> None:
    """Everything about it is as it is for a document that was never seen."""
    fresh = Document(raw)
    found = document.elements(("messages",))
    assert [json.loads(bytes(element)) for element in found] == messages
    assert [bytes(element) for element in found[1:]] == [bytes(found[place]) for place in range(1, len(found))]
    for path in ((), ("messages",), ("model",), ("stream",), *((("messages", place)) for place in range(len(messages)))):
        assert document.span(path) == fresh.span(path)
    splices: list[Splice] = [Cut(("messages", 0)), Insert(("messages", len(messages)), b"7")]
    assert document.apply(splices) == fresh.apply(splices)


@settings(max_examples=150, deadline=None)
@given(MESSAGES, st.sampled_from(SPELLINGS), st.integers(0, 3), WORDS, st.booleans())
def test_a_history_that_grows_is_read_as_if_it_were_new(
    messages: list[Any], spelling: dict[str, Any], less: int, system: str, marked: bool
) -> None:
    layouts = Layouts(1)
    for upto in range(1, len(messages) + 1):
        sent = messages[: max(1, upto - less if upto % 3 == 2 else upto)]
        if marked:
            sent = [*sent[:-1], {**sent[-1], "cache": upto}]
        raw = spelled(sent, spelling, system=system * upto)
        same(read(raw, layouts), raw, sent)


def test_only_what_is_new_is_looked_at() -> None:
    layouts = Layouts(1)
    messages = [{"role": "user", "content": f"{place} {'x' * 100}"} for place in range(30)]
    read(spelled(messages[:28], {}), layouts)
    found = read(spelled(messages, {}, system="another"), layouts).elements(("messages",))
    assert isinstance(found, Elements)
    assert (found.known, len(found)) == (28, 30)
    assert found.before is not None
    changed = [{"role": "user", "content": "other"}, *messages[1:]]
    again = read(spelled(changed, {}), layouts).elements(("messages",))
    assert isinstance(again, Elements)
    assert (again.known, again.before) == (0, None)


@pytest.mark.parametrize(
    "rest",
    [
        b"",
        b"]",
        b"}",
        b"]]}",
        b",]}",
        b',{"a":1',
        b',{"a":1}',
        b'],"messages":[]}',
        b'],"a":1,"a":2}',
        b"],}",
        b"] x}",
        b',{"a":}]}',
        b",,1]}",
    ],
)
def test_a_known_beginning_with_a_broken_rest_is_refused_as_ever(rest: bytes) -> None:
    layouts = Layouts(1)
    start = b'{"a":0,"messages":[' + b",".join(b'{"n":%d}' % place for place in range(9))
    read(start + b"]}", layouts)
    raw = start + rest
    for document in (read(raw, layouts), read(raw, None)):
        with pytest.raises(DocumentError):
            document.elements(("messages",))


def test_a_number_is_never_cut() -> None:
    """What ends a known beginning must not go on in the next one."""
    layouts = Layouts(1)
    read(b'{"messages":[1,2,3,4,5]}', layouts)
    assert [bytes(one) for one in read(b'{"messages":[1,2,3,4,55,6]}', layouts).elements(("messages",))][-2:] == [b"55", b"6"]


@pytest.mark.parametrize(
    "raw",
    [
        b'{"inner":{"messages":[1]},"messages":[{"a":1},{"b":2},{"c":3},{"d":4}]}',
        b'{"text":"\\"messages\\":[1]","messages":[{"a":1},{"b":2},{"c":3},{"d":4}]}',
        b'{"messages":[{"a":1},{"b":2} ,{"c":3},{"d":4}]}',
        b'{"messages":[{"a":1},  {"b":2},{"c":3}, {"d":4}]}',
        b'{"messages":[{"a":1}, {"b":2}, {"c":3},  {"d":4}]}',
        b' { "messages" : [ {"a":1},{"b":2},{"c":3},{"d":4} ] } ',
    ],
)
def test_a_wrong_guess_of_the_place_is_noticed(raw: bytes) -> None:
    document = read(raw, Layouts(1))
    assert [json.loads(bytes(one)) for one in document.elements(("messages",))] == json.loads(raw)["messages"]
    assert [document.get(("messages", place)) for place in range(4)] == [b'{"a":1}', b'{"b":2}', b'{"c":3}', b'{"d":4}']


def test_no_more_is_kept_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_ELEMENTS", 60)
    layouts = Layouts(1)
    dice = random.Random(5)
    bodies = [spelled([{"n": dice.random()} for _ in range(10)], {}) for _ in range(40)]
    for raw in bodies:
        read(raw, layouts)
    assert layouts._elements <= 60
    assert layouts._elements == sum(len(one.ends) for alike in layouts._alike.values() for one in alike)
    newest = read(bodies[-1], layouts).elements(("messages",))
    assert isinstance(newest, Elements)
    assert newest.known == 10
    layouts.clear()
    forgotten = read(bodies[-1], layouts).elements(("messages",))
    assert isinstance(forgotten, Elements)
    assert forgotten.known == 0
    assert layouts._elements == 10
