"""The forms of English sentences that say that what was said just before is wrong, or has changed: "They moved it to Tuesday", "That was
wrong: Tuesday", "March 4 I meant", "It got cancelled".

Rule: as in facts/rules.py. None of these says what it is about, so each is a fact only where something of its kind was stated a few turns
before (supersession.py).
"""

from __future__ import annotations

import re

from backstory.memory.facts.rules import NAME
from backstory.memory.forms import ALWAYS, Form

POINTED = "became"
"""The verb of such a correction until it is known what it is about."""
RATHER = "is rather"
"""The verb of "Mimo, not Momo" until it is known of what."""

_WHO = rf"(?:they|we|he|she|i|you|people|somebody|someone|(?:the|my|our|his|her|their) [\w-]+|(?-i:{NAME}))"
_HAVE = (
    r"(?:(?:'ve|'s| have| has| had)(?: had)?(?: to)?)?(?: (?:just|now|since|already|actually|finally|recently|also|all|decided to"
    r"|ended up|agreed to))*"
)
_MOVE = (
    r"(?:mov(?:ed?|ing)|postpon(?:ed?|ing)|reschedul(?:ed?|ing)|push(?:ed|ing)?|delay(?:ed|ing)?|shift(?:ed|ing)?|bump(?:ed|ing)?|brought"
    r"|put|pull(?:ed)?)"
)
_CHANGE = (
    r"(?:chang(?:ed?|ing)|extend(?:ed|ing)?|rais(?:ed?|ing)|increas(?:ed?|ing)|lower(?:ed|ing)?|reduc(?:ed?|ing)|cut|set|switch(?:ed|ing)?"
    r"|correct(?:ed|ing)?|updat(?:ed?|ing))"
)
_PART = r"(?: (?:back|forward|up|down|out|off|ahead|over|again)){0,2}"
_FROM = r"(?: from (?P<x>[^,;]{1,40}?))?"
_WAS = r"(?:'s| has| had| was| is| got| gets)(?: (?:been|being|just|now|since|already|had to be))*"
MOVED = Form(
    rf"(?:{_WHO}{_HAVE} (?:(?P<move>{_MOVE})|{_CHANGE}) (?:it|that|this)|(?:it|that|this){_WAS} (?:(?P<moved>{_MOVE})|{_CHANGE})"
    r"|(?:just |now )?(?P<bare>moved|postponed|rescheduled|pushed|delayed|shifted|bumped))"
    rf"{_PART}{_FROM} (?:to|until|till) (?P<o>(?:[^,;]|,(?=\d))+?)",
    re.I,
    "(?:mov|postpon|reschedul|push|delay|shift|bump|brought|put|pull|chang|extend|rais|increas|lower|reduc|cut|set|switch|correct|updat)",
)
"""Somebody changed it, or it was changed. `move`, `moved`: of a day or a time, as `bare`, which names nothing."""
OFF = Form(
    rf"(?:(?:it|that|this)(?:{_WAS} )(?P<o>cancel+ed|called off)"
    rf"|{_WHO}{_HAVE} (?P<off>cancel(?:l?ed)?|call(?:ed)? off) (?:it|that|this)"
    rf"|{_WHO}{_HAVE} (?P<called>call(?:ed)? (?:it|that|this) off))(?:,? (?:unfortunately|sadly|though|now|today|yesterday|after all))?",
    re.I,
    "cancel|call",
)
"""It does not take place."""
OFF_THAT = Form(
    rf"{_WHO}{_HAVE} (?P<o>cancel(?:l?ed)?|call(?:ed)? off) (?:the|my|our|tomorrow's|today's|that) (?P<s>(?:[\w'-]+ ){{0,3}}[\w'-]+?)"
    r"(?: (?:today|yesterday|again|this morning))?"
    r"|(?:the|my|our) (?P<that>(?:[\w'-]+ ){0,3}[\w'-]+?) (?P<not>(?:won't|will not|does not|doesn't) (?:take place|happen)"
    r"|(?:isn't|is not) (?:taking place|happening))(?: any ?more| this time| after all)?",
    re.I,
    "cancel|call|take place|happen|taking place",
)
"""Nor does this: a fact only where it is known."""
NAMED = Form(
    r"(?:his|her|its|their|the) (?:(?:real|full|first|last) )?name(?:'s| is) (?:actually |really )?(?P<o>(?-i:[A-ZÀ-ÖØ-Þ])[^\s,;]*"
    r"(?: (?-i:[A-ZÀ-ÖØ-Þ])[^\s,;]*)?)(?:,? (?:not .+|with (?:an?|one|two|no) .{1,12}))?"
    r"|(?:it's|it is|he's|she's|that's)(?: actually| really)?(?: spelled| spelt| written| called| named)"
    r" (?P<name>(?-i:[A-ZÀ-ÖØ-Þ])[^\s,;]*(?: (?-i:[A-ZÀ-ÖØ-Þ])[^\s,;]*)?)",
    re.I,
    "name|spel|written|called",
)
"""Said as a correction: the name of the one or the thing whose name was said."""
_WRONG = r"(?:wrong|not right|not correct|not true|incorrect|false|a typo|a mistake|an error|outdated|out of date)"
_NOUN = r"(?:day|date|time|hour|number|name|year|month|place|city|port|price|amount)"
_THIS = rf"(?:(?:the|my|that) {_NOUN}|that|this|it|them|things)"
_ADMITTED = (
    rf"(?:(?:(?:the|my|that) {_NOUN} (?:i|we) (?:said|gave|wrote)(?: you)?|that|this)(?:'?s| was| is) {_WRONG}"
    r"|(?:that|it) (?:isn't|wasn't) (?:right|correct|true)|(?:that|it|this)(?:'s| is) no longer (?:true|right|correct|so)"
    rf"|i(?:'ve| have|'d)? (?:got|had|wrote|said|gave you) {_THIS} wrong|i(?:'ve| have)? (?:mixed|messed) (?:{_THIS} up|up {_THIS})"
    r"|i(?:'ve| have)? (?:mistyped|misspoke|misread|misremembered|miswrote|misheard|misspelled|made a (?:mistake|typo)|was mistaken)"
    rf"(?: that| it)?|i(?:'ve| have)? (?:wrote|gave|said|typed|had|got|written|given|mentioned|told you)(?: you)? the wrong {_NOUN}"
    rf"|(?:wrong {_NOUN}|typo)(?! ?:)|not (?:any ?more|any longer))(?: any ?more| any longer| there| above| before| earlier)?"
)
_REGRET = r"(?:,? (?:sorry|my bad|my mistake|though|actually))?"
ADMITS = Form(
    rf"(?:(?:oh|sorry|no|oops|ah),? )?(?:{_ADMITTED}{_REGRET}(?:[,:;.!–—-]+\s+| [:–—-] )|(?:(?:as )?it )?turns out[,:]? (?:that )?)"
    rf"|\*(?=[^\s*][^*]*$)",
    re.I,
    ALWAYS,
)
"""What a sentence begins with that takes back what was said; or the star before a slip that is put right ("*Friday")."""
ONLY_ADMITS = Form(rf"(?:(?:oh|sorry|no|oops|ah|wait)[,!.]* )*{_ADMITTED}{_REGRET}[.!:…]*$", re.I, ALWAYS)
"""A sentence that does, and no more."""
BEHIND = Form(
    r"(?:,? (?:is |was )?(?:what )?i mean(?:t)?(?: to (?:say|write|type))?|, (?:actually|sorry|my (?:bad|mistake)|i (?:got|had) (?:that"
    r"|it) wrong"
    r"|i mixed (?:that|it) up)|(?P<now> now))$",
    re.I,
    "mean|actually|sorry|my|wrong|mixed|now",
)
"""Behind a value: it is said in the place of another."""
AGAIN = Form(r"(?:: |, )(?=(?:the|my|our|they|we|it) [\w'-]+ )", re.I, ALWAYS)
"""Behind a value that is put right: what it is of is said whole, or why it changed ("it's Wednesday: the demo is on Wednesday")."""
WHY = Form(
    r"\b(?:they|we|it) |\b(?:mov|postpon|reschedul|push|delay|shift|bump|chang|extend|swap|switch)\w*"
    r"|\b(?:wrong|outdated|mistaken?|typo|old)\b",
    re.I,
    ALWAYS,
)
"""Why it is another value."""
HELD = Form(
    r"\b(?:(?:an?|the|my|our|his|her|their|this|that|your|some|another|one|der|die|das|den|dem|eine?[nmr]?|meine?[nmr]?|unsere?[nmr]?|le|la|les"
    r"|une?|mon|ma|mes|notre|el|los|las|una|mis?|nuestr[oa]s?) |l')(?:[\w'-]+ ){0,3}?[^\W\d_][\w'-]+",
    re.I,
    ALWAYS,
)
"""Words that another thing may be called by, which "it" then means."""
SLIP = Form(
    r"(?:[,;]|\s[–—-]{1,2}|\.\.\.|…)\s+(?:(?:oh|ah|er|uh|um|well|hmm),?\s+)?"
    r"(?:(?:no,?\s+wait|wait,?\s+no|no,?\s+sorry|sorry,?\s+no"
    r"|(?:scratch|strike) that|make (?:that|it)|correction|i meant(?: to say)?|or rather)"
    r"\b[,:;]?\s+|(?:no,|(?:sorry|oops|my bad|i mean|actually)\b[,:;]?)\s+"
    r"(?!(?:i|he|she|they|we|you|it|this|there|who|what|why|how|when|where|not|but|and|do|don't|does|is|are|the|my|our|if|so|thanks|please|just|about|for)"
    r"\b)(?=\S+(?: \S+){0,3}$))(?=\S)",
    re.I,
    "wait|sorry|that|make|correction|mean|rather|no|oops|bad|actually",
)
"""Within a sentence: what comes before was a slip, what comes after is meant ("on Tuesday, no wait, Wednesday"). Words that often mean
something else count where only a few words follow them."""
