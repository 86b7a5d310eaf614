"""Accounts of conversations whose requests are told by their sizes."""

from __future__ import annotations

from backstory.core.tariff import Tariff
from backstory.memory.economy.account import Account
from backstory.memory.economy.steps import Step

TARIFFS = (
    Tariff("5 minutes", 3, 15, 0.3, 3.75, 300),
    Tariff("1 hour", 3, 15, 0.3, 6, 3600),
    Tariff("half price", 2.5, 10, 1.25, 2.5, 300, step=128),
    Tariff("no cache", 3, 15, 0.3, 3.75, 300, caches=False),
)


def step(at: float, total: int, sent: int = 0, fresh: int = 100, changed: bool = False, **fields: bool) -> Step:
    return Step(at, total, sent or total, fresh, fresh, 50, changed=changed, **fields)


def account(sizes: list[int], gap: float = 10.0, tariff: Tariff = TARIFFS[0]) -> Account:
    """Of a conversation of requests of these sizes that went up as they came."""
    made = Account()
    for number, size in enumerate(sizes):
        made.settle(step(1000.0 + number * gap, size), tariff, None)
    return made
