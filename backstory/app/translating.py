"""Requests to a provider that speaks another wire than their client: the last thing that becomes of a plan."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from urllib.parse import parse_qs

from msgspec.structs import replace

from backstory.app.regard import Regard, Regards
from backstory.core.exchange import Head, Headers
from backstory.core.plan import Answer, Plan
from backstory.errors import DocumentError
from backstory.memory.identity import principal
from backstory.relay.tap import decoded
from backstory.wires import WIRES
from backstory.wires.chained import Chained
from backstory.wires.kept import Kept
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
    """For one port. `error` writes an error of ours in the shape of the request's wire."""

    def __init__(self, regards: Regards, error: Callable[[Head, int, str, str], Answer]) -> None:
        self._regards = regards
        self._error = error
        self._kept = Kept()

    def plan(self, plan: Plan | Awaitable[Plan], head: Head, body: bytes, regard: Regard) -> Plan | Awaitable[Plan]:
        """The plan, in the provider's wire."""
        if isinstance(plan, Plan):
            return self._translated(plan, head, body, regard)
        return self._later(plan, head, body, regard)

    async def _later(self, plan: Awaitable[Plan], head: Head, body: bytes, regard: Regard) -> Plan:
        return self._translated(await plan, head, body, regard)

    def _translated(self, plan: Plan, head: Head, body: bytes, regard: Regard) -> Plan:
        if plan.answer is not None or regard.wire is None:
            return plan
        near = plan.translation
        plain = decoded(body, head.header(b"content-encoding").strip().lower()) if plan.body is None else plan.body
        if plain is None:
            return Plan(answer=self._error(head, 415, "unsupported_content_encoding", "the body's content coding is not understood"))
        client, provider = _TONGUES[regard.wire.name], _TONGUES[regard.speaks]
        kept = self._kept if regard.wire.stateful else None
        whose = principal("api_key", head) if kept is not None else ""
        exchange = Translated(client, provider, _WIRES[regard.speaks], head.path, head.query, kept, whose)
        try:
            out = exchange.ask(plain)
        except DocumentError as error:
            return Plan(answer=self._error(head, 400, "invalid_request", f"the request cannot be translated: {error}"))
        refused = next((loss for loss in exchange.losses if loss.how == "refused"), None)
        if refused is not None:
            return Plan(answer=self._error(head, 400, "not_translatable", f"{refused.what}: {refused.why}"))
        add = (*plan.add, *_PLAIN, *_key(regard.speaks, head))
        target = self._regards.place(exchange.place())
        return replace(
            plan,
            target=target,
            body=out,
            drop=plan.drop | _CLIENTS_OWN,
            add=add,
            translation=exchange if near is None else Chained(near, exchange),
        )


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
