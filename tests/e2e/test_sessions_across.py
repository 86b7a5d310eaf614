"""An agent's session by each official SDK with a provider of each wire, memory at work: calls of a tool in every turn, a history that
outgrows its window and is folded, and a question for what was said at its beginning."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from backstory.app.provider import Received, says
from backstory.core.message import Text, Thinking, ToolCall, ToolResult
from backstory.core.reply import Reply, Usage

from .clients import SYSTEM, Chat, Client, Gemini, Messages, Responses
from .conftest import Provider, Proxy

KINDS = {"anthropic": Messages, "openai_chat": Chat, "openai_responses": Responses, "gemini": Gemini}
BOTH = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
CODEWORD = re.compile(r"codeword is ([a-z]+-\d+)")
LONG = "It matters for the plan, and for all that comes of it. " * 60
TOPICS = ("harbour", "compass", "galley")


def working(received: Received) -> Reply:
    """Looks at two places before it answers, at length; tells a codeword where one reached it."""
    newest = received.messages[-1]
    results = [part.text for message in received.messages[-2:] for part in message.parts if isinstance(part, ToolResult)]
    if isinstance(newest.parts[-1], ToolResult):
        return says(f"I saw {' and '.join(results[-2:])}. {LONG}")
    if "What is my codeword" in newest.text:
        found = CODEWORD.findall(received.text)
        return says(f"Your codeword is {found[0]}." if found else "I do not know your codeword.")
    number = len(received.messages)
    calls = [ToolCall(f"call_{number}_{place}", "look", json.dumps({"place": place})) for place in ("nörth", "south")]
    return Reply((Thinking("Two places."), Text("Let me look."), *calls), "tool_calls", Usage(30, 7, 10))


class World:
    """A proxy in front of a provider of one wire."""

    def __init__(self, wire: str, proxy: Proxy, provider: Provider) -> None:
        self.wire = wire
        self.proxy = proxy
        self.provider = provider


@pytest.fixture(scope="module", params=list(KINDS))
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    provider = Provider(working)
    limits = {"COMPACTION__CONTEXT_WINDOW": "2900", "RECALL__BUDGET_TOKENS": "300", "MEMORY__THRESHOLD_MESSAGES": "4"}
    more = {"UPSTREAM__WIRE": request.param, "RECALL__DEADLINE_MS": "10000", "PAGING__ENABLED": "off"}
    proxy = Proxy(tmp_path_factory.mktemp("proxy"), provider.url, **limits, **more).start()
    yield World(request.param, proxy, provider)
    proxy.stop()
    provider.stop()


@BOTH
@pytest.mark.parametrize("client", list(KINDS))
def test_a_session_with_tools_is_folded_and_remembers(world: World, client: str, stream: bool) -> None:
    word = f"walrus-{100 + 10 * list(KINDS).index(client) + stream}"
    world.provider.received.clear()
    one: Client = KINDS[client](world.proxy.url, stream)
    try:
        for number, topic in enumerate(TOPICS):
            first = f"My codeword is {word}, keep it well. " if not number else ""
            answer = one.ask(f"{first}Please look at the {topic} of session {word[-3:]}.")
            assert answer.startswith("I saw all is well nörth and all is well south."), topic
        assert one.ask("What is my codeword?").split("<!--")[0].strip() == f"Your codeword is {word}."
    finally:
        one.close()
    received = world.provider.received
    assert [request.wire.name for request in received] == [world.wire] * 7
    assert all(SYSTEM in request.text for request in received)
    goes_on(received)
    asked = [message.text for message in received[-1].messages if message.role == "user"]
    assert not any(text.startswith("My codeword") for text in asked), "the first turn was folded"
    assert word in received[-1].text, "and remembered"
    assert "failed open" not in world.proxy.log(), world.proxy.log()


def goes_on(received: list[Received]) -> None:
    """What was sent is sent again, but where a fold has made the history shorter; a cache mark is no difference."""
    before: list[Any] = []
    folds = 0
    for request in received:
        items = [unmarked(json.loads(bytes(raw))) for raw in request.prompt.items]
        if len(items) < len(before):
            folds += 1
        else:
            assert items[: len(before)] == before
        before = items
    assert 1 <= folds <= 3


def unmarked(value: Any) -> Any:
    if isinstance(value, list):
        return [unmarked(one) for one in value]
    return {name: unmarked(one) for name, one in value.items() if name != "cache_control"} if isinstance(value, dict) else value
