"""Answers of status 200 in which the provider tells an error before anything else: they are errors, where somebody else can be asked."""

from __future__ import annotations

import asyncio
import json

import pytest
from msgspec.structs import replace

from backstory.relay.breaker import Thresholds
from backstory.relay.endurance import Policy

from .stage import Stays, attempts, chat, close, events, reply, split, sse, stage, then
from .world import CALM, ask, client, field, post, run, until

ONCE = Policy(retries=0, budget_s=5.0)
SLOW = replace(CALM, probe_s=5.0, drain_s=5.0)


def told(code: object, kind: str = "server_error") -> bytes:
    return b"data: %b\n\n" % json.dumps({"error": {"message": "Provider returned error", "type": kind, "code": code}}).encode()


START = events()[: events().index(b"\n\n") + 2]


@pytest.mark.parametrize(
    "error", [told(502), told("overloaded"), told(429, "rate_limit_error"), told(None)], ids=["502", "busy", "429", "server"]
)
@pytest.mark.parametrize("before", [b"", START, b": PROCESSING\n\n" + START], ids=["at once", "begun", "comment"])
def test_an_error_before_anything_was_said_gives_way(error: bytes, before: bytes) -> None:
    async def work() -> None:
        async with stage(sse(before + error + b"data: [DONE]\n\n"), behind=[[sse(events("yes"))]], policy=ONCE) as one:
            raw, _ = await ask(one.port, post(b'{"stream":true}'))
            assert split(raw)[1] == events("yes")
            assert attempts(raw) == b"front=error, back.0=200"
            assert one.asked == [1, 1]
            assert one.ear.heard == events("yes")

    run(work())


def test_an_error_in_place_of_a_whole_answer_gives_way() -> None:
    async def work() -> None:
        async with stage(reply(200, told(503)[6:]), behind=[[reply(200, chat("yes"))]], policy=ONCE) as one:
            raw, _ = await ask(one.port, post(b"{}"))
            assert raw.endswith(chat("yes"))
            assert attempts(raw) == b"front=error, back.0=200"

    run(work())


def test_it_is_asked_for_again_where_retries_are_set() -> None:
    async def work() -> None:
        async with stage(sse(told(502)), sse(events("yes"))) as one:
            raw, _ = await ask(one.port, post(b"{}"))
            assert split(raw)[1] == events("yes")
            assert attempts(raw) == b"front=error, front=200"

    run(work())


@pytest.mark.parametrize("body", [told(502), START + told("overloaded")])
def test_where_nobody_is_left_the_error_is_told_as_it_came(body: bytes) -> None:
    async def work() -> None:
        async with stage(sse(body), behind=[[sse(told(503))]], policy=ONCE) as one:
            raw, _ = await ask(one.port, post(b"{}"))
            assert split(raw)[1] == told(503)
            assert raw.startswith(b"HTTP/1.1 200 ")
            assert attempts(raw) == b"front=error, back.0=error"
        async with stage(sse(body), policy=ONCE) as one:
            raw, _ = await ask(one.port, post(b"{}"))
            assert split(raw)[1] == body
            assert attempts(raw) is None

    run(work())


def test_what_a_later_one_says_is_told_rather_than_such_an_error() -> None:
    async def work() -> None:
        async with stage(sse(told(502)), behind=[[reply(401, b"no key")]], policy=ONCE) as one:
            raw, _ = await ask(one.port, post(b"{}"))
            assert raw.startswith(b"HTTP/1.1 401 ")
            assert raw.endswith(b"no key")

    run(work())


@pytest.mark.parametrize(
    "error",
    [told(400, "invalid_request_error"), told("context_length_exceeded", "invalid_request_error"), told(401, "authentication_error")],
)
def test_an_error_about_the_request_is_the_clients(error: bytes) -> None:
    async def work() -> None:
        async with stage(sse(error), behind=[[sse(events("never"))]], policy=ONCE) as one:
            raw, _ = await ask(one.port, post(b"{}"))
            assert split(raw)[1] == error
            assert one.asked == [1, 0]

    run(work())


def test_an_error_behind_a_word_is_the_clients() -> None:
    body = events("One")[: -len(b"data: [DONE]\n\n")] + told(502)

    async def work() -> None:
        async with stage(sse(body), behind=[[sse(events("never"))]], policy=ONCE) as one:
            raw, _ = await ask(one.port, post(b"{}"))
            assert split(raw)[1] == body
            assert one.asked == [1, 0]

    run(work())


def test_an_error_whose_stream_breaks_off_gives_way_too() -> None:
    begun = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 900\r\n\r\n" + told(502)

    async def work() -> None:
        async with stage(then(begun, close), behind=[[sse(events("yes"))]], policy=ONCE) as one:
            raw, _ = await ask(one.port, post(b"{}"))
            assert split(raw)[1] == events("yes")

    run(work())


