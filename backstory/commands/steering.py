"""The commands that say where this conversation's requests go and how they are to be answered: provider, model, parameters, routes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from backstory.commands.command import Command
from backstory.core.selectors import PARAMETERS, Value, suggest, told_value, value
from backstory.core.wishes import POLICIES, Detour, Wishes
from backstory.errors import Declined, SelectorError

_LEVELS = "low|medium|high|max|none"
STEERING = (
    Command(
        "backend", "", "the provider that requests go to (none: as they would go by themselves), or show it", "maybe", "name", sets=True
    ),
    Command(
        "model",
        "",
        "the model that answers: its name, a selector, or a failover route (none: the client's own), or show it",
        "maybe",
        "name or backend:model",
        sets=True,
    ),
    Command("oneoff", "", "the same for the next request alone", "something", "backend:model", sets=True),
    Command("temperature", "", "how freely the model answers", "something", "0 to 2", sets=True),
    Command("reasoning", "", "how much the model thinks", "something", _LEVELS, sets=True),
    Command("max", "", "think as much as the model can", sets=True),
    Command("medium", "", "think moderately", sets=True),
    Command("low", "", "think a little", sets=True),
    Command("no-think", "", "do not think", sets=True),
    Command("set", "", "set a parameter of the requests, or backend, model, project", "something", "key=value", sets=True),
    Command("unset", "", "take back what was set (all: everything)", "something", "key", sets=True),
    Command(
        "create-failover-route",
        "",
        "a failover route: its name can be used as a model's",
        "something",
        "name=x,policy=k|m|km|mk",
        sets=True,
    ),
    Command("route-append", "", "put an element at its end", "something", "name=x,element=backend:model", sets=True),
    Command("route-prepend", "", "put an element at its beginning", "something", "name=x,element=backend:model", sets=True),
    Command("route-list", "", "show it, or all of them", "maybe", "name=x"),
    Command("route-clear", "", "take out its elements", "something", "name=x", sets=True),
    Command("delete-failover-route", "", "there is no such route any more", "something", "name=x", sets=True),
)

_ROUTE_NAME = re.compile(r"[A-Za-z][\w.-]{0,60}", re.ASCII)
NONE = "none"
EFFORTS = {"max": "xhigh", "maximum": "xhigh", "off": "none"}
"""What people call efforts, beside the words of the parameter."""
SHORT = {"max": "xhigh", "medium": "medium", "low": "low", "no-think": "none"}
"""Commands that are an effort."""
_ALIASES = {
    "max_output_tokens": "max_tokens",
    "max_completion_tokens": "max_tokens",
    "reasoning": "reasoning_effort",
    "effort": "reasoning_effort",
    "budget_tokens": "thinking_budget",
}
OWN = ("backend", "model", "project")
"""Keys of `set` that are no parameters."""
# Each of them says how much to think.
_INSTEAD = {"reasoning_effort": "thinking_budget", "thinking_budget": "reasoning_effort"}
_POLICIES = {
    "k": "every key of its first element",
    "m": "each element with its first key",
    "km": "every key of each element in turn",
    "mk": "each element with its first key, then each with its second",
}


def key_of(name: str, more: Iterable[str] = ()) -> str:
    """What `set` and `unset` know a name as. Raises Declined."""
    plain = name.lower().replace("-", "_")
    plain = _ALIASES.get(plain, plain)
    known = (*OWN, *more, *PARAMETERS)
    if plain not in known:
        hint = suggest(plain, known)
        raise Declined(f"There is no key {name!r}{hint or '.'} Known are {', '.join(known)}. Nothing was changed.")
    return plain


def param(name: str, given: str) -> Value:
    """A parameter's value. Raises Declined."""
    text = EFFORTS.get(given.strip().lower(), given.strip().lower()) if name == "reasoning_effort" else given
    try:
        return value(name, text)
    except SelectorError as error:
        told = str(error).replace("xhigh", "xhigh (or max)") if name == "reasoning_effort" else str(error)
        raise Declined(f"{told}. Nothing was changed.") from error


def with_params(params: Mapping[str, Value], more: Mapping[str, Value]) -> dict[str, Value]:
    """Both, `more` in place of what it contradicts."""
    gone = {_INSTEAD.get(name, "") for name in more}
    return {name: it for name, it in params.items() if name not in gone} | dict(more)


