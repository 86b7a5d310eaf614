"""A tap hears every byte in the documented order, may change them, and can break nothing."""

from __future__ import annotations

import asyncio

import pytest

from backstory.core.exchange import Headers
from backstory.core.plan import Mode
from tests.relay.world import OK, Ear, Upstream, client, field, post, replies, run, until, world

CHUNKED = b"HTTP/1.1 200 OK\r\nX: 1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\nT: 1\r\n\r\n"
LENGTH = b"HTTP/1.1 200 OK\r\nX: 1\r\nContent-Length: 6\r\n\r\nabcdef"
BY_FRAMING = pytest.mark.parametrize("raw", [CHUNKED, LENGTH], ids=["chunked", "length"])


async def through(raw: bytes, ear: Ear) -> tuple[bytes, bytes]:
    async with world(replies(raw), tap=lambda: ear) as w, client(w.port) as one:
        await one.send(post(b"{}", close=False))
        got = await one.reply()
        await until(lambda: bool(ear.ended))
        assert len(ear.ended) == 1
        await one.send(post(b"{}", close=False))
        await one.reply()
        return got


@BY_FRAMING
def test_passing_tells_the_tap_in_order(raw: bytes) -> None:
    ear = Ear("pass", extra=((b"X-Added", b"2"),), change=lambda data: b"ignored")
    head, body = run(through(raw, ear))
    assert field(head, b"x-added") == b"2"
    assert body == b"abcdef"
    assert ear.calls[:4] == ["begin", "chunk", "acknowledge", "over"]
    assert ear.ended[0] == ("complete", 200, 2, 6)


@pytest.mark.parametrize("mode", ["pass", "stream", "whole"])
def test_what_comes_under_our_names_does_not_stand_beside_ours(mode: Mode) -> None:
    early = b"HTTP/1.1 103 Early Hints\r\nX-VC-Request: 9\r\nLink: a\r\n\r\n"
    raw = CHUNKED.replace(b"X: 1", b"X-VC-Conversation: evil\r\nX: 1").replace(b"T: 1", b"X-VC-Stats: evil")

    async def work() -> None:
        ear = Ear(mode, extra=((b"X-VC-Conversation", b"ours"),), change=lambda data: data)
        async with world(replies(early + raw), tap=lambda: ear) as w, client(w.port) as one:
            await one.send(post(b"{}"))
            got, _ = await one.rest()
        assert got.lower().count(b"x-vc-") == 1
        assert b"X-VC-Conversation: ours\r\n" in got
        assert b"X: 1\r\n" in got
        assert b"Link: a\r\n" in got

    run(work())


def test_without_a_tap_an_answer_keeps_headers_of_our_names() -> None:
    async def work() -> None:
        raw = LENGTH.replace(b"X: 1", b"x-vc-conversation:  theirs")
        async with world(replies(raw)) as w, client(w.port) as one:
            await one.send(post(b"{}", close=False))
            head, _ = await one.reply()
        assert b"\r\nx-vc-conversation:  theirs\r\n" in head

    run(work())


@BY_FRAMING
def test_streaming_sends_what_the_tap_returns(raw: bytes) -> None:
    ear = Ear("stream", tail=b"<tail>", change=lambda data: data.upper() + b"!")
    head, body = run(through(raw, ear))
    assert field(head, b"transfer-encoding") == b"chunked"
    assert field(head, b"content-length") is None
    assert body == b"ABCDEF!<tail>"
    assert ear.calls[:5] == ["begin", "chunk", "tail", "acknowledge", "over"]
    assert ear.ended[0] == ("complete", 200, 2, 13)


@BY_FRAMING
def test_gathering_sends_what_the_tap_returns_with_its_length(raw: bytes) -> None:
    ear = Ear("whole", change=lambda body: body + b" and more")
    head, body = run(through(raw, ear))
    assert field(head, b"content-length") == b"15"
    assert field(head, b"transfer-encoding") is None
    assert body == b"abcdef and more"
    assert ear.calls[:4] == ["begin", "whole", "acknowledge", "over"]
    assert ear.ended[0] == ("complete", 200, 2, 15)


