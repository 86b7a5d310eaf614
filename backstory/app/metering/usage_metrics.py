"""What is recorded of requests, for Prometheus: figures of this process since its start."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from backstory.app.metering.recorder import BUCKETS, Figures

if TYPE_CHECKING:
    from prometheus_client.core import Metric


def families(figures: Figures) -> Iterator[Metric]:
    """Every family."""
    from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily  # noqa: PLC0415 - only where metrics are scraped

    for name, meaning, times in (
        ("request", "Time from a request until its answer's end was written, of answers that came to their end.", figures.total),
        ("first_byte", "Time from a request until its answer began, of the same.", figures.first),
    ):
        family = HistogramMetricFamily(f"backstory_{name}_seconds", meaning, labels=["wire"])
        for wire, one in sorted(times.items()):
            total, cumulative = 0, []
            for bound, number in zip((*BUCKETS, "+Inf"), one.buckets, strict=True):
                total += number
                cumulative.append((str(bound), float(total)))
            family.add_metric([wire], buckets=cumulative, sum_value=one.sum_s)
        yield family
    tokens = CounterMetricFamily("backstory_provider_tokens", "Tokens as providers counted them, or our estimate.", labels=["kind"])
    for kind, number in sorted(figures.tokens.items()):
        tokens.add_metric([kind], number)
    yield tokens
    yield CounterMetricFamily("backstory_usage_stored", "Charges that were stored.", value=figures.stored)
    yield CounterMetricFamily(
        "backstory_usage_dropped", "Charges that were let go of, for the store did not take them.", value=figures.dropped
    )
