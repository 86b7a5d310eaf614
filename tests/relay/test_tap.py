"""What a tap hears of an answer is what memory gets of it: read, journalled before the last byte, and told once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from backstory.core.document import Document
from backstory.core.exchange import Exchange, First, Head, Headers, Outcome
from backstory.core.message import Text
from backstory.core.stream import Frame
from backstory.relay import tap as module
from backstory.relay.tap import ArrivalTap, Heard, MemoryTap, proof
from backstory.wires import WIRES
from backstory.wires.openai_chat.wire import OpenAIChat
from tests.rig import PATHS, asking, said

MARK = "\n\n<!-- vc:conversation=x -->"
JSON: Headers = ((b"Content-Type", b"application/json"),)
EVENTS: Headers = ((b"content-type", b"text/event-stream; charset=utf-8"),)
CHAT = next(wire for wire in WIRES if wire.name == "openai_chat")
BODY = asking("openai_chat", [("user", "What?")])
ANSWER = said("openai_chat", "The answer.")
STREAM = b"".join(
    b"data: %b\n\n" % piece
    for piece in (
        b'{"id":"c","model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":"The "}}]}',
        b'{"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"answer."}}]}',
        b'{"id":"c","model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}',
        b"[DONE]",
    )
)


class Book:
    """A ledger that keeps what it is told, in order."""

    def __init__(self) -> None:
        self.told: list[Any] = []
        self.known: Headers = ()
        self.broken = False

    def promise(self, exchange: Exchange, status: int, content_type: str, coding: str, body: bytes) -> int:
        self.told.append(("promise", status, content_type, coding, body))
        return 7

    def learnt(self, exchange: Exchange) -> Headers:
        return self.known

    def over(self, exchange: Exchange, outcome: Outcome) -> None:
        self.told.append(outcome)

    def failed(self, where: str, error: BaseException) -> None:
        self.told.append((where, type(error).__name__))

    def arrivals(self, heard: Sequence[Heard]) -> list[int]:
        self.told.extend(("arrival", *rest) for _, *rest in heard)
        return [9] * len(heard)

    def arrived(self, exchange: First, outcome: Outcome) -> None:
        self.told.append(outcome)


class Clumsy(OpenAIChat):
    """A wire that fails at what is named."""

    def __init__(self, *where: str) -> None:
        self._where = where

    def mark_frame(self, frame: Frame, text: str, state: dict[str, str]) -> bytes | None:
        if "mark" in self._where and b"finish_reason" in frame.data:
            raise KeyError("x")
        return super().mark_frame(frame, text, state)

    def reply(self, body: bytes) -> Any:
        if "reply" in self._where:
            raise RecursionError
        return super().reply(body)


def exchange(mark: str = "", wire: Any = CHAT, stream: bool = False) -> Exchange:
    body = asking("openai_chat", [("user", "What?")], **({"stream": True} if stream else {}))
    document = Document(body)
    path = PATHS["openai_chat"]
    return Exchange(1, Head("POST", path, "", ()), body, wire, document, wire.read(document, path), mark=mark, headers=((b"X-Ours", b"1"),))


def tapped(mark: str = "", wire: Any = CHAT, streams: bool = False) -> tuple[MemoryTap, Book]:
    book = Book()
    one = exchange(mark, wire, streams)
    return MemoryTap(one, book, streams, 0.0, one.body), book


def outcome(book: Book) -> Outcome:
    (found,) = [one for one in book.told if isinstance(one, Outcome)]
    return found


def texts(found: Outcome) -> list[str]:
    assert found.reply is not None
    return [part.text for part in found.reply.parts if isinstance(part, Text)]


def test_an_answer_is_promised_before_its_last_bytes_and_read_after_them() -> None:
    tap, book = tapped()
    assert tap.begin(200, JSON) == ("pass", ((b"X-Ours", b"1"), proof(BODY, BODY)))
    tap.chunk(ANSWER[:9])
    tap.chunk(ANSWER[9:])
    tap.acknowledge()
    tap.over("complete", 200, 10, len(ANSWER))
    assert book.told[0] == ("promise", 200, "application/json", "", ANSWER)
    found = outcome(book)
    assert (found.ended, found.status, found.seq, found.bytes_in, found.bytes_out) == ("complete", 200, 7, 10, len(ANSWER))
    assert texts(found) == ["The answer."]
    assert found.total_ms >= found.first_byte_ms > 0


@pytest.mark.parametrize("cut", [0, 1, 40, 150])
def test_a_stream_is_read_as_far_as_it_came(cut: int) -> None:
    tap, book = tapped(streams=True)
    tap.begin(200, EVENTS)
    tap.chunk(STREAM[: len(STREAM) - cut])
    tap.over("interrupted", 200, 1, 1)
    assert outcome(book).ended == "interrupted"
    assert "".join(texts(outcome(book))).startswith("The ")


def test_an_error_is_neither_promised_nor_read() -> None:
    tap, book = tapped()
    tap.begin(429, JSON)
    tap.chunk(b'{"error":{"message":"slow"}}')
    tap.acknowledge()
    tap.over("complete", 429, 1, 1)
    assert len(book.told) == 1
    assert (outcome(book).ended, outcome(book).reply) == ("error", None)


def test_an_answer_that_never_came_is_told_without_times() -> None:
    tap, book = tapped()
    tap.over("refused", 0, 1, 0)
    assert (outcome(book).ended, outcome(book).first_byte_ms, outcome(book).seq) == ("refused", 0.0, 0)


def test_an_answer_too_large_to_keep_is_relayed_and_not_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_KEPT", 100)
    tap, book = tapped()
    tap.begin(200, JSON)
    assert tap.chunk(b"x" * 90) == b"x" * 90
    assert tap.chunk(b"y" * 90) == b"y" * 90
    assert tap.chunk(b"z") == b"z"
    tap.acknowledge()
    tap.over("complete", 200, 1, 1)
    assert len(book.told) == 1
    assert outcome(book).reply is None


def test_a_whole_answer_is_marked_and_remembered_without_the_mark() -> None:
    tap, book = tapped(MARK)
    assert tap.begin(200, JSON)[0] == "whole"
    marked = tap.whole(ANSWER)
    assert marked == CHAT.mark(ANSWER, MARK)
    assert marked != ANSWER
    tap.acknowledge()
    tap.over("complete", 200, 1, 1)
    assert book.told[0][-1] == ANSWER
    assert texts(outcome(book)) == ["The answer."]


def test_a_whole_answer_that_cannot_be_marked_stays() -> None:
    tap, _ = tapped(MARK)
    tap.begin(200, JSON)
    assert tap.whole(b"no JSON") == b"no JSON"


def test_a_stream_is_marked_once_and_remembered_without_the_mark() -> None:
    tap, book = tapped(MARK, streams=True)
    assert tap.begin(200, EVENTS)[0] == "stream"
    sent = b"".join(tap.chunk(STREAM[at : at + 11]) for at in range(0, len(STREAM), 11)) + tap.tail()
    assert sent.count(b"vc:conversation=x") == 1
    tap.acknowledge()
    tap.over("complete", 200, 1, 1)
    assert book.told[0][-1] == STREAM
    assert texts(outcome(book)) == ["The answer."]


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_where_marking_fails_the_stream_goes_on_as_it_came(size: int) -> None:
    tap, book = tapped(MARK, Clumsy("mark"), streams=True)
    tap.begin(200, EVENTS)
    sent = b"".join(tap.chunk(STREAM[at : at + size]) for at in range(0, len(STREAM), size)) + tap.tail()
    assert sent == STREAM
    assert book.told == [("mark", "KeyError")]


def test_an_event_without_an_end_is_not_held_back_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_HELD", 100)
    tap, book = tapped(MARK, streams=True)
    tap.begin(200, EVENTS)
    assert tap.chunk(b"data: " + b"x" * 50) == b""
    assert tap.chunk(b"y" * 60) == b"data: " + b"x" * 50 + b"y" * 60
    assert tap.chunk(STREAM) == STREAM
    assert tap.tail() == b""
    assert not book.told


@pytest.mark.parametrize(
    ("status", "headers"),
    [(404, JSON), (200, (*JSON, (b"Content-Encoding", b"gzip"))), (200, ((b"Content-Type", b"text/html"),)), (200, ())],
)
def test_what_is_no_readable_answer_is_never_marked(status: int, headers: Headers) -> None:
    tap, _ = tapped(MARK)
    assert tap.begin(status, headers)[0] == "pass"
    assert tap.chunk(b"bytes") == b"bytes"
    assert tap.tail() == b""


def test_a_coding_of_identity_is_none() -> None:
    tap, book = tapped()
    tap.begin(200, (*JSON, (b"Content-Encoding", b" Identity ")))
    tap.chunk(ANSWER)
    tap.over("complete", 200, 1, 1)
    assert texts(outcome(book)) == ["The answer."]


def test_the_end_is_told_even_where_reading_fails() -> None:
    tap, book = tapped(wire=Clumsy("reply"))
    tap.begin(200, JSON)
    tap.chunk(ANSWER)
    with pytest.raises(RecursionError):
        tap.over("complete", 200, 1, 1)
    assert (outcome(book).ended, outcome(book).reply) == ("complete", None)


# --- first exchanges


def arriving() -> tuple[ArrivalTap, Book]:
    book = Book()
    head, opening = Head("POST", PATHS["openai_chat"], "", ()), CHAT.opening(BODY, PATHS["openai_chat"])
    assert opening is not None
    return ArrivalTap(First(head, BODY, CHAT, opening, "", "", "name", ((b"X-Ours", b"1"),)), book, 0.0), book


def test_a_first_answer_is_journalled_as_it_came() -> None:
    tap, book = arriving()
    assert tap.begin(200, JSON) == ("pass", ((b"X-Ours", b"1"), proof(BODY, BODY)))
    assert tap.chunk(ANSWER) == ANSWER
    assert (tap.tail(), tap.whole(b"x")) == (b"", b"x")
    tap.acknowledge()
    tap.over("complete", 200, 1, 1)
    assert book.told[0] == ("arrival", "application/json", "", ANSWER, True)
    assert (outcome(book).seq, outcome(book).reply) == (9, None)


def test_a_first_answer_that_breaks_off_is_journalled_as_interrupted() -> None:
    tap, book = arriving()
    tap.begin(200, EVENTS)
    tap.chunk(STREAM[:90])
    tap.over("interrupted", 200, 1, 1)
    assert book.told[0] == ("arrival", EVENTS[0][1].decode(), "", STREAM[:90], False)


@pytest.mark.parametrize(("ended", "status"), [("complete", 500), ("interrupted", 0), ("refused", 0)])
def test_a_first_answer_that_says_nothing_is_not_journalled(ended: Any, status: int) -> None:
    tap, book = arriving()
    if status:
        tap.begin(status, JSON)
        tap.chunk(b"{}")
        tap.acknowledge()
    tap.over(ended, status, 1, 1)
    assert outcome(book).ended == ("error" if status else ended)
    assert len(book.told) == 1


def test_a_first_answer_too_large_to_keep_is_not_journalled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_KEPT", 10)
    tap, book = arriving()
    tap.begin(200, JSON)
    tap.chunk(b"x" * 11)
    tap.chunk(b"x" * 11)
    tap.acknowledge()
    tap.over("complete", 200, 1, 1)
    assert len(book.told) == 1
