"""Whether the newest request before a restart began where this one does: told from its row and the turns, for a client that cuts its
history breaks the prefix of its requests."""

from __future__ import annotations

from collections.abc import Sequence

from backstory.core.records import Turn
from backstory.memory.economy.account import Account

# So many tokens, or this share of the request, may be a system prompt that has changed.
_LEAST, _SHARE = 64, 0.02


def earlier(account: Account, path: Sequence[Turn], fixed: int, now: tuple[int, int, int]) -> tuple[int, int, int]:
    """As `Account.paths`, of the newest row, where this request begins as `now`, with `fixed` tokens of what is no turn: the same, but for
    a beginning that is -1 where more was in front. What cannot be told is the same. Cost grows with the turns that both have."""
    if not account.newest:
        return now
    first, ours, folded = now
    stop = next((place for place in range(len(path) - 1, -1, -1) if path[place].id == account.newest), -1)
    if stop < first or not first:
        return now
    more = account.size_in - fixed - sum([turn.tokens for turn in path[first:stop]])
    cut = more > max(_LEAST, _SHARE * account.size_in)
    # More went up than came, of a history that its client cuts: it may have been held in front, which does not outlive a process.
    return (-1 if cut else first), (-1 if cut or account.sent_size > account.size_in else ours), folded
