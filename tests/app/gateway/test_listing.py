"""The list of models of a port with several providers: whose models, under which names, in each wire's shape and pages."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest

from tests.app.gateway.test_beside import STATIC, gives, got
from tests.relay.world import Client, field, run
from tests.rig import reply, soon
from tests.rivals import Do, Rivals, cuts, dangles, refuses, rivals
from tests.routed import KEYS, two

CHAT: Do = gives(
    {"object": "list", "data": [{"id": "c-1", "object": "model", "created": 5, "owned_by": "x", "supports": ["tools"]}, {"id": "v/c:2"}]}
)
CLAUDE: Do = gives(
    {"data": [{"type": "model", "id": "a-1", "display_name": "A One", "created_at": "2025-01-02T00:00:00Z"}], "has_more": False}
)
GEMINI: Do = gives(
    {"models": [{"name": "models/g-1", "displayName": "G", "inputTokenLimit": 9, "supportedGenerationMethods": ["embedContent"]}]}
)
ALL = {"c": ("openai_chat", CHAT), "a": ("anthropic", CLAUDE), "g": ("gemini", GEMINI)}
ASKED = {
    "openai_chat": ("/v1/models", (KEYS["openai_chat"],)),
    "anthropic": ("/v1/models", (KEYS["anthropic"], b"anthropic-version: 2023-06-01")),
    "gemini": ("/v1beta/models", (KEYS["gemini"],)),
}
NAMES = ["c:c-1", "c:v/c:2", "a:a-1", "g:g-1"]


async def listed(one: Rivals, wire: str, query: str = "") -> tuple[bytes, dict[str, Any]]:
    path, headers = ASKED[wire]
    return await got(one, path + query, *headers)


def names(wire: str, body: dict[str, Any]) -> list[str]:
    if wire == "gemini":
        return [row["name"].removeprefix("models/").replace("%3A", ":").replace("%2F", "/") for row in body["models"]]
    return [row["id"] for row in body["data"]]


@pytest.mark.parametrize("wire", list(ASKED))
def test_the_models_of_all_providers_are_one_list(tmp_path: Path, wire: str) -> None:
    async def scene() -> None:
        async with rivals(tmp_path, ALL) as one:
            head, body = await listed(one, wire)
            assert head.startswith(b"HTTP/1.1 200"), body
            assert names(wire, body) == NAMES
            assert field(head, b"x-vc-models-missing") == b"127.0.0.1=failed", "the client's own provider cannot be reached here"
            match wire:
                case "openai_chat":
                    assert body["data"][0] == {"id": "c:c-1", "object": "model", "created": 5, "owned_by": "x", "supports": ["tools"]}
                    assert body["data"][2]["created"] == 1735776000
                case "anthropic":
                    assert body["data"][2]["display_name"] == "A One"
                    assert (body["has_more"], body["first_id"], body["last_id"]) == (False, "c:c-1", "g:g-1")
                case _:
                    assert body["models"][3]["supportedGenerationMethods"] == ["embedContent"]
            assert all(one.asked(name) == 1 for name in ALL)
            for name in ALL:
                assert b"client-key" not in one.by_name[name].received[0].head

    run(scene())


def test_what_is_listed_can_be_asked_for(tmp_path: Path) -> None:
    async def scene() -> None:
        async with rivals(tmp_path, ALL) as one:
            for wire in ASKED:
                _, body = await listed(one, wire)
                for row in body.get("data", []):
                    asked = json.dumps({"model": row["id"], "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 9}).encode()
                    await one.ask("/v1/chat/completions", asked, KEYS["openai_chat"])
                    provider, _, model = row["id"].partition(":")
                    heard = one.by_name[provider].received[-1]
                    assert f'"{model}"'.encode() in heard.body or f"/{model}:".encode() in heard.head
                for row in body.get("models", []):
                    asked = b'{"contents":[{"role":"user","parts":[{"text":"Hi"}]}]}'
                    await one.ask(f"/v1beta/{row['name']}:generateContent", asked, KEYS["gemini"])
                    assert b"Hi" in one.by_name[names(wire, {"models": [row]})[0][0]].received[-1].body

    run(scene())


def test_pages_are_those_of_the_wire(tmp_path: Path) -> None:
    async def scene() -> None:
        async with rivals(tmp_path, ALL) as one:
            _, body = await listed(one, "anthropic", "?limit=3")
            assert (names("anthropic", body), body["has_more"]) == (NAMES[:3], True)
            _, body = await listed(one, "anthropic", f"?limit=3&after_id={body['last_id']}")
            assert (names("anthropic", body), body["has_more"]) == (NAMES[3:], False)
            head, body = await listed(one, "anthropic", "?after_id=none")
            assert head.startswith(b"HTTP/1.1 400")
            assert body["type"] == "error"
            _, body = await listed(one, "gemini", "?pageSize=3")
            assert names("gemini", body) == NAMES[:3]
            _, body = await listed(one, "gemini", f"?pageSize=3&pageToken={body['nextPageToken']}")
            assert names("gemini", body) == NAMES[3:]
            assert "nextPageToken" not in body

    run(scene())


def test_who_does_not_tell_in_time_or_at_all_is_left_out_and_named(tmp_path: Path) -> None:
    async def scene() -> None:
        ways = {**ALL, "slow": ("openai_chat", dangles), "shut": ("openai_chat", refuses(401)), "torn": ("openai_chat", cuts)}
        ways["odd"] = ("openai_chat", gives({"no": "list"}))
        async with rivals(tmp_path, ways, "routing: {models_s: 0.4}\n") as one:
            began = time.monotonic()
            head, body = await listed(one, "openai_chat")
            assert time.monotonic() - began < 2.0
            assert names("openai_chat", body) == NAMES
            missing = b"127.0.0.1=failed, slow=late, shut=401, torn=failed, odd=unreadable"
            assert field(head, b"x-vc-models-missing") == missing

    run(scene())


def test_where_nobody_tells_the_question_goes_where_it_always_went(tmp_path: Path) -> None:
    async def scene() -> None:
        async with rivals(tmp_path, {"x": ("openai_chat", refuses(500)), "y": ("anthropic", refuses(401))}) as one:
            head, _ = await listed(one, "openai_chat")
            assert head.startswith(b"HTTP/1.1 502"), "the client's own provider cannot be reached"

    run(scene())


def test_a_client_that_leaves_ends_the_questions(tmp_path: Path) -> None:
    async def scene() -> None:
        async with rivals(tmp_path, {"x": ("openai_chat", dangles), "y": ("anthropic", dangles)}) as one:
            client = Client(*await asyncio.open_connection("127.0.0.1", one.port))
            await client.send(b"GET /v1/models HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer k\r\n\r\n")
            await soon(lambda: one.asked("x") + one.asked("y") == 2)
            client.writer.transport.abort()
            await soon(lambda: one.by_name["x"].broken + one.by_name["y"].broken == 2)

    run(scene())


def test_names_are_those_by_which_a_model_is_reached(tmp_path: Path) -> None:
    """A default provider's models need no provider in front, nor do those that the settings list."""

    async def scene() -> None:
        async with rivals(tmp_path, ALL, "routing: {openai_chat: c}\n") as one:
            head, body = await listed(one, "openai_chat")
            assert names("openai_chat", body) == ["c-1", "v/c:2", "a:a-1", "g:g-1"]
            assert field(head, b"x-vc-models-missing") is None
        async with rivals(tmp_path, ALL, "routing: {disabled: [a]}\n") as one:
            _, body = await listed(one, "openai_chat")
            assert names("openai_chat", body) == ["c:c-1", "c:v/c:2", "g:g-1"]
        async with rivals(tmp_path, ALL, STATIC % "a") as one:
            _, body = await listed(one, "openai_chat")
            assert names("openai_chat", body) == ["a-1"]

    run(scene())


