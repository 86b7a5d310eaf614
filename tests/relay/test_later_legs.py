"""Later legs of an answer are tried as its first one: again, and elsewhere, until there is a byte of theirs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from msgspec.structs import replace

from backstory.core.exchange import Head
from backstory.core.message import Text, ToolCall
from backstory.core.plan import Attempt, Lane, Paging, Plan, Question, Target
from backstory.core.reply import Reply, Usage
from backstory.relay.breaker import Thresholds
from backstory.relay.endurance import Endurance, Policy
from tests.paging import BY_NAME, tools
from tests.relay.test_legs_faults import Clerk, client_of
from tests.relay.world import Ear, Upstream, World, field, run, until, world
from tests.rig import PATHS, asking, chunked, reply

from .stage import Answer, close, reset, saying, then

WIRES = list(BY_NAME)
POLICY = Policy(retries=1, backoff_s=0.01, backoff_most_s=0.02, budget_s=5.0)
BUSY = reply(b'{"error":{"message":"busy"}}', status=b"503 Busy")


def called(wire: str, stream: bool) -> bytes:
    said = Reply((Text("Let me look."), ToolCall("c", "vc_find_quote", "{}")), "tool_calls", Usage(1, 2), "r1", "m")
    return as_reply(BY_NAME[wire].write(said, stream), stream)


def answered(wire: str, stream: bool, text: str = "Found it.") -> bytes:
    return as_reply(BY_NAME[wire].write(Reply((Text(text),), "stop", Usage(3, 4), "r2", "m"), stream), stream)


def as_reply(body: bytes, stream: bool) -> bytes:
    return b"".join(chunked([body])) if stream else reply(body)


def request(wire: str, stream: bool) -> bytes:
    path = PATHS[wire]
    more: dict[str, object] = {"max_tokens": 10} if wire == "anthropic" else {}
    if wire == "gemini":
        path = path.replace("generateContent", "streamGenerateContent?alt=sse") if stream else path
    else:
        more["stream"] = stream
    body = asking(wire, [("user", "Please look.")], tools=tools(wire), **more)
    return b"POST %b HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (path.encode(), len(body), body)


@asynccontextmanager
async def stage(
    wire: str, *answers: Answer, behind: tuple[Answer, ...] = (), policy: Policy = POLICY
) -> AsyncIterator[tuple[World, Upstream, Ear]]:
    """A backend with these answers, and one behind it with those; every request is offered tools of ours."""
    ear = Ear()
    async with world(saying(*answers), endurance=Endurance(policy, Thresholds(0))) as one, AsyncExitStack() as stack:
        back = Upstream(saying(*(behind or (0.0,))))
        server = await asyncio.start_server(back.serve, "127.0.0.1", 0, limit=1 << 20)
        stack.push_async_callback(back.end)
        stack.callback(server.close)
        port = server.sockets[0].getsockname()[1]

        def decide(head: Head, body: bytes) -> Plan:
            talk = BY_NAME[wire].talk(body, frozenset({"vc_find_quote"}), head.query)
            paging = Paging(talk, Clerk(), 5, lambda: b'{"plain":1}', BY_NAME[wire].reader)
            others = (Attempt("back", Target("http", "127.0.0.1", port, b"back.test", head.path), None, frozenset(), (), None),)
            question = Question(BY_NAME[wire], lambda: wire != "gemini", lambda status, said: b"data: %d %b\n\n" % (status, said))
            return Plan(
                one.house.target(head), body=body, tap=ear, paging=paging, name="front", others=others if behind else (), question=question
            )

        one.house.decide = decide
        yield one, back, ear


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("fault", [BUSY, reset, close], ids=["busy", "reset", "close"])
def test_a_leg_that_brought_nothing_is_asked_for_again(wire: str, stream: bool, fault: Answer) -> None:
    async def work() -> None:
        async with stage(wire, called(wire, stream), fault, answered(wire, stream)) as (one, _, ear):
            client = await client_of(one)
            await client.send(request(wire, stream))
            head, body = await client.reply()
            assert head.startswith(b"HTTP/1.1 200")
            assert b"Let me look." in body
            assert b"Found it." in body
            assert b"vc_" not in body
            first, second, third = one.upstream.received
            assert second.body == third.body
            assert second.body != first.body
            assert b"plain" not in third.body, "the tools are still offered"
            assert one.door.metrics.repeats == 1
            await until(lambda: bool(ear.ended))
            assert ear.ended[0][0] == "complete"
            client.writer.close()

    run(work())


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("wire", WIRES)
def test_a_leg_goes_to_the_next_backend(wire: str, stream: bool) -> None:
    """The first one goes down between two legs; the one behind it gets the same request, and the leg after that as well."""

    async def work() -> None:
        async with stage(wire, called(wire, stream), BUSY, BUSY, BUSY, behind=(called(wire, stream), answered(wire, stream))) as (
            one,
            back,
            _,
        ):
            client = await client_of(one)
            await client.send(request(wire, stream))
            head, body = await client.reply()
            assert b"Found it." in body
            assert b"vc_" not in body
            assert [len(one.upstream.received), len(back.received)] == [3, 2]
            assert back.received[0].body == one.upstream.received[1].body
            if not stream:
                assert field(head, b"x-vc-attempts") == b"front=503, front=503, back=200, back=200"
            client.writer.close()

    run(work())


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize(
    "fault", [reply(b'{"error":{"message":"no"}}', status=b"400 Bad"), reply(b"{nonsense"), None], ids=["refused", "garbled", "on and on"]
)
def test_a_whole_answer_without_our_tools_repeats_nothing_of_the_one_with_them(wire: str, fault: bytes | None) -> None:
    """The client has nothing yet: it gets what the model says to its own request, as if the tools had never been offered."""

    async def work() -> None:
        legs = [called(wire, False)] * 7 if fault is None else [called(wire, False), fault]
        async with stage(wire, *legs, answered(wire, False, "Let me look. It is here.")) as (one, _, _):
            client = await client_of(one)
            await client.send(request(wire, False))
            head, body = await client.reply()
            assert head.startswith(b"HTTP/1.1 200")
            assert one.upstream.received[-1].body == b'{"plain":1}'
            found = BY_NAME[wire].reply(body)
            assert [part.text for part in found.parts if isinstance(part, Text)] == ["Let me look. It is here."]
            assert found.usage is not None
            assert found.usage.input_tokens >= 4, "what the first leg cost counts"
            client.writer.close()

    run(work())


@pytest.mark.parametrize("wire", WIRES)
def test_a_leg_that_has_begun_is_never_asked_for_again(wire: str) -> None:
    """It breaks off after its first words: what the client has stays what it has, and ends as the wire ends what is cut."""
    whole = BY_NAME[wire].write(Reply((Text("Found"),), "stop", Usage(3, 4), "r2", "m"), True)
    cut = (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 99999\r\n\r\n"
        + whole[: whole.index(b"\n\n", whole.index(b"Found")) + 2]
    )

    async def work() -> None:
        async with stage(
            wire, called(wire, True), then(cut, close), answered(wire, True, "again"), behind=(answered(wire, True, "else"),)
        ) as (one, back, _):
            client = await client_of(one)
            await client.send(request(wire, True))
            raw, _ = await client.rest()
            assert b"again" not in raw
            assert b"else" not in raw
            assert [len(one.upstream.received), len(back.received)] == [2, 0]
            client.writer.close()

    run(work())


def test_a_client_that_waits_for_a_later_leg_gets_comments_in_the_stream_that_it_has() -> None:
    policy = Policy(retries=1, backoff_s=0.5, backoff_most_s=0.5, budget_s=5.0, keep_alive_s=0.1)

    async def work() -> None:
        wire = "anthropic"
        async with stage(wire, called(wire, True), BUSY, answered(wire, True), policy=policy) as (one, _, _):
            client = await client_of(one)
            await client.send(request(wire, True))
            head, body = await client.reply()
            assert head.count(b"HTTP/1.1") == 1
            assert b"HTTP/1.1" not in body
            before, _, after = body.partition(b": keep-alive\n\n")
            assert b"Let me look." in before
            assert b"Found it." in after
            client.writer.close()

    run(work())


def test_without_retries_or_another_backend_a_leg_is_sent_once() -> None:
    async def work() -> None:
        wire = "anthropic"
        async with stage(wire, called(wire, True), BUSY, answered(wire, True), policy=Policy()) as (one, _, _):
            client = await client_of(one)
            await client.send(request(wire, True))
            _, body = await client.reply()
            assert b"Found it." in body, "asked once more without our tools, as ever"
            assert one.upstream.received[-1].body == b'{"plain":1}'
            assert one.door.metrics.repeats == 0
            client.writer.close()

    run(work())


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("wire", WIRES)
def test_the_legs_after_a_race_are_asked_of_who_has_won_it(wire: str, stream: bool) -> None:
    async def work() -> None:
        async with stage(wire, 5.0, behind=(called(wire, stream), BUSY, answered(wire, stream))) as (one, back, _):
            alone = one.house.decide
            assert alone is not None

            def decide(head: Head, body: bytes) -> Plan:
                plan = alone(head, body)
                assert isinstance(plan, Plan)
                assert plan.target is not None
                front = Attempt("front", plan.target, None, frozenset(), (), None)
                return replace(plan, lanes=(Lane((front,)), Lane(plan.others)), others=())

            one.house.decide = decide
            client = await client_of(one)
            await client.send(request(wire, stream))
            head, body = await client.reply()
            assert b"Let me look." in body
            assert b"Found it." in body
            assert len(back.received) == 3
            assert len(one.upstream.received) <= 1, "beaten, maybe before it had read the request"
            if stream:
                assert field(head, b"x-vc-attempts") == b"front=beaten, back=200"
            client.writer.close()

    run(work())
