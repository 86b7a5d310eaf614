"""Whether what a claim puts together stands together in its turns: a number with what it counts, a place with who lives there, both sides
of a comparison, and whether it was said outright.

Rule: a claim whose words all stand in its turns may still say what none of them says. Where a clause says a thing of somebody or
something that the claim does not name, it is not said of what the claim names. In doubt the claim goes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import pairwise, takewhile

from msgspec import Struct

from backstory.memory.facts.correction_forms import SLIP
from backstory.memory.facts.scope import HEDGED
from backstory.memory.text import STOP_WORDS, fold, stem

_WORD = re.compile(r"\d+(?:[.,:]\d+)*|[^\W\d_]+(?:[-'’./_@]\w+)*")
_CLAUSE = re.compile(
    r"[,;:()—–](?:\s+|\Z)|\b(?:and|but|while|whereas|though|although|und|aber|während|et|mais|tandis|y|pero|mientras|e|mas|ma|en|maar|и|но|а)\b",
    re.IGNORECASE,
)
_WORDS_SPEAKER = """
    i im ive id ill me we us were weve wed well myself
    ich wir mich mir uns je j moi nous yo me nosotros nos eu nós io mi noi ci ik wij we mij ons ja mnie я мы мне меня нас
"""
_SPEAKER = frozenset(_WORDS_SPEAKER.split())
_ELIDED = ("i'", "i’", "we'", "we’", "j'", "j’", "m'", "m’")
_WORDS_PRONOUN = """
    he she they it him her them his hers their its there that this who which
    er sie es ihn ihm ihr ihnen dort il elle ils elles lui leur y él ella ellos ellas le lo la ele ela lui lei loro hij zij ze hem haar
    он она они
"""
_PRONOUN = frozenset(_WORDS_PRONOUN.split())
_SPEAKERS = frozenset(("user", "speaker", "human", "assistant"))
_COMPARED = (
    re.compile(r"\b(?:instead of|in place of|rather than|than|over|statt|anstatt|als|plutôt que|en vez de|em vez de|invece di)\b", re.I),
    re.compile(r"\b(?:before|earlier than|vor|avant|antes de|prima di)\b", re.I),
    re.compile(r"\b(?:after|later than|nach|après|después de|depois de|dopo)\b", re.I),
    re.compile(r"\bto\b", re.I),
)
"""Words whose two sides are not the same; each with what means the same."""
_BY = re.compile(r"\b(?:by|von|par|por|da|door)\b", re.I)
_LISTED = re.compile(r"\W*(?:and|or|und|oder|et|ou|y|o|e|en|и)?\W*", re.I)
_OPEN = re.compile(
    r"\b(?:want\w*|plan\w*|consider\w*|think\w*|thought|hop(?:es?|ing|ed)|ask\w*|suggest\w*|propos\w*|recommend\w*|may|can|believ\w*|feel\w*|"
    r"discuss\w*|talk\w*|open to|interest\w*|likely|unlikely|needs?|needed|must|uncertain\w*|dream\w*|expect\w*|when|once|until|case)\b",
    re.I,
)
"""What says of a claim that it is none of what is so already, besides what hedges a sentence."""
_ENDED = re.compile(r"\b(?:used to(?! (?:it|that|this|the)\b)|no longer|any ?more|formerly|previously)\b", re.I)
_PAST = re.compile(
    r"\b(?:\w+ed|was|were|had|did|past|once|former\w*|previous\w*|earlier|quit|left|gave|went|came|used)\b|\b(?:not|no)\b|n['’]t\b", re.I
)
_UNIT_WORDS = """
    percent dollar euro pound cent yen franc km kilometer kilometre mile meter metre foot inch second minute hour day week month year
    kg kilo gram ton liter litre gallon degree byte kb mb gb tb ms
