"""Digests: the sentences of a run of turns that are worth keeping, verbatim, each with the number of its turn.

Rule: nothing is invented or reworded. Chosen are sentences with names, numbers, dates, decisions, preferences and commitments, so
that together they cover as many different words, and as much of the run, as the budget allows.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from heapq import heapify, heappop, heappush
from typing import TypeVar

from msgspec import Struct

from backstory.core.records import Turn
from backstory.core.tokens import estimate
from backstory.memory.reading.sentences import parts
from backstory.memory.reading.speakers import LEARNT_FROM, names_in
from backstory.memory.recall import dates
from backstory.memory.recall.retrieval import line
from backstory.memory.recall.units import Carry, Unit, units
from backstory.memory.text import fold, stem, terms

T = TypeVar("T")

_NAME = re.compile(r"(?<=[a-z,;] )[A-Z][a-z]+|\b[A-Z]{2,}\b|\b[a-z]+[A-Z]\w+|`[^`]+`|\w+\.\w{1,4}\b|/\w+/\w+")
_NUMBER = re.compile(r"\d")
_KINDS = (
    (1.0, r"decid|chose|choos|agreed|settled on|go(?:ing)? with|let's use|switch(?:ed)? to|final|instead of|approved|we use|must|rule"),
    (1.0, r"favou?rite|prefer|love|hate|like to|dislike|allerg|can't stand|enjoy|always|never|vegetarian|vegan"),
    (1.0, r"will\b|'ll\b|promise|plan|going to|need to|have to|deadline|due\b|remember|schedul|appointment|todo|next (?:week|month|year)"),
    (1.0, r"my name|i am a|i'm a|i work|i live|born|birthday|married|moved to|got a|started|joined|bought|graduated|passed|won\b|because"),
    (0.7, r"fail|error|fixed|broke|bug|root cause|works now|deploy|version|released|turned out|lesson"),
)
_MARKS = tuple((weight, re.compile(rf"\b(?:{pattern})", re.IGNORECASE)) for weight, pattern in _KINDS)
_PLAIN, _NAMED, _NUMBERED, _DATED = 0.5, 0.6, 0.8, 0.6
_ASKS, _ASSISTANT = 0.3, 0.8
_LEAST_TERMS, _MOST_TOKENS = 3, 90
# Gains shrink with what is covered already: each word's by how often it is, and each stretch of the run's by its lines.
_STRETCHES, _STRETCH = 24, 0.35
_LENGTH = 0.6
# For one choice the gains of so many sentences are looked up again: more than prose takes that fills a window. Among sentences that are
# much alike every gain shrinks with every choice.
_MOST_LOOKS = 200
_CODE = "```"


class _Part(Struct, frozen=True):
    """A sentence by itself. `worth`, `worth_named`: without and with one of its names being more than a speaker's."""

    text: str
    terms: tuple[str, ...]
    names: tuple[str, ...]
    worth: float
    worth_named: float
    tokens: int


class _Said(Struct, frozen=True):
    """What was read of a unit."""

    number: int
    speaker: str
    at: float
    parts: tuple[_Part, ...]


class _Sentence(Struct):
    place: int
    stretch: int
    said: _Said
    text: str
    terms: tuple[str, ...]
    worth: float
    tokens: int


class Reader:
    """Reads runs of turns for their digests, and each turn only once: of a run that goes on from the one before, only what is new. A digest
    says the same whatever was read before. One thread at a time may use it; `already` may be asked meanwhile."""

    def __init__(self) -> None:
        self._turns: list[Turn] = []
        self._read: list[tuple[_Said, ...]] = []
        self._carry = Carry()
        self._names: frozenset[str] = frozenset()
        self._words: dict[str, str] = {}

    def already(self, turns: Sequence[Turn]) -> int:
        """How many of the first turns have been read."""
        most = min(len(self._turns), len(turns))
        if self._turns[:most] == turns[:most]:
            return most
        return next((at for at in range(most) if self._turns[at] != turns[at]), most)

    def digest(
        self, turns: Sequence[Turn], budget_tokens: int, count: Callable[[str], int], breathe: Callable[[], None] = lambda: None
    ) -> str:
        """See `digest`."""
        same = self.already(turns)
        names = names_in(turns) if same < LEARNT_FROM else self._names
        if names != self._names:
            self._names, same = names, 0
        if same < len(self._turns) or not same:
            del self._read[same:], self._turns[same:]
            self._carry = Carry(set(names))
            for turn in _breathing(self._turns, breathe):
                self._carry.follow(turn)
        for turn in turns[same:]:
            self._read.append(self._one(turn, breathe))
            self._turns.append(turn)
        return _digest([said for read in self._read for said in read], budget_tokens, count, breathe)

    def _one(self, turn: Turn, breathe: Callable[[], None]) -> tuple[_Said, ...]:
        if turn.kind != "spoken":
            return ()
        found = units((turn,), turn.position + 1, self._carry, breathe, bare=True)
        return tuple(_said(unit, self._words) for unit in _breathing(found, breathe))


def digest(turns: Sequence[Turn], budget_tokens: int, count: Callable[[str], int], breathe: Callable[[], None] = lambda: None) -> str:
    """The digest of these turns (consecutive, spoken ones are read), at most `budget_tokens` long by `count`; "" where nothing fits.
    `breathe` is called between small pieces of the work."""
    return Reader().digest(turns, budget_tokens, count, breathe)


def digest_units(run: Sequence[Unit], budget_tokens: int, count: Callable[[str], int], breathe: Callable[[], None] = lambda: None) -> str:
    """The same over units."""
    words: dict[str, str] = {}
    return _digest([_said(unit, words) for unit in _breathing(run, breathe)], budget_tokens, count, breathe)


