"""Log records are one line each, in the form that was asked for."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Literal

import pytest

from backstory.app import logs
from backstory.config import Log

log = logging.getLogger("backstory")


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """The logger as it was before."""
    before = (log.handlers[:], log.level, log.propagate)
    yield
    log.handlers[:], log.propagate = before[0], before[2]
    log.setLevel(before[1])


def test_text_is_one_line_whatever_the_message_holds() -> None:
    out = io.StringIO()
    logs.set_up(Log("info", "text"), out)
    log.warning("path %s", "/v1\n2026-01-01T00:00:00.000Z info    forged")
    assert len(out.getvalue().splitlines()) == 1
    assert "Z warning path /v1\\n2026" in out.getvalue()


def test_json_lines_carry_level_and_error_type_but_no_traceback() -> None:
    out = io.StringIO()
    logs.set_up(Log("info", "json"), out)
    try:
        raise ValueError("secret text")
    except ValueError:
        log.error("it broke", exc_info=True)
    entry = json.loads(out.getvalue())
    assert (entry["level"], entry["message"], entry["error"]) == ("error", "it broke", "ValueError")
    assert "secret text" not in out.getvalue()


def test_a_traceback_comes_at_debug_only() -> None:
    forms: tuple[Literal["json", "text"], ...] = ("json", "text")
    for form in forms:
        out = io.StringIO()
        logs.set_up(Log("debug", form), out)
        try:
            raise ValueError("why")
        except ValueError:
            log.debug("here", exc_info=True)
            log.warning("there", exc_info=True)
        assert out.getvalue().count("Traceback") == 1


def test_level_holds_and_a_second_set_up_replaces_the_first() -> None:
    first, second = io.StringIO(), io.StringIO()
    logs.set_up(Log("info", "text"), first)
    logs.set_up(Log("error", "text"), second)
    log.warning("no")
    log.error("yes")
    assert first.getvalue() == ""
    assert len(second.getvalue().splitlines()) == 1
