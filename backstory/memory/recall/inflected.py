"""Words of languages other than English without their endings: "Häuser" and "Haus", "heißt" and "heißen", "hablamos" and "hablar".

Rule: what a word comes to is a term beside the word's own, so that a text whose language cannot be told is found as before. It is told by
its small words. English texts have none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from threading import local

from snowballstemmer import stemmer

from backstory.memory.recall.associations import MARK
from backstory.memory.small_words import small_of, spoken

_STEMMERS = {
    "de": "german",
    "fr": "french",
    "es": "spanish",
    "it": "italian",
    "pt": "portuguese",
    "nl": "dutch",
    "pl": "polish",
    "ru": "russian",
    "ar": "arabic",
}
_INFLECTED = f"{MARK}{MARK}"
"""What such a term begins with: no concept does."""
_LEAST = 4
_UMLAUT = re.compile(r"(?<![aeiouq])([aou])e")
_PARTICIPLE = re.compile(r"(?:ge)?(\w{3,}?)(?:t|t?inn?)?")
"""A stem of German without what makes a participle, or a woman, of it."""
_stemmers = local()


def inflected(said: Sequence[str]) -> Mapping[str, str]:
    """The terms of these folded words without their endings, by word, but for small ones; none where they are English, or of a language
    whose endings are not known."""
    language = spoken(said)
    if language not in _STEMMERS:
        return {}
    small = small_of(language)
    return {word: _term(language, word) for word in said if len(word) >= _LEAST and word not in small and word[:1].isalpha()}


def forget() -> None:
    """Hold no words any more."""
    _term.cache_clear()


@lru_cache(20_000)
def _term(language: str, word: str) -> str:
    if language == "de":
        # As it is written where there are no umlauts ("Haeuser"); a vowel before it is another sound ("neue").
        word = _UMLAUT.sub(r"\1", word.replace("ß", "ss"))
    found = _stem(language, word)
    if language == "de":
        match = _PARTICIPLE.fullmatch(found)
        found = match[1] if match is not None else found
    return _INFLECTED + found


def _stem(language: str, word: str) -> str:
    """A stemmer holds the word it works on, so each thread has its own."""
    found = getattr(_stemmers, language, None)
    if found is None:
        found = stemmer(_STEMMERS[language]).stemWord
        setattr(_stemmers, language, found)
    return str(found(word))
