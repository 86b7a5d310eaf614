"""What is known of a conversation's requests: how long they are and come to be, what they cost, and whether rewriting them has paid. Prices
are passed in. Whoever measures a loss over a whole window stops.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from copy import copy

from msgspec.structs import replace

from backstory.core.records import Spend
from backstory.core.reply import Usage
from backstory.core.tariff import Tariff
from backstory.memory.economy.books import KEPT, opened
from backstory.memory.economy.counted import first_of, sane
from backstory.memory.economy.purse import Purse
from backstory.memory.economy.steps import Step, begins, behind, denser, tails
from backstory.memory.economy.stored import NOTHING, Holdings, Stored, folded, model_of, put, shared

WINDOW = 16
"""Measured requests over which rewriting must not have cost more than it saved: a fold has paid for itself after 5 to 10."""
REST_S = 3600.0
"""So long nothing is rewritten once it has been stopped: longer than a provider's cache keeps a prompt that is not kept for a day."""

# A conversation of n requests has, as far as anybody can tell, as many to come (Lindy's law); half of them are counted on.
_TO_COME, _FEWEST, _MOST_TO_COME = 0.5, 1.0, 100.0
# Weight of the newest request in what is usual, once there are many: some requests bring a recalled block, most do not.
_SMOOTH = 0.05
# How much more quickly requests grow once there is something to recall.
_RECALLED = 1.5
# Tokens of the provider for one of ours, learnt from requests that grew by so many.
_RATIO_LEAST, _RATIO_MOST, _RATIO_GROWTH = 0.4, 2.5, 500
# Memory adds at most so many tokens to a request that goes on from another: a recalled block, and our tools.
_MOST_ADDED = 8_000
# What a conversation that goes on on a branch of its own begins without: what was judged, and what went up on the other.
_OWN = frozenset({"sent_sum", "lost", "stopped", "stopped_at", "holds", "held_saved", "pure", "_window", "_counted"})
_SHARED = (*(name for name in KEPT if name not in _OWN), "paths", "loose")
# A request of less than this share of the one before has lost most of its history.
_MOST_OF_IT = 0.6
# Weight of the newest request in how often something is recalled, or cut.
_RECALLS = 0.25
LEAST_HITS = 0.5
"""So often, lately, what a mark of ours wrote must have been found: else there is none for `REST_S`."""
# How often that is before anything is known; what one that was found makes of it, and one that was not: of the first two, one is enough,
# and of many two in a row.
_HITS, _HIT, _MISS = 0.6, 0.5, 0.6
# Weight of what was to be written before, against that of the newest request.
_FADES = 0.95
# So many pauses tell how soon requests come.
_GAPS = 8
# So large a loss, as a share of all that the conversation would have cost, is judged over so many requests already.
_LARGE, _FEW = 0.2, 4
# So many stopped conversations, in this time, stop the instance where it has lost money on the whole.
STOPS, STOPS_S = 3, 86_400.0


