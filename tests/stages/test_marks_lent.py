"""Requests of clients that mark nothing get a mark for the provider's cache: only where something of memory's goes up anyway, where it
pays, and where the provider takes it; what is told is what was saved.
"""

from __future__ import annotations

import asyncio
import json
import random
from pathlib import Path
from typing import Any

import pytest

from backstory.app.faces.why import Diff, diff
from backstory.core.store import Store
from tests.rig import PATHS, Rig
from tests.routed import KEYS, Two, two
from tests.stages.billing import Clock
from tests.stages.test_holding import messages
from tests.stages.unmarked import MEMBER, REFUSAL, SETTINGS, Cashier, Plain, marked
from tests.stages.world import conversation, stored, thread

NAME = b"X-VC-Conversation: sliding"
ALWAYS = "economy: {cache_marks: always}\n"
WIDE = "compaction: {context_window: 60000}\n"


async def say(one: Rig, client: Plain, clock: Clock, keeps: int, text: str = "", wait_s: float = 10.0) -> tuple[bytes, bytes, bytes]:
    """One exchange: what the client sent, and head and body of its answer."""
    clock.now += wait_s
    body = client.body(keeps, text)
    head, answer = await one.ask(PATHS["anthropic"], body, KEYS["anthropic"], NAME)
    if head.startswith(b"HTTP/1.1 200"):
        client.hears(answer)
    return body, head, answer


def question(dice: random.Random, client: Plain, keeps: int) -> str:
    """About something that was said before what the client still sends."""
    old = client.items[dice.randrange(0, max(2, len(client.items) - keeps), 2)]["content"][0]["text"]
    words = [word.strip(".?") for word in old.split() if word.strip(".?")[-1:].isdigit()]
    return f"What was said of {' and '.join(dice.sample(words, 2))}?" if len(words) > 1 else "What was the first entry?"


async def slides(one: Rig, till: Cashier, direct: Cashier, clock: Clock, keeps: int = 9, count: int = 60) -> list[bytes]:
    """A client that keeps its newest messages, and asks now and then; the answers' heads."""
    client, dice, heads = Plain(), random.Random(3), []
    for number in range(count):
        text = question(dice, client, keeps) if number > 8 and number % 4 == 0 else ""
        body, head, _ = await say(one, client, clock, keeps, text)
        direct.bill(body)
        heads.append(head)
        assert marked(till.sent) == (b"cache_marked=1" in head)
        if messages(till.sent) == messages(body):
            assert till.sent == body, "what is left alone keeps its bytes"
        assert till.sent.replace(MEMBER, b"").count(b"cache_control") == 0
    return heads


def test_what_a_client_cuts_is_held_in_the_cache_that_it_never_asked_for(tmp_path: Path) -> None:
    clock = Clock()

    async def work() -> None:
        till, direct = Cashier(clock), Cashier(clock)
        async with two(tmp_path, SETTINGS + WIDE, {}, clock, till) as one:
            heads = await slides(one, till, direct, clock)
            assert sum(map(marked, till.bodies)) > 30
            assert till.dollars < 0.9 * direct.dollars
            money = one.engine.economy.money
            assert money.billed == pytest.approx(till.dollars, rel=0.02)
            assert money.direct == pytest.approx(direct.dollars, rel=0.03)
            told = sum(float(head.partition(b"cost_saved=")[2].partition(b",")[0]) for head in heads)
            assert told == pytest.approx(direct.dollars - till.dollars, abs=0.03 * direct.dollars)
            spends = await stored(one, lambda store: store.spends(conversation(heads[-1])))
            assert sum(one.direct for one in spends) == pytest.approx(direct.dollars, rel=0.03)
            assert not one.failures()

    asyncio.run(work())


