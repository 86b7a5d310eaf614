"""The official SDKs through a real proxy to providers that a model's name selects: with tools, streamed and whole, memory in between."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import anthropic
import openai
import pytest

from .clients import Chat, Client, Gemini, Messages, Responses
from .conftest import Provider, Proxy
from .test_translation import looking

CLIENTS = {"anthropic": Messages, "openai_chat": Chat, "openai_responses": Responses, "gemini": Gemini}
SETTINGS = """
providers:
  claude: {kind: anthropic, url: ONE, api_key_env: CLAUDE_KEY}
  gpt: {kind: openai, url: TWO, api_key_env: GPT_KEY}
model_aliases:
  - {pattern: "^(claude|gemini)", replacement: "gpt:gpt-4o-mini"}
  - {pattern: "^gpt-", replacement: "claude:claude-sonnet-4-5?max_tokens=500"}
"""


@pytest.fixture
def pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Proxy, Provider, Provider]]:
    """A proxy, and two providers; what is not routed goes nowhere."""
    one, two = Provider(looking), Provider(looking)
    (tmp_path / "backstory.yaml").write_text(SETTINGS.replace("ONE", one.url).replace("TWO", two.url))
    monkeypatch.setenv("CLAUDE_KEY", "claude-key")
    monkeypatch.setenv("GPT_KEY", "gpt-key")
    proxy = Proxy(tmp_path, "http://127.0.0.1:9").start()
    yield proxy, one, two
    proxy.stop()
    one.stop()
    two.stop()


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("wire", list(CLIENTS))
def test_an_alias_takes_a_conversation_with_tools_elsewhere(pair: tuple[Proxy, Provider, Provider], wire: str, stream: bool) -> None:
    """Claude's and Gemini's models are answered by an OpenAI, OpenAI's by an Anthropic; each of them sees its own model and key."""
    proxy, claude, gpt = pair
    client: Client = CLIENTS[wire](proxy.url, stream)
    try:
        assert client.ask("Please look around.") == "I saw all is well north and all is well south."
        assert "You have said" in client.ask("Thank you.")
    finally:
        client.close()
    got, other = (gpt, claude) if wire in {"anthropic", "gemini"} else (claude, gpt)
    assert not other.received
    assert len(got.received) == 3
    for received in got.received:
        if got is gpt:
            assert received.wire.name == "openai_responses"
            assert (received.prompt.model, received.head.header(b"authorization")) == ("gpt-4o-mini", "Bearer gpt-key")
        else:
            assert received.wire.name == "anthropic"
            assert (received.prompt.model, received.head.header(b"x-api-key")) == ("claude-sonnet-4-5", "claude-key")
        assert "sk-test" not in str(received.head.headers)
    assert "failed open" not in proxy.log(), proxy.log()


def test_selectors_and_their_errors_reach_the_sdks(pair: tuple[Proxy, Provider, Provider]) -> None:
    proxy, claude, gpt = pair
    with openai.OpenAI(base_url=f"{proxy.url}/v1", api_key="sk-test", max_retries=0) as chat:
        said = chat.chat.completions.create(model="claude:claude-opus-4-5", messages=[{"role": "user", "content": "Hello."}])
        assert said.choices[0].message.content == "You have said 1 things."
        with pytest.raises(openai.NotFoundError, match="no provider 'cluade'; did you mean claude"):
            chat.chat.completions.create(model="cluade:x", messages=[{"role": "user", "content": "Hello."}])
    with anthropic.Anthropic(base_url=proxy.url, api_key="sk-test", max_retries=0) as messages:
        told = messages.messages.create(model="gpt:gpt-4o", max_tokens=50, messages=[{"role": "user", "content": "Hello."}])
        assert [block.text for block in told.content if block.type == "text"] == ["You have said 1 things."]
        with pytest.raises(anthropic.BadRequestError, match="a backend and model are missing"):
            messages.messages.create(model="gpt:gpt-4o|", max_tokens=50, messages=[{"role": "user", "content": "Hello."}])
    assert (len(claude.received), len(gpt.received)) == (1, 1)
