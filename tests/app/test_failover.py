"""A selector with several ways, and providers that do not answer: the next one does, in its own wire and with its own key."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from tests.relay.world import Received, field, run
from tests.rig import reply
from tests.rivals import Do, says, shows, tells, texts
from tests.rivals import rivals as several
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


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("speaks", ["anthropic", "openai_chat", "gemini"])
@pytest.mark.parametrize("wire", ["anthropic", "gemini", "openai_responses"])
def test_who_answers_with_a_page_gives_way_whatever_it_speaks(tmp_path: Path, wire: str, speaks: str, stream: bool) -> None:
    async def scene() -> None:
        providers: dict[str, tuple[str, Do]] = {"web": (speaks, shows), "good": ("openai_chat", says("Here I am."))}
        async with several(tmp_path, providers) as one:
            head, body = await one.ask_for(wire, "web:a|good:b", stream)
            assert head.startswith(b"HTTP/1.1 200"), (head, body)
            assert b"Here I am." in body
            assert (one.asked("web"), one.asked("good")) == (1, 1)

    run(scene())


@pytest.mark.parametrize("speaks", ["openai_chat", "gemini"])
@pytest.mark.parametrize("body", [b'{"id":"x","choi', b"[7]", b'{"choices":7,"candidates":7}'])
def test_who_answers_with_what_another_wire_is_not_made_of_gives_way(tmp_path: Path, speaks: str, body: bytes) -> None:
    async def garbles(_: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(reply(body))

    async def scene() -> None:
        async with several(tmp_path, {"odd": (speaks, garbles), "good": ("openai_chat", says("Here I am."))}) as one:
            for stream in (False, True):
                head, told = await one.ask_for("anthropic", "odd:a|good:b", stream)
                assert head.startswith(b"HTTP/1.1 200"), (head, told)
                assert b"Here I am." in told

    run(scene())


@pytest.mark.parametrize("wire", ["anthropic", "openai_responses", "gemini"])
@pytest.mark.parametrize("begun", [b"", b'data: {"id":"c","choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}\n\n'])
def test_a_stream_that_is_garbled_before_anything_is_said_gives_way(tmp_path: Path, wire: str, begun: bytes) -> None:
    async def garbles(_: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(reply(begun + b"data: {oops\n\n", b"text/event-stream"))

    async def scene() -> None:
        async with several(tmp_path, {"odd": ("openai_chat", garbles), "good": ("openai_chat", says("Here I am."))}) as one:
            for stream in (False, True):
                head, told = await one.ask_for(wire, "odd:a|good:b", stream)
                assert head.startswith(b"HTTP/1.1 200"), (head, told)
                assert b"Here I am." in told
                head, told = await one.ask_for(wire, "odd:a", stream)
                assert b"is none that its wire has" in told

    run(scene())


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("speaks", ["anthropic", "openai_chat", "openai_responses", "gemini"])
@pytest.mark.parametrize("wire", ["anthropic", "openai_chat", "openai_responses", "gemini"])
def test_who_tells_an_error_before_anything_else_gives_way(tmp_path: Path, wire: str, speaks: str, stream: bool) -> None:
    async def scene() -> None:
        async with several(tmp_path, {"busy": (speaks, tells), "good": (wire, says("Here I am."))}) as one:
            head, body = await one.ask_for(wire, "busy:a|good:b", stream)
            assert head.startswith(b"HTTP/1.1 200"), (head, body)
            assert texts(wire, body, stream) == ("Here I am.", "")
            assert (one.asked("busy"), one.asked("good")) == (1, 1)
            head, body = await one.ask_for(wire, "busy:a", stream)
            assert b"Overloaded" in body

    run(scene())


@pytest.mark.parametrize("wire", ["anthropic", "openai_chat", "openai_responses"])
@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
def test_how_long_google_asks_to_wait_is_told_to_clients_of_other_wires(tmp_path: Path, wire: str, stream: bool) -> None:
    details = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "38.2s"}]

    async def limits(_: Received, writer: asyncio.StreamWriter) -> None:
        error = {"error": {"code": 429, "message": "quota", "status": "RESOURCE_EXHAUSTED", "details": details}}
        writer.write(reply(json.dumps(error).encode(), status=b"429 Too Many Requests"))

    async def scene() -> None:
        async with several(tmp_path, {"g": ("gemini", limits), "good": ("openai_chat", says("Here."))}) as one:
            head, _ = await one.ask_for(wire, "g:a", stream)
            assert head.startswith(b"HTTP/1.1 429"), head
            assert field(head, b"retry-after") == b"39"
            head, _ = await one.ask_for(wire, "g:a|good:b", stream)
            assert field(head, b"x-vc-attempts") == b"g=429, good=200"
            head, _ = await one.ask_for(wire, "g:a|good:b", stream)
            assert field(head, b"x-vc-attempts") == b"g=resting, good=200"

    run(scene())
