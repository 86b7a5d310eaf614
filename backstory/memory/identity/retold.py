"""Whether a text that a client sends back is an answer of the provider's in another form.

Clients take the model's reasoning and comments out, write JSON and Markdown anew, trim, cut and shorten. Rule: what counts is what is said,
letters and digits in their order; a text of the same length that says something else was edited, and is no echo. Reasoning and comments
may be missing or cut, but no client writes others in their place: where both texts have some, these have to be alike, too.
"""

from __future__ import annotations

import re
from html import unescape
from typing import Literal, TypeAlias

import msgspec

Likeness: TypeAlias = Literal["same", "part", "brief", "other"]
"""`same`: the same words in another form. `part`: some of them are missing, or stand among others. `brief`: a much shorter text, in words
of its own, as summaries and notes of omission are. `other`: another text."""

# So many letters and digits are no coincidence; fewer are none where little is added to them or missing.
_TELLING_CHARS = 24
_SHORT_CHARS, _MOST = 8, 0.75
# What was cut is shorter than this share of the whole.
_CUT = 0.8
# Of a cut text, so much stands at the beginning and the end of the whole; the rest is a note that it was cut.
_KEPT = 0.6
# What is left when pieces are taken out is at least this share.
_LEFT = 0.5
# A summary takes less than this share of what it stands for, which was of some length.
_BRIEF, _LONG_CHARS = 0.5, 120

_ORDER: tuple[Likeness, ...] = ("same", "part", "brief", "other")

_REASONING = re.compile(
    r"<(think|thinking|thought|thoughts|reasoning|reflection|analysis|scratchpad)\b[^>]*>(.*?)</\1\s*>", re.DOTALL | re.I
)
# Some chat templates begin in the middle of the reasoning.
_REASONED = re.compile(r"\A.*</(?:think|thinking|thought|reasoning)\s*>", re.DOTALL | re.I)
_COMMENT = re.compile(r"<!--(.*?)-->", re.DOTALL)
_TAG = re.compile(r"</?[A-Za-z][^<>]{0,400}>")
_TARGET = re.compile(r"\]\([^()\s]{0,2000}\)")
_FENCE = re.compile(r"\A```[A-Za-z]*\s*\n(.*?)\n?```\Z", re.DOTALL)
_REST = re.compile(r"[\W_]+")

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder(order="sorted").encode


def likeness(sent: str, kept: str) -> Likeness:
    """How the text that a client sends is like the one that it was given. Costs both texts."""
    return max(_said_alike(sent, kept), _set_apart_alike(sent, kept), key=_ORDER.index)


def _said_alike(sent: str, kept: str) -> Likeness:
    a, b = _spoken(sent), _spoken(kept)
    given = _data(b)
    if given:
        asked = _data(a)
        if asked == given:
            return "same"
    found = _alike(_plain(a), _plain(b))
    if found in ("brief", "other"):
        # Cut in the middle of what else would be taken out.
        whole = "same" if sent.strip() == kept.strip() else _alike(_plain(sent), _plain(kept))
        found = min(found, whole, key=_ORDER.index)
    return found


def _set_apart_alike(sent: str, kept: str) -> Likeness:
    """How their reasoning and comments are alike. Either may have fewer of them, or none."""
    found: Likeness = "same"
    for pieces in (_reasoning, _comments):
        a = [plain for piece in pieces(sent) if (plain := _plain(piece))]
        b = [plain for piece in pieces(kept) if (plain := _plain(piece))] if a else []
        if b and not set(a) <= set(b):
            found = max(found, _alike("".join(a), "".join(b)), key=_ORDER.index)
    return found


def _alike(a: str, b: str) -> Likeness:
    if a == b:
        return "same" if a else "other"
    if not a or not b:
        return "other"
    short, long = sorted((a, b), key=len)
    if short in long and (len(short) >= _TELLING_CHARS or (len(short) >= _SHORT_CHARS and len(short) >= _MOST * len(long))):
        return "part"
    if len(a) >= _TELLING_CHARS and _thinned(a, b):
        return "part"
    if len(a) >= _CUT * len(b):
        return "other"
    held = _common(a, b)
    if held >= _TELLING_CHARS and held >= _KEPT * len(a):
        return "part"
    return "brief" if len(b) >= _LONG_CHARS and len(a) <= _BRIEF * len(b) else "other"


def _spoken(text: str) -> str:
    """Without reasoning and comments, and out of its fence where the whole stands in one."""
    text = _COMMENT.sub("", _REASONING.sub("", text))
    if "</" in text:
        text = _REASONED.sub("", text)
    text = text.strip()
    fenced = _FENCE.match(text)
    return fenced[1].strip() if fenced else text


def _reasoning(text: str) -> list[str]:
    if "</" not in text:
        return []
    text = _COMMENT.sub("", text)
    begun = _REASONED.match(_REASONING.sub("", text))
    return [*([begun[0]] if begun else []), *(match[2] for match in _REASONING.finditer(text))]


def _comments(text: str) -> list[str]:
    return [match[1] for match in _COMMENT.finditer(_REASONING.sub("", text))] if "<!--" in text else []


def _plain(text: str) -> str:
    """Its letters and digits, without tags and targets of links."""
    return _REST.sub("", unescape(_TAG.sub("", _TARGET.sub("]", text))))


def _data(text: str) -> str:
    """A JSON object or array as it is always written, "" where the text is none."""
    if text[:1] not in ("{", "["):
        return ""
    try:
        return _encode(_decode(text)).decode()
    except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError):
        return ""


def _thinned(a: str, b: str) -> bool:
    """Whether the first is what is left of the second when pieces are taken out."""
    if len(a) > len(b) or len(a) < _LEFT * len(b):
        return False
    at = 0
    for letter in a:
        at = b.find(letter, at) + 1
        if not at:
            return False
    return True


def _common(a: str, b: str) -> int:
    """How much of the first is the beginning and the end of the second."""
    most = min(len(a), len(b))
    start = _equal(a, b, most)
    return start + _equal(a[::-1], b[::-1], most - start)


def _equal(a: str, b: str, most: int) -> int:
    """Length of their common beginning, up to `most`. Some halvings, not a look at each letter."""
    low = 0
    while low < most:
        step = (low + most + 1) // 2
        if a[low:step] == b[low:step]:
            low = step
        else:
            most = step - 1
    return low