def test_a_clients_key_goes_to_its_own_provider_and_to_nobody_else(tmp_path: Path) -> None:
    text = (
        "upstream: {openai: OWN}\nproviders:\n"
        "  keyless: {kind: openai_compatible, url: OTHER}\n  few: {kind: openai_compatible, url: OTHER, models: [fast, good]}\n"
        "  paid: {kind: groq, url: OTHER}\n"
    )
    answer = b'{"object":"list","data":[{"id":"m-1","object":"model"}]}'

    async def scene() -> None:
        async with two(tmp_path, text, {"GROQ_API_KEY": "k"}, answers=lambda _: reply(answer)) as one:
            client = Client(*await asyncio.open_connection("127.0.0.1", one.port))
            lines = [
                b"GET /v1/models?limit=1 HTTP/1.1",
                b"Host: x",
                KEYS["openai_chat"],
                b"X-VC-Memory: off",
                b"Helicone-Auth: h",
                b"X-Own: 1",
            ]
            await client.send(b"\r\n".join(lines) + b"\r\n\r\n")
            head, body = await client.reply()
            assert [row["id"] for row in json.loads(body)["data"]] == ["m-1", "fast", "good", "paid:m-1"]
            assert field(head, b"x-vc-models-missing") == b"keyless=unasked"
            (own,), (other,) = one.own.received, one.other.received
            assert own.head.startswith(b"GET /v1/models HTTP/1.1")
            assert (field(own.head, b"authorization"), field(own.head, b"helicone-auth")) == (b"Bearer client-key", b"h")
            assert (field(other.head, b"authorization"), field(other.head, b"helicone-auth")) == (b"Bearer k", None)
            assert field(own.head, b"x-own") == field(other.head, b"x-own") == b"1"
            assert b"x-vc" not in own.head.lower() + other.head.lower()
            client.writer.close()

    run(scene())
