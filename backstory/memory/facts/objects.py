"""What may stand as the object and the subject of a fact, and where they end.

Rule: objects are cut at their ends only, so that what is left stands in the text; what does not fit is refused.
"""

from __future__ import annotations

import re

from backstory.memory.facts.choices import is_choice, is_known
from backstory.memory.facts.clock import EN_HOUR
from backstory.memory.forms import ALWAYS, Form
from backstory.memory.text import STOP_WORDS, fold

_EDGES = " \t.,!;:…"
_PAIRS = {"`": "`", '"': '"', "'": "'", "“": "”", "*": "*", "«": "»"}
_TAIL = Form(
    r",? (?:please|though|too|as well|anyway|anyways|btw|by the way|thanks|thank you|thx|then|again|lol|haha|for now|for good|after all"
    r"|if possible"
    r"|right now|now|from now on|these days|nowadays"
    r"|i think|of course|obviously|actually|sorry|ok|okay|remember|by default|for sure|as always|any ?more"
    r"|any longer|a lot|very much"
    r"|so much|(?P<swap>instead))$",
    re.I,
)
_INSTEAD = Form(r",? (?:over|instead of|rather than|in place of|as opposed to|and not|not|(?P<to>to)) (?P<x>[^,]+)$", re.I)
_REFUSED_WORDS = """
    it that this these those them they him her you me us what how when why where which who something anything everything nothing one ones
    both same so not to doing being as when if more most less than there here yours mine again better best all none such of too very either
    neither like your whatever whichever another other others somebody someone myself yourself
"""
_REFUSED = frozenset(_REFUSED_WORDS.split())
_NO_SUBJECT_WORDS = """
    i you he she it they we that this these those which who whom what whose how when where why if whether not is are was were be been am has
    have had do does did will would can could should may might must said says say told think thinks thought know knows knew heard read
    once given e.g whenever until even say suppose shows show claims claim prints reads complains assumes expects reports
    believe means mean because and or but than as there here everything something nothing one it's that's let's i'm don't doesn't isn't
"""
_NO_SUBJECT = frozenset(_NO_SUBJECT_WORDS.split())
_VAGUE_WORDS = """
    problem problems issue issues question point thing things reason reasons answer result results output error errors idea ideas
    rest first second third last next same example difference solution fix cause truth fact case way step goal part kind sort lot
    bit other others only line lines code function method class test tests response request value total sum count number numbers
    time message text file files here why love heart soul life mind world
"""
_VAGUE = frozenset(_VAGUE_WORDS.split())
_COUNTED = frozenset({"count", "number", "total", "size", "code"})
"""Words that say something with another before them: "the replica count"."""
_OF_PROGRAM_WORDS = """
    error exit status return response result http source test sample example dead legacy client server my your same whole sql python js java
    byte machine assembly country
"""
_OF_PROGRAMS = frozenset(_OF_PROGRAM_WORDS.split())
"""Of these a code is no key to anything."""
_KEY = Form(r"(?:password|passcode|passphrase|passwort|pin|code|key)$", re.I)
_KEYED = Form(r"(?=\S*\d)(?:[\w#*!$&+@-]+)", gist=ALWAYS)
_KIN_WORDS = """
    sister brother mother mom mum father dad wife husband son daughter partner girlfriend boyfriend aunt uncle cousin niece nephew
    grandmother grandma grandfather grandpa friend dog cat puppy kitten horse parrot rabbit hamster pet baby boss manager
    colleague coworker neighbour neighbor roommate flatmate
"""
_KIN = frozenset(_KIN_WORDS.split())
_OWN_WORDS = """
    name nickname blood favorite favourite job profession occupation birthday hometown email address phone pronouns timezone language diet
    allergy allergies hobby hobbies religion nationality age height weight company employer team editor stack setup ide os shell username
    handle degree major school university tongue
"""
_OWN = frozenset(_OWN_WORDS.split())
_DAY = (
    r"(?:(?:next |this |last |coming )?(?:mon|tues|wednes|thurs|fri|satur|sun)days?|(?:january|february|march|april|may|june|july|august"
    r"|september|october|november|december|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec)\b|today|tomorrow|tonight|noon|midnight"
    r"|(?:next|this) (?:week|month|year|weekend|quarter|spring|summer|fall|autumn|winter)|the \d+(?:st|nd|rd|th)\b|the end of)"
)
_DATED = Form(
    rf"\b{_DAY}|\b\d{{1,2}}(?::\d\d)? ?(?:am|pm)\b|\b\d{{1,2}}:\d\d\b|\b\d{{4}}-\d\d?-\d\d?\b|\b\d{{1,2}}/\d{{1,2}}\b"
    rf"|\b\d{{1,2}}\.\d{{1,2}}\.\d{{4}}\b",
    re.I,
    ALWAYS,
)
_PROPER = r"(?!I\b)[A-ZÀ-ÖØ-ÞА-Я][\w'&.+#-]*(?:,? (?:(?:of|the|and|de|la|von|van|del|&) )?(?:[A-ZÀ-ÖØ-ÞА-Я][\w'&.+#-]*|v?\d[\w.]*))*"
_NAME = Form(rf"(?:the |an? )?{_PROPER}")
_BEFORE = (
    r"(?:(?:on|at|in|by|due|until|till|from|port|version|room|number|no|about|around|exactly|now|to|for|scheduled|planned|set|located|hosted|called"
    r"|named|currently|still|also|just|around|approximately|roughly|maximum|max|min|level) )*"
)
_VALUE = Form(
    rf"(?i:{_BEFORE})(?:[`\"“'][^`\"”']+[`\"”'](?: \S+){{0,3}}|[\w+.-]+://\S+|[/~]\w[\w./~-]*|\.{{1,2}}/\S+|\S+@\S+\.\w+"
    rf"|(?=\S*[._/:]\S|[\w-]*-[\w-]*\d)[^\W_][\w./:-]*\w(?: \S+){{0,2}}|[#@]\w[\w-]*|[$€£#@+-]?\d[^\s]*(?: \S+){{0,7}}|(?i:"
    rf"{_DAY})(?:\S*)(?: \S+){{0,7}}|(?<=\bat )(?i:{EN_HOUR})(?: on \S+)?"
    rf"|(?:the )?{_PROPER}|(?i:true|false|on|off|enabled|disabled|none|null|yes|no))",
    gist=ALWAYS,
)
_WORDY = Form(r"\b(?:times|than|of them|of the|percent of|reasons?|ways|things|steps|is|are|was|were|which|that|who|to)\b", re.I)
_VERB = Form(r" (?:is|are|was|were|has|have|will|does|did)\b")
_LATER = Form(
    r",? (?:last|next|this|since|for|about|around|two|three|four|five|six|a|an|early|late|back|today|yesterday|recently"
    r"|now|in|on|with|from|by|at"
    r"|these|during|after|before|near|\d+)\b.*$",
    re.I,
)
_PLACE = Form(
    r"(?!(?:an?|the|my|this|that|these|our|his|her|fear|peace|sin|some|two|one|such|it|there|here|dorms?)\b)[^\W\d_]+(?:[ -][^\W\d_]+){0,2}"
)
_CALLED = Form(
    r"(?!(?:when|back|later|at|if|on|a|an|crazy|maybe|tomorrow|today|now|in|after|before|the|old|whatever|by|what|and)\b)[\w'-]+", re.I
)
_NO_HEAD = Form(
    r"(?:the |this |that )?(?:\w+ )?(?:one|ones|option|approach|way|version|idea|suggestion|former|latter|solution|answer)$|"
    r"the (?:next|previous|other|same|following|above) \w+$|"
    r"(?:(?:a |the |an )?(?:the way|way|how|idea|fact|lot|sound|look|thought|feeling)\b|(?:your|that|this|the|his"
    r"|her) (?:idea|way|one|approach|suggestion|answer)\b)",
    re.I,
)


