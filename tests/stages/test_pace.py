"""Work on a thread of its own waits while a request is being handled, and not for ever."""

from __future__ import annotations

import time

import pytest

from backstory.stages import pace as module
from backstory.stages.pace import Pace


def worked(pace: Pace, seconds: float) -> float:
    """How long so many seconds of work take, a look at the pace every tenth of a millisecond."""
    began, done = time.monotonic(), 0.0
    while done < seconds:
        step = time.monotonic()
        while time.monotonic() - step < 0.0001:
            pass
        done += time.monotonic() - step
        pace()
    return time.monotonic() - began


def test_work_goes_on_where_nobody_is_served() -> None:
    asked: list[None] = []

    def hot() -> bool:
        asked.append(None)
        return False

    assert worked(Pace(hot), 0.03) < 0.3
    assert asked


def test_work_waits_while_a_request_is_handled_but_gets_its_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PATIENCE_S", 0.05)
    assert worked(Pace(lambda: True), 0.01) >= 0.1


def test_work_goes_on_when_the_request_is_done() -> None:
    until = time.monotonic() + 0.01
    began = time.monotonic()
    pace = Pace(lambda: time.monotonic() < until)
    time.sleep(module._SLICE_S)
    pace()
    assert 0.008 <= time.monotonic() - began < module._PATIENCE_S + 1.0
