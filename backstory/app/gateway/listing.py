"""One list of models of all providers: what a client may write as the name of a model on a port whose requests are routed.

Rule: a model is listed under the name by which this client reaches it: its own where that leads there, else `provider:model`. Nobody's key
goes to a provider that its client has not named: one without a key of ours is asked only where it is the client's own. Who does not tell
in time, or at all, is left out, and named in a header; where nobody tells, the client's own request goes where it always went.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import TypeAlias
from urllib.parse import parse_qsl, urlencode

from msgspec import Struct
from msgspec.structs import replace

from backstory.app.gateway.beside import Aside
from backstory.app.gateway.outbound import connector, outward
from backstory.app.gateway.tokens import Tokens
from backstory.app.gateway.translating import CLIENTS_OWN, PLAIN, TONGUES_BY_NAME, key_for
from backstory.app.regard import Regards
from backstory.config import Config
from backstory.core.exchange import Head, Headers
from backstory.core.plan import Answer, Plan, Target
from backstory.errors import BackstoryError, DocumentError, UpstreamError, UpstreamTimeout
from backstory.providers import upstreams
from backstory.providers.backends import CREDENTIALS, Backend
from backstory.providers.routing import Router
from backstory.relay.decoding import content, decoded
from backstory.relay.fetch import Fetcher
from backstory.relay.limits import Timeouts
from backstory.wires import model_lists
from backstory.wires.model_lists import ModelList, Row

_MOST_BYTES = 16 << 20
_OK = 200
_REFUSED = "401"
_SEVERAL = 2
_MISSING = b"X-VC-Models-Missing"
_JSON = (b"Content-Type", b"application/json")
_OPENAI = frozenset({"openai_chat", "openai_responses"})
_Told: TypeAlias = list[Row] | str
"""The models of a provider, or why there are none."""


class _Source(Struct, frozen=True):
    """Where models are listed. `prefix`: in front of their names. `wire`: that of the question. `listed`: known without asking."""

    name: str
    wire: str
    prefix: str = ""
    target: Target | None = None
    headers: Headers = ()
    listed: Sequence[str] = ()
    why: str = ""
    """Why it is not asked, "" where it is."""


class Listing:
    """For one port."""

    def __init__(self, config: Config, router: Router, tokens: Tokens, regards: Regards) -> None:
        self._config = config
        self._router = router
        self._tokens = tokens
        self._regards = regards
        self._patience_s = config.routing.models_s
        self._named = [router.backends[name] for name in config.providers if not router.is_disabled(name)]

    @property
    def is_needed(self) -> bool:
        """Whether there are several providers whose lists can be put together, and no route that goes to one whatever is named."""
        return len(self._named) >= _SEVERAL and not self._router.static

    async def plan(self, head: Head, aside: Aside) -> Plan | None:
        """The answer to a question for all models; None where nobody tells any."""
        fetcher = Fetcher(connector(self._config), Timeouts(connect_s=min(self._patience_s, self._config.upstream.connect_timeout_s)))
        until = time.monotonic() + self._patience_s
        with suppress(TimeoutError):  # those that are missing are told by who needs them
            await asyncio.wait_for(self._tokens.fetch(self._named), self._patience_s)
        sources = self._sources(head, aside)
        try:
            found = await asyncio.gather(*(self._told(fetcher, source, aside.wire, until) for source in sources))
        finally:
            fetcher.close()
        rows = [row for told in found if not isinstance(told, str) for row in told]
        if not rows:
            return None
        for source, told in zip(sources, found, strict=True):
            backend = self._router.backends.get(source.name)
            if told == _REFUSED and backend is not None and backend.needs_token:
                self._tokens.refused(backend)  # the next question gets another one
        missing = [f"{source.name}={told}" for source, told in zip(sources, found, strict=True) if isinstance(told, str)]
        status, body = model_lists.merged(TONGUES_BY_NAME[aside.wire], rows, head.query)
        more = ((_MISSING, ", ".join(missing).encode("ascii", "replace")),) if missing else ()
        return Plan(answer=Answer(status, (_JSON, *more), body))

    # --- who is asked

    def _sources(self, head: Head, aside: Aside) -> list[_Source]:
        default = self._router.default(aside.wire)
        prefixes = {one.name: "" if one.name == default else f"{one.name}:" for one in self._named}
        sources = [self._source(backend, head, aside, prefixes[backend.name]) for backend in self._named]
        return sources if default else [self._own(head, aside), *sources]

    def _own(self, head: Head, aside: Aside) -> _Source:
        """The client's own provider, with its own key, as it would be asked without us."""
        regard, speaks = self._regards(head), self._regards.speaks or aside.wire
        place = _place(aside.wire, speaks)
        if speaks == aside.wire or {speaks, aside.wire} <= _OPENAI:
            query = place.partition("?")[2]
            target = replace(regard.target, path=regard.target.path.partition("?")[0] + (f"?{query}" if query else ""))
            headers = outward(head, regard.drop, PLAIN)
        else:
            target, headers = self._regards.place(place), outward(head, regard.drop | CLIENTS_OWN, (*key_for(speaks, head), *PLAIN))
        why = "" if CREDENTIALS & head.named.keys() or "key=" in head.query else "unasked"
        if speaks == aside.wire and (key := [pair for pair in parse_qsl(head.query) if pair[0] == "key"]):
            target = replace(target, path=f"{target.path}{'&' if '?' in target.path else '?'}{urlencode(key)}")
        return _Source(target.host, speaks, "", target, headers, (), why)

    def _source(self, backend: Backend, head: Head, aside: Aside, prefix: str) -> _Source:
        speaks = backend.wire(aside.wire)
        if backend.models:  # it has these and no others, and their names alone lead there
            return _Source(backend.name, speaks, "", listed=backend.models)
        if backend.row.hosting or speaks in backend.paths or backend.auth == "aws":
            return _Source(backend.name, speaks, why="unlisted")
        if backend.passes_key and speaks not in backend.home:
            return _Source(backend.name, speaks, why="unasked")
        path, _, query = _place(aside.wire, speaks).partition("?")
        target = upstreams.target(backend.urls[speaks], path, backend.query(query), "" if speaks == "gemini" else "v1")
        translated = speaks != aside.wire
        try:
            token = self._tokens.of(backend)
            drop, add = backend.pay(speaks, min(backend.keys, default=0), head, translated, token)
            add = (*add, *backend.signed(target, b"", time.time(), token))
        except UpstreamError:
            return _Source(backend.name, speaks, why="unpaid")
        drop |= self._regards(head).drop | (CLIENTS_OWN if translated else frozenset())
        return _Source(backend.name, speaks, prefix, target, outward(head, drop, (*add, *PLAIN)))

    # --- asking

    async def _told(self, fetcher: Fetcher, source: _Source, wire: str, until: float) -> _Told:
        if source.listed:
            return model_lists.named(source.listed, wire, source.name)
        if source.why or source.target is None:
            return source.why
        try:
            async with asyncio.timeout(max(0.0, until - time.monotonic())):
                up = await fetcher.connect(source.target)
                got = await fetcher.get(up, source.target, source.headers, self._patience_s, _MOST_BYTES)
            if got.status != _OK:
                return str(got.status)
            plain = decoded(got.body, content(got.headers)[1])
            speaks = "openai_chat" if source.wire in _OPENAI else source.wire
            return "unreadable" if plain is None else model_lists.rows(plain, speaks, wire, source.prefix)
        except (TimeoutError, UpstreamTimeout):
            return "late"
        except DocumentError:
            return "unreadable"
        except BackstoryError:
            return "failed"


def _place(wire: str, speaks: str) -> str:
    return ModelList(TONGUES_BY_NAME[wire], TONGUES_BY_NAME[speaks], "", "").place()
