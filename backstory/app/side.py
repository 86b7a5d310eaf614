"""The side model's place in an engine: its workers, its budget, and, with `via: client`, the keys that clients bring.

Rule: nothing here is on the way of a request but one look at its head, and that only with `via: client`. A client's key is held in memory
alone, per conversation, and goes when the client is silent; it is only ever sent to the upstream that the client itself sent it to.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence

from backstory.app.gateway.outbound import connector
from backstory.app.gateway.tokens import Tokens
from backstory.config import Config
from backstory.core.exchange import Head, Headers
from backstory.core.plan import Target
from backstory.core.reply import Usage
from backstory.core.side import SideFigures
from backstory.core.store import Lanes
from backstory.errors import StoreError
from backstory.jobs.side import side_jobs
from backstory.jobs.worker import Worker
from backstory.providers import side_model
from backstory.providers.side_model import Endpoint
from backstory.relay.budget import Budget
from backstory.relay.fetch import Fetcher
from backstory.relay.limits import Timeouts
from backstory.relay.side import SideCaller
from backstory.wires import WIRES
from backstory.wires.anthropic.hosted import Hosted

log = logging.getLogger("backstory")

_DIALECTS = {"openai": "openai_chat", "anthropic": "anthropic"}
_MOST_KEYS = 1000
# An answer, a less strict form of the question, and a repair may all be waited for under one lease.
_ANSWERS_A_LEASE, _LEASE_SLACK_S = 4, 30.0


class ClientKeys:
    """The keys of conversations whose clients were heard of lately."""

    def __init__(self, idle_s: float) -> None:
        self._idle_s = idle_s
        self._held: OrderedDict[str, tuple[Endpoint, float]] = OrderedDict()
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._held)

    def hold(self, conversation: str, endpoint: Endpoint | None) -> None:
        """The conversation's client was heard of, with this (None: nothing that can be used)."""
        if endpoint is None:
            return
        self._held[conversation] = (endpoint, time.monotonic())
        self._held.move_to_end(conversation)
        while len(self._held) > _MOST_KEYS:
            self._held.popitem(last=False)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._idle_s, self._sweep)

    def of(self, conversation: str) -> Endpoint | None:
        """Where this conversation's client goes, while it is not idle."""
        held = self._held.get(conversation)
        return held[0] if held is not None and time.monotonic() - held[1] < self._idle_s else None

    def drop(self, conversation: str) -> None:
        """This key is no good."""
        self._held.pop(conversation, None)

    def clear(self) -> None:
        """All of them go."""
        self._held.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _sweep(self) -> None:
        """Drop what is idle; look again when the next will be."""
        self._timer = None
        now = time.monotonic()
        while self._held:
            conversation, (_, at) = next(iter(self._held.items()))
            left_s = at + self._idle_s - now
            if left_s > 0:
                self._timer = asyncio.get_running_loop().call_later(left_s, self._sweep)
                return
            del self._held[conversation]


class SideRoom:
    """A running side model. Only for settings with which it is not `off`."""

    def __init__(
        self,
        config: Config,
        lanes: Lanes,
        owner: str,
        clock: Callable[[], float],
        busy: Callable[[], bool],
        failed: Callable[[str, BaseException], None],
        figures: SideFigures,
        paid: Callable[[str, Usage, str, float], None],
    ) -> None:
        side = config.side_model
        self._side = side
        self._tokens, self._clock, self._own = Tokens(config), clock, None if side.via == "client" else side_model.own(config)
        self.keys = ClientKeys(side.client_key_idle_s)
        self.by_client = side.via == "client"
        self._budget = Budget(lanes, side_model.most(side), clock, figures)
        self._fetcher = Fetcher(connector(config), Timeouts(connect_s=config.upstream.connect_timeout_s))
        wires = {wire.name: wire for wire in WIRES}
        caller = SideCaller(
            self._endpoint,
            self._refused,
            self._budget,
            self._fetcher,
            {dialect: wires[name] for dialect, name in _DIALECTS.items()},
            side.timeout_s,
            side.answer_tokens,
            random.random,
            figures,
            paid,
            self._wake_in,
            self._prepared,
        )
        jobs = side_jobs(side.tasks, lanes, caller, clock)
        lease_s = _ANSWERS_A_LEASE * (side.timeout_s + config.upstream.connect_timeout_s) + _LEASE_SLACK_S
        self._workers: Sequence[Worker] = [
            Worker(jobs, lanes, f"{owner}-side{number}", clock, busy, failed, lease_s, caller.ready, lets_go=True)
            for number in range(side.concurrency)
        ]

    async def start(self) -> None:
        """Begin in the background."""
        try:
            await self._budget.look()
        except StoreError:
            log.debug("the side model's budget could not be read", exc_info=True)
        for worker in self._workers:
            worker.start()

    async def stop(self) -> None:
        """End; a running request is broken off, and what was reserved for it stays used up. All keys go."""
        await asyncio.gather(*(worker.stop() for worker in self._workers))
        self._fetcher.close()
        self.keys.clear()

    def wake(self) -> None:
        """There may be something to do."""
        for worker in self._workers:
            worker.wake()

    def _endpoint(self, conversation: str) -> Endpoint | None:
        return self._own or self.keys.of(conversation)

    def _refused(self, conversation: str) -> None:
        """What pays is no good: a client's key, or a token that was held."""
        self.keys.drop(conversation)
        if self._own is not None and self._own.backend is not None:
            self._tokens.refused(self._own.backend)

    async def _prepared(self, endpoint: Endpoint, body: bytes) -> tuple[bytes, Headers]:
        """A request as its provider wants it, and what pays for it beside a key. Raises UpstreamError where there is no token."""
        body = Hosted(endpoint.hosting, None).ask(body) if endpoint.hosting else body
        backend = endpoint.backend
        if backend is None or not (backend.needs_token or backend.signs):
            return body, ()
        await self._tokens.fetch([backend])
        token = self._tokens.of(backend)
        lines: Headers = ((b"Authorization", b"Bearer " + token.encode("latin-1", "replace")),) if token and backend.pays is None else ()
        return body, (*lines, *backend.signed(endpoint.target, body, self._clock(), token))

    def _wake_in(self, seconds: float) -> None:
        for worker in self._workers:
            worker.wake_in(seconds)

    def seen(self, conversation: str, wire: str, head: Head, target: Target, model: str) -> None:
        """A client's request of this conversation goes to this target."""
        self.keys.hold(conversation, side_model.of_client(self._side, wire, head, target, model))


def told(config: Config) -> str:
    """What is sent to whom, in one line for the log; "" where there is no side model to speak of."""
    if not side_model.configured(config):
        return ""
    side, reason = config.side_model, side_model.off(config)
    if reason:
        return f"side model: nothing is sent ({reason})"
    most = side_model.most(side)
    if side.via == "client":
        free = "" if side.money_per_day else ", where that is free"
        where = f"{side.model or 'its own model'} at each conversation's own upstream{free}"
    else:
        to = side_model.own(config).target
        where = f"{side.model} at {to.scheme}://{to.host_header.decode()}"
    money = f" and ${most.micros / 1_000_000:g}" if most.micros else ""
    tasks = ", ".join(side.tasks)
    return f"side model: text of conversations is sent to {where}, for {tasks}; at most {most.tokens} tokens{money} a day"