"""
_UNITS = frozenset(stem(word) or word for word in _UNIT_WORDS.split())
_SIGNS = {"%": "percent", "$": "dollar", "€": "euro", "£": "pound", "¥": "yen"}


class _Clause(Struct, frozen=True):
    """`sentence`: which one it is part of; `marks`: its names and numbers; `words`: all its words and their stems; `head`: those before its
    first number that say something; `bridged`: it says of whom by a pronoun; `spoken`: of its speaker."""

    sentence: int
    marks: frozenset[str]
    words: frozenset[str]
    head: frozenset[str]
    bridged: bool
    spoken: bool


class Bindings:
    """What stands together in these sentences of some turns. `speakers`: who says them. `named`: whether a word is a name; and whether
    that begins a sentence."""

    def __init__(self, sentences: Sequence[str], speakers: Collection[str], named: Callable[[str, bool], bool]) -> None:
        self._named = named
        self._speakers = {key for name in speakers for key in _keys(name)} | _SPEAKERS
        self._clauses = [clause for number, sentence in enumerate(sentences) for clause in self._taken_apart(sentence, number)]
        self._words = frozenset().union(*(clause.words for clause in self._clauses))

    def hold(self, claim: str, close: Sequence[str]) -> bool:
        """Whether the claim puts together what these turns do. `close`: the sentences it is likest to."""
        turned = self._swapped(claim, close) or _turned(claim, close)
        return (
            not turned
            and not _taken_back(claim, close)
            and self._together(claim)
            and self._counted(claim)
            and self._done_by(claim)
            and _outright(claim, close)
        )

    def _taken_apart(self, sentence: str, number: int) -> Iterator[_Clause]:
        first = True
        for piece in _CLAUSE.split(sentence):
            found = _WORD.findall(piece)
            if found:
                lowered = {fold(word).replace("'", "").replace("’", "") for word in found}
                signs = {word for sign, word in _SIGNS.items() if sign in piece}
                before = takewhile(lambda word: not _keys(word)[0][0].isdigit(), found)
                yield _Clause(
                    number,
                    frozenset(self._marks(found, first)),
                    frozenset(key for word in found for key in _keys(word)) | signs,
                    frozenset(key for word in before if fold(word) not in STOP_WORDS for key in _keys(word)),
                    not lowered.isdisjoint(_PRONOUN),
                    not lowered.isdisjoint(_SPEAKER) or any(word.startswith(_ELIDED) for word in map(fold, found)),
                )
                first = False

    def _marks(self, found: Sequence[str], first: bool = True) -> list[str]:
        keys = ((_keys(word)[0], self._named(word, first and place == 0)) for place, word in enumerate(found))
        return [key for key, named in keys if named or key in _SPEAKERS or key[0].isdigit()]

    def _together(self, claim: str) -> bool:
        """Whether of two names or numbers that follow each other in the claim none is said of another alone."""
        found = _WORD.findall(claim)
        told = {key for word in found for key in _keys(word)}
        known = [mark for mark in self._marks(found) if mark in self._words or mark in self._speakers]
        return all(one == other or self._pair(one, other, told) for one, other in pairwise(known))

    def _pair(self, one: str, other: str, told: Collection[str]) -> bool:
        owned = one in self._speakers or other in self._speakers
        if one in self._speakers and other in self._speakers:
            return True
        for clause in self._clauses:
            has = (one in clause.words) + (other in clause.words)
            if has == 2 or (has and (clause.bridged or (owned and clause.spoken) or clause.marks.issubset(told))):
                return True
        return False

    def _counted(self, claim: str) -> bool:
        """Whether each number counts what it counts in the turns: its unit is there, and no word of the claim stands with other numbers
        alone."""
        found = _WORD.findall(claim)
        told = {key for word in found for key in _keys(word)}
        numbers = {word for word in found if word[0].isdigit()} & self._words
        for number, unit in pairwise(found):
            key = _keys(unit)[0]
            if number in numbers and key in _UNITS and not any({number, key} <= clause.words for clause in self._clauses):
                return False
        return not any(self._elsewhere(word, number, numbers, told) for number in numbers for word in told - numbers - _UNITS)

    def _elsewhere(self, word: str, number: str, numbers: set[str], told: set[str]) -> bool:
        """Whether every clause that has the word has other numbers than the claim. What stands in front of the first number of a sentence
        may go on to the next ("the limit is set to 5 and the timeout to 30") where the claim has what that one is about."""
        having = [clause for clause in self._clauses if word in clause.words]
        own = {clause.sentence for clause in self._clauses if number in clause.words and clause.head & told}
        if any(word in clause.head and clause.sentence in own for clause in having):
            return False
        return bool(having) and all(number not in clause.words and _numbers(clause) and not _numbers(clause) & numbers for clause in having)

    def _done_by(self, claim: str) -> bool:
        """Whether some of what is told of the names in the claim stands where no other is named alone."""
        found = _WORD.findall(claim)
        names = {mark for mark in self._marks(found) if not mark[0].isdigit()}
        told = {key for word in found for key in _keys(word)}
        if not (names - self._speakers) & self._words:
            return True
        rest = {_keys(word)[0] for word in found if fold(word) not in STOP_WORDS} - names
        having = [clause for clause in self._clauses if rest & clause.words]
        return not having or any(
            clause.bridged or clause.spoken or names & clause.words or not (clause.marks - _numbers(clause) - told) for clause in having
        )

    def _swapped(self, claim: str, close: Sequence[str]) -> bool:
        """Whether two names stand the other way round than in each sentence that has both ("Ann owes Ben"). A "by" turns them, and what
        only lists them says the same either way."""
        plain, names = _BY.search(claim) is None, self._names(claim)
        told = [(self._names(sentence), sentence) for sentence in close]
        for one, other in pairwise(names):
            both = [(found[one], found[other], sentence) for found, sentence in told if {one, other} <= found.keys()]
            if both and all(
                second[1] < first[0] and (_BY.search(sentence) is None) == plain and not _LISTED.fullmatch(sentence, second[1], first[0])
                for first, second, sentence in both
            ):
                return True
        return False

    def _names(self, text: str) -> dict[str, tuple[int, int]]:
        """The names of a text in order, and where each stands first."""
        found: dict[str, tuple[int, int]] = {}
        for place, match in enumerate(_WORD.finditer(text)):
            word = match.group()
            key = _keys(word)[0]
            if not key[0].isdigit() and (key in _SPEAKERS or self._named(word, place == 0)):
                found.setdefault(key, match.span())
        return found


def _numbers(clause: _Clause) -> set[str]:
    return {mark for mark in clause.marks if mark[0].isdigit()}


def _turned(claim: str, close: Sequence[str]) -> bool:
    """Whether the claim has the sides of a comparison the other way round than every sentence that compares so."""
    for joint in _COMPARED:
        mine = _sides(joint, claim)
        theirs = [sides for sentence in close if (sides := _sides(joint, sentence)) is not None]
        if mine is not None and theirs and all(_crossed(mine, sides) for sides in theirs):
            return True
    return False


def _taken_back(claim: str, close: Sequence[str]) -> bool:
    """Whether the claim says what a sentence says before "no wait," and nothing of what it says after that."""
    told = {key for word in _WORD.findall(claim) for key in _keys(word)}
    for sentence in close:
        slip = SLIP.search(sentence, 0, len(sentence.rstrip(" .!…")))
        if slip is not None:
            before, after = _WORD.findall(sentence[: slip.start()]), _WORD.findall(sentence[slip.end() :])
            meant = {key for word in after if fold(word) not in STOP_WORDS for key in _keys(word)}
            if before and told.intersection(_keys(before[-1])) and not told & meant:
                return True
    return False


def _sides(joint: re.Pattern[str], text: str) -> tuple[set[str], set[str]] | None:
    match = joint.search(text)
    if match is None:
        return None
    left, right = ({key for word in _WORD.findall(part) for key in _keys(word)} for part in (text[: match.start()], text[match.end() :]))
    return left - right, right - left


def _crossed(mine: tuple[set[str], set[str]], theirs: tuple[set[str], set[str]]) -> bool:
    return bool(mine[0] & theirs[1]) and bool(mine[1] & theirs[0])


def _outright(claim: str, close: Sequence[str]) -> bool:
    """Whether some sentence says outright what the claim says outright, and of now what it says of now."""
    open_claim = bool(HEDGED.search(claim) or _OPEN.search(claim))
    past = bool(_PAST.search(claim))
    return not close or any((open_claim or not _open(one)) and (past or not _ENDED.search(one)) for one in close)


def _open(sentence: str) -> bool:
    return bool(HEDGED.search(sentence)) or sentence.rstrip().endswith(("?", "？"))


def _keys(word: str) -> tuple[str, ...]:
    folded = fold(word).removesuffix("'s").removesuffix("’s")
    return (stem(folded) or folded, folded)
