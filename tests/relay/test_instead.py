"""A request that is refused is asked once otherwise: before the client has anything, for a refusal of the request itself, and once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from msgspec.structs import replace

from backstory.core.exchange import Head
from backstory.core.message import Text, ToolCall
from backstory.core.plan import Instead, Lane, Paging, Plan, Question
from backstory.core.reply import Reply, Usage
from backstory.relay import Timeouts
from backstory.relay.attempts import tries_of
from backstory.relay.breaker import Thresholds
from backstory.relay.endurance import Endurance, Policy
from tests.paging import BY_NAME
from tests.relay.test_legs_faults import Clerk, client_of
from tests.relay.world import CALM, FAST, Ear, Script, Upstream, World, run, until, world
from tests.rig import PATHS, asking, chunked, reply

from .stage import Answer, close, reset, saying, then

WIRES = list(BY_NAME)
BARE = b'{"model":"m","bare":true}'
REFUSED = reply(b'{"error":{"message":"too long"}}', status=b"400 Bad Request")
OTHERWISE = reply(b'{"error":{"message":"still too long"}}', status=b"413 Too Large")
WAYS = ["plain", "tried", "raced"]
EVENTS = {
    "anthropic": [b'event: error\ndata: {"type":"error","error":{"type":"invalid_request_error","message":"too long"}}\n\n'],
    "openai_chat": [b": hm\n\n", b'data: {"error":{"message":"too long","code":"context_length_exceeded"}}\n\n'],
    "openai_responses": [
        b'event: response.created\ndata: {"type":"response.created","response":{"id":"r"}}\n\n',
        b'event: response.in_progress\ndata: {"type":"response.in_progress","response":{"id":"r"}}\n\n',
        b'event: response.failed\ndata: {"type":"response.failed","response":{"error":{"code":"context_length_exceeded"}}}\n\n',
    ],
    "gemini": [b'data: {"error":{"code":400,"status":"INVALID_ARGUMENT","message":"too long"}}\n\n'],
}


def answered(wire: str, stream: bool, text: str = "Here it is.") -> bytes:
    body = BY_NAME[wire].write(Reply((Text(text),), "stop", Usage(3, 4), "r", "m"), stream)
    return b"".join(chunked([body])) if stream else reply(body)


class Maker:
    """Makes the other request; `body` b"": cannot."""

    def __init__(self, body: bytes = BARE) -> None:
        self.body = body
        self.calls = 0

    def __call__(self) -> bytes:
        self.calls += 1
        if self.body == b"raise":
            raise RuntimeError("no")
        return self.body


@asynccontextmanager
async def stage(
    wire: str, *answers: Answer, way: str = "plain", maker: Maker | None = None, paged: bool = False, times: Timeouts = CALM
) -> AsyncIterator[tuple[World, Ear, Maker]]:
    """A provider with these answers; every request may be asked otherwise."""
    ear, made = Ear(), maker or Maker()
    policy = Policy(retries=1, backoff_s=0.01, backoff_most_s=0.02, budget_s=5.0)
    async with world(saying(*answers), endurance=Endurance(policy, Thresholds(0)), timeouts=times) as one:

        def decide(head: Head, body: bytes) -> Plan:
            question = None if way == "plain" else Question(BY_NAME[wire], lambda: False, lambda status, said: said)
            paging = None
            if paged:
                talk = BY_NAME[wire].talk(body, frozenset({"vc_find_quote"}), head.query)
                paging = Paging(talk, Clerk(), 5, lambda: b'{"plain":1}', BY_NAME[wire].reader, trusted=False)
            instead = Instead(made, BY_NAME[wire])
            plan = Plan(one.house.target(head), body=body, tap=ear, paging=paging, name="front", question=question, instead=instead)
            if way != "raced" or plan.target is None:
                return plan
            (front,) = tries_of(plan, plan.target)
            return replace(plan, lanes=(Lane((front,)), Lane((replace(front, name="beside"),))))

        one.house.decide = decide
        yield one, ear, made


async def got(one: World, wire: str, stream: bool = False) -> tuple[bytes, bytes]:
    path = PATHS[wire]
    if wire == "gemini" and stream:
        path = path.replace("generateContent", "streamGenerateContent?alt=sse")
    body = asking(wire, [("user", "Hello.")], **({} if wire == "gemini" else {"stream": stream}))
    client = await client_of(one)
    await client.send(b"POST %b HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (path.encode(), len(body), body))
    try:
        return await client.reply()
    finally:
        client.writer.close()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("wire", WIRES)
def test_a_refused_request_is_asked_otherwise(wire: str, stream: bool, way: str) -> None:
    async def work() -> None:
        refusals = [REFUSED] * (2 if way == "raced" else 1)
        async with stage(wire, *refusals, answered(wire, stream), way=way) as (one, ear, made):
            head, body = await got(one, wire, stream)
            assert head.startswith(b"HTTP/1.1 200")
            assert body == answered(wire, stream).partition(b"\r\n\r\n")[2] if not stream else b"Here it is." in body
            assert one.upstream.received[-1].body == BARE
            assert len(one.upstream.received) == len(refusals) + 1
            assert made.calls == 1
            assert one.door.metrics.repeats == 1
            await until(lambda: bool(ear.ended))
            assert ear.calls.count("begin") == 1, "whoever listens hears of one answer"
            assert ear.ended[0][:2] == ("complete", 200)

    run(work())


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("pieces", ["events", "bytes", "one"])
def test_so_is_one_that_is_refused_in_the_first_event_of_a_stream(wire: str, pieces: str) -> None:
    async def work() -> None:
        whole = b"".join(EVENTS[wire])
        cut = {"events": EVENTS[wire], "bytes": [whole[at : at + 3] for at in range(0, len(whole), 3)], "one": [whole]}[pieces]
        async with stage(wire, b"".join(chunked(cut)), answered(wire, True)) as (one, ear, made):
            head, body = await got(one, wire, True)
            assert head.startswith(b"HTTP/1.1 200")
            assert b"Here it is." in body
            assert b"too long" not in body
            assert b"context_length_exceeded" not in body
            assert made.calls == 1
            await until(lambda: bool(ear.ended))
            assert ear.calls.count("begin") == 1

    run(work())


@pytest.mark.parametrize("wire", WIRES)
def test_a_stream_that_says_something_passes_byte_for_byte(wire: str) -> None:
    async def work() -> None:
        said = BY_NAME[wire].write(Reply((Text("Here it is."),), "stop", Usage(3, 4), "r", "m"), True)
        late = said + EVENTS[wire][-1]
        async with stage(wire, b"".join(chunked([late[at : at + 7] for at in range(0, len(late), 7)]))) as (one, _, made):
            _, body = await got(one, wire, True)
            assert body == late, "what fails later fails as it did"
            assert made.calls == 0
            assert len(one.upstream.received) == 1

    run(work())


@pytest.mark.parametrize("status", [200, 401, 403, 404, 408, 429, 500, 503])
def test_what_is_not_said_of_the_request_passes(status: int) -> None:
    async def work() -> None:
        said = reply(b'{"error":{"message":"invalid_request_error"}}', status=b"%d Said" % status)
        async with stage("anthropic", said) as (one, _, made):
            assert await got(one, "anthropic") == tuple(said.replace(b"\r\n\r\n", b"\r\n\r\n\0", 1).split(b"\0"))
            assert len(one.upstream.received) == 1
            assert made.calls == 0

    run(work())


@pytest.mark.parametrize("way", ["plain", "tried"])
def test_the_second_answer_is_the_clients_whatever_it_is(way: str) -> None:
    async def work() -> None:
        async with stage("openai_chat", REFUSED, OTHERWISE, way=way) as (one, ear, made):
            head, body = await got(one, "openai_chat")
            assert head.startswith(b"HTTP/1.1 413")
            assert b"still too long" in body
            assert len(one.upstream.received) == 2
            assert made.calls == 1
            await until(lambda: bool(ear.ended))
            assert ear.ended[0][:2] == ("error", 413)

    run(work())


@pytest.mark.parametrize("maker", [b"", b"raise"], ids=["nothing", "raises"])
def test_a_refusal_passes_where_there_is_nothing_else_to_ask(maker: bytes) -> None:
    async def work() -> None:
        async with stage("anthropic", REFUSED, maker=Maker(maker)) as (one, _, made):
            head, body = await got(one, "anthropic")
            assert head.startswith(b"HTTP/1.1 400")
            assert body == b'{"error":{"message":"too long"}}'
            assert len(one.upstream.received) == 1
            assert made.calls == 1

    run(work())


def test_a_refusal_of_a_size_that_none_has_passes() -> None:
    async def work() -> None:
        huge = b"x" * 1_500_000
        async with stage("anthropic", reply(huge, status=b"400 Bad Request")) as (one, _, made):
            head, body = await got(one, "anthropic")
            assert head.startswith(b"HTTP/1.1 400")
            assert body == huge
            assert made.calls == 0

    run(work())


@pytest.mark.parametrize("fault", [reset, close], ids=["reset", "close"])
def test_a_refusal_that_breaks_off_was_a_refusal(fault: Answer) -> None:
    async def work() -> None:
        assert callable(fault)
        cut = then(REFUSED[:-5], fault)
        async with stage("anthropic", cut, answered("anthropic", False)) as (one, _, made):
            head, body = await got(one, "anthropic")
            assert head.startswith(b"HTTP/1.1 200")
            assert b"Here it is." in body
            assert made.calls == 1

    run(work())


def test_so_was_one_whose_end_does_not_come() -> None:
    async def work() -> None:
        async with stage("anthropic", then(REFUSED[:-5], lambda _: None), answered("anthropic", False), times=FAST) as (one, _, _):
            head, _ = await got(one, "anthropic")
            assert head.startswith(b"HTTP/1.1 200")

    run(work())


@pytest.mark.parametrize("begun", [b"", b": hm\n\n", b'event: ping\ndata: {"ty'])
def test_a_stream_that_breaks_off_before_it_says_anything_is_broken_off(begun: bytes) -> None:
    async def work() -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        piece = b"%x\r\n%b\r\n" % (len(begun), begun) if begun else b""
        async with stage("anthropic", then(head + piece, reset)) as (one, ear, made):
            client = await client_of(one)
            await client.send(b"POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
            raw, _ = await client.rest()
            assert begun in raw
            assert not raw.endswith(b"0\r\n\r\n")
            client.writer.close()
            await until(lambda: bool(ear.ended))
            assert ear.ended[0][0] == "interrupted"
            assert made.calls == 0

    run(work())


def test_a_client_hears_within_a_second_that_the_model_thinks() -> None:
    async def work() -> None:
        created = b'event: response.created\ndata: {"type":"response.created","response":{"id":"r"}}\n\n'
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        begun = head + b"%x\r\n%b\r\n" % (len(created), created)
        async with stage("openai_responses", 1.0) as (one, ear, _):
            one.upstream.script = dawdling(begun)
            client = await client_of(one)
            await client.send(b"POST /v1/responses HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
            async with asyncio.timeout(1.5):
                assert b"200 OK" in await client.reader.readuntil(b"\r\n\r\n")
                assert await client.reader.readuntil(created) == b"%x\r\n%b" % (len(created), created)
            client.writer.close()
            await until(lambda: bool(ear.ended))

    run(work())


def dawdling(begun: bytes) -> Script:
    """Says this, and then nothing for a long time."""

    async def script(upstream: Upstream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await upstream.request(reader)
        writer.write(begun)
        await asyncio.sleep(10)

    return script


def test_a_client_that_leaves_meanwhile_is_let_go() -> None:
    async def work() -> None:
        async with stage("anthropic", REFUSED, 5.0) as (one, ear, made):
            client = await client_of(one)
            await client.send(b"POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
            await until(lambda: len(one.upstream.received) == 2)
            client.writer.close()
            await until(lambda: bool(ear.ended))
            assert ear.ended[0][0] == "interrupted"
            assert made.calls == 1

    run(work())


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("wire", WIRES)
def test_tools_of_ours_go_as_well(wire: str, stream: bool) -> None:
    """It is asked once: not with less of what is ours, and then with nothing of it."""

    async def work() -> None:
        async with stage(wire, REFUSED, answered(wire, stream), paged=True) as (one, _, made):
            head, body = await got(one, wire, stream)
            assert head.startswith(b"HTTP/1.1 200")
            assert b"Here it is." in body
            assert [raw.body for raw in one.upstream.received][1:] == [BARE]
            assert made.calls == 1

    run(work())


@pytest.mark.parametrize("wire", WIRES)
def test_a_request_that_is_taken_goes_on_in_legs(wire: str) -> None:
    async def work() -> None:
        call = Reply((Text("Let me look."), ToolCall("c", "vc_find_quote", "{}")), "tool_calls", Usage(1, 2), "r1", "m")
        called = b"".join(chunked([BY_NAME[wire].write(call, True)]))
        async with stage(wire, called, answered(wire, True), paged=True) as (one, _, made):
            _, body = await got(one, wire, True)
            assert b"Let me look." in body
            assert b"Here it is." in body
            assert b"vc_" not in body
            assert len(one.upstream.received) == 2
            assert made.calls == 0

    run(work())
