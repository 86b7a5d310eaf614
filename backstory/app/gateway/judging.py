"""Requests on which policies of extensions have a say, and their answers: the first thing that becomes of a plan behind memory.

Rule: one that breaks, is slow, or gives what is not to be given has not been asked; the call goes on as it is, that is counted, and the log
says whose fault it was.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from backstory.app.drive import eager
from backstory.app.engine import Engine
from backstory.app.regard import Regard
from backstory.config import Config
from backstory.core.document import Document
from backstory.core.exchange import Ended, Head, Headers
from backstory.core.extending import Allow, Amend, Change, Decision, End, Instead, Policy, Recast, Refuse, Request, Verdict, Watch
from backstory.core.legs import Call, Kept
from backstory.core.plan import Answer, Plan
from backstory.core.reply import Finish
from backstory.core.translation import Use
from backstory.core.wire import Wire
from backstory.errors import DocumentError, ExtensionError
from backstory.relay.decoding import decoded
from backstory.relay.tap import ArrivalTap, MemoryTap
from backstory.stages.base import Failed, attempt, attempted
from backstory.stages.fuse import Fuse
from backstory.wires.reworking.judged import KEEPING, Judged
from backstory.wires.translation.tongues import TONGUES

log = logging.getLogger("backstory")
_LIMIT_S = 0.5
_TONGUES = {tongue.name: tongue for tongue in TONGUES}
_PLAIN: Headers = ((b"Accept-Encoding", b"identity"),)
_CODINGS = frozenset({b"content-encoding"})
_UNFIT = re.compile(r"[^ -~]")
_MOST_NOTE = 200
_MOST_UNMADE = 1000
_NOT_RUN = "This was not run: a policy of the proxy refused it."
encode = msgspec.json.Encoder().encode
_object = msgspec.json.Decoder(dict[str, msgspec.Raw])
_REFUSALS = range(400, 600)
_SO_BE_IT = Allow()


class _Asked(Struct, frozen=True):
    """A policy, and the request that it was asked about."""

    fuse: Fuse
    policy: Policy
    request: Request


class _Outcome(Struct):
    """What the policies have made of a request. `amended`: changes, in their order. `refusal`: by whom, and what it says."""

    body: bytes
    asked: list[_Asked]
    amended: list[tuple[Change, ...]]
    notes: list[str]
    refusal: tuple[str, Refuse] | None = None


class Judging:
    """For one port. `error` writes an error of ours in the shape of the request's wire."""

    def __init__(self, config: Config, engine: Engine, error: Callable[[Head, int, str, str], Answer]) -> None:
        self._policies = [(Fuse(name), policy) for name, policy in config.extended.policies]
        self._unmade: dict[str, dict[str, bytes]] = {}
        self._failed: Failed = engine.failed
        self._error = error

    def plan(
        self, plan: Plan | Awaitable[Plan], head: Head, body: bytes, wire: Wire, regard: Regard, answers: bool = True
    ) -> Plan | Awaitable[Plan]:
        """The plan, with what the policies have to say. `answers`: its answer is one of this wire, so that they can watch it."""
        return eager(self._judged(plan, head, body, wire, regard, answers))

    async def _judged(self, plan: Plan | Awaitable[Plan], head: Head, body: bytes, wire: Wire, regard: Regard, answers: bool) -> Plan:
        planned = plan if isinstance(plan, Plan) else await plan
        if planned.answer is not None:
            return planned
        try:
            return await attempted(self._failed, "policies", self._asked(planned, head, body, wire, regard, answers), planned)
        except BaseException:  # the client has left meanwhile
            self._over(planned, "interrupted")
            raise

    async def _asked(self, plan: Plan, head: Head, body: bytes, wire: Wire, regard: Regard, answers: bool) -> Plan:
        plain = decoded(body, head.header(b"content-encoding").strip().lower()) if plan.body is None else plan.body
        try:
            if not plain:
                raise DocumentError("the body is too large, or in a content coding that is not understood")
            outcome = await self._outcome(plan, head, plain, wire, regard)
        except DocumentError as error:
            self._unread(error)
            return plan
        if outcome.refusal is not None:
            name, refusal = outcome.refusal
            log.info("extension %s refused a request to %s", name, head.path)
            self._over(plan, "refused")
            status = refusal.status if refusal.status in _REFUSALS else 403
            return Plan(answer=self._error(head, status, "refused_by_policy", f"{refusal.message} (policy {name})"))
        if not answers:
            return plan if outcome.body == plain else replace(plan, body=outcome.body, drop=plan.drop | _CODINGS)
        came = decoded(body, head.header(b"content-encoding").strip().lower()) if plan.body is not None else plain
        return self._with(plan, head, wire, outcome, plain, came or plain)

    async def _outcome(self, plan: Plan, head: Head, body: bytes, wire: Wire, regard: Regard) -> _Outcome:
        """Ask them one after the other. Raises DocumentError for a request that cannot be read."""
        conversation = plan.tap.conversation if isinstance(plan.tap, MemoryTap | ArrivalTap) else ""

        def read(body: bytes) -> Request:
            document = Document(body)
            return Request(head, wire, document, wire.read(document, head.path), conversation, regard.whose, regard.scope)

        body = self._mended(wire, body, head.path)
        request = read(body)
        outcome = _Outcome(body, [], [], [])
        for fuse, policy in self._policies:
            if fuse.blown:
                continue
            outcome.asked.append(_Asked(fuse, policy, request))
            nothing: Decision = _SO_BE_IT
            decision = await attempted(self._failed, fuse.where, fuse.wait("request", _decided(policy.request(request)), _LIMIT_S), nothing)
            if isinstance(decision, Refuse):
                outcome.refusal = fuse.name, decision
                break
            if decision.note:
                outcome.notes.append(f"{fuse.name}: {decision.note}")
            if isinstance(decision, Amend) and decision.changes:
                changes = decision.changes
                made = attempt(self._failed, fuse.where, lambda asked=request, changes=changes: asked.changed(changes), lambda: b"")  # type: ignore[misc]
                if made:
                    outcome.amended.append(changes)
                    outcome.body = made
                    request = read(made)
        return outcome

    def _with(self, plan: Plan, head: Head, wire: Wire, outcome: _Outcome, plain: bytes, came: bytes) -> Plan:
        """The plan, with what was changed, and with whoever watches the answer. `came`: the client's own body, which is what an
        answer repeats of its request."""
        if outcome.body is not plain and outcome.body != plain:
            drop = plan.drop | _CODINGS if plan.body is None else plan.drop
            plan = replace(plan, body=outcome.body, drop=drop)
            if isinstance(plan.tap, MemoryTap | ArrivalTap):
                plan.tap.goes(outcome.body)
        first = [self._watch(outcome.asked)]
        if first[0] is None and not outcome.notes and not (outcome.amended and plan.asks_on):
            return plan

        def watches() -> Watch | None:
            """The first answer has its watch already; a later leg, or another try, gets one of its own."""
            return first.pop() if first else self._watch(outcome.asked)

        def amend(body: bytes) -> bytes:
            body = self._mended(wire, body, head.path)
            for changes in outcome.amended:
                document = Document(body)
                body = Request(head, wire, document, wire.read(document, head.path)).changed(changes)
            return body

        ours = plan.paging.ours if plan.paging is not None else frozenset()
        told = tuple([(b"X-VC-Notes", _fit(note)) for note in outcome.notes])
        place = (head.path, head.query)
        before, tap = plan.instead, plan.tap
        if before is not None and outcome.amended and isinstance(tap, MemoryTap):
            plan = replace(plan, instead=replace(before, body=partial(_amended, before.body, amend, tap)))
        judged = Judged(_TONGUES[wire.name], wire, place, came, amend, watches, ours, told, self._unread, self._remember)
        if first[0] is None:
            return replace(plan, translation=judged)
        return replace(plan, translation=judged, drop=plan.drop | {b"accept-encoding"}, add=(*plan.add, *_PLAIN))

    def _remember(self, answer: str, use: Use) -> None:
        """A call that its client never sees: a request that builds on the answer must bring its result."""
        kind = b"custom_tool_call_output" if use.custom else b"function_call_output"
        row = b'{"type":"%b","call_id":%b,"output":%b}' % (kind, encode(use.id), encode(_NOT_RUN))
        self._unmade.setdefault(answer, {})[use.id] = row
        while len(self._unmade) > _MOST_UNMADE:
            del self._unmade[next(iter(self._unmade))]

    def _mended(self, wire: Wire, body: bytes, path: str) -> bytes:
        """The request with results for the calls of the answer that it builds on, which its client knows nothing of."""
        if not self._unmade or wire.name != KEEPING:
            return body
        document = Document(body)
        prompt = wire.read(document, path)
        rows = self._unmade.get(prompt.previous)
        if not rows:
            return body
        kept = {prompt.previous: Kept(prompt.previous, prompt.previous, tuple(rows.values()))}
        return wire.render(document, prompt, wire.mend(document, prompt, kept))

    def _watch(self, asked: Sequence[_Asked]) -> Watch | None:
        """All those who watch an answer, as one; None where nobody does."""
        nobody: Watch | None = None
        watching: list[tuple[Fuse, Watch]] = []
        for one in asked:
            fuse = one.fuse
            watch = attempt(
                self._failed,
                fuse.where,
                lambda one=one: one.fuse.run("answer", lambda: one.policy.answer(one.request)),  # type: ignore[misc]
                lambda: nobody,
            )
            if watch is not None and not fuse.blown:
                watching.append((fuse, watch))
        return _Several(watching, self._failed) if watching else None

    def _unread(self, error: DocumentError) -> None:
        """Nobody can be asked about it."""
        self._failed("policies", error)

    def _over(self, plan: Plan, ended: Ended) -> None:
        tap = plan.tap
        if tap is not None:
            attempt(self._failed, "refused", lambda: tap.over(ended, 0, 0, 0), lambda: None)


