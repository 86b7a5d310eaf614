"""What is asked of a model that is known to give less; and threads that a provider does not keep."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.app.gateway.test_keeping import played
from tests.relay.world import field
from tests.rig import PATHS
from tests.routed import KEYS, Two, two

ROUTED = "providers:\n  prov: {kind: openai_compatible, url: OTHER, wire: %s, api_key_env: PROV_KEY}\n"
KEY = {"PROV_KEY": "server-key"}
MOST = {"anthropic": "max_tokens", "openai_chat": "max_tokens", "openai_responses": "max_output_tokens"}
SMALL = "models: [{model: small, max_output: 1000}]\n"


def most_in(body: bytes) -> int:
    found = json.loads(body)
    found |= found.get("generationConfig", {})
    return next(
        int(found[name]) for name in ("max_tokens", "max_completion_tokens", "max_output_tokens", "maxOutputTokens") if name in found
    )


def asking(wire: str, most: int) -> dict[str, Any]:
    return {"generationConfig": {"maxOutputTokens": most}} if wire == "gemini" else {MOST[wire]: most}


async def losses(one: Two, wire: str, model: str, **more: Any) -> str:
    """The header of the answer."""
    path, body = PATHS[wire], {"contents": [{"role": "user", "parts": [{"text": "Hello."}]}]}
    if wire == "gemini":
        path = path.replace("/m:", f"/{model}:")
    else:
        key = "input" if wire == "openai_responses" else "messages"
        body = {"model": model, key: [{"role": "user", "content": "Hello."}]}  # type: ignore[dict-item]
    head, _ = await one.ask(path, json.dumps({**body, **more}).encode(), KEYS[wire])
    assert head.split(b" ")[1] == b"200"
    return (field(head, b"x-vc-losses") or b"").decode()


@pytest.mark.parametrize("provider", list(PATHS))
@pytest.mark.parametrize("client", list(PATHS))
@pytest.mark.parametrize(("most", "found"), [(1000, 1000), (1001, 1000)])
@played
async def test_a_routed_request_asks_for_no_more_than_the_model_gives(
    tmp_path: Path, client: str, provider: str, most: int, found: int
) -> None:
    async with two(tmp_path, ROUTED % provider + SMALL, KEY) as one:
        told = await losses(one, client, "prov:small", **asking(client, most))
        assert most_in(one.got.body) == found
        assert ("changed" in told and "okens" in told) is (found != most)
        assert one.failures() == {}


@pytest.mark.parametrize("provider", list(PATHS))
@pytest.mark.parametrize("client", list(PATHS))
@played
async def test_of_a_model_that_nobody_knows_what_was_asked_for_is_asked(tmp_path: Path, client: str, provider: str) -> None:
    async with two(tmp_path, ROUTED % provider + SMALL, KEY) as one:
        told = await losses(one, client, "prov:other", **asking(client, 999_999))
        assert (most_in(one.got.body), told) == (999_999, "")


@pytest.mark.parametrize("client", list(PATHS))
@played
async def test_what_goes_where_it_always_goes_is_untouched(tmp_path: Path, client: str) -> None:
    async with two(tmp_path, ROUTED % "openai_chat" + SMALL, KEY) as one:
        told = await losses(one, client, "small", **asking(client, 999_999))
        assert (most_in(one.own.received[0].body), told) == (999_999, "")


@pytest.mark.parametrize("client", list(PATHS))
@played
async def test_so_is_a_routed_request_for_the_model_that_the_client_named(tmp_path: Path, client: str) -> None:
    text = ROUTED % client + f"routing: {{{client}: prov}}\n" + SMALL
    async with two(tmp_path, text, KEY) as one:
        told = await losses(one, client, "small", **asking(client, 999_999))
        assert (most_in(one.got.body), told) == (999_999, "")


@pytest.mark.parametrize(("client", "provider"), [("anthropic", "openai_chat"), ("openai_chat", "gemini"), ("gemini", "anthropic")])
@played
async def test_a_request_that_is_translated_for_the_only_provider_is_bounded_too(tmp_path: Path, client: str, provider: str) -> None:
    async with two(tmp_path, f"upstream: {{wire: {provider}}}\n" + SMALL) as one:
        told = await losses(one, client, "small", **asking(client, 999_999))
        assert most_in(one.own.received[0].body) == 1000
        assert "max_tokens changed" in told


@pytest.mark.parametrize("routed", [True, False])
@pytest.mark.parametrize("kind", ["create", "continue"])
@pytest.mark.parametrize("wire", ["openai_chat", "openai_responses", "gemini"])
@played
async def test_a_thread_that_is_not_known_is_told_so_that_its_client_begins_another(
    tmp_path: Path, routed: bool, kind: str, wire: str
) -> None:
    async with two(tmp_path, ROUTED % wire if routed else f"upstream: {{wire: {wire}}}\n", KEY) as one:
        thread = {"type": kind} | ({"previous_message_id": "msg_1"} if kind == "continue" else {})
        status, told = await one.ask_for("anthropic", "prov:m" if routed else "m", thread=thread)
        assert status == (200 if kind == "create" else 404)
        if kind == "continue":
            assert told["error"]["type"] == "not_found_error"
            assert told["error"]["details"] == {"error_code": "thread_not_found"}
            assert not one.own.received
            assert not one.other.received


@pytest.mark.parametrize(("named", "told"), [("prov:gpt-4.1", "reasoning dropped"), ("gpt-4.1", "")])
@played
async def test_a_model_that_does_not_think_is_not_asked_to_unless_the_client_named_it(tmp_path: Path, named: str, told: str) -> None:
    async with two(tmp_path, ROUTED % "openai_responses" + "routing: {openai_responses: prov}\n", KEY) as one:
        assert await losses(one, "openai_responses", named, reasoning={"effort": "high"}) == told
        assert ("reasoning" in json.loads(one.got.body)) is not bool(told)
