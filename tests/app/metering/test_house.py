"""Every request is metered, whatever becomes of it: in all four wires, streamed and not, translated, failed over, cut, past memory."""

from __future__ import annotations

import asyncio
import gc
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from backstory.app.metering.gauge import Gauge
from backstory.config import Config
from backstory.config.sections import Identity, Memory, PrincipalRow, Usage
from backstory.core import reply as replies
from backstory.core.charges import Charge, Slice
from backstory.relay.flow import Flow
from backstory.relay.heard import Heard
from backstory.stores.database import open_store
from tests.relay.world import Received, run
from tests.rig import PATHS, Rig, asking, chunked, recording, reply, rig, soon
from tests.wires.test_usage import EXPECTED, STREAM, WHOLE

KEY = b"Authorization: Bearer sk-secret"
STREAMED = {**PATHS, "gemini": "/v1beta/models/m:streamGenerateContent?alt=sse"}
Answering = Callable[[Received], bytes | Sequence[bytes]]


def whole(wire: str) -> bytes:
    """An answer with usage."""
    return json.dumps(WHOLE[wire]).encode()


def answering(wire: str, stream: bool) -> Answering:
    """Gives it, in pieces that cut through words where it is a stream."""
    parts = [STREAM[wire][at : at + 37] for at in range(0, len(STREAM[wire]), 37)]
    return lambda _: chunked(parts) if stream else reply(whole(wire))


async def ask(one: Rig, wire: str, stream: bool = False, *headers: bytes, text: str = "Hello") -> bytes:
    """One request; the body of its answer."""
    more = {"stream": True} if stream and wire != "gemini" else {}
    path = STREAMED[wire] if stream else PATHS[wire]
    return (await one.ask(path, asking(wire, [("user", text)], **more), KEY, *headers))[1]


async def charges(one: Rig) -> list[Charge]:
    """All there are, the newest first."""
    recorder = one.engine.recorder
    assert recorder is not None
    found: list[Charge] = await recorder.ask(lambda kept: kept.rows(Slice()))
    return found


def counts(one: Charge) -> tuple[int, int, int, int]:
    return one.input_tokens, one.output_tokens, one.cache_read, one.cache_write


def expected(wire: str) -> tuple[int, int, int, int]:
    usage: replies.Usage = EXPECTED[wire]
    return usage.input_tokens, usage.output_tokens, usage.cache_read_tokens, usage.cache_write_tokens


