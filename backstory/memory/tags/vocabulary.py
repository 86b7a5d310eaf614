"""The words and tags of one conversation, and which of them are the same.

Rule: of two spellings, the one that the conversation used first is the one that stays. What is decided of a word is decided once, when
it is first met, from what was said before it: the same turns give the same vocabulary, in one go or one by one.

One word under two names: plural, case and word order (stems), "front-end" and "frontend", "k8s" and "kubernetes", "postgres" and
"postgresql", a slip of two letters or a doubled one, and "CI" where a turn says "continuous integration (CI)".
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from backstory.memory.text import fold, stem

_SHORTEST = 3
_HIGHEST_RARITY = 4.0
_MANY_TURNS = 30
_BROAD_SHARE = 3
"""A word that more than one in three of many turns have says nothing about any of them."""
_NUMERONYM = re.compile(r"([a-z])(\d{1,2})([a-z])")
_LEAST_LONG = 5
_LEAST_SLIP = 7
# Words of the same letters that a new one is held against: genes have four letters, and a long chat has thousands of them.
_MOST_ALIKE = 50
# Endings with which a product is sometimes written, and at least so many letters before them.
_ENDINGS = (".js", ".io", "sql", "js", "lang", "db", "py")
_LEAST_BASE = 4
_DEFINED = re.compile(
    r"(?P<long>(?:[^\W\d_][\w-]{1,40} ){1,5}[^\W\d_][\w-]{1,40}) \((?P<short>[A-Z]{2,6})s?\)"
    r"|\b(?P<first>[A-Z]{2,6}) \((?P<then>[^()\n]{6,60})\)"
)
_DOUBLED = re.compile(r"([a-z])\1+")
_MOST_WORDS = 200_000
_MOST_TAGS = 50_000
"""Later ones are tags of their turns, and known no further."""


class Vocabulary:
    """The words and tags of one conversation so far. Grows with every turn that is tagged."""

    __slots__ = (
        "_forms",
        "_frequencies",
        "_initials",
        "_joined",
        "_long",
        "_same",
        "_slips",
        "_spelt",
        "_tags",
        "_words",
        "names",
        "turns",
    )

    def __init__(self) -> None:
        self.turns = 0
        self.names: set[str] = set()
        self._frequencies: dict[str, int] = {}
        self._forms: dict[tuple[str, ...], str] = {}
        self._joined: dict[str, str] = {}
        self._tags: dict[str, int] = {}
        self._same: dict[str, str] = {}
        self._long: dict[str, str] = {}
        self._slips: dict[str, list[tuple[str, str, str]]] = {}
        self._initials: dict[str, tuple[str, ...]] = {}
        self._spelt: dict[str, str] = {}
        self._words: dict[str, tuple[str, ...]] = {}

    def uses(self, tag: str) -> int:
        """In how many turns this has been a tag."""
        return self._tags.get(tag, 0)

    def calls(self, tag: str) -> bool:
        """Whether this is no topic but the name of somebody who speaks, or its beginning."""
        return any(name == tag or (len(tag) >= _SHORTEST and name.startswith(tag)) for name in self.names)

    def rarity(self, term: str) -> float:
        """Inverse frequency over the turns so far, in nats."""
        return min(_HIGHEST_RARITY, math.log(1.0 + (self.turns + 1) / (self._frequencies.get(term, 0) + 0.5)))

    def broad(self, stems: Sequence[str]) -> bool:
        """Whether every one of these stems is in so many turns that together they tell no turn from another."""
        return self.turns >= _MANY_TURNS and all(self._frequencies.get(term, 0) * _BROAD_SHARE > self.turns for term in stems)

    def weight(self, stems: Sequence[str]) -> float:
        """How much these stems say on average. One that is in every other turn takes nothing from those beside it: together they are a
        narrower topic."""
        weights = [self.rarity(term) for term in stems if not self.broad((term,))] or [self.rarity(term) for term in stems]
        return sum(weights) / len(weights)

    def stems(self, word: str) -> tuple[str, ...]:
        """What a word counts as: the stem of the name under which it came first, several where it is short for several words, none
        where it says nothing. The vocabulary learns a word that is new."""
        known = self._words.get(word)
        if known is None:
            folded = fold(word)
            term = stem(folded)
            known = self._initials.get(term) or ((self._canonical(folded, term),) if term else ())
            if len(self._words) < _MOST_WORDS:
                self._words[word] = known
        return known

    def defines(self, text: str) -> None:
        """Learn what short forms stand for, where the text says it: "continuous integration (CI)"."""
        if "(" not in text:
            return
        for match in _DEFINED.finditer(text):
            short, words = (match["short"], match["long"]) if match["short"] else (match["first"], match["then"])
            expanded = _spelled_out(short, words.split())
            term = stem(short.lower())
            if expanded and term not in self._initials:
                self._initials[term] = tuple(dict.fromkeys(one for word in expanded for one in self.stems(word)))
                self._words = {word: stems for word, stems in self._words.items() if stems != (term,)}

    def form(self, stems: tuple[str, ...], words: Sequence[str]) -> str:
        """The tag for these words, whose stems these are: as it was spelt first, hyphens or not."""
        known = self._forms.get(tuple(sorted(stems)))
        if known is not None:
            return known
        spelling = "-".join(self._name(fold(word)).replace("'", "").replace("’", "") for word in words)
        return self._joined.get(spelling.replace("-", ""), spelling)

    def learn(self, terms: set[str], chosen: dict[tuple[str, ...], str]) -> None:
        """Count a turn's terms, and its tags with their stems."""
        self.turns += 1
        for term in terms:
            self._frequencies[term] = self._frequencies.get(term, 0) + 1
        for stems, tag in chosen.items():
            if tag not in self._tags and len(self._tags) >= _MOST_TAGS:
                continue
            self._forms.setdefault(tuple(sorted(stems)), tag)
            self._joined.setdefault(tag.replace("-", ""), tag)
            self._tags[tag] = self._tags.get(tag, 0) + 1

    def _name(self, word: str) -> str:
        """The word, or where it came first under another name, that."""
        term = stem(word)
        found = self._same.get(term, term)
        return word if found == term else self._spelt.get(found, word)

    def _canonical(self, word: str, term: str) -> str:
        known = self._same.get(term)
        if known is not None:
            return known
        if len(self._same) >= _MOST_WORDS:
            return term
        found = self._same[term] = self._other_name(word, term) or self._slip(word) or term
        if found == term:
            self._spelt[term] = word
        self._register(word, term, found)
        return found

    def _other_name(self, word: str, term: str) -> str | None:
        """The stem under which a word is known that was written otherwise before: shortened, spelt out, with or without an ending."""
        if _NUMERONYM.fullmatch(word):
            return self._long.get(word)
        bare = _bare(word)
        if bare is not None:
            return self._long.get(f"{stem(bare)}-") or self._long.get(f"{_undotted(word)}=")
        return self._long.get(f"{term}+") or self._long.get(f"{_numeronym(word)}#")

    def _slip(self, word: str) -> str | None:
        """The stem of a word that differs from this one by two neighbouring letters or a doubled one."""
        if len(word) < _LEAST_SLIP or not word.isascii() or not word.isalpha():
            return None
        single = _DOUBLED.sub(r"\1", word)
        alike = self._slips.get(_letters(word), ())
        return next((term for other, once, term in alike if once == single or _swapped(word, other)), None)

    def _register(self, word: str, term: str, found: str) -> None:
        """Have it found under the names that it may be given later: its numeronym, or what a numeronym ("#") may stand for; itself with
        an ending ("-"), without its own ("+"), or without the point before it ("=")."""
        if _NUMERONYM.fullmatch(word):
            self._long.setdefault(f"{word}#", found)
        elif word.isascii():
            bare = _bare(word)
            self._long.setdefault(f"{term}-" if bare is None else f"{stem(bare)}+", found)
            if bare is not None:
                self._long.setdefault(f"{_undotted(word)}=", found)
            if word.isalpha() and len(word) >= _LEAST_LONG:
                self._long.setdefault(_numeronym(word), found)
            if word.isalpha() and len(word) >= _LEAST_SLIP:
                alike = self._slips.setdefault(_letters(word), [])
                if len(alike) < _MOST_ALIKE:
                    alike.append((word, _DOUBLED.sub(r"\1", word), found))


def _numeronym(word: str) -> str:
    """ "k8s" for "kubernetes"."""
    return f"{word[0]}{len(word) - 2}{word[-1]}"


def _bare(word: str) -> str | None:
    """A product's name without the ending that it is sometimes written with."""
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _LEAST_BASE:
            return word.removesuffix(ending)
    return None


def _undotted(word: str) -> str:
    """ "nodejs" for "node.js"."""
    return word.replace(".", "")


def _letters(word: str) -> str:
    return "".join(sorted(set(word)))


def _swapped(one: str, other: str) -> bool:
    """Whether in two words two neighbouring letters, not the first, have changed places."""
    if len(one) != len(other):
        return False
    at = next((place for place, (left, right) in enumerate(zip(one, other, strict=True)) if left != right), 0)
    return at > 0 and one[at : at + 2] == other[at + 1 : at - 1 : -1] and one[at + 2 :] == other[at + 2 :]


def _spelled_out(short: str, words: Sequence[str]) -> list[str]:
    """The words of which these are the initials: the last ones before the bracket, or the first in it."""
    for part in (words[-len(short) :], words[: len(short)]):
        if len(part) == len(short) and all(word[:1].upper() == letter for word, letter in zip(part, short, strict=True)):
            return list(part)
    return []
