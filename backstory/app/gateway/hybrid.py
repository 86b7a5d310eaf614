"""hybrid:[reasoner,executor]: one model is asked for its thoughts, another one for the answer, with these thoughts at hand.

Rule: a reasoner that fails, is late or has no thoughts costs the client its time and nothing else: the executor answers alone, and a header
says so. As soon as the reasoner has thought, its connection is closed: what it would answer is nobody's.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Mapping, Sequence
from urllib.parse import parse_qsl, urlencode

from msgspec import Struct
from msgspec.structs import replace

from backstory.app.gateway.outbound import connector, outward
from backstory.app.gateway.steered import Steered, steered
from backstory.app.gateway.tokens import Tokens
from backstory.app.gateway.translating import CLIENTS_OWN, PLAIN, TONGUES_BY_NAME, WIRES_BY_NAME
from backstory.app.metering.gauge import Bill
from backstory.app.metrics import Metrics
from backstory.config import Config
from backstory.core.document import Cut, Document, Put, Splice
from backstory.core.exchange import Head, Headers
from backstory.core.plan import Target
from backstory.core.reply import Usage
from backstory.core.selectors import Value
from backstory.core.sizes import rough_body
from backstory.core.wire import Wire
from backstory.errors import BackstoryError, DocumentError, RequestError, UpstreamError, UpstreamTimeout
from backstory.providers.routing import Route
from backstory.relay.breaker import Board
from backstory.relay.decoding import content
from backstory.relay.endurance import asked_s
from backstory.relay.fetch import Fetcher
from backstory.relay.heard import NOBODY, Heard
from backstory.relay.limits import Timeouts
from backstory.wires import steering
from backstory.wires.kept import Kept
from backstory.wires.reworking.overheard import Overheard, is_readable
from backstory.wires.reworking.reasoned import Reasoned

_EFFORT = "high"
# Anthropic's models need room for their thoughts beside that for an answer.
_ROOM = 32_000
# What a person sets in the chat goes for the reasoner, too, as far as it is about how it thinks, not about the answer.
_SAMPLING = frozenset({"temperature", "top_p", "top_k", "seed"})
_UNTHINKING = frozenset({"none", "minimal", 0})
_OK, _UNAUTHORIZED, _TOO_MANY, _FAULT = 200, 401, 429, 500
_MOST_ERROR = 65_536
_NOTE = b"X-VC-Reasoner"
_JSON = (b"Content-Type", b"application/json")


class Asking(Struct, frozen=True):
    """What the reasoner is to think about: the request as memory has made it, in the client's wire, without tools of ours. `path`: with a
    model where it names one. `drop`: headers that do not go up. `bill`: is told what it was asked. `params`: what its user has set."""

    head: Head
    path: str
    body: bytes
    wire: Wire
    drop: frozenset[bytes]
    kept: Kept | None
    whose: str
    bill: Bill
    params: Mapping[str, Value] = {}


class _Ear:
    """Hears what a reasoner says. `leg`: what is kept of it to tell its cost; `heard`: None while nothing has come."""

    def __init__(self, speaks: str, leg: Heard) -> None:
        self._speaks = speaks
        self.leg = leg
        self.heard: Overheard | None = None

    def hear(self, reply: Headers, data: bytes, done: bool) -> bool:
        """As fetch.Hear."""
        heard, leg = self.heard, self.leg
        if heard is None:
            kind, coding = content(reply)
            if coding or not is_readable(kind):
                raise DocumentError(f"its content type is {kind or 'not told'}")
            heard = self.heard = Overheard(TONGUES_BY_NAME[self._speaks], WIRES_BY_NAME[self._speaks], kind, rough_body(leg.body))
            leg.status, leg.headers, leg.began_at = _OK, reply, time.monotonic()
        leg.deliver(data, done)
        enough = bool(data) and heard.hear(data)
        if done and not enough:
            heard.over()
        return enough


class Hybrid:
    """`room`: tokens that a model gives at most, 0 where that is not known. `failed` is told what failed open. `clock`: Unix seconds."""

    def __init__(
        self,
        config: Config,
        tokens: Tokens,
        board: Board,
        metrics: Metrics,
        room: Callable[[str], int],
        failed: Callable[[str, BaseException], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._config = config
        self._tokens = tokens
        self._board = board
        self._metrics = metrics
        self._room = room
        self._failed = failed
        self._clock = clock
        self._most_s = config.routing.reasoner_s

    async def reasoned(self, asking: Asking, routes: Sequence[Route]) -> Reasoned:
        """What the executor is asked, and answers, with the thoughts of the first of these that has some. Raises nothing but
        CancelledError."""
        until = time.monotonic() + self._most_s
        told: list[str] = []
        for route in routes:
            left_s = until - time.monotonic()
            if left_s <= 0 or not self._board.admits(route.name):
                told.append(f"{route.name}={'late' if left_s <= 0 else 'set aside'}")
                continue
            try:
                found = await self._think(asking, route, left_s)
            except BackstoryError as error:
                told.append(f"{route.name}={'late' if isinstance(error, UpstreamTimeout) else 'failed'}")
                self._failed("reasoner", error)
                continue
            self._metrics.thought(found.usage)
            spent = f"input_tokens={found.usage.input_tokens}, output_tokens={found.usage.output_tokens}"
            told += [f"{route.name}={'thought' if found.text else 'silent'}", spent, *([] if found.exact else ["estimated"])]
            return _made(asking, found.text, found.usage, told)
        return _made(asking, "", Usage(), told)

    async def _think(self, asking: Asking, route: Route, left_s: float) -> Overheard:
        exchange, body, target, headers = self._request(asking, route)
        ear = _Ear(exchange.speaks, Heard(route.name, target, body, False, NOBODY))
        leg = ear.leg
        fetcher = Fetcher(connector(self._config), Timeouts(connect_s=min(left_s, self._config.upstream.connect_timeout_s)))
        began = time.monotonic()
        self._board.tried(route.name)
        try:
            up = await fetcher.connect(target)
            asking.bill.legs.append(leg)
            leg.how = "cut"  # where nothing else is said of it
            reply = await fetcher.post(up, target, headers, body, left_s - (time.monotonic() - began), _MOST_ERROR, ear.hear)
            self._judge(route.name, reply.status, reply.headers)
            if reply.status == _UNAUTHORIZED and route.backend.needs_token:
                self._tokens.refused(route.backend)
        except UpstreamError as error:
            leg.how = "late" if isinstance(error, UpstreamTimeout) else "cut" if leg.began_at else "failed"
            self._board.failed(route.name, str(error))
            raise
        except asyncio.CancelledError:
            self._board.left(route.name)
            raise
        finally:
            fetcher.close()
        heard = ear.heard
        leg.status = reply.status
        leg.how = "failed" if reply.status != _OK or heard is None else "thought" if heard.text else "silent"
        if reply.status != _OK or heard is None:
            raise UpstreamError(f"{route.name} answered {reply.status}")
        if heard.failed and not heard.text:
            raise UpstreamError(f"{route.name}: {heard.failed}")
        return heard

    def _judge(self, name: str, status: int, headers: Headers) -> None:
        if status == _TOO_MANY:
            self._board.limited(name, f"status {status}", asked_s(headers, self._clock))
        elif status >= _FAULT:
            self._board.failed(name, f"status {status}")
        else:
            self._board.answered(name)

    # --- what it is asked

    def _request(self, asking: Asking, route: Route) -> tuple[Steered, bytes, Target, Headers]:
        """The request in the reasoner's wire, where it goes, and with which headers. Raises DocumentError, RequestError, UpstreamError."""
        path, query, body = _streamed(asking, route)
        given = {**dict(route.params), **_thinking(asking.params)}
        wanted: dict[str, Value] = {**({} if "thinking_budget" in given else {"reasoning_effort": _EFFORT}), **given}
        if route.backend.wire(asking.wire.name) == "anthropic" and "max_tokens" not in given:
            most = self._room(route.model) or _ROOM
            wanted["max_tokens"] = max(_most(body), min(_ROOM, most))
        try:
            exchange, out = _asked(asking, replace(route, params=tuple(wanted.items())), path, query, body)
        except RequestError:
            exchange, out = _asked(asking, route, path, query, body)
        drop, add = route.backend.pay(exchange.speaks, route.instance, asking.head, exchange.translated, self._tokens.of(route.backend))
        target = route.backend.target(exchange.speaks, route.model, *exchange.place())
        if route.backend.auth == "aws":
            add = (*add, *route.backend.signed(target, out, self._clock()))
        drop |= asking.drop | (CLIENTS_OWN if exchange.translated else frozenset())
        return exchange, out, target, outward(asking.head, drop, (_JSON, *add, *PLAIN))


