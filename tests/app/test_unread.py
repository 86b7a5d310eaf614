"""Requests that the proxy cannot read, on a port whose requests are routed: none goes where its client has not sent it."""

from __future__ import annotations

import gzip
import json
import zlib
from pathlib import Path

import pytest

from tests.relay.world import run
from tests.routed import KEYS, two

PROVIDER = "providers:\n  prov: {kind: openai_compatible, url: OTHER, api_key_env: PROV_KEY}\n"
KEY = {"PROV_KEY": "server-key"}
ALIAS = "model_aliases: [{pattern: '^gpt', replacement: 'prov:m'}]\n"
PLACES = {"openai_chat": "/v1/chat/completions", "anthropic": "/v1/messages", "openai_responses": "/v1/responses"}
BODIES = {
    "half a character": b'{"model":"MODEL","messages":[{"role":"user","content":"cut \\ud83d"}]}',
    "a mark of byte order": b'\xef\xbb\xbf{"model":"MODEL","messages":[]}',
    "two bytes a character": '{"model":"MODEL","messages":[]}'.encode("utf-16"),
    "not a number": b'{"temperature":NaN,"model":"MODEL","messages":[]}',
    "a control character": b'{"model":"MODEL","messages":[{"role":"user","content":"one\ntwo \x01"}]}',
    "a comma too many": b'{"messages":[{"model":"x"},],"mod\\u0065l":"MODEL",}',
    "its end missing": b'{"model":"MODEL","messages":[{"role":"user","content":"quo\\"ted',
    "more behind it": b'{"model":"MODEL","messages":[]}more',
    "two models": b'{"model":"MODEL","model":"other","messages":NaN}',
}


def named(body: bytes, model: str) -> bytes:
    if body.startswith((b"\xff\xfe", b"\xfe\xff")):
        return body.decode("utf-16").replace("MODEL", model).encode("utf-16")
    return body.replace(b"MODEL", model.encode())


@pytest.mark.parametrize("body", BODIES.values(), ids=list(BODIES))
@pytest.mark.parametrize(("wire", "model"), [("openai_chat", "prov:m"), ("anthropic", "gpt-5"), ("openai_responses", "gpt-5")])
def test_what_cannot_be_read_and_would_be_routed_is_refused(tmp_path: Path, body: bytes, wire: str, model: str) -> None:
    async def scene() -> None:
        async with two(tmp_path, PROVIDER + ALIAS, KEY) as one:
            head, raw = await one.ask(PLACES[wire], named(body, model), KEYS[wire])
            assert head.startswith(b"HTTP/1.1 400"), (head, raw)
            said = json.loads(raw)["error"]
            assert f"cannot be routed to where '{model}' goes" in said["message"]
            assert (json.loads(raw).get("type") == "error") == (wire == "anthropic")
            assert not one.own.received
            assert not one.other.received

    run(scene())


@pytest.mark.parametrize("body", BODIES.values(), ids=list(BODIES))
def test_what_cannot_be_read_and_would_not_be_routed_goes_up_as_it_came(tmp_path: Path, body: bytes) -> None:
    async def scene() -> None:
        async with two(tmp_path, PROVIDER + ALIAS, KEY) as one:
            sent = named(body, "some-model")
            await one.ask("/v1/chat/completions", sent, KEYS["openai_chat"])
            assert one.sent.body == sent
            assert not one.other.received

    run(scene())


@pytest.mark.parametrize(
    "sent", [b'[{"model":"prov:m"},]', b'{"messages":[{"model":"prov:m"},],"x":"prov:m"}', b"prov:m", b'{"model":null}']
)
def test_a_model_is_what_stands_on_the_top_level(tmp_path: Path, sent: bytes) -> None:
    async def scene() -> None:
        async with two(tmp_path, PROVIDER, KEY) as one:
            await one.ask("/v1/chat/completions", sent, KEYS["openai_chat"])
            assert one.sent.body == sent

    run(scene())


@pytest.mark.parametrize("coding", [b"foo", b"gzip, gzip", b"gzip"])
def test_a_coding_that_is_not_understood_is_told_where_requests_are_routed(tmp_path: Path, coding: bytes) -> None:
    async def scene() -> None:
        async with two(tmp_path, PROVIDER, KEY) as one:
            body = zlib.compress(b'{"model":"prov:m","messages":[]}')
            head, raw = await one.ask("/v1/chat/completions", body, KEYS["openai_chat"], b"Content-Encoding: " + coding)
            assert head.startswith(b"HTTP/1.1 400"), (head, raw)
            assert "content coding of its body is not understood" in json.loads(raw)["error"]["message"]
            assert not one.own.received

    run(scene())


