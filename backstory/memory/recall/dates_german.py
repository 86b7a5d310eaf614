"""Dates as German words them in other ways than by a unit or a name: "Anfang letzten Monats", "in den letzten zwei Wochen", "vorletzte
Woche", and how English has them.

Rule: months and units that are left as they are get translated with the rest (dates_worded). Nothing here raises.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from backstory.memory.forms import Form

_STEPS = {"woche": "week", "wochenende": "weekend", "monats?": "month", "jahre?s?": "year"}
_NTH = ("erst", "zweit", "dritt", "viert")
_MONTHS = "januar|jänner|februar|märz|april|mai|juni|juli|august|september|oktober|november|dezember"
_UNITS = {"ta": "day", "wo": "week", "mo": "month", "ja": "year"}
"""By how they begin, in all their forms."""
_COUNTS = ("einen", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun", "zehn")
_FEASTS = "ostern|ostermontag|karfreitag|pfingsten|weihnachten|heiligabend|silvester|neujahr"


def _rolling(match: re.Match[str]) -> str:
    told = (match["count"] or "").strip().casefold()
    number = told if told.isdecimal() else _COUNTS.index(told) + 1 if told in _COUNTS else "few"
    return f"the last {number} {_UNITS[match['unit'][:2].casefold()]}s"


def _away(match: re.Match[str]) -> str:
    count, unit = match["count"].casefold(), "week" if match["unit"].casefold() == "woche" else "day"
    number = 1 if count == "eine" else int(count) if count.isdecimal() else _COUNTS.index(count) + 1
    return f"{number} {unit}s {'after' if match['side'].casefold() == 'nach' else 'before'} "


_TURNED: tuple[tuple[str, str | Callable[[re.Match[str]], str]], ...] = (
    *((rf"vorletzte[nmrs]? {word}\b", f"the {unit} before last") for word, unit in _STEPS.items()),
    *((rf"im {word}e[nr] Quartal\b", f"in Q{number}") for number, word in enumerate(_NTH, 1)),
    *(
        (
            rf"(?:der |die )?{word}(?:e|en) (?:Woche (?:im|des|vom) (?P<month>{_MONTHS})s?|(?P<other>{_MONTHS})woche)\b",
            rf"the {nth} week of \g<month>\g<other>",
        )
        for word, nth in zip((*_NTH, "letzt"), ("first", "second", "third", "fourth", "last"), strict=True)
    ),
    (
        rf"zwischen (?:dem )?(\d{{1,2}}\.(?: (?:{_MONTHS}))?|{_MONTHS})(?: (\d{{4}}))? und (?:dem )?(?=\d|{_MONTHS})",
        r"between \1 \2 and ",
    ),
    (
        rf"vo[nm] (?:dem )?(\d{{1,2}}\.(?: (?:{_MONTHS}))?|{_MONTHS})(?: (\d{{4}}))? bis (?:zum |zu )?(?=\d|{_MONTHS})",
        r"from \1 \2 to ",
    ),
    (r"zwischen (\d{4}) und (?=\d{4}\b)", r"between \1 and "),
    (r"von (\d{4}) bis (?=\d{4}\b)", r"from \1 to "),
    (r"am (\d{1,2})\.(?=\s*(?:[?!,;]|$))", r"on the \1th"),
    (r"Anfang (?:des Jahres )?(?=(?:19|20)\d\d\b)", "early "),
    (r"Mitte (?:des Jahres )?(?=(?:19|20)\d\d\b)", "mid "),
    (r"Ende (?:des Jahres )?(?=(?:19|20)\d\d\b)", "late "),
    *(
        (rf"{word} (?:(?:des|der) )?(?:{which}) {name}\b", f"{where} of {step} {unit}")
        for word, where in (("(?:Anfang|Beginn)", "beginning"), ("Mitte", "middle"), ("Ende", "end"))
        for which, step in (("letzte[nrs]|vergangene[nrs]|vorige[nrs]", "last"), ("diese[nrs]", "this"), ("nächste[nrs]", "next"))
        for name, unit in (("Jahres", "year"), ("Monats", "month"), ("Woche", "week"))
    ),
    (r"(?:nächste[nrs]?|kommende[nrs]?) (?=Woche|Monat|Jahr|Wochenende)", "next "),
    (r"diese[nrsm]? (?=Woche|Monat|Jahr\b|Jahres\b)", "this "),
    *(
        (rf"(?<=\b{step} ){word}\b", unit)
        for step in ("next", "this")
        for word, unit in (("Woche", "week"), ("Wochenende", "weekend"), ("Monate?s?", "month"), ("Jahre?s?", "year"))
    ),
    (
        r"(?:den|der) (?:letzten|vergangenen) (?P<count>\w+ )?(?P<unit>Tagen?|Wochen|Monaten?|Jahren?)\b",
        _rolling,
    ),
    (r"vor (?:ein paar|einigen|wenigen) (?=(?:Tag|Woche|Monat|Jahr)e?n\b)", "vor 3 "),
    (r"über die (?:(?:Weihnachts)?feiertage|Weihnachtsferien)\b", "over the holidays"),
    (
        rf"(?P<count>\d{{1,2}}|eine|{'|'.join(_COUNTS)}) (?P<unit>Tag|Woche)(?:en?|n)? (?P<side>nach|vor) (?:dem )?"
        rf"(?=(?:{_FEASTS})\b|\d{{1,2}}\. (?:{_MONTHS}))",
        _away,
    ),
)
GERMAN = tuple((Form(rf"\b{pattern}", re.I), words) for pattern, words in _TURNED)
"""Expressions, and what takes their place."""
