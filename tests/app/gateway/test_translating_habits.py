"""A provider that all requests go to is known by its host."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from backstory.config.catalogue import catalogue, known_at, known_of
from backstory.core.exchange import Head
from backstory.core.plan import Plan
from backstory.core.translation import NOTHING_KNOWN
from tests.relay.world import run
from tests.routed import two


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("https://api.groq.com/openai/v1", "groq"),
        ("https://api.mistral.ai", "mistral"),
        ("https://api.moonshot.ai/v1/", "moonshot"),
        ("https://api.openai.com", "openai"),
        ("https://ours.openai.azure.com/openai/v1", "azure"),
        ("https://openai.azure.com.example.com", ""),
        ("http://localhost:11434", ""),
        ("http://127.0.0.1:11434", ""),
        ("https://example.com/api.groq.com", ""),
        ("", ""),
    ],
)
def test_what_is_known_is_that_of_the_row_with_this_host(url: str, kind: str) -> None:
    assert known_at(urlsplit(url).hostname or "") == (known_of(catalogue()[kind]) if kind else NOTHING_KNOWN)


@pytest.mark.parametrize(("url", "short"), [("https://api.mistral.ai", True), ("https://api.example.com", False)])
def test_what_is_translated_for_it_is_as_it_takes_it(tmp_path: Path, url: str, short: bool) -> None:
    text = f"upstream: {{url: '{url}', wire: openai_chat}}\nmemory: {{enabled: false}}\n"
    call = {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_01", "name": "f", "input": {}}]}
    result = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_01", "content": "r"}]}
    body = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "Go."}, call, result]}

    async def scene() -> None:
        async with two(tmp_path, text) as one:
            plan = one.house.plan(Head("POST", "/v1/messages", "", ()), json.dumps(body).encode())
            assert isinstance(plan, Plan)
            name = json.loads(plan.body or b"")["messages"][1]["tool_calls"][0]["id"]
            assert (name != "toolu_01" and len(name) == 9) == short

    run(scene())
