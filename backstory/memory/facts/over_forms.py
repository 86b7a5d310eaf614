"""The forms of English sentences that say that something is over without naming what by its own words: notice given, a couple parted, a
tool that is gone, a thing that is sold.

Rule: each of them is a correction, so it is a fact only where something is known that it ends. What may as well be about something else (a
flat, a game, an outage) is none.
"""

from __future__ import annotations

import re

from msgspec import Struct

from backstory.memory.facts.rules import NAME
from backstory.memory.forms import ALWAYS, Form

WITH = "is with"
"""The verb of "I broke up with Tom" until it is known what he was."""
OUT_OF = "worked"
"""The verb of "I gave notice"."""
_LATELY = r"(?:(?:just|recently|finally|now|also|already|sadly|unfortunately|actually|officially|completely|all) ){0,2}"
_MONTH = r"january|february|march|april|may|june|july|august|september|october|november|december|spring|summer|autumn|fall|winter"
_DAY = r"(?:mon|tues|wednes|thurs|fri|satur|sun)day"
_WHEN = (
    rf"(?:,? (?:today|yesterday|recently|already|now|(?:last|this) \w+|on {_DAY}|in (?:{_MONTH})|in \d{{4}}"
    r"|(?:an?|two|three|\d+|a few|some|several) \w+ ago)){0,2}"
)
_LATE = (
    rf"(?:,? (?:today|yesterday|recently|already|now|last (?:week|month|night|{_DAY})|this (?:week|month|morning)|on {_DAY}"
    r"|(?:an?|two|three|\d+|a few|some|several) (?:hours?|days?|weeks?) ago)){0,2}"
)
"""Who says that he works there has not left it years ago."""
_I = rf"i(?:'ve| have)? {_LATELY}"
_WE = rf"we(?:'ve| have)? {_LATELY}"
_LETTER = r"(?:my )?(?:[\w-]+ (?:weeks?|months?)'? )?(?:notice|resignation|resignation letter|letter of resignation)"
_HAND = r"(?:give|gave|given|hand(?:ed)? in|put in|turned in|submitted|tendered|served)"
NOTICE = Form(
    rf"(?:{_I}(?:{_HAND} {_LETTER}|resigned)(?: (?:at|from|with) (?P<firm>(?-i:{NAME}))| at work)?"
    rf"|i(?:'ve| have)? (?P<sure>{_LATELY})(?P<quit>quit)"
    rf"|(?P<s>(?-i:{NAME})) (?:has )?{_LATELY}(?:gave|given|handed in|put in|submitted|tendered) (?:his|her|their) "
    rf"(?:[\w-]+ (?:weeks?|months?)'? )?"
    rf"(?:notice|resignation))(?P<when>{_LATE})",
    re.I,
    "notice|resign|quit",
)
"""Somebody leaves a job. `quit`: he may as well leave a game."""
_NO_JOB = Form(
    r"\b(?:flat|apartment|landlord|landlady|lease|leasing|rent|renting|rental|tenan\w+|room|gym|membership|subscription|contract|insurance"
    r"|provider|club|school|landlords|building|game|match|level|puzzle|smoking|drinking)\b",
    re.I,
    ALWAYS,
)
_OF_WORK = Form(
    r"\b(?:jobs?|work|working|boss|company|office|managers?|career|employer|position|colleagues?|coworkers?|notice|resign\w*|hired|salary)\b",
    re.I,
    ALWAYS,
)
_MATE = r"(?:girlfriend|boyfriend|partner|fianc[eé]e?|husband|wife|spouse)"
_APART = (
    r"(?:broke up|broken up|split up|separated|(?:are|were|'re) (?:no longer|not) (?:together|a couple)(?: any ?more)?"
    r"|aren't together any ?more|called off (?:our|the) (?:engagement|wedding))"
)
PARTED = Form(
    rf"(?:{_I}(?:broke up|broken up|split up|broke it off|ended (?:things|it)) with "
    rf"(?:(?P<from>(?-i:{NAME}))|my (?P<mate>{_MATE})(?: (?-i:{NAME}))?)"
    rf"|{_I}(?:dumped|left) my (?P<left>{_MATE})(?: (?-i:{NAME}))?"
    rf"|(?:(?P<and>(?-i:{NAME}))|my (?P<other>{_MATE})(?: (?-i:{NAME}))?) and i(?:'ve| have)? {_LATELY}{_APART}"
    rf"|(?:(?P<he>(?-i:{NAME}))|my (?P<her>{_MATE})(?: (?-i:{NAME}))?) (?:has )?{_LATELY}"
    rf"(?:broke up with|broken up with|split up with|dumped|left) me"
    rf"|(?P<we>we)(?:'ve| have)? {_LATELY}{_APART}){_WHEN}",
    re.I,
    "broke|split|ended|dumped|left|separated|together|couple|called off",
)
"""Two who were a couple are none."""
_NO_COUPLE = Form(r"\b(?:band|team|group|startup|company|co-?founders?|business|teams|groups|rooms|bill|work|tasks?)\b", re.I, ALWAYS)
_TOOL = r"[\w+#][\w.+#/-]*(?: [\w+#][\w.+#-]*){0,2}?"
UNUSED = Form(
    rf"(?:(?P<off>{_TOOL}) (?:isn't|aren't) {_LATELY}(?:used|in use|around) any ?(?:more|longer)"
    rf"|(?P<o>{_TOOL})(?: is|'s| are) {_LATELY}(?:gone(?: for good)?|history|no more|retired|decommissioned|phased out"
    r"|(?:no longer|not) (?:used|in use|around)(?: any ?more| any longer)?)"
    rf"|(?P<been>{_TOOL}) (?:has|have) {_LATELY}been (?:retired|decommissioned|phased out|sunset|ripped out|dropped|abandoned)"
    rf"|{_WE}(?:retired|decommissioned|phased out|ripped out|killed off|threw out|sunset) (?P<we>{_TOOL})(?: for good)?"
    rf"|we don't have (?P<had>{_TOOL}) (?:any ?more|any longer)){_WHEN}",
    re.I,
    "gone|history|no more|retired|decommissioned|phased|used|in use|around|sunset|ripped|dropped|abandoned|killed|threw|have",
)
"""Nothing uses it any more."""
_OUTAGE = Form(
    r"[?]|\b(?:crash\w*|down|errors?|restart\w*|outage|help|why|fix\w*|broke\w*|fail\w*|containers?|pods?|process|again|back|logs?|ports?|deleted"
    r"|bring|reinstall\w*|reappear\w*|suddenly|vanished|disappeared|404|500)\b",
    re.I,
    ALWAYS,
)
SOLD = Form(
    rf"(?P<o>(?:my|our|the) (?:[\w'-]+ ){{0,3}}?[\w'-]+?)(?: is|'s| was| has been| got| are) {_LATELY}"
    rf"(?:sold|scrapped|stolen|written off|totall?ed){_WHEN}",
    re.I,
    "sold|scrapped|stolen|written off|total",
)
"""Somebody has it no more."""


