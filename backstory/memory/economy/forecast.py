"""What a request should save, told before it goes up: in the provider's tokens, as it has counted those before."""

from __future__ import annotations

from backstory.core.tariff import Tariff
from backstory.memory.economy.account import Account
from backstory.memory.economy.steps import Step, tails


def forecast(account: Account, tariff: Tariff, step: Step, shared: int | None = None) -> float:
    """Dollars by which a request should be cheaper than it would be as it came (negative: dearer), by the rules of the cache. `shared`:
    with so many of its tokens it begins as what went up before; None: it goes on from that."""
    ratio, aside = account.ratio, account.aside
    size = aside + step.total_in * ratio
    if account.direct_size and step.complete and not step.broken_in:
        size = max(0.0, account.direct_size + (step.total_in - account.size_in) * ratio)
    sent = max(0.0, size - (step.total_in - step.total_sent) * ratio)
    came, went = tails(step, tariff, ratio)
    if not account.requests or not account.warm(tariff, step.at):
        return came.predicted(size, 0) - went.predicted(sent, 0)
    fixed = aside + step.fixed * ratio if tariff.head else 0.0
    cached = max(0.0, min(account.found(tariff).direct, fixed if step.broken_in else size - step.fresh_in * ratio))
    if shared is None:
        held = account.cached(tariff, step)
        found = sent - (step.total_sent - held) * ratio if held else 0.0
    else:
        found = shared * ratio + (aside if shared else 0.0)
    return came.predicted(size, cached * account.quality) - went.predicted(sent, max(0.0, found) * account.quality)
