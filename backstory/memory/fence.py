"""The fences around what memory puts into a prompt. Rule: no recalled text may open or close one of them."""

from __future__ import annotations

import re

RECALL_OPEN = "<recalled>"
RECALL_CLOSE = "</recalled>"
DIGEST_OPEN = "<digest>"
DIGEST_CLOSE = "</digest>"

_OURS = re.compile(r"<(?=/?[ \t]{0,4}(?:recalled|digest)\b|!--[ \t]{0,4}vc:)", re.IGNORECASE)


def neutral(text: str) -> str:
    """The text with our fences and markers in it made harmless: their `<` becomes `‹`. A second call changes nothing."""
    if "<" not in text:
        return text
    return _OURS.sub("‹", text)
