"""What is asked beside conversations of a port whose requests are routed: counts of tokens, embeddings, lists of models.

Rule: it follows a name that selects a provider, an alias, or the static route; what names nothing goes where it always went. It reaches a
provider whose wire has that question; of one that has not, tokens are estimated, and all else is an error that says so.
"""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Literal, TypeAlias
from urllib.parse import quote, unquote

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from backstory.app.gateway import questions
from backstory.app.gateway.tokens import Tokens
from backstory.app.gateway.translating import CLIENTS_OWN, PLAIN, TONGUES_BY_NAME
from backstory.app.regard import provider_of
from backstory.core.document import Document, Put, Splice
from backstory.core.exchange import Head, Headers
from backstory.core.plan import Attempt, Plan, Target, Translation
from backstory.core.sizes import rough_body
from backstory.errors import RequestError, UpstreamError
from backstory.providers import upstreams
from backstory.providers.backends import Backend
from backstory.providers.routing import Question, Route, Router
from backstory.relay.decoding import decoded
from backstory.wires import model_lists, steering, token_counts
from backstory.wires.lowering import quote as quoted
from backstory.wires.model_lists import ModelList
from backstory.wires.own_counts import OwnCount
from backstory.wires.token_counts import TokenCount
from backstory.wires.unread import models_within, surely_named

_Kind: TypeAlias = Literal["count", "embeddings", "models"]
_EMBEDDINGS = re.compile(r"(?:/v1)?/embeddings")
_EMBED = re.compile(r"/v\d\w*/models/(?P<model>.+?)(?::|%3[Aa])(?P<verb>embedContent|batchEmbedContents|asyncBatchEmbedContent)")
# What stands in front is taken once: a path full of beginnings is gone through once.
_COUNT = re.compile(r"(?P<front>(?>.*?/models/))(?P<model>.+?)(?::|%3[Aa])countTokens")
_COUNTS = {"anthropic": "/v1/messages/count_tokens", "openai_responses": "/v1/responses/input_tokens"}
_OPENAI = ("openai_chat", "openai_responses")
_PLAINLY = ("", "identity")
_HOSTS = {"anthropic": "api.anthropic.com", "gemini": "generativelanguage.googleapis.com"}


class _Model(Struct):
    model: str = ""


_model = msgspec.json.Decoder(_Model)


class Aside(Struct, frozen=True):
    """A question. `wire`: the client's. `model`: as it names it, "" for none."""

    kind: _Kind
    wire: str
    model: str


