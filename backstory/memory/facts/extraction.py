"""Facts: what the sentences of a turn state, by rules.

Rule: precision before recall. A fact is a literal span of its turn, with who said it; nothing is put together from two turns, guessed or
reworded. People's words give facts of all kinds, an assistant's only decisions and settings ("we'll use", "I've set the port to"), a tool's
none. Most forms are English; facts/tongues.py has those of other languages. Nothing here raises.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Set
from functools import cache, lru_cache

from msgspec import Struct
from msgspec.structs import replace

from backstory.core.records import Fact, Turn
from backstory.memory.facts import tongues as fact_tongues
from backstory.memory.facts.change_forms import SWAP, changes_for
from backstory.memory.facts.choices import is_choice
from backstory.memory.facts.correction_forms import ADMITS, AGAIN, BEHIND, HELD, MOVED, ONLY_ADMITS, POINTED, RATHER, SLIP, WHY
from backstory.memory.facts.corrections import correction, ended
from backstory.memory.facts.ending_forms import BEGUN, endings_for
from backstory.memory.facts.kinds import suits
from backstory.memory.facts.making import Clause, fact_in
from backstory.memory.facts.objects import begins_dated, cut_tail, cut_when, dated, fits, replaced, says_something, subject_of, trimmed
from backstory.memory.facts.over_forms import PARTED
from backstory.memory.facts.rules import (
    ALSO,
    CORRECTION,
    CUT,
    IS_NOT_BUT,
    LABELLED,
    LEAD,
    NOT_BUT,
    ONLY_FIX,
    SINCE,
    Rule,
    rules_for,
)
from backstory.memory.facts.scope import HEDGED, PRINTED, REPORTED, elsewhere, not_so, taken_back
from backstory.memory.facts.value_forms import STARTING, values_for
from backstory.memory.facts.values import cut_aside, cut_closing, only_value
from backstory.memory.forms import ALWAYS, Form, Sieve
from backstory.memory.reading.sentences import Sentence, sentences

READER = 13
"""Rises with what is found: turns that an earlier reader has read are read again (jobs/facts.py)."""
_MOST = 24
"""Facts of one turn at most: more are a list or a paste."""
_MOST_LABELLED = 4
"""Lines with a label ("port: 8080") in one turn: more are a file."""
_LABELLED = "is set to"
_MOST_LEADS = 4
_MOST_ALSO = 12
_PLACED = frozenset({"is", "has", "will", "plans to"})
"""What has one of these and a day is what "it" means in the next sentence."""
_ASIDES = frozenset({"value", "datum", "date", "person", "place", "name"})
"""What an object has to be for a word behind a comma to be none of it."""
_CHOSEN = frozenset({"preference", "decision"})
_SWAPS = frozenset({"swapped", "traded"})
_LEFT = frozenset({"left", "sold", "moved out of"})
_FEELINGS = frozenset({"likes", "dislikes", "prefers"})
_MOST_NOTE = 300
_WORD = Form(r"[\w'-]+")
_NOT_DAYS = frozenset({"uses", "switched to", "decided", "works at", "left", "lives in", "will live in"})
_LITERAL = Form(r"[\d\"'-]|\S+://|[/~.]|true\b|false\b|on\b|off\b|\S+@\S", re.I)
_IT = Form(r"(?:it|that)\b", re.I)
_PARTICIPLE = Form(r" (?:ab|an|auf|er|ge|hoch|um|ver|vor)\w*(?:t|en)\b", gist=ALWAYS)
"""Behind a value: it was changed to that."""
_AT = Form(r"(?:in|at|to|from|as)\s+", re.I)


class _Found(Struct, frozen=True):
    """A fact in the making."""

    rule: Rule
    subject: str
    object: tuple[int, int]
    replaces: tuple[int, int]
    fixes: bool
    negated: bool


def extract(turn: Turn, breathe: Callable[[], None] = lambda: None, names: Set[str] = frozenset()) -> tuple[Fact, ...]:
    """The facts of a turn, in the order of its text. `breathe` is called between sentences. `names`: who is known to speak in
    the conversation. About 0.1 ms for a short turn."""
    text = turn.text.replace("’", "'")
    made: list[Fact] = []
    fixing: Sentence | None = None
    free = True
    said = list(sentences(turn, names))
    alone = turn.role == "user" or len({sentence.author for sentence in said}) == 1
    for sentence in said:
        breathe()
        if not sentence.states:
            fixing = None
            free = free and HELD.search(text, sentence.start, sentence.end) is None
            continue
        if any(form.match(text, sentence.start, sentence.end) for form in (ONLY_FIX, ONLY_ADMITS)):
            fixing = sentence
            continue
        corrects = fixing is not None and fixing.author == sentence.author
        found = _slipped(turn, text, sentence, corrects, alone, free)
        free = any(fact.verb in _PLACED and dated(fact.object) for fact in found) or (
            free and HELD.search(text, sentence.start, sentence.end) is None
        )
        made.extend(found)
        fixing = None
        if len(made) >= _MOST:
            break
    if sum(fact.verb == _LABELLED for fact in made) > _MOST_LABELLED:
        made = [fact for fact in made if fact.verb != _LABELLED]
    return tuple(_numbered(made[:_MOST]))


def _slipped(turn: Turn, text: str, sentence: Sentence, corrects: bool, alone: bool, free: bool) -> list[Fact]:
    """The facts of one sentence. Where it takes back in its middle what it began with, that is none without what takes its place."""
    slip = SLIP.search(text, *trimmed(text, sentence.start, sentence.end, ends=".!…"))
    if slip is None:
        return list(_of(turn, text, sentence, corrects, alone, free))
    said = list(_of(turn, text, replace(sentence, end=slip.start(), alone=False), corrects, alone, free))
    rest = replace(sentence, start=slip.end(), alone=False)
    if not said:
        return list(_of(turn, text, sentence, corrects, alone, free))
    if instead := list(_of(turn, text, rest, True, alone, free)):
        return said + instead
    low, high = trimmed(text, slip.end(), sentence.end, ends=".!…")
    low = place.end() if (place := _AT.match(text, low, high)) is not None else low
    last = said[-1]
    if last.stance != "stated" or not only_value(text[low:high]) or suits(last.verb, last.subject, text[low:high], last.kind) != high - low:
        return []
    return [fact_in(turn, sentence, last.kind, last.subject, last.verb, (low, high), fixes=True)]


def _numbered(made: list[Fact]) -> Iterator[Fact]:
    for place, fact in enumerate(made):
        yield Fact(fact.turn, fact.conversation, place, *(getattr(fact, name) for name in Fact.__struct_fields__[3:]))


def _of(turn: Turn, text: str, sentence: Sentence, fixes: bool, alone: bool, free: bool) -> Iterator[Fact]:
    """The facts of one sentence. `alone`: nobody else speaks in the turn, or it is a person's: what an assistant has several people say
    is made up. `free`: what "it" means is not named in the turn by what states nothing."""
    human = turn.role == "user" or (sentence.named and alone)
    start, fixes, keeps = _led(text, sentence.start, sentence.end, fixes)
    if _not_said(text, sentence, start):
        return
    found: list[Fact] = []
    for clause in _clauses(text, sentence, start, fixes, free):
        stated = list(_stated(turn, text, clause, human)) or list(_also(turn, text, clause, found))
        # What comes after a condition or a guess stands under it, too.
        if stated and (HEDGED.search(text, start, clause.end) or PRINTED.search(text, start, clause.start)):
            break
        found += stated
        yield from stated
    if found or not human:
        return
    if others := fact_tongues.stated(text, *trimmed(text, sentence.start, sentence.end, ends=".!…"), corrects=fixes):
        yield from _foreign(turn, text, sentence, others, free)
        return
    if keeps and not sentence.named and sentence.end - start <= _MOST_NOTE and says_something(text[start : sentence.end]):
        yield fact_in(turn, sentence, "note", sentence.author, "notes", trimmed(text, start, sentence.end), fixes=fixes)
    elif sentence.alone and (match := LABELLED.fullmatch(text, start, sentence.end)) is not None:
        name = "s" if match["s"] else "name"
        subject = subject_of(match[name], "")
        span = trimmed(text, *match.span("o" if match["s"] else "value"))
        if (
            subject
            and fits("datum", text[slice(*span)])
            and suits("is", subject, text[slice(*span)], "setting")
            and (match["s"] or _LITERAL.match(text, *span))
        ):
            yield fact_in(turn, sentence, "setting", subject, _LABELLED, span, fixes=fixes)


def _not_said(text: str, sentence: Sentence, start: int) -> bool:
    """Whether the author of this sentence, which begins at `start` behind "well, ", says none of it himself, or asks it."""
    return REPORTED.search(text, sentence.start, sentence.end) is not None or not_so(text, *trimmed(text, start, sentence.end))


def _foreign(turn: Turn, text: str, sentence: Sentence, others: list[fact_tongues.Stated], free: bool) -> Iterator[Fact]:
    for said in others:
        if said.verb == POINTED and not free:
            continue
        subject = f"{sentence.author}'s {said.subject}" if said.owned else said.subject
        if not subject and (said.kind != "correction" or said.verb not in ("is", POINTED, RATHER)):
            subject = sentence.author
        if not suits(said.verb, subject, text[slice(*said.object)], said.kind) or elsewhere(
            text, sentence.start, sentence.end, chosen=said.kind in _CHOSEN
        ):
            continue
        low, high = said.object[1], sentence.end
        if (said.kind == "correction" or _PARTICIPLE.match(text, low, high)) and taken_back(text, low, high, amount=False):
            continue
        fixes = said.fixes or said.kind == "correction"
        yield fact_in(turn, sentence, said.kind, subject, said.verb, said.object, said.replaces, fixes=fixes, stance=said.stance)


def _led(text: str, start: int, end: int, fixes: bool) -> tuple[int, bool, bool]:
    """Where a sentence begins behind "well, ", "no, ", "remember that "; whether it is said as a correction, and to be remembered."""
    keeps = False
    for _ in range(_MOST_LEADS):
        match = LEAD.match(text, start, end)
        if match is None:
            taken_back = ADMITS.match(text, start, end)
            if taken_back is None:
                break
            fixes, start = True, taken_back.end()
            continue
        fixes = fixes or match["fix"] is not None
        keeps = keeps or match["keep"] is not None
        start = match.end()
    if (begun := BEGUN.match(text, start, end) or STARTING.match(text, start, end)) is not None:
        start = begun.end()
    return start, fixes, keeps


def _clauses(text: str, sentence: Sentence, start: int, fixes: bool, free: bool) -> Iterator[Clause]:
    end = sentence.end
    said = trimmed(text, start, end, ends=".!…")
    if any(form.fullmatch(text, *said) is not None for form in (NOT_BUT, IS_NOT_BUT, SWAP, MOVED, PARTED)):
        yield Clause(sentence, start, end, fixes=True, first=True, alone=free)
        return
    behind = BEHIND.search(text, *said)
    if (
        behind is not None
        and (match := CORRECTION.fullmatch(text, start, behind.start())) is not None
        and only_value(match["o"])
        and (behind["now"] is None or (_IT.match(text, start, end) is not None and dated(match["o"])))
    ):
        yield Clause(sentence, start, behind.start(), fixes=True, first=True, alone=free)
        return
    first = start
    if fixes and (again := AGAIN.search(text, *said)) is not None:
        match = CORRECTION.fullmatch(text, start, again.start())
        if match is not None and only_value(value := text[match.start("o") : cut_closing(text, *match.span("o"))]):
            # What says the value again says of what it is.
            said_again = value.lower() in text[again.end() : end].lower()
            why = not said_again and WHY.search(text, again.end(), end) is not None
            if why:
                yield Clause(sentence, start, again.start(), fixes, first=True, alone=free)
            if said_again or why or again.group().startswith(":"):
                start = again.end()
    while start < end:
        cut = CUT.search(text, start, end)
        stop = cut.start() if cut is not None else end
        begin, fixes, _ = _led(text, start, stop, fixes)
        if begin < stop:
            yield Clause(sentence, begin, stop, fixes, begin == first, free and begin == first)
        if cut is not None and cut["only"] is not None:
            return
        start = cut.end() if cut is not None else end


def _stated(turn: Turn, text: str, clause: Clause, human: bool) -> Iterator[Fact]:
    """The fact of a clause, if it has the form of one; of "my sister Anna lives in Bergen" also that she is called Anna."""
    start, end = trimmed(text, clause.start, clause.end, ends=".!…")
    word = _WORD.match(text, start, end)
    sentence = clause.sentence
    if word is not None:
        first = word.group().lower()
        for rule in _sieve(first).likely(text[start:end].lower()):
            if (rule.both or human) and (match := rule.pattern.fullmatch(text, start, end)) is not None:
                found = _read(text, rule, match, clause, sentence.author)
                if found is not None:
                    yield from _kin(turn, sentence, match, found)
                    yield _made(turn, sentence, found)
                    return
    if human:
        over = list(ended(turn, text, clause, start, end))
        yield from over or correction(turn, text, clause, start, end)


def forget() -> None:
    """Hold no words any more with which sentences begin."""
    _sieve.cache_clear()


@lru_cache(512)
def _sieve(first: str) -> Sieve[Rule]:
    return _sieve_of((*changes_for(first), *values_for(first), *rules_for(first), *endings_for(first)))


@cache
def _sieve_of(rules: tuple[Rule, ...]) -> Sieve[Rule]:
    return Sieve(rules, lambda rule: rule.pattern)


def _also(turn: Turn, text: str, clause: Clause, found: list[Fact]) -> Iterator[Fact]:
    """A fact about the same person as the last clause's: "I love sushi and hate pizza"."""
    said = trimmed(text, clause.start, clause.end, ends=".!…")
    last = found[-1] if found else None
    if last is not None and (last.stance == "negated" or last.verb in _LEFT) and (since := SINCE.fullmatch(text, *said)) is not None:
        verb = "works at" if since["job"] else "lives in"
        yield fact_in(turn, clause.sentence, "identity", last.subject, verb, since.span("o"), fixes=True)
    match = ALSO.fullmatch(text, *said)
    if match is None or last is None or last.kind != "preference" or last.verb not in _FEELINGS:
        return
    low, high, _ = cut_tail(text, *match.span("o"))
    high = cut_when(text, low, high)
    if 0 < len(text[low:high].split()) <= _MOST_ALSO and fits("", text[low:high]):
        verb = "dislikes" if match["not"] else "prefers" if match["rather"] else "likes"
        yield fact_in(turn, clause.sentence, "preference", last.subject, verb, (low, high))


