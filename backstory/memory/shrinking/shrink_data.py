"""Shrinking of data: JSON, listings of files and matches, diffs. See shrink_lines.py for the rule of all shrinkers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby
from typing import TypeAlias

import msgspec

from backstory.memory.shrinking.shrink_lines import LOGGED, clip, clip_about, gaps, pick, share
from backstory.memory.shrinking.shrink_signs import LIKELY, names_wrong, signs, telling

Json: TypeAlias = "bool | int | msgspec.Raw | str | list[Json] | dict[str, Json] | None"

# A number with a point or an exponent stays as it is spelt: 1.10 may be a version, and no digit of a price is to be lost.
_decode = msgspec.json.Decoder(float_hook=lambda spelt: msgspec.Raw(spelt.encode())).decode
_encode = msgspec.json.Encoder().encode
# Elements kept of an array, characters of a string, members of an object: what is tried one after the other until the budget holds.
_STEPS = ((8, 400, 40), (4, 160, 24), (3, 80, 16), (2, 40, 12), (1, 24, 8))
_WRONG_ELEMENTS = 3
_DEEPEST = 40
_JSON_LINES = 8
_LONG = re.compile(r"(?:total \d|[-dlbcps][-rwxsStT]{9}[.+@]? )")
_PATH = re.compile(r"(?:\./|/|~/|[A-Za-z]:\\)?[\w.@+()\[\]-]+(?:[/\\][\w .@+()\[\]-]+)*/?\s*\Z")
_MATCH = re.compile(r"([\w./@+\\-]{1,300}?)[:-](\d+)[:-]")
_TREE = re.compile(r"(?:[│|] {0,3}| {4})*(?:├──|└──|\|--|`--|\+--)")
_LETTER = re.compile(r"[^\W\d_]")
_LISTED, _LISTING_SHARE, _LOG_SHARE = 20, 0.8, 0.5
_HEADS = (
    "diff ",
    "index ",
    "--- ",
    "+++ ",
    "@@",
    "new file",
    "deleted file",
    "rename ",
    "similarity ",
    "Binary files",
    "commit ",
    "Author:",
)


def data(text: str, budget: int) -> str | None:
    """JSON, or a JSON value on each line: of arrays some elements, of long strings the ends. What it leaves out it says in their place,
    so that it can still be read as JSON. Elements that tell of an error stay."""
    start = text.lstrip()[:1]
    if not start or start not in "[{":
        return None
    try:
        value: Json = _decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return _json_lines(text, budget)
    made = ""
    for elements, chars, keys in _STEPS:
        try:
            made = _encode(_less(value, elements, chars, keys, 0)).decode()
        except (RecursionError, UnicodeEncodeError):
            return None
        if len(made) <= budget:
            break
    return made if len(made) < len(text) else None


def listing(text: str, budget: int) -> str | None:
    """Files, matches of a search, trees: of each folder or file some entries, and how many more there are."""
    lines = text.split("\n")
    if len(lines) < _LISTED:
        return None
    if share(lines, LOGGED.match) >= _LOG_SHARE:
        return None
    if share(lines, _of_match) >= _LISTING_SHARE:
        return _grouped(lines, budget, text, _of_match, "matches")
    if share(lines, _PATH.match) >= _LISTING_SHARE:
        return _grouped(lines, budget, text, _of_path, "entries")
    if share(lines, _LONG.match) >= _LISTING_SHARE or share(lines, _TREE.match) >= _LISTING_SHARE:
        made = gaps(lines, pick(lines, budget, first=6, last=4), "entries")
        return made if len(made) < len(text) else None
    return None


def diffs(text: str, budget: int) -> str | None:
    """Unified diffs: what was not changed goes first; where the changes are still too many, of each part the first ones stay."""
    lines = text.split("\n")
    if not any(line.startswith("@@") for line in lines) or not any(line.startswith(("--- ", "diff ")) for line in lines):
        return None
    made = gaps(lines, _changed(lines), "unchanged lines")
    if len(made) > budget:
        some = made.split("\n")
        for each in (12, 5, 2):
            made = gaps(some, _changes(some, each), "changed lines")
            if len(made) <= budget:
                break
    if len(made) > budget:
        some = made.split("\n")
        made = gaps(some, pick(some, budget), "lines")
    return made if len(made) < len(text) else None


def _less(value: Json, elements: int, chars: int, keys: int, depth: int) -> Json:
    if isinstance(value, str):
        return clip(value, chars)
    if isinstance(value, list):
        if depth >= _DEEPEST:
            return f"... {len(value)} elements left out ..."
        return _some(value, elements, chars, keys, depth)
    if isinstance(value, dict):
        if depth >= _DEEPEST:
            return f"... {len(value)} members left out ..."
        made: dict[str, Json] = {}
        names = list(value)
        shown = names if len(names) <= keys + 1 else names[:keys] + [name for name in names[keys:] if names_wrong(name)][:_WRONG_ELEMENTS]
        for name in shown:
            made[name] = _less(value[name], elements, chars, keys, depth + 1)
        if len(shown) < len(names):
            made["..."] = f"{len(names) - len(shown)} members left out"
        return made
    return value


def _some(value: list[Json], elements: int, chars: int, keys: int, depth: int) -> list[Json]:
    """The first elements and the last one, and some between that tell of an error; in place of the others how many they were."""
    if len(value) <= elements + 2:
        return [_less(one, elements, chars, keys, depth + 1) for one in value]
    middle = range(elements, len(value) - 1)
    wrong = [place for place in middle if _wrong(value[place])][:_WRONG_ELEMENTS]
    made: list[Json] = []
    last = -1
    for place in [*range(elements), *wrong, len(value) - 1]:
        gap = place - last - 1
        if gap:
            made.append(f"... {gap} {'like ' if isinstance(value[place], dict) else ''}elements left out ...")
        made.append(_less(value[place], elements, chars, keys, depth + 1))
        last = place
    return made


def _wrong(value: Json) -> bool:
    """Whether an element tells of an error: in a string of its own, or a member named so that is set."""
    if isinstance(value, str):
        return telling(value)
    if isinstance(value, dict):
        return any((names_wrong(name) and bool(one)) or (isinstance(one, str) and telling(one)) for name, one in value.items())
    return False


def _json_lines(text: str, budget: int) -> str | None:
    lines = text.split("\n")
    if len(lines) < _JSON_LINES or share(lines, lambda line: line[:1] in "[{") < _LISTING_SHARE:
        return None
    most = max(80, budget // 6)
    short = [clip(line, most) for line in lines]
    kept = pick(short, budget, lines, 3, 3)
    short = [clip_about(line, most) if stays else clipped for line, clipped, stays in zip(lines, short, kept, strict=True)]
    made = gaps(short, kept, "like lines")
    return made if len(made) < len(text) else None


def _of_path(line: str) -> str:
    return line.rstrip().rstrip("/").rpartition("/")[0]


def _of_match(line: str) -> str:
    """The file of a match; "" for what is none: a name without a letter is part of a date or an address."""
    found = _MATCH.match(line)
    return found.group(1) if found and _LETTER.search(found.group(1)) else ""


def _grouped(lines: Sequence[str], budget: int, text: str, key: object, what: str) -> str | None:
    """Neighbours of one group: some of each and of those that tell of errors, fewer where there are many groups; in the end groups go
    too."""
    of = _of_match if key is _of_match else _of_path
    groups = [(name, list(some)) for name, some in groupby(lines, of)]
    made = ""
    for each in (8, 4, 2, 1):
        out: list[str] = []
        for name, some in groups:
            rest = some[each:] if len(some) > each + 1 else []
            wrong = [line for line in rest if signs(line)[0] >= LIKELY][: min(each, _WRONG_ELEMENTS)]
            out += some[: len(some) - len(rest)]
            if len(rest) > len(wrong):
                out.append(f"... {len(rest) - len(wrong)} more {what} in {clip(name, 120) or '.'} left out ...")
            out += wrong
        made = "\n".join(out)
        if len(made) <= budget:
            break
    if len(made) > budget:
        made = gaps(out, pick(out, budget), f"lines of {what}")
    return made if len(made) < len(text) else None


def _changed(lines: Sequence[str]) -> list[bool]:
    """Which lines are not context. Outside of a hunk none is: `git show` indents what a commit says of itself."""
    kept: list[bool] = []
    inside = False
    for line in lines:
        inside = line.startswith("@@") or (inside and line[:1] in (" ", "+", "-", "\\", ""))
        kept.append(not inside or not line.startswith(" "))
    return kept


def _changes(lines: Sequence[str], each: int) -> list[bool]:
    """Heads, and the first changes of each part."""
    kept: list[bool] = []
    seen = 0
    for line in lines:
        head = line.startswith(_HEADS)
        seen = 0 if head else seen + 1
        kept.append(head or seen <= each)
    return kept