# --- answers


def went(where: str, doubt: str = "", lost: Iterable[str] = (), once: bool = False) -> str:
    """The answer to a command that says where requests go."""
    when = "The next request, and that one alone, goes" if once else "From the next request on this conversation goes"
    return _joined(f"{when} to {where}.", doubt, *lost)


def stays(where: str, known: Iterable[str]) -> str:
    """The answer to one that asks it."""
    return f"This conversation goes to {where}. Providers there are: {', '.join(known)}."


def put(params: Mapping[str, Value], lost: Iterable[str] = ()) -> str:
    """The answer to one that sets parameters."""
    return _joined(f"Set for this conversation, from the next request on: {_listed(params)}.", *lost)


def taken_back(keys: Iterable[str], missing: Iterable[str], now: Wishes) -> str:
    """The answer to `unset`. `now`: what is still set: provider and model may have been set together."""
    gone, not_there = list(keys), list(missing)
    told = f"Not set any more: {', '.join(gone)}." if gone else ""
    left = "backend" if now.backend and "model" in gone else "model" if now.model and "backend" in gone else ""
    still = f"Still set: {left}={now.backend if left == 'backend' else now.model}." if left else ""
    return _joined(told, f"Not set before: {', '.join(not_there)}." if not_there else "", still)


def nothing_set() -> str:
    return "Nothing was set for this conversation."


def no_route(name: str, known: Iterable[str]) -> str:
    """There is no failover route of this name."""
    there = list(known)
    listed = f"There are {', '.join(there)}." if there else "There is none yet: create-failover-route makes one."
    hint = suggest(name, there).removeprefix("; ").capitalize()
    return _joined(f"This conversation has no failover route {name!r}.", hint, listed)


def is_route_name(name: str) -> bool:
    """Whether a failover route can be called so."""
    return _ROUTE_NAME.fullmatch(name) is not None


def bad_route_name(name: str) -> str:
    told = f"No failover route can be called {name!r}." if name else "A failover route needs a name: name=x."
    return f"{told} A name is letters, digits, - . and _, and begins with a letter. Nothing was changed."


def route_made(name: str, policy: str, elements: Sequence[str] = ()) -> str:
    if elements:
        return f"Failover route {name!r} has the policy {policy} now ({_POLICIES[policy]}), and its elements still: {', '.join(elements)}."
    return (
        f"Failover route {name!r} is there, with the policy {policy} ({_POLICIES[policy]}). route-append gives it elements; model({name})"
        " uses it."
    )


def policy_wrong(given: str) -> str:
    told = f"There is no policy {given!r}." if given else "A failover route needs a policy."
    return f"{told} It is one of {', '.join(f'{one} ({_POLICIES[one]})' for one in POLICIES)}. Nothing was changed."


def route_told(name: str, detour: Detour) -> str:
    """A route as it is now."""
    listed = ", ".join(detour.elements) or "no elements yet"
    return f"{name} ({detour.policy}: {_POLICIES[detour.policy]}): {listed}"


def routes_told(detours: Mapping[str, Detour]) -> str:
    """The answer to `route-list` without a name."""
    if not detours:
        return "This conversation has no failover route."
    return "\n".join(f"- {route_told(name, detour)}" for name, detour in detours.items())


def unsent(told: str) -> str:
    """The answer where a command that failed ended a longer message."""
    return f"{told}\n\nYour message was not sent to the model: it ends with that command. Send it again without it, or with one that works."


def rows(wishes: Wishes) -> list[tuple[str, str]]:
    """What is set, for `status`; nothing where nothing is."""
    found = [("Backend", wishes.backend), ("Model", wishes.model), ("Parameters", _listed(wishes.params))]
    found.append(("Once", "" if wishes.bound else wishes.once))
    found.append(("Failover routes", "; ".join(route_told(name, detour) for name, detour in wishes.detours.items())))
    return [(name, told) for name, told in found if told]


def _listed(params: Mapping[str, Value]) -> str:
    return ", ".join(f"{name}={told_value(it)}" for name, it in params.items())


def _joined(*texts: str) -> str:
    return " ".join(text for text in texts if text)
