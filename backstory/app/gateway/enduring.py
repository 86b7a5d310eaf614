"""The house, where requests may be sent again: what the relay has to know of each for that, and what is told of the backends.

Rule: nothing of a request is read here before one has failed. Where nothing is configured, this house is not built.
"""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any
from urllib.parse import unquote

import msgspec
from msgspec import Struct
from msgspec.structs import asdict, replace

from backstory.app.drive import eager
from backstory.app.regard import Regards
from backstory.config import Config
from backstory.core.exchange import Head, Headers
from backstory.core.plan import Answer, House, Plan, Question
from backstory.core.selectors import suggest
from backstory.core.translation import Broke
from backstory.core.wire import Wire
from backstory.errors import DocumentError
from backstory.relay.breaker import Thresholds
from backstory.relay.decoding import decoded
from backstory.relay.endurance import Endurance, Policy

PLACE = "/v1/diagnostics"
BACKENDS = re.compile(f"{PLACE}(?:/.*)?")
"""Below this path are single ones."""
_JSON: Headers = ((b"content-type", b"application/json"),)
_AGAIN = "/reactivate"
_VERB = "enerateContent"


class _Streams(Struct):
    stream: bool | None = False


_streams = msgspec.json.Decoder(_Streams)


def endurance(config: Config, clock: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time) -> Endurance:
    """What the settings say."""
    given = config.resilience
    policy = Policy(
        given.retries,
        given.backoff_s,
        given.backoff_most_s,
        given.budget_s,
        given.first_byte_s,
        given.keep_alive_s,
        given.empty_retry,
    )
    return Endurance(policy, Thresholds(given.breaker_failures, given.breaker_open_s, given.backoff_most_s), clock, wall)


def needed(config: Config) -> bool:
    """Whether any of this is switched on."""
    given = config.resilience
    return given.retries > 0 or given.empty_retry or given.keep_alive_s > 0


def diagnostics(shared: Endurance) -> dict[str, Any]:
    """What is known of the backends, JSON-able, and what is done where one does not answer."""
    return {"resilience": asdict(shared.policy), "backends": [asdict(row) for row in shared.board.rows()]}


def of_one(shared: Endurance, head: Head, error: Callable[[Head, int, str, str], Answer]) -> Answer:
    """The answer to a request at a path below PLACE: `GET PLACE/NAME`, and `POST PLACE/NAME/reactivate`, also with `backends/` before the
    name. `error`: one of ours, of this status, code and text."""
    named = head.path.removeprefix(PLACE + "/")
    again = named.endswith(_AGAIN)
    name = unquote(named.removesuffix(_AGAIN)).removeprefix("backends/")
    if again and head.method != "POST":
        return error(head, 405, "method_not_allowed", f"there is POST {head.path}, not {head.method}")
    if not again and (head.method not in {"GET", "HEAD"} or head.path == PLACE):
        return error(head, 404, "not_found", f"there are GET {PLACE}/NAME and POST {PLACE}/NAME{_AGAIN}, not {head.method} {head.path}")
    row = next((row for row in shared.board.rows() if row.name == name), None)
    if row is None:
        known = [row.name for row in shared.board.rows()]
        hint = f"known: {', '.join(known)}" if known else "none was asked since the start"
        return error(head, 404, "not_found", f"no backend is called {name!r}{suggest(name, known)}; {hint}")
    if not again:
        return Answer(200, _JSON, msgspec.json.encode(row))
    shared.board.reactivate(name)
    return Answer(200, _JSON, msgspec.json.encode(diagnostics(shared)))


class Enduring:
    """Implements core.plan.House, around another one."""

    def __init__(self, house: House, config: Config, upstream_url: str, shared: Endurance) -> None:
        self._house = house
        self._regards = Regards(config, upstream_url)
        self._shared = shared

    def wants_body(self, head: Head) -> bool:
        """See House. What may be sent again has to be at hand."""
        return self._house.wants_body(head) or self._wire(head) is not None

    def plan(self, head: Head, body: bytes) -> Plan | Awaitable[Plan]:
        """See House."""
        plan = self._house.plan(head, body)
        wire = self._wire(head)
        if wire is None or not body:
            return plan
        question = Question(wire, partial(asks_for_events, wire, head, body), partial(told_as_events, wire, head, body))
        return _asking(plan, question) if isinstance(plan, Plan) else eager(_later(plan, question))

    def error(self, head: Head | None, status: int, code: str, message: str) -> Answer:
        """See House."""
        return self._house.error(head, status, code, message)

    def _wire(self, head: Head) -> Wire | None:
        if head.method != "POST":
            return None
        wire = self._regards.wire(head.path)
        if wire is None and head.path.endswith(_VERB):
            from backstory.wires import steering  # noqa: PLC0415 (rare)

            # A selector stands where Gemini's paths have a model.
            wire = self._regards.wire(steering.path_with(head.path, "model"))
        return wire


def _asking(plan: Plan, question: Question) -> Plan:
    return plan if plan.target is None else replace(plan, question=question)


async def _later(plan: Awaitable[Plan], question: Question) -> Plan:
    return _asking(await plan, question)


def asks_for_events(wire: Wire, head: Head, body: bytes) -> bool:
    """Whether the client reads a stream in which comments may stand. Clients of Gemini's are known that do not skip them."""
    if wire.name == "gemini":
        return False
    plain = decoded(body, head.header(b"content-encoding").strip().lower())
    try:
        return plain is not None and _streams.decode(plain).stream is True
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False


def told_as_events(wire: Wire, head: Head, body: bytes, status: int, answer: bytes) -> bytes:
    """An error as events of the client's stream."""
    from backstory.wires.translation.tongues import TONGUES  # noqa: PLC0415 (rare)

    tongue = next(one for one in TONGUES if one.name == wire.name)
    if status < 400:
        status, answer = 502, wire.error(502, "upstream_unavailable", "the upstream's answer is no stream")
    try:
        failure = tongue.failed(status, answer)
        teller = tongue.teller(tongue.asked(body, head.path, head.query))
    except DocumentError:
        return b"data: %b\n\n" % wire.error(status, "upstream_unavailable", "the upstream answered with an error")
    return teller.tell(Broke(failure)) + teller.end()
