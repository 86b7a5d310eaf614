"""Units: what is indexed, ranked and shown. A turn is one unit, or several: one for each "Name: text" line of a transcript, and
pieces of about 256 tokens of long texts.

Rule: the texts of a turn's units are verbatim pieces of its text, in order, that leave out nothing but names, stamps,
white space and the end of long tool output.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from msgspec import Struct

from backstory.core.records import Turn
from backstory.core.tokens import estimate
from backstory.memory.reading.speakers import Carry, speakers, voice
from backstory.memory.recall.associations import concepts
from backstory.memory.recall.inflected import inflected
from backstory.memory.text import terms_of, words

__all__ = ["PIECE_TOKENS", "Carry", "Unit", "index_terms", "pieces", "units"]

PIECE_TOKENS = 256
_UNBROKEN = 300
"""Characters of a piece of text without any white space."""
_TOOL_CHARS = 20_000
"""What is read of a tool's output: the rest of a long one would only crowd the index."""
_SURELY_MORE = 24
"""Characters for each token: no text that says something has as many."""
_CUTS = tuple(re.compile(pattern) for pattern in (r"(?<=\n\n)", r"(?<=\n)", r"(?<=[.!?;:] )|(?<=[。！？；])", r"(?<=\s)"))


class Unit(Struct, frozen=True):
    """A turn or a piece of it. `turn`: its id. `piece`: 0-based place within the turn. `number`: 1-based number of the turn in its
    conversation, as shown to the model. `at`: Unix seconds. `tokens`: of `text`, estimated. `terms`: index terms in order, with
    repeats; then the concepts they stand for."""

    turn: int
    piece: int
    number: int
    speaker: str
    role: str
    text: str
    at: float
    tokens: int
    terms: tuple[str, ...]


def units(
    turns: Iterable[Turn], first_number: int, carry: Carry, breathe: Callable[[], None] = lambda: None, bare: bool = False
) -> list[Unit]:
    """The units of these turns, the first of which has this number. `carry` is carried from call to call of one branch, and changed; one
    that knows of nothing yet learns who speaks from all of these turns.
    `breathe` is called between small pieces of the work. `bare`: without index terms, which take half of the time."""
    made: list[Unit] = []
    if isinstance(turns, Sequence) and len(turns) > 1:
        carry.begin(turns)
    for number, turn in enumerate(turns, first_number):
        for unit in _of(turn, number, carry, bare):
            made.append(unit)
            breathe()
    return made


def _of(turn: Turn, number: int, carry: Carry, bare: bool) -> Iterator[Unit]:
    at = turn.at or turn.arrived
    speaker, role = voice(turn)
    piece = 0
    carry.listen(turn)
    for line_at, name, text in _said(turn, at, carry) if turn.kind == "spoken" else ((at, "", turn.text[:_TOOL_CHARS].strip()),):
        said_by = name or speaker
        for part in pieces(text):
            found = () if bare else tuple(index_terms(part))
            yield Unit(turn.id, piece, number, said_by, role, part, line_at, estimate(part), found)
            piece += 1


def index_terms(text: str) -> list[str]:
    """Terms of a text, the concepts they stand for, and its words without their endings where it is in another language than English."""
    said = words(text)
    found = terms_of(said)
    return found + concepts(found) + list(inflected(said).values())


def _said(turn: Turn, at: float, carry: Carry) -> Iterator[tuple[float, str, str]]:
    """Time, speaker ("" for the turn's own) and text of each line of a transcript; the whole text where it is none. What somebody says
    who is known by the message itself is theirs, all of it."""
    lines = turn.text.split("\n") if ": " in turn.text and not turn.sender else []
    found = speakers(lines, carry) if lines else {}
    if not found:
        yield at, "", turn.text.strip()
        return
    said_at, name, stamped = at, "", False
    held: list[str] = []
    for place, line in enumerate(lines):
        one = found.get(place)
        if one is None and not (stamped and not line.strip()):
            held.append(line)
            continue
        if held:
            yield said_at, name, "\n".join(held).strip()
        if one is None:
            # A line with its time ends with its paragraph: what follows is said now.
            said_at, name, stamped, held = at, "", False, []
            continue
        said_at = one.at or said_at
        name, stamped, held = one.name, one.at > 0, [line[one.end :]]
    yield said_at, name, "\n".join(held).strip()


def pieces(text: str, limit: int = PIECE_TOKENS) -> list[str]:
    """The text in pieces of at most about `limit` tokens, cut between paragraphs, else lines, sentences, words, else anywhere."""
    if not text or (len(text) <= limit and text.isascii()) or (len(text) <= _SURELY_MORE * limit and estimate(text) <= limit):
        return [text] if text else []
    made: list[str] = []
    held: list[str] = []
    size = 0
    for part in _parts(text):
        cost = estimate(part)
        if held and size + cost > limit:
            made.extend(_smaller("".join(held), text, limit))
            held, size = [], 0
        held.append(part)
        size += cost
    made.extend(_smaller("".join(held), text, limit))
    return made


def _smaller(part: str, whole: str, limit: int) -> list[str]:
    """The part without its margins, cut again where it is still too long (and not all of what has just been cut)."""
    part = part.strip()
    return pieces(part, limit) if len(part) < len(whole) else [part]


def _parts(text: str) -> list[str]:
    for cut in _CUTS:
        parts = [part for part in cut.split(text) if part]
        if len(parts) > 1:
            return parts
    return [text[at : at + _UNBROKEN] for at in range(0, len(text), _UNBROKEN)]
