"""The official SDKs through a real proxy to a provider that fails: they get the answer, comments in streams do not disturb them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import anthropic
import openai
import pytest

from backstory.app.provider import ScriptedProvider, says
from backstory.core.exchange import Head

from .clients import CLIENTS, Chat, Client, Messages, Responses
from .conftest import Proxy

_ERROR = b'{"type":"error","error":{"type":"api_error","message":"busy"}}'
_HEAD = b"HTTP/1.1 503 Busy\r\nContent-Type: application/json\r\nRetry-After-Ms: 400\r\nContent-Length: %d\r\n\r\n"
BUSY = _HEAD % len(_ERROR) + _ERROR


class Faulty(ScriptedProvider):
    """Gives these raw answers first (b"" closes the connection), one to each request."""

    def __init__(self) -> None:
        super().__init__(lambda received: says("") if self.empty.pop() else says(f"Heard: {received.messages[-1].text}"))
        self.first: list[bytes] = []
        self.empty = [False]
        self.asked = 0

    async def respond(self, writer: asyncio.StreamWriter, head: Head, body: bytes) -> None:
        self.asked += 1
        if not self.first:
            self.empty = self.empty or [False]
            await super().respond(writer, head, body)
            return
        raw = self.first.pop(0)
        if raw:
            writer.write(raw)
            await writer.drain()
        else:
            writer.close()


@pytest.fixture(scope="module")
def faulty() -> Iterator[Faulty]:
    loop, one = asyncio.new_event_loop(), Faulty()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    asyncio.run_coroutine_threadsafe(one.start(), loop).result(10)
    yield one
    asyncio.run_coroutine_threadsafe(one.stop(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()


@pytest.fixture(scope="module")
def enduring(faulty: Faulty, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    settings = {"RETRIES": "2", "BACKOFF_S": "0.05", "KEEP_ALIVE_S": "0.1", "EMPTY_RETRY": "true", "BREAKER_FAILURES": "3"}
    given = {f"RESILIENCE__{name}": value for name, value in settings.items()}
    one = Proxy(tmp_path_factory.mktemp("enduring"), faulty.url, **given).start()
    yield one
    one.stop()


@pytest.mark.parametrize("kind", CLIENTS, ids=lambda kind: kind.__name__.lower())
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_the_answer_comes_through_failures(enduring: Proxy, faulty: Faulty, kind: type[Client], stream: bool) -> None:
    client = kind(enduring.url, stream)
    try:
        faulty.first, faulty.asked = [BUSY, b""], 0
        assert client.ask("The weather of today.") == "Heard: The weather of today."
        assert faulty.asked == 3
        faulty.empty, faulty.asked = [False, True], 0
        assert client.ask("And of tomorrow.") == "Heard: And of tomorrow."
        assert faulty.asked == 2
    finally:
        client.close()
        faulty.first, faulty.empty = [], [False]


@pytest.fixture
def right(enduring: Proxy, faulty: Faulty) -> str:
    """The backend's name, whose breaker is closed."""
    name = faulty.url.removeprefix("http://")
    place = urllib.request.Request(f"{enduring.url}/v1/diagnostics/{name}/reactivate", method="POST")
    with contextlib.suppress(urllib.error.HTTPError), urllib.request.urlopen(place, timeout=10):
        pass
    return name


@pytest.mark.parametrize(("kind", "error"), [(Messages, anthropic.APIStatusError), (Chat, openai.APIError)], ids=["messages", "chat"])
@pytest.mark.usefixtures("right")
def test_an_error_after_comments_is_an_error_of_the_sdk(enduring: Proxy, faulty: Faulty, kind: type[Client], error: Any) -> None:
    client = kind(enduring.url, True)
    try:
        faulty.first, faulty.asked = [BUSY] * 3, 0
        with pytest.raises(error, match="busy"):
            client.ask("Is anybody there?")
        assert faulty.asked == 3
    finally:
        client.close()
        faulty.first = []


@pytest.mark.usefixtures("right")
def test_an_error_after_comments_is_a_response_that_failed(enduring: Proxy, faulty: Faulty) -> None:
    client = Responses(enduring.url, True)
    try:
        faulty.first, faulty.asked = [BUSY] * 3, 0
        events = list(client.sdk.responses.create(model="m", input="Is anybody there?", stream=True))
        assert [event.type for event in events] == ["response.created", "response.in_progress", "response.failed"]
        assert [event.sequence_number for event in events] == [0, 1, 2]
        assert faulty.asked == 3
    finally:
        client.close()
        faulty.first = []


def test_the_command_line_tells_of_backends_and_sets_them_right(enduring: Proxy, faulty: Faulty, right: str) -> None:
    place = ("--config", str(enduring.folder / "backstory.yaml"))
    (enduring.folder / "backstory.yaml").write_text(f"proxy: {{host: 127.0.0.1, port: {enduring.port}}}\n")
    client = Messages(enduring.url, False)
    faulty.first = [BUSY] * 3
    with pytest.raises(anthropic.APIStatusError):
        client.ask("Is anybody there?")
    client.close()
    shown = enduring.run("diagnostics", *place)
    assert f"{right} " in shown.stdout, shown.stderr
    assert "open" in shown.stdout
    told = json.loads(enduring.run("diagnostics", "--reactivate", right, "--json", *place).stdout)
    assert [(row["name"], row["state"]) for row in told["backends"]] == [(right, "closed")]
    wrong = enduring.run("diagnostics", "--reactivate", "nobody", *place)
    assert wrong.returncode == 1
    assert "nobody" in wrong.stderr