_PICK = Form(
    r"the (?:(?:light|dark|small|larger?|big(?:ger)?|smaller|medium|long|short|old|cheap(?:er|est)?|plain|matte|shiny|striped)[ -])?"
    r"(?:red|blue|green|black|white|yellow|gr[ae]y|pink|purple|orange|brown|beige|silver|golden|turquoise|navy|small|medium|large|big|long|short"
    r"|light|dark|cheaper|cheapest|smaller|larger|bigger) [\w-]+(?: [\w-]+)?",
    re.I,
)
_COLOUR = (
    r"(?:(?:light|dark|bright|deep|pale|navy|sky|mint|olive|forest|royal|ruby|wine|cherry|off|metallic|matte?|hot|neon|pastel)[ -])*"
    r"(?:red|blue|green|black|white|yellow|gr[ae]y|pink|purple|orange|brown|beige|silver|gold(?:en)?|turquoise|navy|teal|violet|cream|bronze"
    r"|burgundy|magenta|lilac|maroon|blond|blonde|ginger"
    r"|(?:dunkel|hell|himmel)?(?:rot|blau|grün|schwarz|weiß|weiss|gelb|grau|rosa|lila|braun|türkis|silbern|golden|violett|orange))(?:ish)?"
)
_COLOURS = Form(rf"{_COLOUR}(?:(?:, | and | und |/|-){_COLOUR}){{0,2}}", re.I, ALWAYS)
_GLOW_WORDS = """
    face faces cheeks skin tongue lips nose screen display monitor light lights led leds lamp lamps status build pipeline pipelines ci
    test tests terminal prompt console battery icon cursor button text font background theme line lines output page tab chart graph cell
    cells row urine pee poop stool indicator dashboard check checks branch avatar logo result results variable div box header footer border
    square circle rectangle rect shape sprite player plot marker svg container
    head eyes eye ears ear hands hand fingers feet neck throat knee teeth mood day life sky weather sea leaves tea wine toast rice
"""
_GLOWS = frozenset(_GLOW_WORDS.split())
"""What is red today may be green tomorrow."""
_MAKE = Form(rf"an? (?:{_PROPER}|i(?:Phone|Pad|Mac|Pod)(?: [\w-]+){{0,2}})")
_MADE_WORDS = """
    car cars truck van pickup lorry suv motorbike motorcycle bike bicycle ebike scooter moped tractor trailer caravan camper rv boat yacht
    dinghy kayak phone smartphone tablet laptop notebook computer pc desktop watch smartwatch camera lens drone tv television printer
    scanner headphones earbuds speaker speakers keyboard mouse controller console router nas guitar bass piano violin cello drums saxophone
    trumpet flute amp synth fridge freezer oven stove dishwasher washer dryer vacuum mower grinder kettle toaster machine mattress
    tent backpack skis snowboard skateboard racket pen
"""
_MADE = frozenset(_MADE_WORDS.split())
"""Of these "a Volvo" says something that lasts."""
_MARKUP = Form(r"[\[\]<>{}|]|\w\(")
_WHEN = Form(
    r" (?:(?:last|this|next) (?:week|month|year|night|weekend|spring|summer|fall|autumn|winter)|yesterday|today|recently|lately"
    r"|(?:\w+ ){1,2}(?:weeks?|months?|years?|days?) ago|since (?:\w+ )?\w+)$",
    re.I,
)
_A = Form(r"(?:an?|the) ", re.I)