def test_the_head_of_a_stream_that_says_nothing_for_long_is_not_held_back() -> None:
    begun = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 900\r\n\r\n" + START
    now = [100.0]

    def clock() -> float:
        return now[0]

    async def work() -> None:
        silent = stage(then(begun, lambda _: None), behind=[[sse(events("never"))]], policy=ONCE, clock=clock)
        async with silent as one, client(one.port) as who:
            await who.send(post(b"{}"))
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(who.reader.readuntil(b"\r\n\r\n"), 0.1)
            now[0] += 3.0
            assert (await who.reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
            assert await who.reader.readuntil(b"\n\n") == START

    run(work())


def test_a_backend_that_tells_nothing_but_errors_is_passed_over_in_time() -> None:
    async def work() -> None:
        async with stage(sse(told(502)), behind=[[sse(events("yes"))]], policy=ONCE, thresholds=Thresholds(3, 30.0)) as one:
            for _ in range(4):
                raw, _ = await ask(one.port, post(b"{}"))
            assert attempts(raw) == b"front=set aside, back.0=200"
            assert one.asked == [3, 4]
            assert field(raw, b"content-type") == b"text/event-stream"

    run(work())


def opened(*pieces: bytes) -> Stays:
    """A stream that says this, and stays open."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    return Stays(head + b"".join(b"%x\r\n%b\r\n" % (len(one), one) for one in pieces))


@pytest.mark.parametrize("policy", [ONCE, Policy(retries=0, budget_s=5.0, empty_retry=True)], ids=["once", "empty"])
def test_an_error_is_not_waited_behind_where_its_stream_stays_open(policy: Policy) -> None:
    def clock() -> float:
        return 100.0

    async def work() -> None:
        error = opened(START, told(502))
        async with stage(error, behind=[[sse(events("yes"))]], policy=policy, clock=clock) as one:
            raw, _ = await ask(one.port, post(b"{}"))
            assert split(raw)[1] == events("yes")
            assert attempts(raw) == b"front=error, back.0=200"
        async with stage(error, behind=[[reply(401, b"no key")]], policy=policy, clock=clock) as one:
            raw, _ = await ask(one.port, post(b"{}"))
            assert raw.endswith(b"no key")
        async with stage(error, behind=[[opened(told(503))]], policy=ONCE, clock=clock) as one, client(one.port) as who:
            await who.send(post(b"{}"))
            assert (await who.reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
            assert told(503) in await who.reader.readuntil(b"\n\n\r\n")

    run(work())


@pytest.mark.parametrize("status", [429, 503])
def test_the_body_of_a_refusal_is_not_waited_for_where_it_does_not_come(status: int) -> None:
    begun = b"HTTP/1.1 %d Said\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{" % status
    now = [100.0]

    def clock() -> float:
        return now[0]

    async def work() -> None:
        stalls = Stays(begun)
        async with stage(stalls, behind=[[sse(events("yes"))]], policy=ONCE, clock=clock) as one, client(one.port) as who:
            await who.send(post(b"{}"))
            await until(lambda: one.asked == [1, 0])
            await asyncio.sleep(0.1)
            now[0] += 3.0
            raw, _ = await who.reply()
            assert attempts(raw) == b"front=%d, back.0=200" % status
        async with stage(stalls, policy=replace(ONCE, retries=1), clock=clock) as one, client(one.port) as who:
            await who.send(post(b"{}"))
            for asked in (1, 2):
                await until(lambda: one.asked == [asked])  # noqa: B023
                await asyncio.sleep(0.1)
                now[0] += 3.0
            raw = await who.reader.readuntil(b"\r\n\r\n{")
            assert raw.startswith(b"HTTP/1.1 %d " % status)
            assert attempts(raw) == b"front=%d, front=%d" % (status, status)

    run(work())


@pytest.mark.parametrize("ends", [True, False], ids=["cut", "open"])
def test_an_error_that_comes_short_of_its_length_is_never_a_whole_answer(ends: bool) -> None:
    begun = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n%b\r\n" + START + told(502)
    short = begun % b"Content-Length: 5000\r\n"

    async def work() -> None:
        front = then(short, close) if ends else Stays(short)
        async with stage(front, behind=[[close]], policy=ONCE, timeouts=SLOW if ends else CALM) as one, client(one.port) as who:
            await who.send(post(b"{}", close=False))
            raw, _ = await who.reply()
            assert raw.startswith(b"HTTP/1.1 502 ")
            assert attempts(raw) == b"front=error, back.0=closed"
        async with stage(Stays(begun % b""), behind=[[close]], policy=ONCE) as one, client(one.port) as who:
            await who.send(post(b"{}", close=False))
            raw, body = await who.reply()
            assert raw.startswith(b"HTTP/1.1 200 ")
            assert body == START + told(502)

    run(work())
