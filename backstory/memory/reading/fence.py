"""What is ours in a prompt (fences, the lines that say a turn's number or day) and how text that others wrote stands inside it.

Rule: no text, name or title may open or close a fence, or begin a line as one of ours begins: not with another kind of line break, nor
with characters between that nobody sees. What is not like ours stays as it is.
"""

from __future__ import annotations

import re

RECALL_OPEN = "<recalled>"
RECALL_CLOSE = "</recalled>"
DIGEST_OPEN = "<digest>"
DIGEST_CLOSE = "</digest>"

_BREAKS = "\n\r\v\f\x1c-\x1e\x85\u2028\u2029"
"""What ends a line for one reader or another (`str.splitlines`)."""
_BLANKS = " \t\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
_JOINERS = "\u200c\u200d\ufe00-\ufe0f"
"""Not seen, and part of how names and signs are written: Persian, emoji."""
# Control characters, and what Unicode calls Default_Ignorable_Code_Point (DerivedCoreProperties.txt).
_HIDDEN = (
    "\x00-\x08\x0e-\x1b\x1f\x7f-\x84\x86-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_UNSEEN = _HIDDEN + _JOINERS
_QUOTED = "> "
"""In front of a line that would read as one of ours."""
_MOST_NAME = 120


def _spelt(word: str) -> str:
    """The word, whatever is between its letters that is not seen."""
    return f"[{_UNSEEN}]*".join(word)


_LESS = "[<\uff1c\ufe64]"
"""With the forms of it that East Asian keyboards write: a model reads them as the sign."""
_OURS = re.compile(
    rf"{_LESS}(?=[{_UNSEEN}\s/\uff0f]*(?:(?:{_spelt('recalled')}|{_spelt('digest')})(?=[{_UNSEEN}]*(?:\W|\Z))|{_spelt('!--')}[{_UNSEEN}{_BLANKS}]*{_spelt('vc:')}))",
    re.IGNORECASE,
)
_NUMBER = rf"[#\uff03\ufe5f][{_UNSEEN}]*\d(?:[{_UNSEEN}]*\d)*(?:[{_UNSEEN}]*[{_BLANKS}{_BREAKS}]|[{_UNSEEN}]*\Z)"
_MONTH = "|".join(map(_spelt, ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")))
_DAY = (
    rf"[\[\uff3b][{_UNSEEN}{_BLANKS}]*"
    rf"(?:[#\uff03\ufe5f][{_UNSEEN}]*\d|\d[{_UNSEEN}]*(?:\d[{_UNSEEN}]*)?[{_BLANKS}][{_UNSEEN}{_BLANKS}]*(?:{_MONTH}))"
)
_LIKE_OURS = rf"(?=[{_UNSEEN}{_BLANKS}]*(?:{_NUMBER}|{_DAY}))"
_LATER = re.compile(f"(?<=[{_BREAKS}]){_LIKE_OURS}")
_FIRST = re.compile(_LIKE_OURS)
_BEGINS = re.compile("[#\\[\uff03\ufe5f\uff3b]")
_BETWEEN = re.compile(rf"[{_BREAKS}{_BLANKS}\x00-\x1f\x7f-\x9f]+")
_DROPPED = re.compile(f"[{_HIDDEN}]+")
_ONLY_JOINERS = re.compile(rf"[{_JOINERS}\s]*\Z")


def neutral(text: str) -> str:
    """The text with our fences and markers in it made harmless: their `<` becomes `‹`. A second call changes nothing."""
    if "<" not in text and "\uff1c" not in text and "\ufe64" not in text:
        return text
    return _OURS.sub("‹", text)


def harmless(text: str, *, first: bool = False) -> str:
    """The same, and `> ` in front of each line that begins as ours do. `first`: the text itself begins a line. A second call changes
    nothing."""
    text = neutral(text)
    if _BEGINS.search(text) is None:
        return text
    text = _LATER.sub(_QUOTED, text)
    return _QUOTED + text if first and _FIRST.match(text) else text


def called(name: str) -> str:
    """A name, label or title as it stands in a line of ours: one line, no colon that would end it, nothing that is not seen."""
    if name.isalnum() and len(name) <= _MOST_NAME:
        return name
    return plain(name).replace(":", " ").replace("\uff1a", " ").strip() or "?"


def plain(text: str, most: int = _MOST_NAME) -> str:
    """The words of a title or a question as they stand in one line of ours, `most` characters of them."""
    text = neutral(_DROPPED.sub("", _BETWEEN.sub(" ", text))).strip()[:most].strip()
    return "" if _ONLY_JOINERS.match(text) else text
