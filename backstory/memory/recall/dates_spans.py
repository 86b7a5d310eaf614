"""Times that are told as more than one day, or by another day: "between 3 and 9 May", "in Q2", "the first week of June", "two days after
Easter", "over the holidays", "the weekend before last".

Rule: what might as well be something else is no time: "the Q2" is a car, "the 3rd option" none of the month, "April to June" two people.
What is read is taken out of the text, so that its parts are not read again. Nothing here raises.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import NamedTuple

from backstory.memory.forms import Form
from backstory.memory.months import ANY_MONTH, COUNTS, MONTH_NUMBER, WEEKDAYS

_NTH = {"first": 1, "1st": 1, "second": 2, "2nd": 2, "third": 3, "3rd": 3, "fourth": 4, "4th": 4, "last": -1}
_COUNTS = COUNTS | {"the": 1}
_UNIT_DAYS = {"day": 1, "week": 7, "fortnight": 14}
_SATURDAY = 5
# A span that is longer than this was not meant as one; one of up to so many days is told as days are, not as a month.
_LONGEST_DAYS, _SHARP_DAYS = 3 * 366, 14
_HOLIDAYS_FROM, _HOLIDAYS_DAYS = (12, 22), 14
# Up to this month holidays that somebody speaks of are those in which the year began.
_MID_YEAR = 6
_SPACES, _DIGIT = Form("  +"), re.compile(r"\d")
# Written small these are no months.
_VERBS = frozenset(("may", "mar", "march"))

_JOINTS = ("between", "from ", "till", "until", "through", "-", "\u2013", " to ")
_AWAY = ("before", "after")
_AWAY_BY = "|".join(("day", "weekend", "week", "fortnight", *WEEKDAYS))
_D = r"(?:the )?(?P<{0}>\d{{1,2}})(?:st|nd|rd|th|\.)?"
_M = rf"(?P<{{0}}>{ANY_MONTH})\b\.?"
_Y = r"(?:,? (?:of )?(?P<{0}>(?:19|20)\d\d))?\b"
_TO = r" ?(?:-|\u2013|to|until|till|through)(?: and including)? ?"
_JOINED = rf"(?:{_TO}| and )"


def _day(name: str) -> str:
    """A day of a month, and its year: groups d or e, m or n, y and this name."""
    first, second = f"{_D.format('d' + name)}(?: of)? {_M.format('m' + name)}", f"{_M.format('n' + name)} {_D.format('e' + name)}"
    return f"(?:{first}|{second}){_Y.format('y' + name)}"


_BETWEEN = r"\b(?:between|from) "
_WHICH_YEAR = (
    r"(?:(?:,? (?:of |in )?|[-/])(?P<year>(?:19|20)\d\d)|,? (?:of )?(?P<which>this|last|next|previous) year|(?P<any> of the year))"
)
_QUARTER = Form(
    r"\b(?:(?P<before>(?i:in|during|since|until|through|by|early|mid|late|(?:end|start|beginning|middle|rest) of)) )?"
    rf"(?:Q(?P<q>[1-4])|(?:the )?(?P<nth>first|second|third|fourth|last|1st|2nd|3rd|4th) quarter){_WHICH_YEAR}?(?![\w-])"
)
_STEP_QUARTER = Form(r"\b(?P<which>last|this|next|previous) quarter\b(?! of)", re.I)
_HALF = Form(
    rf"\b(?P<nth>first|second|1st|2nd) half of (?:{_M.format('month')}{_Y.format('myear')}|(?:the year )?(?P<year>(?:19|20)\d\d)"
    r"|(?P<which>this|last|next) year)",
    re.I,
)
_DAYS = Form(
    rf"(?:{_BETWEEN}{_D.format('a')}{_JOINED}|(?<![\d.,:/-])\b{_D.format('b')}{_TO})"
    rf"{_D.format('c')}(?: of)? {_M.format('month')}{_Y.format('year')}",
    re.I,
)
_MONTH_DAYS = Form(
    rf"(?:{_BETWEEN}{_M.format('k')} {_D.format('a')}{_JOINED}|\b{_M.format('l')} {_D.format('b')}{_TO})"
    rf"{_D.format('c')}(?![\d:]){_Y.format('year')}",
    re.I,
)
_TWO_DAYS = Form(rf"{_BETWEEN}{_day('1')}{_JOINED}{_day('2')}", re.I)
_TWO_MONTHS = Form(rf"{_BETWEEN}{_M.format('one')}{_Y.format('y1')}{_JOINED}{_M.format('two')}{_Y.format('y2')}", re.I)
_TWO_YEARS = Form(rf"{_BETWEEN}(?P<one>(?:19|20)\d\d){_JOINED}(?P<two>(?:19|20)\d\d)\b", re.I)
_NTH_OF = Form(
    rf"\b(?P<nth>{'|'.join(_NTH)}) (?P<unit>week|weekend|{'|'.join(WEEKDAYS)}) (?:of|in) {_M.format('month')}{_Y.format('year')}", re.I
)
_PART_OF_YEAR = Form(
    r"\b(?:(?P<part>early|mid|late)(?: in)?[ -]|(?P<where>start|beginning|middle|end) of (?:the year )?)(?P<year>(?:19|20)\d\d)\b", re.I
)
_PARTS = {"early": (1, 4), "mid": (5, 4), "late": (9, 4), "start": (1, 3), "beginning": (1, 3), "middle": (5, 4), "end": (10, 3)}
_STEP_PART = Form(
    r"\b(?:(?P<where>start|beginning|middle|end) of|(?P<part>early|mid|late)(?: in)?)[ -](?:the )?(?P<which>last|this|next|previous)"
    r" (?P<unit>week|month|year)\b",
    re.I,
)
_WEEK_PARTS = {"early": (0, 2), "mid": (2, 2), "late": (3, 4), "start": (0, 2), "beginning": (0, 2), "middle": (2, 2), "end": (3, 4)}
_MONTH_PARTS = {
    "early": (1, 10),
    "mid": (11, 20),
    "late": (21, 31),
    "start": (1, 10),
    "beginning": (1, 10),
    "middle": (11, 20),
    "end": (21, 31),
}
_BEFORE_LAST = Form(rf"\bthe (?P<unit>week|weekend|month|year|{'|'.join(WEEKDAYS)}) before last\b", re.I)
_ROLLING = Form(
    rf"\bthe (?:last|past) (?:(?P<count>\d{{1,2}}|{'|'.join(COUNTS)}|few|couple of|several) )?(?P<unit>day|week|weekend|month|year)s\b"
    r"|\b(?:in|over|during|for|within) the past (?P<one>week|month|year)\b",
    re.I,
)
_ROLLING_DAYS = {"day": 1, "week": 7, "weekend": 7, "month": 30, "year": 365}
_VAGUE_COUNTS = {"few": 4, "couple of": 2, "several": 5}
_NUMBERED = Form(
    r"\b(?:on|since) the (?P<day>\d{1,2})(?:st|nd|rd|th)(?: of (?P<which>this|last|the) month\b|(?=\s*(?:[?!.,;:)]|$)|"
    r" (?:we|i|you|he|she|they|at|when)\b))",
    re.I,
)
_HOLIDAYS = Form(r"\b(?:over|during) (?:the|last|these|those) (?:(?:christmas|winter) )?holidays\b(?! (?:in|at|with) \w+ school)", re.I)
_FEAST = Form(
    rf"(?:\b(?P<count>\d{{1,2}}|{'|'.join(_COUNTS)}) (?P<unit>(?i:{_AWAY_BY}))s? (?P<side>before|after) )?"
    r"\b(?P<which>[Ll]ast |[Tt]his )?(?P<feast>Easter Monday|Easter Sunday|[Ee]aster|Good Friday|Pentecost|[Tt]hanksgiving)\b"
    r"(?! (?:[Ii]sland|[Ee]ggs?|[Bb]unn|[Ll]il|[Bb]asket|[Hh]unt))(?:,? (?P<year>(?:19|20)\d\d))?"
)
_FROM_DAY = Form(rf"\b(?P<count>\d{{1,2}}|{'|'.join(_COUNTS)}) (?P<unit>{_AWAY_BY})s? (?P<side>before|after) {_day('1')}", re.I)


class Span(NamedTuple):
    """`days` from the day `start` on. `sharp`: days or a week, no month."""

    start: date
    days: int
    sharp: bool


def spans(text: str, here: date | None, years: range, asked: bool) -> tuple[list[Span], str]:
    """The spans that a text names, and the text without them. `here`: the day from which it is said, None for an unknown one. `years`:
    those that a time without a year may be in. `asked`: it is a question, about what has been."""
    low = text.lower()
    found: list[Span] = []
    if "  " in text:
        text = _SPACES.sub(" ", text)
    for signs, pattern, read in _READ if _DIGIT.search(text) is not None else _WORDED:
        if not any(sign in low for sign in signs):
            continue
        kept = []
        at = 0
        for match in pattern.finditer(text):
            made = list(read(match, here, years, asked))
            if made:
                found += made
                kept.append(text[at : match.start()])
                at = match.end()
        if at:
            text = " ".join([*kept, text[at:]])
    return found, text


def moved_feast(feast: str, year: int) -> date:
    """The day of a feast that is on another one each year; western Easter by the rule of Meeus, Jones and Butcher."""
    if feast == "thanksgiving":
        return _weekday_of(year, 11, 3, 4)
    century, rest = divmod(year, 100)
    moon = (19 * (year % 19) + century - century // 4 - (century - (century + 8) // 25 + 1) // 3 + 15) % 30
    week = (32 + 2 * (century % 4) + 2 * (rest // 4) - moon - rest % 4) % 7
    late = (year % 19 + 11 * moon + 22 * week) // 451
    month, day = divmod(moon + week - 7 * late + 114, 31)
    return date(year, month, day + 1) + timedelta(days={"good friday": -2, "easter monday": 1, "pentecost": 49}.get(feast, 0))


def _months(first: int, year: int, count: int) -> Span:
    """So many months from this one on."""
    last = first - 1 + count - 1
    end = date(year + last // 12, last % 12 + 1, calendar.monthrange(year + last // 12, last % 12 + 1)[1])
    start = date(year, first, 1)
    return Span(start, (end - start).days + 1, False)


def _of(match: re.Match[str], here: date | None, years: range) -> list[int]:
    """The years that are meant: the one that is told, or any."""
    told = match.groupdict()
    if told.get("year"):
        return [int(told["year"])]
    if told.get("which"):
        return [here.year + {"this": 0, "next": 1}.get(told["which"].lower(), -1)] if here is not None else []
    return list(years)


def _quarter(match: re.Match[str], here: date | None, years: range, _asked: bool) -> Iterator[Span]:
    dated = match["year"] or match["which"] or match["any"]
    if not dated and (match["q"] is None or match["before"] is None):
        return
    number = int(match["q"]) if match["q"] else _NTH[match["nth"]] % 5
    yield from (_months(3 * number - 2, year, 3) for year in _of(match, here, years))


def _step_quarter(match: re.Match[str], here: date | None, _years: range, _asked: bool) -> Iterator[Span]:
    if here is not None:
        index = here.year * 4 + (here.month - 1) // 3 + {"this": 0, "next": 1}.get(match["which"].lower(), -1)
        yield _months(index % 4 * 3 + 1, index // 4, 3)


def _half(match: re.Match[str], here: date | None, years: range, _asked: bool) -> Iterator[Span]:
    second = match["nth"].lower() in ("second", "2nd")
    if match["month"] is None:
        yield from (_months(7 if second else 1, year, 6) for year in _of(match, here, years))
        return
    month = MONTH_NUMBER[match["month"].lower()]
    for year in (int(match["myear"]),) if match["myear"] else years:
        length = calendar.monthrange(year, month)[1]
        yield Span(date(year, month, 16 if second else 1), length - 15 if second else 15, False)


def _between(start: date | None, end: date | None) -> Iterator[Span]:
    if start is not None and end is not None and 0 <= (end - start).days <= _LONGEST_DAYS:
        length = (end - start).days + 1
        yield Span(start, length, length <= _SHARP_DAYS)


def _one(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _days(match: re.Match[str], here: date | None, years: range, _asked: bool) -> Iterator[Span]:
    told = match.groupdict()
    name = told.get("month") or told.get("k") or told["l"]
    if name in _VERBS:
        return
    month = MONTH_NUMBER[name.lower()]
    first, last = int(told["a"] or told["b"]), int(told["c"])
    for year in _of(match, here, years):
        yield from _between(_one(year, month, first), _one(year, month, last))


def _told_day(match: re.Match[str], name: str, year: int) -> date | None:
    month = match["m" + name] or match["n" + name]
    return _one(year, MONTH_NUMBER[month.lower()], int(match["d" + name] or match["e" + name]))


def _two_days(match: re.Match[str], _here: date | None, years: range, _asked: bool) -> Iterator[Span]:
    for year in (int(match["y2"]),) if match["y2"] else years:
        end = _told_day(match, "2", year)
        start = _told_day(match, "1", int(match["y1"]) if match["y1"] else year)
        if start is not None and end is not None and start > end and not match["y1"]:
            start = _told_day(match, "1", year - 1)
        yield from _between(start, end)


def _two_months(match: re.Match[str], _here: date | None, years: range, _asked: bool) -> Iterator[Span]:
    if not _VERBS.isdisjoint((match["one"], match["two"])):
        return
    first, last = MONTH_NUMBER[match["one"].lower()], MONTH_NUMBER[match["two"].lower()]
    for year in (int(match["y2"]),) if match["y2"] else (int(match["y1"]) + (last < first),) if match["y1"] else years:
        from_year = int(match["y1"]) if match["y1"] else year - (last < first)
        count = (year - from_year) * 12 + last - first + 1
        if 0 < count * 30 <= _LONGEST_DAYS:
            yield _months(first, from_year, count)


def _two_years(match: re.Match[str], _here: date | None, _years: range, _asked: bool) -> Iterator[Span]:
    first, last = int(match["one"]), int(match["two"])
    if first <= last:
        yield _months(1, first, 12 * (last - first + 1))


def _weekday_of(year: int, month: int, weekday: int, nth: int) -> date:
    """The nth such day of a month, -1 for the last one."""
    if nth < 0:
        end = date(year, month, calendar.monthrange(year, month)[1])
        return end - timedelta(days=(end.weekday() - weekday) % 7)
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (nth - 1))


def _nth_of(match: re.Match[str], here: date | None, years: range, _asked: bool) -> Iterator[Span]:
    month, nth, unit = MONTH_NUMBER[match["month"].lower()], _NTH[match["nth"].lower()], match["unit"].lower()
    for year in _of(match, here, years):
        if unit == "week":
            day = calendar.monthrange(year, month)[1] - 6 if nth < 0 else 7 * nth - 6
            yield Span(date(year, month, day), 7, True)
        else:
            weekend = unit == "weekend"
            yield Span(_weekday_of(year, month, 5 if weekend else WEEKDAYS.index(unit), nth), 1 + weekend, True)


def _part_of_year(match: re.Match[str], _here: date | None, _years: range, _asked: bool) -> Iterator[Span]:
    first, count = _PARTS[(match["part"] or match["where"]).lower()]
    yield _months(first, int(match["year"]), count)


def _step_part(match: re.Match[str], here: date | None, _years: range, _asked: bool) -> Iterator[Span]:
    if here is None:
        return
    step = {"this": 0, "next": 1}.get(match["which"].lower(), -1)
    part, unit = (match["where"] or match["part"]).lower(), match["unit"].lower()
    if unit == "week":
        first, count = _WEEK_PARTS[part]
        yield Span(here + timedelta(days=7 * step - here.weekday() + first), count, True)
    elif unit == "month":
        index = here.year * 12 + here.month - 1 + step
        year, month = index // 12, index % 12 + 1
        first, last = _MONTH_PARTS[part]
        yield from _between(date(year, month, first), date(year, month, min(last, calendar.monthrange(year, month)[1])))
    else:
        first, count = _PARTS[part]
        yield _months(first, here.year + step, count)


def _before_last(match: re.Match[str], here: date | None, _years: range, _asked: bool) -> Iterator[Span]:
    if here is None:
        return
    unit, monday = match["unit"].lower(), here - timedelta(days=here.weekday())
    if unit == "week":
        yield Span(monday - timedelta(days=14), 7, True)
    elif unit == "weekend":
        yield Span(monday - timedelta(days=9), 2, True)
    elif unit == "month":
        index = here.year * 12 + here.month - 3
        yield _months(index % 12 + 1, index // 12, 1)
    elif unit == "year":
        yield _months(1, here.year - 2, 12)
    else:
        yield Span(here - timedelta(days=(here.weekday() - WEEKDAYS.index(unit) - 1) % 7 + 8), 1, True)


def _rolling(match: re.Match[str], here: date | None, _years: range, _asked: bool) -> Iterator[Span]:
    """So many days back from today; of days or weeks without a number, a few."""
    if here is not None:
        told = (match["count"] or ("one" if match["one"] else "few")).lower()
        count = int(told) if told.isdigit() else COUNTS.get(told) or _VAGUE_COUNTS[told]
        length = count * _ROLLING_DAYS[(match["unit"] or match["one"]).lower()]
        yield Span(here - timedelta(days=length), length + 1, length <= _SHARP_DAYS)


def _numbered(match: re.Match[str], here: date | None, _years: range, asked: bool) -> Iterator[Span]:
    """Of the month that is told; of a question's by itself, the last one that has been. What a statement means is not known."""
    day, which = int(match["day"]), (match["which"] or "").lower()
    if here is None or not (asked or which in ("this", "last")):
        return
    back = 1 if which == "last" or (which != "this" and day > here.day) else 0
    index = here.year * 12 + here.month - 1 - back
    found = _one(index // 12, index % 12 + 1, day)
    if found is not None:
        yield Span(found, 1, True)


def _holidays(_match: re.Match[str], here: date | None, years: range, asked: bool) -> Iterator[Span]:
    """The days around Christmas and New Year: of a statement, the nearest."""
    chosen = years if asked or here is None else range(here.year - (here.month <= _MID_YEAR), here.year + (here.month > _MID_YEAR))
    for year in chosen:
        yield Span(date(year, *_HOLIDAYS_FROM), _HOLIDAYS_DAYS, True)


def _shifted(match: re.Match[str], day: date) -> Span:
    """The day so many days or weeks before or after this one; a day that is counted in weeks is not meant to the day."""
    count, unit = match["count"].lower(), match["unit"].lower()
    if unit not in _UNIT_DAYS:
        return _stepped(day, unit, (int(count) if count.isdigit() else _COUNTS[count]) * (1 if match["side"].lower() == "after" else -1))
    length = _UNIT_DAYS[unit]
    total = length * (int(count) if count.isdigit() else _COUNTS[count])
    if count == "the" and unit != "day":
        return Span(day + timedelta(days=1 if match["side"].lower() == "after" else -length), length, True)
    slack = 0 if unit == "day" else 2
    middle = day + timedelta(days=total if match["side"].lower() == "after" else -total)
    return Span(middle - timedelta(days=slack), 2 * slack + 1, True)


def _stepped(day: date, unit: str, steps: int) -> Span:
    """So many Mondays, or weekends, before or after a day. A weekend that holds it is neither."""
    length = 2 if unit == "weekend" else 1
    first = _SATURDAY if unit == "weekend" else WEEKDAYS.index(unit)
    if steps > 0:
        return Span(day + timedelta(days=(first - day.weekday() - 1) % 7 + 1 + 7 * (steps - 1)), length, True)
    return Span(day - timedelta(days=(day.weekday() - first - length) % 7 + length - 7 * (steps + 1)), length, True)


def _feast(match: re.Match[str], here: date | None, years: range, asked: bool) -> Iterator[Span]:
    feast, which = match["feast"].lower().replace(" sunday", ""), (match["which"] or "").strip().lower()
    chosen = _of_feast(match, feast, which, here, years)
    for year in chosen:
        day = moved_feast(feast, year)
        if match["count"]:
            yield _shifted(match, day)
        elif feast == "easter" and match["feast"].lower() == "easter":
            yield Span(day - timedelta(days=2), 4, True)
        else:
            yield Span(day, 1, True)


def _of_feast(match: re.Match[str], feast: str, which: str, here: date | None, years: range) -> list[int]:
    if match["year"]:
        return [int(match["year"])]
    if not which:
        return list(years)
    if here is None:
        return []
    return [here.year - (which == "last" and moved_feast(feast, here.year) >= here)]


def _from_day(match: re.Match[str], _here: date | None, years: range, _asked: bool) -> Iterator[Span]:
    for year in (int(match["y1"]),) if match["y1"] else years:
        day = _told_day(match, "1", year)
        if day is not None:
            yield _shifted(match, day)


_READ: tuple[tuple[tuple[str, ...], Form, Callable[[re.Match[str], date | None, range, bool], Iterator[Span]]], ...] = (
    (("between", "from "), _TWO_DAYS, _two_days),
    (_JOINTS, _DAYS, _days),
    (_JOINTS, _MONTH_DAYS, _days),
    (("between", "from "), _TWO_MONTHS, _two_months),
    (("between", "from "), _TWO_YEARS, _two_years),
    (_AWAY, _FROM_DAY, _from_day),
    (("easter", "good friday", "pentecost", "thanksgiving"), _FEAST, _feast),
    ((" of ", " in "), _NTH_OF, _nth_of),
    (("half of",), _HALF, _half),
    (("q1", "q2", "q3", "q4", "quarter"), _QUARTER, _quarter),
    (("quarter",), _STEP_QUARTER, _step_quarter),
    (("early", "mid", "late", " of "), _PART_OF_YEAR, _part_of_year),
    ((" week", " month", " year"), _STEP_PART, _step_part),
    (("the last ", "the past "), _ROLLING, _rolling),
    (("before last",), _BEFORE_LAST, _before_last),
    (("on the ", "since the "), _NUMBERED, _numbered),
    (("holidays",), _HOLIDAYS, _holidays),
)
"""Words one of which each form has, the form, and what reads it. What is longer comes first."""
_WITH_DIGITS = (_TWO_DAYS, _DAYS, _MONTH_DAYS, _TWO_YEARS, _FROM_DAY, _PART_OF_YEAR, _NUMBERED)
_WORDED = tuple(row for row in _READ if row[1] not in _WITH_DIGITS)
"""Those that a text without digits may match."""