def _read(text: str, rule: Rule, match: re.Match[str], clause: Clause, author: str) -> _Found | None:
    """What a rule finds; None where the object is not what the rule needs."""
    groups = match.groupdict()
    if rule.verb == "wants" and (clause.sentence.named or not clause.first):
        return None
    low, high, fixes = cut_tail(text, *match.span("o"))
    if rule.kind in _CHOSEN or rule.kind == "event":
        high = cut_when(text, low, high)
    elif rule.needs in _ASIDES:
        high = cut_aside(text, low, high)
    replaces = match.span("x") if groups.get("x") else (0, 0)
    if replaces == (0, 0):
        low, high, replaces = replaced(text, low, high, rule.verb)
        low, high, _ = cut_tail(text, low, high)
    who = groups.get("s")
    subject = author if who is None else groups.get("who") or subject_of(who, author if rule.owned else "")
    subject = rule.subject or subject
    if rule.verb == "likes" and text.startswith(("the ", "The "), low):
        return None
    if rule.needs in _SWAPS and not _swaps(rule.needs, text[low:high], text[slice(*replaces)]):
        return None
    aged = rule.kind == "identity" and rule.needs == "datum"
    if (aged or rule.verb == "switched to") and taken_back(text, match.end("o"), clause.sentence.end, amount=aged):
        return None
    if rule.verb != "wants" and elsewhere(text, clause.start, high, chosen=rule.kind in _CHOSEN):
        return None
    low, high = fits_in(text, low, high, rule, who)
    if not subject or low >= high or not (size := suits(rule.verb, subject, text[low:high], rule.kind)):
        return None
    high = low + size
    negated = rule.stance == "negated" or groups.get("n") is not None
    return _Found(rule, subject, (low, high), replaces, clause.fixes or fixes or replaces[1] > 0, negated)


