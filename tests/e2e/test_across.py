"""Memory across conversations by the official SDKs, in a process of its own that is stopped and started in between."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

from tests.e2e.clients import CLIENTS, Client
from tests.e2e.conftest import Provider, Proxy
from tests.e2e.test_sdks import _with_header


@pytest.fixture
def across(tmp_path: Path, provider: Provider) -> Iterator[Proxy]:
    provider.received.clear()
    one = Proxy(tmp_path, provider.url, MEMORY__SCOPE="project", MEMORY__SESSION_IDLE_S="0.2").start()
    yield one
    one.stop()


def test_a_new_conversation_knows_what_another_of_its_project_was_told(across: Proxy, provider: Provider) -> None:
    """Every SDK, streamed and not, each in a project of its own."""
    projects = list(enumerate(product(CLIENTS, (False, True))))
    opened: list[Client] = []

    def begin(kind: type[Client], stream: bool, number: int) -> Client:
        client = kind(across.url, stream)
        _with_header(client, {"X-VC-Project": f"project-{number}"})
        opened.append(client)
        return client

    for number, (kind, stream) in projects:
        first = begin(kind, stream, number)
        first.ask(f"My codeword is quokka-{number + 17}, and please remember that codeword.")
        first.ask("That is all for today.")
    searchable(across, 4 * len(projects))
    across.stop()
    across.start()
    seconds: list[tuple[Client, str]] = []
    for number, (kind, stream) in projects:
        second = begin(kind, stream, number)
        assert f"quokka-{number + 17}" in second.ask("What is my codeword?")
        text = provider.received[-1].text
        assert "From earlier conversations, not from this one:" in text
        assert not any(f"quokka-{other + 17}" in text for other, _ in projects if other != number)
        seconds.append((second, provider.received[-1].messages[-1].text))
    across.stop()
    across.start()
    for second, asked in seconds:
        second.ask("Thank you.")
        assert asked in provider.received[-1].text, "the block stays where it was"
        assert provider.received[-1].text.count("From earlier conversations") == 1
    for client in opened:
        client.close()
    newest = json.loads(across.run("conversations", "--json").stdout)[0]
    why = across.run("why", newest["id"] + ":1")
    assert why.returncode == 0, why.stderr
    assert "My codeword is quokka-" in why.stdout
    told = across.run("diff", newest["id"] + ":1", "--json")
    assert [change["what"] for change in json.loads(told.stdout)["changes"]] == ["block"]


def searchable(proxy: Proxy, turns: int) -> None:
    """What was said can be found."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        if json.loads(proxy.run("status", "--json").stdout)["rows"]["tags"] >= turns:
            return
        time.sleep(0.1)
    pytest.fail(proxy.log() + proxy.run("status", "--json").stdout + str(proxy.get("/metrics.json")))
