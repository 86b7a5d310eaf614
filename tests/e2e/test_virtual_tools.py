"""The official SDKs with a model that thinks and calls between tags: they see reasoning and real calls, run those, and go on."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from backstory.app.provider import Received, says
from backstory.core.message import Text, Thinking, ToolCall, ToolResult
from backstory.core.reply import Reply

from .clients import CLIENTS, Chat, Client, Gemini, Messages, Responses
from .conftest import Provider, Proxy

EACH = pytest.mark.parametrize("kind", CLIENTS, ids=["chat", "responses", "anthropic", "gemini"])
BOTH = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
Proxied = Callable[..., Proxy]
NORTH = '<function_calls>\n<invoke name="look">\n<parameter name="place">north &amp; east</parameter>\n</invoke>\n</function_calls>'
SOUTH = "<look>\n<place>south</place>\n</look>"


def tagging(received: Received) -> Reply:
    """Thinks, looks at two places, and tells what it has seen, in nothing but text."""
    newest = received.messages[-1]
    results = [part.text for message in received.messages for part in message.parts if isinstance(part, ToolResult)]
    if any(isinstance(part, ToolResult) for part in newest.parts):
        return says(f"<think>\nI see.\n</think>\n\nI saw {' and '.join(results)}. `<think>` is a tag.")
    if "look" in newest.text:
        return says(f"<think>\nTwo places. ✓\n</think>\n\nLet me look.\n{NORTH}\nAnd:\n{SOUTH}")
    return says("```\n<look><place>here</place></look>\n```\nNothing to do.")


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    one = Provider(tagging)
    yield one
    one.stop()


@pytest.fixture(scope="module")
def proxied(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxied]:
    """A proxy with these settings; one that runs already, where there is one."""
    running: dict[str, Proxy] = {}

    def found(**settings: str) -> Proxy:
        provider.received.clear()
        name = str(settings)
        if name not in running:
            running[name] = Proxy(tmp_path_factory.mktemp("proxy"), provider.url, MARKER="never", **settings).start()
        return running[name]

    yield found
    for one in running.values():
        one.stop()


def talk(client: Client) -> None:
    said = client.ask("Please look around.")
    assert said.endswith("I saw all is well north & east and all is well south. `<think>` is a tag."), said
    assert client.ask("Thank you.") == "```\n<look><place>here</place></look>\n```\nNothing to do."


def thoughts(client: Client) -> str:
    """What the client was told as reasoning."""
    match client:
        case Chat():
            return "".join([message.get("reasoning_content") or "" for message in client.messages])
        case Messages():
            blocks: list[Any] = [one for message in client.messages if isinstance(message["content"], list) for one in message["content"]]
            return "".join([block.get("thinking", "") for block in blocks])
        case Responses():
            return "".join([part["text"] for item in client.items for part in item.get("summary", [])])
        case Gemini():
            return "".join([part.text for content in client.contents for part in content.parts if part.thought])
        case _:
            raise AssertionError


@EACH
@BOTH
def test_a_conversation_by_tags_is_one_with_real_calls(provider: Provider, proxied: Proxied, kind: type[Client], stream: bool) -> None:
    client = kind(proxied(REPLY__THINK_TAGS="reasoning", TOOLS__VIRTUAL="to_native").url, stream)
    try:
        if kind is Gemini:
            parts = client.ask("Please look around.")
            assert "I saw all is well north & east and all is well south." in parts
            client.ask("Thank you.")
        else:
            talk(client)
        assert thoughts(client) == "Two places. ✓\nI see.\n"
    finally:
        client.close()
    assert len(provider.received) == 3
    second = provider.received[1]
    calls = [part for message in second.messages for part in message.parts if isinstance(part, ToolCall)]
    assert [(call.name, json.loads(call.arguments)) for call in calls] == [
        ("look", {"place": "north & east"}),
        ("look", {"place": "south"}),
    ]
    if kind in {Messages, Responses}:
        kept = [part for one in provider.received for message in one.messages for part in message.parts if isinstance(part, Thinking)]
        assert not kept, "no provider has sealed them"
    _appended(provider.received)


def _appended(received: list[Received]) -> None:
    """What goes up only grows."""
    for before, after in itertools.pairwise(received):
        assert [message.text for message in after.messages][: len(before.messages)] == [message.text for message in before.messages]


@EACH
@BOTH
def test_another_wire_behind_it_makes_no_difference(proxied: Proxied, kind: type[Client], stream: bool) -> None:
    wire = "anthropic" if kind is Chat else "openai_chat"
    client = kind(proxied(REPLY__THINK_TAGS="reasoning", TOOLS__VIRTUAL="auto", UPSTREAM__WIRE=wire).url, stream)
    try:
        assert "I saw all is well north & east and all is well south." in client.ask("Please look around.")
        assert thoughts(client) == "Two places. ✓\nI see.\n"
    finally:
        client.close()


@EACH
@BOTH
def test_thoughts_are_removed_where_that_is_wished(proxied: Proxied, kind: type[Client], stream: bool) -> None:
    client = kind(proxied(REPLY__THINK_TAGS="remove").url, stream)
    try:
        assert client.ask("Please look around.") == f"Let me look.\n{NORTH}\nAnd:\n{SOUTH}"
        assert thoughts(client) == ""
    finally:
        client.close()


_TOOLS = """You are an agent. Write tags to use tools.

# Tools

