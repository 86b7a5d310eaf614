"""Questions for the size of a prompt, between the wires: asked where the provider's wire can, estimated where it cannot."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backstory.core.tokens import count
from backstory.core.translation import Asked, Said, Sight, Words
from backstory.errors import DocumentError
from backstory.wires.token_counts import ASKED, TokenCount, estimated
from backstory.wires.translation.tongues import TONGUES

TONGUE = {tongue.name: tongue for tongue in TONGUES}
ASKING: dict[str, tuple[str, dict[str, Any]]] = {
    "anthropic": (
        "/v1/messages/count_tokens",
        {
            "model": "m",
            "system": "Be kind.",
            "messages": [{"role": "user", "content": "Hello there"}],
            "tools": [{"name": "look", "input_schema": {}}],
        },
    ),
    "openai_responses": (
        "/v1/responses/input_tokens",
        {
            "model": "m",
            "instructions": "Be kind.",
            "input": "Hello there",
            "tools": [{"type": "function", "name": "look", "parameters": {}}],
        },
    ),
    "gemini": (
        "/v1beta/models/m:countTokens",
        {
            "generateContentRequest": {
                "model": "models/m",
                "systemInstruction": {"parts": [{"text": "Be kind."}]},
                "contents": [{"role": "user", "parts": [{"text": "Hello there"}]}],
                "tools": [{"functionDeclarations": [{"name": "look"}]}],
            }
        },
    ),
}
PLACES = {
    "anthropic": "/v1/messages/count_tokens",
    "openai_responses": "/v1/responses/input_tokens",
    "gemini": "/v1beta/models/m:countTokens",
}
SAID = {
    "anthropic": {"input_tokens": 17},
    "openai_responses": {"object": "response.input_tokens", "input_tokens": 17},
    "gemini": {"totalTokens": 17},
}
PAIRS = pytest.mark.parametrize(("client", "provider"), [(one, other) for one in ASKING for other in SAID if one != other])


def question(client: str, provider: str) -> tuple[TokenCount, bytes]:
    path, body = ASKING[client]
    found = ASKED.fullmatch(path)
    assert found is not None
    assert found.lastgroup == client
    one = TokenCount(TONGUE[client], TONGUE[provider], path, "")
    raw = json.dumps(body).encode()
    one.read(raw)
    return one, one.ask(raw)


@PAIRS
def test_the_provider_is_asked_in_its_own_words(client: str, provider: str) -> None:
    one, out = question(client, provider)
    assert one.place() == PLACES[provider]
    asked = json.loads(out)
    asked = asked.get("generateContentRequest", asked)
    assert "Hello there" in str(asked)
    assert "Be kind." in str(asked)
    assert "look" in str(asked["tools"])
    assert asked["model"] == ("models/m" if provider == "gemini" else "m")
    assert not {"max_tokens", "stream", "store", "generationConfig"} & set(asked)


@PAIRS
def test_its_count_is_told_in_the_clients_wire(client: str, provider: str) -> None:
    one, _ = question(client, provider)
    one.begin(200, ())
    status, body = one.whole(json.dumps(SAID[provider]).encode())
    assert (status, json.loads(body)) == (200, SAID[client])
    assert one.learnt == ((b"X-VC-Count", b"provider"),)


@PAIRS
@pytest.mark.parametrize(("status", "body"), [(404, b"not here"), (405, b""), (200, b'{"error":"Unexpected endpoint"}'), (200, b"<html>")])
def test_where_the_provider_does_not_know_the_question_it_is_estimated(client: str, provider: str, status: int, body: bytes) -> None:
    one, _ = question(client, provider)
    one.begin(status, ())
    status, body = one.whole(body)
    found = json.loads(body)
    assert status == 200
    assert 10 < found.get("totalTokens", found.get("input_tokens")) < 60
    assert one.learnt == ((b"X-VC-Count", b"estimate"),)


@PAIRS
def test_an_error_is_an_error(client: str, provider: str) -> None:
    one, _ = question(client, provider)
    one.begin(401, ())
    status, body = one.whole(b'{"error":{"type":"authentication_error","message":"no key"}}')
    assert status == 401
    assert json.loads(body)["error"]["message"] == "no key"
    assert one.learnt == ()


@pytest.mark.parametrize("client", list(ASKING))
def test_a_provider_of_chat_completions_is_not_asked(client: str) -> None:
    _, out = question(client, "openai_chat")
    assert out == b""


def test_a_gemini_client_may_leave_out_the_rest_of_the_request() -> None:
    one = TokenCount(TONGUE["gemini"], TONGUE["anthropic"], "/v1beta/models/m:countTokens", "")
    asked = one.read(b'{"contents":[{"parts":[{"text":"Hello"}]}]}')
    assert (asked.model, asked.said[0].pieces[0]) == ("m", Words("Hello"))


@pytest.mark.parametrize("client", list(ASKING))
def test_what_cannot_be_read_is_told(client: str) -> None:
    one = TokenCount(TONGUE[client], TONGUE["openai_chat"], ASKING[client][0], "")
    with pytest.raises(DocumentError):
        one.read(b"[]")


@given(st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=80), min_size=1, max_size=5))
@settings(max_examples=60, deadline=None)
def test_more_text_is_never_fewer_tokens(texts: list[str]) -> None:
    sizes = [
        estimated(Asked("m", False, (), tuple([Said("user", (Words(text),)) for text in texts[:end]]))) for end in range(len(texts) + 1)
    ]
    assert sizes == sorted(sizes)


def test_an_estimate_of_prose_is_near_and_not_below() -> None:
    prose = "The mate of the ship wrote in the log that the harbour lay to the north, beyond the red buoy. " * 40
    found = estimated(Asked("m", False, (Words(prose),), (Said("user", (Words(prose),)),)))
    exact = 2 * count(prose)
    assert exact <= found <= 1.2 * exact


def test_an_image_counts_by_its_size_and_others_by_what_is_usual() -> None:
    def of(sight: Sight) -> int:
        return estimated(Asked("m", False, (), (Said("user", (sight,)),))) - estimated(Asked("m", False, (), (Said("user", ()),)))

    png = "iVBORw0KGgoAAAANSUhEUgAAAu4AAAH0CAAAAAA="  # 750 by 500
    assert of(Sight("image", "image/png", png)) == 500
    assert of(Sight("image", url="https://example.com/a.png")) == 1500
    assert of(Sight("document", "application/pdf", "A" * 400_000)) == 12_000
    assert of(Sight("document", "text/plain", "Hello there", plain=True)) < 10