def _thinking(params: Mapping[str, Value]) -> dict[str, Value]:
    """How hard its user wants it to think; who wants no thinking wants none of the answer's model."""
    return {name: value for name, value in params.items() if name in {"reasoning_effort", "thinking_budget"} and value not in _UNTHINKING}


def _asked(asking: Asking, route: Route, path: str, query: str, body: bytes) -> tuple[Steered, bytes]:
    wishes = {name: value for name, value in asking.params.items() if name in _SAMPLING}
    exchange = steered(asking.wire.name, route, path, query, asking.kept, asking.whose, wishes=wishes)
    exchange.shown = True
    return exchange, exchange.ask(body)


def _streamed(asking: Asking, route: Route) -> tuple[str, str, bytes]:
    """Path, query and body of the same request for a stream of events, in which no tool has to be called."""
    if asking.wire.name == "gemini":
        query = urlencode([*((name, value) for name, value in parse_qsl(asking.head.query) if name != "alt"), ("alt", "sse")])
        path = re.sub(r":generateContent\Z", ":streamGenerateContent", steering.path_with(asking.path, route.model))
        return path, query, asking.body
    document = Document(asking.body)
    splices: list[Splice] = [Put(("stream",), b"true")]
    if document.has(("tool_choice",)):
        splices.append(Cut(("tool_choice",)))
    if asking.wire.name == "openai_chat" and "stream_options" not in route.backend.known.lacks:
        splices.append(Put(("stream_options",), b'{"include_usage":true}'))
    return asking.path, asking.head.query, document.apply(splices)


def _most(body: bytes) -> int:
    """The output tokens that the client asks for, 0 where it does not say."""
    document = Document(body)
    for name in ("max_tokens", "max_completion_tokens", "max_output_tokens"):
        raw = document.member(name)
        if raw is not None and bytes(raw).isdigit():
            return int(bytes(raw))
    return 0


def _made(asking: Asking, text: str, usage: Usage, told: Sequence[str]) -> Reasoned:
    note = ", ".join(told).encode("ascii", "replace")
    wire = asking.wire
    return Reasoned(TONGUES_BY_NAME[wire.name], wire, asking.path, asking.head.query, text, usage.output_tokens, (_NOTE, note))
