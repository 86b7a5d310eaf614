"""Units: what is indexed, ranked and shown. A turn is one unit, or several: one for each "Name: text" line of a transcript, and
pieces of about 256 tokens of long texts.

Rule: the texts of a turn's units are verbatim pieces of its text, in order, that leave out nothing but names, stamps,
white space and the end of long tool output.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from msgspec import Struct

from backstory.core.records import Turn
from backstory.core.tokens import estimate
from backstory.memory import dates
from backstory.memory.associations import concepts
from backstory.memory.text import STOP_WORDS, fold, terms

PIECE_TOKENS = 256
_UNBROKEN = 300
"""Characters of a piece of text without any white space."""
_TOOL_CHARS = 20_000
"""What is read of a tool's output: the rest of a long one would only crowd the index."""
_SURELY_MORE = 24
"""Characters for each token: no text that says something has as many."""
_STAMP_HOLDS_S = 600.0
"""Messages that arrive this long after a stamped one are taken to go on from its time, as those of a history that is taken in at once do;
later ones count from their arrival. A pasted old line is no clock for the rest of a day."""
_NAME = re.compile(r"(?P<name>[^\W\d_][\w'’-]*\.?(?: [^\W\d_][\w'’-]*\.?){0,2}|[\w.+-]{2,30}): +(?=\S)")
_CUTS = tuple(re.compile(pattern) for pattern in (r"(?<=\n\n)", r"(?<=\n)", r"(?<=[.!?;:] )|(?<=[。！？；])", r"(?<=\s)"))
_ALSO_NAMES = frozenset({"will", "may", "don"})
_PARTICLES = frozenset({"de", "del", "der", "den", "da", "di", "du", "la", "le", "van", "von", "bin", "al", "el", "y"})
_LABEL_WORDS = """
    note notes answer question summary warning error todo step example output input result results update title subject date time from to
    re cc ps tip tips important hint caution info debug fatal trace exception traceback cause reason problem solution fix option options
    pros cons conclusion context goal goals task tasks plan usage args arguments returns return raises parameters default description
    name type value status version url link source sources file path line command response request reply message total price cost
    location address email phone ingredients instructions directions q a edit fyi btw tldr part section chapter day week month http https
    also remember first second third finally however overview details steps requirements features benefits verdict recommendation
    look listen wait hey hi hello ok okay sure thanks sorry please great perfect done fine actually maybe obviously anyway meanwhile guess
    reminder decision correction confirmed agreed idea thought fact today tomorrow yesterday tonight spoiler disclaimer proposal rule
    noted understood acknowledged received got updated fixed resolved completed added removed changed created deleted renamed merged moved
    saved sent failed passed skipped blocked pending recap status agenda next before after bonus takeaway observation finding findings
    explanation definition translation rewrite draft revised original rules alternatives assumption assumptions
    both here there current previous tested verified checked found
    """
_LABELS = frozenset(_LABEL_WORDS.split())
"""Words with which an ordinary line may begin before a colon: they name nobody."""
_ROLES = frozenset({"assistant", "system", "user", "human", "tool", "developer", "model", "ai", "bot", "function", "agent", "admin"})
"""Whoever writes these says nothing of who speaks: a message's own role does."""


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


class Carry(Struct):
    """What has to be remembered from one turn to the next: the last stamped time, when that message arrived, who has spoken by name."""

    at: float = 0.0
    arrived: float = 0.0
    names: set[str] = set()


def units(
    turns: Iterable[Turn], first_number: int, clock: Carry, breathe: Callable[[], None] = lambda: None, bare: bool = False
) -> list[Unit]:
    """The units of these turns, the first of which has this number. `clock` is carried from call to call of one branch, and changed.
    `breathe` is called between small pieces of the work. `bare`: without index terms, which take half of the time."""
    made: list[Unit] = []
    for number, turn in enumerate(turns, first_number):
        for unit in _of(turn, number, clock, bare):
            made.append(unit)
            breathe()
    return made


def named(line: str) -> re.Match[str] | None:
    """The name (group `name`) with which a line of a transcript begins; None where it begins otherwise."""
    match = _NAME.match(line)
    return match if match is not None and _names_somebody(match["name"], Carry(), first=True, stamped=False) else None


def effective_time(turn: Turn, clock: Carry) -> float:
    """When a turn was said: its own stamped time, else that of the last stamped turn before it plus the time since, else its arrival."""
    if turn.at > 0 and turn.at != turn.arrived:
        clock.at, clock.arrived = turn.at, turn.arrived
        return turn.at
    return _going_on(turn.arrived or turn.at, clock)


def _going_on(arrived: float, clock: Carry) -> float:
    if clock.at > 0 and 0 <= arrived - clock.arrived <= _STAMP_HOLDS_S:
        return clock.at + (arrived - clock.arrived)
    return arrived


def _of(turn: Turn, number: int, clock: Carry, bare: bool) -> Iterator[Unit]:
    at = effective_time(turn, clock)
    speaker = turn.sender or turn.role.title()
    piece = 0
    for line_at, name, text in _said(turn, at, clock) if turn.kind == "spoken" else ((at, "", turn.text[:_TOOL_CHARS].strip()),):
        said_by = name or speaker
        for part in pieces(text):
            found = () if bare else tuple(index_terms(part))
            yield Unit(turn.id, piece, number, said_by, turn.role, part, line_at, estimate(part), found)
            piece += 1


def index_terms(text: str) -> list[str]:
    """Terms of a text and the concepts they stand for."""
    found = terms(text)
    return found + concepts(found)


def _said(turn: Turn, at: float, clock: Carry) -> Iterator[tuple[float, str, str]]:
    """Time, speaker ("" for the turn's own) and text of each line of a transcript; the whole text where it is none."""
    if ": " not in turn.text:
        yield at, "", turn.text.strip()
        return
    name = ""
    held: list[str] = []
    for line in turn.text.split("\n"):
        stamped = dates.stamp(line) if line[:1] in ("[", "(") else None
        rest = stamped[1] if stamped else line
        match = _NAME.match(rest)
        named = match is not None and _names_somebody(match["name"], clock, first=not held and not name, stamped=stamped is not None)
        if named and match is not None:
            if held:
                yield at, name, "\n".join(held).strip()
            if stamped:
                at = stamped[0]
                clock.at, clock.arrived = at, turn.arrived
            name, held = match["name"], [rest[match.end() :]]
            clock.names.add(name)
        else:
            held.append(line)
    yield at, name, "\n".join(held).strip()


def _names_somebody(name: str, clock: Carry, *, first: bool, stamped: bool) -> bool:
    if name in clock.names:
        return True
    if not (first or stamped) or not name[:1].isupper() or len(name) > 40:
        return False
    given, *others = name.split()
    if fold(given) in STOP_WORDS - _ALSO_NAMES or not all(word[0].isupper() or word in _PARTICLES for word in others):
        return False
    return not any(word in _LABELS or word in _ROLES for word in fold(name).replace(".", "").split())


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
