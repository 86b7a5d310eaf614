"""Dates and relative dates: those a question asks about, those a turn speaks of, and stamps in front of lines.

Rule: times are Unix seconds, days are those of UTC, weeks begin on Monday. A date without a year may mean any year, and is resolved
against the years that a conversation spans. What cannot be read as a date is no date: nothing here raises.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

from msgspec import Struct

from backstory.memory.forms import Form
from backstory.memory.months import ANY_MONTH, COUNTS, MONTH_NUMBER, MONTHS, WEEKDAYS
from backstory.memory.reading.stamps import moment
from backstory.memory.recall.dates_spans import spans
from backstory.memory.recall.dates_worded import plain

DAY_S = 86_400.0
_SEASONS = {"spring": (3, 5), "summer": (6, 8), "fall": (9, 11), "autumn": (9, 11), "winter": (12, 14)}
_COUNTS = COUNTS | {"few": 3}
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
_NEAR_DAY = Form(r"\b(?P<word>the day before yesterday|yesterday|last night|today|tonight|this morning|tomorrow)\b", re.I)
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
_TIMELY_WORDS = """
    yesterday today tonight tomorrow ago week weeks weekend month months year years day days morning night recently last next since until
    """
_TIMELY = frozenset([*_TIMELY_WORDS.split(), *MONTHS, *WEEKDAYS, *_SEASONS])
# A text with none of these and no digit names no period: each of the expressions above needs one.
_UNITS = frozenset([*_UNIT_DAYS, *(f"{unit}s" for unit in _UNIT_DAYS)])
_NAMES_PERIOD = _UNITS.union(MONTH_NUMBER, WEEKDAYS, _SEASONS, ("yesterday", "today", "tonight", "tomorrow", "night", "morning"))
_NAMES_PERIOD = _NAMES_PERIOD.union(("easter", "pentecost", "thanksgiving", "holidays", "quarter"))
# "May I ask?", "May the best one win": a wish or a question, at the beginning of a sentence.
_MAY = Form(
    r"(?:^|[.!?]\s*|\n[^\S\n]*|[,;:] )May"
    r"(?= (?:I|we|you|he|she|it|they|the|this|that|these|my|our|your|his|her|their|someone|anyone)\b)"
)
_SIDES = ("before", "after", "following", "prior to", "since")


class Period(Struct, frozen=True):
    """Half-open span of time. `sharp`: a day or a week was named, not a month or more."""

    start: float
    end: float
    sharp: bool = True


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
    question = plain(question, _date(now))
    if _DIGIT.search(question) is None and _NAMES_PERIOD.isdisjoint(_WORD.findall(question.casefold())):
        return ()
    years = range(_date(first).year - 1, _date(last).year + 1) if last > 0 else range(0)
    found, rest = _spans(question, now, years, asked=True)
    exact_days, rest = _exact(rest, years)
    found += exact_days
    found += _months(rest, years)
    for match in _YEAR.finditer(_SEASON.sub(lambda season: " " if season["year"] else season[0], rest)):
        found.append(_span(date(int(match["year"]), 1, 1), 365, sharp=False))
    found += _relative(rest, now, years)
    return tuple(sorted(set(found), key=lambda p: (p.start, p.end)))


def mentioned(text: str, at: float) -> tuple[Period, ...]:
    """The periods that a turn said at this time speaks of: "yesterday", "two weeks ago", "last Friday", "on 3 June"."""
    if at <= 0 or not timely(text):
        return ()
    text = plain(text, _date(at))
    year = _date(at).year
    found, rest = _spans(text, at, range(year, year + 1), asked=False)
    days, rest = _exact(rest, range(year, year + 1))
    return tuple(found + days + _months(rest, range(year, year + 1)) + _relative(rest, at, range(0)))


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
            best = max(best, 1.0)
        elif period.end <= at < period.end + 7 * DAY_S:
            best = max(best, 0.6 if period.sharp else 0.3)
        elif period.start - 3 * DAY_S <= at < period.start and period.sharp:
            best = max(best, 0.3)
    return best


def _spans(text: str, at: float, years: range, *, asked: bool) -> tuple[list[Period], str]:
    """See dates_spans."""
    found, rest = spans(text, _date(at) if at > 0 else None, years, asked)
    return [_span(one.start, one.days, sharp=one.sharp) for one in found], rest


def _exact(text: str, years: range) -> tuple[list[Period], str]:
    """Full dates, and the text without them."""
    found: list[Period] = []
    for pattern in _EXACT:
        for match in pattern.finditer(text):
            for year in (int(match["year"]),) if match["year"] else years:
                day = _day(year, _month(match["month"]), int(match["day"]))
                if day is not None:
                    found.append(_span(day, 1))
        text = pattern.sub(" ", text)
    return found, text


def _months(text: str, years: range) -> list[Period]:
    found: list[Period] = []
    if "May " in text:
        text = _MAY.sub(" ", text)
    for match in _MONTH_ONLY.finditer(text):
        name = match["month"]
        if name.lower() in ("may", "mar", "march", "jan", "sun", "dec", "august") and not (match["year"] or name[0].isupper()):
            continue
        month = _month(name)
        for year in (int(match["year"]),) if match["year"] else years:
            day = _day(year, month, 1)
            if day is not None:
                found.append(_span(day, 31, sharp=False))
    return found


def _relative(text: str, at: float, years: range) -> list[Period]:
    if at <= 0:
        return []
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
        slack = 0 if days == 1 else max(days // 4 + 1, count * days // 10)
        found.append(_span(here - timedelta(days=count * days + slack), 2 * slack + 1, sharp=days <= 7))
    for match in _SEASON.finditer(text):
        found.extend(_season(here, match, years))
    return found


def _stepped(here: date, match: re.Match[str]) -> Period:
    step = {"this": 0, "next": 1}.get(match["which"].lower(), -1)
    if match["weekday"]:
        ahead = (WEEKDAYS.index(match["weekday"].lower()) - here.weekday()) % 7
        return _span(here + timedelta(days=ahead if step >= 0 else ahead - 7), 1)
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
    low, high = _SEASONS[match["season"].lower()]
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
    return {"yesterday": -1, "last night": -1, "tomorrow": 1, "the day before yesterday": -2}.get(word, 0)


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


def _span(day: date, days: int, *, sharp: bool = True) -> Period:
    start = _midnight(day)
    return Period(start, start + days * DAY_S, sharp)