def trimmed(text: str, start: int, end: int, ends: str = _EDGES) -> tuple[int, int]:
    """The span without white space and punctuation at its ends, and without a pair of quotes or backticks around all of it."""
    while start < end and (text[start].isspace() or text[start] in ",;:"):
        start += 1
    while end > start and (text[end - 1].isspace() or text[end - 1] in ends):
        end -= 1
    if end - start > 2 and _PAIRS.get(text[start]) == text[end - 1] and text[start] not in text[start + 1 : end - 1]:
        return start + 1, end - 1
    return start, end


def cut_tail(text: str, start: int, end: int) -> tuple[int, int, bool]:
    """The span of an object without what is only said with it ("please", "too"); whether "instead" was."""
    swapped = False
    start, end = trimmed(text, start, end)
    while (match := _TAIL.search(text, start, end)) is not None:
        swapped = swapped or match["swap"] is not None
        start, end = trimmed(text, start, match.start())
    return start, end, swapped


def cut_when(text: str, start: int, end: int) -> int:
    """Where an object ends before words that only say when ("last month")."""
    match = _WHEN.search(text, start, end)
    return match.start() if match is not None and match.start() > start else end


def replaced(text: str, start: int, end: int, verb: str) -> tuple[int, int, tuple[int, int]]:
    """The span of an object without "instead of X", "rather than X", ", not X"; and the span of X, (0, 0) where there is none."""
    match = _INSTEAD.search(text, start, end)
    if match is None or match.start() <= start or (match["to"] and verb != "prefers"):
        return start, end, (0, 0)
    low, high = trimmed(text, start, match.start())
    return low, high, match.span("x")


