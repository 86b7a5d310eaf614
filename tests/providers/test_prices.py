"""Prices are found by the model's name, and only for models that are known."""

from __future__ import annotations

import pytest

from backstory.core.reply import Usage
from backstory.providers.prices import PRICES, cost, price, saved


@pytest.mark.parametrize(
    ("model", "row"),
    [
        ("claude-opus-5-5", "claude-opus-5-5"),
        ("claude-opus-4-20250514", "claude-opus-4"),
        ("claude-sonnet-4-5-20250929", "claude-sonnet-4-5"),
        ("claude-3-5-haiku-latest", "claude-3-5-haiku"),
        ("us.anthropic.claude-haiku-4-5-20251001-v1:0", "claude-haiku-4-5"),
        ("anthropic/claude-sonnet-5", "claude-sonnet-5"),
        ("claude-sonnet-4-5@20250929", "claude-sonnet-4-5"),
        ("gpt-4o-2024-08-06", "gpt-4o"),
        ("gpt-4o-mini", "gpt-4o-mini"),
        ("models/gemini-2.5-flash-lite", "gemini-2.5-flash-lite"),
        ("gemini-3-flash-preview", "gemini-3-flash"),
    ],
)
def test_dated_and_prefixed_names_are_the_same_model(model: str, row: str) -> None:
    assert price(model) is PRICES[row]


@pytest.mark.parametrize(
    "model", ["", "gpt-5-pro", "gpt-5.9", "claude-opus-4-9", "claude", "llama-4", "gemini-2.5-flash-tts", "gpt-4o-audio-preview"]
)
def test_another_model_has_no_price(model: str) -> None:
    assert price(model) is None
    assert cost(model, Usage(10, 10)) is None
    assert saved(model, 10) is None


def test_cost_counts_cached_input_at_its_own_price() -> None:
    assert cost("claude-sonnet-4-5", Usage(1_000_000, 0)) == pytest.approx(3.0)
    assert cost("claude-sonnet-4-5", Usage(1_000_000, 1_000_000, 600_000, 400_000)) == pytest.approx(0.6 * 0.3 + 0.4 * 3.75 + 15)


def test_saved_tokens_are_worth_what_the_sent_ones_cost() -> None:
    assert saved("gpt-4o", 1_000_000) == pytest.approx(2.5)
    assert saved("gpt-4o", 1_000_000, Usage(100, 5, 100)) == pytest.approx(1.25)
    assert saved("gpt-4o", -1_000_000) == pytest.approx(-2.5)
