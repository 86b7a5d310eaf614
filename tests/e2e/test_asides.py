"""What the official SDKs ask beside conversations, to a provider of another wire: lists of models, sizes of prompts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest
from google import genai
from google.genai import errors, types

from tests.relay.world import Received
from tests.rig import reply

from .conftest import Proxy
from .raw import RawProvider

MODELS: dict[str, list[dict[str, Any]]] = {
    "anthropic": [
        {"type": "model", "id": f"claude-{n}", "display_name": f"Claude {n}", "created_at": "2026-01-02T00:00:00Z"} for n in range(60)
    ],
    "openai": [{"id": f"gpt/{n}:7b", "object": "model", "created": 1, "owned_by": "us"} for n in range(60)],
    "gemini": [{"name": f"models/gemini-{n}", "displayName": f"Gemini {n}", "inputTokenLimit": 1000} for n in range(60)],
}
IDS = {"anthropic": "claude-{}", "openai": "gpt/{}:7b", "gemini": "gemini-{}"}
KEYS = {"anthropic": b"x-api-key: sk-test", "openai": b"authorization: bearer sk-test", "gemini": b"x-goog-api-key: sk-test"}
WIRES = ["anthropic", "openai_chat", "openai_responses", "gemini"]


class Stranger:
    """A provider of one wire that knows lists, single models and counts of it, and refuses every other path."""

    def __init__(self, wire: str, counts: bool = True) -> None:
        self.family = wire.partition("_")[0]
        self.counts = counts and wire != "openai_chat"
        self.paths: list[str] = []

    def __call__(self, received: Received) -> bytes:
        line, *headers = received.head.split(b"\r\n")
        path = line.split(b" ")[1].decode()
        self.paths.append(path)
        if KEYS[self.family] not in [header.lower() for header in headers]:
            return reply(b'{"error":{"message":"no key"}}', status=b"401 Unauthorized")
        models = MODELS[self.family]
        base = "/v1beta/models" if self.family == "gemini" else "/v1/models"
        name = {"anthropic": "limit", "gemini": "pageSize"}.get(self.family)
        if path == base + (f"?{name}=1000" if name else ""):
            return reply(json.dumps({"models" if self.family == "gemini" else "data": models, "has_more": False}).encode())
        if path.startswith(f"{base}/") and "countTokens" not in path:
            wanted = path.removeprefix(f"{base}/").replace("%2F", "/").replace("%3A", ":")
            found = [one for one in models if wanted in {one.get("id"), one.get("name", "").removeprefix("models/")}]
            return (
                reply(json.dumps(found[0]).encode()) if found else reply(b'{"error":{"message":"no such model"}}', status=b"404 Not Found")
            )
        if self.counts and path in {"/v1/messages/count_tokens", "/v1/responses/input_tokens"}:
            return reply(b'{"input_tokens":4711}')
        if self.counts and path.endswith(":countTokens"):
            return reply(b'{"totalTokens":4711}')
        return reply(b'{"error":{"message":"no such endpoint"}}', status=b"404 Not Found")


class World:
    """A proxy, what is behind it, and a client of each SDK."""

    def __init__(self, folder: Path, wire: str, stranger: Stranger) -> None:
        self.wire = wire
        self.stranger = stranger
        self._provider = RawProvider()
        self._provider.script = stranger
        self._proxy = Proxy(folder, self._provider.url, UPSTREAM__WIRE=wire).start()
        url = self._proxy.url
        self.messages = anthropic.Anthropic(base_url=url, api_key="sk-test", max_retries=0)
        self.chat = openai.OpenAI(base_url=f"{url}/v1", api_key="sk-test", max_retries=0)
        self.gemini = genai.Client(api_key="sk-test", http_options=types.HttpOptions(base_url=url))

    def end(self) -> None:
        for client in (self.messages, self.chat, self.gemini):
            client.close()
        self._proxy.stop()
        self._provider.stop()


@pytest.fixture(scope="module", params=WIRES)
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    one = World(tmp_path_factory.mktemp("proxy"), request.param, Stranger(request.param))
    yield one
    one.end()


def test_each_sdk_lists_the_models_of_the_provider(world: World) -> None:
    stranger = world.stranger
    ids = [IDS[stranger.family].format(n) for n in range(60)]
    listed = list(world.chat.models.list())
    assert [one.id for one in listed] == ids
    assert all(one.object == "model" for one in listed) or stranger.family == "openai"
    if stranger.family != "anthropic":
        pages = world.messages.models.list(limit=7)
        assert [one.id for one in pages] == ids
        assert next(one.display_name for one in world.messages.models.list(limit=7))
    if stranger.family != "gemini":
        named = [one.name or "" for one in world.gemini.models.list(config={"page_size": 9})]
        assert [name.removeprefix("models/").replace("%2F", "/").replace("%3A", ":") for name in named] == ids


def test_each_sdk_gets_one_model_and_an_error_for_none(world: World) -> None:
    stranger = world.stranger
    wanted = IDS[stranger.family].format(3)
    assert world.chat.models.retrieve(wanted).id == wanted
    with pytest.raises(openai.NotFoundError):
        world.chat.models.retrieve("nothing")
    if stranger.family != "anthropic":
        found = world.messages.models.retrieve(wanted)
        assert (found.id, found.type) == (wanted, "model")
        assert found.created_at.year >= 1970
        with pytest.raises(anthropic.NotFoundError, match="no such model"):
            world.messages.models.retrieve("nothing")
    if stranger.family != "gemini":
        name = [one.name or "" for one in world.gemini.models.list(config={"page_size": 60})][3]
        one = world.gemini.models.get(model=name)
        assert one.name == name
        assert "generateContent" in (one.supported_actions or [])
        with pytest.raises(errors.ClientError, match="no such model"):
            world.gemini.models.get(model="nothing")


def test_each_sdk_counts_tokens_by_the_provider_or_by_an_estimate(world: World) -> None:
    stranger, wire = world.stranger, world.wire
    counts: list[tuple[int, str]] = []
    if wire != "anthropic":
        one = world.messages.messages.with_raw_response.count_tokens(
            model="m", system="Be kind.", messages=[{"role": "user", "content": "Hi"}]
        )
        counts.append((one.parse().input_tokens, one.headers["x-vc-count"]))
    if wire != "openai_responses":
        two = world.chat.responses.input_tokens.with_raw_response.count(model="m", instructions="Be kind.", input="Hi")
        assert two.parse().object == "response.input_tokens"
        counts.append((two.parse().input_tokens, two.headers["x-vc-count"]))
    if wire != "gemini":
        three = world.gemini.models.count_tokens(model="m", contents="Hi")
        assert three.sdk_http_response is not None
        assert three.sdk_http_response.headers is not None
        counts.append((three.total_tokens or 0, three.sdk_http_response.headers["x-vc-count"]))
    for tokens, how in counts:
        assert how == ("provider" if stranger.counts else "estimate")
        assert tokens == 4711 if stranger.counts else 5 < tokens < 40


def test_a_large_prompt_is_estimated_and_a_broken_one_refused(tmp_path: Path) -> None:
    stranger = Stranger("openai_chat")
    world = World(tmp_path, "openai_chat", stranger)
    try:
        text = "It is said that the ship lay in the harbour. " * 5000
        found = world.messages.messages.count_tokens(model="m", messages=[{"role": "user", "content": text}])
        assert 50_000 <= found.input_tokens <= 60_000
        assert stranger.paths == []
        broken: Any = [{"role": "nobody", "content": "Hi"}]
        with pytest.raises(anthropic.BadRequestError, match="role"):
            world.messages.messages.count_tokens(model="m", messages=broken)
    finally:
        world.end()
