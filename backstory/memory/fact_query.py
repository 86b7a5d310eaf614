"""Finding facts by words: case, plurals, word order and the forms of a verb make no difference; a beginning of a word is enough.

Rule: an empty filter lets everything through; a subject that no fact has is looked for among the objects; what is superseded is given out
where it is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable

from backstory.errors import RequestError
from backstory.memory.supersession import STATUSES, Known
from backstory.memory.text import STOP_WORDS, fold, stem, words

_LEAST_PREFIX = 3
_ME = frozenset({"i", "me", "my", "mine", "myself", "user", "us", "we", "our"})
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
    found = [
        one
        for one in known
        if (status in ("all", one.status) or (not status and one.status != "superseded")) and _does(one, verb) and _has(one.object, object_)
    ]
    # "Kids" is what a fact is about for who asks, and its object for the sentence "I have three kids".
    return [one for one in found if _about(one, subject)] or [one for one in found if subject.strip() and _has(one.object, subject)]


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
