"""Which words belong together in general: a small hand-written list of everyday concepts (associations.txt beside this file).

Rule: a concept is a term of its own in the index ("0" and its name), so that "pet" finds a turn that says "puppy". A line of the list is
`name: heads | members`: a head asks for every member (pet: dog, cat), members are only weakly about each other.
"""

from __future__ import annotations

from functools import cache
from importlib import resources

import msgspec

from backstory.memory.text import stem, words

MARK = "0"
"""First character of concept terms: no stem of a word begins with it."""
_stems = msgspec.json.Decoder(dict[str, tuple[list[str], list[str]]])


def concepts(found: list[str]) -> list[str]:
    """The concepts that these terms stand for, each once, in order."""
    table = _table()[0]
    return list(dict.fromkeys(concept for term in found for concept in table.get(term, ())))


def asked_concepts(term: str) -> tuple[tuple[str, bool], ...]:
    """The concepts of a question's term, and whether the term is a head of each."""
    table, heads = _table()
    return tuple((concept, (term, concept) in heads) for concept in table.get(term, ()))


def listed() -> dict[str, tuple[list[str], list[str]]]:
    """What the list comes to: the terms of each concept's heads, and of its other members. To find the stems takes some 0.2 s, so they
    are kept in associations.json (`make associations`)."""
    found: dict[str, tuple[list[str], list[str]]] = {}
    for line in _beside("associations.txt").decode().splitlines():
        if line and not line.startswith("#"):
            name, _, rest = line.partition(":")
            first, _, others = rest.partition("|")
            found[MARK + name.strip()] = _terms(first), _terms(others)
    return found


def _terms(text: str) -> list[str]:
    return list(dict.fromkeys(filter(None, map(stem, words(text)))))


def _beside(name: str) -> bytes:
    return resources.files("backstory.memory.recall").joinpath(name).read_bytes()


@cache
def _table() -> tuple[dict[str, tuple[str, ...]], frozenset[tuple[str, str]]]:
    belongs: dict[str, dict[str, None]] = {}
    heads: set[tuple[str, str]] = set()
    for concept, (first, others) in _stems.decode(_beside("associations.json")).items():
        heads.update((term, concept) for term in first)
        for term in (*first, *others):
            belongs.setdefault(term, {})[concept] = None
    return {term: tuple(named) for term, named in belongs.items()}, frozenset(heads)
