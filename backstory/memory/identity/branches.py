"""All branches of one conversation: the newest, and what others have beside it.

Rule: each turn of the conversation stands on one of them, once, and after the turn that it follows.
"""

from __future__ import annotations

from collections.abc import Sequence

from backstory.core.records import Turn
from backstory.memory.identity.thread import branch


def branches(turns: Sequence[Turn], conversation: str) -> list[list[Turn]]:
    """The newest branch from its first turn on, then what every other one has of its own, that with the newest end first. `turns`: those
    of this conversation and those it shares. Of shared turns only those count on which a turn of its own rests."""
    current = branch(turns)
    by_id = {turn.id: turn for turn in turns}
    placed = {turn.id for turn in current}
    own = [turn for turn in turns if turn.conversation == conversation]
    followed = {turn.parent for turn in own}
    found = [current]
    for tip in sorted((turn.id for turn in own if turn.id not in followed), reverse=True):
        path: list[Turn] = []
        at = tip
        while at not in placed and (turn := by_id.get(at)) is not None:
            placed.add(at)
            path.append(turn)
            at = turn.parent
        if path:
            found.append(path[::-1])
    return found
