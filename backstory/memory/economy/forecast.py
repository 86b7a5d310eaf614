"""What a request should save, told before it goes up: in the provider's tokens, as it has counted those before."""

from __future__ import annotations

from backstory.core.tariff import Tariff
from backstory.memory.economy.decisions import Account, Step


def forecast(account: Account, tariff: Tariff, step: Step, shared: int | None = None) -> float:
    """Dollars by which a request should be cheaper than it would be as it came (negative: dearer), by the rules of the cache. `shared`:
    with so many of its tokens it begins as what went up before; None: it goes on from that."""
    ratio, aside = account.ratio, account.aside
    size = aside + step.total_in * ratio
    if account.direct_size and step.complete and not step.broken_in:
        size = max(0.0, account.direct_size + (step.total_in - account.size_in) * ratio)
    sent = max(0.0, size - (step.total_in - step.total_sent) * ratio)
    if not account.requests or not account.warm(tariff, step.at):
        return tariff.predicted(size, 0) - tariff.predicted(sent, 0)
    kept = aside + step.fixed * ratio if step.broken_in else size - step.fresh_in * ratio
    cached = max(0.0, min(account.direct_size, kept))
    if shared is None:
        found = sent - (step.total_sent - account.cached(tariff, step)) * ratio
    else:
        found = shared * ratio + (aside if shared else 0.0)
    return tariff.predicted(size, cached * account.quality) - tariff.predicted(sent, max(0.0, found) * account.quality)
