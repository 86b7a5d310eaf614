"""The forms of English sentences that give a thing another value: "The price went up to 45 dollars", "My son turned 10", "We moved billing
to MySQL", "It's Mimo, not Momo".

Rule: as in facts/rules.py. What may as well be said of a moment ("it dropped to 5") is a correction: a fact only where the thing is known
with a value of that kind.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from msgspec import Struct

from backstory.memory.facts.foods import FISH, FROM_ANIMALS, MEAT, either
from backstory.memory.facts.rules import KIN, NAME, Rule
from backstory.memory.facts.values import only_value
from backstory.memory.forms import ALWAYS, Form
from backstory.memory.months import ANY_MONTH

_LATELY = r"(?:(?:just|recently|finally|now|also|already|actually|all|since|then|officially) ){0,2}"
_MONTH = rf"(?:{ANY_MONTH})"
_DAY = r"(?:mon|tues|wednes|thurs|fri|satur|sun)day"
_WHEN = (
    rf"(?:,? (?:today|yesterday|tonight|recently|now|(?:last|this) \w+|on {_DAY}|in {_MONTH}|on {_MONTH} \d\d?(?:st|nd|rd|th)?"
    r"|(?:an?|two|three|\d+|a few|some|several) \w+ ago))?"
)
_JUST = (
    rf"(?:,? (?:today|yesterday|tonight|recently|now|last (?:week|weekend|month|night|{_DAY})|this \w+|on {_DAY}|in {_MONTH}"
    rf"|on {_MONTH} \d\d?(?:st|nd|rd|th)?|(?:an?|two|three|\d+|a few|some|several) (?:days?|weeks?|months?) ago))?"
)
"""So lately that an age of then is the one of now."""
_SOON = (
    rf" (?:today|tomorrow|tonight|on {_DAY}|(?:this|next|on) \w+(?: \d\d?)?|in {_MONTH}"
    rf"|on {_MONTH} \d\d?(?:st|nd|rd|th)?|in \w+ (?:days|weeks))"
)
_WORD = r"(?!(?:from|to|of|by|at|on|in|is|was|were|and|or|but|that|which|who|not)\b)[\w'./&+-]+"
_S = rf"(?P<s>(?:{_WORD} ){{0,4}}?{_WORD}(?: (?:of|for) (?:the |our |my )?{_WORD}(?: {_WORD})?)?)"
_PLAIN = rf"(?!\S*'s\b){_WORD}"
"""Not "my sister's landlord": what he raises is another's."""
_DET = r"(?:the|my|our|this year's|next year's)"
_WHO = rf"(?:(?!nobody|no one|none)(?:they|we|he|she|i|you guys|somebody|someone|(?:the|my|our) {_PLAIN}(?: {_PLAIN})?|(?-i:{NAME})))"
_HAVE = r"(?:(?:'ve|'s| have| has| had)(?: had)?(?: to)?)?"
_SET = (
    r"(?:mov|postpon|reschedul|push|delay|shift|bump|extend|rais|increas|lower|reduc|switch|correct|updat|chang|slash"
    r"|trimm|hik|shorten|shrunk"
    r"|doubl|halv|dropp|knock|scal|widen|decreas)(?:e?d)(?: (?:up|down|back|out|forward|over)){0,2}"
    r"|cut(?: (?:down|back))?|set|put(?: up| back| off)?|brought(?: forward| down| up)?|pulled(?: in| forward)?|shrunk"
)
_DO = (
    r"(?:move|postpone|reschedule|push|delay|shift|bump|extend|raise|increase|lower|reduce|switch|change|cut|slash|put|bring|set)"
    r"(?: (?:up|down|back|out|forward)){0,2}"
)
_GONE = (
    r"(?:went|gone|going|goes|rose|risen|rises|rising|fell|fallen|falls|falling|dropped|drops|dropping"
    r"|climbed|climbs|jumped|jumps|grew|grown"
    r"|grows|sank|sunk|shrank|shrunk|increased|increases|increasing|decreased|decreases"
    r"|slid|slides|slipped|slips|came(?= (?:up|down|back)))"
    r"(?: (?:up|down|back|out|over)){0,2}"
)
_FROM = r"(?: from (?P<x>[^,;]{1,40}?))?"
_BY = r"(?: by [\w%$€£.,]+(?: [a-z]+)?)?"
_VERBS = (
    "mov|postpon|reschedul|push|delay|shift|bump|exten|rais|increas|lower|reduc|switch|correct|updat|chang|slash|trim|hik|short|shrunk|doubl|halv"
    "|drop|knock|scal|widen|decreas|cut|set|put|brought|bring|pulled"
)
_MOTION = "went|gone|going|goes|rose|risen|rises|rising|fell|fall|climb|jump|grew|grow|sank|sunk|shrank|slid|slip|came"
_OTHERS_OWN = r"(?:(?:her|his|their|your|its|another|some|any|no|each|every|all|other|a|an|one|this|that|it|these|those)\b|\S+'s )"
VALUED = Form(
    rf"(?:{_WHO}{_HAVE} {_LATELY}(?:{_SET})|let's {_DO}|(?:{_SET})) (?:{_DET} |(?!{_OTHERS_OWN})){_S}{_BY}{_FROM}"
    r" (?:back |down |up )?(?:to|until|till) (?P<o>(?:[^,;]|,(?=\d))+?)",
    re.I,
    _VERBS,
)
"""Somebody gave a thing another value: "My landlord raised the rent to 740 euros"."""
WENT = Form(
    rf"{_DET} (?P<s>(?:{_WORD} ){{0,4}}?{_WORD})(?:(?: has| have| is| are| was| got|'s)(?: been)?)? {_LATELY}(?:{_GONE}|{_SET}){_BY}{_FROM}"
    r" (?:to|until|till) (?P<o>(?:[^,;]|,(?=\d))+?)",
    re.I,
    f"{_VERBS}|{_MOTION}",
)
"""A thing has got another value."""
_AT = rf"(?:(?:next|this|coming) \w+|(?:the )?(?:(?:beginning|start|end|middle|\d\d?(?:st|nd|rd|th)?) of )?(?:{_MONTH}|{_DAY}|next \w+)"
_STARTS = (
    rf"(?:from|starting(?: (?:from|in|on|with))?|beginning(?: (?:in|on|with))?|effective(?: from)?|as of|as from|since) {_AT}|now"
    rf"|today|tomorrow|20\d\d)(?: \d\d?(?:st|nd|rd|th)?)?(?:,? 20\d\d)?(?: on(?:wards?)?)?"
)
STARTING = Form(rf"{_STARTS},?\s+(?=(?:the|my|our)\b)", re.I, "from|starting|beginning|effective|as of|since")
"""From when something holds, in front of it."""


