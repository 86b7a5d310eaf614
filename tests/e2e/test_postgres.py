"""The proxy on PostgreSQL as its users run it: restarts, several proxies on one database, and a server that is not there."""

from __future__ import annotations

import json
import re
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.postgres import Server

from .clients import Chat, Client, Messages
from .conftest import Provider, Proxy


@pytest.fixture
def proxies(tmp_path: Path, provider: Provider, postgres: Server) -> Iterator[Callable[[str], Proxy]]:
    """Makes proxies by name, each with a home of its own, all on one database."""
    provider.received.clear()
    url = postgres.database()
    made: list[Proxy] = []

    def make(name: str) -> Proxy:
        (tmp_path / name).mkdir()
        # What a loaded machine takes for a first look at a conversation is not what is tested here.
        settings = {"STORAGE__JOURNAL": str(tmp_path / name / "journal"), "RECALL__DEADLINE_MS": "5000"}
        one = Proxy(tmp_path / name, provider.url, **settings)
        one.server = url
        made.append(one)
        return one

    yield make
    for one in made:
        one.stop()


def until(holds: Callable[[], object], seconds: float = 20.0) -> None:
    """Wait until this holds."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.05)


def named(client: Client, name: str) -> Client:
    """The client names its conversation."""
    sdk: Any = client.sdk  # type: ignore[attr-defined]
    client.sdk = sdk.with_options(default_headers={"X-VC-Conversation": name})  # type: ignore[attr-defined]
    return client


def stored(proxy: Proxy) -> bool:
    """Whether what was said before the kill is all there, in one conversation."""
    return re.search(r"\b1[456] turns", proxy.run("conversations").stdout) is not None


def test_memory_that_is_switched_off_at_one_proxy_is_soon_off_at_another_that_does_not_see_it(proxies: Callable[[str], Proxy]) -> None:
    one, other = proxies("one").start(), proxies("other").start()
    here, there = named(Chat(one.url, False), "my-session"), named(Chat(other.url, False), "my-session")
    here.ask("My codeword is heron-77, keep it well.")
    for number in range(6):
        here.ask(f"Tell me something about topic number {number}, for instance its colour.")
    cut = [*here.messages[:1], *here.messages[-4:]]  # type: ignore[attr-defined]

    def told() -> bool:
        there.messages = [*cut]  # type: ignore[attr-defined]
        return "heron-77" in there.ask("What is my codeword?")

    until(lambda: "14 turns" in one.run("conversations").stdout)
    until(told)
    assert "now off" in here.ask("!/memory(off)")
    until(lambda: not told())
    assert "now on" in here.ask("!/memory(on)")
    until(told)
    for client in (here, there):
        client.close()


@pytest.mark.parametrize("kind", [Chat, Messages], ids=["chat", "messages"])
def test_a_conversation_goes_on_after_restarts(proxies: Callable[[str], Proxy], provider: Provider, kind: type[Client]) -> None:
    proxy = proxies("one").start()
    client = named(kind(proxy.url, True), "my-session")
    client.ask("My codeword is heron-31, keep it well. Réponds brièvement 日本語.")
    for number in range(6):
        client.ask(f"Tell me something about topic number {number}, for instance its colour.")
    client.close()
    proxy.stop(signal.SIGKILL)
    proxy.start()
    fresh = named(kind(proxy.url, False), "my-session")
    assert "heron-31" in fresh.ask("What is my codeword?")
    fresh.close()
    assert "heron-31" in provider.received[-1].text
    until(lambda: stored(proxy), 8)
    proxy.stop()
    assert "unused" not in proxy.run("status").stdout + proxy.log(), "the password is never shown"
    assert "brièvement 日本語" in proxy.run("recall", "brièvement").stdout


def test_what_one_proxy_hears_another_recalls(proxies: Callable[[str], Proxy], provider: Provider) -> None:
    first, second = proxies("one").start(), proxies("two").start()
    client = named(Chat(first.url, False), "shared")
    client.ask("My codeword is stork-52, keep it well.")
    for number in range(6):
        client.ask(f"Tell me something about topic number {number}, for instance its colour.")
    client.close()
    until(lambda: not first.get("/health")["pending"])
    other = named(Chat(second.url, False), "shared")
    assert "stork-52" in other.ask("What is my codeword?")
    other.close()
    first.stop()
    second.stop()


def test_a_conversation_may_change_its_proxy_with_every_request(proxies: Callable[[str], Proxy], provider: Provider) -> None:
    """Each answer is stored before the next request comes, and no turn is stored twice."""
    first, second = proxies("one").start(), proxies("two").start()
    one, other = named(Chat(first.url, False), "hopping"), named(Chat(second.url, False), "hopping")
    other.messages = one.messages  # type: ignore[attr-defined]
    for number in range(8):
        (one if number % 2 else other).ask(f"Word number {number} is {'xyz'[number % 3]}{number}.")
        until(lambda: not first.get("/health")["pending"] and not second.get("/health")["pending"])
    one.close()
    other.close()
    first.stop()
    second.stop()
    (listed,) = json.loads(first.run("conversations", "--json").stdout)
    shown = first.run("show", listed["id"]).stdout
    print(shown, listed)
    for number in range(8):
        assert shown.count(f"Word number {number} is") == 2, "said once, and repeated in the answer"


def test_calls_go_through_while_the_server_is_away_and_nothing_heard_is_lost(
    proxies: Callable[[str], Proxy], provider: Provider, postgres: Server
) -> None:
    proxy = proxies("one").start()
    client = named(Chat(proxy.url, False), "patient")
    client.ask("My codeword is crane-63, keep it well.")
    until(lambda: not proxy.get("/health")["pending"])
    postgres.stop(hard=True)
    try:
        begun = time.monotonic()
        for number in range(4):
            client.ask(f"While it is away, topic number {number} is told all the same.")
        assert time.monotonic() - begun < 8.0
        until(lambda: proxy.get("/health")["trouble"])
    finally:
        postgres.start()
    until(lambda: not proxy.get("/health")["pending"] and not proxy.get("/health")["trouble"])
    client.ask("Now it is back.")
    client.close()
    proxy.stop()
    shown = proxy.run("recall", "topic number told while away").stdout
    for number in range(4):
        assert f"topic number {number} is told" in shown, shown


def test_no_call_waits_for_a_server_that_hangs(proxies: Callable[[str], Proxy], provider: Provider, postgres: Server) -> None:
    proxy = proxies("one")
    proxy.settings["RECALL__DEADLINE_MS"] = "250"
    proxy.start()
    client = named(Chat(proxy.url, False), "hanging")
    client.ask("Hello, my codeword is egret-75.")
    until(lambda: not proxy.get("/health")["pending"])
    with postgres.frozen():
        for number in range(3):
            # Nothing of this one is in memory, so the store is asked.
            fresh = named(Chat(proxy.url, False), f"other {number}")
            begun = time.monotonic()
            assert "Understood" in fresh.ask(f"This is said while it hangs, number {number}.")
            assert "Understood" in client.ask(f"And this as well, number {number}.")
            # A statement is given up after 10 s; the rest is what a loaded machine takes.
            assert time.monotonic() - begun < 6.0
            fresh.close()
    until(lambda: not proxy.get("/health")["pending"] and not proxy.get("/health")["trouble"])
    client.ask("Now it is back.")
    client.close()
    proxy.stop()
    told = proxy.run("recall", "What was said while it hangs?").stdout
    for number in range(3):
        assert f"while it hangs, number {number}" in told, told


def test_a_proxy_that_is_killed_while_the_server_is_away_stores_what_it_heard_when_it_is_back(
    proxies: Callable[[str], Proxy], provider: Provider, postgres: Server
) -> None:
    proxy = proxies("one").start()
    client = named(Chat(proxy.url, False), "killed")
    client.ask("Hello, this is before.")
    until(lambda: not proxy.get("/health")["pending"])
    postgres.stop(hard=True)
    try:
        client.ask("The heron eats seven frogs.")
        proxy.stop(signal.SIGKILL)
        proxy.start()
        assert "Understood" in client.ask("And this is while nothing can be opened.")
        assert proxy.get("/health")["memory"] == "off"
        assert "in time" in (trouble := proxy.get("/health")["trouble"]) or "refused" in trouble or "onnect" in trouble, trouble
    finally:
        postgres.start()
    until(lambda: proxy.get("/health")["memory"] == "on")
    client.close()
    proxy.stop()
    assert "seven frogs" in proxy.run("recall", "What does the heron eat?").stdout
