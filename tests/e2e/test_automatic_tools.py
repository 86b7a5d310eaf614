"""The official SDKs that run the client's tools by themselves, with a model that calls one of ours before or behind the client's: their
next request has each result right behind its call, and the conversation goes on."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import anthropic
import pytest
from anthropic import beta_tool
from google import genai
from google.genai import types

from backstory.app.provider import Received, says
from backstory.core.message import Text, ToolCall, ToolResult
from backstory.core.reply import Reply

from .clients import SYSTEM
from .conftest import Provider, Proxy

BOTH = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
_LONG = "It matters for the plan, and for all that comes of it. " * 90
_ORDER = re.compile(r"Now ([a-z ]+)\. What was my codeword")
Ask = Callable[[str], str]


def mixing(received: Received) -> Reply:
    """Calls the client's tool and one of ours in the order that it is told; otherwise talks at length."""
    newest = received.messages[-1]
    results = [part.text for part in newest.parts if isinstance(part, ToolResult)]
    number = len(received.messages)
    if results:
        told = "all is well here" in " ".join(results)
        found = "walrus-42" in f"{newest.text} {' '.join(results)}"
        return says(f"The tool {'is fine' if told else 'said nothing'}, the look-up {'too' if found else 'said nothing'}.")
    calls = {
        "look": ToolCall(f"mine_{number}", "look", '{"place":"here"}'),
        "ours": ToolCall(f"ours_{number}", "vc_find_quote", '{"query":"codeword"}'),
    }
    orders = _ORDER.findall(newest.text)
    if "vc_find_quote" in received.body.decode() and orders:
        words = orders[-1].split()
        said = (Text("A moment. "),) if "say" in words else ()
        return Reply((*said, *[calls[word] for word in words if word in calls]), "tool_calls")
    return says(f"Understood, that was message {number}. {_LONG}")


@pytest.fixture(scope="module")
def reader() -> Iterator[Provider]:
    one = Provider(mixing)
    yield one
    one.stop()


def look(place: str) -> str:
    """Looks.

    Args:
        place: where.
    """
    return f"all is well {place}"


@contextmanager
def of_gemini(url: str, stream: bool) -> Iterator[Ask]:
    sdk = _gemini(url)
    chat = sdk.chats.create(model="gemini-2.5-flash", config=_automatic())

    def ask(text: str) -> str:
        assert sdk.models, "without a reference to it the client closes itself"
        if not stream:
            return chat.send_message(text).text or ""
        return "".join([chunk.text or "" for chunk in chat.send_message_stream(text)])

    yield ask
    sdk.close()


@contextmanager
def of_gemini_async(url: str, stream: bool) -> Iterator[Ask]:
    runner = asyncio.Runner()
    sdk = _gemini(url)
    chat = sdk.aio.chats.create(model="gemini-2.5-flash", config=_automatic())

    async def answer(text: str) -> str:
        assert sdk.aio.models
        if not stream:
            return (await chat.send_message(text)).text or ""
        return "".join([chunk.text or "" async for chunk in await chat.send_message_stream(text)])

    with runner:
        yield lambda text: runner.run(answer(text))
        runner.run(sdk.aio.aclose())
        sdk.close()


@contextmanager
def of_anthropic(url: str, stream: bool) -> Iterator[Ask]:
    sdk = anthropic.Anthropic(base_url=url, api_key="sk-ant-test", max_retries=0)
    tool = beta_tool(look)
    messages: list[anthropic.types.beta.BetaMessageParam] = []

    def ask(text: str) -> str:
        messages.append({"role": "user", "content": text})
        said = ""
        given = {"model": "claude-opus-5-5", "max_tokens": 1000, "system": SYSTEM, "messages": list(messages), "tools": [tool]}
        # In a thread the provider keeps the history, and no tool of ours is offered.
        runner = sdk.beta.messages.tool_runner(**given, stream=stream, thread=False)  # type: ignore[call-overload]
        for turn in runner:
            message = turn.get_final_message() if stream else turn
            messages.append({"role": "assistant", "content": [block.model_dump(exclude_none=True) for block in message.content]})
            results = runner.generate_tool_call_response()
            if results is not None:
                messages.append(results)
            said += "".join(block.text for block in message.content if block.type == "text")
        return said

    yield ask
    sdk.close()


def _gemini(url: str) -> genai.Client:
    return genai.Client(api_key="test", http_options=types.HttpOptions(base_url=url))


def _automatic() -> types.GenerateContentConfig:
    return types.GenerateContentConfig(system_instruction=SYSTEM, tools=[look])


@pytest.mark.parametrize("kind", [of_gemini, of_gemini_async, of_anthropic], ids=lambda kind: kind.__name__)
@BOTH
def test_automatic_calling_goes_on_after_a_mixed_turn(
    folding: Proxy, reader: Provider, kind: Callable[[str, bool], AbstractContextManager[Ask]], stream: bool
) -> None:
    with kind(folding.url, stream) as ask:
        ask("My codeword is walrus-42, keep it well.")
        for number in range(6):
            ask(f"Topic {number}. {_LONG}")
        for order in ("look ours", "ours look", "say look ours", "ours look ours"):
            answer = ask(f"Now {order}. What was my codeword?")
            assert "The tool is fine, the look-up too." in answer, (order, answer)
            assert "Understood" in ask(f"Thank you for {order}.")
    for received in reader.received:
        assert _calls_are_answered(received.body), received.body
    assert "failed open" not in folding.log(), folding.log()


def _calls_are_answered(body: bytes) -> bool:
    """Whether as many results follow each message's calls as those are, in the next message."""
    rows = json.loads(body).get("contents") or json.loads(body)["messages"]
    counts = [(_count(row, "functionCall", "tool_use"), _count(row, "functionResponse", "tool_result")) for row in rows]
    return [called for called, _ in counts[:-1]] == [answered for _, answered in counts[1:]] and not counts[-1][0]


def _count(row: dict[str, object], *kinds: str) -> int:
    parts = row.get("parts") or row.get("content")
    found = [part for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []
    return sum(part.get("type") in kinds or any(kind in part for kind in kinds) for part in found)
