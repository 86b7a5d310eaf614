"""The tokens that a provider has counted: put right where they cannot be true, and shared out among the requests that they are of."""

from __future__ import annotations

from backstory.core.reply import Usage

# No request has so many tokens. What is added up of such counts fits in a column of 64 bits.
_MOST = 1 << 40


def sane(usage: Usage) -> Usage:
    """These counts, where they can be true: nothing is below 0 or beyond all bounds, and of the input no more is read or
    written than there is."""
    size = min(_MOST, max(0, usage.input_tokens))
    read = min(size, max(0, usage.cache_read_tokens))
    written = min(size - read, max(0, usage.cache_write_tokens))
    return Usage(size, min(_MOST, max(0, usage.output_tokens)), read, written, min(written, max(0, usage.cache_write_long_tokens)))


def first_of(usage: Usage, sent: int, legs: int) -> Usage:
    """Of the tokens that a request was billed by, those of the request itself: its further legs are as dense, and cached alike."""
    if not legs:
        return usage
    share = sent / (sent + legs)
    read, written, longer = usage.cache_read_tokens, usage.cache_write_tokens, usage.cache_write_long_tokens
    return Usage(int(usage.input_tokens * share), usage.output_tokens, int(read * share), int(written * share), int(longer * share))
