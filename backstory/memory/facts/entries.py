"""One fact of a branch while the branch is read, and by what two of them are known to be about the same.

Rule: only the facts themselves count; what was said between them and what has become of others is known in supersession.py.
"""

from __future__ import annotations

import re

from msgspec.structs import replace

from backstory.core.records import Fact
from backstory.memory.facts import ends as fact_ends
from backstory.memory.facts import places, slots
from backstory.memory.facts.alike import HOUR, classes, is_bare, key, lasting, spelled_alike, subject_key, unit
from backstory.memory.facts.amended import amended
from backstory.memory.facts.choices import kind_of
from backstory.memory.facts.ends import opposite, within
from backstory.memory.facts.objects import keyed
from backstory.memory.facts.values import as_long
from backstory.memory.facts.versions import version_of
from backstory.memory.forms import ALWAYS, Form
from backstory.memory.text import words

REACH_TURNS = 20
"""A correction that does not name what it corrects is about something said in the last so many turns."""
NEAR_TURNS = 4
"""Or, where it says still less, in so many."""
JUST_TURNS = 2
"""And a number that does not say what it counts, in these."""
PLANS = "plans to"
ONE_VALUE = frozenset({"is", "lives in", "works at", "works as", "is aged", "is from", "was born", "grew up in", "is called"})
"""Relations of which a subject has one."""
OPEN = frozenset({"has", "bought", "adopted"})
"""Relations whose objects may go."""
NAMES = frozenset({"word"})
"""The classes of a name: of names, the one that is spelled like it may be meant though another was said since."""
_SAME_RELATION = {"is set to": "is", "runs on": "is", "switched to": "uses", "uses": "uses", "decided": "uses"}
_NAME = ("'s", "name")
_LEAST_NAMED = 2
"""A subject of fewer words may be that of several things."""
_LEAST_LETTERS = 4
"""Shorter words end many that are no compounds of them."""
_WHOLES = tuple((word,) for word in key("project app application stack codebase repo repository team company monorepo"))
"""What is said of these is said of all that is built."""
_USED_FOR = (" for ", " as a ", " as an ", " as the ", " as our ", " as my ", " in ", " für ")
_SEVERAL = Form(r", | (?:and|or|und|oder) ", gist=ALWAYS)
_FOR = Form(r" (?:for|as|in|für) ", gist=ALWAYS)
_OWN_SLIP = Form(
    r"\W*(?:sorry|oops|whoops|my (?:bad|mistake)|i meant?|correction|scratch|typo|(?:ich )?mein\w*|korrektur|entschuldigung|quatsch)\b",
    re.I,
)
_NO_IT = Form(
    r"\W*(?:(?:just|now|jetzt|nun|doch) )?(?:moved|postponed|rescheduled|pushed|delayed|shifted|bumped"
    r"|verschoben|verlegt|vorgezogen|auf)\b",
    re.I,
)
_I_MEAN = Form(r"\b(?:i mean|ich mein)", re.I)
_PLACED = frozenset({"lives in", "is from", "grew up in", "was born"})
_DENIED_BY = {"likes": "dislikes", "dislikes": "likes"}


class Entry:
    """A fact that has been read, and what has become of it. `meant`: the fact in the words of what it corrects."""

    __slots__ = ("again", "by", "classes", "fact", "meant", "number", "relation", "subject", "terms", "verb", "version", "whose")

    def __init__(self, fact: Fact, number: int, subject: str, verb: str, meant: Fact | None = None) -> None:
        self.fact = fact
        self.meant = meant or fact
        self.number = number
        self.subject = subject
        self.verb = verb
        self.whose = subject_key(subject)
        self.relation = _SAME_RELATION.get(verb, verb)
        if self.whose[-2:] == _NAME:
            self.whose, self.relation = self.whose[:-2], "is called"
        self.terms = key(self.meant.object)
        self.classes = classes(lasting(self.meant.object))
        self.version = None if self.denies else version_of(fact, self.relation, self.whose)
        self.by: Entry | None = None
        self.again: list[int] = []

    def made_way(self, fact: Fact, number: int) -> Entry:
        """Mark this as superseded by a correction of its value, and give that out under the name by which the thing is known."""
        part = is_bare(fact.object) or HOUR.fullmatch(fact.object) is not None or len(self.classes) > 1
        said = amended(self.meant.object, fact, whole=True) if part else fact.object
        meant = replace(fact, kind=self.meant.kind, subject=self.subject, verb=self.verb, object=said)
        self.by = Entry(fact, number, self.subject, self.verb, meant)
        return self.by

    @property
    def denies(self) -> bool:
        """Whether it says that something is not so."""
        return self.fact.stance == "negated"

    @property
    def spoken_by_assistant(self) -> bool:
        """Whether an assistant says it."""
        return self.fact.author == "assistant"


