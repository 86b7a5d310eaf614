"""Shrinking of what is not for reading: colours, redrawn progress, encoded blobs, lines over and over. And the tools of all shrinkers:
which lines are kept, and how it is said that others are not.

Rule of every shrinker: (text, budget in characters) -> a shorter text, or None where it is none of its kind or nothing is won. It says
what it left out; errors, the first and the last lines stay; the same text gives the same result; time grows with the length alone: no
pattern here can try one place again from another.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from backstory.memory.shrinking.shrink_signs import LOOKED_AT, focus, outside_in, pattern, ranked, teller, telling

_ANSI = re.compile(r"\x1b(?:\[[0-?]{0,64}[ -/]{0,8}[@-~]|\][^\x07\x1b\n]{0,2048}(?:\x07|\x1b\\)|[()][0-9A-Za-z]|[=>78cDEHMNOZ])")
_BLOB = re.compile(r"(?<![A-Za-z0-9+/_=-])[A-Za-z0-9+/_-]{256,}={0,2}")
_BLOB_LINE = re.compile(r"[ \t]{0,8}[A-Za-z0-9+/_-]{56,128}={0,2}\r?\Z")
_BLOB_HINT = re.compile(r"(?<![A-Za-z0-9+/_=-])[A-Za-z0-9+/_-]{56}")
_BLOB_LINES = 6
_BLOB_HEAD, _BLOB_TAIL = 24, 8
LOGGED = re.compile(r"[\[(<]?(?:\d{4}-\d\d-\d\d|\d\d:\d\d:\d\d|[A-Z][a-z]{2} {1,2}\d{1,2} \d\d:|(?:TRACE|DEBUG|INFO|WARN|WARNING|ERROR)\b)")
"""The beginning of a line in a log."""
_GAP = re.compile(r"\.\.\. (\d{1,9}) [^\n]{1,200} left out \.\.\.\Z")
_RUN, _OFTEN = 4, 6
_LOG_SHARE = 0.5
_FIRST, _LAST = 4, 6


def ansi(text: str, budget: int) -> str | None:
    """Without the codes that colour a terminal. Nothing that can be read is lost, so nothing is said of it."""
    return _shorter(_ANSI.sub("", text), text) if "\x1b" in text else None


def progress(text: str, budget: int) -> str | None:
    """A line that was redrawn over itself, as it stood at last."""
    if "\r" not in text.replace("\r\n", "\n"):
        return None
    made: list[str] = []
    for line in text.split("\n"):
        states = [state for state in line.split("\r") if state.strip()]
        if len(states) < 2:
            made.append(line)
            continue
        kept = [state for state in states[:-1] if telling(state)][:2]
        gone = len(states) - 1 - len(kept)
        note = f" (... {gone} earlier states of this line left out ...)" if gone > 1 else ""
        made += [*kept, states[-1] + note]
    return _shorter("\n".join(made), text)


def blobs(text: str, budget: int) -> str | None:
    """Long runs without a space (base64, minified code, keys): their ends and their length."""
    if len(text) < 256:
        return None
    made = _BLOB.sub(lambda match: _ends_of(match.group()), text)
    if not _BLOB_HINT.search(made):
        return _shorter(made, text)
    lines = made.split("\n")
    out: list[str] = []
    at = 0
    while at < len(lines):
        stop = at
        while stop < len(lines) and _BLOB_LINE.match(lines[stop]):
            stop += 1
        if stop - at >= _BLOB_LINES:
            size = sum(len(line) for line in lines[at + 1 : stop - 1])
            out += [lines[at], f"... {stop - at - 2} lines, {size} encoded characters left out ...", lines[stop - 1]]
        else:
            out += lines[at : max(stop, at + 1)]
        at = max(stop, at + 1)
    return _shorter("\n".join(out), text)


def repeats(text: str, budget: int) -> str | None:
    """Lines alike but for their numbers, one after the other: the first and the last of them. In a log, lines that come again and again
    in between other ones, too. An error is alike to another only in every letter, but where there are many that differ in numbers only."""
    lines = text.split("\n")
    if len(lines) < _RUN:
        return None
    shapes = [pattern(line) if line else "" for line in lines]
    told, times = teller(text), Counter(shapes)
    shapes = [line if times[shape] <= _OFTEN and told(line)[0] else shape for line, shape in zip(lines, shapes, strict=True)]
    kept = [True] * len(lines)
    at = 0
    while at < len(lines):
        stop = at + 1
        while stop < len(lines) and shapes[stop] == shapes[at]:
            stop += 1
        if stop - at >= _RUN and shapes[at].strip():
            kept[at + 1 : stop - 1] = [False] * (stop - at - 2)
        at = stop
    if sum(1 for line in lines if LOGGED.match(line)) >= _LOG_SHARE * len(lines):
        _often(shapes, kept)
    return _shorter(gaps(lines, kept, "similar lines"), text)


def ends(text: str, budget: int) -> str | None:
    """Whatever it is: the first lines, the last ones, and those between that tell of an error, each clipped; as the budget allows."""
    if len(text) <= budget:
        return None
    lines = text.split("\n")
    most = max(60, budget // 5)
    clipped = [clip(line, most) for line in lines] if max(map(len, lines)) > most else lines
    kept = pick(clipped, budget, lines)
    if clipped is not lines:
        clipped = [clip_about(line, most) if stays else short for line, short, stays in zip(lines, clipped, kept, strict=True)]
    made = gaps(clipped, kept, "lines")
    if len(made) > budget + budget // 4:
        made = clip(text, budget)
    return _shorter(made, text)


def pick(
    lines: Sequence[str],
    budget: int,
    said: Sequence[str] | None = None,
    *,
    first: int = _FIRST,
    last: int = _LAST,
    before: Sequence[int] = (),
) -> list[bool]:
    """Which lines fit the budget: the very first and last, for half of it those that tell of errors (with what is under each), then the
    other first and last ones, what stands around those, more errors, and from both ends inward. Each gap between them is taken to cost a
    note. `said`: the lines at their full length. `before`: which come before all others, for a third of it."""
    kept = [False] * len(lines)
    telling = ranked(said or lines)
    wrong = [near for place in telling for near in _with_next(lines, place)]
    edges = [*range(min(first, len(lines))), *range(len(lines) - 1, max(0, len(lines) - last) - 1, -1)]
    left = budget - _take(lines, kept, (0, len(lines) - 1), budget)
    named = _take(lines, kept, before, min(left, budget // 3))
    left -= named + _take(lines, kept, wrong, min(left, budget // 2) - named)
    around = [place + step for step in _AROUND for place in telling[:_LOOKED_AROUND] if kept[place] and place + step >= 0]
    left -= _take(lines, kept, edges, left)
    left -= _take(lines, kept, (*around, *wrong), left)
    _take(lines, kept, outside_in(range(len(lines))), left, inward=True)
    return kept


def _take(lines: Sequence[str], kept: list[bool], places: Iterable[int], room: int, *, inward: bool = False) -> int:
    """Keep these lines as far as there is room; how much they take. `inward`: the first that does not fit ends it."""
    left = room
    for place in places:
        if place >= len(lines) or kept[place]:
            continue
        size = len(lines[place]) + 1 + (0 if _beside(kept, place) else _NOTE)
        if size <= left:
            kept[place] = True
            left -= size
        elif inward:
            break
    return room - left


def gaps(lines: Sequence[str], kept: Sequence[bool], what: str) -> str:
    """The kept lines, and in place of each run of others how many they were; a run that is no longer than that stays."""
    made: list[str] = []
    at = 0
    while at < len(lines):
        if kept[at]:
            made.append(lines[at])
            at += 1
            continue
        stop = at
        while stop < len(lines) and not kept[stop]:
            stop += 1
        count = sum(_lines_of(line) for line in lines[at:stop])
        note = f"... {count} {what if count > 1 else what.removesuffix('s')} left out ..."
        if sum(len(line) + 1 for line in lines[at:stop]) <= len(note) + 1:
            made += lines[at:stop]
        else:
            made.append(note)
        at = stop
    return "\n".join(made)


def clip(line: str, most: int) -> str:
    """A line of at most about so many characters: its beginning and its end."""
    if len(line) <= most:
        return line
    note = f" ... {len(line) - most} characters left out ... "
    if most <= len(note) + 16:
        return line[:most]
    room = most - len(note)
    tail = room // 3
    made = line[: room - tail] + note + line[len(line) - tail :]
    return made if len(made) < len(line) else line


def clip_about(line: str, most: int) -> str:
    """The same, with what in it tells of an error."""
    short = clip(line, most)
    at = focus(line) if short != line else 0
    tail = most // 4
    if at < most // 3 or at > len(line) - tail:
        return short
    start = line[: most // 8]
    begin = max(len(start), at - 8)
    notes = [f" ... {begin - len(start)} characters left out ... ", " ... 9999 characters left out ..."]
    room = most - len(start) - sum(map(len, notes))
    end = begin + room
    if room < most // 4:
        return short
    return f"{start}{notes[0]}{line[begin:end]} ... {len(line) - end} characters left out ..." if end < len(line) else short


def share(lines: Sequence[str], match: Callable[[str], object]) -> float:
    """The share of the lines that are not blank for which this holds."""
    some = [line for line in lines if line.strip()]
    return sum(1 for line in some if match(line[:LOOKED_AT])) / len(some) if some else 0.0


# What is kept around a line that tells of an error, in this order; of so many of them.
_AROUND, _LOOKED_AROUND = (1, 2, -1, 3, 4, -2), 12
_NOTE = 30
"""About the length of a note on a gap."""


def _shorter(made: str, text: str) -> str | None:
    return made if len(made) < len(text) else None


def _ends_of(run: str) -> str:
    note = f"... {len(run) - _BLOB_HEAD - _BLOB_TAIL} encoded characters left out ..."
    return run[:_BLOB_HEAD] + note + run[-_BLOB_TAIL:]


def _with_next(lines: Sequence[str], place: int) -> tuple[int, ...]:
    """A line, and what is said of it under it, further in."""
    after = lines[place + 1][:1] if place + 1 < len(lines) else ""
    return (place, place + 1) if after in (" ", "\t") and after and lines[place][:1] != after else (place,)


def _often(shapes: Sequence[str], kept: list[bool]) -> None:
    """Of lines that come very often, the first two and the last stay."""
    times = Counter(shapes)
    seen: Counter[str] = Counter()
    for place, shape in enumerate(shapes):
        seen[shape] += 1
        if times[shape] > _OFTEN and 2 < seen[shape] < times[shape] and shape.strip():
            kept[place] = False


def _lines_of(line: str) -> int:
    """How many lines a line stands for: a note on a gap for all that were left out there."""
    found = _GAP.match(line) if line.startswith("... ") else None
    return int(found.group(1)) if found else 1


def _beside(kept: Sequence[bool], place: int) -> bool:
    return (place > 0 and kept[place - 1]) or (place + 1 < len(kept) and kept[place + 1])
