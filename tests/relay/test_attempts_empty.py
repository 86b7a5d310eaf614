"""Answers with nothing in them, which are asked for once more."""

from __future__ import annotations

import asyncio

import pytest

from backstory.core.plan import Plan, Question
from backstory.relay.endurance import Endurance, Policy

from .stage import CHAT, attempts, chat, close, events, reply, reset, split, sse, stage, then
from .world import Upstream, ask, client, field, post, run, world

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
