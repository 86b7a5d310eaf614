"""A race (A!B) over real sockets, in every wire: who wins, what becomes of the others, and what the client gets of it."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import pytest

from tests.relay.world import Client, Received, field, run
from tests.rig import post, soon
from tests.rivals import Do, cuts, dangles, refuses, request, rivals, says, shows, texts
from tests.routed import KEYS
from tests.stages.world import stored

WIRES = ["anthropic", "openai_chat", "openai_responses", "gemini"]
OTHER = {"anthropic": "openai_chat", "openai_chat": "gemini", "openai_responses": "anthropic", "gemini": "openai_responses"}
"""A provider of another wire, for a client of each."""


def race(wire: str, slow: Do, fast: Do) -> dict[str, tuple[str, Do]]:
    """`slow` speaks the client's wire, `fast` another one."""
    return {"slow": (wire, slow), "fast": (OTHER[wire], fast)}


def attempts(head: bytes) -> bytes | None:
    return field(head, b"x-vc-attempts")


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("wire", WIRES)
def test_the_first_with_something_to_say_answers_and_the_other_is_cut_off(tmp_path: Path, wire: str, stream: bool) -> None:
    async def scene() -> None:
        async with rivals(tmp_path, race(wire, dangles, says("Quick as light.", 0.1))) as one:
            began = time.monotonic()
            head, body = await one.ask_for(wire, "slow:a!fast:b", stream)
            assert head.startswith(b"HTTP/1.1 200"), head
            assert texts(wire, body, stream) == ("Quick as light.", "")
            assert time.monotonic() - began < 1.0
            assert attempts(head) == b"slow=beaten, fast=200"
            assert (one.asked("slow"), one.asked("fast")) == (1, 1)
            await soon(lambda: one.by_name["slow"].broken == 1)
            assert (one.door.metrics.races, one.door.metrics.beaten) == (1, 1)
            # The same, the other way round: the winner speaks the client's own wire, and its connection is used again.
            one.by_name["slow"].does = [says("Slow, but sure.", 0.1)]
            one.by_name["fast"].does = [dangles]
            for _ in range(2):
                head, body = await one.ask_for(wire, "fast:b!slow:a", stream)
                assert texts(wire, body, stream) == ("Slow, but sure.", "")
                assert attempts(head) == b"fast=beaten, slow=200"
            await soon(lambda: one.by_name["fast"].broken == 2)
            assert one.failures() == {}

    run(scene())


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize(
    "fault",
    [refuses(400), refuses(503), cuts, says(""), refuses(200), shows],
    ids=["400", "503", "cut", "empty", "an error under 200", "a page"],
)
def test_who_fails_has_lost_and_nobody_hears_of_it(tmp_path: Path, wire: str, stream: bool, fault: Do) -> None:
    async def scene() -> None:
        async with rivals(tmp_path, race(wire, says("Here I am.", 0.1), fault)) as one:
            head, body = await one.ask_for(wire, "fast:b!slow:a", stream)
            assert head.startswith(b"HTTP/1.1 200"), (head, body)
            assert texts(wire, body, stream) == ("Here I am.", "")
            told = attempts(head)
            assert told is not None
            assert told.endswith(b", slow=200")
            assert told.startswith(b"fast=")
            assert b"beaten" not in told

    run(scene())


@pytest.mark.parametrize("wire", WIRES)
def test_where_all_fail_the_first_that_is_named_is_told(tmp_path: Path, wire: str) -> None:
    async def scene() -> None:
        async with rivals(tmp_path, race(wire, refuses(404, 0.05, "no such thing"), refuses(500))) as one:
            head, body = await one.ask_for(wire, "slow:a!fast:b")
            assert head.startswith(b"HTTP/1.1 404"), head
            assert b"no such thing" in body
            assert attempts(head) == b"fast=500, slow=404"
            head, body = await one.ask_for(wire, "fast:b!slow:a", True)
            assert head.startswith(b"HTTP/1.1 500")
            assert attempts(head) == b"slow=404, fast=500"
            # An answer with nothing in it is better than an error.
            one.by_name["fast"].does = [says("")]
            head, body = await one.ask_for(wire, "slow:a!fast:b")
            assert head.startswith(b"HTTP/1.1 200"), head
            assert attempts(head) == b"slow=404, fast=empty"

    run(scene())


