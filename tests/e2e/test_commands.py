"""Commands by the official SDKs: answered in the client's own format, known again after a restart, and never sent on."""

from __future__ import annotations

import signal
from typing import Any

import openai
import pytest

from .clients import CLIENTS, Chat, Client
from .conftest import Provider, Proxy
from .test_sdks import _with_header, conversations

BOTH = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
WIRES = pytest.mark.parametrize("kind", CLIENTS, ids=lambda kind: kind.__name__.lower())
OURS = "(Backstory answered this itself"


@WIRES
@BOTH
def test_a_client_talks_to_the_proxy_and_the_model_hears_nothing_of_it(
    proxy: Proxy, provider: Provider, kind: type[Client], stream: bool
) -> None:
    client = kind(proxy.url, stream)
    try:
        assert "Stored: 0 turns" in client.ask("VCSTATUS")
        assert "now called 'the ünïcode ship'" in client.ask("VCLABEL the ünïcode ship")
        assert provider.received == []
        assert "Understood, that was message" in client.ask("Hello, my codeword is quokka-17.")
        assert "Did you mean" in client.ask("!/stauts")
        assert "all is well here" in client.ask("Please use the tool. !/project(harbour)")
        proxy.stop(signal.SIGKILL)
        proxy.start()
        status = client.ask("vcstatus")
        assert "Label: the ünïcode ship" in status
        assert "Project: harbour" in status
        assert "quokka-17" in client.ask("What is my codeword?")
    finally:
        client.close()
    proxy.stop()
    heard = "\n".join(received.text for received in provider.received)
    for ours in (OURS, "VCSTATUS", "VCLABEL", "vcstatus", "!/", "~vc:"):
        assert ours not in heard
    for received in provider.received:
        roles = [message.role for message in received.messages if message.role in ("user", "assistant")]
        assert roles[-1] == "user" or received.messages[-1].role == "tool"
    (found,) = conversations(proxy)
    assert found["label"] == "the ünïcode ship"
    shown = proxy.run("show", found["id"]).stdout
    assert "Please use the tool." in shown
    assert OURS not in shown
    assert "VCSTATUS" not in shown


@WIRES
def test_a_new_chat_attached_to_an_old_one_knows_what_that_knew(proxy: Proxy, provider: Provider, kind: type[Client]) -> None:
    old = kind(proxy.url, False)
    try:
        old.ask("My codeword is walrus-42, keep it well.")
        old.ask("VCLABEL old one")
    finally:
        old.close()
    fresh = kind(proxy.url, True)
    try:
        assert "do not know" in fresh.ask("What is my codeword?")
        assert "is recalled here, too" in fresh.ask("VCATTACH OLD ONE")
        assert "walrus-42" in fresh.ask("And now: What is my codeword?")
    finally:
        fresh.close()
    assert "VCATTACH" not in "\n".join(received.text for received in provider.received)


def test_state_kept_by_the_provider_goes_on_past_a_command(proxy: Proxy, provider: Provider) -> None:
    sdk = openai.OpenAI(base_url=f"{proxy.url}/v1", api_key="sk-test", max_retries=0)

    def ask(text: str, previous: str | None) -> Any:
        return sdk.responses.create(model="gpt-4o", input=text, previous_response_id=previous)

    try:
        first = ask("VCSTATUS", None)
        second = ask("Hello.", first.id)
        third = ask("VCSTATUS", second.id)
        assert "Stored: 2 turns" in third.output_text
        ask("On.", third.id)
    finally:
        sdk.close()
    assert [received.prompt.previous for received in provider.received] == ["", second.id]
    assert len(conversations(proxy)) == 1


def test_a_forget_is_undone_or_final(proxy: Proxy, provider: Provider) -> None:
    proxy.stop()
    proxy.settings = {"COMMANDS__UNDO_S": "0.2"}
    proxy.start()
    header = {"X-VC-Conversation": "told"}
    client = Chat(proxy.url, False)
    _with_header(client, header)
    try:
        client.ask("My codeword is heron-88, keep it well.")
        for number in range(6):
            client.ask(f"Tell me something about topic number {number}, for instance its colour.")
        assert "will not be recalled any more" in client.ask("VCFORGET codeword")
    finally:
        client.close()
    fresh = Chat(proxy.url, False)
    _with_header(fresh, header)
    try:
        assert "do not know" in fresh.ask("What is my codeword?")
    finally:
        fresh.close()
    proxy.stop()
