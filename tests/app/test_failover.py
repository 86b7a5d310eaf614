"""A selector with several ways, and providers that do not answer: the next one does, in its own wire and with its own key."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.relay.world import run
from tests.routed import KEYS, key_of, speaking, two

PROVIDERS = (
    "providers:\n  dead: {kind: anthropic, url: 'http://127.0.0.1:9', auth: none}\n  prov: {kind: groq, url: OTHER}\n"
    "  claude: {kind: anthropic, url: OTHER, auth: none}\n"
)


def test_the_next_way_answers_in_its_own_wire(tmp_path: Path) -> None:
    async def scene() -> None:
        async with two(tmp_path, PROVIDERS, {"GROQ_API_KEY": "k"}) as one:
            status, body = await one.ask_for("anthropic", "dead:x|prov:m|claude:c")
            assert (status, body["type"]) == (200, "message")
            assert speaking(one.got) == "openai_chat"
            assert key_of(one.got) == {"authorization": b"Bearer k"}
            assert json.loads(one.got.body)["model"] == "m"
            status, _ = await one.ask_for("anthropic", "dead:x|claude:c?temperature=0.5")
            assert status == 200
            newest = one.other.received[-1]
            assert speaking(newest) == "anthropic"
            assert (json.loads(newest.body)["model"], json.loads(newest.body)["temperature"]) == ("c", 0.5)
            assert key_of(newest) == {}

    run(scene())


@pytest.mark.parametrize("path", ["/v1beta/models/prov:m:generateContent", "/v1beta/models/prov:m%7Cprov:n:generateContent"])
def test_a_client_of_gemini_that_names_a_selector_is_asked_for_again(tmp_path: Path, path: str) -> None:
    text = "resilience: {retries: 2, backoff_s: 0.01}\nproviders:\n  prov: {kind: openai_compatible, url: OTHER, auth: none}\n"

    async def scene() -> None:
        async with two(tmp_path, text) as one:
            one.other.failing = 2
            head, _ = await one.ask(path, b'{"contents":[{"role":"user","parts":[{"text":"Hi"}]}]}', KEYS["gemini"])
            assert head.startswith(b"HTTP/1.1 200")
            assert [json.loads(received.body)["model"] for received in one.other.received] == ["m"] * 3

    run(scene())
