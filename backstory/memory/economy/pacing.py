"""How large a recalled block may be where a conversation grows quickly: the promise to the prefix is kept by recalling less at a time.

Rule: all of a payload but what never changes is lost with a fold. How much may be added to a request so that folds are rare enough follows
from the window; what a conversation says is not ours to choose, what is recalled is. A few good lines are always granted.
"""

from __future__ import annotations

from backstory.memory.economy.account import Account
from backstory.memory.economy.decisions import KEPT

# Tokens of the lines that are always granted.
LEAST = 500
# Growth is known after so many requests.
_SEEN = 20


def sustainable(hard: int, after: int, fixed: int) -> float:
    """Tokens by which requests may grow on average so that payloads keep what they promise: they are folded at `hard` tokens to `after`
    again and again, and share the first `fixed` then."""
    return (1 - KEPT) * (hard * hard - after * after) / (2 * max(1, hard - fixed))


def paced(account: Account, budget: int, hard: int, after: int) -> int:
    """Of a budget, how many tokens a block may have."""
    if account.requests < _SEEN or account.often <= 0 or budget <= LEAST:
        return budget
    allowed = sustainable(hard, after, account.fixed)
    if account.growth <= allowed:
        return budget
    left = allowed - (account.growth - account.added)
    return min(budget, max(LEAST, int(left / account.often)))
