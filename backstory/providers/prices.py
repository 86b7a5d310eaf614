"""List prices of the main models: data with a date. A model that is not here has no price, and nothing is said of its cost.

US dollars per million tokens, for the first tier where a model has several, without batch or priority terms. Sources: the price pages
of the three providers (anthropic.com/pricing, openai.com/api/pricing, ai.google.dev/pricing) as of `AS_OF`.
"""

from __future__ import annotations

import re

from msgspec import Struct

from backstory.core.reply import Usage

AS_OF = "2026-11"
_MILLION = 1_000_000


class Price(Struct, frozen=True):
    """Dollars per million tokens. `cache_write` is what input costs that the provider stores for later."""

    input: float
    output: float
    cache_read: float
    cache_write: float


# name: input, output, cache read, cache write (0: as input)
_TABLE: dict[str, tuple[float, float, float, float]] = {
    "claude-3-haiku": (0.25, 1.25, 0.03, 0.3),
    "claude-3-5-haiku": (0.8, 4, 0.08, 1),
    "claude-3-5-sonnet": (3, 15, 0.3, 3.75),
    "claude-3-7-sonnet": (3, 15, 0.3, 3.75),
    "claude-haiku-4-5": (1, 5, 0.1, 1.25),
    "claude-haiku-5-5": (0.1, 0.5, 0.01, 0.125),
    "claude-sonnet-4-0": (3, 15, 0.3, 3.75),
    "claude-sonnet-4": (3, 15, 0.3, 3.75),
    "claude-sonnet-4-5": (3, 15, 0.3, 3.75),
    "claude-sonnet-4-6": (3, 15, 0.3, 3.75),
    "claude-sonnet-5": (2, 10, 0.2, 2.5),
    "claude-sonnet-5-5": (2, 10, 0.1, 2.5),
    "claude-opus-4": (15, 75, 1.5, 18.75),
    "claude-opus-4-0": (15, 75, 1.5, 18.75),
    "claude-opus-4-1": (15, 75, 1.5, 18.75),
    "claude-opus-4-5": (5, 25, 0.5, 6.25),
    "claude-opus-4-6": (5, 25, 0.5, 6.25),
    "claude-opus-4-7": (5, 25, 0.5, 6.25),
    "claude-opus-4-8": (5, 25, 0.5, 6.25),
    "claude-opus-5": (5, 25, 0.5, 6.25),
    "claude-opus-5-5": (4, 20, 0.2, 5),
    "claude-fable-5": (10, 50, 1, 12.5),
    "claude-fable-5-1": (10, 50, 0.25, 12.5),
    "claude-fable-5-2": (8, 40, 0.2, 10),
    "gpt-4.1": (2, 8, 0.5, 0),
    "gpt-4.1-mini": (0.4, 1.6, 0.1, 0),
    "gpt-4.1-nano": (0.1, 0.4, 0.025, 0),
    "gpt-4o": (2.5, 10, 1.25, 0),
    "gpt-4o-mini": (0.15, 0.6, 0.075, 0),
    "gpt-5": (1.25, 10, 0.125, 0),
    "gpt-5-codex": (1.25, 10, 0.125, 0),
    "gpt-5-mini": (0.25, 2, 0.025, 0),
    "gpt-5-nano": (0.05, 0.4, 0.005, 0),
    "gpt-5.1": (1.25, 10, 0.125, 0),
    "gpt-5.1-codex-mini": (0.25, 2, 0.025, 0),
    "gpt-5.2": (1.75, 14, 0.175, 0),
    "gpt-5.3": (1.75, 14, 0.175, 0),
    "gpt-5.3-codex": (1.75, 14, 0.175, 0),
    "gpt-5.4": (2.5, 15, 0.25, 0),
    "gpt-5.4-mini": (0.75, 4.5, 0.075, 0),
    "gpt-5.4-nano": (0.2, 1.25, 0.02, 0),
    "gpt-5.5": (5, 30, 0.5, 0),
    "gpt-5.6-luna": (0.2, 1.2, 0.02, 0.25),
    "gpt-5.6-sol": (4, 20, 0.4, 5),
    "gpt-5.6-terra": (2, 12, 0.2, 2.5),
    "gpt-6-luna": (0.1, 0.5, 0.01, 0.125),
    "gpt-6-sol": (2, 10, 0.2, 2.5),
    "gpt-6-astra": (10, 50, 1, 12.5),
    "gpt-6.1-sol": (2, 10, 0.1, 2.5),
    "gpt-6.1-terra": (1, 5, 0.05, 1.25),
    "gemini-2.5-flash": (0.3, 2.5, 0.03, 0),
    "gemini-2.5-flash-lite": (0.1, 0.4, 0.01, 0),
    "gemini-2.5-pro": (1.25, 10, 0.125, 0),
    "gemini-3-flash": (0.5, 3, 0.05, 0),
    "gemini-3.1-pro": (2, 12, 0.2, 0),
    "gemini-3.1-flash-lite": (0.25, 1.5, 0.025, 0),
    "gemini-3.5-flash": (1.5, 9, 0.15, 0),
    "gemini-3.5-flash-lite": (0.3, 2.5, 0.03, 0),
    "gemini-3.6-flash": (1.5, 7.5, 0.15, 0),
    "gemini-3.7-flash": (1.5, 7.5, 0.15, 0),
    "gemini-3.8-flash": (1.5, 7.5, 0.15, 0),
}
PRICES = {name: Price(into, out, read, write or into) for name, (into, out, read, write) in _TABLE.items()}
# What may follow a name without making it another model: a date or build number, a word for the newest, a cloud's version.
_SUFFIX = re.compile(r"([-@](\d{3,}|\d{4}-\d\d-\d\d|latest|preview|v\d+)|:\d+)+")
_CLOUD = re.compile(r"^(?:[a-z]{2,6}\.)?(?:anthropic|openai|google)\.")


def price(model: str) -> Price | None:
    """The price of a model by its name, dated or not, with or without a path or cloud prefix; None where it is not known."""
    name = plain(model)
    found = PRICES.get(name)
    if found is None:
        known = max((one for one in PRICES if name.startswith(one) and _SUFFIX.fullmatch(name, len(one))), key=len, default="")
        found = PRICES.get(known)
    return found


def plain(model: str) -> str:
    """The model's own name: in lower case, without the prefix of a path or a cloud."""
    return _CLOUD.sub("", model.rsplit("/", 1)[-1].lower())


def cost(model: str, usage: Usage) -> float | None:
    """Dollars for these tokens."""
    found = price(model)
    if found is None:
        return None
    fresh = max(0, usage.input_tokens - usage.cache_read_tokens - usage.cache_write_tokens)
    return (
        fresh * found.input
        + usage.cache_read_tokens * found.cache_read
        + usage.cache_write_tokens * found.cache_write
        + usage.output_tokens * found.output
    ) / _MILLION


def saved(model: str, tokens: int, usage: Usage | None = None) -> float | None:
    """Dollars that `tokens` of input less are worth (negative tokens: that more cost). With `usage`: at the mix of fresh, cached and
    cache-writing input that the request was billed; tokens that would have been read from a cache are worth less."""
    found = price(model)
    if found is None:
        return None
    if usage is None or usage.input_tokens <= 0:
        return tokens * found.input / _MILLION
    paid = cost(model, Usage(usage.input_tokens, 0, usage.cache_read_tokens, usage.cache_write_tokens)) or 0.0
    return tokens * paid / usage.input_tokens
