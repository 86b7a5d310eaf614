"""What a question asks for: weighted terms, people, times, and which kind of answer.

Rule: only the question and the conversation's own vocabulary are looked at; words that merely frame a question weigh little.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from msgspec import Struct

from backstory.memory.months import MONTH_NUMBER, MONTHS
from backstory.memory.recall import dates, oneself
from backstory.memory.recall.associations import asked_concepts
from backstory.memory.recall.dates import SEASONS, Period
from backstory.memory.recall.dates_weekdays import language_of
from backstory.memory.recall.dates_worded import feast
from backstory.memory.recall.index import Index
from backstory.memory.recall.inflected import inflected
from backstory.memory.recall.speaking import speaking
from backstory.memory.small_words import small_in, small_of, spoken
from backstory.memory.text import STOP_WORDS, fold, has_hiragana, stem, terms, words

HEAD_WEIGHT = 0.6
MEMBER_WEIGHT = 0.1
NAME_WEIGHT = 0.3
FRAME_WEIGHT = 0.3
_CAPITALISED = re.compile(r"\b[A-Z][a-zA-Z]{2,}")
# Inside a sentence, and written as people are: in no other capitals than the first, and without digits.
_NAME_INSIDE = re.compile(r"(?<=[a-z,;:] )[A-Z][a-z]{2,}(?![^\W_])")
_WHICH_WORDS = "the a an our my your his her their its this that these those which what any some every each all no per"
_WHICH = frozenset(_WHICH_WORDS.split())
"""Behind one of these stands what a thing is called: "the Jira board", "which Postgres version"."""
_WORDS = re.compile(r"[^\W_]{2}")
_PLAIN_SHARE = 0.3
"""Share of stop words from which on a question is English, where only names have a capital inside a sentence."""
_MOST_VOICES = 50
_FRAME_WORDS = """
    kind type sort time date day month year many long often never always already first last recent recently current currently ever new name
    describe tell know
    remember mention mentioned talk talked discuss discussed conversation ask asked happen happened example exactly main specific
    give list get got go make made take have do thing use used feel think plan different various person people someone
    """
_FRAMES = frozenset(stem(word) for word in _FRAME_WORDS.split())
_MONTHLY = frozenset((*MONTHS, *SEASONS))
_LONG = frozenset(map(stem, (*MONTHS, *SEASONS)))
_NAMESAKES = frozenset((*MONTH_NUMBER, "mai"))
_BEFORE_MONTH_WORDS = """
    in of during since until till by before after for from to through throughout between and or last this next past previous early mid late
    whole entire all every around over im seit bis ab anfang mitte ende vom vor nach und oder ganzen letzten letzter letztem diesen diesem
    nachsten en de d du debut fin mi depuis el a di del meta fine inizio em no van eind begin half sinds
    """
_BEFORE_MONTH, _AFTER_MONTH = frozenset(_BEFORE_MONTH_WORDS.split()), frozenset(("last", "this", "next", "of"))
"""Folded words one of which stands beside a month where it is a time."""
_FRAMES_ELSEWHERE = frozenset(
    fold(
        "gemacht getan passiert geschehen erlebt gesagt erzählt los steht passé fait dit raconté pasó hice hicimos dije contó"
        " successo fatto detto raccontato gedaan gebeurd gezegd verteld aconteceu fiz fizemos disse contou"
    ).split()
)
"""The same in other languages, where a question is in one."""
_CHATTER_WORDS = """
    continue proceed next go again retry repeat okay fine great nice cool good perfect awesome excellent correct wrong right agree
    understood understand sounds sound welcome bye goodbye morning evening night done stop wait start help want need ask question answer
    """
_CHATTER = frozenset(stem(word) for word in _CHATTER_WORDS.split())
GENERAL = _FRAMES | _CHATTER
"""Terms that do not say what a question is about."""
_SENTENCE_END = re.compile(r"(?<=[.!?\uff1f\u061f\n])")
_ASKS = ("?", "\uff1f", "\u061f")
# That something was said in a time which holds most of what was said at all, and is as long as this, tells nothing.
_LONG_S, _MOST_OF_IT = 92 * 86_400.0, 0.5
_LONG_CHARS, _EDGE_CHARS, _MOST_CHARS = 1200, 400, 4000
_WHEN = re.compile(
    r"\b(?:when|what (?:date|day|month|year|time)|how long|how (?:many|much|often)|which (?:day|month|year|week))\b",
    re.I,
)
_OURS = "we our ours wir uns unser unsere nous notre nos nosotros nuestro noi nostro"
_SPEAKING = (oneself.SELF | frozenset(_OURS.split())) - {"user"}
"""Words of whoever speaks, alone or with others."""
_FOR_ME = re.compile(r"\b(?:tell|remind|show|give|send|list|write|find|help) (?:me|us)\b", re.I)
_TOLD_BY_MODEL = re.compile(
    r"\b(?:did you|you(?: have|['\u2019]ve| had| once| just| already)* (?:said|told|gave|given|named|listed|suggested|recommended|proposed"
    r"|mentioned|advised|explained|showed|shown|wrote|written|picked|came up|calculated|estimated|chose|made|described|provided)"
    r"|according to you|your (?:advice|suggestions?|recommendations?|answers?|list))\b",
    re.I,
)


class Query(Struct, frozen=True):
    """`weights`: of terms and concepts. `own`: its terms without names and words that only frame a question. `people`: numbers of
    the speakers it names (empty where it names all of them). `named`: it names any. `periods`: times it asks about. `when`: it asks
    for a time or a number. `event`: side, days and terms of an event that it asks the time before or after. `strangers`: those of its own
    terms that are names which nobody has mentioned. `role`: number of the role whose words it asks for, where somebody talks with a model:
    the user's for what they ask about themselves, the model's for what it has told them; -1 for neither. `inflected`: by its own
    terms, what these are without the endings of another language. `timed`: nothing but people and a time in which something was said.
    `ours`: who asks speaks of himself. `spoken`: how much units that speak of a day are of those asked about (see speaking).
    `called`: a month in it may be a name."""

    weights: dict[str, float]
    own: tuple[str, ...]
    people: frozenset[int]
    named: bool
    periods: tuple[Period, ...]
    when: bool
    event: tuple[str, float, tuple[str, ...]] | None
    strangers: frozenset[str] = frozenset()
    role: int = -1
    inflected: dict[str, str] = {}
    timed: bool = False
    ours: bool = False
    spoken: dict[int, float] = {}
    called: bool = False


def read(index: Index, question: str, now: float) -> Query:
    """The question as a query over this index. Cost grows with the question and the number of speakers."""
    question, asking = looked_at(question)
    capitals = [fold(word) for word in _CAPITALISED.findall(question)]
    people = index.named(capitals) & index.voices
    name_parts = {part for number in people for part in fold(index.names[number]).split()}
    name_terms = {stem(word) for word in capitals if any(part == word or part.startswith(word) for part in name_parts)}
    weights: dict[str, float] = {}
    own: dict[str, None] = {}
    said = words(question)
    bare = inflected(said)
    without: dict[str, str] = {}
    times = _times(index, _unmonthly(asking, name_parts), now)
    small, frames = _elsewhere(said)
    endings = {word for word in said if has_hiragana(word)}
    if len(endings) == len(said):
        endings = set()
    for word in said:
        term = "" if word in STOP_WORDS or word in small else stem(word)
        if term:
            framing = term in _FRAMES or word in endings or word in frames or (times.known and term in times.terms)
            weight = NAME_WEIGHT if term in name_terms else FRAME_WEIGHT if framing else 1.0
            weights[term] = max(weights.get(term, 0.0), weight)
            if weight == 1.0 and term not in _CHATTER:
                own[term] = None
                if word in bare:
                    without[term] = bare[word]
    if not times.terms.issuperset(own):
        own = {term: None for term in own if term not in times.terms}
    timed = times.known and not own
    weights = times.lightened(weights) if timed else weights
    concepts: dict[str, float] = dict.fromkeys(without.values(), HEAD_WEIGHT)
    for term, weight in weights.items():
        if term not in name_terms:
            for concept, head in asked_concepts(term):
                concepts[concept] = max(concepts.get(concept, 0.0), weight * (HEAD_WEIGHT if head else MEMBER_WEIGHT))
    return Query(
        weights | concepts,
        tuple(own),
        people if len(people) < len(index.voices) else frozenset(),
        bool(people),
        tuple([period for period in times.periods if timed or not period.vague]),
        _WHEN.search(asking) is not None,
        _event(times.rest if times.periods else asking),
        frozenset(_strangers(index, question).intersection(own)),
        -1 if people else _role(index, asking),
        without,
        timed,
        not _SPEAKING.isdisjoint(words(_FOR_ME.sub("", asking))),
        times.spoken,
        times.called,
    )


def _elsewhere(said: Sequence[str]) -> tuple[frozenset[str], frozenset[str]]:
    """The small words of a question in another language than English, and those of it that only frame questions."""
    language = language_of(said)
    if not language and sum(map(STOP_WORDS.__contains__, said)) >= _PLAIN_SHARE * len(said):
        return frozenset(), frozenset()
    return small_in(said) or small_of(language), _FRAMES_ELSEWHERE if language else frozenset()


class _Times(Struct, frozen=True):
    """`spoken`: see Query. `known`: something was said in one of these periods, or of it. `terms`: of the words that name them. `rest`: the
    question without these. `called`: see Query."""

    periods: tuple[Period, ...]
    spoken: dict[int, float]
    known: bool
    terms: frozenset[str]
    rest: str
    called: bool = False

    def lightened(self, weights: dict[str, float]) -> dict[str, float]:
        """Weights of terms without those of words that are as often said of another time: "last", "Monday". The name of a feast tells of
        these times, and that of a month where no day is told."""
        long = not any(period.sharp for period in self.periods)
        return {term: weight for term, weight in weights.items() if term not in self.terms or feast(term) or (long and term in _LONG)}


def _times(index: Index, asking: str, now: float) -> _Times:
    periods, rest = dates.read(asking, now, index.first_at, index.last_at)
    if not periods:
        return _Times((), {}, False, frozenset(), asking)
    found = speaking(index, periods)
    known = any(tells(index, period) for period in periods) or any(worth >= 1.0 for worth in found.values())
    called = _called(index, asking)
    terms = frozenset(map(stem, words(asking))).difference(map(stem, words(rest)), called)
    return _Times(periods, found, known, terms, rest, bool(called))


def _called(index: Index, asking: str) -> list[str]:
    """Terms of months that stand where a name would ("What did June do?") and that somebody has mentioned: a friend may be called so."""
    said = words(asking)
    return [
        term
        for before, word, after in zip(("", *said), said, (*said[1:], ""), strict=False)
        if word in _NAMESAKES
        and before not in _BEFORE_MONTH
        and after not in _AFTER_MONTH
        and not (before[:1].isdigit() or after[:1].isdigit())
        and (term := stem(word)) in index.vocabulary
    ]


def _unmonthly(asking: str, name_parts: Collection[str]) -> str:
    """The question without speakers' names that are those of months or seasons as well ("June"), unless it says when: "in June"."""
    names = _MONTHLY.intersection(name_parts)
    if not names:
        return asking
    return re.sub(rf"(?<!\w)(?<!\b(?:in|of|by) )(?<!\d )(?:{'|'.join(sorted(names))})\b(?! \d)", "they", asking, flags=re.I)


