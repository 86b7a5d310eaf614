"""When a turn was said: `Turn.at`, which everything that shows, ranks or groups turns goes by. `Turn.arrived` stays beside it.

Rule: what comes in a request of its own was said when it arrived, unless its own envelope tells otherwise; a time in pasted text dates
its line alone. A stated time holds for what follows in two places only: in a history that is taken in at once and whose messages bear
times of their own, and in a dialogue that is played anew, line by line with its names.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from backstory.core.records import Turn
from backstory.memory.reading.speakers import Begun, begun, opening

_HOLDS_S = 600.0
"""A dialogue that stops for so long goes on by the clock."""


def dated(turns: Sequence[Turn], before: Turn | None = None) -> list[Turn]:
    """The new turns of one request (or answer) with the time that each was said. `before`: the turn that the first of them follows. Cheap
    where no time is stated."""
    history = next((place + 1 for place in range(len(turns) - 1, -1, -1) if turns[place].role == "assistant"), 0) if len(turns) > 1 else 0
    bears = history > 1 and _bear_times(turns[:history])
    made: list[Turn] = []
    for place, turn in enumerate(turns):
        at = 0.0
        if not _states(turn):
            at = _replayed(turn, before) or (_held(turn, before, bears) if place < history else 0.0)
        before = replace(turn, at=at) if at else turn
        made.append(before)
    return made


def _states(turn: Turn) -> bool:
    return turn.at > 0 and turn.at != turn.arrived


def _bear_times(history: Sequence[Turn]) -> bool:
    """Whether at least every other message of its users has a time of its own."""
    asked = [turn for turn in history if turn.role == "user" and turn.kind == "spoken"]
    return 2 * sum(_states(turn) for turn in asked) >= len(asked)


def _held(turn: Turn, before: Turn | None, bears: bool) -> float:
    """The time of the turn before it, of the same history; 0.0 where that states none."""
    if before is None or not _states(before) or before.arrived != turn.arrived:
        return 0.0
    return before.at if bears or (before.channel and turn.role != "user") else 0.0


def _replayed(turn: Turn, before: Turn | None) -> float:
    """The time of a line of a dialogue that is played anew; 0.0 where this is none, or no time is known."""
    if before is None or ": " not in turn.text or turn.kind != "spoken" or turn.sender or before.sender:
        return 0.0
    first = opening(turn.text)
    if first is None:
        return 0.0
    said = opening(before.text)
    if first.at and (said is not None or (not before.position and turn.role == "assistant")):
        return first.at
    at = _last(before, said) if said is not None else 0.0
    since = turn.arrived - before.arrived
    return at + since if at and 0 <= since <= _HOLDS_S else 0.0


def _last(turn: Turn, said: Begun) -> float:
    """The time at the end of a turn that is a part of a dialogue: that of the last line that has one, else its own."""
    at = turn.at if _states(turn) else said.at
    if "\n" in turn.text:
        for line in turn.text.split("\n"):
            if line[:1] in ("[", "(") and (one := begun(line)) is not None and one.at:
                at = one.at
    return at
