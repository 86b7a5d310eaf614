"""How large a text is, guessed at the cost of looking at its length. For thresholds; what must keep within a promise is counted
(tokens.py).
"""

from __future__ import annotations

import re

CHARS_PER_TOKEN = 3.6
_BYTES_PER_TOKEN = 2.6
# Smaller bodies hold no image worth the look; an image of usual size, in tokens.
_SURELY_TEXT, _IMAGE = 8192, 1500
_ENCODED = re.compile(rb'(?:"|;base64,)[A-Za-z0-9+/=_-]{2048,}')


def rough(text: str) -> int:
    """Tokens, rarely too few: 3.6 characters each in ASCII, 2.6 bytes each elsewhere."""
    if text.isascii():
        return int(len(text) / CHARS_PER_TOKEN) + 1
    return int(len(text.encode("utf-8", "surrogatepass")) / _BYTES_PER_TOKEN) + 1


def rough_body(body: bytes) -> int:
    """Tokens of a request that nobody has read, as if it were all text but for what is encoded in it: that is taken for images."""
    size = len(body)
    if size < _SURELY_TEXT or not _ENCODED.search(body):
        return int(size / CHARS_PER_TOKEN)
    encoded = [len(found.group()) for found in _ENCODED.finditer(body)]
    return int((size - sum(encoded)) / CHARS_PER_TOKEN) + _IMAGE * len(encoded)
