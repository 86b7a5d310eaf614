"""The sentences of a turn that somebody said in his own words, each with its author and its place in the turn's text.

Rule: code, quotations, tables, log lines, blocks in tags (ours among them) and texts that are given to be worked on are nobody's
statements. Every sentence is `turn.text[start:end]`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Set

from msgspec import Struct

from backstory.core.records import Turn
from backstory.memory.facts.pastes import own_until
from backstory.memory.forms import ALWAYS, Form
from backstory.memory.reading.speakers import Begun, Carry, speakers
from backstory.memory.recall import dates
from backstory.memory.text import fold

_EDGE_CHARS = 6_000
"""Of a longer text only its beginning and its end are read: what is between is a paste."""
_LONGEST = 400
_VOID = frozenset({"br", "hr", "img", "p", "li", "input", "b", "i"})
_TAG = Form(r"\s*<(?P<close>/?)(?P<name>[A-Za-z][\w:-]*)(?:\s[^<>\n]*)?/?>?")
_SKIPPED = Form(
    r"\s*(?:>|\||\t| {4}|//|/\*|#\s|--\s|<!--|@@|\+\+\+|---"
    r"|\d{4}-\d\d-\d\d[T ]\d\d:\d\d|\d\d:\d\d:\d\d|(?:DEBUG|INFO|WARN|ERROR|TRACE|FATAL)\b)",
    gist=ALWAYS,
)
_INDENTED = Form(r"(?: {4}|\t)(?!\s*(?:[-*•]|\d+[.)])\s)")
_BULLET = Form(r"\s*(?:(?:[-*•+]|\d{1,3}[.)]|#{1,6})\s+)?(?:\*\*|__)?")
# A run of points is taken as one, whole: a long one is gone through once.
_END = Form(r"(?<![.!?…。！？])[.!?…。！？]++[\"'”’)\]*]*+(?=\s|$)|(?<=[。！？])")
_TITLE = Form(r"\b(?:dr|mr|mrs|ms|st|prof|e\.g|i\.e|vs|approx)\.$", re.I)
"""What always goes on behind its point."""
_SHORT = Form(r"\b(?:etc|a\.m|p\.m|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec|inc|ltd|jr|sr)\.$", re.I)
"""What may be the end of a sentence as well: a capital begins the next one."""
_ORDINAL = Form(r"\b\d{1,2}\.$")
_MONTH = Form(r"(?:januar|februar|märz|april|mai|juni|juli|august|september|oktober|november|dezember)\b", re.I)
"""Behind the point of a German day: "am 3. Mai"."""
_NUMBERED = Form(r"\bno\.$", re.I)
_TASK = Form(
    r"(?:翻译|翻譯|改写|改寫|润色|潤色|\b(?:übersetz\w*|umformulier\w*|korrigier\w*|geschichte|gedicht|traduis\w*|traduire|corrige\w*"
    r"|résum\w*|histoire|poème|traduc\w*|cuento|poema|historia"
    r"|translate|rewrite|rephrase|proof-?read|paraphrase|summari[sz]e|grammar|essay|story|poem|song|role-?play|pretend|dialogue|screenplay"
    r"|fiction|classify|transcribe|edit (?:this|the following)|the following (?:text|sentence|paragraph|email|message|letter))\b)"
    r"[^\n]{0,120}?(?P<begin>:|\n)",
    re.I,
)
_LABELS_WORDS = """
    update server frontend backend decision decided plan reminder correction api deadline port database remember please actually no sorry
    edit fyi btw info also ps todo config env address birthday name email phone user assistant system human ai bot model language budget
    demo meeting goal final agreed translate base host path key token region branch owner team stack editor timezone theme font
