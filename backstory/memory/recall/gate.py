"""The gate: whether a question is about this conversation at all. Where it is not, nothing is recalled.

Rule: "nothing relevant" is an answer. What is judged is the share of the question's rare words that the best unit has, whom it names, the
time it asks about and, with vectors, the cosine of the nearest unit. Where both errors lie: docs/decisions/vectors.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from backstory.memory.recall import oneself
from backstory.memory.recall.everyday import EVERYDAY
from backstory.memory.recall.index import Index
from backstory.memory.recall.nearness import Asked
from backstory.memory.recall.question import Query, tells
from backstory.memory.recall.scoring import Found, beside, evidence, most_shared
from backstory.memory.text import words

# The best unit must hold this share of the question's weight in rare words; less is enough where the question names a speaker, more is
# asked for where it names somebody whom nobody has mentioned.
_ENOUGH, _ENOUGH_NAMED, _ENOUGH_STRANGE = 0.22, 0.1, 0.45
# The same for the sum of share and cosine.
_MORE_STRANGE = 0.3
# What is said without a question or a request is seldom about what was said before: it needs a large share, and several words in one
# unit that hardly any other has.
_ENOUGH_REMARK, _REMARK_WORDS, _RARE_SHARE, _RARE = 0.4, 2, 0.02, 3
# What is asked for where only words are shared that are said of everything, and a rarer one has never been said: more than one of two.
_ENOUGH_EVERYDAY = 0.55
# So many of the best units are looked at for somebody who speaks of himself.
_TELLING = 3
# One word in common is chance where the question has so many of its own.
_MANY_WORDS = 5


def told(index: Index, query: Query) -> bool:
    """Whether a question needs no word in common: it asks about a speaker and nothing else, or names a time of which something is
    known. Not where it names a stranger, too; and what was "yesterday" or "on Monday" is known of people of the conversation only."""
    if not query.own:
        return True
    if _strange(query):
        return False
    theirs = query.named or query.ours
    return (theirs and known_time(index, query)) or any(not period.loose and tells(index, period) for period in query.periods)


def passes(index: Index, query: Query, found: Found, near: Mapping[int, float], gate: float, asked: Asked | None) -> tuple[float, bool]:
    """The share of the question that the best unit has, and whether that is enough. `gate`: how strict it is, 1 for usual. `near`: cosines
    of the nearest units."""
    best = evidence(index, query, found)
    if (query.named or known_time(index, query)) and best >= gate * _ENOUGH_NAMED:
        return best, True
    strange = _strange(query)
    if asked is not None and asked.trust.enough and asked.nearness.dimensions:
        return best, best + max(near.values(), default=0.0) >= gate * (asked.trust.enough + (_MORE_STRANGE if strange else 0.0))
    if best < gate * (_ENOUGH_STRANGE if strange else _ENOUGH):
        return best, False
    if best < gate * _ENOUGH_EVERYDAY and _by_chance(index, query, found):
        return best, False
    return best, len(query.own) < _MANY_WORDS or most_shared(index, query, found) > 1


def worth_a_look(index: Index, query: Query, found: Found, gate: float) -> tuple[float, bool]:
    """The same for a message that asks nothing: whom it addresses, and that it speaks of a time, opens nothing."""
    best, most = evidence(index, query, found), max(_RARE, int(_RARE_SHARE * index.documents))
    rare = replace(query, own=tuple(term for term in query.own if index.document_frequency(term) <= most))
    return best, best >= gate * _ENOUGH_REMARK and most_shared(index, rare, found) >= _REMARK_WORDS


def any_passes(
    index: Index, queries: Sequence[Query], found: Found, near: Mapping[int, float], gate: float, asked: Asked | None
) -> tuple[float, bool]:
    """The best share of several readings, and whether one of them is enough."""
    best = 0.0
    for query in queries:
        share, enough = passes(index, query, found, near, gate, asked)
        best = max(best, share)
        if enough:
            return best, True
    return best, False


def known_time(index: Index, query: Query) -> bool:
    """Whether something was said in a time that the question names, or of it, and it names no stranger."""
    if _strange(query):
        return False
    return any(worth >= 1.0 for worth in query.spoken.values()) or any(tells(index, period) for period in query.periods)


def _by_chance(index: Index, query: Query, found: Found) -> bool:
    """Whether nothing but everyday words of the question have been said ("size"), and a rarer one never ("shoe"), nor what belongs with it.
    Not where somebody asks about himself and has told of himself with such a word."""
    rarer = tuple(term for term in query.own if term not in EVERYDAY)
    if not any(_unsaid(index, query, term) for term in rarer) or evidence(index, replace(query, own=rarer), found) > 0.0:
        return False
    if query.role < 0 or query.role != index.number_of("user"):
        return True
    own = {index.vocabulary.get(term, -1) for term in query.own}
    return not any(
        index.roles[place] == query.role
        and own.intersection(index.terms_of(place))
        and not oneself.SELF.isdisjoint(words(index.texts[place]))
        for place in found.best[:_TELLING]
    )


def _unsaid(index: Index, query: Query, term: str) -> bool:
    return not index.document_frequency(term) and not any(concept in index.vocabulary for concept in beside(query, term))


def _strange(query: Query) -> bool:
    return bool(query.strangers) and not query.named
