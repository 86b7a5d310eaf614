"""Whether the newest request before a restart, or of another process, began where this one does: told from its row and the turns, for a
client that cuts its history breaks the prefix of its requests.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate

from backstory.core.records import Turn
from backstory.memory.economy.account import Account

# So many tokens, or this share of the request, may be a system prompt that has changed.
_LEAST, _SHARE = 64, 0.02


def earlier(
    account: Account, path: Sequence[Turn], fixed: int, now: tuple[int, int, int], added: Callable[[Turn], int] = lambda _: 0
) -> tuple[int, int, int]:
    """As `Account.paths`, of the newest row, where this request begins as `now`, with `fixed` tokens of what is no turn: the same, but for
    a beginning that is -1 where more was in front. What cannot be told is the same. `added`: tokens of what goes up with a turn. Cost
    grows with the turns that both have, and those that were cut off."""
    if not account.newest:
        return now
    first, ours, folded = now
    stop = next((place for place in range(len(path) - 1, -1, -1) if path[place].id == account.newest), -1)
    if stop < first or not first:
        return now
    both, least = path[first:stop], max(_LEAST, _SHARE * account.size_in)
    more = account.size_in - fixed - sum([turn.tokens for turn in both])
    cut = more > least or _ends(path, first, more)
    # Where more went up than came and was recalled, of a history that its client cuts, it may have been held in front, which no other
    # process does. What is folded stands in front all the same.
    held = account.sent_size - account.size_in - sum([added(turn) for turn in both]) > least
    return (-1 if cut else first), (-1 if held or (cut and not folded) else ours), folded


def _ends(path: Sequence[Turn], stop: int, tokens: int) -> bool:
    """Whether turns right before this place come to so many tokens."""
    if tokens <= 0:
        return False
    return next((total for total in accumulate(path[at].tokens for at in range(stop - 1, -1, -1)) if total >= tokens), 0) == tokens
