"""How much models take and give, as far as that is known."""

from __future__ import annotations

import pytest

from backstory.config.routes import ModelRow
from backstory.providers.windows import Room, Rooms


@pytest.mark.parametrize(
    ("model", "most"),
    [
        ("claude-opus-4-20250514", 32_000),
        ("claude-opus-4-1", 32_000),
        ("claude-opus-4-5-20251101", 64_000),
        ("claude-opus-4-6", 128_000),
        ("claude-opus-4-8", 0),
        ("anthropic/claude-3-5-haiku-20241022", 8192),
        ("gpt-5-chat-latest", 16_384),
        ("gpt-5-pro", 272_000),
        ("gpt-5.2", 128_000),
        ("o3-mini", 100_000),
        ("gemini-2.0-flash", 8192),
        ("a-model-nobody-knows", 0),
    ],
)
def test_the_longest_beginning_of_a_name_counts(model: str, most: int) -> None:
    assert Rooms().of(model).max_output == most


def test_what_the_settings_say_counts_before_the_table() -> None:
    rooms = Rooms([ModelRow("gpt-5*", max_output=7), ModelRow("gpt-5", window=1)])
    assert rooms.of("gpt-5") == Room(400_000, 7)
    assert rooms.of("gpt-4o") == Room(128_000, 16_384)
