"""Requests to a provider that speaks another wire than their client: the last thing that becomes of a plan."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from urllib.parse import parse_qs

from msgspec.structs import replace

from backstory.app import asides
from backstory.app.regard import Regard, Regards
from backstory.core.exchange import Head, Headers
from backstory.core.plan import Answer, Plan
from backstory.core.translation import Marks
from backstory.errors import DocumentError
from backstory.memory.identity import principal
from backstory.relay.tap import decoded
from backstory.wires import WIRES
from backstory.wires.kept import Kept
from backstory.wires.model_lists import ModelList
from backstory.wires.token_counts import TokenCount
from backstory.wires.tongues import TONGUES
from backstory.wires.translate import Translated

_WIRES = {wire.name: wire for wire in WIRES}
_TONGUES = {tongue.name: tongue for tongue in TONGUES}
# What says who asks, and in which version of whose wire; and what would have the answer come in a coding that has to be undone first.
_CLIENTS_OWN = frozenset(
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
_PLAIN: Headers = ((b"Accept-Encoding", b"identity"),)
_ANTHROPIC_VERSION = (b"anthropic-version", b"2023-06-01")


class Translating:
    """For one port. `error` writes an error of ours in the shape of the request's wire. `marks`: see core.translation.Asked."""

    def __init__(self, regards: Regards, error: Callable[[Head, int, str, str], Answer], marks: Marks) -> None:
        self._regards = regards
        self._error = error
        self._kept = Kept()
        self._marks = marks

    def counts(self, head: Head) -> bool:
        """Whether the body is needed of a request that is no conversation."""
        return bool(asides.counts(head, self._regards.speaks))

    def plan(self, plan: Plan | Awaitable[Plan], head: Head, body: bytes, regard: Regard) -> Plan | Awaitable[Plan]:
        """The plan, in the provider's wire."""
        if not regard.speaks:
            return self._aside(plan, head, body) if regard.wire is None else plan
        if isinstance(plan, Plan):
            return self._translated(plan, head, body, regard)
        return self._later(plan, head, body, regard)

    async def _later(self, plan: Awaitable[Plan], head: Head, body: bytes, regard: Regard) -> Plan:
        return self._translated(await plan, head, body, regard)

    def _translated(self, plan: Plan, head: Head, body: bytes, regard: Regard) -> Plan:
        if plan.answer is not None or regard.wire is None:
            return plan
        plain = decoded(body, head.header(b"content-encoding").strip().lower()) if plan.body is None else plan.body
        if plain is None:
            return Plan(answer=self._error(head, 415, "unsupported_content_encoding", "the body's content coding is not understood"))
        client, provider = _TONGUES[regard.wire.name], _TONGUES[regard.speaks]
        kept = self._kept if regard.wire.stateful else None
        whose = principal("api_key", head) if kept is not None else ""
        exchange = Translated(client, provider, _WIRES[regard.speaks], head.path, head.query, kept, whose, self._marks)
        try:
            out = exchange.ask(plain)
        except DocumentError as error:
            return Plan(answer=self._error(head, 400, "invalid_request", f"the request cannot be translated: {error}"))
        refused = next((loss for loss in exchange.losses if loss.how == "refused"), None)
        if refused is not None:
            return Plan(answer=self._error(head, 400, "not_translatable", f"{refused.what}: {refused.why}"))
        return self._going(replace(plan, body=out, translation=exchange), exchange.place(), head)

    def _aside(self, plan: Plan | Awaitable[Plan], head: Head, body: bytes) -> Plan | Awaitable[Plan]:
        """What is asked beside conversations."""
        speaks = self._regards.speaks
        if not isinstance(plan, Plan) or plan.answer is not None:
            return plan
        counted = asides.counts(head, speaks)
        if counted:
            question = TokenCount(_TONGUES[counted], _TONGUES[speaks], head.path, head.query)
            found = asides.count(question, head, body, self._error)
            return (
                self._going(replace(plan, body=found, translation=question), question.place(), head) if isinstance(found, bytes) else found
            )
        listed = asides.models(head, speaks)
        if listed is None:
            return plan
        client, one = listed
        models = ModelList(_TONGUES[client], _TONGUES[speaks], one, head.query)
        return self._going(replace(plan, translation=models), models.place(), head)

    def _going(self, plan: Plan, place: str, head: Head) -> Plan:
        """The plan, to this place of the provider's, with the client's key."""
        add = (*plan.add, *_PLAIN, *_key(self._regards.speaks, head))
        return replace(plan, target=self._regards.place(place), drop=plan.drop | _CLIENTS_OWN, add=add)


def _key(wire: str, head: Head) -> Headers:
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