def test_a_tap_that_swallows_everything_gives_an_empty_body() -> None:
    _, body = run(through(CHUNKED, Ear("stream", change=lambda data: b"")))
    assert body == b""


class Broken(Ear):
    """Fails in one of its methods."""

    def __init__(self, mode: Mode, where: str) -> None:
        super().__init__(mode, tail=b"<tail>")
        self.where = where

    def _maybe(self, where: str) -> None:
        if where == self.where:
            raise RecursionError("a secret of the tap")

    def begin(self, status: int, headers: Headers) -> tuple[Mode, Headers]:
        self._maybe("begin")
        return super().begin(status, headers)

    def chunk(self, data: bytes) -> bytes:
        self._maybe("chunk")
        return super().chunk(data)

    def tail(self) -> bytes:
        self._maybe("tail")
        return super().tail()

    def whole(self, body: bytes) -> bytes:
        self._maybe("whole")
        return super().whole(body)

    def acknowledge(self) -> None:
        self._maybe("acknowledge")
        super().acknowledge()

    def over(self, *args: object) -> None:
        self.ended.append(args)  # type: ignore[arg-type]
        self._maybe("over")


@BY_FRAMING
@pytest.mark.parametrize("where", ["begin", "chunk", "tail", "whole", "acknowledge", "over"])
@pytest.mark.parametrize("mode", ["pass", "stream", "whole"])
def test_a_tap_that_fails_anywhere_costs_nothing_but_itself(raw: bytes, where: str, mode: Mode) -> None:
    ear = Broken(mode, where)
    head, body = run(through(raw, ear))
    tail = b"<tail>" if mode == "stream" and where not in ("begin", "chunk", "tail") else b""
    assert body == b"abcdef" + tail
    assert head.startswith(b"HTTP/1.1 200 OK\r\nX: 1\r\n")
    assert len(ear.ended) >= 1


@pytest.mark.parametrize("mode", ["stream", "whole"])
def test_a_tap_that_returns_no_bytes_is_treated_as_failed(mode: Mode) -> None:
    ear = Ear(mode, change=lambda data: None)  # type: ignore[arg-type, return-value]
    _, body = run(through(LENGTH, ear))
    assert body == b"abcdef"


def test_a_tap_hears_an_error_status_as_an_error() -> None:
    async def work() -> None:
        ear = Ear("whole")
        async with world(replies(b"HTTP/1.1 429 Slow\r\nContent-Length: 4\r\n\r\nslow"), tap=lambda: ear) as w, client(w.port) as one:
            await one.send(post(b"{}", close=False))
            assert (await one.reply())[0].startswith(b"HTTP/1.1 429 Slow\r\n")
            await until(lambda: bool(ear.ended))
            assert ear.ended == [("error", 429, 2, 4)]

    run(work())


def test_a_gathered_answer_that_is_cut_becomes_a_gateway_error() -> None:
    async def work() -> None:
        async def script(upstream: Upstream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await upstream.request(reader)
            writer.write(LENGTH[:-2])
            await asyncio.sleep(0.05)

        ear = Ear("whole")
        async with world(script, tap=lambda: ear) as w, client(w.port) as one:
            await one.send(post(b"{}", close=False))
            assert (await one.reply())[0].startswith(b"HTTP/1.1 502 ")
            await until(lambda: bool(ear.ended))
            assert ear.ended == [("interrupted", 200, 2, 0)]
            assert "whole" not in ear.calls

    run(work())


def test_the_acknowledgement_comes_before_the_last_bytes_and_after_all_others() -> None:
    async def work() -> None:
        seen: list[bytes] = []

        class Late(Ear):
            def acknowledge(self) -> None:
                super().acknowledge()
                seen.append(self.heard)

        async def script(upstream: Upstream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await upstream.request(reader)
            for at in range(0, len(CHUNKED), 7):
                writer.write(CHUNKED[at : at + 7])
                await asyncio.sleep(0.002)
            await reader.read()

        ear = Late()
        async with world(script, tap=lambda: ear) as w, client(w.port) as one:
            await one.send(post(b"{}", close=False))
            assert (await one.reply())[1] == b"abcdef"
        assert seen == [b"abcdef"]
        assert OK.endswith(b"ok")

    run(work())
