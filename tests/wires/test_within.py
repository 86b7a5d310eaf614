"""Output tokens of a request that goes to another model than its client named."""

from __future__ import annotations

import json
from typing import Any

import pytest

from backstory.wires.within import within


@pytest.mark.parametrize(
    ("wire", "path"),
    [
        ("anthropic", ["max_tokens"]),
        ("openai_chat", ["max_tokens"]),
        ("openai_chat", ["max_completion_tokens"]),
        ("openai_responses", ["max_output_tokens"]),
        ("gemini", ["generationConfig", "maxOutputTokens"]),
        ("gemini", ["generation_config", "max_output_tokens"]),
    ],
)
@pytest.mark.parametrize(("asked", "found"), [(7, 7), (100, 100), (101, 100), ("many", "many"), (10**30, 10**30)])
def test_it_asks_for_no_more_than_there_is(wire: str, path: list[str], asked: object, found: object) -> None:
    whole: dict[str, Any] = {"a": " ü", "b": asked}
    inner: dict[str, Any] = {path[-1]: asked}
    body = json.dumps(whole | (inner if len(path) == 1 else {path[0]: inner}), indent=1).encode()
    out, losses = within(wire, body, 100)
    assert out == (body if found == asked else body.replace(b'": 101', b'": 100').replace(b'"b": 100', b'"b": 101'))
    assert (out is body) is (found == asked)
    assert [(loss.what, loss.how) for loss in losses] == ([] if found == asked else [(path[-1], "changed")])


def test_thinking_stays_less_than_the_whole() -> None:
    body = json.dumps({"max_tokens": 64_000, "thinking": {"type": "enabled", "budget_tokens": 32_000}}).encode()
    out, losses = within("anthropic", body, 8000)
    assert json.loads(out) == {"max_tokens": 8000, "thinking": {"type": "enabled", "budget_tokens": 6000}}
    assert [loss.what for loss in losses] == ["max_tokens", "thinking.budget_tokens"]
    roomy, _ = within("anthropic", body, 40_000)
    assert json.loads(roomy)["thinking"]["budget_tokens"] == 32_000
