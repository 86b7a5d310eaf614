"""A tool's output as the model gets it back: word for word, in parts where it is too long for one.

Rule: nothing is changed in it but our own fences, which would end the block: where one is changed, it is said. The next part has a name of
its own: the ref and where it begins.
"""

from __future__ import annotations

from collections.abc import Callable

from backstory.memory.reading.fence import RECALL_CLOSE, RECALL_OPEN, neutral

_AT = "@"
_LEAST_CHARS = 40
_CHANGED = " (`<` of marks like our own is shown as `‹`)"


def located(ref: str) -> tuple[str, int]:
    """A ref without the place that stands behind it, and the place (characters)."""
    name, mark, at = ref.strip().strip("\"'`").rpartition(_AT)
    return (name, int(at)) if mark and name and at.isascii() and at.isdigit() and len(at) < 12 else (ref, 0)


def restored(ref: str, number: int, text: str, start: int, budget: int, count: Callable[[str], int]) -> str:
    """The block with this output of the turn of this number, from the character `start` on, as much as `budget` tokens take."""
    if start and start >= len(text):
        return f"That output has {len(text)} characters, so nothing begins at {start}."
    size = len(text) - start
    while size > _LEAST_CHARS and count(_block(ref, number, text, start, size)) > budget:
        size = max(_LEAST_CHARS, size * 3 // 4)
    return _block(ref, number, text, start, size)


def _block(ref: str, number: int, text: str, start: int, size: int) -> str:
    end = start + size
    piece = text[start:end]
    safe = neutral(piece)
    label = f"What #{number} gave, word for word" if size == len(text) else ""
    label = label or f"Characters {start + 1} to {end} of {len(text)} of what #{number} gave, word for word"
    label += _CHANGED if safe != piece else ""
    more = f'\n{RECALL_CLOSE}\nWhat follows is shown for the ref "{neutral(ref)}{_AT}{end}".' if end < len(text) else f"\n{RECALL_CLOSE}"
    return f"{RECALL_OPEN}\n{label}:\n{safe}{more}"
