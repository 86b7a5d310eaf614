"""Augmented requests of the official SDKs through a real `backstory serve`: each wire, streamed and whole, memory in between."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest

from backstory.app.provider import Received, says
from backstory.core.message import Text, ToolCall, ToolResult
from backstory.core.reply import Reply

from .clients import Chat, Client, Gemini, Messages, Responses
from .conftest import Provider, Proxy

CLIENTS = {"anthropic": Messages, "openai_chat": Chat, "openai_responses": Responses, "gemini": Gemini}
VERSE = "Answer in verse."
SETTINGS = """
providers:
  strong: {kind: anthropic, url: STRONG, api_key_env: STRONG_KEY}
  cheap: {kind: openai_compatible, url: CHEAP}
overrides:
  - {model: ., set: {top_p: 0.55}}
edit_precision: {enabled: true}
planning: {route: "strong:claude-sonnet-4", turns: 5, set: {max_tokens: 900}}
auxiliary: {route: "cheap:tiny"}
first_prompt: {append: "Answer in verse."}
client_headers:
  - {header: User-Agent, value: "house/1"}
"""


def writing(received: Received) -> Reply:
    """A model that edits a file when it is asked to, once wrongly and once well."""
    newest = received.messages[-1]
    if any(isinstance(part, ToolResult) for part in newest.parts):
        return says("It is done.")
    if "edit it" in newest.text:
        return Reply((ToolCall("call_1", "edit_file", "{}"),), "tool_calls")
    return says(f"That was message {len(received.messages)}.")


@pytest.fixture
def three(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Proxy, Provider, Provider, Provider]]:
    """A proxy with its own upstream, a strong and a cheap provider."""
    own, strong, cheap = Provider(writing), Provider(writing), Provider(writing)
    (tmp_path / "backstory.yaml").write_text(SETTINGS.replace("STRONG,", f"{strong.url},").replace("CHEAP", cheap.url))
    monkeypatch.setenv("STRONG_KEY", "strong-key")
    proxy = Proxy(tmp_path, own.url).start()
    yield proxy, own, strong, cheap
    proxy.stop()
    for one in (own, strong, cheap):
        one.stop()


def sampling(received: Received) -> tuple[float | None, float | None]:
    told = json.loads(received.body)
    told = told.get("generationConfig", told)
    return told.get("temperature"), told.get("top_p", told.get("topP"))


def firsts(received: Received) -> list[str]:
    """The texts of the first message of the user."""
    first = next(message for message in received.messages if message.role == "user")
    return [part.text for part in first.parts if isinstance(part, Text)]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("wire", list(CLIENTS))
def test_a_conversation_plans_with_a_strong_model_and_goes_on_with_its_own(
    three: tuple[Proxy, Provider, Provider, Provider], wire: str, stream: bool
) -> None:
    proxy, own, strong, cheap = three
    client: Client = CLIENTS[wire](proxy.url, stream)
    try:
        for number in range(7):
            assert client.ask(f"Question {number}?").startswith("That was message")
    finally:
        client.close()
    assert (len(strong.received), len(own.received), len(cheap.received)) == (5, 2, 0)
    for received in strong.received:
        assert (received.wire.name, received.prompt.model) == ("anthropic", "claude-sonnet-4")
        assert json.loads(received.body)["max_tokens"] == 900
    for received in (*strong.received, *own.received):
        # Claude Opus 5 takes no top_p: it is left out there.
        assert sampling(received)[1] == (None if received.prompt.model.startswith("claude-opus-5") else 0.55)
        assert received.head.header(b"user-agent") == "house/1"
        assert [VERSE in text for text in ("".join(firsts(received)), received.text)] == [True, True]
        assert received.text.count(VERSE) == 1
    assert all(received.wire.name == wire for received in own.received)
    assert "failed open" not in proxy.log(), proxy.log()
    assert "Traceback" not in proxy.log(), proxy.log()


def ask(proxy: Proxy, path: str, body: dict[str, Any]) -> tuple[dict[str, str], dict[str, Any]]:
    request = urllib.request.Request(proxy.url + path, json.dumps(body).encode(), {"content-type": "application/json", "x-api-key": "k"})
    with urllib.request.urlopen(request, timeout=20) as reply:
        return {name.lower(): value for name, value in reply.headers.items()}, json.loads(reply.read())


def test_after_a_failed_edit_the_next_request_is_cool_and_planning_is_over(three: tuple[Proxy, Provider, Provider, Provider]) -> None:
    proxy, own, strong, _ = three
    tools = [{"name": "edit_file", "input_schema": {"type": "object", "properties": {}}}]
    talk: list[dict[str, Any]] = [{"role": "user", "content": "Please edit it."}]
    asked = {"model": "claude-sonnet-4", "max_tokens": 100, "temperature": 0.9, "tools": tools}
    _, first = ask(proxy, "/v1/messages", {**asked, "messages": talk})
    call = next(block for block in first["content"] if block["type"] == "tool_use")
    report = "<tool_use_error>String to replace not found in file.\nString: x</tool_use_error>"
    talk += [
        {"role": "assistant", "content": first["content"]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": call["id"], "content": report, "is_error": True}]},
    ]
    headers, _ = ask(proxy, "/v1/messages", {**asked, "messages": talk})
    assert (len(strong.received), len(own.received)) == (1, 1)
    assert [sampling(one)[0] for one in (*strong.received, *own.received)] == [0.9, 0.1]
    why = proxy.run("why", headers["x-vc-request"])
    assert "note: edit_precision: an edit failed (as claude code reports it): temperature 0.1 at most" in why.stdout, why.stderr
    assert "note: overrides: top_p=0.55 for claude-sonnet-4" in why.stdout
    assert "note: first_prompt: 16 bytes appended to message 1" in proxy.run("diff", headers["x-vc-request"]).stdout
    metrics = urllib.request.urlopen(proxy.url + "/metrics", timeout=10).read().decode()
    assert 'backstory_edited_requests_total{stage="edit_precision"} 1.0' in metrics


def test_titles_go_to_the_cheap_one_over_every_sdk(three: tuple[Proxy, Provider, Provider, Provider]) -> None:
    proxy, own, strong, cheap = three
    sign = "You are a title generator. You output ONLY a thread title."
    with anthropic.Anthropic(base_url=proxy.url, api_key="sk-test", max_retries=0) as messages:
        messages.messages.create(model="m", max_tokens=50, system=sign, messages=[{"role": "user", "content": "Hello."}])
    with openai.OpenAI(base_url=f"{proxy.url}/v1", api_key="sk-test", max_retries=0) as chat:
        chat.chat.completions.create(model="m", messages=[{"role": "system", "content": sign}, {"role": "user", "content": "Hello."}])
        chat.responses.create(model="m", instructions=sign, input="Hello.")
    assert [received.prompt.model for received in cheap.received] == ["tiny"] * 3
    assert not own.received
    assert not strong.received
    assert VERSE not in "".join(received.text for received in cheap.received)


def test_a_request_above_its_window_is_refused_as_its_sdk_expects(tmp_path: Path, provider: Provider) -> None:
    provider.received.clear()
    (tmp_path / "backstory.yaml").write_text("context: {enforce: true}\nmodels:\n  - {model: 'm*', window: 1000}\n")
    proxy = Proxy(tmp_path, provider.url).start()
    long = "word " * 3000
    try:
        with anthropic.Anthropic(base_url=proxy.url, api_key="sk-test", max_retries=0) as messages:
            with pytest.raises(anthropic.BadRequestError, match=r"prompt is too long: 3\d\d\d tokens > 1000 maximum"):
                messages.messages.create(model="m", max_tokens=50, messages=[{"role": "user", "content": long}])
            assert messages.messages.create(model="large", max_tokens=50, messages=[{"role": "user", "content": long}]).content
        with openai.OpenAI(base_url=f"{proxy.url}/v1", api_key="sk-test", max_retries=0) as chat:
            with pytest.raises(openai.BadRequestError) as caught:
                chat.chat.completions.create(model="m", messages=[{"role": "user", "content": long}], stream=True)
            assert caught.value.code == "context_length_exceeded"
        request = urllib.request.Request(
            f"{proxy.url}/v1beta/models/m:streamGenerateContent?alt=sse",
            json.dumps({"contents": [{"role": "user", "parts": [{"text": long}]}]}).encode(),
        )
        with pytest.raises(urllib.error.HTTPError) as failed:
            urllib.request.urlopen(request, timeout=10)
        error = json.loads(failed.value.read())["error"]
        assert (error["code"], "maximum number of tokens allowed (1000)" in error["message"]) == (400, True)
        assert len(provider.received) == 1
    finally:
        proxy.stop()


def test_a_wrong_setting_ends_serve_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "backstory.yaml").write_text("planning:\n  route: 'nobody:m'\n")
    found = Proxy(tmp_path, "http://127.0.0.1:9").run("serve")
    assert found.returncode != 0
    assert "line 2: planning.route: no provider 'nobody'" in found.stderr
