"""What a side model claims of turns, held against those turns; and a digest of what held.

Rule: a claim whose numbers, dates, names or negations are not in the turns it rests on is dropped, and so is one that shares too few words
with them. To drop a true claim costs little (the extractive digest is there); to keep a false one costs trust.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from msgspec import Struct

from backstory.core.lines import CLAIMANT
from backstory.core.records import Claim, Summary, Turn
from backstory.memory.folding.digest import digest_units
from backstory.memory.recall import dates
from backstory.memory.recall.units import Carry, Unit, units
from backstory.memory.side_model.bindings import Bindings
from backstory.memory.text import STOP_WORDS, fold, stem, terms, words

LABEL = CLAIMANT
"""Who speaks in a line that nobody said."""
_MOST_CHARS, _LEAST_TERMS = 400, 2
# So many of a claim's words, as a share, must stand in its turns.
_SHARED = 0.5
# A sentence as close to the claim as this share of the closest one may be what the claim was made of.
_CLOSE = 0.6
_SENTENCE = re.compile(r"(?<=[.!?。！？])\s+|\n+")
_END = re.compile(r"(?<=[.!?。！？])\s+(?=[^\W_a-z])")
_NUMBER = re.compile(r"(?:(?<![\w.,:/)\]-])[-\u2212]|\bminus )?\d+(?:[.,:]\d+)*")
_WORD = re.compile(r"[^\W_]+(?:[-'’./_@][^\W_]+)*")
_CODED = re.compile(r"[a-z][A-Z]|\w[_/@.]\w|[^\W\d_]\d|\d[^\W\d_]|[A-Z]{2}")
_ORDINAL = re.compile(r"\d+(?:st|nd|rd|th|s)", re.IGNORECASE)
_PARTS = re.compile(r"\d+|[^\W\d_]+")
_VERB = re.compile(r"[A-Z][a-z]+(?:ed|ing)")
_SUBJECT_WORDS = "user users assistant speaker speakers human both nobody everyone someone people summary"
_ROLES = ("user", "speaker", "human")
_SUBJECTS = frozenset(_SUBJECT_WORDS.split())
"""Words with which a claim may begin although no turn has them."""
_NOT_WORDS = """
    not no never none nobody nothing neither nor without cannot nowhere hardly stopped refused denied declined rejected
    nicht kein keine keinen keinem keiner nie niemals nichts niemand ohne weder
    ne pas jamais rien sans aucun aucune personne non
    ningún ninguno ninguna nunca nada sin tampoco
    não nunca nenhum nenhuma sem mai senza nessuno nessuna niente
    не нет никогда ничего никто без ни
"""
_NOT = frozenset(_NOT_WORDS.split())
_NOT_ENDINGS = ("n't", "n’t")
_NOT_SIGNS = re.compile(r"[不没沒無无未非]|ない|ません|なかった|않|못|없")
_IDIOMS = re.compile(
    r"\b(?:can['’]?t wait|(?:can['’]?t|won['’]?t) believe|(?:don['’]?t|never|not) (?:forget|worry)"
    r"|no (?:worries|problem|doubt|kidding|wonder)"
    r"|not (?:just|only|to mention)|why not|without (?:a )?doubt|can['’]?t (?:\w+ ){1,4}without|nothing but|no matter)\b"
)
"""What sounds like a denial and is none."""
_DAY_NAMES = """
    monday tuesday wednesday thursday friday saturday sunday
    january february march april may june july august september october november december
