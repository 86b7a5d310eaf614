"""Which of the turns that recall brings speak of the thing that somebody looks for, and how well each of them does.

Rule: recall fills the room that it has with whatever is likeliest to help. A search shows only what has words of the query (by stem or
concept), is near to it in meaning, answers such a turn, or stands beside one and counts nearly as much; and, where somebody asks about
themselves, what they have told of that. Weak matches stand behind good ones.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise

from msgspec import Struct
from msgspec.structs import replace

from backstory.memory.recall import dates
from backstory.memory.recall.associations import MARK, asked_concepts
from backstory.memory.recall.index import Index
from backstory.memory.recall.question import Query
from backstory.memory.recall.quoting import LEFT_OUT
from backstory.memory.recall.reasons import Basis
from backstory.memory.recall.retrieval import Item, Recalled
from backstory.memory.text import STOP_WORDS, fold, stem, terms, words

# A match that has less than the first part of what the best one has of the query only shares a common word with it; of those that have less
# than the second, so many are enough.
_PART, _MUCH, _FEW = 0.4, 0.75, 6
# Words that stand beside each other in the query and in the turn, and words in the very form: shares of a match of all words.
_PAIRS, _FORMS = 0.3, 0.1
# What recall's own score decides: between equals.
_SCORE = 0.05
# A turn that has no word of the query and stands so near to one that has it is shown where its score is at least this part of the best.
_BESIDE, _REACH = 0.6, 2
# What the answer to a question that has the words is worth, as a share of that.
_ANSWER = 0.5
# With vectors: how near to the nearest a turn must be to count by its meaning alone.
_NEAREST = 0.85
_WORD = re.compile(r"[^\W_]+")
_MOST_READ = 100_000
"""Characters of a text that are looked through for the part with most of the words."""


class Row(Struct, frozen=True):
    """A turn to be shown. `number`: as the model sees it. `worth`: how well it answers; where room is short, what has less goes first.
    `direct`: it speaks of the thing, or answers a question that does, and does not only stand beside it. `changed`: number of the later
    turn that changed what it says, 0 for none."""

    number: int
    speaker: str
    at: float
    text: str
    worth: float = 0.0
    direct: bool = True
    changed: int = 0


def hits(found: Recalled, asked: str) -> list[Row]:
    """Of what was recalled for these words, the turns that speak of them and what belongs to those, each turn once, in order."""
    basis = found.basis
    if basis is None:
        return []
    wanted = _wanted(basis.index, basis.query)
    whole = sum(wanted.values())
    shares = [_share(basis, wanted, place) / whole for place in basis.places] if whole else [0.0] * len(basis.places)
    spoken = words(asked)
    worth = [share + _likeness(spoken, item.text) if share else 0.0 for share, item in zip(shares, found.items, strict=True)]
    near = _near(basis)
    by_meaning = _by_meaning(basis, shares, near)
    direct = [close or place for close, place in zip(by_meaning, _good(worth), strict=True)]
    own = basis.parts.oneself
    worth = [max(value, own.get(place, 0.0)) for value, place in zip(worth, basis.places, strict=True)]
    direct = [is_direct or place in own for is_direct, place in zip(direct, basis.places, strict=True)]
    if not any(direct) and basis.query.periods:
        # Of a day that is asked about, all is an answer.
        direct = [dates.closeness(item.at, basis.query.periods) >= dates.WITHIN for item in found.items]
    told = {item.number for item, is_direct in zip(found.items, direct, strict=True) if is_direct}
    asks = {item.number: value for item, value in zip(found.items, worth, strict=True) if item.number in told and "?" in item.text}
    most = max((item.score for item in found.items), default=0.0)
    rows: dict[int, Row] = {}
    for item, value, cosine, is_direct in zip(found.items, worth, near, direct, strict=True):
        if is_direct:
            _put(rows, item, value + cosine + _SCORE * item.score, direct=True)
        elif item.number - 1 in asks:
            _put(rows, item, _ANSWER * asks[item.number - 1], direct=True)
        elif item.score >= _BESIDE * most and _stands_beside(item.number, told):
            _put(rows, item, item.score - 1.0, direct=False)
    return [rows[number] for number in sorted(rows)]


def _good(worth: Sequence[float]) -> list[bool]:
    """Which of these have enough of what the best one has: all that have much, and the best few of those that have some."""
    best = max(worth, default=0.0)
    some = sorted([value for value in worth if _PART * best <= value < _MUCH * best], reverse=True)
    # Many that have as little as each other are none the better for coming first.
    above = some[_FEW] if len(some) > _FEW else 0.0
    return [value > 0.0 and (value >= _MUCH * best or _PART * best <= value > above) for value in worth]


def _put(rows: dict[int, Row], item: Item, worth: float, *, direct: bool) -> None:
    known = rows.get(item.number)
    if known is None:
        rows[item.number] = Row(item.number, item.speaker, item.at, item.shown, worth, direct, item.changed)
    else:
        text = f"{known.text}\n{item.shown}"
        rows[item.number] = replace(
            known, text=text, worth=max(worth, known.worth), direct=direct or known.direct, changed=max(item.changed, known.changed)
        )


def _stands_beside(number: int, told: Collection[int]) -> bool:
    return any(number + step in told for step in range(-_REACH, _REACH + 1))


def _wanted(index: Index, query: Query) -> dict[str, float]:
    """The query's terms with their weights in nats. Words that only frame a question count in full where there are no others."""
    asked = {term: weight for term, weight in query.weights.items() if not term.startswith(MARK)}
    own = query.own or tuple(asked)
    return {term: (1.0 if term in own else weight) * index.rarity(term) for term, weight in asked.items()}


