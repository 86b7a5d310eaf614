"""Counts of tokens, embeddings and lists of models on a port whose requests are routed: where they go, what is told where they cannot."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.relay.world import Client, Received, field, run
from tests.rig import post, reply
from tests.rivals import Do, Rivals, refuses, rivals
from tests.routed import KEYS

STATIC = "routing: {static: '%s'}\n"


def gives(body: dict[str, Any]) -> Do:
    async def do(_: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(reply(json.dumps(body).encode()))

    return do


VECTORS = gives({"object": "list", "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}], "model": "v"})
COUNTED = gives({"input_tokens": 41, "totalTokens": 42})
LISTED = gives({"object": "list", "data": [{"id": "one", "object": "model", "created": 5, "owned_by": "x"}]})


def path_of(one: Rivals, name: str, number: int = -1) -> str:
    return one.by_name[name].received[number].head.split(b" ")[1].decode()


async def got(one: Rivals, path: str, *headers: bytes) -> tuple[bytes, dict[str, Any]]:
    client = Client(*await asyncio.open_connection("127.0.0.1", one.port))
    lines = [b"GET %b HTTP/1.1" % path.encode(), b"Host: x", *headers]
    await client.send(b"\r\n".join(lines) + b"\r\n\r\n")
    head, body = await client.reply()
    client.writer.close()
    return head, json.loads(body)


def test_embeddings_follow_their_model_and_try_the_next_provider(tmp_path: Path) -> None:
    async def scene() -> None:
        ways = {"a": ("openai_chat", refuses(503)), "b": ("openai_chat", VECTORS), "c": ("anthropic", VECTORS)}
        async with rivals(tmp_path, ways) as one:
            asked = json.dumps({"model": "a:v|c:x|b:w", "input": ["Hello."], "dimensions": 8}).encode()
            head, raw = await one.ask("/v1/embeddings", asked, KEYS["openai_chat"], b"X-VC-Project: p")
            assert head.startswith(b"HTTP/1.1 200"), (head, raw)
            assert json.loads(raw)["data"][0]["embedding"] == [0.5]
            assert (one.asked("a"), one.asked("b"), one.asked("c")) == (1, 1, 0)
            assert one.by_name["b"].received[0].body == asked.replace(b"a:v|c:x|b:w", b"w")
            assert path_of(one, "b") == "/v1/embeddings"
            assert field(one.by_name["b"].received[0].head, b"authorization") is None
            assert field(one.by_name["b"].received[0].head, b"x-vc-project") is None

    run(scene())


@pytest.mark.parametrize(
    ("model", "status", "said"),
    [
        ("c:x", 400, "c speaks anthropic: it gets no embeddings requests in OpenAI's wire"),
        ("d:x", 404, "no provider 'd'"),
        ("a:x|", 400, "a backend and model are missing"),
        ("hybrid:[a:x,a:y]", 400, "cannot be asked of a hybrid"),
    ],
)
def test_embeddings_that_nobody_has_are_told_in_the_clients_wire(tmp_path: Path, model: str, status: int, said: str) -> None:
    async def scene() -> None:
        async with rivals(tmp_path, {"a": ("openai_chat", VECTORS), "c": ("anthropic", VECTORS)}) as one:
            head, raw = await one.ask("/v1/embeddings", json.dumps({"model": model, "input": "x"}).encode(), KEYS["openai_chat"])
            assert int(head.split(b" ")[1]) == status
            assert said in json.loads(raw)["error"]["message"]
            assert one.asked("a") + one.asked("c") == 0

    run(scene())


def test_embeddings_of_gemini_name_their_model_in_the_path(tmp_path: Path) -> None:
    async def scene() -> None:
        ways = {"g": ("gemini", gives({"embeddings": []})), "c": ("anthropic", VECTORS)}
        async with rivals(tmp_path, ways) as one:
            body = {"requests": [{"model": "models/g:e", "content": {"parts": [{"text": "x"}]}}]}
            head, _ = await one.ask("/v1beta/models/g:e:batchEmbedContents", json.dumps(body).encode(), KEYS["gemini"])
            assert head.startswith(b"HTTP/1.1 200")
            assert path_of(one, "g") == "/v1beta/models/e:batchEmbedContents"
            assert one.body_of("g")["requests"][0]["model"] == "models/e"
            head, raw = await one.ask("/v1beta/models/c:e:embedContent", b'{"content":{"parts":[{"text":"x"}]}}', KEYS["gemini"])
            assert head.startswith(b"HTTP/1.1 400")
            assert "it gets no embeddings requests in gemini wire" in json.loads(raw)["error"]["message"]

    run(scene())


def test_a_static_route_takes_embeddings_to_its_provider_with_the_model_that_they_name(tmp_path: Path) -> None:
    async def scene() -> None:
        async with rivals(tmp_path, {"a": ("openai_chat", VECTORS)}, STATIC % "a:chatty?temperature=0.5") as one:
            await one.ask("/v1/embeddings", b'{"model":"vector-3","input":"x"}', KEYS["openai_chat"])
            assert one.by_name["a"].received[0].body == b'{"model":"vector-3","input":"x"}'

    run(scene())


def test_a_default_of_conversations_leaves_embeddings_alone(tmp_path: Path) -> None:
    async def scene() -> None:
        async with rivals(tmp_path, {"a": ("openai_chat", VECTORS)}, "routing: {openai_chat: a}\n") as one:
            head, _ = await one.ask("/v1/embeddings", b'{"model":"vector-3","input":"x"}', KEYS["openai_chat"])
            assert head.startswith(b"HTTP/1.1 502"), "it goes to the port's own upstream, which is not there"
            assert one.asked("a") == 0

    run(scene())


COUNTS = {
    "anthropic": ("/v1/messages/count_tokens", "input_tokens"),
    "openai_responses": ("/v1/responses/input_tokens", "input_tokens"),
    "gemini": ("/v1beta/models/%s:countTokens", "totalTokens"),
}


@pytest.mark.parametrize("provider", ["anthropic", "openai_chat", "openai_responses", "gemini"])
@pytest.mark.parametrize("wire", list(COUNTS))
def test_counts_reach_the_provider_or_are_estimated(tmp_path: Path, wire: str, provider: str) -> None:
    path, member = COUNTS[wire]
    said: dict[str, Any] = {"contents": [{"role": "user", "parts": [{"text": "Hello, how are you?"}]}]}
    if wire != "gemini":
        said = {
            "model": "p:m",
            ("input" if wire == "openai_responses" else "messages"): [{"role": "user", "content": "Hello, how are you?"}],
        }

    async def scene() -> None:
        async with rivals(tmp_path, {"p": (provider, COUNTED)}) as one:
            head, raw = await one.ask(path.replace("%s", "p:m"), json.dumps(said).encode(), KEYS[wire])
            assert head.startswith(b"HTTP/1.1 200"), (head, raw)
            told = json.loads(raw)[member]
            if provider == "openai_chat":
                assert 5 < told < 20
                assert field(head, b"x-vc-count") == b"estimate"
                assert one.asked("p") == 0
            else:
                assert told == (42 if member == "totalTokens" and provider == wire else 41)
                asked = path_of(one, "p") + json.dumps(one.body_of("p"))
                assert "p:m" not in asked
                assert ("/m:countTokens" in asked) == (provider == "gemini")

    run(scene())


def refusing(status: str, body: bytes) -> Do:
    async def do(_: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(reply(body, b"text/plain", status=status.encode()))

    return do


@pytest.mark.parametrize("wire", list(COUNTS))
def test_a_compatible_provider_that_does_not_know_the_question_has_the_prompt_estimated(tmp_path: Path, wire: str) -> None:
    path, member = COUNTS[wire]
    part: dict[str, Any] = {"contents": [{"role": "user", "parts": [{"text": "Hello, how are you?"}]}]}
    if wire != "gemini":
        part = {"model": "MODEL", ("input" if wire == "openai_responses" else "messages"): [{"role": "user", "content": "Hello, you."}]}
    ways = {"p": (wire, refusing("404 Not Found", b"404 page not found")), "q": (wire, refusing("404 No", b"no model m9"))}

    async def scene() -> None:
        async with rivals(tmp_path, ways) as one:
            head, raw = await one.ask(path.replace("%s", "p:m9"), json.dumps(part).replace("MODEL", "p:m9").encode(), KEYS[wire])
            assert head.startswith(b"HTTP/1.1 200"), (head, raw)
            assert 5 < json.loads(raw)[member] < 20
            assert field(head, b"x-vc-count") == b"estimate"
            head, raw = await one.ask(path.replace("%s", "q:m9"), json.dumps(part).replace("MODEL", "q:m9").encode(), KEYS[wire])
            assert head.startswith(b"HTTP/1.1 404"), "a model that there is not is told"
            assert b"no model m9" in raw

    run(scene())


@pytest.mark.parametrize("provider", ["anthropic", "openai_chat", "gemini"])
def test_lists_of_models_are_the_static_routes_providers(tmp_path: Path, provider: str) -> None:
    async def scene() -> None:
        listed = gives({"models": [{"name": "models/one"}]}) if provider == "gemini" else LISTED
        async with rivals(tmp_path, {"p": (provider, listed)}, STATIC % "p") as one:
            _, body = await got(one, "/v1/models", KEYS["openai_chat"])
            assert [row["id"] for row in body["data"]] == ["one"]
            _, body = await got(one, "/v1/models", KEYS["anthropic"], b"anthropic-version: 2023-06-01")
            assert [row["id"] for row in body["data"]] == ["one"]
            _, body = await got(one, "/v1beta/models", KEYS["gemini"])
            assert [row["name"] for row in body["models"]] == ["models/one"] or provider == "gemini"
            assert one.asked("p") == 3

    run(scene())


def test_one_model_is_asked_for_by_its_selector(tmp_path: Path) -> None:
    async def scene() -> None:
        async with rivals(tmp_path, {"p": ("openai_chat", gives({"id": "m", "object": "model"}))}) as one:
            head, body = await got(one, "/v1/models/p:m", KEYS["openai_chat"])
            assert head.startswith(b"HTTP/1.1 200")
            assert body["id"] == "m"
            assert path_of(one, "p") == "/v1/models/m"
            head, body = await got(one, "/v1/models/q:m", KEYS["openai_chat"])
            assert head.startswith(b"HTTP/1.1 404")
            assert "no provider 'q'" in body["error"]["message"]

    run(scene())


def test_what_is_no_such_question_goes_where_it_always_went(tmp_path: Path) -> None:
    async def scene() -> None:
        async with rivals(tmp_path, {"p": ("openai_chat", LISTED)}) as one:
            for path in ("/v1/models", "/health", "/v1/files"):
                client = Client(*await asyncio.open_connection("127.0.0.1", one.port))
                await client.send(b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n" % path.encode())
                head, _ = await client.reply()
                assert head.startswith(b"HTTP/1.1 200" if path == "/health" else b"HTTP/1.1 502")
                client.writer.close()
            client = Client(*await asyncio.open_connection("127.0.0.1", one.port))
            await client.send(post(one.port, "/v1/images/generations", b'{"model":"p:m"}'))
            head, _ = await client.reply()
            assert head.startswith(b"HTTP/1.1 502")
            client.writer.close()
            assert one.asked("p") == 0

    run(scene())


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("/v1/models/c:m", "/v1/models/m"),
        ("/v1beta/models/g:m", "/v1beta/models/m"),
        ("/v1/embeddings", "/v1/embeddings"),
        ("/v1beta/models/g:e:embedContent", "/v1beta/models/e:embedContent"),
        ("/v1beta/models/g:m:countTokens", "/v1beta/models/m:countTokens"),
    ],
)
def test_a_clients_key_in_the_query_goes_to_no_provider_that_is_paid_otherwise(tmp_path: Path, path: str, sent: str) -> None:
    async def scene() -> None:
        async with rivals(tmp_path, {"c": ("openai_chat", LISTED), "g": ("gemini", COUNTED)}) as one:
            asked = f"{path}?alt=json&key=client-key"
            if path.startswith(("/v1/models", "/v1beta/models/g:m")) and "count" not in path:
                await got(one, asked)
            else:
                await one.ask(asked, b'{"model":"c:e","input":"x"}' if "embeddings" in path else b'{"contents":[{"parts":[{"text":"x"}]}]}')
            name = "g" if "v1beta" in path else "c"
            assert one.asked(name) == 1
            assert path_of(one, name) == f"{sent}?alt=json"

    run(scene())