def without_names(index: Index, text: str) -> str:
    """A text in which the names of this conversation's speakers are not taken for months or seasons (see _unmonthly)."""
    return _unmonthly(text, {part for number in list(index.voices)[:_MOST_VOICES] for part in fold(index.names[number]).split()})


def in_time(index: Index, query: Query, place: int) -> float:
    """How much a unit is of the times that the question names: 0 to 1."""
    told = query.spoken.get(place)
    return dates.closeness(index.at[place], query.periods) if told is None else told


def tells(index: Index, period: Period) -> bool:
    """Whether something was said in this time, and not nearly all of it in a long one ("this year")."""
    said = index.amount_in(period.start, period.end)
    return bool(said) and (period.end - period.start < _LONG_S or said <= _MOST_OF_IT * index.complete)


def _role(index: Index, asking: str) -> int:
    """See Query."""
    user, model = index.number_of("user"), index.number_of("assistant")
    if user < 0 or model < 0:
        return -1
    if _TOLD_BY_MODEL.search(asking) is not None:
        return model
    return -1 if _SPEAKING.isdisjoint(words(_FOR_ME.sub("", asking))) else user


def unnamed(index: Index, question: str) -> str:
    """The question without the names of this conversation's speakers: what somebody says has not their own name in it, and a vector of
    a name lies near to whoever is called by it. The question as it is where nothing else is left."""
    capitals = {fold(word): word for word in _CAPITALISED.findall(question)}
    people = index.named(capitals) & index.voices
    if not people or len(people) > _MOST_VOICES:
        return question
    parts = {part for number in people for part in fold(index.names[number]).split()}
    names = [word for folded, word in capitals.items() if folded in parts or any(part.startswith(folded) for part in parts)]
    left = re.sub(rf"\b(?:{'|'.join(map(re.escape, names))})\b(?:['’]s\b)?", "", question) if names else question
    return " ".join(left.split()) if _WORDS.search(left) else question


