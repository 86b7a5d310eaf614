"""What is broken or slow is left out for a while, and tried again."""

from __future__ import annotations

import asyncio
import logging
import time

import pytest

from backstory.errors import ExtensionError
from backstory.stages.fuse import BLOCKS_S, MOST_FAILURES, REST_S, Fuse


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def blown(fuse: Fuse) -> bool:
    return fuse.blown


def broken() -> str:
    raise KeyError("nobody knows")


def test_after_some_failures_in_a_row_it_is_left_out_and_then_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    fuse = Fuse("mine", clock)
    for _ in range(MOST_FAILURES):
        assert not blown(fuse)
        with pytest.raises(KeyError):
            fuse.run("request", broken)
        fuse.run("finished", lambda: "fine")
    assert blown(fuse)
    assert "extension mine failed 3 times in a row (request)" in caplog.text
    assert "nobody knows" not in caplog.text
    clock.now += REST_S + 1
    assert not blown(fuse)
    with pytest.raises(KeyError):
        fuse.run("request", broken)
    assert blown(fuse), "one failure is enough now"
    clock.now += REST_S + 1
    assert fuse.run("request", lambda: "fine") == "fine"
    assert not fuse.blown


def test_a_success_between_failures_keeps_it_in() -> None:
    fuse = Fuse("mine", Clock())
    for _ in range(3 * MOST_FAILURES):
        with pytest.raises(KeyError):
            fuse.run("request", broken)
        fuse.run("request", lambda: "fine")
    assert not fuse.blown


def test_what_keeps_everybody_waiting_counts_as_a_failure(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    fuse = Fuse("mine", clock)

    def slow() -> str:
        clock.now += 2.1 * BLOCKS_S
        return "late"

    for _ in range(MOST_FAILURES):
        assert fuse.run("request", slow) == "late"
    assert fuse.blown
    assert "extension mine kept all requests waiting for 10" in caplog.text


def test_what_is_waited_for_is_broken_off(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    ended: list[str] = []

    async def sleeps() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append("cancelled")

    async def work() -> None:
        fuse = Fuse("mine")
        began = time.monotonic()
        with pytest.raises(ExtensionError, match="longer than 20 ms"):
            await fuse.wait("request", sleeps(), 0.02)
        assert time.monotonic() - began < 5
        await asyncio.sleep(0)
        assert ended == ["cancelled"]

    asyncio.run(work())


def test_it_may_use_timeouts_of_its_own_and_what_it_raises_is_raised() -> None:
    async def impatient() -> str:
        async with asyncio.timeout(0.01):
            await asyncio.sleep(60)
        return "never"

    async def work() -> None:
        fuse = Fuse("mine")
        for _ in range(MOST_FAILURES):
            with pytest.raises(TimeoutError):
                await fuse.wait("request", impatient(), 5)
        assert fuse.blown

    asyncio.run(work())


def test_whoever_stops_waiting_breaks_it_off() -> None:
    started, ended = asyncio.Event(), asyncio.Event()

    async def sleeps() -> None:
        started.set()
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()
            raise KeyError("too late for anybody")

    async def work() -> None:
        waiting = asyncio.create_task(Fuse("mine").wait("request", sleeps(), 60))
        await started.wait()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await ended.wait()

    asyncio.run(work())