def _swaps(needs: str, new: str, old: str) -> bool:
    """Whether one thing that people choose takes the place of another. "We dropped Redis for caching" names a use."""
    return is_choice(new) or (is_choice(old) and (needs == "swapped" or new[:1].isupper()))


def fits_in(text: str, low: int, high: int, rule: Rule, who: str | None) -> tuple[int, int]:
    """The part of the object that is what the rule needs; an empty one where nothing is."""
    size = len(text[low:high].split())
    # A day is nothing that is used or decided on by itself.
    if not 0 < size <= rule.longest or (rule.verb in _NOT_DAYS and begins_dated(text[low:high])):
        return 0, 0
    needs = rule.needs
    found = fits(needs, text[low:high], who or "")
    return (low, low + found) if found else (0, 0)


def _kin(turn: Turn, sentence: Sentence, match: re.Match[str], found: _Found) -> Iterator[Fact]:
    if match.groupdict().get("who"):
        owned = subject_of(match["s"], sentence.author)
        yield fact_in(turn, sentence, "relation", owned, "is called", match.span("who"))


def _made(turn: Turn, sentence: Sentence, found: _Found) -> Fact:
    rule = found.rule
    stance = "negated" if found.negated else rule.stance
    kind = (
        "schedule" if rule.kind in ("setting", "identity") and rule.verb == "is" and dated(turn.text[slice(*found.object)]) else rule.kind
    )
    return fact_in(turn, sentence, kind, found.subject, rule.verb, found.object, found.replaces, found.fixes, stance)