def _strangers(index: Index, question: str) -> set[str]:
    """Names in an English question that do not occur in the index."""
    names = [
        match[0]
        for match in _NAME_INSIDE.finditer(question)
        if not dates.timely(match[0]) and not feast(match[0]) and question[: match.start()].rsplit(maxsplit=1)[-1].lower() not in _WHICH
    ]
    # Names are of no language: "Has Dario watched Detectorists?" has one small word of two.
    said = [word for word in words(question) if word not in {fold(name) for name in names}]
    if not names or sum(map(STOP_WORDS.__contains__, said)) < _PLAIN_SHARE * len(said) or spoken(said):
        return set()
    known = {part for number in list(index.voices)[:_MOST_VOICES] for part in fold(index.names[number]).split()}
    return {
        term
        for word in map(fold, names)
        if (term := stem(word)) not in index.vocabulary and not any(_misspelt(word, name) for name in known)
    }


def _misspelt(word: str, name: str) -> bool:
    """Whether one letter more, less or changed makes this the name: "John" for Jon."""
    if abs(len(word) - len(name)) > 1 or len(name) < 3:
        return False
    same = next((at for at, (one, other) in enumerate(zip(word, name, strict=False)) if one != other), min(len(word), len(name)))
    return word[same + 1 :] in (name[same + 1 :], name[same:]) or word[same:] == name[same + 1 :]


def looked_at(message: str) -> tuple[str, str]:
    """What is read of a message for its words, and what for the times that it asks about. In a long one, a paste mostly, people ask at
    its beginning or its end, or with a question mark; the times in the rest of it are not what they ask about."""
    if len(message) > 2 * _MOST_CHARS:
        message = f"{message[:_MOST_CHARS]}\n{message[-_MOST_CHARS:]}"
    if len(message) <= _LONG_CHARS:
        return message, message
    asked = [sentence for sentence in _SENTENCE_END.split(message[_EDGE_CHARS:-_EDGE_CHARS]) if sentence[-1:] in _ASKS]
    return message, "\n".join((message[:_EDGE_CHARS], *asked, message[-_EDGE_CHARS:]))


def _event(question: str) -> tuple[str, float, tuple[str, ...]] | None:
    found = dates.around(question)
    return None if found is None else (found[0], found[1], tuple(dict.fromkeys(terms(found[2]))))
