"""A request's body on its way up."""

from __future__ import annotations

from typing import Any

import pytest

from backstory.relay.heads import CHUNKED
from backstory.relay.upload import Upload

HEAD = b"POST /x HTTP/1.1\r\n\r\n"


class Line:
    """A connection to a provider that keeps what is written."""

    def __init__(self, full: bool = False) -> None:
        self.full = full
        self.sent = self.bulky = False
        self.transport = self
        self.out = b""

    def write(self, data: bytes | memoryview) -> None:
        self.out += bytes(data)


def upload() -> tuple[Upload, list[bool]]:
    held: list[bool] = []
    return Upload(held.append), held


@pytest.mark.parametrize("size", [0, 10, 1_000_000])
def test_a_whole_body_goes_up_once(size: int) -> None:
    one, held = upload()
    line: Any = Line()
    one.whole(b"x" * size)
    assert one.send(line, HEAD) is (size > 100)
    assert line.out == HEAD + b"x" * size
    assert line.sent
    assert (one.length, one.came, one.body, held) == (size, size, b"", [])


@pytest.mark.parametrize(("length", "out"), [(6, b"abcdef"), (CHUNKED, b"4\r\nabcd\r\n2\r\nef\r\n0\r\n\r\n")])
def test_pieces_wait_for_a_connection_and_then_go_on_as_they_come(length: int, out: bytes) -> None:
    one, held = upload()
    line: Any = Line()
    one.begin(length)
    one.more(b"ab", False, None)
    one.more(b"cd", False, None)
    assert not one.send(line, HEAD)
    assert not line.sent
    one.done = True
    one.more(b"ef", True, line)
    assert line.out == HEAD + out
    assert line.sent
    assert held == [False]


def test_a_client_whose_pieces_nobody_takes_is_held() -> None:
    one, held = upload()
    one.begin(CHUNKED)
    one.more(b"x" * 40_000, False, None)
    assert held == []
    one.more(b"x" * 40_000, False, None)
    assert held == [True]
    one.upstream_full(False)
    assert held == [True, False]


def test_what_is_put_in_its_place_goes_up_alone() -> None:
    one, held = upload()
    line: Any = Line()
    one.begin(CHUNKED)
    one.more(b"x" * 70_000, False, None)
    one.put(b"other")
    one.more(b"more of it", True, line)
    one.send(line, HEAD)
    assert line.out == HEAD + b"other"
    assert held == [True, False]
    one.upstream_full(True)
    assert held == [True, False]
