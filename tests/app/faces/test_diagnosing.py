"""What `backstory diagnostics` says for a terminal."""

from __future__ import annotations

import socket

import pytest

from backstory.app.faces.diagnosing import Found, as_table, asked
from backstory.config import Config, Listener
from backstory.errors import UpstreamError
from backstory.relay.breaker import Board, Thresholds
from backstory.relay.endurance import Policy


def test_each_backend_has_a_line() -> None:
    board = Board(Thresholds(1, 30.0), lambda: 5.0, lambda: 1_700_000_000.0)
    board.tried("openai.1")
    board.failed("openai.1", "status 503")
    board.tried("openai.2")
    board.limited("openai.2", "status 429", 7.0)
    _, first, second = as_table(Found(Policy(retries=1), tuple(board.rows())))
    assert first.startswith("openai.1 ")
    assert "open 30s" in first
    assert "status 503" in first
    assert "rests 7s" in second


def test_nothing_known_says_why() -> None:
    assert "sent once" in "".join(as_table(Found(Policy(), ())))
    assert "sent once" not in "".join(as_table(Found(Policy(retries=1), ())))


def test_no_proxy_is_an_error_that_names_the_address() -> None:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
        with pytest.raises(UpstreamError, match=str(port)):
            asked(Config(listeners=(Listener("127.0.0.1", port),)))
