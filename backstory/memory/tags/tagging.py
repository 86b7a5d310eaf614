"""Tags: what a turn is about, in the conversation's own words.

Rule: a tag is a phrase that stands in the turn; its spelling is the one in which the conversation used it first (vocabulary.py says what
makes no new tag). A phrase that comes back counts more than one that is only rare; one that nearly every turn has is a tag only of turns
that have no other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from backstory.memory.tags.vocabulary import Vocabulary
from backstory.memory.text import STOP_WORDS, fold, stem

_TOKEN = re.compile(r"[^\W_]+(?:[-_.'’][^\W_]+)*|[.!?…,;:()\[\]{}\"\n|]")
_NAME_LINE = re.compile(r"(?m)^(?P<name>[^\W\d_][\w'’-]{0,30}(?: [A-Z][\w'’-]{0,30})?): ")
_MOST_WORDS = 3
_MOST_TAGS = 6
_SHORTEST = 3
_LONGEST_TEXT = 8_000
"""Characters of a turn that are read for tags: what a long text is about stands at its beginning."""
# What a phrase gains as a name, with each further word, and with each turn (up to some) that it was a tag of.
_NAME, _LONGER, _KNOWN, _KNOWN_MOST = 1.5, 0.3, 0.3, 4
_EMPTY = """
    good great nice really lot time day thing something today yesterday tomorrow week month year way bit kind sort stuff people guy
    sure sound look feel think know want need try make take get go come see say tell ask use help hear love like hope keep start
    awesome amazing cool glad happy fun best better new old big little first last next right absolutely definitely totally
    am pm im ive ok okay yes no photo share user assistant
    fine noted understood thanks sorry welcome please hello hi hey bye
"""
SAYS_NOTHING = frozenset(stem(word) for word in _EMPTY.split())
"""Words that are no tag alone."""


def tags(text: str, vocabulary: Vocabulary, most: int = _MOST_TAGS) -> tuple[str, ...]:
    """The tags of a turn, strongest first, as lower-case words joined by hyphens. The vocabulary learns from the turn."""
    found: dict[tuple[str, ...], tuple[float, str]] = {}
    terms: set[str] = set()
    text = text[:_LONGEST_TEXT]
    vocabulary.names.update(fold(match.group("name")) for match in _NAME_LINE.finditer(text))
    vocabulary.defines(text)
    for words, is_name in _phrases(_NAME_LINE.sub("\n", text)):
        each = [vocabulary.stems(word) for word in words]
        terms.update(*each)
        for first, stop in _windows(len(words)):
            part = tuple(dict.fromkeys(term for stems in each[first:stop] for term in stems))
            if not part or all(term in SAYS_NOTHING or term.isdigit() for term in part):
                continue
            tag = vocabulary.form(part, words[first:stop])
            if len(tag) < _SHORTEST or vocabulary.calls(tag):
                continue
            score = vocabulary.weight(part) * (1 + _LONGER * (len(part) - 1))
            score *= (_NAME if is_name else 1.0) * (1 + _KNOWN * min(_KNOWN_MOST, vocabulary.uses(tag)))
            before = found.get(part)
            found[part] = (score + (before[0] / 2 if before else 0.0), tag)
    narrow = {part: one for part, one in found.items() if not vocabulary.broad(part)}
    chosen = _apart(narrow or found, most)
    vocabulary.learn(terms, chosen)
    return tuple(chosen.values())


def _apart(found: dict[tuple[str, ...], tuple[float, str]], most: int) -> dict[tuple[str, ...], str]:
    """The best phrases no two of which share a word."""
    chosen: dict[tuple[str, ...], str] = {}
    used: set[str] = set()
    for part, (_, tag) in sorted(found.items(), key=lambda pair: (-pair[1][0], pair[1][1])):
        if used.isdisjoint(part):
            chosen[part] = tag
            used.update(part)
            if len(chosen) == most:
                break
    return chosen


def _windows(size: int) -> Iterator[tuple[int, int]]:
    """A short run of words is one phrase; of a longer one, its pairs."""
    if size <= _MOST_WORDS:
        yield 0, size
        if size > 1:
            yield from ((at, at + 1) for at in range(size))
        return
    yield from ((at, at + 2) for at in range(size - 1))


def _phrases(text: str) -> Iterator[tuple[list[str], bool]]:
    """Runs of content words, and whether they are a name: capitalised, and not only for beginning a sentence."""
    run: list[str] = []
    run_is_name = begins = True
    for match in _TOKEN.finditer(text):
        token = match.group()
        if not token[0].isalnum():
            if run:
                yield run, run_is_name
            run, run_is_name, begins = [], True, token in ".!?…\n:" or (begins and token in '"(')
            continue
        capital = token[0].isupper() and not begins
        if token.lower() in STOP_WORDS or token.partition("'")[0].partition("’")[0].lower() in STOP_WORDS:
            if run:
                yield run, run_is_name
            run, run_is_name, begins = [], True, False
            continue
        if run and capital != run_is_name and not (capital and len(run) == 1 and run[0][0].isupper()):
            yield run, run_is_name
            run = []
        run_is_name = capital
        run.append(token)
        begins = False
    if run:
        yield run, run_is_name
