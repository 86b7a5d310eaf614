"""The fences around what memory puts into a prompt. Rule: no recalled text may open or close one of them."""

from __future__ import annotations

import re

RECALL_OPEN = "<recalled>"
RECALL_CLOSE = "</recalled>"
DIGEST_OPEN = "<digest>"
DIGEST_CLOSE = "</digest>"

# White space of any kind, and what is not seen at all: a model reads over both.
_BLANK = r"[\s\u00ad\u200b-\u200f\u2060\ufeff]{0,8}"
_OURS = re.compile(rf"<(?={_BLANK}/?{_BLANK}(?:recalled|digest)\b|!--[ \t]{{0,4}}vc:)", re.IGNORECASE)


def neutral(text: str) -> str:
    """The text with our fences and markers in it made harmless: their `<` becomes `‹`. A second call changes nothing."""
    if "<" not in text:
        return text
    return _OURS.sub("‹", text)
