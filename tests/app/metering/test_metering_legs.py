"""What a request costs besides the answer that its client gets: reasoners, what has lost a race, what was too slow."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from backstory.app.metering import usage
from backstory.core.charges import Slice
from tests.app.metering.test_house import charges
from tests.app.metering.test_metering_ways import sums
from tests.relay.world import Client, run
from tests.rig import post, soon
from tests.rivals import Rivals, cuts, dangles, refuses, request, rivals, says
from tests.routed import KEYS

RECORDED = "usage: {keep_days: 90}\n"
WIRES = ["anthropic", "openai_chat", "openai_responses", "gemini"]
OTHER = {"anthropic": "openai_chat", "openai_chat": "gemini", "openai_responses": "anthropic", "gemini": "openai_responses"}
THOUGHT = "The user says hello. A short greeting is best."
HYBRID = "hybrid:[mind:thinker,hand:maker]"


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("wire", WIRES)
def test_a_beaten_way_is_told_with_what_it_was_asked_and_had_said(tmp_path: Path, wire: str, stream: bool) -> None:
    async def scene() -> None:
        ways = {"slow": (OTHER[wire], dangles), "fast": (wire, says("Here.", 0.15)), "none": (wire, refuses(400))}
        async with rivals(tmp_path, ways, RECORDED) as one:
            await one.ask_for(wire, "slow:a!fast:b!none:c", stream)
            got, beaten = await charges(one)
            assert (got.id, got.place, got.backend) == (beaten.id, 0, "fast")
            # OpenAI Chat tells no usage in a stream that has not asked for it.
            assert got.source == ("measured" if wire == "openai_chat" and stream else "reported")
            assert (beaten.place, beaten.backend, beaten.model, beaten.ended, beaten.source) == (1, "slow", "a", "beaten", "measured")
            assert beaten.input_tokens == beaten.measured_in > 0
            rows = {row.name: row for row in await sums(one, "backend")}
            assert (rows["fast"].requests, rows["fast"].legs) == (1, 0)
            assert (rows["slow"].requests, rows["slow"].legs, rows["slow"].legs_measured) == (0, 1, 1)
            assert "none" not in rows, "a refusal costs nothing"

    run(scene())


def test_a_way_that_lost_with_an_answer_is_told_as_its_provider_counts(tmp_path: Path) -> None:
    async def scene() -> None:
        async with rivals(tmp_path, {"void": ("openai_chat", says("")), "good": ("anthropic", says("Here.", 0.1))}, RECORDED) as one:
            await one.ask_for("openai_chat", "void:a!good:b")
            got, lost = await charges(one)
            assert (got.backend, lost.backend, lost.ended, lost.source, lost.input_tokens) == ("good", "void", "empty", "reported", 10)

    run(scene())


def test_a_client_that_leaves_a_race_has_started_all_of_its_ways(tmp_path: Path) -> None:
    async def scene() -> None:
        async with rivals(tmp_path, {"one": ("openai_chat", dangles), "two": ("anthropic", dangles)}, RECORDED) as one:
            client = Client(*await asyncio.open_connection("127.0.0.1", one.port))
            path, body = request("openai_chat", "one:a!two:b", False)
            await client.send(post(one.port, path, body, KEYS["openai_chat"]))
            await soon(lambda: one.asked("one") + one.asked("two") == 2)
            client.writer.transport.abort()
            await soon(lambda: one.by_name["one"].broken + one.by_name["two"].broken == 2)
            main, other = await charges(one)
            assert (main.place, main.ended, main.backend) == (0, "interrupted", "one")
            assert (other.place, other.ended, other.backend, other.source) == (1, "cut", "two", "measured")

    run(scene())


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("wire", WIRES)
def test_what_a_reasoner_was_asked_and_has_thought_is_a_leg_of_the_request(tmp_path: Path, wire: str, stream: bool) -> None:
    async def scene() -> None:
        mind = says("I would say a lot about it. " * 50, thought=THOUGHT, pause_s=30)
        async with rivals(tmp_path, {"mind": (OTHER[wire], mind), "hand": (wire, says("Good day."))}, RECORDED) as one:
            head, _ = await one.ask_for(wire, HYBRID, stream)
            assert b"mind=thought" in head
            got, thought = await charges(one)
            assert (got.backend, got.model, got.place) == ("hand", "maker", 0)
            assert (thought.id, thought.place, thought.backend, thought.model) == (got.id, 1, "mind", "thinker")
            assert (thought.ended, thought.source, thought.status) == ("thought", "measured", 200)
            assert thought.input_tokens > 0
            assert thought.output_tokens > 0

    run(scene())


def test_a_reasoner_that_came_to_its_end_is_told_as_its_provider_counts(tmp_path: Path) -> None:
    async def scene() -> None:
        async with rivals(
            tmp_path, {"mind": ("openai_chat", says("", thought=THOUGHT)), "hand": ("anthropic", says("Hi."))}, RECORDED
        ) as one:
            await one.ask_for("anthropic", HYBRID)
            _, thought = await charges(one)
            assert (thought.ended, thought.source, thought.input_tokens, thought.output_tokens) == ("thought", "reported", 10, 5)

    run(scene())


@pytest.mark.parametrize(("fault", "how"), [(dangles, "late"), (cuts, "cut"), (refuses(503), ""), (says("No thoughts."), "silent")])
def test_a_reasoner_without_thoughts_costs_what_it_was_asked(tmp_path: Path, fault: object, how: str) -> None:
    async def scene() -> None:
        ways = {"mind": ("openai_chat", fault), "hand": ("anthropic", says("Hi."))}
        async with rivals(tmp_path, ways, RECORDED + "routing: {reasoner_s: 0.3}\n") as one:  # type: ignore[arg-type]
            await one.ask_for("anthropic", HYBRID)
            found = await charges(one)
            assert [row.ended for row in found[1:]] == ([how] if how else [])
            assert found[0].backend == "hand"

    run(scene())


def test_a_client_that_leaves_while_somebody_thinks_for_it_is_charged_for_that(tmp_path: Path) -> None:
    async def scene() -> None:
        async with rivals(tmp_path, {"mind": ("openai_chat", dangles), "hand": ("anthropic", says("Hi."))}, RECORDED) as one:
            client = Client(*await asyncio.open_connection("127.0.0.1", one.port))
            await client.send(post(one.port, *request("anthropic", HYBRID), KEYS["anthropic"]))
            await soon(lambda: one.asked("mind") == 1)
            client.writer.transport.abort()
            await soon(lambda: one.by_name["mind"].broken == 1)
            main, thought = await charges(one)
            assert (main.ended, main.source) == ("interrupted", "none")
            assert (thought.backend, thought.ended, thought.source) == ("mind", "cut", "measured")

    run(scene())


def test_a_try_that_was_too_slow_is_told_as_started(tmp_path: Path) -> None:
    text = RECORDED + "resilience: {first_byte_s: 0.1, retries: 1, backoff_s: 0.01}\n"

    async def scene() -> None:
        async with rivals(tmp_path, {"slow": ("openai_chat", dangles), "fast": ("anthropic", says("Hi."))}, text) as one:
            await one.ask_for("anthropic", "slow:a|fast:b")
            got, slow = await charges(one)
            assert (got.backend, slow.backend, slow.ended, slow.source, slow.status) == ("fast", "slow", "slow", "measured", 0)

    run(scene())


async def told(one: Rivals) -> tuple[str, str]:
    """What `backstory usage --by request` and `--by backend` print."""
    recorder = one.engine.recorder
    assert recorder is not None
    found = []
    for by in ("request", "backend"):
        asked = usage.Asked(by, Slice())
        found.append("".join(usage.as_table((await recorder.ask(lambda kept, asked=asked: usage.report(kept, asked, {}))).rows)))  # type: ignore[misc]
    return found[0], found[1]


def test_legs_are_shown_as_what_they_are(tmp_path: Path) -> None:
    async def scene() -> None:
        async with rivals(tmp_path, {"slow": ("openai_chat", dangles), "fast": ("anthropic", says("Hi."))}, RECORDED) as one:
            await one.ask_for("anthropic", "slow:a!fast:b")
            await charges(one)
            single, summed = await told(one)
            line = next(line for line in single.splitlines() if " slow " in line)
            assert line.endswith("estimated  partial  not the client's: beaten")
            assert "(1 not the clients' (1 estimated)" in next(line for line in summed.splitlines() if line.startswith("slow"))

    run(scene())
