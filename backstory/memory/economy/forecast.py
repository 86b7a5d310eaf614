"""What a request should save, told before it goes up: in the provider's tokens, as it has counted those before."""

from __future__ import annotations

from backstory.core.reply import Usage
from backstory.core.tariff import Tariff
from backstory.memory.economy.account import Account
from backstory.memory.economy.steps import Step, tails

# Of how much dearer the newest measured request was than told, so much counts.
_NEWEST = 0.25


class Dearness:
    """How many times as dear what goes up changed is as the rules of the cache say, by model, as it was measured lately: at least 1. What
    is cheaper than told is no promise."""

    __slots__ = ("_times",)

    def __init__(self) -> None:
        self._times: dict[str, float] = {}

    def of(self, model: str) -> float:
        """Of this model's requests."""
        return self._times.get(model, 1.0) if self._times else 1.0

    def measured(self, model: str, told: float, paid: float) -> None:
        """A request was told to cost `told` dollars, and has cost `paid`, both without its answer."""
        if told <= 0:
            return
        times = self.of(model)
        times += _NEWEST * (paid / told - times)
        if times > 1.0:
            self._times[model] = times
        else:
            self._times.pop(model, None)


def without_answer(tariff: Tariff, usage: Usage) -> float:
    """Dollars of a request by itself."""
    return tariff.cost(usage) - tariff.output * usage.output_tokens / 1e6


def forecast(account: Account, tariff: Tariff, step: Step, shared: int | None = None, dear: float = 1.0) -> float:
    """Dollars by which a request should be cheaper than it would be as it came (negative: dearer), by the rules of the cache. `shared`:
    with so many of its tokens it begins as what went up before; None: it goes on from that. `dear`: so many times as much as these
    rules say is paid for it."""
    direct, billed = expected(account, tariff, step, shared)
    return direct - billed * dear


def expected(account: Account, tariff: Tariff, step: Step, shared: int | None = None) -> tuple[float, float]:
    """Dollars that a request would cost as it came, and as it goes up, both without its answer."""
    ratio, aside = account.ratio, account.aside
    size = aside + step.total_in * ratio
    if account.direct_size and step.complete and not step.broken_in:
        size = max(0.0, account.direct_size + (step.total_in - account.size_in) * ratio)
    sent = max(0.0, size - (step.total_in - step.total_sent) * ratio)
    came, went = tails(step, tariff, ratio)
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
