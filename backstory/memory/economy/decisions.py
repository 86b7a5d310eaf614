"""When moving the digest's boundary pays, and how much may be kept and recalled. Decisions only: prices are passed in.

Rules: unless the window is at stake, no move is made that is predicted to cost more than it saves, nor one that costs more at once than has
been saved so far. Moves are as rare as the promise asks for that payloads keep `KEPT` of what the one before had sent.
"""

from __future__ import annotations

import math
from typing import Literal, TypeAlias

from backstory.core.tariff import Tariff
from backstory.memory.economy.account import Account
from backstory.memory.economy.steps import Move, best_size

KEPT = 0.97
"""Of the tokens of all payloads of a conversation, the share with which the payloads after them begin."""
SMALL_WINDOW = 16_000
"""In a smaller window every token is needed: there the most is kept, and nothing moves before it has to."""

Verdict: TypeAlias = Literal["pays", "cold", "costs", "soon", "often", "poor"]

# What is folded makes up at least this share of the request: less is not worth a change of the prefix.
_WORTH_SHARE = 0.25
# Of the window stays verbatim after a fold, at most.
_MOST_KEPT = 0.5
# A conversation that must lose so many times what the promise allows, however seldom it is folded, may save money instead.
_HOPELESS = 2.0
# So many requests should lie between two folds.
_APART = 60
# Of what a request saves, so much may go into what is recalled at it while a conversation that is recalled from again and again owes
# something; but so many tokens are always granted: the best line or two.
_RECALL_SHARE, RECALL_LEAST = 1 / 3, 200
# Once rewriting was stopped, a block may cost so much of what the conversation has saved all the same; fewer tokens than these are no line.
_SPENT, _LINE = 0.5, 60
# An estimate of growth by fewer requests than this is none.
_SEEN = 4


def kept(account: Account, size: int, hard: int, digest: int, least: float) -> int:
    """Tokens that should stay verbatim after a fold at `hard`, in a window of `size`: half of it, or fewer where the conversation grows
    quickly or the fold would cost more than there is to spend, but no less than the share `least`."""
    most = int(size * _MOST_KEPT)
    if size < SMALL_WINDOW or account.requests < _SEEN:
        return most
    growth, aside = account.coming_growth, account.fixed + digest
    apart = hard - aside - growth * _APART
    promised = math.sqrt(max(0.0, hard * hard - 2 * (hard - account.fixed) * growth / (1 - KEPT))) - aside
    return max(int(size * least), int(min(most, apart, promised, affords(account, hard) - digest)))


def affords(account: Account, size: int) -> float:
    """How many tokens may be written again when a request of `size` is folded, so that the bill does not rise above what has been saved
    and a little more."""
    tariff = account.tariff
    if tariff is None or not tariff.caches or tariff.write <= 0:
        return math.inf
    spare = 1e6 * account.purse.spare / account.ratio
    return max(0.0, ((size - account.fixed) * tariff.read + spare) / tariff.write)


def recallable(account: Account, budget: int, move: Move, tariff: Tariff) -> int:
    """How many tokens may be recalled at a request that is `move.after` tokens long without, and `move.size` as it came. The budget;
    but less where the conversation has lost money, or does lately, and what is usually recalled costs more than a part of what is
    saved, though no less than `RECALL_LEAST`."""
    if max(account.owing, account.lately) <= 0 or tariff.write <= 0:
        return budget
    warm = account.stays_warm(tariff)
    saving = tariff.came.predicted(move.size, move.size if warm else 0) - tariff.predicted(move.after, move.after if warm else 0)
    most = _RECALL_SHARE * 1e6 * saving / tariff.write
    return budget if account.recalls * budget <= most else min(budget, max(RECALL_LEAST, int(most)))