class Beside:
    """`failed` counts what broke and was done without."""

    def __init__(
        self, router: Router, tokens: Tokens, failed: Callable[[str, Exception], None], clock: Callable[[], float] = time.time
    ) -> None:
        self._router = router
        self._tokens = tokens
        self._failed = failed
        self._clock = clock

    def reads(self, head: Head) -> bool:
        """Whether the body is needed to know where such a question goes."""
        return head.method == "POST" and bool(_EMBEDDINGS.fullmatch(head.path) or _EMBED.fullmatch(head.path) or _counts(head))

    def routes(self, head: Head, body: bytes, at: str) -> tuple[Aside, tuple[Route, ...]] | None:
        """The question and its ways; None where it is none, or goes where it always went, which is to the upstream of this
        place (upstreams.Base). Raises BackstoryError."""
        coding = head.header(b"content-encoding").strip().lower()
        plain = body if coding in _PLAINLY or not self.reads(head) else decoded(body, coding)
        aside = _aside(head, plain or b"")
        if aside is None:
            return None
        if plain is None:
            raise RequestError("the request cannot be routed: the content coding of its body is not understood")
        if self.reads(head) and aside.wire != "gemini":
            surely_named(plain)
        host = _HOSTS.get(aside.wire, "api.openai.com")
        selector = self._router.named(aside.wire, aside.model, host, at)
        if selector is None:
            self._stays(aside, plain, host)
            return None
        if plain is not body:
            raise RequestError("the request cannot be routed in a content coding: such questions are routed plain")
        if aside.kind == "embeddings" and selector.kind == "hybrid":
            raise RequestError("embeddings cannot be asked of a hybrid:[ ]: name one provider")
        return aside, self._router.routes(selector, Question(lambda: rough_body(body), lambda: True, lambda: b""))

    def all_models(self, head: Head) -> Aside | None:
        """The question for all models there are, where it is one."""
        aside = _aside(head, b"") if head.method == "GET" else None
        return aside if aside is not None and not aside.model else None

    def _stays(self, aside: Aside, plain: bytes, host: str) -> None:
        """A body that cannot be read goes where it always went only if that is where its model goes. Raises BackstoryError where not."""
        if aside.model or not plain or _reads(plain):
            return
        for model in models_within(plain):
            if self._router.named(aside.wire, model, host) is not None:
                raise RequestError(f"the request cannot be routed to where {model!r} goes: its body is not valid JSON")

    def plan(self, head: Head, body: bytes, aside: Aside, routes: tuple[Route, ...]) -> Plan | Awaitable[Plan]:
        """Where it goes. Raises BackstoryError for what no provider of these has."""
        if aside.kind == "count":
            return self._count(head, body, aside, routes[0])
        if aside.kind == "models":
            return self._going(head, routes[:1], [self._list(head, aside, routes[0])])
        found = [self._embedding(head, body, aside, route) for route in routes if _embeds(route.backend, aside.wire)]
        if not found:
            backend = routes[0].backend
            wire = "gemini" if aside.wire == "gemini" else "OpenAI's"
            raise RequestError(f"{backend.name} speaks {', '.join(backend.urls)}: it gets no embeddings requests in {wire} wire")
        return self._going(head, [route for route in routes if _embeds(route.backend, aside.wire)], found)

    def _going(self, head: Head, routes: tuple[Route, ...] | list[Route], ways: list[Attempt]) -> Plan:
        first, *others = [self._paid(head, route, way) for route, way in zip(routes, ways, strict=True)]
        return Plan(
            first.target,
            body=first.body,
            drop=first.drop,
            add=first.add,
            translation=first.translation,
            name=first.name,
            others=tuple(others),
            renew=first.renew,
        )

    def _paid(self, head: Head, route: Route, way: Attempt) -> Attempt:
        """`way.name`: the wire that is spoken."""
        translated = way.translation is not None and not isinstance(way.translation, OwnCount)
        path, _, query = way.target.path.partition("?")
        query = route.backend.query(query)
        target = replace(way.target, path=f"{path}?{query}" if query else path)
        token = self._tokens.of(route.backend)
        way = replace(way, target=target)
        drop, add = self._pay(head, route, way, translated, token)
        renew = partial(self._renewed, head, route, way, translated, token) if token else None
        return replace(way, name=route.name, drop=drop, add=add, renew=renew)

    def _pay(self, head: Head, route: Route, way: Attempt, translated: bool, token: str) -> tuple[frozenset[bytes], Headers]:
        drop, add = route.backend.pay(way.name, route.instance, head, translated, token)
        add = (*add, *route.backend.signed(way.target, way.body or b"", self._clock(), token))
        return (drop | CLIENTS_OWN, (*add, *PLAIN)) if translated else (drop, add)

    async def _renewed(self, head: Head, route: Route, way: Attempt, translated: bool, token: str) -> Headers | None:
        """As core.plan.Renew."""
        fresh = await self._tokens.renewed(route.backend, token)
        if not fresh:
            return None
        try:
            return self._pay(head, route, way, translated, fresh)[1]
        except UpstreamError as error:
            self._failed("token", error)
            return None

    # --- counts

    def _count(self, head: Head, body: bytes, aside: Aside, route: Route) -> Plan | Awaitable[Plan]:
        backend = route.backend
        speaks = backend.wire(aside.wire)
        found = _COUNT.fullmatch(head.path)
        path = head.path if found is None else f"{found['front']}{quote(route.model, safe='')}:countTokens"
        out = body if aside.wire == "gemini" else steering.with_model(body, route.model)
        if speaks == aside.wire:
            target = self._count_target(backend, speaks, route.model, path, head.query)
            own = OwnCount(TONGUES_BY_NAME[speaks], path, head.query, out, route.model)
            return self._going(head, [route], [_way(speaks, target, out, own)])
        question = TokenCount(TONGUES_BY_NAME[aside.wire], TONGUES_BY_NAME[speaks], path, head.query)
        asked = question.read(out)
        if asked.previous:
            raise RequestError("previous_response_id: what it stands for is not known where tokens are counted at another wire's provider")
        sent = question.ask(out)
        if not sent:
            return questions.estimate(question, len(out))
        place, _, query = question.place().partition("?")
        target = self._count_target(backend, speaks, route.model, place, query)
        return self._going(head, [route], [_way(speaks, target, sent, question)])

    def _count_target(self, backend: Backend, wire: str, model: str, path: str, query: str) -> Target:
        if wire == "gemini":
            return backend.target(wire, model, path, query)
        return upstreams.target(backend.urls[wire], _COUNTS[wire], query, "v1")

    # --- embeddings and lists

    def _embedding(self, head: Head, body: bytes, aside: Aside, route: Route) -> Attempt:
        backend = route.backend
        if aside.wire == "gemini":
            verb = head.path.rpartition(":")[2] if ":" in head.path else unquote(head.path).rpartition(":")[2]
            path = f"/v1beta/models/{quote(route.model, safe='')}:{verb}"
            return _way("gemini", backend.target("gemini", route.model, path, head.query), _gemini_body(body, route.model))
        wire = next(one for one in _OPENAI if one in backend.urls)
        target = upstreams.target(backend.urls[wire], "/v1/embeddings", head.query, "v1")
        return _way(wire, target, steering.with_model(body, route.model))

    def _list(self, head: Head, aside: Aside, route: Route) -> Attempt:
        backend = route.backend
        speaks = backend.wire(aside.wire)
        one = route.model if aside.model else ""
        same = {aside.wire, speaks} <= set(_OPENAI) or aside.wire == speaks
        models = ModelList(TONGUES_BY_NAME[aside.wire], TONGUES_BY_NAME[speaks], one, head.query)
        place, _, query = models.place().partition("?")
        target = upstreams.target(backend.urls[speaks], place, head.query if same else query, "v1" if speaks != "gemini" else "")
        return _way(speaks, target, None, None if same else models)


