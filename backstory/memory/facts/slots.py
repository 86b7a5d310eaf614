"""Whether two facts of one relation and one subject are about the same place, so that only one of them can hold: "the limit is 100
requests" and "the limit is 5 MB" are not, "answer in German" and "reply in English" are.

Rule: what may stand beside the other does not take its place. Only the words of the two facts count.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from msgspec.structs import replace

from backstory.core.records import Fact
from backstory.memory.facts.alike import key, lasting, subject_key, unit
from backstory.memory.facts.choices import kind_of
from backstory.memory.facts.ends import opposite
from backstory.memory.facts.objects import coloured
from backstory.memory.forms import ALWAYS, Form
from backstory.memory.text import fold, stem

_VALUED = frozenset(key("password passphrase passcode code pin key token username login number id name address port url"))
"""Of these a thing has one that counts."""
_EDGE = Form(r"\b(?:(?P<end>end|expire|close|finish|until|till)|(?P<start>start|begin|open|since))(?:s|es|ed|ing)?\b")
_MINE = re.compile(r"\b(?:my|mein\w*|mon|ma|mes|mi|mis|mio|mia|meu|minha|mijn|moj|moja|мой|моя|мое)(?: [\w-]+){0,2} $")
_SURNAME = Form(r"\b(?:last|family|maiden) name|\bsurname|\blastname")
BESIDES = Form(
    r"(?<=\w )also\b|\btoo(?=[.,;!?)]|$| (?:and|but|for|on|in|at|when|if)\b)|\bas well\b(?! as\b)|\bpart[- ]time\b|\bon the side\b"
    r"|\bon weekends\b|\bin the evenings?\b"
    r"|\b(?:second|side) (?:job|home)\b"
    r"|\bbesides\b|\badditionally\b"
    r"|\b(?:auch|aussi|également|anche|también|também|ook)\b"
)
"""Words that say that something is there beside something else."""
_LEAVING = Form(r"\b(?:mov|relocat|chang|switch|promot)\w*|\bnow\b", gist=ALWAYS)
_NOW = Form(r"\b(?:now|these days|nowadays)\b|\b(?:chang|rais|lower|increas|reduc|bump|updat|mov|set)\w*", gist=ALWAYS)
_AMOUNT = Form(r"\d[\d.,]* ?(?:[a-z%]+|[kKMGT]i?B)(?: [a-z]+){0,2}", gist=ALWAYS)
_DIMENSIONS = tuple(
    frozenset(stem(word) for word in row.split())
    for row in (
        "ms msec millisecond milliseconds s sec secs second seconds min mins minute minutes h hour hours day days week weeks month months"
        " year years",
        "b byte bytes kb mb gb tb kib mib gib tib kilobytes megabytes gigabytes",
        "euro euros eur dollar dollars usd pound pounds gbp yen chf francs k",
        "mm cm m km meter meters metre metres inch inches feet mile miles",
        "mg g kg gram grams pounds lbs stone",
    )
)
_PURPOSES = (" for ", " in ", " on ")
_USES = (" for ", " as a ", " as an ", " as the ", " as our ", " as my ")
_CLAUSE = re.compile(r"[;:.!?](?!\d)|,(?! (?:too|as well)\b)")
_PLACE = Form(r" in (?:[A-Z]\w*|(?:staging|production|prod|dev|development|test|testing)\b).*", gist=ALWAYS)
_EACH = (" per ", " a ", " an ", " each ", " every ")
_HABIT = Form(r"\b(?:on |every )?((?:mon|tues|wednes|thurs|fri|satur|sun)days|weekends|weekdays|holidays)\b", gist=ALWAYS)
_WEEKDAY = Form(r"\b(mon|tues|wednes|thurs|fri|satur|sun)days?\b", re.I)
_DATE = Form(
    r"\b(?:next|this|coming|last)\b|\b(?:january|february|march|april|may|june|july|august|september|october|november|december)\b|\d(?:st|nd|rd|th)\b"
    r"|\d[./-]\d",
    re.I,
    ALWAYS,
)
_ONE_EVENT = Form(
    r"\b(?:the|this|that|next|final|first|last|deadline|due|appointment|launch|release|demo|exam|interview|flight|wedding|birthday|party|delivery"
    r"|presentation|kick-?off|holiday|vacation)\b",
    re.I,
    ALWAYS,
)
"""Words of what takes place once."""
_SEVERAL = frozenset(
    key("brother sister son daughter child kid twin friend colleague coworker neighbor neighbour cousin aunt uncle niece nephew roommate")
)
"""Of these somebody can have more than one."""
_DENIALS = frozenset({"never", "not", "don't", "dont", "stop", "avoid", "no"})
_IDLE = frozenset({"always", "only", "just", "please", "exclusively", "strictly", "simply", "do"})
_ANSWERS = frozenset({"answer", "reply", "respond", "write", "speak", "talk", "use"})
_ANSWERED = frozenset(stem(word) for word in ("answers", "replies", "responses", "everything", "back", "messages", "texts", "language"))
_SETS = (
    "german english french spanish italian portuguese dutch polish russian chinese mandarin japanese korean turkish arabic hindi swedish"
    " norwegian danish finnish greek czech hungarian romanian ukrainian hebrew thai vietnamese indonesian persian catalan latin",
    "tabs spaces",
    "dark light",
    "metric imperial",
    "celsius fahrenheit",
    "single double",
    "camelcase snake_case kebab-case pascalcase",
    "british american",
    "short brief briefly concise concisely long detailed detail elaborate",
    "formal informal casual",
)


def person_is(new: Fact, relation: str, whose: tuple[str, ...], old: Fact) -> bool:
    """Whether this says what a person is, who may be several things: as far as one of the two says that it is a person."""
    said = relation == "is" and "identity" in (new.kind, old.kind) and "'s" not in whose
    return said and _somebody(new, whose) and not _is_own(new.text, new.subject)


def another(new: Fact, whose: tuple[str, ...], old: Fact) -> bool:
    """Whether these are names of two of those of whom somebody can have several: "my brother is Tom" and "my brother is Max"."""
    named = new.kind == old.kind == "identity" and new.verb == old.verb == "is" and new.object[:1].isupper() and old.object[:1].isupper()
    return named and "'s" in whose and whose[-1] in _SEVERAL and not new.corrects


def of_another(new: Fact, old: Fact) -> bool:
    """Whether one of two speakers says it of a thing of his own: "my rent" is not another one's rent."""
    return new.author != old.author and (_is_own(new.text, new.subject) or _is_own(old.text, old.subject))


