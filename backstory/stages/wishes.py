"""What a person sets for the requests of a conversation: the commands that set it, and the requests that it holds for.

Rule: what nobody has is told at once and not kept; what is kept holds from the next request on, in this process or another, and in what is
forked off from here on. What holds for one request is bound to the first that comes: made again because it failed, it is that one still.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from backstory.commands import steering as told
from backstory.commands.arguments import pairs
from backstory.core.exchange import Exchange, Outcome
from backstory.core.selectors import Value
from backstory.core.wishes import MOST_ELEMENTS, MOST_ROUTES, NOTHING, POLICIES, WISHES, Detour, Wishes, spent, text_of, wishes_of
from backstory.errors import Declined, NoRoute, StoreError
from backstory.memory.identity.thread import Thread
from backstory.stages.desk import Desk
from backstory.stages.visit import Visit

Setter: TypeAlias = Callable[[Exchange, Visit, str], Awaitable[str]]
"""Carries a command of this family out; its answer. Raises Declined, RequestError, StoreError."""

_ALL = "all"
_ONCE = "oneoff"
_PROJECT = "project"
# What only a selector has.
_SIGNS = frozenset("|^!?[]")


class Verdict(Struct, frozen=True):
    """What it comes to. `where` requests go, in words. `doubt`: what is to be said of the model. `lost`: a sentence for each parameter that
    there is no place for."""

    where: str
    doubt: str = ""
    lost: tuple[str, ...] = ()


class Judge(Struct, frozen=True):
    """What is known of providers and wires. `known`: the providers that can be chosen. `provider`: the name of one, as it is called.
    `split`: provider and model of a text; "" and the text where it is a selector of more. `element`: of a failover route. `verdict`: what
    all of it comes to. All but `known` raise RequestError for what there is not."""

    known: Callable[[], Sequence[str]]
    provider: Callable[[str], str]
    split: Callable[[Exchange, str], tuple[str, str]]
    element: Callable[[Exchange, str], str]
    verdict: Callable[[Exchange, Wishes], Verdict]


class Wishing:
    """`project`: carries that command out. `anywhere`: whether anything is set in any conversation."""

    def __init__(self, desk: Desk, judge: Judge, project: Callable[[Visit, str], Awaitable[str]]) -> None:
        self._desk = desk
        self._judge = judge
        self._project = project
        self.anywhere = False
        self._once: dict[int, tuple[Thread | None, str]] = {}
        self.setters: dict[str, Setter] = {
            "backend": self._backend,
            "model": self._model,
            _ONCE: self._oneoff,
            "temperature": lambda exchange, visit, given: self._params(exchange, visit, {"temperature": given}),
            "reasoning": lambda exchange, visit, given: self._params(exchange, visit, {"reasoning_effort": given}),
            **{name: self._effort(effort) for name, effort in told.SHORT.items()},
            "set": self._set,
            "unset": self._unset,
            "create-failover-route": self._create,
            "route-append": lambda exchange, visit, given: self._element(exchange, visit, given, False),
            "route-prepend": lambda exchange, visit, given: self._element(exchange, visit, given, True),
            "route-list": self._list,
            "route-clear": self._clear,
            "delete-failover-route": self._delete,
        }

    # --- requests

    async def on(self, exchange: Exchange, visit: Visit) -> Exchange:
        """The exchange with what holds for it."""
        before, wishes = held(visit.thread), holding(visit)
        if wishes != before or (wishes.of != visit.thread.conversation.id and not wishes.empty):
            # What was set before a fork is the fork's own from its first request on.
            try:
                await self._keep(visit, wishes, wishes.at)
            except StoreError:
                visit.thread.states = {**visit.thread.states, WISHES: text_of(wishes)}
        if wishes.once:
            self._once[exchange.id] = visit.thread, wishes.bound
        return with_wishes(exchange, wishes)

    def answered(self, exchange: Exchange, outcome: Outcome) -> None:
        """The exchange is over: where it has brought an answer, what held for it alone does so no longer."""
        thread, bound = self._once.pop(exchange.id, (None, ""))
        if thread is None or outcome.ended != "complete":
            return
        wishes = held(thread)
        if wishes.once and wishes.bound == bound:
            thread.states = {**thread.states, WISHES: text_of(spent(wishes))}

    # --- where to

    async def _backend(self, exchange: Exchange, visit: Visit, given: str) -> str:
        now = held(visit.thread)
        if not given:
            return told.stays(self._judge.verdict(exchange, spent(now)).where, self._judge.known())
        if given.lower() == told.NONE:
            return await self._unset(exchange, visit, "backend")
        name = self._judge.provider(given)
        # A selector and a failover route name providers of their own.
        model = now.model if _plain(now.model) and now.model not in now.detours else ""
        wishes = replace(now, backend=name, model=model)
        try:
            return await self._changed(exchange, visit, wishes)
        except NoRoute as error:
            await self._keep(visit, wishes)
            return f"From the next request on this conversation goes to {name}. Set a model, too: {error}."

    async def _model(self, exchange: Exchange, visit: Visit, given: str) -> str:
        given = _named(given, "name", "model")
        if not given:
            return told.stays(self._judge.verdict(exchange, spent(held(visit.thread))).where, self._judge.known())
        if given.lower() == told.NONE:
            return await self._unset(exchange, visit, "model")
        return await self._changed(exchange, visit, self._with_model(exchange, held(visit.thread), given))

    async def _oneoff(self, exchange: Exchange, visit: Visit, given: str) -> str:
        given = _named(given, "name", "model")
        return await self._changed(exchange, visit, replace(held(visit.thread), once=given, bound=""), once=True)

    def _with_model(self, exchange: Exchange, now: Wishes, given: str) -> Wishes:
        if given in now.detours:
            return replace(now, model=given, backend="")
        backend, model = self._judge.split(exchange, given)
        if backend:
            return replace(now, backend=backend, model=model)
        return replace(now, model=model, backend=now.backend if _plain(model) else "")

    # --- parameters

    def _effort(self, effort: str) -> Setter:
        async def setter(exchange: Exchange, visit: Visit, _: str) -> str:
            return await self._params(exchange, visit, {"reasoning_effort": effort})

        return setter

    async def _params(self, exchange: Exchange, visit: Visit, given: Mapping[str, str]) -> str:
        params = {name: told.param(name, text) for name, text in given.items()}
        now = held(visit.thread)
        wishes = replace(now, params=told.with_params(now.params, params))
        verdict = self._judge.verdict(exchange, wishes)
        await self._keep(visit, wishes)
        return told.put(params, verdict.lost)

    async def _set(self, exchange: Exchange, visit: Visit, argument: str) -> str:
        given = pairs(argument)
        if not given or any(not name or not text for name, text in given):
            raise Declined("set takes key=value, or several with a comma between. Nothing was changed.")
        keys = {told.key_of(name): text for name, text in given}
        params: dict[str, Value] = {name: told.param(name, text) for name, text in keys.items() if name not in told.OWN}
        wishes = now = held(visit.thread)
        if "backend" in keys:
            wishes = replace(wishes, backend=self._judge.provider(keys["backend"]))
        if "model" in keys:
            wishes = self._with_model(exchange, wishes, keys["model"])
        wishes = replace(wishes, params=told.with_params(wishes.params, params))
        answers: list[str] = []
        if wishes != now:
            verdict = self._judge.verdict(exchange, wishes)
            await self._keep(visit, wishes)
            moved = (wishes.backend, wishes.model) != (now.backend, now.model)
            answers += [told.went(verdict.where, verdict.doubt)] if moved else []
            answers += [told.put(params, verdict.lost)] if params else list(verdict.lost)
        if _PROJECT in keys:
            answers.append(await self._project(visit, keys[_PROJECT]))
        return " ".join(answers) or "That is set already."

    async def _unset(self, exchange: Exchange, visit: Visit, argument: str) -> str:
        now = held(visit.thread)
        names = [text for _, text in pairs(argument)]
        if [name.lower() for name in names] == [_ALL]:
            await self._keep(visit, NOTHING)
            return told.taken_back(["everything"], (), NOTHING) if not now.empty else told.nothing_set()
        gone: list[str] = []
        missing: list[str] = []
        for key in [told.key_of(name, (_ONCE, _ALL)) for name in names]:
            before = now
            match key:
                case "backend" | "model":
                    now = replace(now, **{key: ""})
                case "oneoff":
                    now = spent(now)
                case "project":
                    there = visit.thread.states.get(_PROJECT, "")
                    await self._project(visit, told.NONE)
                    (gone if there else missing).append(key)
                    continue
                case "all":
                    now = NOTHING
                case _:
                    now = replace(now, params={name: it for name, it in now.params.items() if name != key})
            (gone if now != before else missing).append(key)
        if now != held(visit.thread):
            await self._keep(visit, now)
        return told.taken_back(gone, missing, now)

    # --- failover routes

    async def _create(self, exchange: Exchange, visit: Visit, argument: str) -> str:
        given, now = dict(pairs(argument)), held(visit.thread)
        name, policy = given.get("name", given.get("", "")), given.get("policy", "").lower()
        if not told.is_route_name(name):
            raise Declined(told.bad_route_name(name))
        found = next((one for one in POLICIES if one == policy), None)
        if found is None:
            raise Declined(told.policy_wrong(policy))
        if name not in now.detours and len(now.detours) >= MOST_ROUTES:
            raise Declined(f"This conversation has {MOST_ROUTES} failover routes already, and no more than that. Nothing was changed.")
        elements = now.detours[name].elements if name in now.detours else ()
        await self._keep(visit, replace(now, detours={**now.detours, name: Detour(found, elements)}))
        return told.route_made(name, found, elements)

    async def _element(self, exchange: Exchange, visit: Visit, argument: str, first: bool) -> str:
        given, now = pairs(argument), held(visit.thread)
        name, detour = self._detour(now, given)
        texts = [text for key, text in given if key in ("", "element") and text]
        if not texts:
            raise Declined("An element is missing: element=backend:model. Nothing was changed.")
        elements = tuple([self._judge.element(exchange, text) for text in texts])
        made = (*elements, *detour.elements) if first else (*detour.elements, *elements)
        if len(made) > MOST_ELEMENTS:
            raise Declined(f"A failover route has {MOST_ELEMENTS} elements at most. Nothing was changed.")
        return await self._route(visit, now, name, replace(detour, elements=made))

    async def _list(self, exchange: Exchange, visit: Visit, argument: str) -> str:
        now = held(visit.thread)
        if not argument:
            return told.routes_told(now.detours)
        return told.route_told(*self._detour(now, pairs(argument)))

    async def _clear(self, exchange: Exchange, visit: Visit, argument: str) -> str:
        now = held(visit.thread)
        name, detour = self._detour(now, pairs(argument))
        return await self._route(visit, now, name, replace(detour, elements=()))

    async def _delete(self, exchange: Exchange, visit: Visit, argument: str) -> str:
        now = held(visit.thread)
        name, _ = self._detour(now, pairs(argument))
        others = {other: detour for other, detour in now.detours.items() if other != name}
        model, once = (now.model if now.model != name else ""), (now.once if now.once != name else "")
        await self._keep(visit, replace(now, detours=others, model=model, once=once))
        return f"There is no failover route {name!r} any more." + ("" if model == now.model else " The model is the client's own again.")

    async def _route(self, visit: Visit, now: Wishes, name: str, detour: Detour) -> str:
        await self._keep(visit, replace(now, detours={**now.detours, name: detour}))
        return told.route_told(name, detour)

    @staticmethod
    def _detour(now: Wishes, given: Sequence[tuple[str, str]]) -> tuple[str, Detour]:
        named = dict(reversed(given))
        name = named.get("name", named.get("", ""))
        if name not in now.detours:
            raise Declined(told.no_route(name, now.detours))
        return name, now.detours[name]

    # --- keeping

    async def _changed(self, exchange: Exchange, visit: Visit, wishes: Wishes, once: bool = False) -> str:
        """Keep them, and say where requests go now."""
        verdict = self._judge.verdict(exchange, wishes)
        await self._keep(visit, wishes)
        return told.went(verdict.where, verdict.doubt, verdict.lost, once)

    async def _keep(self, visit: Visit, wishes: Wishes, at: float = 0.0) -> None:
        record = visit.thread.conversation
        made = replace(wishes, at=at or self._desk.clock(), of=record.id)
        # Where nothing is set in a fork, that stands against what was set before it was forked off.
        await self._desk.keep(visit, {WISHES: "" if made.empty and not record.forked_from else text_of(made)})
        self.anywhere = True


def with_wishes(exchange: Exchange, wishes: Wishes) -> Exchange:
    """The exchange, for which these hold. Its prompt names the model that it is for."""
    prompt = exchange.prompt
    if wishes.empty or prompt is None:
        return exchange
    model = wishes.first_model(prompt.model)
    return replace(exchange, wishes=wishes, model=prompt.model, prompt=replace(prompt, model=model))


def holding(visit: Visit) -> Wishes:
    """What holds for this visit's request. What holds for one request alone is bound to it, or gone."""
    wishes = held(visit.thread)
    if not wishes.once:
        return wishes
    request = visit.reading.digest.hex()
    return spent(wishes) if wishes.bound not in ("", request) else replace(wishes, bound=request)


def held(thread: Thread) -> Wishes:
    """What is set for this thread's conversation."""
    record = thread.conversation
    return wishes_of(thread.states, record.id, record.created)


def _plain(text: str) -> bool:
    """Whether it is a model's name and no selector."""
    return _SIGNS.isdisjoint(text)


def _named(argument: str, *names: str) -> str:
    """The argument, which may stand behind one of these names."""
    name, equals, value = argument.partition("=")
    return value.strip() if equals and name.strip().lower() in names else argument
