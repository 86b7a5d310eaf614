"""By the official SDKs: a person chooses provider, model and parameters in the chat, and the client never knows of it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from .clients import Chat, Client, Gemini, Messages, Responses
from .conftest import Provider, Proxy
from .test_translation import looking

KINDS: dict[str, type[Client]] = {"anthropic": Messages, "openai_chat": Chat, "openai_responses": Responses, "gemini": Gemini}
SAID = "You have said"
SETTINGS = """
providers:
  claude: {kind: anthropic, url: FAR, api_key_env: CLAUDE_KEY}
  gpt: {kind: openai_compatible, url: FAR, api_key_env: GPT_KEY}
"""


@pytest.fixture
def pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Proxy, Provider, Provider]]:
    """A proxy, the provider that its clients talk to by themselves, and the one behind the others."""
    home, far = Provider(looking), Provider(looking)
    (tmp_path / "backstory.yaml").write_text(SETTINGS.replace("FAR", far.url))
    monkeypatch.setenv("CLAUDE_KEY", "claude-key")
    monkeypatch.setenv("GPT_KEY", "gpt-key")
    proxy = Proxy(tmp_path, home.url).start()
    yield proxy, home, far
    proxy.stop()
    home.stop()
    far.stop()


@pytest.mark.parametrize(
    ("wire", "stream"),
    [("anthropic", False), ("anthropic", True), ("openai_chat", True), ("openai_responses", True), ("gemini", False)],
)
def test_a_conversation_goes_where_its_user_says(pair: tuple[Proxy, Provider, Provider], wire: str, stream: bool) -> None:
    proxy, home, far = pair
    client = KINDS[wire](proxy.url, stream)
    name, speaks = ("gpt", "openai_chat") if wire == "anthropic" else ("claude", "anthropic")
    try:
        assert SAID in client.ask("Hello.")
        assert f"did you mean {name}?" in client.ask(f"!/model({name[:-1]}:far-one)")
        assert f"goes to {name} with the model far-one" in client.ask(f"!/model({name}:far-one)")
        assert "temperature=0.25" in client.ask("!/temperature(0.25)")
        assert (len(home.received), len(far.received)) == (1, 0)
        assert client.ask("Please look around.") == "I saw all is well north and all is well south."
        proxy.stop(signal.SIGKILL)
        proxy.start()
        assert SAID in client.ask("Thank you.")
        assert (len(home.received), len(far.received)) == (1, 3)
        assert "Your message was not sent" in client.ask("And this? !/temperature(hot)")
        assert "Not set any more: everything." in client.ask("!/unset(all)")
        assert SAID in client.ask("And now?")
        assert SAID in client.ask(f"Once more. !/oneoff({name}:far-two)")
        assert SAID in client.ask("Again.")
    finally:
        client.close()
    assert [received.wire.name for received in home.received] == [wire] * 3
    assert [received.prompt.model for received in far.received] == ["far-one", "far-one", "far-one", "far-two"]
    for received in far.received:
        assert received.wire.name == speaks
        assert "test" not in str([value for key, value in received.head.headers if key.lower() in {b"authorization", b"x-api-key"}])
    assert all(b'"temperature":0.25' in received.body for received in far.received[:3])
    heard = "\n".join(received.text for received in (*home.received, *far.received))
    for ours in ("(Backstory answered", "!/", "~vc:", "And this?"):
        assert ours not in heard
    assert "failed open" not in proxy.log(), proxy.log()


def test_without_any_provider_set_up_model_and_parameters_can_be_set(proxy: Proxy, provider: Provider) -> None:
    chat, messages = Chat(proxy.url, True), Messages(proxy.url, False)
    try:
        for client, model in ((chat, "gpt-5"), (messages, "claude-haiku-4-5")):
            assert f"with the model {model}" in client.ask(f"!/model({model})")
            client.ask("Hello. !/set(max_tokens=123)")
    finally:
        chat.close()
        messages.close()
    first, second = provider.received
    assert (first.prompt.model, second.prompt.model) == ("gpt-5", "claude-haiku-4-5")
    assert b"123" in first.body
    assert b'"max_tokens":123' in second.body.replace(b": ", b":")
