"""Which old tool results give way to stubs, what a stub says, and how what it stands for is found again. Decisions only.

Superseded: the same thing was read or run again later, or the file was changed since. Stale: older than what is protected, and large.
Never a result among the newest turns, never an error that is still the last word on its subject, never one that a stub would hardly
shorten. A stub names its turn and the hash of what it stands for, so that no other text can ever come back in its place.
"""

from __future__ import annotations

import posixpath
import re
from collections import deque
from collections.abc import Callable, Container, Sequence
from hashlib import blake2b
from typing import Literal, TypeAlias

import msgspec
from msgspec import Struct

from backstory.core.records import Turn
from backstory.core.sizes import CHARS_PER_TOKEN, rough
from backstory.errors import NotFound
from backstory.memory.folding.compaction import Window
from backstory.memory.reading.fence import harmless, plain
from backstory.memory.reading.turns import Call, calls_of
from backstory.memory.shrinking.refs import Ref, ref
from backstory.memory.shrinking.shrink_lines import clip
from backstory.memory.shrinking.shrink_signs import LIKELY, signs
from backstory.memory.shrinking.shrinkers import shrink

Reason: TypeAlias = Literal["again", "changed", "old"]

# The newest turns are protected while they take no more than this share of the window, and the last steps whatever they take.
_PROTECTED_SHARE = 0.10
_STEPS = 2
# A stub must save at least this, and this share of what it stands for.
_LEAST_SAVED, _LEAST_SHARE = 60, 0.5
_HASH_BYTES = 16
_PATHS = (
    "file_path",
    "path",
    "filepath",
    "filePath",
    "absolute_path",
    "relative_path",
    "target_file",
    "notebook_path",
    "filename",
    "file_name",
    "file",
    "uri",
)
_COMMANDS = ("command", "cmd", "script")
_OTHERS = ("pattern", "query", "url", "regex", "glob", "directory_path", "dir_path", "name", "id")
_RANGES = re.compile(r"offset|limit|start|end|line|range|page|view|head|tail|from|to\Z", re.IGNORECASE)
# What a caller says about a call, not what is asked for.
_ASIDES = frozenset({"description", "explanation", "timeout", "timeout_ms", "yield_time_ms", "max_output_tokens", "run_in_background"})
_WRITES = re.compile(r"write|edit|replace|patch|insert|create|update|append|delete|remove|move|rename|undo", re.IGNORECASE)
_LOOKS = re.compile(r"list|snapshot|screenshot|status|get|read|view|show|look", re.IGNORECASE)
_PATCHED = re.compile(r"\*\*\* (?:Update|Delete|Add) File: ([^\n\\\"]{1,400})")
_EXIT = re.compile(r"(?:exit(?:ed)?(?: with)?(?: code| status)?|returned)[ :=]*[1-9]", re.IGNORECASE)
_EDGE_CHARS = 600
_LINE_CHARS = 120
_MAIN_CHARS = 160
_WORDS = {"again": "the same was asked for again later", "changed": "what it shows was changed later", "old": "an older result"}

_arguments = msgspec.json.Decoder(dict[str, object])
_spell = msgspec.json.Encoder(order="sorted").encode


class Rules(Struct, frozen=True):
    """`stale_tokens`: an older result of at least so many may give way. `stub_tokens`: what its stub may take. `smaller`: an image is made
    smaller before it gives way to words."""

    window: Window
    stale_tokens: int
    stub_tokens: int
    smaller: bool = False


class Result(Struct, frozen=True):
    """A result on the path: `position` of its turn there, `place` among the results of its turn, and what was called. `main`: what the
    call is about, as shown. `subject`: the same, exactly. `path`: the file that it reads or changes, "" for none. `wrong`: it tells of an
    error."""

    turn: int
    position: int
    place: int
    name: str
    main: str
    subject: str
    path: str
    text: str
    writes: tuple[str, ...] = ()
    ranged: bool = False
    wrong: bool = False
    command: bool = False


class Choice(Struct, frozen=True):
    """A result that may give way to a stub, and why."""

    result: Result
    reason: Reason


class _Asked(Struct, frozen=True):
    name: str
    main: str
    subject: str
    path: str
    writes: tuple[str, ...]
    ranged: bool
    command: bool


