"""The forms of English sentences that say that something is over: a job, a marriage, a life, what somebody had.

Rule: as in facts/rules.py. What says by itself too little ("Rex died", "I don't work there any more") is a correction: it is a fact only
where something is known that it ends.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from backstory.memory.facts.rules import KIN, NAME, Rule
from backstory.memory.forms import Form

_LATELY = r"(?:(?:just|recently|finally|now|also|already|sadly|unfortunately|actually|all) ){0,2}"
_MONTH = r"january|february|march|april|may|june|july|august|september|october|november|december|spring|summer|autumn|fall|winter"
_WHEN = (
    rf"(?:,? (?:today|yesterday|recently|already|now|again|(?:last|this) \w+|in (?:{_MONTH})|in \d{{4}}"
    r"|(?:an?|two|three|\d+|a few|some|several) \w+ ago))?"
)
_SOON = (
    rf"(?:,? (?:today|yesterday|recently|already|now|again|(?:last|this) (?:week|month|night|{_MONTH}|\w+day)|in (?:{_MONTH})"
    r"|(?:an?|two|three|\d+|a few|some|several) (?:hour|day|week|month)s? ago))?"
)
"""Who says that he works there has not left it years ago."""
_I = rf"i(?:'ve| have)? {_LATELY}"
_WE = rf"we(?:'ve| have)? {_LATELY}"
_OURS = r"(?:the|my|our) [^,;]+?"
_LET_GO = rf"(?:fired|laid off|let go|made redundant)(?: (?:from|by) (?-i:{NAME}))?"
_GONE = r"(?:died|passed away)"


def _mine(verb: str, pattern: str, **more: object) -> Rule:
    return Rule("event", verb, Form(pattern, re.I), **more)  # type: ignore[arg-type]


def _parted(who: str, subject: str) -> tuple[Rule, ...]:
    return (
        _mine("sold", rf"{who}sold (?P<o>{_OURS}){_WHEN}", subject=subject, longest=5),
        _mine("gave away", rf"{who}(?:gave|given) away (?P<o>{_OURS}){_WHEN}", subject=subject, longest=5),
        _mine("gave away", rf"{who}(?:gave|given) (?P<o>{_OURS}) away{_WHEN}", subject=subject, longest=5),
        _mine("got rid of", rf"{who}(?:got rid of|rehomed|scrapped) (?P<o>{_OURS}){_WHEN}", subject=subject, longest=5),
    )


def _denied(who: str, owned: bool) -> tuple[Rule, ...]:
    """What is not so of somebody, or not any more: of a name, or of "my sister Anna"."""
    no = rf"{who} (?:doesn't|does not|no longer) (?:really |actually )?"
    return (
        Rule("identity", "works at", Form(rf"{no}works? (?:at|for) (?P<o>.+)"), "name", "negated", owned=owned),
        Rule("identity", "lives in", Form(rf"{no}lives? in (?P<o>.+)"), "name", "negated", owned=owned),
        Rule("preference", "likes", Form(rf"{no}(?:like|love|enjoy)s? (?P<o>.+)"), "", "negated", owned=owned),
    )


_SOMETIME = r"(?:yesterday|(?:last |this )?(?:mon|tues|wednes|thurs|fri|satur|sun)day|last (?:week|month|night)|(?:\w+ ){1,2}ago)"
_LAST_DAY = (
    Rule("event", "left", Form(rf"(?i:{_SOMETIME} was my (?:very )?last day (?:at|with)) (?P<o>{NAME})"), "name", longest=4),
    Rule("event", "left", Form(rf"(?i:my (?:very )?last day (?:at|with)) (?P<o>{NAME}) (?i:was {_SOMETIME})"), "name", longest=4),
    Rule("event", "left", Form(rf"(?i:{_I}(?:had|worked) my (?:very )?last day (?:at|with)) (?P<o>{NAME}){_WHEN}"), "name", longest=4),
)
_JOB = (
    _mine("lost", rf"{_I}lost (?P<o>my (?:job|position)){_WHEN}"),
    _mine("was", rf"i(?:'ve| have)? {_LATELY}(?:got|was|been|were) (?P<o>{_LET_GO}){_WHEN}"),
    _mine("has", rf"{_I}(?P<o>retired(?: from work)?){_WHEN}"),
    _mine("has", rf"{_I}(?P<o>resigned(?: from work)?){_SOON}"),
    _LAST_DAY[2],
    Rule("event", "left", Form(rf"(?i:{_I})left (?P<o>{NAME}){_WHEN}"), "name", longest=4),
    Rule("identity", "works at", Form(rf"(?i:{_I}quit(?: working)? (?:at|for|with)) (?P<o>{NAME}){_WHEN}"), "name", "negated", longest=4),
)
_STATE = (
    Rule("identity", "is", Form(rf"(?:{_I}|{_WE})(?:got|gotten) (?P<o>(?:married|divorced)(?: to (?-i:{NAME}))?){_WHEN}", re.I)),
    Rule(
        "identity",
        "is",
        Form(rf"(?:i'm|i am|im) {_LATELY}(?P<o>single|widowed|an? widow(?:er)?|separated|engaged(?: to (?-i:{NAME}))?){_WHEN}", re.I),
    ),
    Rule("identity", "is", Form(rf"(?:i'm|i am|im) {_LATELY}(?P<o>unemployed|jobless|out of work|between jobs){_WHEN}", re.I)),
)
_ON_THEM = (
    *_LAST_DAY[:2],
    _mine("was", rf"(?P<o>(?-i:{NAME}) (?:has |have )?{_LATELY}(?:let me go|fired me|laid me off|made me redundant)){_WHEN}"),
    Rule("event", "left", Form(rf"(?P<s>{NAME}) {_LATELY}(?:left|quit|resigned from) (?P<o>{NAME}){_WHEN}"), "name", longest=4),
    *_denied(rf"(?P<s>{NAME})", owned=False),
    *_denied(rf"(?i:my )(?P<s>(?i:{KIN}))(?:,? (?P<who>{NAME}),?)?", owned=True),
)
_BY_WORD: dict[str, Sequence[Rule]] = {
    **dict.fromkeys(("i", "i've"), (*_JOB, *_STATE, *_parted(_I, "")[1:])),
    **dict.fromkeys(("i'm", "im"), _STATE[1:]),
    **dict.fromkeys(("we", "we've"), (*_STATE[:1], *_parted(_WE, "we"))),
}
THERE = Form(
    rf"(?P<s>(?i:i)|{NAME}) (?:don't|dont|do not|doesn't|does not|no longer) (?:actually )?(?P<verb>live|work)s? (?P<o>there|here)"
    r"(?: any ?more| any longer| now)?",
)
"""A denial that points to what was said before: "I don't work there any more"."""
GONE_FROM = Form(
    rf"(?:(?:i'm|i am|im) (?:no longer (?:at|with|working (?:at|for))|not (?:at|with|working (?:at|for))(?=.* (?:any ?more|any longer)$))"
    rf" (?P<job>(?-i:{NAME}))|{_I}left my (?:job|position) (?:at|with) (?P<left>(?-i:{NAME}))"
    rf"|(?:i'm|i am|im) (?:no longer|not)(?= .*|.* any ?more$) (?:living|based) in (?P<home>(?-i:{NAME}))"
    rf"|{_I}moved (?:out of|away from) (?P<moved>(?-i:{NAME})))(?: any ?more| any longer)?{_WHEN}",
    re.I,
)
"""A denial of where somebody works or lives: a fact only where that is known."""
DIED = Form(rf"(?:(?i:my|our) (?P<kin>(?i:{KIN}))(?:,? (?P<who>{NAME}),?)?|(?P<s>{NAME})) (?:has )?{_LATELY}(?P<o>{_GONE}){_WHEN}")
"""Of whom nothing is known, nothing has ended: "Chrome died"."""


_DAY = r"(?:mon|tues|wednes|thurs|fri|satur|sun)day"
_DONE = (
    r"sold|gave|got rid of|rehomed|scrapped|bought|adopted|joined|moved|relocated|switched|migrated|converted|replaced|swapped|ditched"
    r"|dropped|abandoned|left|quit|resigned|retired|lost|got (?:married|divorced|fired|laid off)|(?:was|were) (?:fired|laid off|let go)"
    r"|broke up|split up|dumped|stopped|started at|started working|handed in|upgraded|downgraded"
)
BEGUN = Form(
    rf"(?:in (?:{_MONTH})|(?:last|this) (?:week|weekend|month|night|morning|year|{_MONTH}|{_DAY})|yesterday|on {_DAY}"
    rf"|(?:an?|two|three|\d+|a few|a couple of|some|several) (?:hour|day|week|month)s? ago),?\s+(?=(?:{_I}|{_WE})(?:{_DONE})\b)",
    re.I,
    _DONE,
)
"""When something was done, before who did it: "In March I sold the boat". Not a year: what is known may have been said since."""


def endings_for(word: str) -> Sequence[Rule]:
    """The rules that a clause with this first word (lower case) may have the form of, after those of `rules.rules_for`."""
    return _BY_WORD.get(word, _ON_THEM)