@lru_cache(512)
def _is_own(text: str, subject: str) -> bool:
    said, named = fold(text), fold(subject)
    at = said.find(named)
    return bool(named) and at > 0 and _MINE.search(said, max(0, at - 24), at) is not None


def beside(new: Fact) -> bool:
    """Whether this says itself that it is there beside something else, and no change."""
    return not new.corrects and _says_beside(new.text, new.object)


@lru_cache(512)
def _says_beside(text: str, thing: str) -> bool:
    """In the clause of the thing: "at 10, which is also late" says nothing of it."""
    said, named = text.lower(), _CLAUSE.split(thing.lower(), maxsplit=1)[0]
    before, found, behind = said.partition(named) if named else (said, "", "")
    clause = f"{_CLAUSE.split(before)[-1]}{found}{_CLAUSE.split(behind, maxsplit=1)[0]}" if found else said
    return BESIDES.search(clause) is not None and _LEAVING.search(said) is None


def one_value(new: Fact, relation: str, old: Fact) -> bool:
    """Whether two objects of one class, of a relation of which a subject has one, cannot both hold. When something starts and when it ends
    can, and a first name and a last one, a second job and a first."""
    if relation == "is called":
        return (_SURNAME.search(new.text.lower()) is None) == (_SURNAME.search(old.text.lower()) is None)
    if relation in ("lives in", "works at", "works as"):
        return not beside(new)
    if coloured(new.object) != coloured(old.object):
        return False
    new, old = (fact if (held := lasting(fact.object)) == fact.object else replace(fact, object=held) for fact in (new, old))
    return not beside(new) and not _of_other_times(new, old) and not _other_edge(new, old) and _commensurable(new, old)


