"""Routed requests that build on answers by their ids, at providers that keep none; and what a routed request has its provider cache."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.app.gateway.test_keeping import played
from tests.rig import PATHS
from tests.routed import KEYS, Two, two

ROUTED = "providers:\n  prov: {kind: openai_compatible, url: OTHER, wire: %s, api_key_env: PROV_KEY}\n"
KEY = {"PROV_KEY": "server-key"}
WIRES = ["anthropic", "openai_chat"]


async def ask(one: Two, text: str, previous: str = "", stream: bool = False, key: bytes = KEYS["openai_responses"]) -> tuple[int, Any]:
    body: dict[str, Any] = {"model": "prov:m", "input": text, "stream": stream}
    body |= {"previous_response_id": previous} if previous else {}
    head, found = await one.ask(PATHS["openai_responses"], json.dumps(body).encode(), key)
    status = int(head.split(b" ")[1])
    if not stream or status != 200:
        return status, json.loads(found)
    last = [line for line in found.split(b"\n") if line.startswith(b"data: ")][-1]
    return status, json.loads(last[6:])["response"]


def heard(one: Two) -> list[bool]:
    """Which of these the provider got last."""
    body = one.other.received[-1].body
    return [word in body for word in (b"the first thing", b"Good day.", b"the second thing")]


@pytest.mark.parametrize("memory", ["true", "false"])
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("wire", WIRES)
@played
async def test_a_client_goes_on_by_the_id_of_an_answer(tmp_path: Path, wire: str, stream: bool, memory: str) -> None:
    async with two(tmp_path, ROUTED % wire + f"memory: {{enabled: {memory}}}\n", KEY) as one:
        _, first = await ask(one, "the first thing", stream=stream)
        status, _ = await ask(one, "the second thing", first["id"], stream)
        assert status == 200
        assert heard(one) == [True, True, True]
        assert one.failures() == {}


@pytest.mark.parametrize("item", [False, True])
@played
async def test_a_client_goes_on_after_a_restart(tmp_path: Path, item: bool) -> None:
    async with two(tmp_path, ROUTED % "openai_chat", KEY) as one:
        _, first = await ask(one, "the first thing")
        await one.restart()
        if item:
            items = [{"type": "item_reference", "id": first["output"][0]["id"]}, {"role": "user", "content": "the second thing"}]
            body = json.dumps({"model": "prov:m", "input": items}).encode()
            await one.ask(PATHS["openai_responses"], body, KEYS["openai_responses"])
        else:
            await ask(one, "the second thing", first["id"])
        assert heard(one) == [not item, True, True]
        assert one.failures() == {}


@played
async def test_what_is_not_known_is_told_by_the_code_that_clients_know(tmp_path: Path) -> None:
    async with two(tmp_path, ROUTED % "openai_chat", KEY) as one:
        _, first = await ask(one, "the first thing")
        for previous, key in (("resp_none", KEYS["openai_responses"]), (first["id"], b"Authorization: Bearer another")):
            status, told = await ask(one, "the second thing", previous, key=key)
            assert (status, told["error"]["code"]) == (400, "previous_response_not_found")
        assert len(one.other.received) == 1


@pytest.mark.parametrize(("marks", "found"), [("auto", True), ("never", False)])
@played
async def test_what_a_provider_is_to_cache_is_marked(tmp_path: Path, marks: str, found: bool) -> None:
    async with two(tmp_path, ROUTED % "anthropic" + f"upstream: {{cache_marks: {marks}}}\n", KEY) as one:
        messages = [{"role": "system", "content": "S" * 20_000}, {"role": "user", "content": "Hi"}]
        tools = [{"type": "function", "function": {"name": "f", "description": "d" * 5_000, "parameters": {"type": "object"}}}]
        body = json.dumps({"model": "prov:claude-sonnet-4-5", "messages": messages, "tools": tools}).encode()
        await one.ask(PATHS["openai_chat"], body, KEYS["openai_chat"])
        assert (b"cache_control" in one.got.body) == found


MIXED = "upstream: {openai: OWN}\n" + ROUTED % "anthropic" + "  open: {kind: openai, url: OWN, auth: client}\n"
OPENAIS = "resp_" + "68ab" * 12


async def goes_on(one: Two, model: str, given: Any, previous: str = "", key: bytes = KEYS["openai_responses"]) -> tuple[int, Any]:
    body = {"model": model, "input": given} | ({"previous_response_id": previous} if previous else {})
    head, found = await one.ask(PATHS["openai_responses"], json.dumps(body).encode(), key)
    return int(head.split(b" ")[1]), json.loads(found)


@pytest.mark.parametrize("model", ["open:gpt-5", "gpt-5"], ids=["named", "by itself"])
@pytest.mark.parametrize("restart", [False, True])
@played
async def test_openai_is_told_what_another_provider_has_answered(tmp_path: Path, model: str, restart: bool) -> None:
    async with two(tmp_path, MIXED, KEY) as one:
        _, first = await ask(one, "the first thing")
        if restart:
            await one.restart()
        status, _ = await goes_on(one, model, "the second thing", first["id"])
        assert status == 200
        body = json.loads(one.own.received[-1].body)
        assert "previous_response_id" not in body
        said = [
            (item["role"], item["content"] if isinstance(item["content"], str) else item["content"][0]["text"]) for item in body["input"]
        ]
        assert said == [("user", "the first thing"), ("assistant", "Good day."), ("user", "the second thing")]
        # What OpenAI has answered it keeps itself.
        status, _ = await goes_on(one, model, [{"role": "user", "content": "the third thing"}], OPENAIS)
        assert status == 200
        body = json.loads(one.own.received[-1].body)
        assert body["previous_response_id"] == OPENAIS
        assert len(body["input"]) == 1
        assert one.failures() == {}


@played
async def test_an_item_that_another_provider_has_given_is_written_out_for_openai(tmp_path: Path) -> None:
    async with two(tmp_path, MIXED, KEY) as one:
        _, first = await ask(one, "the first thing")
        given = [{"type": "item_reference", "id": first["output"][0]["id"]}, {"role": "user", "content": "the second thing"}]
        await goes_on(one, "gpt-5", given)
        items = json.loads(one.own.received[-1].body)["input"]
        assert (items[0]["type"], items[0]["content"][0]["text"]) == ("message", "Good day.")
        assert items[1] == given[1]


@played
async def test_what_nobody_here_knows_goes_to_openai_as_it_came(tmp_path: Path) -> None:
    async with two(tmp_path, MIXED, KEY) as one:
        _, first = await ask(one, "the first thing")
        for model, previous, key in (
            ("gpt-5", OPENAIS, KEYS["openai_responses"]),
            ("gpt-5", "resp_none", KEYS["openai_responses"]),
            ("gpt-5", first["id"], b"Authorization: Bearer another"),
        ):
            body = json.dumps({"model": model, "input": "on", "previous_response_id": previous}).encode()
            await one.ask(PATHS["openai_responses"], body, key)
            assert one.own.received[-1].body == body


@played
async def test_an_answer_of_openais_own_is_refused_by_name_elsewhere(tmp_path: Path) -> None:
    async with two(tmp_path, MIXED, KEY) as one:
        status, told = await ask(one, "the second thing", OPENAIS)
        assert (status, told["error"]["code"]) == (400, "previous_response_not_found")
        assert f"{OPENAIS}: OpenAI's own, which keeps it to itself; prov needs the whole conversation" in told["error"]["message"]
        assert not one.other.received + one.own.received
