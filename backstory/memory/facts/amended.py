"""What a fact says once a part of it is corrected: "fly to Tokyo on May 3" and "no, it's Tuesday" make "fly to Tokyo on Tuesday".

Rule: a time takes the place of a time and a name that of a name, where it is plain of which; else all that was said stays and the
correction is said with it. Nothing that was said is lost without being replaced.
"""

from __future__ import annotations

import re

from backstory.core.records import Fact
from backstory.memory.facts.alike import HOUR, called_off, classes, is_bare, spelled_alike, unit
from backstory.memory.facts.clock import DE_HOUR, EN_HOUR, EN_PLAIN
from backstory.memory.facts.tongues_germanic import DE_DAYS, DE_MONTHS
from backstory.memory.forms import ALWAYS, Form
from backstory.memory.months import ANY_MONTH

_MONTH = rf"(?:{ANY_MONTH})\b\.?"
_NTH = r"\d{1,2}(?:st|nd|rd|th)?\b"
_DATE = (
    rf"(?:{_MONTH}(?: {_NTH}(?!:))?(?:,? \d{{4}}\b)?|{_NTH}(?: of)? {_MONTH}(?:,? \d{{4}}\b)?|the {_NTH}(?: of {_MONTH})?"
    r"|\d{4}-\d\d?-\d\d?\b|\d{1,2}/\d{1,2}(?:/\d{2,4})?\b|\d{1,2}\.\d{1,2}\.\d{4}\b)"
)
_WHICH = r"(?:(?:the )?(?:next|this|last|coming) )*"
_DAY = (
    rf"(?:{_WHICH}(?:mon|tues|wednes|thurs|fri|satur|sun)days?\b(?:,? (?:{_DATE}))?|(?:{_DATE})"
    r"|(?:the day after )?tomorrow\b|today\b|tonight\b"
    r"|(?:next|this) (?:week|month|year|weekend|quarter|spring|summer|fall|autumn|winter)\b"
    rf"|(?:(?:nächsten|kommenden|diesen) )?(?:{DE_DAYS})\b(?:,? (?:den )?\d{{1,2}}\. ?(?:{DE_MONTHS})\b)?"
    rf"|\d{{1,2}}\. ?(?:{DE_MONTHS})\b(?: \d{{4}}\b)?)(?!'s|\w)"
)
_CLOCK = (
    rf"(?:{DE_HOUR}|\d{{1,2}} Uhr(?: \d\d)?\b|(?<=at ){EN_HOUR}|{EN_PLAIN}|(?<=day )(?:morning|afternoon|evening|night)\b|"
    r"\d{1,2}(?::\d\d)? ?(?:[ap]m\b|[ap]\.m\.)|\d{1,2}:\d\d\b|noon\b|midnight\b|(?<=at )\d{1,2}\b(?: o'clock)?|\d{1,2} o'clock)"
)
_LINK = r"\b(?:on|in|at|by|from|to|until|till|before|after|since|around|about|due|am|um|ab|bis)\b"
_PARTS = Form(rf"(?P<link>(?:{_LINK} )*)(?:(?P<day>(?<!\w){_DAY})|(?P<time>(?<!\w){_CLOCK}))", re.I, ALWAYS)
_PLAIN_LINKS = frozenset({"", "on", "in", "at"})
"""Words before a time that go with its kind, and say nothing of their own."""
_AT_NO_LINK = Form(r"(?:next|this|last|tomorrow|today|tonight|the day after)\b", re.I)
_IN = Form(rf"(?:{_MONTH}(?:,? \d{{4}})?|\d{{4}})", re.I)
_HELD = Form(r"\b(?:the|an?|my|our|your|his|her|their|this|that|every|each) $", re.I)
"""Before a time that only says which thing is meant: "the Friday demo"."""
_LINKED = Form(rf"(?P<link>{_LINK}) $", re.I)
_NAME = Form(r"[A-ZÀ-ÖØ-Þ][\w'-]*(?: [A-ZÀ-ÖØ-Þ][\w'-]*)*")
_COUNTED = Form(r"[+-]?\d[\d.,]*(?P<rest> [^\d]+)", gist=ALWAYS)
_NAMED = frozenset({"word"})
_WORD = Form(r"\w")