def spendable(account: Account, size: int, tariff: Tariff, end: int) -> int:
    """How many tokens may be recalled at a request of `size` tokens of a conversation in which rewriting was stopped, paid from what it has
    saved: they are written once, and read until it is folded at `end` tokens, which is what its model takes where that is more than the
    window."""
    reads = min(account.to_come, max(0, end - size) / max(1.0, account.growth))
    price = max(tariff.input, tariff.write) + reads * tariff.read if tariff.caches else (1 + reads) * tariff.input
    most = int(_SPENT * account.purse.saved * 1e6 / max(price * account.ratio, 1e-6))
    return most if most >= _LINE else 0


def verdict(account: Account, move: Move, tariff: Tariff, now: float, hard: int) -> Verdict:
    """Whether to move before the window is at stake, and why (not). pays: it does, though the cache may be warm. cold: what the cache
    held has gone. costs: it saves too little. soon: waiting is cheaper. often: it has moved, or would move, too often. poor: it costs
    more at once than has been saved."""
    if move.size - move.after < move.size * _WORTH_SHARE or gain(account, move, tariff, now) <= 0:
        return "costs"
    lost = move.size - move.shared
    if tariff.caches and not account.warm(tariff, now):
        coming = until(account, move, hard)
        hopeless = hard > _HOPELESS * (1 - KEPT) * coming
        # Where it is cold again and again, each fold would be as early.
        seldom = account.stays_warm(tariff) or sustains(account, move)
        return "cold" if hopeless or (seldom and may_lose(account, lost, coming)) else "often"
    if move.size < min(hard, best_size(move.after, account.growth, tariff)):
        return "soon"
    if not (sustains(account, move) and may_lose(account, lost)):
        return "often"
    return "pays" if price(account, move, tariff, now) <= account.purse.spare else "poor"


def price(account: Account, move: Move, tariff: Tariff, now: float) -> float:
    """Dollars that a move costs at once."""
    cached = min(account.found(tariff).sent, move.size) if account.warm(tariff, now) else 0
    return (tariff.predicted(move.after, min(cached, move.shared)) - tariff.predicted(move.size, cached)) * account.ratio


def sustains(account: Account, move: Move) -> bool:
    """Whether the promise would hold if the conversation went on to grow as it does, and moved so again and again."""
    return move.size <= (1 - KEPT) * until(account, move, move.size)


def until(account: Account, move: Move, hard: int) -> float:
    """Tokens of all payloads from this move until requests are `hard` tokens long again."""
    return (hard * hard - move.after * move.after) / (2 * max(1.0, account.coming_growth))


def may_lose(account: Account, tokens: int, coming: float = 0.0) -> bool:
    """Whether the payloads of the conversation keep enough of their prefixes if the next one loses so many tokens. `coming`: tokens of
    payloads to come that lose none."""
    return account.lost + tokens <= (1 - KEPT) * (account.sent_sum + account.sent_size + coming)


def undo(account: Account, move: Move, tariff: Tariff, now: float) -> bool:
    """Whether to send again as it came what was folded, after rewriting has been stopped: at the rates that were measured, not at
    those that were predicted."""
    loss = account.lately / max(1, account.judged)
    if not account.warm(tariff, now):
        return move.after <= move.size
    once = tariff.predicted(move.after, min(move.shared, account.found(tariff).sent)) - tariff.predicted(move.after, move.after)
    return account.to_come * loss > once


def gain(account: Account, move: Move, tariff: Tariff, now: float, most: float = math.inf) -> float:
    """What a move saves over the requests that may be counted on, `most` of them at most, less what it costs now: negative where it
    loses."""
    cached = min(account.found(tariff).sent, move.size) if account.warm(tariff, now) else 0
    once = tariff.predicted(move.size, cached) - tariff.predicted(move.after, min(cached, move.shared))
    usual = account.stays_warm(tariff)
    later = tariff.predicted(move.size, move.size if usual else 0) - tariff.predicted(move.after, move.after if usual else 0)
    return once + min(most, account.to_come) * later
