"""Frames of server-sent events: every byte is in one of them, and chunks make no difference."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backstory.core.stream import Frame
from backstory.wires.sse import SSEReader, event, replaced

PIECES = st.sampled_from(
    [
        "data: a",
        "data:b",
        "data",
        "data:  c",
        "event: x",
        "event:y",
        ": note",
        "id: 1",
        "retry: 5",
        "\ufeff",
        "é🎉",
        "\n",
        "\n",
        "\r\n",
        "\r\n",
        "\r",
    ]
)
STREAMS = st.lists(PIECES, max_size=30).map(lambda pieces: "".join(pieces).encode())


def frames_of(chunks: list[bytes]) -> list[Frame]:
    reader = SSEReader()
    return [frame for chunk in chunks for frame in reader.feed(chunk)] + reader.close()


def chunked(stream: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    return [stream[start:end] for start, end in pairwise(edges)]


def events_by_the_book(stream: bytes) -> list[tuple[str, bytes]]:
    """The standard's own way, line by line; an event without data counts here too, as long as its empty line came."""
    text = stream.decode().removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    found: list[tuple[str, bytes]] = []
    name = ""
    data: list[str] = []
    for line in text.split("\n")[:-1]:
        if not line:
            found.append((name, "\n".join(data).encode()))
            name, data = "", []
            continue
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "event":
            name = value
        if field == "data":
            data.append(value)
    return [(name, data) for name, data in found if data]


@settings(max_examples=400, deadline=None)
@given(STREAMS, st.lists(st.integers(0, 200), max_size=12))
def test_any_chunking_gives_the_same_frames(stream: bytes, cuts: list[int]) -> None:
    whole = frames_of([stream])
    assert frames_of(chunked(stream, cuts)) == whole
    assert frames_of([stream[at : at + 1] for at in range(len(stream))]) == whole
    assert b"".join(frame.raw for frame in whole) == stream


@settings(max_examples=400, deadline=None)
@given(STREAMS)
def test_frames_carry_what_the_standard_says(stream: bytes) -> None:
    ended = stream + b"\n\n\n"
    assert [(frame.event, frame.data) for frame in frames_of([ended]) if frame.data] == events_by_the_book(ended)


def test_a_frame_comes_with_the_chunk_that_ends_it() -> None:
    reader = SSEReader()
    assert reader.feed(b"event: a\ndata: 1\n") == []
    assert reader.feed(b"\ndata: 2\n\ndata") == [Frame(b"event: a\ndata: 1\n\n", "a", b"1"), Frame(b"data: 2\n\n", "", b"2")]
    assert reader.close() == [Frame(b"data", "", b"")]
    assert reader.close() == []


def test_a_last_carriage_return_waits_for_its_line_feed() -> None:
    reader = SSEReader()
    assert reader.feed(b"data: 1\r\n\r") == []
    assert reader.feed(b"\n") == [Frame(b"data: 1\r\n\r\n", "", b"1")]


def test_the_unfinished_end_is_a_frame_with_what_it_has() -> None:
    assert frames_of([b"data: [DONE]"]) == [Frame(b"data: [DONE]", "", b"[DONE]")]
    assert frames_of([b"data: 1\r\r"]) == [Frame(b"data: 1\r\r", "", b"1")]


def test_a_byte_order_mark_counts_at_the_very_beginning_only() -> None:
    mark = b"\xef\xbb\xbf"
    assert [frame.data for frame in frames_of([mark + b"data: 1\n\n" + mark + b"data: 2\n\n"])] == [b"1", b""]
    assert [frame.data for frame in frames_of([b"data: 1\n\n" + mark + b"data: 2\n\n"])] == [b"1", b""]
    assert [frame.data for frame in frames_of([mark[:1], mark[1:] + b"data: 1\n\n"])] == [b"1"]


def test_many_names_of_events_are_all_read() -> None:
    stream = b"".join(event(b"%d" % number, f"name{number}") for number in range(200)) * 2
    assert [frame.event for frame in frames_of([stream])] == [f"name{number}" for number in range(200)] * 2


@pytest.mark.parametrize("name", ["", "content_block_delta"])
def test_what_is_written_is_read_back(name: str) -> None:
    assert frames_of([event(b'{"a":1}', name)]) == [Frame(event(b'{"a":1}', name), name, b'{"a":1}')]


def test_other_data_leaves_the_rest_of_a_frame_alone() -> None:
    crlf = Frame(b": note\r\nevent: a\r\ndata: old\r\n\r\n", "a", b"old")
    assert replaced(crlf, b"new") == b": note\r\nevent: a\r\ndata: new\r\n\r\n"
    assert replaced(Frame(b"event: a\ndata: o\ndata: ld\n\n", "a", b"o\nld"), b"new") == b"event: a\ndata: new\n\n"
