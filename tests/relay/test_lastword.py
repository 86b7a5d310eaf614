"""The last word of a stream is found however its bytes are cut and packed, and only where a line begins with it."""

from __future__ import annotations

import zlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstory.core.message import Text
from backstory.core.reply import Reply
from backstory.relay.lastword import LastWord
from backstory.wires import WIRES

TOLD = "data: [DONE] and\n\nevent: message_stop\r\n\r\ndata: [DONE]\n\n"
UNNAMED = ('data: {"type":"message_stop"}', 'data: { "type": "message_stop" }', 'data: {"sequence_number":3,"type":"response.completed"}')
CHAT = b'data: {"choices":[]}\n\n'


def said_at(pieces: list[bytes], coding: str = "") -> int:
    """The piece with which it is said, -1 for none."""
    word = LastWord(coding)
    return next((at for at, piece in enumerate(pieces) if word.feed(piece)), -1)


def cut(body: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % len(body) for place in places), len(body)]
    return [body[one:other] for one, other in pairwise(edges)]


@given(
    st.sampled_from(["anthropic", "openai_chat", "openai_responses"]),
    st.lists(st.integers(0, 9999), max_size=12),
    st.text() | st.just(TOLD),
)
def test_it_is_said_with_the_end_of_its_event_and_not_before(wire: str, places: list[int], text: str) -> None:
    body = next(one for one in WIRES if one.name == wire).write(Reply((Text(text),), "stop"), True)
    pieces = cut(body, places)
    at = said_at(pieces)
    assert at >= 0
    # A line break of [DONE] is enough; an event ends with a blank line, less what may be a byte of it.
    assert not b"".join(pieces[at + 1 :]).strip()


@pytest.mark.parametrize("end", [b"\n\n", b"\r\n\r\n", b"\r\r"])
@pytest.mark.parametrize("name", ["data:[DONE]", "data: [DONE]", "data: [DONE] ", "event: message_stop\ndata: {}", *UNNAMED])
@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_each_way_to_write_it(name: str, end: bytes, size: int) -> None:
    body = CHAT + name.encode().replace(b"\n", end[: len(end) // 2]) + end
    assert said_at([body[at : at + size] for at in range(0, len(body), size)]) >= len(body.rstrip()) // size - 1


@pytest.mark.parametrize(
    "body",
    [
        CHAT * 3,
        b'data: {"content":"data: [DONE]"}\n\n',
        b'data: {"content":"\\ndata: [DONE]\\n"}\n\n',
        b'data: {"delta":"{\\"type\\": \\"message_stop\\"}"}\n\n',
        b"event: message_stopped\ndata: {}\n\n",
        b'event: response.completed\ndata: {"response":{}}\n',
        b": event: message_stop\n\n",
        b"event: response.failed\ndata: {}\n\n",
    ],
)
def test_what_is_none(body: bytes) -> None:
    for size in (1, 3, 16, 1000):
        assert said_at([body[at : at + size] for at in range(0, len(body), size)]) == -1


@given(st.lists(st.integers(0, 9999), max_size=12), st.sampled_from(["gzip", "members", "deflate"]))
def test_it_is_found_through_a_content_coding(places: list[int], how: str) -> None:
    body = CHAT * 40 + b"data: [DONE]\n\n"
    if how == "members":
        packed = b"".join(one.compress(part) + one.flush() for part in cut(body, places) for one in [zlib.compressobj(wbits=31)])
    else:
        one = zlib.compressobj(wbits=31 if how == "gzip" else 15)
        packed = one.compress(body) + one.flush()
    pieces = cut(packed, places)
    assert said_at(pieces, "deflate" if how == "deflate" else "gzip") >= 0


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip"])
def test_what_cannot_be_unpacked_says_nothing(coding: str) -> None:
    assert said_at([CHAT, b"data: [DONE]\n\n"], coding) == -1


def test_a_bomb_is_not_unpacked() -> None:
    one = zlib.compressobj(wbits=31)
    assert said_at([one.compress(b" " * (8 << 20)) + one.flush(), b"x"], "gzip") == -1