def reworded(new: Fact, terms: Sequence[str], old: Fact, old_terms: Sequence[str]) -> bool:
    """Whether an order, or a note, is another one of the same thing."""
    if new.verb == "wants":
        return tuple(terms[1:]) == tuple(old_terms[1:]) or _ordered_anew(new.object, old.object)
    return (ours := _noted(new.object)) is not None and ours == _noted(old.object)


def other_choice(new: Fact, terms: tuple[str, ...], old: Fact, old_terms: tuple[str, ...]) -> bool:
    """Whether two things that are used or preferred cannot both be: "PostgreSQL for the orders" and MySQL for them, tabs and spaces, but
    not tabs, and spaces in YAML."""
    if beside(new):
        return False
    # "Light mode, dark is too hard on my eyes" is for no eyes.
    said, before = new.object.partition(",")[0], old.object.partition(",")[0]
    ours, theirs = purpose(said, _USES), purpose(before, _USES)
    if opposite(terms, old_terms):
        where = purpose(said)
        return not where or where == purpose(before) or new.verb == "switched to" or _said_anew(new)
    return bool(ours) and ours == theirs and not _of_other_kinds(new, old)


def other_purpose(one: str, other: str) -> bool:
    """ "Postgres 14 in staging" and "Postgres 16 in production"."""
    ours, theirs = purpose(one), purpose(other)
    return bool(ours) and bool(theirs) and ours != theirs


def moved(new: Fact) -> bool:
    """Whether this says that somebody has gone to live elsewhere."""
    return _LEAVING.search(new.text.lower()) is not None


def is_thing(terms: Sequence[str], old: Fact) -> bool:
    """Whether what this fact says is in use is the thing of this name, whatever it is used for."""
    named = re.split(r" (?:for|in|on|as|with|to) ", old.object, maxsplit=1)[0]
    return key(named) == tuple(terms)


def unused(new: Fact, old: Fact) -> bool:
    """Whether "we dropped Redis for caching" is about all that this says: not where it is in use for more than that."""
    ours, theirs = purpose(new.object, (" for ",)), purpose(old.object, (" for ",))
    return not ours or ours == theirs


def other_day(new: Fact, old: Fact) -> bool:
    """Whether two weekdays may be two days of what takes place more than once a week: "yoga is on Monday", "yoga is on Thursday". Not
    where the sentence speaks of one event ("the demo"), or says a change of all that is known."""
    ours, theirs = _weekdays(new.object), _weekdays(old.object)
    if not ours or not theirs or ours & theirs or _ONE_EVENT.search(_said_before(new)) or _ONE_EVENT.search(_said_before(old)):
        return False
    left = _weekdays(new.replaces)
    return not (left & theirs) if left else not _said_anew(new)


def _said_before(fact: Fact) -> str:
    return fact.text.partition(fact.object)[0]


@lru_cache(4096)
def _weekdays(text: str) -> frozenset[str]:
    return frozenset(day.lower() for day in _WEEKDAY.findall(text)) if _DATE.search(text) is None else frozenset()


def purpose(text: str, marks: Sequence[str] = _PURPOSES) -> tuple[str, ...]:
    """What a thing is used for; empty where that is not said."""
    for mark in marks:
        _, found, rest = text.partition(mark)
        if found:
            return key(rest)
    return ()


def forget() -> None:
    """Hold no sentences any more."""
    for held in (_is_own, _says_beside, _weekdays, _circumstances, _says_change, _order):
        held.cache_clear()


def _somebody(new: Fact, whose: tuple[str, ...]) -> bool:
    """Whether the subject is a person, as far as that can be seen: who speaks, or a name."""
    return whose == subject_key(new.author) or (new.subject[:1].isupper() and not new.subject.isupper())


def _other_edge(new: Fact, old: Fact) -> bool:
    """Whether one says when a thing starts, the other when it ends."""
    ours, theirs = _edge(new), _edge(old)
    return bool(ours) and bool(theirs) and ours != theirs


def _of_other_times(new: Fact, old: Fact) -> bool:
    """Whether an amount is for another stretch or place, "5 per minute" and "100 per hour", or an hour for other days: "at 8", "at 9 on
    Sundays"."""
    ours, theirs = _circumstances(new.object), _circumstances(old.object)
    if ours == theirs or not any(ours) or _said_anew(new):
        return False
    (each, days, where), (other_each, other_days, other_where) = ours, theirs
    if each and other_each and each != other_each:
        return True
    if days != other_days and days and any(sign.isdigit() for sign in new.object):
        return True
    return bool(where) and where != other_where and new.object[:1].isdigit() and old.object[:1].isdigit()


