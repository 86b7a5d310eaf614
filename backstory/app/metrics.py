"""What the proxy counts, and its two forms: Prometheus text and the JSON of `/metrics.json`.

Rule: on the request path a count is an addition to a plain number; everything else is done when somebody asks. No label holds what a
client chooses: wires, status classes, endings and stages are closed lists.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

from backstory.app.metering import usage_metrics
from backstory.app.metering.recorder import Figures
from backstory.app.side_metrics import families
from backstory.core.exchange import Exchange, Outcome
from backstory.core.records import Spend
from backstory.core.reply import Usage
from backstory.core.side import SideFigures, day_of
from backstory.core.sizes import rough_body
from backstory.providers import prices
from backstory.relay.limits import DoorMetrics
from backstory.stages.economy import Money
from backstory.stages.visit import Visit

if TYPE_CHECKING:
    from prometheus_client.core import Metric

Forecast: TypeAlias = Callable[[Exchange, Visit], float | None]
# Upper bounds of the first-byte histogram, in seconds.
BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

_FIRST_STATS = b"tokens_in=%d,tokens_sent=%d,tokens_saved=0,cost_saved=0.000000,compression_ratio=1.000,cache_kept=1"


class Metrics:
    """Counters since the start. `doors`: those of the listening ports. `last_request`: monotonic seconds of the newest conversation."""

    def __init__(self) -> None:
        self.doors: list[DoorMetrics] = []
        self.last_request = 0.0
        self.relayed = 0
        self.commands = 0
        self.errors = 0
        self.unreadable = 0
        self.conversations = 0
        self.identical = 0
        self.differing = 0
        self.edited: dict[str, int] = {}
        self.requests: dict[tuple[str, int, str], int] = {}
        self.failures: dict[str, int] = {}
        self.journalled = 0
        self.answers_identical = 0
        self.answers_differing = 0
        self.recalled = 0
        self.compactions = 0
        self.stubbed = 0
        self.thoughts = 0
        self.thought_in = 0
        self.thought_out = 0
        self.tokens_in = 0
        self.tokens_sent = 0
        self.money = Money()
        """What was paid, by requests that have a row of their own."""
        self.halted: Callable[[], bool] = lambda: False
        """Whether rewriting has been stopped everywhere."""
        self._list_saved = 0.0
        self.added_s = 0.0
        self.bytes_in = 0
        self.bytes_out = 0
        self.buckets = [0] * (len(BUCKETS) + 1)
        self.first_byte_s = 0.0
        self.sessions = 0
        self.side = SideFigures()
        self.usage: Figures | None = None
        """What is recorded of all requests; None where nothing is."""
        self._open: dict[int, tuple[int, int]] = {}
        self._exposed: Any = None

    @property
    def cost_saved(self) -> float:
        """Dollars, signed, of models with a known price."""
        return self.money.saved + self._list_saved

    # --- on the request path

    def fail_open(self, where: str) -> None:
        """A stage, or what else is named, broke and the request went on without it."""
        self.failures[where] = self.failures.get(where, 0) + 1

    def thought(self, usage: Usage) -> None:
        """A reasoner was asked, and has spent this."""
        self.thoughts += 1
        self.thought_in += usage.input_tokens
        self.thought_out += usage.output_tokens

    def planned(self, exchange: Exchange, visit: Visit | None, started: float) -> None:
        """A conversation's request is ready to go up. `started`: monotonic seconds when it had come in."""
        if visit is not None and visit.late:
            return
        now = time.monotonic()
        self.last_request = now
        self.conversations += 1
        self.added_s += now - started
        if not _told_later(exchange):
            self._count(any(note.stage == "proof" for note in exchange.notes))
        for stage in {stage for stage, _ in exchange.edits}:
            self.edited[stage] = self.edited.get(stage, 0) + 1
        if visit is None:
            return
        if not visit.thread.counted:
            visit.thread.counted = True
            self.sessions += 1
        self.recalled += visit.recalled
        self.compactions += visit.digest is not None
        self.stubbed += len(visit.stubs)
        # Of what is held in front of a request it is not known yet that it stays there.
        sent = visit.tokens_sent - (visit.held.tokens if visit.held is not None else 0)
        self.tokens_in += visit.tokens_in
        self.tokens_sent += sent
        if visit.tokens_in != visit.tokens_sent:
            self._open[exchange.id] = (visit.tokens_in, sent)

    def _count(self, differs: bool) -> None:
        self.differing += differs
        self.identical += not differs

    def leg(self, exchange: int, visit: Visit, tokens: int) -> None:
        """The answer to this exchange goes on with another request of so many tokens."""
        self.tokens_sent += tokens
        visit.tokens_legs += tokens
        before = self._open.get(exchange)
        if before is not None:
            self._open[exchange] = (before[0], before[1] + tokens)

    def held(self, exchange: int, tokens: int) -> None:
        """The answer to this exchange is over, and its request had so many tokens in front that its client had cut off."""
        self.tokens_sent += tokens
        before = self._open.get(exchange)
        if before is not None:
            self._open[exchange] = (before[0], before[1] + tokens)

    def finished(self, exchange: Exchange, outcome: Outcome, spend: Spend | None = None) -> None:
        """The answer is over. `spend`: what it cost, where that was weighed; else its saving is guessed at list prices."""
        prompt, beside = exchange.prompt, exchange.beside
        if beside is not None and beside.went and _told_later(exchange):
            self._count(beside.went != beside.came)
        self.ended(exchange.wire.name if exchange.wire is not None else "none", prompt is not None and prompt.stream, outcome)
        tokens = self._open.pop(exchange.id, None)
        if tokens is not None and spend is None and prompt is not None and 0 < outcome.status < 400:
            usage = outcome.reply.usage if outcome.reply is not None else None
            self._list_saved += prices.saved(prompt.model, tokens[0] - tokens[1], usage) or 0.0

    def ended(self, wire: str, streamed: bool, outcome: Outcome) -> None:
        """An answer is over, whatever memory had to do with it."""
        key = (wire, outcome.status // 100, outcome.ended)
        self.requests[key] = self.requests.get(key, 0) + 1
        self.journalled += outcome.seq > 0
        if outcome.ended == "complete":
            same = outcome.bytes_kept == outcome.bytes_out
            self.answers_identical += same
            self.answers_differing += not same
        self.bytes_in += outcome.bytes_in
        self.bytes_out += outcome.bytes_out
        if streamed and outcome.first_byte_ms > 0:
            self._observe(outcome.first_byte_ms / 1000)

    def first(self, body: bytes, again: bool, started: float) -> tuple[bytes, bytes]:
        """The first request of a conversation goes up as it came: `planned` for it, and its `X-VC-Stats`. `again`: it was made before."""
        self.last_request = now = time.monotonic()
        self.conversations += 1
        self.identical += 1
        self.added_s += now - started
        self.sessions += not again
        tokens = rough_body(body)
        self.tokens_in += tokens
        self.tokens_sent += tokens
        return b"X-VC-Stats", _FIRST_STATS % (tokens, tokens)

    def stats_header(self, exchange: Exchange, visit: Visit, forecast: Forecast | None = None, side: float = 0.0) -> bytes:
        """The value of `X-VC-Stats` for this request: estimated tokens, and the dollars that it should save by `forecast`, or at the list
        price of fresh input, less `side`: what requests of memory's own have cost for this conversation since its last answer. Negative: it
        costs more, as a request does that moves the digest. `unknown`: the model has no known price.

        `compression_ratio` is sent over in; `cache_kept` is 0 where this request moved the digest, decided stubs or left out blocks of
        earlier questions, and so changed the prefix that the provider may have cached. `cache_marked` is there, and 1, where the request
        was marked for its client, who marks nothing.
        """
        saved = visit.tokens_in - visit.tokens_sent
        moved = (visit.digest is not None and not visit.resumed) or visit.undone or bool(visit.stubs or visit.dropped)
        model = exchange.prompt.model if exchange.prompt is not None else ""
        cost: float | None = 0.0
        if saved or moved or visit.lent:
            cost = forecast(exchange, visit) if forecast is not None else prices.saved(model, saved)
        told = "unknown" if cost is None and saved else f"{(cost or 0.0) - side:.6f}"
        ratio = visit.tokens_sent / visit.tokens_in if visit.tokens_in else 1.0
        return (
            f"tokens_in={visit.tokens_in},tokens_sent={visit.tokens_sent},tokens_saved={saved},"
            f"cost_saved={told},compression_ratio={ratio:.3f},cache_kept={int(not moved)}{',cache_marked=1' if visit.lent else ''}"
        ).encode()

    def _observe(self, seconds: float) -> None:
        self.first_byte_s += seconds
        for place, bound in enumerate(BUCKETS):
            if seconds <= bound:
                self.buckets[place] += 1
                return
        self.buckets[-1] += 1

    # --- when somebody asks

    def figures(self) -> dict[str, Any]:
        """The JSON of `/metrics.json`. Tokens are estimates; `cost_saved` in dollars counts models with a known price only, less what the
        side model cost."""
        saved = self.tokens_in - self.tokens_sent
        return {
            "sessions": self.sessions,
            "requests": self.conversations,
            "original_tokens": self.tokens_in,
            "sent_tokens": self.tokens_sent,
            "tokens_saved": saved,
            "reduction_percentage": round(100 * saved / self.tokens_in, 2) if self.tokens_in else 0.0,
            "cost_saved": round(self.net_saved, 6),
            "cost_billed": round(self.money.billed, 6),
            "cost_direct": round(self.money.direct, 6),
            "cost_side": round(self.cost_side, 6),
            "unpriced_requests": self.money.unpriced,
            "rewriting_stopped": self.money.stops,
            "rewriting_halted": int(self.halted()),
            "avg_time_ms": round(1000 * self.added_s / self.conversations, 3) if self.conversations else 0.0,
        }

    @property
    def cost_side(self) -> float:
        """Dollars that this process has spent on requests of memory's own; those whose end is not known count as they were reserved."""
        return max(self.money.side, self.side.spent_micros / 1_000_000)

    @property
    def net_saved(self) -> float:
        """`cost_saved` less what this process has spent on the side model."""
        return self.cost_saved + self.money.side - self.cost_side

    def exposition(self) -> bytes:
        """The Prometheus text. The first call imports the client library (60 ms)."""
        from prometheus_client import CollectorRegistry, generate_latest  # noqa: PLC0415 - only where metrics are scraped

        if self._exposed is None:
            self._exposed = CollectorRegistry(auto_describe=False)
            self._exposed.register(_Collector(self))
        text: bytes = generate_latest(self._exposed)
        return text


_COUNTERS = (
    ("relayed_requests", "Requests that memory has no part in.", "relayed"),
    ("commands", "In-chat commands that were answered here and sent nowhere.", "commands"),
    ("gateway_errors", "Errors of the proxy's own.", "errors"),
    ("unreadable_requests", "Conversations whose body memory could not read; relayed as they came.", "unreadable"),
    ("conversation_requests", "Requests that memory looked at.", "conversations"),
    ("journalled_answers", "Answers written to the journal before their last byte left.", "journalled"),
    ("recalled_turns", "Turns that were recalled into requests.", "recalled"),
    ("compactions", "Requests that moved a conversation's digest.", "compactions"),
    ("stubs", "Old tool results and images that were replaced by a stub.", "stubbed"),
    ("reasoner_requests", "Requests about which a reasoner was asked first (hybrid).", "thoughts"),
    ("reasoner_input_tokens", "Tokens that reasoners were asked with.", "thought_in"),
    ("reasoner_output_tokens", "Tokens of what reasoners have thought.", "thought_out"),
    ("original_tokens", "Tokens of the clients' requests (estimated).", "tokens_in"),
    ("sent_tokens", "Tokens of the requests as sent upstream (estimated).", "tokens_sent"),
    ("cost_side_dollars", "Paid for requests of memory's own; one whose end is not known counts as it was reserved.", "cost_side"),
    ("cost_saved_dollars", "Signed saving against the same requests as they came, less side spend; known prices only.", "net_saved"),
    ("added_seconds", "Time from a request's arrival until it was ready to go upstream, summed.", "added_s"),
    ("upstream_bytes", "Bytes of answers as they came from upstream.", "bytes_in"),
    ("client_bytes", "Bytes of answers as they went to clients.", "bytes_out"),
)
_GAUGES = {"cost_saved_dollars"}
_MONEY = (
    ("cost_billed_dollars", "Paid for requests of clients, by the provider's own usage where it tells it.", "billed"),
    ("cost_direct_dollars", "What the same requests would have cost as they came.", "direct"),
    ("unpriced_requests", "Requests to models without a known price, which no figure in dollars counts.", "unpriced"),
    ("measured_requests", "Requests of which the provider told its usage.", "measured"),
    ("rewriting_stopped", "Conversations in which rewriting was stopped because it cost more than it saved.", "stops"),
)


class _Collector:
    """Reads the plain numbers at each scrape."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        """Every family."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily  # noqa: PLC0415 - see exposition

        metrics = self._metrics
        for name, meaning, field in _COUNTERS:
            kind = GaugeMetricFamily if name in _GAUGES else CounterMetricFamily
            yield kind(f"backstory_{name}", meaning, value=getattr(metrics, field))
        for name, meaning, field in _MONEY:
            yield CounterMetricFamily(f"backstory_{name}", meaning, value=getattr(metrics.money, field))
        yield GaugeMetricFamily("backstory_rewriting_halted", "1 where rewriting is stopped in every conversation.", value=metrics.halted())
        yield GaugeMetricFamily(
            "backstory_sessions",
            "Conversations seen since the start (one that was out of memory for a while, twice).",
            value=metrics.sessions,
        )
        proof = CounterMetricFamily("backstory_exchanges", "Requests by whether their bytes went up as they came.", labels=["bytes"])
        proof.add_metric(["identical"], metrics.identical)
        proof.add_metric(["differing"], metrics.differing)
        yield proof
        answers = CounterMetricFamily("backstory_answers", "Whole answers by whether as many bytes went out as came in.", labels=["bytes"])
        answers.add_metric(["identical"], metrics.answers_identical)
        answers.add_metric(["differing"], metrics.answers_differing)
        yield answers
        for name, meaning, label, counts in (
            ("edited_requests", "Requests in which a stage asked for edits.", "stage", metrics.edited),
            ("failed_open", "Times that something broke and the request went on without it.", "where", metrics.failures),
        ):
            family = CounterMetricFamily(f"backstory_{name}", meaning, labels=[label])
            for value, number in sorted(counts.items()):
                family.add_metric([value], number)
            yield family
        ended = CounterMetricFamily("backstory_requests", "Answered requests.", labels=["wire", "status", "ended"])
        for (wire, hundreds, end), number in sorted(metrics.requests.items()):
            ended.add_metric([wire, f"{hundreds}xx" if hundreds else "none", end], number)
        yield ended
        yield from families(metrics.side, day_of(time.time()))
        if metrics.usage is not None:
            yield from usage_metrics.families(metrics.usage)
        total, cumulative = 0, []
        for bound, number in zip((*BUCKETS, "+Inf"), metrics.buckets, strict=True):
            total += number
            cumulative.append((str(bound), float(total)))
        yield HistogramMetricFamily(
            "backstory_stream_first_byte_seconds",
            "Time until a streamed answer began.",
            buckets=cumulative,
            sum_value=metrics.first_byte_s,
        )
        for field in DoorMetrics.__struct_fields__:
            value = sum(getattr(door, field) for door in metrics.doors)
            kind = GaugeMetricFamily if field in ("open_connections", "in_flight") else CounterMetricFamily
            yield kind(f"backstory_door_{field}", f"Connections and requests at the ports: {field.replace('_', ' ')}.", value=value)


def _told_later(exchange: Exchange) -> bool:
    """Whether it shows only when the request has gone up if its bytes differ: nothing but what is done beside the stages may have changed
    them."""
    return exchange.beside is not None and not exchange.edits and not exchange.came
