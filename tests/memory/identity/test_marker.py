"""The marker: written, found, taken out, and never in the way."""

from __future__ import annotations

import uuid

from hypothesis import given
from hypothesis import strategies as st

from backstory.core.edits import StrikeText
from backstory.core.message import Message, Text, ToolCall
from backstory.memory.identity.marker import find, marker, stands, strikes, without

_ID = "0f8fad5b-d9cb-469f-a165-70867728950e"


@given(st.text(), st.uuids())
def test_a_written_marker_is_found_and_leaves_the_text_as_it_was(text: str, name: uuid.UUID) -> None:
    marked = text + marker(str(name))
    assert find(marked) == str(name)
    assert without(marked) == without(text)


def test_the_last_of_two_markers_counts() -> None:
    other = str(uuid.UUID(int=7))
    assert find("a" + marker(other) + " b" + marker(_ID.upper())) == _ID


def test_what_only_looks_like_a_marker_stays() -> None:
    for text in (
        "write <!-- vc:conversation=ID --> at the end",
        f"vc:conversation={_ID}",
        f"<!-- vc:conversation={_ID}",
        f"<!-- vc:conversation={_ID}; rm -rf -->",
    ):
        assert find(text) is None
        assert without(text) == text
        assert strikes(Message("assistant", (Text(text, ("messages", 0, "content")),))) == []


def test_without_a_marker_there_is_nothing_to_find() -> None:
    assert find("plain text") is None


def test_every_marker_of_a_message_is_struck_the_longer_form_first() -> None:
    at = ("messages", 1, "content", 0, "text")
    text = f"<!-- vc:conversation={_ID} -->Hello{marker(_ID)}"
    message = Message("assistant", (Text(text, at), ToolCall("1", "f", "{}"), Text("clean", ("messages", 1))))
    edits = strikes(message)
    assert edits == [StrikeText(at, marker(_ID)), StrikeText(at, marker(_ID)[1:])]
    for edit in edits:
        text = text.replace(edit.text, "")
    assert text == "Hello"


def test_a_marker_that_will_be_cut_off_stands_no_longer() -> None:
    whole, cut = list(range(40)), [-1, *range(8, 20)]
    assert not stands(0, whole)
    assert stands(1, whole)
    assert stands(20, whole)
    assert not stands(21, whole)
    assert stands(6, cut)
    assert not stands(7, cut), "half of what its client keeps"
    for window in ([0, *range(14, 19), -1], [-1, 0, 14, -1, 16, -1]):
        assert stands(3, window)
        assert not stands(4, window), "it keeps the first message, or one that says the same, and the last ones"
    assert stands(6, whole, reworded=True)
    assert not stands(7, whole, reworded=True), "it is known by its answers alone"
