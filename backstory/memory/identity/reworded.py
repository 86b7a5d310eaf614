"""Messages of a human that came back with less around them than when they were asked, or with more: retrieved documents, reminders and
dates that a client puts beside its newest question and takes away later.

Rule: the words of one stand whole in those of the other, it was heard when it was asked, and the answer that it was given then still stands
behind it. Without that answer it is an edit; what came as history and is in history again with other words is somebody else's.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from backstory.core.records import Turn
from backstory.memory.identity.retold import likeness
from backstory.memory.reading.turns import Line
from backstory.memory.text import stands

# So many letters and digits in a row are found among others by no chance, be there a gap between words or not.
_TELLING_CHARS = 24
# A run that is laid along a branch has at least one question and its answer.
_LEAST_RUN = 2
# In another form, the last answer is looked for among so many; to compare texts is dear.
_MOST_ENDS = 4
# Messages in a row are compared with turns that they are not up to so many characters, some milliseconds; a pair counts as so many more.
_MOST_UNLIKE, _PAIR = 500_000, 100
_REST = re.compile(r"[\W_]+")


class Row(Struct, frozen=True):
    """Messages of a human in a row beside stored ones: up to `item` and `place`. `places`: by item its turn's place, -1 where the client
    has put it in. `unsaid`: places that it has left out. `changed`: how many do not say the same word for word."""

    item: int
    place: int
    places: dict[int, int]
    unsaid: Sequence[int]
    changed: int


def reworded(line: Line, turn: Turn) -> bool:
    """Whether one of two messages of a human holds the words of the other whole. Costs both texts."""
    if not (line.kind == turn.kind == "spoken") or "assistant" in (line.role, turn.role):
        return False
    if line.sender and turn.sender and line.sender != turn.sender:
        return False
    short, long = sorted((line.text.strip(), turn.text.strip()), key=len)
    if not short:
        return False
    if _holds(long, short):
        return True
    short, long = " ".join(short.split()), " ".join(long.split())
    if _holds(long, short):
        return True
    short = _REST.sub("", short)
    return len(short) >= _TELLING_CHARS and short in _REST.sub("", long)


def row(lines: Sequence[Line], item: int, stop: int, path: Sequence[Turn], place: int) -> Row | None:
    """The messages of a human from `item` on, up to the answer, beside the turns from `place` on, up to theirs. One side may have messages
    that the other has not. None where they are not the same."""
    items: list[int] = []
    end = item
    while end < stop and lines[end].role != "assistant":
        if lines[end].kind == "tool":
            return None
        if lines[end].kind == "spoken":
            items.append(end)
        end += 1
    upto = place
    while upto < len(path) and path[upto].role != "assistant":
        if path[upto].kind != "spoken":
            return None
        upto += 1
    if end >= stop or upto >= len(path):
        return None
    places = _spots(lines, items, path, range(place, upto))
    if places is None:
        return None
    known = {spot for spot in places.values() if spot >= 0}
    if not known:
        return None
    unsaid = [spot for spot in range(place, upto) if spot not in known]
    changed = len(unsaid) + sum(1 for one, spot in places.items() if spot < 0 or path[spot].content != lines[one].content)
    return Row(end, upto, places, unsaid, changed) if not changed or heard(path[upto - 1], path[upto]) else None


def heard(question: Turn, answer: Turn) -> bool:
    """Whether this was answered here: what a client brings as history comes all at once."""
    return answer.arrived != question.arrived


def _spots(lines: Sequence[Line], items: Sequence[int], path: Sequence[Turn], turns: range) -> dict[int, int] | None:
    """By item, the place of its turn among these, -1 for none; None where more of both are left over than one side may have beside the
    other."""
    same: dict[bytes, list[int]] = {}
    for spot in reversed(turns):
        same.setdefault(path[spot].content, []).append(spot)
    places: dict[int, int] = {}
    at, beside, unlike = turns.start, max(0, len(items) - len(turns)), _MOST_UNLIKE
    for item in items:
        line = lines[item]
        spots = same.get(line.content, [])
        while spots and spots[-1] < at:
            spots.pop()
        found = spots[-1] if spots else -1
        for spot in range(at, turns.stop) if found < 0 else ():
            if reworded(line, path[spot]):
                found = spot
                break
            unlike -= _PAIR + len(line.text) + len(path[spot].text)
            if unlike < 0:
                return None
        places[item] = found
        at = found + 1 if found >= 0 else at
        beside -= found < 0
        if beside < 0:
            return None
    return places


def along(lines: Sequence[Line], path: Sequence[Turn]) -> list[Line] | None:
    """The lines up to the last answer with the turns' words in place of those of a human that are these with less around them, or more;
    the nearest to the branch's end, where all of them lie along it. None where none does, or there is none. What an assistant said before
    it called its tools may be absent."""
    said = [item for item, line in enumerate(lines) if line.kind == "spoken"]
    while said and lines[said[-1]].role != "assistant":
        said.pop()
    words = [turn for turn in path if turn.kind == "spoken"]
    if len(said) < _LEAST_RUN:
        return None
    last = lines[said[-1]]
    answers = [place for place in range(len(words) - 1, -1, -1) if words[place].role == "assistant"]
    ends = [place for place in answers if words[place].content == last.content]
    ends = ends or [place for place in answers[:_MOST_ENDS] if _answers(last, words[place])]
    return next((made for end in ends if (made := _walk(lines, said, words, end)) is not None), None)


def _walk(lines: Sequence[Line], said: Sequence[int], words: Sequence[Turn], end: int) -> list[Line] | None:
    """The lines laid backwards from a turn on."""
    made = [*lines]
    changed = False
    place, after = end, ""
    for item in reversed(said):
        line = lines[item]
        while place >= 0 and words[place].role == "assistant" != line.role and after == "assistant":
            place -= 1
        if place < 0:
            return None
        turn = words[place]
        if turn.content != line.content:
            human = line.role != "assistant"
            if (turn.role != "assistant") != human or not (
                after == "assistant" and heard(turn, words[place + 1]) and reworded(line, turn) if human else _answers(line, turn)
            ):
                return None
            made[item] = replace(line, content=turn.content, text=turn.text)
            changed = changed or human
        after = line.role
        place -= 1
    return made if changed else None


def _answers(line: Line, turn: Turn) -> bool:
    return turn.content == line.content or (turn.role == line.role and likeness(line.text, turn.text) == "same")


def _holds(long: str, short: str) -> bool:
    """Whether a text has another in it, one of some length or between gaps."""
    return short in long if len(short) >= _TELLING_CHARS else stands(short, long)
