"""Stage 4: what requests cost, told and weighed. Adds no edit, and does nothing on a request's way: the recall stage asks it whether a
fold may move, and when an answer is over it makes the row of what was paid, which is stored with the answer's turns.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import Literal, Protocol

from msgspec import Struct
from msgspec.structs import replace

from backstory.core.edits import AppendText, Edit
from backstory.core.exchange import Exchange, Outcome
from backstory.core.records import Arrival, Spend
from backstory.core.reply import Reply, Usage
from backstory.core.sizes import rough, rough_body
from backstory.core.tariff import Messages, Tariff
from backstory.memory.economy import decisions, marking
from backstory.memory.economy.account import REST_S, STOPS, STOPS_S, Account
from backstory.memory.economy.books import written
from backstory.memory.economy.ceiling import KEEPS, addable, carriable, least, leaves_history, lines, sent
from backstory.memory.economy.counted import sane
from backstory.memory.economy.decisions import SMALL_WINDOW
from backstory.memory.economy.forecast import Dearness, expected, forecast, without_answer
from backstory.memory.economy.leaving import parting, steps
from backstory.memory.economy.pacing import paced
from backstory.memory.economy.steps import Move, Step
from backstory.memory.economy.stored import model_of
from backstory.memory.folding.compaction import Window
from backstory.memory.folding.continuity import LABEL, carried
from backstory.stages.base import Stage
from backstory.stages.measuring import drafted, messages_of, moved, note, paths_of, shared, standing, surely_moved
from backstory.stages.unbind import binds
from backstory.stages.visit import Refused, Visit, Visits, unmark, wants_answer

# A request's own mark: its provider sets one behind the newest message.
_AUTOMATIC = ("cache_control",)


# Stubs are enough where they leave a request with at most this share of the window, and about as little as a fold would; or with
# this last share, where smaller images are among them: those would be made for nothing if a fold took them with it.
_RELIEVED, _NEAR, _SHOWS = 0.7, 0.05, 0.35
# Where a question takes more requests than this, tools are at work; conversations whose side spend has not been told yet.
_AT_WORK, _MOST_OWED = 1.5, 4096
# Models of which it is known that they refused something.
_MOST_BARE = 256
# Whose edits change what a request costs.
_REWRITES = frozenset({"shrink", "kin", "recall", "paging", "links", "continuity"})


class Priced(Protocol):
    """Tariffs of requests."""

    def of(self, wire: str, model: str, body: bytes, messages: Messages | None = None, automatic: bool = False) -> Tariff:
        """By wire, model and what the request asks of the provider's cache."""
        ...

    def lent(self, wire: str, model: str) -> Tariff | None:
        """Of a request that is marked for its client; None where none can be."""
        ...


class Choices(Struct, frozen=True):
    """`early`: folds may move before the hard threshold where that pays. `breaker`: rewriting stops where it is measured to lose money.
    `kept`: share of the window that a fold leaves verbatim at least. `holds`: what a client cuts off stays in front while that is cheaper.
    `allowance`: share of the bill of a client that cuts its history by which memory may raise it. `marks`: requests of clients that mark
    nothing are marked for the provider's cache: auto: only where they go up changed anyway."""

    early: bool = True
    breaker: bool = True
    kept: float = 0.1
    holds: bool = True
    allowance: float = 0.005
    marks: Literal["auto", "always", "never"] = "auto"


class Money(Struct):
    """Sums since the start. Dollars of models with a known price; `unpriced` counts the requests of others. `side`: what memory spent on
    requests of its own, which `saved` is less by."""

    billed: float = 0.0
    direct: float = 0.0
    side: float = 0.0
    unpriced: int = 0
    measured: int = 0
    stops: int = 0

    @property
    def saved(self) -> float:
        """Less was paid than the same requests would have cost as they came; negative: more."""
        return self.direct - self.billed - self.side