def _amended(ask: Callable[[], bytes], amend: Callable[[bytes], bytes], tap: MemoryTap) -> bytes:
    """The body to ask with in place of the one that was refused; whoever listens is told of it with its changes, which it gets later."""
    body = ask()
    if body:
        tap.goes(amend(body))
    return body


class _Several:
    """Several watches of one answer, as one. The first that has something to say is heard. One that breaks is asked nothing any more."""

    def __init__(self, watching: list[tuple[Fuse, Watch]], failed: Failed) -> None:
        self._watching = watching
        self._failed = failed

    def heard(self, text: str, thought: bool) -> Allow | End:
        """See Watch."""
        for fuse, watch in [*self._watching]:
            verdict = self._said("heard", fuse, watch, lambda watch=watch: watch.heard(text, thought), (Allow, End))  # type: ignore[misc]
            if isinstance(verdict, End):
                return verdict
        return _SO_BE_IT

    def called(self, call: Call) -> Verdict:
        """See Watch. A call that one of them has changed is the next one's to judge."""
        found: Verdict = _SO_BE_IT
        for fuse, watch in [*self._watching]:
            verdict = self._said("called", fuse, watch, partial(_called, watch, call), (Allow, Instead, Recast, End))
            if isinstance(verdict, Instead | End):
                return verdict
            if isinstance(verdict, Recast):
                found, call = verdict, replace(call, name=verdict.name, arguments=verdict.arguments)
        return found

    def over(self, finish: Finish) -> str:
        """See Watch."""
        texts = [self._text(fuse, watch, finish) for fuse, watch in [*self._watching]]
        return "\n\n".join([text for text in texts if text])

    def _text(self, fuse: Fuse, watch: Watch, finish: Finish) -> str:
        return attempt(self._failed, fuse.where, lambda: fuse.run("over", lambda: _text(watch.over(finish))), lambda: "")

    def _said(self, what: str, fuse: Fuse, watch: Watch, ask: Callable[[], Verdict], known: tuple[type, ...]) -> Verdict:
        def checked() -> Verdict:
            verdict = ask()
            if not isinstance(verdict, known):
                raise ExtensionError(f"{type(verdict).__name__} is no verdict here")
            if isinstance(verdict, Instead | End):
                _text(verdict.text)
            return verdict

        def without() -> Verdict:
            self._watching.remove((fuse, watch))
            return _SO_BE_IT

        return attempt(self._failed, fuse.where, lambda: fuse.run(what, checked), without)


def _text(text: object) -> str:
    """Raises ExtensionError, UnicodeEncodeError for what cannot be told."""
    if not isinstance(text, str):
        raise ExtensionError(f"{type(text).__name__} is no text")
    text.encode()
    return text


def _called(watch: Watch, call: Call) -> Verdict:
    """The verdict. Raises ExtensionError for a call that cannot take this one's place."""
    verdict = watch.called(call)
    if isinstance(verdict, Recast):
        _text(verdict.name)
        if not verdict.name or (_is_object(call.arguments) and not _is_object(_text(verdict.arguments))):
            raise ExtensionError("a call has a name, and a JSON object of arguments")
    return verdict


def _is_object(text: str) -> bool:
    try:
        _object.decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return False
    return True


async def _decided(asking: Awaitable[Decision]) -> Decision:
    """Raises ExtensionError for what is no decision."""
    decision = await asking
    if not isinstance(decision, Allow | Amend | Refuse):
        raise ExtensionError(f"{type(decision).__name__} is no decision")
    _text(decision.message if isinstance(decision, Refuse) else decision.note)
    return decision


def _fit(note: str) -> bytes:
    """As a header's value."""
    return _UNFIT.sub("?", note)[:_MOST_NOTE].encode()
