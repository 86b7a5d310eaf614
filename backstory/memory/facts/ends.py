"""Whether one statement ends what another one of another form said: "I quit Acme" what "I work at Acme" did.

Rule: what is not plainly about the same thing ends nothing. Terms are those of `supersession.key`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import takewhile

from backstory.core.records import Fact
from backstory.memory.facts import foods
from backstory.memory.facts.alike import key
from backstory.memory.forms import ALWAYS, Form
from backstory.memory.text import stem, words

_PARTED = frozenset({"sold", "gave away", "got rid of"})
_HELD = frozenset({"has", "bought", "adopted"})
_LEFT = frozenset({"quit", "left", "lost", "was", "has"})
_JOB = frozenset({"works at", "works as"})
_OF_A_JOB = (("job",), ("posit",), ("work",))
_OF_A_FIRM = frozenset({"inc", "ltd", "llc", "gmbh", "ag", "se", "corp", "co", "plc", "job", "posit", "work", "compani", "group"})
_LIVING = frozenset({"lives in", "will live in", "works at", "works as", "likes", "dislikes", "prefers", "speaks", "is"})
"""What does not hold of the dead. What somebody was called, or from where, does."""
_LET_GO = Form(r"\b(?:fired|laid(?: me)? off|let(?: me)? go|made(?: me)? redundant)\b|^(?:resigned|retired)\b", re.I)
_NO_WORK = (("retir",), ("unemploy",), ("jobless",), ("work",), ("job",))
"""What somebody is who has no work: "out of work", "between jobs"."""
_CALLED_OFF = Form(r"cancel+ed|called off", re.I)
_MOVED = Form(r"\b(?:moved|postponed|rescheduled|pushed|brought forward|delayed|shifted|bumped)\b", re.I)
_BREAK = Form(r",|\b(?:with|for|called|named|in|from|that|who|which|of|at|on|by|about|until|to|next|this|tomorrow|today)\b", re.I)
_LONG = 4
_ENDING = 2
"""So many letters at the end of a name tell its case, of names of so many at least."""
_MONTHS = "january|february|march|april|may|june|july|august|september|october|november|december|spring|summer|autumn|fall|winter"
_SEVERAL = Form(r",|\band\b|\bor\b", re.I)
_DETERMINED = Form(r"(?:the|my|our|an?) ", re.I)
_TO_WHOM = Form(
    rf" (?:to (?:my|our|his|her|their|the|an?|some|(?-i:[A-Z])).*|for [$€£]?\d.*|on (?:mon|tues|wednes|thurs|fri|satur|sun)day.*"
    rf"|(?:in|last) (?:{_MONTHS}).*"
    r"|in \d{4}.*|(?:last|this) (?:week|month|year|night|weekend).*|online|today|yesterday|already|again)$",
    re.I,
)
"""To whom, for how much and when something is sold says nothing of which one."""
MATES = frozenset({"girlfriend", "boyfriend", "partner", "fianc", "fiance", "husband", "wife", "spous"})
_TIES = frozenset({"marri", "engag"})
_WITH_NAME = Form(r"\b(?:called|named) (?P<name>(?-i:[^\W\d_a-z])\w*(?: (?-i:[^\W\d_a-z])\w*)?)", re.I)
_STATES = (
    frozenset({"marri", "divorc", "singl", "widow", "widower", "separ", "engag"}),
    frozenset({"vegetarian", "vegan", "pescatarian"}),
)
_MEAT = frozenset(key(f"{foods.MEAT} {foods.DE_MEAT}"))
_FISH = frozenset(key(f"{foods.FISH} {foods.DE_FISH}"))
_FROM_ANIMALS = frozenset(key(f"{foods.FROM_ANIMALS} {foods.DE_FROM_ANIMALS}"))
_AS_IT_IS = frozenset(
    key("red white raw fresh fried grilled cow goat real normal proper occasionally sometimes und etwas wieder bit little")
)
_DIETS = (
    (frozenset(key("vegetarian vegetarians vegetarier vegetarierin vegetarisch")), _MEAT | _FISH),
    (frozenset(key("vegan vegans veganer veganerin")), _MEAT | _FISH | _FROM_ANIMALS),
    (frozenset(key("pescatarian pescetarian pescetarier")), _MEAT),
)
"""Who is what, and what nobody eats who is."""
_AGE = Form(r"\d{1,3}(?: years?(?: old)?| jahre?(?: alt)?)?", re.I, ALWAYS)
_OPPOSITES = (
    (("tab",), ("space",)),
    (("dark", "mode"), ("light", "mode")),
    (("dark", "theme"), ("light", "theme")),
    (("metric",), ("imperi",)),
    (("celsius",), ("fahrenheit",)),
    (("singl", "quot"), ("doubl", "quot")),
    (("camelcas",), ("snake", "case")),
    (("british", "english"), ("american", "english")),
    (("uk", "english"), ("us", "english")),
    (("short", "answer"), ("long", "answer")),
    (("brief", "answer"), ("detail", "answer")),
    (("formal",), ("inform",)),
    (("tea",), ("coffe",)),
)
_OPPOSED = frozenset(term for pair in _OPPOSITES for side in pair for term in side)
_ALONE = frozenset({"singl", "separ"})
"""These are a state only by themselves: "a single mother" may be married again."""


def head(text: str) -> str:
    """The stem of the word that says what a thing is: "car" of "a red car with dents"; "" where several are named."""
    cut = _BREAK.search(text)
    if _SEVERAL.search(text):
        return ""
    named = words(text[: cut.start()] if cut is not None else text)
    return stem(named[-1]) if named else ""


def leaves(new: Fact, terms: Sequence[str], old_relation: str, old_terms: Sequence[str]) -> bool:
    """Whether this event ends a job, of the same subject."""
    if old_relation not in _JOB or new.verb not in _LEFT:
        return False
    if new.verb in ("was", "has"):
        match = _LET_GO.search(new.object)
        by = set(terms) - {"fire", "laid", "lay", "off", "let", "go", "made", "make", "redund", "resign", "retir", "work"}
        return match is not None and (not by or by <= set(old_terms) or old_relation == "works as")
    if tuple(terms) in _OF_A_JOB:
        return True
    # "Siemens Ltd" is Siemens, "Siemens NX" is none.
    more = set(terms) - set(old_terms)
    return old_relation == "works at" and (not more or (set(old_terms) <= set(terms) and more <= _OF_A_FIRM))


def without_work(terms: Sequence[str]) -> bool:
    """Whether somebody who is this has no job."""
    return tuple(terms) in _NO_WORK


def parts_with(new: Fact, terms: Sequence[str], old: Fact, old_relation: str, old_terms: Sequence[str]) -> bool:
    """Whether "we sold the car" is about what this fact says that somebody has."""
    if new.verb not in _PARTED or old_relation not in _HELD or old.stance != "stated" or not _DETERMINED.match(new.object):
        return False
    to = _TO_WHOM.search(new.object)
    if to is None:
        return _one_thing(new.object, terms, old, old_terms)
    thing = new.object[: to.start()]
    return _one_thing(thing, key(thing), old, old_terms)


def is_sold(text: str, terms: Sequence[str], old: Fact, old_relation: str, old_terms: Sequence[str]) -> bool:
    """Whether "the boat is sold" is about what this fact says that somebody has."""
    return old_relation in _HELD and old.stance == "stated" and _one_thing(text, terms, old, old_terms)


def is_mate(old: Fact, old_relation: str) -> bool:
    """Whether this says that somebody has a partner."""
    return old_relation == "has" and old.stance == "stated" and head(old.object) in MATES


def is_tied(terms: Sequence[str]) -> bool:
    """Whether somebody is engaged or married to somebody."""
    return len(terms) > 1 and terms[0] in _TIES


def named(old: Fact, old_relation: str) -> tuple[str, ...]:
    """The name of the partner that this is about; empty where it names none."""
    if old_relation != "has":
        return key(old.object)
    found = _WITH_NAME.search(old.object)
    return key(found["name"]) if found is not None else ()


def one_mate(mates: Sequence[Fact], tied: Sequence[Sequence[str]]) -> bool:
    """Whether these are about one person: of one name at most, and of one kind."""
    names = {name for old in mates if (name := named(old, "has" if old.verb == "has" else old.verb))} | {tuple(terms[1:]) for terms in tied}
    kinds = {head(old.object) if old.verb == "has" else key(old.subject)[-1] for old in mates}
    return bool(mates or tied) and len(names) <= 1 and len(kinds) <= 1


def owned_died(kin: str, old: Fact, old_relation: str, old_terms: Sequence[str]) -> bool:
    """Whether "my dog died" is about the one that this fact says that its owner has. `kin`: the word for it."""
    if old_relation not in _HELD or old.stance != "stated":
        return False
    return _one_thing(kin, tuple(stem(word) or word for word in words(kin)), old, old_terms)


def named_died(name: Sequence[str], old: Fact, old_relation: str, old_terms: Sequence[str]) -> bool:
    """Whether this fact says that somebody has the one of this name: "a dog called Rex"."""
    if old_relation not in _HELD or old.stance != "stated" or not head(old.object):
        return False
    size = len(name)
    return len(old_terms) > size + 1 and tuple(old_terms[-size - 1 :]) in ((stem("called"), *name), (stem("named"), *name))


def ends_with_life(old: Fact, old_relation: str) -> bool:
    """Whether this does not hold of somebody any more who has died."""
    return old_relation in _LIVING and old.kind in ("identity", "preference", "plan")


def moves(new: Fact, subject: Sequence[str], old: Fact, old_subject: Sequence[str], old_terms: Sequence[str]) -> bool:
    """Whether "the appointment with Dr. Lee is cancelled" is about this appointment: the same kind of thing, and all that is said of
    which one it is. The keys are without an owner."""
    if new.kind != "schedule" or old.kind != "schedule" or new.author != old.author or old.stance == "negated":
        return False
    if not new.corrects and _CALLED_OFF.fullmatch(new.object) is None and _MOVED.search(new.text) is None:
        return False
    named = old.object if old.verb == "has" else old.subject.partition("'s ")[2] or old.subject
    known = old_terms if old.verb == "has" else old_subject
    # "Monday for the visa" says itself of which thing.
    if owned_by_less(new.subject, old.subject) or " for " in new.object:
        return False
    thing = new.subject.partition("'s ")[2] or new.subject
    return head(thing) != "" and head(thing) == head(named) and set(subject) <= set(known)


def owned_by_less(new: str, old: str) -> bool:
    """Whether one of these subjects is somebody's, the other that of one of his: "my birthday" is not my mother's."""
    return 0 < new.count("'s ") < old.count("'s ")


def recounted(new: Sequence[str], old: Sequence[str]) -> bool:
    """Whether two objects are different numbers of the same things: "three kids" and "four kids", "20 mg of X" and "40 mg of X"."""
    ours, theirs = counted(new), counted(old)
    if not ours or not theirs or tuple(new) == tuple(old):
        return False
    fewer = min(len(ours), len(theirs))
    return ours[:fewer] == theirs[:fewer] and new[0] != old[0]


def counted(terms: Sequence[str]) -> tuple[str, ...]:
    """What a number at the beginning counts; empty without one."""
    return tuple(terms[1:]) if len(terms) > 1 and terms[0][:1].isdigit() else ()


def other_state(new: Sequence[str], old: Sequence[str]) -> bool:
    """Whether a person cannot be both: married and divorced, vegetarian and vegan."""
    return any(_in_state(new, states) and _in_state(old, states) for states in _STATES)


def other_age(new: str, old: str) -> bool:
    """Whether these are two ages of one person."""
    return new != old and _AGE.fullmatch(new) is not None and _AGE.fullmatch(old) is not None


def ends_diet(terms: Sequence[str], diet: Sequence[str]) -> bool:
    """Whether somebody who eats this is not on that diet any more."""
    eaten = next((foods for names, foods in _DIETS if diet and diet[0] in names), frozenset())
    # "Fake meat" and "peanut butter" are none of these.
    return not eaten.isdisjoint(terms) and set(terms) <= eaten | _AS_IT_IS


def _in_state(terms: Sequence[str], states: frozenset[str]) -> bool:
    return bool(terms) and terms[0] in states and (terms[0] not in _ALONE or len(terms) == 1)


def _one_thing(text: str, terms: Sequence[str], old: Fact, old_terms: Sequence[str]) -> bool:
    named = head(text)
    return bool(named) and named == head(old.object) and set(terms) <= set(old_terms) and not any(term.isdigit() for term in old_terms)


def opposite(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Whether nobody prefers both: tabs and spaces."""
    if _OPPOSED.isdisjoint(one) or _OPPOSED.isdisjoint(other):
        return False
    return any((within(left, one) and within(right, other)) or (within(right, one) and within(left, other)) for left, right in _OPPOSITES)


def within(few: tuple[str, ...], many: tuple[str, ...]) -> bool:
    """Whether all of these terms are among those."""
    return bool(few) and set(few) <= set(many)


def is_named(few: Sequence[str], many: Sequence[str]) -> bool:
    """Whether all of these words are among those, for all that their endings differ as names are declined in some languages."""
    return bool(few) and all(any(one == other or _declined(one, other) for other in many) for one in few)


def _declined(one: str, other: str) -> bool:
    if (one + other).isascii() or min(len(one), len(other)) < _LONG:
        return False
    shared = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
    return shared >= max(len(one), len(other)) - _ENDING
