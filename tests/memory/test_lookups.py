"""Nothing that was said stands in memory when it has been forgotten."""

from __future__ import annotations

import importlib
import pkgutil

import backstory.memory
from backstory.memory.lookups import forget
from backstory.memory.recall.units import index_terms
from tests.memory.facts.table_over import OVER
from tests.memory.facts.test_supersession import ledger

OF_NO_WORDS = {"_norms"}


def kept() -> dict[str, int]:
    """By function of memory that remembers what it has worked out for something: for how much."""
    found = {}
    for module in pkgutil.walk_packages(backstory.memory.__path__, "backstory.memory."):
        for name, value in vars(importlib.import_module(module.name)).items():
            info = getattr(value, "cache_info", None)
            if info is not None and (info().maxsize or 0) > 1 and value.__module__ == module.name and name not in OF_NO_WORDS:
                found[f"{module.name}.{name}"] = info().currsize
    return found


def test_what_functions_remember_of_words_goes() -> None:
    for texts, _ in OVER[:80]:
        ledger([*texts, "Yoga is on Monday.", "Yoga is on Friday at 9.", "Always answer in German.", "We use Redis.", "We use Redis, too."])
    index_terms("Wann haben wir die Häuser gekauft?")
    held = kept()
    assert sum(1 for size in held.values() if size) >= 6, held
    forget()
    assert not {name: size for name, size in kept().items() if size}