class Economy(Stage):
    """One for an engine."""

    name = "economy"

    def __init__(
        self,
        visits: Visits,
        tariffs: Priced,
        window: Window,
        choices: Choices,
        clock: Callable[[], float],
        takes: Callable[[str], tuple[int, int]] = lambda _: (0, 0),
    ) -> None:
        """`takes`: how many tokens a model is known to take with its answer, and to answer with; 0 where that is not known."""
        self._takes = takes
        self._dearness = Dearness()
        self._visits = visits
        self._tariffs = tariffs
        self._window = window
        self._choices = choices
        self._clock = clock
        # In a small window there is no choice: what is folded would not fit.
        self._judges = choices.breaker and window.size >= SMALL_WINDOW
        self.money = Money()
        self._stops: dict[str, float] = {}
        self._bare: dict[tuple[Refused, str], float] = {}
        self._side: OrderedDict[str, float] = OrderedDict()
        self._net = 0.0

    def restore(self, stops: Iterable[tuple[str, float]], net: float) -> None:
        """What an earlier process has seen lately: the conversations in which rewriting was stopped and when, and what all rewriting came
        to (negative: a loss)."""
        self._stops.update(stops)
        self._net += net

    # --- for the recall stage

    @property
    def halted(self) -> bool:
        """Whether rewriting has been stopped in the whole instance: in several conversations lately, and at a loss."""
        if len(self._stops) < STOPS or not self._judges:
            return False
        after = self._clock() - STOPS_S
        return self._net < 0 and sum(at >= after for at in self._stops.values()) >= STOPS

    def stopped(self, account: Account) -> bool:
        """Whether nothing is folded in this conversation that has room, and nothing added that was not saved."""
        account.rest(self._clock())
        return self._judges and (account.stopped or self.halted)

    def kept(self, account: Account) -> int:
        """Tokens that a fold leaves as they are, at most."""
        window = self._window
        return decisions.kept(account, window.size, window.hard_tokens, window.digest_tokens, self._choices.kept)

    @property
    def holds(self) -> bool:
        """Whether what a client cuts off may stay in front. A small window has no room for it."""
        return self._choices.holds and self._window.size >= SMALL_WINDOW

    def bare(self, model: str, what: Refused = "held") -> bool:
        """Whether nothing is held in front of requests to this model for a while, or none marked: one was refused for it lately."""
        since = self._bare.get((what, model))
        return since is not None and abs(self._clock() - since) < REST_S

    def refused(self, model: str, what: Refused = "held") -> None:
        """A request to this model was refused for the sake of what was held in front of it, or of its mark, or came too soon after
        others."""
        if len(self._bare) >= _MOST_BARE:
            self._bare.clear()
        self._bare[what, model] = self._clock()

    @property
    def marks_all(self) -> bool:
        """Whether requests that go up as they came may be marked, too."""
        return self._choices.marks == "always"

    @property
    def keeps(self) -> int:
        """So many tokens of what a client's summary leaves out go along whatever was saved."""
        return KEEPS if self._choices.allowance > 0 else 0

    def without(self, exchange: Exchange, visit: Visit, total: int) -> int:
        """From which place of the branch on a request of `total` tokens, of which nothing is folded or held, goes up without the blocks of
        earlier questions: from the first, where its client has cut it anew or its provider keeps none of it (nor holds reasoning to what
        stood before it), so that nothing of it is in the provider's cache, however it goes up; from behind the last mark of the request
        before; or from where that is cheaper. -1: from nowhere. So it is in a small window, where nothing goes by the bill."""
        prompt, tariff = exchange.prompt, self.tariff(exchange, visit)
        if visit.complete or not self._judges or prompt is None or prompt.previous:
            return -1
        all_of_it = surely_moved(visit)[1] or (tariff.known and not tariff.caches and not binds(exchange))
        visit.anew = all_of_it or (tariff.loose > 0 and not binds(exchange))
        visit.since = 0 if all_of_it else visit.thread.account.loose if visit.anew else -1
        if visit.since < 0 and visit.thread.injections and self._parts(exchange, visit):
            found = parting(visit.thread, visit.reading, tariff, visit.asked, total, visit.fresh)
            if found is not None:
                visit.since, visit.again = found.since, found.again
        return visit.since

    def behind(self, exchange: Exchange, visit: Visit, blocks: Sequence[Edit]) -> bool:
        """Whether blocks stand behind the marks of their messages: where they go after their answer, what is marked stays in the cache.
        Where tools are at work between, they would be paid for twice. `blocks`: those that go up again stand where they stood."""
        if visit.complete or not visit.summed or not self._judges or binds(exchange):
            return False
        tariff, stood = self.tariff(exchange, visit), visit.thread.behind
        if not (tariff.marked and tariff.caches) or tariff.lent:
            return False
        if stood is not None and any(isinstance(one, AppendText) and LABEL not in one.text for one in blocks):
            return stood
        return steps(visit.thread.path) <= _AT_WORK

    def _parts(self, exchange: Exchange, visit: Visit) -> bool:
        """Whether blocks may go after their answer: the client has summed up its history, and the message that bears one is found without
        it."""
        return visit.summed and not binds(exchange) and (visit.behind or not self.tariff(exchange, visit).marked)

    def recallable(self, exchange: Exchange, visit: Visit, budget: int, total: int, stays: bool = False) -> int:
        """Of a budget, how many tokens a request of `total` tokens may recall. `stays`: what goes up again whatever other blocks do."""
        account = visit.thread.account
        if self._judges and not visit.complete and (visit.summed or not leaves_history(visit.reading)):
            tariff = self.tariff(exchange, visit)
            tokens = visit.tokens_in, total, visit.fixed, visit.fresh
            once = visit.anew and not stays and not (visit.summed and tariff.caches)
            goes = steps(visit.thread.path) if not stays and self._parts(exchange, visit) else 0.0
            behind, lost = visit.behind and not stays, visit.again if visit.dropped else 0
            now = sent(account, tariff, visit.reading, visit.held, tokens, surely_moved(visit), once, visit.summed, goes, behind, lost)
            warm, share = account.warm(tariff, visit.asked), self._choices.allowance
            most = addable(account, tariff, now, budget, share, warm)
            if stays:
                most = min(budget, max(most, carriable(account, tariff, now, share, carried(visit.thread.injections.values()))))
            if share > 0 and not stays and most < (few := least(account, tariff, now, budget, share)) and wants_answer(visit):
                most = few
            visit.lines = 0 if visit.summed else lines(account, visit.held, share)
            visit.capped = most < budget
            return most
        if not self._judges or not visit.complete or not (account.recalls or account.stopped):
            return budget
        hard, tariff = self._window.hard_tokens, self.tariff(exchange, visit)
        most = paced(account, budget, hard, self.target(visit))
        if account.stopped and (few := decisions.spendable(account, total, tariff, self.most(exchange, visit))) < most:
            most, visit.capped = few, True
        return decisions.recallable(account, most, Move(visit.tokens_in, total, 0), tariff)

    def target(self, visit: Visit) -> int:
        """Tokens to which a request should be brought down where its prefix changes anyway."""
        account = visit.thread.account
        return account.fixed + self._window.digest_tokens + self.kept(account)

    def limit(self, exchange: Exchange, visit: Visit) -> int:
        """Above this many tokens the boundary moves: above fewer where stubs were decided just now, for what changes is paid anyway; above
        more where the next request of a client that is never known would change it again, and where rewriting was stopped: above what the
        model is known to take."""
        if visit.stubs:
            return self.relieved(visit, any(one.kind == "image" for one in visit.stubs))
        return max(self._window.size if visit.seen else 0, self.most(exchange, visit))

    def most(self, exchange: Exchange, visit: Visit) -> int:
        """So many tokens may go up as they came: the window's, and where rewriting was stopped what the model is known to take, if that is
        more."""
        hard = self._window.hard_tokens
        if not self.stopped(visit.thread.account) or exchange.prompt is None:
            return hard
        window, answer = self._takes(exchange.prompt.model)
        # What an answer may take of it is no room for a request: gpt-5 refuses one that leaves it less.
        taken = min(window * hard / self._window.size, window - answer if answer < window else window)
        return max(hard, int(taken / max(1.0, visit.thread.account.ratio)))

    def relieved(self, visit: Visit, shows: bool = False) -> int:
        """Stubs that leave a request with no more tokens than this are enough. `shows`: there are images among them, which take room."""
        size = self._window.size
        if size < SMALL_WINDOW:
            return int(size * _RELIEVED)
        return max(int(size * _SHOWS) if shows else 0, min(int(size * _RELIEVED), self.target(visit) + int(size * _NEAR)))

    def early(self, exchange: Exchange, visit: Visit, move: Move | None, size: int) -> bool:
        """Whether to fold a request of `size` tokens that has room in the window. Without a `move`: whether it is worth looking for one."""
        window, account = self._window, visit.thread.account
        if size <= window.soft_tokens or window.size < SMALL_WINDOW or not self._choices.early:
            return False
        if not account.requests or self.stopped(account):
            return False
        if move is None:
            move = Move(size, visit.fixed + self.kept(account) + window.digest_tokens, shared(exchange, visit, visit.fixed))
        return decisions.verdict(account, move, self.tariff(exchange, visit), self._clock(), window.hard_tokens) in ("pays", "cold")

    def undo(self, exchange: Exchange, visit: Visit, move: Move) -> bool:
        """Whether what is folded goes up again as the client has it."""
        account = visit.thread.account
        return self.stopped(account) and decisions.undo(account, move, self.tariff(exchange, visit), self._clock())

    def tariff(self, exchange: Exchange, visit: Visit) -> Tariff:
        """What this request is charged by."""
        if visit.tariff is None:
            wire, prompt = exchange.wire, exchange.prompt
            named = wire.name if wire is not None else "", prompt.model if prompt is not None else ""
            automatic = exchange.document is not None and exchange.document.has(_AUTOMATIC)
            messages = messages_of(exchange, visit.tokens_in - visit.fixed)
            visit.tariff = self._tariffs.of(*named, exchange.body, messages, automatic)
            account = visit.thread.account
            account.partly = account.partly or visit.tariff.partly
            if account.partly and visit.tariff.caches:
                visit.tariff = replace(visit.tariff, partly=True)
            now, lent = visit.asked or self._clock(), None if visit.tariff.caches or visit.unmarked else self.lent(exchange, visit)
            if lent is not None and account.found(lent).sent and account.warm(lent, now) and marking.trusted(account, now):
                visit.tariff = lent  # as long as it is not known that it goes up otherwise
        return visit.tariff

    def lent(self, exchange: Exchange, visit: Visit) -> Tariff | None:
        """What this request is charged by if it is marked for its client; None where it must not be."""
        prompt, wire = exchange.prompt, exchange.wire
        if not exchange.markable or visit.late or visit.gone or prompt is None or wire is None or prompt.previous:
            return None
        thread = visit.thread
        if not thread.conversation.memory or exchange.wishes or self.stopped(thread.account):
            return None
        if thread.account.spared or self.bare(prompt.model, "mark"):
            return None
        return self._tariffs.lent(wire.name, prompt.model)

    def marks(self, exchange: Exchange, visit: Visit, lent: Tariff, stays: bool) -> bool:
        """Whether this request is to be marked, by what it is charged by then. `stays`: it will stand in front of the next one, whatever
        its client cuts. What is held in front of it is only because it is to be read."""
        if visit.held is not None:
            return True
        account, step = visit.thread.account, self._step(exchange, visit)
        if not marking.pays(account, lent, step, stays):
            return False
        return self.marks_all or marking.affordable(account, lent, step, self._choices.allowance)

    def forecast(self, exchange: Exchange, visit: Visit) -> float | None:
        """Dollars by which this request should be cheaper than it would be as it came (negative: dearer), by the rules of the cache; None
        where the price is not known."""
        tariff = self.tariff(exchange, visit)
        if not tariff.known:
            return None
        step, dear = self._step(exchange, visit), self._dearness.of(model_of(tariff))
        return forecast(visit.thread.account, tariff, step, standing(exchange, visit, step, tariff), dear)

    # --- when it is over

    def finished(self, exchange: Exchange, outcome: Outcome) -> None:
        visit = self._visits.get(exchange.id)
        if visit is None or not visit.ready or outcome.reply is None or exchange.wire is None or exchange.prompt is None:
            return
        if not visit.asked:
            # It went up before memory had come to its size: what the next ones cost is told from that, too.
            note(visit, drafted(exchange, visit, rough))
        if not visit.lent and (visit.tariff is None or visit.tariff.lent):
            unmark(visit)
        account, tariff, usage = visit.thread.account, self.tariff(exchange, visit), outcome.reply.usage
        step = self._step(exchange, visit)
        was_stopped, told = account.stopped, 0.0
        if step.changed and step.complete and not step.legs and standing(exchange, visit, step, tariff) is None:
            told = expected(account, tariff, step)[1]
        billed, direct, counted = account.settle(step, tariff, usage, self._judges)
        account.paths = paths_of(visit, step.changed)
        account.loose = _unmarked(visit, tariff.loose) if tariff.caches else -1
        counts = step.changed and step.complete
        if account.stopped and not was_stopped:
            self._stops[visit.thread.conversation.id] = step.at
            self.money.stops += 1
        measured = usage is not None and usage.input_tokens > 0
        if told and measured:
            self._dearness.measured(model_of(tariff), told, without_answer(tariff, counted), step.total_sent)
        if counts and measured:
            self._net += direct - billed
        spend = Spend(
            visit.answer,
            visit.thread.conversation.id,
            step.at,
            "traffic",
            exchange.prompt.model,
            exchange.wire.name,
            step.total_in,
            step.total_sent + step.legs,
            counted.input_tokens,
            counted.output_tokens,
            counted.cache_read_tokens,
            counted.cache_write_tokens,
            billed,
            direct,
            tariff.known,
            measured,
            counts,
            account.stopped,
            written(account),
        )
        self.add(spend)
        visit.spend = spend

    def first(self, arrival: Arrival, reply: Reply | None, model: str) -> Spend:
        """The spend of a conversation's first request, which always goes up as it came."""
        tariff = self._tariffs.of(arrival.wire, model, arrival.body)
        usage = sane(reply.usage) if reply is not None and reply.usage is not None else None
        tokens = rough_body(arrival.body)
        measured = usage is not None and usage.input_tokens > 0
        counted = usage if usage is not None and measured else Usage(tokens, usage.output_tokens if usage is not None else 0)
        cost = tariff.cost(counted)
        spend = Spend(
            arrival.turn,
            arrival.conversation,
            arrival.at,
            "traffic",
            model,
            arrival.wire,
            tokens,
            tokens,
            counted.input_tokens,
            counted.output_tokens,
            counted.cache_read_tokens,
            counted.cache_write_tokens,
            cost,
            cost,
            tariff.known,
            measured,
        )
        self.add(spend)
        return spend

    def side(self, number: int, model: str, usage: Usage, conversation: str = "", dollars: float | None = None) -> Spend:
        """The spend of a request that memory made for itself; `number` from TurnIds. `dollars`: what its bill comes to, None: what the
        model costs as clients use it."""
        tariff, usage = self._tariffs.of("", model, b""), sane(usage)
        spend = Spend(
            number,
            conversation,
            self._clock(),
            "side",
            model,
            "",
            0,
            0,
            usage.input_tokens,
            usage.output_tokens,
            usage.cache_read_tokens,
            usage.cache_write_tokens,
            tariff.cost(usage) if dollars is None else dollars,
            0.0,
            tariff.known or dollars is not None,
            usage.input_tokens > 0,
        )
        self.add(spend)
        if spend.priced and conversation:
            self._side[conversation] = self._side.pop(conversation, 0.0) + spend.billed
            if len(self._side) > _MOST_OWED:
                self._side.popitem(last=False)
        return spend

    def owed(self, conversation: str) -> float:
        """Dollars that memory's own requests for this conversation have cost since this was asked the last time."""
        return self._side.pop(conversation, 0.0) if self._side else 0.0

    def add(self, spend: Spend) -> None:
        """Count a spend, of traffic or of memory's own requests, in the sums since the start."""
        money = self.money
        money.measured += spend.measured
        if not spend.priced:
            money.unpriced += 1
        elif spend.kind == "side":
            money.side += spend.billed
        else:
            money.billed += spend.billed
            money.direct += spend.direct

    def _step(self, exchange: Exchange, visit: Visit) -> Step:
        changed = not visit.late and any(stage in _REWRITES for stage, _ in exchange.edits)
        cut, anew = moved(visit, changed)
        added = visit.injection.tokens if changed and visit.recalled and visit.injection is not None else 0
        return Step(
            visit.asked or self._clock(),
            visit.tokens_in,
            visit.tokens_sent if changed else visit.tokens_in,
            visit.fresh,
            visit.fresh + added,
            visit.fixed,
            cut,
            anew or (changed and visit.seen > 0 and not visit.resumed),
            visit.complete,
            changed,
            visit.tokens_legs,
            changed and visit.held is not None,
            _loose(visit, self.tariff(exchange, visit).loose) if changed else 0,
            visit.again if changed and visit.dropped else 0,
        )


def _loose(visit: Visit, newest: int) -> int:
    """Tokens of the blocks at so many of the newest messages; of the newest alone where the thread has taken another path meanwhile."""
    thread, reading = visit.thread, visit.reading
    if visit.behind and not newest:
        one = visit.injection
        return one.tokens if one is not None and LABEL not in one.text else 0
    if not newest or not thread.injections:
        return 0
    places = reading.places[-newest:] if reading.version == thread.version else []
    blocks = [thread.going(thread.path[place].chain) for place in places if place >= 0]
    return sum({one.chain: one.tokens for one in (*blocks, visit.injection) if one is not None}.values())


def _unmarked(visit: Visit, newest: int) -> int:
    """Where on the branch so many of a request's newest messages begin; -1: nowhere."""
    places = visit.reading.places[-newest:] if newest else []
    return next((place for place in places if place >= 0), visit.upto if newest else -1)
