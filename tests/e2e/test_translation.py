"""The official SDKs through a real proxy to a provider of another wire: text, two calls at once, their results, a second turn."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backstory.app.provider import Received, says
from backstory.core.message import Text, Thinking, ToolCall, ToolResult
from backstory.core.reply import Reply, Usage

from .clients import Chat, Client, Messages
from .conftest import Provider, Proxy

PAIRS = pytest.mark.parametrize(
    ("kind", "wire"), [(Messages, "openai_chat"), (Chat, "anthropic")], ids=["anthropic-to-chat", "chat-to-anthropic"]
)
BOTH = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


def looking(received: Received) -> Reply:
    """A model that looks at two places at once, tells what it sees, and counts its prompt."""
    newest = received.messages[-1]
    seen = [part.text for message in received.messages for part in message.parts if isinstance(part, ToolResult)]
    if "look" in newest.text:
        calls = [ToolCall(f"call_{place}", "look", f'{{"place":"{place}"}}') for place in ("north", "south")]
        return Reply((Thinking("Two places."), Text("Let me look: ünïcode ✓."), *calls), "tool_calls", Usage(30, 7, 10))
    if any(isinstance(part, ToolResult) for part in newest.parts):
        return Reply((Text(f"I saw {' and '.join(seen)}."),), "stop", Usage(50, 5))
    return says(f"You have said {sum(message.role == 'user' for message in received.messages)} things.")


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    one = Provider(looking)
    yield one
    one.stop()


@PAIRS
@BOTH
def test_a_conversation_with_tools_goes_through(tmp_path: Path, provider: Provider, kind: type[Client], wire: str, stream: bool) -> None:
    provider.received.clear()
    proxy = Proxy(tmp_path, provider.url, UPSTREAM__WIRE=wire).start()
    client = kind(proxy.url, stream)
    try:
        assert client.ask("Please look around.") == "I saw all is well north and all is well south."
        assert "You have said" in client.ask("Thank you.")
    finally:
        client.close()
        proxy.stop()
    assert {received.wire.name for received in provider.received} == {wire}
    assert len(provider.received) == 3
    second = provider.received[1]
    results = [part for message in second.messages for part in message.parts if isinstance(part, ToolResult)]
    assert [(part.id, part.text) for part in results] == [("call_north", "all is well north"), ("call_south", "all is well south")]
    assert "helpful assistant" in second.text


@PAIRS
def test_memory_takes_part_in_a_translated_conversation(tmp_path: Path, kind: type[Client], wire: str) -> None:
    """Enough messages that memory takes part; then the client comes back with nothing but the conversation's name."""
    provider = Provider()
    proxy = Proxy(tmp_path, provider.url, UPSTREAM__WIRE=wire).start()
    try:
        client = _named(kind(proxy.url, True))
        client.ask("My codeword is walrus-42, keep it well.")
        for number in range(6):
            client.ask(f"Tell me something about topic number {number}, for instance its colour.")
        client.close()
        fresh = _named(kind(proxy.url, False))
        assert "walrus-42" in fresh.ask("What is my codeword?")
        fresh.close()
    finally:
        proxy.stop()
        received = provider.received
        provider.stop()
    assert {one.wire.name for one in received} == {wire}
    assert "walrus-42" in received[-1].text


@PAIRS
@BOTH
def test_the_model_looks_into_memory_over_another_wire(tmp_path: Path, kind: type[Client], wire: str, stream: bool) -> None:
    """The tools of memory are offered, called and answered in the provider's wire; the client sees one answer."""
    provider = Provider(finding)
    limits = {"COMPACTION__CONTEXT_WINDOW": "6000", "RECALL__BUDGET_TOKENS": "300", "MEMORY__THRESHOLD_MESSAGES": "4"}
    proxy = Proxy(tmp_path, provider.url, UPSTREAM__WIRE=wire, RECALL__DEADLINE_MS="10000", **limits).start()
    client = kind(proxy.url, stream)
    try:
        client.ask("My codeword is walrus-42, keep it well.")
        for number in range(6):
            client.ask(f"Topic {number}. {_LONG}")
        before = len(provider.received)
        answer = client.ask("Look it up, please: what did I say of it?")
        assert answer.split("<!--")[0].strip() == "One moment. I found walrus-42."
        assert len(provider.received) == before + 2, "the client made one request, the proxy two"
        assert "vc_find_quote" not in str(vars(client))
    finally:
        client.close()
        proxy.stop()
        provider.stop()
    assert {one.wire.name for one in provider.received} == {wire}
    assert "failed open" not in proxy.log(), proxy.log()


_LONG = "It matters for the plan, and for all that comes of it. " * 90


def finding(received: Received) -> Reply:
    """Looks the codeword up when it is asked to, and otherwise talks at length."""
    newest = received.messages[-1]
    results = " ".join([part.text for part in newest.parts if isinstance(part, ToolResult)])
    if results:
        return says("I found walrus-42." if "walrus-42" in results else "I found nothing.")
    if "vc_find_quote" in received.body.decode() and "Look it up" in newest.text:
        return Reply((Text("One moment. "), ToolCall("call_1", "vc_find_quote", '{"query":"codeword"}')), "tool_calls")
    return says(f"Understood. {_LONG}")


def _named(client: Client) -> Client:
    sdk: Any = client.sdk  # type: ignore[attr-defined]
    client.sdk = sdk.with_options(default_headers={"X-VC-Conversation": "my-session"})  # type: ignore[attr-defined]
    return client