@pytest.mark.parametrize("trickles", [False, True])
def test_nobody_waits_for_the_rest_of_a_refusal_where_all_others_have_lost(tmp_path: Path, trickles: bool) -> None:
    async def stalls(_: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(b'HTTP/1.1 503 No\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n{"error":')
        for _second in range(120):
            await asyncio.sleep(0.5)
            writer.write(b" " if trickles else b"")

    async def scene() -> None:
        async with rivals(tmp_path, race("openai_chat", stalls, refuses(404, 0.05, "no such thing"))) as one, asyncio.timeout(45):
            head, body = await one.ask_for("openai_chat", "slow:a!fast:b")
            assert head.startswith(b"HTTP/1.1 404"), head
            assert b"no such thing" in body

    run(scene())


@pytest.mark.parametrize("wire", WIRES)
def test_a_winner_that_breaks_off_is_broken_off_and_never_continued_by_another(tmp_path: Path, wire: str) -> None:
    async def half(received: object, writer: asyncio.StreamWriter) -> None:
        first = asyncio.ensure_future(says("Half of it.", pause_s=30)(received, writer))  # type: ignore[arg-type]
        await asyncio.sleep(1.0)
        first.cancel()
        writer.close()

    async def scene() -> None:
        async with rivals(tmp_path, {"slow": (wire, says("The other.", 10.0)), "fast": (wire, half)}) as one:
            path, body = request(wire, "slow:a!fast:b", True)
            client = Client(*await asyncio.open_connection("127.0.0.1", one.port))
            await client.send(post(one.port, path, body, KEYS[wire]))
            raw, _ = await client.rest()
            assert b"Half of it." in raw
            assert b"The other." not in raw
            await soon(lambda: one.by_name["slow"].broken == 1)
            client.writer.close()

    run(scene())


def test_a_handicap_starts_late_or_when_nobody_is_left(tmp_path: Path) -> None:
    async def scene() -> None:
        async with rivals(tmp_path, race("anthropic", says("First."), says("Second."))) as one:
            head, body = await one.ask_for("anthropic", "slow:a![handicap=5]fast:b", True)
            assert texts("anthropic", body, True) == ("First.", "")
            assert attempts(head) == b"fast=unasked, slow=200"
            assert one.asked("fast") == 0
            one.by_name["slow"].does = [dangles]
            began = time.monotonic()
            head, body = await one.ask_for("anthropic", "slow:a![handicap=0.3]fast:b", True)
            assert 0.3 <= time.monotonic() - began < 1.0
            assert texts("anthropic", body, True) == ("Second.", "")
            one.by_name["slow"].does = [refuses(500)]
            began = time.monotonic()
            head, body = await one.ask_for("anthropic", "slow:a![handicap=30]fast:b", True)
            assert time.monotonic() - began < 1.0
            assert texts("anthropic", body, True) == ("Second.", "")
            assert attempts(head) == b"slow=500, fast=200"

    run(scene())


def test_a_time_to_the_first_byte_ends_a_way_while_another_is_left(tmp_path: Path) -> None:
    async def scene() -> None:
        async with rivals(tmp_path, race("openai_chat", dangles, says("Second.", 0.1))) as one:
            head, body = await one.ask_for("openai_chat", "[ttft_timeout=0.2]slow:a![handicap=30]fast:b", True)
            assert texts("openai_chat", body, True) == ("Second.", "")
            assert attempts(head) == b"slow=slow, fast=200"
            await soon(lambda: one.by_name["slow"].broken == 1)
            # Given up, and asked once more where all others fail.
            one.by_name["slow"].does = [refuses(500, 0.1)]
            one.by_name["fast"].does = [dangles, says("Again.", 0.3)]
            head, body = await one.ask_for("openai_chat", "slow:a![ttft_timeout=0.02]fast:b", True)
            assert texts("openai_chat", body, True) == ("Again.", "")
            assert attempts(head) == b"slow=500, fast=slow, fast=200"
            # The last one is waited for all the same.
            one.by_name["fast"].does = [says("Second.", 0.1)]
            one.by_name["slow"].does = [refuses(500)]
            head, body = await one.ask_for("openai_chat", "slow:a![ttft_timeout=0.02]fast:b", True)
            assert texts("openai_chat", body, True) == ("Second.", "")

    run(scene())


def test_a_client_that_leaves_ends_the_race_for_all(tmp_path: Path) -> None:
    async def scene() -> None:
        async with rivals(tmp_path, race("anthropic", dangles, dangles)) as one:
            path, body = request("anthropic", "slow:a!fast:b", True)
            client = Client(*await asyncio.open_connection("127.0.0.1", one.port))
            await client.send(post(one.port, path, body, KEYS["anthropic"]))
            await soon(lambda: one.asked("slow") + one.asked("fast") == 2)
            client.writer.transport.abort()
            await soon(lambda: one.by_name["slow"].broken + one.by_name["fast"].broken == 2)
            await soon(lambda: one.door.metrics.in_flight == 0)

    run(scene())


def test_each_way_has_its_own_retries_and_keys(tmp_path: Path) -> None:
    text = "resilience: {retries: 1, backoff_s: 0.01}\n"

    async def scene() -> None:
        ways = {"slow": ("anthropic", [refuses(503), says("Again.")]), "fast": ("openai_chat", [refuses(401)])}
        async with rivals(tmp_path, ways, text) as one:
            head, body = await one.ask_for("anthropic", "slow:a!fast:b", True)
            assert texts("anthropic", body, True) == ("Again.", "")
            assert attempts(head) == b"fast=401, slow=503, slow=200"
            assert one.asked("slow") == 2

    run(scene())


def test_a_client_that_waits_for_a_race_gets_comments_and_then_the_answer(tmp_path: Path) -> None:
    text = "resilience: {keep_alive_s: 0.1}\n"

    async def scene() -> None:
        async with rivals(tmp_path, race("openai_chat", refuses(500), says("At last.", 0.7)), text) as one:
            head, body = await one.ask_for("openai_chat", "slow:a!fast:b", True)
            assert head.startswith(b"HTTP/1.1 200")
            assert body.startswith(b": keep-alive\n\n")
            assert b"At last." in body
            assert body.rstrip().endswith(b"[DONE]")
            one.by_name["fast"].does = [refuses(502, 0.7, "gone")]
            head, body = await one.ask_for("openai_chat", "slow:a!fast:b", True)
            assert head.startswith(b"HTTP/1.1 200")
            assert json.loads(body.split(b"data: ")[1].split(b"\n\n")[0])["error"]

    run(scene())


def test_one_that_is_set_aside_is_asked_only_where_nobody_else_is_left(tmp_path: Path) -> None:
    text = "resilience: {breaker_failures: 1, breaker_open_s: 60}\n"

    async def scene() -> None:
        async with rivals(tmp_path, race("anthropic", says("Well.", 0.1), refuses(500)), text) as one:
            await one.ask_for("anthropic", "fast:b!slow:a")
            head, _ = await one.ask_for("anthropic", "fast:b!slow:a")
            assert attempts(head) == b"fast=unasked, slow=200"
            one.by_name["slow"].does = [refuses(500)]
            one.by_name["fast"].does = [says("Back.")]
            head, body = await one.ask_for("anthropic", "fast:b!slow:a")
            assert texts("anthropic", body, False) == ("Back.", "")

    run(scene())


def test_a_race_of_one_is_none(tmp_path: Path) -> None:
    """What is left of it after annotations goes its usual way."""

    async def scene() -> None:
        async with rivals(tmp_path, race("anthropic", says("Alone."), says("Never."))) as one:
            head, body = await one.ask_for("anthropic", "slow:a![max_context=1]fast:b")
            assert texts("anthropic", body, False) == ("Alone.", "")
            assert attempts(head) is None
            assert one.asked("fast") == 0
            assert one.door.metrics.races == 0

    run(scene())


def test_memory_hears_of_the_winner_alone(tmp_path: Path) -> None:
    async def scene() -> None:
        async with rivals(tmp_path, race("anthropic", says("The loser.", 0.3), says("The winner."))) as one:
            body = json.dumps({"model": "slow:a!fast:b", "max_tokens": 9, "messages": [{"role": "user", "content": "Hello."}]}).encode()
            await one.ask("/v1/messages", body, KEYS["anthropic"], b"X-VC-Conversation: mine")
            found: list[list[str]] = []
            await stored(
                one, lambda store: found.extend([turn.text for turn in store.turns(it.id)] for it, _ in store.conversations(None, 9))
            )
            assert found == [["Hello.", "The winner."]]

    run(scene())


@pytest.mark.parametrize("wire", WIRES)
def test_who_is_beaten_is_cut_off_while_the_winner_still_speaks(tmp_path: Path, wire: str) -> None:
    asked: set[str] = set()

    def lost(name: str) -> Do:
        async def do(received: Received, writer: asyncio.StreamWriter) -> None:
            asked.add(name)
            await dangles(received, writer)

        return do

    async def fast(received: Received, writer: asyncio.StreamWriter) -> None:
        await soon(lambda: len(asked) == 3)
        await says("Half of it, and then the rest. " * 40, pause_s=20.0)(received, writer)

    async def scene() -> None:
        ways: dict[str, tuple[str, Do]] = {"fast": (wire, fast)}
        ways |= {name: (other, lost(name)) for name, other in zip(("one", "two", "three"), WIRES, strict=False)}
        async with rivals(tmp_path, ways) as one:
            client = Client(*await asyncio.open_connection("127.0.0.1", one.port))
            path, body = request(wire, "one:a!fast:b!two:c!three:d", True)
            await client.send(post(one.port, path, body, KEYS[wire]))
            await client.reader.readuntil(b"\r\n\r\n")
            began = time.monotonic()
            await soon(lambda: all(one.by_name[name].broken == 1 for name in ("one", "two", "three")), 5.0)
            assert time.monotonic() - began < 10.0, "the winner has not come to its end"
            assert one.by_name["fast"].broken == 0
            assert one.door.metrics.in_flight == 1
            # A client that leaves then ends the winner, too; one that has just asked may have closed its half alone.
            await asyncio.sleep(0.3)
            client.writer.transport.abort()
            await soon(lambda: one.by_name["fast"].broken == 1, 5.0)
            await soon(lambda: one.door.metrics.in_flight == 0)

    run(scene())


def test_a_client_that_leaves_starts_no_more_ways(tmp_path: Path) -> None:
    async def scene() -> None:
        async with rivals(tmp_path, {"one": ("anthropic", dangles), "two": ("openai_chat", dangles), "late": ("gemini", dangles)}) as one:
            client = Client(*await asyncio.open_connection("127.0.0.1", one.port))
            path, body = request("anthropic", "one:a!two:b![handicap=1]late:c")
            await client.send(post(one.port, path, body, KEYS["anthropic"]))
            await soon(lambda: one.asked("one") + one.asked("two") == 2)
            client.writer.transport.abort()
            await soon(lambda: one.by_name["one"].broken + one.by_name["two"].broken == 2)
            await asyncio.sleep(1.1)
            assert one.asked("late") == 0

    run(scene())
