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


SAID = {"calls": plays.SPOKEN, "unicode": plays.UNICODE, "long": plays.LONG, "bare": "", "thinking": "It is blue."}
CALLED = {"calls": plays.CALLS, "bare": (plays.BARE,)}
COUNTED = {"calls": [20, 10], "thinking": [20, 30], "usage": [1200, 90]}
FAILED = {"error-400": 400, "error-401": 401, "error-404": 404, "error-429": 429, "error-500": 500, "error-503": 503}
BREAKS = "breaks"


@pytest.mark.parametrize("mode", ["whole", "stream"])
@pytest.mark.parametrize("client", WIRES)
def test_the_node_sdk_understands_every_provider(gateway: Gateway, client: str, mode: str) -> None:
    script = Path(__file__).with_name("sdks.mjs")
    names = [*dict.fromkeys([*SAID, *COUNTED]), *FAILED, *([BREAKS] if mode == "stream" else [])]
    running = {}
    for provider in WIRES:
        prompts = json.dumps([f"Case node {client}>{provider}/{name}/{mode}. {plays.marker(name, provider)}" for name in names])
        command = ["node", str(script), str(MODULES), client, gateway.urls[provider], gateway.models[provider], prompts, mode]
        running[provider] = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for provider, process in running.items():
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, (provider, err)
        for name, told in zip(names, json.loads(out), strict=True):
            check(f"{client}>{provider}/{name}/{mode}", name, told)


def check(case: str, name: str, told: dict[str, object]) -> None:
    if name in FAILED or name == BREAKS:
        assert plays.TROUBLE in str(told.get("error")), (case, told)
        # Overload has a status of its own at Anthropic, which nobody else knows.
        status = {529: 503}.get(int(str(told["status"])), told["status"])
        assert name == BREAKS or status == FAILED[name], (case, told)
        return
    if name in SAID:
        assert told.get("text") == SAID[name], (case, told)
        assert told["calls"] == [["look", object_of(call.arguments)] for call in CALLED.get(name, ())], (case, told)
    if name in COUNTED:
        assert told["usage"] == COUNTED[name], (case, told)
