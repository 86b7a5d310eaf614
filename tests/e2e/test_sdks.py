"""The official SDKs through the proxy: text and tools, stream and not, and the same conversation after a restart."""

from __future__ import annotations

import json
import signal
import time
from typing import Any

import pytest

from .clients import CLIENTS, Chat, Client
from .conftest import Provider, Proxy

BOTH = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
WIRES = pytest.mark.parametrize("kind", CLIENTS, ids=lambda kind: kind.__name__.lower())


def conversations(proxy: Proxy) -> list[dict[str, Any]]:

    listed = proxy.run("conversations", "--json")
    assert listed.returncode == 0, listed.stderr
    found: list[dict[str, Any]] = json.loads(listed.stdout)
    return found


@WIRES
@BOTH
def test_a_conversation_goes_on_after_a_restart(proxy: Proxy, provider: Provider, kind: type[Client], stream: bool) -> None:
    client = kind(proxy.url, stream)
    try:
        assert "Understood" in client.ask("Hello, my codeword is quokka-17. Réponds brièvement 日本語.")
        assert "all is well here" in client.ask("Please use the tool.")
        proxy.stop()
        proxy.start()
        assert "quokka-17" in client.ask("What is my codeword?")
        proxy.stop(signal.SIGKILL)
        proxy.start()
        assert "Understood" in client.ask("Thank you, that was all.")
    finally:
        client.close()
    proxy.stop()
    found = conversations(proxy)
    assert len(found) == 1, found
    shown = proxy.run("show", found[0]["id"])
    for said in ("Réponds brièvement 日本語", "Please use the tool.", "quokka-17.", "that was all"):
        assert said in shown.stdout, shown.stdout + shown.stderr
    assert "vc:conversation" not in "".join(received.text for received in provider.received)


@WIRES
@BOTH
def test_a_question_alone_gets_what_was_said_before(proxy: Proxy, provider: Provider, kind: type[Client], stream: bool) -> None:
    """Enough messages that memory takes part; then the client comes back with nothing but the conversation's name."""
    client = kind(proxy.url, stream)
    header = {"X-VC-Conversation": "my-session"}
    _with_header(client, header)
    try:
        client.ask("My codeword is walrus-42, keep it well.")
        for number in range(6):
            client.ask(f"Tell me something about topic number {number}, for instance its colour.")
    finally:
        client.close()
    fresh = kind(proxy.url, stream)
    _with_header(fresh, header)
    try:
        assert "walrus-42" in fresh.ask("What is my codeword?")
    finally:
        fresh.close()
    assert "walrus-42" in provider.received[-1].text


@WIRES
def test_two_clients_that_begin_alike_never_meet(proxy: Proxy, kind: type[Client]) -> None:
    first, second = kind(proxy.url, False), kind(proxy.url, False)
    try:
        first.ask("Hello")
        first.ask("My codeword is lynx-77, do not tell it to anybody else but me.")
        second.ask("Hello")
        for number in range(6):
            first.ask(f"And number {number}?")
            second.ask(f"And number {number}?")
        assert "do not know" in second.ask("What is my codeword?")
        assert "lynx-77" in first.ask("What is my codeword?")
    finally:
        first.close()
        second.close()


def _with_header(client: Client, header: dict[str, str]) -> None:
    sdk: Any = client.sdk  # type: ignore[attr-defined]
    if hasattr(sdk, "with_options"):
        client.sdk = sdk.with_options(default_headers=header)  # type: ignore[attr-defined]
    else:
        sdk._api_client._http_options.headers |= header


def test_what_is_forgotten_is_not_recalled_by_a_running_proxy(proxy: Proxy, provider: Provider) -> None:
    client = Chat(proxy.url, False)
    _with_header(client, {"X-VC-Conversation": "told"})
    try:
        client.ask("My codeword is heron-88, keep it well.")
        for number in range(6):
            client.ask(f"Tell me something about topic number {number}, for instance its colour.")
    finally:
        client.close()
    time.sleep(1)
    (found,) = conversations(proxy)
    gone = proxy.run("forget", found["id"], "--yes")
    assert gone.returncode == 0, gone.stderr
    time.sleep(1.5)
    fresh = Chat(proxy.url, False)
    _with_header(fresh, {"X-VC-Conversation": "told"})
    try:
        assert "do not know" in fresh.ask("What is my codeword?")
    finally:
        fresh.close()
    assert b"heron-88" not in proxy.database.read_bytes()
