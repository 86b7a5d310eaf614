"""Counts are the same in every form in which they are told."""

from __future__ import annotations

import time

import pytest
from prometheus_client.parser import text_string_to_metric_families

from backstory.app.metrics import BUCKETS, Metrics
from backstory.core.edits import AppendText
from backstory.core.exchange import Exchange, Head, Note, Outcome
from backstory.core.message import Prompt
from backstory.core.records import Conversation, Digest, Spend
from backstory.core.reply import Reply, Usage
from backstory.core.side import day_of
from backstory.memory.identity.thread import Thread
from backstory.memory.reading.requests import Reading
from backstory.relay.limits import DoorMetrics
from backstory.stages.visit import Visit

HEAD = Head("POST", "/v1/chat/completions", "", ())


def exchange(number: int, *, conversation: str = "a", model: str = "gpt-4o", edited: bool = False) -> Exchange:
    """An exchange of a streamed prompt; `edited`: recall has added something."""
    edits = (("recall", AppendText(0, "x")),) if edited else ()
    notes = (Note("proof", "bytes differ: recall"),) if edited else ()
    prompt = Prompt(model, True, (), (), ())
    return Exchange(number, HEAD, b"", prompt=prompt, conversation=conversation, edits=edits, notes=notes)


def visit(tokens_in: int, tokens_sent: int, *, recalled: int = 0, late: bool = False, digest: Digest | None = None) -> Visit:
    """What memory knows of an exchange."""
    made = Visit(Thread(Conversation("a", "", 0, 0), b""), Reading(b"", [], [], 0), "")
    made.tokens_in, made.tokens_sent, made.recalled, made.late, made.digest = tokens_in, tokens_sent, recalled, late, digest
    return made


def outcome(status: int = 200, *, seq: int = 0, first_ms: float = 0.0, usage: Usage | None = None) -> Outcome:
    """The end of an exchange."""
    return Outcome("complete", status, Reply(usage=usage), first_ms, 1.0, 10, 20, seq)


def scraped(metrics: Metrics) -> dict[str, float]:
    """Samples by name and labels, as a scraper reads them."""
    return {
        f"{sample.name}{dict(sorted(sample.labels.items())) or ''}": sample.value
        for family in text_string_to_metric_families(metrics.exposition().decode())
        for sample in family.samples
    }


def test_a_saving_is_counted_in_tokens_and_dollars() -> None:
    metrics = Metrics()
    started = time.monotonic()
    one = exchange(1, edited=True)
    metrics.planned(one, visit(1_000_000, 250_000, recalled=3), started)
    metrics.finished(one, outcome(usage=Usage(100, 1)))
    metrics.planned(exchange(2, conversation="b"), visit(10, 10), started)
    figures = metrics.figures()
    assert (figures["sessions"], figures["requests"], figures["tokens_saved"]) == (2, 2, 750_000)
    assert (figures["original_tokens"], figures["sent_tokens"]) == (1_000_010, 250_010)
    assert figures["reduction_percentage"] == pytest.approx(75.0, abs=0.01)
    assert figures["cost_saved"] == pytest.approx(0.75 * 2.5)
    samples = scraped(metrics)
    assert samples["backstory_original_tokens_total"] == 1_000_010
    assert samples["backstory_cost_saved_dollars"] == pytest.approx(0.75 * 2.5)
    assert samples["backstory_recalled_turns_total"] == 3
    assert samples["backstory_exchanges_total{'bytes': 'identical'}"] == 1
    assert samples["backstory_exchanges_total{'bytes': 'differing'}"] == 1
    assert samples["backstory_edited_requests_total{'stage': 'recall'}"] == 1


def test_the_side_models_figures_are_told_where_there_is_one_and_its_cost_is_no_saving() -> None:
    metrics = Metrics()
    assert not any(name.startswith("backstory_side") for name in scraped(metrics))
    side = metrics.side
    side.tokens_most, side.micros_most = 5000, 2_000_000
    side.tokens, side.micros, side.calls, side.spent_micros = 700, 1500, 3, 1000
    side.day = "2001-01-01"
    assert scraped(metrics)["backstory_side_tokens_today"] == 0, "that was another day"
    side.day = day_of(time.time())
    side.claims_dropped, side.claims_kept = 2, 9
    side.failed("rate")
    side.failed("rate")
    samples = scraped(metrics)
    assert samples["backstory_side_tokens_today"] == 700
    assert samples["backstory_side_tokens_limit"] == 5000
    assert samples["backstory_side_dollars_today"] == pytest.approx(0.0015)
    assert samples["backstory_side_dollars_limit"] == 2
    assert samples["backstory_side_calls_today"] == 3
    assert samples["backstory_side_claims_dropped_total"] == 2
    assert samples["backstory_side_failures_total{'reason': 'rate'}"] == 2
    assert samples["backstory_cost_saved_dollars"] == metrics.figures()["cost_saved"] == pytest.approx(-0.001)


