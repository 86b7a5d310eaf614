"""What a question asks for: weighted terms, people, times, and which kind of answer.

Rule: only the question and the conversation's own vocabulary are looked at; words that merely frame a question weigh little.
"""

from __future__ import annotations

import re

from msgspec import Struct

from backstory.memory.recall import dates, oneself
from backstory.memory.recall.associations import asked_concepts
from backstory.memory.recall.dates import Period
from backstory.memory.recall.dates_worded import feast
from backstory.memory.recall.index import Index
from backstory.memory.recall.inflected import inflected
from backstory.memory.small_words import small_in, spoken
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
_CHATTER_WORDS = """
    continue proceed next go again retry repeat okay fine great nice cool good perfect awesome excellent correct wrong right agree
    understood understand sounds sound welcome bye goodbye morning evening night done stop wait start help want need ask question answer
    """
_CHATTER = frozenset(stem(word) for word in _CHATTER_WORDS.split())
GENERAL = _FRAMES | _CHATTER
"""Terms that do not say what a question is about."""
_SENTENCE_END = re.compile(r"(?<=[.!?\uff1f\u061f\n])")
_ASKS = ("?", "\uff1f", "\u061f")
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
    terms, what these are without the endings of another language."""

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
    small = small_in(said) if sum(map(STOP_WORDS.__contains__, said)) < _PLAIN_SHARE * len(said) else frozenset()
    endings = {word for word in said if has_hiragana(word)}
    if len(endings) == len(said):
        endings = set()
    for word in said:
        term = "" if word in STOP_WORDS or word in small else stem(word)
        if term:
            weight = NAME_WEIGHT if term in name_terms else FRAME_WEIGHT if term in _FRAMES or word in endings else 1.0
            weights[term] = max(weights.get(term, 0.0), weight)
            if weight == 1.0 and term not in _CHATTER:
                own[term] = None
                if word in bare:
                    without[term] = bare[word]
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
        dates.asked(asking, now, index.first_at, index.last_at),
        _WHEN.search(asking) is not None,
        _event(asking),
        frozenset(_strangers(index, question).intersection(own)),
        -1 if people else _role(index, asking),
        without,
    )


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
