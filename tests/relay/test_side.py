"""Asking the side model: within its budget, in forms that the provider has, and not while it does not want to be asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from msgspec import Raw
from msgspec.structs import replace

from backstory.config.side_models import Dialect
from backstory.core.records import Used
from backstory.core.side import Question, day_of
from backstory.errors import DocumentError, SideModelError
from backstory.providers.side_model import Price
from backstory.relay import side as module
from backstory.relay.side import retry_after
from backstory.stores.sql import SqlStore
from tests.relay.world import run
from tests.rig import reply, soon
from tests.side_world import Answer, Asked, Desk, SideProvider, endpoint, says, whole
from tests.stores.world import Shelf

QUESTION = Question("c", "tags", "Give JSON.", "Of what?", Raw(b'{"type":"object"}'))
PLENTY = Used(1_000_000, 1_000_000)
DAY = day_of(1_700_000_000.0)


def read(text: str) -> int:
    """What is read of an answer in these tests: {"n": number}."""
    try:
        return msgspec.json.decode(text, type=dict[str, int])["n"]
    except (msgspec.DecodeError, KeyError) as error:
        raise DocumentError(str(error)) from error


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    return Shelf("sqlite", tmp_path_factory.mktemp("side"))


@pytest.fixture
def store(shelf: Shelf) -> SqlStore:
    return shelf.open()


@asynccontextmanager
async def desk(
    store: SqlStore,
    folder: Path,
    answer: Answer,
    dialect: Dialect = "openai",
    most: Used = PLENTY,
    price: Price = Price(1.0, 2.0),  # noqa: B008 (frozen)
    timeout_s: float = 2.0,
) -> AsyncIterator[tuple[Desk, SideProvider]]:
    async with SideProvider(answer).serving() as provider:
        one = Desk(store, folder, endpoint(provider.port, dialect, price), most, timeout_s)
        try:
            yield one, provider
        finally:
            await one.close()


def five(asked: Asked) -> bytes:
    return says(asked, '{"n": 5}')


@pytest.mark.parametrize("dialect", ["openai", "anthropic"])
def test_an_answer_is_read_and_paid_by_the_providers_count(store: SqlStore, tmp_path: Path, dialect: Dialect) -> None:
    async def work() -> None:
        async with desk(store, tmp_path, five, dialect) as (one, provider):
            assert await one.caller.ask(QUESTION, read) == 5
            assert store.used(DAY) == Used(120, 140, 1)
            assert (one.figures.tokens, one.figures.micros, one.figures.calls, one.figures.spent_micros) == (120, 140, 1, 140)
            asked = provider.asked[0]
            assert asked.system == "Give JSON."
            assert asked.text == "Of what?"
            if dialect == "openai":
                assert asked.header(b"authorization") == b"Bearer secret"
                assert asked.body["response_format"]["json_schema"]["schema"] == {"type": "object"}
            else:
                assert asked.header(b"x-api-key") == b"secret"
                assert asked.body["tools"][0]["input_schema"] == {"type": "object"}
            assert await one.caller.ask(QUESTION, read) == 5
            assert store.used(DAY).calls == 2

    run(work())


@pytest.mark.parametrize("most", [Used(0, 0), Used(0, 10**9), Used(900, 10**9), Used(10**9, 1)])
def test_without_room_in_the_budget_nothing_is_sent(store: SqlStore, tmp_path: Path, most: Used, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")

    async def work() -> None:
        async with desk(store, tmp_path, five, most=most) as (one, provider):
            for _ in range(2):
                with pytest.raises(SideModelError, match="budget"):
                    await one.caller.ask(QUESTION, read)
                one.now += 400
            one.now -= 500
            assert not provider.asked
            assert store.used(DAY) == Used()
            assert not one.caller.ready("c")
            one.now += 86_400
            assert one.caller.ready("c"), "a new day, a new budget"

    run(work())
    assert [line.split(",")[0] for line in caplog.messages] == [f"side model: no room for more today (UTC): 0 of {most.tokens} tokens"], (
        "told once a day"
    )


@pytest.mark.parametrize(
    "text",
    ['```json\n{"n": 5}\n```', "", "I will not.", '{"n": "five"}', '{"n": 5', "<html>"],
)
def test_an_answer_that_is_not_the_json_gets_one_chance_to_be_repaired(store: SqlStore, tmp_path: Path, text: str) -> None:
    async def work() -> None:
        texts = [text, '{"n": 7}']
        async with desk(store, tmp_path, lambda asked: says(asked, texts.pop(0))) as (one, provider):
            assert await one.caller.ask(QUESTION, read) == 7
            assert len(provider.asked) == 2
            assert [turn["role"] for turn in provider.asked[1].body["messages"]] == ["system", "user", "assistant", "user"]
            provider.answer = lambda asked: says(asked, text)
            with pytest.raises(SideModelError) as caught:
                await one.caller.ask(QUESTION, read)
            assert (caught.value.reason, caught.value.lasting) == ("garbage", True)
            assert len(provider.asked) == 4
            assert store.used(DAY).calls == 4
            assert one.caller.ready("c"), "a provider that answers is not in trouble"

    run(work())


def test_a_form_that_the_provider_refuses_is_given_up_for_good(store: SqlStore, tmp_path: Path) -> None:
    def answer(asked: Asked) -> bytes:
        form = asked.body.get("response_format", {}).get("type", "text")
        return five(asked) if form == "text" else reply(b'{"error":{"message":"response_format is not supported"}}', status=b"400 Bad")

    async def work() -> None:
        async with desk(store, tmp_path, answer) as (one, provider):
            assert await one.caller.ask(QUESTION, read) == 5
            forms = [asked.body.get("response_format", {}).get("type", "text") for asked in provider.asked]
            assert forms == ["json_schema", "json_object", "text"]
            assert store.used(DAY) == Used(120, 140, 1), "what is refused costs nothing"
            assert await one.caller.ask(QUESTION, read) == 5
            assert len(provider.asked) == 4

    run(work())


def test_a_question_that_the_provider_refuses_for_its_own_sake_changes_no_form(store: SqlStore, tmp_path: Path) -> None:
    told = b'{"error":{"message":"This model\'s maximum context length is 4096 tokens."}}'

    async def work() -> None:
        async with desk(store, tmp_path, lambda asked: reply(told, status=b"400 Bad Request")) as (one, provider):
            with pytest.raises(SideModelError) as caught:
                await one.caller.ask(QUESTION, read)
            assert (caught.value.reason, caught.value.lasting) == ("refused", True)
            one.caller._troubles.clear()
            provider.answer = five
            assert await one.caller.ask(QUESTION, read) == 5
            assert [asked.body["response_format"]["type"] for asked in provider.asked] == ["json_schema", "json_schema"]

    run(work())


def test_the_other_name_for_the_length_of_an_answer_is_learnt(store: SqlStore, tmp_path: Path) -> None:
    def answer(asked: Asked) -> bytes:
        if "max_tokens" in asked.body:
            told = b'{"error":{"message":"Unsupported parameter: \'max_tokens\'. Use \'max_completion_tokens\' instead."}}'
            return reply(told, status=b"400 Bad Request")
        return five(asked)

    async def work() -> None:
        async with desk(store, tmp_path, answer) as (one, provider):
            assert await one.caller.ask(QUESTION, read) == 5
            assert provider.asked[-1].body["max_completion_tokens"] == 400
            assert "response_format" in provider.asked[-1].body

    run(work())


def garbled(asked: Asked) -> bytes:
    return reply(b"<html><body>Welcome to the hotel's network</body></html>", b"text/html")


def broken_off(asked: Asked) -> bytes:
    return reply(whole(asked, '{"n": 5}'))[:-20]


FAULTS: list[tuple[str, Callable[[Asked], bytes | None], str, int]] = [
    ("a page", garbled, "unreadable", 1),
    ("an empty body", lambda asked: reply(b""), "unreadable", 1),
    ("JSON of something else", lambda asked: reply(b"[1,2]"), "unreadable", 1),
    ("too many", lambda asked: reply(b"{}", status=b"429 Slow Down"), "rate", 0),
    ("an error", lambda asked: reply(b"oh", status=b"500 Oh"), "status", 0),
    ("a redirect", lambda asked: reply(b"", status=b"302 Found"), "status", 0),
    ("no model", lambda asked: reply(b"{}", status=b"404 Not Found"), "status", 0),
    ("no HTTP", lambda asked: b"SSH-2.0-OpenSSH\r\n\r\n", "cut", 1),
    ("cut at once", lambda asked: None, "cut", 1),
]


@pytest.mark.parametrize(("answer", "reason", "charged"), [fault[1:] for fault in FAULTS], ids=[fault[0] for fault in FAULTS])
def test_after_a_failure_the_provider_is_left_alone(store: SqlStore, tmp_path: Path, answer: Answer, reason: str, charged: int) -> None:
    async def work() -> None:
        async with desk(store, tmp_path, answer) as (one, provider):
            with pytest.raises(SideModelError) as caught:
                await one.caller.ask(QUESTION, read)
            assert caught.value.reason == reason
            assert not caught.value.lasting
            assert one.figures.failures == {reason: 1}
            assert not one.caller.ready("c")
            with pytest.raises(SideModelError, match="now"):
                await one.caller.ask(QUESTION, read)
            assert len(provider.asked) == 1
            assert store.used(DAY).calls == charged
            assert one.budget.open

    run(work())


def test_an_answer_that_is_cut_or_slow_is_given_up_and_its_room_stays_used_up(store: SqlStore, tmp_path: Path) -> None:
    async def slow(asked: Asked) -> bytes:
        await asyncio.sleep(5)
        return five(asked)

    async def work() -> None:
        async with desk(store, tmp_path, slow, timeout_s=0.1) as (one, provider):
            with pytest.raises(SideModelError, match=r"0\.1 s"):
                await one.caller.ask(QUESTION, read)
            reserved = store.used(DAY)
            assert reserved.tokens > 100
            module._FIRST_PAUSE_S, before = 0.01, module._FIRST_PAUSE_S
            try:
                one.caller._troubles.clear()
                provider.answer = broken_off
                with pytest.raises(SideModelError):
                    await one.caller.ask(QUESTION, read)
            finally:
                module._FIRST_PAUSE_S = before
            assert store.used(DAY).tokens == 2 * reserved.tokens

    run(work())


def test_an_answer_that_was_not_to_be_so_long_is_no_answer(store: SqlStore, tmp_path: Path) -> None:
    async def work() -> None:
        async with desk(store, tmp_path, lambda asked: says(asked, '{"n": 5', finish="length")) as (one, _):
            with pytest.raises(SideModelError) as caught:
                await one.caller.ask(QUESTION, read)
            assert (caught.value.reason, caught.value.lasting) == ("too long", True)

    run(work())


def test_a_refused_key_is_told_and_not_tried_again_for_long(store: SqlStore, tmp_path: Path) -> None:
    async def work() -> None:
        async with desk(store, tmp_path, lambda asked: reply(b"{}", status=b"401 No")) as (one, _):
            with pytest.raises(SideModelError, match="refused"):
                await one.caller.ask(QUESTION, read)
            assert one.refused == ["c"]
            until = next(iter(one.caller._troubles.values())).until
            assert until - asyncio.get_running_loop().time() > 500

    run(work())


def test_pauses_grow_the_breaker_opens_and_a_success_closes_it(store: SqlStore, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")

    async def work() -> None:
        async with desk(store, tmp_path, lambda asked: reply(b"{}", status=b"500 Oh")) as (one, provider):
            pauses = []
            for _ in range(7):
                with pytest.raises(SideModelError):
                    await one.caller.ask(QUESTION, read)
                trouble = next(iter(one.caller._troubles.values()))
                pauses.append(trouble.until - asyncio.get_running_loop().time())
                trouble.until = 0.0
            assert pauses == sorted(pauses)
            assert pauses[0] < 2.5
            assert pauses[4] > 80
            assert pauses[6] > 300
            provider.answer = five
            assert await one.caller.ask(QUESTION, read) == 5
            assert not one.caller._troubles

    run(work())
    first, fifth, again = caplog.messages
    assert first.startswith("side model: the side model's provider answered 500; failures in a row: 1; left alone for ")
    assert "failures in a row: 5" in fifth
    assert again == "side model: m answers again"


def test_one_clients_refused_key_does_not_keep_another_client_waiting(
    store: SqlStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(asked: Asked) -> bytes:
        return five(asked) if asked.header(b"authorization") == b"Bearer good" else reply(b"{}", status=b"401 No")

    async def work() -> None:
        async with desk(store, tmp_path, answer) as (one, _):
            assert one.to is not None
            monkeypatch.setattr(module, "_MOST_TROUBLES", 3)
            for number in range(4):
                one.to = replace(one.to, auth=((b"Authorization", b"Bearer bad%d" % number),))
                with pytest.raises(SideModelError, match="key"):
                    await one.caller.ask(QUESTION, read)
                assert not one.caller.ready("c")
            assert len(one.caller._troubles) == 3
            one.to = replace(one.to, auth=((b"Authorization", b"Bearer good"),))
            assert await one.caller.ask(QUESTION, read) == 5

    run(work())


@pytest.mark.parametrize(("said", "finish"), [("I would rather talk.", ""), ('{"n": 5', "length")])
def test_a_model_that_never_answers_as_it_should_is_left_alone_like_one_that_fails(
    store: SqlStore, tmp_path: Path, said: str, finish: str
) -> None:
    async def work() -> None:
        async with desk(store, tmp_path, lambda asked: says(asked, said, finish=finish)) as (one, _):
            for _ in range(5):
                assert one.caller.ready("c"), "it may be the question's fault"
                with pytest.raises(SideModelError) as raised:
                    await one.caller.ask(QUESTION, read)
                assert raised.value.lasting
            assert not one.caller.ready("c"), "the budget is not for such answers"

    run(work())


@pytest.mark.parametrize(
    ("text", "seconds"), [(b"120", 120), (b"0.5", 0.5), (b"Thu, 01 Jan 1970 00:05:00 GMT", 200), (b"soon", 0), (b"-3", 0), (b"", 0)]
)
def test_the_provider_says_how_long_to_wait(text: bytes, seconds: float) -> None:
    assert retry_after(((b"Retry-After", text),), 100.0) == seconds


def test_retry_after_is_honoured_within_reason(store: SqlStore, tmp_path: Path) -> None:
    async def work() -> None:
        raw = b"HTTP/1.1 429 Slow\r\nRetry-After: 90\r\nContent-Length: 0\r\n\r\n"
        async with desk(store, tmp_path, lambda asked: raw) as (one, _):
            with pytest.raises(SideModelError):
                await one.caller.ask(QUESTION, read)
            until = next(iter(one.caller._troubles.values())).until
            assert 85 < until - asyncio.get_running_loop().time() < 95

    run(work())


def test_a_provider_that_is_not_there_costs_nothing(store: SqlStore, tmp_path: Path) -> None:
    async def work() -> None:
        async with SideProvider().serving() as provider:
            port = provider.port
        one = Desk(store, tmp_path, endpoint(port), PLENTY)
        with pytest.raises(SideModelError, match="refused the connection"):
            await one.caller.ask(QUESTION, read)
        assert store.used(DAY) == Used()
        await one.close()

    run(work())


def test_an_answer_without_end_is_broken_off(store: SqlStore, tmp_path: Path) -> None:
    raw = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n" + b" " * (3 << 20)

    async def work() -> None:
        async with desk(store, tmp_path, lambda asked: raw) as (one, provider):
            with pytest.raises(SideModelError, match="larger"):
                await one.caller.ask(QUESTION, read)
            await soon(lambda: provider._upstream.closed == 1)

    run(work())


# --- law: the budget is never exceeded
