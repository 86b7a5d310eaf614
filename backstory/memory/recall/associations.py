"""Which words belong together in general: a small hand-written list of everyday concepts (associations.txt beside this file).

Rule: a concept is a term of its own in the index ("0" and its name), so that "pet" finds a turn that says "puppy". A line of the list is
`name: heads | members`: a head asks for every member (pet: dog, cat), members are only weakly about each other.
"""

from __future__ import annotations

from functools import cache
from importlib import resources

from backstory.memory.text import stem, words

MARK = "0"
"""First character of concept terms: no stem of a word begins with it."""


def concepts(found: list[str]) -> list[str]:
    """The concepts that these terms stand for, each once, in order."""
    table = _table()[0]
    return list(dict.fromkeys(concept for term in found for concept in table.get(term, ())))


def asked_concepts(term: str) -> tuple[tuple[str, bool], ...]:
    """The concepts of a question's term, and whether the term is a head of each."""
    table, heads = _table()
    return tuple((concept, (term, concept) in heads) for concept in table.get(term, ()))


@cache
def _table() -> tuple[dict[str, tuple[str, ...]], frozenset[tuple[str, str]]]:
    belongs: dict[str, dict[str, None]] = {}
    heads: set[tuple[str, str]] = set()
    text = resources.files("backstory.memory.recall").joinpath("associations.txt").read_text("utf-8")
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        name, _, listed = line.partition(":")
        first, _, members = listed.partition("|")
        concept = MARK + name.strip()
        for word in words(first):
            heads.add((stem(word), concept))
        for word in [*words(first), *words(members)]:
            if term := stem(word):
                belongs.setdefault(term, {})[concept] = None
    return {term: tuple(named) for term, named in belongs.items()}, frozenset(heads)
