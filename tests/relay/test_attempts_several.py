"""Requests that several providers may answer: who is asked, in which order, and who is passed over."""

from __future__ import annotations

import asyncio

from backstory.core.exchange import Headers
from backstory.core.plan import Attempt
from backstory.relay.breaker import Thresholds
from backstory.relay.endurance import Policy

from .stage import attempts, chat, reply, split, stage
from .world import FAST, ask, field, post, run


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


def test_a_key_at_its_limit_that_does_not_say_for_how_long_rests_too() -> None:
    async def work() -> None:
        policy, now = Policy(retries=0, budget_s=5.0), [100.0]
        thresholds = Thresholds(0, rest_s=8.0)
        behind = [[reply(200, chat("back"))]]
        async with stage(reply(429, b""), behind=behind, policy=policy, thresholds=thresholds, clock=lambda: now[0]) as one:
            for _ in range(3):
                raw, _ = await ask(one.port, post(b"{}"))
                assert raw.endswith(chat("back"))
            assert attempts(raw) == b"front=resting, back.0=200"
            assert one.asked == [1, 3]
            now[0] += 8.1
            await ask(one.port, post(b"{}"))
            assert one.asked == [2, 4]

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


PAGE = reply(200, b"<!doctype html><title>Sign in</title>", kind=b"text/html; charset=utf-8")


def test_a_page_of_the_web_is_no_answer_of_a_model_and_gives_way() -> None:
    async def work() -> None:
        async with stage(PAGE, behind=[[reply(200, chat("yes"))]]) as one:
            raw, _ = await ask(one.port, post(b"{}"))
            assert raw.endswith(chat("yes"))
            assert attempts(raw) == b"front=page, back.0=200"
            assert one.asked == [1, 1]
            row = one.world.door.endurance.board.rows()[1]
            assert (row.errors, row.last_error) == (1, "status 200, a page of the web")

    run(work())


def test_a_page_that_nobody_stands_behind_is_passed_on_as_it_came() -> None:
    async def work() -> None:
        async with stage(PAGE) as one:
            raw, _ = await ask(one.port, post(b"{}"))
            head, body = split(raw)
            assert (head.split(b"\r\n")[0], field(head, b"content-type")) == (b"HTTP/1.1 200 Said", b"text/html; charset=utf-8")
            assert body == split(PAGE)[1]
            assert one.asked == [1]

    run(work())


def test_what_another_says_of_itself_is_told_rather_than_a_page() -> None:
    async def work() -> None:
        async with stage(PAGE, behind=[[reply(503, b"later")]], policy=Policy()) as one:
            raw, _ = await ask(one.port, post(b"{}"))
            assert raw.startswith(b"HTTP/1.1 503 ")
            assert raw.endswith(b"later")
            assert attempts(raw) == b"front=page, back.0=503"

    run(work())
