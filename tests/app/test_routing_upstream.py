"""A model without a provider in a selector goes where requests go by themselves: to `upstream.url`, where that is set."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.relay.world import run
from tests.routed import KEYS, key_of, two

TEXT = "upstream: {url: OWN}\nproviders:\n  prov: {kind: openai_compatible, url: OTHER, auth: none}\n"


@pytest.mark.parametrize("model", ["big?temperature=0.5", "big|prov:m", "prov:m|big", "[weight=1]big^[weight=0]prov:m"])
@pytest.mark.parametrize("wire", KEYS)
def test_a_model_alone_goes_to_the_upstream_with_the_clients_key(tmp_path: Path, wire: str, model: str) -> None:
    async def scene() -> None:
        async with two(tmp_path, TEXT) as one:
            one.other.failing = 1
            name = model.replace("?", "%3F").replace("/", "%2F") if wire == "gemini" else model
            status, body = await one.ask_for(wire, name)
            assert status == 200, body
            asked = one.own.received[-1]
            assert b"client-key" in b"".join(key_of(asked).values())
            assert b"big" in asked.head + asked.body
            assert b"prov:" not in asked.head + asked.body

    run(scene())


@pytest.mark.parametrize("model", ["prov.x:m", "prov.9z:m|prov:m", "prov.:m"])
def test_an_instance_that_is_no_number_is_told(tmp_path: Path, model: str) -> None:
    async def scene() -> None:
        async with two(tmp_path, TEXT) as one:
            status, body = await one.ask_for("openai_chat", model)
            assert status == 400
            assert "the instance of a provider is a number, as in prov.1" in body["error"]["message"]
            assert not one.own.received + one.other.received

    run(scene())


def test_a_provider_that_is_named_is_itself(tmp_path: Path) -> None:
    async def scene() -> None:
        async with two(tmp_path, "upstream: {url: OWN, openai: OTHER}\nrouting: {seed: 1}\n") as one:
            status, _ = await one.ask_for("openai_chat", "openai:gpt-4.1")
            assert (status, len(one.other.received), len(one.own.received)) == (200, 1, 0)

    run(scene())


def test_of_several_ports_each_has_its_own(tmp_path: Path) -> None:
    ports = "proxy: {instances: [{port: 5757, upstream: OWN}, {port: 5758, upstream: 'https://llm.example'}]}\n"

    async def scene() -> None:
        async with two(tmp_path, ports + TEXT.partition("\n")[2]) as one:
            status, body = await one.ask_for("openai_chat", "big?temperature=0.5")
            assert (status, len(one.own.received), len(one.other.received)) == (200, 1, 0), body

    run(scene())


@pytest.mark.parametrize("other", ["OTHER", "OWN/elsewhere"])
def test_ports_on_one_host_are_told_apart(tmp_path: Path, other: str) -> None:
    """By the port and by the path of their upstreams."""
    ports = f"proxy: {{instances: [{{port: 5757, upstream: OWN}}, {{port: 5758, upstream: '{other}'}}]}}\n"

    async def scene() -> None:
        async with two(tmp_path, ports + TEXT.partition("\n")[2]) as one:
            for model in ("big?temperature=0.5", "big|prov:m"):
                status, body = await one.ask_for("openai_chat", model)
                assert status == 200, body
                assert b"POST /v1/chat" in one.own.received[-1].head
            assert (len(one.own.received), len(one.other.received)) == (2, 0)
            await one.ask("/v1/embeddings", b'{"model":"vector|prov:v","input":"Hi."}', KEYS["openai_chat"])
            assert len(one.own.received) == 3

    run(scene())


def test_so_has_what_is_asked_beside_conversations(tmp_path: Path) -> None:
    async def scene() -> None:
        async with two(tmp_path, TEXT) as one:
            await one.ask("/v1/embeddings", b'{"model":"vector|prov:v","input":"Hi."}', KEYS["openai_chat"])
            assert [b'"vector"' in received.body for received in one.own.received] == [True]

    run(scene())
