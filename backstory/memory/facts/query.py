"""Finding facts by words: case, plurals, word order and the forms of a verb make no difference; a beginning of a word is enough.

Rule: an empty filter lets everything through; a subject that no fact has is looked for among the objects, as what things of a kind are
called ("database"), and then as what is said of somebody ("name"); who is known by name ("my sister") is found by either; what is
superseded is given out where it is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable

from backstory.errors import RequestError
from backstory.memory.facts.choices import called, kind_of
from backstory.memory.facts.supersession import STATUSES, Known
from backstory.memory.text import STOP_WORDS, fold, stem, words

_LEAST_PREFIX = 3
_ME = frozenset({"i", "me", "my", "mine", "myself", "user", "us", "we", "our"})
_MEANT = {
    "all": "all any both every everything",
    "current": "current active valid true now present latest holds",
    "superseded": "superseded old past outdated former replaced previous obsolete historical",
    "negated": "negated denied false negative",
    "planned": "planned future plan intended upcoming",
}
_ALIKE_WORDS = (
    "live lives living moved move reside resides home based located",
    "use uses using chose choose chosen decided decide picked pick adopted switched switch settled agreed go",
    "like likes love loves enjoy enjoys",
    "dislike dislikes hate hates",
    "prefer prefers preference favourite favorite like likes love",
    "work works working job employed employer",
    "called call name named names is",
    "is are set equals value runs listens",
    "plan plans planned planning will going intend intends has",
    "want wants asks asked instruction rule always never",
    "note notes noted remember remembers reminder",
    "have has own owns possess",
)


def select(known: Iterable[Known], subject: str = "", verb: str = "", object_: str = "", status: str = "") -> list[Known]:
    """Those that have all that is asked for, in the order of the turns. `status`: one of STATUSES, "all", or "" for what still holds (all
    but the superseded). RequestError for another one."""
    status = status.strip().lower()
    if status not in ("", "all", *STATUSES):
        raise RequestError(f"no such status of a fact: {status!r}; there is {', '.join(STATUSES)}, all")
    every = list(known)
    found = [
        one
        for one in every
        if (status in ("all", one.status) or (not status and one.status != "superseded")) and _does(one, verb) and _has(one.object, object_)
    ]
    # "Kids" is what a fact is about for who asks, and its object for the sentence "I have three kids".
    names = _names(every)
    return (
        [one for one in found if _about(one, subject)]
        or [one for one in found if any(_about(one, name) for name in names if _is_named(name, subject, names))]
        or [one for one in found if subject.strip() and _has(one.object, subject)]
        or [one for one in found if subject.strip() and _is_kind(one, subject)]
        or [one for one in found if _is_attribute(one, subject)]
    )


def nearest(known: Iterable[Known], asked: Iterable[str], most: int = 5) -> list[Known]:
    """Where nothing is just what was asked: of what still holds, those that have most of its words anywhere, in the order of the turns;
    at least half of them."""
    wanted = {term for words_ in asked for term in _stems(words_) if term not in STOP_WORDS and term not in _ME}
    scored = [(sum(_touches(one, term) for term in wanted), one) for one in known if one.status != "superseded"]
    best = max((score for score, _ in scored), default=0)
    if not best or best * 2 < len(wanted):
        return []
    return [one for score, one in scored if score == best][-most:]


def status_meant(text: str) -> str:
    """The status that a model means by a word of its own; the word itself where that is none."""
    word = text.strip().lower()
    return next((status for status, words_ in _MEANT.items() if word in words_.split()), word)


def _touches(one: Known, term: str) -> bool:
    verbs = _ALIKE.get(term, frozenset())
    return (
        _has(f"{one.subject} {one.object} {one.fact.text}", term)
        or bool(verbs & set(_stems(one.verb)))
        or kind_of(_stems(one.object)) in called(term)
    )


def _names(known: list[Known]) -> dict[str, str]:
    """Who is known by which name: "Anna" is "user's sister"."""
    return {one.object: one.subject for one in known if one.verb == "is called" and one.fact.kind == "relation" and one.status == "current"}


def _is_named(name: str, subject: str, names: dict[str, str]) -> bool:
    asked = [term for term in _stems(subject) if term not in _ME and term not in STOP_WORDS]
    return bool(asked) and _all_in(asked, _stems(names[name]))


def _is_kind(one: Known, subject: str) -> bool:
    kind = kind_of(_stems(one.object))
    return kind is not None and any(kind in called(term) for term in _stems(subject))


def _is_attribute(one: Known, subject: str) -> bool:
    """By what it says of somebody: their "name" is in what they are called."""
    asked = [term for term in _stems(subject) if term not in STOP_WORDS and term not in _ME]
    verb = [term for term in _stems(one.verb) if term not in STOP_WORDS]
    return bool(asked) and all(not alike(term).isdisjoint(verb) for term in asked)


def _about(one: Known, subject: str) -> bool:
    """By the subject; "I" and "user" mean whoever spoke first-hand."""
    asked = set(words(subject))
    if not asked:
        return True
    if asked <= _ME:
        return one.fact.role == "user" and (one.subject == "we" or one.subject.partition("'s ")[0] == one.fact.author)
    return _has(f"{one.subject} {one.fact.author}" if one.subject == "we" else one.subject, " ".join(asked - _ME) or subject)


def _does(one: Known, verb: str) -> bool:
    asked = _stems(verb)
    if not asked:
        return True
    found = set(_stems(one.verb))
    wanted = set().union(*(_ALIKE.get(term, frozenset()) for term in asked))
    return bool(found & wanted) or _all_in(asked, list(found))


def _has(text: str, asked: str) -> bool:
    wanted = [term for term in _stems(asked) if term not in STOP_WORDS] or _stems(asked)
    return not wanted or _all_in(wanted, _stems(text))


def _all_in(wanted: list[str], found: list[str]) -> bool:
    return all(any(term == one or (len(term) >= _LEAST_PREFIX and one.startswith(term)) for one in found) for term in wanted)


def alike(term: str) -> frozenset[str]:
    """The stems that go for this one as a verb; empty where none is known."""
    return _ALIKE.get(term, frozenset())


def _alike() -> dict[str, frozenset[str]]:
    """The stems that go for each stem of a verb."""
    found: dict[str, frozenset[str]] = {}
    for line in _ALIKE_WORDS:
        stems = frozenset(stem(word) for word in line.split())
        for one in stems:
            found[one] = found.get(one, frozenset()) | stems
    return found


def _stems(text: str) -> list[str]:
    return [stem(word) or word for word in words(fold(text))]


_ALIKE = _alike()