def _digest(run: Sequence[_Said], budget_tokens: int, count: Callable[[str], int], breathe: Callable[[], None]) -> str:
    sentences = list(_sentences(run, breathe))
    if not sentences:
        return ""
    chosen = _chosen(sentences, budget_tokens, count, breathe)
    while chosen:
        text = _shown([sentences[place] for place in sorted(chosen)])
        if count(text) <= budget_tokens:
            return text
        chosen.pop()
    return ""


def _chosen(sentences: Sequence[_Sentence], left: int, count: Callable[[str], int], breathe: Callable[[], None]) -> list[int]:
    """Places of sentences, the most useful first: greedy by gain for length, gains looked up again only when they might be the best, and
    only `_MOST_LOOKS` for a choice."""
    frequency = Counter(term for sentence in _breathing(sentences, breathe) for term in set(sentence.terms))
    rarity = {term: math.log(1.0 + len(sentences) / times) for term, times in frequency.items()}
    covered: Counter[str] = Counter()
    stretches: Counter[int] = Counter()

    def gain(sentence: _Sentence) -> float:
        fresh: float = sum(rarity[term] / (1 + covered[term]) ** 2 for term in dict.fromkeys(sentence.terms))
        return fresh * sentence.worth / (1 + _STRETCH * stretches[sentence.stretch]) / math.pow(8 + sentence.tokens, _LENGTH)

    heap = [(-gain(sentence), sentence.place) for sentence in _breathing(sentences, breathe)]
    heapify(heap)
    chosen: list[int] = []
    days: set[str] = set()
    gone: set[int] = set()
    while (place := _best(heap, sentences, gain, gone, left, breathe)) >= 0:
        sentence = sentences[place]
        day = dates.day_name(sentence.said.at)
        cost = count(line(sentence.said.number, sentence.said.speaker, sentence.text) + "\n")
        cost += 0 if day in days or not day else count(f"[{day}]\n")
        if cost > left:
            continue
        left -= cost
        days.add(day)
        chosen.append(place)
        covered.update(set(sentence.terms))
        stretches[sentence.stretch] += 1
    return chosen


def _best(
    heap: list[tuple[float, int]],
    sentences: Sequence[_Sentence],
    gain: Callable[[_Sentence], float],
    gone: set[int],
    left: int,
    breathe: Callable[[], None],
) -> int:
    """The place of the best sentence that may fit, -1 where there is none. It is taken off the heap, or `gone`, which is left out. The heap
    holds gains (negative) as they are, or were when they were greater."""
    best, looks = (0.0, -1), 0
    while heap and left > 0:
        breathe()
        _, place = heappop(heap)
        if place in gone or sentences[place].tokens > 2 * left:
            continue
        now = -gain(sentences[place])
        if not heap or now <= heap[0][0]:
            return place
        heappush(heap, (now, place))
        best, looks = min(best, (now, place)), looks + 1
        if looks == _MOST_LOOKS:
            gone.add(best[1])
            return best[1]
    return -1


def _breathing(run: Sequence[T], breathe: Callable[[], None]) -> Iterator[T]:
    for one in run:
        breathe()
        yield one


def _shown(sentences: Sequence[_Sentence]) -> str:
    lines: list[str] = []
    day = ""
    for sentence in sentences:
        named = dates.day_name(sentence.said.at)
        if named and named != day:
            lines.append(f"[{named}]")
            day = named
        lines.append(line(sentence.said.number, sentence.said.speaker, sentence.text))
    return "\n".join(lines)


def _sentences(run: Sequence[_Said], breathe: Callable[[], None]) -> Iterator[_Sentence]:
    place = 0
    seen: set[tuple[str, ...]] = set()
    speakers = {part for said in run for part in said.speaker.split()}
    called = {stem(fold(part)) for part in speakers}
    for at, said in enumerate(run):
        breathe()
        for part in said.parts:
            found = part.terms if called.isdisjoint(part.terms) else tuple(term for term in part.terms if term not in called)
            if len(set(found)) < _LEAST_TERMS or found in seen:
                continue
            seen.add(found)
            worth = part.worth_named if any(name not in speakers for name in part.names) else part.worth
            yield _Sentence(place, at * _STRETCHES // len(run), said, part.text, found, worth, part.tokens)
            place += 1


def _said(unit: Unit, words: dict[str, str]) -> _Said:
    """`words`: the terms that were seen so far, so that each is held once."""
    parts: list[_Part] = []
    assistant = unit.role == "assistant" and unit.speaker == "Assistant"
    for text in _split(unit.text):
        size = estimate(text)
        if size > _MOST_TOKENS:
            continue
        found = tuple([words.setdefault(term, term) for term in terms(text)])
        if len(set(found)) >= _LEAST_TERMS:
            names = tuple(dict.fromkeys(_NAME.findall(text)))
            worth = _worth(text, False, assistant)
            parts.append(_Part(text, found, names, worth, _worth(text, True, assistant) if names else worth, size))
    return _Said(unit.number, unit.speaker, unit.at, tuple(parts))


def _split(text: str) -> Iterator[str]:
    """Sentences and lines of a text, without its code."""
    for part in text.split(_CODE)[::2]:
        for one in part.splitlines():
            yield from parts(one)


def _worth(text: str, named: bool, assistant: bool) -> float:
    """How much a sentence says that later turns may need: little for plain talk, more with each mark of a fact."""
    worth = _PLAIN
    worth += _NAMED if named else 0.0
    worth += _NUMBERED if _NUMBER.search(text) else 0.0
    worth += _DATED if dates.timely(text) else 0.0
    worth += sum(weight for weight, mark in _MARKS if mark.search(text))
    if text.endswith("?"):
        worth *= _ASKS
    return worth * (_ASSISTANT if assistant else 1.0)