@lru_cache(4096)
def _circumstances(text: str) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Of what stretch an amount is, on which days of every week it is so, and where."""
    where = _PLACE.search(text)
    return purpose(text, _EACH), tuple(_HABIT.findall(text.lower())), key(where.group()) if where is not None else ()


def _of_other_kinds(new: Fact, old: Fact) -> bool:
    """Whether two things of one purpose are known to be of two kinds: PostgreSQL and Kafka "for the orders"."""
    ours, theirs = (kind_of(key(fact.object.partition(" for ")[0])) for fact in (new, old))
    return ours is not None and theirs is not None and ours != theirs and not new.corrects and new.verb != "switched to"


def _said_anew(new: Fact) -> bool:
    """Whether this says itself that something has changed."""
    return new.corrects or _says_change(new.text)


@lru_cache(512)
def _says_change(text: str) -> bool:
    return _NOW.search(text.lower()) is not None


def _edge(fact: Fact) -> str:
    """The last word of an edge before the object."""
    found = ""
    text, start = fact.text.partition(fact.object)[0].lower(), 0
    while (match := _EDGE.search(text, start)) is not None:
        found, start = match.lastgroup or "", match.end()
    return found


def _commensurable(new: Fact, old: Fact) -> bool:
    """Whether two amounts count the same. Where a change is said, whatever they count."""
    ours, theirs = unit(new.object), unit(old.object)
    if ours == theirs or _AMOUNT.fullmatch(new.object) is None or _AMOUNT.fullmatch(old.object) is None:
        return True
    return not ours or not theirs or _said_anew(new) or _of_one_dimension(ours[0], theirs[0])


def count_alike(new: str, old: str) -> bool:
    """Whether two amounts count the same things, or the first does not say what it counts: "1 week" and "2 weeks", "90 minutes" and
    "2 hours"."""
    ours, theirs = unit(new), unit(old)
    return not ours or ours == theirs or (len(ours) == len(theirs) == 1 and _of_one_dimension(ours[0], theirs[0]))


def _of_one_dimension(one: str, other: str) -> bool:
    one, other = stem(one), stem(other)
    return one == other or any(one in row and other in row for row in _DIMENSIONS)


def _noted(text: str) -> tuple[str, ...] | None:
    """Of what is a note, "the wifi password is blue42", the thing of which there is one value; None where it is none."""
    thing, mark, value = text.partition(" is ")
    named = key(thing)
    return named if mark and len(value.removeprefix("now ").split()) == 1 and named[-1] in _VALUED else None


def _ordered_anew(new: str, old: str) -> bool:
    ours, theirs = _order(new), _order(old)
    if ours is None or theirs is None or ours[1:3] != theirs[1:3]:
        return False
    return (ours[0] != theirs[0]) if ours[3] == theirs[3] else not ours[0] and not theirs[0]


@lru_cache(512)
def _order(text: str) -> tuple[bool, int, tuple[str, ...], str] | None:
    """An order that says one of several things of which one can be wanted: whether it forbids it, which set of things it is of, what else
    it says, and the thing; None for any other."""
    said = [word for word in (one.strip(".,;:!'\"") for one in fold(text).split()) if word not in _IDLE]
    denies = not _DENIALS.isdisjoint(said[:2])
    rest = [word for word in said if word not in _DENIALS]
    sets = _by_word()
    places = [(place, sets[word]) for place, word in enumerate(rest) if word in sets]
    if len(places) != 1:
        return None
    place, row = places[0]
    more = [word for at, word in enumerate(rest) if at != place]
    if not row and more[:1] and more[0] in _ANSWERS:
        more = ["answer", *(word for word in more[1:] if stem(word) not in _ANSWERED)]
    return denies, row, key(" ".join(more)), rest[place]


@lru_cache(1)
def _by_word() -> dict[str, int]:
    return {word: number for number, row in enumerate(_SETS) for word in row.split()}