def test_an_unknown_model_and_a_failed_request_save_nothing() -> None:
    metrics = Metrics()
    for number, (model, status) in enumerate([("mystery-1", 200), ("gpt-4o", 500), ("gpt-4o", 0)]):
        one = exchange(number, model=model)
        metrics.planned(one, visit(1000, 10), 0.0)
        metrics.finished(one, outcome(status))
    assert metrics.figures()["cost_saved"] == 0


def test_what_was_paid_counts_once_and_side_spend_is_taken_off() -> None:
    metrics = Metrics()
    one = exchange(1, edited=True)
    metrics.planned(one, visit(1_000_000, 250_000), 0.0)
    metrics.money.billed, metrics.money.direct, metrics.money.side = 1.0, 3.0, 0.5
    metrics.finished(one, outcome(usage=Usage(100, 1)), Spend(1, "a", 0.0, "traffic", "gpt-4o", "w"))
    assert metrics.figures()["cost_saved"] == pytest.approx(1.5)
    metrics.money.side = 4.0
    metrics.halted = lambda: True
    samples = scraped(metrics)
    assert samples["backstory_cost_saved_dollars"] == pytest.approx(-2.0), "honestly"
    assert (samples["backstory_cost_billed_dollars_total"], samples["backstory_cost_direct_dollars_total"]) == (1.0, 3.0)
    assert (samples["backstory_cost_side_dollars_total"], samples["backstory_rewriting_halted"]) == (4.0, 1.0)


def test_a_late_plan_is_not_counted_twice() -> None:
    metrics = Metrics()
    metrics.planned(exchange(1), visit(1000, 10, late=True), 0.0)
    assert (metrics.conversations, metrics.tokens_in) == (0, 0)


def test_figures_of_nothing_are_zero() -> None:
    assert set(Metrics().figures().values()) == {0}


def test_requests_are_told_by_wire_status_and_ending() -> None:
    metrics = Metrics()
    for status in (200, 201, 404, 0):
        metrics.finished(exchange(1), outcome(status, seq=status))
    samples = scraped(metrics)
    assert samples["backstory_requests_total{'ended': 'complete', 'status': '2xx', 'wire': 'none'}"] == 2
    assert samples["backstory_requests_total{'ended': 'complete', 'status': 'none', 'wire': 'none'}"] == 1
    assert samples["backstory_journalled_answers_total"] == 3
    assert samples["backstory_upstream_bytes_total"] == 40
    assert samples["backstory_client_bytes_total"] == 80


def test_first_bytes_fall_into_cumulative_buckets() -> None:
    metrics = Metrics()
    for seconds in (0.01, 0.2, 99.0):
        metrics.finished(exchange(1), outcome(first_ms=seconds * 1000))
    samples = scraped(metrics)
    name = "backstory_stream_first_byte_seconds"
    assert samples[f"{name}_bucket{{'le': '{BUCKETS[0]}'}}"] == 1
    assert samples[f"{name}_bucket{{'le': '0.25'}}"] == 2
    assert samples[f"{name}_bucket{{'le': '+Inf'}}"] == samples[f"{name}_count"] == 3
    assert samples[f"{name}_sum"] == pytest.approx(99.21)


def test_failures_and_doors_are_told() -> None:
    metrics = Metrics()
    metrics.fail_open("recall")
    metrics.fail_open("recall")
    metrics.doors += [DoorMetrics(requests=2, in_flight=1), DoorMetrics(requests=3)]
    samples = scraped(metrics)
    assert samples["backstory_failed_open_total{'where': 'recall'}"] == 2
    assert samples["backstory_door_requests_total"] == 5
    assert samples["backstory_door_in_flight"] == 1


def test_the_stats_header_has_the_promised_fields() -> None:
    metrics = Metrics()
    moved = Digest(1, "a", 1, b"", "", 0, 0.0)
    assert metrics.stats_header(exchange(1), visit(1000, 400)) == (
        b"tokens_in=1000,tokens_sent=400,tokens_saved=600,cost_saved=0.001500,compression_ratio=0.400,cache_kept=1"
    )
    assert metrics.stats_header(exchange(1, model="x"), visit(0, 0, digest=moved)).endswith(
        b"cost_saved=0.000000,compression_ratio=1.000,cache_kept=0"
    )


def test_the_stats_header_forecasts_and_does_not_invent_money() -> None:
    metrics = Metrics()
    moved = Digest(1, "a", 1, b"", "", 0, 0.0)
    assert b"cost_saved=-0.250000," in metrics.stats_header(exchange(1), visit(1000, 400, digest=moved), lambda *_: -0.25)
    assert b"cost_saved=unknown," in metrics.stats_header(exchange(1, model="x"), visit(1000, 400), lambda *_: None)
    untouched = metrics.stats_header(exchange(1), visit(1000, 1000), lambda *_: 1 / 0)
    assert b"cost_saved=0.000000,compression_ratio=1.000,cache_kept=1" in untouched, "nothing to forecast"
    undone = visit(1000, 1000)
    undone.undone = True
    assert metrics.stats_header(exchange(1), undone, lambda *_: -0.5).endswith(b"cache_kept=0")