"""
_DAY_WORDS = frozenset(_DAY_NAMES.split())
# Less than this share of the extractive digest's names and numbers, and the extractive one is the better digest.
_ENOUGH = 0.5


class Verdict(Struct, frozen=True):
    """The claims that held, and how many did not."""

    kept: tuple[Claim, ...]
    dropped: int


def verified(claims: Iterable[Claim], turns: Mapping[int, Turn]) -> Verdict:
    """Those claims that rest on these turns (by id). A claim of several sentences is judged sentence by sentence; a claim that names a turn
    that is not there is dropped."""
    kept: list[Claim] = []
    dropped = 0
    sources: dict[tuple[int, ...], _Source] = {}
    for claim in claims:
        cited = tuple(sorted(set(claim.turns)))
        known = bool(cited) and all(turn in turns for turn in cited)
        if known and cited not in sources:
            sources[cited] = _Source([turns[turn] for turn in cited])
        for text in _END.split(" ".join(claim.text.split())):
            one = Claim(text, cited)
            if known and sources[cited].bears(text) and one not in kept:
                kept.append(one)
            else:
                dropped += 1
    return Verdict(tuple(kept), dropped)


def better(verdict: Verdict, extractive: str) -> bool:
    """Whether these claims are worth more than the extractive digest: most of them held, and they name much of what it names."""
    if not verdict.kept or verdict.dropped > len(verdict.kept):
        return False
    named = _marks(line.partition(": ")[2] for line in extractive.splitlines())
    return len(named & _marks(claim.text for claim in verdict.kept)) >= _ENOUGH * len(named)


def digest_with(
    turns: Sequence[Turn],
    summaries: Sequence[Summary],
    budget_tokens: int,
    count: Callable[[str], int],
    breathe: Callable[[], None] = lambda: None,
) -> str:
    """The digest of these turns (consecutive, ids rising), where summaries cover some of them: their claims stand for the turns they
    cover, sentences of the turns for the others. A summary counts where all the turns it cites are here."""
    here = {turn.id: turn for turn in turns}
    owned: dict[str, list[int]] = {}
    for turn in turns:
        owned.setdefault(turn.conversation, []).append(turn.id)
    covered: set[int] = set()
    claims: dict[int, list[Claim]] = {}
    for one in summaries:
        breathe()
        if not one.claims or not all(turn in here for claim in one.claims for turn in claim.turns):
            continue
        own = owned.get(one.conversation, [])
        covered.update(own[bisect_left(own, one.first_turn) : bisect_right(own, one.last_turn)])
        for claim in one.claims:
            claims.setdefault(claim.turns[0], []).append(claim)
    carry = Carry()
    carry.begin(turns)
    made: list[Unit] = []
    for turn in turns:
        if turn.kind != "spoken":
            continue
        said = units((turn,), turn.position + 1, carry, breathe)
        made += _claimed(turn, claims.get(turn.id, ()), said, here) if turn.id in covered else said
    return digest_units(made, budget_tokens, count, breathe)


def _claimed(turn: Turn, claims: Iterable[Claim], own: Sequence[Unit], here: Mapping[int, Turn]) -> Iterator[Unit]:
    at = own[0].at if own else turn.at
    for piece, claim in enumerate(claims):
        also = ", ".join(f"#{here[other].position + 1}" for other in claim.turns[1:])
        text = claim.text
        if also:
            end = text[-1] if text[-1:] in ".!?" else ""
            text = f"{text.removesuffix(end)} (also {also}){end}"
        yield Unit(turn.id, piece, turn.position + 1, LABEL, "user", text, at, 0, tuple(terms(text)))


class _Source:
    """What some turns say, taken apart."""

    def __init__(self, turns: Sequence[Turn]) -> None:
        told = [f"{turn.sender or turn.role}: {turn.text}" for turn in turns]
        self._speakers = {name for turn in turns for name in (turn.sender, *(_ROLES if turn.role == "user" else (turn.role,))) if name}
        self._sentences = [sentence for text in told for sentence in _SENTENCE.split(text) if sentence.strip()]
        self._terms = [_stems(sentence) for sentence in self._sentences]
        self._stems = set().union(*self._terms)
        self._words = {fold(word) for text in told for word in _WORD.findall(text)} | {word for text in told for word in words(text)}
        self._numbers = {number for text in told for number in _numbers(text)}
        plain = [sentence for turn in turns for sentence in _SENTENCE.split(turn.text) if sentence.strip()]
        self._bindings = Bindings(plain, self._speakers, _is_name)
        self._at = max((turn.at for turn in turns), default=0.0)
        self._periods: set[tuple[float, float]] = set()
        for turn in turns:
            self._date(turn)

    def _date(self, turn: Turn) -> None:
        """The days that a turn speaks of, and its own: a claim may name them outright ("yesterday"), or their month and year."""
        day = turn.at // dates.DAY_S * dates.DAY_S
        periods = [(one.start, one.end) for one in (*dates.exact(turn.text, turn.at)[0], *dates.mentioned(turn.text, turn.at))]
        for start, end in [*periods, *([(day, day + dates.DAY_S)] if turn.at > 0 else ())]:
            self._periods.add((start, end))
            _, month, year = dates.day_name(start).split() or ("", "", "")
            self._words.add(fold(month))
            self._numbers.add(year)

    def bears(self, claim: str) -> bool:
        """Whether the claim rests on these turns."""
        found = _stems(claim)
        if len(claim) > _MOST_CHARS or len(found) < _LEAST_TERMS or not claim.isprintable():
            return False
        days, rest = dates.exact(claim, self._at)
        if not all((day.start, day.end) in self._periods for day in days) or _numbers(rest) - self._numbers:
            return False
        return self._names(rest) and self._shares(found) and self._polarity(claim, found)

    def _names(self, claim: str) -> bool:
        """Every name is there: what is capitalised within the sentence, spelt like code, or a day or month."""
        for place, match in enumerate(_WORD.finditer(claim)):
            word = match.group()
            if not self._has(word) and _is_name(word, first=place == 0):
                return False
        return True

    def _has(self, word: str) -> bool:
        folded = fold(word)
        bare = folded.removesuffix("'s").removesuffix("’s")
        if folded in self._words or bare in self._words or (stem(bare) or bare) in self._stems:
            return True
        parts = _PARTS.findall(folded)
        return len(parts) > 1 and all(part in self._words for part in parts)

    def _shares(self, found: set[str]) -> bool:
        content = {term for term in found if term not in _NOT}
        return len(content & self._stems) >= _SHARED * len(content)

    def _polarity(self, claim: str, found: set[str]) -> bool:
        """Among the sentences closest to the claim is one that denies as it does."""
        likeness = [len(found & sentence) / (len(sentence) + 2) ** 0.5 for sentence in self._terms]
        best = max(likeness, default=0.0)
        denied = denies(claim)
        close = (sentence for sentence, like in zip(self._sentences, likeness, strict=True) if like and like >= _CLOSE * best)
        alike = [self._bare(sentence) for sentence in close if denies(sentence) == denied]
        return bool(alike) and self._bindings.hold(claim, alike)

    def _bare(self, sentence: str) -> str:
        """Without who says it."""
        name, colon, said = sentence.partition(": ")
        return said if colon and name in self._speakers else sentence


def _is_name(word: str, first: bool) -> bool:
    folded = fold(word)
    if folded in _DAY_WORDS and word[0].isupper():
        return True
    if _CODED.search(word) and not _ORDINAL.fullmatch(word):
        return True
    if not word[0].isupper() or folded in STOP_WORDS:
        return False
    return not (first and (folded in _SUBJECTS or _VERB.fullmatch(word)))


def _numbers(text: str) -> set[str]:
    """Numbers as they are compared: digits without grouping and leading zeros; number words as digits."""
    found = {_bare(number) for number in _NUMBER.findall(text)}
    found.update(part for word in words(text) if word.isalpha() and word != "one" and (part := stem(word)).isdigit())
    return found


def _bare(number: str) -> str:
    number, sign = number.lstrip("minus -\u2212"), "" if number[0].isdigit() else "-"
    if re.fullmatch(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?", number):
        number = number.replace(",", "")
    whole, dot, rest = number.replace(",", ".").partition(".")
    return sign + (whole.lstrip("0") or "0") + dot + rest


def _stems(text: str) -> set[str]:
    return set(terms(text))


def denies(text: str) -> bool:
    """Whether a text denies something, in one of the languages whose words for that are known."""
    lowered = _IDIOMS.sub(" ", text.lower())
    if _NOT_SIGNS.search(lowered):
        return True
    found = re.findall(r"[^\W\d_]+(?:['’]t)?", lowered)
    return any(word in _NOT or word.endswith(_NOT_ENDINGS) for word in found)


def _marks(texts: Iterable[str]) -> set[str]:
    """Names and numbers of these texts."""
    found: set[str] = set()
    for text in texts:
        found |= _numbers(text)
        found.update(fold(word) for place, word in enumerate(_WORD.findall(text)) if place and _is_name(word, first=False))
    return found
