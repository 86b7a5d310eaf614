"""Requests to a provider that speaks another wire than their client: the last thing that becomes of a plan."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from urllib.parse import parse_qs

from msgspec.structs import replace

from backstory.app.engine import Engine
from backstory.app.gateway import questions
from backstory.app.gateway.conversations import Conversations
from backstory.app.gateway.keeping import Keeping, keeps, no_previous
from backstory.app.regard import Regard, Regards
from backstory.core.exchange import Ended, Head, Headers
from backstory.core.plan import Answer, Plan
from backstory.core.translation import NOTHING_KNOWN, Known, Marks
from backstory.errors import DocumentError
from backstory.memory.identity.named import principal
from backstory.providers.windows import Rooms
from backstory.relay.decoding import decoded
from backstory.stages.base import attempt
from backstory.wires import WIRES
from backstory.wires.kept import may_begin
from backstory.wires.model_lists import ModelList
from backstory.wires.token_counts import TokenCount
from backstory.wires.translation.chained import Chained
from backstory.wires.translation.tongues import TONGUES
from backstory.wires.translation.translate import Translated

WIRES_BY_NAME = {wire.name: wire for wire in WIRES}
TONGUES_BY_NAME = {tongue.name: tongue for tongue in TONGUES}
RESPONSES = "openai_responses"
# What says who asks, and in which version of whose wire; and what would have the answer come in a coding that has to be undone first.
CLIENTS_OWN = frozenset(
    {
        b"authorization",
        b"x-api-key",
        b"x-goog-api-key",
        b"x-goog-api-client",
        b"anthropic-version",
        b"anthropic-beta",
        b"anthropic-dangerous-direct-browser-access",
        b"openai-organization",
        b"openai-project",
        b"openai-beta",
        b"accept-encoding",
        b"content-encoding",
        b"accept",
    }
)
PLAIN: Headers = ((b"Accept-Encoding", b"identity"),)
# As OpenAI says it: clients that read this code send their whole history instead.
_NO_PREVIOUS = "previous_response_not_found"
_ANTHROPIC_VERSION = (b"anthropic-version", b"2023-06-01")


class Translating:
    """For one port. `error` writes an error of ours in the shape of the request's wire. `marks`: see core.translation.Asked. `rooms`: how
    much models give. `known`: of the provider."""

    def __init__(
        self,
        regards: Regards,
        error: Callable[[Head, int, str, str], Answer],
        engine: Engine,
        marks: Marks,
        rooms: Rooms,
        known: Known = NOTHING_KNOWN,
    ) -> None:
        self._known = known
        self._regards = regards
        self._error = error
        self._keeping = Keeping(engine)
        self._conversations = Conversations(self._keeping, regards, error)
        self._failed = engine.failed
        self._marks = marks
        self._rooms = rooms

    def counts(self, head: Head) -> bool:
        """Whether the body is needed of a request that is no conversation."""
        return bool(questions.counts(head, self._regards.speaks)) or self._conversations.claims(head) or self._compacts(head)

    def plan(self, plan: Plan | Awaitable[Plan], head: Head, body: bytes, regard: Regard) -> Plan | Awaitable[Plan]:
        """The plan, in the provider's wire."""
        if not regard.speaks:
            return self._question(plan, head, body) if regard.wire is None else plan
        if isinstance(plan, Plan):
            return self._translated(plan, head, body, regard)
        return self._later(plan, head, body, regard)

    async def _later(self, plan: Awaitable[Plan], head: Head, body: bytes, regard: Regard) -> Plan:
        found = self._translated(await plan, head, body, regard)
        return found if isinstance(found, Plan) else await found

    def _translated(self, plan: Plan, head: Head, body: bytes, regard: Regard) -> Plan | Awaitable[Plan]:
        if plan.answer is not None or regard.wire is None:
            return plan
        plain = decoded(body, head.header(b"content-encoding").strip().lower()) if plan.body is None else plan.body
        if plain is None:
            return self._refused(plan, self._unread(head))
        client, provider = TONGUES_BY_NAME[regard.wire.name], TONGUES_BY_NAME[regard.speaks]
        kept = self._keeping.kept if keeps(regard.wire) else None
        whose = principal("api_key", head) if kept is not None else ""
        keep = self._keeping.keeper(whose, regard.whose, plan.tap is not None) if kept is not None else None
        wire = WIRES_BY_NAME[regard.speaks]
        exchange = Translated(client, provider, wire, head.path, head.query, kept, whose, keep, self._marks, self._most, self._known)
        sent = self._sent(plan, head, plain, exchange)
        return self._resumed(plan, head, plain, exchange, whose, sent) if exchange.missing else self._refused(plan, sent)

    def _most(self, model: str) -> int:
        return self._rooms.of(model).max_output

    async def _resumed(self, plan: Plan, head: Head, plain: bytes, exchange: Translated, whose: str, without: Plan) -> Plan:
        """The request builds on an answer that this process does not hold. `without`: what becomes of it without that."""
        try:
            found = await self._keeping.load(whose, exchange.missing)
        except BaseException:  # the client has left meanwhile
            self._over(plan, "interrupted")
            raise
        return self._refused(plan, self._sent(plan, head, plain, exchange) if found else without)

    def _refused(self, plan: Plan, sent: Plan) -> Plan:
        """`sent`. If that is an answer of ours, who listens to the provider's is told that there will be none."""
        if sent.answer is not None:
            self._over(plan, "refused")
        return sent

    def _over(self, plan: Plan, ended: Ended) -> None:
        tap = plan.tap
        if tap is not None:
            attempt(self._failed, "refused", lambda: tap.over(ended, 0, 0, 0), lambda: None)

    def _sent(self, plan: Plan, head: Head, plain: bytes, exchange: Translated) -> Plan:
        try:
            out = exchange.ask(plain)
        except DocumentError as error:
            return self._untranslated(head, error)
        refused = next((loss for loss in exchange.losses if loss.how == "refused"), None)
        if refused is not None:
            unknown = refused.what == "previous_response_id"
            code, status = (_NO_PREVIOUS, no_previous(exchange.client)) if unknown else ("not_translatable", 400)
            return Plan(answer=self._error(head, status, code, f"{refused.what}: {refused.why}"))
        near = plan.translation
        translation = exchange if near is None else Chained(near, exchange)
        return self._going(replace(plan, body=out, translation=translation, speaks=self._regards.speaks), exchange.place(), head)

    def _question(self, plan: Plan | Awaitable[Plan], head: Head, body: bytes) -> Plan | Awaitable[Plan]:
        """What is asked beside conversations."""
        speaks = self._regards.speaks
        if not isinstance(plan, Plan) or plan.answer is not None:
            return plan
        if self._conversations.claims(head):
            return self._conversations.plan(head, body)
        if self._compacts(head):
            return self._compaction(plan, head, body)
        counted = questions.counts(head, speaks)
        if counted:
            return self._count(plan, head, body, TokenCount(TONGUES_BY_NAME[counted], TONGUES_BY_NAME[speaks], head.path, head.query))
        listed = questions.models(head, speaks)
        if listed is None:
            return plan
        client, one = listed
        models = ModelList(TONGUES_BY_NAME[client], TONGUES_BY_NAME[speaks], one, head.query)
        return self._going(replace(plan, translation=models), models.place(), head)

    def _compacts(self, head: Head) -> bool:
        return questions.compacts(head) and self._regards.speaks not in {"", RESPONSES}

    def _compaction(self, plan: Plan, head: Head, body: bytes) -> Plan | Awaitable[Plan]:
        """A history that is to be compacted."""
        plain = decoded(body, head.header(b"content-encoding").strip().lower()) if plan.body is None else plan.body
        if plain is None:
            return self._unread(head)
        speaks, whose = self._regards.speaks, principal("api_key", head)
        client, provider, wire = TONGUES_BY_NAME[RESPONSES], TONGUES_BY_NAME[speaks], WIRES_BY_NAME[speaks]
        kept, marks = self._keeping.kept, self._marks
        exchange = Translated(client, provider, wire, head.path, head.query, kept, whose, None, marks, self._most, self._known)
        sent = self._sent(plan, head, plain, exchange)
        return self._resumed(plan, head, plain, exchange, whose, sent) if exchange.missing else sent

    def _count(self, plan: Plan, head: Head, body: bytes, question: TokenCount) -> Plan | Awaitable[Plan]:
        plain = decoded(body, head.header(b"content-encoding").strip().lower())
        if plain is None:
            return self._unread(head)
        try:
            asked = question.read(plain)
        except DocumentError as error:
            return self._untranslated(head, error)
        return self._count_all(plan, head, plain, question) if asked.previous else self._asking(plan, head, plain, question)

    async def _count_all(self, plan: Plan, head: Head, plain: bytes, question: TokenCount) -> Plan:
        """What the prompt builds on is counted with it."""
        kept, whose, name = self._keeping.kept, principal("api_key", head), question.asked.previous
        talk = question.asked.conversation
        if talk or not kept.get(whose, name)[0]:
            await self._keeping.load(whose, (name,))
        before, _ = kept.get(whose, name)
        if not before and not (talk and may_begin(name)):
            return Plan(
                answer=self._error(
                    head,
                    400,
                    _NO_PREVIOUS,
                    f"{'conversation' if talk else 'previous_response_id'}: {name} is not known here, or not any more",
                )
            )
        question.goes_on(before)
        found = self._asking(plan, head, plain, question)
        return found if isinstance(found, Plan) else await found

    def _asking(self, plan: Plan, head: Head, plain: bytes, question: TokenCount) -> Plan | Awaitable[Plan]:
        try:
            out = question.ask(plain)
        except DocumentError as error:
            return self._untranslated(head, error)
        if not out:
            return questions.estimate(question, len(plain))
        return self._going(replace(plan, body=out, translation=question), question.place(), head)

    def _unread(self, head: Head) -> Plan:
        return Plan(answer=self._error(head, 415, "unsupported_content_encoding", "the body's content coding is not understood"))

    def _untranslated(self, head: Head, error: DocumentError) -> Plan:
        return Plan(answer=self._error(head, 400, "invalid_request", f"the request cannot be translated: {error}"))

    def _going(self, plan: Plan, place: str, head: Head) -> Plan:
        """The plan, to this place of the provider's, with the client's key."""
        add = (*plan.add, *PLAIN, *key_for(self._regards.speaks, head))
        return replace(plan, target=self._regards.place(place), drop=plan.drop | CLIENTS_OWN, add=add)


def key_for(wire: str, head: Head) -> Headers:
    """The client's key, as a provider of this wire wants it."""
    scheme, _, token = head.header(b"authorization").partition(" ")
    key = token.strip() if scheme.lower() == "bearer" else ""
    key = key or head.header(b"x-api-key") or head.header(b"x-goog-api-key") or parse_qs(head.query).get("key", [""])[0]
    raw = key.encode("latin-1", "replace")
    match wire:
        case "anthropic":
            return ((b"x-api-key", raw), _ANTHROPIC_VERSION) if key else (_ANTHROPIC_VERSION,)
        case "gemini":
            return ((b"x-goog-api-key", raw),) if key else ()
        case _:
            return ((b"Authorization", b"Bearer " + raw),) if key else ()
