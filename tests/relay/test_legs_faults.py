"""Answers of several legs on real sockets: clients that leave, replies that dawdle, connections that close."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import msgspec
import pytest

from backstory.core.exchange import Head
from backstory.core.legs import Call, Kept
from backstory.core.message import Text, ToolCall
from backstory.core.plan import Paging, Plan
from backstory.core.reply import Reply, Usage
from tests.paging import BY_NAME, tools
from tests.relay.world import FAST, Client, Ear, Script, Upstream, World, run, world
from tests.rig import asking, chunked, reply

WIRE = BY_NAME["anthropic"]
BODY = asking("anthropic", [("user", "Please look.")], tools=tools("anthropic"), max_tokens=10, stream=True)
CALLED = WIRE.write(Reply((Text("Let me look."), ToolCall("c", "vc_find_quote", "{}")), "tool_calls", Usage(1, 2), "r1", "m"), True)
ANSWER = WIRE.write(Reply((Text("Found it."),), "stop", Usage(3, 4), "r2", "m"), True)


class Clerk:
    """Answers calls, after `wait` is set."""

    def __init__(self, wait: asyncio.Event | None = None) -> None:
        self.wait = wait
        self.cancelled = False

    async def answer(self, calls: Sequence[Call], left: int) -> Sequence[str]:
        try:
            if self.wait is not None:
                await self.wait.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        return ["found" for _ in calls]

    async def defer(self, calls: Sequence[Call]) -> Sequence[str]:
        return await self.answer(calls, 0)

    def remember(self, kept: Kept, bare: Kept) -> None:
        pass


def paged(one: World, clerk: Clerk | None = None, ear: Ear | None = None) -> Callable[[Head, bytes], Plan]:
    """A house in which every request is offered the tools."""

    def decide(head: Head, body: bytes) -> Plan:
        talk = WIRE.talk(body, frozenset({"vc_find_quote"}), "")
        paging = Paging(talk, clerk or Clerk(), 5, lambda: b'{"plain":1}', WIRE.reader)
        return Plan(one.house.target(head), body=body, tap=ear, paging=paging)

    one.house.decide = decide
    return decide


async def client_of(one: World) -> Client:
    return Client(*await asyncio.open_connection("127.0.0.1", one.port))


def request(body: bytes = BODY, version: bytes = b"1.1") -> bytes:
    return b"POST /v1/messages HTTP/%b\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (version, len(body), body)


def in_turn(*answers: Sequence[bytes]) -> Script:
    """Each request gets the next answer, on whatever connection it comes; an empty one closes the connection."""
    waiting = list(answers)

    async def script(upstream: Upstream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await upstream.request(reader)
            pieces = waiting.pop(0)
            if not pieces:
                return
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)

    return script


def test_a_client_goes_on_with_its_connection_after_an_answer_of_two_legs() -> None:
    async def work() -> None:
        async with world(in_turn(chunked([CALLED]), chunked([ANSWER]), chunked([ANSWER]))) as one:
            paged(one)
            client = await client_of(one)
            await client.send(request())
            _, first = await client.reply()
            assert b"Let me look." in first
            assert b"Found it." in first
            assert b"vc_" not in first
            await client.send(request())
            head, second = await client.reply()
            assert second == ANSWER
            assert head.startswith(b"HTTP/1.1 200 OK")
            assert one.upstream.opened == 1, "later legs use connections again"
            client.writer.close()

    run(work())


def test_a_client_of_http_1_0_gets_both_legs() -> None:
    async def work() -> None:
        async with world(in_turn(chunked([CALLED]), chunked([ANSWER]))) as one:
            paged(one)
            client = await client_of(one)
            await client.send(request(version=b"1.0"))
            raw, end = await client.rest()
            assert end == "eof"
            assert b"Let me look." in raw
            assert b"Found it." in raw
            client.writer.close()

    run(work())


def test_a_client_that_leaves_during_a_look_up_ends_it() -> None:
    async def work() -> None:
        clerk = Clerk(asyncio.Event())
        async with world(in_turn(chunked([CALLED]), chunked([ANSWER]))) as one:
            ear = Ear()
            paged(one, clerk, ear)
            client = await client_of(one)
            await client.send(request())
            await client.reader.readuntil(b"Let me look.")
            await asyncio.sleep(0.3)
            client.writer.close()
            async with asyncio.timeout(2):
                while not clerk.cancelled or not ear.ended:  # noqa: ASYNC110 (what is waited for has no event)
                    await asyncio.sleep(0.01)
            assert ear.ended[0][0] == "interrupted"
            assert len(one.upstream.received) == 1

    run(work())


def test_a_client_that_leaves_during_a_later_leg_ends_it() -> None:
    async def work() -> None:
        head, first, *_ = chunked([ANSWER[: len(ANSWER) // 2]])
        async with world(in_turn(chunked([CALLED]), [head, first])) as one:
            paged(one)
            client = await client_of(one)
            await client.send(request())
            await client.reader.readuntil(b"Let me look.")
            async with asyncio.timeout(2):
                while len(one.upstream.received) < 2:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            await asyncio.sleep(0.3)
            client.writer.close()
            async with asyncio.timeout(2):
                await one.upstream.lost.wait()

    run(work())


def test_an_interim_reply_of_a_later_leg_is_not_put_into_the_answer() -> None:
    early = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"

    async def work() -> None:
        async with world(in_turn(chunked([CALLED]), [early, *chunked([ANSWER])])) as one:
            paged(one)
            client = await client_of(one)
            await client.send(request())
            _, raw = await client.reply()
            assert b"Early" not in raw
            assert b"Found it." in raw
            client.writer.close()

    run(work())


def test_a_later_leg_whose_connection_closes_without_a_word_is_asked_again() -> None:
    async def work() -> None:
        async with world(in_turn(chunked([CALLED]), [], chunked([ANSWER]))) as one:
            paged(one)
            client = await client_of(one)
            await client.send(request())
            _, raw = await client.reply()
            assert b"Found it." in raw
            assert one.upstream.received[-1].body == b'{"plain":1}'
            client.writer.close()

    run(work())


def test_a_silent_later_leg_ends_within_the_limits() -> None:
    async def script(upstream: Upstream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await upstream.request(reader)
            if len(upstream.received) == 1:
                for piece in chunked([CALLED]):
                    writer.write(piece)

    async def work() -> None:
        async with world(script, timeouts=FAST) as one:
            paged(one)
            client = await client_of(one)
            await client.send(request())
            async with asyncio.timeout(3):
                _, raw = await client.reply()
            assert b'"stop_reason":"max_tokens"' in raw
            assert raw.endswith(b'data: {"type":"message_stop"}\n\n')
            assert len(one.upstream.received) == 3
            client.writer.close()

    run(work())


def test_a_whole_body_may_take_longer_than_a_head_may() -> None:
    body = WIRE.write(Reply((Text("Slowly."),), "stop", Usage(1, 2), "r", "m"), False)
    whole = reply(body)

    async def script(upstream: Upstream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await upstream.request(reader)
        for at in range(0, len(whole), 60):
            writer.write(whole[at : at + 60])
            await writer.drain()
            await asyncio.sleep(0.12)

    async def work() -> None:
        async with world(script, timeouts=msgspec.structs.replace(FAST, idle_s=1.0)) as one:
            paged(one)
            client = await client_of(one)
            await client.send(request())
            head, got = await client.reply()
            assert head.startswith(b"HTTP/1.1 200")
            assert got == body
            client.writer.close()

    run(work())


@pytest.mark.parametrize("at", [1, len(CALLED) // 3, len(CALLED) - 30])
def test_a_first_leg_that_breaks_off_is_broken_off(at: int) -> None:
    async def work() -> None:
        head, *_ = chunked([])
        async with world(in_turn([head, b"%x\r\n%b\r\n" % (at, CALLED[:at]), b"zz\r\n"])) as one:
            paged(one)
            client = await client_of(one)
            await client.send(request())
            raw, end = await client.rest()
            assert end == "reset"
            assert b"vc_" not in raw or at < len(CALLED) // 2
            assert len(one.upstream.received) == 1
            client.writer.close()

    run(work())


def test_an_answer_that_comes_coded_all_the_same_passes() -> None:
    raw = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Encoding: br\r\nContent-Length: 3\r\n\r\nabc"

    async def work() -> None:
        async with world(in_turn([raw])) as one:
            paged(one)
            client = await client_of(one)
            await client.send(request())
            head, got = await client.reply()
            assert got == b"abc"
            assert b"Content-Encoding: br" in head
            client.writer.close()

    run(work())
