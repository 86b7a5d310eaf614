"""What is recorded is bounded, gives way, and outlives a store that fails."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from msgspec.structs import replace

from backstory.app.metering import recorder as module
from backstory.app.metering.charging import charges
from backstory.app.metering.gauge import Gauge
from backstory.app.metering.recorder import Recorder
from backstory.app.metering.usage import moment
from backstory.config.sections import Memory
from backstory.core.charges import Charge, Slice
from backstory.core.exchange import Head
from backstory.core.ids import ids_since
from backstory.core.plan import Target
from backstory.errors import RequestError
from backstory.providers.caching import Tariffs
from backstory.relay.heads import read_reply
from backstory.relay.heard import NOBODY, Heard
from tests.relay.world import run
from tests.rig import recording

TARGET = Target("https", "api.openai.com", 443, b"api.openai.com", "/v1/chat/completions")
ANSWER = b'{"model":"gpt-4o-2024-08-06","usage":{"prompt_tokens":10,"completion_tokens":2}}'
HEAD = read_reply(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9")


FIRST = ids_since(1.79e9)


def gauge(number: int, body: bytes = b'{"model":"gpt-4o"}', answer: bytes = ANSWER) -> Gauge:
    """Of a request that is over."""
    one = Gauge(Head("POST", TARGET.path, "", ()), lambda _: None, time.monotonic(), 1.79e9)
    one.id, one.wire, one.ended, one.status = FIRST + number, "openai_chat", "complete", 200
    leg = Heard("", TARGET, body, False, NOBODY)
    leg.begin_reply(HEAD, False)
    leg.deliver(answer, True)
    one.asked(leg)
    one.over_at = time.monotonic()
    return one


def recorder(folder: Path, hot: bool = False) -> tuple[Recorder, list[BaseException]]:
    """One with a store of its own, and what has failed in it."""
    failed: list[BaseException] = []
    config = replace(recording(folder), memory=Memory(enabled=False))
    return Recorder(config, lambda: None, lambda _, error: failed.append(error), lambda: 1.79e9, lambda: hot), failed


async def stored(one: Recorder) -> list[int]:
    """The numbers of the requests that are, the newest first."""
    return [row.id - FIRST for row in await rows(one)]


async def rows(one: Recorder) -> list[Charge]:
    found: list[Charge] = await one.ask(lambda kept: kept.rows(Slice()))
    return found


def test_what_waits_to_be_read_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_BYTES", 10_000)

    async def check() -> None:
        one, failed = recorder(tmp_path)
        for number in range(1, 8):
            one.take(gauge(number, body=b'{"model":"gpt-4o","x":"%b"}' % (b"x" * 3000)))
        assert one.figures.dropped == 4
        assert await stored(one) == [3, 2, 1]
        one.take(gauge(9))
        assert len(await stored(one)) == 4, "there is room again"
        await one.close()
        assert not failed

    run(check())


def test_much_does_not_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MUCH", 50)
    monkeypatch.setattr(module, "_GATHER_S", 600.0)

    async def check() -> None:
        one, _ = recorder(tmp_path)
        one.take(gauge(1))
        async with asyncio.timeout(20):
            while not one.figures.stored:  # noqa: ASYNC110 (what is waited for has no event)
                await asyncio.sleep(0.005)
        await one.close()

    run(check())


def test_of_what_the_store_does_not_take_the_newest_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_WAITING", 3)

    async def check() -> None:
        one, failed = recorder(tmp_path)
        path = tmp_path / "memory.db"
        kept = path.read_bytes()
        path.write_bytes(b"no database at all" * 100)
        for number in range(1, 6):
            one.take(gauge(number))
        await one.flush()
        assert (one.figures.stored, one.figures.dropped, len(failed)) == (0, 2, 1)
        path.write_bytes(kept)
        assert await stored(one) == [5, 4, 3]
        await one.close()

    run(check())


def test_a_row_that_no_store_takes_costs_no_other(tmp_path: Path) -> None:
    async def check() -> None:
        one, failed = recorder(tmp_path)
        for number in (1, 1 << 63, 2):
            one.take(gauge(number))
        assert await stored(one) == [2, 1]
        assert (one.figures.stored, one.figures.dropped, failed) == (2, 1, [])
        await one.close()

    run(check())


def test_reading_goes_on_under_steady_traffic(tmp_path: Path) -> None:
    async def check() -> None:
        one, _ = recorder(tmp_path, hot=True)
        for number in range(1, 200):
            one.take(gauge(number))
        assert len(await stored(one)) == 199
        await one.close()
        one.take(gauge(300))
        assert one.figures.dropped == 1, "after the end nothing is taken"

    run(check())


@pytest.mark.parametrize(
    ("body", "path", "model"),
    [
        (b'{"model":"gpt-4o"}', "/v1/chat/completions", "gpt-4o"),
        (b"", "/v1/chat/completions", "gpt-4o-2024-08-06"),
        (b"{}", "/v1beta/models/gemini-2.5-pro:generateContent?alt=sse", "gemini-2.5-pro"),
        (b"{}", "/openai/deployments/my%20gpt/chat/completions?api-version=1", "my gpt"),
        (b'{"model":"a\\u0000b\\n"}', "/v1/chat/completions", "ab"),
        (b'{"model":"%b"}' % (b"m" * 500), "/v1/chat/completions", "m" * 200),
    ],
)
def test_the_model_is_what_the_backend_was_asked_for(body: bytes, path: str, model: str) -> None:
    one = gauge(1, body)
    one.legs[0].target = replace(TARGET, path=path)
    (found,) = charges(one, Tariffs())
    assert (found.model, found.backend) == (model, "api.openai.com:443")


@pytest.mark.parametrize(
    "usage",
    [
        b'{"prompt_tokens":-5,"completion_tokens":2}',
        b'{"prompt_tokens":5,"prompt_tokens_details":{"cached_tokens":900}}',
        b'{"prompt_tokens":%d}' % 10**30,
        b'{"prompt_tokens":1e400}',
        b'{"prompt_tokens":"5"}',
    ],
)
def test_counts_that_cannot_be_true_are_bounded(tmp_path: Path, usage: bytes) -> None:
    async def check() -> None:
        one, failed = recorder(tmp_path)
        one.take(gauge(1, answer=b'{"usage":%b}' % usage))
        (row,) = await rows(one)
        assert 0 <= row.cache_read <= row.input_tokens <= 10**12
        assert row.output_tokens >= 0
        assert not failed
        await one.close()

    run(check())


def test_an_answer_is_found_by_the_status_that_the_client_got() -> None:
    one = gauge(1)
    broken = Heard("second", TARGET, b"", False, NOBODY)
    broken.begin_reply(replace(HEAD, status=503), False)
    broken.deliver(b"{}", True)
    one.asked(broken)
    (found,) = charges(one, Tariffs())
    assert (found.backend, found.status, found.input_tokens) == ("api.openai.com:443", 200, 10), "an empty answer is better than none"
    one.status, one.ended = 503, "error"
    assert [(row.backend, row.place, row.status, row.input_tokens) for row in charges(one, Tariffs())] == [
        ("second", 0, 503, 0),
        ("api.openai.com:443", 1, 200, 10),
    ]


def test_moments() -> None:
    now = 1_795_000_000.0
    assert moment("", now) == 0.0
    assert moment("90s", now) == now - 90
    assert moment("2w", now) == now - 14 * 86_400
    assert moment("1700000000.5", now) == 1_700_000_000.5
    assert moment("2026-11-01", now) == 1_793_491_200.0
    assert moment("2026-11-01T01:00:00+01:00", now) == 1_793_491_200.0
    assert moment("999999999w", now) == 0.0
    for wrong in ("7", "7y", "x", "2026-13-01", "-1d", "١d"):
        with pytest.raises(RequestError):
            moment(wrong, now)
