"""What a client's history says at a turn otherwise than the turn does: words that it has added to what was said before.

Rule: what memory takes out of a request is stored first, word for word. What no turn at its place says is kept as another wording of it
when a fold takes it out, the newest of too many; what must not be kept stays in the request.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

from msgspec.structs import replace

from backstory.core.records import Turn, TurnKind, Wording
from backstory.core.sizes import CHARS_PER_TOKEN
from backstory.core.tombs import Tombs, human
from backstory.memory.identity.settled import Fold
from backstory.memory.identity.thread import Thread, key_of, place_of
from backstory.memory.reading.ours import fenced, without
from backstory.memory.reading.requests import Reading
from backstory.memory.reading.turns import Call, Line, calls_of, canonical, chain
from backstory.memory.text import stands

# An answer may have come in so many turns, or a question be sent as so many messages, on both sides of a turn.
_AROUND = 8
# Where a text stands in another is looked for so often. Of sentences, up to so many characters in all; then they are only looked up.
_MOST_PLACES, _MOST_CHARS = 64, 5_000_000
# So much is remembered of what was compared.
_REMEMBERED = 20_000
_SENTENCES = re.compile(r"(?<=\n)|(?<=[.!?;] )|(?<=[。！？；])")


def compare(thread: Thread, reading: Reading, tombs: Tombs) -> None:
    """Tell which items of a request, up to the last that has a turn, say what no turn at their place does (`reading.loose`), how many
    tokens more than that (`reading.extra`), and which of them cannot be kept (`reading.stuck`). Costs what was not compared yet."""
    places, sent = reading.places, reading.asked or reading.lines
    end = next((item + 1 for item in range(len(places) - 1, -1, -1) if places[item] >= 0), 0)
    if end > reading.compared:
        near = next((places[item] for item in range(reading.compared - 1, -1, -1) if places[item] >= 0), -1)
        found, extra = dict(reading.loose), dict(reading.extra)
        for item in range(reading.compared, end):
            near = places[item] if places[item] >= 0 else near
            if sent[item].kind == "none":
                continue
            base = near if near >= 0 else next(place for place in places[item:end] if place >= 0)
            more = _beyond(thread, sent[item], places[item], base)
            if more >= 0:
                found[item] = base
                extra[item] = max(0, more - reading.more.get(item, 0))
        reading.loose, reading.extra, reading.compared = found, extra, end
    unsure = bool(reading.loose) and (bool(thread.hidden) or (bool(tombs) and _misses(thread, reading, tombs)))
    reading.stuck = frozenset(item for item in reading.loose if _stuck(thread, reading, unsure, item))


def kept(thread: Thread, reading: Reading, folded: Fold, raw: Callable[[int], bytes], wire: str, now: float) -> tuple[Wording, ...]:
    """What a fold takes out of a request that is not stored yet. `raw`: an item as it came."""
    made: dict[tuple[int, bytes], Wording] = {}
    for item, base in reading.loose.items():
        turn, line = thread.path[base], _sent(reading, item)
        known = item in reading.buried or turn.id in thread.hidden or _known(thread, turn, line)
        if not known and folded.dropped(item):
            name = (turn.id, line.content)
            words = _own(thread, line.text)
            text = f"{words}\n{line.calls}" if line.role == "assistant" and line.calls else words
            kind: TurnKind = "tool" if line.kind == "tool" else "spoken"
            made[name] = Wording(thread.conversation.id, *name, line.role, kind, line.sender, text.strip(), raw(item), wire, now)
    return tuple(made.values())


def taking(thread: Thread, reading: Reading) -> dict[int, int]:
    """Tokens that the turns of the path take less than their own in this request, by id: negative where its client has more there."""
    less = thread.saved()
    for item, tokens in reading.extra.items():
        turn = thread.path[reading.loose[item]].id
        less[turn] = less.get(turn, 0) - tokens
    return less


class Known(Protocol):
    """What has some keys: an index, or a set."""

    def __contains__(self, key: int, /) -> bool: ...


def keys(thread: Thread) -> dict[int, int]:
    """The turns beside which something is kept, by the keys of that."""
    return {key: one.turn for key, one in thread.worded.items()} if thread.worded else {}


def kept_beside(thread: Thread, upto: int) -> Iterator[tuple[int, Wording, Turn]]:
    """What is kept beside the first `upto` turns of the path, each with its key and its turn."""
    for key, one in list(thread.worded.items()):
        base = thread.by_id.get(one.turn)
        if base is not None and 0 <= place_of(thread.path, base) < upto:
            yield key, one, base


def unread(thread: Thread, index: Known) -> Iterator[Turn]:
    """What this index lacks of what is kept beside the turns of the path (`as_turn`). Costs what is not known to be there."""
    if not thread.unread:
        return
    thread.unread.difference_update([key for key in thread.unread if key in index])
    for key in list(thread.unread):
        one = thread.worded[key]
        base = thread.by_id.get(one.turn)
        if base is not None and place_of(thread.path, base) >= 0:
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
    """A wording as a turn of the number of the one that it is kept beside, under its key, that says what this one does not."""
    text, name = added(one.text, base.text), key_of(one)
    about = (base.id, base.position, b"", one.content, one.role, one.kind, text, b"", one.wire, one.sender)
    return Turn(name, one.conversation, *about, at=base.at, arrived=one.arrived, tokens=int(len(text) / CHARS_PER_TOKEN))


def added(text: str, base: str) -> str:
    """The sentences of a text that do not stand in another, as they are; all of it where none is left."""
    known, start, pieces = _spaced(base), 0, _SENTENCES.split(text)
    said = {_spaced(piece) for piece in _SENTENCES.split(base)}
    few = len(pieces) * len(known) < _MOST_CHARS
    spans: list[tuple[int, int]] = []
    for piece in pieces:
        end, words = start + len(piece), _spaced(piece)
        if words and words not in said and not (few and _within(words, known)):
            goes_on = bool(spans) and spans[-1][1] == start
            spans.append((spans.pop()[0] if goes_on else start, end))
        elif not words and spans and spans[-1][1] == start:
            spans[-1] = (spans[-1][0], end)
        start = end
    return "\n".join(text[first:last].strip() for first, last in spans) or text


def _sent(reading: Reading, item: int) -> Line:
    return (reading.asked or reading.lines)[item]


def _known(thread: Thread, turn: Turn, line: Line) -> bool:
    return any(one.content == line.content for one in thread.wordings.get(turn.id, ()))


def _stuck(thread: Thread, reading: Reading, unsure: bool, item: int) -> bool:
    """Whether what an item says cannot be kept. What has no turn, or another's place, may be what was forgotten, or was not to be
    remembered, in other words (`unsure`: something of this conversation was), as may what memory once told of it; or it was said in
    another room."""
    turn, line = thread.path[reading.loose[item]], _sent(reading, item)
    if item in reading.buried or _known(thread, turn, line):
        return False
    placed = reading.places[item] >= 0
    if (line.channel and not placed) or (unsure and not (placed and _related(line, turn) and not fenced(line.text))):
        return True
    return bool(line.channel) and line.channel != turn.channel


def _misses(thread: Thread, reading: Reading, tombs: Tombs) -> bool:
    """Whether something of this conversation was forgotten, or was not to be remembered."""
    return bool(reading.buried) or tombs.within(thread.lineage) or gaps(thread)


def _related(line: Line, turn: Turn) -> bool:
    """Whether a message has the words of its turn in it, or tells of the calls that this made, whatever came of them."""
    if line.content == turn.content or (line.kind != "tool" and _within(_spaced(turn.text), _spaced(line.text))):
        return True
    mine, theirs = (calls_of(one.calls) if one.kind == "tool" else () for one in (line, turn))
    ids = {(call.id, call.name) for call in theirs if call.id}
    return bool(mine) and all((call.id, call.name) in ids for call in mine)


def _beyond(thread: Thread, line: Line, place: int, base: int) -> int:
    """How many tokens more than the turn at its place a message has; -1 where the turns around that say all of it, word for word."""
    turn = thread.path[base]
    same = place >= 0 and turn.content == line.content
    if same and (not line.calls or line.calls == turn.calls):
        return -1
    name, compared = (turn.id, line.content, hash(line.calls), place >= 0), thread.family.compared
    found = compared.get(name)
    if found is None:
        around = _around(thread.path, base)
        held = (same or (_says(_own(thread, line.text), line, turn, around) and not line.media)) and _calls(line, around)
        chars = len(line.text) - (len(turn.text) if place >= 0 else 0)
        found = -1 if held else max(0, int(chars / CHARS_PER_TOKEN))
        if len(compared) > _REMEMBERED:
            compared.clear()
        compared[name] = found
    return found


def _around(path: Sequence[Turn], place: int) -> Sequence[Turn]:
    """The turns in a row that one side has said."""
    mine, first, last = human(path[place]), place, place
    while first and place - first < _AROUND and human(path[first - 1]) == mine:
        first -= 1
    while last + 1 < len(path) and last - place < _AROUND and human(path[last + 1]) == mine:
        last += 1
    return path[first : last + 1]


def gaps(thread: Thread) -> bool:
    """Whether its client's history has more than the turns of the path: what was forgotten, or was not to be remembered. Costs a hash for
    each turn that was not looked at yet."""
    version, looked, found = thread.gaps
    if version != thread.version:
        looked, found = 0, False
    if not found:
        path, before = thread.path, thread.path[looked - 1].chain if looked else thread.root
        for turn in path[looked:]:
            found = found or turn.chain != chain(before, turn.content)
            before = turn.chain
        thread.gaps = (thread.version, len(path), found)
    return found


def _own(thread: Thread, text: str) -> str:
    """Without the blocks that memory wrote into this conversation."""
    return without(text, (block.text for rows in (thread.injections.values(), thread.digests) for block in rows))


def _says(text: str, line: Line, turn: Turn, around: Sequence[Turn]) -> bool:
    if line.kind == "tool":
        return True
    words, near = _spaced(text), [one.text for one in around if one.kind == "spoken"]
    return any(len(words) < sum(map(len, some)) + len(some) and _within(words, _spaced(" ".join(some))) for some in ([turn.text], near))


def _calls(line: Line, around: Sequence[Turn]) -> bool:
    """Whether its calls and results were made there."""
    mine = calls_of(line.calls)
    theirs = [call for turn in around for call in calls_of(turn.calls)] if mine else []
    made = {(call.name, canonical(call.arguments or "")) for call in theirs if call.result is None}
    given = {_spaced(call.result): call.id for call in theirs if call.result is not None}
    by_id = {name: text for text, name in given.items()}

    def held(call: Call) -> bool:
        if call.result is None:
            return (call.name, canonical(call.arguments or "")) in made
        words = _spaced(call.result)
        return words in given or _within(words, by_id.get(call.id, ""))

    return all(map(held, mine))


def _spaced(text: str) -> str:
    return " ".join(text.split())


def _within(short: str, long: str) -> bool:
    return stands(short, long, _MOST_PLACES)
