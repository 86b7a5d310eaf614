"""What asking the side model costs: what its provider counts, what nobody knows, and never more than the budget."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import Raw

from backstory.core.records import Used
from backstory.core.side import Question
from backstory.errors import SideModelError
from backstory.providers.side_model import FREE, Price
from backstory.stores.sql import SqlStore
from tests.relay.test_side import DAY, QUESTION, broken_off, desk, five, garbled, read
from tests.relay.world import run
from tests.rig import reply
from tests.side_world import Answer, Asked, Desk, SideProvider, endpoint, says
from tests.stores.world import Shelf


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    return Shelf("sqlite", tmp_path_factory.mktemp("side"))


@pytest.fixture
def store(shelf: Shelf) -> SqlStore:
    return shelf.open()


def unreadable(asked: Asked) -> bytes:
    return reply(b"<html>busy</html>", b"text/html")


async def slowly(asked: Asked) -> bytes:
    await asyncio.sleep(5)
    return five(asked)


@pytest.mark.parametrize("answer", [broken_off, slowly, unreadable])
def test_what_a_lost_answer_may_have_cost_is_told_as_its_cost(store: SqlStore, tmp_path: Path, answer: Answer) -> None:
    async def work() -> None:
        async with desk(store, tmp_path, answer, timeout_s=0.2) as (one, provider):
            with pytest.raises(SideModelError):
                await one.caller.ask(QUESTION, read)
            ((model, usage, conversation, dollars),) = one.bills
            assert (model, conversation) == ("m", "c")
            assert 10 < usage.input_tokens < len(json.dumps(provider.asked[0].body))
            assert usage.output_tokens == 400, "as much as it was allowed to write"
            assert 0 < dollars * 1e6 == pytest.approx(store.used(DAY).micros), "the day's budget says the same"
            spent = store.used(DAY)
            assert (one.figures.spent_micros, one.figures.micros, one.figures.tokens) == (spent.micros, spent.micros, spent.tokens)

    run(work())


def test_what_a_stop_breaks_off_is_told_as_its_cost(store: SqlStore, tmp_path: Path) -> None:
    async def work() -> None:
        async with desk(store, tmp_path, slowly, timeout_s=5.0) as (one, provider):
            task = asyncio.ensure_future(one.caller.ask(QUESTION, read))
            while not provider.asked:  # noqa: ASYNC110 (what is waited for has no event)
                await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert len(one.bills) == 1

    run(work())


@pytest.mark.parametrize("status", [b"400 Bad", b"401 No", b"429 Slow", b"500 Oh", b"503 Busy"])
def test_what_a_provider_refuses_costs_nothing(store: SqlStore, tmp_path: Path, status: bytes) -> None:
    async def work() -> None:
        async with desk(store, tmp_path, lambda asked: reply(b"{}", status=status)) as (one, _):
            with pytest.raises(SideModelError):
                await one.caller.ask(QUESTION, read)
            assert not one.bills
            assert store.used(DAY).micros == 0

    run(work())


def test_without_a_count_of_the_providers_what_was_reserved_is_paid(store: SqlStore, tmp_path: Path) -> None:
    async def work() -> None:
        async with desk(store, tmp_path, lambda asked: says(asked, '{"n": 5}', used=None)) as (one, provider):
            assert await one.caller.ask(QUESTION, read) == 5
            spent, sent = store.used(DAY), len(json.dumps(provider.asked[0].body))
            assert spent.tokens >= sent + 400, "it may have thought as long as it was allowed to"
            assert [dollars * 1e6 for *_, dollars in one.bills] == [pytest.approx(spent.micros)]

    run(work())


def test_without_a_count_of_a_free_providers_ours_counts(store: SqlStore, tmp_path: Path) -> None:
    async def work() -> None:
        async with desk(store, tmp_path, lambda asked: says(asked, '{"n": 5}', used=None), price=FREE) as (one, provider):
            assert await one.caller.ask(QUESTION, read) == 5
            spent = store.used(DAY)
            assert 30 < spent.tokens < len(json.dumps(provider.asked[0].body)) + 100

    run(work())


@pytest.mark.parametrize("used", [(-5, -5), (1, -(10**18)), (10**30, 1), (10**30, 10**30)])
def test_a_count_that_is_none_breaks_nothing(store: SqlStore, tmp_path: Path, used: tuple[int, int]) -> None:
    async def work() -> None:
        async with desk(store, tmp_path, lambda asked: says(asked, '{"n": 5}', used)) as (one, _):
            with suppress(SideModelError):
                assert await one.caller.ask(QUESTION, read) == 5
            assert store.used(DAY).tokens > 0

    run(work())


class Bill(msgspec.Struct):
    """What a question costs, and what becomes of it."""

    size: int
    answer_tokens: int
    fate: str


BILLS = st.lists(
    st.builds(
        Bill,
        st.integers(0, 3000),
        st.integers(1, 400),
        st.sampled_from(["paid", "paid", "paid", "uncounted", "cut", "page", "error", "crash", "slow"]),
    ),
    min_size=1,
    max_size=12,
)


class Till:
    """A provider that counts what it is owed: as many tokens as there are bytes, and all of the answer that was allowed."""

    price = Price(1.0, 2.0)

    def __init__(self) -> None:
        self.tokens = self.micros = 0

    async def answer(self, asked: Asked) -> bytes | None:
        bill = Bill(**json.loads(asked.text.partition("|")[0]))
        used = (len(json.dumps(asked.body)), min(bill.answer_tokens, asked.body["max_tokens"]))
        await asyncio.sleep(0.001 * (bill.size % 3))
        if bill.fate == "error":
            return reply(b"{}", status=b"500 Oh")
        self.tokens += sum(used)
        self.micros += self.price.micros(*used)
        if bill.fate in ("slow", "crash"):
            await asyncio.sleep(1)
        if bill.fate == "cut":
            return None
        if bill.fate == "page":
            return garbled(asked)
        return says(asked, '{"n": 1}', used if bill.fate != "uncounted" else None)


async def one_after_the_other(desk: Desk, store: SqlStore, bills: list[Bill], most: Used) -> None:
    """Ask for all of these; some are broken off in the middle, as by a crash."""
    for bill in bills:
        text = json.dumps(msgspec.to_builtins(bill)) + "|" + "x" * bill.size
        task = asyncio.ensure_future(desk.caller.ask(Question("c", "tags", "", text, Raw(b"{}")), read))
        if bill.fate == "crash":
            await asyncio.wait({task}, timeout=0.02)
            task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        desk.caller._troubles.clear()
        desk.budget._full = ("", 0.0)
        spent = store.used(DAY)
        assert spent.tokens <= most.tokens
        assert spent.micros <= most.micros


@given(bills=BILLS, tokens=st.integers(0, 12_000), micros=st.integers(0, 20_000), callers=st.integers(1, 4))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_the_budget_is_never_exceeded(shelf: Shelf, bills: list[Bill], tokens: int, micros: int, callers: int) -> None:
    """Whatever requests cost, however many callers (each as good as a process of its own) share the day, and whichever of them die between
    reserving and settling: what the provider has counted is within the budget, and so is what the store says at every moment."""
    url = shelf.url()
    most = Used(tokens, micros)

    async def work() -> None:
        till = Till()
        async with SideProvider(till.answer).serving() as provider:
            desks = []
            for number in range(callers):
                store = shelf.open(url)
                folder = Path(url.removeprefix("sqlite:///")).parent / f"inbox{number}"
                folder.mkdir()
                desks.append((Desk(store, folder, endpoint(provider.port, price=till.price), most, 0.05), store))
            await asyncio.gather(*(one_after_the_other(*desk, bills[at::callers], most) for at, desk in enumerate(desks)))
            assert till.tokens <= tokens
            assert till.micros <= micros
            assert desks[0][1].used(DAY).tokens >= till.tokens, "the meter does not flatter"
            for desk, _ in desks:
                await desk.close()

    run(work())
    shelf.close()
