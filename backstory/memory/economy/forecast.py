"""What a request should save, told before it goes up: in the provider's tokens, as it has counted those before."""

from __future__ import annotations

from backstory.core.reply import Usage
from backstory.core.tariff import Tariff
from backstory.memory.economy.account import Account
from backstory.memory.economy.steps import Step, tails

# Of how much dearer the newest measured request was than told, so much counts.
_NEWEST = 0.25


class Dearness:
    """Dollars for each of our tokens by which what goes up changed is dearer than the rules of the cache say, by model, as it was measured
    lately: at least 0. What is cheaper than told is no promise."""

    __slots__ = ("_more",)

    def __init__(self) -> None:
        self._more: dict[str, float] = {}

    def of(self, model: str) -> float:
        """Of this model's requests."""
        return self._more.get(model, 0.0) if self._more else 0.0

    def measured(self, model: str, told: float, paid: float, tokens: int) -> None:
        """A request of so many tokens was told to cost `told` dollars, and has cost `paid`, both without its answer."""
        if tokens <= 0:
            return
        more = self.of(model)
        more += _NEWEST * ((paid - told) / tokens - more)
        if more > 0:
            self._more[model] = more
        else:
            self._more.pop(model, None)


def without_answer(tariff: Tariff, usage: Usage) -> float:
    """Dollars of a request by itself."""
    return tariff.cost(usage) - tariff.output * usage.output_tokens / 1e6


def forecast(account: Account, tariff: Tariff, step: Step, shared: int | None = None, dear: float = 0.0) -> float:
    """Dollars by which a request should be cheaper than it would be as it came (negative: dearer), by the rules of the cache. `shared`:
    with so many of its tokens it begins as what went up before; None: it goes on from that. `dear`: so many dollars more than these
    rules say are paid for each of its tokens."""
    direct, billed = expected(account, tariff, step, shared)
    return direct - billed - dear * step.total_sent


def expected(account: Account, tariff: Tariff, step: Step, shared: int | None = None) -> tuple[float, float]:
    """Dollars that a request would cost as it came, and as it goes up, both without its answer."""
    ratio, aside = account.ratio, account.aside
    size = aside + step.total_in * ratio
    if account.direct_size and step.complete and not step.broken_in:
        size = max(0.0, account.direct_size + (step.total_in - account.size_in) * ratio)
    sent = max(0.0, size - (step.total_in - step.total_sent) * ratio)
    came, went = tails(step, account.rated(tariff), ratio)
    if not account.requests or not account.warm(tariff, step.at):
        return came.predicted(size, 0), went.predicted(sent, 0)
    fixed = aside + step.fixed * ratio if tariff.head else 0.0
    cached = max(0.0, min(account.found(tariff).direct, fixed if step.broken_in else size - step.fresh_in * ratio))
    if shared is None:
        held = account.cached(tariff, step)
        found = sent - (step.total_sent - held) * ratio if held else 0.0
    else:
        found = shared * ratio + (aside if shared else 0.0)
    return came.predicted(size, cached * account.quality), went.predicted(sent, max(0.0, found) * account.quality)
