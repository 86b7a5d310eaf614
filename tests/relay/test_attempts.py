"""Requests that are sent again, over real sockets: who is asked, how often, and what the client gets of it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from email.utils import formatdate
from typing import TypeAlias

import pytest
from msgspec import Struct

from backstory.core.exchange import Head, Headers
from backstory.core.plan import Attempt, Plan, Question, Target
from backstory.relay import Timeouts
from backstory.relay.breaker import Thresholds
from backstory.relay.endurance import Endurance, Policy
from backstory.wires import WIRES

from .world import CALM, FAST, Ear, Script, Upstream, World, ask, client, field, post, run, until, world

CHAT = next(wire for wire in WIRES if wire.name == "openai_chat")
QUICK = Policy(retries=2, backoff_s=0.01, backoff_most_s=0.05, budget_s=5.0)
Answer: TypeAlias = bytes | Callable[[asyncio.StreamWriter], None] | float
"""What a provider does with a request: it says these bytes, does something with the connection, or says nothing for so many seconds."""


def reply(status: int, body: bytes = b"", *headers: bytes, kind: bytes = b"application/json") -> bytes:
    lines = b"".join(b"%b\r\n" % line for line in headers)
    return b"HTTP/1.1 %d Said\r\nContent-Type: %b\r\n%bContent-Length: %d\r\n\r\n%b" % (status, kind, lines, len(body), body)


def chat(text: str) -> bytes:
    message = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return json.dumps({"id": "c", "object": "chat.completion", "model": "m", "choices": [message]}).encode()


def events(*texts: str) -> bytes:
    deltas = [{"role": "assistant", "content": ""}, *({"content": text} for text in texts)]
    chunks = [{"id": "c", "object": "chat.completion.chunk", "model": "m", "choices": [{"index": 0, "delta": one}]} for one in deltas]
    last = {"id": "c", "object": "chat.completion.chunk", "model": "m", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    return b"".join(b"data: %b\n\n" % json.dumps(one).encode() for one in [*chunks, last]) + b"data: [DONE]\n\n"


def sse(body: bytes) -> bytes:
    return reply(200, body, kind=b"text/event-stream")


def reset(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


def close(writer: asyncio.StreamWriter) -> None:
    writer.close()


def then(first: bytes, after: Callable[[asyncio.StreamWriter], None]) -> Callable[[asyncio.StreamWriter], None]:
    """Some bytes, and, when they have left, the end."""

    def do(writer: asyncio.StreamWriter) -> None:
        writer.write(first)
        asyncio.get_running_loop().call_later(0.05, after, writer)

    return do


def saying(*answers: Answer) -> Script:
    """One answer for each request, over all connections; the last one again and again."""
    left = list(answers)

    async def script(upstream: Upstream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await upstream.request(reader)
            answer = left.pop(0) if len(left) > 1 else left[0]
            if isinstance(answer, float):
                await asyncio.sleep(answer)
                return
            if isinstance(answer, bytes):
                writer.write(answer)
                await writer.drain()
            else:
                answer(writer)
                await asyncio.sleep(0.2)
                return

    return script


class Stage(Struct):
    """A world whose requests to a model may be sent again; `backs` are the upstreams behind the first."""

    world: World
    backs: list[Upstream]
    ear: Ear

    @property
    def port(self) -> int:
        return self.world.port

    @property
    def asked(self) -> list[int]:
        """How often each upstream was asked."""
        return [len(one.received) for one in (self.world.upstream, *self.backs)]


@asynccontextmanager
async def stage(
    *answers: Answer,
    behind: Sequence[Sequence[Answer]] = (),
    policy: Policy = QUICK,
    thresholds: Thresholds = Thresholds(0),  # noqa: B008 (a frozen value)
    timeouts: Timeouts = CALM,
    streams: bool = False,
    refused: bool = False,
    clock: Callable[[], float] = time.monotonic,
    change: Callable[[int, Attempt], Attempt] = lambda _, attempt: attempt,
) -> AsyncIterator[Stage]:
    ear = Ear()
    shared = Endurance(policy, thresholds, clock)
    async with world(saying(*(answers or (0.0,))), timeouts=timeouts, endurance=shared) as one, AsyncExitStack() as stack:
        backs: list[Upstream] = []
        others: list[Attempt] = []
        for number, said in enumerate(behind):
            back = Upstream(saying(*said))
            server = await asyncio.start_server(back.serve, "127.0.0.1", 0, limit=1 << 20)
            stack.push_async_callback(back.end)
            stack.callback(server.close)
            port = server.sockets[0].getsockname()[1]
            target = Target("http", "127.0.0.1", port, b"back.test", "/v1/chat/completions")
            others.append(change(number, Attempt(f"back.{number}", target, None, frozenset(), (), None)))
            backs.append(back)
        closed = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        dead = closed.sockets[0].getsockname()[1]
        closed.close()

        def decide(head: Head, _: bytes) -> Plan:
            target = one.house.target(head)
            if refused:
                target = Target("http", "127.0.0.1", dead, b"up.test", head.path)
            question = Question(CHAT, lambda: streams, lambda status, body: b"data: %d %b\n\n" % (status, body))
            return Plan(target, tap=ear, name="front", others=tuple(others), question=question)

        one.house.decide = decide
        yield Stage(one, backs, ear)


def attempts(head: bytes) -> bytes | None:
    return field(head, b"x-vc-attempts")


def split(raw: bytes) -> tuple[bytes, bytes]:
    head, _, body = raw.partition(b"\r\n\r\n")
    return head, body


# --- one upstream


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


# --- several


def test_failures_lead_to_the_next_backend_after_its_own_retries() -> None:
    async def work() -> None:
        async with stage(reply(503), behind=[[reply(429)], [reply(200, chat("third"))]]) as one:
            raw, _ = await ask(one.port, post(b'{"q":1}'))
            assert raw.endswith(chat("third"))
            assert one.asked == [3, 1, 1]
            assert attempts(raw) == b"front=503, front=503, front=503, back.0=429, back.1=200"
            assert one.backs[1].received[0].body == b'{"q":1}'
            assert field(one.backs[1].received[0].head, b"host") == b"back.test"

    run(work())


def test_a_refused_backend_gives_way_without_any_retries_configured() -> None:
    async def work() -> None:
        async with stage(refused=True, policy=Policy(), behind=[[reply(200, chat("yes"))]]) as one:
            raw, _ = await ask(one.port, post(b"{}"))
            assert raw.endswith(chat("yes"))
            assert attempts(raw) == b"front=connect, back.0=200"

    run(work())


def test_each_attempt_has_headers_and_a_body_of_its_own() -> None:
    def change(_: int, attempt: Attempt) -> Attempt:
        add: Headers = ((b"Authorization", b"Bearer other"),)
        return Attempt(attempt.name, attempt.target, b'{"model":"other"}', frozenset({b"authorization"}), add, None)

    async def work() -> None:
        async with stage(reply(429), behind=[[reply(200, chat("yes"))]], change=change) as one:
            await ask(one.port, post(b'{"model":"mine"}', b"Authorization: Bearer mine\r\n"))
            first, second = one.world.upstream.received[0], one.backs[0].received[0]
            assert (field(first.head, b"authorization"), first.body) == (b"Bearer mine", b'{"model":"mine"}')
            assert (field(second.head, b"authorization"), second.body) == (b"Bearer other", b'{"model":"other"}')
            assert second.head.lower().count(b"authorization") == 1
            assert field(second.head, b"content-length") == b"17"

    run(work())


def test_a_backend_that_hangs_gives_way_where_there_is_another() -> None:
    async def work() -> None:
        policy = Policy(first_byte_s=0.1, budget_s=5.0)
        async with stage(10.0, behind=[[reply(200, chat("yes"))]], policy=policy, timeouts=FAST) as one:
            raw, _ = await ask(one.port, post(b"{}"))
            assert raw.endswith(chat("yes"))
            assert attempts(raw) == b"front=slow, back.0=200"
            assert one.asked == [1, 1]

    run(work())


def test_the_last_backend_has_all_the_time_it_needs() -> None:
    async def work() -> None:
        policy = Policy(retries=1, first_byte_s=0.05, budget_s=5.0)

        def late(writer: asyncio.StreamWriter) -> None:
            asyncio.get_running_loop().call_later(0.15, writer.write, reply(200, chat("late")))

        async with stage(late, policy=policy, timeouts=FAST) as one:
            raw, _ = await ask(one.port, post(b"{}"))
            assert raw.endswith(chat("late"))
            assert one.asked == [1]

    run(work())


def test_a_provider_that_hangs_is_not_asked_twice() -> None:
    async def work() -> None:
        async with stage(10.0, reply(200, chat("yes")), timeouts=FAST) as one:
            raw, _ = await ask(one.port, post(b"{}"))
            assert raw.startswith(b"HTTP/1.1 504 ")
            assert one.asked == [1]

    run(work())


def test_a_breaker_opens_half_opens_and_closes() -> None:
    async def work() -> None:
        now = [100.0]
        policy = Policy(retries=0, budget_s=5.0)
        answers = [reply(503), reply(503), reply(200, chat("front"))]
        async with stage(
            *answers, behind=[[reply(200, chat("back"))]], policy=policy, thresholds=Thresholds(2, 30.0), clock=lambda: now[0]
        ) as one:
            for _ in range(2):
                assert (await ask(one.port, post(b"{}")))[0].endswith(chat("back"))
            assert one.world.door.endurance.board.state("front") == "open"
            raw, _ = await ask(one.port, post(b"{}"))
            assert attempts(raw) == b"front=set aside, back.0=200"
            assert one.asked == [2, 3]
            now[0] += 30.1
            raw, _ = await ask(one.port, post(b"{}"))
            assert raw.endswith(chat("front"))
            assert one.world.door.endurance.board.state("front") == "closed"

    run(work())


def test_the_only_backend_is_asked_even_where_its_breaker_is_open_but_once() -> None:
    async def work() -> None:
        async with stage(reply(503, b"no"), thresholds=Thresholds(3, 30.0)) as one:
            await ask(one.port, post(b"{}"))
            assert one.asked == [3]
            raw, _ = await ask(one.port, post(b"{}"))
            assert raw.startswith(b"HTTP/1.1 503 ")
            assert raw.endswith(b"no")
            assert one.asked == [4]

    run(work())


def test_a_key_at_its_limit_rests_for_the_requests_that_follow() -> None:
    async def work() -> None:
        policy = Policy(retries=0, budget_s=5.0)
        async with stage(reply(429, b"", b"Retry-After: 20"), behind=[[reply(200, chat("back"))]], policy=policy) as one:
            for _ in range(3):
                raw, _ = await ask(one.port, post(b"{}"))
                assert raw.endswith(chat("back"))
            assert attempts(raw) == b"front=resting, back.0=200"
            assert one.asked == [1, 3]

    run(work())


# --- empty answers

EMPTY = Policy(retries=0, empty_retry=True, budget_s=5.0)


@pytest.mark.parametrize("text", ["", "  \n"])
def test_an_empty_answer_is_asked_for_once_more(text: str) -> None:
    async def work() -> None:
        async with stage(reply(200, chat(text)), reply(200, chat("there")), policy=EMPTY) as one:
            raw, _ = await ask(one.port, post(b"{}"))
            assert split(raw)[1] == chat("there")
            assert attempts(raw) == b"front=empty, front=200"
            assert one.ear.heard == chat("there")

    run(work())


def test_a_second_empty_answer_is_the_answer() -> None:
    async def work() -> None:
        async with stage(reply(200, chat("")), policy=EMPTY) as one:
            raw, _ = await ask(one.port, post(b"{}"))
            assert split(raw)[1] == chat("")
            assert one.asked == [2]

    run(work())


def test_an_empty_answer_is_better_than_none() -> None:
    async def work() -> None:
        for second in (reply(503, b"no"), reset):
            async with stage(reply(200, chat(""), b"X-Own: 1"), second, policy=EMPTY) as one:
                raw, _ = await ask(one.port, post(b"{}"))
                head, body = split(raw)
                assert head.startswith(b"HTTP/1.1 200 Said")
                assert field(head, b"x-own") == b"1"
                assert body == chat("")
                assert one.asked == [2]

    run(work())


def test_an_empty_stream_is_asked_for_once_more_before_anything_of_it_was_passed_on() -> None:
    async def work() -> None:
        async with stage(sse(events()), sse(events("there")), policy=EMPTY) as one:
            raw, _ = await ask(one.port, post(b"{}"))
            assert split(raw)[1] == events("there")
            assert one.ear.heard == events("there")
            assert one.asked == [2]

    run(work())


def test_a_stream_goes_on_as_soon_as_there_is_something_in_it() -> None:
    body = events("one", "two")
    cut = body.index(b'"two"') - 40
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: %d\r\n\r\n" % len(body)

    async def script(upstream: Upstream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await upstream.request(reader)
        writer.write(head + body[:cut])
        await asyncio.sleep(0.5)
        writer.write(body[cut:])

    async def work() -> None:
        async with world(script, endurance=Endurance(EMPTY)) as one:
            question = Question(CHAT, lambda: True, lambda _, body: body)
            one.house.decide = lambda head, _: Plan(one.house.target(head), question=question)
            async with client(one.port) as who:
                await who.send(post(b"{}"))
                async with asyncio.timeout(0.4):
                    got = await who.reader.readuntil(b'"one"}')
                assert b'"one"' in got
                rest, how = await who.rest()
                assert split(got + rest)[1] == body
                assert how == "eof"

    run(work())


def test_an_empty_stream_that_breaks_off_is_broken_off() -> None:
    body = events()[:100]
    begun = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 900\r\n\r\n" + body

    async def work() -> None:
        async with stage(then(begun, close), sse(events("second")), policy=EMPTY) as one:
            raw, _ = await ask(one.port, post(b"{}"))
            assert split(raw)[1] == body
            assert one.asked == [1]

    run(work())


# --- streams while they wait

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
