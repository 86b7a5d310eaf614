"""Asking the side model: one question, one answer in JSON, within the budget, and not while the provider does not want to be asked.

Rule: room for the largest possible bill is reserved before anything is sent. The provider's own count settles it; where there is none,
ours, if nothing is paid for it; where nobody knows what a request costs, the reservation stays used up, and is told as its cost: no
saving is claimed that such a bill may have eaten.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Awaitable, Callable
from typing import NoReturn, TypeVar

import msgspec
from msgspec import Struct

from backstory.core.exchange import Headers
from backstory.core.message import Text, ToolCall
from backstory.core.reply import Reply, Usage
from backstory.core.side import Question, SideFigures
from backstory.core.tokens import estimate
from backstory.core.wire import Wire
from backstory.errors import DocumentError, SideModelError, UpstreamError
from backstory.providers.side_model import FREE, Endpoint
from backstory.relay.budget import Budget, Hold
from backstory.relay.decoding import content, decoded, read_reply
from backstory.relay.fetch import Fetched, Fetcher

log = logging.getLogger("backstory")

T = TypeVar("T")

# No tokenizer makes more tokens than there are bytes; a chat's framing takes some more, and what a provider itself says about tools
# (Anthropic: up to some 500 tokens).
_FRAMING_TOKENS = 768
# A count above this is none.
_MOST_COUNTED = 10**9
# How often one question is sent: strict JSON, then less strict where the provider refuses that, then once more for an answer that is none.
_MOST_SENDS = 4
# Pauses after a failure: doubled by each, spread by chance; after `_BREAK_AT` in a row the breaker is open for much longer.
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 2.0, 60.0
_BREAK_AT, _BREAK_S, _LONGEST_BREAK_S = 5, 120.0, 3600.0
_REFUSED_KEY_S = 600.0
_MOST_TROUBLES = 1000
_LOOSER = {"schema": "object", "object": "text", "tool": "text"}
# What a refusal speaks of that is about the form of the answer, not about the question.
_ABOUT_FORM = re.compile(rb"format|schema|json_object|tool|grammar|structured", re.IGNORECASE)
_REPAIR = "That was not the JSON that was asked for. Answer again, with nothing but one JSON object."
_MAX_QUOTED = 4000
_TOOL = "answer"


class Manner(Struct):
    """How one model wants to be asked, as far as it has been learnt."""

    form: str
    output_key: str


class Trouble(Struct):
    """Failures of one provider and key in a row, and until when (monotonic seconds) it is left alone."""

    failures: int = 0
    until: float = 0.0


class SideCaller:
    """A core.side.SideModel. `endpoint`: where a conversation's questions go, None for nowhere (now). `refused`: a conversation's key was
    turned away. `chance`: from 0 to 1. `wires`: by dialect, to read answers with. `paid`: told of every bill, by model, usage and
    conversation, in dollars; of one that nobody knows, what was reserved. `rests`: told for how many seconds a provider is left alone,
    each time that it is. `prepared`: a request as its provider wants it, and header lines that pay for this very one; UpstreamError where
    there is nothing to pay with."""

    def __init__(
        self,
        endpoint: Callable[[str], Endpoint | None],
        refused: Callable[[str], None],
        budget: Budget,
        fetcher: Fetcher,
        wires: dict[str, Wire],
        timeout_s: float,
        answer_tokens: int,
        chance: Callable[[], float],
        figures: SideFigures,
        paid: Callable[[str, Usage, str, float], None] = lambda _model, _usage, _conversation, _dollars: None,
        rests: Callable[[float], None] = lambda _seconds: None,
        prepared: Callable[[Endpoint, bytes], Awaitable[tuple[bytes, Headers]]] | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._refused = refused
        self._budget = budget
        self._fetcher = fetcher
        self._wires = wires
        self._timeout_s = timeout_s
        self._answer_tokens = answer_tokens
        self._chance = chance
        self._manners: dict[tuple[str, int, str, str], Manner] = {}
        self._troubles: dict[tuple[str, int, int], Trouble] = {}
        self.figures = figures
        self._paid = paid
        self._rests = rests
        self._prepared = prepared
        self._full_on = ""

    def ready(self, conversation: str) -> bool:
        """See SideModel."""
        endpoint = self._endpoint(conversation)
        return endpoint is not None and self._budget.open and time.monotonic() >= self._trouble(endpoint).until

    def method(self, conversation: str) -> str:
        """See SideModel."""
        endpoint = self._endpoint(conversation)
        return endpoint.model if endpoint is not None else ""

    async def ask(self, question: Question, read: Callable[[str], T]) -> T:
        """See SideModel."""
        try:
            return await self._asked(question, read)
        except SideModelError as error:
            self.figures.failed(error.reason)
            raise

    async def _asked(self, question: Question, read: Callable[[str], T]) -> T:
        if not self.ready(question.conversation):
            raise SideModelError("the side model is not to be asked now", "not now")
        endpoint = self._endpoint(question.conversation)
        assert endpoint is not None
        manner = self._manner(endpoint)
        wrong = ""
        for _ in range(_MOST_SENDS):
            body = request_body(endpoint, manner, question, self._answer_tokens, wrong)
            got, hold = await self._send(endpoint, body, question.conversation)
            if got.status in {400, 422} and self._loosen(manner, got):
                await self._budget.settle(hold, 0, 0, 0)
                continue
            text = await self._text(endpoint, question, body, got, hold)
            try:
                answer = read(text)
            except DocumentError as error:
                if wrong:
                    self._fail(endpoint, f"no usable answer: {error}", "garbage", lasting=True, answered=True)
                wrong = text[:_MAX_QUOTED] or "(nothing)"
                continue
            self.figures.answers += 1
            if self._troubles.pop(_origin(endpoint), None) is not None:
                log.info("side model: %s answers again", endpoint.model)
            return answer
        raise SideModelError("the provider refuses every form of the question", "refused", lasting=True)

    # --- one request

    async def _send(self, endpoint: Endpoint, body: bytes, conversation: str) -> tuple[Fetched, Hold]:
        """The reply, and the reservation for it, still to be settled."""
        paid: Headers = ()
        try:
            if self._prepared is not None:
                body, paid = await self._prepared(endpoint, body)
            up = await self._fetcher.connect(endpoint.target)
        except UpstreamError as error:
            self._fail(endpoint, str(error), "unreachable")
        try:
            tokens = len(body) + _FRAMING_TOKENS
            most = self._answer_tokens
            hold = await self._budget.reserve(tokens + most, endpoint.price.micros(tokens, most))
        except BaseException:
            self._fetcher.give_back(up)
            raise
        if hold is None:
            self._fetcher.give_back(up)
            self._tell_full()
            raise SideModelError("the side model's budget of the day is used up", "budget")
        got: Fetched | None = None
        try:
            got = await self._fetcher.post(up, endpoint.target, (*headers(endpoint), *paid), body, self._timeout_s)
        except UpstreamError as error:
            self._fail(endpoint, str(error), "cut")
        finally:
            if got is None:
                self._unknown(endpoint, body, hold, conversation)
        return got, hold

    async def _text(self, endpoint: Endpoint, question: Question, body: bytes, got: Fetched, hold: Hold) -> str:
        """The answer's text. The bill is settled where it is known."""
        content_type, coding = content(got.headers)
        if got.status != 200:
            await self._budget.settle(hold, 0, 0, 0)
            self._turned_away(endpoint, question.conversation, got)
        reply = read_reply(self._wires[endpoint.dialect], content_type, coding, got.body)
        if reply is None or (not reply.parts and not reply.finish):
            self._unknown(endpoint, body, hold, question.conversation)
            self._fail(endpoint, "what came is no answer of a model", "unreadable")
        usage = self._usage(endpoint, reply, body)
        if usage is None:
            self._unknown(endpoint, body, hold, question.conversation)
        else:
            micros = endpoint.price.micros(usage.input_tokens, usage.output_tokens)
            await self._budget.settle(hold, usage.input_tokens + usage.output_tokens, micros)
            self._paid(endpoint.model, usage, question.conversation, micros / 1_000_000)
        if reply.finish == "length":
            self._fail(endpoint, "the answer was longer than side_model.answer_tokens", "too long", lasting=True, answered=True)
        return said(reply)

    def _unknown(self, endpoint: Endpoint, body: bytes, hold: Hold, conversation: str) -> None:
        """It was sent, and what its provider takes for it is not known: it may have written a whole answer. Every meter tells the same."""
        self._paid(endpoint.model, Usage(counted(body), self._answer_tokens), conversation, hold.spend.micros / 1_000_000)

    def _usage(self, endpoint: Endpoint, reply: Reply, body: bytes) -> Usage | None:
        """What the provider counted. Where it tells nothing, what we count of a free model, at most what was reserved; None of one that is
        paid for: it may have thought much that it does not say."""
        usage = reply.usage
        if usage is not None and usage.input_tokens > 0:
            return Usage(min(usage.input_tokens, _MOST_COUNTED), min(max(0, usage.output_tokens), _MOST_COUNTED))
        if endpoint.price != FREE:
            return None
        text = "".join(part.text for part in reply.parts if isinstance(part, Text)) + said(reply)
        return Usage(counted(body), min(self._answer_tokens, estimate(text) if text else 0))

    # --- what the provider wants

    def _manner(self, endpoint: Endpoint) -> Manner:
        name = (endpoint.target.host, endpoint.target.port, endpoint.target.path, endpoint.model)
        return self._manners.setdefault(name, Manner(endpoint.form, endpoint.output_key))

    @staticmethod
    def _loosen(manner: Manner, got: Fetched) -> bool:
        """After a refusal: ask in a plainer way from now on. Whether there is one."""
        _, coding = content(got.headers)
        told = decoded(got.body, coding) or b""
        other = "max_tokens" if manner.output_key == "max_completion_tokens" else "max_completion_tokens"
        if other.encode() in told.replace(manner.output_key.encode(), b"") and manner.output_key.encode() in told:
            manner.output_key = other
            return True
        if manner.form not in _LOOSER or (told and not _ABOUT_FORM.search(told)):
            return False
        manner.form = _LOOSER[manner.form]
        return True

    def _trouble(self, endpoint: Endpoint) -> Trouble:
        return self._troubles.get(_origin(endpoint)) or Trouble()

    def _tell_full(self) -> None:
        """Once a day, for the log."""
        figures = self.figures
        if self._full_on != figures.day:
            self._full_on = figures.day
            money = f", ${figures.micros / 1e6:.4f} of ${figures.micros_most / 1e6:g}" if figures.micros_most else ""
            log.info("side model: no room for more today (UTC): %d of %d tokens%s", figures.tokens, figures.tokens_most, money)

    def _turned_away(self, endpoint: Endpoint, conversation: str, got: Fetched) -> NoReturn:
        if got.status in {401, 403}:
            self._refused(conversation)
            self._fail(endpoint, f"the side model's key was refused ({got.status})", "key", _REFUSED_KEY_S)
        if got.status in {400, 413, 422}:
            self._fail(endpoint, f"the side model's request was refused ({got.status})", "refused", lasting=True)
        reason = "rate" if got.status in {429, 529, 503} else "status"
        self._fail(endpoint, f"the side model's provider answered {got.status}", reason, retry_after(got.headers, time.time()))

    def _fail(
        self, endpoint: Endpoint, text: str, reason: str, least_s: float = 0.0, lasting: bool = False, answered: bool = False
    ) -> NoReturn:
        """Leave the provider alone for a while: longer with each failure, and not before it said. `answered`: it did, and nothing can be
        made of that, which may be this one question's fault; where it is not, the budget is not spent on more of it."""
        trouble = self._troubles.setdefault(_origin(endpoint), Trouble())
        while len(self._troubles) > _MOST_TROUBLES:
            del self._troubles[next(iter(self._troubles))]
        trouble.failures += 1
        pause_s = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2 ** min(10, trouble.failures - 1))
        if trouble.failures >= _BREAK_AT:
            pause_s = min(_LONGEST_BREAK_S, _BREAK_S * 2 ** min(10, trouble.failures - _BREAK_AT))
        elif answered:
            pause_s = 0.0
        pause_s *= 0.75 + self._chance() / 2
        pause_s = max(pause_s, min(least_s, _LONGEST_BREAK_S))
        trouble.until = time.monotonic() + pause_s
        self._rests(pause_s)
        if trouble.failures in (1, _BREAK_AT):
            log.warning("side model: %s; failures in a row: %d; left alone for %d s", text, trouble.failures, pause_s)
        raise SideModelError(text, reason, lasting)