def _turned(who: str, owned: bool) -> tuple[Rule, ...]:
    return tuple(
        Rule("identity", "is", Form(rf"{who} {words}", gist="turn"), "datum", owned=owned)
        for words in (
            rf"(?i:(?:has )?{_LATELY}turned) (?P<o>\d{{1,3}})(?i:(?: years old)?{_JUST})",
            rf"(?i:(?:turns|is turning|will turn|will be turning)) (?P<o>\d{{1,3}})(?i:{_SOON})",
        )
    )


RENAMED = Form(
    rf"(?:(?:the|our|my) (?P<s>(?:{_WORD} ){{0,3}}?{_WORD})(?: was| is| has| got)(?: been)? {_LATELY}"
    rf"|(?:we|i|they|{NAME})(?:'ve| have| has)? {_LATELY}(?=re?named? (?:the|our|my) ))"
    rf"renamed (?:(?:the|our|my) (?P<thing>(?:{_WORD} ){{0,3}}?{_WORD}) )?(?:from [\w.-]+ )?(?:to|as) (?P<o>[\w.-]+){_WHEN}",
    re.I,
    "renamed",
)
"""A thing has another name."""
_RENAMED = Rule(
    "setting",
    "is called",
    Form(
        rf"(?:the|our|my) (?P<s>(?:{_WORD} ){{0,3}}?{_WORD})(?: was| is| has| got)(?: been)? {_LATELY}renamed{_FROM}"
        rf" to (?P<o>(?-i:{NAME})){_WHEN}",
        re.I,
    ),
    "name",
)
_AGES = _turned(rf"(?i:my )(?P<s>(?i:{KIN}|twins|triplets|kids|sons|daughters))(?:,? (?P<who>{NAME}),?)?", owned=True)
_AGES_OF = _turned(rf"(?P<s>{NAME})", owned=False)
_COLOURED = {
    owner: Rule(
        "identity",
        "is",
        Form(rf"{owner} {_S} (?:is|are) (?P<n>not |no longer )?(?:now |actually |really )?(?P<o>.+)", re.I),
        "colour",
        owned=owner == "my",
    )
    for owner in ("my", "our")
}
_MADE = Rule(
    "identity",
    "is",
    Form(rf"my {_S} is (?:now |actually )?(?P<o>an? .+)", re.I),
    "make",
    owned=True,
)
_TOOL = r"[\w.+#-]+(?: [\w.+#-]+){0,2}?"
_ALL = (
    r"(?:everything|it all|all of it|all our stuff|all my stuff|all our things"
    r"|(?:the |our |my )?(?:entire |whole )?(?:project|app|stack|codebase))"
)
_MOVE = r"(?:moved?|moving|migrated?|migrating|switched|switching|ported|porting|converted|converting|transferred)"
_MOVED = tuple(
    rule
    for who, subject in (("we", "we"), ("i", ""))
    for rule in (
        Rule(
            "decision" if subject else "preference",
            "switched to",
            Form(
                rf"{who}(?:'ve|'re|'m| have| are| am)? {_LATELY}{_MOVE} {_ALL}(?: over)?{_FROM} (?:to|onto) (?:use )?(?P<o>{_TOOL}){_WHEN}",
                re.I,
            ),
            "product",
            subject=subject,
            both=True,
        ),
        Rule(
            "decision",
            "switched to",
            Form(
                rf"{who}(?:'ve|'re|'m| have| are| am)? {_LATELY}{_MOVE} (?:all )?(?:the |our |my )?{_S}"
                rf"(?: over)?{_FROM} (?:to|onto) (?:use )?"
                rf"(?P<o>{_TOOL}){_WHEN}",
                re.I,
            ),
            "product",
            both=True,
        ),
    )
)
_IS_MOVED = Rule(
    "decision",
    "switched to",
    Form(
        rf"(?:the |our |my )?(?P<s>(?:{_WORD} ){{0,3}}?{_WORD}) (?:is|are|was|were|has|have|got)(?: been)? {_LATELY}"
        rf"(?:moved|migrated|switched|ported|converted)(?: over)?{_FROM} (?:to|onto) (?P<o>{_TOOL}){_WHEN}",
        re.I,
    ),
    "product",
)
_PROGRAM = (
    r"(?:project|app|application|backend|frontend|front-end|back-end|service|site|website|repo|repository"
    r"|codebase|server|api|cluster|stack|build"
    r"|pipeline|team|company|monorepo|library|cli|dashboard)"
)
_IN_USE = Rule(
    "decision",
    "uses",
    Form(rf"(?:the|our|my) (?P<s>(?:{_WORD} )?{_PROGRAM}) (?:now |still |currently )?uses (?P<o>{_TOOL})(?: now)?", re.I),
    "choice",
)
_ADOPTED = Rule(
    "preference",
    "switched to",
    Form(rf"i(?:'ve| have)? {_LATELY}(?:upgraded|downgraded|changed(?: over)?) to (?P<o>{_TOOL}){_WHEN}", re.I),
    "product",
)
_ONE_FOOD = either(MEAT, FISH, FROM_ANIMALS, "gluten sugar carbs")
_FOOD = rf"(?:[\w'-]+ ){{0,2}}{_ONE_FOOD}(?:(?:,| and| or) (?:[\w'-]+ )?{_ONE_FOOD}){{0,2}}"
_EATEN = tuple(
    Rule("preference", "eats", Form(pattern, re.I))
    for pattern in (
        rf"i(?:'m| am)? (?:now )?(?:eat|eating) (?P<o>{_FOOD}) (?:again|nowadays|these days)(?: now)?",
        rf"i(?:'m| am) back (?:to|on) eating (?P<o>{_FOOD})",
        rf"i(?:'ve| have)? {_LATELY}(?:went|gone) back to eating (?P<o>{_FOOD})",
    )
)
_BY_WORD: dict[str, Sequence[Rule]] = {
    **dict.fromkeys(("i", "i've", "i'm"), (*_MOVED[2:], _ADOPTED, *_EATEN)),
    **dict.fromkeys(("we", "we've", "we're"), _MOVED[:2]),
    "my": (*_AGES, _COLOURED["my"], _MADE, _RENAMED, _IS_MOVED, _IN_USE),
    "our": (_COLOURED["our"], _RENAMED, _IS_MOVED, _IN_USE),
    "the": (_RENAMED, _IS_MOVED, _IN_USE),
}
_OTHERS = (*_AGES_OF, _IS_MOVED)


