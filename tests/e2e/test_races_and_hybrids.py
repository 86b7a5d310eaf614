"""The official SDKs through a real proxy whose requests are raced, or thought about by one provider and answered by another."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import anthropic
import openai
import pytest
from msgspec import Struct

from tests.relay.world import Received
from tests.rivals import KINDS, Do, Rival, dangles, says
from tests.routed import speaking

from .clients import CLIENTS, Client, Gemini
from .conftest import Proxy

THOUGHT = "They want to know of the weather."
WAYS: dict[str, tuple[str, Do]] = {
    "slow": ("openai_chat", dangles),
    "fast": ("anthropic", says("It is sunny.", 0.05)),
    "mind": ("openai_responses", says("I could go on. " * 40, thought=THOUGHT, pause_s=30)),
    "hand": ("anthropic", says("It is sunny.")),
    "same": ("openai_chat", says("It is sunny.")),
}
SELECTORS = {
    "race": "slow:a!fast:b",
    "hybrid": "hybrid:[mind:a,hand:b]",
    "hybrid of its wire": "hybrid:[mind:a,same:b]",
}


class Ways(Struct):
    """The providers, in a thread of their own."""

    by_name: dict[str, Rival]
    ports: dict[str, int]
    loop: asyncio.AbstractEventLoop


@pytest.fixture(scope="module")
def ways() -> Iterator[Ways]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    found = Ways({name: Rival([do]) for name, (_, do) in WAYS.items()}, {}, loop)

    async def start() -> list[asyncio.Server]:
        servers = [await asyncio.start_server(one.serve, "127.0.0.1", 0, limit=1 << 20) for one in found.by_name.values()]
        for name, server in zip(found.by_name, servers, strict=True):
            found.ports[name] = server.sockets[0].getsockname()[1]
        return servers

    async def stop() -> None:
        for server, one in zip(servers, found.by_name.values(), strict=True):
            server.close()
            await one.end()

    servers = asyncio.run_coroutine_threadsafe(start(), loop).result(10)
    yield found
    asyncio.run_coroutine_threadsafe(stop(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()


@pytest.fixture(scope="module", params=list(SELECTORS))
def routed(request: pytest.FixtureRequest, ways: Ways, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Proxy]]:
    folder: Path = tmp_path_factory.mktemp("routed")
    rows = "".join(
        f"  {name}: {{kind: {KINDS[wire]}, wire: {wire}, url: 'http://127.0.0.1:{ways.ports[name]}', auth: none}}\n"
        for name, (wire, _) in WAYS.items()
    )
    (folder / "backstory.yaml").write_text(f"providers:\n{rows}routing: {{static: '{SELECTORS[request.param]}'}}\n")
    one = Proxy(folder, "http://127.0.0.1:9").start()
    yield str(request.param), one
    one.stop()


def got(ways: Ways, name: str) -> list[Received]:
    return list(ways.by_name[name].received)


@pytest.mark.parametrize("kind", CLIENTS, ids=lambda kind: kind.__name__.lower())
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_two_turns_of_each_sdk(routed: tuple[str, Proxy], ways: Ways, kind: type[Client], stream: bool) -> None:
    name, proxy = routed
    before = {way: len(one.received) for way, one in ways.by_name.items()}
    broken = {way: one.broken for way, one in ways.by_name.items()}
    client = kind(proxy.url, stream)
    try:
        for text in ("The weather of today?", "And of tomorrow?"):
            said = client.ask(text)
            assert said.removeprefix(THOUGHT if kind is Gemini and name != "race" else "") == "It is sunny."
    finally:
        client.close()
    new = {way: got(ways, way)[count:] for way, count in before.items()}
    if name == "race":
        assert [len(new[way]) for way in WAYS] == [2, 2, 0, 0, 0]
        cut = "slow"
    else:
        hand = "hand" if name == "hybrid" else "same"
        assert (len(new["mind"]), len(new[hand])) == (2, 2)
        for received in new[hand]:
            # Google's SDK brings a thought back as it was given, without anything to know it by.
            assert received.body.count(THOUGHT.encode()) == 1 or kind is Gemini, "that of this turn, and no earlier one"
        cut = "mind"
    until = time.monotonic() + 3
    while ways.by_name[cut].broken < broken[cut] + 2:
        assert time.monotonic() < until, "its provider was told to stop"
        time.sleep(0.01)
    assert speaking(new[cut][0]) == WAYS[cut][0]
    assert "failed open" not in proxy.log(), proxy.log()


def test_the_sdks_show_the_thoughts(routed: tuple[str, Proxy]) -> None:
    name, proxy = routed
    shown = [] if name == "race" else [THOUGHT]
    with anthropic.Anthropic(base_url=proxy.url, api_key="sk-test", max_retries=0) as messages:
        with messages.messages.stream(model="m", max_tokens=99, messages=[{"role": "user", "content": "The weather?"}]) as events:
            told = events.get_final_message()
        assert [block.thinking for block in told.content if block.type == "thinking"] == shown
        assert [block.text for block in told.content if block.type == "text"] == ["It is sunny."]
    with openai.OpenAI(base_url=f"{proxy.url}/v1", api_key="sk-test", max_retries=0) as sdk:
        chat = sdk.chat.completions.create(model="m", messages=[{"role": "user", "content": "The weather?"}])
        said = (chat.choices[0].message.model_extra or {}).get("reasoning_content")
        assert [said] == shown or (said is None and not shown)
        response = sdk.responses.create(model="m", input="The weather?")
        items = [item for item in response.output if item.type == "reasoning"]
        assert [item.summary[0].text for item in items] == shown
        assert response.output_text == "It is sunny."
