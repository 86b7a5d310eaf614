"""The forms of English sentences that say that one thing took the place of another: "We moved from Jenkins to GitHub Actions", "I'm now
at Siemens", "Forget the red one, take blue".

Rule: as in facts/rules.py. A switch is one where the new or the old thing is plainly one that people choose (choices.py). What says by
itself too little is a correction: a fact only where something is known that it takes the place of.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from backstory.core.records import Stance
from backstory.memory.facts.rules import NAME, Needs, Rule
from backstory.memory.forms import Form

_LATELY = r"(?:(?:just|recently|finally|now|also|already|actually|all|then|completely|officially) ){0,2}"
_HAVE = r"(?:(?:'ve|'re|'m| have| are| am))? "
_WHEN = (
    r"(?:,? (?:now|today|yesterday|recently|already|instead|(?:last|this) \w+|in (?-i:[A-Z])\w+|in \d{4}"
    r"|(?:an?|two|three|\d+|a few|some|several) \w+ ago))?"
)
_THING = r"(?:[\w.+#-]+ ){0,2}?[\w.+#-]+"
_FOR = r"(?: (?:for|as) (?:the |our |my )?[\w -]{2,40})?"


def _switch(pattern: str, needs: Needs) -> tuple[Rule, ...]:
    """For "we" and for "I"."""
    return tuple(
        Rule(
            kind,
            "switched to",
            Form(rf"{who}{_HAVE}{_LATELY}{pattern}{_WHEN}", re.I, f"{who}{_HAVE}{pattern}"),
            needs,
            subject=subject,
            both=True,
            longest=8,
        )
        for who, subject, kind in _WHO
    )


_WHO: tuple[tuple[str, str, Literal["decision", "preference"]], ...] = (("we", "we", "decision"), ("i", "", "preference"))
_SWITCHES = tuple(
    pair
    for pattern, needs in (
        (
            r"(?:moved?|moving|migrated?|migrating|switched|switching|converted) (?:away |over |(?:our|the|my|all) (?:[\w-]+ ){1,3})?"
            rf"(?:from|off(?: of)?) (?P<x>{_THING})"
            rf" (?:over |and )?(?:to|onto) (?P<o>{_THING}){_FOR}",
            "swapped",
        ),
        (rf"(?:replaced|substituted|replacing) (?P<x>{_THING}) (?:with|by) (?P<o>{_THING}){_FOR}", "swapped"),
        (rf"(?:swapped|traded|ditched|dropped|dumped|exchanged|left|abandoned) (?P<x>{_THING}) for (?P<o>{_THING})", "traded"),
        (rf"(?:moved|migrated|moving|migrating)(?: over)? (?:back )?to (?P<o>{_THING})", "choice"),
        (rf"(?:run(?:ning)?|deploy(?:ing)?) on (?P<o>{_THING}) now", "choice"),
        (rf"now run(?:ning)? on (?P<o>{_THING})", "choice"),
        (rf"(?:back )?on (?P<o>{_THING}) (?:now|these days)", "choice"),
        (rf"now (?:back )?on (?P<o>{_THING})", "choice"),
        (rf"(?:upgraded|updated|downgraded|went)(?: up| back| down)? to (?P<o>{_THING} v?\d[\w.]*)", ""),
    )
    for pair in _switch(pattern, needs)  # type: ignore[arg-type]
)
_JOBS = (
    Rule(
        "identity",
        "works at",
        Form(
            rf"(?i:i(?:'ve| have)? {_LATELY}(?:started|got|took|accepted|found|have) (?:a|my) new (?:job|position|role) (?:at"
            rf"|with)) (?P<o>.+)"
        ),
        "name",
    ),
    Rule(
        "identity",
        "works at",
        Form(rf"(?i:i(?:'ve| have)? {_LATELY}(?:started|got|took|accepted|found|have) (?:a|my) (?:job|position) (?:at|with)) (?P<o>.+)"),
        "name",
    ),
)
_VERSIONS = tuple(
    Rule(
        kind,
        "uses",
        Form(rf"{who}(?: are| am|'re|'m) {_LATELY}(?:on|running(?: on)?) (?P<o>{_THING} v?\d[\w.]*)", re.I),
        "choice",
        subject=subject,
    )
    for who, subject, kind in _WHO
)
_OFF = tuple(
    Rule("decision", "uses", Form(rf"(?:we are|we're) {_LATELY}{words}", re.I), "choice", "negated", "we")
    for words in (r"(?:no longer on|off) (?P<o>.+)", r"not on (?P<o>.+?) any ?(?:more|longer)")
)
_NAMED = Rule(
    "identity",
    "is called",
    Form(
        rf"i(?:'ve| have)? {_LATELY}changed my (?:first |full |last |sur)?name"
        rf"(?: from (?P<x>(?-i:{NAME})))?(?: back)? to (?P<o>(?-i:{NAME})){_WHEN}",
        re.I,
    ),
    "name",
)
_ROLE = r"[\w-]+(?: [\w-]+){0,2}"
_ROLE_FORMS: tuple[tuple[Literal["identity", "correction"], Stance, str], ...] = (
    (
        "identity",
        "stated",
        rf"(?P<o>{NAME}) (?:has |have |will )?(?:replaced|replaces|succeeded|took over from) (?P<x>{NAME}) as [owner](?P<s>{_ROLE})",
    ),
    (
        "correction",
        "negated",
        rf"(?P<o>{NAME}) (?:is no longer|isn't|is not) [owner](?!used\b|in\b|around\b)(?P<s>{_ROLE}?)(?: any ?more)?",
    ),
)
_ROLES = tuple(
    Rule(kind, "is", Form(pattern.replace("[owner]", owner)), stance=stance, owned=owned)
    for owner, owned in (("my ", True), ("(?:(?:our|the) )?", False))
    for kind, stance, pattern in _ROLE_FORMS
)
_HOMES = (Rule("identity", "lives in", Form(r"we (?:(?:now|still|currently|all|both) )?live in (?P<o>.+)", re.I), "name", subject="we"),)
_PICKS = tuple(
    Rule("decision", "uses", Form(rf"{who} {_LATELY}(?:take|have|pick|order|choose) (?P<o>the .+)", re.I), "pick", subject=subject)
    for who, subject in (("(?:we'll|we will|let's)", "we"), ("(?:i'll|i will)", ""))
)
_BY_WORD: dict[str, Sequence[Rule]] = {
    **dict.fromkeys(("i", "i've", "i'm", "i'll"), (_NAMED, *_SWITCHES[1::2], _VERSIONS[1], *_JOBS, _PICKS[1])),
    **dict.fromkeys(("we", "we've", "we're", "we'll", "let's"), (*_SWITCHES[::2], _VERSIONS[0], *_OFF, *_HOMES, _PICKS[0])),
}
_NO_EMPLOYER = (
    r"(?!(?-i:Starbucks|McDonald|Heathrow|Home|Work|Step|Level|Chapter|Page|Part|Terminal|Gate|Room|Day|Week|Phase|Stage|Section|Line|Task"
    r"|Paris|London|Berlin|New|San|Los|[\w ]*(?:Airport|Station|Hospital|Park|Street|Hotel|Cafe|Café|Mall|Stadium|Beach|Museum|Theatre"
    r"|Theater|School|Church|Plaza|Square|Gym))\b)"
)
_IM = r"(?:i'm|i am|im)"
NOW_AT = Form(
    rf"(?:{_IM} (?:now|currently) (?:at|with) {_NO_EMPLOYER}(?P<job>(?-i:{NAME}))|{_IM} (?:at"
    rf"|with) {_NO_EMPLOYER}(?P<there>(?-i:{NAME})) now"
    rf"|{_IM} (?:now |back )?in (?P<home>(?-i:{NAME}))(?: now)?|we(?:'ve| have)? (?:just |recently )?moved to (?P<moved>(?-i:{NAME}))"
    rf"|we(?:'ve| have)? (?:just |recently )?moved from (?P<away>(?-i:{NAME})) to (?P<into>(?-i:{NAME})){_WHEN})",
    re.I,
)
"""Where somebody is now: of work only where a job is known that this takes the place of, of a home only where he says that he moved, or
from which known one."""
SWAP = Form(
    r"(?:forget|scrap|drop|skip|ditch|scratch|lose|nix|never mind|no more) (?:about )?(?:the |that |our |my )?(?P<x>[^,;.:]{1,40}?)"
    r"(?: one| idea| plan| part| thing)?(?:[,;:]| -| –| —| and)(?: and| but| rather)? "
    r"(?:(?:just|please|then|better|rather|we'll|we will|i'll|i will|let's|i'd|we'd) ){0,3}"
    r"(?:take|use|go (?:with|for)|make it|pick|choose|do|have|keep) (?:the |my |our )?(?P<o>[^,;]{1,40}?)(?: one| version)?(?:,? instead)?",
    re.I,
)
"""What goes and what comes for it: a fact only where the first is known."""


def changes_for(word: str) -> Sequence[Rule]:
    """The rules that a clause with this first word (lower case) may have the form of, after those of `rules.rules_for`."""
    return _BY_WORD.get(word, _ROLES)
