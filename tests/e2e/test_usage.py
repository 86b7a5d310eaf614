"""What requests of the official SDKs cost and how long they took, as `backstory usage` and GET /v1/usage tell it."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.postgres import Server

from .clients import CLIENTS, Chat, Client
from .conftest import Provider, Proxy


@pytest.fixture(params=["sqlite", "postgresql"])
def either(request: pytest.FixtureRequest, tmp_path: Path, provider: Provider) -> Iterator[Proxy]:
    """A proxy on each kind of database."""
    provider.received.clear()
    one = Proxy(tmp_path, provider.url, STORAGE__JOURNAL=str(tmp_path / "journal"), USAGE__KEEP_DAYS="90")
    if request.param == "postgresql":
        server: Server = request.getfixturevalue("postgres")
        one.server = server.database()
    yield one.start()
    one.stop()


@pytest.fixture
def proxy(tmp_path: Path, provider: Provider) -> Iterator[Proxy]:
    provider.received.clear()
    one = Proxy(tmp_path, provider.url, USAGE__KEEP_DAYS="90").start()
    yield one
    one.stop()


def told(proxy: Proxy, *words: str) -> list[dict[str, Any]]:
    done = proxy.run("usage", "--json", *words)
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("kind", CLIENTS, ids=lambda kind: kind.__name__.lower())
def test_each_turn_of_a_client_is_one_request(proxy: Proxy, kind: type[Client], stream: bool) -> None:
    client = kind(proxy.url, stream)
    try:
        for number in range(3):
            client.ask(f"Tell me of number {number}.")
    finally:
        client.close()
    rows = proxy.get("/v1/usage?by=request")["rows"]
    assert len(rows) == 3
    assert {(row["status"], row["ended"], row["place"]) for row in rows} == {(200, "complete", 0)}
    assert len({row["conversation"] for row in rows} - {""}) == 1
    assert all(row["source"] in {"reported", "measured"} and row["input_tokens"] > 0 for row in rows)
    assert all(0 < row["first_byte_ms"] <= row["total_ms"] for row in rows)
    (group,) = proxy.get(f"/v1/usage?by=conversation&conversation={rows[0]['conversation']}")["rows"]
    assert (group["served"]["requests"], group["served"]["timed"]) == (3, 3)
    assert [row["name"] for row in proxy.get("/v1/usage?by=backend")["rows"]] == [proxy.upstream.removeprefix("http://")]


def test_usage_outlives_a_kill_and_is_the_same_over_http_and_on_the_command_line(either: Proxy) -> None:
    client = Chat(either.url, False)
    for number in range(4):
        client.ask(f"Tell me of number {number}.")
    client.close()
    end = time.monotonic() + 3.0  # more than that, a kill must not cost
    while len(told(either, "--by", "request")) < 4:
        assert time.monotonic() < end, "what was said three seconds ago is not stored"
    either.stop(signal.SIGKILL)
    assert len(told(either, "--by", "request")) == 4
    either.start()
    (row,) = either.get("/v1/usage?since=1h")["rows"]
    assert (row["name"], row["served"]["requests"]) == ("gpt-4o", 4)
    (same,) = told(either, "--since", "1h")
    assert (same["name"], same["served"]) == ("gpt-4o", row["served"])
    assert same["requests"] == 4, "and memory has weighed them all"
    assert "gpt-4o" in either.run("usage").stdout
    with openai.OpenAI(base_url=f"{either.url}/v1", api_key="sk-test", max_retries=0) as sdk, pytest.raises(openai.APIStatusError):
        sdk.get("/usage", cast_to=object)  # has a key, so it is the provider's to answer
    assert either.run("forget", "--all", "--yes").returncode == 0
    assert told(either, "--by", "request") == []