def request_body(endpoint: Endpoint, manner: Manner, question: Question, most_tokens: int, wrong: str = "") -> bytes:
    """The JSON to send. `most_tokens`: of the answer. `wrong`: an earlier answer that was not what was asked for."""
    turns = [{"role": "user", "content": question.text}]
    if wrong:
        turns += [{"role": "assistant", "content": wrong}, {"role": "user", "content": _REPAIR}]
    body: dict[str, object] = {"model": endpoint.model}
    if endpoint.dialect == "anthropic":
        body |= {"max_tokens": most_tokens, "system": question.system, "messages": turns}
        if manner.form == "tool":
            body["tools"] = [{"name": _TOOL, "description": "Gives the answer.", "input_schema": question.schema}]
            body["tool_choice"] = {"type": "tool", "name": _TOOL}
    else:
        body |= {manner.output_key: most_tokens, "messages": [{"role": "system", "content": question.system}, *turns]}
        if manner.form == "schema":
            named = {"name": question.task, "strict": True, "schema": question.schema}
            body["response_format"] = {"type": "json_schema", "json_schema": named}
        elif manner.form == "object":
            body["response_format"] = {"type": "json_object"}
    if endpoint.local:
        body["temperature"] = 0
    return msgspec.json.encode(body)


def headers(endpoint: Endpoint) -> Headers:
    """The header lines besides Host and Content-Length. A provider on this machine may be a proxy like this one: it is told that this is
    no conversation to remember."""
    plain: Headers = ((b"Content-Type", b"application/json"), (b"Accept", b"application/json"), (b"Accept-Encoding", b"identity"))
    ours: Headers = ((b"X-VC-Memory", b"off"),) if endpoint.local else ()
    return (*plain, *ours, *endpoint.auth)


def counted(body: bytes) -> int:
    """The tokens of a request, as we count them."""
    return min(estimate(body.decode("utf-8", "replace")), len(body))


def said(reply: Reply) -> str:
    """The answer's JSON: the arguments of the tool, else the text."""
    for part in reply.parts:
        if isinstance(part, ToolCall):
            return part.arguments
    return "".join(part.text for part in reply.parts if isinstance(part, Text))


def retry_after(lines: Headers, now: float) -> float:
    """Seconds that the provider asks to wait (RFC 9110 section 10.2.3), 0 where it does not."""
    for name, value in lines:
        if name.lower() != b"retry-after":
            continue
        text = value.decode("latin-1").strip()
        if text.replace(".", "", 1).isdigit():
            return float(text)
        from email.utils import parsedate_to_datetime  # noqa: PLC0415 - rare

        try:
            return max(0.0, parsedate_to_datetime(text).timestamp() - now)
        except (ValueError, TypeError, OverflowError):
            return 0.0
    return 0.0


def _origin(endpoint: Endpoint) -> tuple[str, int, int]:
    """Who is asked, and with which key: one client's refused key is not another's. Of the key only a hash is kept."""
    return endpoint.target.host, endpoint.target.port, hash(endpoint.auth)
