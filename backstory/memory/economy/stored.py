"""What a provider's cache should hold of a conversation, for each model that it has been sent to: none reads what another has written.

Rule: of a payload so much can be found again as stands in front of its last mark. What changes in front of it takes that from all models,
but for what never changes.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from backstory.core.tariff import Tariff

# Of so many models it is known what they hold.
_MOST_MODELS = 8


class Stored(Struct, frozen=True):
    """Since `at` (Unix seconds): `came`, `sent`: of the request as its client sent it, and as it went up, in tokens of ours; `direct`,
    `counted`: the same as the provider counts them."""

    at: float = 0.0
    came: float = 0.0
    sent: float = 0.0
    direct: float = 0.0
    counted: float = 0.0


NOTHING = Stored()
Holdings = dict[str, Stored]


def model_of(tariff: Tariff) -> str:
    """The model that a tariff is of; "" for all whose price is not known."""
    return tariff.model if tariff.known else ""


def shared(holdings: Holdings, came: float, sent: float, ratio: float, aside: float) -> Holdings:
    """What they hold of a request that begins as the one before for `came` tokens as its client sent it, and for `sent` as it went up.
    `aside`: tokens, as the provider counts, that are in every request and that we do not count."""
    return {
        model: replace(
            one,
            came=min(one.came, came),
            sent=min(one.sent, sent),
            direct=min(one.direct, came * ratio + aside),
            counted=min(one.counted, sent * ratio + aside),
        )
        for model, one in holdings.items()
    }


def folded(holdings: Holdings) -> Holdings:
    """What they hold after a fold of which no more is known: nothing that goes up, and all that the client sends."""
    return {model: replace(one, sent=0.0, counted=0.0) for model, one in holdings.items()}


def put(holdings: Holdings, model: str, one: Stored) -> Holdings:
    """With this one, as the newest; the oldest are left out."""
    made = {name: held for name, held in holdings.items() if name != model}
    made[model] = one
    for name in list(made)[:-_MOST_MODELS]:
        del made[name]
    return made
