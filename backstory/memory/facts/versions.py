"""Which version of a thing is in use: "PostgreSQL 14", "The Python version is 3.11", and what says that another one has taken its place.

Rule: a version takes the place of another one of the same thing only where a change is said, or the words themselves are of a change; what
is used for one purpose says nothing of another.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from backstory.core.records import Fact
from backstory.memory.facts.alike import key
from backstory.memory.facts.slots import BESIDES
from backstory.memory.forms import ALWAYS, Form

_USED = Form(
    r"(?P<name>[^\W\d_][\w.+#/-]*(?: [^\W\d_][\w.+#/-]*){0,2}) v?(?P<version>\d+(?:\.\d+)*\w{0,4})(?P<rest> (?:for|in|on|as|with|at) .+)?",
    gist=ALWAYS,
)
_SET = Form(r"(?:(?:on|at|to|version) )*v?(?P<version>\d+(?:\.\d+)*[a-z]{0,3})(?:,? (?:yesterday|today|last \w+|this \w+))?", gist=ALWAYS)
_CHANGED = Form(
    r"\b(?:upgrad|updat|downgrad|bump|migrat|mov|switch|rais|chang)\w*|\bnow\b|\b(?:these days|nowadays|instead|no longer|any ?more)\b"
    r"|\b(?:jetzt|nun|inzwischen|maintenant|désormais|ahora|adesso|ora|ormai|agora|nu|teraz|теперь|сейчас)\b|现在|現在|今は",
    gist=ALWAYS,
)


class Version(Struct, frozen=True):
    """`name`: the stems of the thing's name. `purpose`: those of what it is used for, empty where that is not said."""

    name: tuple[str, ...]
    version: str
    purpose: tuple[str, ...]


def version_of(fact: Fact, relation: str, whose: Sequence[str]) -> Version | None:
    """The version that a fact is about; None for none."""
    if relation == "uses":
        used = _USED.fullmatch(fact.object)
        return None if used is None else Version(key(used["name"]), used["version"], key(used["rest"]) if used["rest"] else ())
    if fact.verb == "runs on" and (used := _USED.fullmatch(fact.object)) is not None:
        return Version(key(used["name"]), used["version"], tuple(whose))
    if relation == "is" and "'s" not in whose and (given := _SET.fullmatch(fact.object)) is not None:
        name = tuple(term for term in whose if term != "version")
        return Version(name, given["version"], ()) if name else None
    return None


def changes(fact: Fact) -> bool:
    """Whether this says that something has changed, and not that there is something beside it."""
    said = fact.text.lower()
    return (fact.verb == "switched to" or fact.corrects or _CHANGED.search(said) is not None) and BESIDES.search(said) is None


def outdates(new: Version, old: Version) -> bool:
    """Whether a version may take the place of this one."""
    return new.name == old.name and new.version != old.version and (not new.purpose or new.purpose == old.purpose)
