"""Regular expressions that are compiled when a text may match them: hundreds of them take tens of milliseconds, which neither a start nor
the first turn need wait for.

Rule: until it is compiled, a text without a word that every match has is not given to the expression, so that one which never meets its
words is never compiled. What is found is the same (tests/memory/test_forms.py).
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any, Generic, TypeVar

T = TypeVar("T")

ALWAYS = "."
"""The gist of an expression that every text is given to."""
_ALL = sys.maxsize
_LEAST = 2
"""Shorter words than that stand in nearly every text."""
_MOST = 400
"""Of more alternatives than that the compiled expression is quicker."""
_LESS = r"\?|\*|\{0?,\d*\}|\{0\}"
_TOKEN = re.compile(
    r"\\[\s\S]|\[\^?\]?(?:\\.|[^\]\\])*\]"
    r"|\((?:\?(?:P<\w+>|[aiLmsux-]*:|(?P<look>[=!]|<[=!])))?"
    rf"|\)(?P<none>{_LESS})?|\||(?P<text>(?:[^\W_]|[ '-])+)(?P<less>{_LESS})?(?P<more>\+|\{{[\d,]+\}})?"
    r"|\{[\d,]+\}|[\s\S]"
)
"""`less`: the last sign before it need not be there; `none`: the whole group need not; `more`: the sign may come more than once."""


class Form:
    """As an `re.Pattern`, of this source and flags. An error in the source shows at the first use. `gist`: the source without parts that
    have no words which every match has, "" for the source itself: it is quicker to read."""

    __slots__ = ("_flags", "_gist", "_made", "_source", "_words")

    def __init__(self, source: str, flags: re.RegexFlag = re.NOFLAG, gist: str = "") -> None:
        self._source = source
        self._gist = gist
        self._flags = flags
        self._made: re.Pattern[str] | None = None
        self._words: tuple[str, ...] | None = None

    @property
    def pattern(self) -> str:
        """Its source."""
        return self._source

    def compiled(self) -> re.Pattern[str]:
        """The expression itself."""
        made = self._made
        if made is None:
            made = self._made = re.compile(self._source, self._flags)
        return made

    def fullmatch(self, text: str, start: int = 0, end: int = _ALL) -> re.Match[str] | None:
        """As `re.Pattern.fullmatch`."""
        made = self._made
        if made is None:
            if not self.may_match(text, start, end):
                return None
            made = self.compiled()
        return made.fullmatch(text, start, end)

    def match(self, text: str, start: int = 0, end: int = _ALL) -> re.Match[str] | None:
        """As `re.Pattern.match`."""
        made = self._made
        if made is None:
            if not self.may_match(text, start, end):
                return None
            made = self.compiled()
        return made.match(text, start, end)

    def search(self, text: str, start: int = 0, end: int = _ALL) -> re.Match[str] | None:
        """As `re.Pattern.search`."""
        made = self._made
        if made is None:
            if not self.may_match(text, start, end):
                return None
            made = self.compiled()
        return made.search(text, start, end)

    def finditer(self, text: str, start: int = 0, end: int = _ALL) -> Iterator[re.Match[str]]:
        """As `re.Pattern.finditer`."""
        return self.compiled().finditer(text, start, end) if self._made or self.may_match(text, start, end) else iter(())

    def findall(self, text: str) -> list[Any]:
        """As `re.Pattern.findall`."""
        return self.compiled().findall(text) if self._made or self.may_match(text, 0, _ALL) else []

    def sub(self, new: str | Callable[[re.Match[str]], str], text: str) -> str:
        """As `re.Pattern.sub`."""
        return self.compiled().sub(new, text) if self._made or self.may_match(text, 0, _ALL) else text

    def split(self, text: str) -> list[str | Any]:
        """As `re.Pattern.split`."""
        return self.compiled().split(text) if self._made or self.may_match(text, 0, _ALL) else [text]

    @property
    def words(self) -> tuple[str, ...]:
        """Words of which each match has one, lower case; none where that cannot be told."""
        words = self._words
        if words is None:
            words = self._words = needed(self._gist or self._source)
        return words

    def may_match(self, text: str, start: int, end: int) -> bool:
        """False only where this cannot match. `start` and `end` as for `match`; what a lookaround wants is not looked at."""
        words = self.words
        if not words:
            return True
        low = _low(text, start, end)
        return any(word in low for word in words)


class Sieve(Generic[T]):
    """Of many things that have forms, those that a text may match: found by its words, some ten times as quickly as by trying each."""

    __slots__ = ("_always", "_by_word", "_every")

    def __init__(self, every: Sequence[T], form: Callable[[T], Form]) -> None:
        self._every = tuple(every)
        self._always: set[int] = set()
        self._by_word: dict[str, list[int]] = {}
        for place, one in enumerate(self._every):
            words = form(one).words
            if not words:
                self._always.add(place)
            for word in words:
                self._by_word.setdefault(word, []).append(place)

    def likely(self, low: str) -> list[T]:
        """Those that may match this text, which is in lower case, in their order."""
        places = set(self._always)
        for word, some in self._by_word.items():
            if word in low:
                places.update(some)
        return [self._every[place] for place in sorted(places)]


def needed(source: str) -> tuple[str, ...]:
    """Words (lower case) of which each text that this expression matches has one; none where that cannot be told."""
    frames = [_Frame(counts=True)]
    for token in _TOKEN.finditer(source):
        sign, top = token[0], frames[-1]
        if sign[0] == "(":
            top.word("")
            frames.append(_Frame(counts=token["look"] is None))
        elif sign[0] == ")":
            if len(frames) > 1:
                frames.pop()
                if top.counts and not token["none"]:
                    frames[-1].sets.append(top.best())
        elif sign == "|":
            top.branch()
        elif token["text"]:
            top.word(token["text"][:-1] if token["less"] else token["text"], ends=bool(token["less"] or token["more"]))
        else:
            top.word("")
    return frames[0].best()


class _Frame:
    """What is known of a group while it is read."""

    __slots__ = ("_branches", "_held", "counts", "sets")

    def __init__(self, *, counts: bool) -> None:
        self.counts = counts
        self.sets: list[tuple[str, ...]] = []
        self._held = ""
        self._branches: list[tuple[str, ...]] = []

    def word(self, text: str, *, ends: bool = True) -> None:
        """More of a word; `ends`: it goes no further."""
        self._held += text
        if ends:
            word = self._held.strip().lower()
            if len(word) >= _LEAST:
                self.sets.append((word,))
            self._held = ""

    def branch(self) -> None:
        """An alternative ends."""
        self.word("")
        best: tuple[str, ...] = ()
        longest = 0
        for words in self.sets:
            if words and (least := min(map(len, words))) > longest:
                best, longest = words, least
        self._branches.append(best)
        self.sets = []

    def best(self) -> tuple[str, ...]:
        """The group ends: words of which a match has one."""
        self.branch()
        if not all(self._branches):
            return ()
        found = tuple(dict.fromkeys(word for words in self._branches for word in words))
        return found if len(found) <= _MOST else ()


def forget() -> None:
    """Hold no texts any more."""
    _low.cache_clear()


@lru_cache(16)
def _low(text: str, start: int, end: int) -> str:
    return text[start:end].lower()
