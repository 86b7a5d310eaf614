"""What a provider may do wrong: before the first byte it becomes a gateway error in time, after it a visible break, never a clean end."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable

import pytest
from msgspec import structs

from backstory.core.exchange import Head
from backstory.core.plan import Plan, Target
from backstory.relay import Limits
from tests.relay.world import CALM, FAST, OK, Ear, Script, Upstream, ask, client, field, get, post, replies, run, until, world


def sends(*parts: bytes, then: str = "close", pause_s: float = 0.02) -> Script:
    """A script: reads a request, sends these parts one by one, then closes, resets, or stalls."""

    async def script(upstream: Upstream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await upstream.request(reader)
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(pause_s)
        if then == "reset":
            sock: socket.socket = writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
        elif then == "stall":
            await reader.read()

    return script


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

BEFORE: dict[str, tuple[Script, int]] = {
    "resets at once": (sends(then="reset"), 502),
    "is silent": (sends(then="stall"), 504),
    "closes inside the head": (sends(b"HTTP/1.1 200 OK\r\nContent-Le"), 502),
    "resets inside the head": (sends(b"HTTP/1.1 200 OK\r\nContent-Le", then="reset"), 502),
    "stalls inside the head": (sends(b"HTTP/1.1 200 OK\r\nContent-Le", then="stall"), 504),
    "stalls after hints": (sends(b"HTTP/1.1 100 Continue\r\n\r\n", then="stall"), 504),
    "sends garbage": (sends(b"\x00\x01\x02garbage", then="stall"), 502),
    "sends another protocol": (sends(b"SSH-2.0-OpenSSH_9.6\r\n", then="stall"), 502),
    "sends garbage before the head": (sends(b"xx" + OK, then="stall"), 502),
    "sends HTTP/0.9": (sends(b"<html>hi</html>"), 502),
    "sends two lengths": (sends(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok!"), 502),
    "sends length and chunked": (sends(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 502),
    "sends a negative length": (sends(b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok"), 502),
    "sends a head without end": (sends(b"HTTP/1.1 200 OK\r\n" + b"X: " + b"a" * 70_000, then="stall"), 502),
    "sends a head too large": (sends(b"HTTP/1.1 200 OK\r\n" + b"X: aaaaaaaaaa\r\n" * 6_000 + b"\r\n", then="stall"), 502),
    "switches protocols": (sends(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", then="stall"), 502),
    "hints without end": (sends(b"HTTP/1.1 102 Processing\r\n\r\n" * 200, then="stall"), 502),
    "ends its lines with bare LF": (sends(b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok", then="stall"), 502),
    "ends its lines with bare LF, in pieces": (sends(b"HTTP/1.1 200 OK", b"\nContent-Length: 2\n\nok", then="stall"), 502),
    "has a NUL in an unfinished head": (sends(b"HTTP/1.1 200 OK\r\nX: \x00\r\n", then="stall"), 502),
    "sends a folded header": (sends(b"HTTP/1.1 200 OK\r\nX: 1\r\n 2\r\nContent-Length: 0\r\n\r\n"), 502),
    "sends a bad first chunk": (sends(CHUNKED + b"zz\r\n", then="stall"), 502),
}


@pytest.mark.parametrize(("script", "status"), BEFORE.values(), ids=BEFORE)
def test_a_fault_before_the_first_byte_is_a_gateway_error_in_time(script: Script, status: int) -> None:
    async def work() -> None:
        ear = Ear()
        async with world(script, tap=lambda: ear, timeouts=FAST) as w:
            async with asyncio.timeout(2.5), client(w.port) as one:
                await one.send(post(b"{}", close=False))
                head, body = await one.reply()
                while head.startswith(b"HTTP/1.1 102"):
                    head, body = await one.reply()
                assert head.startswith(b"HTTP/1.1 %d " % status)
                assert field(head, b"content-type") == b"application/json"
                assert b"upstream_" in body
                assert w.upstream.opened == 1, "a POST is never sent twice"
                w.upstream.script = replies(OK)
                await one.send(post(b"{}"))
                good, _ = await one.rest()
                assert good.endswith(b"\r\n\r\nok")
            await until(lambda: len(ear.ended) == 2)
            assert ear.ended[0][0] in ("refused", "interrupted")
            assert ear.ended[1][0] == "complete"

    run(work())


def test_a_provider_that_closes_without_a_word_is_relayed_as_that() -> None:
    async def work() -> None:
        ear = Ear()
        async with world(sends(), tap=lambda: ear, timeouts=FAST) as w:
            for version in (b"1.1", b"1.0"):
                async with asyncio.timeout(2.5):
                    got, end = await ask(w.port, post(b"{}", close=False).replace(b"HTTP/1.1", b"HTTP/" + version))
                assert (got, end) == (b"", "eof")
            assert w.upstream.opened == 2, "a POST is never sent twice"
            await until(lambda: len(ear.ended) == 2)
            assert [ended[0] for ended in ear.ended] == ["refused", "refused"]
            assert w.door.metrics.upstream_errors == 2
            w.upstream.script = replies(OK)
            good, _ = await ask(w.port, post(b"{}"))
            assert good.endswith(b"\r\n\r\nok")

    run(work())


AFTER: dict[str, Script] = {
    "closes inside a length": sends(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello"),
    "resets inside a length": sends(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", then="reset"),
    "stalls inside a length": sends(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", then="stall"),
    "closes between chunks": sends(CHUNKED + b"5\r\nhello\r\n"),
    "closes inside a chunk": sends(CHUNKED + b"9\r\nhello"),
    "resets between chunks": sends(CHUNKED + b"5\r\nhello\r\n", then="reset"),
    "stalls between chunks": sends(CHUNKED + b"5\r\nhello\r\n", then="stall"),
    "closes before the last chunk's end": sends(CHUNKED + b"5\r\nhello\r\n", b"0\r\n"),
    "sends a bad chunk": sends(CHUNKED + b"5\r\nhello\r\n", b"zz\r\nhello\r\n", then="stall"),
    "sends a chunk longer than announced": sends(CHUNKED + b"5\r\nhello\r\n", b"1\r\nhello\r\n", then="stall"),
    "resets where only closing would end": sends(b"HTTP/1.1 200 OK\r\n\r\nhello", then="reset"),
}


@pytest.mark.parametrize("script", AFTER.values(), ids=AFTER)
@pytest.mark.parametrize("version", [b"1.1", b"1.0"])
@pytest.mark.parametrize("plain", [False, True], ids=["uvloop", "asyncio"])
def test_a_fault_after_the_first_byte_breaks_the_clients_connection(script: Script, version: bytes, plain: bool) -> None:
    async def work() -> None:
        ear = Ear()
        async with world(script, tap=lambda: ear, timeouts=FAST) as w:
            async with asyncio.timeout(2.5):
                got, end = await ask(w.port, post(b"{}", close=False).replace(b"HTTP/1.1", b"HTTP/" + version))
            assert got == b"" or got.startswith(b"HTTP/1.1 200 OK\r\n")
            assert not got.endswith(b"0\r\n\r\n"), "a clean end was invented"
            shows = b"Content-Length: 10" in got or b"Transfer-Encoding: chunked" in got
            assert end == "reset" or shows, "the break does not show"
            await until(lambda: bool(ear.ended))
            assert ear.ended[0][:2] == ("interrupted", 200)
            assert "acknowledge" not in ear.calls
            assert w.door.metrics.cut == 1

    run(work(), plain)


def test_a_reply_that_ends_by_close_is_complete() -> None:
    async def work() -> None:
        ear = Ear()
        async with world(sends(b"HTTP/1.0 200 Fine\r\nX: 1\r\n\r\nhel", b"lo"), tap=lambda: ear) as w:
            async with client(w.port) as one:
                await one.send(get(close=False))
                head, body = await one.reply()
            assert head == b"HTTP/1.1 200 Fine\r\nX: 1\r\nTransfer-Encoding: chunked\r\n\r\n"
            assert body == b"hello"
            old, end = await ask(w.port, b"GET / HTTP/1.0\r\n\r\n")
            assert old == b"HTTP/1.1 200 Fine\r\nX: 1\r\nConnection: close\r\n\r\nhello"
            assert end == "eof"
            assert [ended[0] for ended in ear.ended] == ["complete", "complete"]

    run(work())


def test_a_refused_connection_is_a_502_at_once() -> None:
    async def work() -> None:
        async with world(replies(OK)) as w:
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                w.house.port = free.getsockname()[1]
                got, _ = await ask(w.port, post(b"{}"))
            assert got.startswith(b"HTTP/1.1 502 ")

    run(work())


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a..b", "x" * 300, "\udcff"])
def test_a_name_that_does_not_resolve_is_a_502(host: str) -> None:
    async def work() -> None:
        async with world(replies(OK)) as w:
            w.house.decide = lambda head, body: Plan(target=w.house.target(head, host))
            got, _ = await ask(w.port, post(b"{}"))
            assert got.startswith(b"HTTP/1.1 502 ")

    run(work())


def test_a_black_hole_is_a_504_within_the_connect_timeout() -> None:
    async def work() -> None:
        with socket.socket() as hole:
            hole.bind(("127.0.0.1", 0))
            hole.listen(0)
            port = hole.getsockname()[1]
            fillers = []
            for _ in range(4):  # fill the backlog: further connections are not answered
                filler = socket.socket()
                filler.setblocking(False)
                filler.connect_ex(("127.0.0.1", port))
                fillers.append(filler)
            await asyncio.sleep(0.05)
            async with world(replies(OK), timeouts=FAST) as w, asyncio.timeout(2):
                w.house.port = port
                got, _ = await ask(w.port, post(b"{}"))
                assert got.startswith(b"HTTP/1.1 504 ")
            for filler in fillers:
                filler.close()

    run(work())


def test_a_slow_drip_passes() -> None:
    async def work() -> None:
        body = [b"%d" % (at % 10) for at in range(12)]
        async with world(sends(b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n", *body, pause_s=0.1), timeouts=FAST) as w:
            got, end = await ask(w.port, post(b"{}"))
            assert got.endswith(b"".join(body))
            assert end == "eof"

    run(work())


POISONS: dict[str, bytes] = {
    "bytes after a length": OK + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
    "bytes after the last chunk": CHUNKED + b"2\r\nok\r\n0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
    "a body after 204": b"HTTP/1.1 204 No Content\r\nContent-Length: 4\r\n\r\nevil",
    "a body after 304": b"HTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\n\r\nevil",
    "closing": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok",
    "keep-alive for no time": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nKeep-Alive: timeout=0\r\n\r\nok",
    "HTTP/1.0": b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
}


@pytest.mark.parametrize("raw", POISONS.values(), ids=POISONS)
def test_a_poisoned_connection_is_never_used_again(raw: bytes) -> None:
    async def work() -> None:
        async with world(replies(raw)) as w, client(w.port) as one:
            for at in range(3):
                await one.send(post(b"{}", close=False))
                head, body = (
                    await one.reply() if b" 20" in raw[:14] and b"204" not in raw[:14] else (await one.reader.readuntil(b"\r\n\r\n"), b"ok")
                )
                assert b"evil" not in head + body
                assert body == b"ok"
                assert w.upstream.opened == at + 1
            assert w.door.metrics.upstream_reused == 0

    run(work())


@pytest.mark.parametrize("first", [b"HEAD / HTTP/1.1", b"GET /204 HTTP/1.1", b"GET /304 HTTP/1.1"])
def test_a_body_that_follows_late_where_none_belongs_spoils_nothing(first: bytes) -> None:
    heads = {
        b"/": b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n",
        b"/204": b"HTTP/1.1 204 No Content\r\nContent-Length: 4\r\n\r\n",
        b"/304": b"HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n",
    }

    async def script(upstream: Upstream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            received = await upstream.request(reader)
            head = heads.get(received.head.split(b" ")[1])
            if head is None:
                await asyncio.sleep(0.1)
            writer.write(head or OK)
            if head is not None:
                await asyncio.sleep(0.05)
                writer.write(b"evil")

    async def work() -> None:
        async with world(script) as w, client(w.port) as one:
            await one.send(first + b"\r\nHost: a\r\n\r\n")
            assert (await one.reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 ")
            await one.send(post(b"{}", close=False))
            assert await one.reply() == (OK.removesuffix(b"ok"), b"ok")

    run(work())


@pytest.mark.parametrize("wants", [True, False], ids=["whole", "streamed"])
def test_a_provider_that_takes_a_large_request_slowly_is_not_late(wants: bool) -> None:
    size = 60_000_000  # more than sockets hold

    async def script(upstream: Upstream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        left = int(field(head, b"content-length") or b"")
        while left:
            left -= len(await reader.readexactly(min(left, 1_000_000)))
            if left > size / 2:
                await asyncio.sleep(0.05)
        writer.write(OK)
        await reader.read()

    async def work() -> None:
        async with world(script, wants=wants, timeouts=structs.replace(FAST, first_byte_s=0.7, idle_s=0.7)) as w:
            got, _ = await ask(w.port, post(b"x" * size))
            assert got.endswith(b"\r\n\r\nok")

    run(work())


def test_bytes_on_an_idle_connection_close_it() -> None:
    async def work() -> None:
        async def script(upstream: Upstream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await upstream.request(reader)
            writer.write(OK)
            await asyncio.sleep(0.05)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
            await reader.read()

        async with world(script) as w, client(w.port) as one:
            for at in range(3):
                await one.send(post(b"{}", close=False))
                assert (await one.reply())[1] == b"ok"
                assert w.upstream.opened == at + 1
                await until(lambda: w.upstream.closed == w.upstream.opened)

    run(work())


def test_bytes_that_came_in_the_same_moment_as_the_next_request_are_noticed() -> None:
    """The provider's stray bytes wait unread when the next request picks the connection: it must not be picked."""

    async def work() -> None:
        async with world(replies(OK)) as w, client(w.port) as one:
            await one.send(post(b"{}", close=False))
            await one.reply()
            fd = w.upstream.writers[0].get_extra_info("socket").fileno()
            with socket.socket(fileno=socket.dup(fd)) as sock:
                sock.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
            assert w.door.pool.take(Target("http", "127.0.0.1", w.house.port, b"", "/")) is None

    run(work())