"""
_LABELS = frozenset(_LABELS_WORDS.split())
_VALUE_ONLY = Form(r"(?:(?:on |at |by )?\S*[\d/_@=`]\S*(?: \w+){0,3}|true|false)$", re.I)


class Sentence(Struct, frozen=True):
    """`author`: a name, or "user" or "assistant". `named`: the text itself says who speaks. `alone`: it is a whole line.
    `states`: it neither asks nor begins with a quotation. `at`: Unix seconds."""

    author: str
    named: bool
    at: float
    start: int
    end: int
    alone: bool
    states: bool


def sentences(turn: Turn, names: Set[str] = frozenset()) -> Iterator[Sentence]:
    """Every sentence of this turn that is its author's own, in order. None of what a tool returned. `names`: who is known to speak in the
    conversation."""
    if turn.kind != "spoken" or turn.role not in ("user", "assistant"):
        return
    text, upto = turn.text, len(turn.text)
    if turn.role == "user":
        if (task := _TASK.search(text, 0, _EDGE_CHARS)) is not None:
            upto = task.start("begin")
        upto = own_until(text, upto)
    author, at = turn.sender or turn.role, turn.at or turn.arrived
    said_by = _said_by(turn, names)
    speaker, inside = author, ""
    start, number = 0, -1
    while start < upto:
        number += 1
        stop = text.find("\n", start, upto)
        stop = upto if stop < 0 else stop
        line = text[start:stop]
        begin, start = start, stop + 1
        if not line or line.isspace():
            continue
        inside, skip = _block(line, inside)
        if skip or _EDGE_CHARS < begin < len(text) - _EDGE_CHARS:
            continue
        stamped = dates.stamp(line) if line[0] in "[(" else None
        place = begin + (len(line) - len(stamped[1]) if stamped else 0)
        one = said_by.get(number)
        if one is not None:
            speaker, place = one.name, begin + one.end
        if stamped or not (_SKIPPED.match(line) or _INDENTED.match(line)):
            yield from _split(text, place, min(stop, place + _EDGE_CHARS), speaker, speaker != author, stamped[0] if stamped else at)


def _block(line: str, inside: str) -> tuple[str, bool]:
    """What block the next line is in ("" for none: a fence, or a tag's name), and whether this one is part of a block."""
    head = line.lstrip()[:3]
    if inside in ("```", "~~~"):
        return ("" if head == inside else inside), True
    if inside:
        return ("" if f"</{inside}" in line.lower() else inside), True
    if head in ("```", "~~~"):
        return head, True
    tag = _TAG.match(line) if head[:1] == "<" else None
    if tag is None:
        return "", False
    name = tag["name"].lower()
    over = name in _VOID or tag["close"] or f"</{name}" in line.lower() or line.rstrip().endswith("/>")
    return ("" if over else name), True


def _said_by(turn: Turn, names: Set[str]) -> dict[int, Begun]:
    """How the lines (by place) begin that somebody says by name, who is not the one who sent the message."""
    if turn.sender or ": " not in turn.text:
        return {}
    lines = turn.text.split("\n")
    return {
        place: one
        for place, one in speakers(lines, Carry(set(names))).items()
        if _LABELS.isdisjoint(fold(one.name).split()) and not _VALUE_ONLY.match(lines[place], one.end)
    }


def _split(text: str, start: int, stop: int, author: str, named_: bool, at: float) -> Iterator[Sentence]:
    bullet = _BULLET.match(text, start, stop)
    first = start = bullet.end() if bullet else start
    while start < stop:
        end = _end(text, start, stop)
        low, high = _stripped(text, start, end)
        if 1 < high - low <= _LONGEST:
            code = text[low] == "`" and text.find("`", low + 1, high) in (high - 1, high - 2)
            states = text[high - 1] not in "?？؟" and text[low] not in "\"“«'" and not code
            yield Sentence(author, named_, at, low, high, low == first and end == stop, states)
        start = max(end, start + 1)


def parts(line: str) -> Iterator[str]:
    """The sentences of a line as they stand in it, whoever says them."""
    for low, high in bounds(line, 0, len(line)):
        yield line[low:high]


def bounds(text: str, start: int, stop: int) -> Iterator[tuple[int, int]]:
    """From where to where the sentences of a line stand in a text, whoever says them. `start`, `stop`: of the line."""
    while start < stop:
        end = _end(text, start, stop)
        low, high = _stripped(text, start, end)
        if low < high:
            yield low, high
        start = max(end, start + 1)


def _stripped(text: str, low: int, high: int) -> tuple[int, int]:
    while low < high and text[low].isspace():
        low += 1
    while high > low and text[high - 1].isspace():
        high -= 1
    return low, high


def _end(text: str, start: int, stop: int) -> int:
    for match in _END.finditer(text, start, stop):
        end = match.end()
        if end > start and (text[end - 1] != "." or not _goes_on(text, max(start, end - 8), end, stop)):
            return end
    return stop


def _goes_on(text: str, start: int, end: int, stop: int) -> bool:
    """Whether the point at `end` is that of a short form in the midst of a sentence."""
    after = text[end + 1 : min(stop, end + 2)]
    if _TITLE.search(text, start, end) or (_ORDINAL.search(text, start, end) and _MONTH.match(text, end + 1, stop)):
        return True
    return (_SHORT.search(text, start, end) is not None and not after.isupper()) or (
        after.isdigit() and _NUMBERED.search(text, start, end) is not None
    )
