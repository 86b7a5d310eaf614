"""Edits become splices: also of lists that are absent, null or one element without brackets, and of a string edited more than once."""

from __future__ import annotations

import json

import pytest

from backstory.core.document import Document, Extend, Put, Strike
from backstory.core.message import Path
from backstory.errors import DocumentError
from backstory.wires.lowering import Lowering, encode, quote


def lowering(raw: bytes) -> Lowering:
    def wrap(path: Path, value: bytes) -> bytes:
        return b'{"of":"' + str(path[-1]).encode() + b'","was":' + value + b"}"

    return Lowering(Document(raw), wrap)


@pytest.mark.parametrize(("raw", "length"), [(b"{}", 0), (b'{"a":null}', 0), (b'{"a":[]}', 0), (b'{"a":[1,2]}', 2), (b'{"a":{}}', 1)])
def test_a_list_has_a_length_however_it_is_written(raw: bytes, length: int) -> None:
    assert lowering(raw).length(("a",)) == length


@pytest.mark.parametrize("raw", [b'{"b":1}', b'{"a":null,"b":1}', b'{"a":[],"b":1}'])
def test_elements_are_added_to_a_list_that_is_not_there(raw: bytes) -> None:
    edit = lowering(raw)
    edit.add(("a",), 0, b"1")
    edit.add(("a",), 0, b"2")
    assert json.loads(edit.finish()) == {"a": [1, 2], "b": 1}


def test_a_lone_element_becomes_a_list_with_its_own_edits_done() -> None:
    edit = lowering(b'{"a": {"text" : "x", "parts": {"y": 1}}}')
    edit.add(("a",), 0, b"0")
    edit.add(("a",), 1, b"2")
    edit.add(("a", "parts"), 1, b"3")
    edit.text(Put(("a", "text"), b'"new"'))
    wrapped = {"of": "a", "was": {"text": "new", "parts": [{"of": "parts", "was": {"y": 1}}, 3]}}
    assert json.loads(edit.finish()) == {"a": [0, wrapped, 2]}


def test_a_lone_element_can_be_cut() -> None:
    edit = lowering(b'{"a":{"b":1}}')
    edit.cut(("a",), 0, 0)
    edit.cut(("a",), 0, 1)
    edit.add(("a",), 1, b"2")
    assert edit.finish() == b'{"a":[2]}'


def test_a_string_is_set_then_struck_then_continued() -> None:
    edit = lowering(b'{"a":"old"}')
    for splice in (Extend(("a",), " end"), Extend(("a",), "first ", True), Extend(("a",), "second ", True)):
        edit.text(splice)
    edit.text(Strike(("a",), "o"))
    edit.text(Put(("a",), b'"anew"'))
    edit.text(Strike(("a",), "a"))
    assert json.loads(edit.finish()) == {"a": "first second new end"}


def test_more_text_begins_or_continues_a_string() -> None:
    for raw, text in ((b"{}", "x\n\ny"), (b'{"a":null}', "x\n\ny"), (b'{"a":"w"}', "w\n\nx\n\ny")):
        edit = lowering(raw)
        edit.more_text(("a",), "x")
        edit.more_text(("a",), "y")
        assert json.loads(edit.finish()) == {"a": text}


def test_what_cannot_be_edited_is_refused() -> None:
    edit = lowering(b'{"a":[1],"b":{}}')
    with pytest.raises(DocumentError):
        edit.text(Put(("a",), b'""'))
    with pytest.raises(DocumentError):
        edit.more_text(("b",), "x")
    with pytest.raises(DocumentError):
        edit.add(("a",), 2, b"1")
    with pytest.raises(DocumentError):
        edit.cut(("a",), 0, 2)


def test_text_that_utf8_cannot_carry_is_refused() -> None:
    with pytest.raises(DocumentError):
        quote("\ud800")
    with pytest.raises(DocumentError):
        encode({"a": ["\udc00"]})
