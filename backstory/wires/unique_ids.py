"""Ids of calls that stand twice in one conversation: some clients count them anew in every turn, and some providers refuse that.

Rule: the first of each keeps its id, and each later one gets the same new one in every request.
"""

from __future__ import annotations

from collections import deque

from msgspec.structs import replace

from backstory.core.translation import Piece, Result, Said, Use


def unique(said: tuple[Said, ...]) -> tuple[Said, ...]:
    """The messages, each call with an id of its own, and its result with it; the same object where that is so already."""
    ids = [piece.id for one in said for piece in one.pieces if isinstance(piece, Use) and piece.id]
    if len(set(ids)) == len(ids):
        return said
    used, numbers, waiting, last = set[str](), dict[str, int](), dict[str, deque[str]](), dict[str, str]()

    def own(piece: Piece) -> Piece:
        if isinstance(piece, Use) and piece.id:
            name = _fresh(piece.id, used, numbers)
            used.add(name)
            waiting.setdefault(piece.id, deque()).append(name)
            return piece if name == piece.id else replace(piece, id=name)
        if isinstance(piece, Result) and piece.id in waiting:
            # Of the first call that has none yet; a further one of the last.
            if waiting[piece.id]:
                last[piece.id] = waiting[piece.id].popleft()
            return piece if last[piece.id] == piece.id else replace(piece, id=last[piece.id])
        return piece

    return tuple([replace(one, pieces=tuple([own(piece) for piece in one.pieces])) for one in said])


def _fresh(name: str, used: set[str], numbers: dict[str, int]) -> str:
    """The name, or one made of it: what comes later in the conversation has no say in it. `numbers`: up to which its own are taken."""
    found, number = name, numbers.get(name, 1)
    while found in used:
        number += 1
        found = f"{name}_{number}"
    numbers[name] = number
    return found