def test_a_clean_connection_is_used_again_and_dropped_when_idle() -> None:
    async def work() -> None:
        timeouts = structs.replace(CALM, upstream_idle_s=0.3, probe_s=0.1)
        async with world(replies(OK), timeouts=timeouts) as w, client(w.port) as one:
            for _ in range(5):
                await one.send(post(b"{}", close=False))
                assert (await one.reply())[1] == b"ok"
            assert w.upstream.opened == 1
            assert w.door.metrics.upstream_reused == 4
            await asyncio.wait_for(w.upstream.lost.wait(), 2)

    run(work())


def test_the_upstreams_own_keep_alive_limit_is_honoured() -> None:
    async def work() -> None:
        timeouts = structs.replace(CALM, probe_s=0.1)
        raw = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nKeep-Alive: timeout=1\r\n\r\nok"
        async with world(replies(raw), timeouts=timeouts) as w:
            await ask(w.port, post(b"{}"))
            await asyncio.wait_for(w.upstream.lost.wait(), 1)

    run(work())


def dies_idle(upstream: Upstream) -> Script:
    """Answers one request per connection and closes when the second has been read; the third connection behaves."""

    async def script(_: Upstream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await upstream.request(reader)
            if len(upstream.received) == 2:
                return
            writer.write(OK)

    return script


@pytest.mark.parametrize(
    ("request_", "status", "opened"),
    [(get(), b"200", 2), (post(b"{}"), b"", 1), (post(b""), b"", 1), (get(extra=b"Content-Length: 1\r\n") + b"x", b"", 1)],
    ids=["GET", "POST", "POST without body", "GET with body"],
)
def test_only_a_get_is_sent_again_when_a_reused_connection_dies_silently(request_: bytes, status: bytes, opened: int) -> None:
    async def work() -> None:
        async with world(replies(OK)) as w:
            w.upstream.script = dies_idle(w.upstream)
            await ask(w.port, get())
            got, _ = await ask(w.port, request_)
            assert got[9:12] == status
            assert w.upstream.opened == opened

    run(work())


def test_a_get_is_not_sent_a_third_time() -> None:
    async def work() -> None:
        async def script(upstream: Upstream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await upstream.request(reader)
            if len(upstream.received) == 1:
                writer.write(OK)
                await upstream.request(reader)

        async with world(script) as w:
            await ask(w.port, get())
            got, _ = await ask(w.port, get())
            assert got == b""
            assert len(w.upstream.received) == 3

    run(work())


@pytest.mark.parametrize("wants", [True, False], ids=["gathered", "streamed"])
def test_an_early_answer_is_passed_on_and_both_sides_close(wants: bool) -> None:
    async def work() -> None:
        async def script(upstream: Upstream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 413 Too Much\r\nContent-Length: 3\r\n\r\nbig")
            await writer.drain()
            await asyncio.sleep(0.2)

        async with world(script, wants=wants) as w, client(w.port) as one:
            one.writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\n" + b"x" * (3_000_000 if wants else 300_000))
            head, body = await one.reply()
            assert head.startswith(b"HTTP/1.1 413 Too Much\r\n")
            assert body == b"big"
            if not wants:
                assert field(head, b"connection") == b"close"
                await until(lambda: w.upstream.closed == 1)
                assert (await one.rest())[0] == b""

    run(work())


def test_a_plan_that_raises_or_has_no_target_is_a_502() -> None:
    async def work() -> None:
        async with world(replies(OK)) as w:

            async def late(head: Head, body: bytes) -> Plan:
                await asyncio.sleep(0)
                raise RuntimeError("secret text")

            def now(head: Head, body: bytes) -> Plan:
                raise RecursionError("secret text")

            decisions: list[Callable[[Head, bytes], object]] = [late, now, lambda head, body: Plan()]
            for decide in decisions:
                w.house.decide = decide  # type: ignore[assignment]
                got, _ = await ask(w.port, post(b"{}"))
                assert got.startswith(b"HTTP/1.1 502 ")
                assert b"secret" not in got
            assert w.upstream.opened == 0

    run(work())


def test_a_reply_gathered_for_a_tap_beyond_the_limit_passes_as_it_comes() -> None:
    async def work() -> None:
        body = b"x" * 50_000
        raw = b"HTTP/1.1 200 OK\r\nContent-Length: 50000\r\n\r\n" + body
        async with world(replies(raw), tap=lambda: Ear("whole"), limits=Limits(max_buffered_body=10_000)) as w:
            got, _ = await ask(w.port, post(b"{}"))
            assert got.endswith(b"\r\n\r\n" + body)

    run(work())


def test_a_model_may_think_long_after_a_hint() -> None:
    async def work() -> None:
        async def script(upstream: Upstream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await upstream.request(reader)
            writer.write(b"HTTP/1.1 103 Early Hints\r\n\r\n")
            await asyncio.sleep(0.6)
            writer.write(OK)

        async with world(script, timeouts=structs.replace(FAST, first_byte_s=2.0)) as w:
            got, _ = await ask(w.port, get())
            assert got.endswith(b"\r\n\r\nok")

    run(work())


def test_an_upstream_that_answered_early_is_not_used_again_even_if_it_stays() -> None:
    async def work() -> None:
        async def script(upstream: Upstream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(OK)
            while await reader.read(65536):
                pass

        async with world(script, wants=False) as w, client(w.port) as one:
            await one.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nabc")
            assert (await one.reply())[1] == b"ok"
            await until(lambda: w.upstream.closed == 1)

    run(work())
