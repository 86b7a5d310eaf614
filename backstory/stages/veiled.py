"""Digests while something that they stand for is about to be forgotten: what tells of it is left out, and they stand for the rest.

Rule: what was folded stays folded. A history that fits no window does not go up again because a word of it was forgotten.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from backstory.core.lines import without
from backstory.core.records import Digest, Turn

# So long after a forget has begun, something may still be made of what was known before.
_LEARNT_S = 5.0


def veiled(digests: Iterable[Digest], since: Mapping[int, float], turns: Mapping[int, Turn]) -> Iterator[Digest]:
    """These digests, as far as they may be told. `since`: the turns that are about to be forgotten, and from when on, by id; `turns`: those
    that are known, by id."""
    for digest in digests:
        gone = {turns[turn].position + 1 for turn in since if turn <= digest.upto_turn and turn in turns}
        if not gone:
            yield digest
            continue
        # What a side model had written by then may have been told by what is forgotten.
        later = all(digest.created > at + _LEARNT_S for turn, at in since.items() if turn <= digest.upto_turn)
        found = without(digest, gone, later)
        if found is not None:
            yield found