def values_for(word: str) -> Sequence[Rule]:
    """The rules that a clause with this first word (lower case) may have the form of, before those of `rules.rules_for`."""
    return _BY_WORD.get(word, _OTHERS)


_FEW = r"[\w.'&+/:@-]+(?: [\w.'&+/:@-]+){0,2}?"
_REGRET = r"(?:,? (?:sorry|my bad|my mistake|oops|i meant|actually))?"
_IT = (
    r"(?:(?:what )?i mean(?:t)?(?: to (?:say|write|type))?(?: is| was)?|(?:it|that|this|he|she)"
    r"(?:'s| is| was| should be| should have been| has to be)"
    r"(?: (?:called|named|actually|really|supposed to be|spelled|spelt))*"
    r"|(?:his|her|its|the|my|their) name(?:'s| is)|should be)"
)
_RATHER = (
    Form(rf"(?P<it>{_IT},? )?(?P<o>{_FEW})(?:,? and|,? but|,)? (?:not|instead of|rather than) (?P<x>{_FEW}){_REGRET}", re.I),
    Form(rf"(?P<it>{_IT},? )?not (?P<x>{_FEW})(?:,| but|, but|;|:| -| –| —) (?:it's |it is |rather )?(?P<o>{_FEW}){_REGRET}", re.I),
    Form(rf"(?P<it>{_IT},? )?(?P<x>{_FEW}) ?(?P<arrow>->|=>|-->|→) ?(?P<o>{_FEW})", re.I),
)
_NO_VALUE = Form(
    r"(?:i|we|you|he|she|they|it|that|this|there|not|no|if|so|do|don't|does|did|let|let's|use|please|is|are|was|be|why|how|what"
    r"|because|my|your|ich|wir|er|sie|es|das|nicht|kein\w*|als|wenn|bitte|weil|ernst)\b",
    re.I,
    ALWAYS,
)
_CAPITAL = Form(r"[^\W_a-z]", gist=ALWAYS)
_VERBAL = Form(
    r"(?:^| )(?:do|does|did|is|are|was|were|will|must|can|may|should|has|have|had|need|currently|usually|typically)$", re.I, ALWAYS
)