def may_be(fact: Fact, wanted: frozenset[str], old: Entry, number: int) -> bool:
    """Whether a value (`wanted`: its classes) may be meant in the place of an old one: another day or time, lately; another number of the
    same unit, or another name, only for what was said just before."""
    # "They moved it" may be about what another one said of his own, "Moved to Monday" is about one's own.
    if (_OWN_SLIP.match(fact.text) or _NO_IT.match(fact.text)) and slots.of_another(fact, old.fact):
        return False
    if fact.verb == "is called":
        # "Her name is Ada" is somebody else's: of the speaker's own name, only its spelling may be meant.
        named = old.relation == "is called" and number - old.number <= NEAR_TURNS
        return named and (old.subject != fact.author or spelled_alike(fact.object, old.fact.object))
    if wanted & old.classes & {"day", "time"}:
        return True
    near = number - old.number <= NEAR_TURNS
    if wanted == NAMES and keyed(fact.object):
        return near and keyed(old.meant.object) and spelled_alike(fact.object, old.meant.object)
    if "time" in old.classes and HOUR.fullmatch(fact.object):
        return near
    if "number" in wanted & old.classes:
        if not as_long(fact.object, old.meant.object):
            return False
        counts = unit(fact.object)
        # "No, 3" may be about what an assistant said in between.
        own = number - old.number < JUST_TURNS or (number - old.number == JUST_TURNS and _OWN_SLIP.match(fact.text) is not None)
        just = own and not counts and is_bare(fact.object)
        return just or (near and counts == unit(lasting(old.fact.object)))
    return near and wanted == old.classes


def likeliest(fact: Fact, wanted: frozenset[str], likely: list[Entry], number: int) -> Entry | None:
    """Of what this may be about, the newest first, the one that is: the last one said, or, where one turn says several of them, the one
    that is spelled like it. None where that leaves several."""
    if not likely or likely[0].number == number:
        return likely[0] if likely else None
    lately = [old for old in likely if old.number == likely[0].number]
    if len(lately) == 1 and wanted != NAMES:
        return lately[0]
    alike = [] if {"day", "time"} & wanted else [old for old in likely if spelled_alike(fact.object, old.fact.object)]
    if alike:
        return alike[0] if len(alike) == 1 or alike[0].number != alike[1].number else None
    return lately[0] if len(lately) == 1 else None


def replaces_value(new: Entry, old: Entry) -> bool:
    """Whether a value may take the place of this one, for its kind, its unit and who says it."""
    if (new.spoken_by_assistant and not old.spoken_by_assistant) or slots.of_another(new.fact, old.fact):
        return False
    if new.classes & old.classes & {"day", "time"} or ("time" in old.classes and HOUR.fullmatch(new.fact.object)):
        return True
    return old.classes == new.classes and slots.count_alike(lasting(new.fact.object), lasting(old.meant.object))


def names_it(new: Entry, old: Entry) -> bool:
    """Whether the subject of one has a part of the words that the other's has: "limit" where it is the rate limit that is known."""
    named, head = set(new.whose) - {"'s"}, fact_ends.head(old.subject)
    # "Budget" is what a German "Marketingbudget" is.
    if len(new.whose) == 1 and new.subject[:1].isupper() and len(new.whose[0]) >= _LEAST_LETTERS and head.endswith(new.whose[0]):
        return head != new.whose[0] or len(old.whose) > 1
    if not named < set(old.whose) or fact_ends.owned_by_less(new.subject, old.subject):
        return False
    # A word by itself has to be what the thing is, and not which: "rate" is no rate limit.
    if len(new.whose) >= _LEAST_NAMED:
        return True
    return head == new.whose[0]


def is_of_part(entry: Entry) -> bool:
    """Whether it says what a part of what is built uses, and not who speaks, or all of it."""
    whose = entry.whose
    return "'s" not in whose and whose not in (key("we"), subject_key(entry.fact.author)) and whose[-1:] not in _WHOLES


def serves(new: Entry, old: Entry) -> bool:
    """Whether this is in use for what the subject of the other is."""
    if old.fact.author != new.fact.author and new.spoken_by_assistant:
        return False
    if old.whose != new.whose and slots.purpose(old.fact.object, _USED_FOR)[-len(new.whose) :] != new.whose:
        return False
    if _SEVERAL.search(old.fact.object):
        return False
    ours, theirs = kind_of(new.terms), kind_of(key(_FOR.split(old.fact.object)[0]))
    return old.terms != new.terms and (ours == theirs or None in (ours, theirs))