@pytest.mark.parametrize(
    ("more", "routed"),
    [("economy: {cache_marks: never}\n", True), ("", False)],
    ids=["never", "another host"],
)
def test_nothing_is_marked_unasked(tmp_path: Path, more: str, routed: bool) -> None:
    clock = Clock()

    async def work() -> None:
        till, direct = Cashier(clock), Cashier(clock)
        text = SETTINGS if routed else "\n".join(SETTINGS.splitlines()[3:]) + "\n"
        async with two(tmp_path, text + WIDE + more, {}, clock, till) as one:
            await slides(one, till, direct, clock, count=30)
            assert not any(map(marked, till.bodies))
            assert not one.failures()

    asyncio.run(work())


async def grows(one: Rig, till: Cashier, clock: Clock, count: int, wait_s: float = 10.0) -> list[bool]:
    """A client that sends all its history; which requests were marked."""
    client, before = Plain(words=120), list[Any]()
    for _ in range(count):
        body, _, _ = await say(one, client, clock, 10_000, wait_s=wait_s)
        assert till.sent in (body, body[:-1] + MEMBER + b"}"), "nothing else is changed"
        assert messages(till.sent)[: len(before)] == before
        before = messages(till.sent)
    return [marked(body) for body in till.bodies]


@pytest.mark.parametrize("routed", [True, False], ids=["Anthropic", "another host"])
def test_always_any_conversation_that_goes_on_is_marked(tmp_path: Path, routed: bool) -> None:
    clock = Clock()

    async def work() -> None:
        till, direct = Cashier(clock), Cashier(clock)
        text = SETTINGS if routed else "\n".join(SETTINGS.splitlines()[3:]) + "\n"
        async with two(tmp_path, text + WIDE + ALWAYS, {}, clock, till) as one:
            found = await grows(one, till, clock, 24)
            assert not found[0], "it may be all that is ever asked"
            first = found.index(True)
            assert first < 8, "as soon as it is long enough to be cached"
            assert all(found[first:])
            for body in till.bodies:
                direct.dollars += Cashier(clock).bill(body.replace(MEMBER, b"")).input_tokens * 3e-6 + 20 * 15e-6
            assert till.dollars < 0.5 * direct.dollars
            assert one.engine.economy.money.saved == pytest.approx(direct.dollars - till.dollars, rel=0.02)
            await one.restart()
            found = await grows(one, till, clock, 1)
            assert not found[-1], "nor what begins once more"
            assert not one.failures()

    asyncio.run(work())


def test_by_default_what_only_goes_on_keeps_its_bytes(tmp_path: Path) -> None:
    clock = Clock()

    async def work() -> None:
        till = Cashier(clock)
        async with two(tmp_path, SETTINGS + WIDE, {}, clock, till) as one:
            assert not any(await grows(one, till, clock, 20))

    asyncio.run(work())


@pytest.mark.parametrize("why", ["pauses", "no price", "no usage", "not found"])
def test_where_nothing_would_be_read_nothing_is_marked_for_long(tmp_path: Path, why: str) -> None:
    clock = Clock()

    async def work() -> None:
        till = Cashier(clock)
        till.deaf, till.mute = why == "not found", why == "no usage"
        async with two(tmp_path, SETTINGS + WIDE + ALWAYS, {}, clock, till) as one:
            client = Plain(words=300, model="claude-of-my-own" if why == "no price" else "claude-sonnet-4-5")
            for _ in range(20):
                await say(one, client, clock, 10_000, wait_s=400.0 if why == "pauses" else 10.0)
            assert sum(map(marked, till.bodies)) == (2 if why == "not found" else 0)

    asyncio.run(work())


async def held(one: Two, till: Cashier, clock: Clock, client: Plain) -> tuple[bytes, bytes]:
    """Until a request is marked: what the client sent, and the head of its answer."""
    dice = random.Random(3)
    for number in range(60):
        body, head, _ = await say(one, client, clock, 9, question(dice, client, 9) if number > 8 else "")
        if till.bodies and b"cache_marked" in head:
            return body, head
        if till.refused:
            return body, head
    raise AssertionError("nothing was marked")


