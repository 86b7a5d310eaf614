"""Cases against a gateway, a few at once, and what came of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

from msgspec import Struct

from backstory.app.conformance.asking import Gateway, exchange
from backstory.app.conformance.cases import Case
from backstory.app.conformance.dialects import DIALECTS

_AT_ONCE = 4


class Outcome(Struct, frozen=True):
    """What came of a case. `through`: "http", or the name of an SDK. `faults`: what is wrong, () where it passed."""

    id: str
    group: str
    client: str
    provider: str
    scenario: str
    stream: bool
    through: str
    faults: tuple[str, ...]
    seconds: float = 0.0


def play(case: Case, gateway: Gateway) -> Outcome:
    """One case. A scenario that measures time gets a few attempts: a machine that is busy may be late once."""
    began = time.monotonic()
    faults: tuple[str, ...] = ()
    for _ in range(case.scenario.attempts):
        faults = _faults(case, gateway)
        if not faults:
            break
    spent = round(time.monotonic() - began, 4)
    name = case.scenario.name
    return Outcome(case.id, case.scenario.group, case.client, case.provider, name, case.stream, "http", faults, spent)


def play_all(found: Iterable[Case], gateway: Gateway, told: Callable[[Outcome], None] | None = None) -> list[Outcome]:
    """All of them, in their order. `told` hears each when it is over."""
    outcomes = []
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for outcome in pool.map(lambda case: play(case, gateway), found):
            outcomes.append(outcome)
            if told is not None:
                told(outcome)
    return outcomes


def _faults(case: Case, gateway: Gateway) -> tuple[str, ...]:
    client = DIALECTS[case.client]
    ask = case.ask()
    seen = exchange(gateway, client, case.provider, ask, case.stream)
    following = case.next(ask, seen.got)
    if following is not None and seen.got.over:
        ask = following
        seen = exchange(gateway, client, case.provider, ask, case.stream)
    if not seen.status:
        return (seen.got.error,)
    return tuple(dict.fromkeys(case.scenario.check(seen, ask)))
