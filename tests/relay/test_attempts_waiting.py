"""Comments to clients that wait for a stream while a request is tried again."""

from __future__ import annotations

import asyncio

import pytest

from backstory.relay.endurance import Policy

from .stage import Stage, events, reply, split, sse, stage
from .world import FAST, ask, client, field, post, run, until

ALIVE = Policy(retries=2, backoff_s=0.01, keep_alive_s=0.05, budget_s=5.0)


async def streamed(one: Stage) -> tuple[bytes, bytes]:
    """Head and body of one reply, in a stream that must end in good order."""
    async with client(one.port) as who:
        await who.send(post(b'{"stream":true}', close=False))
        return await who.reply()


def test_a_waiting_client_gets_comments_and_then_the_answer() -> None:
    async def work() -> None:
        refusal = reply(503, b"", b"retry-after-ms: 400")
        async with stage(refusal, sse(events("there")), policy=ALIVE, timeouts=FAST, streams=True) as one:
            head, body = await streamed(one)
            assert head.startswith(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n")
            assert body.endswith(events("there"))
            comments = body.removesuffix(events("there"))
            assert comments.count(b": keep-alive\n\n") * 14 == len(comments) >= 28
            assert one.ear.heard == events("there")
            assert field(one.world.upstream.received[1].head, b"accept-encoding") == b"identity"

    run(work())


def test_comments_come_before_the_next_first_byte_too() -> None:
    async def work() -> None:
        def late(writer: asyncio.StreamWriter) -> None:
            asyncio.get_running_loop().call_later(0.2, writer.write, sse(events("late")))

        async with stage(reply(503), late, policy=ALIVE, timeouts=FAST, streams=True) as one:
            _, body = await streamed(one)
            assert body.startswith(b": keep-alive\n\n")
            assert body.endswith(events("late"))

    run(work())


def test_no_comment_is_sent_before_something_has_failed() -> None:
    async def work() -> None:
        def late(writer: asyncio.StreamWriter) -> None:
            asyncio.get_running_loop().call_later(0.2, writer.write, sse(events("late")))

        async with stage(late, policy=ALIVE, timeouts=FAST, streams=True) as one:
            head, body = await streamed(one)
            assert head.startswith(b"HTTP/1.1 200 Said")
            assert body == events("late")

    run(work())


@pytest.mark.parametrize("streams", [True, False])
def test_an_error_after_comments_is_told_in_the_stream(streams: bool) -> None:
    async def work() -> None:
        refusal = reply(429, b"enough", b"retry-after-ms: 150")
        async with stage(refusal, policy=ALIVE, timeouts=FAST, streams=streams) as one:
            head, body = await streamed(one)
            if streams:
                assert head.startswith(b"HTTP/1.1 200 OK")
                assert body.startswith(b": keep-alive\n\n")
                assert body.endswith(b"data: 429 enough\n\n")
            else:
                assert head.startswith(b"HTTP/1.1 429 Said")
                assert body == b"enough"
            assert one.asked == [3]
            await until(lambda: bool(one.ear.ended))
            assert one.ear.ended[0][:2] == ("error", 429)

    run(work())


def test_an_error_of_ours_after_comments_is_told_in_the_stream() -> None:
    async def work() -> None:
        policy = Policy(retries=2, backoff_s=0.3, keep_alive_s=0.05, budget_s=5.0)
        async with stage(refused=True, policy=policy, timeouts=FAST, streams=True) as one:
            _, body = await streamed(one)
            assert body.startswith(b": keep-alive\n\n")
            assert body.endswith(b'data: 502 {"error":"upstream_unavailable"}\n\n')

    run(work())


def test_an_answer_that_is_no_stream_does_not_go_into_one() -> None:
    async def work() -> None:
        refusal = reply(503, b"", b"retry-after-ms: 200")
        async with stage(refusal, reply(400, b"wrong"), policy=ALIVE, timeouts=FAST, streams=True) as one:
            _, body = await streamed(one)
            assert body.startswith(b": keep-alive\n\n")
            assert body.endswith(b"data: 400 wrong\n\n")

    run(work())


def test_a_client_of_http_1_0_gets_no_comments() -> None:
    async def work() -> None:
        refusal = reply(503, b"", b"retry-after-ms: 200")
        async with stage(refusal, sse(events("there")), policy=ALIVE, timeouts=FAST, streams=True) as one:
            raw, _ = await ask(one.port, post(b"{}").replace(b"HTTP/1.1", b"HTTP/1.0"))
            assert split(raw)[1] == events("there")

    run(work())


def test_a_client_that_leaves_between_comments_ends_it() -> None:
    async def work() -> None:
        async with stage(reply(503, b"", b"Retry-After: 4"), policy=ALIVE, timeouts=FAST, streams=True) as one:
            async with client(one.port) as who:
                await who.send(post(b"{}", close=False))
                await who.reader.readuntil(b": keep-alive\n\n")
            await until(lambda: bool(one.ear.ended))
            assert one.asked == [1]

    run(work())
