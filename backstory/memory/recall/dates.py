"""Dates and relative dates: those a question asks about, those a turn speaks of, and stamps in front of lines.

Rule: times are Unix seconds, days are those of UTC, weeks begin on Monday. A date without a year may mean any year, and is resolved
against the years that a conversation spans. What cannot be read as a date is no date: nothing here raises.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import islice

from msgspec import Struct
from msgspec.structs import replace

from backstory.memory.forms import Form
from backstory.memory.months import ANY_MONTH, COUNTS, MONTH_NUMBER, MONTHS, WEEKDAYS
from backstory.memory.reading.stamps import moment
from backstory.memory.recall.dates_spans import spans
from backstory.memory.recall.dates_weekdays import DAYTIME, looking_back, names_day, tense, weekdays
from backstory.memory.recall.dates_worded import plain

DAY_S = 86_400.0
SEASONS = {"spring": (3, 5), "summer": (6, 8), "fall": (9, 11), "autumn": (9, 11), "winter": (12, 14)}
_COUNTS = COUNTS | {"few": 3}
_WEEK_DAYS = 7
# A feast of the next year is so many days earlier or later, Easter at most.
_MOVES_DAYS, _OLDER, _MOST_WEIGHED = 35, 0.8, 60
WITHIN = _OLDER
"""The closeness of what lies within a period, at least."""
_UNIT_DAYS = {"day": 1, "week": 7, "weekend": 7, "fortnight": 14, "month": 30, "year": 365}

_M = rf"(?P<month>{ANY_MONTH})\b\.?"
# "12. September", but not "in version 3. May I".
_NTH = r"(?P<day>\d{1,2})(?:st|nd|rd|th|\.(?! (?:may|mar|march)\b))?"
_EXACT = (
    Form(rf"\b{_NTH}(?: of)?[ -]{_M}(?:,?[ -]+(?P<year>\d{{4}}))?", re.I),
    Form(rf"\b{_M} {_NTH}\b(?!:)(?:,? +(?P<year>\d{{4}}))?", re.I),
    Form(r"\b(?P<year>\d{4})[-/](?P<month>\d{1,2})[-/](?P<day>\d{1,2})(?!\d)"),
    Form(r"\b(?P<day>\d{1,2})\.(?P<month>\d{1,2})\.(?P<year>\d{4})\b"),
)
_MONTH_ONLY = Form(rf"\b{_M}(?:,? (?:of )?(?P<year>\d{{4}}))?", re.I)
_YEAR = Form(r"\b(?:in|of|during|since|year|summer|winter|spring|fall|autumn|early|late) (?P<year>(?:19|20)\d\d)\b", re.I)
_SEASON = Form(
    r"\b(?P<which>last|this|next|the|in|during) (?P<season>spring|summer|fall|autumn|winter)\b(?: of)?(?: (?P<year>\d{4}))?", re.I
)
_NEAR_DAY = Form(
    r"\b(?P<word>the day before yesterday|yesterday|last night|today|tonight|this (?:morning|afternoon|evening)"
    rf"|(?:the )?day after tomorrow|tomorrow)\b{DAYTIME}",
    re.I,
)
_LAST = Form(
    r"\b(?P<which>last|this past|past|this|next) "
    r"(?:(?P<unit>week|weekend|month|year)|(?P<weekday>(?:mon|tues|wednes|thurs|fri|satur|sun)day))\b",
    re.I,
)
_AGO = Form(
    rf"\b(?P<count>\d{{1,2}}|{'|'.join(_COUNTS)})(?:(?P<couple> couple of)| of)? (?P<unit>day|week|weekend|fortnight|month|year)s?"
    r" (?:ago|earlier|before now)\b",
    re.I,
)
_AROUND = Form(
    rf"\b(?:(?P<count>\d{{1,2}}|{'|'.join(_COUNTS)}) (?:couple of )?)?(?P<unit>day|week|weekend|fortnight|month|year)?s? ?"
    r"(?P<side>before|after|following|prior to|since)"
    r" (?P<phrase>(?:her|his|their|my|your|our|the|a|an|I|we|he|she|they|you|[A-Z]\w+(?:'s)?)\b[^?.,;!]{2,80})",
)
_STAMP = Form(r"[\[(](?P<text>[^\[\]()\n]{6,60})[\])][ \t]*")
_DIGIT, _WORD = Form(r"\d"), Form(r"\w+")
_POINTING_WORDS = """
    yesterday tonight today tomorrow last next past ago weekend
    gestern vorgestern übermorgen heute morgen letzte letzten letztes letzter letztem nächste nächsten nächstes nächster wochenende vor
    hier demain dernier dernière ayer anteayer mañana pasado pasada ieri domani scorso scorsa gisteren vorige vorig ontem amanhã passado
    passada
    """
# What points to a day, in a cheap look: most of what is said does not.
_POINTING = frozenset([*_POINTING_WORDS.split(), *MONTH_NUMBER, *WEEKDAYS])
_NUMERIC = re.compile(r"\d[./-]\d|\d\. ")
_TIMELY_WORDS = """
    yesterday today tonight tomorrow ago week weeks weekend month months year years day days morning night recently last next since until
    """
_TIMELY = frozenset([*_TIMELY_WORDS.split(), *MONTHS, *WEEKDAYS, *SEASONS])
# A text with none of these and no digit names no period: each of the expressions above needs one.
_UNITS = frozenset([*_UNIT_DAYS, *(f"{unit}s" for unit in _UNIT_DAYS)])
_NAMES_PERIOD = _UNITS.union(MONTH_NUMBER, WEEKDAYS, SEASONS, ("yesterday", "today", "tonight", "tomorrow", "night", "morning"))
_NAMES_PERIOD = _NAMES_PERIOD.union(("easter", "pentecost", "thanksgiving", "holidays", "quarter"))
# "May I ask?", "May the best one win": a wish or a question, at the beginning of a sentence.
_MAY = Form(
    r"(?:^|[.!?]\s*|\n[^\S\n]*|[,;:] )May"
    r"(?= (?:I|we|you|he|she|it|they|the|this|that|these|my|our|your|his|her|their|someone|anyone)\b)"
)
_LATELY = Form(r"\b(?:the other day|lately|recently|neulich|kürzlich|in letzter zeit|vor kurzem|récemment|recientemente|onlangs)\b", re.I)
_LATELY_DAYS = 14
_SIDE = Form(
    r"\b(?:(?P<since>since|ever since|seit|depuis|sinds)|(?P<before>before|prior to|vor|avant)|(?P<after>after|nach|après)"
    r"|(?:until|till|up to|bis|hasta|tot|jusqu['’]à))(?: (?:the|dem|den|der|le|la|el|zum|zur))?\s+(?=\S)",
    re.I,
)
_MOST_SIDES, _TIME_CHARS = 8, 60
_CLAUSE_END, _FIRST_WORD = Form(r"[?!,;:]"), Form(r"\w+")
# "Two days before 8 May" is a day, not all that was before it.
_AWAY = Form(
    r"(?:\b(?:(?:day|week|month|year|weekend|hour|fortnight|evening)s?|night|morning|tage?n?|wochen?|monate?n?|jahre?n?|shortly|right|just|soon"
    rf"|(?:{'|'.join(WEEKDAYS)})s?|(?:mon|diens|donners|frei|sams|sonn)tag|mittwoch|sonnabend|wochenende"
    r"|kurz|direkt|gleich|jours?|semaines?|from \S+|from \S+ \S+|von \S+|vom \S+|vom \S+ \S+|between .*|zwischen .*))\s*$",
    re.I,
)
_SIDES = ("before", "after", "following", "prior to", "since")


class Period(Struct, frozen=True):
    """Half-open span of time. `sharp`: a day or a week was named, not a month or more. `loose`: by a weekday alone, or from the day
    on which it is asked ("yesterday"): what was elsewhere then is asked about as often. `vague`: "recently".
    `share`: how likely this one is meant, where a date may be in any year."""

    start: float
    end: float
    sharp: bool = True
    loose: bool = False
    vague: bool = False
    share: float = 1.0


def stamp(line: str) -> tuple[float, str] | None:
    """The time in brackets with which a line begins, and the rest of the line; None where it begins otherwise."""
    match = _STAMP.match(line)
    at = moment(match.group("text")) if match else None
    return None if match is None or at is None else (at, line[match.end() :])


def day_name(at: float) -> str:
    """The day as it is shown: "8 May 2023"; "" for no time."""
    if at <= 0:
        return ""
    day = _date(at)
    return f"{day.day} {MONTHS[day.month - 1].title()} {day.year}"


def timely(text: str) -> bool:
    """Whether a text has words that could tell when something was: digits, days, months, "last", "ago"."""
    return _DIGIT.search(text) is not None or not _TIMELY.isdisjoint(_WORD.findall(text.lower()))


def asked(question: str, now: float, first: float, last: float) -> tuple[Period, ...]:
    """The periods that a question names. Dates without a year are taken in each year from `first` to `last`, relative ones from `now`."""
    return read(question, now, first, last)[0]


def read(question: str, now: float, first: float, last: float) -> tuple[tuple[Period, ...], str]:
    """The same, and the question without the words that name them."""
    text = plain(question, _date(now))
    said = _WORD.findall(text.casefold())
    if _DIGIT.search(text) is None and _NAMES_PERIOD.isdisjoint(said) and not names_day(said) and not _LATELY.search(text):
        return (), question
    if "this " in text and tense(question) == "past":
        text = looking_back(text)
    years = range(_date(first).year - 1, _date(last).year + 1) if last > 0 else range(0)
    bounded, text = _on_a_side(text, now, first, years)
    found, rest = _named(text, now, years)
    found += bounded
    named = _days_of_week(question, rest, now, found)
    if named is not None:
        found, rest = named
    if not found and now > 0 and _LATELY.search(rest) is not None:
        start = _midnight(_date(now) - timedelta(days=_LATELY_DAYS))
        found, rest = [Period(start, now + 1.0, sharp=False, loose=True, vague=True)], _LATELY.sub(" ", rest)
    return _newest_first(sorted(set(found), key=lambda p: (p.start, p.end)), now), rest


def _newest_first(found: list[Period], now: float) -> tuple[Period, ...]:
    """Of a date that may be in any year ("at Christmas"), the newest that has been is likely to be meant."""
    if len(found) > _MOST_WEIGHED:
        return tuple(found)
    made = []
    for place, one in enumerate(found):
        newer = any(
            other.start <= now and other.sharp == one.sharp and abs((other.start - one.start) / DAY_S - 365) <= _MOVES_DAYS
            for other in found[place + 1 :]
        )
        made.append(replace(one, share=_OLDER) if newer else one)
    return tuple(made)


def _on_a_side(text: str, now: float, first: float, years: range) -> tuple[list[Period], str]:
    """All from or up to a time: "since March", "until last week"; and the text without it. Of several, the first. What is to come by a
    day ("until Friday") has been said at any time."""
    when = tense(text)
    for match in islice(_SIDE.finditer(text), _MOST_SIDES):
        begin, stop = match.span()
        tail = _CLAUSE_END.split(text[stop : stop + _TIME_CHARS])[0]
        here = _FIRST_WORD.search(tail)
        if here is None or _AWAY.search(text[max(0, begin - _TIME_CHARS) : begin]) is not None:
            continue
        for lead in ("", "on ", "am ", "in "):
            found, rest = _named(lead + tail, now, years)
            week = _days_of_week(lead + tail, rest, now, found, "past" if match["since"] else when)
            found, rest = week if week is not None else (found, rest)
            begun = max((period for period in found if period.start <= now), key=lambda period: period.start, default=None)
            if begun is not None and here[0] not in _WORD.findall(rest):
                start, end = (begun.start, now) if match["since"] else (begun.end, now) if match["after"] else (first, begun.end)
                if match["before"]:
                    end = begun.start
                made = [Period(start, end + 1.0, sharp=False, loose=begun.loose)] if 0 < start < end else []
                return made, f"{text[:begin]} {rest} {text[stop + len(tail) :]}" if made else text
    return [], text


def _named(text: str, now: float, years: range) -> tuple[list[Period], str]:
    """The spans, days, months and years that a text names, and the text without them."""
    found, rest = _spans(text, now, years, asked=True)
    more, rest = _each(rest, now, years)
    return found + more, rest


def _each(rest: str, at: float, years: range) -> tuple[list[Period], str]:
    """What the expressions for days, months and years name, and the text without them."""
    found, rest = _exact(rest, years)
    months, rest = _months(rest, years)
    for match in _YEAR.finditer(_SEASON.sub(lambda season: " " if season["year"] else season[0], rest)):
        found.append(_span(date(int(match["year"]), 1, 1), 365, sharp=False))
    near, rest = _relative(rest, at, years)
    near = [replace(one, loose=True) for one in near]
    return [*found, *months, *near], _YEAR.sub(" ", rest) if _DIGIT.search(rest) else rest


def _days_of_week(question: str, rest: str, now: float, found: list[Period], when: str | None = None) -> tuple[list[Period], str] | None:
    """The periods with the days that are told by their weekday alone, or by it within a week that is told: "on Monday last week"; None
    where none is. `when`: its tense, where that is known. See dates_weekdays."""
    if now <= 0:
        return None
    week = next((one for one in found if 1 < (one.end - one.start) / DAY_S <= _WEEK_DAYS), None)
    if found and week is None:
        return None
    made, left = weekdays(rest, question, _date(now), _date(week.start) if week is not None else None, when)
    if not made:
        return None
    days = [_span(start, days, loose=True) for start, days in made]
    return [*(one for one in found if one is not week), *days], left


def mentioned(text: str, at: float) -> tuple[Period, ...]:
    """The periods that a turn said at this time speaks of: "yesterday", "two weeks ago", "last Friday", "on 3 June"."""
    return tuple(_mentioned(text, at)[0]) if at > 0 and timely(text) else ()


def meant(text: str, at: float) -> tuple[Period, ...]:
    """The same, in any language that is read, and with the days that are told by their weekday alone: "on Monday"."""
    if at <= 0 or not points(text):
        return ()
    found, rest = _mentioned(text, at)
    named = _days_of_week(text, rest, at, found)
    return tuple(found if named is None else named[0])


def points(text: str) -> bool:
    """Whether a text may speak of a day: a cheap look."""
    said = _WORD.findall(text.lower())
    return not _POINTING.isdisjoint(said) or names_day(said) or _NUMERIC.search(text) is not None


def _mentioned(text: str, at: float) -> tuple[list[Period], str]:
    text = plain(text, _date(at))
    year = _date(at).year
    found, rest = _spans(text, at, range(year, year + 1), asked=False)
    days, rest = _exact(rest, range(year, year + 1))
    months, rest = _months(rest, range(year, year + 1))
    near, rest = _relative(rest, at, range(0))
    return [*found, *days, *months, *near], rest


def exact(text: str, at: float) -> tuple[tuple[Period, ...], str]:
    """The full dates that a text names (those without a year in the year of `at`), and the text without them."""
    year = _date(at).year
    found, rest = _exact(text, range(year, year + 1))
    return tuple(found), rest


def around(question: str) -> tuple[str, float, str] | None:
    """Where a question asks for the time before or after an event: the side, how many days away at most, and the event's words. The week
    after is seven days, "three weeks after" some 21, and not much less."""
    match = _AROUND.search(question) if any(side in question for side in _SIDES) else None
    if match is None:
        return None
    side = "before" if match["side"] in ("before", "prior to") else "after"
    days = _UNIT_DAYS[match["unit"]] if match["unit"] else 14
    count = match["count"] or "1"
    return side, float(days * (int(count) if count.isdigit() else _COUNTS[count])), match["phrase"]


def closeness(at: float, periods: tuple[Period, ...]) -> float:
    """How near a time is to the nearest of these periods: 1 within, less soon after (things are told after they happen), 0 far away."""
    best = 0.0
    for period in periods:
        if period.start <= at < period.end:
            best = max(best, period.share)
        elif period.end <= at < period.end + 7 * DAY_S:
            best = max(best, period.share * (0.6 if period.sharp else 0.3))
        elif period.start - 3 * DAY_S <= at < period.start and period.sharp:
            best = max(best, period.share * 0.3)
    return best


def _spans(text: str, at: float, years: range, *, asked: bool) -> tuple[list[Period], str]:
    """See dates_spans."""
    found, rest = spans(text, _date(at) if at > 0 else None, years, asked)
    return [_span(one.start, one.days, sharp=one.sharp) for one in found], rest


def _exact(text: str, years: range) -> tuple[list[Period], str]:
    """Full dates, and the text without them."""
    found: list[Period] = []
    if _DIGIT.search(text) is None:
        return [], text
    for pattern in _EXACT:
        for match in pattern.finditer(text):
            for year in (int(match["year"]),) if match["year"] else years:
                day = _day(year, _month(match["month"]), int(match["day"]))
                if day is not None:
                    found.append(_span(day, 1))
        text = pattern.sub(" ", text)
    return found, text


def _months(text: str, years: range) -> tuple[list[Period], str]:
    """Months, and the text without them."""
    found: list[Period] = []
    if "May " in text:
        text = _MAY.sub(" ", text)
    kept, at = [], 0
    for match in _MONTH_ONLY.finditer(text):
        name = match["month"]
        if name.lower() in ("may", "mar", "march", "jan", "sun", "dec", "august") and not (match["year"] or name[0].isupper()):
            continue
        month = _month(name)
        for year in (int(match["year"]),) if match["year"] else years:
            day = _day(year, month, 1)
            if day is not None:
                found.append(_span(day, 31, sharp=False))
        kept.append(text[at : match.start()])
        at = match.end()
    return found, " ".join([*kept, text[at:]])


def _relative(text: str, at: float, years: range) -> tuple[list[Period], str]:
    """What is told from the day on which it is said, and the text without it."""
    if at <= 0:
        return [], text
    here = _date(at)
    found = [_span(here + timedelta(days=_near(m["word"].lower())), 1) for m in _NEAR_DAY.finditer(text)]
    for match in _LAST.finditer(text):
        found.append(_stepped(here, match))
    for match in _AGO.finditer(text):
        told, unit = match["count"].lower(), match["unit"].lower()
        count = int(told) if told.isdigit() else 2 if match["couple"] else _COUNTS[told]
        if unit == "fortnight":
            count, unit = 2 * count, "week"
        days = _UNIT_DAYS[unit]
        slack = (2 if told == "few" else 1 if match["couple"] else 0) if days == 1 else max(days // 4 + 1, count * days // 10)
        found.append(_span(here - timedelta(days=count * days + slack), 2 * slack + 1, sharp=days <= 7))
    for match in _SEASON.finditer(text):
        found.extend(_season(here, match, years))
    if found:
        for pattern in (_NEAR_DAY, _LAST, _AGO, _SEASON):
            text = pattern.sub(" ", text)
    return found, text


def _stepped(here: date, match: re.Match[str]) -> Period:
    step = {"this": 0, "next": 1}.get(match["which"].lower(), -1)
    if match["weekday"]:
        ahead = (WEEKDAYS.index(match["weekday"].lower()) - here.weekday()) % 7
        # Who says "next Tuesday" on a Tuesday does not mean today.
        return _span(here + timedelta(days=ahead - 7 if step < 0 else ahead or 7 * step), 1)
    monday = here - timedelta(days=here.weekday())
    match match["unit"].lower():
        case "week":
            return _span(monday + timedelta(days=7 * step), 7)
        case "weekend":
            return _span(monday + timedelta(days=7 * step + 5), 2)
        case "month":
            index = here.year * 12 + here.month - 1 + step
            return _span(date(index // 12, index % 12 + 1, 1), 31, sharp=False)
    return _span(date(max(1, here.year + step), 1, 1), 365, sharp=False)


def _season(here: date, match: re.Match[str], years: range) -> Iterator[Period]:
    low, high = SEASONS[match["season"].lower()]
    which = match["which"].lower()
    if match["year"]:
        chosen = [int(match["year"])]
    elif which in ("last", "this", "next"):
        over = here > date(here.year + (high > 12), (high - 1) % 12 + 1, 28)
        before = here.year if over else here.year - 1
        if high > 12 and here <= date(here.year, high - 12, 28):
            before -= 1
        chosen = [before + {"last": 0, "this": 1, "next": 1}[which]]
    else:
        chosen = list(years)
    for year in chosen:
        day = _day(year, low, 1)
        if day is not None:
            yield _span(day, (high - low + 1) * 31, sharp=False)


def _near(word: str) -> int:
    return {"yesterday": -1, "last night": -1, "tomorrow": 1, "the day before yesterday": -2}.get(word, 2 if "after" in word else 0)


def _month(text: str) -> int:
    return int(text) if text.isdigit() else MONTH_NUMBER[text.lower().rstrip(".")]


def _day(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _date(at: float) -> date:
    return datetime.fromtimestamp(min(max(at, 0.0), 32_503_680_000.0), UTC).date()


def _midnight(day: date) -> float:
    return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()


def _span(day: date, days: int, *, sharp: bool = True, loose: bool = False) -> Period:
    start = _midnight(day)
    return Period(start, start + days * DAY_S, sharp, loose)