def test_a_body_that_says_it_has_no_coding_is_routed(tmp_path: Path) -> None:
    async def scene() -> None:
        async with two(tmp_path, PROVIDER, KEY) as one:
            body = b'{"model":"prov:m","messages":[{"role":"user","content":"Hi"}]}'
            await one.ask("/v1/chat/completions", body, KEYS["openai_chat"], b"Content-Encoding: identity")
            assert json.loads(one.got.body)["model"] == "m"

    run(scene())


@pytest.mark.parametrize("path", ["/v1/embeddings", "/v1/messages/count_tokens", "/v1/responses/input_tokens"])
@pytest.mark.parametrize(
    ("sent", "coding", "said"),
    [
        (b'{"model":"prov:m","input":"cut \\ud83d"}', b"identity", "cannot be routed to where 'prov:m' goes"),
        (gzip.compress(b'{"model":"prov:m","input":"x"}', mtime=0), b"gzip", "cannot be routed in a content coding"),
        (b"prov:m", b"foo", "content coding of its body is not understood"),
    ],
)
def test_what_is_asked_beside_conversations_is_refused_alike(tmp_path: Path, path: str, sent: bytes, coding: bytes, said: str) -> None:
    async def scene() -> None:
        async with two(tmp_path, PROVIDER, KEY) as one:
            head, raw = await one.ask(path, sent, KEYS["openai_chat"], b"Content-Encoding: " + coding)
            assert head.startswith(b"HTTP/1.1 400"), (head, raw)
            assert said in json.loads(raw)["error"]["message"]
            assert not one.own.received
            assert not one.other.received

    run(scene())


@pytest.mark.parametrize(
    "sent", [b'{"model":"m","input":"cut \\ud83d"}', b'{"input":"x"}', b"", b"{", b'["model","model"]', b'[{"model":"a"},{"model":"b"}]']
)
def test_what_is_asked_beside_conversations_goes_up_as_it_came(tmp_path: Path, sent: bytes) -> None:
    async def scene() -> None:
        async with two(tmp_path, PROVIDER + ALIAS, KEY) as one:
            await one.ask("/v1/embeddings", sent, KEYS["openai_chat"])
            assert one.sent.body == sent
            coded = gzip.compress(b'{"model":"m","input":"x"}', mtime=0)
            await one.ask("/v1/embeddings", coded, KEYS["openai_chat"], b"Content-Encoding: gzip")
            assert one.own.received[-1].body == coded

    run(scene())


TWICE = {
    "the first is routed": (
        b'{"model":"prov:m","messages":[{"role":"user","content":"Hi"}],"model":"some-model"}',
        "'prov:m', 'some-model'",
    ),
    "the last is routed": (
        b'{"model":"some-model","messages":[{"role":"user","content":"Hi"}],"model":"prov:m"}',
        "'some-model', 'prov:m'",
    ),
    "spelled out": (b'{"mod\\u0065l":"prov:m","messages":[],"model":"some-model"}', "'prov:m', 'some-model'"),
}


@pytest.mark.parametrize(("body", "said"), TWICE.values(), ids=list(TWICE))
@pytest.mark.parametrize("path", [*PLACES.values(), "/v1/embeddings", "/v1/messages/count_tokens"])
def test_a_body_that_names_two_models_goes_nowhere_where_requests_are_routed(tmp_path: Path, path: str, body: bytes, said: str) -> None:
    async def scene() -> None:
        async with two(tmp_path, PROVIDER + ALIAS, KEY) as one:
            head, raw = await one.ask(path, body, KEYS["openai_chat"])
            assert head.startswith(b"HTTP/1.1 400"), (head, raw)
            assert f"several models ({said})" in json.loads(raw)["error"]["message"]
            assert not one.own.received + one.other.received

    run(scene())


def test_a_model_that_stands_elsewhere_or_twice_the_same_is_one_model(tmp_path: Path) -> None:
    async def scene() -> None:
        async with two(tmp_path, PROVIDER + ALIAS, KEY) as one:
            for sent in (
                b'{"model":"m","messages":[{"role":"user","content":"Hi"}],"metadata":{"model":"x"}}',
                b'{"model":"m","messages":[{"role":"user","content":"Hi"}],"model":"m"}',
            ):
                await one.ask("/v1/chat/completions", sent, KEYS["openai_chat"])
                assert one.sent.body == sent
            body = b'{"model":"prov:m","messages":[{"role":"user","content":"\\"model\\": and \\u0065"}],"metadata":{"model":"x"}}'
            await one.ask("/v1/chat/completions", body, KEYS["openai_chat"])
            assert json.loads(one.other.received[0].body)["model"] == "m"

    run(scene())


def test_where_nothing_is_routed_a_body_with_two_models_goes_up_as_it_came(tmp_path: Path) -> None:
    async def scene() -> None:
        async with two(tmp_path, "upstream: {url: OWN}\n") as one:
            sent = TWICE["the first is routed"][0]
            await one.ask("/v1/chat/completions", sent, KEYS["openai_chat"])
            assert one.sent.body == sent

    run(scene())
