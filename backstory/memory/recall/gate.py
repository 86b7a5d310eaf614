"""The gate: whether a question is about this conversation at all. Where it is not, nothing is recalled.

Rule: "nothing relevant" is an answer. What is judged is the share of the question's rare words that the best unit has, whom it names, the
time it asks about and, with vectors, the cosine of the nearest unit. Where both errors lie: docs/decisions/vectors.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from backstory.memory.recall.index import Index
from backstory.memory.recall.nearness import Asked
from backstory.memory.recall.question import Query
from backstory.memory.recall.scoring import Found, evidence, most_shared

# The best unit must hold this share of the question's weight in rare words; less is enough where the question names a speaker, more is
# asked for where it names somebody whom nobody has mentioned.
_ENOUGH, _ENOUGH_NAMED, _ENOUGH_STRANGE = 0.22, 0.1, 0.45
# The same for the sum of share and cosine.
_MORE_STRANGE = 0.3
# What is said without a question or a request is seldom about what was said before: it needs a large share, and several words in one
# unit that hardly any other has.
_ENOUGH_REMARK, _REMARK_WORDS, _RARE_SHARE, _RARE = 0.4, 2, 0.02, 3
# One word in common is chance where the question has so many of its own.
_MANY_WORDS = 5


def told(index: Index, query: Query) -> bool:
    """Whether a question needs no word in common: it asks about a speaker and nothing else, or names a time of which something is
    known. Not where it names a stranger, too."""
    if not query.own:
        return True
    return not _strange(query) and any(index.said_in(period.start, period.end) for period in query.periods)


def passes(index: Index, query: Query, found: Found, near: Mapping[int, float], gate: float, asked: Asked | None) -> tuple[float, bool]:
    """The share of the question that the best unit has, and whether that is enough. `gate`: how strict it is, 1 for usual. `near`: cosines
    of the nearest units."""
    best = evidence(index, query, found)
    if query.named and best >= gate * _ENOUGH_NAMED:
        return best, True
    strange = _strange(query)
    if asked is not None and asked.trust.enough and asked.nearness.dimensions:
        return best, best + max(near.values(), default=0.0) >= gate * (asked.trust.enough + (_MORE_STRANGE if strange else 0.0))
    if best < gate * (_ENOUGH_STRANGE if strange else _ENOUGH):
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


def _strange(query: Query) -> bool:
    return bool(query.strangers) and not query.named