def is_said_as(left: tuple[str, ...], fact: Fact, old: Entry) -> bool:
    """Whether these words are all that was said, or, of a name, all but what stands before it ("Dr. Lee" and "Lee")."""
    return old.terms == left or (fact.replaces[:1].isupper() and old.terms[-len(left) :] == left and old.meant.object[:1].isupper())


def is_meant(fact: Fact, old: Entry) -> bool:
    """Whether "vegan, not vegetarian" is about this: what somebody is only where he says that he meant it."""
    if (fact.author == "assistant" and not old.spoken_by_assistant) or slots.of_another(fact, old.fact):
        return False
    if fact.author != old.fact.author and old.subject.partition("'s ")[0] == old.fact.author:
        return False
    person = old.relation == "is" and slots.person_is(old.fact, old.relation, old.whose, old.fact)
    return not person or says_he_meant(fact)


def says_he_meant(fact: Fact) -> bool:
    """Whether these are the words of a correction, and of no answer."""
    return _I_MEAN.search(fact.text) is not None


def thing(whose: tuple[str, ...]) -> tuple[str, ...]:
    """The key of a thing without its owner."""
    return whose[whose.index("'s") + 1 :] if "'s" in whose else whose


def one_thing(held: list[Entry]) -> bool:
    """Whether these are about one thing: all that is said of which one it is stands with one of them."""
    which = [set(old.terms if old.relation in OPEN else thing(old.whose)) for old in held]
    return bool(which) and all(each <= max(which, key=len) for each in which)


def bears_on(new: Entry, old: Entry) -> bool:
    """Whether a decision that names nothing it replaces may be about this one."""
    return old.fact.kind == new.fact.kind == "decision" and old.number >= new.number - REACH_TURNS and not old.denies


def says_the_same(new: Entry, old: Entry) -> bool:
    return new.relation == old.relation and new.terms == old.terms and new.meant.stance == old.meant.stance


def takes_place(new: Entry, old: Entry, replaced: tuple[str, ...]) -> bool:
    """Whether the new fact takes the place of an old one about the same subject."""
    if replaced and (old.terms == replaced or (new.relation == old.relation and within(replaced, old.terms))):
        return True
    if old.relation == _DENIED_BY.get(new.relation) and old.terms == new.terms:
        return True
    if old.relation != new.relation:
        return new.relation == "prefers" and old.relation in ("likes", "uses") and opposite(new.terms, old.terms)
    if new.denies != old.denies:
        if new.relation == PLANS:
            return new.fact.author == old.fact.author and _denies(*((new, old) if new.denies else (old, new)))
        return new.terms == old.terms or (within(new.terms, old.terms) and (new.relation != "uses" or slots.unused(new.fact, old.fact)))
    if new.denies:
        return False
    if new.relation in ("notes", "wants"):
        return slots.reworded(new.fact, new.terms, old.fact, old.terms)
    if new.relation in ("prefers", "uses"):
        back = bool(old.fact.replaces) and key(old.fact.replaces) == new.terms
        return back or slots.other_choice(new.fact, new.terms, old.fact, old.terms)
    if new.relation in ("has", "takes"):
        return new.fact.kind == old.fact.kind and fact_ends.recounted(new.terms, old.terms)
    return new.relation in ONE_VALUE and new.fact.kind != "relation" and _one_value(new, old)


def _one_value(new: Entry, old: Entry) -> bool:
    """Whether two objects of one subject cannot both hold. "I'm a nurse" and "I'm vegetarian" can."""
    if slots.person_is(new.fact, new.relation, new.whose, old.fact):
        return fact_ends.other_state(new.terms, old.terms) or fact_ends.other_age(new.fact.object, old.fact.object)
    # "Not Berlin, Kreuzberg" denies what it corrects; who moved from one part of Berlin to another still lives there.
    named = bool(new.fact.replaces) or not new.fact.corrects
    if new.relation in _PLACED and named and places.refines(new.fact.object, old.fact.object, moved=slots.moved(new.fact)):
        return False
    if new.relation == "is" and slots.other_day(new.fact, old.fact):
        return False
    alike = bool(new.classes & old.classes) or "address" in (new.classes | old.classes)
    return alike and not slots.another(new.fact, new.whose, old.fact) and slots.one_value(new.fact, new.relation, old.fact)


def _denies(denial: Entry, plan: Entry) -> bool:
    """Whether this is the plan that is denied, whatever more is said of it. A plan for one Friday is no habit on Fridays."""
    denied = words(denial.fact.object)
    return words(plan.meant.object)[: len(denied)] == denied
