"""How much memory may add to the requests of a client that cuts its own history.

Rule: what the client sends is what it would have paid without memory. Memory is there to bring back what was cut off, and that has to be
paid from what was saved in the conversation before, but for a small share of the bill, and a few lines for each question. A client that
sends no more than its last exchange leaves its history to memory, and has no ceiling.
"""

from __future__ import annotations

import math

from msgspec import Struct
from msgspec.structs import replace

from backstory.core.tariff import Tariff
from backstory.memory.economy.account import Account
from backstory.memory.economy.holding import Held
from backstory.memory.economy.leaving import MOST_AGAIN
from backstory.memory.reading.requests import Reading

# So many tokens may be recalled in a conversation before anything was saved in it, and stay: the best lines for a first question.
GRACE = 400
# A question has the lines that answer it best whatever was saved, unless nothing may be added at all: so many tokens, while what is
# recalled takes no more than this share of the client's request; else the best line or two.
_LINES, _LINE, _LINES_SHARE = 160, 90, 0.5
# The best line or two also where they are read again in so many requests.
_LASTING = 8
# They are within what may be added; or, of a small bill, within this share of it. Then the best line alone is, within a cent: of a request
# of a few hundred tokens even that is a tenth.
_DEAR, _BEST, _CENT = 0.03, 60, 0.01
# What a client's summary leaves out of decisions and plan has room of its own, which recall cannot take: so many tokens (some ten lines),
# as long as that is so many times the share of the bill that may be added, or a cent of a small one in all; and two or three lines always.
_CARRIED, KEEPS, _KEEPS_LEAST = 3, 200, 90
# Where recall is paid by the allowance alone, only lines that score so high beside the best are worth their price, and so many; once
# half of it is spent, fewer. The first block has what it has room for.
CLOSE, MANY = 0.7, 100
_FEW, _FEWER = 3, 2
# A block takes so much of what is left at most: the next question finds something left, too.
_AT_ONCE = 0.5
# Of what was saved, so much may be spent: it is an estimate, and is to stay a saving.
_SPENT = 0.5
# Of the stay of earlier blocks, so much is still to come, once so many times their stay has gone by.
_HALF, _FILLED = 0.5, 1.5
# So many turns of the conversation in a request are its last exchange.
_LAST_EXCHANGE = 2
_MILLION = 1_000_000


class Sent(Struct, frozen=True):
    """A request, in tokens. `came`: as its client sent it, `went`: before anything is recalled; `came_cached`, `went_cached`: with how
    many of its first tokens it begins as the one before did. `stay`: in so many requests a message that is sent now will be. `writes`,
    `reads`: so often what is recalled now will be written and read again by the provider's cache. `slides`: its client cuts from the
    beginning at every request. `passing`: what is recalled may be left out once it has its answer, after so many requests, and then `again`
    tokens are written once more; 0: it stays. `behind`: it stands behind the last mark in this one."""

    came: int
    went: int
    came_cached: int
    went_cached: int
    stay: float
    writes: float
    reads: float
    slides: bool = False
    passing: float = 0.0
    again: float = 0.0
    behind: bool = False


def leaves_history(reading: Reading) -> bool:
    """Whether the client leaves its history to memory."""
    return sum(place >= 0 for place in reading.places) <= _LAST_EXCHANGE


def sent(
    account: Account,
    tariff: Tariff,
    reading: Reading,
    held: Held | None,
    tokens: tuple[int, int, int, int],
    moved: tuple[bool, bool],
    leaves: bool = False,
    summed: bool = False,
    goes: float = 0.0,
    behind: bool = False,
    lost: int = 0,
) -> Sent:
    """This request of a conversation. `tokens`: as it came, as it goes, of what never changes, and of what is new. `moved`: whether it
    begins elsewhere than the one before, as its client sent it and as it goes up. `leaves`: what is recalled goes up until something
    else is, or longer where it is held. `summed`: the client has summed up what it cut. `goes`: what is recalled may be left out after
    its answer, in so many requests, 0: it stays; `behind`: it stands behind the last mark. `lost`: tokens of what goes, before what is
    new, that are not found in the cache, for a block before them has been left out. A client that cuts from the beginning of its history
    at every request keeps so many messages; of any other it is told from where it last cut how long a message stays, or not at all."""
    came, went, fixed, fresh = tokens
    cut, anew = moved
    slides = cut and not summed
    passing = 0.0
    stay = max(1.0, sum(line.kind == "spoken" for line in reading.lines) / 2)
    if held is not None:
        # Read until it is let go, or its client has cut off the message.
        writes, reads = 1.0, max(1.0, held.coming)
    elif leaves:
        # Where something is held from time to time, it is read until that is let go.
        writes, reads = 1.0, stay - 1 if account.holds else 0.0
        stay = 1.0 + reads
    elif slides:
        writes, reads = stay, 0.0
    else:
        coming = account.until_cut(came)
        stay = max(1.0, coming) if math.isfinite(coming) else max(stay, account.to_come)
        writes, reads = 1.0, stay - 1
        passing = goes if 2 * goes <= MOST_AGAIN else 0.0
    found, stays = account.found(tariff), fixed if tariff.head else 0
    came_cached = int(min(stays if cut else came - fresh, found.came))
    went_cached = int(min(stays if anew else went - fresh - lost, found.sent))
    again = (passing - 1) * max(1.0, account.growth) if passing else 0.0
    cached = 0 if tariff.lent else max(0, came_cached), max(0, went_cached)
    return Sent(came, went, *cached, stay, writes, reads, slides or held is not None, passing, again, behind)


