"""Where the lines of a digest, or of a block of an earlier request, come from: read off the lines themselves, which name their turns."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from msgspec import Struct

from backstory.core.records import Turn
from backstory.memory.reading.fence import DIGEST_CLOSE, DIGEST_OPEN, RECALL_CLOSE, RECALL_OPEN

_FENCES = frozenset({DIGEST_OPEN, DIGEST_CLOSE, RECALL_OPEN, RECALL_CLOSE})
_LINE = re.compile(r"#(?P<number>[0-9]{1,9}) (?!of )(?P<speaker>[^:\n]{0,120}): (?P<text>.*)")
_NOTE = re.compile(r" \(later changed: #[0-9]{1,9}\)$")
_BRACKET = re.compile("[<‹]")


class Quoted(Struct, frozen=True):
    """A line as it stands in a block. `start`, `end`: the characters of the turn's text that it is, 0 and 0 where it is not verbatim."""

    turn: Turn
    speaker: str
    text: str
    start: int
    end: int


def quoted(block: str, path: Sequence[Turn]) -> Iterator[Quoted]:
    """The lines of a block that name a turn of this path, in order. A line that goes on over several is one."""
    held: list[tuple[int, str, list[str]]] = []
    for row in block.split("\n"):
        match = _LINE.fullmatch(row)
        if match is not None:
            held.append((int(match["number"]), match["speaker"], [match["text"]]))
        elif held and row not in _FENCES and not row.startswith(("#", "[")):
            held[-1][2].append(row)
    for number, speaker, rows in held:
        turn = next((one for one in path if one.position + 1 == number), None)
        if turn is not None:
            text = _NOTE.sub("", "\n".join(rows)).rstrip()
            yield Quoted(turn, speaker, text, *_place(turn.text, text))


def _place(text: str, piece: str) -> tuple[int, int]:
    """Where a piece stands in a text, whatever white space, brackets and signs of quotation keep it from being taken for ours."""
    words = [r">?" if word == ">" else r"[<‹]".join(re.escape(part) for part in _BRACKET.split(word)) for word in piece.split()]
    match = re.search(r"\s*".join(words), text) if words else None
    return match.span() if match is not None else (0, 0)
