"""The side model's figures for Prometheus. The day's ones are those of all processes that share the store, as this one last saw them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from backstory.core.side import SideFigures

if TYPE_CHECKING:
    from prometheus_client.core import Metric

_COUNTERS = (
    ("answers", "Usable answers of the side model.", "answers"),
    ("tagged_turns", "Turns that got tags of the side model.", "tagged_turns"),
    ("digests", "Segments with a digest of the side model.", "summaries"),
    ("digests_refused", "Segments that keep their extractive digest, for the side model's was no better.", "summaries_refused"),
    ("facts", "Facts that the side model found.", "facts"),
    ("claims_kept", "Claims of the side model that rest on their turns.", "claims_kept"),
    ("claims_dropped", "Claims of the side model that do not rest on their turns.", "claims_dropped"),
)
_GAUGES = (
    ("tokens_today", "Tokens used up today (UTC), reservations included.", "tokens", 1),
    ("tokens_limit", "Tokens that may be used up in a day.", "tokens_most", 1),
    ("dollars_today", "Dollars used up today (UTC) at list prices, reservations included.", "micros", 1_000_000),
    ("dollars_limit", "Dollars that may be used up in a day.", "micros_most", 1_000_000),
    ("calls_today", "Requests to the side model today (UTC).", "calls", 1),
)


def families(figures: SideFigures, today: str) -> Iterator[Metric]:
    """Every family; none where no side model is in use. `today`: as `day_of` has it."""
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily  # noqa: PLC0415 - only where metrics are scraped

    if not figures.tokens_most:
        return
    for name, meaning, field in _COUNTERS:
        yield CounterMetricFamily(f"backstory_side_{name}", meaning, value=getattr(figures, field))
    for name, meaning, field, unit in _GAUGES:
        stale = name.endswith("_today") and figures.day != today
        yield GaugeMetricFamily(f"backstory_side_{name}", meaning, value=0 if stale else getattr(figures, field) / unit)
    failures = CounterMetricFamily("backstory_side_failures", "Questions without a usable answer.", labels=["reason"])
    for reason, number in sorted(figures.failures.items()):
        failures.add_metric([reason], number)
    yield failures
