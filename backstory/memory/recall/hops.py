"""The second round: a name that the first hits bring in and the question does not have ("the firm that built the shed is called
Halvorsen") leads to what is said under it elsewhere ("Halvorsen went bankrupt"), which may have no word of the question.

Rule: only hits that have much of what was asked lead on, only by names that few units have (whoever speaks leads nowhere), and only to
a few units. How a word is written tells whether it is a name: with a capital wherever it stands, in katakana, or as codes are; where all
nouns have a capital, how rare it is decides. The gate comes before: where nothing is recalled, nothing leads on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from backstory.memory.recall.dates import timely
from backstory.memory.recall.index import ASKS, Index
from backstory.memory.recall.question import Query
from backstory.memory.recall.scoring import Found, shares, top
from backstory.memory.text import fold, terms

# So many of the best units lead on, each that has so much of those of the question's words that anybody has said: a part of them is about
# what the name leads to. With a little more it leads on with full weight.
_HITS, _ENOUGH, _PLENTY = 3, 0.4, 0.6
# Names of one hit that are followed, the rarest; units that a question is led to, and what they are worth at least.
_NAMES, _LED, _LEAST = 4, 4, 0.35
# In how many units a name stands at most: in this share of all, but no fewer and no more than so many.
_SHARE, _FEW, _MANY = 0.01, 4, 32
# A unit of so many terms is half as much about a name in it as one that is nothing else; one that asks tells half as much.
_LENGTH, _ASKED = 40.0, 0.5
_MOST_CHARS, _MOST_VOICES = 2000, 50
_LETTERS = r"(?:(?![\u3040-\u9fff])[^\W_])+"
_TOKEN = re.compile(rf"[\u30a1-\u30fa\u30fc]{{3,}}|{_LETTERS}(?:[-_./:@]{_LETTERS})*")
_KATAKANA = re.compile("[\u30a1-\u30fc]")
_CODE = re.compile(r"[_/@]|^[^\W\d_]+[-.:]?\d|[a-z][A-Z]|^\d{5,}$|^(?=.*\d)(?=.*[a-f])[0-9a-f]{7,}$")
_DIGITS = re.compile(r"\d+")
_INSIDE = re.compile(r"[^\W_][,;:]? \Z")
_BEHIND = re.compile(r"['\u2019]s\b| ([^\W_]+)")
_NO_VERB_WORDS = """
    a an the this that these those my your our their his her its i you we they he she it me us him them who what how when where why which
    on in out for with to of at by about from up because since as like if and or but so not no some any all more much many very really
    """
_NO_VERBS = frozenset(_NO_VERB_WORDS.split())
"""Behind a name that begins a sentence comes what somebody does, hardly one of these."""
_DAYS = frozenset(("mon", "tue", "tues", "wed", "thu", "thur", "thurs", "fri", "sat", "sun"))


def led_to(index: Index, query: Query, found: Found, eligible: Callable[[int], bool]) -> dict[int, float]:
    """Units that names in the best hits lead to, by place, with what they are worth: above 0, at most 1. `found`: what the question's own
    words find. None where only a part of the conversation is indexed: how rare a name is cannot be told from that. Cost: a few short texts
    and posting lists, whatever the index holds."""
    hits = found.best[:_HITS]
    best = found.scores[hits[0]] if hits else 0.0
    if best <= 0.0 or not query.own or index.frequencies is not None:
        return {}
    known = {part for number in list(index.voices)[:_MOST_VOICES] for part in fold(index.names[number]).split()} | _DAYS
    led: dict[int, float] = {}
    for hit, share in zip(hits, shares(index, query, hits, said=True), strict=True):
        if share < _ENOUGH:
            continue
        strength = min(1.0, share / _PLENTY) * found.scores[hit] / best
        for rarity, places in _names(index, query, hit, known, eligible):
            for place in places:
                if place not in hits and eligible(place):
                    telling = _telling(index, place, found.scores.get(place, 0.0) / best)
                    led[place] = max(led.get(place, 0.0), strength * rarity * telling)
    return {place: led[place] for place in top(led, _LED) if led[place] >= _LEAST}


def _telling(index: Index, place: int, match: float) -> float:
    """How likely a unit with the name tells what was asked: a short one is about it, and one that has more of the question's words."""
    about = _LENGTH / (_LENGTH + index.lengths[place])
    return min(1.0, about + match) * (_ASKED if index.flags[place] & ASKS else 1.0)


