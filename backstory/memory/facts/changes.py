"""What later turns of a path have changed of what earlier ones say, followed while the path grows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from backstory.core.records import Turn
from backstory.memory.facts.asked import question
from backstory.memory.facts.extraction import extract
from backstory.memory.facts.supersession import Ledger
from backstory.memory.reading.speakers import LEARNT_FROM, names_in

Changed: TypeAlias = Mapping[int, Sequence[tuple[str, int]]]
"""Sentences that do not hold any more, by turn id, each with the number of the turn that changed it."""

NOTHING: Changed = {}


class Changes:
    """`found` is replaced as a whole, so that it may be read while `follow` runs on another thread."""

    __slots__ = ("_ledger", "_names", "_read", "_version", "found")

    def __init__(self) -> None:
        self.found: Changed = NOTHING
        self._ledger = Ledger()
        self._names: frozenset[str] = frozenset()
        self._read = 0
        self._version = -1

    def follow(self, path: Sequence[Turn], version: int, breathe: Callable[[], None]) -> None:
        """Read what is new of a thread's path; all of it where the path has taken another way since (`version`). About 0.1 ms a turn;
        The path may grow meanwhile. `breathe` is called between small pieces of it."""
        if version != self._version:
            self._ledger, self._read, self._version = Ledger(), 0, version
        upto = len(path)
        if self._read < LEARNT_FROM:
            self._names = names_in(path)
        for place in range(self._read, upto):
            asked = question(path[place - 1]) if place else ""
            self._ledger.add(extract(path[place], breathe, self._names), path[place].position + 1, asked)
        self._read = upto
        self.found = self._ledger.changed()
