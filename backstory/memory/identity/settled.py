"""What is settled of a history: values of the part of it that later requests begin with, as they were told from its items once.

Rule: it depends on nothing that a request adds, so that it need not be told again while the thread only grows.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from backstory.core.edits import Edit


class Fold(Struct, frozen=True):
    """Which items of a request the digest stands for: runs start <= i < stop, and the human message in front of whose text it goes."""

    drops: tuple[tuple[int, int], ...]
    before: int

    def dropped(self, item: int) -> bool:
        """Whether this item does not go up. Costs a look at each run, of which there are few."""
        return any(start <= item < stop for start, stop in self.drops)


class Settled(Struct, frozen=True):
    """The first `count` items of a history.

    `version`, `rewritten`, `boundary`: of the thread when it was told. `digest`: of the last reading that began with these items.
    `places`: theirs on the path. `folded`: what is folded, none of it after them. `edits`: what was injected before at those that go up;
    `injected`: the turns in these blocks; `blocks`: their tokens. `carried`: places on the path that go up, `tokens` together; `upto`:
    after the last of them. `gone`: ids of the turns before that which do not.
    """

    version: int
    rewritten: int
    boundary: int
    digest: bytes
    count: int
    places: list[int]
    folded: Fold | None
    edits: Sequence[Edit]
    injected: frozenset[int]
    blocks: int
    tokens: int
    carried: frozenset[int]
    upto: int
    gone: frozenset[int]