def addable(account: Account, tariff: Tariff, now: Sent, budget: int, share: float, warm: bool = True) -> int:
    """Of a budget, how many tokens may be recalled at this request: what stays in later ones is paid there again. `share`: of its bill,
    what may be added without having been saved; not where the client's cutting leaves enough to be saved. `warm`: the provider's cache
    holds the request before."""
    costs = _costs(account, tariff, now)
    if costs[0][0] <= 0:
        return budget
    direct, goes = (
        rate.predicted(size * account.ratio + account.aside, cached * account.ratio + account.aside if warm else 0)
        for rate, size, cached in ((tariff.came, now.came, now.came_cached), (tariff, now.went, now.went_cached))
    )
    added = goes - direct
    if added > 0:
        # Earlier blocks are half through their stay; among the first requests of a client that cuts, hardly one is yet.
        young = now.slides and account.requests < _FILLED * now.stay
        added *= 1 + (now.stay - 1) * (1 if young else _HALF)
    if tariff.caches and now.slides:
        share = 0.0
    saved = (account.purse.saved - added) * (_SPENT if account.purse.saved > added else 1)
    share *= account.purse.direct + direct
    most = int(_AT_ONCE * max(max(share - once, GRACE * price) / price + saved / price for price, once in costs))
    return min(budget, max(0, min(most, _LINES) if saved <= 0 < share else most))


def least(account: Account, tariff: Tariff, now: Sent, budget: int, share: float) -> int:
    """How many tokens may be recalled for a question although nothing was saved: while that is within `share` of the bill, or a cent."""
    purse, costs = account.purse, _costs(account, tariff, now)
    lasting = now.reads >= _LASTING and not now.passing
    few = _LINE if lasting else max(_LINE, min(_LINES, int(_LINES_SHARE * now.came) - (now.went - now.came)))
    left = max(share * purse.direct, min(_CENT, _DEAR * purse.direct)) + purse.saved
    if costs[0][0] > 0:
        few = min(few, int(max((left - once) / price for price, once in costs)))
    if few < _BEST:
        few = _BEST if -purse.saved <= _CENT and purse.direct * share < _CENT else 0
    return min(budget, few)


def carriable(account: Account, tariff: Tariff, now: Sent, share: float, carried: float) -> int:
    """How many tokens of what a client's summary leaves out may go along with it whatever recall has spent. `carried`: as many went along
    with the summaries before. It goes up as often as the requests do, so its share of a middling one is its share of the bill."""
    if share <= 0:
        return 0
    direct, price = account.purse.direct, _costs(account, tariff, now)[0][0]
    small = min(_CENT, _DEAR * direct) / price if price > 0 else KEEPS
    middling = (now.came + max(now.came, account.summit)) / 2
    return int(min(KEEPS, max(_KEEPS_LEAST, _CARRIED * share * middling, max(KEEPS, small) - carried)))


def lines(account: Account, held: Held | None, share: float) -> int:
    """How many lines a block may have where what is recalled is paid by the allowance alone: nothing was saved, nor is something held that
    will be. `MANY` for the first one, fewer after it: as many questions may come as have been paid for. 0: as many as there is room for."""
    purse = account.purse
    if share <= 0 or purse.saved > 0 or held is not None:
        return 0
    if not purse.saved:
        return MANY
    return _FEW if -2 * purse.saved < max(share * purse.direct, _CENT) else _FEWER


def _costs(account: Account, tariff: Tariff, now: Sent) -> list[tuple[float, float]]:
    """The ways that a block may go, each with dollars for one of its tokens and for what is written once more: it stays, or it is left out
    after its answer."""
    growth, unit = max(1.0, account.growth), account.ratio / _MILLION
    costs = [(_price(tariff, now, growth) * unit, 0.0)]
    if now.passing:
        once = replace(now, reads=now.passing - 1)
        costs.append((_price(tariff, once, growth) * unit, now.again * max(0.0, tariff.write - tariff.read) * unit))
    return costs


def _price(tariff: Tariff, now: Sent, growth: float) -> float:
    """Dollars for a million tokens that stay. Behind the last mark they are paid in full again and again, until one stands further on."""
    if not tariff.caches:
        return tariff.input * (now.writes + now.reads)
    full = now.reads if tariff.partly else min(now.reads, tariff.tail / growth)
    first = tariff.input if tariff.loose or now.behind else max(tariff.input, tariff.write)
    return first * now.writes + tariff.input * full + tariff.read * (now.reads - full)
