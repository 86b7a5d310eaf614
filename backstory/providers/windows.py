"""How much the main models take: data with a date. A model that is not here has no known window, and nothing is decided by it.

Tokens. Sources: the model pages of the providers (platform.claude.com/docs/en/about-claude/models, platform.openai.com/docs/models,
ai.google.dev/gemini-api/docs/models) as of `AS_OF`, for what every account gets: no beta headers, no higher tiers.
"""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from msgspec import Struct

from backstory.config.routes import ModelRow
from backstory.providers import prices

AS_OF = "2026-11"


class Room(Struct, frozen=True):
    """Tokens of a request with its answer, and of the answer; 0 where that is not known."""

    window: int = 0
    max_output: int = 0


# The longest beginning of a model's name counts.
_TABLE: dict[str, tuple[int, int]] = {
    "claude-3-haiku": (200_000, 4096),
    "claude-3-opus": (200_000, 4096),
    "claude-3-5-haiku": (200_000, 8192),
    "claude-3-5-sonnet": (200_000, 8192),
    "claude-3-7-sonnet": (200_000, 64_000),
    "claude-haiku-4-5": (200_000, 64_000),
    "claude-sonnet-4": (200_000, 64_000),
    "claude-opus-4": (200_000, 32_000),
    "claude-opus-4-5": (200_000, 64_000),
    "claude-opus-4-6": (200_000, 128_000),
    "claude-opus-4-7": (200_000, 128_000),
    "claude-opus-4-8": (200_000, 0),
    "claude-opus-4-9": (200_000, 0),
    "gpt-3.5-turbo": (16_385, 4096),
    "gpt-4-turbo": (128_000, 4096),
    "gpt-4o": (128_000, 16_384),
    "gpt-4.1": (1_047_576, 32_768),
    "gpt-5": (400_000, 128_000),
    "gpt-5-chat": (128_000, 16_384),
    "gpt-5.1-chat": (128_000, 16_384),
    "gpt-5.2-chat": (128_000, 16_384),
    "gpt-5-pro": (400_000, 272_000),
    "o1": (200_000, 100_000),
    "o1-mini": (128_000, 65_536),
    "o1-preview": (128_000, 32_768),
    "o3": (200_000, 100_000),
    "o4-mini": (200_000, 100_000),
    "gemini-1.5-flash": (1_048_576, 8192),
    "gemini-1.5-pro": (2_097_152, 8192),
    "gemini-2.0": (1_048_576, 8192),
    "gemini-2.5": (1_048_576, 65_536),
    "gemini-3": (1_048_576, 65_536),
}


class Rooms:
    """By the settings' rows first, then by the table. `rows`: the first that matches counts for what it says."""

    def __init__(self, rows: Sequence[ModelRow] = ()) -> None:
        self._rows = tuple(rows)

    def of(self, model: str) -> Room:
        """Of this model."""
        name = prices.plain(model)
        row = self._row(model)
        known = max((start for start in _TABLE if name.startswith(start)), key=len, default="")
        window, output = _TABLE.get(known, (0, 0))
        return Room(window if row.window is None else row.window, output if row.max_output is None else row.max_output)

    def told(self, model: str) -> bool:
        """Whether the settings themselves say the window of this model."""
        return self._row(model).window is not None

    def _row(self, model: str) -> ModelRow:
        return next((one for one in self._rows if fnmatchcase(model.lower(), one.model.lower())), ModelRow(""))
