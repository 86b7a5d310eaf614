"""Amazon's event stream, cut into messages: whatever the chunks, and nothing that is damaged is believed."""

from __future__ import annotations

import binascii

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstory.errors import DocumentError
from backstory.wires.eventstream import EventStreamReader, Message
from tests.clouds import framed, message

_HEADERS = st.lists(
    st.tuples(st.text(min_size=1, max_size=20).filter(lambda one: len(one.encode()) < 200), st.text(max_size=30)), max_size=4
)
_MESSAGES = st.lists(st.tuples(_HEADERS, st.binary(max_size=200)), max_size=6)
# The example of the Elixir library `event_stream`, an encoder that is none of ours: {"foo": "bar"} without headers.
_PUBLISHED = bytes([0, 0, 0, 30, 0, 0, 0, 0, 186, 242, 246, 138]) + b'{"foo": "bar"}' + bytes([174, 114, 88, 228])


def read(data: bytes, sizes: list[int]) -> list[Message]:
    """What a stream says that comes in pieces of these sizes."""
    reader, found, at = EventStreamReader(), [], 0
    for size in [*sizes, len(data)]:
        found += reader.feed(data[at : at + size])
        at += size
    reader.close()
    return found


def test_a_published_message_is_read() -> None:
    assert EventStreamReader().feed(_PUBLISHED) == [Message({}, b'{"foo": "bar"}')]


def test_headers_of_every_kind_are_passed_over() -> None:
    head = b"\x01a\x00\x01b\x01\x01c\x02z\x01d\x03zz\x01e\x04zzzz\x01f\x05" + b"z" * 8
    head += b"\x01g\x06\x00\x03zzz\x01h\x07\x00\x02hi\x01i\x08" + b"z" * 8 + b"\x01j\x09" + b"z" * 16
    assert EventStreamReader().feed(framed(head, b"x")) == [Message({"h": "hi"}, b"x")]


@given(_MESSAGES, st.lists(st.integers(1, 60), max_size=30))
def test_the_cuts_do_not_depend_on_the_chunks(messages: list[tuple[list[tuple[str, str]], bytes]], sizes: list[int]) -> None:
    data = b"".join(message([(name, value) for name, value in headers], payload) for headers, payload in messages)
    assert read(data, sizes) == [Message(dict(headers), payload) for headers, payload in messages]


@given(st.binary(min_size=1, max_size=40), st.data())
def test_no_flipped_bit_is_believed(payload: bytes, data: st.DataObject) -> None:
    good = message(((":event-type", "chunk"),), b"before")
    whole = message(((":event-type", "chunk"),), payload)
    at, bit = data.draw(st.integers(0, len(whole) - 1)), data.draw(st.integers(0, 7))
    bad = bytearray(whole)
    bad[at] ^= 1 << bit
    reader = EventStreamReader()
    assert reader.feed(good + bytes(bad))[1:] == []
    with pytest.raises(DocumentError):
        reader.close()


@given(st.integers(0, 60))
def test_an_end_in_the_middle_shows(cut: int) -> None:
    whole = message((("n", "v"),), b"x" * 40)
    reader = EventStreamReader()
    assert reader.feed(whole[: min(cut, len(whole) - 1)]) == []
    if cut:
        with pytest.raises(DocumentError, match="ends in the middle"):
            reader.close()
    else:
        reader.close()


@pytest.mark.parametrize("size", [0, 15, 1 << 31])
def test_a_size_that_cannot_be_is_refused(size: int) -> None:
    prelude = size.to_bytes(4, "big") + b"\0\0\0\0"
    with pytest.raises(DocumentError, match="damaged"):
        EventStreamReader().feed(prelude + binascii.crc32(prelude).to_bytes(4, "big"))


def test_headers_that_end_too_early_are_refused() -> None:
    for head in (b"\x05abc", b"\x01a", b"\x01a\x07\x00\x09x", b"\x01a\x0a", b"\x01\xff\x07\x00\x00"):
        with pytest.raises(DocumentError, match="headers"):
            EventStreamReader().feed(framed(head, b""))
