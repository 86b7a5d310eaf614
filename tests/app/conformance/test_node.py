"""The official Node SDKs, where `node` is there and BACKSTORY_TEST_NODE_MODULES names a `node_modules` folder that has them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from backstory.app.conformance import plays
from backstory.app.conformance.asking import Gateway
from backstory.app.conformance.cases import WIRES
from backstory.app.conformance.values import object_of

MODULES = Path(os.environ.get("BACKSTORY_TEST_NODE_MODULES", "/nonexistent"))
PACKAGES = ("openai", "@anthropic-ai/sdk", "@google/genai")
pytestmark = pytest.mark.skipif(
    shutil.which("node") is None or not all((MODULES / name).is_dir() for name in PACKAGES), reason="no node, or no SDKs for it"
)


@pytest.mark.parametrize("mode", ["whole", "stream"])
@pytest.mark.parametrize("client", WIRES)
def test_the_node_sdk_understands_calls_of_every_provider(gateway: Gateway, client: str, mode: str) -> None:
    script = Path(__file__).with_name("sdks.mjs")
    running = {}
    for provider in WIRES:
        prompt = f"Case node {client}>{provider}/{mode}. {plays.marker('calls')}"
        command = ["node", str(script), str(MODULES), client, gateway.urls[provider], gateway.models[provider], prompt, mode]
        running[provider] = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for provider, process in running.items():
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, (provider, err)
        told = json.loads(out)
        assert told["text"] == plays.SPOKEN, provider
        assert told["calls"] == [["look", object_of(call.arguments)] for call in plays.CALLS], provider
        assert told["usage"] == [20, 10], provider