def results(turns: Sequence[Turn]) -> list[Result]:
    """Every tool result in these turns, in order, with the call that it answers: by its id, or the next of that name."""
    by_id: dict[str, _Asked] = {}
    by_name: dict[str, deque[_Asked]] = {}
    found: list[Result] = []
    for position, turn in enumerate(turns):
        place = 0
        for row in calls_of(turn.calls):
            if row.result is None:
                asked = _asked(row.name, row.arguments or "")
                if row.id:
                    by_id[row.id] = asked
                by_name.setdefault(row.name, deque()).append(asked)
                continue
            waiting = by_name.get(row.name)
            one = by_id.get(row.id) if row.id else waiting.popleft() if waiting else None
            if one is not None and row.id and waiting and one in waiting:
                waiting.remove(one)
            found.append(_result(turn, position, place, row, one or _asked(row.name, "")))
            place += 1
    return found


def protected(path: Sequence[Turn], window: Window) -> int:
    """Index of the first turn of the path that is protected: the newest exchanges, while they take no more than a tenth of the window, and
    the last two steps of a tool loop in any case."""
    most = int(window.size * _PROTECTED_SHARE)
    taken = exchanges = steps = 0
    first = len(path)
    for place in range(len(path) - 1, -1, -1):
        turn = path[place]
        taken += turn.tokens
        if (taken > most or exchanges >= window.protected) and steps >= _STEPS:
            break
        first = place
        steps += turn.role == "assistant"
        exchanges += turn.role == "user" and turn.kind == "spoken"
    return first


def choices(found: Sequence[Result], first: int, upto: int, rules: Rules) -> list[Choice]:
    """What may give way among the results of turns `first` to `upto` (positions): superseded ones first, then old large ones, the oldest
    first. `found` holds all results, later ones too."""
    superseded: list[Choice] = []
    stale: list[Choice] = []
    least = _LEAST_SAVED * CHARS_PER_TOKEN / _LEAST_SHARE
    later = _Later(found)
    for number, result in enumerate(found):
        if not first <= result.position < upto or len(result.text) < least:
            continue
        reason = later.reason(number, result)
        if result.wrong and not later.said_again(number, result):
            continue
        if reason is not None:
            superseded.append(Choice(result, reason))
        elif rough(result.text) >= rules.stale_tokens:
            stale.append(Choice(result, "old"))
    return [*superseded, *stale]


class _Later:
    """What came after a result: the last number at which each subject was asked for, each file read whole or changed."""

    def __init__(self, found: Sequence[Result]) -> None:
        self._asked: dict[tuple[str, str], int] = {}
        self._asked_well: dict[tuple[str, str], int] = {}
        self._read: dict[tuple[str, str], int] = {}
        self._changed: dict[str, int] = {}
        for number, result in enumerate(found):
            key = (result.name, result.subject)
            if result.subject:
                self._asked[key] = number
            if result.wrong and not result.command:
                continue
            if result.subject:
                self._asked_well[key] = number
            if result.path and not result.writes and not result.ranged:
                self._read[result.name, result.path] = number
            for path in result.writes:
                self._changed[path] = number

    def reason(self, number: int, result: Result) -> Reason | None:
        """Why it is superseded; None where it is not."""
        if self._asked_well.get((result.name, result.subject), -1) > number:
            return "again"
        if result.writes or not result.path:
            return None
        if self._read.get((result.name, result.path), -1) > number:
            return "again"
        return "changed" if self._changed.get(result.path, -1) > number else None

    def said_again(self, number: int, result: Result) -> bool:
        """Whether the same was asked for later, whatever came of it."""
        return self._asked.get((result.name, result.subject), -1) > number


def stub(choice: Choice, rules: Rules, breathe: Callable[[], None] = lambda: None) -> str | None:
    """What goes upstream in its place; None where it is not clearly shorter. `breathe` is called between small pieces of the work."""
    result, text = choice.result, choice.result.text
    lines = text.count("\n") + 1
    what = plain(" ".join(part for part in (result.name or "tool", result.main) if part), _LINE_CHARS + _MAIN_CHARS)
    size = f"{lines} lines, {len(text)} characters" if lines > 1 else f"{len(text)} characters"
    head = f"[left out: {what}; {size}; {_WORDS[choice.reason]}; ref {ref('result', result.turn, result.place, content(text))}]"
    body = _edges(text) if choice.reason != "old" else shrink(text, int(rules.stub_tokens * CHARS_PER_TOKEN), breathe)
    made = f"{head}\n{harmless(body, first=True)}" if body else head
    before, after = rough(text), rough(made)
    if before - after < max(_LEAST_SAVED, int(before * _LEAST_SHARE)):
        return None
    return made


