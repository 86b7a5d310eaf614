"""What a person has set for the requests of one conversation by commands: which provider, which model, with which parameters.

Rule: it is kept as one text under WISHES among the conversation's states, so it is stored, forked and forgotten as they are. Whoever reads
it decides nothing: what it comes to is decided where a request goes up.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Literal, TypeAlias, get_args

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from backstory.core.selectors import Branch, Value, parse
from backstory.errors import SelectorError

WISHES = "wishes"
"""The name under which they are kept."""
Policy: TypeAlias = Literal["k", "m", "km", "mk"]
POLICIES: tuple[Policy, ...] = get_args(Policy)
MOST_ROUTES = 20
MOST_ELEMENTS = 20


class Detour(Struct, frozen=True, omit_defaults=True):
    """A failover route. `elements`: selectors of one way each. `policy`: k = every key of the first element; m = each element with its
    first key; km = every key of each element in turn; mk = each element with its first key, then each with its second, and so on."""

    policy: Policy
    elements: tuple[str, ...] = ()


class Wishes(Struct, frozen=True, omit_defaults=True):
    """`backend`: a provider, maybe with the number of its key ("groq.2"). `model`: a model's name, a selector, or the name of a detour.
    `once`: the same for one request; `bound`: which one that has become. `detours`: by name. `at`: when anything was last set (Unix
    seconds). `of`: the conversation in which it was: another one than that which has it, where it was forked off."""

    backend: str = ""
    model: str = ""
    once: str = ""
    bound: str = ""
    params: dict[str, Value] = {}
    detours: dict[str, Detour] = {}
    at: float = 0.0
    of: str = ""

    @property
    def empty(self) -> bool:
        """Whether nothing is set."""
        return not (self.backend or self.model or self.once or self.params or self.detours)

    @property
    def asked(self) -> str:
        """What stands for the request's own model, "" for that itself."""
        return self.once or self.model

    def first_model(self, own: str) -> str:
        """The name of the model that a request which names `own` is for, as far as that can be told without knowing the providers: the one
        of the first way."""
        named = self.asked or own
        detour = self.detours.get(named)
        if detour is not None and detour.elements:
            named = detour.elements[0]
        elif not self.asked:
            return own
        first = _first(named)
        return first.model if first is not None else own


NOTHING = Wishes()
_decoder = msgspec.json.Decoder(Wishes)


def text_of(wishes: Wishes) -> str:
    """As they are kept."""
    return msgspec.json.encode(wishes).decode()


def wishes_of(states: Mapping[str, str], conversation: str, created: float) -> Wishes:
    """What holds for this conversation, which was begun at `created`, of what is kept with it. What was set elsewhere holds only where it
    was set before that. A damaged text is nothing."""
    text = states.get(WISHES)
    if text is None:
        return NOTHING
    found = _read(text)
    return found if found.of == conversation or found.at <= created else NOTHING


def spent(wishes: Wishes) -> Wishes:
    """Without what holds for one request."""
    return replace(wishes, once="", bound="")


@lru_cache(maxsize=256)
def _read(text: str) -> Wishes:
    try:
        return _decoder.decode(text)
    except msgspec.MsgspecError:
        return NOTHING


@lru_cache(maxsize=256)
def _first(text: str) -> Branch | None:
    try:
        return parse(text).branches[0]
    except SelectorError:
        return None
