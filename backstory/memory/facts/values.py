"""Where a value ends: what is said after it is none of it ("5 May, same time"), and a correction is a value and no more.

Rule: a comma that goes on with a date, a place or a list belongs to the value; in a correction any other word makes it none.
"""

from __future__ import annotations

import re

from backstory.memory.facts.clock import EN_HOUR, EN_PLAIN
from backstory.memory.facts.objects import begins_dated, fits
from backstory.memory.forms import ALWAYS, Form

_GOES_ON = Form(r"(?:at|on|in|from|to|until|till|by|around|and|or|room|near|between|before|after|not|via|per)\b", re.I, ALWAYS)
_SAYS = Form(
    r"\b(?:says?|said|claims?|claimed|wrote|writes|told|thinks?|thought|according|tells|if|unless|should|supposedly|was wrong|is wrong"
    r"|isn't|not sure)\b",
    re.I,
)
_CLOSING = Form(
    r",? (?:(?:at )?(?:the )?same (?:time|place|room|hour)|as (?:usual|planned|agreed|before|always)|my (?:bad|mistake|fault)|sorry"
    r"|i was wrong|i mixed (?:it|that) up|remember|and not \S+|this time(?: around)?"
    r"|(?:as|like) (?:i|we)(?:'ve|'d| have| had)? (?:just |already )?(?:said|told you|wrote|mentioned)"
    r"(?: (?:before|already|above|earlier))?"
    r"|to be (?:precise|exact|clear)|for sure|i'm (?:sure|certain|positive)|(?:trust|believe) me|(?:my )?apologies|sorry (?:about|for) that"
    r"|(?:i )?(?:just |double-)?checked(?: it)?(?: again)?|with(?:out)? (?:(?:an?|one|two|no) )?[\w'-]{1,9})$",
    re.I,
)
_ASIDE = Form(r", (?=[a-z])", gist=ALWAYS)
_DATE_WORD = (
    r"(?:(?:mon|tues|wednes|thurs|fri|satur|sun)days?|mon|tue|wed|thu|fri|sat|sun|jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?"
    r"|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?|today|tomorrow|tonight|noon|midnight|morning|afternoon|evening|night"
    r"|week|weekend|month|year|quarter|spring|summer|autumn|fall|winter|am|pm|a\.m|p\.m|o'clock|sharp|cet|cest|utc|gmt|est|edt|pst|pdt|next|this|last|coming"
    r"|the|of|at|on|in|by|until|till|from|to|end|early|late|half|past|quarter|first|second|third|fourth|and|or|after|before|then"
    rf"|(?<=at ){EN_HOUR}|{EN_PLAIN}"
    r"|\d{1,2}(?:st|nd|rd|th)?|\d{1,4}[./:-]\d{1,4}(?:[./:-]\d{1,4})?|\d{4}|\d{1,2}(?::\d\d)?(?:am|pm)|q[1-4])"
)
_DATE = Form(rf"{_DATE_WORD}(?:,? {_DATE_WORD})*[.,]?", re.I, ALWAYS)
_UNIT = r"(?!(?:the|that|which|is|was|in|of|on|at|when|where|because|it|row|column|test|tests|log|build)\b)[^\W\d]\w*"
_AMOUNT = Form(
    rf"(?:(?:port|version|room|number|about|around|exactly|roughly|at|on|only|no) )*[$€£#@+-]?v?\d[\w.,:/%-]*(?: {_UNIT}){{0,2}}"
    rf"(?:(?: (?:per|a|an|each|every)|/) ?{_UNIT})?",
    re.I,
    ALWAYS,
)
_PROPER = Form(r"(?:the )?[^\W\d_a-z][\w'&.+#-]*(?:,? (?:[^\W\d_a-z][\w'&.+#-]*|v?\d[\w.]*|of|and|the|de|von|van)){0,4}", gist=ALWAYS)
_TOKEN = Form(r"(?:in |at |on |to )?[`\"']?\S*[\d/@._:=-]\S*[`\"']?", gist=ALWAYS)
_WORD = Form(r"(?:called |named |the |an? )?[`\"']?\w[\w-]*[`\"']?(?: [\w-]+)?", re.I, ALWAYS)

_GROUPED = Form(r"\+?[\d()/-]+(?: [\d()/-]+){1,7}", gist=ALWAYS)
"""A number that is written in groups, as one to call."""
_MOST_DIGITS_MORE = 2
_SET = Form(r"day (?:today|tonight|already|again)$", re.I)
"""What a day is behind which that stands: the one that it is now, and no other thing's."""


def cut_aside(text: str, start: int, end: int) -> int:
    """Where a value ends before what is only said with it: "8080, the bug is in the parser". `end` where nothing is, or where what is said
    takes it back."""
    for comma in _ASIDE.finditer(text, start, end):
        low = comma.end()
        if _GOES_ON.match(text, low, end) or begins_dated(text[low:end]):
            continue
        if _SAYS.search(text, low, end) or not fits("value", text[start : comma.start()]):
            return end
        return comma.start()
    return end


def cut_closing(text: str, start: int, end: int) -> int:
    """Where a correction ends before its closing words: "Friday, same time"."""
    while (closing := _CLOSING.search(text, start, end)) is not None and closing.start() > start:
        end = closing.start()
    return end


def only_value(text: str) -> bool:
    """Whether these words are a value by themselves: a day, an amount, a name, an address; not one with a story behind it ("Tuesday the
    test still passed"), or of which it says that it is now ("Tuesday today")."""
    if _SET.search(text) is not None:
        return False
    return any(form.fullmatch(text) is not None for form in (_DATE, _AMOUNT, _PROPER, _TOKEN, _GROUPED)) or (
        not begins_dated(text) and not text[:1].isdigit() and _WORD.fullmatch(text) is not None
    )


def as_long(one: str, other: str) -> bool:
    """Whether two numbers have about as many digits, where one is written in groups ("555 1234")."""
    if not any(_GROUPED.fullmatch(each) for each in (one, other)):
        return True
    return abs(sum(map(str.isdigit, one)) - sum(map(str.isdigit, other))) <= _MOST_DIGITS_MORE
