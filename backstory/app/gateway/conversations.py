"""Conversations that clients of OpenAI Responses begin, look for and end by an id (`/v1/conversations`), for providers that keep none.

Rule: only what a request needs to go on with one: what it began with and that it is there. Its items cannot be listed or edited.
Source: https://platform.openai.com/docs/api-reference/conversations.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Awaitable, Callable

import msgspec
from msgspec import Raw, Struct

from backstory.app.gateway.keeping import Keeping
from backstory.app.regard import Regards
from backstory.core.exchange import Head
from backstory.core.plan import Answer, Plan
from backstory.core.translation import Said
from backstory.errors import DocumentError
from backstory.memory.identity.named import principal
from backstory.relay.decoding import decoded
from backstory.wires.lowering import decode, encode
from backstory.wires.openai_responses.tongue_read import read_asked

_PATH = re.compile(r"/v1/conversations(?:/([^/?]+))?/?")
_MADE = re.compile(r"conv_([0-9a-f]{8})[0-9a-f]{40}")
_JSON = ((b"content-type", b"application/json"),)
# That it is there is all that is known of a conversation without items.
_THERE = (Said("user", ()),)


class _Wanted(Struct):
    items: list[Raw] | None = None
    metadata: dict[str, Raw] | None = None


_wanted = msgspec.json.Decoder(_Wanted)


class Conversations:
    """For one port, whose provider speaks another wire. `error`: writes an error of ours in the shape of the request's wire. `made`: the
    last 40 hexadecimal digits of a new id. `clock`: Unix seconds."""

    def __init__(
        self,
        keeping: Keeping,
        regards: Regards,
        error: Callable[[Head, int, str, str], Answer],
        made: Callable[[], str] = lambda: secrets.token_hex(20),
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._keeping = keeping
        self._regards = regards
        self._error = error
        self._made = made
        self._clock = clock

    def claims(self, head: Head) -> bool:
        """Whether this is such a request, and the provider does not answer it itself."""
        found = _PATH.fullmatch(head.path) if self._regards.speaks not in {"", "openai_responses"} else None
        return found is not None and (head.method == "POST" if found.group(1) is None else head.method in {"GET", "DELETE"})

    def plan(self, head: Head, body: bytes) -> Plan | Awaitable[Plan]:
        """The answer to one that is claimed."""
        found = _PATH.fullmatch(head.path)
        name = found.group(1) if found is not None else None
        if name is not None:
            return self._known(head, name)
        try:
            return self._begun(head, body)
        except DocumentError as error:
            return Plan(answer=self._error(head, 400, "invalid_request", f"the conversation cannot be read: {error}"))

    def _begun(self, head: Head, body: bytes) -> Plan:
        plain = decoded(body, head.header(b"content-encoding").strip().lower())
        if plain is None:
            return Plan(answer=self._error(head, 415, "unsupported_content_encoding", "the body's content coding is not understood"))
        wanted = decode(_wanted, plain) if plain.strip() else _Wanted()
        said = read_asked(encode({"input": wanted.items or []})).said
        now = int(self._clock())
        name = f"conv_{now:08x}{self._made()}"
        self._keep(head, name, said or _THERE, len(plain))
        made = {"id": name, "object": "conversation", "created_at": now, "metadata": wanted.metadata or {}}
        return Plan(answer=Answer(200, _JSON, encode(made)))

    async def _known(self, head: Head, name: str) -> Plan:
        whose = principal("api_key", head)
        await self._keeping.load(whose, (name,))
        if not self._keeping.kept.get(whose, name)[0]:
            text = f"conversation {name!r} is not known here, or not any more"
            return Plan(answer=self._error(head, 404, "conversation_not_found", text))
        if head.method == "GET":
            found = {"id": name, "object": "conversation", "created_at": _created(name), "metadata": {}}
            return Plan(answer=Answer(200, _JSON, encode(found)))
        self._keep(head, name, (), 0)
        return Plan(answer=Answer(200, _JSON, encode({"id": name, "object": "conversation.deleted", "deleted": True})))

    def _keep(self, head: Head, name: str, said: tuple[Said, ...], size_bytes: int) -> None:
        regard = self._regards(head)
        known = head.header(b"x-vc-memory").lower() != "off"
        self._keeping.keeper(principal("api_key", head), regard.whose, known)(name, "", (), said, size_bytes)


def _created(name: str) -> int:
    """When it began, which its id tells; 0 for one whose client made up the id."""
    found = _MADE.fullmatch(name)
    return int(found.group(1), 16) if found is not None else 0