def _names(index: Index, query: Query, hit: int, known: set[str], eligible: Callable[[int], bool]) -> list[tuple[float, list[int]]]:
    """The rarest names that a hit brings in: how rare each is, 0 to 1, and the units that have it. `known`: folded names that lead
    nowhere."""
    most = min(_MANY, max(_FEW, int(_SHARE * index.documents)))
    rarest = max(1.0, index.rarity(""))
    found: dict[tuple[str, ...], tuple[float, list[int]]] = {}
    for source in _sources(index, hit, eligible):
        for name in _written(index.texts[source][:_MOST_CHARS]):
            parts = tuple(terms(name))
            if not parts or parts in found or not query.weights.keys().isdisjoint(parts):
                continue
            rare = max(parts, key=index.rarity)
            if not 1 < index.document_frequency(rare) <= most or _leads_nowhere(name, known):
                continue
            places = _with(index, parts, rare)
            if len(places) > 1 and _is_name(index, name, places):
                found[parts] = index.rarity(rare) / rarest, [place for place in places if place != source]
    return sorted(found.values(), key=lambda one: -one[0])[:_NAMES]


def _sources(index: Index, hit: int, eligible: Callable[[int], bool]) -> Iterator[int]:
    """The hit, and after a question what somebody else says next, where that may be told: it may be of another branch."""
    yield hit
    after = hit + 1
    answered = index.flags[hit] & ASKS and after < index.complete and eligible(after)
    if answered and index.sessions[after] == index.sessions[hit] and index.speakers[after] != index.speakers[hit]:
        yield after


def _written(text: str) -> Iterator[str]:
    """What is written as names and codes are."""
    for match in _TOKEN.finditer(text):
        word = match[0]
        if (word[0].isupper() and len(word) > 2) or _KATAKANA.match(word) or _CODE.search(word):
            yield word


def _leads_nowhere(name: str, known: set[str]) -> bool:
    """Whether it is the name of somebody who speaks here, or short for it ("Mel" for Melanie), or a time."""
    folded = fold(name)
    return timely(_DIGITS.sub(" ", name)) or any(one.startswith(folded) for one in known)


def _with(index: Index, parts: Sequence[str], rare: str) -> list[int]:
    """The units that have all parts of a name, of which `rare` is the rarest."""
    places = index.places_of(rare)
    if len(parts) == 1:
        return places
    numbers = {index.vocabulary.get(part, -1) for part in parts}
    return [place for place in places if numbers.issubset(index.terms_of(place))]


def _is_name(index: Index, name: str, places: Sequence[int]) -> bool:
    """Whether it is a code, or in katakana; or most of the units that have the word write it so ("Definitely" is "definitely" elsewhere),
    and as a name."""
    if _CODE.search(name) or _KATAKANA.match(name):
        return True
    texts = [text for place in places if name in (text := index.texts[place])]
    return 2 * len(texts) >= len(places) and _stands_as_name(texts, name)


def _stands_as_name(texts: Sequence[str], name: str) -> bool:
    """Inside a sentence; or at its beginning, mostly with more behind it than is behind an opening ("Congrats!", "Plus the", "Bet you")."""
    said = as_name = 0
    for text in texts:
        at = text.find(name)
        if _INSIDE.search(text, max(0, at - 3), at):
            return True
        behind = _BEHIND.match(text, at + len(name))
        said += 1
        as_name += behind is not None and (behind[1] is None or fold(behind[1]) not in _NO_VERBS)
    return 2 * as_name > said
