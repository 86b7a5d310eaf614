"""Requests that are sent again to one provider: how often, and what the client gets of it."""

from __future__ import annotations

import asyncio
import gzip
import time
from collections.abc import Callable
from email.utils import formatdate

import pytest

from backstory.relay.endurance import Policy

from .stage import Answer, attempts, chat, close, reply, reset, split, stage, then
from .world import ask, client, field, post, run, until


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 529])
def test_what_the_provider_says_it_has_not_answered_is_sent_again(status: int) -> None:
    async def work() -> None:
        async with stage(reply(status, b"no"), reply(200, chat("yes"))) as one:
            raw, _ = await ask(one.port, post(b'{"a":1}'))
            head, body = split(raw)
            assert (head.split(b"\r\n")[0], body) == (b"HTTP/1.1 200 Said", chat("yes"))
            assert attempts(head) == b"front=%d, front=200" % status
            first, second = one.world.upstream.received
            assert first == second
            assert second.body == b'{"a":1}'
            assert one.world.door.metrics.repeats == 1
            assert one.ear.heard == chat("yes")
            await until(lambda: bool(one.ear.ended))
            assert one.ear.ended == [("complete", 200, 7, len(chat("yes")))]
            assert one.ear.calls.count("begin") == 1

    run(work())


@pytest.mark.parametrize("status", [200, 400, 401, 404, 422, 501])
def test_every_other_answer_passes_as_it_came(status: int) -> None:
    said = reply(status, b'{"word": 1}', b"X-Own: 1")

    async def work() -> None:
        async with stage(said) as one:
            raw, _ = await ask(one.port, post(b"{}"))
            assert raw == said[:-15] + b"\r\nConnection: close" + said[-15:]
            assert one.asked == [1]

    run(work())


@pytest.mark.parametrize("fault", [reset, close], ids=["reset", "close"])
def test_a_connection_that_ends_before_a_byte_of_the_answer_is_tried_again(fault: Answer) -> None:
    async def work() -> None:
        async with stage(fault, reply(200, chat("yes"))) as one:
            raw, _ = await ask(one.port, post(b"{}"))
            assert raw.endswith(chat("yes"))
            assert one.asked == [2]
            assert attempts(raw) == b"front=closed, front=200"

    run(work())