## look
Description: Look at a place.
Parameters:
- place: (required) Where to look.
Usage:
<look>
<place>where</place>
</look>
"""


def calling(received: Received) -> Reply:
    """Calls the real tool that it was given, once, and tells its result."""
    newest = received.messages[-1]
    results = [part.text for part in newest.parts if isinstance(part, ToolResult)]
    if results:
        return says(f"It says: {results[0]}")
    assert received.prompt.tools == 1
    return Reply((Text("I look."), ToolCall("call_1", "look", '{"place":"north"}')), "tool_calls")


class TagChat(Chat):
    """A client that reads calls in the text, and sends results as text."""

    def __init__(self, url: str, stream: bool) -> None:
        super().__init__(url, stream)
        self.messages = [{"role": "system", "content": _TOOLS}]

    def ask(self, text: str) -> str:
        self.messages.append({"role": "user", "content": text})
        while True:
            given: dict[str, Any] = {"model": "gpt-4o", "messages": self.messages}
            if self.stream:
                chunks = self.sdk.chat.completions.create(**given, stream=True)
                answer = "".join([chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices])
            else:
                answer = self.sdk.chat.completions.create(**given).choices[0].message.content or ""
            self.messages.append({"role": "assistant", "content": answer})
            found = _LOOK.search(answer)
            if found is None:
                return answer
            self.messages.append({"role": "user", "content": f"[look for {found.group(1)}] Result:\nall is well {found.group(1)}"})


class TagMessages(Messages):
    """The same over Anthropic's wire."""

    def ask(self, text: str) -> str:
        self.messages.append({"role": "user", "content": text})
        while True:
            given: dict[str, Any] = {"model": "claude-opus-5-5", "max_tokens": 1000, "system": _TOOLS, "messages": self.messages}
            if self.stream:
                with self.sdk.messages.stream(**given) as events:
                    message = events.get_final_message()
            else:
                message = self.sdk.messages.create(**given)
            answer = "".join([block.text for block in message.content if block.type == "text"])
            self.messages.append({"role": "assistant", "content": answer})
            found = _LOOK.search(answer)
            if found is None:
                return answer
            result = f"[look for {found.group(1)}] Result:\nall is well {found.group(1)}"
            self.messages.append({"role": "user", "content": [{"type": "text", "text": result}]})


_LOOK = re.compile("<look>\n<place>(.*)</place>\n</look>")


@pytest.mark.parametrize("kind", [TagChat, TagMessages], ids=["chat", "anthropic"])
@pytest.mark.parametrize("wire", ["", "openai_responses"], ids=["same", "responses"])
@BOTH
def test_a_client_of_tags_has_a_provider_with_real_tools(tmp_path: Path, kind: type[Client], wire: str, stream: bool) -> None:
    scripted = Provider(calling)
    one = Proxy(tmp_path, scripted.url, TOOLS__VIRTUAL="auto", UPSTREAM__WIRE=wire, MARKER="never").start()
    client = kind(one.url, stream)
    try:
        answer = client.ask("Please look.")
        second = scripted.received[1]
    finally:
        client.close()
        one.stop()
        scripted.stop()
    assert answer == "It says: [look for north] Result:\nall is well north"
    calls = [part for message in second.messages for part in message.parts if isinstance(part, ToolCall)]
    assert [(call.name, json.loads(call.arguments)) for call in calls] == [("look", {"place": "north"})]
    assert "I look." in second.text


_LONG = "It matters for the plan, and for all that comes of it. " * 90


def finding(received: Received) -> Reply:
    """Looks the codeword up by tags when it is asked to, and otherwise talks at length."""
    newest = received.messages[-1]
    results = " ".join([part.text for part in newest.parts if isinstance(part, ToolResult)])
    if results:
        return says("I found walrus-42." if "walrus-42" in results else "I found nothing.")
    if "vc_find_quote" in received.body.decode() and "Look it up" in newest.text:
        return says("<think>\nHm.\n</think>\nOne moment. <vc_find_quote>\n<query>codeword</query>\n</vc_find_quote>")
    return says(f"All right. {_LONG}")


@pytest.mark.parametrize("kind", [Chat, Messages], ids=["chat", "anthropic"])
@BOTH
def test_tools_of_memory_can_be_called_by_tags(tmp_path: Path, kind: type[Client], stream: bool) -> None:
    scripted = Provider(finding)
    limits = {"COMPACTION__CONTEXT_WINDOW": "6000", "RECALL__BUDGET_TOKENS": "300", "MEMORY__THRESHOLD_MESSAGES": "4"}
    made = {"REPLY__THINK_TAGS": "reasoning", "TOOLS__VIRTUAL": "auto", "MARKER": "never", "RECALL__DEADLINE_MS": "10000"}
    one = Proxy(tmp_path, scripted.url, **limits, **made).start()
    client = kind(one.url, stream)
    try:
        client.ask("My codeword is walrus-42, keep it well.")
        for number in range(6):
            client.ask(f"Topic {number}. {_LONG}")
        before = len(scripted.received)
        answer = client.ask("Look it up, please: what did I say of it?")
        assert answer.strip() == "One moment. I found walrus-42."
        assert len(scripted.received) == before + 2, "the client made one request, the proxy two"
        assert "vc_find_quote" not in str(vars(client))
    finally:
        client.close()
        one.stop()
        scripted.stop()
    assert "failed open" not in one.log(), one.log()


def test_memory_keeps_what_the_client_has_seen(tmp_path: Path, provider: Provider) -> None:
    one = Proxy(tmp_path, provider.url, REPLY__THINK_TAGS="reasoning", TOOLS__VIRTUAL="to_native").start()
    client = Chat(one.url, True)
    try:
        client.ask("Please look around.")
    finally:
        client.close()
        one.stop()
    kept = b"".join([path.read_bytes() for path in tmp_path.glob("memory.db*")])
    assert b"I saw all is well north" in kept
    assert b"I see.\n</think>" not in kept
