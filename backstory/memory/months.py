"""Months, weekdays and small numbers as English has them, in small letters."""

from __future__ import annotations

MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
MONTH_NUMBER = {name: number for number, full in enumerate(MONTHS, 1) for name in (full, full[:3])} | {"sept": 9}
"""By name and by short name, 1 to 12."""
ANY_MONTH = "|".join(sorted(MONTH_NUMBER, key=len, reverse=True))
"""A pattern of all of these names, the longest first."""
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
COUNTS = {"a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "ten": 10}
"""How many of something there are, in words."""