def test_a_provider_that_does_not_take_it_gets_the_request_without(tmp_path: Path) -> None:
    clock = Clock()

    async def work() -> None:
        till = Cashier(clock)
        till.refuses = marked
        async with two(tmp_path, SETTINGS + WIDE, {}, clock, till) as one:
            client = Plain()
            _, head = await held(one, till, clock, client)
            assert head.startswith(b"HTTP/1.1 200")
            assert b"cache_marked" not in head
            assert till.sent == till.refused[0].replace(MEMBER, b""), "the same, but for the mark"
            dice = random.Random(4)
            for _ in range(6):
                await say(one, client, clock, 9, question(dice, client, 9))
            assert len(till.refused) == 1, "nor is any other request to this model"
            assert one.door.metrics.repeats == 1
            assert not thread(one, conversation(head)).account.refused, "of what is held nothing is known"
            assert one.engine.economy.bare("claude-sonnet-4-5", "mark")
            clock.now += 3601
            assert not one.engine.economy.bare("claude-sonnet-4-5", "mark")
            assert not one.failures()

    asyncio.run(work())


def test_what_is_wrong_with_the_request_itself_is_told_and_marks_go_on(tmp_path: Path) -> None:
    clock = Clock()

    async def work() -> None:
        till = Cashier(clock)
        async with two(tmp_path, SETTINGS + WIDE, {}, clock, till) as one:
            client = Plain()
            await held(one, till, clock, client)
            till.refuses = lambda _: True
            _, head, answer = await say(one, client, clock, 9)
            assert head.startswith(b"HTTP/1.1 400")
            assert answer == REFUSAL
            assert len(till.refused) == 2
            till.refuses = lambda _: False
            assert not one.engine.economy.bare("claude-sonnet-4-5", "mark")
            assert not one.failures()

    asyncio.run(work())


@pytest.mark.parametrize(
    ("status", "hold", "refused", "came"),
    [
        (b"422 Unprocessable", "true", 1, [200] * 9),
        (b"422 Unprocessable", "false", 1, [200] * 9),
        (b"500 Internal", "true", 2, [200, 500, 200, 500, 200, 200, 200, 200, 200]),
        (b"403 Forbidden", "false", 2, [200, 403, 200, 403, 200, 200, 200, 200, 200]),
    ],
)
def test_a_provider_that_never_takes_it_is_not_asked_for_ever(
    tmp_path: Path, status: bytes, hold: str, refused: int, came: list[int]
) -> None:
    clock = Clock()

    async def work() -> None:
        till = Cashier(clock)
        till.refuses, till.status = marked, status
        async with two(tmp_path, SETTINGS + WIDE + f"economy: {{cache_marks: always, hold: {hold}}}\n", {}, clock, till) as one:
            client = Plain(words=300)
            told = [int((await say(one, client, clock, 10_000))[1].split()[1]) for _ in range(9)]
            assert (told, len(till.refused)) == (came, refused)
            assert one.engine.economy.bare("claude-sonnet-4-5", "mark")

    asyncio.run(work())


def test_a_provider_that_fails_whatever_is_sent_is_marked_for_again(tmp_path: Path) -> None:
    clock = Clock()

    async def work() -> None:
        till = Cashier(clock)
        till.status = b"529 Overloaded"
        async with two(tmp_path, SETTINGS + WIDE + ALWAYS, {}, clock, till) as one:
            client = Plain(words=300)
            await say(one, client, clock, 10_000)
            till.refuses = lambda _: True
            for _ in range(5):
                await say(one, client, clock, 10_000)
            till.refuses = lambda _: False
            for _ in range(3):
                await say(one, client, clock, 10_000)
            assert marked(till.sent)
            till.refuses = lambda _: True
            for _ in range(3):
                await say(one, client, clock, 10_000)
            assert all(map(marked, till.refused[-3:])), "it has answered such ones"
            assert not one.engine.economy.bare("claude-sonnet-4-5", "mark")

    asyncio.run(work())


