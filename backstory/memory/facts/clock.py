"""Hours as they are said in words, in English and German: "at ten", "half past two", "um halb acht".

Rule: a word for a number is an hour only behind a word that goes with one ("at", "um") or in front of one ("o'clock", "Uhr"); these are
sources of expressions, put together where values are read.
"""

from __future__ import annotations

_EN = r"(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)"
_EN_BESIDE = r"(?:(?:half|quarter|(?:five|ten|twenty)(?: minutes)?) (?:past|to) )"
_EN_BEHIND = r"(?: (?:o'clock|sharp|[ap]\.?m\b\.?|in the (?:morning|afternoon|evening)))"
EN_HOUR = rf"(?:{_EN_BESIDE}?{_EN}(?: (?:fifteen|thirty|forty-five))?\b{_EN_BEHIND}?)"
"""Behind "at"."""
EN_PLAIN = rf"(?:{_EN_BESIDE}{_EN}\b{_EN_BEHIND}?|{_EN}{_EN_BEHIND})"
"""By itself."""
_DE = r"(?:eins?|zwei|drei|vier|fünf|sechs|sieben|acht|neun|zehn|elf|zwölf)"
_DE_BESIDE = r"(?:(?:halb|viertel (?:vor|nach)|(?:fünf|zehn|zwanzig) (?:vor|nach)) )"
# "Um zehn Prozent" and "um 3 Grad" are no hours: a noun has a capital.
DE_HOUR = (
    rf"(?:(?<=um )(?i:{_DE_BESIDE}?(?:{_DE}|[01]?\d|2[0-4])(?: Uhr)?\b)(?![:.]\d)(?! (?!Uhr\b)(?-i:[A-ZÄÖÜ]))"
    rf"|(?i:{_DE_BESIDE}{_DE}\b|{_DE} Uhr\b))"
)
