"""Headers by which clients name themselves: which provider is told what."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.relay.world import field, run
from tests.rig import PATHS, asking, post
from tests.routed import KEYS, two

ROWS = """client_headers:
  - {header: User-Agent, action: pass, backends: [prov]}
  - {header: user-agent, action: drop}
  - {header: X-Title, value: Our app, backends: [prov, anthropic]}
  - {header: HTTP-Referer, value: "https://app.example"}
"""
PROV = "providers:\n  prov: {kind: openai_compatible, url: OTHER, wire: openai_chat, api_key_env: PROV_KEY%s}\n"
KEY = {"PROV_KEY": "server-key"}
NAMED = (b"User-Agent: client/1", b"X-Title: Theirs", b"HTTP-Referer: http://there", b"X-Other: stays")


@pytest.mark.parametrize("memory", ["true", "false"])
@pytest.mark.parametrize(
    ("wire", "title"), [("anthropic", b"Our app"), ("openai_chat", b"Theirs"), ("openai_responses", b"Theirs"), ("gemini", b"Theirs")]
)
def test_the_upstream_of_each_wire_is_told_what_is_set(tmp_path: Path, wire: str, title: bytes, memory: str) -> None:
    async def scene() -> None:
        async with two(tmp_path, PROV % "" + ROWS + f"memory: {{enabled: {memory}}}\n", KEY) as one:
            body = asking(wire, [("user", "Hi.")])
            await one.ask(PATHS[wire], body, KEYS[wire], *NAMED)
            head = one.sent.head
            assert one.sent.body == body
            assert [field(head, name) for name in (b"user-agent", b"x-title", b"x-other")] == [None, title, b"stays"]
            assert head.lower().count(b"http-referer") == head.lower().count(b"x-title") == 1
            assert field(head, b"http-referer") == b"https://app.example"

    run(scene())


def test_what_is_no_conversation_is_presented_the_same(tmp_path: Path) -> None:
    async def scene() -> None:
        async with two(tmp_path, PROV % "" + ROWS, KEY) as one:
            await one.client.send(
                post(one.upstream_port, "/v1/files", b"x" * 100, b"User-Agent: client/1", b"anthropic-version: 2023-06-01")
            )
            await one.client.reply()
            assert [field(one.sent.head, name) for name in (b"user-agent", b"x-title")] == [None, b"Our app"]

    run(scene())


def test_a_routed_request_is_presented_to_its_provider(tmp_path: Path) -> None:
    async def scene() -> None:
        async with two(tmp_path, PROV % ', headers: {X-Title: "The row"}' + ROWS, KEY) as one:
            await one.ask_for("anthropic", "prov:m", *NAMED)
            head = one.got.head
            assert [field(head, name) for name in (b"user-agent", b"x-title")] == [b"client/1", b"The row"]
            assert head.lower().count(b"x-title") == 1
            assert field(head, b"http-referer") == b"https://app.example"

    run(scene())


def test_a_provider_of_another_wire_has_its_own_name(tmp_path: Path) -> None:
    async def scene() -> None:
        async with two(
            tmp_path, "upstream: {wire: openai_chat}\n" + ROWS.replace("prov, anthropic", "openai").replace("prov", "gemini")
        ) as one:
            await one.ask(PATHS["anthropic"], asking("anthropic", [("user", "Hi.")], max_tokens=9), KEYS["anthropic"], *NAMED)
            assert field(one.sent.head, b"x-title") == b"Our app"

    run(scene())


def test_without_a_header_of_the_client_a_set_one_is_there(tmp_path: Path) -> None:
    async def scene() -> None:
        async with two(tmp_path, PROV % "" + ROWS, KEY) as one:
            await one.ask_for("anthropic", "m")
            assert field(one.sent.head, b"x-title") == b"Our app"

    run(scene())
