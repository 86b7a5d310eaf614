"""Which providers a request goes to, in which order: selectors, aliases and the settings' routes become an ordered list of routes.

Rule: nothing is guessed. A name that nobody has is an error that says what there is; what goes up is what a selector says, or the request
as it came. The same conversation is drawn the same way again.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from typing import NoReturn

from msgspec import Struct

from backstory.config import Config
from backstory.config.catalogue import catalogue
from backstory.config.routing import unknown_backend
from backstory.core.selectors import Branch, Selector, Value, is_plain, nearest, parse, suggest
from backstory.errors import NoRoute, RequestError
from backstory.providers.backends import Backend, backends, upstreams_of
from backstory.providers.tokens import check
from backstory.providers.windows import Rooms

_MOST_KEPT = 1000
_OWN = {"anthropic": "anthropic", "openai_chat": "openai", "openai_responses": "openai", "gemini": "gemini"}
# Where names of models have a colon only in these cases, so that any other one is a mistake.
_STRICT = frozenset({"api.openai.com", "api.anthropic.com", "generativelanguage.googleapis.com"})
_WITH_COLON = frozenset({"ft", "arn"})
# What local servers put behind a colon: a size, a quantisation. And how alike two names are where one was surely meant for the other.
_TAG = re.compile(r"latest\b|e?\d+(?:\.\d+)?[bmk]\b|q\d", re.IGNORECASE)
_LIKE = 0.7
_DRAWN = 1 << 64


class Route(Struct, frozen=True):
    """One way: this model at this provider, with the key of this instance (0: its only one), and these parameters. `lane`: in a race, which
    of those that run side by side it belongs to; `after_s`, `patience_s`: see core.plan.Lane."""

    backend: Backend
    model: str
    instance: int = 0
    params: tuple[tuple[str, Value], ...] = ()
    lane: int = 0
    after_s: float = 0.0
    patience_s: float = 0.0

    @property
    def name(self) -> str:
        """Of the provider, with the instance."""
        return f"{self.backend.name}.{self.instance}" if self.instance else self.backend.name


class Question(Struct, frozen=True):
    """What a choice may depend on, asked only where it does. `tokens`: about how large the request is. `first`: it is the first of its
    conversation. `whose`: what stays the same over a conversation."""

    tokens: Callable[[], int]
    first: Callable[[], bool]
    whose: Callable[[], bytes]


class Router:
    """For one port. `at`: the place (upstreams.Base) where requests go that are not routed. Raises ConfigError for a missing key."""

    def __init__(self, config: Config) -> None:
        self.backends = backends(config)
        self._upstreams = upstreams_of(config)
        self._called = {one.name: one for one in self._upstreams.values()} | self.backends
        for backend in self.backends.values():
            check(backend)
        self.rooms = Rooms(config.models)
        self._disabled = frozenset(config.routing.disabled)
        self._seed = config.routing.seed
        self.static = config.routing.static
        """The selector to which every request goes, "" for none."""
        self._defaults = {wire: str(getattr(config.routing, wire)) for wire in _OWN}
        self._aliases = [(re.compile(one.pattern), one.replacement) for one in config.model_aliases]
        self._kept: dict[tuple[str, str, str, str], Selector | None] = {}

    def must_read(self, wire: str) -> bool:
        """Whether no request of this wire goes up as it came."""
        return bool(self.static or self._defaults[wire])

    def own(self, wire: str, at: str) -> Backend | None:
        """The provider that stands for this place, to which requests of the wire go by themselves, with their client's key; None where
        there is none."""
        found = self.backends[_OWN[wire]]
        at_home = wire in found.home and wire in found.urls and found.urls[wire].place == at
        return found if at_home and found.passes_key and found.name not in self._disabled else None

    def default(self, wire: str) -> str:
        """Where requests of this wire go whose model selects nothing: a provider or a selector of the settings, "" for its upstream."""
        return self._defaults[wire]

    def selector(self, wire: str, model: str, host: str, at: str = "") -> Selector | None:
        """What a request of this wire that names this model selects; None where it goes up as it came, which would be to the upstream of
        this place (`at`, "" where that is not known). `host` says whose names those of its models are. Raises SelectorError, NoRoute."""
        key = (wire, model, host, at)
        if key in self._kept:
            return self._kept[key]
        found = self._found(wire, model, host, at)
        if len(self._kept) < _MOST_KEPT:
            self._kept[key] = found
        return found

    def is_disabled(self, backend: str) -> bool:
        """Whether this provider gets no request."""
        return backend in self._disabled

    def written(self, text: str, wire: str, at: str = "") -> Selector | None:
        """What a text selects that somebody has written in a conversation: as `selector`, but where requests of the wire go by default,
        and providers that are disabled, count for nothing; and who writes a colon means a provider, but for a model's tag (qwen3:8b).
        None for a model's name that no provider lists."""
        found = self._spelled_out(wire, text, None, at)
        off = [] if found is None else [branch.backend for branch in found.branches if branch.backend in self._disabled]
        if found is not None and len(off) == len(found.branches):
            raise NoRoute(f"disabled in the settings: {', '.join(dict.fromkeys(off))} (enabled are {self._enabled()})")
        return found

    def fixed(self, wire: str, text: str, model: str) -> Selector:
        """A selector of the settings; a provider alone means the model that is named. Raises SelectorError, NoRoute."""
        return self.checked(self._meant(text, model), wire)

    def named(self, wire: str, model: str, host: str, at: str = "") -> Selector | None:
        """The same of what is no conversation: defaults of a wire do not count, and of the static route only its providers. `model`: "" for
        none, which is then that of the route."""
        if not self.static:
            if not model:
                return None
            found = self.selector(wire, model, host, at)
            return None if found is None or found == self._defaulted(wire, model) else found
        found = self.checked(self._meant(self.static, model), wire)
        if not model:
            return found
        asked = parse(model).branches[-1] if self.names_provider(model) else Branch("", model)
        named = found.branches[1:] if found.kind == "hybrid" else found.branches
        kept = [Branch(one.backend, asked.model, one.instance, at=one.at) for one in named]
        return Selector("failover" if len(kept) > 1 else "one", tuple(kept))

    def _defaulted(self, wire: str, model: str) -> Selector | None:
        default = self._defaults[wire]
        return self.checked(self._meant(default, model), wire) if default else None

    def routes(self, selector: Selector, question: Question) -> tuple[Route, ...]:
        """The ways, the first to be tried first; never none. Of hybrid:[ ], those of the executor. Raises NoRoute."""
        if selector.kind == "hybrid":
            selector = Selector("one", selector.branches[1:])
        branches = self._ordered(selector, self._fit(selector, question), question)
        return tuple([route for lane, branch in enumerate(branches) for route in self._instances(branch, lane)])

    def reasoners(self, selector: Selector, question: Question) -> tuple[Route, ...]:
        """Who is asked to think first; none where nobody is, or it does not take this request."""
        if selector.kind != "hybrid":
            return ()
        try:
            branches = self._fit(Selector("one", selector.branches[:1]), question)
        except (NoRoute, RequestError):
            return ()
        return tuple([route for branch in branches for route in self._instances(branch, 0)])

    def _found(self, wire: str, model: str, host: str, at: str) -> Selector | None:
        if self.static:
            return self.checked(self._meant(self.static, model), wire)
        found = self._spelled_out(wire, model, host, at)
        if found is not None:
            return found
        return self._defaulted(wire, model)

    def _spelled_out(self, wire: str, model: str, host: str | None, at: str = "") -> Selector | None:
        """By aliases, lists of models and the name itself."""
        for pattern, replacement in () if self.names_provider(model) else self._aliases:
            match = pattern.search(model)
            if match is not None:
                return self.checked(parse(match.expand(replacement)), wire, at)
        listed = next((one for one in self.backends.values() if model in one.models), None)
        if listed is not None:
            return Selector("one", (Branch(listed.name, model),))
        if not is_plain(model) and self._is_selector(model, host):
            return self.checked(parse(model), wire, at)
        return None

    def _enabled(self) -> str:
        return ", ".join(sorted(set(self.backends) - self._disabled))

    def _meant(self, text: str, model: str) -> Selector:
        """A selector of the settings; a provider alone means the model that is asked for."""
        return Selector("one", (Branch(text, model),)) if text in self.backends else parse(text)

    def names_provider(self, model: str) -> bool:
        """Whether a name says itself where it is to go, so that no alias stands for it: a provider may be called as models are."""
        before, colon, _ = model.partition(":")
        return bool(colon) and before.rpartition("]")[2].partition(".")[0].strip() in self.backends

    def _is_selector(self, model: str, host: str | None) -> bool:
        """Whether a name that is not plain is a selector. One that has nothing of it but a colon may be a model's own name. `host`: see
        `selector`; None where a person has written it."""
        before, colon, after = model.partition(":")
        if not colon or re.search(r"[|^!?\[\]]", model):
            return True
        named = before.partition(".")[0]
        if named in self.backends:
            return True
        if "/" in before or named in _WITH_COLON:
            return False
        if host in _STRICT or named in catalogue() or self.rooms.of(after).window:
            return True
        return not _TAG.match(after) and (host is None or bool(nearest(named, self.backends, _LIKE)))

    def checked(self, selector: Selector, wire: str, at: str = "") -> Selector:
        """The selector with a provider in every branch. `at`: where requests go by themselves. Raises NoRoute for what nobody has."""
        return Selector(selector.kind, tuple([self.complete(branch, wire, at) for branch in selector.branches]))

    def complete(self, branch: Branch, wire: str, at: str = "") -> Branch:
        """The branch with its provider. Raises NoRoute, RequestError for what that has not."""
        found = self._called.get(branch.backend)
        if branch.backend and found is None:
            self.unknown(branch)
        if found is None and self.names_provider(branch.model):
            named = branch.model.partition(":")[0]
            raise RequestError(f"{named!r}: the instance of a provider is a number, as in {named.partition('.')[0]}.1")
        found = found or next((one for one in self.backends.values() if branch.model in one.models), None)
        found = found or self._own(wire, at)
        if found.models and branch.model not in found.models:
            models = ", ".join(found.models)
            raise NoRoute(f"{found.name} has no model {branch.model!r}{suggest(branch.model, found.models)} (there are {models})")
        if branch.instance and branch.instance not in found.keys:
            numbers = ", ".join(f"{found.name}.{number}" for number in found.keys if number) or "none"
            raise NoRoute(f"{found.name} has no instance {branch.instance} (there are {numbers})")
        most, asked = self.rooms.of(branch.model).max_output, dict(branch.params).get("max_tokens", 0)
        if most and isinstance(asked, int) and asked > most:
            raise RequestError(f"max_tokens={asked}: {branch.model} gives {most} tokens at most")
        return Branch(
            found.name,
            branch.model,
            branch.instance,
            branch.params,
            branch.weight,
            branch.max_context,
            branch.first,
            branch.handicap,
            branch.ttft_timeout,
            branch.at,
        )

    def unknown(self, branch: Branch) -> NoReturn:
        """There is no such provider: raises NoRoute."""
        text = unknown_backend(branch, self.backends)
        if branch.backend in catalogue():
            text += f"; {branch.backend} is known, but not set up: list it under providers"
        raise NoRoute(text)

    def _own(self, wire: str, at: str) -> Backend:
        """The provider of a wire where none is named. `at`: where its requests go by themselves, "" where that is not known."""
        found, usual = self.backends.get(self._defaults[wire]), self.backends[_OWN[wire]]
        only = next(iter(self._upstreams.values())) if len(self._upstreams) == 1 else None
        if found is not None or (at and any(base.place == at for base in usual.urls.values())):
            return found or usual
        return (self._upstreams.get(at) if at else only) or usual

    def _fit(self, selector: Selector, question: Question) -> Sequence[Branch]:
        """The branches that take this request."""
        able = [branch for branch in selector.branches if branch.backend not in self._disabled]
        if not able:
            off = ", ".join(dict.fromkeys(branch.backend for branch in selector.branches))
            raise NoRoute(f"disabled in the settings: {off} (enabled are {self._enabled()})")
        if any(branch.first for branch in able) and not question.first():
            able = [branch for branch in able if not branch.first]
            if not able:
                raise NoRoute("[first] takes only the first request of a conversation, and no other way is named")
        if any(branch.max_context for branch in able):
            tokens = question.tokens()
            largest = max(branch.max_context for branch in able)
            able = [branch for branch in able if not branch.max_context or branch.max_context >= tokens]
            if not able:
                raise RequestError(f"the request has about {tokens} tokens, and the selector takes {largest} at most ([max_context=])")
        return self._roomy(able, question) if len(able) > 1 else able

    def _roomy(self, branches: Sequence[Branch], question: Question) -> Sequence[Branch]:
        """Those whose models surely have no room for it go, unless that is all of them."""
        rooms = [self.rooms.of(branch.model).window for branch in branches]
        if not any(rooms):
            return branches
        tokens = question.tokens()
        roomy = [branch for branch, window in zip(branches, rooms, strict=True) if not window or window >= tokens]
        return roomy or branches

    def _ordered(self, selector: Selector, branches: Sequence[Branch], question: Question) -> Sequence[Branch]:
        """A race goes by its handicaps."""
        if selector.kind == "race":
            return sorted(branches, key=lambda branch: branch.handicap)
        if selector.kind != "weighted" or len(branches) < 2:
            return branches
        left, whose, drawn = list(branches), question.whose(), []
        while left:
            drawn.append(left.pop(_draw(left, b"%d/%d/%b" % (self._seed, len(left), whose))))
        return [branch for branch in drawn if branch.weight] or drawn

    def _instances(self, branch: Branch, lane: int) -> list[Route]:
        """With an instance that one; without, all, one key after the other."""
        backend = self._called[branch.backend]
        numbers = [branch.instance] if branch.instance else list(backend.keys) or [0]
        more = (lane, branch.handicap, branch.ttft_timeout)
        return [Route(backend, branch.model, number, branch.params, *more) for number in numbers]


def _draw(branches: Sequence[Branch], whose: bytes) -> int:
    """The index of one of them, by weight; the same for the same bytes."""
    total = sum(branch.weight for branch in branches)
    at = int.from_bytes(hashlib.blake2b(whose, digest_size=8).digest(), "big") / _DRAWN * total
    for index, branch in enumerate(branches):
        at -= branch.weight
        if at < 0:
            return index
    return len(branches) - 1
