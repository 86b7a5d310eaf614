"""How large a text is, guessed at the cost of looking at its length. For thresholds; what must keep within a promise is counted
(tokens.py).
"""

from __future__ import annotations

CHARS_PER_TOKEN = 3.6
_BYTES_PER_TOKEN = 2.6


def rough(text: str) -> int:
    """Tokens, rarely too few: 3.6 characters each in ASCII, 2.6 bytes each elsewhere."""
    if text.isascii():
        return int(len(text) / CHARS_PER_TOKEN) + 1
    return int(len(text.encode("utf-8", "surrogatepass")) / _BYTES_PER_TOKEN) + 1
