"""What memory itself has written into a prompt, where it comes back in a client's text (a proxy in front of itself, a client that reads
its history from the provider): taken off what is stored, so that nothing is remembered a second time.

Rule: known by its bytes. What only looks like ours is the user's, and stays.
"""

from __future__ import annotations

from collections.abc import Iterable

from backstory.memory.reading.fence import DIGEST_OPEN, RECALL_OPEN


def without(text: str, written: Iterable[str]) -> str:
    """The text without these blocks of ours, wherever one stands whole; nothing is looked for where there is no fence."""
    if not fenced(text):
        return text
    found = False
    for block in written:
        if block and block in text:
            text, found = text.replace(block, ""), True
    return text.strip() if found else text


def fenced(text: str) -> bool:
    """Whether there may be something of ours in it."""
    return RECALL_OPEN in text or DIGEST_OPEN in text
