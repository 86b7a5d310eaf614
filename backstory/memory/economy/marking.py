"""When a request of a client that marks nothing is marked for its provider's cache (Anthropic: `cache_control` of the request as a whole).

Rule: what is written costs a quarter more and is read at a tenth, so it pays where the next request comes in time and begins with what goes
up now. By what is known of the conversation that must be worth more than it costs; where what was written is not found, nothing is.
"""

from __future__ import annotations

from backstory.core.tariff import Tariff
from backstory.memory.economy.account import LEAST_HITS, REST_S, Account
from backstory.memory.economy.steps import Step

# What is expected of a request that has not come counts for so much.
_SURE = 0.8
# A small bill may rise by so many dollars at once, as it may for what is recalled.
_CENT = 0.01


def pays(account: Account, tariff: Tariff, step: Step, goes_on: bool) -> bool:
    """Whether this request had better be marked, by this tariff of marked ones. `goes_on`: the next one surely begins with what goes up
    now; else it does where its client does not cut its history."""
    size = account.aside + step.total_sent * account.ratio
    if not trusted(account, step.at) or size < tariff.least or not tariff.known:
        return False
    begins = 1.0 if goes_on else 0.0 if step.broken_in else 1 - account.cuts
    later = size * (tariff.input - tariff.read) / 1e6
    return _SURE * begins * in_time(account, tariff, step.at) * later > costs(account, tariff, step)


def trusted(account: Account, now: float) -> bool:
    """Whether it is known of marks that what they write is read, or not known yet that it is not; and nothing is cached without them."""
    return account.told and not account.eager and (account.hits >= LEAST_HITS or now - account.lent_at >= REST_S)


def costs(account: Account, tariff: Tariff, step: Step) -> float:
    """Dollars that a mark costs at once: below 0 where the cache has enough of it already."""
    size, found = account.aside + step.total_sent * account.ratio, account.cached(tariff, step) * account.ratio
    cached = found + account.aside if found else 0.0
    return tariff.predicted(size, cached * account.quality) - tariff.came.predicted(size, 0)


def affordable(account: Account, tariff: Tariff, step: Step, share: float) -> bool:
    """Whether what a mark costs at once is covered by what was saved, or is within `share` of the bill, or a cent: should the conversation
    end here, no more is lost."""
    purse = account.purse
    shorter = (step.total_in - step.total_sent) * account.ratio * tariff.input / 1e6
    allowed = max(share * purse.direct, _CENT) if share > 0 else 0.0
    return costs(account, tariff, step) <= allowed + (purse.saved if purse.known else 0.0) + shorter


def in_time(account: Account, tariff: Tariff, now: float) -> float:
    """How likely the next request comes while the cache has what this one wrote: as the pauses before it, this one's too, and one more
    that does not."""
    gaps = (*account.gaps, now - account.last_at) if account.last_at else account.gaps
    return sum(0 <= gap < tariff.ttl_s for gap in gaps) / (len(gaps) + 1)