class Over(Struct, frozen=True):
    """`verb`: `OUT_OF`, `WITH`, "uses" or "has". `subject`: a name, "" for who speaks. `object`: where what it names stands in the text."""

    verb: str
    subject: str
    object: tuple[int, int]


def over(text: str, start: int, end: int, *, whole: bool) -> Over | None:
    """What a clause says to be over; None for nothing. `whole`: it is all of its sentence."""
    if (match := PARTED.fullmatch(text, start, end)) is not None:
        group = next(name for name in ("from", "mate", "left", "and", "other", "he", "her", "we") if match[name])
        plain = match["we"] is None or (whole and _NO_COUPLE.search(text) is None)
        return Over(WITH, "", match.span(group)) if plain else None
    if (match := NOTICE.fullmatch(text, start, end)) is not None:
        if _NO_JOB.search(text) is not None or (match["quit"] and not (whole and _calmly(text, end))):
            return None
        name = "firm" if match["firm"] else "quit" if match["quit"] and not (match["sure"] or match["when"]) else ""
        if name == "quit" and text.strip(" .") != text[start:end] and _OF_WORK.search(text) is None:
            return None
        return Over(OUT_OF, match["s"] or "", match.span(name) if name else (start, end))
    if (match := SOLD.fullmatch(text, start, end)) is not None:
        return Over("has", "", match.span("o"))
    if whole and _calmly(text, end) and (match := UNUSED.fullmatch(text, start, end)) is not None and _OUTAGE.search(text) is None:
        return Over("uses", "", match.span(match.lastgroup or "o"))
    return None


def _calmly(text: str, end: int) -> bool:
    """Whether a sentence ends as a statement does."""
    return text[end : end + 1] not in ("!", "?", "…") and text[end : end + 2] != ".."