def _way(wire: str, target: Target, body: bytes | None, translation: Translation | None = None) -> Attempt:
    return Attempt(wire, target, body, frozenset(), (), translation)


def _embeds(backend: Backend, wire: str) -> bool:
    return "gemini" in backend.urls if wire == "gemini" else any(one in backend.urls for one in _OPENAI)


def _counts(head: Head) -> str:
    found = token_counts.ASKED.fullmatch(head.path) if head.method == "POST" else None
    return (found.lastgroup or "") if found is not None else "gemini" if head.method == "POST" and _COUNT.fullmatch(head.path) else ""


def _aside(head: Head, body: bytes) -> Aside | None:
    if head.method == "GET":
        listed = model_lists.ASKED.fullmatch(head.path)
        return None if listed is None else Aside("models", _family(head), unquote(listed.group("one") or ""))
    counted = _counts(head)
    if counted:
        found = _COUNT.fullmatch(head.path)
        return Aside("count", counted, unquote(found.group("model")) if found else _named(body))
    embedded = _EMBED.fullmatch(head.path)
    if embedded is not None:
        return Aside("embeddings", "gemini", unquote(embedded.group("model")))
    return Aside("embeddings", "openai_chat", _named(body)) if _EMBEDDINGS.fullmatch(head.path) else None


def _family(head: Head) -> str:
    """The wire of a client that asks for models, by its path and its key."""
    family = provider_of(head)
    return "openai_chat" if family == "openai" else family


def _reads(body: bytes) -> bool:
    try:
        _model.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


def _named(body: bytes) -> str:
    try:
        return _model.decode(body).model
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""


def _gemini_body(body: bytes, model: str) -> bytes:
    """The body, which may repeat the model for each of its parts."""
    document = Document(body)
    value = quoted(f"models/{model}")
    splices: list[Splice] = [Put(("model",), value)] if document.has(("model",)) else []
    if document.has(("requests",)):
        splices += [Put(("requests", index, "model"), value) for index, _ in enumerate(document.elements(("requests",)))]
    return document.apply(splices) if splices else body
