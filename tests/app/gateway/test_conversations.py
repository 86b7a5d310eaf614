"""Conversations of OpenAI Responses at providers that keep none: requests that go on with one by its id, and the ids themselves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from backstory.app.house import PortHouse
from tests.app.gateway.test_keeping import played
from tests.rig import PATHS, post
from tests.routed import KEYS, Two, two

KEY = KEYS["openai_responses"]
ROUTED = "providers:\n  prov: {kind: openai_compatible, url: OTHER, wire: %s, api_key_env: PROV_KEY}\n"
ONE = "upstream: {wire: %s}\n"
ENV = {"PROV_KEY": "server-key"}
WORDS = (b"the first thing", b"Good day.", b"the second thing", b"the third thing")


async def asking(
    one: Two, text: str, talk: object, stream: bool = False, key: bytes = KEY, **more: Any
) -> tuple[int, dict[str, Any], list[bool]]:
    """Status, answer, and which of the words the provider got."""
    model = "prov:m" if "prov" in one.config.providers else "m"
    body = {"model": model, "input": text, "conversation": talk, "stream": stream, **more}
    before = len(one.own.received) + len(one.other.received)
    head, raw = await one.ask(PATHS["openai_responses"], json.dumps(body).encode(), key)
    status = int(head.split(b" ")[1])
    got = [*one.own.received, *one.other.received]
    seen = [word in got[-1].body for word in WORDS] if len(got) > before else []
    if not stream or status != 200:
        return status, json.loads(raw), seen
    last = [line for line in raw.split(b"\n") if line.startswith(b"data: ")][-1]
    return status, json.loads(last[6:])["response"], seen


async def about(one: Two, method: str, name: str = "", body: bytes = b"", key: bytes = KEY) -> tuple[int, dict[str, Any]]:
    path = f"/v1/conversations/{name}" if name else "/v1/conversations"
    await one.client.send(post(one.upstream_port, path, body, key).replace(b"POST", method.encode(), 1))
    head, raw = await one.client.reply()
    return int(head.split(b" ")[1]), json.loads(raw)


@pytest.mark.parametrize("memory", ["true", "false"])
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("text", [ROUTED % "anthropic", ROUTED % "gemini", ONE % "openai_chat"])
@played
async def test_a_client_goes_on_with_a_conversation(tmp_path: Path, text: str, stream: bool, memory: str) -> None:
    async with two(tmp_path, text + f"memory: {{enabled: {memory}}}\n", ENV) as one:
        _, first, seen = await asking(one, "the first thing", "conv_mine", stream)
        assert (first["conversation"], first["previous_response_id"], seen[0]) == ({"id": "conv_mine"}, None, True)
        _, _, seen = await asking(one, "the second thing", {"id": "conv_mine"}, stream)
        assert seen == [True, True, True, False]
        _, _, seen = await asking(one, "the third thing", "conv_mine", stream, store=False)
        assert seen == [True, True, True, True]
        _, _, seen = await asking(one, "the third thing", "conv_other", stream)
        assert seen == [False, False, False, True]
        _, _, seen = await asking(one, "the third thing", "conv_mine", stream, b"Authorization: Bearer another")
        assert seen == [False, False, False, True]
        assert one.failures() == {}


@pytest.mark.parametrize("text", [ROUTED % "openai_chat", ONE % "openai_chat"])
@played
async def test_it_goes_on_after_a_restart(tmp_path: Path, text: str) -> None:
    async with two(tmp_path, text, ENV) as one:
        await asking(one, "the first thing", "conv_mine")
        await one.restart()
        _, _, seen = await asking(one, "the second thing", "conv_mine")
        assert seen == [True, True, True, False]
        assert one.failures() == {}


@played
async def test_a_conversation_is_begun_looked_for_and_ended(tmp_path: Path) -> None:
    async with two(tmp_path, ONE % "openai_chat") as one:
        items = [{"type": "message", "role": "user", "content": "the first thing"}]
        status, made = await about(one, "POST", body=json.dumps({"items": items, "metadata": {"a": "b"}}).encode())
        assert (status, made["object"], made["metadata"]) == (200, "conversation", {"a": "b"})
        name = made["id"]
        assert await about(one, "GET", name) == (200, {**made, "metadata": {}})
        assert (await about(one, "GET", name, key=b"Authorization: Bearer another"))[0] == 404
        await one.restart()
        _, _, seen = await asking(one, "the second thing", name)
        assert seen == [True, False, True, False]
        assert await about(one, "DELETE", name) == (200, {"id": name, "object": "conversation.deleted", "deleted": True})
        assert (await about(one, "GET", name))[0] == 404
        status, told, seen = await asking(one, "the third thing", name)
        assert (status, seen) == (400, [])
        assert told["error"]["message"].startswith("conversation: the provider keeps none")
        assert one.failures() == {}


@played
async def test_one_that_begins_with_nothing_is_there(tmp_path: Path) -> None:
    async with two(tmp_path, ONE % "anthropic") as one:
        _, made = await about(one, "POST")
        status, _, seen = await asking(one, "the first thing", made["id"])
        assert (status, seen) == (200, [True, False, False, False])
        assert (await about(one, "POST", body=b"{"))[0] == 400
        assert (await about(one, "POST", body=b'{"items":[1]}'))[0] == 400
        assert not [received for received in one.own.received if b"conversations" in received.head]


@pytest.mark.parametrize("text", [ROUTED % "openai_chat", ONE % "openai_chat"])
@played
async def test_one_of_openais_own_that_is_not_known_here_is_refused_by_its_name(tmp_path: Path, text: str) -> None:
    async with two(tmp_path, text, ENV) as one:
        status, told, seen = await asking(one, "the first thing", "conv_" + "0" * 48)
        assert (status, seen) == (400, [])
        assert told["error"]["message"].startswith("conversation: the provider keeps none")


@pytest.mark.parametrize("text", ["", ONE % "openai_responses"])
@played
async def test_a_provider_that_keeps_them_answers_itself(tmp_path: Path, text: str) -> None:
    async with two(tmp_path, text or "memory: {enabled: true}\n") as one:
        await about(one, "POST", body=b"{}")
        assert b"/v1/conversations" in one.own.received[0].head


@pytest.mark.parametrize("text", [ROUTED % "openai_chat", ONE % "openai_chat"])
@pytest.mark.parametrize("made", [True, False])
@played
async def test_what_was_forgotten_does_not_go_on(tmp_path: Path, text: str, made: bool) -> None:
    async with two(tmp_path, text, ENV) as one:
        name = (await about(one, "POST"))[1]["id"] if made and "upstream" in text else "conv_mine"
        await asking(one, "the first thing", name)
        await asking(one, "the second thing", name)
        lanes = one.engine._lanes
        assert lanes is not None
        await lanes.flush()
        conversation = await lanes.read(lambda store: store.alias("", f"response:{name}"))
        assert conversation is not None
        await lanes.write(lambda store: store.forget("", conversation, now=one.engine._clock()))
        await one.engine._forgotten.look()
        status, _, seen = await asking(one, "the third thing", name)
        assert (status, seen) == ((200, [False, False, False, True]) if name == "conv_mine" else (400, []))
        await lanes.flush()
        assert b"the first thing" not in (tmp_path / "memory.db").read_bytes()


@played
async def test_that_it_begins_is_told_once(tmp_path: Path) -> None:
    async with two(tmp_path, ONE % "openai_chat") as one:
        told = []
        for _ in range(2):
            body = json.dumps({"model": "m", "input": "Hi", "conversation": "conv_mine"}).encode()
            head, _ = await one.ask(PATHS["openai_responses"], body, KEY)
            told.append(b"conversation changed" in head)
        assert told == [True, False]


@played
async def test_another_process_goes_on_with_what_this_one_said(tmp_path: Path) -> None:
    """What is held of a conversation may be older than what is stored of it."""
    async with two(tmp_path, ONE % "openai_chat") as one:
        await asking(one, "the first thing", "conv_mine")
        house: PortHouse = one.house
        assert house._over._translating is not None
        kept = house._over._translating._keeping.kept
        whose = next(iter(kept._found))[0]
        before, size = kept.get(whose, "conv_mine")
        await asking(one, "the second thing", "conv_mine")
        kept.put(whose, "conv_mine", before, size)
        _, _, seen = await asking(one, "the third thing", "conv_mine")
        assert seen == [True, True, True, True]


@played
async def test_tokens_are_counted_with_all_of_it(tmp_path: Path) -> None:
    async with two(tmp_path, ONE % "openai_chat") as one:
        await asking(one, "the first thing " * 100, "conv_mine")
        counts = []
        for name in ("conv_mine", "conv_other", "conv_" + "0" * 48):
            body = json.dumps({"model": "m", "input": "two", "conversation": name}).encode()
            head, found = await one.ask("/v1/responses/input_tokens", body, KEY)
            counts.append(json.loads(found).get("input_tokens", head.split(b" ")[1]))
        assert counts[0] > 300 > counts[1]
        assert counts[2] == b"400"
