"""Which providers a request goes to where a person has set that for its conversation: what was set, and where the request would go by
itself, become a choice.

Rule: as in routing.py, nothing is guessed; what nobody has is an error that says what there is. What the settings force (`routing.static`)
no person changes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from backstory.core.selectors import Branch, Selector, Value, nearest, parse
from backstory.core.wishes import Detour, Wishes
from backstory.errors import NoRoute, RequestError
from backstory.providers.routing import Question, Route, Router

_INSTANCE = re.compile(r"(.+?)(?:\.(\d{1,3}))?")
_OPERATORS = re.compile(r"[|^!?\[\]]")
_NAMES = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
# Whose models are called how, where each serves its own alone.
_FAMILIES = {"api.anthropic.com": "anthropic", "api.openai.com": "openai", "generativelanguage.googleapis.com": "gemini"}
_CALLED = {"anthropic": ("claude-",), "openai": ("gpt-", "chatgpt-", "o1", "o3", "o4", "codex-"), "gemini": ("gemini-", "gemma-")}


class Way(Struct, frozen=True):
    """Where a request goes by itself. `model`: as its client calls it. `host`: of its wire's upstream, `at`: its place (upstreams.Base).
    `own`: the routes that the settings or its model give it, the first to be tried first; empty where it goes to that upstream. `races`,
    `reasoners`: as of Choice. `fixed`: the settings take it there in place of its model's way, and no model's name alone changes that."""

    wire: str
    model: str
    host: str
    own: tuple[Route, ...] = ()
    races: bool = False
    reasoners: tuple[Route, ...] = ()
    fixed: bool = False
    at: str = ""


class Choice(Struct, frozen=True):
    """`routes`: in this order; empty where the request goes where it would by itself, then with this `model`. `params`: what was set beside
    them. `races`: routes of different lanes are asked side by side; `reasoners`: who is asked to think first."""

    routes: tuple[Route, ...]
    model: str
    params: dict[str, Value]
    races: bool = False
    reasoners: tuple[Route, ...] = ()


class Chooser:
    """Over the router of the same settings."""

    def __init__(self, router: Router) -> None:
        self._router = router

    @property
    def known(self) -> list[str]:
        """Names of the providers that can be chosen."""
        return sorted(name for name in self._router.backends if not self._router.is_disabled(name))

    def check_place(self) -> None:
        """Raises RequestError where nobody may choose."""
        if self._router.static:
            raise RequestError(f"routing.static is set, so every request goes to {self._router.static}, whatever is asked for here")

    def provider(self, text: str) -> str:
        """The provider that this names, with the number of its key where one stands there, as it is called. Raises RequestError."""
        match = _INSTANCE.fullmatch(text.strip())
        name, number = (match.group(1), match.group(2) or "") if match is not None else (text, "")
        there = self._router.backends
        found = name if name in there else next((one for one in there if one.lower() == name.lower()), "")
        if not found:
            self._router.unknown(Branch(name, ""))
        if self._router.is_disabled(found):
            raise NoRoute(f"{found} is disabled in the settings (enabled are {', '.join(self.known)})")
        if number:
            self._router.complete(Branch(found, next(iter(there[found].models), "m"), int(number)), "")
        return f"{found}.{number}" if number else found

    def split(self, text: str, way: Way) -> tuple[str, str]:
        """Provider and model where the text is no more than both; "" and the text otherwise. Raises RequestError for what there is not."""
        selector = self._router.written(text, way.wire, way.at)
        if selector is None or selector.kind != "one" or _OPERATORS.search(text) or not self._router.names_provider(text):
            return "", text
        branch = selector.branches[0]
        return (f"{branch.backend}.{branch.instance}" if branch.instance else branch.backend), branch.model

    def element(self, text: str, wire: str) -> str:
        """An element of a failover route, as it is kept. Raises RequestError."""
        selector = parse(text)
        if selector.kind != "one" or not selector.branches[0].backend:
            raise RequestError(f"an element is one provider and model: backend:model, not {text!r}")
        branch = self._router.complete(selector.branches[0], wire)
        if self._router.is_disabled(branch.backend):
            raise NoRoute(f"{branch.backend} is disabled in the settings (enabled are {', '.join(self.known)})")
        return text.strip()

    def choose(self, wishes: Wishes, way: Way, question: Question) -> Choice:
        """Where the request goes. Raises RequestError."""
        if self._router.static:
            return Choice(way.own, "", wishes.params, way.races, way.reasoners)
        named = wishes.asked
        detour = wishes.detours.get(named or way.model)
        if detour is not None:
            return Choice(self._by_policy(named or way.model, detour, way.wire, question), "", wishes.params)
        if not named and not wishes.backend:
            return Choice(way.own, "", wishes.params, way.races, way.reasoners)
        selector = self._selector(named, wishes.backend, way)
        if selector is not None:
            races, reasoners = selector.kind == "race", self._router.reasoners(selector, question)
            return Choice(self._router.routes(selector, question), "", wishes.params, races, reasoners)
        if not way.own:
            self._check_family(named, way.host)
            return Choice((), named, wishes.params)
        if way.fixed:
            return Choice(way.own, "", wishes.params, way.races, way.reasoners)
        others = {(route.backend.name, route.instance): replace(route, model=named) for route in way.own}
        for route in others.values():
            self._router.complete(Branch(route.backend.name, named, route.instance), way.wire)
        return Choice(tuple(others.values()), "", wishes.params)

    def doubt(self, model: str) -> str:
        """What to say of a model's name that nobody here knows, but that resembles one; "" for any other."""
        listed = [one for backend in self._router.backends.values() for one in backend.models]
        if model in listed or self._router.rooms.of(model).window:
            return ""
        near = nearest(model, listed, 0.8)
        return (
            f"{model!r} is in no list here, so its provider decides whether there is such a model; the nearest that is listed is {near}."
            if near
            else ""
        )

    def _selector(self, named: str, backend: str, way: Way) -> Selector | None:
        """None where the request goes where it would by itself."""
        if not backend or _OPERATORS.search(named) or (named and self._router.names_provider(named)):
            return self._router.written(named, way.wire, way.at)
        name, _, number = backend.partition(".")
        model = named or (way.own[0].model if way.own and not way.fixed else way.model)
        return self._router.checked(Selector("one", (Branch(name, model, int(number or 0)),)), way.wire)

    def _by_policy(self, name: str, detour: Detour, wire: str, question: Question) -> tuple[Route, ...]:
        if not detour.elements:
            raise RequestError(
                f"the failover route {name!r} has no elements: !/route-append(name={name},element=backend:model) gives it one"
            )
        elements = detour.elements[:1] if detour.policy == "k" else detour.elements
        branches = tuple([parse(element).branches[0] for element in elements])
        selector = self._router.checked(Selector("failover", branches), wire)
        routes = self._router.routes(selector, question)
        if detour.policy in {"k", "km"}:
            return routes
        turns = _turns(routes)
        return turns[0] if detour.policy == "m" else tuple([route for turn in turns for route in turn])

    def _check_family(self, model: str, host: str) -> None:
        """A model that is surely another provider's."""
        here = _FAMILIES.get(host, "")
        family = next((name for name, starts in _CALLED.items() if model.lower().startswith(starts)), "")
        if here and family and family != here and family in self._router.backends:
            raise NoRoute(f"{here} has no model {model!r}; did you mean {family}:{model}?")


def _turns(routes: Sequence[Route]) -> list[tuple[Route, ...]]:
    """The first key of each element, then the second of each, and so on."""
    by_element: dict[tuple[str, str, tuple[tuple[str, Value], ...]], list[Route]] = {}
    for route in routes:
        by_element.setdefault((route.backend.name, route.model, route.params), []).append(route)
    longest = max(len(keys) for keys in by_element.values())
    return [tuple([keys[turn] for keys in by_element.values() if turn < len(keys)]) for turn in range(longest)]