def amended(said: str, fact: Fact, *, whole: bool) -> str:
    """What was said (an object), with what this correction puts in the place of a part of it. `whole`: of a relation of which a subject
    has one value, where a value that is no time takes the place of the other."""
    off = called_off(fact.object)
    if off:
        return fact.object if whole else _beside(said, fact.object)
    if classes(fact.object) & {"day", "time"} or (HOUR.fullmatch(fact.object) and "time" in classes(said)):
        return _retimed(said, fact, whole)
    if whole:
        return _recounted(said, fact.object)
    return _renamed(said, fact)


def _recounted(said: str, value: str) -> str:
    """A number by itself counts what the one before it did: "500 requests per minute" and "800"."""
    counted = _COUNTED.fullmatch(said) if is_bare(value) else None
    return value if counted is None else f"{value}{counted['rest']}"


def _beside(said: str, correction: str) -> str:
    return f"{said} (corrected: {correction})"


def is_beside(said: str) -> bool:
    """Whether these words stand with a correction of which it was not plain what it takes the place of."""
    return " (corrected: " in said


def _retimed(said: str, fact: Fact, whole: bool) -> str:
    """With another day or time. Of two days, or where the correction says more than a day and a time, it is not plain which is meant."""
    value = _clocked(fact.object)
    old, new = list(_PARTS.finditer(said)), list(_PARTS.finditer(value))
    kinds = [part.lastgroup for part in new]
    if not _rest(said, old) and (not new or {part.lastgroup for part in old} <= set(kinds)):
        return fact.object
    if not old and whole and classes(said) <= classes(fact.object) | _NAMED:
        return fact.object
    parts = [part for part in old if part.lastgroup in kinds] if len(new) == 1 else old
    plain = parts and new and not _rest(value, new) and len(kinds) == len(set(kinds)) and _together(said, parts, kinds)
    if not plain:
        return _beside(said, fact.object)
    start, end = parts[0].start(), parts[-1].end()
    timed = fact.object if not parts[0]["link"] and _HELD.search(said[:start]) else _linked(parts[0], fact)
    return f"{said[:start]}{timed}{said[end:]}"


def _together(said: str, parts: list[re.Match[str]], kinds: list[str | None]) -> bool:
    """Whether these are one day, one time, or both side by side, of the kinds that are corrected."""
    own = [part.lastgroup for part in parts]
    apart = len(parts) > 1 and _WORD.search(said, parts[0].end(), parts[-1].start()) is not None
    return len(own) == len(set(own)) and set(own) <= set(kinds) and not apart


def _clocked(text: str) -> str:
    return f"at {text}" if HOUR.fullmatch(text) else text


def _rest(text: str, parts: list[re.Match[str]]) -> bool:
    """Whether there are words beside these parts."""
    at = 0
    for part in parts:
        if _WORD.search(text, at, part.start()):
            return True
        at = part.end()
    return _WORD.search(text, at) is not None


def _linked(old: re.Match[str], fact: Fact) -> str:
    """The new time behind the word that goes with it: that of the old one ("by Friday"), or the one that its kind has."""
    link, value = old["link"].strip(), _clocked(fact.object)
    new = _PARTS.match(value)
    if new is None or new["link"]:
        return value
    told = _LINKED.search(fact.text.partition(fact.object)[0])
    if link.lower() not in _PLAIN_LINKS:
        return f"{link} {value}"
    if told is not None and told["link"].lower() not in ("to", "from"):
        return f"{told['link'].lower()} {value}"
    if (not link and _AT_NO_LINK.match(old.group()) is None) or _AT_NO_LINK.match(value):
        return value
    kind = "at" if new.lastgroup == "time" else "in" if _IN.fullmatch(value) else "on"
    return f"{kind} {value}"


def _renamed(said: str, fact: Fact) -> str:
    """With another name: in the place of what the correction says is wrong, of the only one, or the only one that is spelled like it."""
    if fact.replaces and said.count(fact.replaces) == 1 and re.search(rf"(?<!\w){re.escape(fact.replaces)}(?!\w)", said):
        return said.replace(fact.replaces, fact.object)
    if _NAME.fullmatch(said) or (classes(said) == classes(fact.object) != _NAMED and unit(said) == unit(fact.object)):
        return fact.object
    if _NAME.fullmatch(fact.object):
        names = [name for name in _NAME.finditer(said) if name.start()]
        alike = [name for name in names if spelled_alike(name.group(), fact.object)]
        for found in (alike, names):
            if len(found) == 1:
                return f"{said[: found[0].start()]}{fact.object}{said[found[0].end() :]}"
    return _beside(said, fact.object)
