"""By what two objects or subjects are known to be the same or of one kind: the stems of their words, whether they are a day, a time, an
address or a number, and of what unit.

Rule: only the words count; nothing is known here of what was said before.
"""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from functools import lru_cache

from backstory.memory.facts import tongues as fact_tongues
from backstory.memory.facts.clock import EN_HOUR, EN_PLAIN
from backstory.memory.facts.objects import dated
from backstory.memory.forms import ALWAYS, Form
from backstory.memory.months import ANY_MONTH
from backstory.memory.text import STOP_WORDS, fold, stem, words

_OF_NOW = frozenset({"new", "current"})
_TIME = Form(
    r"\b\d{1,2}(?::\d\d)? ?(?:am|pm)\b|\b\d{1,2}:\d\d\b|\bnoon\b|\bmidnight\b"
    rf"|\bat (?:1?\d|2[0-4]|{EN_HOUR})(?= on\b|,|$)|\b{EN_PLAIN}(?= on\b|,|$)",
    re.I,
)
SAID_HOUR = Form(EN_PLAIN, re.I, ALWAYS)
"""An hour in words that is one by itself."""
HOUR = Form(rf"(?:1?\d|2[0-4])(?: o'clock)?|{EN_HOUR}", re.I, ALWAYS)
_DAY = Form(
    r"day\b|days\b|\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)|\d{4}-\d|\b(?:tomorrow|tonight|week|weekend|month|year"
    r"|spring|summer|autumn)\b"
    r"|\bthe \d|\b\d{1,2}/\d|\d\.\d{1,2}\.\d{4}",
    re.I,
)
_PLACE_TO_LOOK = Form(r"://|^[/~.]|\S@\S|\w\.\w+[/:]")
_NUMBER = Form(r"(?:(?:on|at|in|by|port|version|about|around|exactly|now|to|from) )*[$€£#@+-]?v?\d", re.I)
_CALLED_OFF = Form(r"cancel(?:l?ed)?|call(?:ed)?(?: it| that| this)? off|[\w']+ (?:not )?(?:tak\w+(?: place)?|happen\w*)", re.I)
_MONTH = rf"(?:{ANY_MONTH}|januar|februar|märz|mai|juni|juli|oktober|dezember)\b\.?"
_SINCE = Form(
    r",? (?:from|starting(?: (?:from|in|on|with))?|beginning(?: (?:in|on|with))?|effective(?: from)?|as of|as from|since|ab|seit) "
    r"(?:(?:the |dem |der )?(?:beginning|start|end|middle|anfang|ende|mitte|\d\d?(?:st|nd|rd|th|\.)?)(?: of)? )?"
    rf"(?:(?:(?:next|this|coming|nächste[rmns]?|kommende[rmns]?) \w+)|(?:mon|tues|wednes|thurs|fri|satur|sun)day|{_MONTH}|now|today"
    rf"|tomorrow|sofort"
    r"|heute|morgen|20\d\d)(?: \d\d?(?:st|nd|rd|th)?)?(?:,? 20\d\d)?(?: on(?:wards?)?)?$",
    re.I,
    ALWAYS,
)
_BARE = Form(r"[#$€£+-]?\d[\d.,]*", gist=ALWAYS)
_ALIKE = 0.6
"""The share of their characters that two spellings of one name, or two readings of one number, have in common."""


def classes(text: str) -> frozenset[str]:
    """What kinds of value an object has: day, time, address, number, else word."""
    if _CALLED_OFF.fullmatch(text):
        return frozenset({"day", "time"})
    found = set(fact_tongues.kinds_of(text))
    if _TIME.search(text):
        found.add("time")
    if dated(text) and _DAY.search(text):
        found.add("day")
    if not found and _PLACE_TO_LOOK.search(text):
        found.add("address")
    elif not found and _NUMBER.match(text):
        found.add("number")
    return frozenset(found or {"word"})


def is_bare(text: str) -> bool:
    """Whether this is a number that does not say what it counts."""
    return _BARE.fullmatch(text) is not None


@lru_cache(4096)
def lasting(text: str) -> str:
    """An amount without from when it holds: "950 euros from July"."""
    since = _SINCE.search(text) if text[:1].isdigit() or text[:1] in "$€£" else None
    return text[: since.start()] if since is not None else text


def called_off(text: str) -> bool:
    """Whether these words say that something does not take place."""
    return _CALLED_OFF.fullmatch(text) is not None or fact_tongues.is_off(text)


@lru_cache(8192)
def key(text: str) -> tuple[str, ...]:
    """By what two objects or subjects are known to be the same: the stems of their words, without articles and the like."""
    found = words(text)
    kept = tuple(stem(word) or word for word in found if word not in STOP_WORDS)
    return kept or tuple(found) or (fold(text),)


def forget() -> None:
    """Hold no objects and subjects any more."""
    key.cache_clear()
    lasting.cache_clear()


def subject_key(subject: str) -> tuple[str, ...]:
    """The same for a subject: "user's sister" and "the user's sisters" have one key, and so have an address and the new address."""
    owner, mark, thing = subject.partition("'s ")
    terms = key(thing if mark else subject)
    terms = tuple(term for term in terms if term not in _OF_NOW) or terms
    return (*key(owner), "'s", *terms) if mark else terms


def unit(text: str) -> tuple[str, ...]:
    """What a number counts: its words without digits."""
    return tuple(word for word in words(text) if not any(char.isdigit() for char in word) and word not in STOP_WORDS and word != "port")


def spelled_alike(one: str, other: str) -> bool:
    """Whether one may be the other with a slip in it: "Jon" and "John", 8080 and 8081."""
    return SequenceMatcher(None, fold(one), fold(other)).ratio() >= _ALIKE
