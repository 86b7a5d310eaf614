"""Shrinking of data: JSON, pages, listings of files and matches, diffs. See shrink_lines.py for the rule of all shrinkers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from html import unescape
from itertools import groupby, islice, zip_longest
from typing import TypeAlias

import msgspec
from msgspec import Struct

from backstory.memory.shrinking.shrink_lines import LOGGED, clip, clip_about, gaps, pick, share
from backstory.memory.shrinking.shrink_signs import LIKELY, names_wrong, ranked, signs

Json: TypeAlias = "bool | int | msgspec.Raw | str | list[Json] | dict[str, Json] | None"

# A number with a point or an exponent stays as it is spelt: 1.10 may be a version, and no digit of a price is to be lost.
_decode = msgspec.json.Decoder(float_hook=lambda spelt: msgspec.Raw(spelt.encode())).decode
_encode = msgspec.json.Encoder().encode
# Elements kept of an array, characters of a string, members of an object: what is tried one after the other until the budget holds.
_STEPS = ((8, 400, 40), (4, 160, 24), (3, 80, 16), (2, 40, 12), (1, 24, 8))
_WRONG_ELEMENTS = 3
# An element is looked into so deep, at so many members of each object; a string as short is a word that others may share.
_LOOKED_INTO, _MEMBERS, _WORD_CHARS = 3, 40, 40
# A member has one of few values where they are no more than so many, and a value is rare up to one in so many.
_MOST_KINDS, _RARE_SHARE = 12, 100
_DEEPEST = 40
_JSON_LINES = 8
_PAGE = re.compile(r"\s{0,200}(?:<\?xml[^<>]{0,200}\?>\s{0,40})?<(?:!doctype html|html\b)", re.IGNORECASE)
_UNSEEN = re.compile(r"<(script|style|svg|template)\b", re.IGNORECASE)
_CLOSED = {name: re.compile(rf"</{name}[^<>]{{0,40}}>", re.IGNORECASE) for name in ("script", "style", "svg", "template")}
# A tag, and whether a line ends with it.
_TAG = re.compile(
    r"<(?:/?(br|p|div|li|tr|h[1-6]|title|table|ul|ol|dl|dt|dd|section|article|header|footer|nav|main|form|pre|option)\b)?[^<>]{0,4000}>"
)
_JSON_LINE = re.compile(r"\{\s{0,4}[\"}]|\[\s{0,4}(?:[\"{\[\]]|-?\d{1,20}[,.\]]|null|true|false)")
_LONG = re.compile(r"(?:total \d|[-dlbcps][-rwxsStT]{9}[.+@]? )")
_PATH = re.compile(r"(?:\./|/|~/|[A-Za-z]:\\)?[\w.@+()\[\]-]+(?:[/\\][\w .@+()\[\]-]+)*/?\s*\Z")
_NAMES_A_FILE = re.compile(r"[/\\]|\w\.\w")
_MATCH = re.compile(r"([\w./@+\\-]{1,300}?)[:-](\d+)[:-]")
_TREE = re.compile(r"(?:[│|] {0,3}| {4})*(?:├──|└──|\|--|`--|\+--)")
_LETTER = re.compile(r"[^\W\d_]")
_NOTABLE_LINES = 8
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
    notable: dict[int, list[int]] = {}
    for elements, chars, keys in _STEPS:
        try:
            made = _encode(_less(value, _Step(elements, chars, keys, notable), 0)).decode()
        except (RecursionError, UnicodeEncodeError):
            return None
        if len(made) <= budget:
            break
    return made if len(made) < len(text) else None


def pages(text: str, budget: int) -> str | None:
    """A page of HTML: what can be read of it, a line for each block."""
    if not _PAGE.match(text):
        return None
    kept: list[str] = []
    at = 0
    while found := _UNSEEN.search(text, at):
        end = _CLOSED[found.group(1).lower()].search(text, found.end())
        if end is None:
            break
        kept.append(text[at : found.start()])
        at = end.end()
    kept.append(text[at:])
    read = unescape(_TAG.sub(lambda tag: "\n" if tag.group(1) else " ", "".join(kept)))
    lines = [" ".join(line.split()) for line in read.split("\n")]
    made = "\n".join([line for line in lines if line])
    made += f"\n... {len(text) - len(made)} characters of markup left out ..."
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
    if share(lines, _PATH.match) >= _LISTING_SHARE and share(lines, _NAMES_A_FILE.search) >= _LISTING_SHARE:
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
            made = gaps(some, _changes(some, each), "lines")
            if len(made) <= budget:
                break
    if len(made) > budget:
        made = "\n".join(_by_file(lines))
    if len(made) > budget:
        some = made.split("\n")
        made = gaps(some, pick(some, budget), "lines")
    return made if len(made) < len(text) else None


class _Step(Struct, frozen=True):
    """How much stays: elements of an array, characters of a string, members of an object. `notable`: which elements of an array (by its
    id) are, found once for all steps."""

    elements: int
    chars: int
    keys: int
    notable: dict[int, list[int]]


def _less(value: Json, step: _Step, depth: int) -> Json:
    if isinstance(value, str):
        return clip_about(value, step.chars)
    if isinstance(value, list):
        if depth >= _DEEPEST:
            return f"... {len(value)} elements left out ..."
        return _some(value, step, depth)
    if isinstance(value, dict):
        if depth >= _DEEPEST:
            return f"... {len(value)} members left out ..."
        made: dict[str, Json] = {}
        names, keys = list(value), step.keys
        shown = names if len(names) <= keys + 1 else names[:keys] + [name for name in names[keys:] if names_wrong(name)][:_WRONG_ELEMENTS]
        for name in shown:
            made[name] = _less(value[name], step, depth + 1)
        if len(shown) < len(names):
            made["..."] = f"{len(names) - len(shown)} members left out"
        return made
    return value


def _some(value: list[Json], step: _Step, depth: int) -> list[Json]:
    """The first elements and the last one, and some between that tell of an error or are unlike all others; in place of the others how
    many they were."""
    elements = step.elements
    if len(value) <= elements + 2:
        return [_less(one, step, depth + 1) for one in value]
    notable = step.notable.get(id(value))
    if notable is None:
        notable = step.notable[id(value)] = _notable(value)
    between = sorted([place for place in notable if elements <= place < len(value) - 1][:_WRONG_ELEMENTS])
    made: list[Json] = []
    last = -1
    for place in [*range(elements), *between, len(value) - 1]:
        gap = place - last - 1
        if gap:
            made.append(f"... {gap} {'like ' if isinstance(value[place], dict) else ''}elements left out ...")
        made.append(_less(value[place], step, depth + 1))
        last = place
    return made


def _notable(value: list[Json]) -> list[int]:
    """The elements that tell of an error, and those of which a member holds what others hold hardly ever, where most hold one of few
    things: by turns."""
    wrong = [place for place, one in enumerate(value) if _wrong(one, 0)]
    if len(wrong) > len(value) // 2:
        wrong = wrong[:1]
    odd = _odd_ones(value)
    pairs = zip_longest(wrong, [place for place in odd if place not in set(wrong)])
    return [place for pair in pairs for place in pair if place is not None]


def _odd_ones(value: list[Json]) -> list[int]:
    if len(value) < _LISTED or not isinstance(value[0], dict):
        return []
    members = [dict(_scalars(one, "", 0)) for one in value]
    held: dict[str, Counter[str]] = {}
    for one in members:
        for name, text in one.items():
            held.setdefault(name, Counter())[text] += 1
    rare = len(value) // _RARE_SHARE + 1
    of_few = {name for name, times in held.items() if len(times) <= _MOST_KINDS and times.most_common(1)[0][1] > len(value) // 2}
    found = [(min([held[name][one[name]] for name in one if name in of_few], default=rare + 1), at) for at, one in enumerate(members)]
    odd = sorted([(times, at) for times, at in found if times <= rare])
    return [at for _, at in odd]


def _scalars(value: Json, name: str, depth: int) -> Iterator[tuple[str, str]]:
    """What an element holds in its members and theirs, but for texts and numbers with a point."""
    if isinstance(value, dict) and depth < _LOOKED_INTO:
        for key in islice(value, _MEMBERS):
            yield from _scalars(value[key], f"{name}.{key}", depth + 1)
    elif value is None or isinstance(value, bool | int) or (isinstance(value, str) and len(value) <= _WORD_CHARS):
        yield name, str(value)


def _wrong(value: Json, depth: int) -> bool:
    """Whether an element tells of an error: in a string of its own, or a member named so that is set."""
    if isinstance(value, str):
        return signs(value)[0] >= LIKELY
    if isinstance(value, dict) and depth < _LOOKED_INTO:
        return any((names_wrong(name) and bool(value[name])) or _wrong(value[name], depth + 1) for name in islice(value, _MEMBERS))
    return False


def _json_lines(text: str, budget: int) -> str | None:
    lines = text.split("\n")
    if len(lines) < _JSON_LINES or share(lines, _JSON_LINE.match) < _LISTING_SHARE:
        return None
    most = max(80, budget // 6)
    short = [clip(line, most) for line in lines]
    kept = pick(short, budget, lines, first=3, last=3)
    short = [clip_about(line, most) if stays else clipped for line, clipped, stays in zip(lines, short, kept, strict=True)]
    made = gaps(short, kept, "like lines")
    return made if len(made) < len(text) else None


def _of_path(line: str) -> str:
    return line.rstrip().rstrip("/").rpartition("/")[0]


def _of_match(line: str) -> str:
    """The file of a match; "" for what is none: a name without a letter is part of a date or an address."""
    found = _MATCH.match(line)
    return found.group(1) if found and _LETTER.search(found.group(1)) else ""


def _grouped(lines: Sequence[str], budget: int, text: str, key: Callable[[str], str], what: str) -> str | None:
    """Neighbours of one group: some of each, and those that tell of errors or are unlike all others, fewer where there are many groups; in
    the end groups go too."""
    places = [list(some) for _, some in groupby(range(len(lines)), lambda place: key(lines[place]))]
    notable = set(ranked(lines)[:_NOTABLE_LINES])
    made = ""
    for each in (8, 4, 2, 1):
        out: list[str] = []
        for some in places:
            rest = some[each:] if len(some) > each + 1 else []
            shown = [place for place in rest if place in notable][: min(each, _WRONG_ELEMENTS)]
            out += [lines[place] for place in some[: len(some) - len(rest)]]
            if len(rest) > len(shown):
                out.append(f"... {len(rest) - len(shown)} more {what} in {clip(key(lines[some[0]]), 120) or '.'} left out ...")
            out += [lines[place] for place in shown]
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


def _by_file(lines: Sequence[str]) -> list[str]:
    """What stands before the first part of each file's, but for what its name says already; of the parts how much was added and removed."""
    made: list[str] = []
    gone = added = removed = 0
    inside = False

    def told() -> list[str]:
        return [f"... {gone} lines (+{added} -{removed}) left out ..."] if gone else []

    for at, line in enumerate(lines):
        inside = line.startswith("@@") or (inside and line[:1] in (" ", "+", "-", "\\", "") and not _begins_file(lines, at))
        if inside:
            gone, added, removed = gone + 1, added + (line[:1] == "+"), removed + (line[:1] == "-")
        elif line.startswith("index ") or (line.startswith(("--- ", "+++ ")) and made and made[-1].startswith("diff ")):
            gone += 1
        else:
            made += [*told(), line]
            gone = added = removed = 0
    return [*made, *told()]


def _begins_file(lines: Sequence[str], at: int) -> bool:
    """Whether the name of a file stands here, not a line that was removed."""
    return lines[at].startswith("--- ") and at + 1 < len(lines) and lines[at + 1].startswith("+++ ")


def _changes(lines: Sequence[str], each: int) -> list[bool]:
    """Heads, and the first changes of each part."""
    kept: list[bool] = []
    seen = 0
    for line in lines:
        head = line.startswith(_HEADS)
        seen = 0 if head else seen + 1
        kept.append(head or seen <= each)
    return kept
