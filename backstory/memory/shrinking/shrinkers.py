"""The list of shrinkers, in order: what is no text first, then by what the text is, at last whatever it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from backstory.memory.shrinking.shrink_data import data, diffs, listing, pages
from backstory.memory.shrinking.shrink_lines import ansi, blobs, ends, progress, repeats
from backstory.memory.shrinking.shrink_logs import builds, tests, traces

Shrinker: TypeAlias = Callable[[str, int], str | None]

CLEANERS: tuple[Shrinker, ...] = (ansi, progress, data, pages, blobs)
"""Each has its turn."""
KINDS: tuple[Shrinker, ...] = (diffs, tests, traces, builds, listing, repeats)
"""One after the other, until the text is short enough."""
_MOST_CHARS = 2_000_000
"""Of a longer text the middle is not looked at: that bounds the time that one text can take."""
SHRINKERS: tuple[Shrinker, ...] = (*CLEANERS, *KINDS, ends)


def shrink(text: str, budget: int, breathe: Callable[[], None] = lambda: None) -> str:
    """The text in about `budget` characters, never longer than it is; as it is where it fits. Linear in its length: some 50 to 700 ms for
    a million characters. `breathe` is called before each shrinker."""
    if len(text) <= budget:
        return text
    if len(text) > _MOST_CHARS:
        gone = len(text) - _MOST_CHARS
        text = f"{text[: _MOST_CHARS // 2]}\n... {gone} characters left out ...\n{text[-_MOST_CHARS // 2 :]}"
    for shrinker in CLEANERS:
        breathe()
        text = shrinker(text, budget) or text
    for shrinker in KINDS:
        if len(text) <= budget:
            return text
        breathe()
        text = shrinker(text, budget) or text
    breathe()
    return ends(text, budget) or text if len(text) > budget else text
