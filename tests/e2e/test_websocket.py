"""OpenAI's own SDK on a WebSocket to `backstory serve`: the client nobody here wrote."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from .conftest import Provider, Proxy, knowing


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[tuple[Proxy, Provider]]:
    provider = Provider(knowing)
    one = Proxy(tmp_path, provider.url, PROXY__WEBSOCKET="true").start()
    yield one, provider
    one.stop()
    provider.stop()


def last(connection: Any) -> Any:
    """The last event of an answer; the others are of known types."""
    for event in connection:
        assert event.type.startswith("response.") or event.type == "error"
        if event.type in {"response.completed", "error"}:
            return event
    raise AssertionError("the connection ended")


@pytest.mark.filterwarnings("ignore:connect:DeprecationWarning")  # the SDK uses its library in an older way
def test_a_conversation_over_one_connection_is_remembered(proxy: tuple[Proxy, Provider]) -> None:
    one, provider = proxy
    client = openai.OpenAI(api_key="k", base_url=f"{one.url}/v1")
    with client.responses.connect() as connection:
        connection.response.create(model="gpt-5", instructions="Be brief.", input=[], generate=False, store=False)
        previous = last(connection).response.id
        assert not provider.received
        for said in ("My codeword is falcon-17. Ünïcode ✓", "Please use the tool.", "What is my codeword?"):
            connection.response.create(model="gpt-5", input=said, previous_response_id=previous, store=False)
            event = last(connection)
            previous = event.response.id
            for item in event.response.output:
                if item.type == "function_call":
                    result = [{"type": "function_call_output", "call_id": item.call_id, "output": "all is well"}]
                    connection.response.create(model="gpt-5", input=result, previous_response_id=previous, store=False)  # type: ignore[arg-type]
                    event = last(connection)
                    previous = event.response.id
                    assert event.response.output[0].content[0].text == "The tool says: all is well"
        assert "falcon-17" in event.response.output[0].content[0].text
        connection.response.create(model="gpt-5", input=7, store=False)  # type: ignore[arg-type]
        refused = last(connection)
        assert (refused.type, refused.status, refused.error.code) == ("error", 400, "invalid_request")
    assert len(provider.received) == 4
    kinds = [item["type"] for item in json.loads(provider.received[-1].body)["input"]]
    assert kinds == ["message", "message", "message", "message", "function_call", "function_call_output", "message", "message"]
    listed = one.run("conversations").stdout
    assert "9 turns" in listed, listed


def test_the_setting_without_its_extra_says_what_to_install(tmp_path: Path) -> None:
    """An interpreter that has no wsproto: one that hides it."""
    (tmp_path / "sitecustomize.py").write_text(
        "import importlib.util as u\nfind = u.find_spec\nu.find_spec = lambda name, *a: None if name == 'wsproto' else find(name, *a)\n"
    )
    environ = os.environ | {"BACKSTORY_PROXY__WEBSOCKET": "true", "HOME": str(tmp_path), "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-m", "backstory", "serve", "--port", "0", "--storage", f"sqlite:///{tmp_path}/memory.db"]
    found = subprocess.run(command, env=environ, cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False)
    assert found.returncode == 2
    assert "proxy.websocket needs the extra websocket: make setup EXTRAS=websocket" in found.stderr
