"""What one wire asks for and no other can give: refused by name, told beforehand."""

from __future__ import annotations

import json
from typing import Any

import pytest

from backstory.errors import DocumentError
from backstory.wires import WIRES
from backstory.wires.translation.tongues import TONGUES
from backstory.wires.translation.translate import Translated

BY_NAME = {tongue.name: tongue for tongue in TONGUES}
PATHS = {"gemini": "/v1beta/models/m:generateContent"}
BODIES: dict[str, dict[str, Any]] = {
    "openai_chat": {"model": "m", "messages": [{"role": "user", "content": "Hi"}]},
    "openai_responses": {"model": "m", "input": "Hi"},
    "gemini": {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]},
}


def lost(client: str, provider: str, more: dict[str, Any]) -> dict[str, str]:
    wire = next(wire for wire in WIRES if wire.name == provider)
    exchange = Translated(BY_NAME[client], BY_NAME[provider], wire, PATHS.get(client, ""), "")
    exchange.ask(json.dumps(BODIES[client] | more).encode())
    return {loss.what: loss.how for loss in exchange.losses}


@pytest.mark.parametrize("provider", ["anthropic", "openai_responses", "gemini"])
def test_a_spoken_answer_is_refused_and_a_written_one_is_not(provider: str) -> None:
    spoken = {"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "wav"}}
    assert lost("openai_chat", provider, spoken)["modalities"] == "refused"
    assert "modalities" not in lost("openai_chat", provider, {"modalities": ["text"]})


@pytest.mark.parametrize("provider", ["anthropic", "openai_chat", "openai_responses"])
@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (["IMAGE"], {"responseModalities": "refused"}),
        (["AUDIO"], {"responseModalities": "refused"}),
        (["TEXT", "IMAGE"], {"generationConfig.responseModalities": "dropped"}),
        (["TEXT"], {}),
        ([], {}),
    ],
)
def test_an_answer_without_words_is_refused_and_one_that_may_show_something_is_not(
    provider: str, wanted: list[str], found: dict[str, str]
) -> None:
    assert lost("gemini", provider, {"generationConfig": {"responseModalities": wanted}}) == found


def test_how_many_probabilities_is_told_as_lost_where_none_were_asked_for() -> None:
    assert lost("openai_responses", "gemini", {"top_logprobs": 2}) == {"top_logprobs": "dropped"}
    assert lost("openai_responses", "gemini", {"top_logprobs": 2, "include": ["message.output_text.logprobs"]}) == {}


@pytest.mark.parametrize("given", [{}, [{}], [{"id": "x"}]])
def test_input_that_says_nothing_of_what_it_is_is_refused(given: object) -> None:
    with pytest.raises(DocumentError, match="neither its type nor its role"):
        lost("openai_responses", "openai_chat", {"input": given})


@pytest.mark.parametrize("given", [{"role": "user", "content": "Hi"}, [{"content": "Hi"}], ["Hi"], "Hi"])
def test_input_that_says_what_it_is_is_understood(given: object) -> None:
    assert lost("openai_responses", "openai_chat", {"input": given}) == {}