@pytest.mark.parametrize(("mode", "window"), [("auto", 20_000), ("always", 120_000)])
def test_what_is_cached_by_itself_is_not_told_as_saved_by_a_mark(tmp_path: Path, mode: str, window: int) -> None:
    clock = Clock()

    async def work() -> None:
        till, direct = Cashier(clock), Cashier(clock)
        till.eager = direct.eager = True
        text = SETTINGS + f"compaction: {{context_window: {window}}}\neconomy: {{cache_marks: {mode}}}\n"
        async with two(tmp_path, text, {}, clock, till) as one:
            client = Plain(words=900)
            for number in range(24):
                direct.bill((await say(one, client, clock, 10_000))[0])
                if number == 5:
                    await one.restart()
            assert not any(map(marked, till.bodies))
            assert mode == "auto" or one.engine.economy.money.saved == 0.0
            assert not one.failures()

    asyncio.run(work())


@pytest.mark.parametrize("refused", [False, True])
def test_a_stream_is_marked_like_any_other(tmp_path: Path, refused: bool) -> None:
    clock = Clock()

    async def work() -> None:
        till = Cashier(clock)
        till.refuses = marked if refused else lambda _: False
        async with two(tmp_path, SETTINGS + WIDE + ALWAYS, {}, clock, till) as one:
            client = Plain(words=300)
            for number in range(8):
                clock.now += 10.0
                body = client.body(10_000).replace(b'"max_tokens"', b'"stream": true, "max_tokens"')
                head, answer = await one.ask(PATHS["anthropic"], body, KEYS["anthropic"], NAME)
                assert head.startswith(b"HTTP/1.1 200")
                assert answer.count(b"event: message_stop") == 1
                client.items.append({"role": "assistant", "content": [{"type": "text", "text": f"Answer {number + 1}."}]})
            assert any(map(marked, till.bodies)) is not refused
            assert len(till.refused) == refused
            assert one.engine.economy.money.measured == 8
            assert not one.failures()

    asyncio.run(work())


def test_why_tells_of_it(tmp_path: Path) -> None:
    clock = Clock()

    async def work() -> None:
        till = Cashier(clock)
        async with two(tmp_path, SETTINGS + WIDE, {}, clock, till) as one:
            body, head = await held(one, till, clock, Plain())
            request = head.partition(b"X-VC-Request: ")[2].partition(b"\r\n")[0].decode()

            def look(store: Store) -> Diff:
                return diff(store, request)

            found = await stored(one, look)
            assert [change.bytes for change in found.changes if change.what == "cache mark"] == [len(MEMBER)]
            assert (found.came, found.went) == (len(body), len(till.sent))
            assert any(note.startswith("marks: ") for note in found.notes)
            assert not found.unknown

    asyncio.run(work())


def test_counts_of_tokens_and_threads_of_the_provider_are_left_alone(tmp_path: Path) -> None:
    clock = Clock()

    async def work() -> None:
        till = Cashier(clock)
        async with two(tmp_path, SETTINGS + WIDE + ALWAYS, {}, clock, till) as one:
            client = Plain(words=300)
            for _ in range(6):
                body, _, _ = await say(one, client, clock, 10_000)
            assert marked(till.sent)
            counted = json.dumps({key: value for key, value in json.loads(body).items() if key != "max_tokens"}).encode()
            await one.ask(PATHS["anthropic"] + "/count_tokens", counted, KEYS["anthropic"], NAME)
            assert not marked(till.sent)
            spelt = client.body(10_000)[:-1] + b',"cache\\u005fcontrol":null}'
            await one.ask(PATHS["anthropic"], spelt, KEYS["anthropic"], NAME)
            assert till.sent == spelt, "its own member, spelt otherwise"
            tree = json.loads(client.body(10_000)) | {"thread": {"type": "thread", "previous_message_id": "m1"}}
            await one.ask(PATHS["anthropic"], json.dumps(tree).encode(), KEYS["anthropic"], NAME)
            assert not marked(till.sent)

    asyncio.run(work())
