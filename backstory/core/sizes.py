"""How large a text is, guessed at the cost of looking at its length. For thresholds; what must keep within a promise is counted
(tokens.py).
"""

from __future__ import annotations

import re

CHARS_PER_TOKEN = 3.6
_BYTES_PER_TOKEN = 2.6
# In a text of Latin letters, what its other signs cost beside that, for each byte of them more than one.
_MORE = 1.1
# Smaller bodies hold no image that is worth the look; an image of usual size, in tokens.
_SURELY_TEXT, _IMAGE = 32_768, 1500
# What stands before encoded data: in a data URL, or as the member of that name; how far from its name it begins, and what is too short.
_MEMBER = b'"data"'
_BEFORE_DATA = (b";base64,", _MEMBER)
_GAP, _LEAST = 8, 2048
_ENCODED = re.compile(rb"[A-Za-z0-9+/_-]{64}")


def rough(text: str) -> int:
    """Tokens, rarely too few: 3.6 characters each, and more for what is not ASCII, up to 2.6 bytes each. A dash or a letter with an accent
    does not make a text of another script of it."""
    length = len(text)
    if text.isascii():
        return int(length / CHARS_PER_TOKEN) + 1
    size = len(text.encode("utf-8", "surrogatepass"))
    return int(min(size / _BYTES_PER_TOKEN, length / CHARS_PER_TOKEN + (size - length) * _MORE)) + 1


def rough_body(body: bytes) -> int:
    """Tokens of a request that nobody has read, as if it were all text but for what is encoded in it: that is taken for images."""
    size = len(body)
    if size < _SURELY_TEXT:
        return int(size / CHARS_PER_TOKEN)
    images = encoded = 0
    for needle in _BEFORE_DATA:
        at = body.find(needle)
        while at >= 0:
            start = at + len(needle)
            if needle is _MEMBER:
                start = body.find(b'"', start, start + _GAP) + 1 or start
            end = start
            if _ENCODED.match(body, start):
                end = body.find(b'"', start)
                if end - start >= _LEAST:
                    images += 1
                    encoded += end - start
            at = body.find(needle, end) if end >= 0 else -1
    return int((size - encoded) / CHARS_PER_TOKEN) + _IMAGE * images