class Account:
    """Requests of a conversation: their sizes, their pace, what they cost. Built from its spends, or as they come."""

    __slots__ = (
        "_counted",
        "_expected",
        "_ours",
        "_read",
        "_theirs",
        "_window",
        "_writable",
        "_written",
        "added",
        "aside",
        "cuts",
        "direct_size",
        "eager",
        "fixed",
        "gap_s",
        "gaps",
        "growth",
        "held_saved",
        "hits",
        "holdings",
        "holds",
        "last_at",
        "lasts_s",
        "lent",
        "lent_at",
        "loose",
        "lost",
        "newest",
        "often",
        "owing",
        "partly",
        "paths",
        "pure",
        "purse",
        "recalls",
        "refused",
        "requests",
        "rewritten",
        "sent_size",
        "sent_sum",
        "size_in",
        "spared",
        "spurned",
        "stopped",
        "stopped_at",
        "summit",
        "tariff",
        "told",
    )

    def __init__(self) -> None:
        self.requests, self.last_at, self.gap_s, self.gaps, self.cuts = 0, 0.0, 0.0, tuple[float, ...](), 0.0
        """Usual seconds between two requests; the newest of these pauses; and the share of requests whose client cut its history."""
        self.lasts_s = 0.0
        """The longest pause after which the cache still held what it should."""
        self.growth = 0.0
        """Usual tokens by which a request is longer than the one before."""
        self.added = self.often = 0.0
        """Of that, tokens that were recalled, and the share of requests at which something was."""
        self.size_in, self.sent_size, self.direct_size = 0, 0, 0.0
        """Tokens, as the provider counts, of the newest request as the client sent it."""
        self.sent_sum = self.lost = 0
        """Tokens of all payloads but the newest; and of those the ones that the payload after did not begin with."""
        self.aside = 0.0
        """Tokens, as the provider counts, that are in every request and that we do not count (tools); negative: counted too many."""
        self.fixed = self.summit = 0
        """Of the newest request, tokens of what never changes; and at how many its client last summed up its history, or cut most of it, 0
        where it never has."""
        self.purse = Purse()
        self.owing = 0.0
        """What measured, changed requests have cost more than they would have as they came: negative where they were cheaper."""
        self.recalls = 0.0
        """Of the newest changed requests, the share at which something was recalled."""
        self.holdings, self.loose = Holdings(), -1
        """`loose`: of the newest payload, the place of the first turn behind its last mark."""
        self.tariff: Tariff | None = None
        """What the newest request was charged by."""
        self.rewritten = False
        """Whether any request went up changed."""
        self.stopped = self.partly = False
        """Rewriting has cost more than it saved: nothing new is folded, unless the window is at stake, and what is recalled is paid from
        what was saved. `partly`: as of a tariff, of any request. `refused`: how often in a row a provider has not taken what was held
        (memory/economy/holding.py). Of marks of ours (marking.py), `lent`: of which models the newest request had one, at which nothing was
        found, and when; `lent_at`: when one had last; `hits`: how often, lately, what one wrote was found; `spurned`: so many requests in a
        row that had one have failed, before any was answered; `spared`: the next one has none for that; `eager`: the newest that nobody has
        marked was cached all the same. `told`: the provider told its usage of the newest request."""
        self.stopped_at, self.refused, self.lent, self.lent_at, self.hits = 0.0, 0, dict[str, float](), 0.0, _HITS
        self.spurned, self.spared, self.eager, self.told, self.holds, self.held_saved = 0, False, False, False, 0, 0.0
        """Measured requests in which something was held that the client had cut off, and what they cost less than they would have."""
        self.pure = False
        """What was folded or recalled is left out again: requests go up as the client has them."""
        self.paths: tuple[int, int, int] | None = None
        """Where on the branch the client's newest request began, and ours, and what was folded in it: a change breaks the prefix. None:
        not known."""
        self.newest = 0  # id of the newest row that was replayed: of its answer's first turn
        self._window: list[tuple[float, float]] = []
        self._expected = self._read = self._written = self._writable = 0.0
        self._ours = self._theirs = self._counted = 0

    def fork(self) -> Account:
        """Of a conversation that goes on from here on a branch of its own: it has found the same cache."""
        made = Account()
        for name in _SHARED:
            setattr(made, name, getattr(self, name))
        return made

    def resume(self) -> Account:
        """Of a conversation that is the same to the provider: it has found the same cache, and what was judged holds."""
        return copy(self)

    @property
    def ratio(self) -> float:
        """Tokens of the provider for one of ours."""
        if self._ours < _RATIO_GROWTH:
            return 1.0
        return min(_RATIO_MOST, max(_RATIO_LEAST, self._theirs / self._ours))

    @property
    def quality(self) -> float:
        """How much the provider's cache held of what it should, while nothing was changed."""
        return min(1.0, self._read / self._expected) if self._expected > 0 else 1.0

    @property
    def writes(self) -> float:
        """How much of what the provider's cache should have been given it was, lately: a gateway may keep nothing, and charge no write."""
        return min(1.0, self._written / self._writable) if self._writable > 0 else 1.0

    # --- what is expected

    def rated(self, tariff: Tariff) -> Tariff:
        """The tariff with what is to be written at the price at which this provider is seen to take it."""
        if tariff.write <= tariff.input:
            return tariff
        return replace(tariff, write=tariff.input + (tariff.write - tariff.input) * self.writes)

    @property
    def to_come(self) -> float:
        """Requests that may be counted on."""
        return min(_MOST_TO_COME, max(_FEWEST, self.requests * _TO_COME))

    def until_cut(self, size: int) -> float:
        """Requests that come, from one of `size` tokens as it came on, before its client cuts as it last did; infinite where it has not."""
        return (self.summit - size) / max(1.0, self.growth) if self.summit > size else math.inf

    def warm(self, tariff: Tariff, now: float) -> bool:
        """Whether the provider's cache still holds the last request: as long as it promises, or as it has been seen to. A conversation that
        was never seen may be there, too."""
        if not tariff.caches or not self.last_at:
            return tariff.caches
        found = self.found(tariff)
        return found is not NOTHING and now - found.at < max(tariff.ttl_s, self.lasts_s)

    def found(self, tariff: Tariff) -> Stored:
        """What the cache of this model has been given; NOTHING where it has not been asked."""
        return self.holdings.get(model_of(tariff), NOTHING)

    def stays_warm(self, tariff: Tariff) -> bool:
        """Whether requests usually come before the cache has gone cold."""
        return tariff.caches and self.gap_s < tariff.ttl_s

    def cached(self, tariff: Tariff, step: Step) -> float:
        """Tokens of a request of ours that the cache should hold."""
        if not self.warm(tariff, step.at):
            return 0.0
        return min(self.found(tariff).sent, begins(step, tariff)[1])

    @property
    def coming_growth(self) -> float:
        """Usual growth once something is folded: it is recalled from, and they grow more quickly."""
        return self.growth if self.rewritten else self.growth * _RECALLED

    @property
    def lately(self) -> float:
        """What the newest changed requests have cost more than they would have as they came, in dollars: `judged` of them."""
        return sum(billed - direct for billed, direct in self._window)

    @property
    def judged(self) -> int:
        return len(self._window)

    # --- what has been

    def settle(self, step: Step, tariff: Tariff, usage: Usage | None, judged: bool = True) -> tuple[float, float, Usage]:
        """Take in a request that is over: what it cost, what it would have cost as it came, and the tokens that it was billed by
        (estimated where the provider does not tell). `judged`: a loss counts."""
        usage = sane(usage) if usage is not None else None
        measured = usage is not None and usage.input_tokens > 0
        if usage is None or not measured:
            usage = self._estimated(step, tariff, usage.output_tokens if usage is not None else 0)
        billed = direct = tariff.cost(usage)
        first = first_of(usage, step.total_sent, step.legs)
        if measured:
            self._learn(step, tariff, first)
            self._credit(step, tariff, first)
            self._found(step, tariff, first)
        self.told = measured
        size = self._size(step, first)
        if self.rewritten or step.changed or tariff.lent:
            direct = self._direct(step, tariff, first, size)
        self._remember(step, size)
        self._store(step, tariff, size, first.input_tokens if measured else 0)
        self.purse.book(billed, direct, tariff.known)
        self.tariff = tariff
        self.lent_at = step.at if tariff.lent else self.lent_at
        if step.held and measured:
            self.holds += 1
            self.held_saved += direct - billed
        if step.complete and step.changed:
            self.recalls += _RECALLS * ((step.fresh_sent > step.fresh_in) - self.recalls)
        if judged and measured and step.complete and step.changed:
            self.measured(billed, direct, step.at)
        return billed, direct, usage

    def _estimated(self, step: Step, tariff: Tariff, output: int) -> Usage:
        """What the provider should have counted. Further legs find in the cache what the first one wrote."""
        end = int(step.total_sent - behind(step, tariff))
        hit = int(tariff.hit(end, self.cached(tariff, step)))
        kept = tariff.caches and end >= tariff.least
        written = end - hit if kept and tariff.write > tariff.input else 0
        return Usage(step.total_sent + step.legs, output, hit + (step.legs if kept else 0), written)

    def measured(self, billed: float, direct: float, at: float = 0.0) -> None:
        """A rewritten request was paid."""
        self._judge(billed, direct)
        if (negative(self._window) or self._plunges()) and not self.stopped:
            self.stopped, self.stopped_at = True, at

    def rest(self, now: float) -> None:
        """Once it has been stopped for long enough, rewriting is tried again, and judged by what it costs from then on."""
        if self.stopped and abs(now - self.stopped_at) >= REST_S:
            self.stopped = False
            self.owing = 0.0
            self._window = []

    def _plunges(self) -> bool:
        """Whether the loss is so large that no whole window has to show it."""
        return len(self._window) >= _FEW and self.owing > _LARGE * self.purse.direct > 0

    def _judge(self, billed: float, direct: float) -> None:
        self.owing += billed - direct
        self._window = [*self._window, (billed, direct)][-WINDOW:]

    def replay(self, spends: Iterable[Spend]) -> None:
        """Take in the stored spends of the conversation, oldest first: from the newest on that has books beside it, which tell all of those
        before. Of rows without any (of an older release) less is known."""
        rows = [one for one in spends if one.kind == "traffic"]
        place, books = next(
            ((at, found) for at in range(len(rows) - 1, -1, -1) if (found := opened(rows[at].books)) is not None), (-1, None)
        )
        if books is not None:
            self.newest = rows[place].id
            for name in KEPT:
                setattr(self, name, getattr(books, name))
        counted = self._counted
        for one in rows[place + 1 :]:
            grown = max(0, one.tokens_in - self.size_in)
            # What is over is no growth: further legs are in the row, too.
            total = min(one.tokens_sent, self.sent_size + grown + _MOST_ADDED) if self.requests else one.tokens_sent
            legs, sent, shrunk = one.tokens_sent - total, max(0, total - self.sent_size), total < self.sent_size
            input_tokens = int(one.input_tokens * total / one.tokens_sent) if legs else one.input_tokens
            if one.measured and counted and sent and self.sent_size:  # rows without a size tell nothing of growth
                self._ours += sent
                self._theirs += max(0, input_tokens - counted)
            counted = input_tokens if one.measured else 0
            step = Step(one.at, one.tokens_in, total, grown, sent, 0)
            self.rewritten = self.rewritten or one.tokens_in != one.tokens_sent
            size = input_tokens + (one.tokens_in - total) * self.ratio
            self._remember(step, size)
            held = Stored(one.at, one.tokens_in, total, size, input_tokens if one.measured else 0)
            self.told = one.measured
            if one.measured and one.wire == "anthropic":
                kept = bool(one.cache_read or one.cache_write)
                held = held if kept else Stored(one.at)  # nothing was marked
                # Of a mark of ours both differ; whether the client has set one, the next that has none tells.
                self.eager = kept and one.billed == one.direct and not self.rewritten
            self.holdings = put(folded(self.holdings) if shrunk else self.holdings, one.model if one.priced else "", held)
            self.newest = one.id
            self.purse.book(one.billed, one.direct, one.priced)
            if self.stopped and not one.stopped:
                self.owing = 0.0
                self._window = []
            if one.measured and one.rewritten:
                self._judge(one.billed, one.direct)
            if one.stopped and not self.stopped:
                self.stopped_at = one.at
            self.stopped = one.stopped
            self.pure = (one.stopped or self.pure) and not one.rewritten and one.tokens_in == one.tokens_sent
        self._counted = counted
        if books is None:
            self.sent_sum = self.lost = 0  # what was lost is not in the rows: the promise is kept from here on

    def balance(self, billed: float, direct: float) -> None:
        """What all its requests so far were billed, and would have been as they came, where the stored spends do not go back so far: money
        of the kind that the newest of them is in."""
        self.purse = Purse(direct - billed, direct, self.purse.known)

    def _direct(self, step: Step, tariff: Tariff, usage: Usage, size: float) -> float:
        """The request as it came, by the rules of the cache, as good as it was while nothing was changed, and as much written as
        the provider is seen to write; of a prompt that is not cached to its end and is cut, what was paid and what the two differ by."""
        if tariff.lent:
            return tariff.came.predicted(size, 0.0, usage.output_tokens)
        cached = 0.0
        if self.warm(tariff, step.at):
            aside = self.aside if not step.complete else self._beside(step, usage)
            fixed = aside + step.fixed * self.ratio if tariff.head else 0.0
            cached = min(self.found(tariff).direct, fixed if step.broken_in else size - step.fresh_in * self.ratio)
        rated = self.rated(tariff)
        came, went = tails(step, rated, self.ratio)
        if tariff.tail and step.complete:
            rated = replace(came, tail=min(size, came.tail * denser(step, tariff, usage, went.tail)))
        elif tariff.tail or not tariff.caches:
            ours = self.cached(tariff, step) * self.ratio
            ours += self.aside if ours else 0.0
            return tariff.cost(usage) + came.predicted(size, max(0.0, cached)) - went.predicted(usage.input_tokens, ours)
        if step.broken_in and step.broken_sent and usage.cache_read_tokens:
            # Both begin with the same, which is all that is found of either: how much that is has been counted.
            return rated.predicted(size, min(self.found(tariff).direct, usage.cache_read_tokens), usage.output_tokens)
        return rated.predicted(size, max(0.0, cached) * self.quality, usage.output_tokens)

    def _size(self, step: Step, usage: Usage) -> float:
        """Tokens of the client's request, as the provider would count them: of what went up they are known."""
        if not step.changed:
            return usage.input_tokens
        if not step.complete and step.total_sent > 0:
            # What is far larger, or smaller, is as dense: no error of the ratio adds up.
            aside = min(self.aside, usage.input_tokens)
            return aside + (usage.input_tokens - aside) * step.total_in / step.total_sent
        if self.requests and self.direct_size and not step.broken_in:
            return max(0.0, self.direct_size + (step.total_in - self.size_in) * self.ratio)
        return max(0.0, usage.input_tokens + (step.total_in - step.total_sent) * self.ratio)

    def _learn(self, step: Step, tariff: Tariff, usage: Usage) -> None:
        """How the provider counts, and, from requests that went up as they came, how often its cache holds what it should."""
        before, grown = self._counted, step.total_sent - self.sent_size
        self._counted = usage.input_tokens
        if not step.changed:
            self.aside = self._beside(step, usage)
        if not before or step.broken_sent or grown <= 0:
            return
        held = self.found(tariff)
        if tariff.caches and held.counted and usage.cache_read_tokens * 2 > min(held.counted, usage.input_tokens):
            self.lasts_s = max(self.lasts_s, step.at - held.at + 1)
        self._ours += grown
        self._theirs += max(0, usage.input_tokens - before)
        if not self.rewritten and not step.changed and self.warm(tariff, step.at):
            end = usage.input_tokens - tariff.tail * self.ratio
            expected = tariff.hit(end, min(held.counted, usage.input_tokens - step.fresh_sent * self.ratio))
            if expected > 0:
                self._expected += expected
                self._read += usage.cache_read_tokens

    def _credit(self, step: Step, tariff: Tariff, usage: Usage) -> None:
        """How much of what is to be written the provider charges as written: of what went up, however it went up, that is counted."""
        end = usage.input_tokens - behind(step, tariff) * self.ratio
        if tariff.caches and tariff.write > tariff.input and end >= tariff.least and end > usage.cache_read_tokens:
            self._writable = self._writable * _FADES + end - usage.cache_read_tokens
            self._written = self._written * _FADES + usage.cache_write_tokens

    def _found(self, step: Step, tariff: Tariff, usage: Usage) -> None:
        """Whether what a mark of ours has written was found by this request. One at which something was found itself was not for nothing,
        whatever comes after it; of one that goes on and is not marked, or comes too late, it is not known. One that is set although those
        before it were for nothing is judged for itself."""
        model, kept = model_of(tariff), usage.cache_read_tokens + usage.cache_write_tokens > 0
        if not tariff.lent and not tariff.caches:
            self.eager = kept
        marked_at = self.lent.get(model)
        if tariff.lent and self.hits < LEAST_HITS:
            self.hits = _HITS
        if tariff.lent and usage.cache_read_tokens:
            self.hits += _HIT * (1 - self.hits)
        elif marked_at is not None and (tariff.lent or step.broken_sent) and step.at - marked_at < tariff.ttl_s:
            self.hits *= _MISS
        if tariff.lent and not usage.cache_read_tokens:
            self.lent = {**{name: at for name, at in self.lent.items() if step.at - at < tariff.ttl_s}, model: step.at}
        elif marked_at is not None:
            self.lent = {name: at for name, at in self.lent.items() if name != model}

    def _beside(self, step: Step, usage: Usage) -> float:
        """Tokens of a request that we do not count; negative where we count too many in what never changes."""
        return max(-step.fixed * self.ratio, usage.input_tokens - step.total_sent * self.ratio)

    def _store(self, step: Step, tariff: Tariff, size: float, counted: int) -> None:
        """What the cache of its model holds of a request that is over, and what those of others still do."""
        ratio, aside = self.ratio, self.aside
        came, sent, direct = step.total_in - tariff.tail, step.total_sent - behind(step, tariff), size - tariff.tail * ratio
        told = counted - (step.total_sent - sent) * ratio if counted else 0.0
        if not tariff.caches:
            came = sent = step.fixed if tariff.head else 0
            direct = told = came * ratio + aside if came else 0.0
        if tariff.lent:
            came, direct = 0, 0.0
        others = shared(self.holdings, *begins(step, tariff), ratio, aside)
        self.holdings = put(others, model_of(tariff), Stored(step.at, came, sent, direct, told))

    def _remember(self, step: Step, size: float) -> None:
        weight = max(_SMOOTH, 1 / max(1, self.requests))
        if self.last_at and step.at >= self.last_at:
            self.gap_s += weight * (step.at - self.last_at - self.gap_s)
            self.gaps = (*self.gaps, step.at - self.last_at)[-_GAPS:]
        if self.requests:
            self.cuts += _RECALLS * (step.broken_in - self.cuts)
            grown = max(0, step.total_sent - self.sent_size) if not step.broken_sent else step.fresh_sent
            recalled = step.fresh_sent - step.fresh_in
            self.growth += weight * (grown - self.growth)
            self.added += weight * (recalled - self.added)
            self.often += weight * ((recalled > 0) - self.often)
            goes_on = step.total_sent - step.fresh_sent - step.again
            shared = min(step.fixed, self.sent_size) if step.broken_sent else min(self.sent_size, goes_on)
            self.sent_sum += self.sent_size
            self.lost += self.sent_size - max(0, shared)
            if step.total_in < _MOST_OF_IT * self.size_in:
                self.summit = self.size_in
        self.requests += 1
        self.fixed = step.fixed
        self.last_at = step.at  # also where the clock was set back: what it said before says nothing any more
        self.size_in, self.sent_size, self.direct_size = step.total_in, step.total_sent, size
        self.rewritten = self.rewritten or step.changed


def negative(window: Sequence[tuple[float, float]]) -> bool:
    """Whether a whole window of (billed, direct) shows a loss."""
    return len(window) == WINDOW and sum(billed - direct for billed, direct in window) > 0
