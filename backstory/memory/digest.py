"""Digests: the sentences of a run of turns that are worth keeping, verbatim, each with the number of its turn.

Rule: nothing is invented or reworded. Chosen are sentences with names, numbers, dates, decisions, preferences and commitments, so
that together they cover as many different words, and as much of the run, as the budget allows.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence, Set
from heapq import heapify, heappop, heappush

from msgspec import Struct

from backstory.core.records import Turn
from backstory.core.tokens import estimate
from backstory.memory import dates
from backstory.memory.retrieval import line
from backstory.memory.sentences import parts
from backstory.memory.text import fold, stem, terms
from backstory.memory.units import Carry, Unit, units

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
_CODE = "```"


class _Sentence(Struct):
    place: int
    stretch: int
    unit: Unit
    text: str
    terms: tuple[str, ...]
    worth: float
    tokens: int


def digest(turns: Sequence[Turn], budget_tokens: int, count: Callable[[str], int], breathe: Callable[[], None] = lambda: None) -> str:
    """The digest of these turns (consecutive, spoken ones are read), at most `budget_tokens` long by `count`; "" where nothing fits.
    `breathe` is called between small pieces of the work."""
    if not turns:
        return ""
    clock = Carry()
    made: list[Unit] = []
    for turn in turns:
        if turn.kind == "spoken":
            made += units((turn,), turn.position + 1, clock, breathe)
    return digest_units(made, budget_tokens, count, breathe)


def digest_units(run: Sequence[Unit], budget_tokens: int, count: Callable[[str], int], breathe: Callable[[], None] = lambda: None) -> str:
    """The same over units."""
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
    """Places of sentences, the most useful first: greedy by gain for length, gains looked up again only when they might be the best."""
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
    while heap and left > 0:
        breathe()
        _, place = heappop(heap)
        sentence = sentences[place]
        if sentence.tokens > 2 * left:
            continue
        now = -gain(sentence)
        if heap and now > heap[0][0]:
            heappush(heap, (now, place))
            continue
        day = dates.day_name(sentence.unit.at)
        cost = count(line(sentence.unit.number, sentence.unit.speaker, sentence.text) + "\n")
        cost += 0 if day in days or not day else count(f"[{day}]\n")
        if cost > left:
            continue
        left -= cost
        days.add(day)
        chosen.append(place)
        covered.update(set(sentence.terms))
        stretches[sentence.stretch] += 1
    return chosen


def _breathing(sentences: Sequence[_Sentence], breathe: Callable[[], None]) -> Iterator[_Sentence]:
    for sentence in sentences:
        breathe()
        yield sentence


def _shown(sentences: Sequence[_Sentence]) -> str:
    lines: list[str] = []
    day = ""
    for sentence in sentences:
        named = dates.day_name(sentence.unit.at)
        if named and named != day:
            lines.append(f"[{named}]")
            day = named
        lines.append(line(sentence.unit.number, sentence.unit.speaker, sentence.text))
    return "\n".join(lines)


def _sentences(run: Sequence[Unit], breathe: Callable[[], None]) -> Iterator[_Sentence]:
    place = 0
    seen: set[tuple[str, ...]] = set()
    speakers = {part for unit in run for part in unit.speaker.split()}
    called = {stem(fold(part)) for part in speakers}
    for at, unit in enumerate(run):
        breathe()
        for text in _split(unit.text):
            found = tuple(term for term in terms(text) if term not in called)
            size = estimate(text)
            if len(set(found)) < _LEAST_TERMS or size > _MOST_TOKENS or found in seen:
                continue
            seen.add(found)
            yield _Sentence(place, at * _STRETCHES // len(run), unit, text, found, _worth(text, unit, speakers), size)
            place += 1


def _split(text: str) -> Iterator[str]:
    """Sentences and lines of a text, without its code."""
    for part in text.split(_CODE)[::2]:
        for one in part.splitlines():
            yield from parts(one)


def _worth(text: str, unit: Unit, speakers: Set[str]) -> float:
    """How much a sentence says that later turns may need: little for plain talk, more with each mark of a fact."""
    worth = _PLAIN
    worth += _NAMED if any(name not in speakers for name in _NAME.findall(text)) else 0.0
    worth += _NUMBERED if _NUMBER.search(text) else 0.0
    worth += _DATED if dates.timely(text) else 0.0
    worth += sum(weight for weight, mark in _MARKS if mark.search(text))
    if text.endswith("?"):
        worth *= _ASKS
    return worth * (_ASSISTANT if unit.role == "assistant" and unit.speaker == "Assistant" else 1.0)
