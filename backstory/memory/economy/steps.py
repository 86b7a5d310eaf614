"""One request of a conversation, and a change of what goes up, in tokens."""

from __future__ import annotations

import math

from msgspec import Struct
from msgspec.structs import replace

from backstory.core.reply import Usage
from backstory.core.tariff import Tariff

# No estimate of what is behind a mark is further off.
_DENSE = 2.0


class Step(Struct, frozen=True):
    """One request, in estimated tokens. `total_in`, `total_sent`: of the client's request and of ours. `fresh_in`, `fresh_sent`: at their
    ends, of what no request before had. `fixed`: system prompt and what else never changes. `broken_in`, `broken_sent`: nothing after
    the fixed part is where it was. `complete`: the client sent its whole history. `changed`: it went up changed. `legs`: of further
    requests that its answer took, because our tools were called; the provider's usage is of all of them. `held`: something
    stays in front that its client cut off. `loose`: tokens of what memory has put behind the client's last mark. `again`: before what is
    new, tokens that have gone up and are written once more, for a block before them has been left out."""

    at: float
    total_in: int
    total_sent: int
    fresh_in: int
    fresh_sent: int
    fixed: int
    broken_in: bool = False
    broken_sent: bool = False
    complete: bool = True
    changed: bool = False
    legs: int = 0
    held: bool = False
    loose: int = 0
    again: int = 0


class Move(Struct, frozen=True):
    """A change of what goes up from now on. `size`: tokens of this request without it; `after`: with it. `shared`: with how many of them
    both begin."""

    size: int
    after: int
    shared: int


def begins(step: Step, tariff: Tariff) -> tuple[int, int]:
    """With how many of its tokens a request begins as the one before whose cache can be read: as its client sent it, and as it went up."""
    fixed = step.fixed if tariff.head else 0
    came = fixed if step.broken_in else max(0, step.total_in - step.fresh_in)
    return came, fixed if step.broken_sent else max(0, step.total_sent - step.fresh_sent - step.again)


def behind(step: Step, tariff: Tariff) -> float:
    """Tokens behind the last mark of what went up: no more than all messages, where the one that was marked does not go up any more."""
    loose = tariff.tail + step.loose
    return min(loose, max(0, step.total_sent - step.fixed)) if loose else 0.0


def tails(step: Step, tariff: Tariff, ratio: float) -> tuple[Tariff, Tariff]:
    """The tariff of a request as it came and as it went up, in tokens of the provider: `ratio` for one of ours."""
    if not (tariff.tail or step.loose):
        return tariff.came, tariff
    return replace(tariff, tail=tariff.tail * ratio), replace(tariff, tail=behind(step, tariff) * ratio)


def denser(step: Step, tariff: Tariff, usage: Usage, believed: float) -> float:
    """How many times as many tokens stand behind the last mark as is believed: what went up and was neither read nor written tells. 1 where
    the message that was marked did not go up."""
    if step.total_sent - step.fixed <= tariff.tail + step.loose:
        return 1.0
    loose = usage.input_tokens - usage.cache_read_tokens - usage.cache_write_tokens
    return min(_DENSE, max(1 / _DENSE, loose / max(1.0, believed)))


def best_size(after: int, growth: float, tariff: Tariff) -> float:
    """The size at which a conversation that grows by `growth` a request is best folded to `after`: reading all that is carried along costs
    as much then as writing what stays once more. The minimum of read * (T + a) / 2 + a * (write - read) * growth / (T - a) over T."""
    if not tariff.caches:
        return after
    if tariff.read <= 0:
        return math.inf
    return after + math.sqrt(2 * after * max(0.0, tariff.write - tariff.read) * max(0.0, growth) / tariff.read)
