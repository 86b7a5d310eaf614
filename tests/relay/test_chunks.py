"""chunks.py: the chunk coding comes off the same way however the bytes were cut, and what is malformed is refused."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backstory.errors import UpstreamError
from backstory.relay.chunks import ChunkReader, Dechunker, MalformedChunk, ending, frame

MALFORMED = {
    "a sign": b"+5\r\nhello\r\n0\r\n\r\n",
    "a prefix": b"0x5\r\nhello\r\n0\r\n\r\n",
    "no digits": b"\r\nhello\r\n0\r\n\r\n",
    "an empty size with extension": b";a=b\r\n0\r\n\r\n",
    "a space after the size": b"5 \r\nhello\r\n0\r\n\r\n",
    "a space before the size": b" 5\r\nhello\r\n0\r\n\r\n",
    "a bare LF after the size": b"5\nhello\r\n0\r\n\r\n",
    "a bare LF after the data": b"5\r\nhello\n0\r\n\r\n",
    "data longer than announced": b"5\r\nhelloXX0\r\n\r\n",
    "a size beyond any machine": b"FFFFFFFFFFFFFFFFF\r\nhello",
    "a minus sign": b"-1\r\n\r\n",
    "an underscore": b"1_0\r\nhello",
    "a control byte in an extension": b"5;a=\x00\r\nhello\r\n0\r\n\r\n",
    "a folded trailer": b"0\r\nX: 1\r\n 2\r\n\r\n",
    "a space in a trailer name": b"0\r\nX : 1\r\n\r\n",
}


def cuts(data: bytes, places: list[int]) -> list[bytes]:
    """`data` cut at these places (taken modulo its length)."""
    at = sorted({place % (len(data) + 1) for place in places} | {0, len(data)})
    return [data[start:end] for start, end in pairwise(at)]


@pytest.mark.parametrize("raw", MALFORMED.values(), ids=MALFORMED)
@pytest.mark.parametrize("step", [1, 1000])
def test_a_malformed_chunk_is_refused_in_a_request(raw: bytes, step: int) -> None:
    reader = ChunkReader()

    def feed_all() -> None:
        for at in range(0, len(raw), step):
            reader.feed(raw[at : at + step])

    with pytest.raises(MalformedChunk):
        feed_all()


@pytest.mark.parametrize("raw", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_chunk_is_refused_in_a_reply(raw: bytes) -> None:
    dechunker = Dechunker()
    dechunker.begin()
    with pytest.raises(UpstreamError):
        dechunker.feed(raw)


def test_a_chunk_line_or_trailers_without_end_are_refused() -> None:
    with pytest.raises(MalformedChunk):
        ChunkReader().feed(b"1;" + b"a" * 10_000)
    with pytest.raises(MalformedChunk):
        ChunkReader().feed(b"0\r\n" + b"X-A: 12345678901234567890\r\n" * 10_000)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.binary(min_size=1, max_size=40), max_size=6),
    st.sampled_from([b"", b"X-T: 1\r\n", b"A: 1\r\nB: 2\r\n"]),
    st.sampled_from([b"", b";ext=1", b" ; a"]),
    st.binary(max_size=20),
    st.lists(st.integers(0, 400), max_size=8),
)
def test_any_cut_of_a_chunked_request_gives_the_body_and_what_follows(
    pieces: list[bytes], trailers: bytes, extension: bytes, after: bytes, places: list[int]
) -> None:
    raw = b"".join(b"%X%b\r\n%b\r\n" % (len(piece), extension, piece) for piece in pieces) + ending(trailers) + after
    reader, body, rest = ChunkReader(), b"", None
    for part in cuts(raw, places):
        if rest is None:
            got, rest = reader.feed(part)
            body += got
        else:
            rest += part
    assert body == b"".join(pieces)
    assert rest == after


@settings(max_examples=200, deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=40), max_size=6), st.lists(st.integers(0, 400), max_size=8))
def test_any_cut_of_a_chunked_reply_gives_the_body(pieces: list[bytes], places: list[int]) -> None:
    dechunker = Dechunker()
    for _ in range(2):
        dechunker.begin()
        raw = b"".join(frame(piece) for piece in pieces) + ending(b"X-T: 1\r\n")
        body = b"".join(dechunker.feed(part) for part in cuts(raw, places))
        assert body == b"".join(pieces)
        assert dechunker.ended
        assert not dechunker.excess
        assert dechunker.trailers == [(b"X-T", b"1")]


@pytest.mark.parametrize("after", [b"H", b"HTTP/1.1 200 OK\r\n\r\n", b"junk", b"\r\n", b"0\r\n\r\n"])
def test_bytes_after_a_reply_are_noticed_and_not_given_out(after: bytes) -> None:
    dechunker = Dechunker()
    dechunker.begin()
    assert dechunker.feed(frame(b"hello") + ending() + after) == b"hello"
    assert dechunker.ended
    assert dechunker.excess


def test_what_came_before_a_fault_is_still_there() -> None:
    dechunker = Dechunker()
    dechunker.begin()
    with pytest.raises(UpstreamError):
        dechunker.feed(b"5\r\nhello\r\nzz\r\n")
    assert dechunker.rest() == b"hello"


def test_an_empty_piece_never_becomes_the_last_chunk() -> None:
    assert frame(b"") == b""
    assert frame(b"a" * 16) == b"10\r\n" + b"a" * 16 + b"\r\n"
