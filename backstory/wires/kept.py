"""Conversations that clients build on by the id of an answer, for providers that keep none (Responses `previous_response_id`).

Rule: they are kept in this process, as much as fits; one that is gone is refused by name, never answered without its beginning.
"""

from __future__ import annotations

from collections import OrderedDict

from msgspec.structs import replace

from backstory.core.translation import Piece, Result, Said, Use

MOST_BYTES = 64 << 20
"""What all conversations may come to, each counted whole though they share their beginnings."""


class Kept:
    """By principal and id of an answer: all that was said up to it and in it."""

    __slots__ = ("_found", "_most", "_size")

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._found: OrderedDict[tuple[str, str], tuple[tuple[Said, ...], int]] = OrderedDict()
        self._size = 0
        self._most = most_bytes

    def get(self, whose: str, name: str) -> tuple[tuple[Said, ...], int]:
        """What was said up to this answer, and its size in bytes; ((), 0) where it is not kept (any more)."""
        found = self._found.get((whose, name))
        if found is None:
            return (), 0
        self._found.move_to_end((whose, name))
        return found

    def put(self, whose: str, name: str, said: tuple[Said, ...], size_bytes: int) -> None:
        """Keep what was said up to this answer. Those that were not used for the longest time make room for it."""
        _, before = self._found.pop((whose, name), ((), 0))
        self._size -= before
        if size_bytes > self._most:
            return
        self._found[whose, name] = said, size_bytes
        self._size += size_bytes
        while self._size > self._most:
            _, (_, gone) = self._found.popitem(last=False)
            self._size -= gone


def joined(before: tuple[Said, ...], after: tuple[Said, ...]) -> tuple[Said, ...]:
    """A conversation that goes on; results know again which tool gave them."""
    names = {piece.id: piece.name for said in before for piece in said.pieces if isinstance(piece, Use)}

    def named(piece: Piece) -> Piece:
        return replace(piece, name=names.get(piece.id, "")) if isinstance(piece, Result) and not piece.name else piece

    return (*before, *(replace(said, pieces=tuple(map(named, said.pieces))) for said in after))
