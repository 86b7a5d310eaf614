"""What a clause corrects or ends without stating it whole: "No, it's Tuesday", "They moved it to Friday", "I don't work there any more".

Rule: what it is about is found where facts are read (supersession.py); of what is not known there it says nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from backstory.core.records import Fact, Turn
from backstory.memory.facts.alike import HOUR, SAID_HOUR, lasting
from backstory.memory.facts.change_forms import NOW_AT, SWAP
from backstory.memory.facts.correction_forms import MOVED, NAMED, OFF, OFF_THAT, POINTED, RATHER
from backstory.memory.facts.ending_forms import DIED, GONE_FROM, THERE
from backstory.memory.facts.kinds import suits
from backstory.memory.facts.making import Clause, fact_in
from backstory.memory.facts.objects import begins_dated, cut_tail, dated, fits, keyed, replaced, says_something, subject_of
from backstory.memory.facts.over_forms import over
from backstory.memory.facts.rules import CORRECTION, NOT_BUT
from backstory.memory.facts.scope import elsewhere, taken_back
from backstory.memory.facts.value_forms import RENAMED, VALUED, WENT, rather
from backstory.memory.facts.values import cut_closing, only_value
from backstory.memory.forms import Form

_GOES = Form(r"\bgoes\b", re.I)
"""What goes up to a value may have that at most; from a day on it has it."""
_YES_NO = Form(r"(?:to )?(?:yes|no|ok|okay|true|false|none)$", re.I)
_POINTS = Form(
    r"(?:forget|scrap|drop|skip|ditch|scratch|lose|nix|never mind|no more|it|that|this|not|(?:what )?i (?:meant|wanted)|make"
    r"|[\w:]+(?: [\w:]+)?, not"
    r"|\S*\d\S* not|\w+day not)\b",
    re.I,
)
_REALLY = Form(r"(?:it|that)\S* (?:is |was )?(?:actually|really)\b", re.I)
_MEANT = Form(r"(?:what )?i (?:meant|wanted)|make (?:it|that)\b", re.I)
_CHANGE = Form(r"moved|changed|postponed|rescheduled|pushed|switched|\bnow\b", re.I)


def ended(turn: Turn, text: str, clause: Clause, start: int, end: int) -> Iterator[Fact]:
    """What ends something that was said before, if anything was."""
    sentence = clause.sentence
    if (match := THERE.fullmatch(text, start, end)) is not None:
        subject = sentence.author if match["s"].lower() == "i" else match["s"]
        verb = "lives in" if match["verb"] == "live" else "works at"
        yield fact_in(turn, sentence, "correction", subject, verb, match.span("o"), fixes=True, stance="negated")
    elif (match := GONE_FROM.fullmatch(text, start, end)) is not None:
        verb = "lives in" if match["home"] or match["moved"] else "works at"
        span = match.span(match.lastgroup or "job")
        yield fact_in(turn, sentence, "correction", sentence.author, verb, span, fixes=True, stance="negated")
    elif (done := over(text, start, end, whole=clause.first and clause.end == sentence.end)) is not None:
        yield fact_in(turn, sentence, "correction", done.subject or sentence.author, done.verb, done.object, fixes=True, stance="negated")
    elif (match := DIED.fullmatch(text, start, end)) is not None:
        subject = match["s"] or match["who"] or subject_of(match["kin"], sentence.author)
        yield fact_in(turn, sentence, "correction", subject, "has", match.span("o"), fixes=True)
    elif (match := NOW_AT.fullmatch(text, start, end)) is not None and (clause.fixes or not (match["home"] or match["moved"])):
        home = next((name for name in ("home", "moved", "into") if match[name]), "")
        verb, group = ("lives in", home) if home else ("works at", "job" if match["job"] else "there")
        if not begins_dated(match[group]):
            left = match.span("away") if group == "into" else (0, 0)
            yield fact_in(turn, sentence, "correction", sentence.author, verb, match.span(group), left, fixes=True)


def correction(turn: Turn, text: str, clause: Clause, start: int, end: int) -> Iterator[Fact]:
    """ "No, it's Tuesday", "not Thursday but Friday", "I meant 8081": what it is about is found where facts are read."""
    pointed = list(_pointed(turn, text, clause, start, end))
    if pointed or (not clause.alone and any(form.fullmatch(text, start, end) for form in (MOVED, OFF))):
        yield from pointed
        return
    if valued := list(_valued(turn, text, clause, start, end)) or list(_named_anew(turn, text, clause, start, end)):
        yield from valued
        return
    fixed: list[Fact] = []
    if clause.fixes or _POINTS.match(text, start, end) is not None:
        fixed = list(_fixed(turn, text, clause, start, end))
    yield from fixed
    whole = clause.first and clause.end == clause.sentence.end
    if not fixed and whole and (instead := rather(text, start, end)) is not None:
        yield fact_in(turn, clause.sentence, "correction", "", RATHER, instead.object, instead.replaces, fixes=True)


def _valued(turn: Turn, text: str, clause: Clause, start: int, end: int) -> Iterator[Fact]:
    """ "They raised the limit to 5", "The price went up to 45 dollars"."""
    match = VALUED.fullmatch(text, start, end) or WENT.fullmatch(text, start, end)
    if match is None or elsewhere(text, start, end, chosen=False):
        return
    if taken_back(text, match.end("o"), clause.sentence.end, amount=True):
        return
    low, high, _ = cut_tail(text, *match.span("o"))
    kept = len(lasting(text[low:high]))
    if kept == high - low and _GOES.search(text, start, low) is not None:
        return
    high = low + kept
    subject = subject_of(match["s"], "")
    if (
        subject
        and only_value(text[low:high])
        and fits("datum", text[low:high]) == high - low
        and suits("is", subject, text[low:high], "setting") == high - low
    ):
        replaces = match.span("x") if match["x"] else (0, 0)
        yield fact_in(turn, clause.sentence, "correction", subject, "is", (low, high), replaces, fixes=True)


def _named_anew(turn: Turn, text: str, clause: Clause, start: int, end: int) -> Iterator[Fact]:
    """ "The repo was renamed to beta": a fact only where its name is known."""
    match = RENAMED.fullmatch(text, start, end)
    if match is not None and not elsewhere(text, start, end, chosen=False) and (subject := subject_of(match["s"] or match["thing"], "")):
        yield fact_in(turn, clause.sentence, "correction", subject, "is called", match.span("o"), fixes=True)


def _pointed(turn: Turn, text: str, clause: Clause, start: int, end: int) -> Iterator[Fact]:
    """ "They moved it to Tuesday", "It got cancelled", "Sorry, her name is Anne"."""
    sentence = clause.sentence
    if (match := OFF_THAT.fullmatch(text, start, end)) is not None:
        if subject := subject_of(match["s"] or match["that"], ""):
            yield fact_in(turn, sentence, "correction", subject, "is", match.span("o" if match["o"] else "not"), fixes=True)
        return
    if clause.fixes and clause.alone and (match := NAMED.fullmatch(text, start, end)) is not None:
        yield fact_in(turn, sentence, "correction", "", "is called", match.span("o" if match["o"] else "name"), fixes=True)
        return
    if not clause.alone:
        return
    if (match := OFF.fullmatch(text, start, end)) is not None:
        yield fact_in(turn, sentence, "correction", "", POINTED, match.span(match.lastgroup or "o"), fixes=True)
    elif (match := MOVED.fullmatch(text, start, end)) is not None:
        low, high, _ = cut_tail(text, *match.span("o"))
        high = cut_closing(text, low, high)
        said = text[low:high]
        plain = begins_dated(said) if match["bare"] else dated(said) or not (match["move"] or match["moved"])
        if plain and fits("datum", said) == len(said) and only_value(said) and not elsewhere(text, start, end, chosen=False):
            replaces = match.span("x") if match["x"] else (0, 0)
            yield fact_in(turn, sentence, "correction", "", POINTED, (low, high), replaces, fixes=True)


def _fixed(turn: Turn, text: str, clause: Clause, start: int, end: int) -> Iterator[Fact]:
    if (swap := SWAP.fullmatch(text, start, end)) is not None:
        if says_something(swap["o"]) and says_something(swap["x"]) and not elsewhere(text, start, end, chosen=False):
            yield fact_in(turn, clause.sentence, "correction", "", "is", swap.span("o"), swap.span("x"), fixes=True)
        return
    match = NOT_BUT.fullmatch(text, start, end)
    if match is not None and not fits("value", match["x"]):
        return
    replaces = match.span("x") if match else (0, 0)
    if match is None:
        match = CORRECTION.fullmatch(text, start, end)
        if match is None:
            return
    low, high, fixes = cut_tail(text, *match.span("o"))
    if replaces == (0, 0):
        low, high, replaces = replaced(text, low, high, "is")
    high = cut_closing(text, low, high)
    changed = _CHANGE.search(text, start, low) is not None
    spoken = match.start("o") > start or "," in text[high : replaces[0]]
    plainly = (_REALLY.match(text, start, end) is not None and fits("datum", text[low:high]) > 0) or (
        _MEANT.match(text, start, end) is not None and (text[start] in "iIwW" or dated(text[low:high]))
    )
    if not (clause.fixes or fixes or replaces[1] > 0 or (changed and spoken) or plainly):
        return
    if _YES_NO.match(text, low, high) or (start == low and _asks(text[low:high], text[slice(*replaces)])):
        return
    spelled = clause.fixes and keyed(text[low:high])
    plain = spelled or ((clause.fixes or replaces[1] > 0) and _at_hour(text, start, low, high))
    length = fits("value" if spoken else "datum", text[low:high]) or (high - low if plain else 0)
    if length and len(text[low:high].split()) <= 8 and only_value(text[low : low + length]):
        yield fact_in(turn, clause.sentence, "correction", "", "is", (low, low + length), replaces, fixes=True)


def _at_hour(text: str, start: int, low: int, high: int) -> bool:
    """Whether this is an hour in words: "at ten", "half past two"."""
    return HOUR.fullmatch(text, low, high) is not None and (
        text.endswith("at ", start, low) or SAID_HOUR.fullmatch(text, low, high) is not None
    )


def _asks(said: str, instead: str) -> bool:
    """Whether this asks for somebody ("Ask Tom, not Anna")."""
    return bool(instead) and said[:1].isalpha() and not dated(said) and len(said.split()) > len(instead.split())