def _share(basis: Basis, wanted: Mapping[str, float], place: int) -> float:
    """What of the query's terms this unit has, in nats: what a word is the general name of in part, a speaker's name where it is theirs."""
    index, query = basis.index, basis.query
    has = set(index.terms_of(place))
    number, speaker = index.vocabulary.get, index.speakers[place]
    names = {stem(part) for part in fold(index.names[speaker]).split()} if speaker in query.people else set()
    total = 0.0
    for term, worth in wanted.items():
        if number(term, -1) in has or term in names:
            total += worth
        else:
            shared = [concept for concept, head in asked_concepts(term) if head and concept in query.weights and number(concept, -1) in has]
            total += max((query.weights[concept] * min(worth, index.rarity(concept)) for concept in shared), default=0.0)
    return total


def _likeness(spoken: Sequence[str], text: str) -> float:
    """What it adds that words of the query stand in the text as they do in the query."""
    said = words(text)
    known, beside = set(said), set(pairwise(said))
    pairs = list(pairwise(spoken))
    content = [word for word in spoken if word not in STOP_WORDS]
    total = 0.0
    if pairs:
        total += _PAIRS * sum(1 for pair in pairs if pair in beside) / len(pairs)
    if content:
        total += _FORMS * sum(1 for word in content if word in known) / len(content)
    return total


def _near(basis: Basis) -> list[float]:
    """Cosines of the items; all 0 without vectors, and where the model's are not known well enough to tell."""
    asked = basis.parts.asked
    if asked is None or not asked.trust.enough:
        return [0.0] * len(basis.places)
    return asked.closeness(basis.places, [(place, place + 1) for place in basis.places])[0]


def _by_meaning(basis: Basis, shares: Sequence[float], near: Sequence[float]) -> list[bool]:
    """Which of the items are near enough to what is asked, whatever their words."""
    asked, most = basis.parts.asked, max(near, default=0.0)
    if asked is None or not most:
        return [False] * len(near)
    enough = asked.trust.enough
    return [cosine >= _NEAREST * most and share + cosine >= enough for share, cosine in zip(shares, near, strict=True)]


def lacking(rows: Sequence[Row], asked: str) -> list[str]:
    """Words of the query that none of these turns has, as they were asked; none where there are no rows."""
    if not rows:
        return []
    had = {term for one in rows for term in terms(one.text)}
    found = {word: stem(word) for word in words(asked) if word not in STOP_WORDS}
    return [word for word, term in found.items() if term and term not in had]


def passage(text: str, asked: str, most: int) -> str:
    """The part of a long text, at most `most` characters of it, that has most of these words; the whole text where it is no longer than
    that. What is left out before and after it is marked."""
    if len(text) <= most:
        return text
    wanted = {term for word in words(asked) if (term := stem(word)) and word not in STOP_WORDS}
    quote = asked.strip().lower()
    exact = text.lower().find(quote) if quote and text.isascii() else -1
    first = exact if exact >= 0 else _densest(text[:_MOST_READ], wanted, most)
    start = max(0, min(first - most // 4, len(text) - most))
    if start:
        space = text.find(" ", start, first)
        start = space + 1 if space >= 0 else start
    end = min(len(text), start + most)
    before = f"{LEFT_OUT} " if start else ""
    after = f" {LEFT_OUT}" if end < len(text) else ""
    return f"{before}{text[start:end]}{after}"


def _densest(text: str, wanted: Collection[str], most: int) -> int:
    """Where the stretch of this length begins in which most different ones of these words stand; 0 where none does."""
    places = [(match.start(), term) for match in _WORD.finditer(text) if (term := stem(fold(match.group()))) in wanted]
    best, first, stop = 0, 0, 0
    counts: dict[str, int] = {}
    for start, term in places:
        while stop < len(places) and places[stop][0] < start + most // 2:
            counts[places[stop][1]] = counts.get(places[stop][1], 0) + 1
            stop += 1
        if len(counts) > best:
            best, first = len(counts), start
        counts[term] -= 1
        if not counts[term]:
            del counts[term]
    return first


def shortened(rows: Sequence[Row], asked: str, most: int) -> list[Row]:
    """The rows with no text longer than `most` characters, each the part that has the words asked for."""
    return [replace(one, text=passage(one.text, asked, most)) if len(one.text) > most else one for one in rows]