@pytest.mark.parametrize(
    "begun",
    [b"HTTP/1.1 2", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nfour"],
    ids=["a head begun", "a head", "a body begun"],
)
@pytest.mark.parametrize("end", [reset, close], ids=["reset", "close"])
def test_an_answer_that_has_begun_is_never_asked_for_again(begun: bytes, end: Callable[[asyncio.StreamWriter], None]) -> None:
    async def work() -> None:
        async with stage(then(begun, end), reply(200, chat("second")), behind=[[reply(200, chat("third"))]]) as one:
            raw, _ = await ask(one.port, post(b"{}"))
            assert b"second" not in raw
            assert b"third" not in raw
            await asyncio.sleep(0.05)
            assert one.asked == [1, 0]

    run(work())


def test_a_refused_connection_is_tried_again_and_then_told_in_the_clients_shape() -> None:
    async def work() -> None:
        async with stage(refused=True) as one:
            raw, _ = await ask(one.port, post(b"{}"))
            assert raw.startswith(b"HTTP/1.1 502 ")
            assert raw.endswith(b'{"error":"upstream_unavailable"}')
            assert attempts(raw) == b"front=connect, front=connect, front=connect"
            await until(lambda: bool(one.ear.ended))
            assert one.ear.ended == [("refused", 0, 2, 0)]

    run(work())


def test_when_every_try_has_failed_the_client_gets_the_last_answer_of_the_provider() -> None:
    last = reply(503, b'{"error":{"message":"the third"}}', b"Retry-After: 0", b"X-Request-Id: three")

    async def work() -> None:
        async with stage(reply(500, b"one"), reply(429, b"two"), last) as one:
            raw, _ = await ask(one.port, post(b"{}"))
            head, body = split(raw)
            assert head.startswith(split(last)[0])
            assert body == split(last)[1]
            assert attempts(head) == b"front=500, front=429, front=503"
            assert one.asked == [3]
            await until(lambda: bool(one.ear.ended))
            assert one.ear.ended[0][:2] == ("error", 503)

    run(work())


def test_an_answer_is_given_rather_than_an_error_of_ours() -> None:
    async def work() -> None:
        async with stage(reply(529, b"overloaded", b"X-Own: 1"), reset) as one:
            raw, _ = await ask(one.port, post(b"{}"))
            head, body = split(raw)
            assert head.startswith(b"HTTP/1.1 529 Said")
            assert field(head, b"x-own") == b"1"
            assert body == b"overloaded"
            assert attempts(head) == b"front=529, front=closed, front=closed"

    run(work())


@pytest.mark.parametrize("header", [b"Retry-After: 1", b"retry-after-ms: 400", b"date"])
def test_what_the_provider_asks_for_is_waited_for(header: bytes) -> None:
    async def work() -> None:
        asked = b"Retry-After: %b" % formatdate(time.time() + 2, usegmt=True).encode() if header == b"date" else header
        async with stage(reply(429, b"", asked), reply(200, chat("yes"))) as one:
            began = time.monotonic()
            raw, _ = await ask(one.port, post(b"{}"))
            assert raw.endswith(chat("yes"))
            assert 0.39 <= time.monotonic() - began < 3.0

    run(work())


@pytest.mark.parametrize("coding", [b"", b"gzip"])
def test_what_a_body_asks_for_is_waited_for_too(coding: bytes) -> None:
    """Google says it in the body alone."""
    body = b'[{"error":{"code":429,"details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"0.4s"}]}}]'
    said = reply(429, gzip.compress(body), b"Content-Encoding: gzip") if coding else reply(429, body)

    async def work() -> None:
        async with stage(said, reply(200, chat("yes"))) as one:
            began = time.monotonic()
            raw, _ = await ask(one.port, post(b"{}"))
            assert raw.endswith(chat("yes"))
            assert time.monotonic() - began >= 0.39

    run(work())


def test_a_body_that_asks_for_more_than_the_budget_is_passed_on_whole() -> None:
    body = b'{"error":{"code":429,"details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"39s"}]}}'

    async def work() -> None:
        async with stage(reply(429, body)) as one:
            raw, _ = await ask(one.port, post(b"{}"))
            assert raw.startswith(b"HTTP/1.1 429 ")
            assert raw.endswith(body)
            assert one.asked == [1]
            assert one.world.door.endurance.board.rows()[0].resting_for_s > 30

    run(work())


def test_a_429_whose_body_breaks_off_is_its_status_alone() -> None:
    async def work() -> None:
        begun = b"HTTP/1.1 429 Said\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{"
        async with stage(then(begun, reset), reply(200, chat("yes"))) as one:
            raw, _ = await ask(one.port, post(b"{}"))
            assert raw.endswith(chat("yes"))
            assert attempts(raw) == b"front=429, front=200"

    run(work())


def test_a_429_whose_body_breaks_off_ends_the_exchange_where_no_try_is_left() -> None:
    begun = b"HTTP/1.1 429 Said\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{"

    async def work() -> None:
        async with stage(*[then(begun, reset)] * 9) as one:
            raw, _ = await ask(one.port, post(b"{}"))
            assert raw.startswith(b"HTTP/1.1 429 Said\r\n")
            assert attempts(raw) == b"front=429, front=429, front=429"
            assert one.asked == [3]
            await until(lambda: bool(one.ear.ended))
            assert one.world.door.metrics.in_flight == 0

    run(work())


def test_what_would_outlast_the_budget_is_the_clients_to_decide() -> None:
    async def work() -> None:
        async with stage(reply(429, b"later", b"Retry-After: 30"), reply(200, chat("yes"))) as one:
            began = time.monotonic()
            raw, _ = await ask(one.port, post(b"{}"))
            assert raw.startswith(b"HTTP/1.1 429 ")
            assert field(raw, b"retry-after") == b"30"
            assert time.monotonic() - began < 1.0
            assert one.asked == [1]

    run(work())


def test_a_large_body_is_sent_again_whole() -> None:
    body = bytes(range(256)) * 16384

    async def work() -> None:
        async with stage(reply(503), reset, reply(200, chat("yes"))) as one:
            raw, _ = await ask(one.port, post(body))
            assert raw.endswith(chat("yes"))
            assert [len(each.body) for each in one.world.upstream.received] == [len(body)] * 3
            assert all(each.body == body for each in one.world.upstream.received)

    run(work())


def test_a_client_that_leaves_while_it_waits_ends_it() -> None:
    async def work() -> None:
        async with stage(reply(503, b"", b"Retry-After: 1"), reply(200, chat("yes"))) as one:
            async with client(one.port) as who:
                await who.send(post(b"{}"))
                await until(lambda: one.asked == [1])
            await until(lambda: bool(one.ear.ended))
            assert one.ear.ended[0][0] == "interrupted"
            await asyncio.sleep(1.1)
            assert one.asked == [1]

    run(work())


def test_the_connection_goes_on_after_a_request_that_was_sent_again() -> None:
    async def work() -> None:
        async with stage(reply(503), reply(200, chat("one")), reply(200, chat("two"))) as one, client(one.port) as who:
            for said in ("one", "two"):
                await who.send(post(b"{}", close=False))
                assert (await who.reply())[1] == chat(said)

    run(work())


def test_a_connection_that_went_stale_costs_no_pause_and_no_failure() -> None:
    async def work() -> None:
        slow = Policy(retries=1, backoff_s=5.0, budget_s=20.0)
        async with stage(reply(200, chat("one")), reset, reply(200, chat("two")), policy=slow) as one:
            await ask(one.port, post(b"{}"))
            began = time.monotonic()
            raw, _ = await ask(one.port, post(b"{}"))
            assert raw.endswith(chat("two"))
            assert time.monotonic() - began < 2.0
            assert one.world.door.endurance.board.rows()[0].errors == 0

    run(work())


def test_informational_replies_come_with_the_answer_they_belong_to() -> None:
    hint = b"HTTP/1.1 103 Early Hints\r\nLink: <%b>\r\n\r\n"

    async def work() -> None:
        async with stage(hint % b"/first" + reply(503), hint % b"/second" + reply(200, chat("yes"))) as one:
            raw, _ = await ask(one.port, post(b"{}"))
            assert raw.startswith(b"HTTP/1.1 103 Early Hints\r\nLink: </second>")
            assert b"/first" not in raw

    run(work())


def test_a_body_that_is_streamed_is_sent_once() -> None:
    async def work() -> None:
        async with stage(reply(503, b"no"), reply(200, chat("yes"))) as one:
            one.world.house.wants = False
            raw, _ = await ask(one.port, post(b"{}"))
            assert raw.startswith(b"HTTP/1.1 503 ")
            assert one.asked == [1]

    run(work())


def test_with_nothing_configured_nothing_is_sent_again_and_nothing_is_added() -> None:
    said = reply(503, b'{"word": 1}', b"Retry-After: 0")

    async def work() -> None:
        async with stage(said, reply(200, chat("yes")), policy=Policy()) as one:
            raw, _ = await ask(one.port, post(b"{}"))
            assert raw == said[:-15] + b"\r\nConnection: close" + said[-15:]
            assert one.asked == [1]
            assert one.world.door.endurance.board.rows() == []

    run(work())
