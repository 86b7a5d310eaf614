"""Counts, embeddings and lists of models of providers that are paid with tokens, signatures, or as an extension says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.app.gateway.test_tokens import CLIENT, EXTENSION, taking
from tests.extending import install
from tests.relay.world import Received, field, run
from tests.rig import reply
from tests.routed import KEYS, key_of, two

COUNT = ("/v1/messages/count_tokens", {"model": "prov:m", "messages": [{"role": "user", "content": "Hi."}]}, KEYS["anthropic"])
EMBED = ("/v1/embeddings", {"model": "prov:m", "input": "Hi."}, KEYS["openai_chat"])
OWN = {"/v1/messages/count_tokens": "anthropic_compatible", "/v1/embeddings": "openai_compatible"}


def counting(received: Received) -> bytes | None:
    given = taking(b"token-1")(received)
    return given if given is not None and b"401" in given[:20] else reply(b'{"input_tokens":41,"data":[]}')


@pytest.mark.parametrize(("path", "asked", "key"), [COUNT, EMBED])
def test_a_token_that_was_revoked_is_renewed(tmp_path: Path, path: str, asked: dict[str, object], key: bytes) -> None:
    text = f"providers:\n  prov: {{kind: {OWN[path]}, url: OTHER, {CLIENT}}}\n"

    async def scene() -> None:
        async with two(tmp_path, text, {"SECRET": "s"}, answers=counting) as one:
            for _ in range(2):
                head, raw = await one.ask(path, json.dumps(asked).encode(), key)
                assert head.startswith(b"HTTP/1.1 200"), (head, raw)
            assert [key_of(received)["authorization"] for received in one.other.received] == [b"Bearer token-1"] + [b"Bearer token-2"] * 2
            assert len(one.forms) == 2

    run(scene())


def test_what_an_extension_pays_with_and_a_signature_go_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path / "packages", "mine", "1", {"backstory.providers": {"mine": "counted_beside:COUNTED"}}, {"counted_beside": EXTENSION})
    monkeypatch.syspath_prepend(str(tmp_path / "packages"))
    given = "{kind: openai_compatible, url: OTHER, auth: counted, api_key_env: MY_KEY, scopes: all}"
    signed = "{kind: bedrock, url: OTHER, auth: aws, values: {region: x}}"
    text = f"extensions: [mine]\nproviders:\n  prov: {given}\n  cloud: {signed}\n"
    environ = {"MY_KEY": "k", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}

    async def scene() -> None:
        async with two(tmp_path, text, environ, answers=counting) as one:
            path, asked, key = EMBED
            for model in ("prov:m", "cloud:m"):
                head, raw = await one.ask(path, json.dumps({**asked, "model": model}).encode(), key)
                assert head.startswith(b"HTTP/1.1 200"), (head, raw)
            first, second = one.other.received
            assert field(first.head, b"x-token") == b"t1"
            assert (field(second.head, b"authorization") or b"").startswith(b"AWS4-HMAC-SHA256")
            assert b"client-key" not in first.head + second.head

    run(scene())


def test_a_list_that_was_refused_asks_for_another_token(tmp_path: Path) -> None:
    text = f"providers:\n  prov: {{kind: openai_compatible, url: OTHER, {CLIENT}}}\n  other: {{kind: groq, models: [m]}}\n"

    def listing(received: Received) -> bytes | None:
        given = taking(b"token-1")(received)
        return given if given is not None and b"401" in given[:20] else reply(b'{"object":"list","data":[{"id":"one"}]}')

    async def scene() -> None:
        async with two(tmp_path, text, {"SECRET": "s", "GROQ_API_KEY": "g"}, answers=listing) as one:
            lines = (b"GET /v1/models HTTP/1.1", b"Host: x", KEYS["openai_chat"])
            found = []
            for _ in range(2):
                await one.client.send(b"\r\n".join(lines) + b"\r\n\r\n")
                found.append(await one.client.reply())
            assert [b"prov:one" in raw for _, raw in found] == [False, True]
            assert b"prov=401" in found[0][0]

    run(scene())
