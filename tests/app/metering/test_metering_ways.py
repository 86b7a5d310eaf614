"""Each answer that a provider charges for is counted once, for the backend that gave it, on whatever way the client got one."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from backstory.config.sections import Memory, Resilience, Upstream
from backstory.config.sections import Usage as Recorded
from backstory.core.charges import Slice, Sum
from backstory.core.message import Text
from backstory.core.reply import Reply, Usage
from tests.app.metering.test_house import KEY, STREAMED, ask, charges, counts, expected, whole
from tests.app.test_paging import ASKED
from tests.paging import BY_NAME, QUOTE, Model, configured, history
from tests.paging import ask as ask_folded
from tests.relay.world import Received, run
from tests.relay.world import Upstream as World
from tests.rig import PATHS, Rig, asking, chunked, recording, reply, rig
from tests.routed import speaking, two
from tests.wires.test_usage import STREAM, WHOLE

BOTH = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


async def sums(one: Rig, by: Any) -> list[Sum]:
    recorder = one.engine.recorder
    assert recorder is not None
    found: list[Sum] = await recorder.ask(lambda kept: kept.sums(by, Slice()))
    return found


@BOTH
@pytest.mark.parametrize("memory", [True, False], ids=["memory", "no memory"])
@pytest.mark.parametrize("speaks", list(PATHS))
@pytest.mark.parametrize("client", list(PATHS))
def test_a_translated_answer_is_charged_as_its_provider_says(tmp_path: Path, client: str, speaks: str, stream: bool, memory: bool) -> None:
    if client == speaks:
        return

    async def check() -> None:
        config = replace(recording(tmp_path), upstream=Upstream(wire=speaks), memory=Memory(enabled=memory))  # type: ignore[arg-type]
        async with rig(config, lambda _: chunked([STREAM[speaks]]) if stream else reply(whole(speaks))) as one:
            await ask(one, client, stream)
            (found,) = await charges(one)
            assert counts(found) == expected(speaks)
            assert (found.wire, found.source, found.model) == (client, "reported", "m")

    run(check())


def test_a_request_that_failed_over_is_one_request_of_the_backend_that_answered(tmp_path: Path) -> None:
    providers = (
        "usage: {keep_days: 90}\nproviders:\n"
        "  dead: {kind: anthropic, url: 'http://127.0.0.1:9', auth: none}\n  prov: {kind: groq, url: OTHER}\n"
        "  claude: {kind: anthropic, url: OTHER, auth: none}\n"
    )

    async def check() -> None:
        async with two(tmp_path, providers, {"GROQ_API_KEY": "k"}) as one:

            async def script(upstream: World, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                while True:
                    received = await upstream.request(reader)
                    wire = speaking(received)
                    failed = wire == "openai_chat" and b"broken" in received.body
                    writer.write(reply(b"{}", status=b"503 No") if failed else reply(whole(wire)))
                    await writer.drain()

            one.other.script = script
            assert (await one.ask_for("anthropic", "dead:x|prov:m|claude:c"))[0] == 200
            assert (await one.ask_for("anthropic", "prov:broken|claude:c?temperature=0.5"))[0] == 200
            second, first = await charges(one)
            assert (first.backend, first.model, first.wire, counts(first)) == ("prov", "m", "anthropic", expected("openai_chat"))
            assert (second.backend, second.model, counts(second)) == ("claude", "c", expected("anthropic"))
            assert [(row.name, row.requests, row.errors) for row in await sums(one, "backend")] == [("claude", 1, 0), ("prov", 1, 0)]

    run(check())


def test_a_request_that_nobody_answered_is_one_error(tmp_path: Path) -> None:
    async def check() -> None:
        async with two(
            tmp_path, "usage: {keep_days: 90}\nproviders:\n  dead: {kind: anthropic, url: 'http://127.0.0.1:9', auth: none}\n"
        ) as one:
            status, _ = await one.ask_for("anthropic", "dead:x")
            assert status == 502
            (found,) = await charges(one)
            assert (found.backend, found.model, found.status, found.ended, found.calls) == ("dead", "x", 0, "refused", 0)
            assert [(row.requests, row.errors, row.timed) for row in await sums(one, "model")] == [(1, 1, 0)]

    run(check())


def test_an_empty_answer_that_was_asked_again_costs_and_is_no_request(tmp_path: Path) -> None:
    empty = json.dumps({**WHOLE["openai_chat"], "choices": [{"index": 0, "message": {"content": ""}, "finish_reason": "stop"}]})  # type: ignore[dict-item]
    told = [empty.encode(), whole("openai_chat")]

    async def check() -> None:
        config = replace(recording(tmp_path), resilience=Resilience(empty_retry=True))
        async with rig(config, lambda _: reply(told.pop(0))) as one:
            assert await ask(one, "openai_chat") == whole("openai_chat")
            got, lost = await charges(one)
            assert (got.id, got.place, lost.place) == (lost.id, 0, 1)
            assert counts(got) == counts(lost) == expected("openai_chat")
            (summed,) = await sums(one, "model")
            assert (summed.requests, summed.reported, summed.timed, summed.input_tokens) == (1, 1, 1, 2 * 2312)

    run(check())


@BOTH
@pytest.mark.parametrize("name", list(PATHS))
def test_an_answer_of_several_legs_is_one_request_with_the_tokens_of_all(tmp_path: Path, name: str, stream: bool) -> None:
    wire = BY_NAME[name]
    model = Model(wire, Reply((QUOTE,), "tool_calls", Usage(100, 10, 40)), Reply((Text("It is so."),), "stop", Usage(200, 20, 80)))

    async def check() -> None:
        async with rig(replace(configured(tmp_path), usage=Recorded(90)), model) as one:
            _, _, found = await ask_folded(one, wire, [*history(), ASKED], stream)
            assert found.usage == Usage(300, 30, 120)
            assert len(model.received) == 2
            (row,) = await charges(one)
            assert (row.calls, counts(row)) == (2, (300, 30, 120, 0))
            assert row.conversation

    run(check())


@BOTH
def test_an_answer_with_a_content_coding_is_read(tmp_path: Path, stream: bool) -> None:
    packed = gzip.compress(STREAM["anthropic"] if stream else whole("anthropic"))
    kind = b"text/event-stream" if stream else b"application/json"
    head = b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % (kind, len(packed))

    async def check() -> None:
        async with rig(recording(tmp_path), lambda _: head + packed) as one:
            assert await ask(one, "anthropic", stream) == packed
            (found,) = await charges(one)
            assert counts(found) == expected("anthropic")

    run(check())


def long_stream(wire: str) -> list[bytes]:
    """Its stream with half a megabyte of text in the middle."""
    events = [event + b"\n\n" for event in STREAM[wire].split(b"\n\n") if event]
    at = next(place for place, event in enumerate(events) if b'"Hi"' in event)
    return [*events[:at], *(events[at].replace(b'"Hi"', b'"%b"' % (b"word " * 40)) for _ in range(1500)), *events[at + 1 :]]


@pytest.mark.parametrize("wire", list(PATHS))
def test_of_a_long_stream_little_is_kept_and_all_is_counted(tmp_path: Path, wire: str) -> None:
    pieces = long_stream(wire)
    most = 0

    async def check() -> None:
        nonlocal most
        async with rig(replace(recording(tmp_path), memory=Memory(enabled=False)), lambda _: chunked(pieces)) as one:
            recorder = one.engine.recorder
            assert recorder is not None
            take = recorder.take

            def watched(over: Any) -> None:
                nonlocal most
                most = over.held
                take(over)

            recorder.take = watched  # type: ignore[method-assign]
            assert await ask(one, wire, True) == b"".join(pieces)
            (found,) = await charges(one)
            assert counts(found) == expected(wire)
            assert most < 150_000

    run(check())


def test_a_long_stream_without_usage_is_estimated_by_a_sample(tmp_path: Path) -> None:
    pieces = [b"data: %b\n\n" % json.dumps({"choices": [{"index": 0, "delta": {"content": "word " * 8}}]}).encode()] * 5000

    async def check() -> None:
        async with rig(recording(tmp_path), lambda _: chunked([*pieces, b"data: [DONE]\n\n"])) as one:
            await ask(one, "openai_chat", True)
            (found,) = await charges(one)
            assert found.source == "measured"
            assert found.output_tokens == pytest.approx(5000 * 40 / 3.6, rel=0.02)

    run(check())


def test_an_answer_that_is_too_large_to_keep_is_estimated_by_what_went_up(tmp_path: Path) -> None:
    huge = json.dumps({**WHOLE["openai_chat"], "more": "x" * (5 << 20)}).encode()  # type: ignore[dict-item]

    async def check() -> None:
        async with rig(recording(tmp_path), lambda _: reply(huge)) as one:
            assert await ask(one, "openai_chat") == huge
            (found,) = await charges(one)
            assert (found.source, found.output_tokens) == ("measured", 0)
            assert found.input_tokens == found.measured_in > 0

    run(check())


def test_a_body_that_is_streamed_up_is_counted_by_its_size_and_its_answer(tmp_path: Path) -> None:
    def answer(_: Received) -> bytes | Sequence[bytes]:
        return reply(json.dumps({**WHOLE["anthropic"], "model": "claude-x"}).encode())  # type: ignore[dict-item]

    async def check() -> None:
        config = replace(recording(tmp_path), memory=Memory(enabled=False))
        async with rig(config, answer) as one:
            body = asking("anthropic", [("user", "x" * 100_000)])
            await one.ask(STREAMED["anthropic"], body, KEY)
            assert one.sent.body == body
            (found,) = await charges(one)
            assert found.model == "claude-x", "the request was not read, so the answer tells"
            assert found.measured_in == int(len(body) / 3.6)

    run(check())


@BOTH
def test_of_a_race_the_answer_that_wins_is_recorded_and_what_was_beaten_beside_it(tmp_path: Path, stream: bool) -> None:
    providers = (
        "usage: {keep_days: 90}\nproviders:\n  prov: {kind: groq, url: OTHER}\n  claude: {kind: anthropic, url: OTHER, auth: none}\n"
    )

    async def check() -> None:
        async with two(tmp_path, providers, {"GROQ_API_KEY": "k"}) as one:

            async def script(upstream: World, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                while True:
                    wire = speaking(await upstream.request(reader))
                    if wire == "openai_chat":
                        await asyncio.sleep(0.3)
                    writer.write(reply(whole(wire)) if not stream else b"".join(chunked([STREAM[wire]])))
                    await writer.drain()

            one.other.script = script
            body = {"model": "prov:m!claude:c", "max_tokens": 100, "messages": [{"role": "user", "content": "Hello."}], "stream": stream}
            head, _ = await one.ask(PATHS["anthropic"], json.dumps(body).encode(), b"x-api-key: k")
            assert b" 200 " in head.partition(b"\r\n")[0]
            found, beaten = await charges(one)
            assert (found.backend, found.model, counts(found), found.place) == ("claude", "c", expected("anthropic"), 0)
            assert (beaten.backend, beaten.model, beaten.ended, beaten.status, beaten.place) == ("prov", "m", "beaten", 0, 1)
            assert (beaten.source, beaten.input_tokens, beaten.output_tokens) == ("measured", beaten.measured_in, 0)
            assert beaten.measured_in > 0

    run(check())
