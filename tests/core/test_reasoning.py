"""Models that hold their reasoning to what stood before it."""

from __future__ import annotations

import pytest

from backstory.core.reasoning import binds


@pytest.mark.parametrize(
    ("model", "does"),
    [
        ("claude-opus-5-5", True),
        ("claude-fable-5-1-20260801", True),
        ("us.anthropic.claude-sonnet-5-5-v1:0", True),
        ("anthropic/claude-haiku-5.5", True),
        ("claude-sonnet-6", True),
        ("claude-opus-5", False),
        ("claude-opus-5-20260601", False),
        ("claude-sonnet-4-5-20250929", False),
        ("claude-3-5-sonnet-latest", False),
        ("gpt-5.5", False),
        ("", False),
    ],
)
def test_claude_from_5_1_on(model: str, does: bool) -> None:
    assert binds(model) is does