class Instead(Struct, frozen=True):
    """Where in a text the value stands that is meant, and the one that is not."""

    object: tuple[int, int]
    replaces: tuple[int, int]


def rather(text: str, start: int, end: int, forms: Sequence[Form] = _RATHER) -> Instead | None:
    """What "I mean Mira, not Miro", "not Miro but Mira", "Miro -> Mira" put in the place of what; None for none. `forms`: those of the
    language, with groups `o` and `x`, and `it` where words go before that point to what was said. An arrow in one of several lines is of
    a list."""
    for form in forms:
        match = form.fullmatch(text, start, end)
        if match is None:
            continue
        if match.re.groupindex.get("arrow") and "\n" in text.strip():
            return None
        new, old = match["o"], match["x"]
        more = len(new.split()) - len(old.split())
        apart = match["it"] or not text[match.end("o") :].startswith(" not ") or (_CAPITAL.match(new) and _CAPITAL.match(old))
        alike = new[:1].isupper() or not old[:1].isupper()
        pointless = _NO_VALUE.match(new) or _NO_VALUE.match(old) or _VERBAL.search(new)
        if pointless or not apart or not alike or more > (1 if match["it"] else 0) or not only_value(new):
            return None
        return Instead(match.span("o"), match.span("x"))
    return None