def fits(needs: str, text: str, subject: str = "") -> int:
    """How many characters of this object are what is needed, 0 where it is something else. See rules.Needs."""
    if needs == "colour":
        return len(text) if coloured(text) and _GLOWS.isdisjoint(fold(subject).split()) else 0
    if needs == "product":
        return len(text) if is_known(text) else 0
    if needs == "make":
        return len(text) if _MAKE.fullmatch(text) and (fold(subject).split() or [""])[-1] in _MADE else 0
    return len(text) if _opens(needs, text, subject) else _fits(needs, text, subject)


def _fits(needs: str, text: str, subject: str) -> int:
    match needs:
        case "value":
            return len(text) if _is_value(text) else 0
        case "datum":
            return len(text) if _is_value(text) and (dated(text) or _NAME.fullmatch(text) is None) else 0
        case "date":
            return len(text) if dated(text) and says_something(text) else 0
        case "name":
            return _named(text, _NAME)
        case "choice":
            return len(text) if is_choice(text) else 0
        case "pick":
            return len(text) if _PICK.fullmatch(text) else 0
        case "place":
            return _named(text, _NAME) or _named(text, _PLACE)
        case "person":
            if not subject:
                return _named(text, _NAME) or (len(text) if _CALLED.fullmatch(text) else 0)
            named = set(fold(subject).replace("'s", "").split())
            own = not _OWN.isdisjoint(named) or (not _KIN.isdisjoint(named) and _A.match(text) is not None)
            return len(text) if _is_value(text) or (own and says_something(text) and not _NO_HEAD.match(text)) else 0
    return len(text) if says_something(text) and not _NO_HEAD.match(text) else 0


def _opens(needs: str, text: str, subject: str) -> bool:
    """Whether this is what is typed in somewhere: "blue42" of a password."""
    return needs in ("value", "datum", "person") and _KEY.search(subject) is not None and _KEYED.fullmatch(text) is not None


def keyed(text: str) -> bool:
    """Whether this is one word of letters and digits, as is typed in somewhere."""
    return _KEYED.fullmatch(text) is not None and any(char.isalpha() for char in text)


def coloured(text: str) -> bool:
    """Whether these words name a colour, or some."""
    return _COLOURS.fullmatch(text) is not None


def dated(text: str) -> bool:
    """Whether these words name a day or a time of day."""
    return _DATED.search(text) is not None


def begins_dated(text: str) -> bool:
    """Whether these words begin with a day or a time of day."""
    return _DATED.match(text) is not None


def says_something(text: str) -> bool:
    """Whether these words stand for themselves: they do not begin with one that points elsewhere, and are not only stop words."""
    words = fold(text).split()
    if not words or words[0].strip("'\"`,.").partition("'")[0] in _REFUSED:
        return False
    return any(word.strip(".,'\"`!") not in STOP_WORDS and any(char.isalnum() for char in word) for word in words)


def subject_of(words: str, owner: str) -> str:
    """The subject that these words name, of `owner` where it is a thing of a person; "" where they name none."""
    parts = fold(words).split()
    # "The read timeout" is a thing, though what somebody has read is none.
    said = parts[1:] if parts[:1] == ["read"] and len(parts) > 1 and parts[1] not in STOP_WORDS else parts
    if not parts or len(parts) > 6 or not _NO_SUBJECT.isdisjoint(said) or parts[-1] in STOP_WORDS or len(words) < 2:
        return ""
    if owner and not (_OWN | _KIN).isdisjoint(part.removesuffix("'s") for part in parts):
        return f"{owner}'s {words}"
    counted = parts[-1] in _COUNTED and (parts[-1] != "code" or _OF_PROGRAMS.isdisjoint(parts))
    vague = parts[-1] in _VAGUE and (len(parts) == 1 or not counted)
    return words if not vague and parts[0] not in _VAGUE and any(char.isalpha() for char in words) else ""


def _is_value(text: str) -> bool:
    if _VALUE.fullmatch(text) is None or _MARKUP.search(text) or _VERB.search(text):
        return False
    return len(text.split()) <= 3 or _WORDY.search(text) is None


def _named(text: str, pattern: Form) -> int:
    if pattern.fullmatch(text) is not None:
        return len(text)
    later = _LATER.search(text)
    return later.start() if later is not None and pattern.fullmatch(text, 0, later.start()) is not None else 0
