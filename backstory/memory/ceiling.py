"""How much memory may add to the requests of a client that cuts its own history.

Rule: what the client sends is what it would have paid without memory. Memory is there to bring back what was cut off, so it may cost
something: over the conversation as much again, and one block at its beginning. A client that sends no more than its last exchange
leaves its history to memory, and has no ceiling.
"""

from __future__ import annotations

from msgspec import Struct

from backstory.core.tariff import Tariff
from backstory.memory.economy import Account
from backstory.memory.reading import Reading

# Over a conversation memory may cost so much, as a share of what the client's own requests cost.
MOST_ADDED = 1.0
# A block takes so much of what is left at most: the next question finds something left, too.
_AT_ONCE = 0.5
# So many turns of the conversation in a request are its last exchange.
_LAST_EXCHANGE = 2
_MILLION = 1_000_000


class Sent(Struct, frozen=True):
    """A request, in tokens. `came`: as its client sent it, `went`: before anything is recalled. `slides`: it does not begin as the one
    before, which the cache holds. `stay`: in so many requests a message that is sent now will be."""

    came: int
    went: int
    slides: bool
    stay: float


def leaves_history(reading: Reading) -> bool:
    """Whether the client leaves its history to memory."""
    return sum(place >= 0 for place in reading.places) <= _LAST_EXCHANGE


def sent(account: Account, reading: Reading, came: int, went: int) -> Sent:
    """This request of a conversation. A client that cuts from the beginning of its history at every request keeps so many messages;
    of any other it cannot be told how long a message stays."""
    first = next((place for place in reading.places if place >= 0), 0)
    slides = account.paths is not None and account.paths[0] != first
    spoken = sum(line.kind == "spoken" for line in reading.lines)
    return Sent(came, went, slides, max(1.0, spoken / 2))


def addable(account: Account, tariff: Tariff, now: Sent, budget: int) -> int:
    """Of a budget, how many tokens may be recalled at this request: what stays in later ones is paid there again."""
    price = _price(tariff, now) / _MILLION * account.ratio
    if price <= 0:
        return budget
    held = 0 if now.slides else min(account.size_in, now.came)
    direct = tariff.predicted(now.came, held) * account.ratio
    added = (tariff.predicted(now.went, held) - tariff.predicted(now.came, held)) * account.ratio
    if added > 0:
        # Earlier blocks are half through their stay.
        added *= 1 + (now.stay - 1) / 2
    spare = MOST_ADDED * (account.purse.direct + direct) + account.purse.saved - added
    return min(budget, max(0, int(_AT_ONCE * (spare / price + budget))))


def _price(tariff: Tariff, now: Sent) -> float:
    """Dollars for a million tokens that stay."""
    first = max(tariff.input, tariff.write) if tariff.caches else tariff.input
    later = first if now.slides or not tariff.caches else tariff.read
    return first + later * (now.stay - 1)