@pytest.mark.parametrize("memory", [True, False], ids=["memory", "no memory"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("wire", list(PATHS))
def test_an_answer_is_charged_as_its_provider_says(tmp_path: Path, wire: str, stream: bool, memory: bool) -> None:
    async def check() -> None:
        config = replace(recording(tmp_path), memory=Memory(enabled=memory))
        async with rig(config, answering(wire, stream)) as one:
            body = await ask(one, wire, stream)
            assert body == (STREAM[wire] if stream else whole(wire))
            (found,) = await charges(one)
            assert counts(found) == expected(wire)
            assert (found.source, found.status, found.ended, found.calls, found.place) == ("reported", 200, "complete", 1, 0)
            assert (found.wire, found.model, found.backend) == (
                wire,
                "m" if memory or wire == "gemini" else found.model,
                f"127.0.0.1:{one.upstream_port}",
            )
            assert 0 < found.first_ms <= found.total_ms
            assert bool(found.conversation) is memory
            assert found.measured_in > 0

    run(check())


def test_it_is_the_same_for_what_goes_past_memory_and_its_number_is_that_of_the_request(tmp_path: Path) -> None:
    async def check() -> None:
        async with rig(recording(tmp_path), answering("anthropic", False)) as one:
            await ask(one, "anthropic", False, b"X-VC-Memory: off")
            (past,) = await charges(one)
            assert (counts(past), past.conversation) == (expected("anthropic"), "")
            talk = [("user", "a"), ("assistant", "b"), ("user", "c")]
            await one.ask(PATHS["anthropic"], asking("anthropic", talk), KEY)
            second, _ = await charges(one)
            assert second.conversation
            assert second.id > past.id

    run(check())


def test_other_questions_count_where_their_answers_state_usage(tmp_path: Path) -> None:
    bodies = {
        "/v1/embeddings": {
            "object": "list",
            "data": [],
            "model": "text-embedding-3-small",
            "usage": {"prompt_tokens": 8, "total_tokens": 8},
        },
        "/v1/messages/count_tokens": {"input_tokens": 3, "usage": {"input_tokens": 3}},
        "/v1beta/models/m:countTokens": {"totalTokens": 3},
        "/v1/moderations": {"id": "modr", "results": []},
        "/v1/batches": {"id": "b", "usage": {"input_tokens": 5}},
        "/v1beta/models/embed-1:embedContent": {"embedding": {"values": []}, "usageMetadata": {"promptTokenCount": 4}},
    }

    def answer(received: Received) -> bytes:
        return reply(json.dumps(bodies[received.head.split(b" ")[1].decode()]).encode())

    async def check() -> None:
        async with rig(recording(tmp_path), answer) as one:
            for path, body in bodies.items():
                assert json.loads((await one.ask(path, b'{"model":"text-embedding-3-small","input":"x"}', KEY))[1]) == body
            found = await charges(one)
            assert [(row.model, row.input_tokens, row.wire) for row in found] == [("embed-1", 4, ""), ("text-embedding-3-small", 8, "")]

    run(check())


def test_cost_goes_by_the_price_of_each_kind_of_token(tmp_path: Path) -> None:
    usage: dict[str, Any] = {
        "input_tokens": 1000,
        "cache_read_input_tokens": 10_000,
        "cache_creation_input_tokens": 2000,
        "output_tokens": 100,
    }
    long = {**usage, "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 2000}}
    told = iter([usage, long])

    def answer(_: Received) -> bytes:
        return reply(json.dumps({**WHOLE["anthropic"], "usage": next(told)}).encode())  # type: ignore[dict-item]

    async def check() -> None:
        async with rig(recording(tmp_path), answer) as one:
            for text in ("one", "two"):
                body = {"model": "claude-sonnet-4-5-20250929", "max_tokens": 9, "messages": [{"role": "user", "content": text}]}
                await one.ask(PATHS["anthropic"], json.dumps(body).encode(), KEY)
            longer, short = await charges(one)
            assert short.cost == pytest.approx((1000 * 3 + 10_000 * 0.3 + 2000 * 3.75 + 100 * 15) / 1e6)
            assert longer.cost == pytest.approx((1000 * 3 + 10_000 * 0.3 + 2000 * 6 + 100 * 15) / 1e6)
            assert (short.priced, short.prices) == (True, "2026-11")

    run(check())


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_where_a_provider_tells_no_usage_it_is_an_estimate(tmp_path: Path, stream: bool) -> None:
    words = "word " * 200
    told = {"choices": [{"index": 0, "message": {"role": "assistant", "content": words}, "finish_reason": "stop"}]}
    pieces = [json.dumps({"choices": [{"index": 0, "delta": {"content": word}}]}).encode() for word in words.split(" ")]
    events = [b"data: %b\n\n" % piece for piece in pieces] + [b"data: [DONE]\n\n"]

    async def check() -> None:
        async with rig(recording(tmp_path), lambda _: chunked(events) if stream else reply(json.dumps(told).encode())) as one:
            await ask(one, "openai_chat", stream, text="x" * 3600)
            (found,) = await charges(one)
            assert found.source == "measured"
            assert 1000 <= found.input_tokens == found.measured_in < 1100
            assert 200 <= found.output_tokens == found.measured_out <= 280

    run(check())


@pytest.mark.parametrize("wire", ["anthropic", "gemini"])
def test_a_stream_that_is_cut_counts_what_was_told_so_far_and_is_partial(tmp_path: Path, wire: str) -> None:
    first = STREAM[wire][: STREAM[wire].index(b"\n\n") + 2]

    async def script(upstream: Any, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await upstream.request(reader)
        for piece in chunked([first])[:-1]:
            writer.write(piece)
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.transport.abort()

    async def check() -> None:
        async with rig(recording(tmp_path), answering(wire, True)) as one:
            one.upstream.script = script
            with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
                await ask(one, wire, True)
            (found,) = await charges(one)
            assert (found.ended, found.status, found.source) == ("interrupted", 200, "reported")
            assert found.input_tokens == (2312 if wire == "anthropic" else 2300)
            (summed,) = await one.engine.recorder.ask(lambda kept: kept.sums("model", Slice()))  # type: ignore[union-attr]
            assert (summed.partial, summed.errors, summed.timed) == (1, 0, 0)

    run(check())


def test_a_client_that_leaves_leaves_a_partial_charge(tmp_path: Path) -> None:
    async def script(upstream: Any, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await upstream.request(reader)
        writer.write(b"".join(chunked([STREAM["anthropic"].partition(b"\n\n")[0] + b"\n\n"])[:-1]))
        await writer.drain()
        await reader.read()

    async def check() -> None:
        async with rig(recording(tmp_path), answering("anthropic", True)) as one:
            one.upstream.script = script
            body = asking("anthropic", [("user", "Hello")], stream=True)
            head = b"POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body)
            await one.client.send(head + body)
            await one.client.reader.readuntil(b"message_start")
            await asyncio.sleep(0.15)  # one that closes its half at once may still read
            one.client.writer.transport.abort()
            await soon(lambda: one.door.metrics.aborted == 1)
            (found,) = await charges(one)
            assert (found.ended, found.input_tokens) == ("interrupted", 2312)

    run(check())


def test_errors_are_counted_and_cost_nothing(tmp_path: Path) -> None:
    async def check() -> None:
        error = reply(b'{"type":"error","error":{"type":"overloaded_error","message":"no"}}', status=b"529 Overloaded")
        async with rig(recording(tmp_path), lambda _: error) as one:
            await ask(one, "anthropic")
            (found,) = await charges(one)
            assert (found.status, found.ended, found.source, found.cost, found.priced) == (529, "error", "none", 0.0, True)
            assert found.model == "m"

    run(check())


def test_nothing_of_a_request_stays_once_it_was_read(tmp_path: Path) -> None:
    async def check() -> None:
        async with rig(recording(tmp_path), answering("anthropic", False)) as one:
            gc.collect()
            gc.disable()
            try:
                await ask(one, "anthropic")
                await ask(one, "anthropic", True, b"X-VC-Memory: off")
                await charges(one)
                left = [found for found in gc.get_objects() if isinstance(found, Gauge | Heard | Flow)]
            finally:
                gc.enable()
            assert left == []

    run(check())


def test_a_principal_is_a_hash_and_no_key_is_stored(tmp_path: Path) -> None:
    async def check() -> None:
        config = replace(recording(tmp_path), identity=Identity(principal="api_key"))
        async with rig(config, answering("anthropic", False)) as one:
            await ask(one, "anthropic")
            (found,) = await charges(one)
            assert len(found.principal) == 16
            assert "secret" not in found.principal
            (row,) = json.loads((await get(one, "/v1/usage?by=principal"))[1])["rows"]
            assert row["name"] == found.principal
        named = replace(config, usage=Usage(90, names=(PrincipalRow(found.principal, "ann"),)))
        async with rig(named, answering("anthropic", False)) as one:
            (row,) = json.loads((await get(one, "/v1/usage?by=principal&principal=ann"))[1])["rows"]
            assert (row["name"], row["served"]["requests"]) == ("ann", 1)
            (row,) = json.loads((await get(one, "/v1/usage?by=request"))[1])["rows"]
            assert row["principal"] == "ann"
        assert b"sk-secret" not in (tmp_path / "memory.db").read_bytes()

    run(check())


def test_it_can_be_switched_off_and_usage_is_then_the_provider_s(tmp_path: Path) -> None:
    async def check() -> None:
        config = replace(recording(tmp_path), usage=Usage(keep_days=0))
        async with rig(config, lambda _: reply(b'{"theirs":1}')) as one:
            assert one.engine.recorder is None
            assert (await get(one, "/v1/usage"))[1] == b'{"theirs":1}'

    run(check())


async def get(one: Rig, path: str, *headers: bytes, host: bytes = b"127.0.0.1") -> tuple[bytes, bytes]:
    """Head and body of the answer."""
    lines = [b"GET %b HTTP/1.1" % path.encode(), b"Host: " + host, *headers]
    await one.client.send(b"\r\n".join(lines) + b"\r\n\r\n")
    return await one.client.reply()


def test_usage_is_told_in_pages_to_this_machine(tmp_path: Path) -> None:
    async def check() -> None:
        async with rig(recording(tmp_path), answering("anthropic", False)) as one:
            for place in range(3):
                await ask(one, "anthropic", text=f"Hello {place}")
            head, body = await get(one, "/v1/usage?by=backend&since=1h")
            assert head.startswith(b"HTTP/1.1 200")
            (row,) = json.loads(body)["rows"]
            assert (row["name"], row["served"]["requests"]) == (f"127.0.0.1:{one.upstream_port}", 3)
            seen, after = [], ""
            while True:
                page = json.loads((await get(one, f"/v1/usage?by=request&limit=2{after}"))[1])
                seen += [one["request"] for one in page["rows"]]
                if page["next"] is None:
                    break
                after = f"&after={page['next']}"
            assert len(set(seen)) == 3
            assert seen == sorted(seen, key=int, reverse=True)
            first = json.loads((await get(one, "/v1/usage?by=conversation&limit=2"))[1])
            rest = json.loads((await get(one, f"/v1/usage?by=conversation&limit=2&after={first['next']}"))[1])
            assert len({row["name"] for row in (*first["rows"], *rest["rows"])}) == 3
            assert rest["next"] is None
            assert json.loads((await get(one, "/v1/usage?until=1h"))[1])["rows"] == []
            assert len(one.upstream.received) == 3, "nothing of it went up"

    run(check())


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("by=nope", "by='nope'"),
        ("since=soon", "'soon' is no time"),
        ("limit=0", "limit='0'"),
        ("limit=1001", "limit='1001'"),
        ("by=request&after=x", "after='x'"),
        ("date=2026-11-01", "'date' cannot be asked for; known: by"),
    ],
)
def test_what_cannot_be_asked_is_told(tmp_path: Path, query: str, told: str) -> None:
    async def check() -> None:
        async with rig(recording(tmp_path), answering("anthropic", False)) as one:
            head, body = await get(one, f"/v1/usage?{query}")
            assert head.startswith(b"HTTP/1.1 400")
            assert told in json.loads(body)["error"]["message"]

    run(check())


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/v1/usage", [KEY]),
        ("/v1/usage", [b"x-api-key: k"]),
        ("/v1/usage", [b"x-goog-api-key: k"]),
        ("/v1/usage", [b"api-key: k"]),
        ("/v1/usage?key=k", []),
        ("/v1/usage", [b"X-Forwarded-For: 10.0.0.9"]),
        ("/v1/usage", [b"Cookie: session=1"]),
        ("/v1/usage/", []),
        ("/v1/usage/completions", []),
        ("/v1/organization/usage/completions", []),
        ("/anthropic/v1/usage", []),
    ],
)
def test_what_may_be_meant_for_a_provider_is_relayed(tmp_path: Path, path: str, headers: list[bytes]) -> None:
    async def check() -> None:
        async with rig(recording(tmp_path), lambda _: reply(b'{"theirs":1}')) as one:
            assert (await get(one, path, *headers))[1] == b'{"theirs":1}'
            assert one.sent.head.startswith(b"GET %b HTTP/1.1\r\n" % path.removeprefix("/anthropic").encode())
            assert all(header in one.sent.head for header in headers)

    run(check())


def test_a_name_that_is_not_this_machine_s_leads_nowhere(tmp_path: Path) -> None:
    async def check() -> None:
        async with rig(recording(tmp_path), lambda _: reply(b'{"theirs":1}')) as one:
            for host in (b"localhost", b"LOCALHOST:5757", b"[::1]:5757", b"127.0.0.1:80", b"192.168.1.9:5757"):
                assert b'"rows"' in (await get(one, "/v1/usage", host=host))[1]
            for host in (b"evil.example", b"evil.example:5757", b"localhost.evil.example", b"127.0.0.1.evil.example"):
                assert (await get(one, "/v1/usage", host=host))[1] == b'{"theirs":1}'

    run(check())


def test_a_token_is_ours_and_has_to_be_right(tmp_path: Path) -> None:
    async def check(token: str, given: bytes) -> int:
        config = replace(recording(tmp_path), usage=Usage(90, token=token))
        async with rig(config, lambda _: reply(b"{}")) as one:
            head, _ = await get(one, "/v1/usage", KEY, b"X-Forwarded-For: 10.0.0.9", b"X-VC-Dashboard-Token: " + given)
            assert not one.upstream.received
            return int(head.split()[1])

    assert run(check("t", b"t")) == 200
    assert run(check("t", b"x")) == 403
    assert run(check("", b"")) == 403, "without a token there is none that is right"


def test_a_kill_loses_what_was_not_stored_and_no_more(tmp_path: Path) -> None:
    async def check() -> None:
        async with rig(recording(tmp_path), answering("anthropic", False)) as one:
            await ask(one, "anthropic")
            url = one.config.storage.url
            await soon(lambda: stored(url) == 1)
            await ask(one, "anthropic", text="Again")
            assert stored(url) == 1
        assert stored(url) == 2, "a stop in good order stores all"

    run(check())


def stored(url: str) -> int:
    store = open_store(url)
    try:
        return len(store.charges.rows(Slice()))
    finally:
        store.close()


def test_a_store_that_fails_costs_no_request_and_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backstory.app.metering.recorder._AGAIN_S", 0.05)

    async def check() -> None:
        async with rig(recording(tmp_path), answering("anthropic", False)) as one:
            lanes = one.engine._lanes
            one.engine._lanes = None
            await ask(one, "anthropic", False, b"X-VC-Memory: off")
            assert await charges(one) == [], "what is stored is told all the same"
            one.engine._lanes = lanes
            await soon(lambda: one.engine.recorder is not None and one.engine.recorder.figures.stored == 1)
            assert one.failures()["usage"] >= 1

    run(check())


def test_a_store_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    async def check() -> None:
        async with rig(replace(recording(tmp_path), memory=Memory(enabled=False)), answering("anthropic", False)) as one:
            path = tmp_path / "memory.db"
            kept = path.read_bytes()
            path.write_bytes(b"no database at all" * 100)
            head, body = await get(one, "/v1/usage")
            assert head.startswith(b"HTTP/1.1 503"), body
            path.write_bytes(kept)
            assert (await get(one, "/v1/usage"))[0].startswith(b"HTTP/1.1 200")

    run(check())


def test_old_ones_go(tmp_path: Path) -> None:
    async def check(config: Config) -> None:
        async with rig(config, answering("anthropic", False)) as one:
            await ask(one, "anthropic")
            recorder = one.engine.recorder
            assert recorder is not None
            await charges(one)
            recorder.clock = lambda: recorder_now + 2 * 86_400
            await ask(one, "anthropic", text="Again")
            await recorder.flush()
            await recorder.flush()
            assert await charges(one) == []

    recorder_now = time.time()
    run(check(replace(recording(tmp_path), usage=Usage(keep_days=1))))


def test_the_metrics_tell_times_and_tokens(tmp_path: Path) -> None:
    async def check() -> None:
        async with rig(recording(tmp_path), answering("anthropic", True)) as one:
            await ask(one, "anthropic", True)
            await charges(one)
            told = one.engine.metrics.exposition().decode()
            assert 'backstory_request_seconds_bucket{le="0.5",wire="anthropic"} 1.0' in told
            assert 'backstory_first_byte_seconds_count{wire="anthropic"} 1.0' in told
            assert 'backstory_provider_tokens_total{kind="cache_read"} 2000.0' in told
            assert "backstory_usage_stored_total 1.0" in told

    run(check())


def test_a_row_is_json_that_says_what_it_is(tmp_path: Path) -> None:
    async def check() -> None:
        async with rig(recording(tmp_path), answering("openai_chat", True)) as one:
            await ask(one, "openai_chat", True)
            (row,) = json.loads((await get(one, "/v1/usage?by=request"))[1])["rows"]
            (found,) = await charges(one)
            assert row["request"] == str(found.id)
            assert (row["uncached_tokens"], row["cache_read_tokens"], row["cache_write_tokens"]) == (136, 2048, 128)
            assert row["cost"] is None, "nobody knows what m costs"
            assert msgspec.json.encode(row["total_ms"])

    run(check())
