"""What stands for folded turns while their digest is not made: of an older digest, as much as tells of these turns.

Rule: only for a conversation that was folded before. Its history outgrew the window then, and does not go up whole again because a digest
is late; what the older one leaves out is recalled when it is asked for.
"""

from __future__ import annotations

from backstory.core import lines
from backstory.core.lines import kept
from backstory.memory.folding.assembly import digest_block
from backstory.memory.identity.thread import Thread, place_of


def stand_in(thread: Thread, at: int) -> tuple[str, int]:
    """Text and tokens of a block for the first `at` turns of the path, "" where no older digest tells of them. Costs a look at each digest,
    and a walk to where its branch left this one."""
    most, best = 0, ("", 0)
    for digest in reversed(thread.digests):
        shared = min(_shared(thread, digest.upto_turn), at)
        if shared <= most:
            continue
        last = thread.path[shared - 1].position + 1
        found = kept(digest, lambda number, last=last: number <= last)  # type: ignore[misc]
        if found is not None and not lines.tells_nothing(found):
            most, best = shared, (found.text, found.tokens)
    return best


def unsaid(thread: Thread, at: int) -> str:
    """The block for the first `at` turns of the path where no digest has anything to tell of them."""
    return digest_block(lines.unsaid(thread.path[0].position + 1, thread.path[at - 1].position + 1))


def _shared(thread: Thread, upto: int) -> int:
    """How many turns of the path are on the branch that ends with this turn."""
    turn = thread.by_id.get(upto)
    while turn is not None:
        place = place_of(thread.path, turn)
        if place >= 0:
            return place + 1
        turn = thread.by_id.get(turn.parent)
    return 0
