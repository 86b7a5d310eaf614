"""What a client's history says at a turn otherwise than the turn does: words that it has added to what was said before.

Rule: what memory takes out of a request is stored first, word for word. What no turn at its place says is kept as another wording of it
when a fold takes it out; what must not be kept, or too often comes anew, stays in the request.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Protocol

import msgspec
from msgspec.structs import replace

from backstory.core.records import Turn, TurnKind, Wording
from backstory.core.tokens import estimate
from backstory.core.tombs import Tombs, human
from backstory.memory.identity.settled import Fold
from backstory.memory.identity.thread import Thread, place_of
from backstory.memory.reading.requests import Reading
from backstory.memory.reading.turns import Call, Line, calls_of

# So many wordings of one turn are kept: a client that says it otherwise each time has it sent as it came.
_MOST = 16
# An answer may have come in so many turns, or a question be sent as so many messages, on both sides of a turn.
_AROUND = 8
# So much is remembered of what was compared.
_REMEMBERED = 20_000
_SENTENCES = re.compile(r"(?<=\n)|(?<=[.!?;] )|(?<=[。！？；])")
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder(order="sorted").encode


def compare(thread: Thread, reading: Reading, tombs: Tombs) -> None:
    """Tell which items of a request, up to the last that has a turn, say what no turn at their place does (`reading.loose`), and which of
    them cannot be kept (`reading.stuck`). Costs what was not compared yet."""
    places, sent = reading.places, reading.asked or reading.lines
    end = next((item + 1 for item in range(len(places) - 1, -1, -1) if places[item] >= 0), 0)
    if end > reading.compared:
        near = next((places[item] for item in range(reading.compared - 1, -1, -1) if places[item] >= 0), -1)
        found = dict(reading.loose)
        for item in range(reading.compared, end):
            near = places[item] if places[item] >= 0 else near
            if sent[item].kind == "none":
                continue
            base = near if near >= 0 else next(place for place in places[item:end] if place >= 0)
            if not _held(thread, sent[item], places[item], base):
                found[item] = base
        reading.loose, reading.compared = found, end
    reading.stuck = frozenset(item for item in reading.loose if _stuck(thread, reading, tombs, item)) if reading.loose else frozenset()


def kept(thread: Thread, reading: Reading, folded: Fold, raw: Callable[[int], bytes], wire: str, now: float) -> tuple[Wording, ...]:
    """What a fold takes out of a request that is not stored yet. `raw`: an item as it came."""
    made: dict[tuple[int, bytes], Wording] = {}
    for item, base in reading.loose.items():
        turn, line = thread.path[base], _sent(reading, item)
        known = item in reading.buried or turn.id in thread.hidden or _known(thread, turn, line)
        if not known and folded.dropped(item):
            name = (turn.id, line.content)
            text = f"{line.text}\n{line.calls}" if line.role == "assistant" and line.calls else line.text
            kind: TurnKind = "tool" if line.kind == "tool" else "spoken"
            made[name] = Wording(thread.conversation.id, *name, line.role, kind, line.sender, text.strip(), raw(item), wire, now)
    return tuple(made.values())


def key_of(one: Wording) -> int:
    """By what an index knows it: no turn has a number below 0."""
    digest = blake2b(b"%d " % one.turn + one.content, digest_size=7).digest()
    return -1 - int.from_bytes(digest, "big")


class Known(Protocol):
    """What has some keys: an index, or a set."""

    def __contains__(self, key: int, /) -> bool: ...


def keys(thread: Thread) -> dict[int, int]:
    """The turns beside which something is kept, by the keys of that."""
    return {key_of(one): turn for turn, some in thread.wordings.items() for one in some} if thread.wordings else {}


def told(thread: Thread, upto: int | None = None, known: Known = ()) -> Iterator[Turn]:
    """What is kept beside the first `upto` turns of the path (None: all), as turns of the same numbers that say what those do not; without
    those with these keys. Costs what is kept."""
    for name in tuple(thread.wordings):
        base = thread.by_id.get(name)
        if base is not None and 0 <= place_of(thread.path, base) < (len(thread.path) if upto is None else upto):
            for one in thread.wordings[name]:
                if key_of(one) not in known:
                    yield as_turn(one, base)


def beside(turns: Sequence[Turn], wordings: Mapping[int, Sequence[Wording]], label: str = "") -> Sequence[Turn]:
    """These turns, their texts with what is kept beside them, each under this line."""
    if not wordings:
        return turns

    def said(turn: Turn, one: Wording) -> str:
        whose = f"{one.sender}: " if one.sender and one.sender != turn.sender else ""
        return f"{label}{whose}{one.text}"

    def whole(turn: Turn) -> Turn:
        return replace(turn, text="\n".join([turn.text, *(said(turn, one) for one in wordings[turn.id])]))

    return [whole(turn) if turn.id in wordings else turn for turn in turns]


def as_turn(one: Wording, base: Turn) -> Turn:
    """A wording as a turn of the number of the one that it is kept beside."""
    text, name = added(one.text, base.text), key_of(one)
    about = (base.id, base.position, b"", one.content, one.role, one.kind, text, b"", one.wire, one.sender)
    return Turn(name, one.conversation, *about, at=base.at, arrived=one.arrived, tokens=estimate(text))


def added(text: str, base: str) -> str:
    """The sentences of a text that do not stand in another, as they are; all of it where none is left."""
    known, start = _spaced(base), 0
    spans: list[tuple[int, int]] = []
    for piece in _SENTENCES.split(text):
        end = start + len(piece)
        if piece.strip() and not _within(_spaced(piece), known):
            spans = [*spans[:-1], (spans[-1][0], end)] if spans and spans[-1][1] == start else [*spans, (start, end)]
        elif not piece.strip() and spans and spans[-1][1] == start:
            spans[-1] = (spans[-1][0], end)
        start = end
    return "\n".join(text[first:last].strip() for first, last in spans) or text


def _sent(reading: Reading, item: int) -> Line:
    return (reading.asked or reading.lines)[item]


def _known(thread: Thread, turn: Turn, line: Line) -> bool:
    return any(one.content == line.content for one in thread.wordings.get(turn.id, ()))


def _stuck(thread: Thread, reading: Reading, tombs: Tombs, item: int) -> bool:
    """Whether what an item says cannot be kept. What has no turn may be what was forgotten, in other words, or was said in another room."""
    turn, line = thread.path[reading.loose[item]], _sent(reading, item)
    if item in reading.buried or _known(thread, turn, line):
        return False
    if reading.places[item] < 0 and (line.channel or (tombs and tombs.within(thread.lineage))):
        return True
    return (bool(line.channel) and line.channel != turn.channel) or len(thread.wordings.get(turn.id, ())) >= _MOST


def _held(thread: Thread, line: Line, place: int, base: int) -> bool:
    """Whether the turns around a place say all of it, word for word."""
    turn = thread.path[base]
    same = place >= 0 and turn.content == line.content
    if same and (not line.calls or line.calls == turn.calls):
        return True
    name, compared = (turn.id, line.content, hash(line.calls)), thread.family.compared
    verdict = compared.get(name)
    if verdict is None:
        around = _around(thread.path, base)
        verdict = (same or (_says(line, turn, around) and not line.media)) and _calls(line, around)
        if len(compared) > _REMEMBERED:
            compared.clear()
        compared[name] = verdict
    return verdict


def _around(path: Sequence[Turn], place: int) -> Sequence[Turn]:
    """The turns in a row that one side has said."""
    mine, first, last = human(path[place]), place, place
    while first and place - first < _AROUND and human(path[first - 1]) == mine:
        first -= 1
    while last + 1 < len(path) and last - place < _AROUND and human(path[last + 1]) == mine:
        last += 1
    return path[first : last + 1]


def _says(line: Line, turn: Turn, around: Sequence[Turn]) -> bool:
    if line.kind == "tool":
        return True
    words = _spaced(line.text)
    return _within(words, _spaced(turn.text)) or _within(words, _spaced(" ".join(one.text for one in around if one.kind == "spoken")))


def _calls(line: Line, around: Sequence[Turn]) -> bool:
    """Whether its calls and results were made there."""
    theirs = [call for turn in around for call in calls_of(turn.calls)] if line.calls else []
    return all(any(_same(call, other) for other in theirs) for call in calls_of(line.calls))


def _same(call: Call, other: Call) -> bool:
    if call.result is not None:
        return other.result is not None and _within(_spaced(call.result), _spaced(other.result))
    return other.result is None and call.name == other.name and _canonical(call) == _canonical(other)


def _canonical(call: Call) -> bytes:
    arguments = call.arguments or ""
    try:
        return _encode(_decode(arguments))
    except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError):
        return arguments.strip().encode("utf-8", "surrogatepass")


def _spaced(text: str) -> str:
    return " ".join(text.split())


def _within(short: str, long: str) -> bool:
    """Whether these words stand in others, whole."""
    at = long.find(short)
    while at >= 0:
        end = at + len(short)
        torn = (at and long[at - 1].isalnum() and short[:1].isalnum()) or (long[end : end + 1].isalnum() and short[-1:].isalnum())
        if not torn:
            return True
        at = long.find(short, at + 1)
    return False
