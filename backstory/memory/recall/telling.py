"""Whether somebody tells in a text what they did or what happened to them.

Rule: English only, by the simple past after "I" or "we"; in other languages nothing tells. That is what people ask about later, more than
about opinions, wishes and good words, whatever the question's words are.
"""

from __future__ import annotations

import re

_PAST_WORDS = """
    went got had made took saw met was were did found gave bought came been ran won lost left told said heard felt began started wrote
    read ate drank drove flew sold spent kept knew thought brought caught built paid sent put cut set hit fell forgot chose taught grew
    broke spoke wore stood held led slept sang swam rode woke hid sat lent lit hurt quit shot taken swore threw understood
"""
PASTS = tuple(_PAST_WORDS.split())
"""The simple past of common verbs that form it in their own way."""
_BETWEEN = r"(?:(?:just|also|really|recently|finally|have|then|only|even|never|\w+ly) ){0,2}"
_TELLS = re.compile(rf"\b(?:[Ii]|[Ww]e)(?:['’]d)? {_BETWEEN}(?:\w+[^\We]ed|{'|'.join(PASTS)})\b")


def tells(text: str) -> bool:
    """Whether the text has such a statement: "I signed up", "we just met", "I have finally sold". Some 20 ns a character."""
    return _TELLS.search(text) is not None