def content(text: str) -> bytes:
    """16-byte hash of what a stub stands for."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=_HASH_BYTES).digest()


def restored(turn: Turn, name: Ref) -> str:
    """The result of this turn that a ref names, as it was. NotFound where there is none, or its hash is not the ref's."""
    texts = [row.result for row in calls_of(turn.calls) if row.result is not None]
    if name.place >= len(texts):
        raise NotFound(f"turn {turn.id} has no tool result {name.place}")
    if content(texts[name.place])[:4].hex() != name.digits:
        raise NotFound(f"the tool result of {name.name} is not what it was")
    return texts[name.place]


def fresh(found: Sequence[Choice], known: Container[tuple[int, int]]) -> list[Choice]:
    """Those that have no stub yet."""
    return [choice for choice in found if (choice.result.turn, choice.result.place) not in known]


def _result(turn: Turn, position: int, place: int, row: Call, asked: _Asked) -> Result:
    text = row.result or ""
    wrong = row.error or (asked.command and _went_wrong(text))
    return Result(
        turn.id,
        position,
        place,
        asked.name or row.name,
        asked.main,
        asked.subject,
        asked.path,
        text,
        asked.writes,
        asked.ranged,
        wrong,
        asked.command,
    )


def _went_wrong(text: str) -> bool:
    edges = f"{text[:_EDGE_CHARS]}\n{text[-_EDGE_CHARS:]}" if len(text) > 2 * _EDGE_CHARS else text
    return _EXIT.search(edges) is not None or any(signs(line)[0] >= LIKELY for line in edges.split("\n"))


def _asked(name: str, arguments: str) -> _Asked:
    """A call by what it is about. A tool of many verbs is a tool for each: they come as a `command` of one word beside a path."""
    try:
        given = _arguments.decode(arguments) if arguments else {}
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        given = {}
    if not given and arguments.strip() not in ("", "{}"):
        return _Asked(name, clip(" ".join(arguments.split()), _MAIN_CHARS), arguments.strip(), "", _patched(arguments), False, False)
    path = _named(given, _PATHS)
    verb = _named(given, _COMMANDS)
    if path and verb and " " not in verb:
        name, verb = f"{name}.{verb}", ""
    key = next((key for key in (*(_COMMANDS if verb else ()), *_PATHS, *_OTHERS, *given) if _text(given.get(key))), "")
    main = f"{key}={clip(' '.join(_text(given[key]).split()), _MAIN_CHARS)}" if key else ""
    whole = _spell({key: value for key, value in given.items() if key not in _ASIDES and value is not None}).decode()
    writes = _patched(arguments)
    if not writes and path and _WRITES.search(name):
        writes = (_path(path),)
    ranged = any(_RANGES.search(key) and given[key] is not None for key in given if key not in _PATHS)
    subject = whole if given or _LOOKS.search(name) else ""
    return _Asked(name, main, subject, _path(path), writes, ranged, bool(verb))


def _patched(arguments: str) -> tuple[str, ...]:
    if "*** " not in arguments:
        return ()
    return tuple(_path(found) for found in _PATCHED.findall(arguments))


def _named(given: dict[str, object], keys: Sequence[str]) -> str:
    return next((text for key in keys if (text := _text(given.get(key)))), "")


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return " ".join(value)
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def _path(path: str) -> str:
    return posixpath.normpath(path.strip().removeprefix("file://").replace("\\", "/")) if path.strip() else ""


def _edges(text: str) -> str:
    """The first and the last line."""
    lines = [line.strip() for line in text.strip().split("\n", 1)[:1]] + [text.strip().rpartition("\n")[2].strip()]
    first, last = (clip(line, _LINE_CHARS) for line in lines)
    return first if first == last else f"{first}\n...\n{last}"
